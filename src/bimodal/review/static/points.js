// A scatter on a canvas, quick at 50,000 points: zoom, the nearest point, and the points within a line or a ring.

const CELLS = 64; // of the grid that finds the nearest point
const FAR = 14; // pixels: a point further away is not under the pointer

/** A colour such as #0072b2 as a pixel of an image. */
const packed = (colour) => {
  const value = Number.parseInt(colour.trim().slice(1), 16);
  return ((255 << 24) | ((value & 255) << 16) | (value & 0xff00) | (value >> 16)) >>> 0; // little-endian: A B G R
};

export class Points {
  /** `place`: the canvas; `changed` is called after a zoom or a new size. */
  constructor(canvas, changed) {
    this.canvas = canvas;
    this.changed = changed;
    this.context = canvas.getContext("2d");
    this.base = document.createElement("canvas"); // the points; what moves with the pointer is drawn over a copy
    this.x = this.y = [];
    this.shown = []; // indices of the points that are drawn
    this.whole();
    new ResizeObserver(() => this.fit()).observe(canvas);
  }

  /** Take new places; whole numbers from 0 to `side`. */
  set(x, y, side) {
    [this.x, this.y, this.side] = [x, y, side];
    this.whole();
  }

  whole() {
    [this.zoom, this.centreX, this.centreY] = [1, 0.5, 0.5];
  }

  fit() {
    const box = this.canvas.getBoundingClientRect();
    const ratio = window.devicePixelRatio || 1;
    [this.width, this.height] = [box.width, box.height];
    [this.canvas.width, this.canvas.height] = [Math.round(box.width * ratio), Math.round(box.height * ratio)];
    [this.base.width, this.base.height] = [this.canvas.width, this.canvas.height];
    this.context.setTransform(ratio, 0, 0, ratio, 0, 0);
    this.changed();
  }

  get scale() {
    return this.zoom * (Math.min(this.width, this.height) - 40);
  }
  px(index) {
    return this.width / 2 + (this.x[index] / this.side - this.centreX) * this.scale;
  }
  py(index) {
    return this.height / 2 - (this.y[index] / this.side - this.centreY) * this.scale;
  }

  /** Zoom by a factor; the place under (x, y), in pixels, stays. */
  zoomAt(factor, x = this.width / 2, y = this.height / 2) {
    const before = this.scale;
    this.zoom = Math.min(Math.max(this.zoom * factor, 0.5), 200);
    const moved = 1 / before - 1 / this.scale;
    this.centreX += (x - this.width / 2) * moved;
    this.centreY -= (y - this.height / 2) * moved;
    this.changed();
  }

  move(dx, dy) {
    this.centreX -= dx / this.scale;
    this.centreY += dy / this.scale;
    this.changed();
  }

  /** Draw the points: `groups` are [colour, indices], `rings` and `chosen` are indices. `show` brings them to the screen. */
  draw(groups, rings, chosen, ink, accent) {
    const context = this.base.getContext("2d");
    const ratio = this.base.width / this.width;
    context.setTransform(ratio, 0, 0, ratio, 0, 0);
    const size = Math.min(7, Math.max(2, (Math.min(this.width, this.height) / 4 / Math.sqrt(this.x.length || 1)) * Math.sqrt(this.zoom)));
    this.#fill(context, groups, Math.max(1, Math.round(size * ratio)), ratio);
    for (const [colour, indices, width, radius] of [
      [ink, rings, 1.5, size / 2 + 3],
      [accent, chosen, 2, size / 2 + 5],
    ]) {
      context.strokeStyle = colour;
      context.lineWidth = width;
      context.beginPath();
      for (const index of indices) {
        const [x, y] = [this.px(index), this.py(index)];
        context.moveTo(x + radius, y);
        context.arc(x, y, radius, 0, 2 * Math.PI);
      }
      context.stroke();
    }
    this.grid = null;
  }

  /** The shown point nearest to a place, if it is near; null otherwise. */
  nearest(x, y) {
    this.grid ??= this.#grid();
    const [column, row] = [this.#cell(x, this.width), this.#cell(y, this.height)];
    let [best, distance] = [null, FAR * FAR];
    for (let i = column - 1; i <= column + 1; i += 1)
      for (let j = row - 1; j <= row + 1; j += 1)
        for (const index of this.grid.get(i * CELLS + j) ?? []) {
          const squared = (this.px(index) - x) ** 2 + (this.py(index) - y) ** 2;
          if (squared < distance) [best, distance] = [index, squared];
        }
    return best;
  }

  /** The shown points within a line, as [x, y] in pixels. */
  within(line) {
    const [xs, ys] = [line.map(([x]) => x), line.map(([, y]) => y)];
    const [left, right, top, bottom] = [Math.min(...xs), Math.max(...xs), Math.min(...ys), Math.max(...ys)];
    return this.shown.filter((index) => {
      const [x, y] = [this.px(index), this.py(index)];
      if (x < left || x > right || y < top || y > bottom) return false;
      let inside = false;
      for (let i = 0, j = line.length - 1; i < line.length; j = i, i += 1) {
        if (ys[i] > y !== ys[j] > y && x < ((xs[j] - xs[i]) * (y - ys[i])) / (ys[j] - ys[i]) + xs[i]) inside = !inside;
      }
      return inside;
    });
  }

  /** The shown points within a ring. */
  around(x, y, radius) {
    return this.shown.filter((index) => (this.px(index) - x) ** 2 + (this.py(index) - y) ** 2 <= radius * radius);
  }

  /** Fill squares pixel by pixel, which takes a tenth of the time of as many calls of the canvas. */
  #fill(context, groups, side, ratio) {
    const { width, height } = this.base;
    const image = context.createImageData(width, height);
    const pixels = new Uint32Array(image.data.buffer);
    for (const [colour, indices] of groups) {
      const value = packed(colour);
      for (const index of indices) {
        const [x, y] = [Math.round(this.px(index) * ratio - side / 2), Math.round(this.py(index) * ratio - side / 2)];
        const [first, last] = [Math.max(x, 0), Math.min(x + side, width)];
        if (first >= last) continue;
        for (let row = Math.max(y, 0); row < Math.min(y + side, height); row += 1) pixels.fill(value, row * width + first, row * width + last);
      }
    }
    context.putImageData(image, 0, 0);
  }

  /** Bring the points to the screen, without what was drawn over them. */
  show() {
    this.context.clearRect(0, 0, this.width, this.height);
    this.context.drawImage(this.base, 0, 0, this.width, this.height);
  }

  #cell(at, whole) {
    return Math.floor((at / whole) * CELLS);
  }
  #grid() {
    const grid = new Map();
    for (const index of this.shown) {
      const key = this.#cell(this.px(index), this.width) * CELLS + this.#cell(this.py(index), this.height);
      if (grid.has(key)) grid.get(key).push(index);
      else grid.set(key, [index]);
    }
    return grid;
  }
}
