// The tab Review: keys and buttons become decisions; the next face is there at once, and the list follows the ranking.

import { emotions, picture, read, write } from "./api.js";
import { byId, make, plural, toast } from "./dom.js";
import { FaceList } from "./face-list.js";
import { blank, evidenceOf, forget, prefetch, show, showLeft } from "./face-panel.js";
import { bindFilters, filters } from "./filters.js";
import { decisionOf, isTyping, lettersOf } from "./keys.js";
import { save } from "./saving.js";

const AHEAD = 5;
const DONE = { keep: "kept", remove: "removed", unsure: "unsure", relabel: "relabelled" };

let current = null; // the face in hand
let seen = null; // its row, as soon as it is shown: nobody decides about a face that is not
let line = []; // faces to come, the most probably wrong first
let handled = new Set(); // rows decided or passed with these filters
let past = []; // rows that were in hand
let status = null;
let chosen = [];
let reviewer = document.querySelector('meta[name="reviewer"]').content;

const list = new FaceList(
  (face) => hold(face),
  (faces) => {
    chosen = faces;
    byId("chosen").hidden = faces.length === 0;
    byId("chosen-count").textContent = `The decision is for ${plural(faces.length, "chosen face")}.`;
  },
);

const pause = (attempt) => new Promise((resolve) => setTimeout(resolve, Math.min(400 * 1.5 ** attempt, 4000)));

// ---- the face in hand

const hold = async (face, isBack = false) => {
  if (current && !isBack && current.row !== face?.row) past.push(current.row);
  current = face ?? null;
  list.current = current?.row ?? null;
  list.mark();
  if (!current) byId("face").hidden = true; // it is shown with its evidence
  byId("actions").hidden = !current && chosen.length === 0;
  byId("empty").hidden = Boolean(current);
  if (!current) {
    byId("why-empty").textContent =
      filters().state === "open" ? "Every face with these filters is decided. Change the filters, or stop here." : "No face has these filters.";
    return;
  }
  const { row } = current;
  seen = null;
  for (let attempt = 0; seen !== row; attempt += 1) {
    try {
      const evidence = await evidenceOf(row);
      if (current?.row !== row) return;
      current = evidence.face;
      show(evidence);
      seen = row;
    } catch (error) {
      if (current?.row !== row) return;
      blank(error.message);
      await pause(attempt);
      if (current?.row !== row) return;
    }
  }
  prefetch(line.filter((each) => !handled.has(each.row) && each.row !== row).slice(0, AHEAD).map((each) => each.row));
};

const firstPage = (query) => read("/api/suspects", { ...query, offset: 0, limit: 100 });

const loadLine = async (top = undefined) => {
  const query = filters();
  const found = [];
  for (let offset = 0, total = 1; offset < total && found.length < 4 * AHEAD; offset += 100) {
    const answer = await (offset === 0 ? (top ?? firstPage(query)) : read("/api/suspects", { ...query, offset, limit: 100 }));
    total = answer.total;
    found.push(...answer.faces.filter((face) => !handled.has(face.row)));
  }
  if (query === filters()) line = found;
};

const next = async () => {
  const candidate = () => line.find((face) => !handled.has(face.row) && face.row !== current?.row);
  const before = current;
  for (let attempt = 0; !candidate(); attempt += 1) {
    try {
      await loadLine();
      break;
    } catch (error) {
      seen = null;
      blank(error.message);
      await pause(attempt);
    }
    if (current !== before) return; // another face was taken in hand meanwhile
  }
  await hold(candidate());
};

// ---- the ranking and the list follow the decisions

let refreshing = null;
const refresh = async () => {
  refreshing ??= (async () => {
    const top = firstPage(filters());
    await Promise.all([loadLine(top), list.load(filters(), false, top)]);
    forget();
    if (!current) await next();
    else prefetch(line.filter((face) => face.row !== current.row).slice(0, AHEAD).map((face) => face.row));
  })().finally(() => (refreshing = null));
  return refreshing;
};

const LISTED_MS = 3000; // how long the list stays as it is while others decide all the time
let timer;
let listed = null; // the status that the list shows
let listedAt = 0;
let behind = 100; // the wait for the ranking grows, because a busy server has many who wait
const watch = async () => {
  clearTimeout(timer);
  let wait = 4000;
  try {
    const now = await read("/api/status");
    const isNew = now.ranked !== listed?.ranked || now.events !== listed?.events;
    status = now;
    showLeft(now);
    if (isNew && (now.ranked >= now.events || performance.now() - listedAt > LISTED_MS)) {
      await refresh();
      listed = now;
      listedAt = performance.now();
    }
    behind = now.ranked < now.events ? Math.min(1.5 * behind, 4000) : 100;
    if (behind > 100) wait = behind;
  } catch (error) {
    if (error.status === 401) toast(error.message, true); // otherwise the server is being started again
  }
  timer = setTimeout(watch, document.hidden ? 20000 : wait);
};

// ---- decisions

