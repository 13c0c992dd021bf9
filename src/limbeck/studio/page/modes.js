// The atlas of modes: what the generator draws, by kinds. Names and marks are saved at once.

import { api, calm, count, el, fail, plural, say, typing } from "./kit.js";
import { Gallery } from "./gallery.js";
import { goalOf, Panel, percent } from "./modes-panel.js";
import { called, namesIn } from "./names.js";

const VIEWS = {
  shown: ["Shown", (one) => !one.mark],
  hide: ["Hidden", (one) => one.mark === "hide"],
  never: ["Never", (one) => one.mark === "never"],
  merged: ["Merged", (one) => goalOf(one) !== null],
  all: ["All", () => true],
};
const SORTS = {
  size: ["size", (a, b) => b.size - a.size || a.mode - b.mode],
  number: ["number", (a, b) => a.mode - b.mode],
  name: ["name", (a, b) => !a.name - !b.name || a.name.localeCompare(b.name) || a.mode - b.mode],
  kept: ["share of photos kept", (a, b) => (a.kept ?? 2) - (b.kept ?? 2) || a.mode - b.mode],
};

export async function open(section, studio) {
  return new Modes(section, studio, await api.get("/api/modes"));
}

class Modes {
  constructor(section, studio, about) {
    this.section = section;
    this.studio = studio;
    const asked = studio.params, number = (key, otherwise) => (asked.has(key) && Number.isFinite(Number(asked.get(key))) ? Number(asked.get(key)) : otherwise);
    this.view = VIEWS[asked.get("view")] ? asked.get("view") : "shown";
    this.sort = SORTS[asked.get("sort")] ? asked.get("sort") : "size";
    this.text = asked.get("text") || "";
    this.look = {
      psi: Math.min(1, Math.max(0, number("psi", about.psi))), own: asked.get("own") !== "0",
      many: number("many", 12) === 24 ? 24 : 12, start: Math.min(2 ** 31, Math.max(0, Math.floor(number("start", 1)))),
    };
    this.take(about);
    this.lay();
    this.arrange(number("mode", null));
    this.rights();
    this.keys = (event) => this.key(event);
    this.back = () => document.hidden || this.again().catch(() => {});
    document.addEventListener("keydown", this.keys);
    window.addEventListener("focus", this.back);
    studio.onState(() => this.rights());
    studio.keys([
      ["← → ↑ ↓", "the mode before, after, above, below"], ["enter, e", "name it: enter saves, esc leaves it"],
      ["h", "hide, or show again"], ["v", "never sample, or sample again"], ["m", "merge into another: pick it, enter"],
      ["u", "take the last change back"], ["+ −", "psi"], ["n", "new seeds"],
      ["space", "select"], ["shift + arrow", "select a range"], ["ctrl + a", "select all that are shown"],
      ["/", "search"], ["esc", "clear the selection, end merging"],
    ]);
  }

  close() {
    document.removeEventListener("keydown", this.keys);
    window.removeEventListener("focus", this.back);
    this.gallery.close();
  }

  shown() {
    this.gallery.measure();
    this.gallery.centre(this.gallery.at);
    if (this.panel.mode !== null) this.panel.portrait();
  }

  // What the server says -------------------------------------------------------------------------

  take(about) {
    this.about = about;
    this.total = about.modes.reduce((sum, one) => sum + one.size, 0);
    this.names = namesIn(about);
  }

  one = (mode) => this.about.modes[mode];
  called = (mode) => called(mode, this.names);
  writable = () => this.studio.writable() && !this.about.why;

  /** The modes as they are now: another program may have marked them. */
  async again() {
    const about = await api.get("/api/modes");
    if (JSON.stringify(about) === JSON.stringify(this.about)) return;
    this.take(about);
    this.arrange();
  }

  // The page -------------------------------------------------------------------------------------

