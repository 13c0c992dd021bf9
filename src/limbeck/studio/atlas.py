"""What the tab `modes` shows: a generator's modes and images of them."""

import io
from collections import OrderedDict
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

import numpy as np
import torch
from PIL import Image
from torch import Tensor

from limbeck import fsio
from limbeck.errors import DataError, UsageError
from limbeck.kit.distances import squared_distances
from limbeck.kit.images import resize_area
from limbeck.kit.rng import derive_seed
from limbeck.latents import (
    ModeCentres,
    ModeMarks,
    draw_w,
    images_of_seeds,
    latents_of_seeds,
    nearest_l2,
)
from limbeck.model import Pipeline
from limbeck.modes import ModeChange, with_changes
from limbeck.studio.answers import Unknown
from limbeck.studio.painter import Painter

EXEMPLARS = 8
DRAWN = 16_384
"""Latents, of which a mode's nearest are its exemplars."""
SEEDS, _CHUNK = 8192, 512
"""So many seeds are looked at for some of a mode; and how many at once."""
_SHEET = 64 * 2**20  # bytes of a picture that the stage modes has drawn
_GAP, _WHITE = 2, 255  # between the images of such a picture, and where there is none
_SMALL, _HELD, _SHEETS = 192, 8192, 64  # px of a small picture; how many, and sheets, are held


class Atlas:
    """The modes that a painter's pipeline draws with, and images of them.

    Attributes:
        painter: who draws.
    """

    def __init__(self, painter: Painter) -> None:
        self.painter = painter
        self._members: tuple[Tensor, tuple[Tensor, Tensor, Tensor]] | None = None
        self._small: OrderedDict[tuple[str, int], Tensor] = OrderedDict()
        self._exemplars: OrderedDict[tuple[str, int], list[Tensor]] = OrderedDict()

    @contextmanager
    def open(self, of: str | None = None) -> Iterator[tuple[Pipeline, ModeCentres]]:
        """The pipeline and its modes, for one user at a time.

        Raises:
            Unknown: there are no modes, or others than those of the digest `of`.
        """
        with self.painter.pipeline() as pipeline, torch.no_grad():
            yield pipeline, _modes_of(pipeline, of)

    def now(self, of: str | None = None) -> tuple[Pipeline, ModeCentres]:
        """As `open`, without waiting for those that draw, to ask only.

        Raises:
            Unknown: as `open`.
        """
        pipeline = self.painter.now()
        return pipeline, _modes_of(pipeline, of)

    def centre(self, of: str, mode: int, side: int) -> Tensor:
        """uint8 [3, S, S]: the image of a mode's centre, whatever its mark, at most `side` px.

        Raises:
            Unknown: as `open`; there is no such mode.
        """
        with self.open(of) as (pipeline, modes):
            _check(modes, mode)
            if side > _SMALL:
                return _fitted(pipeline.generate(modes.centres[mode : mode + 1])[0], side)
            if (of, mode) not in self._small:
                image = pipeline.generate(modes.centres[mode : mode + 1])[0]
                self._small[of, mode] = _fitted(image, _SMALL)
                if len(self._small) > _HELD:
                    self._small.popitem(last=False)
            return self._small[of, mode]

    def exemplars(self, of: str, mode: int) -> list[Tensor]:
        """uint8 [3, S, S], at most 192 px: images of members, the nearest to the centre first.

        Those that the stage `modes` has drawn; where it has not, those of a large draw of latents
        that are nearest to this centre in W, which may be none.

        Raises:
            Unknown: as `centre`.
            DataError: the stage's picture is damaged.
        """
        with self.open(of) as (pipeline, modes):
            _check(modes, mode)
            if (of, mode) not in self._exemplars:
                folder = self.painter.modes_folder
                sheet = None if folder is None else folder / f"mode-{mode:02d}.png"
                if sheet is not None and sheet.is_file():
                    images = cells_of(sheet, pipeline.config.size)
                else:
                    images = self._nearest(pipeline, modes, mode)
                self._exemplars[of, mode] = [_fitted(image, _SMALL) for image in images]
                if len(self._exemplars) > _SHEETS:
                    self._exemplars.popitem(last=False)
            return self._exemplars[of, mode]

    def _nearest(self, pipeline: Pipeline, modes: ModeCentres, mode: int) -> list[Tensor]:
        w, nearest, distance = self._drawn(pipeline, modes)
        rows = torch.nonzero(nearest == mode)[:, 0]
        rows = rows[distance[rows].argsort()[:EXEMPLARS]]
        return list(pipeline.generate(w[rows])) if len(rows) else []

    def _drawn(self, pipeline: Pipeline, modes: ModeCentres) -> tuple[Tensor, Tensor, Tensor]:
        """w float32 [N, w_dim], the mode whose centre is nearest int64 [N], and how near [N]."""
        if self._members is None or self._members[0] is not modes.centres:
            w = draw_w(pipeline.G_ema.mapping, pipeline.config, DRAWN, derive_seed(0, "atlas"))
            parts = [squared_distances(one, modes.centres).min(1) for one in torch.split(w, _CHUNK)]
            nearest = torch.cat([part.indices for part in parts])
            distances = torch.cat([part.values for part in parts])
            self._members = (modes.centres, (w, nearest, distances))
        return self._members[1]

    def sample(self, of: str, mode: int, seed: int, psi: float, side: int) -> Tensor:
        """uint8 [3, S, S]: a seed's image, pulled to a mode (truncation `index`).

        A mode that is merged is pulled to what the modes have in common; one that is marked `never`
        can still be looked at.

        Raises:
            Unknown: as `centre`.
            UsageError: no such seed or strength.
        """
        with self.open(of) as (pipeline, modes):
            _check(modes, mode)
            (drawn,) = images_of_seeds(
                pipeline, [seed], psi=psi, truncation="index", modes=_all_drawn(modes),
                embedder=None, mode_index=mode,
            )  # fmt: skip
            return _fitted(drawn.image, side)

    def seeds(self, of: str, mode: int, start: int, count: int) -> list[int]:
        """The first seeds from `start` on whose w is nearest to this mode's centre.

        Of those merged into it too. At most `count`, among `SEEDS` that are looked at.

        Raises:
            Unknown: as `centre`.
        """
        found: list[int] = []
        for first in range(start, start + SEEDS, _CHUNK):
            with self.open(of) as (pipeline, modes):  # others may draw between
                _check(modes, mode)
                some = list(range(first, first + _CHUNK))
                w = latents_of_seeds(
                    pipeline, some, psi=1.0, truncation="none", modes=None, embedder=None,
                    batch=_CHUNK,
                )[:, 0]  # fmt: skip
                group = int(modes.numbers[mode])
                here = modes.numbers[nearest_l2(w, modes.centres)] == group
                found += [some[row] for row in torch.nonzero(here)[:, 0].tolist()]
            if len(found) >= count:
                break
        return found[:count]

    def merged(self, of: str, some: Sequence[int], into: int, side: int) -> Tensor:
        """uint8 [3, S, S]: what truncation would pull to if these modes counted as `into`.

        Raises:
            Unknown: as `centre`.
            UsageError: they cannot be merged so.
        """
        with self.open(of) as (pipeline, modes):
            for mode in (*some, into):
                _check(modes, mode)
            modes = with_changes(modes, merging(modes.marks, some, into))
            return _fitted(pipeline.generate(modes.targets[into : into + 1])[0], side)


