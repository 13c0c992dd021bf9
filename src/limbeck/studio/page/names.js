// What a person calls the modes that images are drawn by. Names are a person's text: never markup.

import { api } from "./kit.js";

let held = null;

/** Map of number -> name, of the modes that have one; empty where there are no modes. */
export function modeNames() {
  held ??= api.get("/api/modes").then(namesIn, (error) => {
    held = null;
    if (error.status === 404) return new Map();
    throw error;
  });
  return held;
}

/** The names in an answer of /api/modes, which hold from now on. */
export function namesIn(answer) {
  const names = new Map(answer.modes.filter((one) => one.name).map((one) => [one.mode, one.name]));
  held = Promise.resolve(names);
  return names;
}

/** A mode as it is called: its name, else its number. */
export const called = (mode, names) => names.get(mode) ?? `mode ${mode}`;
