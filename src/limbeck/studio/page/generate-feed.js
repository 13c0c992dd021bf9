// Images that come one by one: records of a stream, and a queue that draws the visible ones first.

import { Refused, api, fail } from "./kit.js";

/** Read an answer of records (studio/streams.py): `each(words, blob)`. */
export async function records(path, body, signal, each) {
  const reader = (await api.stream(path, body, { signal })).getReader();
  let held = new Uint8Array(0);
  for (;;) {
    const { done, value } = await reader.read();
    if (done) break;
    const joined = new Uint8Array(held.length + value.length);
    joined.set(held);
    joined.set(value, held.length);
    held = joined;
    for (;;) {
      if (held.length < 8) break;
      const view = new DataView(held.buffer, held.byteOffset);
      const head = view.getUint32(0, true);
      const end = 8 + head + view.getUint32(4, true);
      if (held.length < end) break;
      const words = JSON.parse(new TextDecoder().decode(held.subarray(8, 8 + head)));
      if (words.error) throw new Refused(words.busy ? 503 : 422, words.error, words.do);
      each(words, new Blob([held.slice(8 + head, end)], { type: words.type || "" }));
      held = held.slice(end);
    }
  }
}

const AT_ONCE = 2; // requests
const LOT_SECONDS = 0.8; // that one request should take

/** Draws tasks {look, seed, side, visible, got(blob, mode), failed(error)}. */
export class Feed {
  constructor(version, progress = () => {}) {
    this.version = version;
    this.progress = progress;
    this.waiting = [];
    this.whole = 0;
    this.done = 0;
    this.active = 0;
    this.pace = 0.2;
    this.stop = new AbortController();
  }

  /** Draw these, and forget what was asked for before. */
  ask(tasks) {
    this.cancel();
    this.add(tasks);
  }

  add(tasks) {
    if (this.done === this.whole) this.done = this.whole = 0;
    this.waiting.push(...tasks);
    this.whole += tasks.length;
    this.progress(this.done, this.whole);
    for (let n = this.active; n < AT_ONCE; n += 1) this.pump(this.stop);
  }

  cancel() {
    this.stop.abort();
    this.stop = new AbortController();
    this.waiting = [];
    this.done = this.whole = this.active = 0;
    this.progress(0, 0);
  }

  lot() {
    const most = Math.max(4, Math.min(64, Math.round(LOT_SECONDS / this.pace)));
    const first = this.waiting.find((task) => task.visible) ?? this.waiting[0];
    const like = JSON.stringify([first.look, first.side]);
    const same = (task) => JSON.stringify([task.look, task.side]) === like;
    const fitting = this.waiting.filter(same);
    const chosen = [...fitting.filter((task) => task.visible), ...fitting.filter((task) => !task.visible)];
    const lot = new Set(chosen.slice(0, most));
    this.waiting = this.waiting.filter((task) => !lot.has(task));
    return [...lot];
  }

  async pump(stop) {
    this.active += 1;
    while (this.waiting.length && !stop.signal.aborted) {
      const lot = this.lot();
      let came = 0;
      const began = performance.now();
      try {
        const { look, side } = lot[0];
        const body = { of: this.version, look, side, seeds: lot.map((task) => task.seed) };
        await records("/api/generate/images", body, stop.signal, (words, blob) => {
          if (stop.signal.aborted) return;
          lot[came].got(blob, words.mode);
          came += 1;
          this.done += 1;
          this.progress(this.done, this.whole);
        });
        this.pace = 0.5 * this.pace + (0.5 * (performance.now() - began)) / 1000 / lot.length;
      } catch (error) {
        if (stop.signal.aborted) return;
        if (error.status === 503) {
          this.waiting.unshift(...lot.slice(came));
          await new Promise((wake) => setTimeout(wake, 400));
          continue;
        }
        const lost = [...lot.slice(came), ...this.waiting]; // the others would fail alike
        this.waiting = [];
        this.whole -= lost.length;
        this.progress(this.done, this.whole);
        for (const task of lost) task.failed?.(error);
        fail(error);
      }
    }
    if (!stop.signal.aborted) this.active -= 1;
  }
}

/** Says of elements whether they can be seen: `watch(element, task)` keeps task.visible. */
export class Sight {
  constructor() {
    this.tasks = new Map();
    this.observer = new IntersectionObserver(
      (entries) => {
        for (const entry of entries) {
          const task = this.tasks.get(entry.target);
          if (task) task.visible = entry.isIntersecting;
        }
      },
      { rootMargin: "120px" },
    );
  }

  watch(element, task) {
    task.visible = this.tasks.get(element)?.visible ?? false;
    const fresh = !this.tasks.has(element);
    this.tasks.set(element, task);
    if (fresh) this.observer.observe(element);
  }

  leave(element) {
    this.observer.unobserve(element);
    this.tasks.delete(element);
  }

  clear() {
    this.observer.disconnect();
    this.tasks.clear();
  }
}
