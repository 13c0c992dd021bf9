// What the tab Edit shows: where one begins, the image, what it is compared with, saving.

import { count, duration, el, figure } from "./kit.js";
import { BASE, curve, modeImage } from "./edit-parts.js";
import { nameOf } from "./naming.js";

const STEPS = [50, 200, 500];
const STAGES = { start: "Start", w: "W: one latent for all layers", w_plus: "W+: a latent for each layer" };
const RUNNING = ["waiting", "running"];

const DROP = "or drop it anywhere here, or paste it.";

/** Say that a photo is on its way, or no longer. */
export function reading(zone, name) {
  zone.classList.toggle("busy", Boolean(name));
  zone.querySelector("p").textContent = name ? `Reading ${name} …` : DROP;
}

export const goesOn = (told) => RUNNING.includes(told?.state ?? "waiting");

/** The whole tab. `does` holds what a person can do: send, steps, seed, mode, compare, stop, save. */
export function frame(about, start, does, sliders) {
  const view = { zone: zone(does) };
  view.big = el("img", { alt: "", class: "edit-now", width: 384, height: 384 });
  view.caption = el("p", { class: "edit-caption" });
  view.compare = el("button", {
    type: "button", "aria-pressed": "false",
    pointerdown: () => does.compare(true), pointerup: () => does.compare(false),
    pointerleave: () => does.compare(false), blur: () => does.compare(false),
    keydown: (event) => [" ", "Enter"].includes(event.key) && does.compare(true),
    keyup: () => does.compare(false),
  }, "Hold to compare ", el("kbd", {}, "c"));
  view.refs = el("div", { class: "edit-refs" });
  view.search = search(does.stop);
  view.save = saving(view, does.save);
  view.stage = el("div", { class: "edit-stage" },
    el("div", { class: "edit-left" }, view.big, el("div", {}, view.caption, view.compare)),
    el("div", { class: "edit-work" }, view.refs, view.search.node, sliders, view.save));
  view.empty = el("div", { class: "edit-empty" },
    el("h2", {}, "Which latents draw this photo?"),
    el("p", {}, "Give a photo. You see the mode that is nearest to it, and how the generator comes closer to it "
      + "step by step. Then move it along directions, look, and save what you made."),
    el("p", { class: "small" }, `Or begin with a seed${about.modes ? " or with the centre of a mode" : ""}.`));
  view.split = el("div", { class: "split" },
    el("div", { class: "side" }, photoPanel(about, start, does, view.zone), seedPanel(about, start, does), about.modes ? modePanel(about, does) : ""),
    el("div", { class: "edit-main" }, view.empty, view.stage));
  return view;
}

function zone(does) {
  const file = el("input", {
    type: "file", id: "edit-file", class: "edit-file", accept: "image/*",
    change: (event) => { does.send([...event.target.files]); event.target.value = ""; },
  });
  return el("div", { class: "edit-zone" }, el("label", { for: "edit-file", class: "edit-choose" }, "Choose a photo"), file,
    el("p", { class: "small", role: "status" }, DROP));
}

function photoPanel(about, start, does, where) {
  const steps = el("select", { change: (event) => does.steps(Number(event.target.value)) },
    STEPS.map((n) => el("option", { value: n, selected: n === start.steps }, `${n} steps`)));
  return el("section", { class: "panel" }, el("h2", {}, "A photo"), where,
    el("label", { class: "field row" }, "Search in", steps),
    el("p", { class: "small" }, "The centre square is taken, as ingestion does. Photos stay in this computer's memory: "
      + `nothing is written, the newest ${about.photos} are held. A new photo ends the search for the one before it.`));
}

function seedPanel(about, start, does) {
  const psi = el("input", { type: "number", min: 0, max: 2, step: 0.05, value: start.psi ?? about.psi });
  const seed = el("input", { type: "number", min: 0, step: 1, value: start.seed ?? 0 });
  const submit = (event) => { event.preventDefault(); does.seed(seed.value, psi.value); };
  return el("section", { class: "panel" }, el("h2", {}, "A seed"), el("form", { class: "edit-seed", submit },
    el("label", { class: "field" }, "Seed", seed), el("label", { class: "field" }, "Psi", psi),
    el("button", { type: "submit" }, "Draw it")));
}

