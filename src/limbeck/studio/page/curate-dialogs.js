// Dialogs of the light table: a photo enlarged, and what applying the rule would do.

import { api, count, duration, el, fail, plural, say } from "./kit.js";
import { facts } from "./curate-parts.js";

/** A photo enlarged, with what the generator draws of it; keys go on working. */
export class Zoom {
  constructor(desk) {
    this.desk = desk;
    this.photo = el("img", { alt: "" });
    this.again = el("img", { alt: "", class: "px" });
    this.again.addEventListener("error", () => (this.again.parentNode.hidden = true));
    this.words = el("div", { class: "zoom-words" });
    const act = (title, key, kind, keep) => el("button", { type: "button", class: `${kind} writes`, click: () => this.decide(keep) }, title, " ", el("kbd", {}, key));
    this.node = el("dialog", { class: "zoom", tabindex: "-1", autofocus: true, "aria-label": "Photo, enlarged", keydown: (event) => this.key(event) },
      el("div", { class: "zoom-pictures" },
        el("figure", {}, this.photo, el("figcaption", {}, "photo")),
        el("figure", {}, this.again, el("figcaption", {}, "drawn again by the first generator"))),
      this.words,
      el("div", { class: "inline" },
        el("button", { type: "button", click: () => this.step(-1), "aria-label": "The photo before" }, "←"),
        el("button", { type: "button", click: () => this.step(1), "aria-label": "The photo after" }, "→"),
        act("Keep", "k", "keep", true), act("Drop", "d", "drop", false), act("Leave to the rule", "r", "", null),
        el("button", { type: "button", click: () => { this.node.close(); this.desk.more(); } }, "More like this ", el("kbd", {}, "n")),
        el("span", { class: "grow" }),
        el("button", { type: "button", click: () => this.node.close() }, "Close")));
    desk.section.append(this.node);
    this.node.addEventListener("close", () => desk.gallery.node.focus());
  }

  open(position) {
    this.desk.gallery.move(position);
    this.load().catch(fail);
    this.node.showModal();
    this.node.focus();
  }

  async load() {
    const { gallery, table } = this.desk;
    const row = gallery.items[gallery.at], id = table.id(row), base = `/api/curate/photos/${id}`;
    this.photo.src = `${base}/large.jpg`;
    this.again.parentNode.hidden = false;
    this.again.src = `${base}/again.jpg`;
    const about = await api.get(base);
    this.photo.alt = `photo ${about.source}`;
    this.again.alt = `${about.source}, drawn again`;
    this.words.replaceChildren(...facts(table, row, about));
  }

  step(by) {
    this.desk.gallery.move(this.desk.gallery.at + by);
    this.load().catch(fail);
  }

  async decide(keep) {
    const { gallery } = this.desk;
    await this.desk.decide(keep, [gallery.items[gallery.at]]);
    if (this.node.open) await this.load().catch(fail);
  }

  key(event) {
    const calls = {
      ArrowRight: () => this.step(1), ArrowLeft: () => this.step(-1), " ": () => this.node.close(),
      k: () => this.decide(true), d: () => this.decide(false), r: () => this.decide(null),
      u: () => this.desk.undo().then(() => this.load()), n: () => { this.node.close(); this.desk.more(); },
    };
    if (event.ctrlKey || event.metaKey || !(event.key in calls) || (event.key === " " && event.target.matches("button"))) return;
    event.preventDefault();
    event.stopPropagation();
    calls[event.key]();
  }
}

/** What applying would write and make stale; then, on a yes, apply. */
export async function applyDialog(desk) {
  const { table } = desk;
  const asked = table.asked, found = table.counts();
  const effects = el("div", { class: "effects" }, el("p", { class: "waiting" }, "Looking at what depends on the list …"));
  const go = el("button", { type: "button", class: "main", disabled: true }, "Apply");
  const outlook = el("p", {}, `The second training would take ${plural(found.kept, "photo")} of ${count(table.length)}; `,
      `${count(table.length - found.kept)} are left out. ${plural(found.saidKeep + found.saidDrop, "photo")} by your word.`);
  const leave = el("button", { type: "button", click: () => box.close() }, "Not now");
  const box = el("dialog", { "aria-labelledby": "apply-title" },
    el("h2", { id: "apply-title" }, "Apply to the run"),
    outlook,
    el("p", { class: "small" }, "No photo is deleted, and any other list can be applied later."),
    effects,
    el("div", { class: "inline" }, go, leave));
  desk.section.append(box);
  box.addEventListener("close", () => { box.remove(); desk.side.apply.focus(); });
  box.showModal();
  try {
    const plan = await api.post("/api/curate/plan", asked);
    effects.replaceChildren(
      ...warnings(plan.warnings),
      ...(plan.unknown ? warnings([`What depends on the list cannot be told: ${plan.unknown}.`]) : []),
      plan.unknown ? "" : plan.stages.length
        ? el("p", {}, `Made anew when you resume: ${plan.stages.join(", ")} (they took ${duration(plan.seconds)}). What they are now is kept aside.`)
        : el("p", {}, "Nothing that is finished depends on the list."),
      plan.lines.length ? el("details", { class: "plain" }, el("summary", {}, "why"), el("ul", { class: "small" }, plan.lines.map((line) => el("li", {}, line)))) : "");
    go.disabled = false;
  } catch (error) {
    effects.replaceChildren(el("p", { class: "notice" }, error.message));
  }
  go.addEventListener("click", async () => {
    go.disabled = true;
    go.textContent = "Applying …";
    try {
      const answer = await api.post("/api/curate/apply", asked);
      const { summary } = answer;
      effects.replaceChildren(
        el("p", { class: "good" }, `Written: ${plural(summary.kept, "photo")} kept, ${count(summary.dropped)} dropped, ${count(summary.overridden)} by your word against the rule.`),
        ...warnings(summary.warnings),
        el("p", {}, "Train on it:"),
        el("div", { class: "shell" }, el("code", {}, answer.then), el("button", { type: "button", click: () => copy(answer.then) }, "Copy")));
      go.remove();
      outlook.remove();
      leave.textContent = "Close";
      await table.fetch();
      desk.side.show();
      desk.after();
    } catch (error) {
      effects.replaceChildren(el("p", { class: "notice" }, error.message));
      go.textContent = "Apply";
      go.disabled = false;
    }
  });
}

function warnings(texts) {
  return texts.length ? [el("div", { class: "notice" }, texts.map((text) => el("p", {}, text)))] : [];
}

async function copy(text) {
  try {
    await navigator.clipboard.writeText(text);
    say("copied");
  } catch {
    say("this browser does not let the page copy: select the command", "bad");
  }
}
