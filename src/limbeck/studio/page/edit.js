// The tab Edit: from a photo, a seed or a mode to latents; directions as sliders; saving.

import { api, calm, count, duration, el, fail, figure, say, typing } from "./kit.js";
import { sliders } from "./edit-sliders.js";
import { curve, download, shown } from "./edit-parts.js";

const BASE = "/api/edit";
const STEPS = [50, 200, 500];
const STAGES = { start: "Start", w: "W: one latent for all layers", w_plus: "W+: a latent for each layer" };

/** What is being edited; it stays when another tab is looked at. */
const held = { photo: null, job: null, told: null, points: [], place: null, name: "", steps: 200 };

export async function open(section, studio) {
  const about = await api.get(`${BASE}/about`);
  const tab = new Edit(section, studio, about);
  await tab.begin();
  return { close: () => tab.close() };
}

class Edit {
  constructor(section, studio, about) {
    Object.assign(this, { section, studio, about, alive: true });
    this.leaving = new AbortController();
    this.urls = new Map();
    this.command = calm(() => this.commands().catch(fail), 250);
  }

  async begin() {
    this.sliders = sliders({
      moved: () => this.changed(),
      writable: () => this.studio.writable(),
      restored: this.studio.params,
      alive: () => this.alive,
    });
    this.frame();
    this.listen();
    this.studio.keys([
      ["c", "hold: compare with the unedited image"],
      ["← →", "a slider: a step; Home, End: its ends"],
      ["0", "a slider: back to 0"],
    ]);
    this.render();
    this.sliders.load().catch(fail);
    const { params } = this.studio;
    if (held.job && ["waiting", "running"].includes(held.told?.state ?? "waiting")) this.follow();
    else if (held.place) this.draw();
    else if (params.get("mode")) await this.fromMode(Number(params.get("mode")));
    else if (params.get("seed")) await this.fromSeed(params.get("seed"), params.get("psi"));
  }

  close() {
    this.alive = false;
    this.leaving.abort();
    clearTimeout(this.timer);
    for (const url of this.urls.values()) URL.revokeObjectURL(url);
  }

  // What is on the page

  frame() {
    const view = (this.view = {});
    view.big = el("img", { alt: "", class: "edit-now", width: 384, height: 384 });
    view.caption = el("p", { class: "edit-caption" });
    view.compare = el("button", {
      type: "button", "aria-pressed": "false",
      pointerdown: () => this.compare(true), pointerup: () => this.compare(false),
      pointerleave: () => this.compare(false), blur: () => this.compare(false),
      keydown: (event) => [" ", "Enter"].includes(event.key) && this.compare(true),
      keyup: () => this.compare(false),
    }, "Hold to compare ", el("kbd", {}, "c"));
    view.refs = el("div", { class: "edit-refs" });
    view.progress = el("section", { class: "panel edit-progress", "aria-label": "The search for latents" });
    view.save = this.savePanel();
    view.work = el("div", { class: "edit-work" }, view.refs, view.progress, this.sliders.node, view.save);
    view.stage = el("div", { class: "edit-stage" },
      el("div", { class: "edit-left" }, view.big, view.caption, el("div", { class: "inline" }, view.compare)), view.work);
    view.empty = this.emptyState();
    this.split = el("div", { class: "split" }, this.side(), el("div", { class: "edit-main" }, view.empty, view.stage));
    this.section.append(this.split);
  }

  side() {
    const file = el("input", {
      type: "file", id: "edit-file", class: "edit-file", accept: "image/*",
      change: (event) => { this.send([...event.target.files]); event.target.value = ""; },
    });
    this.zone = el("div", { class: "edit-zone" },
      el("label", { for: "edit-file", class: "edit-choose" }, "Choose a photo"), file,
      el("p", { class: "small" }, "or drop it anywhere here, or paste it."));
    const steps = el("select", { change: (event) => { held.steps = Number(event.target.value); } },
      STEPS.map((n) => el("option", { value: n, selected: n === held.steps }, `${n} steps`)));
    const psi = el("input", { type: "number", min: 0, max: 2, step: 0.05, value: this.about.psi });
    const seed = el("input", { type: "number", min: 0, step: 1, value: this.studio.params.get("seed") ?? 0 });
    const form = el("form", { class: "edit-seed", submit: (event) => { event.preventDefault(); this.fromSeed(seed.value, psi.value); } },
      el("label", { class: "field" }, "Seed", seed), el("label", { class: "field" }, "Psi", psi),
      el("button", { type: "submit" }, "Draw it"));
    const privacy = "The centre square is taken, as ingestion does. Photos stay in this computer's memory: "
      + `nothing is written, the newest ${this.about.photos} are held.`;
    return el("div", { class: "side" },
      el("section", { class: "panel" }, el("h2", {}, "A photo"), this.zone,
        el("label", { class: "field row" }, "Search in", steps),
        el("p", { class: "small" }, `${privacy} A new photo ends the search for the one before it.`)),
      el("section", { class: "panel" }, el("h2", {}, "A seed"), form),
      this.about.modes ? this.modePicker() : null);
  }

