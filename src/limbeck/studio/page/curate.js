// The light table: which photos go on. The threshold moves at once; a person's word is saved at once.

import { api, calm, count, el, fail, figure, plural, say, typing } from "./kit.js";
import { Gallery } from "./gallery.js";
import { Table, WORD } from "./table.js";
import { Zoom } from "./curate-dialogs.js";
import { Details } from "./curate-parts.js";
import { RuleSide } from "./curate-rule.js";

const NEAREST = 200; // photos that are shown as most like one

const VIEWS = {
  all: ["All photos", () => true],
  kept: ["Kept", (table, row) => table.kept(row)],
  dropped: ["Dropped", (table, row) => !table.kept(row)],
  said: ["Your decisions", (table, row) => table.words[row] !== WORD.none],
};

export async function open(section, studio) {
  const desk = new Desk(section, studio, await Table.load());
  await desk.lay();
  return desk;
}

class Desk {
  constructor(section, studio, table) {
    this.section = section;
    this.studio = studio;
    this.table = table;
    const asked = studio.params;
    this.view = VIEWS[asked.get("view")] ? asked.get("view") : "all";
    this.sort = asked.get("sort") || "rule";
    this.down = asked.get("down") === "1";
    this.text = asked.get("text") || "";
    this.mode = asked.has("mode") ? Number(asked.get("mode")) : null;
    this.flag = asked.get("flag");
    this.like = null;
    this.keys = (event) => this.key(event);
    document.addEventListener("keydown", this.keys);
    this.looking = setInterval(() => document.hidden || this.catchUp().catch(() => {}), 3000);
    studio.onState(() => this.rights());
    studio.keys([
      ["← → ↑ ↓", "the photo before, after, above, below"],
      ["k", "keep"], ["d", "drop"], ["r", "leave to the rule"], ["u", "take the last decision back"],
      ["space", "zoom"], ["x", "select a range: then move, x again ends it"],
      ["shift + arrow", "select a range"], ["ctrl + a", "select all that are shown"],
      ["n", "more like this"], ["t", "go to the threshold"], ["/", "search"], ["esc", "clear the selection"],
    ]);
  }

  close() {
    document.removeEventListener("keydown", this.keys);
    clearInterval(this.looking);
    this.gallery.close();
    this.side.close();
  }

  async lay() {
    const table = this.table, asked = this.studio.params;
    this.gallery = new Gallery({
      label: "Photos", id: "photo",
      draw: (tile, row) => this.draw(tile, row),
      picture: (row) => `/api/curate/photos/${table.id(row)}/small.jpg`,
      current: (position) => this.current(position),
      hover: (position) => this.details.glance(position === null ? null : this.gallery.items[position]),
      open: (position) => this.zoom.open(position),
      selected: () => this.actions(),
    });
    this.nothing = el("p", { class: "lacking", role: "status", hidden: true }, "No photo is like that. ",
      el("button", { type: "button", click: () => { this.field.value = ""; this.choose({ text: "", mode: null, flag: null, view: "all" }); } }, "Show all"));
    this.details = new Details(table);
    this.zoom = new Zoom(this);
    this.side = new RuleSide(this);
    this.section.append(
      this.side.node,
      el("section", { class: "wall", "aria-label": "Photos" }, this.toolbar(), this.actionBar(), this.nothing, this.gallery.node),
      this.details.node,
    );
    const cut = Number(asked.get("cut"));
    if (cut >= 1 && cut <= table.length) {
      table.cutAt(cut, null);
      this.side.histogram.set(cut);
    }
    this.recount();
    this.rights();
    await this.arrange();
    if (table.row(asked.get("like")) !== undefined) this.more(table.row(asked.get("like")));
  }

  shown() {
    this.gallery.measure();
    this.side.histogram.draw();
    this.toThreshold();
    if (this.follows()) this.gallery.move(this.edge());
  }

  // The rule ------------------------------------------------------------------------------------

  cutTo(cut, rule) {
    this.table.cutAt(cut, rule);
    if (this.side.histogram.cut !== cut) this.side.histogram.set(cut);
    this.soon();
  }

