"""How images are drawn, as the verbs ask for it: psi, truncation, layers, noise, class."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Literal

import typer

from limbeck.artefacts.snapshots import is_model
from limbeck.cli.inputs import (
    centres_file,
    existing,
    load_centres,
    networks_folder,
    open_networks,
    usual_psi,
)
from limbeck.config import Truncation, truncation_named
from limbeck.errors import DataError, UsageError

if TYPE_CHECKING:
    from limbeck.editing import HoldsEncoder
    from limbeck.latents import ModeCentres, NoiseKind, Psi

_MANY_LAYERS = 10_000  # how it is written can be checked before the generator is known
Source = Annotated[
    Path,
    typer.Argument(
        metavar="MODEL",
        help="A model folder, a snapshot, a run, or hf://OWNER/NAME of the Hugging Face hub.",
    ),
]
Strength = Annotated[
    float | None,
    typer.Option(
        "--psi",
        "--trunc",
        help="Strength of truncation: 0 = the target itself, 1 = none; default: the model's "
        "or run's own, or 0.7.",
    ),
]
StrengthByLayer = Annotated[
    str | None,
    typer.Option(
        "--psi-layers",
        metavar="LAYERS:PSI,...",
        help="Strengths of single layers, e.g. 0-3:0.5,4-:1 or coarse:0.5; --psi for the others.",
    ),
]
Cutoff = Annotated[
    int | None,
    typer.Option(
        "--cutoff", min=0, help="Truncate the first so many layers alone; default: all layers."
    ),
]
TruncatedTo = Annotated[
    str | None,
    typer.Option(
        "--truncation",
        help="none, global, index, multimodal-l2, multimodal-lpips or multimodal-typical; "
        "default: multimodal-lpips where modes are known, else global.",
    ),
]
ModeIndex = Annotated[
    int | None, typer.Option("--mode", min=0, help="The mode for --truncation index.")
]
ClassOf = Annotated[
    str,
    typer.Option(
        "--class",
        help="For class-conditional generators: natural (as often as in training), uniform, or "
        "one class by name or number.",
    ),
]
NoiseOf = Annotated[
    Literal["const", "random", "none"],
    typer.Option(
        "--noise",
        help="Fine random detail: const (the generator's stored noise), random (another for each "
        "image), none.",
    ),
]
Tuned = Annotated[
    Path | None,
    typer.Option(
        "--tuned",
        help="tuned.safetensors of `limbeck invert --tune`: draw with the generator as it was "
        "tuned to those photos.",
    ),
]
StillNoise = Annotated[
    Literal["const", "none"],
    typer.Option("--noise", help="Fine random detail: const (the same in each frame) or none."),
]


@dataclass(frozen=True)
class Wishes:
    """What those options were given."""

    psi: float | None
    psi_layers: str | None
    cutoff: int | None
    truncation: str | None
    mode: int | None
    classes: str
    noise: NoiseKind
    tuned: Path | None = None


@dataclass(frozen=True)
class Drawing:
    """Networks that were found, and how they will draw.

    Attributes:
        networks: a model folder, or a snapshot.
        centres: file of their modes, or None.
        psi: strength of truncation where layers have none of their own.
        truncation: its target.
        wishes: what was asked for.
    """

    networks: Path
    centres: Path | None
    psi: float
    truncation: Truncation
    wishes: Wishes

    @property
    def words(self) -> str:
        """`multimodal-lpips, psi 0.7`"""
        more = f", {self.wishes.psi_layers}" if self.wishes.psi_layers else ""
        cut = "" if self.wishes.cutoff is None else f" up to layer {self.wishes.cutoff}"
        return f"{self.truncation}, psi {self.psi:g}{more}{cut}"

    def values(self) -> dict[str, object]:
        """For `--json`."""
        found: dict[str, object] = {
            "networks": self.networks, "modes": self.centres, "psi": self.psi,
            "truncation": self.truncation,
        }  # fmt: skip
        if self.wishes.psi_layers is not None:
            found["psi_layers"] = self.wishes.psi_layers
        if self.wishes.cutoff is not None:
            found["cutoff"] = self.wishes.cutoff
        if self.wishes.noise != "const":
            found["noise"] = self.wishes.noise
        return found

    def opened(self, device: str) -> Opened:
        """Load the networks and their modes.

        Raises:
            DataError, UsageError: they cannot be used; layers that are not there.
        """
        from limbeck.editing import Tuned, psi_by_layer, with_difference
        from limbeck.latents import layered_psi
        from limbeck.model import Pipeline

        networks: HoldsEncoder
        if is_model(self.networks):
            networks = Pipeline.from_pretrained(self.networks, device=device)
        else:
            networks = open_networks(self.networks, device)
        num_ws, psi = networks.G_ema.num_ws, self.psi
        by_layer = self.wishes.psi_layers
        strengths: Psi = psi if by_layer is None else psi_by_layer(by_layer, num_ws, psi)
        strengths = layered_psi(strengths, num_ws, self.wishes.cutoff)
        centres = load_centres(self.centres, networks)
        drawn: HoldsEncoder = networks
        if self.wishes.tuned is not None:
            G = with_difference(networks, self.wishes.tuned)
            drawn = Tuned(G, networks.E_ema, networks.config)
        return Opened(drawn, centres, strengths, networks)


@dataclass(frozen=True, eq=False)
class Opened:
    """Networks on their device, their modes, and the strength of each layer.

    `untuned` are the model's own networks, whose modes and directions these are.
    """

    networks: HoldsEncoder
    modes: ModeCentres | None
    psi: Psi
    untuned: HoldsEncoder


def drawing(source: Path, modes: Path | None, wishes: Wishes) -> Drawing:
    """Find the networks and decide how they draw; nothing heavy is loaded.

    Args:
        source: a folder that is here.
        modes: what `--modes` was given.
        wishes: the options.

    Raises:
        DataError: nothing lies there, or modes are missing.
        UsageError: options that do not go together.
    """
    from limbeck.editing import psi_by_layer
    from limbeck.latents import check_psi

    if wishes.psi_layers is not None:
        psi_by_layer(wishes.psi_layers, _MANY_LAYERS, 1.0)
    existing(source, "model or networks")
    psi = check_psi(usual_psi(source) if wishes.psi is None else wishes.psi)
    centres = centres_file(source, modes)
    method = _method(wishes.truncation, centres, wishes.mode)
    networks = source if is_model(source) else networks_folder(source)
    return Drawing(networks, centres, psi, method, wishes)


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
