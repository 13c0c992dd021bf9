// The view Compare: the same seeds, truncated in every way that this model can do.

import { el } from "./kit.js";
import { Sight } from "./generate-feed.js";
import { Tile, brief, sideFor } from "./generate-tile.js";
import { truncationMeaning, truncationName } from "./naming.js";

const STEP = 24; // rows at first, and more at each press

export function compare(tab) {
  const sight = new Sight();
  const head = el("tr");
  const rows = el("tbody");
  const table = el("table", { class: "sheet-table compared" }, el("thead", {}, head), rows);
  const more = el("button", { type: "button", click: () => ((most += STEP), draw()) }, "More rows");
  const node = el("div", {}, el("div", { class: "scroll" }, table), more);
  let most = STEP;
  let tiles = [];
  let built = "";

  function build(names, seeds) {
    const wanted = JSON.stringify([names, seeds]);
    if (wanted === built) return;
    built = wanted;
    close();
    head.replaceChildren(
      el("th", { scope: "col" }, "Seed"),
      ...names.map((name) => el("th", { scope: "col", title: truncationMeaning(name) }, truncationName(name))),
    );
    for (const seed of seeds) {
      const cells = names.map((truncation) => new Tile(tab, { seed, look: { ...tab.look, truncation } }));
      for (const tile of cells) tile.words.firstChild.hidden = true;
      tiles.push(...cells);
      rows.append(el("tr", {}, el("th", { scope: "row", class: "n", title: seed }, brief(seed)), ...cells.map((tile) => el("td", {}, tile.node))));
    }
  }

  function draw() {
    const names = tab.about.truncations.filter((one) => !one.why).map((one) => one.name)
      .filter((name) => name !== "index" || tab.look.truncation === "index");
    const seeds = tab.seeds.slice(0, most);
    more.hidden = tab.seeds.length <= most;
    build(names, seeds);
    const fixed = tab.look.truncation === "index" ? tab.look.mode : null;
    tiles.forEach((tile, at) => {
      const truncation = names[at % names.length];
      const look = { ...tab.look, truncation, mode: truncation === "index" ? fixed : null };
      if (truncation === "none") look.psi = 1;
      if (JSON.stringify(look) === JSON.stringify(tile.look) && tile.url) return;
      tile.look = look;
      tile.fade();
      tile.label();
    });
    const side = sideFor(128);
    tab.feed.ask(
      tiles.filter((tile) => !tile.url || tile.node.classList.contains("old")).map((tile) => {
        const task = tile.task(side);
        sight.watch(tile.node, task);
        return task;
      }),
    );
  }

  function close() {
    sight.clear();
    tiles.forEach((tile) => tile.drop());
    tiles = [];
    rows.replaceChildren();
  }

  function key(event) {
    const at = tiles.findIndex((tile) => tile.button === document.activeElement);
    const across = head.children.length - 1;
    const step = { ArrowLeft: -1, ArrowRight: 1, ArrowUp: -across, ArrowDown: across }[event.key];
    if (at < 0 || !step || !tiles[at + step]) return;
    tiles[at + step].button.focus();
    event.preventDefault();
  }

  return { node, draw, key, close, neighbours: () => tiles, relabel: () => tiles.forEach((tile) => tile.label()) };
}
