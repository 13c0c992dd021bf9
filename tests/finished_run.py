"""What the fixture `smoke` gives."""

import shutil
from dataclasses import dataclass
from pathlib import Path
from typing import Any


@dataclass(frozen=True)
class Smoke:
    """A finished `limbeck run` of the preset smoke on a drawn crawl, which other processes read at
    the same time: whoever runs a command that may write to it takes a copy."""

    photos: Path
    truth: Path
    run: Path
    args: list[str]
    values: dict[str, Any]

    def again(self, to: Path) -> list[str]:
        """The same command, without --json, over a copy of the run in a folder to be made."""
        shutil.copytree(self.run, to)
        return [str(to) if word == str(self.run) else word for word in self.args[:-1]]
