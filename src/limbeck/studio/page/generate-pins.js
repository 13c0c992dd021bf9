// Pinned images: a tray that outlives every change of the controls, kept in this browser.

import { el, plural, say } from "./kit.js";
import { Feed } from "./generate-feed.js";
import { Tile, lookLine } from "./generate-tile.js";
import { truncationName } from "./naming.js";

const MOST = 200;

export class Pins {
  constructor(tab) {
    this.tab = tab;
    this.place = `limbeck-pins-${tab.about.of}`;
    this.feed = new Feed(tab.about.of);
    this.tiles = new Map();
    this.gone = [];
    this.list = this.read();
    this.strip = el("div", { class: "strip" });
    this.head = el("span", { class: "small" });
    this.again = el("button", { type: "button", class: "quiet", hidden: true, click: () => this.undo() }, "Undo");
    this.walk = el("button", { type: "button", click: () => tab.walkThrough(this.list) }, "Walk through them");
    this.clear = el("button", { type: "button", class: "quiet", click: () => this.empty() }, "Unpin all");
    this.node = el(
      "section", { class: "tray", "aria-label": "Pinned images", hidden: true },
      el("div", { class: "inline" }, this.head, el("span", { class: "grow" }), this.again, this.walk, this.clear),
      this.strip,
    );
    this.show();
  }

  read() {
    try {
      const found = JSON.parse(localStorage.getItem(this.place) || "[]");
      return found
        .filter((pin) => /^[0-9]{1,19}$/.test(pin?.seed) && typeof pin.look?.truncation === "string")
        .slice(0, MOST);
    } catch {
      return [];
    }
  }

  write() {
    try {
      localStorage.setItem(this.place, JSON.stringify(this.list));
    } catch {
      say("this browser keeps nothing: pins last until the page is left", "bad");
    }
    this.show();
    this.tab.relabel();
  }

  key(of) {
    return JSON.stringify([of.seed, of.look]);
  }

  holds(of) {
    return this.list.some((pin) => this.key(pin) === this.key(of));
  }

  toggle(of) {
    const key = this.key(of);
    if (this.holds(of)) {
      this.gone = this.list;
      this.list = this.list.filter((pin) => this.key(pin) !== key);
      say(`unpinned seed ${of.seed}`);
    } else if (this.list.length >= MOST) {
      return say(`${MOST} are pinned: unpin some first`, "bad");
    } else {
      this.gone = [];
      this.list = [...this.list, { seed: of.seed, look: of.look }];
      say(`pinned seed ${of.seed}`);
    }
    this.write();
  }

  empty() {
    this.gone = this.list;
    this.list = [];
    this.write();
    this.again.focus();
  }

  undo() {
    this.list = this.gone;
    this.gone = [];
    this.write();
  }

  show() {
    const wanted = new Set(this.list.map((pin) => this.key(pin)));
    for (const [key, tile] of this.tiles) {
      if (wanted.has(key)) continue;
      tile.drop();
      tile.node.remove();
      this.tiles.delete(key);
    }
    const fresh = [];
    for (const pin of this.list) {
      let tile = this.tiles.get(this.key(pin));
      if (!tile) {
        tile = new Tile(this.tab, { ...pin, caption: false });
        tile.button.title = `seed ${pin.seed} · ${lookLine(pin.look, truncationName)}`;
        this.tiles.set(this.key(pin), tile);
        fresh.push(tile.task(128));
      }
      this.strip.append(tile.node);
    }
    this.feed.add(fresh);
    this.node.hidden = !this.list.length && !this.gone.length;
    this.again.hidden = !this.gone.length;
    this.walk.hidden = this.list.length < 2;
    this.clear.hidden = !this.list.length;
    this.head.textContent = this.list.length ? plural(this.list.length, "pinned image") : "Nothing is pinned.";
  }

  relabel() {
    for (const tile of this.tiles.values()) tile.label();
  }

  close() {
    this.feed.cancel();
    for (const tile of this.tiles.values()) tile.drop();
  }
}
