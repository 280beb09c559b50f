// The panel: all about a node or an input, or the list of modules.

class Panel {
  /** data: of the page; go(step): shows a step; closed(): called when the panel was closed. */
  constructor(data, go, closed) {
    Object.assign(this, { data, go, closed, chosen: null, write: null });
    this.element = byId("panel");
    this.body = byId("panel-body");
    byId("panel-close").addEventListener("click", () => this.close());
  }

  get open() { return !this.element.hidden; }

  /** Show what a function writes; again after the language changed. */
  show(title, write, focus = true) {
    this.write = () => {
      byId("panel-title").textContent = title();
      this.body.replaceChildren(...write().filter((part) => part !== null));
    };
    this.write();
    this.element.hidden = false;
    this.body.scrollTop = 0;
    if (focus) this.element.focus({ preventScroll: true });
  }

  close() {
    if (!this.open) return;
    this.element.hidden = true;
    this.write = null;
    this.closed();
  }

  /** Tell all about an item. */
  tell(id, focus = true) {
    const item = itemOf(this.data, id);
    this.show(() => item.told.name || item.text, () => [this.facts(item), this.source(item), this.attributes(item), this.history(item), this.values(item)], focus);
  }

  facts(item) {
    const { told } = item;
    const kind = item.kind === "op" ? `${say("op")}: ${told.op} ${item.text === told.op ? "" : item.text}` : say(told.constant ? "constant" : "input");
    const modules = framesAround(this.data.frames, item.frame).map((k) => frameTitle(this.data.frames, k)).join(" › ");
    const rows = [[say("shape"), shapeText(told.shape)], [say("dtype"), told.dtype], [say("module"), modules]];
    const list = rows.filter(([, text]) => text).flatMap(([name, text]) => [make("dt", { text: name }), make("dd", { text })]);
    return make("div", {}, make("p", { class: "kind", text: kind }), make("dl", {}, ...list));
  }

  source({ kind, told }) {
    if (kind !== "op") return null;
    const { source } = told;
    if (!source) return section("source", make("p", { class: "quiet", text: say("no source") }));
    const inside = source.function.startsWith("<") ? "" : `, ${say("in function", { name: source.function })}`;
    return section("source", make("p", { class: "place", text: `${source.file}:${source.line}${inside}` }), source.text ? make("pre", { id: "source" }, make("code", { text: source.text })) : null);
  }

  attributes({ told }) {
    if (!told.attributes?.length) return null;
    const rows = told.attributes.flatMap(([name, text]) => [make("dt", { text: name }), make("dd", { text })]);
    return section("attributes", make("dl", {}, ...rows));
  }

  /** The steps in which an item takes part, in their order. */
  history(item) {
    const reaches = (step) => step.to && itemOf(this.data, step.to).same === item.same;
    const takes = (step) => step.op === item.id || reaches(step);
    const entries = this.data.steps.map((step, k) => [step, k]).filter(([step]) => takes(step));
    if (!entries.length) return null;
    const rows = entries.map(([step, k]) => {
      const phase = make("span", { class: `phase ${step.kind}`, text: say(step.kind) });
      const told = [make("span", { class: "formula", text: step.kind === "forward" ? `${step.name} = ${step.formula}` : step.formula }), make("span", { class: "numbers", text: step.numbers })];
      const total = step.total && reaches(step) ? make("span", { class: "numbers sum", text: `${say(kindOfTotal(step))}: ${step.total}` }) : null;
      return make("li", {}, make("button", { type: "button", title: say("go to step"), click: () => this.go(k) }, phase, ...told, total));
    });
    return section("history", make("ol", { id: "history" }, ...rows));
  }

  /** The arrays that belong to an item, of which one is shown as a table. */
  values(item) {
    const choices = this.arrays(item);
    const table = make("div", { id: "table" });
    const select = make("select", { id: "arrays", "aria-label": say("array") }, ...choices.map(({ name }, k) => make("option", { value: k, text: name })));
    const update = () => table.replaceChildren(...this.table(choices[select.selectedIndex]));
    select.addEventListener("change", update);
    update();
    return section("values", select, table);
  }

