// Decisions on their way to the server's disk, one after the other, so that an undo never overtakes a decision.

import { writeSurely } from "./api.js";
import { byId } from "./dom.js";

const place = byId("saved") ?? document.createElement("p"); // not every tab shows it
let waiting = 0;
let last = Promise.resolve();

const show = (text, isBad = false) => {
  place.textContent = text;
  place.classList.toggle("error", isBad);
};

/** Send a decision or an undo after all earlier ones; the promise is that of the server's answer: it is on the disk. */
export const save = (path, body, done) => {
  waiting += 1;
  show(waiting > 1 ? `saving ${waiting}…` : "saving…");
  const sent = last.then(() => writeSurely(path, body, (error) => show(`not saved yet: ${error.message}`, true)));
  last = sent.then(
    () => {
      waiting -= 1;
      show(waiting ? `saving ${waiting}…` : done);
    },
    (error) => {
      waiting -= 1;
      show(`not saved: ${error.message}`, true);
    },
  );
  return sent;
};

addEventListener("beforeunload", (event) => {
  if (waiting) event.preventDefault();
});
