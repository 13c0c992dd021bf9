"""A trained model in use: seeds to pictures, pictures to latents, and its folder."""

import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

import torch
from PIL import Image, ImageOps
from torch import Tensor

from limbeck import fsio, rundir
from limbeck.artefacts import fresh
from limbeck.config import Config, NetConfig, Truncation
from limbeck.errors import DataError, UsageError
from limbeck.kit.device import pick_device
from limbeck.kit.images import grid, resize_area, save_png, to_float, to_uint8
from limbeck.latents import ModeCentres, needs_pictures, paint_seeds, tensors_digest
from limbeck.model.card import write_card
from limbeck.model.folder import (
    ENCODER,
    GENERATOR,
    MODES,
    FileName,
    ModelConfig,
    ModelFile,
    Precision,
    describe,
    load_module,
    read_config,
    verify,
    write_module,
)
from limbeck.nets import Encoder, Generator, Networks, prepare
from limbeck.percept import LPIPS, at_least

_SHOWN = range(32)


@dataclass(frozen=True)
class _Averages:
    """What a model folder holds of `Networks`."""

    config: NetConfig
    G_ema: Generator
    E_ema: Encoder | None


class Pipeline:
    """A trained model in use: `Pipeline.from_pretrained(dir)(range(8))`.

    Attributes:
        config: shapes of the networks.
        G_ema: the averaged generator.
        E_ema: the averaged encoder, or None.
        modes: centres for multi-modal truncation, or None.
        settings: configuration of the run that made it, or None.
        licence: of the weights, in words.
        data: facts about the photos, for the model card.
    """

    def __init__(
        self,
        networks: "Networks | _Averages",
        modes: ModeCentres | None,
        *,
        config: Config | None = None,
        licence: str = "not stated",
        data: Mapping[str, str | int | float] | None = None,
    ) -> None:
        """Use networks where they lie (their device, their compute dtype)."""
        self.config = networks.config
        self.G_ema = networks.G_ema
        self.E_ema = networks.E_ema
        self.modes = modes
        self.settings = config
        self.licence = licence
        self.data = dict(data or {})

    @property
    def device(self) -> torch.device:
        """Where the networks lie."""
        return self.G_ema.mapping.w_avg.device

    @cached_property
    def _lpips(self) -> LPIPS:
        return LPIPS.load("alex").to(self.device)

    def __call__(
        self,
        seeds: Sequence[int],
        psi: float = 0.7,
        truncation: Truncation = "multimodal-lpips",
        *,
        mode_index: int | None = None,
        batch: int = 16,
        labels: Sequence[int] | None = None,
    ) -> Tensor:
        """Pictures uint8 [N, 3, S, S] on the CPU, one a seed; as `limbeck.sample` draws them.

        Raises:
            UsageError: see `limbeck.sample`.
        """
        embedder = self._lpips if needs_pictures(truncation) and self.modes else None
        drawn = paint_seeds(
            self, seeds, psi=psi, truncation=truncation, modes=self.modes, embedder=embedder,
            mode_index=mode_index, batch=batch, labels=labels,
        )  # fmt: skip
        images = [one.image for one in drawn]
        size = self.config.size
        return torch.stack(images) if images else torch.empty(0, 3, size, size, dtype=torch.uint8)

    @torch.no_grad()
    def paint(self, w: Tensor) -> Tensor:
        """Latents float [N, w_dim] -> uint8 [N, 3, S, S] on the CPU, constant noise."""
        ws = self.G_ema.broadcast(w.to(self.device))
        return to_uint8(self.G_ema.synthesis(ws, noise="const")).cpu()

    @torch.no_grad()
    def invert(self, image: Image.Image | Tensor) -> tuple[Tensor, Tensor, float]:
        """The latent of a picture, what the generator makes of it, and how far apart they are.

        Args:
            image: PIL image, or uint8 [3, H, W] or [1, 3, H, W]; the centre square is used.

        Returns:
            w float32 [1, w_dim], picture uint8 [3, S, S], both on the CPU, and LPIPS-AlexNet
            between the picture and the square, on at least 64 px (METHOD 2, step 4).

        Raises:
            UsageError: the model has no encoder, or the image is of another form.
        """
        if self.E_ema is None:
            raise UsageError("this model has no encoder", "train without --no-encoder")
        x = to_float(_square(image, self.config.size).to(self.device))
        w = self.E_ema(x)
        y = self.G_ema.synthesis(self.G_ema.broadcast(w), noise="const").float().clamp(-1, 1)
        distance = self._lpips.distance(at_least(x, 64), at_least(y, 64))
        return w.float().cpu(), to_uint8(y)[0].cpu(), float(distance[0])

    def save_pretrained(self, folder: Path | str, *, dtype: Precision = "float32") -> None:
        """Write the model folder: weights, modes, README.md, samples.png, and config.json last.

        The same networks give the same weights' files.

        Args:
            folder: new, empty, or a model folder, which is replaced (see `artefacts.fresh`).
            dtype: of the stored weights and of the modes' embeddings; float16 halves them.

        Raises:
            DataError: weights that are not finite in that dtype; the folder cannot be written.
        """
        started = time.perf_counter()
        with fresh(Path(folder), "model") as building:
            self._write(building, dtype, started)

    def _write(self, folder: Path, dtype: Precision, started: float) -> None:
        files: dict[FileName, ModelFile] = {}
        for name, module in ((GENERATOR, self.G_ema), (ENCODER, self.E_ema)):
            if module is not None:
                files[name] = write_module(folder / name, module, dtype)
        if self.modes is not None:
            self.modes.save(folder / MODES, half=dtype == "float16")
            files[MODES] = describe(folder / MODES)
        truncation: Truncation = "multimodal-lpips" if self.modes else "global"
        pictures = resize_area(self(_SHOWN, truncation=truncation), min(self.config.size, 128))
        save_png(grid(pictures, 8), folder / "samples.png")
        about = ModelConfig(
            net=self.config, dtype=dtype, licence=self.licence, data=self.data,
            settings=self.settings, files=files,
        )  # fmt: skip
        fsio.write_text(folder / "README.md", write_card(about, len(self.modes or ())))
        fsio.write_json(folder / "config.json", about.model_dump(mode="json"))
        rundir.finish(
            folder, "model",
            inputs={"generator": tensors_digest(self.G_ema.state_dict())},
            config={"dtype": dtype, "licence": self.licence},
            started=started,
            summary={"dtype": dtype, "bytes": sum(file.bytes for file in files.values())},
        )  # fmt: skip

    @classmethod
    def from_pretrained(cls, folder: Path | str, *, device: str = "auto") -> "Pipeline":
        """Load a model folder. Nothing in it is executed; weights become float32.

        Raises:
            DataError: names the file and the field that is missing, damaged or does not fit.
            UsageError: no such device.
        """
        folder, where = Path(folder), pick_device(device)
        about = read_config(folder)
        for name, file in about.files.items():
            verify(folder / name, file)
        G = load_module(Generator, about.net, folder / GENERATOR, about.dtype)
        has_encoder = ENCODER in about.files
        E = load_module(Encoder, about.net, folder / ENCODER, about.dtype) if has_encoder else None
        modes = ModeCentres.load(folder / MODES) if MODES in about.files else None
        if modes is not None and modes.centres.shape[1] != about.net.w_dim:
            raise DataError(
                f"{folder}: centres of {MODES} have {modes.centres.shape[1]} numbers, "
                f"net.w_dim in config.json is {about.net.w_dim}",
                "the files are of different models; fetch the folder again",
            )
        parts = _Averages(about.net, G.to(where), None if E is None else E.to(where))
        for module in (parts.G_ema, parts.E_ema):
            if module is not None:
                prepare(module, torch.float32)
        return cls(
            parts, modes, config=about.settings, licence=about.licence, data=about.data
        )  # fmt: skip


def _square(image: Image.Image | Tensor, size: int) -> Tensor:
    """The centre square as uint8 [1, 3, size, size]."""
    if isinstance(image, Image.Image):
        upright = ImageOps.exif_transpose(image).convert("RGB")
        fitted = ImageOps.fit(upright, (size, size), Image.Resampling.LANCZOS)
        flat = torch.frombuffer(bytearray(fitted.tobytes()), dtype=torch.uint8)
        return flat.view(1, size, size, 3).permute(0, 3, 1, 2).contiguous()
    picture = image[None] if image.ndim == 3 else image
    if picture.dtype != torch.uint8 or picture.ndim != 4 or picture.shape[:2] != (1, 3):
        raise UsageError(
            f"invert got {image.dtype} {tuple(image.shape)}", "give a PIL image or uint8 [3, H, W]"
        )
    height, width = picture.shape[-2:]
    side = min(height, width)
    top, left = (height - side) // 2, (width - side) // 2
    return resize_area(picture[..., top : top + side, left : left + side], size)
