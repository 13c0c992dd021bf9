// How far a run is: its stages, its trainings, what it warns of, and how to go on.

import { count, duration, el, figure, say } from "./kit.js";

const SIGN = { done: "✓", stale: "↻", partial: "…", missing: "", now: "●" };
const SAID = { done: "done", stale: "out of date", partial: "begun", missing: "to do", now: "at work" };

/** Change a node's text where it differs, so that nothing flickers and no reader says it again. */
function put(node, text) {
  if (node.textContent !== text) node.textContent = text;
  node.hidden = !text;
}

export function runCard(id, hue) {
  const name = el("h2", {});
  const state = el("p", { class: "state" });
  const root = el("p", { class: "path soft" });
  const stages = el("ol", { class: "stages" });
  const bars = el("div", { class: "bars" });
  const notes = el("div", { class: "notes" });
  const lines = new Map();
  const code = el("code", {});
  const idle = el("div", { class: "idle" },
    el("p", {}),
    el("div", { class: "shell" }, code, el("button", { type: "button", click: () => copy(code) }, "Copy")));
  const swatch = el("i", { class: "swatch", "aria-hidden": "true" });
  swatch.style.color = hue;
  const node = el("article", { class: "panel run-card", "aria-label": `Run ${id + 1}` },
    el("header", { class: "inline" }, swatch, name), root, state, bars, stages, notes, idle);
  return { node, show };

  function show(run) {
    node.setAttribute("aria-label", run.name);
    put(name, run.name);
    put(root, run.root);
    const gone = run.troubles.length && run.stages.every((stage) => stage.state === "missing");
    const whole = run.stages.every((stage) => stage.state === "done");
    const [kind, text] = gone ? ["bad", "cannot be read"] : run.writer ? ["on", working(run)]
      : run.broken ? ["bad", "broke off"] : whole ? ["done", "finished"] : ["idle", "not at work"];
    state.dataset.kind = kind;
    put(state, text);
    state.title = run.writer ? `${run.writer.who}: ${run.writer.command}` : run.broken || "";
    showBars(run);
    stages.hidden = Boolean(gone);
    showStages(run);
    showNotes(run);
    idle.hidden = Boolean(gone || run.writer || whole);
    put(idle.firstChild, run.broken ? `${run.broken} ended without a word. It goes on where it was:` : why(run));
    put(code, run.resume);
  }

  function working(run) {
    const stage = run.stages.find((each) => each.name === run.now);
    return stage ? `${stage.name}: ${stage.about}` : "at work";
  }

  function why(run) {
    const made = run.stages.filter((stage) => stage.state === "done").map((stage) => stage.name);
    const so = run.trainings.length ? "Nothing trains here now." : made.includes("data")
      ? "The photos are read; no training has begun." : "Nothing has been made here yet.";
    return `${so} Next is ${run.next}; it is made by:`;
  }

  function showBars(run) {
    const seen = new Set();
    for (const training of run.trainings) {
      seen.add(training.name);
      if (!lines.has(training.name)) {
        const bar = el("progress", { max: "1", "aria-label": `${training.name}` });
        const words = el("p", { class: "small" });
        const whole = el("div", { class: "bar-line" }, el("b", {}, training.name), bar, words);
        lines.set(training.name, { bar, words, whole });
        bars.append(whole);
      }
      const { bar, words } = lines.get(training.name);
      const share = training.done ? 1 : training.target ? Math.min(training.images / training.target, 1) : 0;
      if (bar.value !== share) bar.value = share;
      put(words, far(training, run.writer && run.now === training.name));
    }
    for (const [key, { whole }] of lines) {
      if (!seen.has(key)) {
        whole.remove();
        lines.delete(key);
      }
    }
  }

  function showStages(run) {
    const key = JSON.stringify([run.now, run.stages]);
    if (stages.dataset.key === key) return;
    stages.dataset.key = key;
    stages.replaceChildren(...run.stages.map((stage) => {
      const state = stage.name === run.now ? "now" : stage.state;
      const took = stage.seconds === null ? "" : duration(stage.seconds);
      return el("li", { class: state, title: `${stage.name}: ${stage.about}` },
        el("span", { "aria-hidden": "true" }, SIGN[state]), stage.name,
        el("span", { class: took ? "took" : state === "missing" ? "unseen" : "took" }, took || SAID[state]));
    }));
  }

  function showNotes(run) {
    const warnings = run.trainings.flatMap((t) => t.warnings.map((text) => `${t.name}: ${text}`));
    const troubles = [...new Set([...run.troubles, ...run.trainings.flatMap((t) => t.troubles)])];
    const key = JSON.stringify([warnings, troubles]);
    if (notes.dataset.key === key) return;
    notes.dataset.key = key;
    notes.replaceChildren(
      ...troubles.map((text) => el("p", { class: "notice" }, text)),
      ...warnings.map((text) => el("p", { class: "notice soft" }, text)),
    );
  }
}

export const kimg = (images) => String(Number((images / 1000).toFixed(images < 1e5 ? 1 : 0)));

/** `12.4 of 62.9 kimg · 32 px until 35.8 · 33 images/s · about 12 min left` */
function far(training, busy) {
  const size = training.pixels ? `${training.pixels} px` : "";
  if (training.done) {
    return [`${kimg(training.images)} kimg`, size, `took ${duration(training.seconds)}`].filter(Boolean).join(" · ");
  }
  const of = training.target ? ` of ${kimg(training.target)}` : "";
  const parts = [`${kimg(training.images)}${of} kimg`];
  const growing = training.level > 0 && training.sizes.length > training.level;
  if (size) parts.push(growing ? `at ${size}, until ${kimg(training.until)} kimg` : size);
  if (busy && training.rate) parts.push(`${figure(training.rate)} images/s`);
  if (busy && training.left !== null) {
    parts.push(`about ${duration(training.left)} left${growing ? ` at this size, then ${training.sizes[training.level - 1][0]} px` : ""}`);
  }
  if (busy && training.age > 90) parts.push(`last row ${duration(training.age)} ago`);
  return parts.join(" · ");
}

async function copy(code) {
  try {
    await navigator.clipboard.writeText(code.textContent);
    say("copied");
  } catch {
    getSelection().selectAllChildren(code);
    say(`selected ${count(code.textContent.length)} letters: copy them with Ctrl-C`);
  }
}
