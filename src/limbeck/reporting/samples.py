"""Raw against distilled, global against multi-modal: the same seeds, side by side."""

from dataclasses import dataclass

from limbeck.latents import ModeCentres, truncate
from limbeck.reporting.embedded import Picture, sheet
from limbeck.reporting.rendering import Renderer

PSIS = (0.3, 0.5, 0.7, 1.0)
_SAME = "At psi 1 nothing is pulled anywhere, so both ways give the same images."
_NO_MODES = "There are no modes yet to pull to."


@dataclass(frozen=True)
class Pair:
    """Two sheets of the same seeds; `why_not` tells why the right one is None."""

    title: str
    left: Picture | None
    right: Picture | None
    why_not: str = ""


@dataclass(frozen=True)
class Samples:
    """The big pair on top, and rows of pairs by psi."""

    seeds: int
    psi: float
    raw: Picture | None
    distilled: Picture | None
    truncated: str
    by_psi: tuple[Pair, ...]
    generators: tuple[Pair, ...]


def show_samples(
    raw: Renderer | None, kept: Renderer | None, modes: ModeCentres | None, psi: float
) -> Samples:
    """Draw every comparison; fewer seeds where images are large, to stay within seconds.

    The big pair compares what each way gives a user: all photos and global truncation against kept
    photos and multi-modal truncation. `generators` changes the training set alone (global
    truncation), `by_psi` the truncation alone (distilled generator). `psi` is the run's own.
    """
    any_renderer = kept or raw
    size = any_renderer.networks.config.size if any_renderer else 64
    many = 48 if size <= 64 else 24 if size <= 128 else 12
    few = 24 if size <= 64 else 12 if size <= 128 else 6
    columns, narrow = (8 if many == 48 else 6 if many == 24 else 4), (6 if few > 6 else 3)
    psis = PSIS if size <= 128 else (0.5, 1.0)
    words = f"{many} samples"
    raw_sheet = None
    kept_sheet = None
    how = "multi-modal truncation" if modes else "global truncation"
    if raw:
        raw_sheet = sheet(
            raw.generate(raw.globally(range(many), psi)), columns,
            f"{words} of the generator trained on all accepted photos, global truncation",
        )  # fmt: skip
    if kept is None:
        return Samples(many, psi, raw_sheet, None, how, (), ())
    w = kept.latents(range(many))
    targets = kept.nearest_centres(w, modes) if modes else None
    kept_sheet = sheet(
        kept.generate(
            kept.globally(range(many), psi) if targets is None else truncate(w, psi, targets)
        ),
        columns,
        f"{words} of the distilled generator, {how}",
    )
    rows = []
    for strength in psis:
        left = sheet(
            kept.generate(kept.globally(range(few), strength)), narrow,
            f"{few} samples, global truncation, psi {strength:g}",
        )  # fmt: skip
        right = None
        if targets is not None and strength < 1:
            right = sheet(
                kept.generate(truncate(w[:few], strength, targets[:few])), narrow,
                f"{few} samples, multi-modal truncation, psi {strength:g}",
            )  # fmt: skip
        rows.append(Pair(f"psi {strength:g}", left, right, _NO_MODES if targets is None else _SAME))
    pairs = _generators(raw, kept, few, narrow, psi)
    return Samples(many, psi, raw_sheet, kept_sheet, how, tuple(rows), pairs)


def _generators(
    raw: Renderer | None, kept: Renderer, few: int, columns: int, usual: float
) -> tuple[Pair, ...]:
    if raw is None:
        return ()
    pairs = []
    for psi in dict.fromkeys((usual, 1.0)):
        sheets = [
            sheet(
                renderer.generate(renderer.globally(range(few), psi)), columns,
                f"{few} samples of the generator trained on {name} photos, psi {psi:g}",
            )
            for renderer, name in ((raw, "all accepted"), (kept, "kept"))
        ]  # fmt: skip
        title = f"psi {psi:g}" + ("" if psi < 1 else ", no truncation")
        pairs.append(Pair(title, sheets[0], sheets[1]))
    return tuple(pairs)
