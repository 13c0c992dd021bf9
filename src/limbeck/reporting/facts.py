"""Figures, settings, times and versions as rows of words."""

from collections import defaultdict
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np

from limbeck.artefacts.contents import Artefacts
from limbeck.artefacts.keep import KeepList
from limbeck.artefacts.labels import TruthRow
from limbeck.logs import duration
from limbeck.reporting.charts import number

_ELSEWHERE = {"config", "argv", "requested", "resolved", "format_version", "photos"}


@dataclass(frozen=True)
class Table:
    """A heading, column names and rows of words; the first `texts` columns hold no numbers."""

    title: str
    head: tuple[str, ...]
    rows: tuple[tuple[str, ...], ...]
    note: str = ""
    texts: int = 1


@dataclass(frozen=True)
class Setting:
    """One section of the configuration."""

    name: str
    values: tuple[tuple[str, str], ...]


def words(value: object) -> str:
    """A plain value as text; floats shortened."""
    if isinstance(value, bool):
        return "yes" if value else "no"
    if isinstance(value, float):
        return number(value)
    if isinstance(value, list | tuple):
        return ", ".join(words(v) for v in value)
    return "-" if value is None else str(value)


def plain(name: str) -> str:
    """`other_object` -> `other object`."""
    return name.replace("_", " ")


def settings(found: Artefacts) -> tuple[Setting, ...]:
    """The resolved configuration, section by section."""
    raw = found.run_json.get("config")
    if not isinstance(raw, dict):
        return ()
    general = tuple((k, words(v)) for k, v in raw.items() if not isinstance(v, dict))
    parts = [Setting("general", general)]
    for name, section in raw.items():
        if isinstance(section, dict):
            parts.append(Setting(name, tuple((k, words(v)) for k, v in section.items())))
    return tuple(parts)


def stage_times(found: Artefacts) -> tuple[tuple[str, str, str, float], ...]:
    """(stage, duration, finished at, percent of the longest), in the order of the chain."""
    if not found.done:
        return ()
    seconds = {
        name: _stage_seconds(done.summary, done.seconds) for name, done in found.done.items()
    }
    longest = max(max(seconds.values()), 1e-9)
    return tuple(
        (name, duration(seconds[name]), _moment(done.finished), 100 * seconds[name] / longest)
        for name, done in found.done.items()
    )


def total_time(found: Artefacts) -> str:
    """All stages together."""
    return duration(sum(_stage_seconds(d.summary, d.seconds) for d in found.done.values()))


def _moment(iso: str) -> str:
    return iso[:16].replace("T", " ")


def _stage_seconds(summary: Mapping[str, Any], seconds: float) -> float:
    """A resumed training's own clock counts all sessions; done.json's only the last."""
    told = summary.get("seconds")
    return max(float(told), seconds) if isinstance(told, int | float) else seconds


def environment(found: Artefacts) -> tuple[tuple[str, str], ...]:
    """Versions, machine and when, from run.json."""
    rows: list[tuple[str, str]] = []
    for key, value in found.run_json.items():
        if key in _ELSEWHERE:
            continue
        if isinstance(value, dict):
            rows += [(f"{key}: {k}", words(v)) for k, v in value.items()]
        else:
            rows.append((plain(key), words(value)))
    return tuple(rows)


def command_line(found: Artefacts) -> str:
    """The command that made the run; the program's own path is shortened to its name."""
    argv = found.run_json.get("argv")
    if not isinstance(argv, list) or not argv:
        return ""
    program = (
        "limbeck" if "limbeck" in str(argv[0]) else str(argv[0]).replace("\\", "/").split("/")[-1]
    )
    parts = [program, *(str(a) for a in argv[1:])]
    return " ".join(f"'{p}'" if " " in p else p for p in parts)


def label_counts(keep: KeepList, labels: Mapping[str, TruthRow]) -> Table:
    """How many labelled photos of each kind the filter dropped: counting, nothing fitted."""
    by_kind: dict[str, list[bool]] = defaultdict(list)
    for photo, label in labels.items():
        if photo in keep.kept:
            kind = plain(label.kind or "outlier") if label.is_outlier else "ordinary photos"
            by_kind[kind].append(not keep.kept[photo])
            if label.is_outlier:
                by_kind["all outliers"].append(not keep.kept[photo])
    first = [k for k in ("ordinary photos", "all outliers") if k in by_kind]
    kinds = first + sorted(k for k in by_kind if k not in first)
    rows = tuple(
        (k, f"{len(by_kind[k]):,}", f"{sum(by_kind[k]):,}", f"{100 * np.mean(by_kind[k]):.0f} %")
        for k in kinds
    )
    return Table(
        "What the filter did to labelled photos", ("kind", "labelled", "dropped", "share dropped"),
        rows, "A perfect filter drops every outlier and no ordinary photo.",
    )  # fmt: skip
