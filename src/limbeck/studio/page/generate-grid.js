// The view Grid: an image for each seed, as many as one likes.

import { el } from "./kit.js";
import { Sight } from "./generate-feed.js";
import { Tile, sideFor } from "./generate-tile.js";

export function grid(tab) {
  const sight = new Sight();
  const size = el("input", { type: "range", min: 64, max: 320, step: 8, value: tab.asked.tile, "aria-label": "Size of the images" });
  const sheet = el("button", { type: "button", click: () => tab.sheet(columns(), sheet) }, "Sheet as PNG");
  const bar = el("div", { class: "inline viewbar" }, el("label", { class: "field row size" }, "Size", size), sheet);
  const body = el("div", { class: "tiles", role: "group", "aria-label": "Images" });
  const node = el("div", {}, bar, body);
  let tiles = [];
  let side = 0;

  const columns = () => getComputedStyle(body).gridTemplateColumns.split(" ").length;
  const scale = () => body.style.setProperty("--tile", `${tab.asked.tile}px`);
  scale();
  size.addEventListener("input", () => {
    tab.asked.tile = size.value;
    scale();
    tab.keep();
  });
  size.addEventListener("change", () => sideFor(Number(tab.asked.tile)) !== side && draw());

  function draw() {
    const { seeds, look } = tab;
    while (tiles.length > seeds.length) {
      const gone = tiles.pop();
      sight.leave(gone.node);
      gone.drop();
      gone.node.remove();
    }
    seeds.forEach((seed, at) => {
      if (at >= tiles.length) {
        tiles.push(new Tile(tab, { seed, look }));
        body.append(tiles[at].node);
      }
      const tile = tiles[at];
      if (tile.seed !== seed) {
        tile.seed = seed;
        tile.mode = null;
      }
      tile.look = look;
      tile.button.tabIndex = at === 0 ? 0 : -1;
      tile.label();
      tile.fade();
    });
    side = sideFor(Number(tab.asked.tile));
    const tasks = tiles.map((tile) => {
      const task = tile.task(side);
      sight.watch(tile.node, task);
      return task;
    });
    tab.feed.ask(tasks);
  }

  function key(event) {
    const at = tiles.findIndex((tile) => tile.button === document.activeElement);
    if (at < 0) {
      if (!["ArrowDown", "ArrowRight"].includes(event.key) || document.activeElement !== document.body) return;
      tiles[0]?.button.focus();
      event.preventDefault();
      return;
    }
    const step = { ArrowLeft: -1, ArrowRight: 1, ArrowUp: -columns(), ArrowDown: columns() }[event.key];
    const to = event.key === "Home" ? 0 : event.key === "End" ? tiles.length - 1 : step ? at + step : -1;
    if (!tiles[to]) return;
    tiles[at].button.tabIndex = -1;
    tiles[to].button.tabIndex = 0;
    tiles[to].button.focus();
    event.preventDefault();
  }

  return {
    node, draw, key,
    neighbours: () => tiles,
    relabel: () => tiles.forEach((tile) => tile.label()),
    close() {
      sight.clear();
      tiles.forEach((tile) => tile.drop());
      tiles = [];
      body.replaceChildren();
    },
  };
}
