// Images of one mode at any strength of truncation, each with its seed; they come one by one.

import { api, calm, count, el, fail } from "./kit.js";
import { blank, picture } from "./pictures.js";

const STEP = 0.05;
const MANY = [12, 24];
const random = () => Math.floor(Math.random() * 2 ** 31);

export class Samples {
  /** `look`: {psi, own, many, start}, kept by the caller; `changed` is told when it is another. */
  constructor(look, { changed }) {
    this.look = look;
    this.changed = changed;
    this.mode = null;
    this.turn = 0;
    this.about = null;
    this.slider = el("input", { type: "range", min: 0, max: 1, step: 0.01, value: look.psi, id: "mode-psi",
      input: () => this.set({ psi: Number(this.slider.value) }) });
    this.value = el("output", { for: "mode-psi", class: "n" });
    this.own = el("input", { type: "checkbox", checked: look.own, change: () => this.set({ own: this.own.checked }) });
    this.many = el("select", { "aria-label": "How many images", change: () => this.set({ many: Number(this.many.value) }) },
      MANY.map((number) => el("option", { value: number, selected: number === look.many }, `${number} images`)));
    this.note = el("p", { class: "small note", "aria-live": "polite" });
    this.cells = el("div", { class: "samples" });
    this.node = el("section", { class: "panel", "aria-labelledby": "samples-title" },
      el("div", { class: "inline head" },
        el("h2", { id: "samples-title" }, "Samples"), el("span", { class: "grow" }), this.many,
        el("button", { type: "button", click: () => this.fresh() }, "New seeds ", el("kbd", {}, "n"))),
      el("label", { class: "psi", for: "mode-psi" }, el("span", {}, "psi"), this.slider, this.value),
      el("p", { class: "small ends" }, el("span", {}, "0: the centre"), el("span", {}, "1: not truncated")),
      el("label", { class: "field row" }, this.own, "only seeds that belong to this mode"),
      this.note, this.cells);
    this.redrawSoon = calm(() => this.redraw(), 60);
    this.tell();
  }

  set(change) {
    Object.assign(this.look, change);
    this.tell();
    this.changed();
    if ("psi" in change) this.redrawSoon();
    else this.load().catch(fail);
  }

  step(sign) {
    const psi = Math.round(100 * Math.min(1, Math.max(0, this.look.psi + sign * STEP))) / 100;
    this.slider.value = psi;
    this.set({ psi });
  }

  fresh() {
    this.set({ start: random() });
  }

  tell() {
    this.value.textContent = this.look.psi.toFixed(2);
  }

  /** The samples of this mode; `about` is the server's answer about all. */
  show(mode, about) {
    const same = mode === this.mode && about.drawing === this.about?.drawing;
    if (mode !== this.mode) {
      for (const one of this.cells.children) {
        blank(one.firstChild);
        one.lastChild.textContent = "…";
      }
    }
    this.mode = mode;
    this.about = about;
    if (!same) this.load().catch(fail);
  }

  async load() {
    const turn = ++this.turn, { own, many, start } = this.look;
    this.cells.classList.add("stale");
    let seeds = own ? await api.get(`/api/modes/${this.mode}/seeds?of=${this.about.of}&start=${start}&count=${many}`) : [];
    if (turn !== this.turn) return;
    let note = "";
    if (own && !seeds.length) note = `None of ${count(this.about.looked)} seeds belongs to this mode: any seeds are shown.`;
    else if (own && seeds.length < many) note = `${seeds.length} of ${count(this.about.looked)} seeds belong to this mode.`;
    if (!seeds.length) seeds = Array.from({ length: many }, (_, number) => start + number);
    if (this.note.textContent !== note) this.note.textContent = note;
    this.note.hidden = !note;
    while (this.cells.children.length > seeds.length) this.cells.lastChild.remove();
    while (this.cells.children.length < seeds.length) this.cells.append(cell(this.about));
    seeds.forEach((seed, number) => {
      const [image, words] = this.cells.children[number].children;
      image.alt = `seed ${seed}`;
      words.textContent = seed;
    });
    this.seeds = seeds;
    this.cells.classList.remove("stale");
    this.redraw();
  }

  redraw() {
    if (!this.seeds) return;
    const { of, drawing } = this.about;
    this.seeds.forEach((seed, number) => {
      const image = this.cells.children[number].firstChild;
      const wanted = `/api/modes/${this.mode}/sample?of=${of}&drawing=${drawing}&seed=${seed}&psi=${this.look.psi}`;
      if (image.getAttribute("src") === wanted) return;
      image.classList.add("coming");
      picture(image, wanted, { first: true });
    });
  }
}

function cell(about) {
  const image = el("img", { alt: "", class: about.size <= 128 ? "px" : "" });
  for (const event of ["load", "error"]) image.addEventListener(event, () => image.classList.remove("coming"));
  return el("figure", {}, image, el("figcaption", { title: "seed" }));
}
