"""What the tab `edit` asks: photos and what was found for them, places, directions, edited
images."""

import math
from collections.abc import Sequence
from pathlib import Path
from typing import Annotated, Any, Literal

import torch
from fastapi import APIRouter, Depends, Query, Request, Response
from pydantic import Field
from torch import Tensor

from limbeck.editing import Move, edited_images, mode_points, moved, points_as_bytes
from limbeck.editing import Point as Placed
from limbeck.errors import UsageError
from limbeck.kit.images import encode_png
from limbeck.model import Pipeline
from limbeck.studio.answers import FOREVER, Asked, Unknown
from limbeck.studio.bodies import UPLOAD
from limbeck.studio.edit_desk import PHOTOS, Desk, Photo, nearest_mode
from limbeck.studio.edit_desk import Place as Held
from limbeck.studio.edit_directions import Compass, Set, usual
from limbeck.studio.edit_inversions import LATENTS, Jobs
from limbeck.studio.edit_photos import centre_of
from limbeck.studio.edit_words import commands
from limbeck.studio.painter import Painter, usual_psi
from limbeck.studio.place import Pen, Place

Id = Annotated[str, Field(pattern="^[0-9a-f]{32}$")]
Key = Annotated[str, Query(pattern="^(memory|[0-9a-f]{12})$")]
_ONE = r"[0-9]{1,4}:-?[0-9]{1,3}(\.[0-9]{1,4})?"
Moves = Annotated[str, Query(max_length=1000, pattern=f"^({_ONE}(,{_ONE}){{0,39}})?$")]
"""`NUMBER:STRENGTH,...`: numbers of directions in their set."""
_STRONGEST = 200.0


class Sought(Asked):
    """A photo whose latents are wanted, in so many steps."""

    photo: Id
    steps: Literal[50, 200, 500]


class Wanted(Asked):
    """A place: a seed, truncated by psi, or the centre of a mode."""

    seed: int | None = Field(None, ge=0, lt=2**63)
    psi: float | None = Field(None, ge=0, le=2)
    mode: int | None = Field(None, ge=0, lt=100_000)


def edit_routes(place: Place, pen: Pen, painter: Painter, named: Sequence[Path] = ()) -> APIRouter:
    """The routes below /api/edit.

    Args:
        place: the run or model.
        pen: the right to write there.
        painter: what draws.
        named: folders of directions that the command line named.
    """
    routes = APIRouter()
    desk = Desk(painter)
    compass = Compass(place, pen, desk, named)
    _about_routes(routes, place, desk)
    _photo_routes(routes, desk)
    _inversion_routes(routes, desk, Jobs(desk))
    _direction_routes(routes, compass, desk)
    _place_routes(routes, place, desk, compass)
    return routes


def _png(image: Tensor, headers: dict[str, str] | None = None) -> Response:
    """An image uint8 [3, S, S]."""
    return Response(encode_png(image), media_type="image/png", headers=headers)


def _attached(name: str) -> dict[str, str]:
    return {"content-disposition": f'attachment; filename="{name}"'}


def _about_routes(routes: APIRouter, place: Place, desk: Desk) -> None:
    @routes.get("/about")
    def about() -> dict[str, Any]:
        with desk.drawing() as pipeline:
            modes = pipeline.modes
            return {
                "size": pipeline.config.size,
                "encoder": pipeline.E_ema is not None,
                "modes": 0 if modes is None else len(modes),
                "digest": "" if modes is None else modes.digest()[:16],
                "psi": usual_psi(place, pipeline),
                "photos": PHOTOS,
                "largest": UPLOAD,
            }

    @routes.get("/modes/{number}/image")
    def mode_image(number: int) -> Response:
        with desk.drawing() as pipeline:
            if pipeline.modes is None or not 0 <= number < len(pipeline.modes):
                raise Unknown("no such mode")
            image = pipeline.generate(pipeline.modes.centres[number : number + 1])[0]
        return _png(image, FOREVER)


async def _sent(request: Request) -> bytes:
    return await request.body()


def _photo_routes(routes: APIRouter, desk: Desk) -> None:
    @routes.post("/photos")
    def photo(
        data: Annotated[bytes, Depends(_sent)], name: Annotated[str, Query(max_length=300)] = ""
    ) -> dict[str, Any]:
        with desk.drawing() as pipeline:
            size = pipeline.config.size
        square, width, height, note = centre_of(data, size)
        with desk.drawing() as pipeline:
            mode, distance = nearest_mode(pipeline, square)
            held = Photo(name or "photo", width, height, square, note, mode, distance)
            key = desk.put_photo(held)
        return {
            "photo": key, "name": held.name, "width": width, "height": height, "note": note,
            "mode": mode, "distance": distance,
        }  # fmt: skip

    @routes.get("/photos/{photo}/image")
    def photo_image(photo: Id) -> Response:
        return _png(desk.photo(photo).square[0], FOREVER)


