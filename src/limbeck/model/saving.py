"""A pipeline as the files of a model folder."""

from __future__ import annotations

import time
from pathlib import Path
from typing import TYPE_CHECKING

from limbeck import fsio
from limbeck.artefacts.mode_marks import write_marks
from limbeck.artefacts.model_folder import (
    CARD,
    CONFIG,
    MODES,
    SHEETS,
    ModelConfig,
    ModelFile,
    Precision,
    describe,
    without_folders,
)
from limbeck.artefacts.model_weights import write_part
from limbeck.artefacts.stage import Provenance
from limbeck.config import NetConfig, Truncation
from limbeck.kit.images import grid, resize_area, save_png
from limbeck.latents import ModeCentres, ModeMarks, tensors_digest
from limbeck.model.card import SHOWN_MODES, shown_seeds, write_card
from limbeck.nets import Discriminator

if TYPE_CHECKING:
    from limbeck.model.pipeline import Pipeline

_LARGE = 256  # pixels above which fewer images are drawn, a few at a time


def write_folder(
    model: Pipeline,
    folder: Path,
    dtype: Precision,
    most: int,
    discriminator: Discriminator | None = None,
) -> None:
    """Write weights, modes and their marks, README.md, its pictures, config.json and done.json.

    Args:
        model: what to write.
        folder: an empty folder.
        dtype: of the stored weights and of the modes' embeddings.
        most: bytes of weights in one file.
        discriminator: goes with it where it is given.

    Raises:
        DataError: weights that are not finite in that dtype; the folder cannot be written.
        UsageError: `most` is no number of bytes.
    """
    started = time.perf_counter()
    files: dict[str, ModelFile] = write_part(folder, "generator", model.G_ema, dtype, most)
    if model.E_ema is not None:
        files |= write_part(folder, "encoder", model.E_ema, dtype, most)
    if discriminator is not None:
        files |= write_part(folder, "discriminator", discriminator, dtype, most)
    if model.modes is not None:
        files[MODES] = _write_modes(model.modes, folder, half=dtype == "float16")
    sheets = _draw_sheets(model, folder)
    about = ModelConfig(
        kind="stylegan2" if isinstance(model.config, NetConfig) else "stylegan3",
        net=model.config, dtype=dtype, licence=model.licence, data=model.data,
        measured=model.measured,
        settings=None if model.settings is None else without_folders(model.settings),
        files=files,
    )  # fmt: skip
    marks = ModeMarks() if model.modes is None else model.modes.marks
    fsio.write_text(folder / CARD, write_card(about, len(model.modes or ()), sheets, marks))
    fsio.write_json(folder / CONFIG, about.model_dump(mode="json"))
    inputs = {"generator": tensors_digest(model.G_ema.state_dict())}
    summary = {"dtype": dtype, "bytes": sum(file.bytes for file in files.values())}
    provenance = Provenance.of(inputs, {"dtype": dtype, "licence": model.licence})
    provenance.finish(folder, "model", started=started, summary=summary)


def _write_modes(modes: ModeCentres, folder: Path, *, half: bool) -> ModelFile:
    modes.save(folder / MODES, half=half)
    if modes.marks:  # embeddings in float16 are other modes to a digest
        stored = ModeCentres.load(folder / MODES) if half else modes
        write_marks(folder, stored.digest(), modes.marks)
    return describe(folder / MODES)


def _draw_sheets(model: Pipeline, folder: Path) -> tuple[str, ...]:
    """The card's pictures: seeds, and the centres of the largest modes."""
    truncation: Truncation = "multimodal-lpips" if model.modes else "global"
    large = model.config.size > _LARGE
    seeds = range(shown_seeds(model.config.size))
    sheets = {
        SHEETS[0]: model(
            seeds, truncation=truncation, batch=1 if large else 16, progress=large or None
        )
    }
    if model.modes is not None and (shown := model.modes.shown[:SHOWN_MODES]):
        sheets[SHEETS[1]] = model.generate(model.modes.targets[shown])
    for name, pictures in sheets.items():
        small = resize_area(pictures, min(model.config.size, 128))
        save_png(grid(small, min(8, len(small))), folder / name)
    return tuple(sheets)
