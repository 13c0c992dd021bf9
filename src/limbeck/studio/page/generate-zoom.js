// One image large, with all that is known of it.

import { el } from "./kit.js";
import { nameOf, truncationName } from "./naming.js";

/** The address's part that says how an image is drawn. */
export function query(tab, look, more) {
  const given = { of: tab.about.of, ...more, ...look };
  const kept = Object.entries(given).filter(([, value]) => value !== null && value !== undefined);
  return new URLSearchParams(kept).toString();
}

/** The command that draws the same image. */
function command(tab, seed, look) {
  const words = [tab.about.command, `--out seed-${seed}`, `--seeds ${seed}`, `--truncation ${look.truncation}`];
  if (look.truncation !== "none") words.push(`--psi ${look.psi}`);
  if (look.truncation === "index") words.push(`--mode ${look.mode}`);
  if (look.cutoff !== null) words.push(`--cutoff ${look.cutoff}`);
  if (look.noise !== "const") words.push(`--noise ${look.noise}`);
  if (look.label !== "natural") words.push(`--class ${look.label}`);
  return words.join(" ");
}

export function zoomBox(tab) {
  const image = el("img", { class: "large", alt: "" });
  const title = el("h2", { id: "zoom-title" });
  const facts = el("dl", { class: "facts" });
  const pin = el("button", { type: "button", click: () => (tab.pins.toggle(shown), show(shown)) }, "Pin");
  const save = el("a", { class: "button", download: "" }, "Download PNG");
  const only = el("button", { type: "button", click: () => pull() }, "All to this mode");
  const code = el("code");
  const copy = el("button", { type: "button", click: () => copied() }, "Copy");
  const shell = el("div", {}, el("p", { class: "small" }, "The same image from a shell:"), el("div", { class: "shell" }, code, copy));
  const before = el("button", { type: "button", "aria-label": "The image before", click: () => move(-1) }, "‹");
  const after = el("button", { type: "button", "aria-label": "The next image", click: () => move(1) }, "›");
  const close = el("button", { type: "button", class: "main", click: () => box.close() }, "Close");
  const box = el(
    "dialog", { class: "zoom", "aria-labelledby": "zoom-title" },
    el("div", { class: "stage" }, image),
    el("div", { class: "words" }, title, facts,
      el("div", { class: "inline" }, pin, save, only), shell,
      el("div", { class: "inline foot" }, before, after, el("span", { class: "grow" }), close)),
  );
  let shown = null;
  let mode = null;

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

  async function copied() {
    try {
      await navigator.clipboard.writeText(code.textContent);
      copy.textContent = "Copied";
    } catch {
      getSelection().selectAllChildren(code);
    }
  }

  function pull() {
    box.close();
    tab.set({ truncation: "index", mode: String(mode) });
  }

  function show(tile) {
    shown = tile;
    const { seed, look, mix } = tile;
    mode = tile.node.classList.contains("old") ? null : tile.mode;
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
    shell.hidden = pin.hidden = Boolean(mix);
    code.textContent = command(tab, seed, look);
    copy.textContent = "Copy";
    pin.textContent = tab.pins.holds(tile) ? "Unpin" : "Pin";
    only.hidden = mode === null || mode === undefined;
    const [all, at] = neighbours();
    before.disabled = at <= 0;
    after.disabled = at < 0 || at >= all.length - 1;
    if (!box.open) box.showModal();
  }

  return { node: box, show };
}