  async cutOn(name) {
    await this.table.cutOn(name);
    this.side.show();
    this.soon();
    await this.arrange();
    this.toThreshold();
  }

  async restore() {
    await this.table.restore();
    this.side.show();
    this.soon();
    await this.arrange();
    this.toThreshold();
  }

  /** The counts and the tiles, once a frame however often the threshold moves. */
  soon() {
    if (this.pending) return;
    this.pending = requestAnimationFrame(() => {
      this.pending = 0;
      this.recount();
      this.gallery.refresh();
      this.address();
      if (this.follows()) this.toThreshold();
      else this.arrangeSoon();
    });
  }

  arrangeSoon = calm(() => this.arrange().catch(fail), 200);

  recount() {
    this.side.recount();
    this.details.refresh();
  }

  /** Whether the wall is in the rule's own order, so that the threshold has a place in it. */
  follows = () => this.sort === "rule" && this.view === "all";

  // The wall ------------------------------------------------------------------------------------

  toolbar() {
    const table = this.table;
    const view = el("select", { change: () => this.choose({ view: view.value }) },
      Object.entries(VIEWS).map(([key, [title]]) => el("option", { value: key, selected: key === this.view }, title)));
    const columns = Object.keys(table.about.columns).filter((name) => name !== "x_mode");
    this.sorts = el("select", { change: () => this.choose({ sort: this.sorts.value }) },
      el("option", { value: "rule" }, "the rule's score"),
      columns.map((name) => el("option", { value: name }, name)),
      el("option", { value: "like", disabled: true }, "likeness"));
    this.sorts.value = columns.includes(this.sort) ? this.sort : (this.sort = "rule");
    const down = el("button", { type: "button", "aria-pressed": this.down, "aria-label": "The highest first", title: "The highest first",
      click: () => { this.down = !this.down; down.setAttribute("aria-pressed", this.down); this.choose({}); } }, "↓");
    this.field = el("input", { type: "search", placeholder: "name or id", value: this.text, "aria-label": "Search in names and ids",
      input: calm(() => this.choose({ text: this.field.value.trim() }), 250) });
    const size = el("input", { type: "range", min: 72, max: 220, value: this.gallery.side, "aria-label": "Size of the photos",
      input: () => { this.gallery.side = Number(size.value); this.gallery.measure(); } });
    this.filters = el("span", { class: "inline filters" });
    this.shownCount = el("span", { class: "small", role: "status" });
    return el("div", { class: "inline toolbar" },
      el("label", { class: "field row" }, "Show", view),
      el("label", { class: "field row" }, "Sort by", this.sorts), down,
      el("button", { type: "button", click: () => { this.choose({ view: "all", sort: "rule" }).then(() => this.toThreshold()); view.value = "all"; } }, "At the threshold"),
      this.field, this.filters,
      el("span", { class: "grow" }), this.shownCount,
      el("label", { class: "field row size" }, "Size", size));
  }

  async choose(change) {
    Object.assign(this, change);
    if (this.sorts.value !== this.sort) this.sorts.value = this.sort;
    await this.arrange({ step: true }).catch(fail);
    this.side.recount();
  }

