"""`report`: read the run, draw what is missing as images, fill one HTML page."""

import base64
import hashlib
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from importlib.resources import files
from pathlib import Path
from typing import TypeVar

from jinja2 import Environment, PackageLoader, StrictUndefined
from markupsafe import Markup

from limbeck import __version__, fsio
from limbeck.artefacts.contents import Artefacts, Training, read_artefacts
from limbeck.artefacts.folders import fresh
from limbeck.artefacts.labels import TruthRow, read_truth
from limbeck.artefacts.mode_files import PSI, psi_of
from limbeck.artefacts.mode_marks import load_modes
from limbeck.artefacts.run import STAGES
from limbeck.artefacts.stage import Provenance
from limbeck.artefacts.takedowns import stained
from limbeck.config import SampleConfig
from limbeck.data import COPY_SHEET, CROP_SHEET
from limbeck.errors import DataError
from limbeck.kit.selection import held_out
from limbeck.latents import ModeCentres
from limbeck.records import Done, Status
from limbeck.reporting import facts
from limbeck.reporting.assessment import Quality, assess
from limbeck.reporting.begun import Begun, show_begun
from limbeck.reporting.charts import Chart
from limbeck.reporting.dropped import Dropped, list_dropped
from limbeck.reporting.embedded import Picture, from_file
from limbeck.reporting.filtering import Filtering, keep_column, show_filter
from limbeck.reporting.gallery import Gallery, Strip, Strips
from limbeck.reporting.intake import Intake, take_in
from limbeck.reporting.metric_rows import measured_tables
from limbeck.reporting.mode_cards import Atlas, distilled_atlas, raw_atlas
from limbeck.reporting.moving import Moving, moving
from limbeck.reporting.naming import finalize
from limbeck.reporting.quality import Checks, Copies, show_copies, show_flags
from limbeck.reporting.reasons import Grounds
from limbeck.reporting.rendering import Renderer
from limbeck.reporting.samples import Samples, show_samples
from limbeck.reporting.trainings import show_trainings

T = TypeVar("T")

PARTS = {
    "settings": "the settings",
    "data": "the photos",
    "raw": "the first training, on all accepted photos",
    "scores": "the scores",
    "keep": "the filter",
    "kept": "the second training, on the kept photos",
    "modes": "the modes",
    "flags": "the photos that are flagged",
    "strips": "the photos at the threshold, the likeliest outliers and the most typical",
    "dropped": "the list of dropped photos",
    "begun": "what the trainings began with",
    "quality": "the judgement on the generators",
    "samples": "the sample images",
    "kept share": "the kept share of each mode",
    "metrics": "the measured figures",
    "labels": "the labels",
}


def page_style() -> str:
    """The CSS of the page."""
    return (files("limbeck.reporting") / "templates" / "style.css").read_text(encoding="utf-8")


@dataclass
class Page:
    """What the template reads; None where a part is missing, and `missing` says why."""

    run: Path
    name: str
    found: Artefacts
    intake: Intake | None = None
    crops: Picture | None = None
    copies: Copies | None = None
    copy_sheet: Picture | None = None
    checks: Checks | None = None
    glimpses: tuple[Strip, ...] = ()
    begun: tuple[Begun, ...] = ()
    quality: Quality | None = None
    samples: Samples | None = None
    filtering: Filtering | None = None
    strips: Strips | None = None
    dropped: Dropped | None = None
    moving: Moving | None = None
    atlas: Atlas | None = None
    raw_atlas: Atlas | None = None
    taken_down: tuple[str, ...] = ()
    warnings: list[str] = field(default_factory=list)
    curves: tuple[Chart, ...] = ()
    tables: list[facts.Table] = field(default_factory=list)
    figures: list[facts.Setting] = field(default_factory=list)
    labelled: int = 0
    held_out: int = 0
    measured_psi: bool = False


def _renderer(found: Artefacts, training: Training | None, part: str) -> Renderer | None:
    if training is None:
        return None
    with found.part(part):
        if training.networks is None:
            raise DataError(f"{training.name}/ holds no networks yet")
        return Renderer.load(training.networks)
    return None


def _attempt(found: Artefacts, part: str, make: Callable[[], T]) -> T | None:
    with found.part(part):
        return make()
    return None


def _modes(found: Artefacts, folder: Path, part: str) -> ModeCentres | None:
    def load() -> ModeCentres:
        if not (folder / "modes.safetensors").exists():
            raise DataError(f"no modes yet: {folder / 'modes.safetensors'} does not exist")
        return load_modes(folder / "modes.safetensors")

    return _attempt(found, part, load)


