// The sheets that training draws at its snapshots, scrubbed over time, side by side.

import { api, el } from "./kit.js";
import { kimg } from "./run_cards.js";

const PACE = 700;

export class Sheets {
  constructor(studio, tracks, onPlace, onKeep) {
    this.tracks = tracks;
    this.onPlace = onPlace;
    this.onKeep = onKeep;
    this.kind = studio.params.get("sheet") === "rec" ? "rec" : "grid";
    this.at = Number(studio.params.get("at")) || null; // images seen; null: the newest
    this.places = [];
    this.frames = new Map();
    this.kinds = el("select", { id: "sheet-kind", change: () => this.choose() },
      el("option", { value: "grid" }, "generated images"),
      el("option", { value: "rec" }, "photos and what is made of them"));
    this.kinds.value = this.kind;
    this.slider = el("input", { type: "range", min: "0", step: "1", id: "sheet-at", input: () => this.move(Number(this.slider.value), true) });
    this.where = el("output", { class: "where-at", for: "sheet-at" });
    this.button = el("button", { type: "button", click: () => this.play() }, "Play");
    this.tools = el("div", { class: "sheet-tools" }, this.button,
      el("label", { class: "field row grow", for: "sheet-at" }, "Snapshot", this.slider), this.where,
      el("label", { class: "field row", for: "sheet-kind" }, "Show", this.kinds));
    this.strip = el("div", { class: "sheet-strip" });
    this.none = el("p", { class: "lacking" }, "No snapshot yet: training draws one every train.snapshot_kimg photos, and at its end.");
    this.large = el("dialog", { class: "sheet-large", "aria-label": "Snapshot, large" });
    this.large.addEventListener("click", () => this.large.close());
    this.node = el("section", { "aria-labelledby": "runs-sheets" },
      el("h2", { id: "runs-sheets" }, "Snapshots"), this.none, this.tools, this.strip, this.large);
  }

  close() {
    clearTimeout(this.timer);
    this.timer = null;
  }

  kept() {
    return { sheet: this.kind === "rec" ? "rec" : "", at: this.at ?? "" };
  }

  choose() {
    this.kind = this.kinds.value;
    this.onKeep();
    this.refresh();
  }

  of(track) {
    return track.pictures.filter(([kind]) => kind === this.kind);
  }

  refresh() {
    const tracks = this.tracks();
    const all = new Set(tracks.flatMap((track) => this.of(track).map(([, , images]) => images)));
    this.places = [...all].sort((a, b) => a - b);
    const some = tracks.some((track) => track.pictures.length);
    this.none.hidden = some;
    this.tools.hidden = this.strip.hidden = !some;
    this.node.hidden = !tracks.length;
    this.slider.max = String(Math.max(this.places.length - 1, 0));
    this.slider.disabled = this.button.disabled = this.places.length < 2;
    this.frame(tracks);
    let place = this.places.length - 1;
    if (this.at !== null) {
      const next = this.places.findIndex((images) => images >= this.at);
      if (next >= 0) place = next;
    }
    this.show(place);
  }

  frame(tracks) {
    const keys = tracks.map((track) => track.key + track.dash).join();
    if (this.strip.dataset.keys === keys) return;
    this.strip.dataset.keys = keys;
    this.frames = new Map(tracks.map((track) => {
      const swatch = el("i", { class: `swatch${track.dash ? " dashed" : ""}`, "aria-hidden": "true" });
      swatch.style.color = track.colour;
      const words = el("span", { class: "small" });
      const image = el("img", { class: "px", alt: "" });
      const open = el("button", { type: "button", class: "sheet", click: () => this.enlarge(image) }, image);
      const fault = el("p", { class: "lacking" });
      const node = el("figure", { class: "panel" },
        el("figcaption", {}, swatch, el("b", {}, track.label), words), open, fault);
      return [track.key, { node, image, words, open, fault, source: "" }];
    }));
    this.strip.replaceChildren(...[...this.frames.values()].map((frame) => frame.node));
  }

  move(place, byHand) {
    if (byHand) this.stop();
    const last = place >= this.places.length - 1;
    this.at = last ? null : this.places[place];
    this.show(place);
    this.onPlace(last ? null : this.places[place]);
    if (byHand) this.onKeep();
  }

  show(place) {
    const images = this.places[place];
    this.slider.value = String(Math.max(place, 0));
    const text = images === undefined ? "" : `${kimg(images)} kimg`;
    this.where.textContent = text;
    this.slider.setAttribute("aria-valuetext", text);
    for (const track of this.tracks()) this.fill(track, images);
  }

  fill(track, images) {
    const frame = this.frames.get(track.key);
    if (!frame) return;
    const found = this.of(track).filter(([, , at]) => at <= images).at(-1);
    if (!found) {
      frame.source = "";
      frame.open.hidden = true;
      frame.fault.hidden = false;
      frame.fault.textContent = this.of(track).length ? "no snapshot by then" : "no such sheet yet";
      frame.words.textContent = "";
      return;
    }
    const [kind, level, at, version] = found;
    const pixels = track.training?.sizes?.[level]?.[0];
    frame.words.textContent = `${kimg(at)} kimg${pixels ? `, ${pixels} px` : ""}`;
    const source = `/api/runs/${track.id}/${track.name}/${level}/${kind}/${at}.png?v=${version}`;
    if (frame.source === source) return;
    frame.source = source;
    const ready = new Image();
    ready.src = source;
    ready.decode().then(() => {
      if (frame.source !== source) return;
      frame.image.src = source;
      frame.image.alt = kind === "grid"
        ? `What ${track.label} draws after ${kimg(at)} kimg`
        : `Photos, and below each what ${track.label} makes of it after ${kimg(at)} kimg`;
      frame.open.hidden = false;
      frame.fault.hidden = true;
    }).catch(() => this.explain(frame, source));
  }

  /** The server has words for what an <img> cannot show. */
  async explain(frame, source) {
    let text = "this sheet cannot be shown";
    try {
      await api.blob(source);
    } catch (error) {
      text = error.message;
    }
    if (frame.source !== source) return;
    frame.open.hidden = true;
    frame.fault.hidden = false;
    frame.fault.textContent = text;
  }

  enlarge(image) {
    this.large.replaceChildren(
      el("img", { src: image.src, alt: image.alt, class: "px" }),
      el("button", { type: "button", class: "main" }, "Close"));
    this.large.showModal();
  }

  stop() {
    clearTimeout(this.timer);
    this.timer = null;
    this.button.textContent = "Play";
  }

  play() {
    if (this.timer) return this.stop();
    if (this.places.length < 2) return;
    this.button.textContent = "Stop";
    let place = Number(this.slider.value);
    if (place >= this.places.length - 1) place = -1;
    const step = () => {
      place += 1;
      this.move(place, false);
      if (place >= this.places.length - 1) this.stop();
      else this.timer = setTimeout(step, PACE);
    };
    this.timer = setTimeout(step, 0);
  }
}
