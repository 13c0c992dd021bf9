// Directions as sliders: which set, which of its directions, how far.

import { api, duration, el, fail, figure, say } from "./kit.js";
import { BASE as EDIT } from "./edit-parts.js";

const BASE = `${EDIT}/directions`;
const ON_SCREEN = 12;
const METHODS = { pca: "PCA", sefa: "SeFa", stylespace: "StyleSpace", labels: "labels" };

export function sliders(tab) {
  return new Sliders(tab);
}

class Sliders {
  constructor(tab) {
    this.tab = tab;
    this.sets = [];
    this.at = 0;
    this.strengths = new Map();
    this.shown = ON_SCREEN;
    this.sought = "";
    this.body = el("div", { class: "edit-directions" }, el("p", { class: "waiting" }, "Looking for directions …"));
    this.reset = el("button", { type: "button", class: "quiet", click: () => this.zero(true) }, "All to 0");
    this.only = el("input", { type: "checkbox", change: () => this.tab.moved() });
    this.head = el("div", { class: "inline" }, el("h2", { id: "edit-directions-title" }, "Directions"), el("span", { class: "grow" }), this.reset);
    this.node = el("section", { class: "panel edit-sliders", "aria-labelledby": "edit-directions-title" }, this.head, this.body);
  }

  show(on) {
    this.node.hidden = !on;
  }

  set() {
    return this.sets[this.at]?.key ?? "";
  }

  blend() {
    return this.only.checked;
  }

  /** `NUMBER:STRENGTH,...` of what is not 0. */
  moves() {
    return [...this.strengths].filter(([, by]) => by).map(([number, by]) => `${number}:${by}`).join(",");
  }

  /** The same by the directions' ids, for the address. */
  named() {
    const all = this.sets[this.at]?.directions ?? [];
    return [...this.strengths].filter(([, by]) => by).map(([number, by]) => `${all[number].id}:${by}`).join(",");
  }

  zero(tell = false) {
    this.strengths.clear();
    for (const row of this.body.querySelectorAll("input[type=range]")) this.label(row, 0);
    if (tell) this.tab.moved();
    this.reset.disabled = true;
  }

  async load() {
    const found = await api.get(BASE);
    if (!this.tab.alive()) return;
    const fresh = !this.sets.length;
    this.sets = found.sets;
    this.at = Math.min(this.at, Math.max(this.sets.length - 1, 0));
    if (fresh) this.restore();
    if (this.sets.length) this.list(found);
    else this.none(found);
    if (found.finding?.state === "running") this.follow();
  }

  restore() {
    const { restored } = this.tab;
    const at = this.sets.findIndex((one) => one.key === restored.get("of"));
    if (at < 0) return;
    this.at = at;
    for (const part of (restored.get("m") ?? "").split(",")) {
      const [id, by] = part.split(/:(?=[^:]*$)/);
      const number = this.sets[at].directions.findIndex((one) => one.id === id);
      if (number >= 0 && Number.isFinite(Number(by))) this.strengths.set(number, Number(by));
    }
    this.only.checked = restored.get("blend") === "1";
    if (this.moves()) this.tab.moved();
  }

  // Without any

  none(found) {
    const where = this.tab.writable() ? "They are written beside the model, into the folder directions."
      : "Nothing can be written now: they are held in memory until the studio ends.";
    const button = el("button", { type: "button", class: "main", click: () => this.find().catch(fail) },
      `Find directions (PCA)${found.seconds ? `, about ${duration(found.seconds)}` : ""}`);
    this.reset.hidden = true;
    this.body.replaceChildren(...[
      el("p", {}, "There are no directions of this generator yet."), this.others(found),
      el("div", { class: "inline" }, button), el("p", { class: "small" }, where)].filter(Boolean));
    const failed = found.finding?.state === "failed" ? found.finding.said : "";
    if (failed) this.body.append(el("p", { class: "notice" }, failed));
  }

  others(found) {
    return found.others.length ? el("details", {}, el("summary", {}, `${found.others.length} of no use here`),
      el("ul", {}, found.others.map((why) => el("li", {}, why)))) : null;
  }

  find() {
    return this.follow(api.post(`${BASE}/find`));
  }

