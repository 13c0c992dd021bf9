// The side of the light table: the threshold, the numbers, applying, counts by mode and by flag.

import { count, el, fail, plural } from "./kit.js";
import { Histogram } from "./histogram.js";
import { applyDialog } from "./curate-dialogs.js";
import { byFlag, byMode } from "./curate-parts.js";

export class RuleSide {
  constructor(desk) {
    this.desk = desk;
    this.table = desk.table;
    this.histogram = new Histogram({
      moved: (cut) => desk.cutTo(cut, null),
      colours: () => ({ kept: colour(this.node, "--accent"), dropped: colour(this.node, "--warm") }),
    });
    this.counts = el("div", { class: "counts-live", "aria-live": "polite" });
    this.modes = el("div", { class: "by" });
    this.flags = el("div", { class: "by" });
    this.node = el("aside", { class: "side rule", "aria-label": "The rule" },
      this.threshold(), this.applying(), this.groups());
    this.show();
  }

  close() {
    this.histogram.close();
  }

  /** The scores of the column that is cut on. */
  show() {
    this.column.value = this.table.name;
    this.histogram.show(this.table.sorted, this.table.cut);
  }

  threshold() {
    const { desk, table } = this;
    const names = Object.keys(table.about.columns).filter((name) => !name.startsWith("x_"));
    this.column = el("select", { change: () => desk.cutOn(this.column.value).catch(fail) },
      names.map((name) => el("option", { value: name, selected: name === table.name }, name)));
    const number = (label, more, take) => {
      const field = el("input", { type: "number", ...more, change: () => field.value !== "" && take(Number(field.value)) });
      return [field, el("label", { class: "field" }, label, field)];
    };
    const share = number("share kept, %", { min: 0.1, max: 100, step: 0.1 }, (value) => {
      const fraction = Math.min(1, Math.max(0.001, value / 100));
      desk.cutTo(Math.max(1, Math.floor(fraction * table.length + 0.5)), { rule: "fraction", fraction });
    });
    const photos = number("photos kept", { min: 1, max: table.length, step: 1 }, (value) => {
      const kept = Math.min(table.length, Math.max(1, Math.round(value)));
      desk.cutTo(kept, { rule: "count", count: kept });
    });
    this.share = share[0];
    this.photos = photos[0];
    this.reset = el("button", { type: "button", click: () => desk.restore().catch(fail) }, "As on disk");
    this.formula = el("p", { class: "small formula" });
    const formula = el("details", { class: "plain" }, el("summary", {}, "what this score is"), this.formula);
    return el("div", { class: "panel" },
      el("h2", {}, "Threshold"),
      this.counts,
      this.histogram.node, this.histogram.axis,
      el("p", { class: "small" }, "Typical photos left, odd ones right. Drag, or use the arrow keys."),
      el("div", { class: "numbers" }, share[1], photos[1]),
      el("label", { class: "field" }, "score to cut on", this.column),
      formula,
      this.reset,
    );
  }

  applying() {
    this.apply = el("button", { type: "button", class: "main", click: () => applyDialog(this.desk) }, "Apply …");
    return el("div", { class: "panel" },
      el("p", { class: "small" }, "Decisions are saved as you make them. Applying writes the list of photos that the second training takes."),
      el("div", { class: "inline" }, this.apply, el("a", { href: "/api/curate/list.csv", download: "keep.csv" }, "the list as CSV")));
  }

  groups() {
    return el("div", { class: "panel" },
      this.table.modes && [el("h2", {}, "By mode"), el("p", { class: "small" }, "Modes of the first generator; the tab Modes has the second one's."), this.modes],
      this.table.about.flags.length > 0 && [el("h2", {}, "By flag"), this.flags]);
  }

  recount() {
    const table = this.table, found = table.counts();
    this.found = found;
    const dropped = table.length - found.kept;
    this.counts.replaceChildren(
      el("p", { class: "two-counts" },
        el("span", { class: "good" }, el("b", {}, count(found.kept)), " kept"),
        el("span", { class: "warm" }, el("b", {}, count(dropped)), " dropped")),
      el("div", { class: "meter split", role: "presentation" }, share(found.kept, table.length)),
      el("p", { class: "small warm" }, table.asApplied ? "" : "Not applied yet."),
      el("p", { class: "small" }, `${((100 * found.kept) / table.length).toFixed(1)} % kept. Your word: ${plural(found.saidKeep, "photo")} kept, ${count(found.saidDrop)} dropped.`),
    );
    this.share.value = ((100 * table.cut) / table.length).toFixed(1);
    this.photos.value = table.cut;
    this.reset.disabled = table.asApplied;
    this.formula.textContent = table.about.columns[table.name] || "";
    byMode(this, found);
    byFlag(this, found);
  }
}

function share(part, whole) {
  const bar = el("i");
  bar.style.width = `${whole ? (100 * part) / whole : 0}%`;
  return bar;
}

const colour = (node, name) => getComputedStyle(node).getPropertyValue(name).trim();
