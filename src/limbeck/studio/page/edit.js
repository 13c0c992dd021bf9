// The tab Edit: from a photo, a seed or a mode to latents; directions as sliders; saving.

import { api, calm, count, el, fail, say, typing } from "./kit.js";
import { BASE, download, shown } from "./edit-parts.js";
import { sliders } from "./edit-sliders.js";
import { caption, frame, goesOn, progress, reading, references } from "./edit-view.js";
import { learnNames } from "./naming.js";

const NOTHING = { photo: null, job: null, told: null, points: [], place: null, start: null, name: "" };

/** What is being edited; it stays when another tab is looked at. */
const held = { ...NOTHING, steps: 200 };

export async function open(section, studio) {
  const [about] = await Promise.all([api.get(`${BASE}/about`), learnNames()]);
  const tab = new Edit(section, studio, about);
  return { shown: () => tab.begin().catch(fail), close: () => tab.close() };
}

class Edit {
  constructor(section, studio, about) {
    Object.assign(this, { studio, about, alive: true });
    this.leaving = new AbortController();
    this.urls = new Map();
    this.command = calm(() => this.commands().catch(fail), 250);
    this.sliders = sliders({
      moved: () => this.changed(),
      writable: () => studio.writable(),
      restored: studio.params,
      alive: () => this.alive,
    });
    const start = { steps: held.steps, ...Object.fromEntries(studio.params) };
    this.view = frame(about, start, {
      send: (files) => this.send(files),
      steps: (number) => { held.steps = number; },
      seed: (seed, psi) => this.fromSeed(seed, psi),
      mode: (mode) => this.from({ mode }),
      compare: (on) => this.compare(on),
      stop: () => this.stop().catch(fail),
      save: (...what) => this.save(...what),
    }, this.sliders.node);
    section.append(this.view.split);
    this.listen();
    this.render();
  }

  async begin() {
    this.studio.keys([
      ["c", "hold: compare with the unedited image"],
      ["← →", "a slider: a step; Home, End: its ends"],
      ["0", "a slider: back to 0"],
    ]);
    const { params } = this.studio;
    if (held.job && goesOn(held.told)) this.follow();
    else if (held.place) this.draw();
    else if (params.get("mode")) await this.from({ mode: Number(params.get("mode")) });
    else if (params.get("seed")) await this.fromSeed(params.get("seed"), params.get("psi"));
    await this.sliders.load();
  }

  close() {
    this.alive = false;
    this.leaving.abort();
    clearTimeout(this.timer);
    for (const url of this.urls.values()) URL.revokeObjectURL(url);
  }

  listen() {
    const { signal } = this.leaving;
    const { zone } = this.view;
    const on = (node, name, call) => node.addEventListener(name, call, { signal });
    on(document, "paste", (event) => event.clipboardData?.files.length && this.send([...event.clipboardData.files]));
    on(document, "dragover", (event) => {
      if (![...(event.dataTransfer?.types ?? [])].includes("Files")) return;
      event.preventDefault();
      zone.classList.add("over");
    });
    on(document, "dragleave", (event) => event.relatedTarget || zone.classList.remove("over"));
    on(document, "drop", (event) => {
      if (!event.dataTransfer?.files.length) return;
      event.preventDefault();
      zone.classList.remove("over");
      this.send([...event.dataTransfer.files]);
    });
    on(document, "keydown", (event) => {
      const plain = !(event.ctrlKey || event.metaKey || event.altKey || typing(event));
      if (event.key === "c" && plain) this.compare(true);
    });
    on(document, "keyup", (event) => event.key === "c" && this.compare(false));
    on(window, "blur", () => this.compare(false));
  }

  render() {
    const { view } = this;
    const moved = Boolean(this.sliders.moves());
    view.empty.hidden = Boolean(held.place || held.job);
    view.stage.hidden = !view.empty.hidden;
    view.split.classList.toggle("begun", view.empty.hidden);
    view.save.hidden = !held.place;
    view.compare.disabled = !held.place || !moved;
    view.edited.disabled = !moved;
    this.sliders.show(Boolean(held.place));
    references(view.refs, held, this.about);
    progress(view.search, held);
    caption(view.caption, held, Boolean(held.place) && moved);
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
    reading(this.view.zone, file.name);
    try {
      const photo = await api.send(`${BASE}/photos?name=${encodeURIComponent(file.name.slice(0, 200))}`, file);
      if (photo.note) say(`${photo.name}: ${photo.note}`);
      const { job } = await api.post(`${BASE}/inversions`, { photo: photo.photo, steps: held.steps });
      this.reset({ photo, job, name: photo.name });
      this.follow();
    } catch (error) {
      fail(error);
    } finally {
      reading(this.view.zone, "");
    }
  }