  async follow(begun = null) {
    const bar = el("progress", { max: 1, value: 0, "aria-label": "The search for directions" });
    const words = el("p", { class: "small" });
    const stop = el("button", { type: "button", click: () => api.post(`${BASE}/stop`).catch(fail) }, "Stop");
    this.body.replaceChildren(el("div", { class: "inline" }, el("p", { role: "status" }, "Finding directions …"), el("span", { class: "grow" }), stop), bar, words);
    const look = async () => {
      if (!this.tab.alive()) return;
      const told = await api.get(`${BASE}/finding`);
      if (told.state === "running") {
        bar.value = told.share;
        words.textContent = told.left === null ? "measuring how fast it goes" : `about ${duration(told.left)} left`;
        setTimeout(() => look().catch(fail), 500);
        return;
      }
      if (told.said) say(`directions: ${told.said}`, told.state === "failed" ? "bad" : "");
      await this.load();
    };
    try {
      await begun;
      await look();
    } catch (error) {
      fail(error);
      await this.load();
    }
  }

  // With some

  list(found) {
    const set = this.sets[this.at];
    this.reset.hidden = false;
    this.reset.disabled = !this.moves();
    const choice = this.sets.length > 1 ? el("label", { class: "field row" }, "From", el("select", {
      change: (event) => { this.at = Number(event.target.value); this.shown = ON_SCREEN; this.strengths.clear(); this.list(found); this.tab.moved(); },
    }, this.sets.map((one, n) => el("option", { value: n, selected: n === this.at }, `${one.title} (${METHODS[one.method]})`)))) : null;
    const search = set.directions.length > ON_SCREEN ? el("label", { class: "field row" }, "Search", el("input", {
      type: "search", value: this.sought, input: (event) => { this.sought = event.target.value; this.rows(set); },
    })) : null;
    this.table = el("div", { class: "edit-rows" });
    this.more = el("button", { type: "button", click: () => { this.shown += ON_SCREEN; this.rows(set); } }, "More");
    const memory = set.folder ? null : el("p", { class: "small" }, "Held in memory until the studio ends.");
    this.body.replaceChildren(
      el("div", { class: "inline" }, [choice, search].filter(Boolean),
        el("label", { class: "field row" }, this.only, "only where they act")),
      this.table, this.more, ...[memory, this.others(found)].filter(Boolean));
    this.rows(set);
  }

  rows(set) {
    const sought = this.sought.trim().toLowerCase();
    const all = set.directions.map((one, number) => ({ ...one, number }))
      .filter((one) => !sought || `${one.name ?? ""} ${one.id} ${one.range}`.toLowerCase().includes(sought));
    const first = all.filter((one, n) => n < this.shown || this.strengths.get(one.number));
    this.table.replaceChildren(...first.map((one) => this.row(one, set.reach)));
    if (!first.length) this.table.append(el("p", { class: "small" }, "No direction is called so."));
    this.more.hidden = first.length >= all.length;
    this.more.textContent = `${all.length - first.length} more`;
  }

  row(one, reach) {
    const id = `edit-direction-${one.number}`;
    const range = el("input", {
      type: "range", id, min: -reach, max: reach, step: reach / 60, "data-number": one.number,
      value: this.strengths.get(one.number) ?? 0,
      input: (event) => this.moved(event.target),
      dblclick: (event) => this.back(event.target),
      keydown: (event) => event.key === "0" && (this.back(event.target), event.stopPropagation()),
    });
    const back = el("button", { type: "button", class: "quiet edit-back", "aria-label": `${one.name ?? one.id} to 0`, title: "to 0", click: () => this.back(range) }, "↺");
    const output = el("output", { for: id });
    const where = one.channel ? `one channel of ${one.channel}` : `${one.range} layers`;
    const local = `${Math.round(one.inside * 100)} % of it in ${Math.round(one.area * 100)} % of the picture`;
    const node = el("div", { class: "edit-row" },
      el("label", { for: id }, el("b", {}, one.name ?? one.id), one.mode === null ? null : ` mode ${one.mode}`),
      el("span", { class: "small" }, `${where}, LPIPS ${figure(one.unit)} a unit, ${local}`), range, output, back);
    this.label(range, this.strengths.get(one.number) ?? 0, output, back);
    return node;
  }

  moved(range) {
    const by = Math.round(Number(range.value) * 1000) / 1000;
    this.strengths.set(Number(range.dataset.number), by);
    this.label(range, by);
    this.reset.disabled = !this.moves();
    this.tab.moved();
  }

  back(range) {
    range.value = 0;
    this.moved(range);
  }

  label(range, by, output = range.parentNode.querySelector("output"), back = range.parentNode.querySelector(".edit-back")) {
    range.value = by;
    output.textContent = by > 0 ? `+${by.toFixed(2)}` : by < 0 ? `−${Math.abs(by).toFixed(2)}` : "0";
    back.disabled = !by;
  }
}
