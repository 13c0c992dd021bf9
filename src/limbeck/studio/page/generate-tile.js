// One image on the page: a button with a picture, a place to pin it, and what it is.

import { el } from "./kit.js";
import { nameOf } from "./naming.js";

/** The look as a short line. */
export function lookLine(look, truncation) {
  return look.truncation === "none" ? "not truncated" : `psi ${look.psi} · ${truncation(look.truncation)}`;
}

/** A seed in few letters. */
export const brief = (seed) => (seed.length > 11 ? `${seed.slice(0, 3)}…${seed.slice(-5)}` : seed);

/** A tile of a seed; `show(blob, mode)` fills it, `fade()` marks it as out of date. */
export class Tile {
  constructor(tab, { seed, look, caption = true, word = "" }) {
    this.tab = tab;
    this.seed = seed;
    this.look = look;
    this.word = word;
    this.mode = null;
    this.url = "";
    this.image = el("img", { alt: "", draggable: "false" });
    this.button = el("button", { type: "button", class: "picture", click: () => tab.zoom(this) }, this.image);
    this.pin = el("button", { type: "button", class: "pin", tabindex: "-1", click: () => tab.pins.toggle(this) }, "");
    this.words = caption ? el("figcaption", {}, el("span", { class: "seed" }), el("span", { class: "of" })) : null;
    this.node = el("figure", { class: "tile waits" }, this.button, this.pin, this.words);
    this.button.tile = this;
    this.label();
  }

  label() {
    const mode = nameOf(this.mode);
    const name = [this.word || `seed ${this.seed}`, mode].filter(Boolean).join(", ");
    this.button.setAttribute("aria-label", `${name}: zoom`);
    this.image.alt = name;
    const pinned = this.tab.pins?.holds(this) ?? true;
    this.pin.setAttribute("aria-label", `${pinned ? "Unpin" : "Pin"} ${name}`);
    this.pin.setAttribute("aria-pressed", pinned);
    this.pin.title = pinned ? "Unpin" : "Pin";
    if (!this.words) return;
    const [seed, of] = this.words.children;
    seed.textContent = brief(this.seed);
    seed.title = this.seed.length > 11 ? this.seed : "";
    of.textContent = mode;
  }

  show(blob, mode) {
    const old = this.url;
    this.url = URL.createObjectURL(blob);
    this.mode = mode;
    this.image.onload = () => {
      if (old) URL.revokeObjectURL(old);
    };
    this.image.src = this.url;
    this.node.classList.remove("waits", "old", "failed");
    this.label();
  }

  fade() {
    if (this.url) this.node.classList.add("old");
  }

  failed() {
    this.node.classList.remove("waits", "old");
    this.node.classList.add("failed");
  }

  /** What the feed draws it by. */
  task(side) {
    return {
      look: this.look, seed: this.seed, side, visible: false,
      got: (blob, mode) => this.show(blob, mode),
      failed: () => this.failed(),
    };
  }

  drop() {
    if (this.url) URL.revokeObjectURL(this.url);
    this.url = "";
  }
}

/** Which side to ask for: enough for so many CSS pixels. */
export function sideFor(css) {
  const wanted = css * Math.min(2, window.devicePixelRatio || 1);
  return [64, 128, 256, 512, 1024].find((side) => side >= wanted) ?? 1024;
}