const decide = async ({ decision, label = "" }) => {
  if (!reviewer) return askName();
  const faces = chosen.length ? chosen : current && seen === current.row ? [current] : [];
  if (!faces.length) return undefined;
  const fixed = faces.find((face) => face.split !== "train");
  if (fixed) return toast(`A ${fixed.split} label is never changed.`, true);
  const rows = faces.map((face) => face.row);
  const why = byId("why").value.trim();
  byId("why").value = "";
  const isCurrent = current !== null && rows.includes(current.row);
  for (const row of rows) handled.add(row);
  const what = rows.length > 1 ? plural(rows.length, "face") : faces[0].image.split("/").pop();
  const stored = save("/api/decisions", { rows, decision, label, why }, `saved: ${what} ${DONE[decision]} ${label}`);
  if (chosen.length) list.select([]);
  const moved = isCurrent ? next() : undefined;
  try {
    await stored;
    behind = 100;
    watch();
  } catch (error) {
    for (const row of rows) handled.delete(row);
    toast(`Not saved: ${error.message}`, true);
    await moved;
    await hold(faces[0]);
  }
  return moved;
};

const undo = async () => {
  if (!reviewer) return askName();
  try {
    const { rows } = await save("/api/undo", {}, "undone");
    if (!rows.length) return toast("There is nothing to undo.");
    for (const row of rows) handled.delete(row);
    const { face } = await read(`/api/faces/${rows[0]}`);
    forget();
    await hold(face);
    watch();
  } catch (error) {
    toast(error.message, true);
  }
  return undefined;
};

const pass = () => {
  if (current) handled.add(current.row);
  return next();
};

const back = async () => {
  const row = past.pop();
  if (row === undefined) return;
  handled.delete(row);
  const { face } = await read(`/api/faces/${row}`);
  await hold(face, true);
};

// ---- names, keys, dialogs

const askName = () => {
  byId("reviewer").value = reviewer;
  byId("naming-error").textContent = "";
  byId("naming").showModal();
};

byId("naming").querySelector("form").addEventListener("submit", async (event) => {
  event.preventDefault();
  try {
    await write("/api/session/reviewer", { name: byId("reviewer").value });
    reviewer = (await read("/api/session")).reviewer;
    byId("who").textContent = reviewer;
    byId("naming").close();
    watch();
  } catch (error) {
    byId("naming-error").textContent = error.message;
  }
});

const showContext = () => {
  if (!current || byId("show-context").hidden) return;
  byId("whole").src = picture(current.row, "context");
  byId("context").showModal();
};

const KEYS = [
  ["K", "keep the label"],
  ["1 to 7", "relabel; or the letter of the emotion:"],
  ["Enter", "relabel as suggested"],
  ["X or R", "remove the face"],
  ["U", "unsure"],
  ["Z", "undo"],
  ["← → (or J L)", "previous and next face, without a decision"],
  ["C", "whole picture"],
  ["Tab to the list", "arrows move, Space chooses, Shift with arrows chooses several, Enter takes in hand, Ctrl A chooses up to 500"],
  ["Esc", "choose none"],
  ["?", "these keys"],
];
const letters = lettersOf(emotions).map((letter, index) => `${letter.toUpperCase()} ${emotions[index]}`);
byId("key-list").replaceChildren(
  ...KEYS.map(([key, words]) =>
    make("div", {}, make("dt", {}, make("kbd", {}, key)), make("dd", {}, words.endsWith(":") ? `${words} ${letters.join(", ")}` : words)),
  ),
);
const keysOn = byId("keys-on");
keysOn.checked = localStorage.getItem("bimodal-keys") !== "off";
keysOn.addEventListener("change", () => localStorage.setItem("bimodal-keys", keysOn.checked ? "on" : "off"));

document.addEventListener("keydown", (event) => {
  if (event.defaultPrevented || isTyping(event) || document.querySelector("dialog[open]")) return;
  if (event.key === "?") return byId("keys").showModal();
  if (event.key === "Escape" && chosen.length) return list.select([]);
  if (!keysOn.checked) return undefined;
  if ((event.key === "Enter" || event.key === " ") && event.target.closest("button, a, summary, label")) return undefined;
  const key = event.key.toLowerCase();
  const isPlain = !event.ctrlKey && !event.metaKey && !event.altKey;
  const act =
    key === "z" && !event.altKey ? undo
    : !isPlain ? null
    : key === "arrowright" || key === "l" ? pass
    : key === "arrowleft" || key === "j" ? back
    : key === "c" ? showContext
    : key === "enter" && current && !chosen.length ? () => decide({ decision: "relabel", label: current.suggested })
    : null;
  const decision = act ? null : decisionOf(event, emotions);
  if (!act && !decision) return undefined;
  event.preventDefault();
  if (event.repeat && decision) return undefined; // a key held down decides once
  return act ? act() : decide(decision);
});

byId("actions").addEventListener("click", (event) => {
  const button = event.target.closest("button[data-decision]");
  if (button) decide(button.dataset);
});
for (const [id, act] of [
  ["undo", undo],
  ["previous", back],
  ["next", pass],
  ["who", askName],
  ["help", () => byId("keys").showModal()],
  ["choose-none", () => list.select([])],
  ["show-context", showContext],
])
  byId(id).addEventListener("click", act);
for (const dialog of document.querySelectorAll("dialog:not(#naming)"))
  dialog.querySelector("form").addEventListener("submit", () => dialog.close());

// ---- start

const begin = async () => {
  handled = new Set();
  past = [];
  line = [];
  forget();
  const top = firstPage(filters());
  await Promise.all([loadLine(top), list.load(filters(), true, top)]);
  current = null;
  await next();
};
status = await read("/api/status");
showLeft(status);
await bindFilters(begin, status.has_issues);
listed = status;
await begin();
timer = setTimeout(watch, 2000);
if (!reviewer) askName();
