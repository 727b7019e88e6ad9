// Which key means which decision, for the page of a review and for suspects.html.

const TAKEN = "kxruzcjl"; // keep, remove, unsure, undo, whole picture, next, previous

/** The letter of each emotion: its first letter that no earlier one and no decision has. */
export const lettersOf = (names) => {
  const used = new Set(TAKEN);
  return names.map((name) => {
    const letter = [...name].find((each) => !used.has(each)) ?? "";
    used.add(letter);
    return letter;
  });
};

/** The decision that a key press means; null if none. */
export const decisionOf = (event, names) => {
  if (event.ctrlKey || event.metaKey || event.altKey) return null;
  const key = event.key.toLowerCase();
  if (key === "k") return { decision: "keep" };
  if (key === "x" || key === "r" || key === "delete") return { decision: "remove" };
  if (key === "u") return { decision: "unsure" };
  const number = /^[1-9]$/.test(key) ? Number(key) - 1 : lettersOf(names).indexOf(key);
  return number >= 0 && number < names.length ? { decision: "relabel", label: names[number] } : null;
};

/** Whether the user writes text or chooses from a list, so that keys have another meaning. */
export const isTyping = (event) =>
  Boolean(event.target.closest?.("input:not([type=radio], [type=checkbox]), textarea, select"));
