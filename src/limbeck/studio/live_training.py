"""One training of a run, as its files tell it while it goes on."""

import os
import re
import time
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

import numpy as np

from limbeck import fsio
from limbeck.artefacts.run import HALF
from limbeck.artefacts.stage import DONE, read_done
from limbeck.config import Config
from limbeck.errors import LimbeckError
from limbeck.records import Done
from limbeck.reporting import FIGURES, STATISTICS
from limbeck.studio.live_rows import POINTS, LiveRows, Numbers, thinned
from limbeck.training import encoder_advice, half, snapshot_advice

LEVELS = 6
"""Sizes that a training may have: its own, half of it, and so on, from 1024 to 32 px."""
Kind = Literal["grid", "rec"]
_PICTURE = re.compile(r"(grid|rec)-([0-9]{1,15})\.png")


@dataclass(frozen=True)
class Picture:
    """A sheet that training wrote: its file, and a number that changes with its content."""

    file: Path
    version: int


@dataclass(frozen=True)
class Size:
    """What a training was asked for at one of its sizes: pixels, and images when it is over."""

    pixels: int
    images: int


def sizes_of(config: Config) -> tuple[Size, ...]:
    """The sizes of a training, its own first."""
    found: list[Size] = []
    now = config
    while len(found) < LEVELS:
        found.append(Size(now.net.size, round(now.train.kimg * 1000)))
        smaller = half(now)
        if smaller is None:
            break
        now = smaller
    return tuple(found)


