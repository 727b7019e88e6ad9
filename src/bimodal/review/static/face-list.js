// The list of faces: only the visible part of it exists, so that 50,000 faces scroll smoothly.

import { picture, read } from "./api.js";
import { byId, make, plural } from "./dom.js";

const PAGE = 100;
const KEPT = 24; // pages in memory
const WIDTH = 104;
const HEIGHT = 138;
const SETTLE_MS = 60; // a page that is scrolled past in less time is not asked for

export class FaceList {
  /** `open(face)` is called with the face to look at, `chosen(faces)` when the selection changes. */
  constructor(open, chosen) {
    this.box = byId("list");
    this.rows = byId("rows");
    this.open = open;
    this.chosen = chosen;
    this.pages = new Map();
    this.asked = new Map(); // page -> AbortController of its request
    this.total = 0;
    this.active = 0;
    this.anchor = 0;
    this.selected = new Map();
    this.shown = new Map(); // index -> element
    this.current = null;
    this.query = {};
    this.box.addEventListener("scroll", () => this.draw(), { passive: true });
    this.box.addEventListener("keydown", (event) => this.#key(event));
    this.box.addEventListener("click", (event) => this.#click(event));
    new ResizeObserver(() => this.draw()).observe(this.box);
  }

  get columns() {
    return Math.max(1, Math.floor(this.box.clientWidth / WIDTH));
  }

  /** Load the list again; what is shown stays until the answer is there. `top` promises the first 100 faces. */
  async load(query, fromTop = false, top = undefined) {
    this.query = query;
    const first = fromTop ? 0 : Math.floor((Math.floor(this.box.scrollTop / HEIGHT) * this.columns) / PAGE);
    const page = await (first === 0 && top ? top : this.#fetch(first));
    if (this.query !== query) return;
    for (const request of this.asked.values()) request.abort();
    this.asked.clear();
    this.pages = new Map([[first, page.faces]]);
    this.total = page.total;
    this.active = Math.min(this.active, Math.max(this.total - 1, 0));
    byId("total").textContent = plural(this.total, "face");
    if (fromTop) {
      this.active = 0;
      this.box.scrollTop = 0;
      this.select([]);
    }
    this.draw(true);
  }

  #fetch(page, signal) {
    return read("/api/suspects", { ...this.query, offset: page * PAGE, limit: PAGE }, signal);
  }

  async #need(page) {
    if (this.asked.has(page)) return;
    const request = new AbortController();
    this.asked.set(page, request);
    try {
      await new Promise((resolve) => setTimeout(resolve, SETTLE_MS));
      if (request.signal.aborted) return;
      const answer = await this.#fetch(page, request.signal);
      if (request.signal.aborted) return;
      this.pages.set(page, answer.faces);
      if (this.pages.size > KEPT) this.pages.delete([...this.pages.keys()].sort((a, b) => Math.abs(b - page) - Math.abs(a - page))[0]);
      this.draw();
    } catch {
      // the next scroll asks again
    } finally {
      if (this.asked.get(page) === request) this.asked.delete(page);
    }
  }

  /** Give up the requests for pages that are no longer in sight. */
  #giveUp(first, end) {
    for (const [page, request] of this.asked)
      if ((page + 1) * PAGE <= first || page * PAGE >= end) {
        request.abort();
        this.asked.delete(page);
      }
  }

