"""What a generated image's file says of how it was drawn, so that it can be drawn again."""

from collections.abc import Sequence
from dataclasses import dataclass

from torch import Tensor

from limbeck import __version__
from limbeck.config import Truncation
from limbeck.kit.images import encode_png
from limbeck.latents import NoiseKind, Psi


@dataclass(frozen=True)
class HowDrawn:
    """How images were drawn.

    Attributes:
        generator: digest of the generator's weights (`latents.tensors_digest`).
        psi: strength of truncation, one, or one for each layer.
        truncation: its name.
        noise: kind of noise.
        cutoff: how many layers were truncated; None = all, or as `psi` says.
    """

    generator: str
    psi: Psi
    truncation: Truncation
    noise: NoiseKind = "const"
    cutoff: int | None = None

    def text(
        self, seed: int | str, mode: int | None = None, label: int | str | None = None
    ) -> dict[str, str]:
        """The words that a PNG carries, by name: Software, seed, psi, truncation, model, ...

        Args:
            seed: of the image, or words that say what it is of.
            mode: that it was pulled to, if any.
            label: its class, if any.
        """
        strengths = self.psi if isinstance(self.psi, Sequence) else [self.psi]
        told: dict[str, object] = {
            "Software": f"limbeck {__version__}",
            "seed": seed,
            "psi": ",".join(f"{one:g}" for one in strengths),
            "truncation": self.truncation,
            "mode": mode,
            "noise": self.noise,
            "cutoff": self.cutoff,
            "class": label,
            "model": self.generator,
        }
        return {name: str(value) for name, value in told.items() if value is not None}


def told_png(
    image: Tensor,
    how: HowDrawn,
    seed: int | str,
    mode: int | None = None,
    label: int | str | None = None,
) -> bytes:
    """A PNG file of uint8 [3, H, W] that says how it was drawn; see `HowDrawn.text`."""
    return encode_png(image, how.text(seed, mode, label))
