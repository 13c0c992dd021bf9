// Frames that are asked for ahead and shown at a steady rate.

import { el, fail } from "./kit.js";
import { records } from "./generate-feed.js";

const LOT = 24; // frames in one request
const MOST_AHEAD = 120; // frames that playing waits for
const AHEAD = 12; // frames that are decoded before their turn

export class Player {
  constructor({ size, moved, came, waits }) {
    this.size = size;
    this.moved = moved; // (frame)
    this.came = came; // (how many of how many)
    this.waits = waits; // (how many frames lie ahead, of how many; nothing: play goes on)
    this.canvas = el("canvas", { class: "screen", width: size, height: size, role: "img", "aria-label": "The walk" });
    this.context = this.canvas.getContext("2d");
    this.frames = [];
    this.decoded = new Map();
    this.fps = 24;
    this.at = 0;
    this.playing = false;
    this.starved = false;
    this.rate = 0; // frames that come in a second
    this.stop = new AbortController();
    this.turn = 0;
  }

  /** Take another walk. */
  load(walk) {
    this.unload();
    this.walk = walk;
    this.frames = new Array(walk.frames).fill(null);
    this.held = 0;
    this.rate = 0;
    this.began = performance.now();
    this.at = Math.min(this.at, walk.frames - 1);
    this.came(0, walk.frames);
    this.fetch(this.stop);
    this.draw();
  }

  unload() {
    this.stop.abort();
    this.stop = new AbortController();
    this.turn += 1;
    for (const bitmap of this.decoded.values()) bitmap.close();
    this.decoded.clear();
    this.frames = [];
    this.walk = null;
  }

  /** The first frame from the present one on that is lacking. */
  lacking() {
    const whole = this.frames.length;
    for (let n = 0; n < whole; n += 1) {
      const frame = (this.at + n) % whole;
      if (!this.frames[frame]) return frame;
    }
    return -1;
  }

  async fetch(stop) {
    const { walk } = this.walk;
    for (let first = this.lacking(); first >= 0 && !stop.signal.aborted; first = this.lacking()) {
      let count = 1;
      while (count < LOT && first + count < this.frames.length && !this.frames[first + count]) count += 1;
      try {
        await records("/api/generate/frames", { walk, first, count, side: this.size }, stop.signal, (words, blob) => {
          if (stop.signal.aborted || this.frames[words.frame]) return;
          this.frames[words.frame] = blob;
          this.held += 1;
          this.rate = this.held / Math.max(0.05, (performance.now() - this.began) / 1000);
          this.came(this.held, this.frames.length);
          if (words.frame === this.at) this.draw();
        });
      } catch (error) {
        if (stop.signal.aborted) return;
        if (error.status !== 503) return fail(error);
        await new Promise((wake) => setTimeout(wake, 400));
      }
    }
  }

  async bitmap(frame) {
    const blob = this.frames[frame];
    if (!blob || this.decoded.has(frame)) return;
    const { turn } = this;
    const made = await createImageBitmap(blob);
    if (turn !== this.turn || this.decoded.has(frame)) return made.close();
    this.decoded.set(frame, made);
  }

  /** Decode what comes next, and let go of the rest. */
  async ahead() {
    const whole = this.frames.length;
    const wanted = new Set();
    for (let n = 0; n <= Math.min(AHEAD, whole - 1); n += 1) wanted.add((this.at + n) % whole);
    for (const [frame, bitmap] of this.decoded) {
      if (wanted.has(frame)) continue;
      bitmap.close();
      this.decoded.delete(frame);
    }
    await Promise.all([...wanted].map((frame) => this.bitmap(frame)));
  }

  async draw() {
    if (!this.walk) return;
    const { turn, at } = this;
    await this.bitmap(at);
    if (turn !== this.turn || at !== this.at) return;
    this.paint();
    this.moved(this.at);
  }

  paint() {
    const bitmap = this.decoded.get(this.at);
    if (!bitmap) return false;
    const { canvas } = this;
    this.context.imageSmoothingQuality = "high";
    this.context.drawImage(bitmap, 0, 0, canvas.width, canvas.height);
    return true;
  }

  /** Whether to wait for frames: until so many lie ahead that playing will not have to stop. */
  hungry() {
    const whole = this.frames.length;
    if (!this.starved || this.held === whole) return this.starve(false);
    let lie = 0;
    while (lie < whole - 1 && this.frames[(this.at + 1 + lie) % whole]) lie += 1;
    const slow = Math.max(0, 1 - this.rate / this.fps);
    const need = Math.min(MOST_AHEAD, whole - 1, Math.ceil((whole - this.held + lie) * slow));
    return this.starve(lie < need, lie, need);
  }

  starve(lacking, lie = 0, need = 0) {
    if (lacking || this.starved) this.waits(lacking ? lie : null, need);
    this.starved = lacking;
    return lacking;
  }

  seek(frame) {
    const whole = this.frames.length;
    if (!whole) return;
    this.at = Math.max(0, Math.min(whole - 1, frame));
    this.moved(this.at);
    this.draw();
  }

  play(on) {
    if (this.playing === on) return;
    this.playing = on;
    if (!on) return this.starve(false);
    if (this.walk && !this.walk.loop && this.at === this.frames.length - 1) this.at = 0;
    let last = performance.now();
    let owed = 0;
    const step = async (now) => {
      if (!this.playing) return;
      if (this.hungry()) {
        last = now;
        requestAnimationFrame(step);
        return;
      }
      owed = Math.min(owed + ((now - last) / 1000) * this.fps, 3);
      last = now;
      let moved = false;
      while (owed >= 1 && this.frames.length) {
        const end = this.at === this.frames.length - 1;
        if (end && !this.walk.loop) {
          this.play(false);
          this.moved(this.at);
          return;
        }
        const next = end ? 0 : this.at + 1;
        if (!this.decoded.has(next)) {
          await this.bitmap(next);
          if (!this.decoded.has(next)) {
            owed = 0;
            this.starved = true;
            break;
          }
        }
        this.at = next;
        owed -= 1;
        moved = true;
      }
      if (moved && this.paint()) this.moved(this.at);
      this.ahead();
      requestAnimationFrame(step);
    };
    requestAnimationFrame(step);
  }
}
