// The view Walk: from stop to stop through latent space, played as it is drawn.

import { api, calm, count, el, fail, say } from "./kit.js";
import { Player } from "./generate-player.js";
import { Tile } from "./generate-tile.js";
import { nameOf } from "./naming.js";

const MOST = 64;
const LOOK = ["psi", "truncation", "mode", "noise", "cutoff", "label"];

/** Stops as one text: s5_m3, or s5*0.5*global**const**natural with a look of its own. */
export function stopsText(stops) {
  return stops
    .map((stop) => {
      if (stop.mode !== undefined) return `m${stop.mode}`;
      return stop.look ? `s${stop.seed}*${LOOK.map((name) => stop.look[name] ?? "").join("*")}` : `s${stop.seed}`;
    })
    .join("_");
}

export function stopsOf(text) {
  return text.split("_").flatMap((part) => {
    const [head, ...rest] = part.split("*");
    if (/^m\d{1,6}$/.test(head)) return [{ mode: Number(head.slice(1)) }];
    if (!/^s\d{1,19}$/.test(head)) return [];
    if (rest.length !== LOOK.length) return [{ seed: head.slice(1) }];
    const [psi, truncation, mode, noise, cutoff, label] = rest;
    const number = (value) => (value === "" ? null : Number(value));
    return [{ seed: head.slice(1), look: { psi: Number(psi), truncation, mode: number(mode), noise, cutoff: number(cutoff), label } }];
  }).slice(0, MOST);
}