  lay() {
    this.gallery = new Gallery({
      label: "Modes", id: "mode", foot: 44,
      draw: (tile, mode) => this.draw(tile, mode),
      picture: (mode) => `/api/modes/${mode}/small?of=${this.about.of}`,
      current: (position) => this.current(position),
      open: () => (this.merging ? this.panel.confirm.focus() : this.panel.edit()),
      toggle: (position) => this.gallery.toggle(this.gallery.items[position]),
      selected: () => this.actions(),
    });
    this.gallery.side = window.innerWidth < 500 ? 100 : 112;
    this.panel = new Panel(this);
    this.notes = el("div", { class: "notes" });
    this.section.append(
      el("section", { class: "wall", "aria-label": "Modes" }, this.toolbar(), this.actionBar(), this.gallery.node, this.notes),
      this.panel.node,
    );
  }

  toolbar() {
    this.views = el("div", { class: "inline views", role: "group", "aria-label": "Which modes" });
    const sorts = Object.entries(SORTS).filter(([key]) => key !== "kept" || this.about.kept);
    const sort = el("select", { change: () => this.choose({ sort: sort.value }) },
      sorts.map(([key, [title]]) => el("option", { value: key, selected: key === this.sort }, title)));
    this.field = el("input", { type: "search", placeholder: "name or number", value: this.text, "aria-label": "Search in names and numbers",
      input: calm(() => this.choose({ text: this.field.value.trim() }), 120) });
    return el("div", { class: "inline toolbar" }, this.views, el("span", { class: "grow" }),
      this.field, el("label", { class: "field row" }, "Sort by", sort));
  }

  actionBar() {
    const act = (title, key, click, kind = "") =>
      el("button", { type: "button", class: `${kind} writes`, click }, title, key && [" ", el("kbd", {}, key)]);
    this.chosen = el("span", { class: "small", role: "status" });
    this.undoButton = act("Undo", "u", () => this.undo());
    this.several = el("span", { class: "inline several" },
      act("Hide", "h", () => this.mark("hide")), act("Never sample", "v", () => this.mark("never")),
      act("Merge into the largest", "m", () => this.beginMerge()), act("Clear", "", () => this.clear()),
      el("button", { type: "button", class: "quiet", click: () => this.gallery.clear() }, "Select none"));
    return el("div", { class: "inline actions" }, this.chosen, this.several, el("span", { class: "grow" }), this.undoButton);
  }

  actions() {
    const chosen = this.gallery.chosen.size, shown = this.gallery.items.length;
    const all = this.about.modes.length;
    this.chosen.textContent = chosen ? `${count(chosen)} selected` : shown === all ? plural(all, "mode") : `${count(shown)} of ${plural(all, "mode")}`;
    this.several.hidden = !chosen || Boolean(this.merging);
    this.rights();
  }

  rights() {
    const writable = this.writable();
    for (const node of this.section.querySelectorAll(".writes")) node.disabled = !writable;
    if (this.merging) this.panel.choose(this.panel.goal);
    this.undoButton.disabled = !writable || !this.about.undo;
    this.undoButton.title = this.about.undo ? `take back: ${this.about.undo}` : "nothing to take back";
    this.tell();
  }

  /** What follows for the run, or why nothing can be marked. */
  tell() {
    const { why, then, others } = this.about;
    const text = JSON.stringify([why, then, others]);
    if (text === this.told) return;
    this.told = text;
    const notes = [];
    if (why) notes.push(el("p", { class: "notice" }, `Read only: ${why}.`));
    if (others) notes.push(el("p", { class: "small" }, `${plural(others, "line")} of marks.csv ${others === 1 ? "is" : "are"} about other modes, found before; they stay there.`));
    if (then) {
      const copy = el("button", { type: "button", click: () => copied(copy, then.command) }, "Copy");
      notes.push(el("div", { class: "notice then" }, el("p", {}, `Made under other marks: ${then.stages.join(", ")}. To make them anew:`),
        el("code", {}, then.command), copy));
    }
    this.notes.replaceChildren(...notes);
    this.gallery.measure();
  }

