"""Probes that reach the studio through its folder: links, damage, other writers, decisions at once.

Each takes the run as it finds it and leaves it whole.
"""

import csv
import os
import shutil
import subprocess
import sys
import textwrap
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from bench.probes.floods import SERVED, many
from bench.probes.requests import Probe
from bench.probes.uploads import image
from bench.probes.wire import Studio, studio

_SECRET = b"\x89PNG\r\n\x1a\nnobody's business"
TABLE = "/api/curate/table"
HOLD = """
    import sys
    from pathlib import Path
    from limbeck.artefacts.lock import hold
    with hold(Path(sys.argv[1])):
        print("held", flush=True)
        sys.stdin.read()
"""


def disk(root: Path, photo: str) -> Iterator[Probe]:
    """Everything, on a studio of `root`."""
    yield from _links(root)
    yield from _damage(root, photo)
    yield from _writers(root, photo)


@contextmanager
def _instead(path: Path) -> Iterator[Path]:
    """While inside, nothing lies at `path`, or what the caller puts there."""
    aside = path.with_name(path.name + "-aside")
    there = path.exists()
    if there:
        path.rename(aside)
    try:
        yield path
    finally:
        if path.is_symlink() or path.is_file() or path.is_fifo():
            path.unlink()
        elif path.exists():
            shutil.rmtree(path)
        if there:
            aside.rename(path)


def _links(root: Path) -> Iterator[Probe]:
    secret = root.parent / "secret"
    secret.write_bytes(_SECRET)

    def sheet(kind: Callable[[Path], Any]) -> Callable[[Studio], str]:
        def send(s: Studio) -> str:
            (root / "raw").mkdir(exist_ok=True)
            with _instead(root / "raw" / "grid-00007.png") as file:
                kind(file)
                found = s.ask("/api/runs/0/raw/0/grid/7.png", seconds=5)
            return (
                "not shown"
                if found.status in (404, 409) and _SECRET not in found.body
                else str(found)
            )

        return send

    yield Probe(
        "a sheet that is a link to a secret", sheet(lambda f: f.symlink_to(secret)), "not shown"
    )
    (private := root.parent / "private.png").write_bytes(image("PNG"))
    yield Probe(
        "a sheet that is a link to a picture elsewhere",
        sheet(lambda f: f.symlink_to(private)),
        "not shown",
    )
    yield Probe("a sheet that is a pipe", sheet(os.mkfifo), "not shown")
    yield Probe("a sheet that is a folder", sheet(Path.mkdir), "not shown")
    yield Probe("a sheet that links to itself", sheet(lambda f: f.symlink_to(f)), "not shown")
    yield Probe(
        "a sheet that is /dev/zero", sheet(lambda f: f.symlink_to("/dev/zero")), "not shown"
    )

    def statistics(s: Studio) -> str:
        (root / "raw").mkdir(exist_ok=True)
        with _instead(root / "raw" / "stats.jsonl") as file:
            os.mkfifo(file)
            found = s.ask("/api/runs/now", seconds=5)
        return "told" if found.status == 200 and b"no ordinary file" in found.body else str(found)

    yield Probe("statistics that are a pipe", statistics, "told")

    def listed(s: Studio) -> str:
        with _instead(root / "keep" / "keep.csv") as file:
            os.mkfifo(file)
            found = s.ask("/api/curate/list.csv", seconds=5)
        return "told" if found.status == 409 else str(found)

    yield Probe("keep.csv that is a pipe", listed, "told")

    def directions(s: Studio) -> str:
        with _instead(root / "found") as folder:
            folder.symlink_to(root.parent)
            found = s.ask("/api/edit/directions")
        return "left out" if found.status == 200 and not found.json()["sets"] else str(found)

    yield Probe("a folder of directions that leads elsewhere", directions, "left out")