def _fill(page: Page, labels: Mapping[str, TruthRow]) -> None:
    """Every section, each on its own: what cannot be made is named."""
    found = page.found
    page.taken_down = _attempt(found, "data", lambda: _taken_down(page.run)) or ()
    page.intake = take_in(found.files, found.keep) if found.files else None
    page.copies = show_copies(found.files)
    page.crops = _sheet(
        found, CROP_SHEET, "photos, the square kept of each, and the crop beside it"
    )
    page.copy_sheet = _sheet(found, COPY_SHEET, "pairs: a kept photo, and one left out as its copy")
    if found.dataset is not None and found.config is not None:
        page.held_out = len(held_out(found.dataset.ids, found.config.hold_out))
    page.begun = _attempt(found, "begun", lambda: show_begun(found.root)) or ()
    raw = _renderer(found, found.raw, "raw")
    kept = _renderer(found, found.kept, "kept")
    modes = _modes(found, found.root / "modes", "modes")
    _photos(page, raw, labels)
    page.quality = _attempt(found, "quality", lambda: assess(page.run, found))
    if raw or kept:
        sample = found.config.sample if found.config else SampleConfig()
        page.measured_psi = sample.psi == "auto" and (found.root / "modes" / PSI).exists()
        page.samples = _attempt(
            found, "samples",
            lambda: show_samples(raw, kept, modes, psi_of(sample, found.root / "modes")),
        )  # fmt: skip
    if modes is not None:
        folder = found.root / "modes"
        page.atlas = _attempt(found, "modes", lambda: distilled_atlas(folder, modes, kept))
    scores, keep = found.scores, found.keep
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


def _sheet(found: Artefacts, name: str, alt: str) -> Picture | None:
    """A picture that ingestion left beside the photos; None where it left none."""
    if found.dataset is None or not (file := found.dataset.root / name).exists():
        return None
    return _attempt(found, "data", lambda: from_file(file, alt))


def _taken_down(run: Path) -> tuple[str, ...]:
    return tuple(str(one) for one in stained(run) if not one.superseded)


def _photos(page: Page, raw: Renderer | None, labels: Mapping[str, TruthRow]) -> None:
    """The sections that show single photos: scores, strips, the list of the dropped."""
    found = page.found
    scores, keep, dataset = found.scores, found.keep, found.dataset
    grounds = None
    if scores is not None:
        page.filtering = _attempt(found, "scores", lambda: show_filter(scores, keep, labels))
        grounds = _attempt(found, "scores", lambda: Grounds(scores, keep_column(scores, keep)))
    if dataset is not None and len(dataset):
        size = raw.networks.config.size if raw else dataset.size
        draw = raw.reconstruct if raw and raw.has_encoder else None
        gallery = Gallery(dataset, size, scores, keep, grounds, labels, draw)
        page.checks = _attempt(found, "flags", lambda: show_flags(gallery))
        page.glimpses = _attempt(found, "strips", gallery.glimpses) or ()
        if grounds is not None:
            page.strips = _attempt(found, "strips", gallery.strips)
    if keep is not None:
        page.moving = moving(page.run, keep)
        if scores is not None and grounds is not None:
            page.dropped = _attempt(
                found, "dropped", lambda: list_dropped(scores, keep, grounds, dataset)
            )


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
    """The page as HTML; every text from disk is made visible (`naming`) and escaped.

    The one script is part of this package, holds no text from disk, and is allowed by its hash.
    """
    found = page.found
    loader = PackageLoader("limbeck.reporting", "templates")
    environment = Environment(
        loader=loader,
        autoescape=True,
        undefined=StrictUndefined,
        finalize=finalize,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    source = loader.get_source(environment, "script.js")[0]
    digest = base64.b64encode(hashlib.sha256(source.encode()).digest()).decode()
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
        script=Markup(source),
        script_hash=digest,
    )


def report(run: Path, *, labels: Path | None = None, out: Path | None = None) -> Path:
    """Write `run/report/index.html`: one page, no outside request, readable without a script.

    A run that is not finished gives a page that names what is missing.

    Args:
        run: a run folder.
        labels: a person's labels (.jsonl, .csv, or a zip with manifest.jsonl); only shown and
            counted, they change nothing.
        out: the folder for index.html and done.json; None = `run/report`.

    Returns:
        Path of index.html.

    Raises:
        DataError: `run` is no run, or `labels` cannot be read or join with no photo.
    """
    began = time.perf_counter()
    found = read_artefacts(Path(run))
    known = _labels(found, labels)
    page = Page(run=Path(run), name=Path(run).resolve().name, found=found)
    _fill(page, known)
    out = Path(run) / "report" if out is None else Path(out)
    html = render(page)
    provenance = told = report_provenance(found.done)
    if labels is not None:
        told = Provenance({**told.inputs, "labels": fsio.sha256_file(Path(labels))}, told.config)
    with fresh(out, "report") as folder:
        fsio.write_text(folder / "index.html", html)
        summary = {"bytes": len(html.encode()), "missing": sorted(found.missing)}
        provenance.begin(folder)  # a page with labels is current for the chain, too
        told.finish(folder, "report", started=began, summary=summary)
    return out / "index.html"


def report_provenance(done: Mapping[str, Done]) -> Provenance:
    """What a report is made of: the records of the run's other stages, by stage."""
    inputs = {
        name: fsio.digest_json(record.model_dump(mode="json"))
        for name, record in done.items()
        if name in STAGES and name != "report"
    }
    return Provenance.of(inputs, None)
