"""What the tab `runs` asks: how far trainings are, their curves, their sheets of images."""

import io
import json
from pathlib import Path as File
from typing import Annotated, Any

from fastapi import APIRouter, Path, Query, Response
from PIL import Image, UnidentifiedImageError

from limbeck import fsio
from limbeck.errors import DataError
from limbeck.reporting import FIGURES, STATISTICS
from limbeck.studio.answers import FOREVER, Unknown, jpeg
from limbeck.studio.live_run import LiveRun, TrainingName, named_runs
from limbeck.studio.live_training import LEVELS, Kind
from limbeck.studio.place import Place

_BYTES = 128 * 2**20  # of a sheet
_SIDE = 2048  # pixels of a sheet that is sent as it is
RunNumber = Annotated[int, Path(ge=0, le=999)]


def runs_routes(place: Place) -> APIRouter | None:
    """The routes below /api/runs; None where no run is shown."""
    roots = [*([place.run.root] if place.run is not None else []), *place.beside]
    if not roots:
        return None
    runs = named_runs(roots)
    routes = APIRouter()
    _standing_routes(routes, runs)
    _training_routes(routes, runs)
    return routes


def _one(runs: list[LiveRun], number: int) -> LiveRun:
    if number >= len(runs):
        raise Unknown("no such run")
    return runs[number]


def _standing_routes(routes: APIRouter, runs: list[LiveRun]) -> None:
    @routes.get("/now")
    def now() -> Response:
        """How far every run is; asked every few seconds."""
        found = []
        for run in runs:
            with run.lock:
                run.look()
                found.append(run.standing())
        return _json({"runs": found})

    @routes.get("/words")
    def words() -> Response:
        """What is drawn, in words, in the order of the report."""
        return _json({"figures": FIGURES, "statistics": STATISTICS})

    @routes.get("/{number}/stages")
    def stages(number: RunNumber) -> Response:
        """The stages of a run with what is stale; slow."""
        found = _one(runs, number).exact_stages()
        return _json({stage.name: stage.state for stage in found})


def _training_routes(routes: APIRouter, runs: list[LiveRun]) -> None:
    @routes.get("/{number}/{name}/curves")
    def curves(
        number: RunNumber,
        name: TrainingName,
        mark: Annotated[str, Query(max_length=40)] = "",
        after: Annotated[int, Query(ge=0, le=10**9)] = 0,
    ) -> Response:
        run = _one(runs, number)
        with run.lock:
            run.trainings[name].look()
            return _json(run.trainings[name].curves(mark, after))

    @routes.get("/{number}/{name}/{level}/{kind}/{images}.png")
    def picture(
        number: RunNumber,
        name: TrainingName,
        level: Annotated[int, Path(ge=0, lt=LEVELS)],
        kind: Kind,
        images: Annotated[int, Path(ge=0, lt=10**15)],
    ) -> Response:
        """A sheet as training wrote it; a very large one smaller, as a JPEG."""
        run = _one(runs, number)
        with run.lock:
            run.trainings[name].look()
            found = run.trainings[name].pictures.get((kind, level, images))
        if found is None:
            raise Unknown("no such picture")
        return _sheet(found.file, f"{run.name}: {name}/{found.file.name}")


def _sheet(file: File, label: str) -> Response:
    data = fsio.read_bytes(file, _BYTES)
    try:
        with Image.open(io.BytesIO(data), formats=("PNG",)) as image:
            image.load()
            if max(image.size) <= _SIDE:
                return Response(data, media_type="image/png", headers=FOREVER)
            small = image.convert("RGB")
    except (UnidentifiedImageError, OSError, ValueError, SyntaxError) as error:
        raise DataError(
            f"{label} is damaged: {fsio.plain(str(error))}", "later snapshots have their own"
        ) from None
    small.thumbnail((_SIDE, _SIDE))
    return jpeg(small)


def _json(values: dict[str, Any]) -> Response:
    """Plain values as they are: no model is asked of thousands of numbers."""
    text = json.dumps(values, allow_nan=False, separators=(",", ":"))
    return Response(text, media_type="application/json")
