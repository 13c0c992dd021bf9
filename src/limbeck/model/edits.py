"""What a pipeline does with photos and latents: inverting them, and the images of edited ones."""

from collections.abc import Sequence
from functools import cached_property
from pathlib import Path
from typing import NamedTuple, overload

import torch
from PIL import Image
from torch import Tensor

from limbeck.config import Config, Truncation
from limbeck.editing import (
    Directions,
    DirectionSettings,
    Easing,
    Inversion,
    Mixes,
    Move,
    Point,
    Seeding,
    Through,
    Walk,
    find_directions,
)
from limbeck.editing import edit as edited
from limbeck.editing import invert as find_latents
from limbeck.editing import mix as mixed
from limbeck.editing import walk as walked
from limbeck.errors import UsageError
from limbeck.kit.images import to_float, to_uint8
from limbeck.latents import ModeCentres, NoiseKind, Psi, images_of_w
from limbeck.model.images import Output, Picture, centre_square, check_output, packed
from limbeck.model.places import Places, points_for, stacked
from limbeck.nets import AnyGenerator, AnyNet, Encoder
from limbeck.percept import LPIPS, at_least

_PSI = 0.7


class Found(NamedTuple):
    """What an image was inverted to.

    Attributes:
        w: float32 [1, w_dim] by the encoder, [1, num_ws, w_dim] after steps; on the CPU.
        image: what the generator draws there: uint8 or float32 [3, S, S] on the CPU, or PIL.
        distance: LPIPS-AlexNet between the image's square and that, on at least 64 px.
    """

    w: Tensor
    image: Tensor | Image.Image
    distance: float


