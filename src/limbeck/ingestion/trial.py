"""Photos under suspicion are decoded in a process of their own, within limits, before all else."""

import hashlib
import json
import os
import subprocess
import sys
from collections.abc import Mapping, Sequence
from contextlib import suppress
from pathlib import Path

from limbeck import fsio, logs
from limbeck.ingestion.decode import Rejected, centre_box, square, strict_pillow, upright_size
from limbeck.ingestion.fetching import Fetching
from limbeck.ingestion.journal import in_flight, key_of
from limbeck.ingestion.sources import Entry, Source, open_source

SET_ASIDE = ".set-aside.json"
_SIDE = 256
_SECONDS = 120
_BYTES = 2 << 30
_CODE = "from limbeck.ingestion.trial import main; main()"


def set_aside(
    photos: Source, source: Path, out: Path, fetching: Fetching | None = None
) -> dict[str, str]:
    """sha256 -> why, of photos on which a decoder died; new ones are found out and noted.

    `source` is where `photos` were opened, `fetching` with what.

    The photos that were being read when the last process died are decoded once more, in a process
    of their own with 2 GiB and two minutes each. Those that end it are noted in
    `out/.set-aside.json`, which a person may remove; the others are read as usual.

    Raises:
        DataError: that file cannot be read or written.
    """
    path = out / SET_ASIDE
    known: dict[str, str] = fsio.read_json(path) if path.exists() else {}
    keys = in_flight(out)
    suspects = [e for e in photos.entries if not e.refused and key_of(e.source) in keys]
    if not suspects:
        return known
    names = ", ".join(logs.visible(e.source) for e in suspects[:5])
    more = f" and {len(suspects) - 5} more" if len(suspects) > 5 else ""
    logs.warn(
        f"the last run died while reading {names}{more}: now each is read in a process of its own"
    )
    guilty = _try_each(source, suspects, fetching)
    for entry, why in guilty.items():
        with suppress(Exception):  # what cannot be read is told when its turn comes
            known[hashlib.sha256(photos.read(entry)).hexdigest()] = why
        logs.warn(f"{logs.visible(entry.source)} is left out as unreadable: {why}")
    if guilty:
        fsio.write_json(path, known)
        logs.say(f"  remove {path!s} to try again")
    return known


def _try_each(
    source: Path, suspects: Sequence[Entry], fetching: Fetching | None
) -> dict[Entry, str]:
    guilty: dict[Entry, str] = {}
    waiting = list(suspects)
    while waiting:
        lines, why = _child(source, [entry.source for entry in waiting], fetching)
        begun = [int(line.split()[1]) for line in lines if line.startswith("begin ")]
        ended = {int(line.split()[1]) for line in lines if line.startswith("end ")}
        for line in lines:
            if line.startswith("memory "):
                guilty[waiting[int(line.split()[1])]] = f"it needs more than {_BYTES >> 30} GiB"
        if not begun:
            return guilty  # the child did not come to a photo: nothing is shown of any
        if begun[-1] not in ended:
            guilty[waiting[begun[-1]]] = f"the decoder {why}"
        waiting = waiting[begun[-1] + 1 :]
    return guilty


def _child(path: Path, sources: Sequence[str], fetching: Fetching | None) -> tuple[list[str], str]:
    """What a process said while it decoded `sources` in order, and how it ended."""
    fetched = str((fetching or Fetching()).home)
    request = json.dumps({"path": str(path), "sources": list(sources), "fetched": fetched})
    limit = _SECONDS * (len(sources) + 1)
    try:
        done = subprocess.run(
            [sys.executable, "-c", _CODE],
            input=request.encode(), capture_output=True, timeout=limit, check=False,
        )  # fmt: skip
    except subprocess.TimeoutExpired as late:
        return (late.stdout or b"").decode().splitlines(), f"did not end within {limit} s"
    code = done.returncode
    why = f"was killed by signal {-code}" if code < 0 else f"ended the process with code {code}"
    return done.stdout.decode().splitlines(), why


def main() -> None:
    """The child: decode what standard input names; say `begin N` and `end N` of each."""
    request: Mapping[str, object] = json.loads(sys.stdin.buffer.read())
    sources = request["sources"]
    assert isinstance(sources, list)
    fetching = Fetching(Path(str(request["fetched"])))
    with open_source(Path(str(request["path"])), fetching) as photos, strict_pillow():
        entries = {entry.source: entry for entry in photos.entries}
        _limit()
        for number, source in enumerate(sources):
            _say(f"begin {number}")
            try:
                data = photos.read(entries[source])
                square(data, centre_box(*upright_size(data)), _SIDE)
            except Rejected:
                pass
            except MemoryError:
                _say(f"memory {number}")
            except Exception as error:  # told again, with its words, when its turn comes
                _say(f"odd {number} {type(error).__name__}")
            _say(f"end {number}")


def _say(line: str) -> None:
    os.write(1, f"{line}\n".encode())


def _limit() -> None:
    """2 GiB more than now, where the system can limit it; no core file."""
    with suppress(ImportError, OSError, ValueError):
        import resource

        now = int(Path("/proc/self/statm").read_text().split()[0]) * resource.getpagesize()
        resource.setrlimit(resource.RLIMIT_AS, (now + _BYTES, now + _BYTES))
        resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
