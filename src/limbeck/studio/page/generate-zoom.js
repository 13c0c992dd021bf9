// One image large, with all that is known of it.

import { el } from "./kit.js";
import { nameOf, truncationName } from "./naming.js";

/** The address's part that says how an image is drawn. */
export function query(tab, look, more) {
  const given = { of: tab.about.of, ...more, ...look };
  const kept = Object.entries(given).filter(([, value]) => value !== null && value !== undefined);
  return new URLSearchParams(kept).toString();
}

export function zoomBox(tab) {
  const image = el("img", { class: "large", alt: "" });
  const title = el("h2", { id: "zoom-title" });
  const facts = el("dl", { class: "facts" });
  const pin = el("button", { type: "button", click: () => (tab.pins.toggle(shown), show(shown)) }, "Pin");
  const save = el("a", { class: "button", download: "" }, "Download PNG");
  const only = el("button", { type: "button", click: () => pull() }, "All to this mode");
  const before = el("button", { type: "button", "aria-label": "The image before", click: () => move(-1) }, "‹");
  const after = el("button", { type: "button", "aria-label": "The next image", click: () => move(1) }, "›");
  const close = el("button", { type: "button", class: "main", click: () => box.close() }, "Close");
  const box = el(
    "dialog", { class: "zoom", "aria-labelledby": "zoom-title" },
    el("div", { class: "stage" }, image),
    el("div", { class: "words" }, title, facts,
      el("div", { class: "inline" }, pin, save, only),
      el("div", { class: "inline foot" }, before, after, el("span", { class: "grow" }), close)),
  );
  let shown = null;

  box.addEventListener("keydown", (event) => {
    const step = { ArrowLeft: -1, ArrowRight: 1 }[event.key];
    if (step) move(step);
    if (event.key === "p" && shown && !pin.hidden) pin.click();
  });
  box.addEventListener("click", (event) => event.target === box && box.close());
  box.addEventListener("close", () => shown?.button?.focus());

  function neighbours() {
    const all = tab.neighbours();
    return [all, all.indexOf(shown)];
  }

  function move(step) {
    const [all, at] = neighbours();
    if (at >= 0 && all[at + step]) show(all[at + step]);
  }

  function pull() {
    box.close();
    tab.set({ truncation: "index", mode: String(shown.mode) });
  }

  function show(tile) {
    shown = tile;
    const { seed, look, mode, mix } = tile;
    const name = mix ? `Seed ${mix.row} with ${mix.column}` : `Seed ${seed}`;
    title.textContent = name;
    image.alt = name;
    image.src = mix ? `/api/generate/mix.png?${query(tab, look, mix)}` : `/api/generate/image.jpg?${query(tab, look, { seed })}`;
    save.href = mix ? image.src : `/api/generate/image.png?${query(tab, look, { seed })}`;
    const rows = [
      ["truncation", truncationName(look.truncation)],
      ["psi", look.truncation === "none" ? "" : String(look.psi)],
      ["pulled to", nameOf(mode)],
      ["layers", mix ? `${mix.layers} of seed ${mix.column}` : look.cutoff === null ? "" : `the first ${look.cutoff}`],
      ["noise", look.noise],
      ["class", tab.about.classes ? tab.className(look.label) : ""],
      ["size", `${tab.about.size} × ${tab.about.size} px`],
    ];
    facts.replaceChildren(...rows.filter(([, value]) => value).flatMap(([key, value]) => [el("dt", {}, key), el("dd", {}, value)]));
    pin.hidden = Boolean(mix);
    pin.textContent = tab.pins.holds(tile) ? "Unpin" : "Pin";
    only.hidden = mode === null || mode === undefined;
    const [all, at] = neighbours();
    before.disabled = at <= 0;
    after.disabled = at < 0 || at >= all.length - 1;
    if (!box.open) box.showModal();
  }

  return { node: box, show };
}
