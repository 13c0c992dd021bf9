"""The stages of a run with their files but without their work, and runs that die at some rename."""

import json
import os
import time
from collections.abc import Iterator
from contextlib import contextmanager, nullcontext
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest
from PIL import Image

from limbeck import chain, fsio
from limbeck.artefacts.folders import claim, erase_snapshot, fresh
from limbeck.artefacts.lock import hold
from limbeck.artefacts.stage import BEGUN, Provenance, read_done
from limbeck.chain import stages
from limbeck.config import Config
from limbeck.decoding import child, children
from limbeck.errors import LimbeckError
from limbeck.latents import ModeMarks
from limbeck.presets import preset
from limbeck.processes import rank
from limbeck.training import train_slice

STEPS = 3  # snapshots of a fake training


def config(**changes: object) -> Config:
    """The smallest run."""
    return preset("smoke").replace(
        **{"data.min_side": 1, "data.near_duplicate_bits": -1, **changes}
    )


def draw_photos(folder: Path, count: int, seed: int) -> None:
    """Small noisy photos."""
    folder.mkdir(parents=True, exist_ok=True)
    rng = np.random.default_rng(seed)
    for number in range(count):
        pixels = rng.integers(0, 256, (16, 16, 3), dtype=np.uint8)
        Image.fromarray(pixels).save(folder / f"photo-{seed}-{number}.png")


class DecodesHere:
    """In the place of a child process, which a forked run would have to start anew each time."""

    dead, deadline = False, float("inf")

    def __init__(self, module: str) -> None:
        self._data = b""

    def exchange(self, words: Any, data: bytes, most: int) -> tuple[Any, bytes]:
        if words["new"]:
            self._data = data
        said, load = child._WORK[words["do"]](self._data, words)
        return json.loads(json.dumps(said)), load

    def kill(self, *, late: bool = False) -> None:
        self.dead = True

    def code(self) -> int:
        return 0


def _write(folder: Path, stage: str, names: list[str], content: str, took: float) -> None:
    with fresh(folder, stage) as building:
        for name in names:
            fsio.write_text(building / name, content)
        started = time.perf_counter() - took
        Provenance.of({}, None).finish(building, stage, started=started, summary={})


def fake_train(dataset: Any, config: Config, out: Path, *, took: float) -> None:
    """Snapshots and checkpoints as a training leaves them, pruned; resumes."""
    claim(out, "train")
    with hold(out) if rank() == 0 else nullcontext():
        fsio.sweep(out)
        if not (out / BEGUN).exists():
            fsio.write_json(out / BEGUN, {"stage": "train"})
        what = fsio.digest_json([dataset.digest, train_slice(config, config.train.kimg)])
        for step in range(1, STEPS + 1):
            state = out / f"state-{step:09d}"
            if (state / "state.json").exists():
                continue
            with fsio.atomic_dir(out / f"nets-{step:09d}") as folder:
                fsio.write_text(folder / "G.safetensors", f"{what} {step}")
                fsio.write_text(folder / "config.json", "{}")
            with fsio.atomic_dir(state) as folder:
                fsio.write_text(folder / "optimizers.safetensors", f"{what} {step}")
                fsio.write_json(folder / "state.json", {"step": step})
            fsio.append_jsonl(
                out / "stats.jsonl",
                {"images": step, "images_per_second": 1.0, "seconds": took * step / STEPS},
            )
            for kind in ("state", "nets"):
                for old in sorted(out.glob(f"{kind}-*"))[:-2]:
                    erase_snapshot(old)
        if read_done(out) is None:
            summary = {"networks": f"nets-{STEPS:09d}"}
            started = time.perf_counter() - took
            Provenance.of({}, None).finish(out, "train", started=started, summary=summary)