  #drop(element) {
    const image = element.firstElementChild;
    if (!image.complete) image.removeAttribute("src"); // its request is given up
    element.remove();
  }

  at(index) {
    return this.pages.get(Math.floor(index / PAGE))?.[index % PAGE];
  }

  /** Draw the visible part, and a little more. */
  draw(again = false) {
    const columns = this.columns;
    const width = this.box.clientWidth / columns;
    this.rows.style.height = `${Math.ceil(this.total / columns) * HEIGHT}px`;
    const first = Math.max(0, Math.floor(this.box.scrollTop / HEIGHT) - 2) * columns;
    const end = Math.min(this.total, (Math.ceil((this.box.scrollTop + this.box.clientHeight) / HEIGHT) + 2) * columns);
    const layout = `${columns} ${width}`;
    if (again || layout !== this.layout) {
      for (const element of this.shown.values()) this.#drop(element);
      this.shown.clear();
    }
    this.layout = layout;
    this.#giveUp(first, end);
    for (const [index, element] of this.shown)
      if (index < first || index >= end) {
        this.#drop(element);
        this.shown.delete(index);
      }
    for (let index = first; index < end; index += 1) {
      const face = this.at(index);
      if (!face) this.#need(Math.floor(index / PAGE));
      else if (!this.shown.has(index)) {
        const element = this.#cell(face, index);
        element.style.transform = `translate(${(index % columns) * width}px, ${Math.floor(index / columns) * HEIGHT}px)`;
        element.style.width = `${width}px`;
        this.shown.set(index, element);
        this.rows.append(element);
      }
    }
    this.mark();
  }

  #cell(face, index) {
    const words = face.decision ? `, decided: ${face.decision.decision} ${face.decision.label}` : "";
    return make(
      "div",
      {
        role: "option",
        class: `cell${face.decision ? " decided" : ""}${face.agreed ? "" : " disagree"}`,
        id: `option-${index}`,
        "aria-setsize": String(this.total),
        "aria-posinset": String(index + 1),
        "aria-label": `given ${face.label}, suggested ${face.suggested}${words}`,
        "data-index": String(index),
      },
      make("img", { src: picture(face.row, 96), alt: "", width: "96", height: "96", loading: "lazy", decoding: "async" }),
      make("span", { class: "check", "aria-hidden": "true" }),
      make("span", { class: "caption", "aria-hidden": "true" }, make("b", {}, face.label), ` → ${face.suggested}`),
    );
  }

  /** Show which faces are selected, active and in hand. */
  mark() {
    for (const [index, element] of this.shown) {
      const row = this.at(index)?.row;
      element.setAttribute("aria-selected", String(this.selected.has(row)));
      element.classList.toggle("active", index === this.active);
      element.classList.toggle("current", row === this.current);
    }
    if (this.shown.has(this.active)) this.box.setAttribute("aria-activedescendant", `option-${this.active}`);
    else this.box.removeAttribute("aria-activedescendant");
  }

  /** Replace the selection. */
  select(faces) {
    this.selected = new Map(faces.map((face) => [face.row, face]));
    this.mark();
    this.chosen([...this.selected.values()]);
  }

  #toggle(index) {
    const face = this.at(index);
    if (!face) return;
    const faces = new Map(this.selected);
    if (!faces.delete(face.row)) faces.set(face.row, face);
    this.anchor = index;
    this.select([...faces.values()]);
  }

  #range(index) {
    const [from, to] = [Math.min(this.anchor, index), Math.max(this.anchor, index)];
    const faces = [];
    for (let each = from; each <= to; each += 1) if (this.at(each)) faces.push(this.at(each));
    this.select(faces);
  }

  move(index) {
    this.active = Math.min(Math.max(index, 0), Math.max(this.total - 1, 0));
    const top = Math.floor(this.active / this.columns) * HEIGHT;
    if (top < this.box.scrollTop) this.box.scrollTop = top;
    const low = top + HEIGHT - this.box.clientHeight;
    if (low > this.box.scrollTop) this.box.scrollTop = low;
    this.draw();
  }

  async #key(event) {
    const page = this.columns * Math.max(1, Math.floor(this.box.clientHeight / HEIGHT));
    const steps = { ArrowLeft: -1, ArrowRight: 1, ArrowUp: -this.columns, ArrowDown: this.columns, PageUp: -page, PageDown: page };
    if (event.key in steps || event.key === "Home" || event.key === "End") {
      const to = { Home: 0, End: this.total - 1 }[event.key] ?? this.active + steps[event.key];
      this.move(to);
      if (event.shiftKey) this.#range(this.active);
      else this.anchor = this.active;
    } else if (event.key === " ") this.#toggle(this.active);
    else if (event.key === "Enter") this.at(this.active) && this.open(this.at(this.active));
    else if (event.key.toLowerCase() === "a" && (event.ctrlKey || event.metaKey)) {
      event.preventDefault();
      event.stopPropagation();
      this.select((await read("/api/suspects", { ...this.query, limit: 500 })).faces);
      return;
    } else return;
    event.preventDefault();
    event.stopPropagation(); // these keys decide nothing here
  }

  #click(event) {
    const cell = event.target.closest(".cell");
    if (!cell) return;
    const index = Number(cell.dataset.index);
    this.active = index;
    if (event.shiftKey) this.#range(index);
    else if (event.ctrlKey || event.metaKey || event.target.classList.contains("check")) this.#toggle(index);
    else {
      this.anchor = index;
      this.open(this.at(index));
    }
    this.mark();
  }
}
