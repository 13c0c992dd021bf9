"""`python -m studies quality`: how good images are after how many seconds of training.

Contestants train on the same photos for the same seconds on this machine, one after the other, and
their snapshots are measured against photos that none of them has seen. The figure that counts is
time to quality: the seconds until a contestant's KID is what the reference has reached in the end.
On a CPU they are processor seconds per thread, so that what else runs on the machine takes no part.

* `preset`: the configuration asked for.
* `stylegan2`: the same generator against limbeck's StyleGAN2 discriminator, with the settings that
  the narrow presets trained it with.
* `textbook`: StyleGAN2 as a textbook writes it (`limbeck.bench.textbook`), of the same shapes,
  with the public settings: mapping of 8 layers, batch 32, noise, style mixing, path lengths, R1.
* `tuned`, where networks to begin with are named: the configuration asked for, begun with them.
"""

import itertools
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import torch

from limbeck import __version__, fsio, logs
from limbeck.artefacts.run import HALF
from limbeck.artefacts.snapshots import snapshots
from limbeck.bench import CONTESTANTS, Textbook, contestant
from limbeck.config import Config
from limbeck.data import Dataset
from limbeck.errors import DataError, UsageError
from limbeck.kit.allocator import keep_memory
from limbeck.kit.device import machine, pick_device
from limbeck.kit.images import grid, resize_area, save_png
from limbeck.kit.rng import generator
from limbeck.kit.selection import evenly
from limbeck.latents import images_of_seeds
from limbeck.metrics import present_features
from limbeck.nets import Networks, load_networks
from limbeck.training import feed_of, measure_speed, shaped_like, shapes_of, train, train_slice
from studies.measure import Draw, Measurer
from studies.time_to_quality import draw_curves, reached

FORMAT_VERSION = 1
TUNED = "tuned"
SNAPSHOTS = 10
_DRAW = (Draw("psi 1", "none", 1.0),)
_HELD_OUT = 3  # every so many photos one is held out
_FEWEST = 12
_FIGURES = ("kid", "fid", "precision", "recall", "coverage")


@dataclass(frozen=True)
class Point:
    """A snapshot: seconds of training and images it has seen."""

    seconds: float
    images: int
    folder: Path


