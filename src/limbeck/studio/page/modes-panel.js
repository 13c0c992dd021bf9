// The mode in hand: its centre, name, mark, members and samples; or the merging of modes.

import { api, count, el, fail, plural } from "./kit.js";
import { blank, picture } from "./pictures.js";
import { Samples } from "./modes-samples.js";

const SMALL = 192; // px of a picture in the grid

export const percent = (share) => `${(100 * share).toFixed(share >= 0.0995 ? 0 : share >= 0.00995 ? 1 : 2)} %`;
export const goalOf = (one) => (one.mark.startsWith("merge:") ? Number(one.mark.slice(6)) : null);

export class Panel {
  constructor(tab) {
    this.tab = tab;
    this.mode = null;
    this.centre = el("img", { alt: "" });
    this.title = el("h2", { id: "mode-title" });
    this.facts = el("p", { class: "small" });
    this.field = el("input", { type: "text", class: "writes", maxlength: 60, autocomplete: "off", spellcheck: "false", placeholder: "no name yet",
      keydown: (event) => this.key(event), blur: () => this.save(), input: () => this.tellFault("") });
    this.fault = el("p", { class: "fault", role: "alert", hidden: true });
    const act = (title, key, click, kind) =>
      el("button", { type: "button", class: `${kind ?? ""} writes`, click }, title, " ", el("kbd", {}, key));
    this.hide = act("Hide", "h", () => tab.mark("hide", [this.mode]), "toggle");
    this.never = act("Never sample", "v", () => tab.mark("never", [this.mode]), "toggle drop");
    this.merge = act("Merge …", "m", () => tab.beginMerge([this.mode]));
    this.clear = el("button", { type: "button", class: "writes", click: () => tab.clear([this.mode]) }, "Clear");
    this.ties = el("div", { class: "ties" });
    this.members = el("div", { class: "samples members" });
    this.without = el("p", { class: "small", hidden: true });
    this.samples = new Samples(tab.look, { changed: () => tab.keep() });
    this.one = el("div", { class: "one" },
      el("section", { class: "panel hand", "aria-labelledby": "mode-title" },
        el("div", { class: "top" }, this.centre,
          el("div", { class: "words" }, this.title, this.facts,
            el("label", { class: "field" }, "Name", this.field), this.fault)),
        el("div", { class: "inline marks" }, this.hide, this.never, this.merge, this.clear),
        this.ties),
      this.samples.node,
      el("section", { class: "panel", "aria-labelledby": "members-title" },
        el("h2", { id: "members-title" }, "Members nearest the centre"), this.members, this.without));
    this.merging = el("section", { class: "panel merging", "aria-labelledby": "merge-title", hidden: true });
    this.none = el("p", { class: "panel small", hidden: true }, "No mode is shown.");
    this.node = el("aside", { class: "side hand-side", "aria-label": "The mode in hand" }, this.none, this.merging, this.one);
  }

  /** Show this mode; pictures of it come once it has been in hand for a moment. */
  show(mode) {
    this.none.hidden = mode !== null;
    this.one.hidden = mode === null || !this.merging.hidden;
    if (mode === null) return;
    const other = mode !== this.mode;
    this.mode = mode;
    this.words(other);
    if (!this.merging.hidden) return;
    clearTimeout(this.timer);
    this.timer = setTimeout(() => this.pictures(), other ? 110 : 0);
  }

  words(other) {
    const { tab } = this, one = tab.one(this.mode), total = tab.about.modes.length;
    this.title.textContent = one.name || `Mode ${one.mode}`;
    const group = tab.about.modes.filter((other) => other === one || goalOf(other) === one.mode);
    this.facts.replaceChildren(...[
      el("span", {}, el("b", {}, percent(one.share)), " of the generator’s images"),
      el("span", {}, one.name ? `mode ${one.mode} · ` : "", `${count(one.size)} of ${count(tab.total)} latents`),
      group.length > 1 && el("span", {}, `${percent(group.reduce((sum, other) => sum + other.share, 0))} with those that count as it`),
      one.kept !== null && el("span", {}, `${percent(one.kept)} of its photos kept`),
    ].filter(Boolean));
    if (other) this.portrait();
    this.centre.alt = `centre of ${tab.called(one.mode)}, ${one.mode + 1} of ${total}`;
    if (other || document.activeElement !== this.field) this.field.value = one.name;
    if (other) this.tellFault("");
    this.hide.setAttribute("aria-pressed", one.mark === "hide");
    this.never.setAttribute("aria-pressed", one.mark === "never");
    this.clear.hidden = !one.mark && !one.name;
    this.ties.replaceChildren(...this.tiesOf(one));
    this.ties.hidden = !this.ties.children.length;
  }

  /** What this mode counts as, and which count as it. */
  tiesOf(one) {
    const { tab } = this, goal = goalOf(one);
    const link = (mode) => el("button", { type: "button", class: "tag", click: () => tab.goTo(mode) }, tab.called(mode));
    const parts = tab.about.modes.filter((other) => goalOf(other) === one.mode).map((other) => link(other.mode));
    return [
      goal !== null && el("p", { class: "small inline" }, "Counts as", link(goal),
        el("button", { type: "button", class: "writes", click: () => tab.mark("", [one.mode]) }, "Take apart")),
      parts.length > 0 && el("p", { class: "small inline" }, "Counting as it:", parts),
    ].filter(Boolean);
  }

  /** The centre: as the grid has it at once, larger when that has come. */
  portrait() {
    const { about } = this.tab, mode = this.mode;
    this.centre.classList.toggle("px", about.size <= 128);
    picture(this.centre, `/api/modes/${mode}/small?of=${about.of}`, { first: true });
    if (about.size <= SMALL) return;
    const large = el("img", { src: `/api/modes/${mode}/large?of=${about.of}` });
    large.decode().then(() => mode === this.mode && picture(this.centre, large.getAttribute("src"), { first: true }), () => {});
  }

