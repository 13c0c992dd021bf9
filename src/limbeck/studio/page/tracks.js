// One training of one run: its numbers, as far as they have come, and how it is drawn.

import { api } from "./kit.js";

const MOST = 1200; // points of a curve before it is asked for thinned anew
const HUES = 6;

/** The colour of a run, by its number. */
export const hue = (id) => `var(--run-${id % HUES})`;

export class Track {
  /** `alone`: no other run is shown, so that colours tell trainings apart, as in the report. */
  constructor(id, run, training, alone) {
    this.key = `${id}/${training.name}`;
    this.id = id;
    this.name = training.name;
    this.label = alone ? training.name : `${run.name} · ${training.name}`;
    this.colour = !alone ? hue(id) : training.name === "raw" ? "var(--warm)" : "var(--accent)";
    this.dash = "";
    this.mark = "";
    this.rows = 0;
    this.curves = {};
    this.figures = {};
    this.pictures = [];
  }

  /** What is new; all of it, thinned, where it has become many points. */
  async fetch() {
    const grown = Object.values(this.curves).some(([x]) => x.length > MOST);
    const [mark, after] = grown ? ["", 0] : [this.mark, this.rows];
    const found = await api.get(`/api/runs/${this.id}/${this.name}/curves?mark=${mark}&after=${after}`);
    if (found.goes_on) {
      for (const [name, [x, y]] of Object.entries(found.curves)) {
        const held = (this.curves[name] ||= [[], []]);
        held[0].push(...x);
        held[1].push(...y);
      }
    } else this.curves = found.curves;
    Object.assign(this, {
      mark: found.mark, rows: found.rows, figures: found.figures, pictures: found.pictures, version: found.version,
    });
  }

  /** Images seen -> place on the axis: kimg, or hours of training. */
  place(axis, images) {
    if (axis === "images") return images / 1000;
    const [x, y] = this.curves.seconds || [[], []];
    if (!x.length) return 0;
    let i = x.findIndex((at) => at >= images);
    if (i < 0) i = x.length - 1;
    if (i === 0) return (y[0] * Math.min(images / x[0], 1)) / 3600;
    const t = Math.min((images - x[i - 1]) / (x[i] - x[i - 1] || 1), 1);
    return (y[i - 1] + t * (y[i] - y[i - 1])) / 3600;
  }

  /** A curve's numbers, placed on the axis. */
  placed(axis, [x, y]) {
    if (axis === "images") return [x.map((at) => at / 1000), y];
    const seconds = new Map((this.curves.seconds?.[0] || []).map((at, i) => [at, this.curves.seconds[1][i] / 3600]));
    return [x.map((at) => seconds.get(at) ?? this.place(axis, at)), y];
  }

  /** Where a training went on at twice the size. */
  grown(axis) {
    const sizes = this.training?.sizes || [];
    return sizes.slice(1)
      .map(([, images], i) => ({ level: i, x: this.place(axis, images), text: `${sizes[i][0]} px`, colour: this.colour }))
      .filter(({ level }) => this.training.level !== null && this.training.level <= level);
  }
}