  modePicker() {
    const names = [...Array(this.about.modes).keys()];
    return el("section", { class: "panel" }, el("h2", {}, "A mode"),
      el("div", { class: "edit-modes" }, names.map((n) =>
        el("button", { type: "button", class: "edit-mode", click: () => this.fromMode(n), title: `mode ${n}` },
          el("img", { src: this.modeImage(n), alt: `Centre of mode ${n}`, loading: "lazy", width: 56, height: 56 })))));
  }

  emptyState() {
    return el("div", { class: "edit-empty" },
      el("h2", {}, "Which latents draw this photo?"),
      el("p", {}, "Give a photo. You see the mode that is nearest to it, and how the generator comes closer to it "
        + "step by step. Then move it along directions, look, and save what you made."),
      el("p", { class: "small" }, "Or begin with a seed or with the centre of a mode."));
  }

  savePanel() {
    const view = this.view;
    view.lines = el("div", { class: "edit-lines", "aria-live": "polite" });
    view.edited = el("button", { type: "button", click: () => this.save("latents.safetensors", true) }, "Edited latents");
    return el("section", { class: "panel edit-save", "aria-labelledby": "edit-save-title" },
      el("h2", { id: "edit-save-title" }, "Save"),
      el("div", { class: "inline" },
        el("button", { type: "button", class: "main", click: () => this.save("image", true, { save: 1 }) }, "Image (PNG)"),
        el("button", { type: "button", click: () => this.save("latents.safetensors", false) }, "Latents"), view.edited),
      view.lines);
  }

  listen() {
    const { signal } = this.leaving;
    const on = (node, name, call) => node.addEventListener(name, call, { signal });
    on(document, "paste", (event) => event.clipboardData?.files.length && this.send([...event.clipboardData.files]));
    const over = (event) => {
      if (![...(event.dataTransfer?.types ?? [])].includes("Files")) return;
      event.preventDefault();
      this.zone.classList.add("over");
    };
    on(document, "dragover", over);
    on(document, "dragleave", (event) => event.relatedTarget || this.zone.classList.remove("over"));
    on(document, "drop", (event) => {
      if (!event.dataTransfer?.files.length) return;
      event.preventDefault();
      this.zone.classList.remove("over");
      this.send([...event.dataTransfer.files]);
    });
    on(document, "keydown", (event) => {
      if (event.key !== "c" || event.ctrlKey || event.metaKey || event.altKey || typing(event)) return;
      this.compare(true);
    });
    on(document, "keyup", (event) => event.key === "c" && this.compare(false));
    on(window, "blur", () => this.compare(false));
  }

  render() {
    const { view } = this;
    const busy = held.job && !held.place;
    view.empty.hidden = Boolean(held.place || held.job);
    view.stage.hidden = !view.empty.hidden;
    view.compare.disabled = !held.place || !this.sliders.moves();
    this.split.classList.toggle("begun", view.empty.hidden);
    view.save.hidden = !held.place;
    this.sliders.show(Boolean(held.place));
    view.progress.hidden = !held.job;
    view.stage.setAttribute("aria-busy", String(Boolean(busy)));
    this.references();
    this.progress();
    this.caption();
  }

