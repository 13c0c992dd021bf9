"""What a pipeline does with photos and latents: inverting them, and the images of edited ones."""

from collections.abc import Sequence
from functools import cached_property
from typing import NamedTuple, overload

import torch
from PIL import Image
from torch import Tensor

from limbeck.config import Config, Truncation
from limbeck.editing import Inversion
from limbeck.editing import invert as find_latents
from limbeck.errors import UsageError
from limbeck.kit.images import to_float, to_uint8
from limbeck.latents import ModeCentres, images_of_w
from limbeck.model.images import Output, Picture, centre_square, check_output, packed
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
            UsageError: the model has no encoder and `steps` is 0; the image is of another form;
                both `steps` and `settings` are given, or `settings` that tune the generator, which
                `limbeck.editing.invert` gives back.
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
            settings = Inversion(steps_w=steps // 3, steps_w_plus=steps - steps // 3)
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
