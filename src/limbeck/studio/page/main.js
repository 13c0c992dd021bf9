// The frame: which tab is open, what the address says, who may write.

import { api, el, fail } from "./kit.js";

const TABS = {
  curate: { title: "Curate", load: () => import("./curate.js") },
  modes: { title: "Modes", load: () => import("./modes.js") },
  generate: { title: "Generate", load: () => import("./generate.js") },
  edit: { title: "Edit", load: () => import("./edit.js") },
  runs: { title: "Runs", load: () => import("./runs.js") },
};
const main = document.getElementById("tab");
const strip = document.getElementById("tabs");
let open = null;
let turn = 0;

/** What a tab is given. `params`: its part of the address; `keep`: write it there. */
function studio(name) {
  return {
    state: held.state,
    params: params(),
    keep(values, { step = false } = {}) {
      const text = new URLSearchParams(
        Object.entries(values).filter(([, value]) => value !== "" && value !== null && value !== undefined),
      ).toString();
      const address = `#${name}${text ? `?${text}` : ""}`;
      if (address === location.hash) return;
      if (step) history.pushState(null, "", address); // a step that the browser's Back takes back
      else history.replaceState(null, "", address);
    },
    writable: () => held.state.writable,
    onState: (call) => held.listeners.add(call),
    keys(list) {
      held.keys = list;
    },
  };
}

const held = { state: null, gone: false, pointed: false, listeners: new Set(), keys: [] };
const wanted = () => location.hash.slice(1).split("?")[0];
const params = () => new URLSearchParams(location.hash.split("?")[1] || "");

async function show() {
  const name = held.state.tabs.includes(wanted()) ? wanted() : held.state.tabs[0];
  const mine = ++turn;
  open?.close?.();
  open = null;
  held.listeners.clear();
  held.keys = [];
  for (const tab of strip.children) {
    const chosen = tab.dataset.name === name;
    tab.setAttribute("aria-selected", chosen);
    tab.tabIndex = chosen ? 0 : -1;
  }
  for (const link of document.querySelectorAll("link[data-tab]")) link.media = link.dataset.tab === name ? "all" : "not all";
  main.setAttribute("aria-labelledby", `tab-${name}`);
  document.title = `${TABS[name].title} · ${held.state.title} · limbeck studio`;
  main.replaceChildren(el("p", { class: "waiting" }, "Opening …"));
  try {
    const module = await TABS[name].load();
    if (mine !== turn) return;
    const section = el("div", { class: `tab ${name}` });
    const opened = await module.open(section, studio(name));
    if (mine !== turn) return opened?.close?.();
    open = opened;
    main.replaceChildren(section);
    open?.shown?.();
    strip.querySelector("[aria-selected=true]")?.scrollIntoView({ block: "nearest", inline: "nearest" });
    if (held.pointed || document.activeElement === document.body) {
      (section.querySelector(".gallery") ?? main).focus({ preventScroll: true });
    }
    held.pointed = false;
  } catch (error) {
    if (mine !== turn) return;
    main.replaceChildren(el("div", { class: "notice" }, el("p", {}, error.message),
      el("button", { type: "button", click: show }, "Try again")));
    fail(error);
  }
}

function tabs() {
  strip.replaceChildren(
    ...held.state.tabs.map((name) =>
      el("button", {
        type: "button", role: "tab", id: `tab-${name}`, "data-name": name, "aria-controls": "tab",
        click: (event) => {
          held.pointed = event.detail > 0; // by keys, the focus stays on the tabs
          document.getElementById("said").replaceChildren();
          location.hash = name;
        },
      }, TABS[name].title),
    ),
  );
}

strip.addEventListener("keydown", (event) => {
  const step = { ArrowRight: 1, ArrowLeft: -1 }[event.key];
  if (!step) return;
  const all = [...strip.children];
  const next = all[(all.indexOf(document.activeElement) + step + all.length) % all.length];
  next.focus();
  next.click();
  event.preventDefault();
});

function help() {
  const box = document.getElementById("help");
  const rows = [["?", "this list"], ["1 … 5", "the tabs"], ...held.keys];
  box.replaceChildren(
    el("h2", { id: "help-title" }, "Keys"),
    el("dl", { class: "keys" }, rows.map(([key, what]) => [el("dt", {}, el("kbd", {}, key)), el("dd", {}, what)])),
    el("button", { type: "button", click: () => box.close() }, "Close"),
  );
  box.showModal();
}

document.getElementById("keys").addEventListener("click", help);
document.addEventListener("keydown", (event) => {
  if (event.ctrlKey || event.metaKey || event.altKey) return;
  if (event.target.matches?.("input:not([type=range]):not([type=checkbox]), textarea, select")) return;
  if (document.querySelector("dialog[open]")) return;
  if (event.key === "?") help();
  const number = Number(event.key);
  if (number >= 1 && number <= held.state?.tabs.length) strip.children[number - 1].click();
});

function notice() {
  const box = document.getElementById("notice");
  const why = held.gone ? "The studio does not answer: it has ended, or is very busy. Start it again; this page goes on by itself."
    : held.state.writable ? "" : `Read only: ${held.state.why}.`;
  if (box.textContent !== why) box.textContent = why;
  box.hidden = !why;
}

async function state() {
  const before = JSON.stringify([held.state, held.gone]);
  try {
    held.state = await api.get("/api/state");
    held.gone = false;
  } catch (error) {
    if (!held.state) throw error;
    held.gone = true;
  }
  if (JSON.stringify([held.state, held.gone]) === before) return;
  notice();
  for (const call of held.listeners) call(held.state);
}

async function start() {
  await state();
  document.getElementById("title").textContent = held.state.title;
  tabs();
  window.addEventListener("hashchange", show);
  await show();
  setInterval(() => document.hidden || state(), 3000);
}

function begin() {
  start().catch((error) => {
    main.replaceChildren(el("p", { class: "notice" }, error.message));
    setTimeout(begin, 3000); // nothing was set up: the studio may only be slow to answer
  });
}

begin();
