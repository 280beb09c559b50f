// The steps: which one is shown, and going on by itself.

class Player {
  /** steps: all; changed(k): called with the step to show. */
  constructor(steps, changed) {
    Object.assign(this, { steps, changed, at: 0, timer: null, order: steps.map((_, k) => k) });
    this.slider = byId("slider");
    this.slider.addEventListener("input", () => this.go(this.order[Number(this.slider.value)]));
    for (const [id, act] of Object.entries({
      first: () => this.end(-1), previous: () => this.move(-1), next: () => this.move(1), last: () => this.end(1), play: () => this.toggle(),
    })) byId(id).addEventListener("click", act);
    byId("speed").addEventListener("change", () => this.playing && this.wait());
  }

  get playing() { return this.timer !== null; }

  /** The place among the steps that are seen: of this one, or of the last before it. */
  get place() { return Math.max(0, this.order.findLastIndex((k) => k <= this.at)); }

  /** Leave out the steps that happen inside closed modules. */
  restrict(seen) {
    this.order = this.steps.map((_, k) => k).filter((k) => seen(this.steps[k]));
    this.go(this.order[this.place]);
  }

  go(k) {
    this.at = k;
    this.update();
    this.changed(k);
  }

  move(direction) {
    this.stop();
    this.advance(direction);
  }

  advance(direction) {
    const place = this.place + direction;
    if (place >= 0 && place < this.order.length) this.go(this.order[place]);
    return place < this.order.length - 1;
  }

  end(direction) {
    this.stop();
    this.go(this.order.at(direction < 0 ? 0 : -1));
  }

  /** Show the first step of a kind. */
  to(kind) {
    const k = this.order.find((step) => this.steps[step].kind === kind);
    if (k !== undefined) this.go(k);
  }

  toggle() {
    if (this.playing) return this.stop();
    if (this.place === this.order.length - 1) this.go(0);
    else this.advance(1);
    this.wait();
  }

  wait() {
    clearTimeout(this.timer);
    this.timer = setTimeout(() => (this.advance(1) ? this.wait() : this.stop()), Number(byId("speed").value));
    this.update();
  }

  stop() {
    clearTimeout(this.timer);
    this.timer = null;
    this.update();
  }

  update() {
    const [k, n] = [this.place, this.order.length - 1];
    Object.assign(this.slider, { max: n, value: k });
    this.slider.setAttribute("aria-valuetext", `${say("step words", { k, n })}, ${say(this.steps[this.order[k]].kind)}`);
    const turn = this.order.findIndex((step) => this.steps[step].kind === "turn");
    this.slider.style.setProperty("--turn", `${((turn < 0 ? n : turn) / Math.max(n, 1)) * 100}%`);
    this.slider.style.setProperty("--done", `${(k / Math.max(n, 1)) * 100}%`);
    byId("position").textContent = say("step of", { k, n });
    byId("first").disabled = byId("previous").disabled = k === 0;
    byId("last").disabled = byId("next").disabled = k === n;
    const play = byId("play");
    const label = say(this.playing ? "pause" : "play");
    play.classList.toggle("playing", this.playing);
    play.setAttribute("aria-label", label);
    play.title = `${label} (Space)`;
  }
}
