// The tab Threshold: drag a line over the histogram, and see at once which faces would be removed.

import { picture, read } from "./api.js";
import { byId, count, decimal, make, plural, share, toast } from "./dom.js";
import { save } from "./saving.js";

const WIDTH = 1000;
const HEIGHT = 280;
const BINS = 60;
const SHOWN = 48;
const TOGETHER = 5000;
const NS = "http://www.w3.org/2000/svg";

const line = byId("line");
const plot = byId("plot");
let data;
let measure;
let span;
let value;

const svg = (name, attributes, text) => {
  const element = document.createElementNS(NS, name);
  for (const [key, each] of Object.entries(attributes)) element.setAttribute(key, each);
  if (text !== undefined) element.textContent = text;
  return element;
};

const place = (x) => (x - span[0]) / (span[1] - span[0]); // 0 to 1

/** How many scores are at least as high as x; the scores descend. */
const above = (x) => {
  let [low, high] = [0, measure.values.length];
  while (low < high) {
    const middle = (low + high) >> 1;
    if (measure.values[middle] >= x) low = middle + 1;
    else high = middle;
  }
  return low;
};

const drawHistogram = () => {
  const counts = new Array(BINS).fill(0);
  for (const each of measure.values) counts[Math.min(BINS - 1, Math.floor(place(each) * BINS))] += 1;
  const top = Math.max(...counts, 1);
  const step = WIDTH / BINS;
  // a square root keeps the small upper mode visible beside the large lower one
  const height = (share) => (HEIGHT - 30) * Math.sqrt(share);
  const bars = counts.map((each, index) =>
    svg("rect", { class: "bar", x: index * step + 1, width: step - 2, y: HEIGHT - height(each / top), height: height(each / top) }),
  );
  const [places, heights] = measure.density;
  const curve = places.map((x, index) => `${(WIDTH * place(x)).toFixed(1)},${(HEIGHT - height(heights[index])).toFixed(1)}`).join(" ");
  const modes = measure.modes.map((x) => svg("path", { class: "mode", d: `M${WIDTH * place(x)} ${HEIGHT} l-8 14 h16 z` }));
  const marks = measure.marks.map((mark) => svg("line", { class: "mark", x1: WIDTH * place(mark.value), x2: WIDTH * place(mark.value), y1: 8, y2: HEIGHT }));
  const histogram = byId("histogram");
  histogram.setAttribute("viewBox", `0 0 ${WIDTH} ${HEIGHT + 16}`);
  histogram.setAttribute("preserveAspectRatio", "none");
  histogram.setAttribute("aria-label", `Histogram of ${plural(measure.values.length, "score")}: ${measure.words}. ${measure.modes.length === 2 ? "Two modes" : "One mode"}: ${measure.modes.map((x) => decimal(x, 1)).join(" and ")}.`);
  histogram.replaceChildren(...bars, svg("polyline", { class: "density", points: curve }), ...modes, ...marks);
};

const drawMarks = () => {
  byId("marks").replaceChildren(
    ...measure.marks.map((mark) => {
      const button = make("button", { type: "button" }, `${mark.words}: ${decimal(mark.value)}, ${plural(mark.removed, "face")}`);
      button.addEventListener("click", () => moveTo(mark.value));
      return button;
    }),
    make("span", { class: "soft" }, measure.modes.length === 2 ? `▲ two modes, at ${measure.modes.map((x) => decimal(x, 1)).join(" and ")}` : "▲ the test finds one mode only"),
  );
};

const drawFaces = (going) => {
  const nearest = measure.rows.slice(Math.max(0, going - SHOWN), going).reverse();
  byId("faces").replaceChildren(
    ...nearest.map((row, index) => {
      const label = data.emotions[measure.labels[going - 1 - index]];
      return make("li", {}, make("img", { src: picture(row, 96), alt: `Face labelled ${label}`, width: "72", height: "72", loading: "lazy" }), make("span", {}, label));
    }),
  );
};