  keep() {
    const { psi, own, many, start } = this.look, mode = this.gallery.items[this.gallery.at];
    this.studio.keep({
      view: this.view === "shown" ? "" : this.view, sort: this.sort === "size" ? "" : this.sort, text: this.text,
      mode, psi: psi === this.about.psi ? "" : psi, own: own ? "" : "0", many: many === 12 ? "" : many, start: start === 1 ? "" : start,
    });
  }

  choose(change) {
    Object.assign(this, change);
    this.arrange();
  }

  /** Which modes are in the grid, and in which order. `mode` comes into hand, else the one that was. */
  arrange(mode = null) {
    const text = this.text.toLocaleLowerCase();
    const fits = (one) => VIEWS[this.view][1](one) && (!text || String(one.mode) === text || one.name.toLocaleLowerCase().includes(text) || `mode ${one.mode}` === text);
    const before = this.gallery.items[this.gallery.at], place = this.gallery.at;
    const items = this.about.modes.filter(fits).sort(SORTS[this.sort][1]).map((one) => one.mode);
    let at = items.indexOf(mode ?? before);
    if (at < 0) at = before === undefined ? 0 : Math.min(place, items.length - 1);
    const chosen = [...this.gallery.chosen].filter((one) => items.includes(one));
    const same = items.length === this.gallery.items.length && items.every((one, position) => one === this.gallery.items[position]);
    if (same && items.length) {
      this.gallery.refresh();
      if (at !== place) this.gallery.move(at);
      else this.current(at);
    } else this.gallery.show(items, { at: Math.max(0, at) });
    if (!same && chosen.length && this.merging) for (const one of chosen) this.gallery.toggle(one);
    this.gallery.node.classList.toggle("is-empty", !items.length);
    this.viewButtons();
    this.actions();
  }

  viewButtons() {
    const wanted = Object.entries(VIEWS).map(([key, [title, fits]]) => [key, title, this.about.modes.filter(fits).length]);
    if (!this.views.children.length) {
      this.views.append(...wanted.map(([key, title]) =>
        el("button", { type: "button", "data-key": key, click: () => this.choose({ view: key }) }, title, " ", el("span", { class: "n" }))));
    }
    wanted.forEach(([key, , number], place) => {
      const button = this.views.children[place];
      button.setAttribute("aria-pressed", key === this.view);
      button.lastChild.textContent = count(number);
      button.hidden = !number && !["shown", "all"].includes(key) && key !== this.view;
    });
  }

  draw(tile, mode) {
    const one = this.one(mode);
    if (tile.children.length === 1) tile.append(el("div", { class: "words" }, el("span", { class: "name" }), " ", el("span", { class: "share n" }), " ", el("span", { class: "badge" })));
    const [name, share, badge] = tile.lastChild.children, goal = goalOf(one);
    name.textContent = one.name || `mode ${mode}`;
    name.classList.toggle("given", Boolean(one.name));
    const size = this.sort === "kept" && one.kept !== null ? `${percent(one.kept)} kept` : percent(one.share);
    share.textContent = one.name ? `${mode} · ${size}` : size;
    badge.textContent = goal !== null ? `→ ${goal}` : one.mark === "hide" ? "hidden" : one.mark;
    badge.hidden = !one.mark;
    tile.firstChild.classList.toggle("px", this.about.size <= 128);
    tile.dataset.mark = goal !== null ? "merge" : one.mark;
    tile.classList.toggle("is-source", Boolean(this.merging?.includes(mode)));
  }

  current(position) {
    const mode = this.gallery.items[position] ?? null;
    if (this.merging) this.panel.choose(mode);
    else this.panel.show(mode);
    this.keep();
  }

  /** Bring a mode into hand; show all modes where the filter leaves it out. */
  goTo(mode) {
    if (mode === null || !this.one(mode)) return this.merging && this.panel.choose(null);
    const at = this.gallery.items.indexOf(mode);
    if (at >= 0) return this.gallery.move(at);
    this.text = this.field.value = "";
    this.view = "all";
    this.arrange(mode);
    this.gallery.move(this.gallery.items.indexOf(mode));
  }

