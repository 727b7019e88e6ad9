// The tab Runs: all runs side by side with curves and intervals, and a comparison of two. Unfinished runs are followed.

import { read } from "./api.js";
import { byId, count, decimal, make, plural, toast } from "./dom.js";
import { chart, svg } from "./svg.js";

const HUES = 6;
const SHOWN = 6; // at first
const AGAIN_MS = 5000;
const CHARTS = [
  ["val_accuracy", "Validation accuracy"],
  ["val_loss", "Validation loss"],
  ["train_loss", "Training loss"],
  ["loss_variance", "Variance of the training losses"],
];

let runs = [];
let visible; // numbers of the runs whose curves are shown
let drawn = "";

const hueOf = (run) => runs.indexOf(run) % HUES;
const per = (value) => `${decimal(100 * value, 1)}\u00a0%`;

const estimate = (each, hue, span) => {
  if (!each) return make("span", { class: "soft" }, "not evaluated");
  const at = (x) => 4 + (112 * (x - span[0])) / (span[1] - span[0] || 1);
  const line = svg(
    "svg",
    { class: "interval", viewBox: "0 0 120 16", "aria-hidden": "true" },
    svg("line", { class: "axis", x1: 0, x2: 120, y1: 8, y2: 8 }),
    svg("line", { class: `reach hue${hue}`, x1: at(each.low), x2: at(each.high), y1: 8, y2: 8 }),
    svg("circle", { class: `hue${hue}`, cx: at(each.value), cy: 8, r: 4 }),
  );
  return make("span", { class: "estimate" }, make("span", {}, make("b", {}, per(each.value)), ` (${decimal(100 * each.low, 1)} to ${decimal(100 * each.high, 1)})`), line);
};

const spanOf = (name) => {
  const given = runs.map((run) => run[name]).filter(Boolean);
  return [Math.min(...given.map((each) => each.low)), Math.max(...given.map((each) => each.high))];
};

const cell = (name, className, ...content) => {
  const element = make("td", { class: className || null, "data-name": name }, ...content);
  return element;
};

const drawTable = () => {
  const [accuracies, f1s] = [spanOf("accuracy"), spanOf("macro_f1")];
  byId("table").replaceChildren(
    ...runs.map((run) => {
      const hue = hueOf(run);
      const box = make("input", { type: "checkbox", checked: visible.has(run.number), disabled: run.epochs.length === 0 });
      box.addEventListener("change", () => {
        if (box.checked) visible.add(run.number);
        else visible.delete(run.number);
        drawCurves();
      });
      const name = make("th", { scope: "row" }, make("label", { class: "pick" }, box, make("span", { class: `swatch hue${hue}` }), make("span", {}, run.name)));
      if (run.problem) return make("tr", {}, name, make("td", { colspan: "6", class: "error" }, run.problem));
      const ends = run.split ? ` on ${run.split}` : "";
      return make(
        "tr",
        {},
        name,
        cell("recipe", "", `${run.preset || run.backbone}, seed ${run.seed}`),
        cell("removal", "", run.removal === "none" ? "none" : `${run.removal}: ${plural(run.removed, "face")}`),
        cell("epochs", "number", run.is_finished ? count(run.epochs.length) : make("span", { class: "state" }, `${run.epochs.length}, unfinished`)),
        cell(`accuracy${ends}`, "", estimate(run.accuracy, hue, accuracies), run.split === "val" ? make("span", { class: "state" }, " on val") : ""),
        cell("macro F1", "", estimate(run.macro_f1, hue, f1s)),
        cell("report", "", run.is_finished ? make("a", { href: `/api/runs/${run.number}/report`, target: "_blank", rel: "noopener", "aria-label": `Report of ${run.name}` }, "Report") : ""),
      );
    }),
  );
};

const drawCurves = () => {
  const chosen = runs.filter((run) => visible.has(run.number) && run.epochs.length > 0);
  const marks = chosen.flatMap((run) => run.removal_epochs.map((x) => ({ x, hue: hueOf(run) })));
  const figures = CHARTS.map(([name, title]) => {
    const lines = chosen.filter((run) => run.curves[name].some((y) => y !== null)).map((run) => ({ x: run.epochs, y: run.curves[name], hue: hueOf(run), second: runs.indexOf(run) >= HUES }));
    if (lines.length === 0) return null;
    const words = chosen.map((run) => [run.name, run.curves[name].findLast((y) => y !== null)]).filter(([, y]) => y !== undefined);
    const label = `${title} by epoch. Last: ${words.map(([run, y]) => `${run} ${decimal(y, 3)}`).join(", ")}.`;
    return make("figure", {}, make("figcaption", {}, title), chart(lines, marks, label));
  }).filter(Boolean);
  byId("curves").replaceChildren(...(figures.length > 0 ? figures : [make("p", { class: "soft" }, "Tick a run above.")]));
};

const drawChoices = () => {
  const able = runs.filter((run) => run.accuracy);
  for (const [id, otherwise] of [
    ["a", able[0]],
    ["b", able[1]],
  ]) {
    const before = byId(id).value;
    byId(id).replaceChildren(...able.map((run) => make("option", { value: String(run.number) }, run.name)));
    byId(id).value = able.some((run) => String(run.number) === before) ? before : String(otherwise?.number ?? "");
  }
  return able.length > 1;
};

const compare = async () => {
  const [a, b] = [byId("a").value, byId("b").value];
  const box = byId("comparison");
  if (!a || !b) return;
  if (a === b) {
    box.replaceChildren(make("p", { class: "soft" }, "Choose two different runs."));
    return;
  }
  try {
    const found = await read("/api/runs/comparison", { a, b });
    if (a !== byId("a").value || b !== byId("b").value) return;
    const both = `Of ${plural(found.n, "face")} (${found.split}), ${found.b} alone is right about ${count(found.only_b)}, and ${found.a} alone about ${count(found.only_a)}.`;
    box.replaceChildren(make("p", { class: "verdict" }, found.conclusion), make("p", {}, both), ...found.notes.map((note) => make("p", { class: "soft" }, note)));
  } catch (error) {
    box.replaceChildren(make("p", { class: "error" }, error.message));
  }
};

const load = async () => {
  try {
    const found = await read("/api/runs");
    const text = JSON.stringify(found);
    if (text !== drawn) {
      drawn = text;
      const known = new Set(runs.map((run) => run.number));
      runs = found;
      visible ??= new Set(runs.slice(0, SHOWN).map((run) => run.number));
      for (const run of runs) if (known.size > 0 && !known.has(run.number)) visible.add(run.number);
      byId("none").hidden = runs.length > 0;
      byId("shown").hidden = runs.length === 0;
      drawTable();
      drawCurves();
      byId("compare-title").parentElement.hidden = !drawChoices();
      await compare();
    }
  } catch (error) {
    toast(error.message, true);
  }
  if (runs.some((run) => !run.is_finished && !run.problem) || runs.length === 0) setTimeout(load, AGAIN_MS);
};

byId("a").addEventListener("change", compare);
byId("b").addEventListener("change", compare);
await load();