  arrays({ told }) {
    const { name, shape } = told;
    const of = (key, array, computed, where = shape, called = name) => ({ name: say(key, { name: called }), array, computed, shape: where });
    const own = [of("value of", told.value, true), of("gradient of", told.gradient, told.computed)];
    const inputs = told.inputs ?? [];
    const given = inputs.map((input) => of("value of", input.value, true, input.shape, inputName(input)));
    const sent = inputs.filter((input) => input.computed).map((input) => of("contribution", input.contribution, true, input.shape, inputName(input)));
    return [...own, ...given, ...sent];
  }

  table({ name, array, computed, shape }) {
    if (!computed) return [make("p", { class: "quiet", text: say("not computed") })];
    if (array === null) return [make("p", { class: "quiet", text: say("unknown", { shape: shapeText(shape) }) })];
    const { elements, shape: dimensions, dtype } = this.data.arrays[array];
    const size = dimensions.reduce((product, n) => product * n, 1);
    const told = make("p", { class: "quiet", text: `${dtype} ${shapeText(dimensions)}` });
    if (!size) return [told, make("p", { class: "quiet", text: say("empty") })];
    const cut = elements.length < size ? make("p", { class: "cut", text: say("cut", { n: elements.length.toLocaleString(), all: size.toLocaleString() }) }) : null;
    const scroll = make("div", { class: "scroll", tabindex: 0, role: "region", "aria-label": say("table of", { name }) }, numbersTable(elements, dimensions));
    return [told, cut, scroll].filter(Boolean);
  }

  /** List the modules, each with a button that opens or closes it. */
  listModules(closed, toggle, all) {
    const { frames } = this.data;
    const rows = () => frames.map((_, k) => {
      const button = make("button", { type: "button", "aria-expanded": String(!closed.has(k)), click: () => toggle(k), text: `${closed.has(k) ? "▸" : "▾"} ${frameTitle(frames, k)}` });
      const row = make("li", {}, button);
      row.style.paddingInlineStart = `${(framesAround(frames, k).length - 1) * 14}px`;
      return row;
    });
    const buttons = () => make("p", {}, make("button", { type: "button", click: () => all(false), text: say("open all") }), make("button", { type: "button", click: () => all(true), text: say("close all") }));
    this.show(() => say("modules"), () => [buttons(), make("ul", { id: "module-list" }, ...rows())]);
  }
}

const inputName = ({ parameter, name }) => (name === parameter ? name : `${parameter}: ${name}`);

const section = (key, ...parts) => make("section", {}, make("h3", { text: say(key) }), ...parts);

/** An array as a table, the last axis across; the background tells size and sign. */
function numbersTable(elements, shape) {
  const columns = shape.length ? shape[shape.length - 1] : 1;
  const finite = elements.map(Number).filter(Number.isFinite).map(Math.abs);
  const largest = finite.reduce((a, b) => Math.max(a, b), 0);
  const table = make("table");
  if (shape.length) {
    const numbers = Array.from({ length: Math.min(columns, elements.length) }, (_, k) => make("th", { scope: "col", text: String(k) }));
    table.append(make("thead", {}, make("tr", {}, ...(shape.length > 1 ? [make("td")] : []), ...numbers)));
  }
  const body = make("tbody");
  for (let start = 0; start < elements.length; start += columns) {
    const cells = elements.slice(start, start + columns).map((text) => cell(text, largest));
    const head = shape.length > 1 ? [make("th", { scope: "row", text: indexText(start / columns, shape.slice(0, -1)) })] : [];
    body.append(make("tr", {}, ...head, ...cells));
  }
  table.append(body);
  return table;
}

function cell(text, largest) {
  const element = make("td", { text });
  const x = Number(text);
  if (Number.isFinite(x) && x !== 0 && largest > 0) element.style.setProperty("--heat", `${Math.round((Math.abs(x) / largest) * 60)}%`);
  if (x < 0) element.classList.add("negative");
  if (!Number.isFinite(x) && text !== "True" && text !== "False") element.classList.add("special");
  return element;
}

function indexText(row, shape) {
  const index = [];
  for (const n of [...shape].reverse()) {
    index.unshift(row % n);
    row = Math.floor(row / n);
  }
  return index.join(", ");
}
