"""Batches of cases, each in a process of its own; what failed is kept with a line to repeat it."""

import json
import os
import shutil
import subprocess
import sys
import tempfile
import time
from collections import Counter
from dataclasses import dataclass, field
from pathlib import Path

HERE = Path(__file__).parent
FAILURES = HERE / "failures"
BATCH = 10_000
GOOD = ("read", "refused")
OUTCOMES = (*GOOD, "short of memory", "slow", "untyped", "crashed")


@dataclass
class Report:
    """What became of the cases.

    Attributes:
        counts: (kind, outcome) -> cases.
        failures: of limbeck's own readers, a line each, with how to repeat it.
        others: the same of ingestion and percept.
        slowest: seconds of the processor of the slowest case.
        peak: most memory that a process took, bytes.
    """

    counts: Counter[tuple[str, str]] = field(default_factory=Counter)
    failures: list[str] = field(default_factory=list)
    others: list[str] = field(default_factory=list)
    slowest: float = 0.0
    peak: int = 0


def campaign(seed: int, *, count: int | None = None, seconds: float | None = None) -> Report:
    """Run `count` cases, or for `seconds`."""
    report, began, first = Report(), time.monotonic(), 0
    with tempfile.TemporaryDirectory(dir=_fast()) as folder:
        work = Path(folder)
        while (first < count) if count else (time.monotonic() - began < (seconds or 0)):
            last = min(first + BATCH, count) if count else first + BATCH // 20
            first = _batch(work, seed, first, last, report)
    return report


def _fast() -> str | None:
    """A disk in memory, where there is one."""
    shared = Path("/dev/shm")
    return str(shared) if shared.is_dir() and os.access(shared, os.W_OK) else None


def _batch(work: Path, seed: int, first: int, last: int, report: Report) -> int:
    """One process; returns the case to go on with (after the one that ended it)."""
    log = work / "log.jsonl"
    log.unlink(missing_ok=True)
    process = subprocess.run(
        [sys.executable, str(HERE / "fuzz_child.py"), "run", str(work), str(seed), str(first),
         str(last)], capture_output=True, text=True, timeout=3600, check=False,
    )  # fmt: skip
    done = first
    for line in log.read_text().splitlines() if log.exists() else ():
        row = json.loads(line)
        done = row["case"] + 1
        _count(report, seed, row, work / f"{row['case']}.bin")
    if (work / "peak").exists():
        report.peak = max(report.peak, 1024 * int((work / "peak").read_text()))
    if process.returncode:
        now = work / "now"
        if not now.exists():
            raise RuntimeError(process.stderr[-3000:])
        number, name = now.read_text().split(" ", 1)
        text = f"exit {process.returncode}: {process.stderr[-1000:]}"
        row = {
            "case": int(number),
            "target": name,
            "outcome": "crashed",
            "text": text,
            "seconds": 0,
        }
        _count(report, seed, row, _spoilt(work, name))
        shutil.rmtree(work / name.replace("/", "-"))
        done = int(number) + 1
    return done


def _spoilt(work: Path, name: str) -> Path:
    from fuzz_targets import TARGETS

    return work / name.replace("/", "-") / TARGETS[name].file


def _count(report: Report, seed: int, row: dict[str, object], saved: Path) -> None:
    from fuzz_targets import TARGETS

    name, outcome = str(row["target"]), str(row["outcome"])
    target = TARGETS[name]
    report.counts[target.kind, outcome] += 1
    report.slowest = max(report.slowest, float(str(row.get("seconds", 0))))
    if outcome in GOOD:
        return
    FAILURES.mkdir(exist_ok=True)
    kept = FAILURES / f"{name.replace('/', '-')}-{seed}-{row['case']}.bin"
    if saved.is_file():
        shutil.copy(saved, kept)
    last = str(row["text"]).strip().splitlines()[-1:] or [""]
    how = f"python tests/fuzz/fuzz_child.py again {name} {kept}"
    line = f"{name} ({outcome}): {last[0][:200]}\n    {how}"
    (report.failures if target.mine else report.others).append(line)
    kept.with_suffix(".txt").write_text(f"{line}\n\n{row['text']}\n")


def told(report: Report) -> str:
    """The counts as a table, and what failed."""
    kinds = sorted({kind for kind, _ in report.counts})
    rows = [["format", "cases", *OUTCOMES]]
    for kind in kinds:
        numbers = [report.counts[kind, outcome] for outcome in OUTCOMES]
        rows.append([kind, str(sum(numbers)), *map(str, numbers)])
    sums = [sum(report.counts[kind, outcome] for kind in kinds) for outcome in OUTCOMES]
    rows.append(["all", str(sum(sums)), *map(str, sums)])
    widths = [max(len(row[i]) for row in rows) for i in range(len(rows[0]))]
    lines = [
        "  ".join(cell.rjust(width) for cell, width in zip(row, widths, strict=True))
        for row in rows
    ]
    lines.append(f"slowest case {report.slowest:.2f} s, most memory {report.peak / 1e6:.0f} MB")
    return "\n".join([*lines, *report.failures, *(f"not ours: {line}" for line in report.others)])
