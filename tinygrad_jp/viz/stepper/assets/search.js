// Search by name, op, module or line of code; also the way to every node by keyboard.

const MOST_FOUND = 60;

class Search {
  /** choose(id): called with the item; toggle(frame): with a module. */
  constructor(data, choose, reveal) {
    Object.assign(this, { data, choose, reveal, active: -1, found: [] });
    this.input = byId("query");
    this.list = byId("found");
    this.input.addEventListener("input", () => this.update());
    this.input.addEventListener("focus", () => this.update());
    this.input.addEventListener("blur", () => this.hide());
    this.input.addEventListener("keydown", (event) => this.key(event));
    this.list.addEventListener("pointerdown", (event) => event.preventDefault()); // keep the focus
    this.list.addEventListener("click", (event) => {
      const row = event.target.closest("[role=option]");
      if (row?.dataset.index) this.take(Number(row.dataset.index));
    });
  }

  /** What can be found: {text, kind, item or frame}. */
  get entries() {
    const { items, frames } = this.data;
    const ofItems = items.filter((item) => item.kind !== "end" && item.same === item.id).map((item) => ({
      item: item.id,
      text: item.told.name || item.text,
      kind: item.kind === "op" ? item.told.op : say("input"),
      also: [item.text, item.told.source?.text, ...framesAround(frames, item.frame).map((k) => `${frames[k].name} ${frames[k].layer}`)].join(" "),
    }));
    const ofFrames = frames.map((_, k) => ({ frame: k, text: frameTitle(frames, k), kind: say("module"), also: frames[k].name }));
    return [...ofItems, ...ofFrames];
  }

  update() {
    const words = this.input.value.toLowerCase().split(/\s+/).filter(Boolean);
    const rank = ({ text, kind, also }) => {
      if (words.every((word) => text.toLowerCase().includes(word))) return 0;
      if (words.every((word) => kind.toLowerCase().includes(word))) return 1;
      return words.every((word) => `${text} ${kind} ${also}`.toLowerCase().includes(word)) ? 2 : 3;
    };
    const ranked = this.entries.map((entry) => [rank(entry), entry]).filter(([r]) => r < 3);
    this.found = ranked.sort(([a], [b]) => a - b).slice(0, MOST_FOUND).map(([, entry]) => entry);
    this.active = words.length && this.found.length ? 0 : -1;
    this.show();
  }

  show() {
    const rows = this.found.map(({ text, kind }, k) => {
      const parts = [make("span", { class: "found-name", text }), make("span", { class: "found-kind", text: kind })];
      return make("li", { role: "option", id: `found-${k}`, "data-index": k, "aria-selected": String(k === this.active) }, ...parts);
    });
    this.list.replaceChildren(...(rows.length ? rows : [make("li", { class: "quiet", role: "option", "aria-selected": "false", text: say("nothing found") })]));
    this.list.hidden = false;
    this.input.setAttribute("aria-expanded", "true");
    this.input.setAttribute("aria-activedescendant", this.active < 0 ? "" : `found-${this.active}`);
    this.list.children[this.active]?.scrollIntoView({ block: "nearest" });
  }

  hide() {
    this.list.hidden = true;
    this.input.setAttribute("aria-expanded", "false");
    this.input.setAttribute("aria-activedescendant", "");
  }

  key(event) {
    const move = { ArrowDown: 1, ArrowUp: -1 }[event.key];
    if (move && this.found.length) {
      this.active = (this.active + move + this.found.length) % this.found.length;
      this.show();
    } else if (event.key === "Enter" && this.active >= 0) this.take(this.active);
    else if (event.key === "Escape") {
      this.input.value = "";
      this.input.blur();
    } else return;
    event.preventDefault();
    event.stopPropagation();
  }

  take(k) {
    const { item, frame } = this.found[k];
    this.input.blur();
    if (item) this.choose(item);
    else this.reveal(frame);
  }
}
