"""Seeds in, images out: one seed, one image."""

import time
from collections.abc import Iterator
from pathlib import Path
from typing import Literal

import torch

from limbeck import fsio, logs
from limbeck.artefacts.folders import fresh
from limbeck.artefacts.stage import Provenance
from limbeck.config import Truncation
from limbeck.errors import UsageError
from limbeck.kit.images import grid, resize_area, save_png
from limbeck.latents import (
    HoldsGenerator,
    Labels,
    ModeCentres,
    NoiseKind,
    Psi,
    Sample,
    Seeds,
    check_seeds,
    classes_of,
    images_of_seeds,
    layered_psi,
    needs_pictures,
    tensors_digest,
)
from limbeck.model.how_drawn import HowDrawn
from limbeck.percept import LPIPS

_GRID_COLUMNS, _GRID_SIDE, _GRID_MOST = 8, 256, 256


def sample(
    networks: HoldsGenerator,
    seeds: Seeds,
    *,
    psi: Psi = 0.7,
    truncation: Truncation = "multimodal-lpips",
    modes: ModeCentres | None = None,
    mode_index: int | None = None,
    batch: int = 16,
    noise: NoiseKind = "const",
    labels: Labels = "natural",
    cutoff: int | None = None,
    output: Literal["uint8", "float"] = "uint8",
    progress: bool = False,
) -> Iterator[Sample]:
    """Images of the averaged generator, one a seed, in the seeds' order.

    Args:
        networks: `Networks`, or a `Pipeline`.
        seeds: whole numbers from 0 to 2**63 - 1: one, or a sequence, tensor or array of them.
        psi: 0 = the target itself, 1 = not truncated; beyond, with a warning, it exaggerates. One,
            or one for each layer.
        truncation: see `latents.target_for`; multi-modal ones need `modes`.
        modes: centres of this generator's latents.
        mode_index: the centre for `index`.
        batch: images at once; changes an image by at most 1/255.
        noise: `const` (the stored maps), `random` (drawn per seed), `none`.
        labels: where the generator has classes: `natural`, as often as in training; `uniform`, all
            alike; or the class of each seed, by number or name.
        cutoff: how many layers are truncated, from the first on; None = all.
        output: `uint8`, or `float` for float32 in [-1, 1], not rounded to 8 bits.
        progress: show a bar on stderr, where that is a terminal.

    Yields:
        Sample(seed, image [3, S, S] on the CPU, mode); its `pil` is the image as a PIL image.

    Raises:
        UsageError: something that the truncation needs is missing, or a value out of range.
    """
    chosen = check_seeds(seeds)
    if output not in ("uint8", "float"):
        raise UsageError(f"no output {output!r}", "choose uint8 or float; for PIL, see Sample.pil")
    embedder = None
    if needs_pictures(truncation) and modes is not None:
        embedder = LPIPS.load("alex").to(networks.G_ema.mapping.w_avg.device)
    drawn = images_of_seeds(
        networks, chosen, psi=psi, truncation=truncation, modes=modes, embedder=embedder,
        mode_index=mode_index, batch=batch, noise=noise, labels=labels, as_float=output == "float",
        cutoff=cutoff,
    )  # fmt: skip
    return logs.track(drawn, "samples", len(chosen)) if progress else drawn


def write_samples(
    networks: HoldsGenerator,
    out: Path,
    seeds: Seeds,
    *,
    psi: Psi = 0.7,
    truncation: Truncation = "multimodal-lpips",
    modes: ModeCentres | None = None,
    mode_index: int | None = None,
    batch: int = 16,
    noise: NoiseKind = "const",
    labels: Labels = "natural",
    cutoff: int | None = None,
) -> list[Path]:
    """`sample` onto disk: seed000042.png each, grid.png (the first 256), samples.json, done.json.

    The same call again does nothing while all its files are there; other seeds add to the folder.

    Returns:
        The images' paths in the order of `seeds`.

    Raises:
        UsageError: as `sample`; no seeds.
        DataError: the folder cannot be written.
    """
    chosen = check_seeds(seeds)
    if not chosen:
        raise UsageError("no seeds to draw", "give e.g. --seeds 0-15")
    asked_psi, psi = psi, layered_psi(psi, networks.G_ema.num_ws, cutoff)
    out, started = Path(out), time.perf_counter()
    paths = [out / f"seed{seed:06d}.png" for seed in chosen]
    classes = classes_of(chosen, networks.config, labels)
    asked = labels if isinstance(labels, str) else [str(label) for label in labels]
    weights = tensors_digest(networks.G_ema.state_dict())
    how = HowDrawn(weights, asked_psi, truncation, noise, cutoff)
    inputs = {
        "generator": weights,
        "modes": modes.drawing_digest() if modes else "",
    }
    settings = {
        "seeds": chosen, "psi": psi, "truncation": truncation, "mode_index": mode_index,
        "noise": noise, "labels": asked,
    }  # fmt: skip
    files = [*paths, out / "grid.png", out / "samples.json"]
    provenance = Provenance.of(inputs, settings)
    if provenance.done_in(out) and all(file.exists() for file in files):
        return paths
    drawn = sample(
        networks, chosen, psi=psi, truncation=truncation, modes=modes, mode_index=mode_index,
        batch=batch, noise=noise, labels=labels,
    )  # fmt: skip
    rows: list[dict[str, object]] = []
    shown: list[torch.Tensor] = []
    summary = {"pictures": len(chosen), "psi": psi, "truncation": truncation}
    with fresh(out, "samples", adds=True) as folder:
        for one, path in zip(logs.track(drawn, "samples", len(chosen)), paths, strict=True):
            row: dict[str, object] = {"seed": one.seed, "file": path.name, "mode": one.mode}
            label = None if classes is None else int(classes[len(rows)])
            if label is not None:
                row["class"] = label
            rows.append(row)
            save_png(one.image, folder / path.name, how.text(one.seed, one.mode, label))
            if len(shown) < _GRID_MOST:
                shown.append(resize_area(one.image[None], min(one.image.shape[-1], _GRID_SIDE))[0])
        save_png(grid(torch.stack(shown), min(_GRID_COLUMNS, len(shown))), folder / "grid.png")
        told = {"psi": psi, "truncation": truncation, "samples": rows}
        fsio.write_json(folder / "samples.json", told)
        provenance.finish(folder, "samples", started=started, summary=summary)
    return paths
