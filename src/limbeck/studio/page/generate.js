// The tab Generate: images of seeds, compared, walked through and mixed.

import { api, calm, count, el, fail, say, typing } from "./kit.js";
import { compare } from "./generate-compare.js";
import { Feed, records } from "./generate-feed.js";
import { grid } from "./generate-grid.js";
import { mix } from "./generate-mix.js";
import { Pins } from "./generate-pins.js";
import { walk } from "./generate-walk.js";
import { zoomBox } from "./generate-zoom.js";
import { learnNames, nameOf, truncationMeaning, truncationName } from "./naming.js";

const VIEWS = { grid: ["Grid", grid], compare: ["Compare", compare], walk: ["Walk", walk], mix: ["Mix", mix] };
const COUNTS = [8, 16, 32, 64, 128, 256, 500, 1000];

export async function open(section, studio) {
  const [about] = await Promise.all([api.get("/api/generate/about"), learnNames()]);
  const usual = {
    view: "grid", seeds: "0-31", psi: String(about.psi), truncation: about.modes ? "multimodal-lpips" : "global", mode: "0",
    label: "natural", noise: "const", cutoff: "", tile: about.size > 128 ? "192" : "128", stops: "", frames: "96", fps: "24",
    loop: "1", through: about.modes ? "modes" : "straight", even: "0", rows: "0-3", columns: "8-13", layers: "coarse",
  };
  const asked = { ...usual };
  for (const [name, value] of studio.params) if (name in usual && value.length < 6000) asked[name] = value;
  tidy(asked, usual, about);
  const tab = new Tab(section, studio, about, asked, usual);
  await tab.start();
  return tab;
}

/** Take only what this model can do out of an address. */
function tidy(asked, usual, about) {
  const number = (name, low, high) => {
    const value = Number(asked[name]);
    if (!(value >= low && value <= high)) asked[name] = usual[name];
  };
  number("psi", 0, 2);
  number("mode", 0, Math.max(0, about.modes - 1));
  number("tile", 64, 320);
  number("frames", 2, about.frames);
  if (asked.cutoff !== "") number("cutoff", 0, about.layers);
  if (!VIEWS[asked.view]) asked.view = "grid";
  if (!["const", "random", "none"].includes(asked.noise)) asked.noise = "const";
  if (!["straight", "modes", "z"].includes(asked.through)) asked.through = usual.through;
  if (!["6", "12", "24", "30", "60"].includes(asked.fps)) asked.fps = usual.fps;
  if (!/^(natural|uniform|\d{1,6})$/.test(asked.label) || Number(asked.label) >= about.classes) asked.label = "natural";
  const way = about.truncations.find((one) => one.name === asked.truncation);
  if (!way || way.why) asked.truncation = usual.truncation;
}

class Tab {
  constructor(section, studio, about, asked, usual) {
    Object.assign(this, { section, studio, about, asked, usual });
    this.seeds = [];
    this.feed = new Feed(about.of, (done, whole) => this.progress(done, whole));
    this.pins = null;
    this.pins = new Pins(this);
    this.box = zoomBox(this);
    this.bar = el("progress", { class: "drawn", "aria-label": "Images drawn", hidden: true });
    this.told = el("span", { class: "small", role: "status" });
    this.content = el("div", { class: "content" });
    this.soon = calm(() => this.draw(), 120);
    this.pressed = (event) => this.key(event);
  }

  get look() {
    const { psi, truncation, mode, noise, cutoff, label } = this.asked;
    return {
      psi: truncation === "none" ? 1 : Number(psi), truncation, mode: truncation === "index" ? Number(mode) : null, noise,
      cutoff: cutoff === "" ? null : Number(cutoff), label,
    };
  }

  async start() {
    this.controls = this.makeControls();
    this.views = el("div", { class: "views", role: "group", "aria-label": "View" },
      Object.entries(VIEWS).map(([name, [title]]) => el("button", { type: "button", "data-view": name, click: () => this.set({ view: name }) }, title)));
    const right = el("div", { class: "main-side" },
      el("div", { class: "inline top" }, this.views, el("span", { class: "grow" }), this.told, this.bar), this.content, this.pins.node);
    this.section.append(el("div", { class: "split" }, el("div", { class: "side" }, this.controls), right), this.box.node);
    document.addEventListener("keydown", this.pressed);
    this.studio.keys([
      ["← ↑ → ↓", "move among the images"], ["Enter", "zoom"], ["p", "pin the image in focus"], ["r", "random seeds"],
      ["n / b", "next and previous seeds"], ["[ ] or - +", "psi down and up"], ["Space", "play and pause the walk"],
    ]);
    this.mark();
    await this.read(this.asked.seeds).catch((error) => {
      fail(error);
      return this.read(this.usual.seeds);
    });
    this.look_at();
  }

