// The page: its parts put together, keys, and what is told at each step.

const data = JSON.parse(byId("data").textContent);
const ops = data.items.filter((item) => item.kind === "op");
const wiresById = new Map(data.wires.map((wire) => [wire.id, wire]));
const closed = new Set();
const AWAY = [16, 44, 80, 120, 165]; // how far from its node the callout may stand
const LONG = 40; // characters: more are written smaller
const MANY = 40; // a graph of more operations opens with its modules closed
let layout = null;

const picture = new Picture(data, choose, toggle);
const camera = new Camera(byId("stage"), picture.svg, picture.camera, byId("panel"), placeCallout);
const panel = new Panel(data, (k) => { player.stop(); player.go(k); }, () => {
  picture.select(null);
  show(player.at); // what the panel covered
  byId("modules").setAttribute("aria-expanded", "false");
});
const search = new Search(data, choose, reveal);
const player = new Player(data.steps, show);

/** The bounds of all that is drawn. */
function bounds() {
  const boxes = [...layout.places.values()].map(({ x, y, w, h }) => [x - w / 2, y - h / 2, x + w / 2, y + h / 2]);
  for (const { x, y, w, h } of layout.open) boxes.push([x, y, x + w, y + h]);
  const [left, top] = [0, 1].map((k) => boxes.reduce((a, b) => Math.min(a, b[k]), Infinity));
  const [right, bottom] = [2, 3].map((k) => boxes.reduce((a, b) => Math.max(a, b[k]), -Infinity));
  return { x: left, y: top, w: right - left, h: bottom - top + 14 };
}

/** Close the modules of a level, such that not too much is seen, but as much as may be. */
function closeSome() {
  const level = (k) => framesAround(data.frames, k).length;
  const deepest = data.frames.reduce((most, _, k) => Math.max(most, level(k)), 0);
  const drawn = (depth) => new Set(ops.map(({ id, frame }) => framesAround(data.frames, frame)[depth - 1] ?? id)).size;
  let depth = 1;
  while (depth < deepest && drawn(depth + 1) <= MANY) depth++;
  data.frames.forEach((_, k) => level(k) === depth && closed.add(k));
}

function arrange() {
  layout = fold(data, closed);
  picture.place(layout);
  const leaves = (op) => data.wires.some((wire) => wire.tail === op && layout.shown(wire.id));
  player.restrict((step) => {
    if (step.kind === "forward") return layout.shown(step.op) || leaves(step.op);
    return step.kind !== "backward" || layout.shown(step.wire);
  });
}

// ------------------------------------------------------------------------------------------------ a step

function show(k) {
  picture.show(k);
  const step = data.steps[k];
  narrate(step);
  callout(step);
  const places = [step.op && layout.holder(step.op), step.wire, step.to && layout.holder(step.to)].filter((id) => id && layout.shown(id));
  if (places.length) camera.follow(places.map((id) => layout.places.get(id)));
  placeCallout(true);
}

function narrate(step) {
  const words = {
    start: () => say(data.steps.some((s) => s.kind === "turn") ? "start told" : "start without gradients"),
    turn: () => say("turn told"),
    forward: () => step.rule[spoken],
    backward: () => step.rule[spoken],
  }[step.kind]();
  const parts = [make("span", { class: `phase ${step.kind}`, text: say(step.kind) })];
  if (step.formula) parts.push(make("span", { class: "formula", text: step.kind === "forward" ? `${step.name} = ${step.formula}` : step.formula }));
  if (step.numbers) parts.push(make("span", { class: "numbers", text: step.kind === "turn" ? `= ${step.numbers}` : step.numbers }));
  parts.push(make("span", { class: "rule", text: words }));
  if (step.total) parts.push(make("span", { class: "rule sum", text: `${say(`${kindOfTotal(step)} told`)} ${step.total}` }));
  byId("narration").replaceChildren(...parts.flatMap((part) => [part, " "]));
}

