"""The demo's crawl: photos as the Internet gives them, and the truth about each file."""

import io
import json
import multiprocessing
from collections import Counter
from collections.abc import Iterator, Sequence
from concurrent.futures import ProcessPoolExecutor
from dataclasses import asdict, dataclass
from functools import partial
from pathlib import Path
from typing import TypeVar

import numpy as np
from PIL import Image

from limbeck import fsio, logs
from limbeck.demo.odd_ones import OUTLIER_KINDS, OUTLIER_SHARES
from limbeck.demo.picture import Order, Saved, write_picture
from limbeck.demo.scenes import MODE_NAMES, MODE_SHARES
from limbeck.errors import DataError, UsageError

T = TypeVar("T")
OUTLIER_SHARE = 0.10
_EDITION = 1  # raise when the same seed draws other images than before


@dataclass(frozen=True)
class CrawlRow:
    """The truth about one file. `planted` names what ingestion must handle, or is None.

    Planted: exact_duplicate, near_duplicate, truncated, not_an_image, too_small (extra files), and
    rotated, png, webp (ordinary images in other clothes).
    """

    file: str
    sha256: str
    is_outlier: bool
    outlier_kind: str | None
    mode: str | None
    planted: str | None


@dataclass(frozen=True)
class CrawlTruth:
    """All files of a crawl, by name. Photos lie in `root/photos`, labels in `root/truth.jsonl`."""

    root: Path
    rows: tuple[CrawlRow, ...]

    @property
    def photos(self) -> Path:
        """The folder to feed to `limbeck run`."""
        return self.root / "photos"

    @property
    def path(self) -> Path:
        """The labels; never shown to training."""
        return self.root / "truth.jsonl"

    def modes(self) -> Counter[str]:
        """Files of each true mode, planted copies included."""
        return Counter(row.mode for row in self.rows if row.mode is not None)

    def kinds(self) -> Counter[str]:
        """Files of each kind of outlier."""
        return Counter(row.outlier_kind for row in self.rows if row.outlier_kind is not None)

    def planted(self) -> Counter[str]:
        """Files that ingestion must handle, by what is odd about them."""
        return Counter(row.planted for row in self.rows if row.planted is not None)


def draw_crawl(out: Path, *, count: int, seed: int, workers: int = 2) -> CrawlTruth:
    """Draw `count` images (10 % outliers) and a few broken or doubled files into `out`.

    Writes out/photos/*, out/truth.jsonl (one CrawlRow a line) and out/crawl.json. The bytes depend
    on count and seed alone, never on `workers` (processes; 1 draws in this one). A crawl that is
    already there with the same count and seed is returned as it is.

    Raises:
        UsageError: fewer than 40 images, a negative seed, or no worker.
        DataError: `out` holds something else than this crawl, or cannot be written.
    """
    if count < 40 or seed < 0 or workers < 1:
        raise UsageError(
            f"cannot draw {count} images with seed {seed} and {workers} workers",
            "give a count of at least 40, a seed of at least 0 and at least one worker",
        )
    out = Path(out)
    facts = {"edition": _EDITION, "count": count, "seed": seed}
    if _is_drawn(out, facts):
        return read_crawl(out)
    orders = plan(count, seed)
    with fsio.atomic_dir(out) as folder:
        photos = folder / "photos"
        photos.mkdir()
        drawn = _draw(orders, photos, workers)
        shas = list(logs.track(drawn, "drawing the crawl", len(orders)))
        rows = [_row(order, sha) for order, sha in zip(orders, shas, strict=True)]
        rows += _plant(rows, photos, np.random.default_rng(_seed(seed, "planted", 0)))
        rows.sort(key=lambda row: row.file)
        lines = [json.dumps(asdict(row)) for row in rows]
        (folder / "truth.jsonl").write_text("\n".join(lines) + "\n", encoding="utf-8")
        (folder / "crawl.json").write_text(json.dumps(facts) + "\n", encoding="utf-8")
    return read_crawl(out)


def read_crawl(out: Path) -> CrawlTruth:
    """The truth of a crawl drawn before.

    Raises:
        DataError: no whole crawl in `out`.
    """
    rows = fsio.read_jsonl(out / "truth.jsonl")
    if not rows:
        raise DataError(f"no crawl in {out}", "draw one with `limbeck demo`")
    return CrawlTruth(Path(out), tuple(CrawlRow(**row) for row in rows))


