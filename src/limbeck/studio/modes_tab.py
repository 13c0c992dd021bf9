"""What the tab `modes` asks: the modes, images of them, names and marks."""

from typing import Annotated, Any

from fastapi import APIRouter, Query, Response
from pydantic import Field
from torch import Tensor

from limbeck.errors import UsageError
from limbeck.kit.images import encode_png, to_pil
from limbeck.latents import CENTRES
from limbeck.modes import ModeChange
from limbeck.studio.answers import FOREVER, Asked, Unknown, jpeg
from limbeck.studio.atlas import DRAWN, SEEDS, Atlas, merging
from limbeck.studio.mode_changes import ModeChanges
from limbeck.studio.painter import Painter, usual_psi
from limbeck.studio.place import Pen, Place

Mode = Annotated[int, Field(ge=0, lt=CENTRES)]
Digest = Annotated[str, Field(pattern="^[0-9a-f]{16}$")]
Seed = Annotated[int, Field(ge=0, lt=2**53)]
"""A page's numbers are exact up to there."""
_SMALL, _LARGE, _LOSSLESS = 192, 1024, 128


class Named(Asked):
    """What a person calls a mode; empty takes the name away."""

    of: Digest
    mode: Mode
    name: str = Field(max_length=500)


class Marked(Asked):
    """A mark of some modes: `hide`, `never`, or empty, which takes theirs away."""

    of: Digest
    modes: list[Mode] = Field(min_length=1, max_length=CENTRES)
    mark: str = Field(pattern="^(hide|never)?$")


class Cleared(Asked):
    """Modes whose names and marks are taken away."""

    of: Digest
    modes: list[Mode] = Field(min_length=1, max_length=CENTRES)


class Merged(Asked):
    """Modes that are to count as another."""

    of: Digest
    modes: list[Mode] = Field(min_length=1, max_length=CENTRES)
    into: Mode


class Back(Asked):
    """The last change of these modes is taken back."""

    of: Digest


class OneSample(Asked):
    """A seed's image, pulled to a mode. `drawing` only makes the address another one."""

    of: Digest
    drawing: Digest
    seed: Seed
    psi: float = Field(ge=0, le=1, allow_inf_nan=False)


class Together(Asked):
    """What modes would have in common, if they were merged."""

    of: Digest
    modes: list[Mode] = Field(min_length=1, max_length=200)
    into: Mode


def modes_routes(place: Place, pen: Pen, painter: Painter) -> APIRouter:
    """The routes below /api/modes."""
    routes, atlas = APIRouter(), Atlas(painter)
    changes = ModeChanges(place, pen, atlas)
    _list_routes(routes, place, atlas, changes)
    _change_routes(routes, place, atlas, changes)
    _image_routes(routes, atlas)
    return routes


def _list_routes(routes: APIRouter, place: Place, atlas: Atlas, changes: ModeChanges) -> None:
    @routes.get("")
    def modes() -> dict[str, Any]:
        """Every mode, the largest first, with its name and mark; and what can be done."""
        return _standing(place, atlas, changes)


def _standing(place: Place, atlas: Atlas, changes: ModeChanges) -> dict[str, Any]:
    pipeline, modes = atlas.now()
    sizes, marks, kept = modes.sizes.tolist(), modes.marks, changes.kept()
    total = max(sum(sizes), 1)
    rows = [
        {
            "mode": mode, "size": size, "share": size / total,
            "name": marks.names.get(mode, ""), "mark": marks.mark(mode), "kept": kept.get(mode),
        }
        for mode, size in enumerate(sizes)
    ]  # fmt: skip
    return {
        "of": modes.digest(),
        "drawing": modes.drawing_digest(),
        "size": pipeline.config.size,
        "psi": usual_psi(place, pipeline),
        "kept": bool(kept),
        "drawn": DRAWN,
        "looked": SEEDS,
        "others": marks.others,
        "why": changes.why_not(),
        "undo": changes.last,
        "then": changes.then(modes),
        "modes": rows,
    }


