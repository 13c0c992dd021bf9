// A histogram of scores with a threshold that is dragged; a slider for keys and screen readers.

import { count, el, figure } from "./kit.js";

const BINS = 90;

/**
 * @param {object} given
 *   moved(cut): told while the threshold moves: so many photos are kept
 *   colours(): {kept, dropped, ink, line}
 */
export class Histogram {
  constructor(given) {
    this.given = given;
    this.canvas = el("canvas", { "aria-hidden": "true" });
    this.handle = el("div", {
      class: "handle", role: "slider", tabindex: "0", "aria-label": "Threshold: photos kept by the rule",
      "aria-valuemin": "0", keydown: (event) => this.key(event),
    }, el("span", { class: "grip", "aria-hidden": "true" }));
    this.node = el("div", {
      class: "histogram", pointerdown: (event) => this.grab(event), pointermove: (event) => this.drag(event),
      pointerup: () => (this.held = false), pointercancel: () => (this.held = false),
    }, this.canvas, this.handle);
    this.axis = el("div", { class: "axis", "aria-hidden": "true" }, el("span"), el("span"), el("span"));
    this.seen = new ResizeObserver(() => this.draw());
    this.seen.observe(this.node);
    this.dark = matchMedia("(prefers-color-scheme: dark)");
    this.redraw = () => this.draw();
    this.dark.addEventListener("change", this.redraw);
  }

  close() {
    this.seen.disconnect();
    this.dark.removeEventListener("change", this.redraw);
  }

  /** `sorted`: scores, ascending. */
  show(sorted, cut) {
    this.sorted = sorted;
    const last = sorted.length - 1;
    this.low = sorted[0] ?? 0;
    // A few photos far out would squeeze all others into one bin: the last bin holds them.
    this.high = sorted[Math.min(last, Math.floor(last * 0.995))] ?? 1;
    if (!(this.high > this.low)) this.high = this.low + 1;
    this.bins = new Uint32Array(BINS);
    for (const value of sorted) this.bins[this.bin(value)]++;
    this.handle.setAttribute("aria-valuemax", sorted.length);
    const spans = this.axis.children;
    spans[0].textContent = figure(this.low);
    spans[1].textContent = figure((this.low + this.high) / 2);
    spans[2].textContent = `${figure(this.high)}${sorted[last] > this.high ? " and above" : ""}`;
    this.set(cut);
  }

  bin(value) {
    return Math.min(BINS - 1, Math.max(0, Math.floor(((value - this.low) / (this.high - this.low)) * BINS)));
  }

  /** So many photos are kept. */
  set(cut) {
    this.cut = cut;
    const value = this.value();
    this.handle.setAttribute("aria-valuenow", cut);
    this.handle.setAttribute("aria-valuetext", `score ${figure(value)}: ${count(cut)} of ${count(this.sorted.length)} kept by the rule`);
    this.draw();
  }

  value() {
    if (!this.sorted.length) return 0;
    return this.cut ? this.sorted[this.cut - 1] : this.low;
  }

  draw() {
    const width = this.node.clientWidth, height = this.node.clientHeight;
    if (!width || !this.bins) return;
    const scale = devicePixelRatio || 1;
    if (this.canvas.width !== Math.round(width * scale)) {
      this.canvas.width = Math.round(width * scale);
      this.canvas.height = Math.round(height * scale);
    }
    const paint = this.canvas.getContext("2d");
    paint.setTransform(scale, 0, 0, scale, 0, 0);
    paint.clearRect(0, 0, width, height);
    const { kept, dropped } = this.given.colours();
    const most = Math.sqrt(Math.max(...this.bins, 1));
    const x = this.cut >= this.sorted.length ? width : this.cut
      ? Math.min(1, Math.max(0, (this.value() - this.low) / (this.high - this.low))) * width : 0;
    const step = width / BINS;
    for (let bin = 0; bin < BINS; bin++) {
      const tall = this.bins[bin] ? Math.max(1.5, (Math.sqrt(this.bins[bin]) / most) * (height - 8)) : 0;
      const left = bin * step, right = left + Math.max(step - 0.8, 0.6);
      const middle = Math.min(Math.max(x, left), right);
      paint.fillStyle = kept;
      paint.fillRect(left, height - tall, middle - left, tall);
      paint.fillStyle = dropped;
      paint.fillRect(middle, height - tall, right - middle, tall);
    }
    this.handle.style.transform = `translateX(${x}px)`;
  }

  grab(event) {
    if (event.button) return;
    this.held = true;
    this.node.setPointerCapture(event.pointerId);
    this.handle.focus({ preventScroll: true });
    this.drag(event);
    event.preventDefault();
  }

  drag(event) {
    if (!this.held) return;
    const box = this.node.getBoundingClientRect();
    const part = (event.clientX - box.left) / box.width;
    if (part >= 1) return this.to(this.sorted.length);
    this.to(below(this.sorted, this.low + part * (this.high - this.low)));
  }

  key(event) {
    const hundredth = Math.max(1, Math.round(this.sorted.length / 100));
    const steps = {
      ArrowRight: 1, ArrowUp: 1, ArrowLeft: -1, ArrowDown: -1,
      PageUp: hundredth, PageDown: -hundredth, Home: -Infinity, End: Infinity,
    };
    if (!(event.key in steps)) return;
    this.to(this.cut + steps[event.key] * (event.shiftKey ? 10 : 1));
    event.preventDefault();
    event.stopPropagation();
  }

  to(cut) {
    const next = Math.min(Math.max(cut, 1), this.sorted.length);
    if (next === this.cut) return;
    this.set(next);
    this.given.moved(next);
  }
}

/** How many of the ascending values are at most `value`. */
export function below(sorted, value) {
  let low = 0, high = sorted.length;
  while (low < high) {
    const middle = (low + high) >> 1;
    if (sorted[middle] <= value) low = middle + 1;
    else high = middle;
  }
  return low;
}