  /** Which photos are on the wall, and in which order. */
  async arrange({ step = false } = {}) {
    const mine = (this.turn = (this.turn || 0) + 1);
    const table = this.table, [, fits] = VIEWS[this.view];
    let order = table.order;
    if (this.sort === "like") order = table.ranked(this.like.distances);
    else if (this.sort !== "rule") order = table.ranked(await table.column(this.sort));
    let among = null;
    if (this.text) {
      const found = await api.bytes(`/api/curate/search?text=${encodeURIComponent(this.text)}`);
      among = new Set(new Uint32Array(found));
    }
    if (mine !== this.turn) return;
    const bit = this.flag ? 1 << table.about.flags.indexOf(this.flag) : 0;
    const plain = this.view === "all" && !among && this.mode === null && !bit;
    table.sortedBy = ["rule", "like"].includes(this.sort) ? null : this.sort;
    let rows = plain ? Array.from(order) : Array.from(order).filter((row) =>
      fits(table, row) && (!among || among.has(row)) && (this.mode === null || table.modes[row] === this.mode) && (!bit || table.flags[row] & bit));
    if (this.sort === "like") rows = rows.slice(0, NEAREST);
    if (this.down) rows.reverse();
    const had = this.gallery.items[this.gallery.at];
    this.gallery.show(rows);
    if (!rows.includes(had) && rows.length) this.gallery.move(this.sort === "rule" ? this.edge() : 0);
    if (rows.length && step) this.gallery.centre(this.gallery.at);
    this.nothing.hidden = rows.length > 0;
    this.shownCount.textContent = rows.length === table.length ? plural(rows.length, "photo") : `${count(rows.length)} of ${plural(table.length, "photo")}`;
    this.filters.replaceChildren(...this.tags());
    this.address({ step });
  }

  /** The view, in the address. */
  address({ step = false } = {}) {
    this.studio.keep({
      view: this.view === "all" ? "" : this.view, sort: ["rule", "like"].includes(this.sort) ? "" : this.sort,
      down: this.down ? "1" : "", text: this.text, mode: this.mode, flag: this.flag,
      like: this.sort === "like" ? this.table.id(this.like.row) : "",
      cut: this.table.asApplied ? "" : this.table.cut,
    }, { step });
  }

  tags() {
    const tag = (text, undo) => el("button", { type: "button", class: "tag", "aria-label": `Show all again, not only ${text}`, click: undo }, text, el("span", { "aria-hidden": "true" }, " ×"));
    return [
      this.mode !== null && tag(`mode ${this.mode}`, () => this.choose({ mode: null })),
      this.flag && tag(this.flag, () => this.choose({ flag: null })),
      this.sort === "like" && tag(`the ${NEAREST} most like one`, () => this.choose({ sort: "rule" })),
    ].filter(Boolean);
  }

  toThreshold() {
    if (this.follows()) this.gallery.centre(this.edge());
  }

  /** Where on the wall, in the rule's order, the first photo stands that the rule drops. */
  edge() {
    const { items } = this.gallery, { rank, cut } = this.table;
    const found = items.findIndex((row) => (this.down ? rank[row] < cut : rank[row] >= cut));
    return found < 0 ? items.length - 1 : found;
  }

  draw(tile, row) {
    const table = this.table, kept = table.kept(row), word = table.words[row];
    const edge = this.follows() && table.rank[row] === table.cut;
    for (const [name, is] of [["is-edge", edge], ["is-kept", kept], ["is-dropped", !kept], ["is-said", word !== WORD.none]]) tile.classList.toggle(name, is);
    tile.setAttribute("aria-label", `${table.id(row)}, score ${figure(table.scores[row])}, ${kept ? "kept" : "dropped"}${word ? " by you" : ""}`);
  }

  current(position) {
    const row = this.gallery.items[position];
    if (row === undefined) this.details.empty();
    else this.details.hold(row);
  }

  // Decisions -----------------------------------------------------------------------------------

  actionBar() {
    const act = (title, key, kind, keep) =>
      el("button", { type: "button", class: `${kind} writes`, click: () => this.decide(keep) }, title, " ", el("kbd", {}, key));
    this.chosen = el("span", { class: "small", role: "status" });
    this.reason = el("input", { type: "text", maxlength: 200, placeholder: "why (optional)", "aria-label": "Reason, saved with the decision" });
    this.undoButton = el("button", { type: "button", class: "writes", click: () => this.undo() }, "Undo ", el("kbd", {}, "u"));
    return el("div", { class: "inline actions" },
      act("Keep", "k", "keep", true), act("Drop", "d", "drop", false), act("Leave to the rule", "r", "", null), this.undoButton, this.reason,
      el("button", { type: "button", click: () => this.more() }, "More like this ", el("kbd", {}, "n")),
      el("button", { type: "button", click: () => this.gallery.all() }, "Select all"),
      this.chosen);
  }

