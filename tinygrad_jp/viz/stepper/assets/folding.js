// Where everything stands while some modules are closed: what a closed one leaves empty is taken out of the plane.

const GAP = 44; // the widest empty strip that stays
const PAD = 10; // between a frame and what is in it
const TITLE = 22; // height of a frame's title
const BOX = { height: 44, size: 13 };
const ENTER = 16; // before and after what is written on a wire that enters a box
const APART = 8; // between several such wires

/** The frames around an item, the outermost first. */
function framesAround(frames, frame) {
  const around = [];
  for (let k = frame; k !== null; k = frames[k].parent) around.unshift(k);
  return around;
}

/** The name of a module inside the frame around it. */
function frameName(frames, k) {
  const { name, parent } = frames[k];
  const outer = parent === null ? "" : frames[parent].name;
  return outer && name.startsWith(`${outer}.`) ? name.slice(outer.length + 1) : name;
}

/**
 * Reckon a picture.
 *
 * data: of the page; closed: a Set of frames. Returns places by id ({x, y, w, h}), `shown(id)`, `holder(id)` (the id of
 * the item or of the closed frame "f3" in which it is), frames that are drawn, and a path for each wire that is seen.
 */
function fold(data, closed) {
  const { items, wires, frames } = data;
  const outermost = (frame) => framesAround(frames, frame).find((k) => closed.has(k));
  const holders = new Map();
  for (const part of [...items, ...wires]) {
    const k = outermost(part.frame);
    holders.set(part.id, k === undefined ? part.id : `f${k}`);
  }
  const seen = new Set(wires.filter((w) => holders.get(w.tail) !== holders.get(w.head)).map((w) => w.id));
  const fixed = items.concat(wires.filter((w) => seen.has(w.id))).filter(({ id }) => holders.get(id) === id);
  const boxes = closedBoxes(data, outermost, wires.filter((w) => seen.has(w.id) && holders.get(w.id) !== w.id));
  const spans = fixed.map(({ place: [x, y, w, h] }) => ({ x, y, w, h, ow: w, oh: h })).concat([...boxes.values()]);
  const across = closed.size ? warp(spans.map(({ x, w, ow }) => [x, w, ow]), data.width) : (x) => x;
  const down = closed.size ? warp(spans.map(({ y, h, oh }) => [y, h, oh]), data.height) : (y) => y;
  const places = new Map();
  for (const { id, place: [x, y, w, h] } of fixed) places.set(id, { x: across(x), y: down(y), w, h });
  for (const [k, box] of boxes) placeBox(places, k, box, across(box.x), down(box.y));
  const open = openFrames(data, closed, holders, places);
  const paths = new Map();
  for (const wire of wires) if (seen.has(wire.id)) paths.set(wire.id, wirePath(wire, data, holders, places, across, down));
  return { places, open, paths, shown: (id) => places.has(id), holder: (id) => holders.get(id) ?? id };
}

/**
 * The closed frames that are drawn as boxes: where their insides stood, and the room that the box needs with what is
 * written on the wires that enter it, if that stood inside.
 */
function closedBoxes(data, outermost, entering) {
  const found = new Map();
  for (const { frame, place: [x, y, w, h] } of data.items) {
    const k = outermost(frame);
    if (k === undefined) continue;
    const box = found.get(k) ?? { left: Infinity, right: -Infinity, top: Infinity, bottom: -Infinity, entering: [] };
    box.left = Math.min(box.left, x - w / 2);
    box.right = Math.max(box.right, x + w / 2);
    box.top = Math.min(box.top, y - h / 2);
    box.bottom = Math.max(box.bottom, y + h / 2);
    found.set(k, box);
  }
  for (const wire of entering) found.get(outermost(wire.frame)).entering.push(wire);
  for (const [k, box] of found) {
    const { left, right, top, bottom } = box;
    const texts = [frameName(data.frames, k), data.frames[k].layer];
    box.width = Math.max(56, ...texts.map((text) => textWidth(text, BOX.size) + 18));
    box.before = Math.max(0, ...box.entering.map(({ place }) => place[2] + 2 * ENTER));
    const high = heightOf(box.entering);
    Object.assign(box, { x: (left + right) / 2, y: (top + bottom) / 2, w: box.width + box.before, h: Math.max(BOX.height, high), ow: right - left, oh: bottom - top });
  }
  return found;
}

/** Put a box at the right end of its room, and what is written on the wires that enter it before it. */
function placeBox(places, k, box, x, y) {
  places.set(`f${k}`, { x: x + box.before / 2, y, w: box.width, h: BOX.height });
  let top = y - heightOf(box.entering) / 2;
  for (const { id, place: [, , w, h] } of box.entering) {
    places.set(id, { x: x - box.width / 2, y: top + h / 2, w, h });
    top += h + APART;
  }
}

const heightOf = (wires) => wires.reduce((sum, { place }) => sum + place[3] + APART, -APART);

/**
 * A map of one axis that shortens long empty strips and widens what became larger.
 *
 * spans: [centre, size, size before] of all that is drawn.
 */
