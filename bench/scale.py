"""Seconds and peak memory against N of ingest, score, modes, drawing: `python bench/scale.py ZIP`.

N is photos for ingest and score, latents for modes, generated images for sample and features. Each
cell runs in a process of its own, on one core, and peak memory is that process's (of ingest without
its decoding child); seconds of the processor are the ones to compare where the machine is busy.
Networks are those of the preset smoke, untrained: time and memory do not depend on what they have
learnt. A cell that was measured is a file in OUT/cells and is not measured again; remove the file
for that. At the end OUT/scale.md and OUT/scale.json hold all cells.

Where more photos are asked for than ZIP (a folder will do) holds, further ones are cut out of them:
a corner of 0.55 of the side, every other one mirrored, which no search for copies takes for one.
"""

import argparse
import datetime
import json
import os
import platform
import resource
import shutil
import subprocess
import sys
import time
import zipfile
from collections.abc import Callable, Iterator
from io import BytesIO
from pathlib import Path
from typing import Any

import numpy as np
from PIL import Image

Cell = dict[str, float]
VERBS = ("ingest", "score", "modes", "sample", "features")
UNIT = {"ingest": "photos", "score": "photos", "modes": "latents"}  # else images
IMAGES = ("sample", "features")
_MIB = 2**20
_CUT, _SHOWN = 0.55, 96
_KINDS = (".jpg", ".jpeg", ".png", ".webp")


def originals(source: Path) -> Iterator[tuple[str, bytes]]:
    """Suffix and bytes of the photos of a folder or zip, by name."""
    if source.is_dir():
        for path in sorted(p for p in source.rglob("*") if p.suffix.lower() in _KINDS):
            yield path.suffix, path.read_bytes()
        return
    with zipfile.ZipFile(source) as archive:
        for name in sorted(n for n in archive.namelist() if n.lower().endswith(_KINDS)):
            yield Path(name).suffix, archive.read(name)


