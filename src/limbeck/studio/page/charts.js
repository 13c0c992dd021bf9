// Curves over one another on common axes, with a cursor that all charts share.

import { figure } from "./kit.js";

const SPACE = "http://www.w3.org/2000/svg";
const LEFT = 46;
const RIGHT = 10;
const TOP = 8;
const BOTTOM = 22;

function svg(name, attributes = {}, ...children) {
  const node = document.createElementNS(SPACE, name);
  for (const [key, value] of Object.entries(attributes)) node.setAttribute(key, value);
  node.append(...children);
  return node;
}

/** Round numbers within [low, high], about `count` of them. */
export function ticks(low, high, count) {
  const span = high - low;
  if (!(span > 0) || !Number.isFinite(span)) return [low];
  const raw = span / Math.max(count, 1);
  const power = 10 ** Math.floor(Math.log10(raw));
  const step = [1, 2, 2.5, 5, 10].map((m) => m * power).find((s) => s >= raw * 0.999) || raw;
  const found = [];
  for (let i = Math.ceil(low / step - 1e-9); i * step <= high + step * 1e-9; i++) {
    found.push(Math.abs(i * step) < step * 1e-9 ? 0 : Number((i * step).toPrecision(10)));
  }
  return found;
}

/** Powers of ten within [low, high], with 2 and 5 between where these are few. */
export function logTicks(low, high) {
  const powers = Math.log10(high / low);
  if (powers < 0.6) return ticks(low, high, 3);
  const found = [];
  for (let e = Math.floor(Math.log10(low)); e <= Math.ceil(Math.log10(high)); e++) {
    for (const m of powers < 2.2 ? [1, 2, 5] : [1]) {
      const at = m * 10 ** e;
      if (at >= low * 0.999 && at <= high * 1.001) found.push(Number(at.toPrecision(3)));
    }
  }
  return found.length > 6 ? found.filter((_, i) => i % Math.ceil(found.length / 5) === 0) : found;
}

const short = (value) =>
  Math.abs(value) >= 1000 ? `${Number((value / 1000).toPrecision(3))}k`
  : value !== 0 && Math.abs(value) < 1e-3 ? value.toExponential(0)
  : String(Number(value.toPrecision(3)));

/** The running mean with weight `share` of what came before (0 = none); gaps end it. */
export function smooth(values, share) {
  if (share <= 0) return values;
  let sum = 0;
  let weight = 0;
  return values.map((value) => {
    if (value === null) {
      sum = weight = 0;
      return null;
    }
    sum = share * sum + (1 - share) * value;
    weight = share * weight + (1 - share);
    return sum / weight;
  });
}

/** Index of the value nearest to `at` in ascending numbers. */
export function nearest(values, at) {
  let low = 0;
  let high = values.length - 1;
  while (high - low > 1) {
    const middle = (low + high) >> 1;
    if (values[middle] <= at) low = middle;
    else high = middle;
  }
  return Math.abs(values[high] - at) < Math.abs(values[low] - at) ? high : low;
}

/**
 * One chart. `draw({series, right, unit, share, log, marks})` shows it: series are
 * {key, label, colour, dash, x, y} with x ascending and null in y where a curve is broken.
 * `point(x)` puts the cursor there, `onPoint(x)` is called where the reader moves it.
 */
export class Chart {
  constructor(title, note, onPoint) {
    this.title = title;
    this.onPoint = onPoint;
    this.cursor = null;
    this.given = null;
    this.plot = svg("svg", { "aria-hidden": "true", focusable: "false" });
    this.box = document.createElement("div");
    this.box.className = "plot";
    this.box.tabIndex = 0;
    this.box.setAttribute("role", "slider");
    this.box.setAttribute("aria-label", title);
    this.box.append(this.plot);
    this.read = document.createElement("p");
    this.read.className = "read";
    const head = document.createElement("h3");
    head.textContent = title;
    if (note) head.title = note;
    this.node = document.createElement("figure");
    this.node.className = "panel curves";
    this.node.append(head, this.read, this.box);
    this.box.addEventListener("pointermove", (event) => this.hover(event));
    this.box.addEventListener("pointerdown", (event) => this.hover(event));
    this.box.addEventListener("pointerleave", (event) => {
      if (event.pointerType === "mouse" && document.activeElement !== this.box) this.onPoint(null);
    });
    this.box.addEventListener("keydown", (event) => this.key(event));
    this.watch = new ResizeObserver(() => this.paint());
    this.watch.observe(this.box);
  }

