"""What the tab `generate` asks: images of seeds, comparisons, walks, mixes, files of them."""

from collections.abc import Iterator
from typing import Annotated, Any

import torch
from fastapi import APIRouter, Query, Response
from fastapi.responses import StreamingResponse
from pydantic import Field

from limbeck.errors import UsageError
from limbeck.kit.images import encode_png, grid
from limbeck.latents import Sample, classes_of, parse_seeds
from limbeck.logs import command
from limbeck.model import Pipeline, told_png
from limbeck.studio.answers import FOREVER, Asked
from limbeck.studio.drawing import Easel, Look, Seed, Version, check_look, fitted, obstacles
from limbeck.studio.painter import Painter, usual_psi
from limbeck.studio.place import Place
from limbeck.studio.streams import picture, record, shown, stream
from limbeck.studio.walks import MOST_FRAMES, MixAsked, WalkAsked, Walks, mixes

MOST = 1000
"""Seeds of one grid."""
_GAP, _SHEET = 2, 64_000_000  # pixels between images of a sheet, and of a whole sheet
Side = Annotated[int, Field(ge=16, le=4096)]


class Batch(Asked):
    """Seeds to draw alike, their images made smaller to `side`."""

    of: Version
    look: Look
    seeds: list[Seed] = Field(min_length=1, max_length=MOST)
    side: Side = 256


class Sheet(Asked):
    """Seeds to put on one sheet, some to a row."""

    of: Version
    look: Look
    seeds: list[Seed] = Field(min_length=1, max_length=MOST)
    columns: int = Field(8, ge=1, le=100)


class Frames(Asked):
    """Frames of a walk that was asked for."""

    walk: Version
    first: int = Field(ge=0, lt=MOST_FRAMES)
    count: int = Field(16, ge=1, le=MOST_FRAMES)
    side: Side = 512


class Film(Asked):
    """A whole walk as a file."""

    walk: Version
    fps: float = Field(24, ge=1, le=60)


class Cells(MixAsked):
    """Mixes, made smaller to `side`."""

    side: Side = 256


class OneImage(Look):
    """One image as a file."""

    of: Version
    seed: Seed


class OneMix(Look):
    """One mix as a file."""

    of: Version
    row: Seed
    column: Seed
    layers: str = Field(max_length=100)


def generate_routes(place: Place, painter: Painter) -> APIRouter:
    """The routes below /api/generate."""
    routes, easel = APIRouter(), Easel(painter)
    _about_routes(routes, place, easel)
    _image_routes(routes, easel)
    _walk_routes(routes, Walks(easel))
    _mix_routes(routes, easel)
    return routes


def _about_routes(routes: APIRouter, place: Place, easel: Easel) -> None:
    @routes.get("/about")
    def about() -> dict[str, Any]:
        """What this model can do."""
        with easel.networks() as pipeline:
            net, why = pipeline.config, obstacles(pipeline)
            return {
                "of": easel.version(pipeline),
                "size": net.size,
                "layers": pipeline.G_ema.num_ws,
                "modes": len(pipeline.modes or ()),
                "psi": usual_psi(place, pipeline),
                "truncations": [{"name": name, "why": text} for name, text in why.items()],
                "classes": net.num_classes,
                "class_names": list(net.class_names),
                "most": MOST,
                "frames": MOST_FRAMES,
                "command": command("limbeck", "sample", place.root),
            }

    @routes.get("/seeds")
    def seeds(text: Annotated[str, Query(max_length=6000)]) -> list[str]:
        """`0-31,42` as single seeds."""
        found = parse_seeds(text)
        if len(found) > MOST:
            raise UsageError(f"{len(found):,} seeds", f"name {MOST:,} or fewer at once")
        return [str(seed) for seed in found]