function callout(step) {
  const box = byId("callout");
  box.hidden = !step.op;
  box.className = step.kind;
  if (!step.op) return;
  const formula = step.kind === "forward" ? `${step.name} = ${step.formula}` : step.formula;
  const numbers = step.kind === "turn" ? `= ${step.numbers}` : step.numbers;
  const total = step.total ? [make("div", { class: "sum", text: `${say(kindOfTotal(step))}: ${step.total}` })] : [];
  const holder = layout.holder(step.op);
  const inside = holder === step.op ? [] : [make("div", { class: "inside", text: `${frameTitle(data.frames, Number(holder.slice(1)))} › ${itemOf(data, step.op).told.op}` })];
  box.replaceChildren(...inside, make("div", { class: "formula", text: formula }), make("div", { class: numbers.length > LONG ? "numbers long" : "numbers", text: numbers }), ...total);
}

/** Put the callout near its node, where it hides least. */
function placeCallout(smooth) {
  const box = byId("callout");
  const op = data.steps[player.at].op;
  picture.leader.classList.toggle("gone", !op);
  if (!op || !layout) return;
  const node = camera.onStage(layout.places.get(layout.holder(op)));
  const [w, h] = [box.offsetWidth, box.offsetHeight];
  const seen = ({ left, top, width, height }) => left < camera.width && top < camera.height && left + width > 0 && top + height > 0;
  const others = [...layout.places].map(([id, place]) => [camera.onStage(place), weight(id)]).filter(([place]) => seen(place));
  const middle = { x: node.left + node.width / 2, y: node.top + node.height / 2 };
  const shifts = [0, -w / 2 + 20, w / 2 - 20, -w, w];
  const heights = AWAY.flatMap((away) => [node.top + node.height + away, node.top - h - away + 4]);
  const places = heights.flatMap((top) => shifts.map((shift) => ({ left: clamp(middle.x - w / 2 + shift, 6, camera.width - w - 6), top })));
  for (const place of places) {
    const outside = Math.max(0, 4 - place.top) + Math.max(0, place.top + h - camera.height + 4);
    const far = Math.abs(place.top + h / 2 - middle.y) + 0.4 * Math.abs(place.left + w / 2 - middle.x);
    place.cost = outside * 1000 + far + others.reduce((sum, [other, value]) => sum + value * overlap(place, w, h, other), 0);
  }
  const { left, top } = places.reduce((a, b) => (b.cost < a.cost ? b : a));
  box.classList.toggle("smooth", smooth === true && !less());
  box.style.transform = `translate(${Math.round(left)}px, ${Math.round(top)}px)`;
  const end = { x2: clamp(middle.x, left + 14, left + w - 14), y2: top > middle.y ? top : top + h };
  fill(picture.leader, { x1: middle.x, y1: middle.y, ...end }, []);
}

/** How bad it is to hide a part of the drawing: what the step is about must be seen. */
function weight(id) {
  const step = data.steps[player.at];
  const wire = wiresById.get(id);
  const involved = wire ? wire.head === step.op || wire.tail === step.op : id === step.to || id === layout.holder(step.op);
  return involved ? 1 : 0.3;
}

const clamp = (x, low, high) => Math.max(low, Math.min(high, x));

function overlap(place, w, h, other) {
  const x = Math.min(place.left + w, other.left + other.width) - Math.max(place.left, other.left);
  const y = Math.min(place.top + h, other.top + other.height) - Math.max(place.top, other.top);
  return x > 0 && y > 0 ? x * y : 0;
}

// ------------------------------------------------------------------------------------------------ choosing

function choose(id, focus = true) {
  if (layout.holder(id) !== id) {
    for (const k of framesAround(data.frames, itemOf(data, id).frame)) closed.delete(k);
    arrange();
  }
  panel.tell(id, focus);
  picture.select(id);
  camera.follow([layout.places.get(id)]);
}

function toggle(k) {
  const anchor = () => layout.places.get(`f${k}`) ?? centre(layout.open.find((frame) => frame.k === k));
  const before = camera.onStage(anchor());
  if (closed.has(k)) closed.delete(k);
  else closed.add(k);
  arrange();
  const after = camera.onStage(anchor()); // what was clicked stays under the pointer
  camera.pan(before.left + before.width / 2 - after.left - after.width / 2, before.top + before.height / 2 - after.top - after.height / 2);
  panel.write?.();
}

const centre = ({ x, y, w, h }) => ({ x: x + w / 2, y: y + h / 2, w, h });

