// The light table's numbers: scores, modes, flags, a person's words, and what a cut keeps.

import { api } from "./kit.js";
import { below } from "./histogram.js";

export const WORD = { none: 0, keep: 1, drop: 2 };
const hex = (number) => number.toString(16).padStart(16, "0");

export class Table {
  static async load() {
    const table = new Table();
    await table.fetch();
    return table;
  }

  async fetch() {
    const about = api.get("/api/curate/table");
    const parts = ["ids", "kept", "words", "flags"].map((name) => api.bytes(`/api/curate/${name}`));
    this.about = await about;
    const [ids, kept, words, flags] = await Promise.all(parts);
    this.ids = new BigUint64Array(ids);
    this.length = this.ids.length;
    this.applied = new Uint8Array(kept);
    this.words = new Uint8Array(words);
    this.flags = new Uint16Array(flags);
    this.columns = new Map();
    this.modes = this.about.modes ? Float64Array.from(await this.column("x_mode")) : null;
    this.rows = null;
    await this.cutOn(this.about.column);
  }

  id = (row) => hex(this.ids[row]);

  /** Row of an id. */
  row(id) {
    this.rows ??= new Map(Array.from(this.ids, (number, row) => [hex(number), row]));
    return this.rows.get(id);
  }

  async column(name) {
    if (!this.columns.has(name)) {
      this.columns.set(name, new Float64Array(await api.bytes(`/api/curate/column/${encodeURIComponent(name)}`)));
    }
    return this.columns.get(name);
  }

  /** Cut on this column from now on, as the list on disk is cut where it is that one's. */
  async cutOn(name) {
    this.name = name;
    this.scores = await this.column(name);
    this.order = this.ranked(this.scores);
    this.rank = new Uint32Array(this.length);
    this.order.forEach((row, rank) => (this.rank[row] = rank));
    this.sorted = Float64Array.from(this.order, (row) => this.scores[row]);
    const threshold = this.about.threshold;
    const same = name === this.about.column && threshold !== null;
    this.asApplied = same;
    this.cut = same ? below(this.sorted, threshold) : Math.max(1, this.cut ?? this.length);
    this.rule = null;
  }

  /** Rows from the most ordinary to the oddest; equal scores by id. */
  ranked(values) {
    const rows = Uint32Array.from({ length: this.length }, (_, row) => row);
    return rows.sort((a, b) => values[a] - values[b] || (this.ids[a] < this.ids[b] ? -1 : 1));
  }

  /** Keep the `cut` most ordinary photos; `rule`: how a person said it. */
  cutAt(cut, rule) {
    this.cut = cut;
    this.rule = rule;
    this.asApplied = false;
  }

  restore() {
    return this.cutOn(this.about.column);
  }

  ruled = (row) => (this.asApplied ? this.applied[row] === 1 : this.rank[row] < this.cut);
  kept = (row) => (this.words[row] ? this.words[row] === WORD.keep : this.ruled(row));

  /** The rule as the server takes it. */
  get asked() {
    if (this.asApplied) {
      const { column, rule, fraction, threshold, count, per_mode } = this.about.rule;
      return { column, rule, fraction, threshold, count, per_mode };
    }
    const column = this.name === this.about.column ? this.about.rule.column : this.name;
    return { column, ...(this.rule ?? { rule: "count", count: this.cut }) };
  }

  /** Counts of the whole, of modes and of flags. */
  counts() {
    const flags = this.about.flags;
    const found = {
      kept: 0, saidKeep: 0, saidDrop: 0, more: 0, fewer: 0,
      modes: new Map(), flags: flags.map(() => [0, 0]),
    };
    for (let row = 0; row < this.length; row++) {
      const kept = this.kept(row);
      if (kept) found.kept++;
      if (this.words[row] === WORD.keep) found.saidKeep++;
      else if (this.words[row] === WORD.drop) found.saidDrop++;
      const bits = this.flags[row];
      if (bits) {
        for (let bit = 0; bit < flags.length; bit++) {
          if (bits & (1 << bit)) found.flags[bit][kept ? 0 : 1]++;
        }
      }
      if (this.modes) {
        const mode = this.modes[row];
        let pair = found.modes.get(mode);
        if (!pair) found.modes.set(mode, (pair = [0, 0]));
        pair[kept ? 0 : 1]++;
      }
    }
    return found;
  }

  /** Take over what the server says about photos after a decision. */
  said(answer) {
    for (const [id, keep] of Object.entries(answer.said)) {
      const row = this.row(id);
      if (row !== undefined) this.words[row] = keep === null ? WORD.none : keep ? WORD.keep : WORD.drop;
    }
    const missed = answer.steps !== this.about.steps + 1;
    Object.assign(this.about, { undo: answer.undo, decided: answer.decided, steps: answer.steps });
    if (missed) this.hear(answer);
  }

  /** Take over every word as it stands now. */
  async hear(now) {
    this.words = new Uint8Array(await api.bytes("/api/curate/words"));
    Object.assign(this.about, { undo: now.undo, decided: now.decided, steps: now.steps });
  }
}