let facesTimer;
const draw = () => {
  const going = above(value);
  line.style.left = `${100 * place(value)}%`;
  line.setAttribute("aria-valuemin", span[0].toFixed(2));
  line.setAttribute("aria-valuemax", span[1].toFixed(2));
  line.setAttribute("aria-valuenow", value.toFixed(2));
  line.setAttribute("aria-valuetext", `${value.toFixed(2)}: ${plural(going, "face")} would be removed`);
  byId("sentence").replaceChildren("From ", make("b", {}, decimal(value)), ` on, `, make("b", {}, plural(going, "face")), ` of ${count(measure.values.length)} undecided ones would be removed.`);
  const counts = new Array(data.emotions.length).fill(0);
  for (let index = 0; index < going; index += 1) counts[measure.labels[index]] += 1;
  const rows = data.emotions.map((name, code) => [name, data.class_sizes[code], counts[code]]).filter(([, size]) => size);
  byId("classes").replaceChildren(
    ...rows.map(([name, size, gone]) =>
      make("tr", {}, make("th", { scope: "row" }, name), ...[count(size), count(gone), share(gone, size)].map((text) => make("td", { class: "number" }, text))),
    ),
  );
  const half = rows.filter(([, size, gone]) => gone > size / 2).map(([name]) => name);
  byId("warning").hidden = half.length === 0;
  byId("warning").textContent = `More than half of ${half.join(", ")} would be removed. Correct labels of rare emotions often score high.`;
  byId("remove").disabled = going === 0;
  byId("remove").textContent = `Remove these ${count(going)}`;
  byId("review").hidden = measure.name !== "log-odds" || going === 0;
  byId("nearest").hidden = going === 0;
  byId("review").href = `/?suspects=&least=${value.toFixed(3)}`;
  clearTimeout(facesTimer);
  facesTimer = setTimeout(() => drawFaces(going), 60); // pictures follow when the line rests
};

const moveTo = (x) => {
  value = Math.min(Math.max(x, span[0]), span[1]);
  draw();
};

const choose = (name) => {
  measure = data.measures.find((each) => each.name === name);
  const { values } = measure;
  const [high, low] = [values[0] ?? 1, values.at(-1) ?? 0];
  const marks = measure.marks.map((mark) => mark.value);
  span = [low, Math.max(high, ...marks) + 1e-6];
  if (span[1] - span[0] < 0.01) span[1] = span[0] + 1;
  drawHistogram();
  drawMarks();
  moveTo(marks[0] ?? span[1]);
};

const load = async () => {
  data = await read("/api/threshold");
  if (!byId("measures").querySelector("input"))
    for (const [index, each] of data.measures.entries()) {
      const input = make("input", { type: "radio", name: "measure", value: each.name, checked: index === 0 });
      input.addEventListener("change", () => choose(each.name));
      byId("measures").append(make("label", {}, input, ` ${each.words}`));
    }
  choose(measure?.name ?? data.measures[0].name);
};

line.addEventListener("keydown", (event) => {
  const step = (span[1] - span[0]) / 200;
  const steps = { ArrowLeft: -step, ArrowDown: -step, ArrowRight: step, ArrowUp: step, PageDown: -10 * step, PageUp: 10 * step };
  const to = event.key === "Home" ? span[0] : event.key === "End" ? span[1] : event.key in steps ? value + steps[event.key] : null;
  if (to === null) return;
  event.preventDefault();
  moveTo(to);
});
const follow = (event) => {
  const box = plot.getBoundingClientRect();
  moveTo(span[0] + ((event.clientX - box.left) / box.width) * (span[1] - span[0]));
};
plot.addEventListener("pointerdown", (event) => {
  event.preventDefault();
  plot.setPointerCapture(event.pointerId);
  line.focus();
  follow(event);
});
plot.addEventListener("pointermove", (event) => plot.hasPointerCapture(event.pointerId) && follow(event));

byId("remove").addEventListener("click", () => {
  const going = above(value);
  byId("confirm-words").textContent = `${plural(going, "face")} with a score from ${decimal(value)} on ${going === 1 ? "is" : "are"} removed from training without a look at each. Some of their labels are correct. Undo takes the decision back.`;
  byId("confirm").showModal();
});
byId("cancel").addEventListener("click", () => byId("confirm").close());
byId("confirm").querySelector("form").addEventListener("submit", async (event) => {
  event.preventDefault();
  byId("confirm").close();
  const rows = measure.rows.slice(0, above(value));
  try {
    for (let start = 0; start < rows.length; start += TOGETHER)
      await save("/api/decisions", { rows: rows.slice(start, start + TOGETHER), decision: "remove", why: `${measure.name} from ${value.toFixed(2)} on, without a look` }, "");
    toast(`Removed: ${plural(rows.length, "face")}. Undo on the tab Review takes it back.`);
    await load();
  } catch (error) {
    toast(error.status === 403 ? "Give your name on the tab Review first." : error.message, true);
  }
});

await load();
