// The faces of a picture: boxes on the picture, probabilities as bars, and on demand which pixels speak for them.

import { write } from "./api.js";
import { make, percent } from "./dom.js";
import { heatOf } from "./heat.js";

const bestOf = (face) => Object.entries(face.probabilities).reduce((best, each) => (each[1] > best[1] ? each : best));

/** Boxes over a picture that fills its element. */
export const boxesOf = ({ width, height, faces }) =>
  faces
    .filter((face) => face.box)
    .map((face, index) => {
      const [left, top, wide, high] = face.box;
      const [name, probability] = bestOf(face);
      const box = make("div", { class: top < 0.06 * height ? "box low" : "box" }, make("span", {}, `${faces.length > 1 ? `${index + 1} ` : ""}${name} ${percent(probability)}`));
      Object.assign(box.style, { left: `${(100 * left) / width}%`, top: `${(100 * top) / height}%`, width: `${(100 * wide) / width}%`, height: `${(100 * high) / height}%` });
      return box;
    });

const barsOf = (face, title) => {
  const top = bestOf(face)[0];
  const rows = Object.entries(face.probabilities).map(([name, value]) => {
    const fill = make("span", { class: "fill" });
    fill.style.width = `${100 * value}%`;
    return make("tr", { class: name === top ? "top" : null }, make("th", { scope: "row" }, name), make("td", { class: "track" }, fill), make("td", { class: "number" }, percent(value)));
  });
  return [make("h3", {}, `${title}: ${top}`), make("table", {}, make("tbody", {}, ...rows))];
};

/** The emotions of each face; without `explain`, for a camera, no explanation is offered. */
export const facesOf = (prediction, explain = null) => {
  const { faces } = prediction;
  if (faces.length === 0) return [make("p", {}, prediction.note || "No face.")];
  return faces.map((face, index) => {
    const person = make("div", { class: "person" }, ...barsOf(face, faces.length > 1 ? `Face ${index + 1}` : "Face"));
    if (!explain) return person;
    const choice = make("select", { "aria-label": "Emotion" }, ...Object.keys(face.probabilities).map((name) => make("option", {}, name)));
    choice.value = bestOf(face)[0];
    const button = make("button", { type: "button" }, "Which pixels speak for it?");
    const place = make("div", { role: "status" });
    const show = async () => {
      button.disabled = true;
      try {
        place.replaceChildren(await heatOf(await explain(index, choice.value)));
      } catch (error) {
        place.replaceChildren(make("p", { class: "error" }, error.message));
      }
      button.disabled = false;
    };
    button.addEventListener("click", show);
    choice.addEventListener("change", () => place.hasChildNodes() && show());
    person.append(make("div", { class: "why" }, button, choice), place);
    return person;
  });
};

const query = (options) => new URLSearchParams(Object.entries(options).filter(([, value]) => value !== ""));

/** Ask the server about a picture. Options: `detect`, `camera`, and `run`, the number of a run, or empty. */
export const predict = (picture, options) => write(`/api/predict?${query(options)}`, picture);
export const explainer = (picture, options) => (face, emotion) => write(`/api/predict/explanation?${query({ ...options, face, emotion })}`, picture);
