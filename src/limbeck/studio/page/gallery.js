// A gallery of any length: only the tiles in view exist. A listbox for screen readers and keys.

import { el } from "./kit.js";
import { blank, picture } from "./pictures.js";

const BEYOND = 2; // rows drawn above and below the view
const PATIENCE = 70; // ms between looks at which pictures are wanted

/**
 * @param {object} given
 *   label: name of the whole for screen readers
 *   draw(tile, item): show item in a tile, all but its picture
 *   picture(item): address of the picture
 *   current(position): told when the position moves
 *   open(position): Enter, space or double click
 *   toggle(position): space instead, where it is given
 *   foot: px below each picture, for words
 *   selected(): told when the selection changes
 */
export class Gallery {
  constructor(given) {
    this.given = given;
    this.items = [];
    this.at = 0;
    this.from = null; // where a range began
    this.chosen = new Set();
    this.side = 132;
    this.foot = given.foot || 0;
    this.tiles = new Map(); // position -> tile
    this.spare = [];
    this.room = el("div", { class: "room", role: "presentation" });
    this.node = el("div", {
      class: "gallery", role: "listbox", tabindex: "0", "aria-label": given.label,
      "aria-multiselectable": "true", scroll: () => this.later(), keydown: (event) => this.key(event),
      click: (event) => this.click(event), dblclick: (event) => this.double(event),
      pointermove: (event) => this.hover(event), pointerleave: () => this.given.hover?.(null),
    }, this.room);
    this.seen = new ResizeObserver(() => this.measure());
    this.seen.observe(this.node);
    this.waiting = 0;
  }

  close() {
    this.seen.disconnect();
    clearTimeout(this.timer);
  }

  /** Show these items; keep the current one where it is still there. */
  show(items, { at } = {}) {
    const before = this.items[this.at];
    this.items = items;
    this.from = null;
    const same = at ?? (before === undefined ? 0 : items.indexOf(before));
    this.at = Math.min(Math.max(same, 0), Math.max(items.length - 1, 0));
    this.chosen.clear();
    this.measure();
    this.refresh();
    this.given.current?.(this.at);
    this.given.selected?.();
  }

  measure() {
    const width = this.room.clientWidth || this.node.clientWidth;
    if (!width) return;
    const first = this.columns ? Math.floor(this.node.scrollTop / this.tall) * this.columns : 0;
    const columns = Math.max(2, Math.round((width + 6) / (this.side + 6)));
    const moved = this.columns && (columns !== this.columns || Math.abs(width + 6 - this.step * this.columns) > 1);
    this.columns = columns;
    this.step = (width + 6) / this.columns;
    this.tall = this.step + this.foot;
    this.room.style.height = `${Math.ceil(this.items.length / this.columns) * this.tall}px`;
    for (const [position, tile] of this.tiles) this.place(tile, position);
    if (moved) this.node.scrollTop = Math.floor(first / this.columns) * this.tall; // what was on top stays there
    this.later();
  }

  later() {
    if (!this.waiting) this.waiting = requestAnimationFrame(() => this.paint());
  }

  paint() {
    this.waiting = 0;
    if (!this.columns) return;
    const top = Math.floor(this.node.scrollTop / this.tall) - BEYOND;
    const rows = Math.ceil(this.node.clientHeight / this.tall) + 2 * BEYOND;
    const first = Math.max(0, top * this.columns);
    const last = Math.min(this.items.length, (top + rows + 1) * this.columns);
    for (const [position, tile] of this.tiles) {
      if (position < first || position >= last) {
        this.tiles.delete(position);
        this.spare.push(tile);
      }
    }
    for (let position = first; position < last; position++) {
      if (!this.tiles.has(position)) this.tiles.set(position, this.place(this.tile(), position, true));
    }
    for (const tile of this.spare) {
      tile.hidden = true;
      blank(tile.firstChild);
    }
    const current = this.tiles.get(this.at); // a current one out of view has no element to point at
    if (current) this.node.setAttribute("aria-activedescendant", current.id);
    else this.node.removeAttribute("aria-activedescendant");
    this.timer ||= setTimeout(() => this.pictures(), PATIENCE);
  }

  tile() {
    const found = this.spare.pop();
    if (found) {
      found.hidden = false;
      return found;
    }
    const tile = el("div", { class: "tile", role: "option" }, el("img", { alt: "", draggable: "false", decoding: "async" }));
    this.room.append(tile);
    return tile;
  }

