// Which faces to show. The filters stand in the address, so that a reload, or a link of another tab, keeps them.

import { read } from "./api.js";
import { byId, make } from "./dom.js";

const START = { suspects: "true", state: "open", label: "", suggested: "", split: "train", flag: "", person: "", least: "", selection: "" };
const fields = [...document.querySelectorAll("[data-filter]")];
let start = START;
let chosen = START;

/** The filters as a query; the same object until one changes. */
export const filters = () => chosen;

const describe = () => {
  const given = fields.filter((field) => chosen[field.dataset.filter] !== start[field.dataset.filter]);
  byId("filtered").textContent = given.map((field) => (field.tagName === "SELECT" ? field.selectedOptions[0]?.textContent : field.value)).join(" · ");
  byId("reset").disabled = given.length === 0;
};

const take = (changed) => {
  chosen = Object.fromEntries(fields.map((field) => [field.dataset.filter, field.value.trim()]));
  if (chosen.split !== "train") Object.assign(chosen, { suspects: "", state: "all" }); // decisions are about training labels
  const query = new URLSearchParams(Object.entries(chosen).filter(([name, value]) => value !== start[name])).toString();
  history.replaceState(null, "", query ? `?${query}` : location.pathname);
  describe();
  changed();
};

const choicesRead = read("/api/suspects/choices"); // asked for while the page asks for its status
choicesRead.catch(() => {}); // `bindFilters` reports it

/** Fill the fields, and call `changed` after each change. */
export const bindFilters = async (changed, hasIssues) => {
  const choices = await choicesRead;
  for (const [name, values] of [
    ["split", choices.splits],
    ["flag", choices.flags],
  ])
    fields.find((field) => field.dataset.filter === name).append(...values.map((value) => make("option", {}, value)));
  byId("persons").append(...choices.persons.map((name) => make("option", { value: name })));
  byId("person").hidden = choices.persons.length === 0;
  if (!hasIssues) start = { ...START, suspects: "" };
  const given = new URLSearchParams(location.search);
  byId("least").hidden = !given.has("least");
  byId("selection").hidden = !given.has("selection");
  for (const field of fields) {
    field.value = given.get(field.dataset.filter) ?? start[field.dataset.filter];
    if (field.tagName === "SELECT" && field.selectedIndex < 0) field.value = start[field.dataset.filter];
    field.addEventListener("change", () => take(changed));
  }
  chosen = Object.fromEntries(fields.map((field) => [field.dataset.filter, field.value]));
  byId("filters").open = matchMedia("(min-width: 1100px)").matches || given.size > 0;
  byId("reset").addEventListener("click", () => {
    for (const field of fields) field.value = start[field.dataset.filter];
    take(changed);
  });
  describe();
};
