// Tab runs: how far trainings are, their curves and their sheets of images, while they go on.

import { Chart } from "./charts.js";
import { api, calm, el, typing } from "./kit.js";
import { runCard } from "./run_cards.js";
import { Sheets } from "./sheets.js";
import { Track, hue } from "./tracks.js";

const EVERY = 2500;

export async function open(section, studio) {
  const words = await api.get("/api/runs/words");
  const tab = new Runs(section, studio, words);
  await tab.poll();
  tab.loop();
  return { close: () => tab.close(), shown: () => tab.paint() };
}

class Runs {
  constructor(section, studio, words) {
    this.studio = studio;
    this.words = words;
    this.tracks = new Map();
    this.cards = [];
    this.stale = [];
    this.charts = new Map();
    this.cursor = null;
    const given = studio.params;
    this.share = Math.min(Math.max(Number(given.get("smooth") || 0), 0), 0.98);
    this.log = given.get("log") === "1";
    this.axis = given.get("x") === "time" ? "time" : "images";
    this.hidden = new Set((given.get("hide") || "").split(",").filter(Boolean));
    this.paused = false;
    this.lost = "";
    this.keepSoon = calm(() => this.keep(), 300);
    this.build(section);
    studio.keys([
      ["← →", "in a chart: the cursor; on the slider: through the snapshots"],
      ["Home End", "first and last"],
      ["P", "play the snapshots"],
      ["L", "logarithmic scale"],
      ["Esc", "in a chart: no cursor, the newest values"],
    ]);
    this.onKey = (event) => this.key(event);
    this.onVisible = () => document.hidden || this.soon(0);
    document.addEventListener("keydown", this.onKey);
    document.addEventListener("visibilitychange", this.onVisible);
  }

  build(section) {
    this.list = el("div", { class: "run-cards" });
    this.live = el("span", { class: "live", role: "status" });
    this.pause = el("button", { type: "button", "aria-pressed": "false", click: () => this.setPaused(!this.paused) }, "Pause");
    this.legend = el("div", { class: "inline tracks", role: "group", "aria-label": "Trainings shown" });
    const smooth = el("input", {
      type: "range", min: "0", max: "0.98", step: "0.02", value: this.share, id: "runs-smooth",
      input: (event) => { this.share = Number(event.target.value); this.keepSoon(); this.paint(); },
    });
    this.logBox = el("input", {
      type: "checkbox", id: "runs-log", checked: this.log,
      change: (event) => { this.log = event.target.checked; this.keepSoon(); this.paint(); },
    });
    const axis = el("select", {
      id: "runs-axis",
      change: (event) => { this.axis = event.target.value; this.cursor = null; this.keepSoon(); this.paint(); },
    }, el("option", { value: "images" }, "photos shown"), el("option", { value: "time" }, "time spent"));
    axis.value = this.axis;
    this.where = el("output", { class: "where-at" });
    this.tools = el("div", { class: "run-tools" },
      this.legend,
      el("label", { class: "field row", for: "runs-smooth" }, "Smoothing", smooth),
      el("label", { class: "field row", for: "runs-log" }, this.logBox, "Log scale"),
      el("label", { class: "field row", for: "runs-axis" }, "Over", axis),
      this.where,
    );
    this.grid = el("div", { class: "chart-grid" });
    this.none = el("p", { class: "lacking" });
    this.curves = el("section", { "aria-labelledby": "runs-curves" },
      el("h2", { id: "runs-curves" }, "Curves"), this.none, this.grid);
    this.sheets = new Sheets(this.studio, () => this.shown(), (images) => this.follow(images), () => this.keepSoon());
    section.append(
      el("div", { class: "inline run-top" }, this.live, el("span", { class: "grow" }), this.pause),
      this.list, this.tools, this.sheets.node, this.curves,
    );
    this.said();
  }

  close() {
    clearTimeout(this.timer);
    this.closed = true;
    this.sheets.close();
    for (const chart of this.charts.values()) chart.close();
    document.removeEventListener("keydown", this.onKey);
    document.removeEventListener("visibilitychange", this.onVisible);
  }

