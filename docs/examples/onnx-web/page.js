import { factsOf } from "./facts.js";
import { latent } from "./latents.js";

const asked = new URLSearchParams(location.search); // ?model=URL&ort=URL&seed=7&psi=0.7
const $ = (id) => document.getElementById(id);
let ort, session, facts, chosen, round = 0;

function say(text, bad = false) {
  $("state").textContent = text;
  $("state").classList.toggle("bad", bad);
}

async function loadRuntime() {
  const base = new URL(asked.get("ort") ?? $("runtime").value, location.href).href;
  try {
    ort = await import(`${base}ort.wasm.bundle.min.mjs`);
  } catch {
    throw new Error(`onnxruntime-web is not at ${base}\nPut its dist folder there (see README.txt), or choose the CDN above.`);
  }
  ort.env.wasm.wasmPaths = base;
  ort.env.wasm.numThreads = self.crossOriginIsolated ? Math.min(navigator.hardwareConcurrency, 4) : 1;
  ort.env.logLevel = "error";
}

async function openModel(bytes, name) {
  chosen = [bytes, name];
  round++;
  say(`opening ${name} (${(bytes.length / 1e6).toFixed(1)} MB) ...`);
  const found = factsOf(bytes);
  if (!ort) await loadRuntime();
  const opened = await ort.InferenceSession.create(bytes, { executionProviders: ["wasm"] });
  await session?.release();
  [session, facts] = [opened, found];
  showFacts(name);
  $("controls").hidden = false;
  await draw();
}

function option(value, text) {
  return Object.assign(document.createElement("option"), { value, textContent: text });
}

function showFacts(name) {
  const words = {
    "multimodal-lpips": "the nearest by look (LPIPS)",
    "multimodal-l2": "the nearest in W (L2)",
    "multimodal-typical": "the nearest typical one",
    global: "the global mean",
  };
  const rules = JSON.parse(facts.truncations), modes = JSON.parse(facts.modes);
  const codes = Object.keys(rules).map(Number).sort((a, b) => b - a);
  const seen = codes.filter((code) => code === -1 || rules[code] !== rules[-1]);
  $("mode").replaceChildren(
    ...seen.map((code) => option(code, words[rules[code]] ?? rules[code])),
    ...modes.map((one) => option(one.mode, `${one.name} (${(100 * one.share).toFixed(1)} %)`)),
  );
  const classes = JSON.parse(facts.classes);
  $("class-label").hidden = !classes.length;
  $("class").replaceChildren(...classes.map((text, number) => option(number, text)));
  $("psi").value = asked.get("psi") ?? facts.psi;
  $("seed").value = asked.get("seed") ?? $("seed").value;
  $("about").textContent = `${name}: ${facts.size} px, ${modes.length || "no"} modes, by limbeck ${facts.limbeck}. ` +
    "Nothing is sent anywhere: the images are computed on this machine.";
  $("licence").textContent = `Licence of the weights: ${facts.licence}`;
}

function tiles(seeds) {
  const grid = $("grid");
  while (grid.children.length > seeds.length) grid.lastChild.remove();
  while (grid.children.length < seeds.length) {
    const figure = document.createElement("figure");
    figure.innerHTML = '<button type="button"><canvas></canvas></button><figcaption>&nbsp;</figcaption>';
    figure.querySelector("button").onclick = () => enlarge(figure);
    grid.append(figure);
  }
  return [...grid.children];
}

async function draw() {
  const mine = ++round, size = Number(facts.size), started = performance.now();
  const first = BigInt($("seed").value || 0), psi = Number($("psi").value), mode = BigInt($("mode").value);
  $("psi-shown").textContent = psi.toFixed(2);
  const seeds = Array.from({ length: Number($("count").value) }, (_, i) => first + BigInt(i));
  const figures = tiles(seeds);
  for (const figure of figures) figure.classList.add("old");
  for (const [i, seed] of seeds.entries()) {
    say(`drawing ${i + 1} of ${seeds.length} ...`);
    await new Promise((next) => setTimeout(next)); // the page stays alive
    if (mine !== round) return;
    const given = {
      z: new ort.Tensor("float32", await latent(seed, Number(facts.z_dim)), [1, Number(facts.z_dim)]),
      psi: new ort.Tensor("float32", [psi], [1]),
      mode: new ort.Tensor("int64", BigInt64Array.of(mode), [1]),
    };
    if (!$("class-label").hidden) {
      given.label = new ort.Tensor("int64", BigInt64Array.of(BigInt($("class").value)), [1]);
    }
    const made = await session.run(given, ["pixels", "modes"]);
    if (mine !== round) return;
    paint(figures[i], made.pixels.data, size, seed, made.modes.data[0]);
  }
  const each = (performance.now() - started) / seeds.length;
  say(`${seeds.length} images, ${each.toFixed(0)} ms each`);
}

function paint(figure, pixels, size, seed, mode) {
  const canvas = figure.querySelector("canvas"), rgba = new ImageData(size, size);
  for (let i = 0; i < size * size; i++) {
    rgba.data.set(pixels.subarray(3 * i, 3 * i + 3), 4 * i);
    rgba.data[4 * i + 3] = 255;
  }
  canvas.width = canvas.height = size;
  canvas.getContext("2d", { willReadFrequently: true }).putImageData(rgba, 0, 0);
  canvas.classList.add("drawn");
  figure.classList.remove("old");
  const name = `seed ${seed}` + (mode >= 0n ? `, mode ${mode}` : "");
  figure.querySelector("figcaption").textContent = name;
  figure.querySelector("button").setAttribute("aria-label", `${name}, enlarge`);
}

function enlarge(figure) {
  const from = figure.querySelector("canvas"), to = $("large").querySelector("canvas");
  const name = figure.querySelector("figcaption").textContent;
  to.width = to.height = from.width;
  to.getContext("2d").drawImage(from, 0, 0);
  $("large").querySelector("span").textContent = name;
  Object.assign($("large").querySelector("a"), { href: from.toDataURL(), download: `${name.replace(/[ ,]+/g, "-")}.png` });
  $("large").showModal();
}

function attempt(work) {
  work().catch((error) => {
    round++;
    say(error.message, true);
  });
}

let waiting;
function redraw() {
  $("psi-shown").textContent = Number($("psi").value).toFixed(2);
  clearTimeout(waiting);
  waiting = setTimeout(() => session && attempt(draw), 150);
}

$("controls").addEventListener("input", redraw);
$("controls").addEventListener("submit", (event) => event.preventDefault());
$("others").onclick = () => {
  $("seed").value = Math.floor(Math.random() * 1e6);
  redraw();
};
$("runtime").onchange = () => {
  ort = undefined;
  asked.delete("ort");
  if (chosen) attempt(() => openModel(...chosen));
};
$("file").onchange = () => {
  const [file] = $("file").files;
  if (file) attempt(async () => openModel(new Uint8Array(await file.arrayBuffer()), file.name));
};

attempt(async () => {
  const url = asked.get("model") ?? "model.onnx";
  say(`fetching ${url} ...`);
  const answer = await fetch(url);
  if (!answer.ok) return say(asked.has("model") ? `${url}: ${answer.statusText}` : "Choose a file that `limbeck export --to onnx` made.", asked.has("model"));
  await openModel(new Uint8Array(await answer.arrayBuffer()), url.split("/").pop());
});
