// The tab Try: pictures that are chosen, dropped or pasted, and the camera.

import { read } from "./api.js";
import { byId, make, plural } from "./dom.js";
import { bindCamera } from "./camera.js";
import { boxesOf, explainer, facesOf, predict } from "./prediction.js";

const MAX_BYTES = 24 * 2 ** 20;
const KEPT = 20; // results on the page

const drop = byId("drop");
const results = byId("results");
const say = (text, isError = false) => {
  byId("state").textContent = text;
  byId("state").className = isError ? "error" : "soft";
};

const tryOne = async (file) => {
  if (file.size > MAX_BYTES) throw new Error(`larger than ${MAX_BYTES / 2 ** 20} MiB`);
  const options = { detect: !byId("cropped").checked, run: byId("network").value };
  const found = await predict(file, options);
  const address = URL.createObjectURL(file);
  const image = make("img", { alt: `${plural(found.faces.length, "face")} in ${file.name || "the pasted picture"}`, src: address });
  const stage = make("div", { class: "stage" }, image);
  image.addEventListener("load", () => stage.append(...boxesOf(found)));
  image.addEventListener("error", () => stage.replaceChildren(make("p", { class: "soft" }, "The browser cannot show this format.")));
  const side = make("div", {}, make("h2", {}, file.name || "Pasted picture"), make("p", { class: "soft" }, `by ${found.network}`), ...facesOf(found, explainer(file, options)));
  const item = make("article", { class: "result" }, make("div", {}, stage), side);
  item.address = address;
  results.prepend(item);
  while (results.children.length > KEPT) {
    URL.revokeObjectURL(results.lastChild.address);
    results.lastChild.remove();
  }
};

let queue = Promise.resolve();
const tryAll = (files) => {
  queue = queue.then(async () => {
    const problems = [];
    for (const [index, file] of files.entries()) {
      say(`Picture ${index + 1} of ${files.length} …`);
      try {
        await tryOne(file);
      } catch (error) {
        problems.push(`${file.name || "picture"}: ${error.message}`);
      }
    }
    say(problems.length > 0 ? problems.join(" · ") : "", problems.length > 0);
  });
};

byId("files").addEventListener("change", (event) => {
  tryAll([...event.target.files]);
  event.target.value = "";
});
for (const name of ["dragenter", "dragover"])
  document.addEventListener(name, (event) => {
    event.preventDefault();
    drop.classList.add("over");
  });
document.addEventListener("dragleave", (event) => event.relatedTarget || drop.classList.remove("over"));
document.addEventListener("drop", (event) => {
  event.preventDefault();
  drop.classList.remove("over");
  tryAll([...event.dataTransfer.files]);
});
document.addEventListener("paste", (event) => {
  const files = [...(event.clipboardData?.files ?? [])];
  if (files.length > 0) tryAll(files);
});
bindCamera(say, () => ({ run: byId("network").value }));

const networks = await read("/api/predict/networks");
byId("network").append(...networks.map(({ run, name }) => make("option", { value: String(run ?? "") }, run === null ? name : `run ${name}`)));
const warn = () => (byId("unaligned").hidden = networks[byId("network").selectedIndex].is_aligned);
byId("network").addEventListener("change", warn);
warn();