class LiveTraining:
    """The training in a folder and those at smaller sizes in it; `look`, then ask.

    Args:
        folder: `raw` or `kept` of a run; it may not be there yet.
    """

    def __init__(self, folder: Path) -> None:
        self.name = folder.name
        self.folders = [folder.joinpath(*[HALF] * level) for level in range(LEVELS)]
        labels = ["/".join([self.name, *[HALF] * level]) for level in range(LEVELS)]
        self._stats = [
            LiveRows(place / "stats.jsonl", (*STATISTICS, "seconds"), f"{label}/stats.jsonl")
            for place, label in zip(self.folders, labels, strict=True)
        ]
        self._figures = [
            LiveRows(place / "snapshots.jsonl", FIGURES, f"{label}/snapshots.jsonl")
            for place, label in zip(self.folders, labels, strict=True)
        ]
        self._listed: list[int] = [0] * LEVELS
        self._stamp: tuple[int, int] = (0, 0)
        self._trouble = ""
        self.pictures: dict[tuple[Kind, int, int], Picture] = {}
        self.done: Done | None = None

    def look(self) -> None:
        """Read what is new in its files."""
        for rows in (*self._stats, *self._figures):
            rows.look()
        self._look_at_end()
        for level, folder in enumerate(self.folders):
            self._look_at_pictures(level, folder)

    def _look_at_end(self) -> None:
        try:
            found = (self.folders[0] / DONE).stat()
        except OSError:
            self._stamp, self.done, self._trouble = (0, 0), None, ""
            return
        stamp = (found.st_ino, found.st_mtime_ns)
        if stamp == self._stamp:
            return
        self._stamp = stamp
        try:
            self.done, self._trouble = read_done(self.folders[0]), ""
        except LimbeckError as error:
            self.done, self._trouble = None, error.what

    def _look_at_pictures(self, level: int, folder: Path) -> None:
        """List the sheets, where the folder has changed."""
        try:
            stamp = folder.stat().st_mtime_ns
        except OSError:
            stamp = 0
        if stamp == self._listed[level]:
            return
        self._listed[level] = stamp
        kept = {key: value for key, value in self.pictures.items() if key[1] != level}
        self.pictures = kept | _sheets(folder, level)

    @property
    def level(self) -> int | None:
        """The largest size that has told anything yet; 0 is the training's own. None: none has."""
        return next((level for level, rows in enumerate(self._stats) if len(rows)), None)

    @property
    def rows(self) -> LiveRows:
        """The statistics of the largest size; they begin with those of the smaller ones."""
        return self._stats[self.level or 0]

    @property
    def images(self) -> int:
        """Shown so far."""
        if self.done is not None and isinstance(told := self.done.summary.get("images"), int):
            return told
        return int(self.rows.last("images") or 0)

    def version(self) -> str:
        """Changes when `curves` has something new."""
        figures = sum(len(rows) for rows in self._figures)
        listed = fsio.digest_json(sorted((*k, p.version) for k, p in self.pictures.items()))
        return f"{self.rows.mark}.{len(self.rows)}.{figures}.{listed}"

    def standing(self, sizes: tuple[Size, ...]) -> dict[str, Any]:
        """How far it is, as plain values.

        Args:
            sizes: what it was asked for; empty where run.json does not tell.
        """
        level, rows = self.level, self.rows
        target = sizes[0].images if sizes else None
        now = sizes[level] if level is not None and level < len(sizes) else None
        rate = rows.last("images_per_second")
        until = now.images if now is not None else target
        left = max(until - self.images, 0) / rate if until and rate else None
        return {
            "name": self.name, "version": self.version(), "done": self.done is not None,
            "images": self.images, "target": target, "level": level,
            "pixels": now.pixels if now else None,
            "until": until, "sizes": [[size.pixels, size.images] for size in sizes],
            "rate": rate, "left": None if self.done is not None else left,
            "seconds": self.done.seconds if self.done else rows.last("seconds"),
            "age": self._age(), "warnings": self.warnings(), "troubles": self.troubles(),
        }  # fmt: skip

    def _age(self) -> float | None:
        """Seconds since the last row was written."""
        try:
            return max(time.time() - self.rows.path.stat().st_mtime, 0.0)
        except OSError:
            return None

    def warnings(self) -> list[str]:
        """What training itself warns of, judged by what it has written."""
        figures = next((rows for rows in self._figures if len(rows)), self._figures[0])
        columns = {name: figures.column(name) for name in ("images", *FIGURES)}
        sound = np.isfinite(np.stack(list(columns.values()))).all(0)
        told = [
            dict(zip(columns, map(float, row), strict=True))
            for row in zip(*(column[sound] for column in columns.values()), strict=True)
        ]
        found = list(snapshot_advice(told, self.rows.last("augment_p") or 0.0).values())
        ratios = self.rows.column("E/std_ratio", -10)
        advice = encoder_advice(ratios[np.isfinite(ratios)].tolist())
        return [*found, advice] if advice else found

    def troubles(self) -> list[str]:
        """What is damaged, in words."""
        told = [rows.trouble for rows in (*self._stats, *self._figures)]
        return [text for text in (*told, self._trouble) if text]

    def curves(self, mark: str, after: int) -> dict[str, Any]:
        """What to draw: statistics after the first `after` rows, figures of snapshots, sheets.

        Args:
            mark: that of the answer before; statistics of another come whole, thinned.
            after: rows that were there then.
        """
        rows = self.rows
        goes_on = mark == rows.mark and 0 <= len(rows) - after <= POINTS
        start = after if goes_on else 0
        x = rows.column("images", start)
        drawn = {name: thinned(x, rows.column(name, start)) for name in (*STATISTICS, "seconds")}
        return {
            "version": self.version(), "mark": rows.mark, "rows": len(rows), "goes_on": goes_on,
            "curves": {name: _plain(curve) for name, curve in drawn.items() if len(curve[0])},
            "figures": {name: self._figure(name) for name in FIGURES},
            "pictures": [
                [kind, level, images, picture.version]
                for (kind, level, images), picture in sorted(
                    self.pictures.items(), key=lambda entry: (entry[0][2], -entry[0][1])
                )
            ],
        }  # fmt: skip

    def _figure(self, name: str) -> list[list[float | None]]:
        """A figure of the snapshots, smallest size first; None between sizes (not comparable)."""
        x: list[float | None] = []
        y: list[float | None] = []
        for rows in reversed(self._figures):
            part = _plain(thinned(rows.column("images"), rows.column(name)))
            if x and part[0]:
                x.append(part[0][0])
                y.append(None)
            x += part[0]
            y += part[1]
        return [x, y]


def _plain(curve: tuple[Numbers, Numbers]) -> list[list[float]]:
    return [curve[0].tolist(), curve[1].tolist()]


def _sheets(folder: Path, level: int) -> dict[tuple[Kind, int, int], Picture]:
    found: dict[tuple[Kind, int, int], Picture] = {}
    try:
        entries: Iterable[os.DirEntry[str]] = list(os.scandir(folder))
    except OSError:
        return found
    for entry in entries:
        match = _PICTURE.fullmatch(entry.name)
        if match is None or entry.is_symlink():  # training writes none: it may lead anywhere
            continue
        try:
            version = entry.stat().st_mtime_ns
        except OSError:
            continue
        kind: Kind = "grid" if match[1] == "grid" else "rec"
        found[kind, level, int(match[2])] = Picture(Path(entry.path), version // 1000)
    return found
