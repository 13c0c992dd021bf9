"""`report`: read the run, draw what is missing as pictures, fill one HTML page."""

import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import TypeVar

from jinja2 import Environment, PackageLoader, StrictUndefined

from limbeck import __version__, fsio, rundir
from limbeck.artefacts import fresh
from limbeck.errors import DataError
from limbeck.latents import ModeCentres
from limbeck.records import Status
from limbeck.reporting import facts
from limbeck.reporting.artefacts import Artefacts, Training, read_artefacts
from limbeck.reporting.atlas import Atlas, distilled_atlas, raw_atlas
from limbeck.reporting.charts import Chart
from limbeck.reporting.drawing import Artist
from limbeck.reporting.filtering import Filtering, Strip, Stripper, show_filter
from limbeck.reporting.intake import Intake, take_in
from limbeck.reporting.measured import measured_tables
from limbeck.reporting.mosaics import Mosaics, show_mosaics
from limbeck.reporting.samples import Samples, show_samples
from limbeck.reporting.trainings import show_trainings
from limbeck.truth import TruthRow, read_truth

T = TypeVar("T")

PARTS = {
    "settings": "the settings",
    "data": "the photos",
    "raw": "the first training, on all accepted photos",
    "scores": "the scores",
    "keep": "the filter",
    "kept": "the second training, on the kept photos",
    "modes": "the modes",
    "strips": "the strips of worst, best and threshold photos",
    "samples": "the sample pictures",
    "kept share": "the kept share of each mode",
    "metrics": "the measured figures",
    "labels": "the labels",
}


@dataclass
class Page:
    """What the template reads; None where a part is missing, and `missing` says why."""

    name: str
    found: Artefacts
    intake: Intake | None = None
    mosaics: Mosaics | None = None
    samples: Samples | None = None
    filtering: Filtering | None = None
    strips: tuple[Strip, ...] = ()
    atlas: Atlas | None = None
    raw_atlas: Atlas | None = None
    warnings: list[str] = field(default_factory=list)
    curves: tuple[Chart, ...] = ()
    tables: list[facts.Table] = field(default_factory=list)
    figures: list[facts.Setting] = field(default_factory=list)
    labelled: int = 0


def _artist(found: Artefacts, training: Training | None, part: str) -> Artist | None:
    if training is None:
        return None
    with found.part(part):
        if training.networks is None:
            raise DataError(f"{training.name}/ holds no networks yet")
        return Artist.load(training.networks)
    return None


def _attempt(found: Artefacts, part: str, make: Callable[[], T]) -> T | None:
    with found.part(part):
        return make()
    return None


def _modes(found: Artefacts, folder: Path, part: str) -> ModeCentres | None:
    def load() -> ModeCentres:
        if not (folder / "modes.safetensors").exists():
            raise DataError(f"no modes yet: {folder / 'modes.safetensors'} does not exist")
        return ModeCentres.load(folder / "modes.safetensors")

    return _attempt(found, part, load)


def _fill(page: Page, labels: Mapping[str, TruthRow]) -> None:
    """Every section, each on its own: what cannot be made is named."""
    found = page.found
    page.intake = take_in(found.files, found.keep) if found.files else None
    raw = _artist(found, found.raw, "raw")
    kept = _artist(found, found.kept, "kept")
    modes = _modes(found, found.root / "modes", "modes")
    scores, keep, dataset = found.scores, found.keep, found.dataset
    if dataset is not None and len(dataset):
        page.mosaics = _attempt(found, "strips", lambda: show_mosaics(dataset, scores, keep))
    if scores is not None:
        page.filtering = _attempt(found, "scores", lambda: show_filter(scores, keep, labels))
    if scores is not None and dataset is not None:
        size = raw.networks.config.size if raw else dataset.size
        draw = raw.reconstruct if raw and raw.has_encoder else None
        stripper = Stripper(dataset, size, scores, keep, labels, draw)
        page.strips = _attempt(found, "strips", stripper.strips) or ()
    if raw or kept:
        page.samples = _attempt(found, "samples", lambda: show_samples(raw, kept, modes))
    if modes is not None:
        folder = found.root / "modes"
        page.atlas = _attempt(found, "modes", lambda: distilled_atlas(folder, modes, kept))
    if scores is not None and keep is not None:
        raw_modes = _modes(found, found.root / "scores" / "raw-modes", "kept share")
        if raw_modes is not None:
            page.raw_atlas = _attempt(
                found, "kept share", lambda: raw_atlas(raw_modes, raw, scores, keep)
            )
    if page.filtering:
        page.warnings += page.filtering.warnings
    page.curves = show_trainings([t for t in (found.raw, found.kept) if t])
    page.labelled = len(labels)
    if keep is not None and labels:
        page.tables.append(facts.label_counts(keep, labels))
    tables, page.figures = measured_tables(found.metrics)
    page.tables += tables


def _labels(found: Artefacts, path: Path | None) -> dict[str, TruthRow]:
    if path is None:
        return {}
    if not found.files:
        found.missing["labels"] = "labels join with photos, and there are none yet"
        return {}
    photos = [file for file in found.files if file.status is Status.ACCEPTED]
    rows = read_truth(path).join(photos)
    known = {photo: row for photo, row in rows.items() if row.is_outlier is not None}
    if not known:
        raise DataError(f"{path}: no row says is_outlier", "give labels with that field")
    return known


def render(page: Page) -> str:
    """The page as HTML; every text from disk is escaped by the template engine."""
    found = page.found
    environment = Environment(
        loader=PackageLoader("limbeck.reporting", "templates"),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    missing = [
        (PARTS.get(name, name), reason)
        for name, reason in found.missing.items()
        if name != "metrics" or page.labelled
    ]
    return environment.get_template("page.html").render(
        page=page,
        missing=missing,
        why=found.missing,
        settings=facts.settings(found),
        times=facts.stage_times(found),
        total=facts.total_time(found),
        environment=facts.environment(found),
        command=facts.command_line(found),
        version=__version__,
        photos=facts.words(found.run_json.get("photos")),
    )


def report(run: Path, *, labels: Path | None = None, out: Path | None = None) -> Path:
    """Write `run/report/index.html`: one page, no outside request, readable without a script.

    A run that is not finished gives a page that names what is missing.

    Args:
        run: a run folder (DESIGN, 'On disk').
        labels: a person's labels (.jsonl, .csv, or a zip with manifest.jsonl); only shown and
            counted, they change nothing.
        out: the folder to write into; default `run/report`.

    Returns:
        Path of index.html.

    Raises:
        DataError: `run` is no run, or `labels` cannot be read or join with no photo.
    """
    began = time.perf_counter()
    found = read_artefacts(Path(run))
    known = _labels(found, labels)
    page = Page(name=Path(run).resolve().name, found=found)
    _fill(page, known)
    out = Path(run) / "report" if out is None else Path(out)
    html = render(page)
    digests = {n: fsio.digest_json(d.model_dump(mode="json")) for n, d in found.done.items()}
    if labels is not None:
        digests["labels"] = fsio.sha256_file(Path(labels))
    with fresh(out, "report") as folder:
        fsio.write_text(folder / "index.html", html)
        rundir.finish(
            folder, "report", inputs=digests, config=None, started=began,
            summary={"bytes": len(html.encode()), "missing": sorted(found.missing)},
        )  # fmt: skip
    return out / "index.html"