  key(event) {
    if (typing(event) || event.ctrlKey || event.metaKey || event.altKey || document.querySelector("dialog[open]")) return;
    if (event.key === "l") this.logBox.click();
    if (event.key === "p") this.sheets.play();
  }

  keep() {
    this.studio.keep({
      smooth: this.share ? this.share.toFixed(2) : "", log: this.log ? "1" : "",
      x: this.axis === "time" ? "time" : "", hide: [...this.hidden].join(","), ...this.sheets.kept(),
    });
  }

  setPaused(paused) {
    this.paused = paused;
    this.pause.textContent = paused ? "Go on" : "Pause";
    this.pause.setAttribute("aria-pressed", paused);
    this.said();
    if (!paused) this.soon(0);
  }

  said() {
    const busy = (this.runs || []).filter((run) => run.writer).length;
    const [kind, text] = this.lost ? ["lost", this.lost]
      : this.paused ? ["paused", "Paused: what is shown is not read anew"]
      : busy ? ["on", busy === 1 && this.runs.length === 1 ? "Live" : `Live: ${busy} of ${this.runs.length} runs at work`]
      : ["idle", "Nothing is at work; still looking"];
    this.live.dataset.kind = kind;
    if (this.live.textContent !== text) this.live.textContent = text;
  }

  loop() {
    this.soon(EVERY);
  }

  soon(pause) {
    clearTimeout(this.timer);
    if (this.closed) return;
    this.timer = setTimeout(async () => {
      if (!document.hidden && !this.paused) await this.poll();
      this.soon(EVERY);
    }, pause);
  }

  async poll() {
    try {
      const { runs } = await api.get("/api/runs/now");
      if (this.closed) return;
      this.runs = runs;
      this.lost = "";
      this.showCards();
      await this.fetchTracks();
    } catch (error) {
      if (!this.runs) throw error;
      this.lost = error.message;
    }
    if (!this.closed) this.said();
  }

  showCards() {
    this.runs.forEach((run, id) => {
      if (!this.cards[id]) {
        this.cards[id] = runCard(id, hue(id));
        this.list.append(this.cards[id].node);
      }
      this.cards[id].show(this.withStale(run, id));
    });
    this.list.classList.toggle("several", this.runs.length > 1);
  }

  /** The run with what is out of date: known once per change, for it takes the server a while. */
  withStale(run, id) {
    const held = this.stale[id];
    if (!run.writer && held?.stamp !== run.stamp) {
      this.stale[id] = { stamp: run.stamp, states: {} };
      api.get(`/api/runs/${id}/stages`)
        .then((states) => {
          this.stale[id].states = states;
          if (!this.closed) this.showCards();
        })
        .catch((error) => {
          this.stale[id].trouble = error.message;
          if (!this.closed) this.showCards();
        });
    }
    const states = run.writer || held?.stamp !== run.stamp ? {} : held.states;
    const stages = run.stages.map((stage) => ({ ...stage, state: states[stage.name] || stage.state }));
    const troubles = !run.writer && held?.stamp === run.stamp && held.trouble && !run.troubles.length
      ? [held.trouble] : run.troubles;
    return { ...run, stages, troubles, next: stages.find((stage) => stage.state !== "done")?.name };
  }

  async fetchTracks() {
    const asked = [];
    const there = new Set();
    this.runs.forEach((run, id) => {
      for (const training of run.trainings) {
        const key = `${id}/${training.name}`;
        there.add(key);
        const track = this.tracks.get(key) || this.begin(key, id, run, training);
        track.training = training;
        track.dash = this.runs.length > 1 && training.name === "raw" && run.trainings.length > 1 ? "5 3" : "";
        if (track.version !== training.version) asked.push(track.fetch());
      }
    });
    let changed = asked.length > 0;
    for (const key of this.tracks.keys()) {
      if (!there.has(key)) {
        this.tracks.delete(key);
        changed = true;
      }
    }
    await Promise.all(asked);
    if (changed && !this.closed) {
      this.showLegend();
      this.paint();
      this.sheets.refresh();
    }
    this.tools.hidden = this.tracks.size === 0;
    if (!this.tracks.size) {
      this.sheets.refresh();
      this.paint();
    }
  }