  actions() {
    const chosen = this.gallery.chosen.size;
    this.chosen.textContent = chosen ? `${plural(chosen, "photo")} selected` : this.gallery.ranging ? "range begun: move on, x ends it" : "";
    this.rights();
  }

  rights() {
    const writable = this.studio.writable();
    for (const button of this.section.querySelectorAll(".writes")) button.disabled = !writable;
    this.side.apply.disabled = !writable;
    this.undoButton.disabled = !writable || !this.table.about.undo;
    this.undoButton.title = this.table.about.undo ? `take back: ${this.table.about.undo}` : "nothing to take back";
  }

  async decide(keep, rows = this.gallery.target) {
    if (!rows.length || !this.studio.writable()) return;
    try {
      const answer = await api.post("/api/curate/decide", {
        photos: rows.map(this.table.id), keep, reason: keep === null ? "" : this.reason.value.trim(),
      });
      this.table.said(answer);
      say(answer.what);
      const single = rows.length === 1 && !this.gallery.chosen.size;
      if (this.gallery.chosen.size) this.gallery.clear();
      this.after();
      if (single) this.gallery.move(this.gallery.at + 1);
    } catch (error) {
      fail(error);
    }
  }

  async undo() {
    if (!this.table.about.undo) return say("there is no decision to take back");
    try {
      const answer = await api.post("/api/curate/undo");
      this.table.said(answer);
      say(answer.what);
      this.after();
      const position = this.gallery.items.indexOf(this.table.row(Object.keys(answer.said)[0]));
      if (position >= 0) this.gallery.move(position);
    } catch (error) {
      fail(error);
    }
  }

  /** Another page, or a person's editor, may have decided. */
  async catchUp() {
    const now = await api.get("/api/curate/standing");
    const { about } = this.table;
    if (now.steps === about.steps && now.decided === about.decided) return;
    await this.table.hear(now);
    this.after();
  }

  after() {
    this.recount();
    this.details.load().catch(fail);
    this.rights();
    this.gallery.refresh();
    if (this.view === "said") this.arrange().catch(fail);
  }

  async more(row = this.gallery.items[this.gallery.at]) {
    if (row === undefined) return;
    try {
      const id = this.table.id(row);
      say("looking for photos like this one", "", "like");
      let progress;
      while ((progress = await api.get(`/api/curate/near/${id}`)).done < progress.of) {
        say(`comparing photos: ${count(progress.done)} of ${count(progress.of)}`, "", "like");
        await new Promise((resolve) => setTimeout(resolve, 1500));
      }
      this.like = { row, distances: Float64Array.from(new Float32Array(await api.bytes(`/api/curate/near/${id}/distances`))) };
      this.sorts.querySelector("[value=like]").disabled = false;
      this.down = false;
      await this.choose({ sort: "like" });
      this.gallery.node.scrollTop = 0;
      this.gallery.move(0);
    } catch (error) {
      fail(error);
    }
  }

  key(event) {
    if (event.ctrlKey || event.metaKey || event.altKey || typing(event) || document.querySelector("dialog[open]")) return;
    const calls = {
      k: () => this.decide(true), d: () => this.decide(false), r: () => this.decide(null), u: () => this.undo(),
      n: () => this.more(), t: () => this.choose({ view: "all", sort: "rule" }).then(() => this.toThreshold()),
      "/": () => this.field.focus(), x: () => this.range(), Escape: () => { this.gallery.ranging = false; this.gallery.clear(); },
    };
    if (!(event.key in calls)) return;
    event.preventDefault();
    calls[event.key]();
  }

  /** x begins a range at the current photo; the arrows stretch it; x again ends it. */
  range() {
    this.gallery.ranging = !this.gallery.ranging;
    if (this.gallery.ranging) {
      this.gallery.from = this.gallery.at;
      this.gallery.move(this.gallery.at, { range: true });
      this.gallery.node.focus();
    }
    this.actions();
  }
}