  makeControls() {
    const { about, asked } = this;
    const field = (title, input, ...more) => el("label", { class: "field" }, title, input, ...more);
    const put = (name) => (event) => this.set({ [name]: event.target.value });
    this.seedText = el("input", { value: asked.seeds, spellcheck: "false", autocomplete: "off", change: () => this.reseed(this.seedText.value.trim()) });
    this.many = el("select", { change: () => this.resize(Number(this.many.value)) });
    this.psi = el("input", { type: "range", min: 0, max: 1, step: 0.01, "aria-label": "Truncation psi, slider", input: () => this.set({ psi: this.psi.value }) });
    this.psiNumber = el("input", { type: "number", min: 0, max: 2, step: 0.05, change: () => this.set({ psi: String(Math.max(0, Math.min(2, Number(this.psiNumber.value) || 0))) }) });
    this.psiNote = el("p", { class: "small" });
    this.truncation = el("select", { change: put("truncation") },
      about.truncations.map(({ name, why }) => el("option", { value: name, disabled: Boolean(why), title: why }, truncationName(name))));
    this.meaning = el("p", { class: "small" });
    this.mode = el("input", { type: "number", min: 0, max: Math.max(0, about.modes - 1), change: () => this.set({ mode: String(Math.max(0, Math.min(about.modes - 1, Math.round(Number(this.mode.value)) || 0))) }) });
    this.modeField = field("Mode", this.mode);
    const lacking = (why) => about.truncations.filter((one) => one.why === why).map((one) => truncationName(one.name)).join("; ");
    const reasons = [...new Set(about.truncations.map((one) => one.why).filter(Boolean))];
    this.noise = el("select", { change: put("noise") }, [["const", "constant"], ["random", "random, by seed"], ["none", "none"]].map(([value, name]) => el("option", { value }, name)));
    this.cutoff = el("select", { change: put("cutoff") }, el("option", { value: "" }, "all"),
      Array.from({ length: about.layers }, (_, n) => el("option", { value: n }, n === 0 ? "none" : `the first ${n}`)));
    const classes = [["natural", "as often as in training"], ["uniform", "all alike"], ...Array.from({ length: about.classes }, (_, n) => [String(n), this.className(String(n))])];
    this.label = el("select", { change: put("label") }, classes.map(([value, name]) => el("option", { value }, name)));
    const button = (title, text, act) => el("button", { type: "button", title, "aria-label": title, click: act }, text);
    this.seedFields = el("div", { class: "seeding" },
      el("div", { class: "seeds" }, field("Seeds", this.seedText), field("Images", this.many)),
      el("div", { class: "inline" }, el("button", { type: "button", click: () => this.random() }, "Random"),
        button("Previous seeds", "‹", () => this.page(-1)), button("Next seeds", "›", () => this.page(1))));
    return el("div", { class: "panel controls" },
      this.seedFields,
      el("div", { class: "field" }, el("span", {}, "Truncation"), el("label", { class: "said-only" }, "Truncation", this.truncation), this.meaning, reasons.map((why) => el("p", { class: "small" }, `Not offered, as ${why}: ${lacking(why)}.`))),
      this.modeField,
      el("div", { class: "psi" }, el("label", { class: "field" }, "psi", this.psiNumber), this.psi, this.psiNote),
      el("details", { class: "plain", open: asked.noise !== "const" || asked.cutoff !== "" || asked.label !== "natural" },
        el("summary", {}, "More"), el("div", { class: "stack-fields" }, field("Noise", this.noise), field("Layers truncated", this.cutoff), about.classes ? field("Class", this.label) : null)),
    );
  }

  className(label) {
    if (label === "natural" || label === "uniform") return label === "natural" ? "as often as in training" : "all alike";
    return this.about.class_names[Number(label)] ?? `class ${label}`;
  }

  /** Show the state in the controls. */
  mark() {
    const { asked, about } = this;
    this.seedText.value = asked.seeds;
    this.seedFields.hidden = !["grid", "compare"].includes(asked.view);
    this.truncation.value = asked.truncation;
    this.meaning.textContent = asked.view === "compare"
      ? `All are shown${about.modes ? "; choose one mode to see that as well" : ""}.` : truncationMeaning(asked.truncation);
    this.mode.value = asked.mode;
    this.modeField.hidden = asked.truncation !== "index";
    this.psi.max = Number(asked.psi) > 1 ? 2 : 1;
    this.psi.value = asked.psi;
    this.psiNumber.value = asked.psi;
    const off = asked.truncation === "none" && asked.view !== "compare";
    this.psi.disabled = this.psiNumber.disabled = off;
    this.psiNote.textContent = off ? "Nothing is truncated." : Number(asked.psi) > 1 ? "Beyond 1 it exaggerates." : "0: the target itself. 1: as trained.";
    this.noise.value = asked.noise;
    this.cutoff.value = Number(asked.cutoff) === about.layers ? "" : asked.cutoff;
    this.label.value = asked.label;
    for (const button of this.views.children) button.setAttribute("aria-pressed", button.dataset.view === asked.view);
    const many = [...new Set([...COUNTS, this.seeds.length])].filter(Boolean).sort((a, b) => a - b);
    this.many.replaceChildren(...many.map((number) => el("option", { value: number }, count(number))));
    this.many.value = this.seeds.length;
  }

