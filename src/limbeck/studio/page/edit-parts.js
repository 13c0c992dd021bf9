// Small parts of the tab Edit: the curve of a search, images by blob, downloads.

import { api, el, figure } from "./kit.js";

export const BASE = "/api/edit";
const SVG = "http://www.w3.org/2000/svg";
const WIDE = 320;
const HIGH = 72;

export const modeImage = (about, number) => `${BASE}/modes/${number}/image?v=${about.digest}`;

/** Fetch an image and decode it; its object URL. */
export async function shown(path, signal) {
  const url = URL.createObjectURL(await api.blob(path, { signal }));
  const image = new Image();
  image.src = url;
  await image.decode();
  return url;
}

/** Fetch a file and hand it to the browser to save. */
export async function download(path, name) {
  const url = URL.createObjectURL(await api.blob(path));
  el("a", { href: url, download: name }).click();
  setTimeout(() => URL.revokeObjectURL(url), 10000);
}

/** LPIPS over steps: `draw(points, of)` with points [step, lpips, psnr]. */
export function curve() {
  const svg = document.createElementNS(SVG, "svg");
  svg.setAttribute("viewBox", `0 0 ${WIDE} ${HIGH}`);
  svg.setAttribute("preserveAspectRatio", "none");
  svg.setAttribute("role", "img");
  const line = document.createElementNS(SVG, "polyline");
  line.setAttribute("class", "curve kept");
  svg.append(line);
  const first = el("span", {});
  const last = el("span", {});
  const node = el("div", { class: "edit-curve" }, svg, el("p", { class: "small" }, first, last));
  const draw = (points, of) => {
    node.hidden = points.length < 2;
    if (node.hidden) return;
    const top = Math.max(...points.map((point) => point[1]), 1e-9) * 1.05;
    line.setAttribute("points", points.map(([step, lpips]) =>
      `${((step / of) * WIDE).toFixed(1)},${(HIGH - (lpips / top) * HIGH).toFixed(1)}`).join(" "));
    const [begun, now] = [points[0], points.at(-1)];
    first.textContent = `LPIPS ${figure(begun[1])} at the start`;
    last.textContent = `${figure(now[1])} at step ${now[0]}`;
    svg.setAttribute("aria-label", `LPIPS over steps: from ${figure(begun[1])} to ${figure(now[1])}`);
  };
  return { node, draw };
}