def plan(count: int, seed: int) -> list[Order]:
    """What to draw: exact shares of modes and kinds, in shuffled order under meaningless names."""
    odd = max(round(count * OUTLIER_SHARE), len(OUTLIER_KINDS))
    subjects = [(mode, None) for mode in _allot(MODE_NAMES, MODE_SHARES, count - odd)]
    others = [(None, kind) for kind in _allot(OUTLIER_KINDS, OUTLIER_SHARES, odd)]
    rng = np.random.default_rng(_seed(seed, "order", 0))
    cast = [*subjects, *others]
    names = _names(rng, count)
    orders = []
    formats: list[Saved] = ["png", "webp", "jpeg_rotated"]
    special = 0
    for index, position in enumerate(rng.permutation(count)):
        mode, kind = cast[position]
        saved: Saved = "jpeg"
        if kind is None and special < 3 * max(1, round(count / 300)):
            saved, special = formats[special % 3], special + 1
        suffix = {"png": "png", "webp": "webp"}.get(saved, "jpg")
        picture_seed = _seed(seed, "picture", index)
        orders.append(Order(f"{names[index]}.{suffix}", picture_seed, mode, kind, saved))
    return orders


def _seed(seed: int, what: str, index: int) -> int:
    from limbeck.kit.rng import derive_seed  # brings torch along, which workers do without

    return derive_seed(seed, "demo", what, index)


def _allot(items: Sequence[T], shares: Sequence[float], count: int) -> list[T]:
    """`count` items in these shares (largest remainder), at least one of each."""
    spare = count - len(items)
    exact = [share / sum(shares) * spare for share in shares]
    sizes = [int(x) for x in exact]
    by_rest = sorted(range(len(items)), key=lambda k: sizes[k] - exact[k])
    for k in by_rest[: spare - sum(sizes)]:
        sizes[k] += 1
    return [item for item, size in zip(items, sizes, strict=True) for _ in range(size + 1)]


def _names(rng: np.random.Generator, count: int) -> list[str]:
    """Distinct names of eight hex digits."""
    found: dict[str, None] = {}
    while len(found) < count:
        found[f"{int(rng.integers(2**32)):08x}"] = None
    return list(found)


def _draw(orders: Sequence[Order], photos: Path, workers: int) -> Iterator[str]:
    """Write every image; yields their sha256 in the order given."""
    job = partial(write_picture, folder=str(photos))
    if workers == 1:
        yield from map(job, orders)
        return
    spawn = multiprocessing.get_context("spawn")
    with ProcessPoolExecutor(workers, mp_context=spawn) as pool:
        yield from pool.map(job, orders, chunksize=8)


def _row(order: Order, sha256: str) -> CrawlRow:
    planted = {"jpeg": None, "jpeg_rotated": "rotated"}.get(order.saved, order.saved)
    return CrawlRow(order.file, sha256, order.kind is not None, order.kind, order.mode, planted)


def _plant(rows: Sequence[CrawlRow], photos: Path, rng: np.random.Generator) -> list[CrawlRow]:
    """Add doubled and broken files, one of each for every thousand images or part of it."""
    sources = [row for row in rows if not row.is_outlier and row.planted is None]
    planted: list[CrawlRow] = []
    for _ in range(-(-len(rows) // 1000)):
        picks = rng.choice(len(sources), 4, replace=False)
        for what, pick in zip(
            ("exact_duplicate", "near_duplicate", "truncated", "too_small"), picks, strict=True
        ):
            data = _spoil(what, (photos / sources[pick].file).read_bytes())
            planted.append(_save(data, photos, rng, what, sources[pick].mode))
        page = f"<!DOCTYPE html><title>404</title><p>Not found: {int(rng.integers(10**9))}</p>\n"
        planted.append(_save(page.encode(), photos, rng, "not_an_image", None))
    return planted


def _spoil(what: str, data: bytes) -> bytes:
    """A copy of a JPEG's bytes, saved again, cut off, or reduced to a few pixels."""
    if what == "exact_duplicate":
        return data
    if what == "truncated":
        return data[: len(data) * 2 // 5]
    picture = Image.open(io.BytesIO(data)).convert("RGB")
    share = 0.92 if what == "near_duplicate" else 13 / min(picture.size)
    size = (round(picture.width * share), round(picture.height * share))
    buffer = io.BytesIO()
    picture.resize(size, Image.Resampling.LANCZOS).save(buffer, "JPEG", quality=78)
    return buffer.getvalue()


def _save(
    data: bytes, photos: Path, rng: np.random.Generator, what: str, mode: str | None
) -> CrawlRow:
    path = photos / f"{int(rng.integers(2**32)):08x}.jpg"
    if path.exists():
        return _save(data, photos, rng, what, mode)
    path.write_bytes(data)
    kind = "not_an_image" if mode is None else None
    return CrawlRow(path.name, fsio.sha256_file(path), mode is None, kind, mode, what)


def _is_drawn(out: Path, facts: dict[str, int]) -> bool:
    """Whether `out` holds this very crawl; refuses to replace what is not a crawl."""
    if (out / "crawl.json").is_file():
        if fsio.read_json(out / "crawl.json") == facts:
            return True
        raise DataError(
            f"{out} holds another drawn crawl (another count, seed or limbeck)",
            "give another folder: nothing is drawn over it",
        )
    if out.exists() and (not out.is_dir() or any(out.iterdir())):
        raise DataError(f"{out} exists and is not a drawn crawl", "choose an empty folder")
    return False
