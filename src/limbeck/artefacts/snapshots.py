"""Which snapshot of a training is meant."""

import re
from pathlib import Path

from limbeck import logs
from limbeck.artefacts.stage import read_done
from limbeck.errors import DataError

MODEL_MARKS = ("generator.safetensors", "generator.safetensors.index.json")
"""Files one of which tells a model folder: a generator in one file, or in shards."""


FOREIGN = (".pkl", ".pickle", ".pt", ".pth", ".ckpt", ".bin", ".joblib")
"""Endings of files in which other tools keep networks."""


def snapshots(out: Path, kind: str) -> list[tuple[int, Path]]:
    """(images, folder) of `nets-*` or `state-*` in `out`, oldest first."""
    found = [
        (int(match[1]), folder)
        for folder in out.glob(f"{kind}-*")
        if (match := re.fullmatch(rf"{kind}-([0-9]{{1,15}})", folder.name)) and folder.is_dir()
    ]
    return sorted(found)


def networks_of(training: Path) -> Path | None:
    """The networks that go on from a training: its best or last; None where it is not finished.

    Raises:
        DataError: done.json cannot be read.
    """
    done = read_done(training)
    if done is None or "networks" not in done.summary:
        return None
    return training / str(done.summary["networks"])


def find_networks(path: Path) -> Path | None:
    """The snapshot meant by a snapshot, a training, or a run (its kept, else its raw networks); a
    model folder is itself one."""
    if (path / "config.json").exists():
        return path
    found = (networks_of(folder) for folder in (path, path / "kept", path / "raw"))
    return next((folder for folder in found if folder is not None), None)


def is_model(path: Path) -> bool:
    """Whether `path` is a model folder (what `limbeck run` leaves in `model/`)."""
    return any((path / name).exists() for name in MODEL_MARKS)


def is_foreign(path: Path) -> bool:
    """Whether the name of a file is that of a network that another tool wrote."""
    return path.suffix.lower() in FOREIGN and path.is_file()


def convert_it(path: Path) -> str:
    """What to do about such a file."""
    command = logs.command("limbeck", "convert", path, "--out", path.with_suffix(""))
    return f"make a model folder of it, without running its code: {command}"


def snapshot_of(path: Path) -> Path:
    """What `find_networks` finds, to train on from.

    Raises:
        DataError: no networks lie there.
    """
    found = find_networks(path)
    if found is None and is_foreign(path):
        raise DataError(f"{path} is a network that another tool wrote", convert_it(path))
    if found is None:
        raise DataError(
            f"{path} holds no networks to begin from",
            "give a model folder, a run, a training (OUT/raw), or one of its snapshots (nets-...)",
        )
    return found