  async fromSeed(seed, psi) {
    const number = Number(seed);
    if (seed === "" || !Number.isSafeInteger(number) || number < 0) return say("a seed is a whole number from 0", "bad");
    await this.from({ seed: number, psi: psi === null || psi === "" ? this.about.psi : Number(psi) });
  }

  async from(start) {
    try {
      const { place, name } = await api.post(`${BASE}/places`, start);
      if (held.job && goesOn(held.told)) this.stop().catch(() => {});
      this.reset({ place, name, start });
      await this.draw();
    } catch (error) {
      fail(error);
    }
  }

  reset(given) {
    clearTimeout(this.timer);
    Object.assign(held, NOTHING, { points: [] }, given);
    this.rest = null;
    this.view.big.removeAttribute("src");
    this.sliders.zero();
    this.keep();
    this.render();
    if (this.view.split.getBoundingClientRect().top < 0) this.view.split.scrollIntoView();
  }

  stop() {
    return api.post(`${BASE}/inversions/${held.job}/stop`);
  }

  /** Ask how the search goes on until it has ended. */
  async follow() {
    const { job } = held;
    try {
      const told = await api.get(`${BASE}/inversions/${job}?since=${held.points.length}`);
      if (job !== held.job || !this.alive) return;
      held.told = told;
      held.points.push(...told.curve);
      held.place = told.place;
      if (told.error) say(`${told.error.error} (${told.error.do})`, "bad");
      this.render();
      if (held.place) await this.draw();
      else if (told.looks) await this.image("now", `${BASE}/inversions/${job}/now?v=${told.step}`);
      if (goesOn(told) && this.alive && job === held.job) this.timer = setTimeout(() => this.follow(), 300);
    } catch (error) {
      this.lost(error);
    }
  }

  /** What the server does not hold any more is not shown either. */
  lost(error) {
    fail(error);
    if (error.status === 404 && this.alive) this.reset({});
  }

  // Drawing

  changed() {
    this.render();
    this.keep();
    this.draw();
  }

  keep() {
    const moves = held.start && this.sliders.named();
    this.studio.keep({ ...held.start, ...(moves ? { of: this.sliders.set(), m: moves, blend: this.sliders.blend() ? 1 : "" } : {}) });
  }

  address(what, edited, more = {}) {
    const moves = edited ? this.sliders.moves() : "";
    const asked = moves ? { of: this.sliders.set(), moves, ...(this.sliders.blend() ? { blend: true } : {}) } : {};
    return `${BASE}/places/${held.place}/${what}?${new URLSearchParams({ ...asked, ...more })}`;
  }

  /** Draw what the sliders say now; while it is being drawn, only the newest wish is remembered. */
  async draw() {
    if (!held.place) return;
    this.again = true;
    if (this.drawing) return;
    this.drawing = true;
    try {
      while (this.again && this.alive && held.place) {
        this.again = false;
        const { place } = held;
        if (this.rest !== place) {
          await this.image("rest", this.address("image", false), false);
          this.rest = place;
        }
        if (this.sliders.moves()) await this.image("now", this.address("image", true));
        else this.put("rest");
      }
    } catch (error) {
      this.lost(error);
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
    if (put) this.put(key);
    if (before) URL.revokeObjectURL(before);
  }

  put(key) {
    if (this.comparing) return;
    this.view.big.src = this.urls.get(key);
    this.view.big.alt = `${held.name}${this.sliders.moves() ? ", edited" : ""}`;
  }

  compare(on) {
    if (!this.rest || this.comparing === on || (on && !this.sliders.moves())) return;
    this.comparing = on;
    this.view.compare.setAttribute("aria-pressed", String(on));
    const key = on || !this.sliders.moves() ? "rest" : "now";
    if (this.urls.has(key)) this.view.big.src = this.urls.get(key);
  }

  // Saving

  save(what, edited, more = {}) {
    const moved = edited && this.sliders.moves();
    const name = what === "image" ? "edited.png" : moved ? "edited-latents.safetensors" : "latents.safetensors";
    return download(this.address(what, edited, more), name).catch(fail);
  }

  /** The commands that make the same. */
  async commands() {
    const box = this.view.lines;
    if (!this.alive || !held.place || !this.sliders.moves()) return box.replaceChildren();
    const { commands, needs } = await api.get(this.address("commands", true));
    if (!this.alive) return;
    const code = el("code", {}, commands.flatMap((line, n) => (n ? [el("br"), line] : [line])));
    const copy = async () => {
      try {
        await navigator.clipboard.writeText(commands.join("\n"));
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