  references() {
    const { photo } = held;
    const one = (key, src, alt, ...text) => el("figure", { "data-key": key },
      el("img", { src, alt, width: 128, height: 128 }), el("figcaption", {}, ...text));
    const wanted = [];
    if (photo) {
      wanted.push(["photo", () => one("photo", `${BASE}/photos/${photo.photo}/image`, "The photo's centre square",
        el("b", {}, "Photo"), el("span", { title: photo.name }, `${photo.width} × ${photo.height}`))]);
      if (photo.mode !== null) {
        wanted.push(["mode", () => one("mode", this.modeImage(photo.mode), `Centre of mode ${photo.mode}`,
          el("b", {}, `Mode ${photo.mode}`), el("span", {}, `nearest, LPIPS ${figure(photo.distance)}`))]);
      }
      const first = held.points[0];
      if (first) {
        wanted.push(["start", () => one("start", `${BASE}/inversions/${held.job}/start`, "The start of the search",
          el("b", {}, "Start"), el("span", {}, `LPIPS ${figure(first[1])}, ${figure(first[2])} dB`))]);
      }
    }
    const key = JSON.stringify([photo?.photo, held.job, wanted.map(([name]) => name)]);
    if (this.referred === key) return;
    this.referred = key;
    this.view.refs.hidden = !wanted.length;
    this.view.refs.replaceChildren(...wanted.map(([, make]) => make()));
  }

  progress() {
    const { told } = held;
    const box = this.view.progress;
    if (!held.job) return;
    if (!this.bar) {
      this.bar = el("progress", { max: 1, value: 0, "aria-label": "Steps of the search" });
      this.words = el("p", { class: "small" });
      this.chart = curve();
      this.stop = el("button", { type: "button", click: () => api.post(`${BASE}/inversions/${held.job}/stop`).catch(fail) }, "Stop and keep");
      this.status = el("p", { class: "edit-status", role: "status" });
      box.replaceChildren(el("div", { class: "inline" }, this.status, el("span", { class: "grow" }), this.stop), this.bar, this.chart.node, this.words);
    }
    const running = !told || ["waiting", "running"].includes(told.state);
    this.stop.hidden = !running;
    this.bar.hidden = !running;
    this.bar.max = told?.of ?? 1;
    this.bar.value = told?.step ?? 0;
    const state = !told || told.state === "waiting" ? "Beginning …"
      : told.state === "running" ? STAGES[told.stage]
        : told.state === "failed" ? "Not found" : told.state === "stopped" ? `Stopped at step ${count(told.step)}` : `Found in ${count(told.of)} steps`;
    if (this.status.textContent !== state) this.status.textContent = state;
    this.words.textContent = !running ? "" : `step ${count(told?.step ?? 0)} of ${count(told?.of ?? held.steps)}`
      + (told?.left ? `, about ${duration(told.left)} left` : "");
    this.words.hidden = !running;
    this.chart.draw(held.points, told?.of ?? held.steps);
  }

  caption() {
    const last = held.points.at(-1);
    const likeness = held.job && last ? `LPIPS ${figure(last[1])}, PSNR ${figure(last[2])} dB to the photo` : "";
    const edited = held.place && this.sliders.moves() ? "edited" : "";
    this.view.caption.replaceChildren(el("b", {}, held.name),
      ...[edited && "edited, before that ", likeness].filter(Boolean).map((text) => el("span", {}, text)));
    this.view.caption.title = held.name;
  }

  modeImage(number) {
    return `${BASE}/modes/${number}/image?v=${this.about.digest}`;
  }

  // Beginning

  async send(files) {
    const file = files.find((one) => one.type.startsWith("image/")) ?? files[0];
    if (!file) return;
    if (files.length > 1) say(`one photo at a time: ${file.name}`);
    if (file.size > this.about.largest) {
      say(`${file.name} has ${count(Math.ceil(file.size / 2 ** 20))} MiB; give at most ${this.about.largest / 2 ** 20}`, "bad");
      return;
    }
    this.zone.setAttribute("aria-busy", "true");
    try {
      const photo = await api.send(`${BASE}/photos?name=${encodeURIComponent(file.name.slice(0, 200))}`, file);
      if (photo.note) say(`${photo.name}: ${photo.note}`);
      const { job } = await api.post(`${BASE}/inversions`, { photo: photo.photo, steps: held.steps });
      this.reset({ photo, job, name: photo.name });
      this.studio.keep({});
      await this.follow();
    } catch (error) {
      fail(error);
    } finally {
      this.zone.removeAttribute("aria-busy");
    }
  }

  async fromSeed(seed, psi) {
    const number = Number(seed);
    if (!Number.isSafeInteger(number) || number < 0) return say("a seed is a whole number from 0", "bad");
    const strength = psi === null || psi === "" ? this.about.psi : Number(psi);
    await this.from({ seed: number, psi: strength });
  }

  fromMode(mode) {
    return this.from({ mode });
  }

  async from(start) {
    try {
      const { place, name } = await api.post(`${BASE}/places`, start);
      if (held.job && !held.place) api.post(`${BASE}/inversions/${held.job}/stop`).catch(() => {});
      this.reset({ place, name, start });
      await this.draw();
    } catch (error) {
      fail(error);
    }
  }

