"""Whatever a folder holds, ingestion ends, every file has a row, and no bad one costs another."""

import os
import time
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import pytest
from ingestion_bad_files import ANY, CHEAP, COSTLY, Bad, saved, scene

from limbeck.config import DataConfig
from limbeck.data import open_dataset
from limbeck.ingestion import ingest
from limbeck.records import ImageInfo, Status

CONFIG = DataConfig(size=16, crop="center", near_duplicate_bits=-1)


def rows_of(tmp_path: Path, kinds: Sequence[Bad]) -> dict[str, ImageInfo]:
    """Each file's row of a dataset made of the bad files among four photos."""
    root = tmp_path / "p"
    root.mkdir()
    for kind in kinds:
        (root / kind.name).write_bytes(kind.make())
    for seed in range(4):
        (root / f"photo-{seed}.png").write_bytes(saved("PNG", scene(100 + seed)))
    listed = len(list(root.iterdir()))
    summary = ingest(root, tmp_path / "d", CONFIG)
    assert summary.listed == listed
    assert summary.balanced()
    rows = {info.source: info for info in open_dataset(tmp_path / "d").listed()}
    assert len(rows) == listed
    for seed in range(4):
        assert rows[f"photo-{seed}.png"].status is Status.ACCEPTED
    return rows


def wrong(kinds: Sequence[Bad], rows: dict[str, ImageInfo]) -> list[str]:
    """Kinds of which something else became than must."""
    ends = {k.name: rows[k.name].reason.value or rows[k.name].status.value for k in kinds}
    wanted = {kind.name: kind.reason for kind in kinds}
    return [f"{name}: {end}" for name, end in ends.items() if wanted[name] not in (ANY, end)]


def test_every_kind_of_bad_file_has_its_reason(tmp_path: Path) -> None:
    assert len(CHEAP) >= 60
    rows = rows_of(tmp_path, CHEAP)
    assert not wrong(CHEAP, rows)
    for kind in CHEAP:
        row = rows[kind.name]
        assert row.status is Status.ACCEPTED or row.reason.value, kind.name
        assert row.status is Status.ACCEPTED or row.detail, f"{kind.name} does not say why"


def test_names_of_any_bytes_are_listed(tmp_path: Path) -> None:
    root = tmp_path / "p"
    root.mkdir()
    for seed, name in enumerate((b"a\xff\xfe.png", b"new\nline.png", b"\xf0\x9f\x90\x95.png")):
        (root / os.fsdecode(name)).write_bytes(saved("PNG", scene(seed)))
    (root / "a\\xff\\xfe.png").write_bytes(saved("PNG", scene(8)))  # as text shows the first
    (root / ("x" * 250 + ".png")).write_bytes(saved("PNG", scene(9)))
    summary = ingest(root, tmp_path / "d", CONFIG)
    assert (summary.accepted, summary.failed, summary.listed) == (4, 1, 5)
    data = open_dataset(tmp_path / "d")
    known = {f"{seed:02d}": scene(seed) for seed in (0, 1, 2, 8, 9)}
    for info, image in zip(data.infos, data.at(96)[range(4)], strict=True):
        distance = {
            name: float(
                abs(np.asarray(other).transpose(2, 0, 1).astype(int) - image.numpy()).mean()
            )
            for name, other in known.items()
        }
        wanted = {"new": "01", "x": "09", "a": "00 08", "\U0001f415": "02"}
        begins = next(key for key in wanted if info.source.startswith(key))
        assert min(distance, key=distance.__getitem__) in wanted[begins], info.source


@pytest.mark.slow
@pytest.mark.timeout(900)
@pytest.mark.parametrize("kind", COSTLY, ids=lambda kind: kind.name)
def test_costly_files_cost_ten_seconds_at_most(tmp_path: Path, kind: Bad) -> None:
    (tmp_path / "made").write_bytes(kind.make())
    started = time.monotonic()
    rows = rows_of(tmp_path, [Bad(kind.name, (tmp_path / "made").read_bytes, kind.reason)])
    assert time.monotonic() - started < 60  # two passes; the machine may be busy
    assert not wrong([kind], rows)
