"""The verb sample: seeds in, images out."""

from __future__ import annotations

from typing import Annotated

import typer

from limbeck import logs
from limbeck.cli.drawing import (
    ClassOf,
    Cutoff,
    ModeIndex,
    NoiseOf,
    Source,
    Strength,
    StrengthByLayer,
    TruncatedTo,
    Wishes,
    drawing,
)
from limbeck.cli.inputs import fetched_model
from limbeck.cli.options import ModesFolder, Out, Shared
from limbeck.cli.outcome import Outcome, verb, would


@verb("seed", "device", "dry_run")
def sample(
    shared: Shared,
    source: Source,
    out: Out,
    seeds: Annotated[
        str | None, typer.Option("--seeds", help="Seeds, e.g. 0-7,42; one image for each.")
    ] = None,
    psi: Strength = None,
    psi_layers: StrengthByLayer = None,
    truncation: TruncatedTo = None,
    cutoff: Cutoff = None,
    modes: ModesFolder = None,
    mode: ModeIndex = None,
    classes: ClassOf = "natural",
    noise: NoiseOf = "const",
) -> Outcome:
    """Generate images: one PNG for each seed, and a grid. Without --seeds: 16, from --seed on."""
    from limbeck.latents import check_seeds, parse_seeds
    from limbeck.model import write_samples

    numbers = (
        parse_seeds(seeds)
        if seeds is not None
        else check_seeds(range(shared.seed, shared.seed + 16))
    )
    folder = fetched_model(source, shared.dry_run)
    if isinstance(folder, str):
        what = f"would fetch {folder} from the hub and draw {len(numbers)} images into {out}"
        return would("sample", {"out": out, "model": folder}, what)
    drawn = drawing(
        folder, modes, Wishes(psi, psi_layers, cutoff, truncation, mode, classes, noise)
    )
    values: dict[str, object] = {"out": out, **drawn.values(), "seeds": len(numbers)}
    if shared.dry_run:
        told = f"would draw {len(numbers)} images into {out} ({drawn.words})"
        return would("sample", values, told)
    opened = drawn.opened(shared.device)
    write_samples(
        opened.networks,
        out,
        numbers,
        psi=opened.psi,
        truncation=drawn.truncation,
        modes=opened.modes,
        mode_index=mode,
        noise=noise,
        labels=classes if classes in ("natural", "uniform") else [classes] * len(numbers),
    )
    noun = "image" if len(numbers) == 1 else "images"
    return Outcome(
        values,
        [
            logs.line("generated ", logs.bold(len(numbers)), f" {noun} ({drawn.words})"),
            f"images: {out}",
        ],
    )