def install_fakes(patch: pytest.MonkeyPatch, took: float) -> None:
    """Replace the work of every stage but ingestion, which decodes in this process; each claims to
    have taken `took` seconds."""

    def modes(_: object, out: Path, settings: Any, *, seed: int, typical: int = 0) -> None:
        names = ["modes.safetensors", *(f"mode-{i:02d}.png" for i in range(2 + seed % 3))]
        _write(out, "modes", names, f"modes {seed}", took)

    def keep(_: object, out: Path, settings: Any, *, overrides: Path, **__: object) -> None:
        word = overrides.read_text() if overrides.exists() else ""
        _write(out, "keep", ["keep.csv", "keep.parquet"], f"{settings} {word}", took)

    class Shipped:
        def __init__(self, *_: object, config: Config, **__: object) -> None:
            self.content = f"model {config.seed}"

        def save_pretrained(self, out: Path) -> None:
            _write(out, "model", ["config.json", "generator.safetensors"], self.content, took)

    def train(dataset: Any, config: Config, out: Path, *, begin: object) -> None:
        fake_train(dataset, config, out, took=took)

    def score(_: object, __: object, out: Path, settings: Config) -> None:
        names = ["scores.parquet", "scores.json", "raw-modes/modes.safetensors"]
        _write(out, "scores", names, f"scores {settings.score} {settings.seed}", took)

    def samples(_: object, out: Path, seeds: list[int], **settings: object) -> None:
        names = ["grid.png", *(f"seed{seed:06d}.png" for seed in seeds[:4])]
        _write(out, "samples", names, f"{settings['psi']}", took)

    def report(_: Path, *, out: Path) -> None:
        _write(out, "report", ["index.html"], "report", took)

    patch.setattr(children, "Child", DecodesHere)
    ids = SimpleNamespace(
        digest=lambda: "centres", drawing_digest=lambda: "centres", marks=ModeMarks()
    )
    patch.setattr(stages, "train", train)
    patch.setattr(stages, "score_photos", score)
    patch.setattr(stages, "find_modes", modes)
    patch.setattr(stages, "keep", keep)
    patch.setattr(stages, "write_samples", samples)
    patch.setattr(stages, "Pipeline", Shipped)
    patch.setattr(stages, "report", report)
    patch.setattr(stages, "read_scores", lambda _: SimpleNamespace(modes=lambda: None))
    patch.setattr(stages, "read_modes", lambda _: SimpleNamespace(mode_centres=ids))
    patch.setattr(stages, "read_keep", _kept)
    patch.setattr(stages, "prospects", lambda *_, **__: [])
    patch.setattr(stages.Chain, "networks", lambda *_: None)


def _kept(folder: Path) -> SimpleNamespace:
    data = (folder.parent if folder.parent.name != "superseded" else folder.parents[1]) / "data"
    rows = stages.open_dataset(data).ids
    word = fsio.digest_json((folder / "keep.csv").read_text())
    summary = SimpleNamespace(column="recommended")
    return SimpleNamespace(ids=rows[int(word, 16) % 2 :], summary=summary)


@contextmanager
def dies_at(rename: int) -> Iterator[None]:
    """The process ends, as by SIGKILL, at its n-th rename; 0 = never."""
    real, count = os.replace, 0

    def counted(*args: Any, **kwargs: Any) -> None:
        nonlocal count
        count += 1
        if count == rename:
            os._exit(9)
        real(*args, **kwargs)

    os.replace = counted  # type: ignore[assignment]
    try:
        yield
    finally:
        os.replace = real


def run_here(photos: Path, out: Path, settings: Config, yes: bool = True) -> int:
    """`chain.run`: 0 done, 2 or 3 refused; 70 is a defect, and told."""
    try:
        chain.run(photos, out, settings, yes=yes)
    except LimbeckError as error:
        return error.exit_code
    except BaseException:
        import traceback

        traceback.print_exc()
        return 70
    return 0


def run_in_child(photos: Path, out: Path, settings: Config, yes: bool, rename: int) -> int:
    """`run_here` in a forked process that dies at its n-th rename (code 9); 0 = it lives."""
    child = os.fork()
    if child == 0:
        with dies_at(rename):
            os._exit(run_here(photos, out, settings, yes))
    return os.waitstatus_to_exitcode(os.waitpid(child, 0)[1])