  place(tile, position, fresh = false) {
    const [row, column] = [Math.floor(position / this.columns), position % this.columns];
    tile.style.width = `${this.step - 6}px`;
    tile.style.height = `${this.tall - 6}px`;
    tile.style.transform = `translate(${column * this.step}px, ${row * this.tall}px)`;
    if (fresh) {
      tile.id = `${this.given.id || "tile"}-${position}`;
      tile.dataset.position = position;
      tile.setAttribute("aria-posinset", position + 1);
      tile.setAttribute("aria-setsize", this.items.length);
      blank(tile.firstChild);
      this.mark(tile, position);
    }
    return tile;
  }

  mark(tile, position) {
    tile.classList.toggle("is-current", position === this.at);
    tile.setAttribute("aria-selected", this.chosen.has(this.items[position]));
    this.given.draw(tile, this.items[position], position);
  }

  pictures() {
    this.timer = 0;
    const positions = [...this.tiles.keys()].sort((a, b) => a - b);
    for (const position of positions) picture(this.tiles.get(position).firstChild, this.given.picture(this.items[position]));
  }

  /** Draw again what is in view: something about the items has changed. */
  refresh() {
    for (const [position, tile] of this.tiles) {
      if (position >= this.items.length) {
        this.tiles.delete(position);
        this.spare.push(tile);
        tile.hidden = true;
      } else {
        tile.id = `${this.given.id || "tile"}-${position}`;
        tile.setAttribute("aria-setsize", this.items.length);
        this.mark(tile, position);
      }
    }
    this.later();
  }

  /** Scroll so that a position stands in the middle. */
  centre(position) {
    if (!this.columns) return;
    const row = Math.floor(position / this.columns);
    this.node.scrollTop = row * this.tall - (this.node.clientHeight - this.tall) / 2;
  }

  move(position, { range = false } = {}) {
    if (!this.items.length) return;
    const next = Math.min(Math.max(position, 0), this.items.length - 1);
    if (range) {
      this.from ??= this.at;
      this.chosen = new Set(this.items.slice(Math.min(this.from, next), Math.max(this.from, next) + 1));
      this.given.selected?.();
    }
    this.at = next;
    const [top, height] = [Math.floor(next / this.columns) * this.tall, this.tall];
    if (top < this.node.scrollTop) this.node.scrollTop = top;
    if (top + height > this.node.scrollTop + this.node.clientHeight) {
      this.node.scrollTop = top + height - this.node.clientHeight;
    }
    this.paint();
    this.refresh();
    this.given.current?.(next);
  }

  /** What a key acts on: the selection, or the current item. */
  get target() {
    if (this.chosen.size) return [...this.chosen];
    return this.items.length ? [this.items[this.at]] : [];
  }

  /** Select an item, or no longer. */
  toggle(item) {
    if (!this.chosen.delete(item)) this.chosen.add(item);
    this.refresh();
    this.given.selected?.();
  }

  clear() {
    this.chosen.clear();
    this.from = null;
    this.refresh();
    this.given.selected?.();
  }

  all() {
    this.chosen = new Set(this.items);
    this.refresh();
    this.given.selected?.();
  }

  key(event) {
    const page = Math.max(1, Math.floor(this.node.clientHeight / this.tall)) * this.columns;
    const steps = {
      ArrowRight: 1, ArrowLeft: -1, ArrowDown: this.columns, ArrowUp: -this.columns,
      PageDown: page, PageUp: -page, Home: -Infinity, End: Infinity,
    };
    if (event.key in steps) this.move(this.at + steps[event.key], { range: event.shiftKey || this.ranging });
    else if (event.key === " " && this.given.toggle) this.given.toggle(this.at);
    else if (event.key === " " || event.key === "Enter") this.given.open?.(this.at);
    else if (event.key === "a" && (event.ctrlKey || event.metaKey)) this.all();
    else return;
    event.preventDefault();
  }

  positionOf(event) {
    const tile = event.target.closest(".tile");
    return tile ? Number(tile.dataset.position) : null;
  }

  click(event) {
    const position = this.positionOf(event);
    if (position === null) return;
    if (event.shiftKey) return this.move(position, { range: true });
    const item = this.items[position];
    if (event.ctrlKey || event.metaKey) {
      this.toggle(item);
    } else if (this.chosen.size) {
      this.clear();
    }
    this.from = position;
    this.move(position);
  }

  double(event) {
    const position = this.positionOf(event);
    if (position !== null) this.given.open?.(position);
  }

  hover(event) {
    const position = this.positionOf(event);
    if (position !== null && event.movementX + event.movementY !== 0) this.given.hover?.(position);
  }
}
