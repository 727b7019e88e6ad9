// A face with the pixels that speak for an emotion (orange) and against it (blue).

import { make } from "./dom.js";

const SIDE = 224;
const STRENGTH = 0.62; // of the colour where the effect is largest

const faceOf = async (base64) => {
  const bytes = Uint8Array.from(atob(base64), (letter) => letter.charCodeAt(0));
  return createImageBitmap(new Blob([bytes], { type: "image/jpeg" }));
};

/** Return a drawing of an explanation, with its words. */
export const heatOf = async ({ cells, face, emotion }) => {
  const canvas = make("canvas", { width: SIDE, height: SIDE, role: "img" });
  const context = canvas.getContext("2d");
  context.drawImage(await faceOf(face), 0, 0, SIDE, SIDE);
  const most = Math.max(...cells.flat().map(Math.abs), 1e-6);
  const small = make("canvas", { width: cells.length, height: cells.length });
  const map = small.getContext("2d");
  cells.forEach((line, y) =>
    line.forEach((value, x) => {
      const [red, green, blue] = value > 0 ? [213, 94, 0] : [0, 114, 178];
      map.fillStyle = `rgb(${red} ${green} ${blue} / ${(STRENGTH * Math.abs(value)) / most})`;
      map.fillRect(x, y, 1, 1);
    }),
  );
  context.imageSmoothingQuality = "high";
  context.drawImage(small, 0, 0, SIDE, SIDE);
  const strongest = cells.flat().reduce((best, value, index, all) => (value > all[best] ? index : best), 0);
  const [row, column] = [Math.floor(strongest / cells.length), strongest % cells.length];
  const third = (at, names) => names[Math.min(2, Math.floor((3 * (at + 0.5)) / cells.length))];
  const where = `${third(row, ["upper", "middle", "lower"])} ${third(column, ["left", "centre", "right"])}`;
  const largest = Math.max(...cells.flat());
  const words =
    largest > 0.005
      ? `Blurring the ${where} part lowers the probability of ${emotion} most: to ${Math.round(100 * Math.exp(-largest))}\u00a0% of its value.`
      : `No part alone carries ${emotion}: blurring none of them lowers its probability.`;
  canvas.setAttribute("aria-label", words);
  return make("div", { class: "heat" }, canvas, make("p", {}, make("span", { class: "for" }), `speaks for ${emotion}`, make("br"), make("span", { class: "against" }), "speaks against it", make("br"), words));
};
