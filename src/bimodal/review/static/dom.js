// Small helpers for elements. Text is set as text, never as HTML.

export const byId = (id) => document.getElementById(id);

/** Make an element: its attributes or properties, and its children (elements or texts). */
export const make = (name, attributes = {}, ...children) => {
  const element = document.createElement(name);
  for (const [key, value] of Object.entries(attributes)) {
    if (value === undefined || value === null || value === false) continue;
    if (key in element && typeof value !== "string") element[key] = value;
    else element.setAttribute(key, value);
  }
  element.append(...children);
  return element;
};

/** A probability in per cent, never 0 or 100. */
export const percent = (value) => {
  if (value > 0.99) return "over 99 %";
  return value >= 0.01 ? `${Math.round(100 * value)} %` : "under 1 %";
};

export const count = (number) => number.toLocaleString("en");
export const plural = (number, word) => `${count(number)} ${word}${number === 1 ? "" : "s"}`;

let hiding;
/** Show a message for some seconds; it is read aloud. */
export const toast = (text, isError = false) => {
  const box = byId("toast");
  box.textContent = text;
  box.className = isError ? "shown bad" : "shown";
  clearTimeout(hiding);
  hiding = setTimeout(() => (box.className = ""), isError ? 9000 : 3000);
};
