"""What files made to cost a reader cost ingestion: seconds and memory of each kind.

    python bench/bad_files.py [NAME ...]

Every kind lies alone with four photos. Printed: the seconds beyond those of the photos alone, the
children's processor time, the peak memory of the child that decoded it and of the process itself,
and what became of it.
"""

import json
import resource
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parents[1]
sys.path.insert(0, str(ROOT / "tests" / "ingestion"))

from ingestion_bad_files import COSTLY, saved, scene  # noqa: E402

_MEGA = 1 << 10  # ru_maxrss is in KiB


def one(root: str) -> None:
    """In a process of its own, so that its peaks are its own: ingest a folder."""
    from limbeck.config import DataConfig
    from limbeck.data import open_dataset
    from limbeck.ingestion import ingest

    config = DataConfig(size=64, crop="center", near_duplicate_bits=-1)
    started = time.perf_counter()
    ingest(Path(root, "p"), Path(root, "d"), config)
    seconds = time.perf_counter() - started
    spent = resource.getrusage(resource.RUSAGE_CHILDREN)
    rows = [row for row in open_dataset(Path(root, "d")).listed() if row.source.startswith("bad")]
    words = [f"{row.status} {row.reason} {row.detail}".strip() for row in rows]
    children = resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss / _MEGA
    own = int(Path("/proc/self/status").read_text().split("VmHWM:")[1].split()[0]) / _MEGA
    print(
        json.dumps(
            {
                "seconds": seconds,
                "child": children,
                "own": own,
                "words": words,
                "processor": spent.ru_utime + spent.ru_stime,
            }
        )
    )


def measured(name: str, data: bytes | None) -> dict[str, Any]:
    """Ingest four photos and, if there is one, the file."""
    with tempfile.TemporaryDirectory() as folder:
        photos = Path(folder, "p")
        photos.mkdir()
        for seed in range(4):
            (photos / f"photo-{seed}.png").write_bytes(saved("PNG", scene(seed)))
        if data is not None:
            (photos / f"bad-{name}").write_bytes(data)
        done = subprocess.run(
            [sys.executable, __file__, "--one", folder], check=True, capture_output=True, text=True
        )
    found: dict[str, Any] = json.loads(done.stdout.splitlines()[-1])
    return found


def main(names: list[str]) -> None:
    plain = measured("", None)
    print(f"four photos alone: {plain['seconds']:.1f} s, {plain['child']:.0f} MiB in a child, "
          f"{plain['own']:.0f} MiB in the process")  # fmt: skip
    for kind in COSTLY:
        if names and kind.name not in names:
            continue
        data = kind.make()
        found = measured(kind.name, data)
        more = found["seconds"] - plain["seconds"]
        print(
            f"{kind.name:30} {len(data) / 1e6:7.2f} MB  "
            f"+{more:5.1f} s ({found['processor']:4.1f} of CPU)  child {found['child']:5.0f} MiB  "
            f"process {found['own']:5.0f} MiB  {'; '.join(found['words'])[:90]}",
            flush=True,
        )


if __name__ == "__main__":
    if sys.argv[1:2] == ["--one"]:
        one(sys.argv[2])
    else:
        main(sys.argv[1:])
