"""Seconds and peak memory of ingest against the number of photos: `python bench/scale.py PHOTOS`.

Each count runs in a process of its own, on one core, on links to the first photos by name. Peak
memory is the process's own, without its decoding child.
"""

import argparse
import json
import os
import resource
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import numpy as np

_MIB = 2**20


def linked(photos: Path, count: int, folder: Path) -> Path:
    """A folder of links to the first `count` files below `photos`."""
    files = sorted(path for path in photos.rglob("*") if path.is_file())
    if len(files) < count:
        sys.exit(f"{photos} holds {len(files)} files, {count} are needed")
    folder.mkdir()
    for number, file in enumerate(files[:count]):
        (folder / f"{number:07d}{file.suffix}").symlink_to(file.resolve())
    return folder


def ingest_once(photos: Path, out: Path) -> dict[str, float]:
    """Ingest in this process, on one core; what it took."""
    os.sched_setaffinity(0, [min(os.sched_getaffinity(0))])
    from limbeck.config import DataConfig
    from limbeck.ingestion import ingest

    before = peak()
    started = time.perf_counter()
    summary = ingest(photos, out, DataConfig(size=64, crop="center"))
    seconds = time.perf_counter() - started
    return {
        "listed": summary.listed, "accepted": summary.accepted, "seconds": seconds,
        "before": before, "peak": peak(),
    }  # fmt: skip


def peak() -> float:
    """MiB that this process has held at most."""
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024 / _MIB


def exponent(counts: list[float], values: list[float]) -> float:
    """Slope of log(value) over log(count)."""
    return float(np.polyfit(np.log(counts), np.log(values), 1)[0])


def measure(photos: Path, counts: list[int]) -> list[dict[str, float]]:
    """A row a count."""
    rows = []
    for count in counts:
        with tempfile.TemporaryDirectory() as place:
            folder = linked(photos, count, Path(place, "photos"))
            command = [sys.executable, __file__, str(folder), "--once", f"{place}/data"]
            done = subprocess.run(command, check=True, stdout=subprocess.PIPE, text=True)
            rows.append(json.loads(done.stdout.splitlines()[-1]))
        row = rows[-1]
        print(
            f"{row['listed']:>8.0f} listed {row['accepted']:>8.0f} accepted "
            f"{row['seconds']:>8.1f} s {row['before']:>7.0f} -> {row['peak']:.0f} MiB",
            flush=True,
        )
    return rows


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("photos", type=Path)
    parser.add_argument("--counts", type=int, nargs="+", default=[1000, 3000, 10_000])
    parser.add_argument("--once", type=Path, help=argparse.SUPPRESS)
    args = parser.parse_args()
    if args.once:
        print(json.dumps(ingest_once(args.photos, args.once)))
        return
    rows = measure(args.photos, args.counts)
    if len(rows) > 1:
        listed = [row["listed"] for row in rows]
        slope = np.polyfit(listed, [row["peak"] * _MIB for row in rows], 1)[0]
        print(f"seconds ~ N^{exponent(listed, [row['seconds'] for row in rows]):.2f}")
        grown = [max(row["peak"] - row["before"], 0.1) for row in rows]
        print(f"memory above the start ~ N^{exponent(listed, grown):.2f}")
        print(f"{slope:,.0f} bytes of memory a listed photo")


if __name__ == "__main__":
    main()