def study_quality(
    dataset: Dataset,
    config: Config,
    out: Path,
    *,
    seconds: float = 600.0,
    seeds: int = 1,
    features: Sequence[str] = ("inception", "lpips-alex"),
    pictures: int = 2000,
    only: Sequence[str] | None = None,
    init_from: Path | None = None,
) -> dict[str, Any]:
    """Train what is missing, measure every snapshot; the same call goes on where it stopped.

    Args:
        dataset: photos; a third is held out to judge.
        config: of `preset`; its seed is the first of `seeds`.
        out: the study's folder.
        seconds: of each training on this machine.
        features, pictures: what snapshots are measured with; at most as many as are held out.
        only: the contestants to train, default: all, or `preset` and `tuned` where there is
            `init_from`; those that are there already are measured too.
        init_from: what `tuned` begins with: a model folder, a run, a training or a snapshot.

    Returns:
        What OUT/quality.json holds: `rows` (contestant, seed, features, seconds, images, figures),
        `reached` (seconds to the last KID of the `reference`: stylegan2, or preset beside tuned),
        `configs` of the contestants, and counts.

    Raises:
        UsageError: unknown contestants or features.
        DataError: too few photos, or a training of other photos, settings or seconds in the folder.
        Interrupted: a signal came while training; what is done is saved.
    """
    everyone = (*CONTESTANTS, *([TUNED] if init_from else []))
    only = (("preset", TUNED) if init_from else CONTESTANTS) if only is None else only
    if unknown := sorted(set(only) - set(everyone)):
        raise UsageError(
            f"no contestant {', '.join(unknown)}", f"choose among {', '.join(everyone)}"
        )
    configs = {name: contestant(name, config) for name in CONTESTANTS}
    if init_from:
        configs[TUNED] = shaped_like(config, shapes_of(init_from)).replace(
            **{"train.init_from": str(init_from)}
        )
    reference = "preset" if init_from else "stylegan2"
    names = present_features(features)
    held = dataset.ids[::_HELD_OUT]
    if len(held) < _FEWEST or not names:
        raise DataError(
            f"{len(held)} photos held out are too few to judge by (at least {_FEWEST}), or none of "
            f"the features is on this machine ({', '.join(names) or 'none'})",
            "add photos, or get weights with `limbeck weights get`",
        )
    photos = dataset.select(set(dataset.ids) - set(held))
    device = pick_device(config.device)
    ruler = Measurer(dataset, names, pictures, device, _DRAW, config.net.size)
    judged = {"held out": evenly(held, pictures)}
    Path(out).mkdir(parents=True, exist_ok=True)
    pairs = itertools.product(range(config.seed, config.seed + seeds), everyone)
    rows: list[dict[str, Any]] = []
    for seed, name in pairs:
        folder = out / f"seed-{seed}" / name
        asked = configs[name].replace(seed=seed)
        _same(folder, photos, asked, seconds)
        if name in only:
            _train(name, photos, asked, folder, seconds)
        for point in points(folder):
            measured = ruler.measured(
                open_generator(point.folder, device), judged,
                folder / "measured" / f"{point.folder.name}.json",
            )  # fmt: skip
            rows += [
                {"contestant": name, "seed": seed, "features": row["features"],
                 "seconds": round(point.seconds, 1), "images": point.images,
                 **{figure: row[figure] for figure in _FIGURES}}
                for row in measured if row["features"] in names
            ]  # fmt: skip
    found = {
        "bench": "quality", "format_version": FORMAT_VERSION, "dataset": dataset.digest,
        "size": config.net.size, "seconds": seconds, "features": names,
        "pictures": min(pictures, len(judged["held out"])), "held_out": len(held),
        "trained_on": len(photos), "rows": rows, "reached": reached(rows, reference),
        "reference": reference,
        "machine": machine(device), "date": datetime.now(UTC).isoformat(timespec="seconds"),
        "limbeck": __version__,
        "configs": {name: each.model_dump(mode="json") for name, each in configs.items()},
    }  # fmt: skip
    fsio.write_json(out / "quality.json", found)
    draw_grids(out, config.seed, everyone)
    draw_curves(out / "quality.png", found)
    return found


def _plan(folder: Path) -> Path:
    """Beside a training: its length and what it was trained with."""
    return folder.with_name(f"{folder.name}-plan.json")


def _asked(photos: Dataset, config: Config, seconds: float) -> str:
    return fsio.digest_json([photos.digest, train_slice(config, config.train.kimg), seconds])


def _same(folder: Path, photos: Dataset, config: Config, seconds: float) -> None:
    """Refuse to measure what was trained for another study.

    Raises:
        DataError: other photos, settings or seconds.
    """
    plan = _plan(folder)
    if plan.exists() and fsio.read_object(plan).get("asked") != _asked(photos, config, seconds):
        raise DataError(
            f"{folder} was trained on other photos, with other settings or for other seconds",
            "give another --out, or the command it was begun with",
        )


def _train(name: str, photos: Dataset, config: Config, folder: Path, seconds: float) -> None:
    """Train a contestant for so many seconds; what is there already is kept."""
    if (folder / "done.json").exists() or (folder / "textbook.json").exists():
        return
    logs.say(f"training {name}, seed {config.seed}, {seconds:g} s")
    plan = _plan(folder)
    if not plan.exists():  # the length belongs to the settings, so a resumed study keeps it
        about: dict[str, Any] = {
            "asked": _asked(photos, config, seconds),
            "machine": machine(pick_device(config.device)),
        }
        if name != "textbook":
            clock = _clock(pick_device(config.device))
            rate = measure_speed(photos, config, min(20.0, seconds / 10), clock)
            about |= {"kimg": max(round(rate * seconds / 1000, 1), 0.1), "rate": rate}
        fsio.write_json(plan, about)
    if name == "textbook":
        _textbook(photos, config, folder, seconds)
        return
    kimg = float(fsio.read_json(plan)["kimg"])
    changes = {
        "train.kimg": kimg, "train.snapshot_kimg": kimg / SNAPSHOTS,
        "train.keep_snapshots": 10 * SNAPSHOTS, "train.quality_images": 0,
        "train.tick_kimg": kimg / SNAPSHOTS,
    }  # fmt: skip
    train(photos, config.replace(**changes), folder)