def merging(marks: ModeMarks, some: Sequence[int], into: int) -> list[ModeChange]:
    """The changes by which modes count as another, with those that count as one of them already.

    Raises:
        UsageError: a mode would count as itself.
    """
    if into in some:
        raise UsageError(f"mode {into} cannot count as itself", "choose another mode")
    follow = [mode for mode, goal in marks.merged.items() if goal in some and mode != into]
    return [ModeChange(mode, mark=f"merge:{into}") for mode in sorted({*some, *follow})]


def cells_of(sheet: Path, size: int) -> list[Tensor]:
    """The images on a sheet that `modes.atlas.write_sheets` wrote, uint8 [3, size, size] each.

    Raises:
        DataError: damaged, or not a sheet of such images.
    """
    data = fsio.read_bytes(sheet, _SHEET)
    try:
        with Image.open(io.BytesIO(data), formats=["PNG"]) as image:
            whole = torch.from_numpy(np.array(image.convert("RGB"))).permute(2, 0, 1)
    except (OSError, ValueError, SyntaxError, Image.DecompressionBombError) as error:
        raise DataError(f"{sheet} cannot be read: {error}", "find the modes again") from None
    step = size + _GAP
    if any((side + _GAP) % step for side in whole.shape[1:]):
        what = f"{sheet} is no sheet of images of {size} px"
        raise DataError(what, "move it away, and others are drawn")
    tops, lefts = (range(0, side, step) for side in whole.shape[1:])
    cells = [whole[:, y : y + size, x : x + size] for y in tops for x in lefts]
    return [cell for cell in cells if not bool((cell == _WHITE).all())]


def _modes_of(pipeline: Pipeline, of: str | None) -> ModeCentres:
    if pipeline.modes is None:
        raise Unknown("there are no modes any more", "reload the page")
    if of is not None and pipeline.modes.digest() != of:
        raise Unknown("the modes are others now", "reload the page")
    return pipeline.modes


def _check(modes: ModeCentres, mode: int) -> None:
    if not 0 <= mode < len(modes):
        raise Unknown(f"there is no mode {mode}", f"give a mode from 0 to {len(modes) - 1}")


def _all_drawn(modes: ModeCentres) -> ModeCentres:
    """Without marks `never`: a person looks at what is not drawn."""
    if not modes.marks.never:
        return modes
    return modes.with_marks(ModeMarks(merged=modes.marks.merged))


def _fitted(image: Tensor, side: int) -> Tensor:
    return image if image.shape[-1] <= side else resize_area(image[None], side)[0]
