"""A small real run of photos with facts and copies, and a search for the pixels of one of them."""

import base64
import io
import json
import os
import re
import shutil
import tarfile
import time
from collections.abc import Iterator
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow.parquet as pq
import pytest
from numpy.typing import NDArray
from PIL import Image
from scipy.signal import fftconvolve

from limbeck import chain, fsio
from limbeck.artefacts.folders import fresh
from limbeck.artefacts.scores import Scores
from limbeck.artefacts.stage import Provenance
from limbeck.chain import stages
from limbeck.config import Config
from limbeck.data import Dataset, write_dataset
from limbeck.ingestion import stage
from limbeck.modes import find_modes
from limbeck.nets import Networks
from limbeck.presets import preset

PHOTOS = 16
SIDE = 64
TAKEN = "walk/p03.png"  # with twin.png, byte for byte, and q-again.jpg, to the eye
COPIES = (TAKEN, "walk/q-again.jpg", "walk/twin.png")
URL, AUTHOR = "https://example.org/photos/3", "Ada Quartermain"
_SHARD = 6 * 3 * SIDE * SIDE  # bytes: six photos a shard
SIZES = (16, 32, 64, 96, 176)
ALIKE = 0.93


def drawn(number: int) -> Image.Image:
    """A picture of soft colours like no other."""
    rng = np.random.default_rng(number)
    coarse = Image.fromarray(rng.integers(0, 256, (5, 5, 3), dtype=np.uint8))
    soft = np.asarray(coarse.resize((SIDE, SIDE), Image.Resampling.BICUBIC), dtype=np.int16)
    noisy = soft + rng.integers(-8, 9, soft.shape)
    return Image.fromarray(noisy.clip(0, 255).astype(np.uint8))


def draw_walk(photos: Path) -> Path:
    """Photos in a folder `walk`, with metadata.jsonl, a copy and a near copy of p03."""
    folder = photos / "walk"
    folder.mkdir(parents=True)
    for number in range(PHOTOS):
        drawn(number).save(folder / f"p{number:02d}.png")
        facts = {
            "file_name": f"walk/p{number:02d}.png", "author": f"Somebody {number}",
            "url": f"https://example.org/photos/{number}", "license": "by",
        }  # fmt: skip
        if number == 3:
            facts["author"] = AUTHOR
        fsio.append_jsonl(photos / "metadata.jsonl", facts)
    (folder / "twin.png").write_bytes((folder / "p03.png").read_bytes())
    drawn(3).save(folder / "q-again.jpg", quality=88)
    return photos


def settings(**changes: object) -> Config:
    """As short as a run can be, with two snapshots and reconstructions."""
    return preset("smoke").replace(
        **{
            "data.min_side": 1, "data.crop": "center", "train.kimg": 0.016, "kept_kimg": 0.016,
            "train.batch": 8, "train.snapshot_kimg": 0.008, "train.quality_images": 0,
            "modes.samples": 64, "keep.rule": "fraction", "keep.fraction": 0.75, **changes,
        }
    )  # fmt: skip


def score_at_random(dataset: Dataset, networks: Networks, out: Path, config: Config) -> Scores:
    """Scores at random, in the files of real ones."""
    rng = np.random.default_rng(0)
    names = ("recommended", "without_generator", "lpips")
    with fresh(out, "scores") as folder:
        find_modes(networks, folder / "raw-modes", config.modes, seed=config.seed)
        columns = {name: rng.normal(0, 1, len(dataset)) for name in names}
        scores = Scores.of(
            dataset.ids, columns | {"x_mode": np.arange(len(dataset)) % 2},
            sources=[info.source for info in dataset.infos], told_apart=0.9,
        )  # fmt: skip
        scores.save(folder)
        summary = scores.summary.model_dump(mode="json")
        Provenance.of({}, None).finish(
            folder, "scores", started=time.perf_counter(), summary=summary
        )
    return scores


