"""What the fixture `smoke` gives."""

from dataclasses import dataclass
from pathlib import Path
from typing import Any


@dataclass(frozen=True)
class Smoke:
    """A finished `limbeck run` of the preset smoke on a drawn crawl."""

    photos: Path
    truth: Path
    run: Path
    args: list[str]
    values: dict[str, Any]
