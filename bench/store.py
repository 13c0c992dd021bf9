"""The two stores of pixels, and what a square may be encoded as: `python bench/store.py DATA`.

One core. DATA is a dataset; it is written as both stores into a temporary folder, and random rows
are read from each, in a process of its own, as a training does. Seconds of encoding and decoding
are of the processor; peak memory is that of the process, with what it mapped.
"""

import argparse
import io
import json
import os
import resource
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from PIL import Image

_WAYS: tuple[tuple[str, str, dict[str, Any]], ...] = (
    ("PNG, level 1", "PNG", {"compress_level": 1}),
    ("PNG, level 6", "PNG", {"compress_level": 6}),
    ("WebP, method 0", "WEBP", {"lossless": True, "quality": 0, "method": 0}),
    ("WebP, method 1", "WEBP", {"lossless": True, "quality": 25, "method": 1}),
    ("WebP, method 4", "WEBP", {"lossless": True, "quality": 75, "method": 4}),
)
_SAMPLE = 100
_BATCH = 32


def peak() -> int:
    """Most memory of this process so far, bytes."""
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024


def tell_ways(data: Path) -> None:
    """Bytes, and squares a second of one core, of each way to encode."""
    from limbeck.data import open_dataset
    from limbeck.kit.selection import even_rows

    dataset = open_dataset(data)
    rows = even_rows(len(dataset), min(_SAMPLE, len(dataset)))
    squares = dataset.at(dataset.size, resident=False)[rows].permute(0, 2, 3, 1).numpy()
    for name, kind, options in _WAYS:
        began = time.process_time()
        files = [_encoded(square, kind, options) for square in squares]
        between = time.process_time()
        for file in files:
            np.asarray(Image.open(io.BytesIO(file)))
        there, back = between - began, time.process_time() - between
        mean = sum(map(len, files)) / len(files)
        print(
            f"{dataset.size} px, {name}: {mean:,.0f} bytes ({mean / squares[0].size:.2f} of raw), "
            f"encoded {len(files) / there:,.0f}/s, decoded {len(files) / back:,.0f}/s",
            flush=True,
        )


def _encoded(square: NDArray[np.uint8], kind: str, options: dict[str, Any]) -> bytes:
    buffer = io.BytesIO()
    Image.fromarray(square).save(buffer, kind, **options)
    return buffer.getvalue()


def read_once(data: Path, count: int) -> dict[str, float]:
    """Read random rows in batches, on one core, and all rows in order; what it took."""
    os.sched_setaffinity(0, [min(os.sched_getaffinity(0))])
    from limbeck.data import Order, open_dataset

    dataset = open_dataset(data)
    before = peak()
    view = dataset.at(dataset.size, resident=False)
    order = Order(len(dataset), _BATCH, 0)
    wall, used = time.perf_counter(), time.process_time()
    for images in range(0, count, _BATCH):
        view[order.rows(images)]
    wall, used = time.perf_counter() - wall, time.process_time() - used
    for _ in dataset.batches(dataset.size, _BATCH):
        pass
    return {"wall": count / wall, "processor": count / used, "before": before, "peak": peak()}


def _stores(data: Path, folder: Path) -> Iterator[Path]:
    from limbeck.data import open_dataset, write_dataset
    from limbeck.records import StoreKind

    dataset = open_dataset(data)
    for kind in StoreKind:
        write_dataset(
            folder / kind, dataset.listed(), dataset.stored(), dataset.size,
            class_names=dataset.class_names, kind=kind,
        )  # fmt: skip
        yield folder / kind


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("data", type=Path)
    parser.add_argument("--count", type=int, default=4000, help="rows to read")
    parser.add_argument("--once", action="store_true", help=argparse.SUPPRESS)
    given = parser.parse_args()
    if given.once:
        print(json.dumps(read_once(given.data, given.count)))
        return
    tell_ways(given.data)
    with tempfile.TemporaryDirectory() as folder:
        for store in _stores(given.data, Path(folder)):
            size = sum(file.stat().st_size for file in store.glob("images-*"))
            command = [sys.executable, __file__, str(store), "--once", "--count", str(given.count)]
            found = json.loads(subprocess.run(command, check=True, capture_output=True).stdout)
            above = (found["peak"] - found["before"]) / 2**20
            print(
                f"{store.name}: {size / 1e6:,.1f} MB; random rows {found['wall']:,.0f}/s "
                f"({found['processor']:,.0f}/s of the processor); peak memory "
                f"{above:,.0f} MiB above the start"
            )


if __name__ == "__main__":
    main()
