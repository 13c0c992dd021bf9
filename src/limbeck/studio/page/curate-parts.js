// Parts of the light table: modes and flags with their counts, and the photo in hand.

import { api, count, el, figure } from "./kit.js";
import { WORD } from "./table.js";

const SHOWN = 12;

/** Kept and dropped of each mode; a click shows that mode alone. */
export function byMode(side, found) {
  const { desk } = side;
  if (!desk.table.modes) return;
  const all = [...found.modes].sort((a, b) => b[1][0] + b[1][1] - a[1][0] - a[1][1]);
  const shown = desk.allModes ? all : all.slice(0, SHOWN);
  lines(side.modes, shown.map(([mode, pair]) => ({
    key: `mode ${mode}`, pair, chosen: desk.mode === mode,
    click: () => desk.choose({ mode: desk.mode === mode ? null : mode }),
  })));
  if (all.length > SHOWN) {
    side.modes.append(el("button", { type: "button", class: "quiet", click: () => { desk.allModes = !desk.allModes; byMode(side, side.found); } },
      desk.allModes ? "the largest only" : `all ${all.length} modes`));
  }
}

/** Kept and dropped of each flag; a click shows photos with that flag alone. */
export function byFlag(side, found) {
  const { desk } = side;
  lines(side.flags, desk.table.about.flags.map((flag, bit) => ({
    key: flag, pair: found.flags[bit], chosen: desk.flag === flag,
    click: () => desk.choose({ flag: desk.flag === flag ? null : flag }),
  })));
}

/** One line a group; lines that are there are changed in place, so that focus stays. */
function lines(box, wanted) {
  const there = [...box.querySelectorAll(".line-of")];
  wanted.forEach(({ key, pair, chosen, click }, number) => {
    let line = there[number];
    if (!line) {
      line = el("button", { type: "button", class: "line-of" }, el("span", { class: "key" }), el("span", { class: "n" }), el("span", { class: "meter split" }, el("i")));
      box.append(line);
    }
    const [kept, dropped] = pair;
    line.onclick = click;
    line.setAttribute("aria-pressed", chosen);
    line.children[0].textContent = key;
    line.children[1].textContent = `${count(kept)} of ${count(kept + dropped)}`;
    line.children[2].firstChild.style.width = `${kept + dropped ? (100 * kept) / (kept + dropped) : 0}%`;
  });
  there.slice(wanted.length).forEach((line) => line.remove());
  box.querySelector(".quiet")?.remove();
}

/** The photo in hand: as it is, as the first generator draws it again, its name and scores. */
export class Details {
  constructor(table) {
    this.table = table;
    this.row = this.held = null;
    this.title = el("h2", {}, "In hand");
    this.photo = el("img", { alt: "" });
    this.again = el("img", { alt: "", class: "px" });
    this.words = el("div");
    this.node = el("aside", { class: "details side", "aria-label": "The photo in hand" },
      el("div", { class: "panel" }, this.title, el("div", { class: "pair" },
        el("figure", {}, this.photo, el("figcaption", {}, "photo")),
        el("figure", { class: "redrawn-figure" }, this.again, el("figcaption", {}, "drawn again"))), this.words));
    this.again.addEventListener("error", () => this.again.closest("figure").hidden = true);
  }

  /** The photo that keys act on. */
  hold(row) {
    this.held = row;
    this.show(row);
  }

  /** Look at another one for a moment; null = at the one in hand again. */
  glance(row) {
    this.show(row ?? this.held);
  }

  /** Nothing is in hand. */
  empty() {
    this.row = this.held = this.about = null;
    this.title.textContent = "Nothing in hand";
    for (const image of [this.photo, this.again]) {
      image.removeAttribute("src");
      image.alt = "";
    }
    this.words.replaceChildren();
  }

  show(row) {
    this.title.textContent = row === this.held ? "In hand" : "Under the pointer";
    if (row === undefined || row === null || row === this.row) return;
    this.row = row;
    this.about = null;
    clearTimeout(this.timer);
    this.timer = setTimeout(() => this.load().catch(() => {}), 90);
  }

  /** Kept or dropped may have changed. */
  refresh() {
    if (this.about) this.words.replaceChildren(...facts(this.table, this.row, this.about));
  }

  async load() {
    if (this.row === null) return;
    const row = this.row, id = this.table.id(row);
    const base = `/api/curate/photos/${id}`;
    if (this.photo.getAttribute("src") !== `${base}/large.jpg`) {
      this.photo.src = `${base}/large.jpg`;
      this.again.closest("figure").hidden = false;
      this.again.src = `${base}/again.jpg`;
    }
    const about = await api.get(base);
    if (row !== this.row) return;
    this.photo.alt = `photo ${about.source}`;
    this.about = about;
    this.refresh();
  }
}

/** What is known of a photo, as elements. */
export function facts(table, row, about) {
  const kept = table.kept(row), word = table.words[row];
  const flags = table.about.flags.filter((_, bit) => table.flags[row] & (1 << bit));
  const scores = Object.entries(about.scores).filter(([name]) => name !== "x_mode");
  scores.sort(([a], [b]) => (b === table.name) - (a === table.name) || a.localeCompare(b));
  return [
    el("p", { class: "name" }, about.source),
    el("p", { class: `verdict ${kept ? "kept" : "dropped"}` }, verdict(kept, word, about.word)),
    el("p", { class: "small" }, `${about.id} · ${about.width} × ${about.height}`,
      table.modes ? ` · mode ${table.modes[row]}` : "", flags.length ? ` · ${flags.join(", ")}` : ""),
    el("p", { class: "score-of" }, el("b", {}, figure(about.scores[table.name])), ` ${table.name}, odder than ${odder(table, row)} % of all`),
    ...(table.sortedBy ? [el("p", { class: "score-of" }, el("b", {}, figure(about.scores[table.sortedBy])), ` ${table.sortedBy}`)] : []),
    more(el("table", { class: "scores" }, el("tbody", {}, scores.map(([name, value]) =>
      el("tr", { class: name === table.name ? "used" : "" }, el("th", { scope: "row" }, name), el("td", { class: "n" }, figure(value))))))),
  ];
}

const odder = (table, row) => Math.floor((100 * table.rank[row]) / table.length);

let unfolded = false;

/** All scores, folded; a person's choice holds for the photos that follow. */
function more(list) {
  const box = el("details", { open: unfolded, toggle: () => (unfolded = box.open) }, el("summary", {}, "all scores"), list);
  return box;
}

function verdict(kept, word, said) {
  if (word === WORD.none) return kept ? "kept by the rule" : "dropped by the rule";
  return `${kept ? "kept" : "dropped"} by you${said?.reason ? `: ${said.reason}` : ""}`;
}