def corner(data: bytes, number: int) -> bytes:
    """Another photo out of a photo: its corner `number` % 4, mirrored where that is odd."""
    with Image.open(BytesIO(data)) as opened:
        photo = opened.convert("RGB")
    cut = round(_CUT * min(photo.size))
    left = (photo.width - cut) * (number % 2)
    top = (photo.height - cut) * (number // 2 % 2)
    part = photo.crop((left, top, left + cut, top + cut)).resize((_SHOWN, _SHOWN))
    if number % 2:
        part = part.transpose(Image.Transpose.FLIP_LEFT_RIGHT)
    written = BytesIO()
    part.save(written, "JPEG", quality=90)
    return written.getvalue()


def make_photos(source: Path, count: int, folder: Path) -> None:
    """A folder of `count` photos; those that are there stay."""
    folder.mkdir(parents=True, exist_ok=True)
    made = 0
    for turn in range(-1, 4):
        for suffix, data in originals(source):
            if made == count:
                return
            path = folder / f"{made:07d}{'.jpg' if turn >= 0 else suffix}"
            if not path.exists():
                path.write_bytes(data if turn < 0 else corner(data, turn))
            made += 1
    sys.exit(f"{source} holds too few photos: of five turns {made}, {count} are needed")


def emptied(folder: Path) -> Path:
    """The folder without what an earlier measurement left, so that all of it is done again."""
    shutil.rmtree(folder, ignore_errors=True)
    return folder


def photos_of(place: Path, count: int) -> Path:
    """Links to the first `count` photos."""
    folder = place / f"first-{count}"
    folder.mkdir(exist_ok=True)
    for path in sorted((place / "photos").iterdir())[:count]:
        if not (link := folder / path.name).is_symlink():
            link.symlink_to(path.resolve())
    return folder


def ingest_once(place: Path, count: int, size: int) -> Cell:
    """Ingest `count` photos."""
    from limbeck.config import DataConfig
    from limbeck.ingestion import ingest

    photos = photos_of(place, count)
    config = DataConfig(size=size, crop="center")
    made = timed(lambda: ingest(photos, emptied(place / f"data-{count}"), config))
    return made[0] | {"accepted": made[1].accepted, "listed": made[1].listed}


def networks_of(size: int) -> tuple[Any, Any]:
    """Networks and the configuration."""
    from limbeck.nets import Networks
    from limbeck.presets import smoke

    config = smoke(size)
    return Networks.create(config.net, 0).eval().prepare(), config


def score_once(place: Path, count: int, size: int) -> Cell:
    """Score what `ingest_once` made."""
    from limbeck.chain import score_photos
    from limbeck.data import open_dataset

    data = place / f"data-{count}"
    if not (data / "done.json").exists():
        ingest_once(place, count, size)
    networks, config = networks_of(size)
    made = timed(
        lambda: score_photos(
            open_dataset(data), networks, emptied(place / f"scores-{count}"), config
        )
    )
    return made[0] | {"accepted": len(open_dataset(data))}


def modes_once(place: Path, count: int, size: int) -> Cell:
    """Cluster `count` latents in LPIPS space, 64 clusters."""
    from limbeck.config import ModesConfig
    from limbeck.modes import find_modes

    networks, _ = networks_of(size)
    config = ModesConfig(samples=count, clusters=64, space="lpips")
    return timed(lambda: find_modes(networks, emptied(place / f"modes-{count}"), config))[0]


def sample_once(place: Path, count: int, size: int) -> Cell:
    """Draw `count` images into files."""
    from limbeck.model import write_samples

    networks, _ = networks_of(size)
    out = emptied(place / f"samples-{count}")
    made = timed(lambda: write_samples(networks, out, range(count), truncation="global"))
    return made[0]


def features_once(place: Path, count: int, size: int) -> Cell:
    """AlexNet's features of `count` images, kept in the cache, and KID and FID between halves."""
    from limbeck.evaluation.generated import Drawn
    from limbeck.metrics import frechet_distance, kernel_distance, picture_features
    from limbeck.percept import Features

    os.environ["LIMBECK_CACHE"] = str(emptied(place / "cache"))
    networks, _ = networks_of(size)
    drawn = Drawn(networks, count)

    def compare() -> tuple[float, tuple[float, float]]:
        found = picture_features(drawn, Features("lpips-alex"), {**drawn.key, "n": str(count)})
        halves = found[: count // 2], found[count // 2 :]
        return frechet_distance(*halves), kernel_distance(*halves)

    return timed(compare)[0]


def timed(work: Callable[[], Any]) -> tuple[Cell, Any]:
    """What it took in this process, on one core, and what came of it."""
    if hasattr(os, "sched_setaffinity"):
        os.sched_setaffinity(0, [min(os.sched_getaffinity(0))])
    before, started, used = peak(), time.perf_counter(), processor_seconds()
    result = work()
    cell = {"seconds": time.perf_counter() - started, "processor": processor_seconds() - used}
    cell = {name: round(value, 2) for name, value in cell.items()}
    return cell | {"before": round(before), "peak": round(peak())}, result


def processor_seconds() -> float:
    """Seconds of the processor that this process and its ended children have used."""
    times = os.times()
    return times.user + times.system + times.children_user + times.children_system


def peak() -> float:
    """MiB that this process has held at most."""
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024 / _MIB


def measure(verb: str, count: int, args: argparse.Namespace) -> None:
    """Measure a cell in a process of its own, unless its file is there."""
    file = args.out / "cells" / f"{verb}-{count}.json"
    if file.exists():
        return
    place = args.work.resolve()
    if verb in UNIT and verb != "modes":
        make_photos(args.photos, max(args.counts), place / "photos")
    command = [sys.executable, __file__, str(args.photos), "--work", str(place)]
    command += ["--size", str(args.size), "--once", verb, str(count)]
    done = subprocess.run(command, check=True, stdout=subprocess.PIPE, text=True)
    file.parent.mkdir(parents=True, exist_ok=True)
    cell = json.loads(done.stdout.splitlines()[-1])
    file.write_text(json.dumps({"verb": verb, "count": count, "size": args.size, **cell}) + "\n")
    print(f"{verb} {count:,}: {cell}", flush=True)


def cells_of(out: Path) -> list[dict[str, Any]]:
    """All cells that were measured, by verb and count."""
    cells = [json.loads(file.read_text()) for file in (out / "cells").glob("*.json")]
    return sorted(cells, key=lambda cell: (VERBS.index(cell["verb"]), cell["count"]))


def exponent(counts: list[float], values: list[float]) -> float:
    """Slope of log(value) over log(count)."""
    return float(np.polyfit(np.log(counts), np.log(np.maximum(values, 0.1)), 1)[0])


def fits(cells: list[dict[str, Any]]) -> dict[str, float]:
    """How seconds and memory of a verb grow: exponents, and KB of memory a further one."""
    counts = [cell["count"] for cell in cells]
    grown = [cell["peak"] - cell["before"] for cell in cells]
    return {
        "seconds_exponent": exponent(counts, [cell["processor"] for cell in cells]),
        "memory_exponent": exponent(counts, grown),
        "kilobytes_each": float(np.polyfit(counts, grown, 1)[0]) * _MIB / 1000,
    }


def table(cells: list[dict[str, Any]], machine: str) -> str:
    """All cells and fits as markdown."""
    lines = [f"# Seconds and memory against N\n\n{machine}\n"]
    for verb in VERBS:
        mine = [cell for cell in cells if cell["verb"] == verb]
        if not mine:
            continue
        lines += [
            f"| {UNIT.get(verb, 'images')} | {verb}: seconds | of the processor | MiB before "
            "| MiB at most |",
            "|---|---|---|---|---|",
        ]
        lines += [
            f"| {c['count']:,} | {c['seconds']:.1f} | {c['processor']:.1f} | {c['before']:,} "
            f"| {c['peak']:,} |"
            for c in mine
        ]
        if len(mine) > 1:
            found = fits(mine)
            lines += [
                f"\nprocessor ~ N^{found['seconds_exponent']:.2f}, memory above the start ~ "
                f"N^{found['memory_exponent']:.2f}, {found['kilobytes_each']:.1f} KB each"
            ]
        lines += [""]
    return "\n".join(lines)


def write(out: Path) -> None:
    """scale.md and scale.json of what was measured so far."""
    cells = cells_of(out)
    machine = f"{datetime.date.today()}, {processor()}, one core, {sys.version.split()[0]}"
    by_verb = {verb: [c for c in cells if c["verb"] == verb] for verb in VERBS}
    found = {verb: fits(mine) for verb, mine in by_verb.items() if len(mine) > 1}
    told = {"machine": machine, "cells": cells, "fits": found}
    (out / "scale.json").write_text(json.dumps(told, indent=2) + "\n")
    (out / "scale.md").write_text(table(cells, machine))
    print(table(cells, machine))


def processor() -> str:
    """The processor's name."""
    try:
        lines = Path("/proc/cpuinfo").read_text().splitlines()
    except OSError:
        return platform.processor()
    return next((x.split(":")[1].strip() for x in lines if x.startswith("model name")), "")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("photos", type=Path, help="a zip or folder of photos")
    parser.add_argument("--out", type=Path, default=Path("scale"), help="cells and tables")
    parser.add_argument(
        "--work", type=Path, default=None, help="photos, datasets; default OUT/work"
    )
    parser.add_argument("--verbs", nargs="+", choices=VERBS, default=list(VERBS))
    parser.add_argument("--counts", type=int, nargs="+", default=[1000, 3000, 10_000, 30_000])
    parser.add_argument("--images", type=int, nargs="+", default=[1000, 3000, 10_000, 50_000])
    parser.add_argument("--size", type=int, default=32, help="pixels a side")
    parser.add_argument("--once", nargs=2, help=argparse.SUPPRESS)
    args = parser.parse_args()
    args.work = args.work or args.out / "work"
    if args.once:
        verb, count = args.once
        once = {
            "ingest": ingest_once, "score": score_once, "modes": modes_once,
            "sample": sample_once, "features": features_once,
        }[verb]  # fmt: skip
        print(json.dumps(once(args.work, int(count), args.size)))
        return
    for verb in args.verbs:
        for count in args.images if verb in IMAGES else args.counts:
            measure(verb, count, args)
    write(args.out)


if __name__ == "__main__":
    main()