def _change_routes(routes: APIRouter, place: Place, atlas: Atlas, changes: ModeChanges) -> None:
    def done(what: str) -> dict[str, Any]:
        return {"what": what, **_standing(place, atlas, changes)}

    @routes.post("/name")
    def name(asked: Named) -> dict[str, Any]:
        given = asked.name.strip()
        what = f"mode {asked.mode} is called {given}" if given else f"no name for mode {asked.mode}"
        changes.take(asked.of, [ModeChange(asked.mode, name=given)], what)
        return done(what)

    @routes.post("/mark")
    def mark(asked: Marked) -> dict[str, Any]:
        word = {"hide": "hidden", "never": "never sampled", "": "without a mark"}[asked.mark]
        what = f"{_some(asked.modes)} {word}"
        changes.take(asked.of, [ModeChange(mode, mark=asked.mark) for mode in asked.modes], what)
        return done(what)

    @routes.post("/clear")
    def clear(asked: Cleared) -> dict[str, Any]:
        what = f"{_some(asked.modes)} without name and mark"
        changes.take(asked.of, [ModeChange(mode, "", "") for mode in asked.modes], what)
        return done(what)

    @routes.post("/merge")
    def merge(asked: Merged) -> dict[str, Any]:
        wanted = merging(atlas.now(asked.of)[1].marks, asked.modes, asked.into)
        what = f"{_some([one.mode for one in wanted])} merged into mode {asked.into}"
        changes.take(asked.of, wanted, what)
        return done(what)

    @routes.post("/undo")
    def undo(asked: Back) -> dict[str, Any]:
        what = changes.undo(asked.of)
        if what is None:
            raise UsageError("there is no change to take back", "only those of this session can be")
        return done(f"taken back: {what}")


def _some(modes: list[int]) -> str:
    return f"mode {modes[0]}" if len(modes) == 1 else f"{len(modes):,} modes"


def _image_routes(routes: APIRouter, atlas: Atlas) -> None:
    @routes.get("/{mode}/small")
    def small(mode: Mode, of: Digest) -> Response:
        return _picture(atlas.centre(of, mode, _SMALL))

    @routes.get("/{mode}/large")
    def large(mode: Mode, of: Digest) -> Response:
        return _picture(atlas.centre(of, mode, _LARGE))

    @routes.get("/{mode}/exemplars")
    def exemplars(mode: Mode, of: Digest) -> int:
        """How many images of members there are."""
        return len(atlas.exemplars(of, mode))

    @routes.get("/{mode}/exemplars/{number}")
    def exemplar(mode: Mode, number: Mode, of: Digest) -> Response:
        images = atlas.exemplars(of, mode)
        if number >= len(images):
            raise Unknown(f"there is no member {number}")
        return _picture(images[number])

    @routes.get("/{mode}/sample")
    def sample(mode: Mode, asked: Annotated[OneSample, Query()]) -> Response:
        return _picture(atlas.sample(asked.of, mode, asked.seed, asked.psi, _LARGE))

    @routes.get("/{mode}/seeds")
    def seeds(
        mode: Mode,
        of: Digest,
        start: Annotated[int, Query(ge=0, lt=2**32)],
        count: Annotated[int, Query(ge=1, le=24)],
    ) -> list[int]:
        """Seeds from `start` on that belong to the mode."""
        return atlas.seeds(of, mode, start, count)

    @routes.get("/together")
    def together(asked: Annotated[Together, Query()]) -> Response:
        """What these modes would have in common."""
        return _picture(atlas.merged(asked.of, asked.modes, asked.into, _LARGE), keep=False)


def _picture(image: Tensor, *, keep: bool = True) -> Response:
    """uint8 [3, S, S]; small ones as PNG, for JPEG shows when pixels are enlarged."""
    if image.shape[-1] > _LOSSLESS:
        return jpeg(to_pil(image), keep=keep)
    headers = FOREVER if keep else None
    return Response(encode_png(image), media_type="image/png", headers=headers)
