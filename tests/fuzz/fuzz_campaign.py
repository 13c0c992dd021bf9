"""Batches of cases, each in a process of its own; what failed is kept with a line to repeat it."""

import json
import os
import shutil
import signal
import tempfile
import time
import traceback
import warnings
from collections import Counter
from dataclasses import dataclass, field
from pathlib import Path

from fuzz_child import WAITING, run
from fuzz_targets import TARGETS

FAILURES = Path(__file__).parent / "failures"
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
    log, now = work / "log.jsonl", work / "now"
    for old in (log, now):
        old.unlink(missing_ok=True)
    code = _in_a_child(work, seed, first, last)
    done = first
    for line in log.read_text().splitlines() if log.exists() else ():
        row = json.loads(line)
        done = row["case"] + 1
        _count(report, seed, row, work / f"{row['case']}.bin")
    if (work / "peak").exists():
        report.peak = max(report.peak, 1024 * int((work / "peak").read_text()))
    if code:
        told = (work / "told").read_text(errors="replace")[-3000:]
        if not now.exists():
            raise RuntimeError(told)
        number, name = now.read_text().split(" ", 1)
        text = f"exit {code}: {told}"
        row = {"case": int(number), "target": name, "outcome": "crashed", "text": text}
        if int(number) >= done:
            _count(report, seed, row, _spoilt(work, name))
        for folder in work.iterdir():
            if folder.is_dir():
                shutil.rmtree(folder)
        done = int(number) + 1
    return done


def _in_a_child(work: Path, seed: int, first: int, last: int) -> int:
    """Run the cases in a fork, which has imported all already; its exit code, or -signal."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # of threads that the child does without
        child = os.fork()
    if child == 0:
        code = 1
        try:
            told = os.open(work / "told", os.O_WRONLY | os.O_CREAT | os.O_TRUNC)
            os.dup2(told, 1)
            os.dup2(told, 2)
            run(work, seed, first, last)
            code = 0
        except BaseException:
            os.write(2, traceback.format_exc().encode(errors="replace"))
        finally:
            os._exit(code)
    began, now = time.time(), work / "now"
    while True:
        ended, status = os.waitpid(child, os.WNOHANG)
        if ended:
            return os.waitstatus_to_exitcode(status)
        moved = now.stat().st_mtime if now.exists() else began
        if time.time() - moved > 3 * WAITING:  # it does not even hear its alarm
            os.kill(child, signal.SIGKILL)
        time.sleep(0.02)


def _spoilt(work: Path, name: str) -> Path:
    return work / name.replace("/", "-") / TARGETS[name].file


def _count(report: Report, seed: int, row: dict[str, object], saved: Path) -> None:
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
