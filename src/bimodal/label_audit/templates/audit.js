(() => {
  const bar = document.getElementById("bar");
  const count = document.getElementById("count");
  const by = document.getElementById("by");
  const save = document.getElementById("save");
  const key = "bimodal-audit-" + JSON.parse(bar.dataset.key);
  const cards = [...document.querySelectorAll(".card")].map((element) => ({
    element,
    image: JSON.parse(element.dataset.image),
    radios: [...element.querySelectorAll("input[type=radio]")],
    label: element.querySelector("select"),
    why: element.querySelector(".why"),
    given: element.dataset.label,
    suggested: element.dataset.suggested,
  }));
  let unsaved = false;

  const decision = (card) => card.radios.find((radio) => radio.checked).value;
  const decided = () => cards.filter((card) => decision(card) !== "");

  // Decisions stored by earlier pages of the same faces stay, also of faces that are not on this page.
  let saved = new Map();
  const recall = () => {
    try {
      const stored = JSON.parse(localStorage.getItem(key)) || { by: "", decisions: [] };
      saved = new Map(stored.decisions);
      by.value = stored.by;
    } catch {
      return; // no storage, or no decisions in it
    }
    for (const card of cards) {
      const earlier = saved.get(card.image);
      const radio = earlier && card.radios.find((radio) => radio.value === earlier.decision);
      if (!radio) continue;
      radio.checked = true;
      card.why.value = earlier.why;
      if ([...card.label.options].some((option) => option.value === earlier.label)) card.label.value = earlier.label;
    }
  };
  const remember = () => {
    for (const card of cards) saved.delete(card.image);
    for (const card of decided())
      saved.set(card.image, { decision: decision(card), label: card.label.value, why: card.why.value });
    try {
      localStorage.setItem(key, JSON.stringify({ by: by.value, decisions: [...saved] }));
    } catch {
      // no storage: the browser warns before the page closes
    }
  };

  const show = () => {
    for (const card of cards) card.element.classList.toggle("decided", decision(card) !== "");
    const done = decided().length;
    count.textContent = `${done} of ${cards.length} decided${unsaved && done ? ", not saved" : ""}`;
    save.disabled = done === 0;
  };

  // as bimodal/cells.py: no spreadsheet takes a text for a formula, and bimodal reads it back the same
  const formula = /^'*[=+\-@\t\r\n\uff1d\uff0b\uff0d\uff20]/;
  const cell = (text) => (formula.test(text) ? `'${text}` : text);
  const quoted = (text) => `"${cell(text).replaceAll('"', '""')}"`;
  const csv = () => {
    const rows = decided().map((card) => {
      const choice = decision(card);
      const label = choice === "relabel" ? card.label.value : "";
      return [card.image, choice, label, by.value.trim(), card.why.value.trim() || "reviewed"].map(quoted).join(",");
    });
    return ["image,decision,label,by,why", ...rows, ""].join("\n");
  };

  document.addEventListener("input", (event) => {
    const card = cards.find((card) => card.element.contains(event.target));
    if (card && event.target === card.label) card.radios.find((radio) => radio.value === "relabel").checked = true;
    if (!card && event.target !== by) return;
    unsaved = true;
    remember();
    show();
  });
  save.addEventListener("click", () => {
    const link = document.createElement("a");
    link.href = URL.createObjectURL(new Blob([csv()], { type: "text/csv" }));
    link.download = "decisions.csv";
    link.click();
    setTimeout(() => URL.revokeObjectURL(link.href), 60000);
    unsaved = false;
    show();
  });
  window.addEventListener("beforeunload", (event) => {
    if (unsaved && decided().length) event.preventDefault();
  });

  // Keys, as in the page of bimodal review: the card with the focus is decided, and the next one gets the focus.
  const names = JSON.parse(bar.dataset.names);
  const focus = (card) => card && card.element.focus();
  const decide = (card, { decision: choice, label }) => {
    const value = label === card.given ? "keep" : choice === "unsure" ? "" : choice;
    card.radios.find((radio) => radio.value === value).checked = true;
    if (value === "relabel") card.label.value = label;
    unsaved = true;
    remember();
    show();
  };
  document.addEventListener("keydown", (event) => {
    if (isTyping(event)) return;
    const at = cards.findIndex((card) => card.element.contains(document.activeElement));
    const here = at >= 0 ? cards[at] : cards.find((card) => decision(card) === "");
    if (!here || event.ctrlKey || event.metaKey || event.altKey) return;
    if (event.key === "j" || event.key === "l") focus(at < 0 ? here : cards[at + (event.key === "l" ? 1 : -1)]);
    else {
      const isSuggestion = event.key === "Enter" && !event.target.closest("button, a, summary");
      const choice = isSuggestion ? { decision: "relabel", label: here.suggested } : decisionOf(event, names);
      if (!choice || event.repeat) return;
      decide(here, choice);
      focus(cards[cards.indexOf(here) + 1]);
    }
    event.preventDefault();
  });

  document.documentElement.classList.add("js");
  for (const card of cards) card.radios[0].checked = true; // the browser would restore other choices
  recall();
  show();
})();