def _clock(device: torch.device) -> Callable[[], float]:
    """Seconds of a thread's work on a CPU, wall seconds elsewhere."""
    if device.type != "cpu":
        return time.perf_counter
    return lambda: time.process_time() / torch.get_num_threads()


def _textbook(photos: Dataset, config: Config, folder: Path, seconds: float) -> None:
    """The textbook's loop: four phases by their turn, averages, a snapshot now and then."""
    device, train_ = pick_device(config.device), config.train
    clock = _clock(device)
    keep_memory()
    feed = feed_of(photos.at(config.net.size).to(device), None, config, device)
    book = Textbook(config, device, generator(config.seed, "textbook", device=device))
    told: list[dict[str, float]] = []
    spent, images, step = 0.0, 0, 0
    with logs.working(f"textbook, seed {config.seed}", round(seconds), "s") as task:
        while spent < seconds:
            began = clock()
            real, _ = feed(images, 0, 1)
            book.g_main(real)
            if train_.pl_weight > 0 and step % train_.pl_every == 0:
                book.g_path(real)
            book.d_main(real)
            if config.gamma() > 0 and step % train_.r1_every == 0:
                book.d_r1(real)
            book.average()
            if device.type == "cuda":
                torch.cuda.synchronize(device)
            images, step = images + train_.batch, step + 1
            spent += clock() - began
            task.at(min(round(spent), round(seconds)))
            if spent >= seconds * (len(told) + 1) / SNAPSHOTS:
                book.nets.save(folder / f"nets-{images:09d}", names=["G_ema"])
                told.append({"images": images, "seconds": spent})
    fsio.write_json(folder / "textbook.json", told)


def points(folder: Path) -> list[Point]:
    """The snapshots of a finished contestant, oldest first; none where it is not finished.

    One that grew (`train.grow`) has those of its smaller sizes first.
    """
    if not (folder / "done.json").exists() and not (folder / "textbook.json").exists():
        return []
    book = folder / "textbook.json"
    if book.exists():
        return [
            Point(row["seconds"], row["images"], folder / f"nets-{row['images']:09d}")
            for row in fsio.read_json(book)
        ]
    about = fsio.read_object(_plan(folder))["machine"]
    key, share = ("cpu_seconds", about["threads"]) if about["device"] == "cpu" else ("seconds", 1)
    told = fsio.read_jsonl(folder / "stats.jsonl", ("images", key))
    seconds = {int(row["images"]): float(row[key]) / share for row in told}
    found, where = [], folder
    while where.is_dir():
        found += [
            Point(seconds[images], images, path)
            for images, path in snapshots(where, "nets")
            if images in seconds
        ]
        where = where / HALF
    return sorted(found, key=lambda point: point.images)


def open_generator(folder: Path, device: torch.device) -> Networks:
    """G_ema of a snapshot, ready to draw."""
    return load_networks(folder, ["G_ema"]).to(device).eval().prepare()


def draw_grids(out: Path, seed: int, contestants: Sequence[str]) -> None:
    """OUT/grids.png: 64 images of each contestant's last snapshot, side by side, not picked."""
    sheets = []
    for name in contestants:
        found = points(out / f"seed-{seed}" / name)
        if not found:
            continue
        networks = open_generator(found[-1].folder, torch.device("cpu"))
        drawn = images_of_seeds(
            networks, range(64), psi=1.0, truncation="none", modes=None, embedder=None
        )
        pictures = torch.stack([one.image for one in drawn])
        side = max(networks.config.size, 64)
        sheets.append(grid(resize_area(pictures, side), 8))
    if sheets:
        gap = torch.full((3, sheets[0].shape[1], 12), 255, dtype=torch.uint8)
        wide = [part for sheet in sheets for part in (gap, sheet)][1:]
        save_png(torch.cat(wide, 2), out / "grids.png")
