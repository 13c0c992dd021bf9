// The view Mix: the layers of each row's seed, some of them taken from each column's.

import { api, el, fail } from "./kit.js";
import { records } from "./generate-feed.js";
import { Tile, brief, sideFor } from "./generate-tile.js";

const MOST = 32;
const NAMES = ["coarse", "middle", "fine", "all"];

export function mix(tab) {
  const { asked } = tab;
  const field = (name, title) =>
    el("label", { class: "field" }, title,
      el("input", { value: asked[name], spellcheck: "false", change: (event) => change({ [name]: event.target.value.trim() }) }));
  const layers = el(
    "select", { change: () => change({ layers: layers.value === "numbers" ? numbers.value || "0" : layers.value }) },
    [...NAMES, "numbers"].map((name) => el("option", { value: name }, name)),
  );
  const numbers = el("input", { placeholder: "0-3,5", spellcheck: "false", change: () => change({ layers: numbers.value.trim() || "0" }) });
  const numbered = el("label", { class: "field" }, `Layers, 0 to ${tab.about.layers - 1}`, numbers);
  const bar = el(
    "div", { class: "inline viewbar fields" }, field("rows", "Rows: seeds"), field("columns", "Columns: seeds"),
    el("label", { class: "field" }, "From the columns", layers), numbered,
  );
  const note = el("p", { class: "small" });
  const head = el("tr");
  const body = el("tbody");
  const node = el("div", {}, bar, note, el("div", { class: "scroll" }, el("table", { class: "sheet-table mixes" }, el("thead", {}, head), body)));
  let stop = new AbortController();
  let cells = new Map();
  let order = [];
  let built = "";

  function change(values) {
    Object.assign(asked, values);
    tab.keep();
    draw();
  }

  function build(rows, columns) {
    const wanted = JSON.stringify([rows, columns]);
    if (wanted === built) return;
    clear();
    built = wanted;
    const tile = (row, column, seed, word) => {
      const made = new Tile(tab, { seed, look: tab.look, word, caption: false });
      cells.set(`${row} ${column}`, made);
      order.push(made);
      return made.node;
    };
    head.replaceChildren(el("td"), ...columns.map((seed, at) => el("th", { scope: "col" }, el("span", { class: "n", title: seed }, brief(seed)), tile(-1, at, seed, ""))));
    for (const [at, row] of rows.entries()) {
      body.append(el("tr", {}, el("th", { scope: "row" }, el("div", { class: "row-head" }, el("span", { class: "n", title: row }, brief(row)), tile(at, -1, row, ""))),
        ...columns.map((column, to) => el("td", {}, tile(at, to, row, `seed ${row} with layers of ${column}`)))));
    }
  }

  async function draw() {
    stop.abort();
    stop = new AbortController();
    const { signal } = stop;
    const named = NAMES.includes(asked.layers);
    layers.value = named ? asked.layers : "numbers";
    numbered.hidden = named;
    if (!named) numbers.value = asked.layers;
    try {
      const [rows, columns] = await Promise.all(
        [asked.rows, asked.columns].map((text) => api.get(`/api/generate/seeds?${new URLSearchParams({ text })}`, { signal })),
      );
      if (rows.length > MOST || columns.length > MOST) throw new Error(`${MOST} rows and ${MOST} columns at most`);
      build(rows, columns);
      for (const [place, tile] of cells) {
        const [row, column] = place.split(" ").map(Number);
        tile.look = tab.look;
        if (row >= 0 && column >= 0) tile.mix = { row: rows[row], column: columns[column], layers: asked.layers };
        tile.fade();
      }
      note.textContent = "Each image is that of its row, with these layers of its column. Coarse layers decide pose and shape, fine ones colours.";
      const asking = { of: tab.about.of, rows, columns, layers: asked.layers, look: tab.look, side: sideFor(128) };
      const whole = cells.size;
      let came = 0;
      tab.progress(0, whole);
      await records("/api/generate/mix", asking, signal, (words, blob) => {
        if (signal.aborted) return;
        cells.get(`${words.row} ${words.column}`)?.show(blob, null);
        came += 1;
        tab.progress(came, whole);
      });
    } catch (error) {
      if (signal.aborted) return;
      tab.progress(0, 0);
      note.textContent = error.message;
      fail(error);
    }
  }

  function clear() {
    for (const tile of cells.values()) tile.drop();
    cells = new Map();
    order = [];
    built = "";
    body.replaceChildren();
  }

  function key(event) {
    const at = order.findIndex((tile) => tile.button === document.activeElement);
    const across = head.children.length;
    const step = { ArrowLeft: -1, ArrowRight: 1, ArrowUp: -across, ArrowDown: across }[event.key];
    const to = at < 0 || !step ? -1 : event.key === "ArrowUp" && at < 2 * across - 1 ? at - across : at + step;
    if (!order[to]) return;
    order[to].button.focus();
    event.preventDefault();
  }

  return {
    node, draw, key, neighbours: () => order, relabel: () => order.forEach((tile) => tile.label()),
    close() {
      stop.abort();
      clear();
    },
  };
}
