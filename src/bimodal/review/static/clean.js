// The tab Clean data: what becomes of the decisions.

import { read, write } from "./api.js";
import { byId, count, make, plural, toast } from "./dom.js";

const WORDS = [
  ["keep", "kept"],
  ["relabel", "relabelled"],
  ["remove", "removed"],
  ["unsure", "unsure"],
];
const buttons = [...document.querySelectorAll("[data-kind]")];

const explain = (error) => toast(error.message.includes("POST /api/session/reviewer") ? "Give your name on the tab Review first." : error.message, true);

const showCounts = async () => {
  const status = await read("/api/status");
  const parts = WORDS.map(([name, words]) => `${count(status.decisions[name] ?? 0)} ${words}`);
  byId("counts").textContent = `${plural(status.decided, "face")} of ${count(status.faces)} decided: ${parts.join(", ")}. ${plural(status.disagreements, "disagreement")}.`;
};

byId("file").addEventListener("change", async (event) => {
  const [file] = event.target.files;
  if (!file) return;
  try {
    const { added } = await write("/api/decisions.csv", new Blob([file], { type: "text/csv" }));
    toast(`${plural(added, "decision")} added.`);
    await showCounts();
  } catch (error) {
    explain(error);
  }
  event.target.value = "";
});

byId("write").addEventListener("click", async () => {
  byId("write").disabled = true;
  try {
    const cleaned = await write("/api/cleaned");
    byId("written").replaceChildren(
      `${count(cleaned.removed)} removed, ${count(cleaned.relabelled)} relabelled, ${count(cleaned.kept)} kept by decision. Next: `,
      make("code", {}, `bimodal train ${cleaned.folder} --out RUN`),
    );
  } catch (error) {
    byId("written").textContent = "";
    explain(error);
  }
  byId("write").disabled = false;
});

const sentence = (text) => text.charAt(0).toUpperCase() + text.slice(1);
let isStopping = false;
const follow = async () => {
  const { state, what, done, total } = await read("/api/comparison");
  const isWorking = state === "working";
  byId("step").textContent = isWorking && isStopping ? "Stopping …" : sentence(what) + (isWorking && total ? `: ${count(done)} of ${count(total)}` : "");
  byId("step").className = state === "failed" ? "error" : "";
  byId("bar").hidden = !isWorking;
  if (total) {
    byId("bar").max = total;
    byId("bar").value = done;
  } else byId("bar").removeAttribute("value");
  for (const button of buttons) button.disabled = isWorking;
  byId("stop").hidden = !isWorking;
  isStopping &&= isWorking;
  if (isWorking) setTimeout(() => follow().catch(explain), 500);
};
for (const button of buttons)
  button.addEventListener("click", async () => {
    try {
      await write("/api/comparison", { kind: button.dataset.kind });
    } catch (error) {
      return explain(error);
    }
    return follow().catch(explain);
  });

byId("stop").addEventListener("click", async () => {
  isStopping = true;
  try {
    await write("/api/comparison/stop");
  } catch (error) {
    explain(error);
  }
});

await showCounts();
await follow();
