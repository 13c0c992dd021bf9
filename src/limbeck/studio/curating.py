"""What the tab `curate` asks: the table of photos, their pictures, decisions, the rule."""

import threading
from contextlib import suppress
from pathlib import Path
from typing import Annotated, Any

from fastapi import APIRouter, Query, Response
from pydantic import Field, ValidationError

from limbeck import fsio
from limbeck.artefacts.run import OVERRIDES, RunDir
from limbeck.chain import Consequences, Group, apply_rule, effects_of_rule
from limbeck.config import KeepConfig
from limbeck.curation import Step, would_keep
from limbeck.errors import DataError, LimbeckError, UsageError
from limbeck.kit.images import to_pil
from limbeck.logs import command
from limbeck.studio.answers import Asked, Unknown, jpeg, numbers
from limbeck.studio.light_table import LightTable
from limbeck.studio.painter import Painter
from limbeck.studio.place import Pen, Place

PhotoId = Annotated[str, Field(pattern="^[0-9a-f]{16}$")]
_THUMB, _LARGE = 128, 1024
_MOST = 200_000
_LIST = 256 * 2**20  # bytes of keep.csv


class Decision(Asked):
    """Keep, drop, or (None) leave these photos to the rule."""

    photos: list[PhotoId] = Field(min_length=1, max_length=_MOST)
    keep: bool | None
    reason: str = Field("", max_length=200)

    def check(self) -> None:
        """Refuse a reason that a spreadsheet, opening overrides.csv, would compute.

        Raises:
            UsageError: it begins as a formula does.
        """
        if (begins := self.reason.lstrip()[:1]) and begins in "=+-@":
            raise UsageError(
                f"a reason that begins with {begins}: a spreadsheet would take it for a formula",
                "begin it with a letter or a digit",
            )


class Rule(Asked):
    """A keep rule as the page gives it; see `config.KeepConfig`."""

    column: str = Field("auto", max_length=100)
    rule: str = Field(max_length=20)
    fraction: float | None = None
    threshold: float | None = None
    count: int | None = None
    per_mode: bool = False

    def over(self, before: KeepConfig) -> KeepConfig:
        """The settings that it makes of those before.

        Raises:
            UsageError: no such rule.
        """
        try:
            return KeepConfig.model_validate(before.model_dump() | self.model_dump())
        except ValidationError as error:
            raise UsageError(str(error.errors()[0]["msg"]), "choose another rule") from None


class Tables:
    """The light table of a run: read when first asked for, and again when it is scored anew."""

    def __init__(self, run: RunDir) -> None:
        self.run = run
        self.lock = threading.RLock()
        self._table: LightTable | None = None
        self._stamp: tuple[int, ...] = ()

    @property
    def there(self) -> bool:
        """Whether the run is scored."""
        return (self.run.scores / "scores.parquet").exists()

    def warm(self) -> None:
        """Begin to read the table in the background: of 100,000 photos it takes some seconds."""

        def read() -> None:
            with suppress(LimbeckError, OSError):  # whoever asks is told
                _ = self.now().flags

        threading.Thread(target=read, daemon=True, name="light table").start()

    def now(self) -> LightTable:
        """The table, with overrides.csv as it is now.

        Raises:
            DataError: no scores, or something is damaged.
        """
        with self.lock:
            files = (self.run.scores / "scores.parquet", self.run.data / "index.json")
            stamp = tuple(file.stat().st_mtime_ns if file.exists() else 0 for file in files)
            if self._table is None or stamp != self._stamp:
                self._table, self._stamp = LightTable(self.run), stamp
            self._table.decisions.refresh()
            return self._table


def curate_routes(place: Place, pen: Pen, painter: Painter) -> APIRouter | None:
    """The routes below /api/curate; None where nothing was scored."""
    if place.run is None or not (tables := Tables(place.run)).there:
        return None
    tables.warm()
    routes = APIRouter()
    _table_routes(routes, tables)
    _photo_routes(routes, tables, painter)
    _decision_routes(routes, tables, pen)
    _rule_routes(routes, tables, pen)
    _likeness_routes(routes, tables)
    return routes


def _table_routes(routes: APIRouter, tables: Tables) -> None:
    @routes.get("/table")
    def table() -> dict[str, Any]:
        now = tables.now()
        keep = now.kept_list()
        summary = None if keep is None else keep.summary
        return {
            "photos": len(now.scores),
            "columns": dict(now.scores.summary.columns),
            "column": now.column_in_use(),
            "threshold": None if summary is None else summary.threshold,
            "rule": now.rule().model_dump(),
            "warnings": [] if summary is None else summary.warnings,
            "flags": now.flags[0],
            "modes": now.modes() is not None,
            "size": now.dataset.size,
            **_standing(now),
        }

    @routes.get("/ids")
    def ids() -> Response:
        return numbers(tables.now().ids_as_numbers())

    @routes.get("/column/{name}")
    def column(name: str) -> Response:
        now = tables.now()
        if name not in now.scores.names:
            raise Unknown("no such column")
        return numbers(now.column(name))

    @routes.get("/kept")
    def kept() -> Response:
        """uint8: 1 where the rule as it was last applied keeps a photo, without any person."""
        return numbers(tables.now().kept_by_rule())

    @routes.get("/standing")
    def standing() -> dict[str, Any]:
        """How many decisions there are; asked every few seconds, for another page may decide."""
        return _standing(tables.now())

    @routes.get("/words")
    def words() -> Response:
        return numbers(tables.now().said())

    @routes.get("/flags")
    def flags() -> Response:
        return numbers(tables.now().flags[1])

    @routes.get("/search")
    def search(text: Annotated[str, Query(max_length=200)]) -> Response:
        return numbers(tables.now().search(text))


