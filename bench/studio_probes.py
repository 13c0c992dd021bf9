"""Attacks on the studio: `python bench/studio_probes.py --out OUT [--chromium PROGRAM]`.

Starts `limbeck studio` as a process on a small run and sends it what a hostile page, neighbour,
file or folder might: each probe has an answer that was promised, and after each the studio must
answer /api/state within two seconds. Printed, and written to OUT/studio_probes.md: the table, and
the server's memory. The exit code is 1 where a promise was not kept. --only takes a part of a
kind's name.
"""

import argparse
import os
import shutil
import sys
import time
from collections.abc import Iterator
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

from bench.probes import bodies, disk, floods, pages, requests, uploads
from bench.probes.requests import Probe
from bench.probes.runs import attacked
from bench.probes.wire import PROMPT, Studio, studio

Row = tuple[str, str, str, str]


def _kinds(s: Studio, root: Path) -> Iterator[tuple[str, Iterator[Probe]]]:
    of = s.ask("/api/generate/about").json()["of"]
    photo = f"{memoryview(s.ask('/api/curate/ids').body).cast('Q')[0]:016x}"
    yield "paths", requests.traversal()
    yield "who asks", requests.names()
    yield "forged writes", requests.forgery()
    yield "shape of requests", requests.shapes()
    yield "bodies", bodies.bodies(photo, of)
    yield "uploads", uploads.uploads()
    yield "much at once", floods.floods(of)
    yield "slowness", floods.slowness()
    yield "the folder", disk.disk(root, photo)
    yield "the token", pages.outside(root)


def attempt(s: Studio, kind: str, probe: Probe) -> Row:
    """Kind, name, what came back, and whether that was promised."""
    try:
        found = probe.send(s)
        good = probe.kept(found)
    except Exception as error:  # a probe that cannot be sent is a failure of its own
        found, good = f"{type(error).__name__}: {error}"[:150], False
    took = s.lives()
    alive = "" if took <= PROMPT else "; then no answer within 2 s"
    if not good or alive:
        print(f"NOT AS PROMISED: {kind}: {probe.name}: {found}{alive}", flush=True)
    return kind, probe.name, f"{found}{alive}", "yes" if good and not alive else "NO"


def _all(out: Path, chromium: str, only: str) -> tuple[list[Row], dict[str, dict[str, float]]]:
    rows: list[Row] = []
    memory = {}
    root = attacked(out / "run")
    with studio(root) as s:
        s.ask("/api/generate/about")
        memory["before"] = s.memory()
        for kind, probes in _kinds(s, root):
            if only not in kind:
                continue
            rows += [attempt(s, kind, probe) for probe in probes]
        memory["after"] = s.memory()
    if only in "pages" and chromium:
        run = pages.hostile(out / "names")
        with studio(run) as s:
            rows += [attempt(s, "pages", probe) for probe in pages.names(run, chromium)]
    return rows, memory


def main() -> None:
    """Attack, write, judge."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--out", type=Path, required=True)
    parser.add_argument("--chromium", default="/usr/bin/chromium", help="'' leaves the pages out")
    parser.add_argument("--only", default="")
    given = parser.parse_args()
    for old in ("run", "names"):
        shutil.rmtree(given.out / old, ignore_errors=True)
    (given.out / "names").mkdir(parents=True)
    os.environ.setdefault("OMP_NUM_THREADS", "1")
    began = time.monotonic()
    rows, memory = _all(given.out, given.chromium, given.only)
    failed = sum(row[-1] != "yes" for row in rows)
    lines = [
        f"{len(rows)} probes, {failed} not as promised, {time.monotonic() - began:.0f} s. "
        f"Server: {memory['before']['now']:.0f} MiB before, {memory['after']['now']:.0f} after, "
        f"{memory['after']['most']:.0f} at the most.",
        "",
        "| kind | probe | answer | as promised |",
        "|---|---|---|---|",
        *("| " + " | ".join(_cell(text) for text in row) + " |" for row in rows),
    ]
    (given.out / "studio_probes.md").write_text("\n".join(lines) + "\n", encoding="utf-8")
    print("\n".join(lines))
    raise SystemExit(bool(failed))


def _cell(text: str) -> str:
    plain = "".join(one if one.isprintable() else f"\\x{ord(one):02x}" for one in text)
    return plain.replace("|", "\\|").replace("<", "&lt;")[:160]


if __name__ == "__main__":
    main()
