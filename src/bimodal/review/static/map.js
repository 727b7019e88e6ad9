// The tab Map: the training faces as points. A line around some of them selects them for the review.

import { picture, read, write } from "./api.js";
import { byId, make, plural, toast } from "./dom.js";
import { showDuplicates } from "./duplicates.js";
import { Points } from "./points.js";

const SIDE = 10000;
const AGAIN_MS = 1500;
const SAMPLE = 24;
const STEP = 8; // pixels of an arrow key
const COLOURS = ["--c0", "--c1", "--c2", "--c4", "--soft", "--c3", "--c5"]; // as .label0 to .label6

const canvas = byId("points");
let data = null;
let places = new Map(); // row to index
let hidden = new Set(); // codes of labels that are not drawn
let suspects = new Set();
let selected = new Set(); // rows
let line = null; // while it is drawn
let cross = null; // of the keyboard
let ring = 40;
let scheduled = false;
let stale = true; // whether the points must be drawn again

const points = new Points(canvas, () => schedule());

const drawPoints = () => {
  const style = getComputedStyle(document.documentElement);
  const colour = (name) => style.getPropertyValue(name);
  const onlySuspects = byId("only-suspects").checked;
  const groups = COLOURS.map((name) => [colour(name), []]);
  points.shown = [];
  data.rows.forEach((row, index) => {
    if (hidden.has(data.labels[index]) || (onlySuspects && !suspects.has(row))) return;
    groups[data.labels[index]][1].push(index);
    points.shown.push(index);
  });
  const ringed = points.shown.filter((index) => suspects.has(data.rows[index]));
  const chosen = points.shown.filter((index) => selected.has(data.rows[index]));
  points.draw(groups, ringed, chosen, colour("--ink"), colour("--c1"));
  stale = false;
};

const draw = () => {
  scheduled = false;
  if (!data || !points.width) return;
  if (stale) drawPoints();
  points.show();
  const { context } = points;
  context.strokeStyle = getComputedStyle(document.documentElement).getPropertyValue("--ink");
  context.lineWidth = 1.5;
  if (line) {
    context.beginPath();
    for (const [x, y] of line) context.lineTo(x, y);
    context.setLineDash([5, 4]);
    context.stroke();
    context.setLineDash([]);
  }
  if (cross) {
    const [x, y] = cross;
    context.beginPath();
    for (const [dx, dy] of [[10, 0], [0, 10]]) {
      context.moveTo(x - dx, y - dy);
      context.lineTo(x + dx, y + dy);
    }
    context.moveTo(x + ring, y);
    context.arc(x, y, ring, 0, 2 * Math.PI);
    context.stroke();
  }
};
/** Draw with the next picture of the screen; `over` only what moves with the pointer. */
const schedule = (over = false) => {
  stale ||= over !== true;
  if (scheduled) return;
  scheduled = true;
  requestAnimationFrame(draw);
};

// ---- the face under the pointer

const wordsOf = (index) => {
  const row = data.rows[index];
  return `${data.emotions[data.labels[index]]}${suspects.has(row) ? ", suspect" : ""}${selected.has(row) ? ", selected" : ""}`;
};
const showUnder = (index) => {
  byId("under").hidden = index === null;
  if (index === null) return;
  const address = picture(data.rows[index], 96);
  if (byId("under-face").getAttribute("src") !== address) byId("under-face").src = address;
  byId("under-face").alt = `Face labelled ${data.emotions[data.labels[index]]}`;
  byId("under-words").textContent = wordsOf(index);
};

// ---- the selection

const showSelection = () => {
  const rows = [...selected];
  const wrong = rows.filter((row) => suspects.has(row)).length;
  byId("selected").textContent = rows.length === 0 ? "No face is selected." : `${plural(rows.length, "face")}, ${plural(wrong, "suspect")} among them.`;
  byId("review").disabled = byId("clear").disabled = rows.length === 0;
  byId("sample").replaceChildren(
    ...rows.slice(0, SAMPLE).map((row) => make("li", {}, make("img", { src: picture(row, 96), alt: `Face labelled ${data.emotions[data.labels[places.get(row)]]}`, width: "64", height: "64", loading: "lazy" }))),
  );
  schedule();
};
const select = (indices, isAdded) => {
  if (!isAdded) selected.clear();
  for (const index of indices) selected.add(data.rows[index]);
  showSelection();
};
const clear = () => select([], false);

const review = async (rows = [...selected]) => {
  if (rows.length === 0) return;
  try {
    const { selection } = await write("/api/map/selections", { rows });
    location.href = `/?suspects=&state=all&selection=${selection}`;
  } catch (error) {
    toast(error.message, true);
  }
};

// ---- pointer and keys

