// What every tab uses: elements, requests, notes to the reader.

/** An element: attributes by name, `on` handlers as functions, children as nodes or text. */
export function el(name, attributes = {}, ...children) {
  const node = document.createElement(name);
  for (const [key, value] of Object.entries(attributes)) {
    if (value === undefined || value === null || value === false) continue;
    if (typeof value === "function") node.addEventListener(key, value);
    else if (key === "class") node.className = value;
    else if (key === "value") node.value = value;
    else node.setAttribute(key, value === true ? "" : value);
  }
  node.append(...children.flat(Infinity).filter((child) => child !== null && child !== undefined));
  return node;
}

export class Refused extends Error {
  constructor(status, what, todo) {
    super(todo ? `${what} (${todo})` : what);
    this.status = status;
  }
}

async function ask(path, options = {}) {
  let answer;
  try {
    answer = await fetch(path, { credentials: "same-origin", ...options });
  } catch (error) {
    if (error.name === "AbortError") throw error;
    throw new Refused(0, "the studio does not answer: has it ended?", "start it again, and reload");
  }
  if (answer.ok) return answer;
  let said = {};
  try {
    said = await answer.json();
  } catch { /* the server's own words are not JSON */ }
  throw new Refused(answer.status, said.error || `status ${answer.status}`, said.do);
}

export const api = {
  get: async (path, options) => (await ask(path, options)).json(),
  bytes: async (path, options) => (await ask(path, options)).arrayBuffer(),
  blob: async (path, options) => (await ask(path, options)).blob(),
  post: async (path, body = {}, options = {}) =>
    (await ask(path, {
      ...options,
      method: "POST",
      headers: { "content-type": "application/json", "x-limbeck-studio": "1" },
      body: JSON.stringify(body),
    })).json(),
  /** The answer's bytes as they come, a ReadableStream. */
  stream: async (path, body, options = {}) =>
    (await ask(path, {
      ...options,
      method: "POST",
      headers: { "content-type": "application/json", "x-limbeck-studio": "1" },
      body: JSON.stringify(body),
    })).body,
  /** Send a file's bytes as they are. */
  send: async (path, file) =>
    (await ask(path, {
      method: "POST",
      headers: { "content-type": "application/octet-stream", "x-limbeck-studio": "1" },
      body: file,
    })).json(),
};

const counted = new Intl.NumberFormat("en");
export const count = (number) => counted.format(number);
export const plural = (number, one, many = `${one}s`) => `${count(number)} ${number === 1 ? one : many}`;

/** A number with three figures, without an exponent where that reads well. */
export function figure(value) {
  if (!Number.isFinite(value)) return "–";
  const size = Math.abs(value);
  if (size !== 0 && (size < 0.001 || size >= 1e5)) return value.toExponential(2);
  return value.toFixed(size >= 100 ? 0 : size >= 10 ? 1 : size >= 1 ? 2 : 3);
}

export function duration(seconds) {
  const whole = Math.round(seconds);
  if (whole < 60) return `${whole} s`;
  if (whole < 3600) return `${Math.floor(whole / 60)} min`;
  return `${Math.floor(whole / 3600)} h ${Math.floor((whole % 3600) / 60)} min`;
}

/** Tell the reader something; a screen reader says it too. */
export function say(text, kind = "", about = "") {
  const box = document.getElementById("said");
  if (about) for (const older of box.querySelectorAll(`[data-about="${about}"]`)) older.remove();
  const note = el("p", { class: kind, "data-about": about || null }, text);
  box.append(note);
  while (box.children.length > 2) box.firstChild.remove();
  setTimeout(() => note.remove(), kind === "bad" ? 9000 : 4500);
}

export function fail(error) {
  if (error.name === "AbortError") return;
  console.warn(error);
  say(error.message, "bad");
}

/** Call `work` once the calls have paused for `pause` ms. */
export function calm(work, pause = 150) {
  let timer;
  return (...given) => {
    clearTimeout(timer);
    timer = setTimeout(() => work(...given), pause);
  };
}

/** Whether a key is being typed into a field. */
export const typing = (event) =>
  event.target.matches?.("input:not([type=range]):not([type=checkbox]):not([type=radio]), textarea, select");