  reset(given) {
    clearTimeout(this.timer);
    Object.assign(held, { photo: null, job: null, told: null, points: [], place: null, start: null }, given);
    this.rest = null;
    if (this.sliders.moves()) this.sliders.zero();
    this.render();
    if (this.split.getBoundingClientRect().top < 0) this.split.scrollIntoView();
  }

  async follow() {
    const { job } = held;
    try {
      const told = await api.get(`${BASE}/inversions/${job}?since=${held.points.length}`);
      if (job !== held.job || !this.alive) return;
      held.told = told;
      held.points.push(...told.curve);
      if (told.state === "failed") fail(Object.assign(new Error(`${told.error.error} (${told.error.do})`)));
      if (told.place) held.place = told.place;
      const running = ["waiting", "running"].includes(told.state);
      this.render();
      if (told.looks && running) await this.image("now", `${BASE}/inversions/${job}/now?v=${told.step}`);
      if (held.place) await this.draw();
      if (running && this.alive && job === held.job) this.timer = setTimeout(() => this.follow(), 300);
    } catch (error) {
      fail(error);
    }
  }

  // Drawing

  changed() {
    this.caption();
    this.view.compare.disabled = !held.place || !this.sliders.moves();
    this.draw();
    const moves = this.sliders.moves();
    this.studio.keep({ ...(held.start ?? {}), ...(moves ? { of: this.sliders.set(), m: this.sliders.named(), blend: this.sliders.blend() ? 1 : "" } : {}) });
  }

  address(what, edited, more = {}) {
    const moves = edited ? this.sliders.moves() : "";
    const asked = moves ? { of: this.sliders.set(), moves, ...(this.sliders.blend() ? { blend: true } : {}) } : {};
    return `${BASE}/places/${held.place}/${what}?${new URLSearchParams({ ...asked, ...more })}`;
  }

  /** Draw what the sliders say now; while it is being drawn, only the newest wish is remembered. */
  async draw() {
    if (!held.place) return;
    if (this.drawing) {
      this.again = true;
      return;
    }
    this.drawing = true;
    try {
      do {
        this.again = false;
        if (!this.rest) {
          await this.image("rest", this.address("image", false), false);
          this.rest = held.place;
        }
        if (this.sliders.moves()) await this.image("now", this.address("image", true));
        else this.put(this.urls.get("rest"));
      } while (this.again && this.alive);
    } catch (error) {
      fail(error);
    } finally {
      this.drawing = false;
    }
    this.command();
  }

  async image(key, path, put = true) {
    const url = await shown(path, this.leaving.signal);
    if (!this.alive) return URL.revokeObjectURL(url);
    const before = this.urls.get(key);
    this.urls.set(key, url);
    if (put) this.put(url);
    if (before) URL.revokeObjectURL(before);
  }

  put(url) {
    if (this.comparing) return;
    this.view.big.src = url;
    this.view.big.alt = `${held.name}${this.sliders.moves() ? ", edited" : ""}`;
  }

  compare(on) {
    if (!held.place || !this.rest || this.comparing === on) return;
    this.comparing = on;
    this.view.compare.setAttribute("aria-pressed", String(on));
    this.view.big.src = on || !this.sliders.moves() ? this.urls.get("rest") : this.urls.get("now");
  }

  // Saving

  async save(what, edited, more = {}) {
    const name = what === "image" ? "edited.png" : edited && this.sliders.moves() ? "edited-latents.safetensors" : "latents.safetensors";
    await download(this.address(what, edited, more), name).catch(fail);
  }

  async commands() {
    const box = this.view.lines;
    const moves = this.sliders.moves();
    this.view.edited.disabled = !moves;
    if (!held.place || !moves) return box.replaceChildren();
    const { commands, needs } = await api.get(this.address("commands", true));
    if (!this.alive) return;
    const text = commands.join("\n");
    const code = el("code", {}, commands.map((line, n) => [n ? el("br") : null, line]));
    const copy = async () => {
      try {
        await navigator.clipboard.writeText(text);
        say("copied");
      } catch {
        getSelection().selectAllChildren(code);
        say("selected: copy it with the keyboard");
      }
    };
    box.replaceChildren(
      el("p", { class: "small" }, needs ? `The same on the command line, after saving ${needs}:` : "The same on the command line:"),
      el("div", { class: "shell" }, code, el("button", { type: "button", click: copy }, "Copy")));
  }
}
