"""The verb sample: seeds in, images out."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from limbeck import logs
from limbeck.artefacts.snapshots import is_model
from limbeck.cli.inputs import (
    centres_file,
    existing,
    load_centres,
    networks_folder,
    open_networks,
    usual_psi,
)
from limbeck.cli.options import ModesFolder, Out, Shared
from limbeck.cli.outcome import Outcome, verb, would
from limbeck.config import Truncation, truncation_named
from limbeck.errors import DataError, UsageError

if TYPE_CHECKING:
    from limbeck.latents import HoldsGenerator


@verb("seed", "device", "dry_run")
def sample(
    shared: Shared,
    source: Annotated[
        Path,
        typer.Argument(
            metavar="MODEL",
            help="A model folder, a snapshot, a run, or hf://OWNER/NAME of the Hugging Face hub.",
        ),
    ],
    out: Out,
    seeds: Annotated[
        str | None, typer.Option("--seeds", help="Seeds, e.g. 0-7,42; one image for each.")
    ] = None,
    psi: Annotated[
        float | None,
        typer.Option(
            "--psi",
            "--trunc",
            help="Strength of truncation: 0 = the target itself, 1 = none; default: the model's "
            "or run's own, or 0.7.",
        ),
    ] = None,
    truncation: Annotated[
        str | None,
        typer.Option(
            "--truncation",
            help="none, global, index, multimodal-l2, multimodal-lpips or multimodal-typical; "
            "default: multimodal-lpips where modes are known, else global.",
        ),
    ] = None,
    modes: ModesFolder = None,
    mode: Annotated[
        int | None, typer.Option("--mode", min=0, help="The mode for --truncation index.")
    ] = None,
    classes: Annotated[
        str,
        typer.Option(
            "--class",
            help="For class-conditional generators: natural (as often as in training), uniform, or "
            "one class by name or number.",
        ),
    ] = "natural",
) -> Outcome:
    """Generate images: one PNG for each seed, and a grid. Without --seeds: 16, from --seed on."""
    from limbeck.latents import check_psi, check_seeds
    from limbeck.model import model_folder, on_hub, parse_seeds, write_samples

    numbers = (
        parse_seeds(seeds)
        if seeds is not None
        else check_seeds(range(shared.seed, shared.seed + 16))
    )
    wanted = on_hub(str(source))
    if wanted is not None:
        if shared.dry_run:
            what = f"would fetch {wanted} from the hub and draw {len(numbers)} images into {out}"
            return would("sample", {"out": out, "model": str(wanted)}, what)
        source = model_folder(str(source))
    existing(source, "model or networks")
    psi = check_psi(usual_psi(source) if psi is None else psi)
    centres = centres_file(source, modes)
    method = _method(truncation, centres, mode)
    networks = source if is_model(source) else networks_folder(source)
    values: dict[str, object] = {
        "out": out,
        "networks": networks,
        "modes": centres,
        "seeds": len(numbers),
        "psi": psi,
        "truncation": method,
    }
    if shared.dry_run:
        told = f"would draw {len(numbers)} images into {out} ({method}, psi {psi:g})"
        return would("sample", values, told)
    generator = _generator(networks, shared.device)
    write_samples(
        generator,
        out,
        numbers,
        psi=psi,
        truncation=method,
        modes=load_centres(centres, generator),
        mode_index=mode,
        labels=classes if classes in ("natural", "uniform") else [classes] * len(numbers),
    )
    noun = "image" if len(numbers) == 1 else "images"
    return Outcome(
        values,
        [
            logs.line("generated ", logs.bold(len(numbers)), f" {noun} ({method}, psi {psi:g})"),
            f"images: {out}",
        ],
    )


def _method(name: str | None, centres: Path | None, mode: int | None) -> Truncation:
    if name is None:
        name = "index" if mode is not None else "multimodal-lpips" if centres else "global"
    method = truncation_named(name)
    if (method == "index") != (mode is not None):
        raise UsageError(
            "--mode N picks the mode that --truncation index draws; neither goes without the other",
            "give both, or neither",
        )
    if centres is None and method not in ("none", "global"):
        raise DataError(
            f"truncation {method!r} needs modes and none were found",
            "make them with `limbeck modes` and give --modes FOLDER, or use --truncation global",
        )
    return method


def _generator(folder: Path, device: str) -> HoldsGenerator:
    if not is_model(folder):
        return open_networks(folder, device)
    from limbeck.model import Pipeline

    return Pipeline.from_pretrained(folder, device=device)
