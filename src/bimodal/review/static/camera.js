// The camera: a few frames a second go to the server, one at a time, and none is kept.

import { byId, make } from "./dom.js";
import { boxesOf, facesOf, predict } from "./prediction.js";

const SIDE = 640; // pixels
const PAUSE_MS = 150; // between an answer and the next frame

const frameOf = (video) => {
  const scale = Math.min(1, SIDE / Math.max(video.videoWidth, video.videoHeight));
  const canvas = make("canvas", { width: Math.round(video.videoWidth * scale), height: Math.round(video.videoHeight * scale) });
  canvas.getContext("2d").drawImage(video, 0, 0, canvas.width, canvas.height);
  return new Promise((resolve) => canvas.toBlob(resolve, "image/jpeg", 0.85));
};

let stream = null;

const stop = () => {
  for (const track of stream?.getTracks() ?? []) track.stop();
  stream = null;
  byId("live").hidden = true;
  byId("live").replaceChildren();
  byId("camera").textContent = "Start the camera";
};

const start = async (say, optionsOf) => {
  if (!navigator.mediaDevices) {
    say("Browsers give the camera only to a page of this machine: open it at http://127.0.0.1 or http://localhost.");
    return;
  }
  try {
    stream = await navigator.mediaDevices.getUserMedia({ video: { width: { ideal: 1280 }, facingMode: "user" } });
  } catch (error) {
    say(error.name === "NotAllowedError" ? "The browser was told not to use the camera; allow it for this page." : `The camera cannot be used: ${error.message}`);
    return;
  }
  const mine = stream;
  const video = make("video", { muted: true, playsInline: true, "aria-label": "Picture of the camera" });
  const boxes = make("div");
  const faces = make("div");
  const stage = make("div", { class: "stage" }, video, boxes);
  video.srcObject = mine;
  await video.play();
  byId("live").replaceChildren(make("div", { class: "result" }, make("div", {}, stage), faces));
  byId("live").hidden = false;
  byId("camera").textContent = "Stop the camera";
  say("");
  while (stream === mine) {
    const began = performance.now();
    try {
      const found = await predict(await frameOf(video), { ...optionsOf(), camera: true });
      if (stream !== mine) return;
      boxes.replaceChildren(...boxesOf(found));
      faces.replaceChildren(...facesOf(found), make("p", { class: "soft" }, `by ${found.network}, ${Math.round(performance.now() - began)} ms a frame`));
    } catch (error) {
      say(error.message);
      if (error.status === 400) stop();
    }
    await new Promise((resolve) => setTimeout(resolve, document.hidden ? 2000 : PAUSE_MS));
  }
};

/** Let the button start and stop the camera; `say` shows a sentence, `optionsOf` returns those of `predict`. */
export const bindCamera = (say, optionsOf) => {
  byId("camera").addEventListener("click", () => (stream ? stop() : start(say, optionsOf)));
  window.addEventListener("pagehide", stop);
};