def _image_routes(routes: APIRouter, easel: Easel) -> None:
    @routes.post("/images")
    def images(asked: Batch) -> StreamingResponse:
        """Records of images, each once it is drawn."""

        def made() -> Iterator[bytes]:
            with easel.turn():
                for one in easel.images(asked.of, asked.look, [int(s) for s in asked.seeds]):
                    words = {"seed": str(one.seed), "mode": one.mode}
                    yield picture(words, fitted(one.image, asked.side))

        _check(easel, asked.of, asked.look)
        return stream(made)

    @routes.post("/sheet")
    def sheet(asked: Sheet) -> StreamingResponse:
        """Records of how many are drawn, at last one with the sheet as PNG."""

        def made() -> Iterator[bytes]:
            whole = len(asked.seeds)
            parts = []
            with easel.turn():
                for one in easel.images(asked.of, asked.look, [int(s) for s in asked.seeds]):
                    side = min(one.image.shape[-1], int((_SHEET / whole) ** 0.5))
                    parts.append(fitted(one.image, side))
                    yield record({"done": len(parts), "of": whole})
            with easel.networks(asked.of) as pipeline:
                how = easel.how(pipeline, asked.look)
            body = grid(torch.stack(parts), min(asked.columns, whole), _GAP)
            named = ",".join(asked.seeds)
            told = how.text(named, asked.look.index, _fixed_class(asked.look))
            yield record({"type": "image/png"}, encode_png(body, told))

        _check(easel, asked.of, asked.look)
        return stream(made)

    @routes.get("/image.jpg")
    def image(asked: Annotated[OneImage, Query()]) -> Response:
        """To look at; PNG where it is small."""
        with easel.turn():
            kind, data = shown(_one(easel, asked).image)
        return Response(data, media_type=kind, headers=FOREVER)

    @routes.get("/image.png")
    def file(asked: Annotated[OneImage, Query()]) -> Response:
        """To keep: a PNG that says how it was drawn."""
        with easel.turn():
            one = _one(easel, asked)
            with easel.networks(asked.of) as pipeline:
                how = easel.how(pipeline, asked)
                label = _class_of(pipeline, asked, one.seed)
        return _download(told_png(one.image, how, one.seed, one.mode, label), f"seed{one.seed:06d}")


def _check(easel: Easel, version: str, look: Look) -> None:
    """Say what is wrong before an answer begins."""
    with easel.networks(version) as pipeline:
        check_look(pipeline, look)


def _one(easel: Easel, asked: OneImage) -> Sample:
    look = Look.model_validate(asked.model_dump(include=set(Look.model_fields)))
    return next(easel.images(asked.of, look, [int(asked.seed)]))


def _fixed_class(look: Look) -> int | None:
    return look.class_word if isinstance(look.class_word, int) else None


def _class_of(pipeline: Pipeline, look: Look, seed: int) -> int | None:
    found = classes_of([seed], pipeline.config, look.labels(1))
    return None if found is None else int(found[0])


def _download(data: bytes, name: str) -> Response:
    headers = {"content-disposition": f'attachment; filename="{name}.png"', **FOREVER}
    return Response(data, media_type="image/png", headers=headers)


def _walk_routes(routes: APIRouter, walks: Walks) -> None:
    @routes.post("/walk")
    def walk(asked: WalkAsked) -> dict[str, Any]:
        """Make a walk; its frames are asked for by its name."""
        with walks.easel.turn():
            made = walks.walk(asked)
        marks = [{"frame": frame, "name": name} for frame, name in made.landmarks]
        return {"walk": asked.name, "frames": len(made), "loop": made.loop, "landmarks": marks}

    @routes.post("/frames")
    def frames(asked: Frames) -> StreamingResponse:
        """Records of frames, each once it is drawn."""

        def made() -> Iterator[bytes]:
            with walks.easel.turn():
                for number, image in walks.frames(asked.walk, asked.first, asked.count):
                    yield picture({"frame": number}, fitted(image, asked.side))

        return stream(made)

    @routes.post("/film")
    def film(asked: Film) -> StreamingResponse:
        """Records of how many frames are drawn, at last one with the animated WebP."""

        def made() -> Iterator[bytes]:
            with walks.easel.turn():
                for one in walks.film(asked.walk, asked.fps):
                    if isinstance(one, bytes):
                        yield record({"type": "image/webp"}, one)
                    else:
                        yield record({"done": one})

        return stream(made)


def _mix_routes(routes: APIRouter, easel: Easel) -> None:
    @routes.post("/mix")
    def mix(asked: Cells) -> StreamingResponse:
        """Records of the rows' and columns' own images, then of the mixes."""

        def made() -> Iterator[bytes]:
            with easel.turn():
                for row, column, image in mixes(easel, asked):
                    yield picture({"row": row, "column": column}, fitted(image, asked.side))

        _check(easel, asked.of, asked.look)
        return stream(made)

    @routes.get("/mix.png")
    def mixed(asked: Annotated[OneMix, Query()]) -> Response:
        """One mix as a PNG that says how it was drawn."""
        look = Look.model_validate(asked.model_dump(include=set(Look.model_fields)))
        cell = MixAsked(
            of=asked.of, rows=[asked.row], columns=[asked.column], layers=asked.layers, look=look
        )
        with easel.turn():
            *_, (_, _, image) = mixes(easel, cell)
            with easel.networks(asked.of) as pipeline:
                how = easel.how(pipeline, look)
        told = f"{asked.row} with layers {asked.layers} of {asked.column}"
        return _download(
            told_png(image, how, told, look.index, _fixed_class(look)),
            f"mix-{asked.row}-{asked.column}",
        )