/** Show a module: open those around it. */
function reveal(k) {
  for (const around of framesAround(data.frames, data.frames[k].parent)) closed.delete(around);
  arrange();
  camera.follow([layout.places.get(`f${k}`) ?? centre(layout.open.find((frame) => frame.k === k))]);
}

function setAll(close) {
  data.frames.forEach((_, k) => (close ? closed.add(k) : closed.delete(k)));
  arrange();
  overview();
  panel.write?.();
}

function listModules() {
  panel.listModules(closed, toggle, setAll);
  byId("modules").setAttribute("aria-expanded", "true");
}

function overview(smooth = true) {
  const op = data.steps[player.at].op ?? ops[0].id;
  camera.fit(bounds(), { focus: layout.places.get(layout.holder(op)), least: READABLE, smooth });
}

function zoom(factor) {
  camera.own = true;
  camera.zoom(factor);
}

// ------------------------------------------------------------------------------------------------ keys

const KEYS = {
  ArrowRight: () => player.move(1), ArrowLeft: () => player.move(-1), " ": () => player.toggle(),
  Home: () => player.end(-1), End: () => player.end(1), b: () => { player.stop(); player.to("turn"); },
  Enter: () => data.steps[player.at].op && choose(data.steps[player.at].op), "/": () => search.input.focus(),
  "+": () => zoom(1.25), "=": () => zoom(1.25), "-": () => zoom(0.8), 0: () => camera.fit(bounds()),
  m: () => data.frames.length && listModules(), l: () => speak(), "?": () => help(), Escape: () => panel.close(),
};
const MOVES = { ArrowRight: [-80, 0], ArrowLeft: [80, 0], ArrowDown: [0, -80], ArrowUp: [0, 80] };

document.addEventListener("keydown", (event) => {
  const { target, key } = event;
  if (event.ctrlKey || event.metaKey || event.altKey || byId("help").open) return;
  if (target.matches("input[type=search], select")) return;
  if (target.matches("button, .scroll") && (key === " " || key === "Enter")) return;
  if (target.matches(".scroll") && !["Escape", "l", "L", "?"].includes(key)) return; // it scrolls
  const act = event.shiftKey && MOVES[key] ? () => camera.pan(...MOVES[key], true) : KEYS[key] ?? KEYS[key.toLowerCase()];
  if (!act) return;
  event.preventDefault();
  act();
});

// ------------------------------------------------------------------------------------------------ language and help

function speak(language = spoken === "ja" ? "en" : "ja") {
  spoken = language;
  sayEverywhere();
  const title = data.title || say("untitled");
  document.title = title;
  byId("title").textContent = title;
  const button = byId("language");
  button.textContent = say("language");
  button.lang = spoken === "ja" ? "en" : "ja";
  button.title = say("to the language");
  byId("notice").textContent = say("not kept");
  byId("notice").hidden = data.kept;
  picture.describe(data.items.at(-1).text || data.steps.findLast((step) => step.kind === "forward").name);
  player.update();
  narrate(data.steps[player.at]);
  callout(data.steps[player.at]);
  panel.write?.();
}

function help() {
  const rows = say("help text").map(([keys, text]) => make("tr", {}, make("th", { scope: "row" }, make("kbd", { text: keys })), make("td", { text })));
  const close = make("button", { type: "button", text: say("close"), click: () => byId("help").close() });
  byId("help").replaceChildren(make("h2", { id: "help-title", text: say("help") }), make("table", {}, make("tbody", {}, ...rows)), make("p", { text: say("help mouse") }), make("p", { text: say("legend") }), close);
  byId("help").showModal();
}

byId("language").addEventListener("click", () => speak());
byId("help-button").addEventListener("click", help);
byId("modules").addEventListener("click", () => (byId("modules").getAttribute("aria-expanded") === "true" ? panel.close() : listModules()));
byId("modules").hidden = !data.frames.length;
byId("zoom-in").addEventListener("click", () => zoom(1.25));
byId("zoom-out").addEventListener("click", () => zoom(0.8));
byId("zoom-fit").addEventListener("click", () => camera.fit(bounds()));

if (ops.length > MANY) closeSome();
arrange();
speak(spoken);
overview(false);
new ResizeObserver(() => { if (!camera.own) overview(false); }).observe(byId("stage"));
