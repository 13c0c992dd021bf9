"""What the top of the page says about quality: what is known, what it means, what to do."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from limbeck.artefacts.contents import Artefacts
from limbeck.reporting.filtering import keep_column
from limbeck.reporting.moving import Command, speed, train_longer
from limbeck.reporting.reasons import GROUNDS, parts_of
from limbeck.reporting.verdict import FEW_PHOTOS, LEGEND, Level, Verdict, judge

ASKS_GENERATOR = frozenset({
    "lpips", "lpips_mid", "lpips_blur_ratio", "l2", "w_distance", "d_logit", "mode_distance",
    "nngen", *(name for name in GROUNDS if name.startswith("gen_")),
})  # fmt: skip


@dataclass(frozen=True)
class Quality:
    """The verdicts on both generators, and a notice; `title` is empty where all is well."""

    raw: Verdict | None
    kept: Verdict | None
    title: str
    known: tuple[str, ...]
    means: tuple[str, ...]
    todo: tuple[str, ...]
    command: Command | None
    legend: str = LEGEND

    @property
    def shown(self) -> Verdict | None:
        """The verdict on the generator that the modes and samples come from."""
        return self.kept or self.raw


def assess(run: Path, found: Artefacts) -> Quality:
    """Judge what was trained and write the notice."""
    accepted = len(found.dataset) if found.dataset is not None else 0
    kept_photos = sum(found.keep.kept.values()) if found.keep else 0
    raw = judge(found.raw, accepted, found.metrics) if found.raw and found.raw.networks else None
    kept = None
    if found.kept and found.kept.networks:
        kept = judge(found.kept, kept_photos, found.metrics)
    few = 0 < accepted < FEW_PHOTOS
    verdicts = [v for v in (raw, kept) if v is not None]
    weak = [v for v in verdicts if v.level <= Level.ROUGH]
    known = tuple(_sentence(v) for v in verdicts) if weak else ()
    if few:
        known += (f"Only {accepted:,} photos: {FEW_PHOTOS:,} are about the least.",)
    command = None
    if weak:
        rate = speed(found.raw.stats) if found.raw else None
        command = train_longer(run, found, rate)
    return Quality(
        raw,
        kept,
        _title(weak, few),
        known,
        _means(found, raw, kept, few),
        _todo(found, bool(weak), few),
        command,
    )


def _title(weak: Sequence[Verdict], few: bool) -> str:
    poor = [v for v in weak if v.poor]
    if poor:
        return "Not trained enough: do not judge the generated images and modes yet"
    if weak:
        return "Not trained long: the generated images are rough"
    return "Few photos" if few else ""


_WHICH = {"raw": "First generator, on all photos", "kept": "Second generator, on kept photos"}


def _sentence(verdict: Verdict) -> str:
    return f"{_WHICH[verdict.name]}: {verdict.said}. {'; '.join(verdict.known)}."


def _means(
    found: Artefacts, raw: Verdict | None, kept: Verdict | None, few: bool
) -> tuple[str, ...]:
    said = []
    if raw is not None and raw.poor and found.scores is not None:
        said.append(_about_scores(found))
    shown = kept or raw
    if shown is not None and shown.level <= Level.ROUGH:
        said.append(
            "Modes are groups of generated images: for now colours and layouts, not kinds of "
            "things. Their number says nothing about the photos."
            if shown.poor
            else "Modes are a first sketch: some are colours and layouts only."
        )
    if few:
        said.append(
            "So few photos are learnt by heart or stay a blur, and what is merely rare "
            "looks unusual: look through all dropped photos."
        )
    return tuple(said)


def _about_scores(found: Artefacts) -> str:
    assert found.scores is not None, "asked for with scores only"
    column = keep_column(found.scores, found.keep)
    parts = parts_of(found.scores, column)
    asking = [name for name in parts if name in ASKS_GENERATOR]
    if not asking:
        return f"The score {column} asks no generator: what was dropped stands as it is."
    if len(asking) == len(parts):
        return (
            f"The score {column} asks the generator, which cannot tell yet: what was dropped "
            "means little."
        )
    return (
        f"Of the {len(parts)} parts of the score {column}, {len(parts) - len(asking)} compare "
        f"photos with photos and hold already; {' and '.join(asking)} asks the generator and says "
        "little yet."
    )


def _todo(found: Artefacts, weak: bool, few: bool) -> tuple[str, ...]:
    said = []
    if weak and found.keep is not None:
        said.append("Look at the photos at the threshold and at the dropped ones all the same.")
    if few:
        said.append("Add photos if you can.")
    return tuple(said)
