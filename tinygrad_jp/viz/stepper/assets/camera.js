// Zoom and pan: wheel, drag, pinch, buttons; and following what happens.

const NEAREST = 4;
const FARTHEST = 0.05;
const READABLE = 0.8; // a graph that would be smaller is shown in part
const MARGIN = 26;

class Camera {
  /** cover: what may lie over the lower part of the stage; moved(): called when the view changed. `own` tells whether the reader chose a view. */
  constructor(stage, svg, target, cover, moved) {
    Object.assign(this, { stage, svg, target, cover, moved, scale: 1, x: 0, y: 0, pointers: new Map(), dragged: false, own: false });
    svg.addEventListener("wheel", (event) => this.wheel(event), { passive: false });
    svg.addEventListener("pointerdown", (event) => this.down(event));
    svg.addEventListener("pointermove", (event) => this.move(event));
    for (const end of ["pointerup", "pointercancel"]) svg.addEventListener(end, (event) => this.pointers.delete(event.pointerId));
    svg.addEventListener("click", (event) => this.dragged && event.stopImmediatePropagation(), true);
  }

  get width() { return this.stage.clientWidth; }
  get height() {
    const { top, bottom, left } = this.stage.getBoundingClientRect();
    const cover = this.cover.getBoundingClientRect();
    const covered = cover.height && cover.left <= left && cover.top < bottom; // a sheet, as on phones
    return Math.max(80, (covered ? cover.top : bottom) - top);
  }

  apply(smooth) {
    this.target.classList.toggle("smooth", smooth && !less());
    this.target.style.transform = `translate(${this.x}px, ${this.y}px) scale(${this.scale})`;
    this.moved(smooth && !less());
  }

  /** A place of the drawing on the stage. */
  onStage({ x, y, w, h }) {
    const [left, top] = [x - w / 2, y - h / 2];
    return { left: left * this.scale + this.x, top: top * this.scale + this.y, width: w * this.scale, height: h * this.scale };
  }

  zoom(factor, [x, y] = [this.width / 2, this.height / 2], smooth = true) {
    const scale = Math.min(NEAREST, Math.max(FARTHEST, this.scale * factor));
    this.x = x - ((x - this.x) * scale) / this.scale;
    this.y = y - ((y - this.y) * scale) / this.scale;
    this.scale = scale;
    this.apply(smooth);
  }

  pan(dx, dy, smooth = false) {
    this.x += dx;
    this.y += dy;
    this.apply(smooth);
  }

  /** Show bounds of the drawing whole; or if they are large, as large as can be read, at the place of `focus`. */
  fit(bounds, { focus, least = FARTHEST, smooth = true } = {}) {
    const whole = Math.min((this.width - 2 * MARGIN) / bounds.w, (this.height - 2 * MARGIN) / bounds.h, 1.6);
    this.own = false;
    this.scale = Math.max(whole, least);
    const middle = (size, from, extent, at) => {
      const length = extent * this.scale;
      if (length <= size - MARGIN) return (size - length) / 2 - from * this.scale;
      const wished = size / 2 - at * this.scale;
      return Math.min(MARGIN - from * this.scale, Math.max(size - MARGIN - (from + extent) * this.scale, wished));
    };
    this.x = middle(this.width, bounds.x, bounds.w, focus?.x ?? bounds.x + bounds.w / 2);
    this.y = middle(this.height, bounds.y, bounds.h, focus?.y ?? bounds.y + bounds.h / 2);
    this.apply(smooth);
  }

  /** Move as little as needed for some places to be seen; the first matters most. */
  follow(places) {
    const shift = (low, high, size) => {
      const margin = Math.min(80, size / 7);
      return low < margin ? margin - low : high > size - margin ? size - margin - high : 0;
    };
    let [dx, dy] = [0, 0];
    for (const place of [...places].reverse()) {
      const { left, top, width, height } = this.onStage(place);
      dx += shift(left + dx, left + width + dx, this.width);
      dy += shift(top + dy, top + height + dy, this.height);
    }
    if (dx || dy) this.pan(dx, dy, true);
  }

  wheel(event) {
    event.preventDefault();
    this.own = true;
    const lines = event.deltaMode === WheelEvent.DOM_DELTA_LINE ? 16 : 1;
    this.zoom(Math.exp(-event.deltaY * lines * 0.0016), this.at(event), false);
  }

  at(event) {
    const { left, top } = this.stage.getBoundingClientRect();
    return [event.clientX - left, event.clientY - top];
  }

  down(event) {
    this.pointers.set(event.pointerId, this.at(event));
    if (this.pointers.size === 1) this.dragged = false;
  }

  move(event) {
    const before = this.pointers.get(event.pointerId);
    if (!before) return;
    const after = this.at(event);
    const other = [...this.pointers].find(([id]) => id !== event.pointerId)?.[1];
    if (!this.dragged && !other && distance(before, after) < 4) return;
    if (!this.dragged) this.svg.setPointerCapture(event.pointerId);
    this.dragged = this.own = true;
    this.pointers.set(event.pointerId, after);
    if (other) this.zoom(distance(other, after) / Math.max(1, distance(other, before)), other, false);
    else this.pan(after[0] - before[0], after[1] - before[1]);
  }
}

const distance = ([x0, y0], [x1, y1]) => Math.hypot(x1 - x0, y1 - y0);