def _damage(root: Path, photo: str) -> Iterator[Probe]:
    decide = {"photos": [photo], "keep": True}

    def told(
        path: Path, text: bytes | None, ask: Callable[[Studio], Any], words: str
    ) -> Callable[[Studio], str]:
        """What is said while a file is damaged (None: gone), and that all is well after."""

        def send(s: Studio) -> str:
            with _instead(path):
                if text is not None:
                    path.write_bytes(text)
                found = ask(s)
                if found.status not in (409, 422, 423, 404) or words not in found.body.decode():
                    return f"told {found}"
            time.sleep(0.02)
            after = ask(s)
            return "told, and mended" if after.status == 200 else f"afterwards {after}"

        return send

    def table(s: Studio) -> Any:
        return s.ask(TABLE)

    def decided(s: Studio) -> Any:
        return s.ask("/api/curate/decide", decide)

    over = root / "keep" / "overrides.csv"
    wrong = f"photo,keep,reason\n{photo},keep,\n{photo},perhaps,\n".encode()
    want = "told, and mended"
    yield Probe("overrides.csv, line 3 wrong", told(over, wrong, table, "overrides.csv:3"), want)
    yield Probe("the same, while one decides", told(over, wrong, decided, "overrides.csv:3"), want)
    yield Probe("overrides.csv of zeros", told(over, bytes(1000), table, "overrides.csv"), want)
    yield Probe(
        "overrides.csv of 40 MB", told(over, b"x" * 40_000_000, table, "overrides.csv"), want
    )
    rule = {"rule": "auto"}
    yield Probe(
        "run.json cut short",
        told(
            root / "run.json",
            b'{"format_version": 1, "config',
            lambda s: s.ask("/api/curate/apply", rule),
            "run.json",
        ),
        want,
    )
    yield Probe("run.json gone", told(root / "run.json", None, table, "run.json"), want)
    yield Probe("scores gone", told(root / "scores", None, table, "scores"), want)
    yield Probe(
        "a table of scores that is text",
        told(root / "scores" / "scores.parquet", b"PAR1 no PAR1", table, "scores.parquet"),
        want,
    )
    yield Probe("the photos gone", told(root / "data", None, table, "data"), want)
    yield Probe("the whole folder gone", told(root, None, decided, "gone"), want)

    def keep_loops(s: Studio) -> str:
        with _instead(root / "keep") as folder:
            folder.symlink_to(folder)
            found = s.ask(TABLE)
        after = s.ask(TABLE)
        return want if found.status == 409 and after.status == 200 else f"{found}, {after}"

    yield Probe("keep/ that links to itself", keep_loops, want)


def _writers(root: Path, photo: str) -> Iterator[Probe]:
    decide = {"photos": [photo], "keep": False}

    def second(s: Studio) -> str:
        with studio(root, log=root.parent / "second.log") as other:
            state = other.ask("/api/state").json()
            found = other.ask("/api/curate/decide", decide)
        good = not state["writable"] and "another studio" in state["why"] and found.status == 423
        return "read only" if good and s.ask("/api/state").json()["writable"] else str(found)

    yield Probe("a second studio", second, "read only")

    def stage(s: Studio) -> str:
        with subprocess.Popen(
            [sys.executable, "-c", textwrap.dedent(HOLD), str(root)],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
        ) as other:
            assert other.stdout is not None
            other.stdout.readline()
            state, found = s.ask("/api/state").json(), s.ask("/api/curate/decide", decide)
            other.communicate(b"")
        good = not state["writable"] and str(other.pid) in state["why"] and found.status == 423
        return "read only" if good and s.ask("/api/state").json()["writable"] else str(found)

    yield Probe("while a stage runs", stage, "read only")
    yield Probe("400 decisions from 8 threads", lambda s: _decisions(s, root), "none lost")
    yield Probe("40 rules applied at once", _applies, SERVED)
    yield Probe("40 undone at once, 40 decided", _undone, SERVED)


def _decisions(s: Studio, root: Path) -> str:
    ids = [f"{one:016x}" for one in memoryview(s.ask("/api/curate/ids").body).cast("Q")]

    def some(part: int) -> list[tuple[str, str]]:
        said = []
        for n in range(50):
            photo, keep = ids[part * 7 + n % 7], bool((n + part) % 3)
            found = s.ask("/api/curate/decide", {"photos": [photo], "keep": keep})
            if found.status != 200:
                raise OSError(str(found))
            said.append((photo, "keep" if keep else "drop"))
        return said

    found = many([lambda part=part: some(part) for part in range(8)])
    if any(isinstance(one, OSError) for one in found):
        return str(found)
    wanted = dict(pair for said in found for pair in said)
    with (root / "keep" / "overrides.csv").open() as rows:
        there = {row["photo"]: row["keep"] for row in csv.DictReader(rows)}
    lost = sum(there.get(photo) != word for photo, word in wanted.items())
    return "none lost" if not lost else f"{lost} lost"


def _applies(s: Studio) -> str:
    rules = [{"rule": "count", "count": 20 + n % 20} for n in range(40)]
    found = many([lambda rule=rule: s.ask("/api/curate/apply", rule).status for rule in rules])
    good = set(found) <= {200, 503} and 200 in found and s.ask(TABLE).status == 200
    return SERVED if good else str(found)


def _undone(s: Studio) -> str:
    ids = [f"{one:016x}" for one in memoryview(s.ask("/api/curate/ids").body).cast("Q")]
    calls = [lambda: s.ask("/api/curate/undo", {}).status] * 40
    calls += [
        lambda photo=photo: s.ask("/api/curate/decide", {"photos": [photo], "keep": True}).status
        for photo in ids[:40]
    ]
    found = many(calls)
    return SERVED if set(found) <= {200, 503} and 200 in found else str(found)
