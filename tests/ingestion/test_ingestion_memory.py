"""Too little memory ends the command; it never makes a good photo a damaged one."""

import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from limbeck.config import DataConfig
from limbeck.decoding import Rejected, child
from limbeck.errors import LimbeckError
from limbeck.ingestion import ingest
from limbeck.kit.memory import short_of_memory
from limbeck.records import Reason

CONFIG = DataConfig(size=16)
_UNDER_LIMIT = """
import resource, sys
from pathlib import Path
from limbeck.config import DataConfig
from limbeck.errors import LimbeckError
from limbeck.ingestion import ingest
now = int(open("/proc/self/statm").read().split()[0]) * resource.getpagesize()
resource.setrlimit(resource.RLIMIT_AS, (now + int(sys.argv[3]) * 2**20,) * 2)
try:
    summary = ingest(Path(sys.argv[1]), Path(sys.argv[2]), DataConfig(size=16))
except LimbeckError as error:
    print("error", error.what)
else:
    print("made", summary.accepted, summary.rejected)
"""


def _photos(root: Path, side: tuple[int, int] = (40, 40), kinds: str = "png webp jpg") -> Path:
    root.mkdir(parents=True, exist_ok=True)
    for seed, kind in enumerate(kinds.split()):
        coarse = np.random.default_rng(seed).integers(0, 256, (6, 6, 3), dtype=np.uint8)
        Image.fromarray(coarse).resize(side).save(root / f"{seed}.{kind}")
    return root


def test_a_memory_error_names_the_file_and_writes_no_dataset(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    root = _photos(tmp_path / "p")

    def fail(*args: object) -> None:
        raise MemoryError("no")

    for name in (
        "limbeck.decoding.Photo.upright_size",
        "limbeck.decoding.Photo.scored",
        "limbeck.ingestion.files.thumbnail",
        "limbeck.ingestion.sources.folder.read_regular",
    ):
        with monkeypatch.context() as patch:
            patch.setattr(name, fail)
            with pytest.raises(LimbeckError, match=r"not enough memory to read 0\.png") as caught:
                ingest(root, tmp_path / "d", CONFIG)
        assert "taskset" in caught.value.do
        assert not (tmp_path / "d" / "index.json").exists()


def test_verdicts_of_damage_are_made_sure(monkeypatch: pytest.MonkeyPatch) -> None:
    short = False
    monkeypatch.setattr(child, "short_of_memory", lambda count: short)
    ends: list[object] = []

    def attempt() -> tuple[dict[str, object], bytes]:
        end = ends.pop(0)
        if isinstance(end, Exception):
            raise end
        return {"said": end}, b""

    corrupt = Rejected(Reason.CORRUPT, "decoding failed")
    ends[:] = [corrupt, "well"]
    assert child._sure(attempt) == ({"said": "well"}, b"")
    for first, second, lacking, wanted in (
        (corrupt, corrupt, False, Reason.CORRUPT),
        (corrupt, corrupt, True, MemoryError),
        (corrupt, MemoryError(), True, MemoryError),
    ):
        short = lacking
        ends[:] = [first, second]
        with pytest.raises((Rejected, MemoryError)) as caught:
            child._sure(attempt)
        found = caught.value
        assert (found.reason if isinstance(found, Rejected) else MemoryError) == wanted
    ends[:] = [Rejected(Reason.TOO_LARGE, "")]
    with pytest.raises(Rejected):
        child._sure(attempt)


def test_memory_is_asked_for_and_given_back() -> None:
    assert not short_of_memory(1 << 20)
    assert short_of_memory(1 << 62)


@pytest.mark.slow
@pytest.mark.timeout(1800)
@pytest.mark.skipif(not sys.platform.startswith("linux"), reason="limits are Linux's")
def test_under_real_limits_photos_are_good_or_the_command_ends(tmp_path: Path) -> None:
    kinds = "png webp jpg gif bmp tif ppm jp2 avif"
    root = _photos(tmp_path / "p", (1200, 900), kinds)
    ends = set()
    for spare in (8, 30, 60, 70, 80, 90, 600):
        done = subprocess.run(
            [sys.executable, "-c", _UNDER_LIMIT, root, tmp_path / f"d{spare}", str(spare)],
            capture_output=True, text=True, check=False,
        )  # fmt: skip
        assert done.returncode == 0, (spare, done.stderr[-2000:])
        word = done.stdout.split()[0]
        ends.add(word)
        if word == "made":
            assert done.stdout.strip() == "made 9 {}"
        else:
            assert "not enough memory" in done.stdout
            assert not (tmp_path / f"d{spare}" / "index.json").exists()
    assert ends == {"made", "error"}
