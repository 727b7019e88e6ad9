// Drawings in SVG: elements, and a chart of lines with axes.

const NS = "http://www.w3.org/2000/svg";

/** Make an element of a drawing. */
export const svg = (name, attributes = {}, ...children) => {
  const element = document.createElementNS(NS, name);
  for (const [key, each] of Object.entries(attributes)) element.setAttribute(key, each);
  element.append(...children);
  return element;
};

const [LEFT, RIGHT, TOP, BOTTOM] = [44, 8, 8, 24];

/** Round steps, of at least `least`, that divide a range into about five parts. */
const ticks = (low, high, least = 0) => {
  const rough = Math.max((high - low || 1) / 5, least);
  const power = 10 ** Math.floor(Math.log10(rough));
  const step = [1, 2, 5, 10].map((each) => each * power).find((each) => each >= rough);
  const found = [];
  for (let at = Math.ceil(low / step) * step; at <= high + step * 1e-6; at += step) found.push(at);
  return [found, Math.max(0, -Math.floor(Math.log10(step) + 1e-9))];
};

/**
 * Draw lines. `lines`: {x, y, hue, second} with null where y is missing; `marks`: {x, hue} for vertical lines.
 * `label` says in words what is drawn; the size is in pixels.
 */
export const chart = (lines, marks, label, [width, height] = [380, 220]) => {
  const xs = lines.flatMap((line) => line.x);
  const ys = lines.flatMap((line) => line.y).filter((y) => y !== null);
  const [left, right] = [Math.min(...xs), Math.max(...xs)];
  let [low, high] = [Math.min(...ys), Math.max(...ys)];
  if (high - low < 1e-9) [low, high] = [low - 0.5, high + 0.5];
  const px = (x) => LEFT + ((x - left) / (right - left || 1)) * (width - LEFT - RIGHT);
  const py = (y) => height - BOTTOM - ((y - low) / (high - low)) * (height - TOP - BOTTOM);
  const [levels, digits] = ticks(low, high);
  const grid = levels.flatMap((y) => [
    svg("line", { class: "grid", x1: LEFT, x2: width - RIGHT, y1: py(y), y2: py(y) }),
    svg("text", { x: LEFT - 6, y: py(y) + 4, "text-anchor": "end" }, y.toFixed(digits).replace("-", "\u2212")),
  ]);
  const epochs = ticks(left, right, 1)[0];
  const below = epochs.map((x) => svg("text", { x: px(x), y: height - 6, "text-anchor": "middle" }, String(x)));
  const removals = marks.map(({ x, hue }) => svg("line", { class: `removal hue${hue}`, x1: px(x), x2: px(x), y1: TOP, y2: height - BOTTOM }));
  const drawn = lines.flatMap(({ x, y, hue, second }) => {
    const points = x.map((each, index) => [each, y[index]]).filter(([, value]) => value !== null);
    if (points.length === 1) return [svg("circle", { class: `hue${hue}`, cx: px(points[0][0]), cy: py(points[0][1]), r: 3.5 })];
    return [svg("polyline", { class: `hue${hue}${second ? " second" : ""}`, points: points.map(([a, b]) => `${px(a).toFixed(1)},${py(b).toFixed(1)}`).join(" ") })];
  });
  return svg("svg", { class: "chart", viewBox: `0 0 ${width} ${height}`, role: "img", "aria-label": label }, ...grid, ...below, ...removals, ...drawn);
};