def _inversion_routes(routes: APIRouter, desk: Desk, jobs: Jobs) -> None:
    @routes.post("/inversions")
    def invert(sought: Sought) -> dict[str, Any]:
        return {"job": jobs.begin(desk.photo(sought.photo), sought.steps)}

    @routes.get("/inversions/{job}")
    def inversion(job: Id, since: Annotated[int, Query(ge=0, le=10**6)] = 0) -> dict[str, Any]:
        return jobs.find(job).told(since)

    @routes.get("/inversions/{job}/{which}")
    def inversion_image(job: Id, which: Literal["start", "now"]) -> Response:
        return _png(jobs.find(job).image(which))

    @routes.post("/inversions/{job}/stop")
    def stop(job: Id) -> dict[str, Any]:
        jobs.find(job).halt()
        return {"stopped": True}


def _direction_routes(routes: APIRouter, compass: Compass, desk: Desk) -> None:
    @routes.get("/directions")
    def directions() -> dict[str, Any]:
        sets, others = compass.sets()
        job = compass.job
        seconds = None
        if not sets and (job is None or job.ended):
            with desk.drawing() as pipeline:
                psi = pipeline.psi
            seconds = compass.seconds(usual(psi))
        return {
            "sets": [one.told() for one in sets],
            "others": others,
            "seconds": seconds,
            "finding": None if job is None else job.told(),
        }

    @routes.post("/directions/find")
    def find() -> dict[str, Any]:
        return compass.begin().told()

    @routes.get("/directions/finding")
    def finding() -> dict[str, Any]:
        if compass.job is None:
            raise Unknown("no directions are being found")
        return compass.job.told()

    @routes.post("/directions/stop")
    def stop() -> dict[str, Any]:
        if compass.job is not None:
            compass.job.halt()
        return {"stopped": True}


def _place_routes(routes: APIRouter, place: Place, desk: Desk, compass: Compass) -> None:
    @routes.post("/places")
    def begin(wanted: Wanted) -> dict[str, Any]:
        with desk.drawing() as pipeline:
            held = _place_of(pipeline, wanted, usual_psi(place, pipeline))
            return {"place": desk.put_place(held, desk.turn), "name": held.point.name}

    @routes.get("/places/{held}/image")
    def image(
        held: Id, of: Key = "memory", moves: Moves = "", blend: bool = False, save: bool = False
    ) -> Response:
        found = _moves(compass, of, moves)
        where = desk.place(held)
        with desk.drawing() as pipeline:
            mask = _mask(found) if blend and found else None
            ws = where.point.ws[None].to(pipeline.device)
            picture = next(edited_images(pipeline, ws, _steps(found), mask=mask))
        return _png(picture, _attached("edited.png") if save else None)

    @routes.get("/places/{held}/latents.safetensors")
    def latents(held: Id, of: Key = "memory", moves: Moves = "") -> Response:
        found = _moves(compass, of, moves)
        where = desk.place(held)
        with desk.drawing() as pipeline:
            ws = where.point.ws[None].to(pipeline.device)
            there = moved(pipeline.G_ema, ws, _steps(found))[0]
        data = points_as_bytes([Placed(where.point.name, there)])
        name = "edited-latents.safetensors" if found else LATENTS
        return Response(data, media_type="application/octet-stream", headers=_attached(name))

    @routes.get("/places/{held}/commands")
    def words(held: Id, of: Key, moves: Moves, blend: bool = False) -> dict[str, Any]:
        found = _moves(compass, of, moves)
        if not found:
            raise UsageError("nothing is moved", "move a slider first")
        ids = [(of_.at(number).direction.id, strength) for of_, number, strength in found]
        where = desk.place(held)
        lines = commands(place.root, where, ids, found[0][0], blend=blend)
        return {"commands": lines, "needs": where.stop if where.stop == LATENTS else None}


def _place_of(pipeline: Pipeline, wanted: Wanted, psi: float) -> Held:
    if (wanted.seed is None) == (wanted.mode is None):
        raise UsageError("both or neither of seed and mode", "give one of them")
    if wanted.mode is not None:
        (point,) = mode_points(pipeline, pipeline.modes, [wanted.mode])
        return Held(_at_rest(point), f"mode:{wanted.mode}")
    strength = psi if wanted.psi is None else wanted.psi
    (point,) = pipeline.points([wanted.seed or 0], strength)
    return Held(_at_rest(point), f"seed:{wanted.seed}", strength)


def _at_rest(point: Placed) -> Placed:
    return Placed(point.name, point.ws.detach().float().cpu())


_Found = tuple[Set, int, float]


def _moves(compass: Compass, key: str, text: str) -> list[_Found]:
    """Set, number and strength of each move; those of strength 0 are left out.

    Raises:
        Unknown: no such directions.
        UsageError: a strength that is too large.
    """
    if not text:
        return []
    of = compass.find(key)
    found: list[_Found] = []
    for part in text.split(","):
        number, _, strength = part.partition(":")
        amount = float(strength)
        of.at(int(number))
        if not math.isfinite(amount) or abs(amount) > _STRONGEST:
            raise UsageError(f"a strength of {amount:g}", f"give at most {_STRONGEST:g} either way")
        if amount:
            found.append((of, int(number), amount))
    return found


def _steps(found: Sequence[_Found]) -> list[Move]:
    return [(of.at(number).direction, strength) for of, number, strength in found]


def _mask(found: Sequence[_Found]) -> Tensor:
    """Bool [h, w]: where any of them acts."""
    return torch.stack([of.at(number).mask for of, number, _ in found]).any(0)