def _photo_routes(routes: APIRouter, tables: Tables, painter: Painter) -> None:
    @routes.get("/photos/{photo}")
    def about(photo: PhotoId) -> dict[str, Any]:
        return tables.now().about(photo)

    @routes.get("/photos/{photo}/small.jpg")
    def small(photo: PhotoId) -> Response:
        return jpeg(to_pil(tables.now().square(photo, _THUMB)))

    @routes.get("/photos/{photo}/large.jpg")
    def large(photo: PhotoId) -> Response:
        return jpeg(to_pil(tables.now().square(photo, _LARGE)))

    @routes.get("/photos/{photo}/again.jpg")
    def again(photo: PhotoId) -> Response:
        """What the first generator draws of a photo, through its encoder."""
        now = tables.now()
        now.place(photo)
        with painter.first() as pipeline:
            if pipeline.E_ema is None:
                raise Unknown("this run has no encoder, so nothing is drawn again")
            square = now.square(photo, pipeline.config.size)
            found = pipeline.invert(to_pil(square), output="pil")
        return jpeg(found.image, keep=False)


def _decision_routes(routes: APIRouter, tables: Tables, pen: Pen) -> None:
    @routes.post("/decide")
    def decide(asked: Decision) -> dict[str, Any]:
        asked.check()
        with pen.writing(), tables.lock:
            now = tables.now()
            step = now.decisions.decide(asked.photos, asked.keep, asked.reason)
            return {**_step(now, step), **_standing(now)}

    @routes.post("/undo")
    def undo() -> dict[str, Any]:
        with pen.writing(), tables.lock:
            now = tables.now()
            step = now.decisions.undo()
            if step is None:
                raise UsageError("there is no decision to take back")
            return {**_step(now, step), **_standing(now)}


def _step(now: LightTable, step: Step) -> dict[str, Any]:
    words = now.decisions.words
    said = {photo: words[photo].keep if photo in words else None for photo in step.after}
    return {"what": step.what, "said": said}


def _standing(now: LightTable) -> dict[str, Any]:
    number = now.decisions.standing
    return {
        "steps": len(now.decisions.steps),
        "decided": len(now.decisions.words),
        "undo": None if number is None else now.decisions.steps[number].what,
    }


def _rule_routes(routes: APIRouter, tables: Tables, pen: Pen) -> None:
    root = tables.run.root

    @routes.post("/plan")
    def plan(asked: Rule) -> dict[str, Any]:
        """What applying this rule would keep and make stale."""
        now = tables.now()
        rule = asked.over(now.rule())
        kept = would_keep(
            now.scores, rule, modes=now.scores.modes(), overrides=tables.run.keep / OVERRIDES
        )
        found, unknown = _effects(root, rule)
        return {
            "warnings": kept.summary.warnings,
            "unknown": unknown,
            "lines": found.lines(),
            "stages": [name for name in found.stages if name != "keep"],
            "seconds": found.seconds,
        }

    @routes.post("/apply")
    def apply(asked: Rule) -> dict[str, Any]:
        with pen.writing(), tables.lock:
            rule = asked.over(tables.now().rule())
            agreed = ["--yes"] if _effects(root, rule)[0].matters() else []
            keep = apply_rule(root, rule)
        return {
            "summary": keep.summary.model_dump(mode="json"),
            "then": command("limbeck", "resume", root, *agreed),
        }

    @routes.get("/list.csv")
    def export() -> Response:
        """The keep list as it was last applied."""
        keep = tables.now().kept_list()
        if keep is None:
            raise Unknown("no rule was applied yet")
        text = fsio.read_bytes(root / "keep" / "keep.csv", _LIST)
        name = {"content-disposition": 'attachment; filename="keep.csv"'}
        return Response(text, media_type="text/csv; charset=utf-8", headers=name)


def _effects(root: Path, rule: KeepConfig) -> tuple[Consequences, str]:
    """What a rule makes stale; or nothing, and why it cannot be told: the photos may have moved,
    which the rule itself does not need."""
    try:
        return effects_of_rule(root, rule), ""
    except DataError as error:
        return Consequences([], Group([]), [], 0.0), error.what


def _likeness_routes(routes: APIRouter, tables: Tables) -> None:
    @routes.get("/near/{photo}")
    def near(photo: PhotoId) -> dict[str, int]:
        """How many photos have been compared; begins to where nobody has."""
        now = tables.now()
        now.place(photo)
        now.likeness.start()
        return {"done": now.likeness.done, "of": now.likeness.of}

    @routes.get("/near/{photo}/distances")
    def distances(photo: PhotoId) -> Response:
        """float32: from this photo to each, in row order."""
        now = tables.now()
        place = now.place(photo)
        if now.likeness.done < now.likeness.of:
            raise Unknown("the photos have not all been compared yet")
        each = now.likeness.distances(place)
        return numbers(each[[now.place(photo) for photo in now.scores.ids]])
