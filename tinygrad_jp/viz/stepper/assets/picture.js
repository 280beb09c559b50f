// The drawing: made once, then moved when modules open or close, and coloured at each step.

const LINE_HEIGHT = 16;

class Picture {
  /** data: of the page; choose(id), toggle(frame): called on clicks. */
  constructor(data, choose, toggle) {
    this.data = data;
    this.svg = byId("graph");
    this.title = draw("title", { id: "graph-title" });
    this.description = draw("desc", { id: "graph-description" });
    this.layers = Object.fromEntries(["frames", "wires", "items"].map((name) => [name, draw("g", { class: name })]));
    this.camera = draw("g", { id: "camera" }, ...Object.values(this.layers));
    this.leader = draw("line", { id: "leader" });
    this.svg.append(this.title, this.description, arrows(), this.leader, this.camera);
    this.elements = new Map();
    for (const wire of data.wires) this.add("wires", wire.id, this.wire(wire));
    for (const item of data.items) this.add("items", item.id, this.item(item));
    data.frames.forEach((_, k) => {
      this.add("frames", `open${k}`, this.frame(k));
      this.add("items", `f${k}`, this.box(k));
    });
    this.svg.addEventListener("click", (event) => {
      const target = event.target.closest("[data-item], [data-frame]");
      if (!target) return;
      if (target.dataset.frame) toggle(Number(target.dataset.frame));
      else choose(target.dataset.item);
    });
    this.when = revealTimes(data);
  }

  add(layer, id, element) {
    element.id = id;
    this.elements.set(id, element);
    this.layers[layer].append(element);
  }

  item(item) {
    const [, , w, h] = item.place;
    if (item.kind !== "op") return this.leaf(item, w, h);
    const shape = item.circle
      ? draw("circle", { class: "shape", r: w / 2 })
      : draw("rect", { class: "shape", x: -w / 2, y: -h / 2, width: w, height: h, rx: 9 });
    const symbol = draw("text", { class: item.circle && item.text.length === 1 ? "symbol large" : "symbol", dy: "0.35em", text: item.text });
    const name = draw("text", { class: "name", x: w * 0.36, y: h / 2 + 9, text: item.told.named ? "" : item.told.name });
    const group = draw("g", { class: "item op", "data-item": item.id }, shape, symbol, name, tooltip(`${item.told.name} = ${item.told.op}`));
    if (item.total) group.append(total(item, h / 2 + 24));
    return group;
  }

  leaf(item, w, h) {
    const group = draw("g", { class: `item ${item.kind}` });
    if (item.kind === "leaf") fill(group, { "data-item": item.id }, [tooltip(item.told.name)]);
    group.append(draw("rect", { class: "target", x: -w / 2, y: -h / 2, width: w, height: h, rx: 5 }));
    group.append(draw("text", { class: "label", dy: "0.35em", text: item.text }));
    if (item.total) group.append(total(item, h / 2 + 10));
    return group;
  }

  wire(wire) {
    const line = draw("path", { class: "line", "marker-end": "url(#arrow)" });
    const back = draw("path", { class: "back", "marker-end": "url(#arrow-back)" });
    const value = stack("value", wire.value, -5, -1);
    const gradient = stack("gradient", wire.gradient ?? [], 18, 1);
    const texts = [value, gradient].map((text) => draw("g", {}, text));
    if (wire.picture) texts[0].append(this.thumbnail("value", wire.picture, (h) => -wire.value.length * LINE_HEIGHT - 5 - h));
    if (wire.gradient_picture) texts[1].append(this.thumbnail("gradient", wire.gradient_picture, () => wire.gradient.length * LINE_HEIGHT + 8));
    return draw("g", { class: "wire", "data-item": wire.tail }, line, ...texts, back);
  }

  thumbnail(kind, [name, width, height], top) {
    return draw("image", { class: kind, href: `data:image/png;base64,${this.data.pictures[name]}`, x: -width / 2, y: top(height), width, height, preserveAspectRatio: "none" });
  }

  frame(k) {
    const title = draw("text", { class: "frame-title", text: `▾ ${frameTitle(this.data.frames, k)}` });
    return draw("g", { class: "frame" }, draw("rect", { rx: 10 }), draw("g", { class: "tab", "data-frame": k }, draw("rect", { class: "target" }), title));
  }

  box(k) {
    const name = frameName(this.data.frames, k);
    const layer = this.data.frames[k].layer;
    const texts = name ? [["box-name", -4, name], ["box-layer", 13, layer]] : [["box-name", 5, layer]];
    const shape = draw("rect", { class: "shape", rx: 9 });
    return draw("g", { class: "item box", "data-frame": k }, shape, ...texts.map(([c, y, text]) => draw("text", { class: c, y, text })), tooltip(`▸ ${frameTitle(this.data.frames, k)}`));
  }

  /** Put everything where a layout says. */
  place(layout) {
    this.layout = layout;
    for (const [id, element] of this.elements) {
      const place = layout.places.get(id);
      element.classList.toggle("gone", !place);
      if (!place) continue;
      if (layout.paths.has(id)) this.placeWire(element, place, layout.paths.get(id));
      else element.setAttribute("transform", `translate(${place.x} ${place.y})`);
      if (element.classList.contains("box")) resize(element.querySelector(".shape"), -place.w / 2, -place.h / 2, place.w, place.h);
    }
    for (const { k, x, y, w, h } of layout.open) this.placeFrame(k, x, y, w, h);
  }

