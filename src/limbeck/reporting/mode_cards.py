"""The modes: what each looks like, its share of the generator's output, what was kept of it."""

from dataclasses import dataclass
from pathlib import Path

import numpy as np

from limbeck.artefacts.keep import GUTTED, KeepList
from limbeck.artefacts.mode_files import count_modes
from limbeck.artefacts.scores import MODE, Scores
from limbeck.latents import ModeCentres, ModeMarks
from limbeck.reporting.embedded import SMALL, Picture, from_file, single
from limbeck.reporting.rendering import Renderer

_MOST = 96


@dataclass(frozen=True)
class ModeCard:
    """One mode; shares in percent, `kept` None where photos were not assigned to modes."""

    number: int
    centre: Picture | None
    exemplars: Picture | None
    size: float
    photos: int | None
    kept: float | None
    gutted: bool
    name: str = ""
    mark: str = ""


@dataclass(frozen=True)
class Atlas:
    """Cards, the largest mode first; `clusters` counts the empty ones too, which have no card.

    `hidden` are too small to be shown, `kept_back` those that a person hid.
    """

    cards: tuple[ModeCard, ...]
    hidden: int
    found: int
    clusters: int
    kept_back: int = 0


def _centres(renderer: Renderer | None, modes: ModeCentres, order: list[int]) -> dict[int, Picture]:
    if renderer is None:
        return {}
    drawn = renderer.generate(modes.centres[order])
    return {k: single(drawn[i], f"centre of mode {k}") for i, k in enumerate(order)}


def _order(modes: ModeCentres) -> tuple[list[int], list[float]]:
    sizes = [float(s) for s in modes.sizes.tolist()]
    total = sum(sizes) or 1.0
    order = sorted(range(len(sizes)), key=lambda k: (-sizes[k], k))[:_MOST]
    return order, [s / total for s in sizes]


def distilled_atlas(folder: Path, modes: ModeCentres, renderer: Renderer | None) -> Atlas:
    """Modes of the distilled generator, with the exemplars that the stage left as mode-NN.png.

    Modes that a person hid are counted and not shown.
    """
    order, shares = _order(modes)
    used = [k for k in range(len(shares)) if shares[k] > 0]
    hidden, marks = modes.marks.hidden.intersection(used), modes.marks
    order = [k for k in order if shares[k] > 0 and k not in hidden]
    centres = _centres(renderer, modes, order)
    crisp = renderer is not None and renderer.networks.config.size < SMALL
    cards = []
    for k in order:
        path, alt = folder / f"mode-{k:02d}.png", f"examples of mode {k}"
        examples = from_file(path, alt, at_most=512, crisp=crisp) if path.exists() else None
        cards.append(
            ModeCard(
                k, centres.get(k), examples, 100 * shares[k], None, None, False,
                marks.names.get(k, ""), _told(marks, k),
            )
        )  # fmt: skip
    small = len(used) - len(cards) - len(hidden)
    return Atlas(tuple(cards), small, count_modes(modes.sizes), len(shares), len(hidden))


def _told(marks: ModeMarks, mode: int) -> str:
    if mode in marks.merged:
        return f"counts as mode {marks.merged[mode]}"
    return "never sampled" if mode in marks.never else ""


def raw_atlas(
    modes: ModeCentres, renderer: Renderer | None, scores: Scores, keep: KeepList
) -> Atlas:
    """Modes of the first generator with the photos nearest to each and the share of them kept.

    Modes that no photo is nearest to are left out.

    Raises:
        ValueError: scores.parquet has no `x_mode` column.
    """
    if MODE not in scores.names:
        raise ValueError("scores.parquet has no x_mode column (photo -> mode)")
    mode_of = scores.column(MODE).astype(np.int64)
    kept = np.array([keep.kept.get(photo, False) for photo in scores.ids], dtype=bool)
    order, shares = _order(modes)
    order = [k for k in order if (mode_of == k).any()]
    centres = _centres(renderer, modes, order)
    overall = float(kept.mean()) if len(kept) else 0.0
    cards = []
    for k in order:
        mine = mode_of == k
        share = float(kept[mine].mean()) if mine.any() else None
        gutted = share is not None and int(mine.sum()) >= 5 and share < GUTTED * overall
        cards.append(
            ModeCard(
                k, centres.get(k), None, 100 * shares[k], int(mine.sum()),
                None if share is None else 100 * share, gutted,
            )
        )  # fmt: skip
    used = sum(bool((mode_of == k).any()) for k in range(len(shares)))
    return Atlas(tuple(cards), used - len(cards), count_modes(modes.sizes), len(shares))