  pictures() {
    const { about } = this.tab, mode = this.mode;
    if (mode === null) return;
    this.samples.show(mode, about);
    this.near(mode).catch(fail);
  }

  /** Members of the mode. */
  async near(mode) {
    const { about } = this.tab;
    if (this.nearTo !== mode) for (const image of this.members.children) blank(image);
    this.nearTo = mode;
    const base = `/api/modes/${mode}/exemplars`, query = `?of=${about.of}`;
    const number = await api.get(base + query);
    if (mode !== this.mode) return;
    while (this.members.children.length > number) this.members.lastChild.remove();
    while (this.members.children.length < number) this.members.append(el("img", { alt: "", class: about.size <= 128 ? "px" : "" }));
    [...this.members.children].forEach((image, place) => {
      image.alt = `member ${place + 1} of ${this.tab.called(mode)}`;
      picture(image, `${base}/${place}${query}`, { first: true });
    });
    this.without.textContent = `None of ${count(about.drawn)} images drawn at random is nearest to this centre.`;
    this.without.hidden = number > 0;
  }

  // The name ------------------------------------------------------------------------------------

  edit() {
    this.field.focus();
    this.field.select();
  }

  /** Enter leaves the field, which saves; esc leaves the name as it was. */
  key(event) {
    if (!["Enter", "Escape"].includes(event.key)) return;
    if (event.key === "Escape") {
      this.field.value = this.tab.one(this.mode).name;
      this.tellFault("");
    }
    event.preventDefault();
    event.stopPropagation();
    this.tab.gallery.node.focus();
  }

  /** Save what stands in the field, unless it has been refused already. */
  async save() {
    const mode = this.mode, one = mode === null ? null : this.tab.one(mode), typed = this.field.value;
    if (!one || typed.trim() === one.name || !this.fault.hidden || !this.tab.writable()) return;
    const error = await this.tab.rename(mode, typed.trim());
    if (!error) return;
    if (this.mode !== mode || this.one.hidden) return fail(error);
    this.field.value = typed;
    this.tellFault(error.message);
    this.field.focus();
  }

  tellFault(text) {
    this.fault.textContent = text;
    this.fault.hidden = !text;
    this.field.toggleAttribute("aria-invalid", Boolean(text));
  }

  // Merging -------------------------------------------------------------------------------------

  beginMerge(from, goal) {
    const { tab } = this, box = this.merging;
    this.from = from;
    this.goal = null;
    const name = from.length === 1 ? tab.called(from[0]) : plural(from.length, "mode");
    this.goalField = el("input", { type: "number", min: 0, max: tab.about.modes.length - 1, step: 1,
      input: () => tab.goTo(this.goalField.value === "" ? null : Number(this.goalField.value)),
      keydown: (event) => event.key === "Enter" && this.confirm.focus() });
    this.pair = el("div", { class: "pair" });
    this.saidGoal = el("p", { class: "small", "aria-live": "polite" });
    this.confirm = el("button", { type: "button", class: "main writes", disabled: true, click: () => tab.endMerge(this.from, this.goal) }, "Merge");
    box.replaceChildren(
      el("h2", { id: "merge-title" }, `Merge ${name} into …`),
      el("p", { class: "small" }, "Pick a mode in the grid, or give its number."),
      el("label", { class: "field row" }, "mode", this.goalField),
      this.pair, this.saidGoal,
      el("div", { class: "inline" }, this.confirm,
        el("button", { type: "button", click: () => tab.endMerge(null) }, "Cancel ", el("kbd", {}, "esc"))));
    box.hidden = false;
    this.one.hidden = true;
    this.choose(goal ?? null);
  }

  /** Show what is to be merged beside its goal, and what the two would have in common. */
  choose(goal) {
    const { tab } = this, others = this.from.filter((mode) => mode !== goal);
    this.goal = goal !== null && others.length ? goal : null;
    const fits = this.goal !== null && (this.from.length > 1 || goal !== this.from[0]);
    if (document.activeElement !== this.goalField) this.goalField.value = fits ? goal : "";
    const base = `/api/modes`, of = tab.about.of;
    const figure = (src, words, kind) => el("figure", { class: kind ?? "" },
      src ? el("img", { src, alt: words, class: tab.about.size <= 128 ? "px" : "" }) : el("div", { class: "empty" }, "?"), el("figcaption", {}, words));
    const shown = others.slice(0, 3).map((mode) => figure(`${base}/${mode}/small?of=${of}`, tab.called(mode)));
    if (others.length > 3) shown.push(el("p", { class: "small" }, `and ${count(others.length - 3)} more`));
    const query = others.slice(0, 200).map((mode) => `modes=${mode}`).join("&");
    this.pair.replaceChildren(
      el("div", { class: "some" }, shown), el("span", { class: "sign", "aria-hidden": "true" }, "→"),
      figure(fits && `${base}/${goal}/small?of=${of}`, fits ? tab.called(goal) : "pick a mode"),
      el("span", { class: "sign", "aria-hidden": "true" }, "="),
      figure(fits && `${base}/together?of=${of}&into=${goal}&${query}`, "what they have in common"));
    this.confirm.disabled = !fits || !tab.writable();
    const follow = tab.about.modes.filter((one) => others.includes(goalOf(one) ?? -1) && one.mode !== goal);
    this.saidGoal.textContent = fits && follow.length ? `${follow.map((one) => tab.called(one.mode)).join(", ")} will count as ${tab.called(goal)} too.` : "";
  }

  endMerge() {
    this.merging.hidden = true;
    this.merging.replaceChildren();
  }
}