  placeWire(element, { x, y, w }, { d }) {
    const [line, value, gradient, back] = element.children;
    line.setAttribute("d", d);
    back.setAttribute("d", `M${x + w / 2 - 2},${y + 3.5}H${x - w / 2 + 5}`);
    for (const text of [value, gradient]) text.setAttribute("transform", `translate(${x} ${y})`);
  }

  placeFrame(k, x, y, w, h) {
    const frame = this.elements.get(`open${k}`);
    frame.classList.remove("gone");
    resize(frame.firstChild, x, y, w, h);
    const [target, title] = frame.lastChild.children;
    resize(target, x + 2, y, textWidth(title.textContent, 11) + 12, 20);
    title.setAttribute("transform", `translate(${x + 8} ${y + 14})`);
  }

  /** Show what is known at a step, and mark what it is about. */
  show(k) {
    const { wires, items, steps } = this.data;
    const step = steps[k];
    for (const wire of wires) {
      const { value, gradient } = this.when.get(wire.id);
      const classes = this.elements.get(wire.id).classList;
      classes.toggle("has-value", value <= k);
      classes.toggle("has-gradient", gradient <= k);
      classes.toggle("reads", step.kind === "forward" && wire.head === step.op);
      classes.toggle("fresh", step.kind === "forward" && wire.tail === step.op);
      classes.toggle("sends", step.kind === "backward" ? wire.id === step.wire : step.kind === "turn" && wire.input === null);
      classes.toggle("above", step.kind === "backward" && wire.tail === step.op && wire.gradient !== null);
    }
    const active = step.op && this.layout.holder(step.op);
    for (const item of items) {
      const classes = this.elements.get(item.id).classList;
      const { done, total } = this.when.get(item.id);
      classes.toggle("done", done <= k);
      classes.toggle("has-total", total <= k);
      classes.toggle("summed", total === k);
      classes.toggle("forward", item.id === active && step.kind === "forward");
      classes.toggle("backward", item.id === active && (step.kind === "backward" || step.kind === "turn"));
    }
    this.data.frames.forEach((_, f) => {
      const classes = this.elements.get(`f${f}`).classList;
      classes.toggle("forward", active === `f${f}` && step.kind === "forward");
      classes.toggle("backward", active === `f${f}` && step.kind !== "forward");
    });
  }

  /** Mark the item that the panel tells of. */
  select(id) {
    for (const element of this.svg.querySelectorAll(".selected")) element.classList.remove("selected");
    if (id) this.elements.get(this.layout.holder(id))?.classList.add("selected");
  }

  describe(result) {
    const ops = this.data.items.filter((item) => item.kind === "op").length;
    const steps = this.data.steps.filter((step) => step.kind === "forward").slice(0, 60).map((step) => `${step.name} = ${step.formula}`);
    this.title.textContent = document.title;
    this.description.textContent = say("description", { ops, result, steps: steps.join("; ") });
  }
}

/** For each item and wire, the steps from which on its value, gradient, or sum of gradients is known. */
function revealTimes(data) {
  const when = new Map();
  const computed = new Map(data.steps.flatMap((step, k) => (step.kind === "forward" ? [[step.op, k]] : [])));
  const sent = new Map(data.steps.flatMap((step, k) => (step.kind === "backward" ? [[step.wire, k]] : [])));
  const turn = data.steps.findIndex((step) => step.kind === "turn");
  for (const wire of data.wires) {
    const back = wire.input === null ? (turn < 0 ? Infinity : turn) : sent.get(wire.id) ?? Infinity;
    when.set(wire.id, { value: computed.get(wire.tail) ?? 0, gradient: wire.gradient === null ? Infinity : back });
  }
  for (const item of data.items) {
    const last = data.steps.findLastIndex((step) => step.kind === "backward" && step.to === item.id && step.total !== null);
    when.set(item.id, { done: computed.get(item.id) ?? 0, total: item.total && last >= 0 ? last : Infinity });
  }
  return when;
}

/** Lines of text above (upward -1) or below (1) a height. */
function stack(name, lines, y, direction) {
  const first = direction > 0 ? y : y - (lines.length - 1) * LINE_HEIGHT;
  return draw("text", { class: name }, ...lines.map((text, k) => draw("tspan", { x: 0, y: first + k * LINE_HEIGHT, text })));
}

const total = (item, y) => stack("total", item.total.map((line, k) => (k ? line : `Σ ${line}`)), y, 1);

const tooltip = (text) => draw("title", { text });

function resize(element, x, y, width, height) {
  for (const [name, value] of Object.entries({ x, y, width, height })) element.setAttribute(name, value);
}

function arrows() {
  const head = (id) =>
    draw("marker", { id, viewBox: "0 0 10 10", refX: 9, refY: 5, markerWidth: 8, markerHeight: 8, markerUnits: "userSpaceOnUse", orient: "auto" }, draw("path", { d: "M0 1L10 5L0 9z", fill: "context-stroke" }));
  return draw("defs", {}, head("arrow"), head("arrow-back"));
}
