"""A trained model in use: seeds to images, images to latents, and its folder."""

import copy
import tempfile
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal, Self, overload

import numpy as np
import torch
from numpy.typing import NDArray
from PIL import Image
from torch import Tensor

from limbeck import logs
from limbeck.artefacts.folders import fresh
from limbeck.artefacts.model_folder import (
    Measured,
    Precision,
)
from limbeck.artefacts.model_weights import SHARD_BYTES
from limbeck.config import Config, Truncation
from limbeck.editing import with_difference
from limbeck.errors import UsageError
from limbeck.kit.device import pick_device
from limbeck.latents import (
    Labels,
    ModeCentres,
    NoiseKind,
    Psi,
    Seeds,
    check_latents,
    images_of_seeds,
    images_of_w,
    needs_pictures,
)
from limbeck.model.edits import Editing
from limbeck.model.finding import model_folder, open_model
from limbeck.model.images import Output, check_output, packed
from limbeck.model.publishing import publication, publish
from limbeck.model.saving import write_folder
from limbeck.model.seeding import choose_seeds
from limbeck.nets import AnyGenerator, AnyNet, Discriminator, Networks, prepare
from limbeck.percept import LPIPS

_PSI = 0.7
_MANY = 256  # images, from which on progress is shown


@dataclass(frozen=True)
class _Ask:
    """How to draw, as the caller said it; None = by default."""

    psi: Psi | None
    truncation: Truncation | None
    mode_index: int | None
    batch: int
    as_float: bool
    cutoff: int | None
    noise: NoiseKind