  close() {
    this.watch.disconnect();
  }

  draw(given) {
    this.given = { ...given, series: given.series.map((s) => ({ ...s, soft: smooth(s.y, given.share) })) };
    this.paint();
  }

  /** Every x that has a value, ascending. */
  places() {
    const all = new Set();
    for (const line of this.given?.series || []) for (const x of line.x) all.add(x);
    return [...all].sort((a, b) => a - b);
  }

  hover(event) {
    const { left, width } = this.box.getBoundingClientRect();
    const inner = width - LEFT - RIGHT;
    const at = ((event.clientX - left - LEFT) / inner) * (this.given?.right || 0);
    const places = this.places();
    if (places.length) this.onPoint(places[nearest(places, at)]);
  }

  key(event) {
    const places = this.places();
    if (!places.length) return;
    const step = { ArrowLeft: -1, ArrowRight: 1, ArrowDown: -1, ArrowUp: 1, PageUp: 10, PageDown: -10 }[event.key];
    const now = this.cursor === null ? places.length : nearest(places, this.cursor);
    let next;
    if (step) next = now + step;
    else if (event.key === "Home") next = 0;
    else if (event.key === "End") next = places.length - 1;
    else if (event.key === "Escape") next = null;
    else return;
    event.preventDefault();
    this.onPoint(next === null ? null : places[Math.min(Math.max(next, 0), places.length - 1)]);
  }

  point(at) {
    this.cursor = at;
    this.mark();
  }

  scales() {
    const { series, log, right } = this.given;
    const values = series.flatMap((s) => [...s.y, ...s.soft]).filter((y) => y !== null);
    let low = Math.min(...values);
    let high = Math.max(...values);
    this.log = log && low > 0;
    if (this.log) {
      [low, high] = [low / 1.08, high * 1.08];
    } else {
      if (high - low < 1e-9 * Math.max(Math.abs(high), 1e-3)) {
        const half = 0.5 * Math.max(Math.abs(low), 1e-3);
        [low, high] = [low - half, high + half];
      }
      const pad = 0.06 * (high - low);
      low = low < 0 || low > pad ? low - pad : 0;
      high += pad;
    }
    const [a, b] = this.log ? [Math.log(low), Math.log(high)] : [low, high];
    const tall = this.height - TOP - BOTTOM;
    const wide = this.width - LEFT - RIGHT;
    this.low = low;
    this.high = high;
    this.x = (x) => LEFT + (wide * x) / (right || 1);
    this.y = (y) => TOP + tall * (1 - ((this.log ? Math.log(y) : y) - a) / (b - a));
  }

  path(x, y) {
    let text = "";
    let pen = "M";
    for (let i = 0; i < x.length; i++) {
      if (y[i] === null) {
        pen = "M";
        continue;
      }
      text += `${pen}${this.x(x[i]).toFixed(1)} ${this.y(y[i]).toFixed(1)}`;
      pen = "L";
    }
    return text;
  }