const at = (event) => {
  const box = canvas.getBoundingClientRect();
  return [event.clientX - box.left, event.clientY - box.top];
};
let moving = null;
canvas.addEventListener("pointerdown", (event) => {
  if (!data) return;
  canvas.setPointerCapture(event.pointerId);
  cross = null;
  if (event.altKey || event.button === 1) moving = at(event);
  else line = [at(event)];
});
canvas.addEventListener("pointermove", (event) => {
  if (!data) return;
  const place = at(event);
  if (moving) {
    points.move(place[0] - moving[0], place[1] - moving[1]);
    moving = place;
  } else if (line) {
    const [x, y] = line.at(-1);
    if (Math.hypot(place[0] - x, place[1] - y) > 2) line.push(place);
    schedule(true);
  } else showUnder(points.nearest(...place));
});
canvas.addEventListener("pointerup", (event) => {
  if (line) {
    const isClick = line.every(([x, y]) => Math.hypot(x - line[0][0], y - line[0][1]) < 4);
    const near = isClick ? points.nearest(...line[0]) : null;
    const indices = isClick ? (near === null ? [] : [near]) : points.within(line);
    line = null;
    select(indices, event.shiftKey);
  }
  moving = null;
  schedule();
});
canvas.addEventListener("pointercancel", () => {
  line = moving = null;
  schedule();
});
canvas.addEventListener("pointerleave", () => cross || showUnder(null));
canvas.addEventListener(
  "wheel",
  (event) => {
    event.preventDefault();
    points.zoomAt(1.0015 ** -event.deltaY, ...at(event));
  },
  { passive: false },
);
canvas.addEventListener("keydown", (event) => {
  if (!data || event.ctrlKey || event.metaKey) return;
  cross ??= [points.width / 2, points.height / 2];
  const step = event.shiftKey ? 5 * STEP : STEP;
  const moves = { ArrowLeft: [-step, 0], ArrowRight: [step, 0], ArrowUp: [0, -step], ArrowDown: [0, step] };
  const acts = {
    "+": () => points.zoomAt(1.4, ...cross),
    "=": () => points.zoomAt(1.4, ...cross),
    "-": () => points.zoomAt(1 / 1.4, ...cross),
    "[": () => (ring = Math.max(10, ring - 10)),
    "]": () => (ring = Math.min(300, ring + 10)),
    " ": () => select(points.around(...cross, ring), true),
    Escape: clear,
    Enter: () => review(),
  };
  if (event.key in moves) {
    const [dx, dy] = moves[event.key];
    cross = [Math.min(Math.max(cross[0] + dx, 0), points.width), Math.min(Math.max(cross[1] + dy, 0), points.height)];
  } else if (event.key in acts) acts[event.key]();
  else return;
  event.preventDefault();
  showUnder(points.nearest(...cross));
  schedule(true);
});
canvas.addEventListener("blur", () => {
  cross = null;
  schedule(true);
});

// ---- data

const showLegend = () => {
  byId("legend").append(
    ...data.emotions.map((name, code) => {
      const box = make("input", { type: "checkbox", checked: true });
      box.addEventListener("change", () => {
        if (box.checked) hidden.delete(code);
        else hidden.add(code);
        schedule();
      });
      return make("label", {}, box, make("span", { class: `swatch label${code}` }), name);
    }),
  );
};

let asked = 0;
const load = async () => {
  asked += 1;
  const mine = asked;
  const method = byId("method").value;
  try {
    const found = await read("/api/map", { method });
    if (mine !== asked) return;
    for (const each of found.methods) {
      const option = byId("method").querySelector(`[value=${each.name}]`);
      option.disabled = Boolean(each.problem) && each.name !== method;
      option.title = each.problem;
    }
    if (found.state === "working") {
      byId("state").textContent = `${found.what} …`;
      setTimeout(() => mine === asked && load(), AGAIN_MS);
      return;
    }
    if (found.state === "failed") {
      byId("state").textContent = found.what;
      return;
    }
    const isFirst = data === null;
    data = found;
    places = new Map(data.rows.map((row, index) => [row, index]));
    suspects = new Set(data.suspects);
    if (isFirst) showLegend();
    const excuses = found.methods.map((each) => each.problem).filter(Boolean);
    byId("state").textContent = [plural(data.rows.length, "training face"), plural(suspects.size, "undecided suspect"), ...excuses].join(" · ");
    points.set(data.x, data.y, SIDE);
    points.fit();
    showSelection();
  } catch (error) {
    byId("state").textContent = error.message;
  }
};

byId("method").addEventListener("change", load);
byId("closer").addEventListener("click", () => points.zoomAt(1.4));
byId("farther").addEventListener("click", () => points.zoomAt(1 / 1.4));
byId("whole").addEventListener("click", () => {
  points.whole();
  schedule();
});
byId("only-suspects").addEventListener("change", schedule);
byId("review").addEventListener("click", () => review());
byId("clear").addEventListener("click", clear);
matchMedia("(prefers-color-scheme: dark)").addEventListener("change", schedule);
byId("look").addEventListener("click", () => showDuplicates(review));
await load();