function modePanel(about, does) {
  const names = [...Array(about.modes).keys()];
  return el("section", { class: "panel" }, el("h2", {}, "A mode"), el("details", { class: "edit-pick" },
    el("summary", {}, `Choose among ${count(about.modes)}`), el("div", { class: "edit-modes" }, names.map((n) =>
    el("button", { type: "button", class: "edit-mode", click: () => does.mode(n), title: nameOf(n) },
      el("img", { src: modeImage(about, n), alt: `Centre of ${nameOf(n)}`, loading: "lazy", width: 56, height: 56 }))))));
}

function search(stop) {
  const found = {
    bar: el("progress", { max: 1, value: 0, "aria-label": "Steps of the search" }),
    words: el("p", { class: "small" }), chart: curve(),
    stop: el("button", { type: "button", click: stop }, "Stop and keep"),
    status: el("p", { class: "edit-status", role: "status" }),
  };
  found.node = el("section", { class: "panel edit-progress", "aria-label": "The search for latents" },
    el("div", { class: "inline" }, found.status, el("span", { class: "grow" }), found.stop), found.bar, found.chart.node, found.words);
  return found;
}

function saving(view, save) {
  view.lines = el("div", { class: "edit-lines", "aria-live": "polite" });
  view.edited = el("button", { type: "button", click: () => save("latents.safetensors", true) }, "Edited latents");
  return el("section", { class: "panel edit-save", "aria-labelledby": "edit-save-title" },
    el("h2", { id: "edit-save-title" }, "Save"),
    el("div", { class: "inline" },
      el("button", { type: "button", class: "main", click: () => save("image", true, { save: 1 }) }, "Image (PNG)"),
      el("button", { type: "button", click: () => save("latents.safetensors", false) }, "Latents"), view.edited),
    view.lines);
}

/** Photo, nearest mode and start, as far as they are known. */
export function references(box, held, about) {
  const { photo, job, points } = held;
  const wanted = [];
  if (photo) wanted.push([`${BASE}/photos/${photo.photo}/image`, "The photo's centre square", "Photo", [`${photo.width} × ${photo.height}`], photo.name]);
  if (photo && photo.mode !== null) {
    wanted.push([modeImage(about, photo.mode), `Centre of ${nameOf(photo.mode)}`, `Nearest: ${nameOf(photo.mode)}`, [`LPIPS ${figure(photo.distance)}`]]);
  }
  if (photo && points.length) {
    wanted.push([`${BASE}/inversions/${job}/start`, "The start of the search", "Start", [`LPIPS ${figure(points[0][1])}`, `PSNR ${figure(points[0][2])} dB`]]);
  }
  const key = JSON.stringify(wanted);
  if (box.dataset.key === key) return;
  box.dataset.key = key;
  box.hidden = !wanted.length;
  box.replaceChildren(...wanted.map(([src, alt, title, lines, hint]) => el("figure", {},
    el("img", { src, alt, width: 128, height: 128 }), el("figcaption", {}, el("b", {}, title), lines.map((line) => el("span", { title: hint }, line))))));
}

/** How far the search is. */
export function progress(box, held) {
  const { told } = held;
  box.node.hidden = !held.job;
  if (!held.job) return;
  const running = goesOn(told);
  for (const part of [box.stop, box.bar, box.words]) part.hidden = !running;
  box.bar.max = told?.of ?? 1;
  box.bar.value = told?.step ?? 0;
  const words = { failed: "Not found", stopped: `Stopped at step ${count(told?.step ?? 0)}`, done: `Found in ${count(told?.of ?? 0)} steps` };
  const state = !told || told.state === "waiting" ? "Beginning …" : words[told.state] ?? STAGES[told.stage];
  if (box.status.textContent !== state) box.status.textContent = state;
  const left = told?.left ? `, about ${duration(told.left)} left` : "";
  box.words.textContent = `step ${count(told?.step ?? 0)} of ${count(told?.of ?? held.steps)}${left}`;
  box.chart.draw(held.points, told?.of ?? held.steps);
}

/** What the large image is. */
export function caption(box, held, edited) {
  const last = held.job ? held.points.at(-1) : null;
  const likeness = last ? `LPIPS ${figure(last[1])}, PSNR ${figure(last[2])} dB to the photo` : "";
  const text = !edited ? likeness : likeness ? `edited; before: ${likeness}` : "edited";
  box.replaceChildren(el("b", { title: held.name }, held.name), el("span", {}, text));
}
