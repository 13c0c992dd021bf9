"""The folder of a run: where each stage lies, and run.json."""

import platform
import sys
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from pydantic import BaseModel

from limbeck import __version__, fsio
from limbeck.artefacts.stage import read_done
from limbeck.config import Config, parse_config
from limbeck.errors import DataError, UsageError
from limbeck.records import Done

FORMAT_VERSION = 1
RUN = "run.json"
OVERRIDES = "overrides.csv"  # in keep/: a person's
OVERRIDES_BEFORE = "overrides-before.csv"  # in keep/: as it was when the studio first wrote it
DECISIONS = "decisions.jsonl"  # in keep/: how overrides.csv came about in the studio
NAMES = "names.csv"  # in a folder of directions: a person's
MARKS = "marks.csv"  # in modes/ and in a model folder: a person's
TAKEDOWNS = "takedowns.json"  # beside run.json, or in a dataset that is no run's
HALF = "half"  # in raw/ and kept/: the training at half the size that came before
STAGES = ("data", "raw", "scores", "keep", "kept", "modes", "samples", "model", "report")


class _Requested(BaseModel):
    config: dict[str, Any]
    time_budget: float | None


class _Run(BaseModel):
    """What readers of run.json rely on; there may be more."""

    config: dict[str, Any]
    requested: _Requested | None = None
    resolved: bool = True
    photos: str | None = None
    opt_out: str | None = None
    fetched: str | None = None
    fetch_ports: list[int] | None = None
    measured: dict[str, float] | None = None
    machine: dict[str, Any] | str | None = None


class RunDir:
    """Paths of a run (docs/formats.md) and its run.json."""

    def __init__(self, root: Path) -> None:
        self.root = Path(root)
        self.data, self.raw, self.scores = (self.root / n for n in ("data", "raw", "scores"))
        self.keep, self.kept, self.modes = (self.root / n for n in ("keep", "kept", "modes"))
        self.samples, self.model = self.root / "samples", self.root / "model"
        self.report = self.root / "report"

    @property
    def file(self) -> Path:
        """run.json"""
        return self.root / RUN

    def read(self) -> dict[str, Any]:
        """run.json as plain values.

        Raises:
            DataError: there is none, it was written by another format, or it is damaged.
        """
        if not self.file.exists():
            raise DataError(
                f"{self.root} is not a run (no run.json)", "give a folder made by `limbeck run`"
            )
        values = fsio.read_object(self.file)
        if values.get("format_version") != FORMAT_VERSION:
            raise DataError(
                f"{self.file}: format {fsio.plain(repr(values.get('format_version')))}, "
                f"this limbeck reads {FORMAT_VERSION}",
                "use the limbeck version that made it",
            )
        fsio.as_record(values, _Run, str(self.file), "make the run again in another folder")
        return values

    def config(self) -> Config:
        """The resolved configuration of the run.

        Raises:
            DataError: as `read`, or a setting is wrong.
        """
        try:
            return parse_config(self.read()["config"])
        except UsageError as error:
            raise DataError(f"{self.file}: {error.what}", error.do) from None

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