class Pipeline(Editing):
    """A trained model in use: `Pipeline.from_pretrained(dir)(range(8))`.

    Attributes:
        config: shapes of the networks.
        G_ema: the averaged generator.
        E_ema: the averaged encoder, or None.
        modes: centres for multi-modal truncation, with what a person says of them (`modes.marks`,
            see `limbeck.modes.mark_mode`), or None. Marks are saved with the model.
        settings: configuration of the run that made it, or None.
        licence: of the weights, in words.
        data: facts about the photos, for the model card.
        measured: figures of the generator, for the model card.
    """

    def __init__(
        self,
        networks: Networks,
        modes: ModeCentres | None,
        *,
        config: Config | None = None,
        licence: str = "not stated",
        data: Mapping[str, str | int | float] | None = None,
        measured: Sequence[Measured] = (),
    ) -> None:
        """Use networks where they lie (their device, their compute dtype)."""
        self.config: AnyNet = networks.config
        self.G_ema: AnyGenerator = networks.G_ema
        self.E_ema = networks.E_ema
        self.modes = modes
        self.settings = config
        self.licence = licence
        self.data = dict(data or {})
        self.measured = tuple(measured)

    def tuned(self, file: Path | str) -> Self:
        """Another pipeline, whose generator was tuned to photos by `limbeck invert --tune`.

        Args:
            file: the tuned.safetensors that it wrote for this model.

        Raises:
            DataError: no such file, or of another model.
        """
        made = copy.copy(self)
        made.G_ema = with_difference(self, Path(file))
        return made

    def to(self, device: torch.device | str) -> Self:
        """Move networks, modes and LPIPS, in place, and return the pipeline itself.

        Networks that a caller goes on using move with it.

        Raises:
            UsageError: no such device; nothing has moved then.
        """
        if str(device).startswith("meta"):
            raise UsageError("device 'meta' holds no numbers", "give auto, cpu, cuda or mps")
        where = pick_device(str(device))
        for module in (self.G_ema, self.E_ema):
            if module is not None:
                module.to(where)
                if any(getattr(layer, "ready", None) is not None for layer in module.modules()):
                    body = module.synthesis if isinstance(module, AnyGenerator) else module
                    prepare(module, getattr(body, "compute_dtype", torch.float32))
        self.modes = None if self.modes is None else self.modes.to(where)
        if "_lpips" in vars(self):
            self._lpips.to(where)
        return self

    @overload
    def __call__(
        self,
        seeds: Seeds | None = None,
        psi: Psi | None = None,
        truncation: Truncation | None = None,
        *,
        output: Literal["uint8", "float"] = "uint8",
        n: int | None = None,
        generator: torch.Generator | None = None,
        mode_index: int | None = None,
        batch: int = 16,
        labels: Labels = "natural",
        cutoff: int | None = None,
        noise: NoiseKind = "const",
        progress: bool | None = None,
    ) -> Tensor: ...
    @overload
    def __call__(
        self,
        seeds: Seeds | None = None,
        psi: Psi | None = None,
        truncation: Truncation | None = None,
        *,
        output: Literal["pil"],
        n: int | None = None,
        generator: torch.Generator | None = None,
        mode_index: int | None = None,
        batch: int = 16,
        labels: Labels = "natural",
        cutoff: int | None = None,
        noise: NoiseKind = "const",
        progress: bool | None = None,
    ) -> list[Image.Image]: ...
    def __call__(
        self,
        seeds: Seeds | None = None,
        psi: Psi | None = None,
        truncation: Truncation | None = None,
        *,
        output: Output = "uint8",
        n: int | None = None,
        generator: torch.Generator | None = None,
        mode_index: int | None = None,
        batch: int = 16,
        labels: Labels = "natural",
        cutoff: int | None = None,
        noise: NoiseKind = "const",
        progress: bool | None = None,
    ) -> Tensor | list[Image.Image]:
        """Images of seeds, as `limbeck.sample` draws them, or of latents.

        Args:
            seeds: one whole number from 0 to 2**63 - 1, or a sequence, tensor or array of them:
                one seed, one image. Or latents, float [N, w_dim] or [N, num_ws, w_dim], drawn as
                they are unless `psi`, `truncation` or `cutoff` is given. None: random seeds;
                without `generator` they are fresh and told on stderr.
            psi: strength, 0 = the target itself, 1 = not truncated, default: `psi`; beyond, with a
                warning, it exaggerates. One, or one for each layer.
            truncation: see `latents.target_for`; default multimodal-lpips, or global without modes.
            output: `uint8`: tensor uint8 [N, 3, S, S]; `float`: float32 in [-1, 1] [N, 3, S, S],
                not rounded to 8 bits; `pil`: list of PIL RGB images. Tensors lie on the CPU.
            n: how many random seeds; default 1. Not with `seeds`.
            generator: where random seeds come from; the same state gives the same ones.
            mode_index: the mode, for truncation `index`.
            batch: images at once; changes an image by at most 1/255.
            labels: where the generator has classes: `natural`, as often as in training; `uniform`,
                all alike; or the class of each seed, by number or name.
            cutoff: how many layers are truncated, from the first on; None = all.
            noise: `const` (the stored maps), `random` (another for each image), `none`.
            progress: a bar on stderr, where that is a terminal; None = from 256 images on.

        Raises:
            UsageError: seeds, latents or options that cannot be drawn; see `limbeck.sample`.
        """
        check_output(output)
        ask = _Ask(psi, truncation, mode_index, batch, output == "float", cutoff, noise)
        if isinstance(seeds, Tensor | np.ndarray) and _holds_floats(seeds):
            if not isinstance(labels, str) or n is not None or generator is not None:
                raise UsageError("latents take no labels, n or generator", "leave these out")
            total, images = len(seeds), self._of_latents(seeds, ask)
        else:
            chosen = choose_seeds(seeds, n, generator)
            total, images = len(chosen), self._of_seeds(chosen, ask, labels)
        if progress or (progress is None and total >= _MANY):
            images = logs.track(images, "pictures", total)
        return packed(list(images), output, self.config.size)

    def _of_seeds(self, seeds: Sequence[int], ask: "_Ask", labels: Labels) -> Iterator[Tensor]:
        truncation = ask.truncation or self._truncation
        drawn = images_of_seeds(
            self, seeds, psi=self.psi if ask.psi is None else ask.psi, truncation=truncation,
            modes=self.modes, embedder=self._embedder(truncation), mode_index=ask.mode_index,
            batch=ask.batch, labels=labels, as_float=ask.as_float, cutoff=ask.cutoff,
            noise=ask.noise,
        )  # fmt: skip
        return (one.image for one in drawn)

    def _of_latents(self, w: Tensor | NDArray[Any], ask: "_Ask") -> Iterator[Tensor]:
        asked = any(one is not None for one in (ask.psi, ask.truncation, ask.cutoff))
        truncation = ask.truncation or (self._truncation if asked else "none")
        return images_of_w(
            self, w, psi=self.psi if ask.psi is None else ask.psi, truncation=truncation,
            modes=self.modes, embedder=self._embedder(truncation), mode_index=ask.mode_index,
            batch=ask.batch, as_float=ask.as_float, cutoff=ask.cutoff, noise=ask.noise,
        )  # fmt: skip

    def _embedder(self, truncation: Truncation) -> LPIPS | None:
        return self._lpips if needs_pictures(truncation) and self.modes else None

    def generate(self, w: Tensor) -> Tensor:
        """Latents float [N, w_dim] or [N, num_ws, w_dim] -> uint8 [N, 3, S, S] on the CPU.

        Nothing is truncated; constant noise.

        Raises:
            UsageError: latents that do not fit this generator.
        """
        return self(check_latents(self, w))

    def save_pretrained(
        self,
        folder: Path | str,
        *,
        dtype: Precision = "float32",
        max_shard_size: int = SHARD_BYTES,
        discriminator: Discriminator | None = None,
    ) -> None:
        """Write the model folder: weights, modes, README.md, its pictures, and config.json last.

        Marks of modes go with them as marks.csv. The same networks give the same weights' files.

        Args:
            folder: new, empty, or a model folder, which is replaced (see `artefacts.fresh`).
            dtype: of the stored weights and of the modes' embeddings; float16 halves them.
            max_shard_size: bytes of weights in one file; larger networks become several files and
                an index.
            discriminator: a D that goes with it, so that a training can begin with both.

        Raises:
            DataError: weights that are not finite in that dtype; the folder cannot be written.
            UsageError: `max_shard_size` is no number of bytes.
        """
        with fresh(Path(folder), "model") as building:
            write_folder(self, building, dtype, max_shard_size, discriminator)

    def push_to_hub(
        self,
        repo_id: str,
        *,
        private: bool = False,
        message: str = "",
        keep_card: bool = False,
        dtype: Precision = "float32",
        max_shard_size: int = SHARD_BYTES,
    ) -> str:
        """Publish the model on the Hugging Face hub (extra `hub`), in one commit.

        The token is the hub library's own affair (`hf auth login`, or HF_TOKEN). What is there of
        an earlier model folder is replaced, and stays in the history; other files stay.

        Args:
            repo_id: `owner/name`; made where it is not there.
            private: whether a new one is seen by its owner alone.
            message: of the commit.
            keep_card: leave the README.md that is there as it is.
            dtype: as `save_pretrained`.
            max_shard_size: as `save_pretrained`.

        Returns:
            The address of the commit.

        Raises:
            UsageError: no such name, or nobody is logged in.
            DataError: another model lies there; the hub refuses, or cannot be reached.
        """
        with tempfile.TemporaryDirectory(prefix="limbeck-push-") as temporary:
            folder = Path(temporary) / "model"
            self.save_pretrained(folder, dtype=dtype, max_shard_size=max_shard_size)
            what = publication(folder, repo_id)
            return publish(what, private=private, message=message, keep_card=keep_card)

    @classmethod
    def from_pretrained(cls, folder: Path | str, *, device: str = "auto") -> Self:
        """Load a model folder, the model of a run, or a model of the Hugging Face hub.

        Nothing is executed; weights become float32. Of the hub, only the files of the format are
        fetched, into the hub library's cache, and each is compared with config.json's sha256.

        Args:
            folder: made by `limbeck run` (the run, or its model/), `limbeck export` or
                `save_pretrained`. Or a text `owner/name` or `owner/name@revision`, where no folder
                `owner` lies here; `hf://owner/name` always means the hub (extra `hub`).
            device: auto, cpu, cuda or mps.

        Raises:
            DataError: something else lies there (says what), or names the file and the field that
                is missing, damaged or does not fit; the hub refuses, or cannot be reached.
            UsageError: no such device, or no path.
        """
        parts, modes, about = open_model(model_folder(folder), pick_device(device))
        return cls(
            parts, modes, config=about.settings, licence=about.licence, data=about.data,
            measured=about.measured,
        )  # fmt: skip


def _holds_floats(values: Tensor | NDArray[Any]) -> bool:
    if isinstance(values, Tensor):
        return values.is_floating_point() and values.ndim > 0
    return bool(np.issubdtype(values.dtype, np.floating)) and values.ndim > 0
