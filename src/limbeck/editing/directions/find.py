"""Finding directions of a generator: the stage `directions`."""

import time
from collections.abc import Sequence
from pathlib import Path

import torch

from limbeck import fsio, logs
from limbeck.artefacts.folders import fresh
from limbeck.artefacts.stage import Provenance
from limbeck.editing.directions.candidates import Candidate
from limbeck.editing.directions.choosing import strongest
from limbeck.editing.directions.effects import Measured, Observer
from limbeck.editing.directions.files import (
    JSON,
    TENSORS,
    Directions,
    read_directions,
    write_directions,
)
from limbeck.editing.directions.ground import Ground, grounds_for, members_of, wanted_modes
from limbeck.editing.directions.labelled import Labelled, label_candidates, read_labelled
from limbeck.editing.directions.naming import read_names
from limbeck.editing.directions.settings import DirectionSettings
from limbeck.editing.directions.sheet import ATLAS, draw_atlas
from limbeck.editing.directions.unsupervised import (
    channel_candidates,
    pca_candidates,
    sefa_candidates,
)
from limbeck.editing.layers import layers_named
from limbeck.editing.points import read_points
from limbeck.errors import UsageError
from limbeck.latents import HoldsGenerator, ModeCentres, tensors_digest
from limbeck.percept import LPIPS

_CHANNELS = 8  # tried for each one wanted

_Found = tuple[list[tuple[Measured, torch.Tensor]], int]


@torch.no_grad()
def find_directions(
    networks: HoldsGenerator,
    out: Path,
    settings: DirectionSettings,
    *,
    modes: ModeCentres | None = None,
    labels: Path | None = None,
    latents: Path | None = None,
) -> Directions:
    """Find directions in which images can be changed, measure them, and draw an atlas.

    Writes directions.safetensors, directions.json, atlas.png, and done.json last; names.csv, a
    person's, stays. The same call again reads what is there.

    Args:
        networks: `Networks` or a `Pipeline`.
        out: the folder.
        settings: method, ranges, how many, in which modes.
        modes: centres of this generator's latents: for directions within modes, for the truncation
            of base images, and to see whether edits change an image's mode.
        labels: a CSV as `read_labelled`; with method `labels` alone.
        latents: a file of latents that the labels name by row or name.

    Raises:
        UsageError: unknown layers or mode, labels missing or too many.
        DataError: labels are damaged or too few; the folder cannot be written.
    """
    out, started = Path(out), time.perf_counter()
    G = networks.G_ema
    for name in settings.ranges:
        layers_named(name, G.num_ws)
    wanted_modes(settings, modes)
    _check_labels(settings, labels, latents)
    inputs = {
        "generator": tensors_digest(G.state_dict()),
        "modes": "" if modes is None else modes.drawing_digest(),
        "labels": "" if labels is None else fsio.sha256_file(labels),
        "latents": "" if latents is None else fsio.sha256_file(latents),
    }
    provenance = Provenance.of(inputs, settings.model_dump(mode="json"))
    fsio.recover(out)  # where a naming was killed in between
    files = [out / name for name in (JSON, TENSORS, ATLAS)]
    if provenance.done_in(out) and all(file.exists() for file in files):
        return read_directions(out, networks)
    labelled = None
    if labels is not None:
        points = None if latents is None else read_points(latents)
        labelled = read_labelled(labels, networks, points)
    with fresh(out, "directions") as folder:
        found, similar = _search(networks, settings, modes, labelled)
        about = write_directions(
            folder, [one for one, _ in found], read_names(out, inputs["generator"]), settings,
            generator=inputs["generator"], modes=inputs["modes"], num_ws=G.num_ws,
            w_dim=G.w_dim, similar=similar,
        )  # fmt: skip
        with logs.working("drawing the atlas"):
            draw_atlas(G, found, about, folder / ATLAS)
        summary = {"directions": len(found), "similar": similar, "method": settings.method}
        provenance.finish(folder, "directions", started=started, summary=summary)
    return read_directions(out, networks)


def _check_labels(settings: DirectionSettings, labels: Path | None, latents: Path | None) -> None:
    if settings.method == "labels" and labels is None:
        raise UsageError("method labels needs labels", "give a CSV with --labels")
    if settings.method != "labels" and (labels is not None or latents is not None):
        raise UsageError(f"method {settings.method} takes no labels", "use --method labels")
    if latents is not None and not Path(latents).is_file():
        raise UsageError(f"{latents}: no such file of latents", "check the name")


def _search(
    networks: HoldsGenerator,
    settings: DirectionSettings,
    modes: ModeCentres | None,
    labelled: Labelled | None,
) -> _Found:
    """The directions with their base images, the strongest of each mode first; how many were
    left out as similar."""
    G = networks.G_ema
    embedder = LPIPS.load("alex").to(G.mapping.w_avg.device)
    observer = Observer(G, embedder, modes)
    chosen: list[tuple[Measured, torch.Tensor]] = []
    similar = 0
    for ground in grounds_for(networks, modes, embedder, settings):
        own = labelled
        if labelled is not None and ground.mode is not None and modes is not None:
            own = labelled.part(_within(networks, modes, embedder, labelled, settings, ground.mode))
        candidates = candidates_for(networks, ground, settings, own)
        kept, more = strongest(
            observer, candidates, ground.bases, settings.count, settings.strengths
        )
        chosen += [(one, ground.bases) for one in kept]
        similar += more
        _say_if_few(len(kept), settings, ground)
    return chosen, similar


def _within(
    networks: HoldsGenerator,
    modes: ModeCentres,
    embedder: LPIPS,
    labelled: Labelled,
    settings: DirectionSettings,
    mode: int,
) -> torch.Tensor:
    """Bool [N] on the CPU: which labelled latents are members of the mode."""
    w = labelled.w.mean(1) if labelled.w.ndim == 3 else labelled.w
    there = modes.to(w.device)
    return members_of(networks, there, embedder, w, settings).eq(mode).cpu()


def _say_if_few(found: int, settings: DirectionSettings, ground: Ground) -> None:
    if found < settings.count and settings.method != "labels":
        where = "" if ground.mode is None else f" in mode {ground.mode}"
        logs.warn(f"{found} of {settings.count} directions{where}: the others do the same as these")


def candidates_for(
    networks: HoldsGenerator,
    ground: Ground,
    settings: DirectionSettings,
    labelled: Labelled | None = None,
) -> Sequence[Candidate]:
    """What the method proposes, not measured yet.

    Raises:
        DataError, UsageError: as the method.
    """
    G, ranges = networks.G_ema, settings.ranges
    if settings.method == "labels":
        assert labelled is not None, "_check_labels asks for them"
        return label_candidates(G, ground, ranges, labelled, settings.seed)
    if settings.method == "stylespace":
        return channel_candidates(G, ground, ranges, _CHANNELS * settings.count)
    methods = {"pca": pca_candidates, "sefa": sefa_candidates}
    return methods[settings.method](G, ground, ranges, 2 * settings.count)


def images_needed(settings: DirectionSettings) -> int:
    """About how many images a search draws, members of modes and labels not counted."""
    per_mode = round(settings.count * 1.5 * settings.bases * (len(settings.strengths) - 1))
    tried = {"pca": 2 * len(settings.ranges), "sefa": 2 * len(settings.ranges),
             "stylespace": _CHANNELS, "labels": 2}[settings.method]  # fmt: skip
    return max(settings.per_mode, 1) * (per_mode + settings.count * tried * 8)