class Editing:
    """The part of a pipeline that edits; see `Pipeline` for the attributes."""

    config: AnyNet
    G_ema: AnyGenerator
    E_ema: Encoder | None
    modes: ModeCentres | None
    settings: Config | None

    @property
    def device(self) -> torch.device:
        """Where the networks lie."""
        return self.G_ema.mapping.w_avg.device

    @property
    def psi(self) -> float:
        """Strength of truncation where none is asked for: that of the run that made it, or 0.7."""
        psi = self.settings.sample.psi if self.settings else _PSI
        return _PSI if psi == "auto" else psi

    @property
    def _truncation(self) -> Truncation:
        return "multimodal-lpips" if self.modes is not None else "global"

    @cached_property
    def _lpips(self) -> LPIPS:
        return LPIPS.load("alex").to(self.device)

    @overload
    def invert(
        self,
        image: Picture,
        *,
        output: Output = "uint8",
        steps: int = 0,
        settings: Inversion | None = None,
    ) -> Found: ...
    @overload
    def invert(
        self,
        image: list[Picture] | tuple[Picture, ...],
        *,
        output: Output = "uint8",
        steps: int = 0,
        settings: Inversion | None = None,
    ) -> list[Found]: ...
    def invert(
        self,
        image: Picture | Sequence[Picture],
        *,
        output: Output = "uint8",
        steps: int = 0,
        settings: Inversion | None = None,
    ) -> Found | list[Found]:
        """The latent of an image, what the generator makes of it, and how far apart they are.

        Args:
            image: PIL image; uint8 tensor [3, H, W] or [1, 3, H, W]; uint8 array [H, W, 3]; or the
                path of an image's file. The centre square is used; see `centre_square`. Or a list
                of these.
            output: kind of the image that comes back: `uint8`, `float` or `pil`.
            steps: 0 = the encoder's answer, one w. More: so many steps of optimisation from there
                (or from the nearest mode), a third with one w for all layers, then with one each.
            settings: all of an inversion's settings, instead of `steps`.

        Returns:
            A `Found`, which is also the tuple (w, image, distance); of a list a list of them.

        Raises:
            UsageError: the model has no encoder and `steps` is 0; no such number of steps; the
                image is of another form; both `steps` and `settings` are given, or `settings` that
                tune the generator, which `limbeck.editing.invert` gives back.
            DataError: no image lies at that path, or it cannot be decoded.
        """
        check_output(output)
        many = isinstance(image, list | tuple)
        pictures = list(image) if isinstance(image, list | tuple) else [image]
        if settings is not None and (steps or settings.steps_tune):
            raise UsageError(
                "settings, and steps or steps_tune",
                "give steps, or settings; a tuned generator comes from limbeck.editing.invert",
            )
        if not settings and not steps and self.E_ema is None:
            raise UsageError(
                "this model has no encoder",
                "give steps, e.g. 300, which need none; or train without --no-encoder",
            )
        if not pictures:
            return []
        squares = torch.cat([centre_square(one, self.config.size) for one in pictures])
        if steps:
            settings = Inversion.of(steps_w=steps // 3, steps_w_plus=steps - steps // 3)
        if settings is None:
            found = self._guessed(squares, output)
        else:
            found = self._searched(squares, output, settings)
        return found if many else found[0]

    @torch.no_grad()
    def _guessed(self, squares: Tensor, output: Output) -> list[Found]:
        """By the encoder."""
        assert self.E_ema is not None
        x = to_float(squares.to(self.device))
        w = self.E_ema(x)
        y = self.G_ema.synthesis(self.G_ema.broadcast(w), noise="const").float().clamp(-1, 1)
        distances = self._lpips.distance(at_least(x, 64), at_least(y, 64)).tolist()
        images = packed([*(y if output == "float" else to_uint8(y)).cpu()], output, x.shape[-1])
        each = zip(w.float().cpu(), images, distances, strict=True)
        return [Found(one[None], image, distance) for one, image, distance in each]

    def _searched(self, squares: Tensor, output: Output, settings: Inversion) -> list[Found]:
        """By optimisation."""
        last = find_latents(self, squares, settings, encoder=self.E_ema, modes=self.modes).final
        drawn = images_of_w(self, last.ws, as_float=output == "float")
        images = packed(list(drawn), output, self.config.size)
        rows = zip(last.ws, images, last.figures, strict=True)
        return [Found(ws[None], image, row.lpips) for ws, image, row in rows]

    def points(
        self,
        what: Places,
        psi: Psi | None = None,
        truncation: Truncation | None = None,
        *,
        cutoff: int | None = None,
        mode_index: int | None = None,
        label: str | int = "natural",
    ) -> list[Point]:
        """Places in latent space: what `edit`, `mix` and `walk` take, with their names.

        Args:
            what: seeds, which are truncated; latents, images (by the encoder), `Point`s, or texts
                as the command line takes them: see `Places`.
            psi, truncation, cutoff, mode_index: of seeds, as `Pipeline` draws them.
            label: where the generator has classes: `natural`, `uniform`, or one class.

        Raises:
            UsageError: something that is no place; an image without an encoder.
            DataError: a file that cannot be read.
        """
        how = Seeding(
            psi=self.psi if psi is None else psi, truncation=truncation or self._truncation,
            modes=self.modes, mode_index=mode_index, label=label, cutoff=cutoff,
        )  # fmt: skip
        return points_for(self, what, how)

    def directions(self, out: Path | str, settings: DirectionSettings | None = None) -> Directions:
        """Directions in which images can be changed, found and measured; see `find_directions`.

        Args:
            out: folder for them and their atlas; what lies there of the same settings is read.
            settings: method, layers, modes; None = ten by PCA.

        Raises:
            UsageError, DataError: as `limbeck.editing.find_directions`.
        """
        wanted = settings or DirectionSettings.of(method="pca", psi=self.psi)
        return find_directions(self, Path(out), wanted, modes=self.modes)

    def edit(
        self,
        what: Places,
        moves: Sequence[Move],
        *,
        psi: Psi | None = None,
        truncation: Truncation | None = None,
        cutoff: int | None = None,
        mode_index: int | None = None,
        label: str | int = "natural",
        mask: Tensor | None = None,
        noise: NoiseKind = "const",
        output: Output = "uint8",
    ) -> Tensor | list[Image.Image]:
        """Images of places after moves, e.g. `edit(range(4), [(found.find(0).direction, 2.0)])`.

        Args:
            what: as `points`.
            moves: directions and strengths; all at once.
            psi, truncation, cutoff, mode_index, label: of seeds, as `points`.
            mask: where the change may show, [h, w] in 0..1, e.g. `found.find(0).mask`.
            noise: `const`, `random` or `none`.
            output: `uint8`, `float` or `pil`.

        Raises:
            UsageError: directions of another generator, or as `points`.
        """
        check_output(output)
        points = self.points(
            what, psi, truncation, cutoff=cutoff, mode_index=mode_index, label=label
        )
        ws = stacked(points)
        images = edited(self, ws, moves, mask=mask, noise=noise, as_float=output == "float")
        return packed(list(images), output, self.config.size)

    def mix(
        self,
        rows: Places,
        columns: Places,
        layers: str | Sequence[int] = "coarse",
        *,
        psi: Psi | None = None,
        truncation: Truncation | None = None,
        cutoff: int | None = None,
        mode_index: int | None = None,
        label: str | int = "natural",
        noise: NoiseKind = "const",
    ) -> Mixes:
        """Images of each row with some layers of each column; `sheet()` of it is the whole grid.

        Args:
            rows, columns: as `points`.
            layers: what comes from the columns: `coarse`, `middle`, `fine`, `0-3,5`, or numbers.
            psi, truncation, cutoff, mode_index, label: of seeds, as `points`.
            noise: `const`, `random` or `none`.

        Raises:
            UsageError: as `limbeck.editing.mix` and `points`.
        """
        left, top = (
            self.points(one, psi, truncation, cutoff=cutoff, mode_index=mode_index, label=label)
            for one in (rows, columns)
        )
        return mixed(self, left, top, layers, noise=noise)

    def walk(
        self,
        stops: Places,
        frames: int = 96,
        *,
        loop: bool = False,
        through: Through = "straight",
        even: bool = True,
        easing: Easing = "linear",
        psi: Psi | None = None,
        truncation: Truncation | None = None,
        cutoff: int | None = None,
        mode_index: int | None = None,
        label: str | int = "natural",
        noise: NoiseKind = "const",
    ) -> Walk:
        """A walk from place to place: iterate over it for its frames, uint8 [3, S, S] each.

        Nothing is drawn before its turn, so a walk may be long. `limbeck.editing.write_film` makes
        a film of one.

        Args:
            stops: two places or more, as `points`.
            frames: how many; a loop of N is closed, frame N would be frame 0.
            loop, through, even, easing: as `limbeck.editing.walk`.
            psi, truncation, cutoff, mode_index, label: of seeds, as `points`.
            noise: `const` or `none`.

        Raises:
            UsageError: as `limbeck.editing.walk` and `points`.
        """
        places = self.points(
            stops, psi, truncation, cutoff=cutoff, mode_index=mode_index, label=label
        )
        whole = (truncation or self._truncation) == "none"
        strength: Psi = 1.0 if whole else self.psi if psi is None else psi
        return walked(
            self, places, frames=frames, loop=loop, through=through, even=even, easing=easing,
            modes=self.modes, psi=strength, cutoff=cutoff, noise=noise,
        )  # fmt: skip