export function walk(tab) {
  const { asked, about } = tab;
  const side = Math.min(512, about.size * Math.max(1, Math.floor(512 / about.size)));
  const chips = el("ol", { class: "stops", "aria-label": "Stops" });
  const adding = el("input", { placeholder: about.modes ? "5, 8-11, mode 3" : "5, 8-11", spellcheck: "false", keydown: (event) => event.key === "Enter" && add() });
  const frames = el("input", { type: "number", min: 2, max: about.frames, value: asked.frames });
  const fps = el("select", {}, [6, 12, 24, 30, 60].map((rate) => el("option", { value: rate }, `${rate}`)));
  const through = el("select", {}, [["straight", "straight in W"], ["modes", "through modes"], ["z", "between seeds in Z"]]
    .map(([value, name]) => el("option", { value, disabled: value === "modes" && !about.modes }, name)));
  const loop = el("input", { type: "checkbox" });
  const even = el("input", { type: "checkbox" });
  const toggle = el("button", { type: "button", class: "main play", click: () => play(!player.playing) }, "Play");
  const scrub = el("input", { type: "range", min: 0, value: 0, "aria-label": "Frame", input: () => { play(false); player.seek(Number(scrub.value)); } });
  const where = el("output", { class: "small n" });
  const marks = el("div", { class: "marks" });
  const buffer = el("progress", { class: "buffer", "aria-label": "Frames drawn", value: 0, max: 1 });
  const save = el("button", { type: "button", click: () => film() }, "Animated WebP");
  const note = el("p", { class: "small note" });
  const player = new Player({ size: side, moved, came: (held, whole) => { buffer.max = whole; buffer.value = held; buffer.classList.toggle("full", held === whole); },
    waits: (lie, need) => { note.textContent = lie === null ? "" : `Drawing ahead: ${lie} of ${need} frames`; } });
  const node = el(
    "div", { class: "walk" },
    el("div", { class: "stage" }, player.canvas, buffer,
      el("div", { class: "inline" }, toggle, el("span", { class: "scrubber" }, scrub), where), marks, note),
    el("div", { class: "panel setting" },
      el("h2", {}, "Stops"), chips,
      el("div", { class: "inline nowrap" }, el("label", { class: "field grow" }, "Seeds or modes", adding), el("button", { type: "button", click: () => add() }, "Add")),
      el("div", { class: "inline" }, el("button", { type: "button", click: () => random() }, "Random stops"), el("button", { type: "button", click: () => set(tab.pins.list.slice(0, MOST)) }, "Pinned images")),
      el("h2", {}, "Way"),
      el("div", { class: "pair" }, el("label", { class: "field" }, "Frames", frames), el("label", { class: "field" }, "A second", fps)),
      el("label", { class: "field" }, "Way", through),
      el("label", { class: "field row" }, loop, "Back to the first stop"),
      el("label", { class: "field row" }, even, "Even steps to the eye (measured first)"),
      save),
  );
  let stops = asked.stops ? stopsOf(asked.stops) : [];
  let made = null;
  let tiles = [];
  let stop = new AbortController();
  fps.value = asked.fps;
  through.value = asked.through;
  loop.checked = asked.loop !== "0";
  even.checked = asked.even === "1";
  player.fps = Number(asked.fps);
  fps.addEventListener("change", () => { player.fps = Number(fps.value); asked.fps = fps.value; tab.keep(); });
  for (const one of [frames, through, loop, even]) one.addEventListener("change", () => changed());

  function changed() {
    frames.value = Math.max(2, Math.min(about.frames, Math.round(Number(frames.value)) || 96));
    Object.assign(asked, { frames: frames.value, through: through.value, loop: loop.checked ? "1" : "0", even: even.checked ? "1" : "0" });
    keep();
    draw();
  }

  function keep() {
    asked.stops = stopsText(stops);
    tab.keep();
  }

  function set(list) {
    if (list.length < 2) return say("a walk needs two stops or more", "bad");
    stops = list.map(({ seed, look, mode }) => (mode !== undefined ? { mode } : look ? { seed, look } : { seed }));
    keep();
    draw();
  }

  async function add() {
    const text = adding.value.trim();
    if (!text) return;
    try {
      const more = [];
      for (const part of text.split(",")) {
        const named = /^modes?[ :]*(.+)$/i.exec(part.trim());
        const found = await api.get(`/api/generate/seeds?${new URLSearchParams({ text: named ? named[1] : part })}`);
        more.push(...found.map((number) => (named ? { mode: Number(number) } : { seed: number })));
      }
      const wrong = more.find((one) => one.mode >= about.modes);
      if (wrong) throw new Error(about.modes ? `there is no ${nameOf(wrong.mode)}: 0 to ${about.modes - 1}` : "this model has no modes");
      if (stops.length + more.length > MOST) throw new Error(`${MOST} stops at most`);
      adding.value = "";
      set([...stops, ...more]);
    } catch (error) {
      fail(error);
    }
  }

  function random() {
    set(Array.from({ length: Math.max(2, stops.length) }, () => ({ seed: String(Math.floor(Math.random() * 2 ** 31)) })));
  }

  function shift(at, by) {
    const list = [...stops];
    const [one] = list.splice(at, 1);
    list.splice(at + by, 0, one);
    set(list);
    chips.children[at + by]?.querySelector(`[data-by="${by}"]`)?.focus();
  }

  function show() {
    tiles.forEach((tile) => tile.drop());
    tiles = [];
    const items = stops.map((one, at) => {
      const name = one.mode !== undefined ? nameOf(one.mode) : `seed ${one.seed}`;
      const button = (title, text, by, act, off) => el("button", { type: "button", class: "quiet", "aria-label": `${title} ${name}`, title, "data-by": by, disabled: off, click: act }, text);
      const look = one.mode !== undefined ? { ...tab.look, truncation: "index", mode: one.mode, psi: 0, cutoff: null } : one.look ?? tab.look;
      const tile = new Tile(tab, { seed: one.seed ?? "0", look, caption: false, word: name });
      tiles.push(tile);
      return el("li", {}, tile.node, el("span", { class: "stop-name" }, name), button("Earlier:", "‹", -1, () => shift(at, -1), at === 0),
        button("Later:", "›", 1, () => shift(at, 1), at === stops.length - 1), button("Remove", "×", 0, () => set(stops.filter((_, n) => n !== at)), stops.length <= 2));
    });
    chips.replaceChildren(...items);
    tab.feed.ask(tiles.map((tile) => ({ ...tile.task(64), visible: true })));
  }

  async function draw() {
    if (stops.length < 2) {
      stops = tab.seeds.slice(0, 4).map((seed) => ({ seed }));
      if (stops.length < 2) stops = [{ seed: "0" }, { seed: "1" }, { seed: "2" }];
    }
    stop.abort();
    stop = new AbortController();
    const { signal } = stop;
    show();
    note.textContent = even.checked ? "Measuring the way …" : "";
    try {
      const body = {
        of: about.of, look: tab.look, frames: Number(frames.value), loop: loop.checked, through: through.value, even: even.checked,
        stops: stops.map(({ seed, mode, look }) => (mode !== undefined ? { mode } : { seed, ...(look ? { look } : {}) })),
      };
      const found = await api.post("/api/generate/walk", body, { signal });
      if (signal.aborted) return;
      made = found;
      note.textContent = "";
      scrub.max = made.frames - 1;
      marks.replaceChildren(...made.landmarks.map(({ frame, name }) =>
        el("button", { type: "button", class: "quiet mark-to", click: () => { play(false); player.seek(frame); } }, name)));
      player.load(made);
    } catch (error) {
      if (signal.aborted) return;
      player.unload();
      note.textContent = error.message;
    }
  }

  function moved(frame) {
    scrub.value = frame;
    where.textContent = made ? `${count(frame + 1)} / ${count(made.frames)}` : "";
    const at = made ? made.landmarks.filter((mark) => mark.frame <= frame).length - 1 : -1;
    [...marks.children].forEach((mark, n) => mark.classList.toggle("here", n === at));
    toggle.textContent = player.playing ? "Pause" : "Play";
  }

  function play(on) {
    player.play(on);
    toggle.textContent = player.playing ? "Pause" : "Play";
  }

  async function film() {
    if (!made) return;
    await tab.download("/api/generate/film", { walk: made.walk, fps: Number(fps.value) }, "walk.webp", made.frames, save);
  }

  return {
    node, draw: calm(draw, 60), neighbours: () => [], relabel: () => tiles.forEach((tile) => tile.label()),
    stops: set,
    key(event) {
      if (event.key !== " " || event.target.matches?.("button, input, select, a")) return;
      play(!player.playing);
      event.preventDefault();
    },
    close() {
      stop.abort();
      player.play(false);
      player.unload();
      tiles.forEach((tile) => tile.drop());
    },
  };
}