  // Changes --------------------------------------------------------------------------------------

  /** Post a change; null when it is on disk, else the error, which has been told by `tell`. */
  async post(path, body, tell = fail) {
    try {
      const answer = await api.post(`/api/modes/${path}`, { of: this.about.of, ...body });
      this.take(answer);
      say(answer.what);
      this.arrange();
      return null;
    } catch (error) {
      tell(error);
      return error;
    }
  }

  /** Of what is wrong the panel tells, below the field. */
  rename(mode, name) {
    return this.post("name", { mode, name }, () => {});
  }

  /** Mark these modes, or take the mark away where all have it. */
  async mark(mark, modes = this.gallery.target) {
    if (!modes.length || !this.writable() || this.merging) return;
    const all = modes.every((mode) => this.one(mode).mark === mark);
    await this.post("mark", { modes, mark: all ? "" : mark });
  }

  async clear(modes = this.gallery.target) {
    if (modes.length && this.writable()) await this.post("clear", { modes });
  }

  async undo() {
    if (!this.writable() || !this.about.undo || this.merging) return;
    const before = this.about.modes;
    if (await this.post("undo", {})) return;
    const back = this.about.modes.find((one, mode) => one.name !== before[mode]?.name || one.mark !== before[mode]?.mark);
    const at = this.gallery.items.indexOf(back?.mode);
    if (at >= 0) this.gallery.move(at);
  }

  /** Several are merged into the largest of them, one into whatever is picked. */
  beginMerge(modes = this.gallery.target) {
    if (!modes.length || !this.writable() || this.merging) return;
    const free = modes.filter((mode) => goalOf(this.one(mode)) === null && this.one(mode).mark !== "never");
    const largest = modes.length > 1 ? free.sort((a, b) => this.one(b).size - this.one(a).size || a - b)[0] : undefined;
    if (modes.length > 1 && largest === undefined) return say("all of these count as others, or are never sampled", "bad");
    this.merging = [...modes];
    this.panel.beginMerge(this.merging, largest);
    this.gallery.refresh();
    this.actions();
    if (largest !== undefined) {
      this.goTo(largest);
      this.panel.confirm.focus();
    } else this.gallery.node.focus();
  }

  /** `from` null: nothing is merged. */
  async endMerge(from, goal) {
    const first = this.merging?.[0];
    if (from) {
      const modes = from.filter((mode) => mode !== goal);
      this.merging = null;
      const fault = await this.post("merge", { modes, into: goal });
      if (fault) {
        this.merging = from;
        return;
      }
      this.gallery.clear();
    }
    this.merging = null;
    this.panel.endMerge();
    this.gallery.refresh();
    this.actions();
    const back = from ? goal : first;
    const at = this.gallery.items.indexOf(back);
    if (at >= 0) this.gallery.move(at);
    else this.current(this.gallery.at);
    this.gallery.node.focus();
  }

  escape() {
    if (this.merging) this.endMerge(null);
    else this.gallery.clear();
  }

  key(event) {
    if (event.ctrlKey || event.metaKey || event.altKey || document.querySelector("dialog[open]")) return;
    if (event.key === "Escape" && this.merging) return this.escape();
    if (typing(event)) return;
    const calls = {
      h: () => this.mark("hide"), v: () => this.mark("never"), m: () => this.beginMerge(), u: () => this.undo(),
      e: () => this.merging || this.panel.edit(), n: () => this.panel.samples.fresh(),
      "+": () => this.panel.samples.step(1), "=": () => this.panel.samples.step(1), "-": () => this.panel.samples.step(-1),
      "/": () => this.field.focus(), Escape: () => this.escape(),
    };
    if (!(event.key in calls)) return;
    event.preventDefault();
    calls[event.key]();
  }
}

async function copied(button, text) {
  try {
    await navigator.clipboard.writeText(text);
    button.textContent = "Copied";
  } catch {
    getSelection().selectAllChildren(button.previousElementSibling);
  }
}
