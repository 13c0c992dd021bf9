"""The folder of a run: where each stage lies, and whether it is done, stale or half-made."""

import platform
import sys
import time
from collections.abc import Mapping
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from limbeck import __version__, fsio
from limbeck.config import Config, parse_config
from limbeck.errors import DataError
from limbeck.records import Done

FORMAT_VERSION = 1
RUN, BEGUN, DONE = "run.json", "begun.json", "done.json"
OVERRIDES = "overrides.csv"  # in keep/: a person's
STAGES = ("data", "raw", "scores", "keep", "kept", "modes", "samples", "model", "report")


def finish(
    folder: Path,
    stage: str,
    *,
    inputs: Mapping[str, str],
    config: Any,
    started: float,
    summary: Mapping[str, Any],
) -> Done:
    """Write done.json, the last act of a stage.

    Args:
        folder: the stage's folder.
        stage: its name.
        inputs: name -> digest of what it read.
        config: the slice of the configuration it depends on (JSON-able).
        started: `time.perf_counter()` at its start.
        summary: its record as plain values.
    """
    done = Done(
        stage=stage,
        inputs=dict(inputs),
        config_digest=fsio.digest_json(config),
        seconds=round(time.perf_counter() - started, 3),
        finished=datetime.now(UTC).isoformat(timespec="seconds"),
        version=__version__,
        summary=dict(summary),
    )
    fsio.write_json(folder / DONE, done.model_dump(mode="json"))
    return done


def read_done(folder: Path) -> Done | None:
    """The record of a finished stage, or None."""
    path = folder / DONE
    return Done.model_validate(fsio.read_json(path)) if path.exists() else None


def is_current(folder: Path, inputs: Mapping[str, str], config: Any) -> bool:
    """Whether the stage in `folder` is done with exactly these inputs and settings."""
    done = read_done(folder)
    return (
        done is not None
        and done.inputs == dict(inputs)
        and done.config_digest == fsio.digest_json(config)
    )


class RunDir:
    """Paths of a run (DESIGN, 'On disk') and its run.json."""

    def __init__(self, root: Path) -> None:
        self.root = Path(root)

    def __getattr__(self, name: str) -> Path:
        if name in STAGES:
            return self.root / name
        raise AttributeError(name)

    @property
    def file(self) -> Path:
        """run.json"""
        return self.root / RUN

    def read(self) -> dict[str, Any]:
        """run.json as plain values.

        Raises:
            DataError: there is none, or it was written by another format.
        """
        if not self.file.exists():
            raise DataError(
                f"{self.root} is not a run (no run.json)", "give a folder made by `limbeck run`"
            )
        values: dict[str, Any] = fsio.read_json(self.file)
        if values.get("format_version") != FORMAT_VERSION:
            raise DataError(
                f"{self.file}: format {values.get('format_version')}, "
                f"this limbeck reads {FORMAT_VERSION}",
                "use the limbeck version that made it",
            )
        return values

    def config(self) -> Config:
        """The resolved configuration of the run."""
        return parse_config(self.read()["config"])

    def write(self, config: Config, **extra: Any) -> None:
        """Write run.json: resolved config, versions, argv, and what the caller adds."""
        fsio.write_json(
            self.file,
            {
                "format_version": FORMAT_VERSION,
                "limbeck": __version__,
                "python": platform.python_version(),
                "machine": platform.machine(),
                "argv": sys.argv,
                "written": datetime.now(UTC).isoformat(timespec="seconds"),
                "config": config.model_dump(mode="json"),
                **extra,
            },
        )

    def done(self, stage: str) -> Done | None:
        """The record of a finished stage, or None."""
        return read_done(self.root / stage)
