"""Which snapshot of a training is meant."""

import re
from pathlib import Path

from limbeck.artefacts.run import read_done
from limbeck.errors import DataError


def snapshots(out: Path, kind: str) -> list[tuple[int, Path]]:
    """(images, folder) of `nets-*` or `state-*` in `out`, oldest first."""
    found = [
        (int(match[1]), folder)
        for folder in out.glob(f"{kind}-*")
        if (match := re.fullmatch(rf"{kind}-([0-9]{{1,15}})", folder.name)) and folder.is_dir()
    ]
    return sorted(found)


def snapshot_of(path: Path) -> Path:
    """The folder of networks meant by a snapshot, a training's folder, or a run.

    Raises:
        DataError: no networks lie there.
    """
    if (path / "generator.safetensors").exists():
        raise DataError(
            f"{path} is a model folder: it holds averages only, nothing to train on from",
            "give the run it came from, or one of its snapshots (nets-...)",
        )
    for folder in (path, path / "kept", path / "raw"):
        if (folder / "config.json").exists() and any(folder.glob("*.safetensors")):
            return folder
        done = read_done(folder)
        if done is not None and "networks" in done.summary:
            return folder / str(done.summary["networks"])
    raise DataError(
        f"{path} holds no networks to begin from",
        "give a run, a training (OUT/raw), or one of its snapshots (nets-...)",
    )
