// The audit that comes before the first review: its progress.

import { read } from "./api.js";
import { byId, count } from "./dom.js";

const step = byId("step");
const bar = byId("bar");

const look = async () => {
  try {
    const health = await read("/api/health");
    if (health.state === "ready") return location.reload();
    step.textContent = health.what + (health.total ? `: ${count(health.done)} of ${count(health.total)}` : "");
    if (health.total) {
      bar.max = health.total;
      bar.value = health.done;
    } else bar.removeAttribute("value");
    if (health.state === "failed") {
      step.className = "error";
      bar.hidden = true;
      return undefined;
    }
  } catch (error) {
    step.textContent = error.message;
  }
  return setTimeout(look, 400);
};
look();
