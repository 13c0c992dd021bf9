"""A process that reads spoilt files one after the other, under limits, and tells what became of it.

python tests/fuzz/fuzz_child.py run WORK SEED FIRST LAST   cases FIRST to LAST - 1 of a seed
python tests/fuzz/fuzz_child.py again TARGET FILE          a saved failure, with its traceback
python tests/fuzz/fuzz_child.py campaign SEED COUNT        many processes' worth; prints counts
"""

import json
import os
import resource
import shutil
import signal
import stat
import sys
import tempfile
import time
import traceback
from contextlib import suppress
from pathlib import Path
from random import Random
from typing import Any

SECONDS, MEMORY = 10, 2**30  # of the processor for a case; beyond what the process holds before
WAITING = 30  # seconds for a case on a busy machine


class TooSlow(BaseException):
    """A case went on for too long; no reader catches it."""


def _stop(*_: object) -> None:
    raise TooSlow


def limit() -> None:
    """At most `MEMORY` more than now; the time of a case is kept by alarms."""
    pages = int(Path("/proc/self/statm").read_text().split()[0])
    most = pages * resource.getpagesize() + MEMORY
    resource.setrlimit(resource.RLIMIT_AS, (most, most))
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    signal.signal(signal.SIGALRM, _stop)
    signal.signal(signal.SIGPROF, _stop)


def spoil(path: Path, whole: bytes, target: Any, rng: Random) -> None:
    """Put a spoilt file at `path`; now and then something that is no file."""
    if rng.random() < 0.01:
        path.unlink()
        way = rng.randrange(5)
        if way == 0:
            os.mkfifo(path)
        elif way == 1:
            path.mkdir()
        elif way != 4:
            path.symlink_to({2: "/dev/zero", 3: path.name}[way])
        return
    data = whole
    for _ in range(rng.choice((1, 1, 1, 2))):
        try:
            data = rng.choice(target.mutators)(data, rng)
        except Exception:  # already spoilt beyond its format
            data = Random(len(data)).choice([data, data[: len(data) // 2]])
    path.write_bytes(data)


def judge(target: Any, folder: Path) -> tuple[str, str]:
    """`read`, `refused`, `short of memory`, `slow` or `untyped`, and the error."""
    from limbeck.errors import LimbeckError

    signal.alarm(WAITING)
    signal.setitimer(signal.ITIMER_PROF, SECONDS)
    try:
        target.read(folder)
        return "read", ""
    except LimbeckError as error:
        text = f"{type(error).__name__}: {error}"
        return ("short of memory" if "not enough memory" in text else "refused"), text
    except target.errors:
        return "refused", ""
    except TooSlow:
        return "slow", traceback.format_exc()
    except MemoryError:
        return "short of memory", traceback.format_exc()
    except BaseException:
        return "untyped", traceback.format_exc()
    finally:
        signal.alarm(0)
        signal.setitimer(signal.ITIMER_PROF, 0)


def case(target: Any, sound: Path, kept: dict[Path, bytes], seed: str) -> tuple[str, str, bytes]:
    """Spoil, sign, read, and put back what was there; the outcome, its error, what was read."""
    rng = Random(seed)
    path, signed, data = sound / target.file, False, b""
    spoil(path, kept[path], target, rng)
    try:
        if stat.S_ISREG(path.lstat().st_mode):
            data = path.read_bytes()
            if target.sign is not None and rng.random() < 0.9:
                signed = True
                with suppress(Exception):  # nothing that could be signed
                    target.sign(sound)
    except OSError:  # a way of its own to spoil it
        pass
    outcome, text = judge(target, sound)
    if path.is_dir() and not path.is_symlink():
        path.rmdir()
    else:
        path.unlink(missing_ok=True)
    for file in kept if signed else [path]:
        file.write_bytes(kept[file])
    return outcome, text, data


def warnings_off() -> None:
    """Libraries warn about odd files; that is no fault."""
    import warnings

    warnings.simplefilter("ignore")


def run(work: Path, seed: int, first: int, last: int) -> None:
    """Read cases `first` to `last` - 1; sound files and the log lie in `work`."""
    import pyarrow as pa
    import torch
    from fuzz_targets import TARGETS

    warnings_off()
    torch.set_num_threads(1)
    pa.set_memory_pool(pa.system_memory_pool())  # others reserve gigabytes of addresses
    kept: dict[str, dict[Path, bytes]] = {}
    for name, target in TARGETS.items():
        folder = work / name.replace("/", "-")
        if not folder.exists():
            folder.mkdir(parents=True)
            target.make(folder)
        kept[name] = {path: path.read_bytes() for path in folder.rglob("*") if path.is_file()}
        target.read(folder)  # what libraries load on first use is not a case's
    limit()
    names, weights = list(TARGETS), [target.weight for target in TARGETS.values()]
    with open(work / "log.jsonl", "a", 1, encoding="utf-8") as log:
        for number in range(first, last):
            name = Random(f"{seed}:{number}").choices(names, weights)[0]
            (work / "now").write_text(f"{number} {name}")
            folder, began = work / name.replace("/", "-"), time.process_time()
            outcome, text, data = case(TARGETS[name], folder, kept[name], f"{seed}:{number}:{name}")
            row = {
                "case": number,
                "target": name,
                "outcome": outcome,
                "text": "" if outcome == "refused" else text[-3000:],
                "seconds": round(time.process_time() - began, 3),
            }
            if outcome not in ("read", "refused"):
                (work / f"{number}.bin").write_bytes(data)
            log.write(json.dumps(row) + "\n")
        (work / "peak").write_text(str(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss))


def again(name: str, file: Path) -> None:
    """Read a saved failure in place of the target's file."""
    import pyarrow as pa
    from fuzz_targets import TARGETS

    warnings_off()
    pa.set_memory_pool(pa.system_memory_pool())
    target = TARGETS[name]
    with tempfile.TemporaryDirectory() as folder:
        target.make(Path(folder))
        target.read(Path(folder))
        shutil.copy(file, Path(folder, target.file))
        if target.sign is not None:
            try:
                target.sign(Path(folder))
            except Exception as error:
                sys.stdout.write(f"cannot be signed: {error}\n")
        limit()
        sys.stdout.write("\n".join(judge(target, Path(folder))) + "\n")


if __name__ == "__main__":
    if sys.argv[1] == "again":
        again(sys.argv[2], Path(sys.argv[3]))
    else:
        from fuzz_campaign import campaign, told

        sys.stdout.write(told(campaign(int(sys.argv[2]), count=int(sys.argv[3]))) + "\n")
