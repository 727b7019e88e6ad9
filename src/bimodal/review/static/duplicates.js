// Near-duplicates beside each other, those with several labels first.

import { picture, read } from "./api.js";
import { byId, make, plural } from "./dom.js";

const AGAIN_MS = 1000;

const captionOf = (face) => {
  const decision = face.decision ? `, ${face.decision.decision}` : "";
  return `${face.label}, ${face.split}${decision}`;
};

const itemOf = (faces, review) => {
  const differ = new Set(faces.map((face) => face.label)).size > 1;
  const button = make("button", { type: "button" }, "Review");
  const rows = faces.filter((face) => face.split === "train").map((face) => face.row);
  button.disabled = rows.length === 0;
  button.addEventListener("click", () => review(rows));
  return make(
    "li",
    { class: differ ? "differ" : null },
    make("div", { class: "pictures" }, ...faces.map((face) => make("figure", {}, make("img", { src: picture(face.row, 96), alt: `Face labelled ${face.label}`, width: "96", height: "96", loading: "lazy" }), make("figcaption", {}, captionOf(face))))),
    button,
    differ ? " The labels differ." : "",
  );
};

/** Ask until the search has ended, and list the groups; `review` opens rows in the review. */
export const showDuplicates = async (review) => {
  const state = byId("duplicates-state");
  byId("look").hidden = true;
  try {
    const found = await read("/api/map/duplicates");
    if (found.state === "working") {
      state.textContent = found.of > 0 ? `${found.what}: ${found.done} of ${found.of}` : `${found.what} …`;
      setTimeout(() => showDuplicates(review), AGAIN_MS);
      return;
    }
    if (found.state === "failed") {
      state.textContent = found.what;
      byId("look").hidden = false;
      return;
    }
    const more = found.total > found.groups.length ? `; the first ${found.groups.length} are shown` : "";
    state.textContent = found.total === 0 ? "No two pictures are near-duplicates." : `${plural(found.total, "group")} of pictures that look alike at 16 by 16 pixels: mostly one picture in another size, brightness, compression or crop, or of the same scene${more}.`;
    byId("duplicates").replaceChildren(...found.groups.map((faces) => itemOf(faces, review)));
  } catch (error) {
    state.textContent = error.message;
    byId("look").hidden = false;
  }
};