  keep() {
    const changed = Object.entries(this.asked).filter(([name, value]) => value !== this.usual[name]);
    this.studio.keep(Object.fromEntries(changed));
  }

  /** Change what is asked for, and draw it. */
  set(values) {
    const view = values.view && values.view !== this.asked.view;
    Object.assign(this.asked, values);
    this.mark();
    this.keep();
    if (view) this.look_at();
    else this.soon();
  }

  /** Open the view that is asked for. */
  look_at() {
    this.view?.close();
    this.feed.cancel();
    this.mark();
    this.view = VIEWS[this.asked.view][1](this);
    this.content.replaceChildren(this.view.node);
    this.view.draw();
  }

  draw() {
    this.view.draw();
  }

  async read(text) {
    this.seeds = await api.get(`/api/generate/seeds?${new URLSearchParams({ text })}`);
    this.asked.seeds = text;
    this.mark();
  }

  async reseed(text) {
    if (text === "random") return this.random();
    try {
      await this.read(text);
      this.seedText.removeAttribute("aria-invalid");
      this.keep();
      this.draw();
    } catch (error) {
      this.seedText.setAttribute("aria-invalid", "true");
      fail(error);
    }
  }

  /** So many seeds from one on, as text; seeds are too long for numbers. */
  range(first, many) {
    const top = 2n ** 63n - 1n;
    const from = first + BigInt(many) - 1n > top ? top - BigInt(many) + 1n : first < 0n ? 0n : first;
    return many === 1 ? `${from}` : `${from}-${from + BigInt(many) - 1n}`;
  }

  random() {
    this.reseed(this.range(BigInt(Math.floor(Math.random() * 2 ** 31)), this.seeds.length));
  }

  page(by) {
    const all = this.seeds.map(BigInt);
    const edge = all.reduce((a, b) => (by > 0 === b > a ? b : a));
    const many = BigInt(all.length);
    this.reseed(this.range(by > 0 ? edge + 1n : edge - many, all.length));
  }

  resize(many) {
    this.reseed(this.range(BigInt(this.seeds[0]), many));
  }

  progress(done, whole) {
    const busy = done < whole;
    this.bar.hidden = !busy;
    this.bar.max = whole || 1;
    this.bar.value = done;
    const text = busy ? `${count(done)} of ${count(whole)}` : "";
    if (this.told.textContent !== text) this.told.textContent = text;
  }

  neighbours() {
    return this.view.neighbours();
  }

  zoom(tile) {
    this.box.show(tile);
  }

  relabel() {
    this.view?.relabel();
  }

  walkThrough(list) {
    if (this.asked.view !== "walk") this.set({ view: "walk" });
    this.view.stops(list.slice(0, 64));
  }

  sheet(columns, button) {
    const body = { of: this.about.of, look: this.look, seeds: this.seeds, columns };
    return this.download("/api/generate/sheet", body, "sheet.png", this.seeds.length, button);
  }

  /** Fetch a file that is drawn first; another press of `button` stops it. */
  async download(path, body, name, whole, button) {
    if (this.loading) return this.loading.abort();
    this.loading = new AbortController();
    const { signal } = this.loading;
    const before = button?.textContent;
    if (button) button.textContent = "Stop";
    try {
      await records(path, body, signal, (words, blob) => {
        if (!words.type) return this.progress(words.done, whole + 1);
        const link = el("a", { href: URL.createObjectURL(blob), download: name });
        link.click();
        setTimeout(() => URL.revokeObjectURL(link.href), 60_000);
        say(`${name} is drawn`);
      });
    } catch (error) {
      if (!signal.aborted) fail(error);
    } finally {
      this.loading = null;
      this.progress(0, 0);
      if (button) button.textContent = before;
    }
  }

  key(event) {
    const typed = event.getModifierState?.("AltGraph"); // some keyboards have brackets there
    if (event.metaKey || (!typed && (event.ctrlKey || event.altKey)) || typing(event) || document.querySelector("dialog[open]")) return;
    const { tile } = document.activeElement ?? {};
    if (event.key === "p" && tile) this.pins.toggle(tile);
    else if (event.key === "r") this.random();
    else if (event.key === "n") this.page(1);
    else if (event.key === "b") this.page(-1);
    else if ("[]-+".includes(event.key)) {
      const psi = Math.round((Number(this.asked.psi) + ("[-".includes(event.key) ? -0.05 : 0.05)) * 100) / 100;
      this.set({ psi: String(Math.max(0, Math.min(2, psi))) });
    } else if (!event.target.matches?.("input, select")) this.view?.key(event);
  }

  close() {
    document.removeEventListener("keydown", this.pressed);
    this.loading?.abort();
    this.view?.close();
    this.feed.cancel();
    this.pins.close();
  }
}