function warp(spans, length) {
  const pieces = spans.map(([c, size, before]) => {
    const half = Math.min(size, before) / 2;
    return { from: c - half, to: c + half, factor: Math.max(1, size / Math.max(before, 1)) };
  });
  const ends = [...new Set([0, length, ...pieces.flatMap(({ from, to }) => [from, to])])].sort((a, b) => a - b);
  pieces.sort((a, b) => a.from - b.from);
  const moved = [ends[0]];
  let active = [];
  let next = 0;
  for (let k = 1; k < ends.length; k++) {
    const [from, to] = [ends[k - 1], ends[k]];
    while (next < pieces.length && pieces[next].from <= from) active.push(pieces[next++]);
    active = active.filter((piece) => piece.to > from);
    const empty = Math.min(1, GAP / (to - from));
    moved.push(moved[k - 1] + (to - from) * (active.length ? Math.max(...active.map((p) => p.factor)) : empty));
  }
  return (at) => {
    let low = 0;
    let high = ends.length - 1;
    while (high - low > 1) {
      const middle = (low + high) >> 1;
      if (ends[middle] <= at) low = middle;
      else high = middle;
    }
    const share = ends[high] === ends[low] ? 0 : (at - ends[low]) / (ends[high] - ends[low]);
    return moved[low] + share * (moved[high] - moved[low]);
  };
}

/** The frames that are open, each around what is in it, the inner ones first. */
function openFrames(data, closed, holders, places) {
  const inside = new Map();
  const put = (frame, id) => {
    for (const k of framesAround(data.frames, frame)) {
      if (closed.has(k)) return; // it, or the box in which it is, is put into the frames around this one
      inside.set(k, [...(inside.get(k) ?? []), id]);
    }
  };
  for (const item of data.items) put(item.frame, holders.get(item.id));
  for (const wire of data.wires) if (places.has(wire.id)) put(wire.frame, wire.id);
  const found = [];
  const bounds = new Map();
  for (const k of [...inside.keys()].sort((a, b) => b - a)) {
    const parts = inside.get(k).map((id) => places.get(id));
    const inner = found.filter((frame) => data.frames[frame.k].parent === k);
    const all = [...parts.map(({ x, y, w, h }) => [x - w / 2, y - h / 2, x + w / 2, y + h / 2]), ...inner.map(({ k: i }) => bounds.get(i))];
    const title = textWidth(frameTitle(data.frames, k), 11) + 30;
    const [left, top] = [Math.min(...all.map((b) => b[0])) - PAD, Math.min(...all.map((b) => b[1])) - TITLE];
    const [right, bottom] = [Math.max(...all.map((b) => b[2])) + PAD, Math.max(...all.map((b) => b[3])) + PAD];
    const more = Math.max(0, title - (right - left)) / 2;
    bounds.set(k, [left - more, top, right + more, bottom]);
    found.push({ k, x: left - more, y: top, w: right - left + 2 * more, h: bottom - top });
  }
  return found;
}

const frameTitle = (frames, k) => [frameName(frames, k), frames[k].layer].filter(Boolean).join(" · ");

/** The path of a wire: to what stands on it, through its middle, and on. */
function wirePath(wire, data, holders, places, across, down) {
  const label = places.get(wire.id);
  const [before, after] = [wire.before, wire.after].map((spline) => spline.map((v, k) => (k % 2 ? down(v) : across(v))));
  const moved = holders.get(wire.id) !== wire.id; // what is written on it stands before a box
  const tail = !moved && holders.get(wire.tail) === wire.tail ? fasten(before, wire.before, 0, wire.tail, data, places) : null;
  const head = !moved && holders.get(wire.head) === wire.head ? fasten(after, wire.after, after.length - 2, wire.head, data, places) : null;
  const from = places.get(holders.get(wire.tail));
  const to = places.get(holders.get(wire.head));
  const [left, right] = [[label.x - label.w / 2, label.y], [label.x + label.w / 2, label.y]];
  const first = tail ?? bend([from.x + from.w / 2, from.y], left);
  const second = head ?? bend(right, [to.x - to.w / 2, to.y]);
  first.splice(-2, 2, ...left);
  second.splice(0, 2, ...right);
  return { d: `${curve(first)}L${right}${curve(second).replace("M", "L")}`, left, right };
}

/** Move the end of a spline to where it touched its item before everything moved. */
function fasten(moved, original, at, id, data, places) {
  const [x, y] = itemOf(data, id).place;
  const place = places.get(id);
  moved[at] = place.x + original[at] - x;
  moved[at + 1] = place.y + original[at + 1] - y;
  return moved;
}

function bend([x0, y0], [x1, y1]) {
  const reach = Math.max(8, Math.abs(x1 - x0) / 2);
  return [x0, y0, x0 + reach, y0, x1 - reach, y1, x1, y1];
}

function curve(points) {
  const round = points.map((v) => Math.round(v * 10) / 10);
  let d = `M${round[0]},${round[1]}`;
  for (let k = 2; k + 5 < round.length; k += 6) d += `C${round.slice(k, k + 6).join(" ")}`;
  return d;
}

const itemsById = new Map();
function itemOf(data, id) {
  if (!itemsById.size) for (const item of data.items) itemsById.set(item.id, item);
  return itemsById.get(id);
}