def make_run(photos: Path, out: Path, **changes: object) -> Path:
    """A finished run of small shards; all in it is real but for the scores."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(stages, "score_photos", score_at_random)
        patch.setattr(stage, "write_dataset", partial(write_dataset, shard_bytes=_SHARD))
        chain.run(photos, out, settings(**changes), yes=True)
    return out


Grey = NDArray[np.float64]


def _grey(image: Image.Image) -> Grey:
    return np.asarray(image.convert("L"), dtype=np.float64)


def _shows(image: Image.Image, photo: Image.Image) -> bool:
    """Whether a photo stands somewhere in an image, at one of `SIZES` or as the whole of it."""
    whole = _alike(_grey(image.resize((16, 16))), _grey(photo.resize((16, 16))))
    if whole > ALIKE:
        return True
    field = _grey(image)
    return any(
        _best(field, _grey(photo.resize((side, side)))) > ALIKE
        for side in SIZES
        if side <= min(field.shape)
    )


def _alike(a: Grey, b: Grey) -> float:
    a, b = a - a.mean(), b - b.mean()
    return float((a * b).sum() / (np.linalg.norm(a) * np.linalg.norm(b) + 1e-9))


def _best(field: Grey, tile: Grey) -> float:
    """The largest correlation of a tile with any part of a field of its size."""
    tile = tile - tile.mean()
    ones = np.ones_like(tile)
    sums = fftconvolve(field, ones, mode="valid")
    spread = fftconvolve(field**2, ones, mode="valid") - sums**2 / tile.size
    cross = fftconvolve(field, tile[::-1, ::-1], mode="valid")
    strong = spread > 25 * tile.size  # flat parts are like nothing
    if not strong.any():
        return 0.0
    return float((cross[strong] / np.sqrt(spread[strong])).max() / np.linalg.norm(tile))


_EMBEDDED = re.compile(r"data:image/[a-z]+;base64,([A-Za-z0-9+/=]+)")


def _images(file: Path) -> Iterator[Image.Image]:
    if file.suffix in (".png", ".jpg", ".webp"):
        yield Image.open(file)
    elif file.suffix == ".html":
        for text in _EMBEDDED.findall(file.read_text(encoding="utf-8")):
            yield Image.open(io.BytesIO(base64.b64decode(text)))
    elif file.suffix == ".npy":
        for pixels in np.load(file):
            yield Image.fromarray(pixels.transpose(1, 2, 0))
    elif file.suffix == ".tar":
        with tarfile.open(file) as tar:
            for member in tar:
                yield Image.open(io.BytesIO(tar.extractfile(member).read()))  # type: ignore[union-attr]


def showing(root: Path, photo: Image.Image) -> set[str]:
    """Files under a folder that show a photo."""
    return {
        file.relative_to(root).as_posix()
        for file in fsio.files_under(root)
        if any(_shows(image.convert("RGB"), photo) for image in _images(file))
    }


def naming(root: Path, words: tuple[str, ...]) -> set[str]:
    """Files under a folder in which one of these words stands, in tables too."""
    found = set()
    for file in fsio.files_under(root):
        if file.suffix in (".npy", ".tar", ".safetensors", ".png", ".jpg"):
            continue
        if file.suffix == ".parquet":
            text = json.dumps(pq.read_table(file).to_pylist(), default=str)
        else:
            text = file.read_bytes().decode("utf-8", errors="replace")
        if any(word in text for word in words):
            found.add(file.relative_to(root).as_posix())
    return found


class Killed:
    """Kills a take-down at its n-th change of the disk: a rename, or a file that is removed."""

    def __init__(self, file: Path, *where: Path) -> None:
        self.file, self.where = file, where

    def at(self, number: int) -> bool:
        """Whether the process was killed; False where it came to its end before."""
        child = os.fork()
        if child == 0:
            count, replace, unlink = 0, os.replace, os.unlink

            def counted(real: Any) -> Any:
                def call(*args: Any, **kwargs: Any) -> None:
                    nonlocal count
                    count += 1
                    if count == number:
                        os._exit(9)
                    real(*args, **kwargs)

                return call

            os.replace, os.unlink = counted(replace), counted(unlink)
            try:
                chain.take_down(self.where, self.file)
            except BaseException:
                os._exit(70)
            os._exit(0)
        code = os.waitstatus_to_exitcode(os.waitpid(child, 0)[1])
        assert code in (0, 9), f"kill {number}"
        return code == 9


def link_copy(source: Path, target: Path) -> Path:
    """A copy that shares bytes: nothing in a take-down writes into a file."""
    return Path(shutil.copytree(source, target, copy_function=os.link))