  begin(key, id, run, training) {
    const track = new Track(id, run, training, this.runs.length === 1);
    this.tracks.set(key, track);
    // raw before kept
    this.tracks = new Map([...this.tracks].sort(([, a], [, b]) => a.id - b.id || (a.name === "raw" ? -1 : 1)));
    return track;
  }

  shown() {
    return [...this.tracks.values()].filter((track) => !this.hidden.has(track.key));
  }

  showLegend() {
    const keys = [...this.tracks.values()].map((track) => track.key + track.dash).join();
    if (this.legend.dataset.keys === keys) return;
    this.legend.dataset.keys = keys;
    this.legend.replaceChildren(...[...this.tracks.values()].map((track) => {
      const swatch = el("i", { class: `swatch${track.dash ? " dashed" : ""}`, "aria-hidden": "true" });
      swatch.style.color = track.colour;
      return el("button", {
        type: "button", class: "track", "aria-pressed": String(!this.hidden.has(track.key)),
        click: (event) => {
          if (!this.hidden.delete(track.key)) this.hidden.add(track.key);
          event.currentTarget.setAttribute("aria-pressed", !this.hidden.has(track.key));
          this.keepSoon();
          this.paint();
          this.sheets.refresh();
        },
      }, swatch, track.label);
    }));
  }

  paint() {
    const tracks = this.shown();
    const ends = tracks.map((track) => {
      const x = track.curves["loss/D"]?.[0] || track.curves.images_per_second?.[0] || [];
      return x.length ? track.place(this.axis, x[x.length - 1]) : 0;
    });
    const right = Math.max(0, ...ends);
    const unit = this.axis === "images" ? "kimg" : "h";
    const marks = tracks.flatMap((track) => track.grown(this.axis));
    let drawn = 0;
    for (const [group, words] of [["figures", this.words.figures], ["curves", this.words.statistics]]) {
      for (const [name, title] of Object.entries(words)) {
        const series = tracks
          .filter((track) => track[group][name]?.[0].length > 1)
          .map((track) => {
            const [x, y] = track.placed(this.axis, track[group][name]);
            return { key: track.key, label: track.label, colour: track.colour, dash: track.dash, x, y };
          });
        const values = series.flatMap((line) => line.y).filter((value) => value !== null);
        const flat = !values.length || values.every((value) => value === values[0]);
        const chart = this.chart(name, title);
        chart.node.hidden = flat;
        if (!flat) {
          drawn += 1;
          chart.draw({ series, right, unit, share: group === "curves" ? this.share : 0, log: this.log, marks });
        }
      }
    }
    this.none.hidden = drawn > 0;
    this.none.textContent = !this.tracks.size ? "No training has begun yet: curves appear with its first statistics."
      : tracks.length ? "Curves appear with the second row of statistics."
      : "All trainings are hidden: press one of the buttons above.";
    this.point(this.cursor);
  }

  chart(name, title) {
    if (!this.charts.has(name)) {
      const chart = new Chart(title, name, (at) => this.point(at));
      this.charts.set(name, chart);
      this.grid.append(chart.node);
    }
    return this.charts.get(name);
  }

  point(at) {
    this.cursor = at;
    for (const chart of this.charts.values()) if (!chart.node.hidden) chart.point(at);
    const unit = this.axis === "images" ? "kimg" : "h";
    this.where.textContent = at === null ? "newest values" : `at ${at.toFixed(this.axis === "images" ? 2 : 3)} ${unit}`;
  }

  /** The sheets show this many images seen: the cursor goes there too. */
  follow(images) {
    const track = this.shown()[0];
    if (track) this.point(images === null ? null : track.place(this.axis, images));
  }
}
