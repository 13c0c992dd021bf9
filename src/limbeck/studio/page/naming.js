// What things of a model are called.

import { called, modeNames } from "./names.js";

let known = new Map();

/** Ask what a person calls the modes; before `nameOf`. */
export async function learnNames() {
  known = await modeNames();
}

/** A mode as it is called on the page. */
export const nameOf = (mode) => (mode === null || mode === undefined ? "" : called(mode, known));

const TRUNCATIONS = {
  none: ["none", "as trained"],
  global: ["global", "to the mean of all images"],
  "multimodal-lpips": ["multi-modal, by LPIPS", "the paper's: to the mode whose image is nearest"],
  "multimodal-l2": ["multi-modal, in W", "to the mode nearest in W"],
  "multimodal-typical": ["typical", "to the nearest typical latent"],
  index: ["one mode", "all to one mode"],
};
export const truncationName = (name) => TRUNCATIONS[name]?.[0] ?? name;
export const truncationMeaning = (name) => TRUNCATIONS[name]?.[1] ?? "";