  paint() {
    if (!this.given) return;
    this.width = this.box.clientWidth;
    this.height = this.box.clientHeight;
    if (!this.width || !this.height) return;
    this.scales();
    this.plot.setAttribute("viewBox", `0 0 ${this.width} ${this.height}`);
    const parts = [];
    const down = this.log ? logTicks(this.low, this.high) : ticks(this.low, this.high, 4);
    for (const at of down) {
      const y = this.y(at);
      parts.push(svg("line", { class: "rule", x1: LEFT, x2: this.width - RIGHT, y1: y, y2: y }));
      parts.push(svg("text", { class: "tick", x: LEFT - 7, y: y + 4, "text-anchor": "end" }, short(at)));
    }
    const along = ticks(0, this.given.right, Math.min(6, Math.round(this.width / 90)));
    for (const at of along) {
      const x = this.x(at);
      parts.push(svg("line", { class: "rule short", x1: x, x2: x, y1: this.height - BOTTOM, y2: this.height - BOTTOM + 4 }));
      const last = at === along.at(-1);
      const [anchor, to] = x > this.width - RIGHT - 32 && last ? ["end", this.width - 1] : ["middle", x];
      parts.push(svg("text", { class: "tick", x: to, y: this.height - 5, "text-anchor": anchor }, last ? `${short(at)} ${this.given.unit}` : short(at)));
    }
    for (const { x, text, colour } of this.given.marks || []) {
      if (x > this.given.right) continue;
      parts.push(svg("line", { class: "grown", stroke: colour, x1: this.x(x), x2: this.x(x), y1: TOP, y2: this.height - BOTTOM }));
      const tight = this.x(x) > this.width - RIGHT - 40;
      parts.push(svg("text", { class: "tick", x: this.x(x) + (tight ? -4 : 4), y: TOP + 9, "text-anchor": tight ? "end" : "start" }, text));
    }
    if (this.given.log && !this.log) {
      parts.push(svg("text", { class: "tick", x: this.width - RIGHT, y: TOP + 2, "text-anchor": "end" }, "linear: not all is above 0"));
    }
    for (const line of this.given.series) {
      if (this.given.share > 0) {
        parts.push(svg("path", { class: "curve faint", stroke: line.colour, d: this.path(line.x, line.y) }));
      }
      const shape = { class: "curve", stroke: line.colour, d: this.path(line.x, line.soft) };
      if (line.dash) shape["stroke-dasharray"] = line.dash;
      parts.push(svg("path", shape));
      if (line.x.length < 25) {
        line.x.forEach((x, i) => {
          if (line.y[i] === null) return;
          parts.push(svg("circle", { class: "dot-at", fill: line.colour, cx: this.x(x), cy: this.y(line.soft[i]), r: 2.2 }));
        });
      }
    }
    this.over = svg("g");
    this.plot.replaceChildren(...parts, this.over);
    this.mark();
  }

  /** What each curve is at the cursor, or at its end. */
  values() {
    return this.given.series.map((line) => {
      let at = line.x.length - 1;
      if (this.cursor !== null) {
        const last = line.x[at];
        at = this.cursor > last * 1.0001 ? -1 : nearest(line.x, this.cursor);
      }
      return { ...line, at: at < 0 ? null : line.x[at], value: at < 0 ? null : line.soft[at] };
    });
  }

  mark() {
    if (!this.given || !this.over) return;
    const shown = this.values();
    this.read.replaceChildren(
      ...shown.map((line) => {
        const item = document.createElement("span");
        const key = svg("svg", { class: "key", viewBox: "0 0 22 8", "aria-hidden": "true" });
        key.append(svg("line", { x1: 1, x2: 21, y1: 4, y2: 4, stroke: line.colour, "stroke-width": 2.4, ...(line.dash ? { "stroke-dasharray": line.dash } : {}) }));
        item.append(key, line.value === null ? "–" : figure(line.value));
        item.title = line.label;
        return item;
      }),
    );
    const parts = [];
    if (this.cursor !== null) {
      const x = this.x(this.cursor);
      parts.push(svg("line", { class: "cursor", x1: x, x2: x, y1: TOP, y2: this.height - BOTTOM }));
      for (const line of shown) {
        if (line.value === null) continue;
        parts.push(svg("circle", { class: "here", fill: line.colour, cx: this.x(line.at), cy: this.y(line.value), r: 4 }));
      }
    }
    this.over.replaceChildren(...parts);
    const at = this.cursor === null ? this.given.right : this.cursor;
    const words = shown.filter((s) => s.value !== null).map((s) => `${s.label} ${figure(s.value)}`).join(", ");
    this.box.setAttribute("aria-valuemin", "0");
    this.box.setAttribute("aria-valuemax", String(Number((this.given.right || 0).toPrecision(4))));
    this.box.setAttribute("aria-valuenow", String(Number(at.toPrecision(4))));
    this.box.setAttribute("aria-valuetext", `${this.cursor === null ? "at the end" : `${figure(at)} ${this.given.unit}`}: ${words || "nothing"}`);
  }
}
