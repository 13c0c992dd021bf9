"""Seconds and peak memory of ingest against the number of photos: `python bench/scale.py PHOTOS`.

Each count runs in a process of its own, on one core, on links to the first photos by name. Peak
memory is the process's own, without its decoding child. With `--score` also of scoring by untrained
networks of the preset smoke (time and memory do not depend on what they have learnt). What `modes`
takes does not depend on the number of photos: it reads none.
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


def score_once(data: Path, out: Path) -> dict[str, float]:
    """Score in this process, on one core; what it took."""
    os.sched_setaffinity(0, [min(os.sched_getaffinity(0))])
    from limbeck.chain import score_photos
    from limbeck.data import open_dataset
    from limbeck.nets import Networks
    from limbeck.presets import preset

    config = preset("smoke")
    networks = Networks.create(config.net, 0).eval().prepare()
    before = peak()
    started = time.perf_counter()
    dataset = open_dataset(data)
    score_photos(dataset, networks, out, config)
    seconds = time.perf_counter() - started
    return {
        "listed": dataset.counts["listed"], "accepted": len(dataset), "seconds": seconds,
        "before": before, "peak": peak(),
    }  # fmt: skip


def peak() -> float:
    """MiB that this process has held at most."""
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024 / _MIB


def exponent(counts: list[float], values: list[float]) -> float:
    """Slope of log(value) over log(count)."""
    return float(np.polyfit(np.log(counts), np.log(values), 1)[0])


def measure(photos: Path, counts: list[int], score: bool) -> dict[str, list[dict[str, float]]]:
    """For each verb a row a count."""
    rows: dict[str, list[dict[str, float]]] = {}
    for count in counts:
        with tempfile.TemporaryDirectory() as place:
            linked(photos, count, Path(place, "photos"))
            for verb, read in (("ingest", "photos"), ("score", "ingest"))[: 1 + score]:
                row = in_child(verb, Path(place, read), Path(place, verb))
                rows.setdefault(verb, []).append(row)
                print(
                    f"{verb}: {row['listed']:.0f} listed, {row['accepted']:.0f} accepted, "
                    f"{row['seconds']:.1f} s, {row['before']:.0f} -> {row['peak']:.0f} MiB",
                    flush=True,
                )
    return rows


def in_child(verb: str, read: Path, out: Path) -> dict[str, float]:
    """What a verb took in a process of its own."""
    command = [sys.executable, __file__, str(read), "--once", verb, str(out)]
    done = subprocess.run(command, check=True, stdout=subprocess.PIPE, text=True)
    row: dict[str, float] = json.loads(done.stdout.splitlines()[-1])
    return row


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("photos", type=Path)
    parser.add_argument("--counts", type=int, nargs="+", default=[1000, 3000, 10_000])
    parser.add_argument("--score", action="store_true")
    parser.add_argument("--once", nargs=2, help=argparse.SUPPRESS)
    args = parser.parse_args()
    if args.once:
        verb, out = args.once
        once = {"ingest": ingest_once, "score": score_once}[verb]
        print(json.dumps(once(args.photos, Path(out))))
        return
    for verb, rows in measure(args.photos, args.counts, args.score).items():
        if len(rows) < 2:
            continue
        listed = [row["listed"] for row in rows]
        grown = [max(row["peak"] - row["before"], 0.1) for row in rows]
        slope = np.polyfit(listed, [row["peak"] * _MIB for row in rows], 1)[0]
        print(
            f"{verb}: seconds ~ N^{exponent(listed, [row['seconds'] for row in rows]):.2f}, memory "
            f"above the start ~ N^{exponent(listed, grown):.2f}, {slope:,.0f} bytes a listed photo"
        )


if __name__ == "__main__":
    main()
