// The face in hand: its picture, and why its label is suspected.

import { picture, read } from "./api.js";
import { byId, count, make, percent, plural } from "./dom.js";
import { chart } from "./svg.js";

const FLAGS = {
  blank: "a picture of a single colour",
  "no-face": "no face was found",
  "several-faces": "several faces of similar size, and no box",
  duplicate: "the picture occurs more than once",
  "two-labels": "a copy has another label",
  "also-in-val": "a copy is in validation",
  "also-in-test": "a copy is in test",
  rare: "a rare emotion in these data",
};
const WORDS = { keep: "kept", remove: "removed", unsure: "was unsure", relabel: "relabelled" };

const AHEAD = 2; // the evidence changes with every fit of the ranking, the pictures never
const ahead = new Map(); // row -> promise of its evidence
const pictured = new Map(); // row -> its picture

/** Fetch faces that will probably be shown next, with their pictures. */
export const prefetch = (rows) => {
  for (const row of ahead.keys()) if (!rows.includes(row)) ahead.delete(row);
  for (const row of rows) if (!pictured.has(row)) pictured.set(row, Object.assign(new Image(), { src: picture(row, 384) }));
  for (const row of pictured.keys()) if (!rows.includes(row)) pictured.delete(row);
  for (const row of rows.slice(0, AHEAD))
    if (!ahead.has(row)) {
      const evidence = read(`/api/faces/${row}`);
      evidence.catch(() => ahead.delete(row));
      ahead.set(row, evidence);
    }
};

/** Forget what was fetched: the ranking has changed. */
export const forget = () => ahead.clear();

export const evidenceOf = (row) => ahead.get(row) ?? read(`/api/faces/${row}`);

const bar = ({ label, probability }, face) => {
  const kind = label === face.label ? "given" : label === face.suggested ? "suggested" : "";
  const fill = make("span", { class: "fill" });
  fill.style.width = `${100 * probability}%`;
  return make(
    "tr",
    { class: kind },
    make("th", { scope: "row" }, label),
    make("td", { class: "track" }, fill),
    make("td", { class: "number" }, percent(probability)),
  );
};

const similar = ({ label, rows }) =>
  make(
    "div",
    { class: "similar-of" },
    make("h3", {}, `most similar, labelled ${label}`),
    make(
      "div",
      { class: "similar" },
      ...(rows.length
        ? rows.map((row) => make("img", { src: picture(row, 96), alt: `similar face labelled ${label}`, width: "80", height: "80" }))
        : [make("span", { class: "soft" }, "no trusted label")]),
    ),
  );

const lossWords = (loss) =>
  `Mean training loss over ${plural(loss.epochs, "epoch")} of ${loss.run}: ${loss.mean.toFixed(2)}; ` +
  `${percent(loss.above)} of the training faces have a lower one.`;

/** The loss by epoch and the median of the faces with the same label; nothing if the run has kept neither. */
const lossCurve = ({ by_epoch: own, class_median: median, removed_after: removed }, label) => {
  if (!own.some((loss) => loss !== null)) return [];
  const x = own.map((_, index) => index + 1);
  const lines = [
    { x, y: median, hue: 0, second: true },
    { x, y: own, hue: 1 },
  ];
  const last = own.findLastIndex((loss) => loss !== null);
  const words = `Training loss by epoch. In epoch ${last + 1}: this face ${own[last].toFixed(2)}, median of the faces labelled ${label} ${median[last]?.toFixed(2)}.`;
  const legend = make(
    "figcaption",
    {},
    make("span", { class: "key hue1" }, "this face"),
    make("span", { class: "key hue0" }, `median of the faces labelled ${label}`),
    ...(removed ? [`removed after epoch ${removed}`] : []),
  );
  return [make("figure", { class: "losses" }, chart(lines, removed ? [{ x: removed, hue: 1 }] : [], words, [340, 120]), legend)];
};

const decided = ({ reviewer, decision, label, why, time }) => {
  const when = new Date(time).toLocaleString([], { dateStyle: "medium", timeStyle: "short" });
  return make("div", {}, `${reviewer} ${[WORDS[decision], label].filter(Boolean).join(" ")}${why ? ` (${why})` : ""}, ${when}`);
};

let hasIssues = true;

const doubtOf = (face) => {
  if (face.probability === null) return `A ${face.split} label: it is shown, and never changed.`;
  if (!hasIssues) return "There is no evidence of wrong labels, so the predictions only give an order.";
  return `The label is wrong with a probability of ${percent(face.probability)}.`;
};

/** Show a face with its evidence. */
export const show = ({ face, probabilities, neighbours, loss, has_context: hasContext, decisions }) => {
  const large = byId("large");
  byId("face").hidden = false;
  large.src = picture(face.row, 384);
  large.alt = `Face labelled ${face.label}`;
  byId("claim").replaceChildren("Given ", make("b", {}, face.label), ", suggested ", make("b", {}, face.suggested));
  byId("doubt").textContent = doubtOf(face);
  byId("bars").replaceChildren(...probabilities.map((each) => bar(each, face)));
  byId("neighbours").replaceChildren(...neighbours.map(similar));
  byId("loss").replaceChildren(...(loss ? [make("p", {}, lossWords(loss)), ...lossCurve(loss, face.label)] : []));
  byId("notes").textContent = face.flags.map((flag) => FLAGS[flag] ?? flag).join(" · ");
  byId("name").textContent = [face.image, face.person && `person ${face.person}`].filter(Boolean).join(" · ");
  byId("show-context").hidden = !hasContext;
  byId("earlier").hidden = decisions.length === 0;
  byId("earlier").replaceChildren(...decisions.map(decided), ...(face.agreed ? [] : ["Reviewers disagree; the last decision counts."]));
  for (const button of document.querySelectorAll("#actions [data-label]")) {
    button.classList.toggle("suggested", button.dataset.label === face.suggested);
    button.classList.toggle("given", button.dataset.label === face.label);
  }
};

/** Show no face, and why. */
export const blank = (why) => {
  byId("face").hidden = false;
  byId("large").removeAttribute("src");
  byId("large").alt = "";
  byId("claim").textContent = "Loading the face";
  byId("doubt").textContent = why;
  for (const id of ["bars", "neighbours", "loss", "notes", "name"]) byId(id).replaceChildren();
  for (const id of ["show-context", "earlier"]) byId(id).hidden = true;
};

/** Say how many labels are probably wrong among the undecided ones. */
export const showLeft = (status) => {
  hasIssues = status.has_issues;
  const number = Math.round(status.left);
  byId("left").replaceChildren(
    make("b", {}, status.has_issues || status.decided ? `about ${count(number)} wrong` : "no evidence of wrong labels"),
    ...(status.has_issues || status.decided ? [make("span", { class: "soft" }, ` left (${count(status.left_low)}–${count(status.left_high)})`)] : []),
    make("span", { class: "soft" }, ` · ${count(status.decided)} decided`),
  );
};
