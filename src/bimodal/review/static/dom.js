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
  if (value > 0.99) return "over 99\u00a0%";
  return value >= 0.01 ? `${Math.round(100 * value)}\u00a0%` : "under 1\u00a0%";
};

/** A share in per cent. */
export const share = (part, whole) => `${Math.round((100 * part) / Math.max(whole, 1))}\u00a0%`;

/** A number with a minus sign of its width. */
export const decimal = (value, digits = 2) => value.toFixed(digits).replace("-", "\u2212");

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
