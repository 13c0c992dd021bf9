"""A stage's two marks, and the one place that decides whether a stage is current.

`begun.json` says what a folder was begun for, `done.json` (there last) what was made and of what.
Both hold a `Provenance`: a stage is current when what it was made of is what is wanted now.
"""

import re
import time
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, Self, TypeVar

from pydantic import BaseModel

from limbeck import __version__, fsio
from limbeck.errors import DataError, LimbeckError
from limbeck.records import Done

BEGUN, DONE = "begun.json", "done.json"
_AGAIN = "run the stage again"
_SNAPSHOT = re.compile("nets-[0-9]+")
_Summary = TypeVar("_Summary", bound=BaseModel)


@dataclass(frozen=True)
class Provenance:
    """What a stage is made of.

    Attributes:
        inputs: name -> digest of what it reads.
        config: digest of the settings it depends on.
    """

    inputs: Mapping[str, str]
    config: str

    @classmethod
    def of(cls, inputs: Mapping[str, str], settings: Any) -> Self:
        """The provenance of these inputs and settings (JSON-able)."""
        return cls(dict(inputs), fsio.digest_json(settings))

    def begin(self, folder: Path) -> None:
        """Write begun.json."""
        fsio.write_json(folder / BEGUN, {"inputs": dict(self.inputs), "config": self.config})

    def finish(
        self, folder: Path, stage: str, *, started: float, summary: Mapping[str, Any]
    ) -> Done:
        """Write done.json, the last act of a stage.

        Args:
            folder: the stage's folder.
            stage: its name.
            started: `time.perf_counter()` at its start.
            summary: its record as plain values.
        """
        done = Done(
            stage=stage,
            inputs=dict(self.inputs),
            config_digest=self.config,
            seconds=round(time.perf_counter() - started, 3),
            finished=datetime.now(UTC).isoformat(timespec="seconds"),
            version=__version__,
            summary=dict(summary),
        )
        fsio.write_json(folder / DONE, done.model_dump(mode="json"))
        return done

    def begun_in(self, folder: Path) -> bool:
        """Whether the folder was begun for exactly this, finished or not."""
        wanted = {"inputs": dict(self.inputs), "config": self.config}
        try:
            return bool(fsio.read_json(folder / BEGUN) == wanted)
        except (LimbeckError, OSError):
            return False

    def done_in(self, folder: Path) -> bool:
        """Whether the folder holds a finished stage made of exactly this.

        Raises:
            DataError: as `read_done`.
        """
        done = read_done(folder)
        return (
            done is not None
            and done.inputs == dict(self.inputs)
            and done.config_digest == self.config
        )


def read_done(folder: Path) -> Done | None:
    """The record of a finished stage, or None.

    Raises:
        DataError: it is there and cannot be read, or names networks outside the stage's folder.
    """
    path = folder / DONE
    if not path.exists():
        return None
    done = fsio.read_record(path, Done, _AGAIN)
    for key in ("networks", "newest", "best"):
        name = done.summary.get(key)
        if name is not None and not (isinstance(name, str) and _SNAPSHOT.fullmatch(name)):
            what = f"{path}: summary.{key} is {fsio.plain(repr(name))}, no folder nets-IMAGES"
            raise DataError(what, _AGAIN)
    return done


def read_summary(folder: Path, kind: type[_Summary]) -> _Summary:
    """The summary of a finished stage.

    Raises:
        DataError: the stage has not finished, or its record is none of this kind.
    """
    done = read_done(folder)
    if done is None:
        raise DataError(f"{folder} is not finished", _AGAIN)
    return fsio.as_record(done.summary, kind, f"{folder / DONE}: summary", _AGAIN)
