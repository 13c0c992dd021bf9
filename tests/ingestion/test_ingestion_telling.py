"""What was left out is told; a changed photo is noticed; one image many times is no dataset."""

import os
import shutil
import zipfile
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from limbeck.config import DataConfig
from limbeck.data import open_dataset
from limbeck.decoding import decode
from limbeck.errors import DataError
from limbeck.ingestion import ingest, rejections, source_digest

CONFIG = DataConfig(size=16)


def _photos(root: Path, count: int = 4) -> Path:
    root.mkdir(parents=True, exist_ok=True)
    for seed in range(count):
        coarse = np.random.default_rng(seed).integers(0, 256, (6, 6, 3), dtype=np.uint8)
        Image.fromarray(coarse).resize((40, 40)).save(root / f"{seed}.bmp")
    return root


def test_what_was_left_out_is_told(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(decode, "photo_formats", lambda: ("PNG", "BMP"))
    root = _photos(tmp_path / "p")
    for number in range(3):
        (root / f"h{number}.heic").write_bytes(b"\0\0\0\x18ftypheic" + bytes(number + 9))
        (root / f"t{number}.txt").write_text("text")
    with zipfile.ZipFile(root / "in\x1bner.zip", "w") as inner:
        inner.writestr("a", "b")
    (root / "copy.bmp").write_bytes((root / "0.bmp").read_bytes())
    (root / "film.mp4").write_bytes(b"\0\0\0\x18ftypisom" + bytes(9))
    Image.new("RGB", (4, 4)).save(root / "small.png")
    (tmp_path / "list.txt").write_text("nobody.png")
    summary = ingest(root, tmp_path / "d", CONFIG, opt_out=tmp_path / "list.txt")
    lines = rejections(summary, open_dataset(tmp_path / "d").listed())
    assert lines == [
        "in a format that is not read: 4, e.g. film.mp4: a video",
        "no image: 4, e.g. in\\x1bner.zip: an archive inside; unpack it",
        "copy byte for byte: 1, e.g. copy.bmp",
        "too small: 1",
        "3 HEIC photos: pip install 'limbeck[heif]'",
        "1 archive inside, e.g. in\\x1bner.zip: unpack what holds photos, nothing in an inner "
        "archive is read",
        "1 line of the opt-out list took nothing down",
    ]
    ingest(_photos(tmp_path / "q"), tmp_path / "e", CONFIG)
    assert rejections(
        ingest(tmp_path / "q", tmp_path / "e", CONFIG), open_dataset(tmp_path / "e").listed()
    ) == []  # fmt: skip


def test_heic_with_the_extra_is_damaged_if_it_cannot_be_read(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    data = b"\0\0\0\x18ftypheic" + bytes(9)
    monkeypatch.setattr(decode, "photo_formats", lambda: ("PNG",))
    with pytest.raises(decode.Rejected, match=r"limbeck\[heif\]"):
        decode.upright_size(data)
    monkeypatch.setitem(decode.Image.OPEN, "HEIF", decode.Image.OPEN["PNG"])
    monkeypatch.setattr(decode, "photo_formats", lambda: ("PNG", "HEIF"))
    with pytest.raises(decode.Rejected, match="unreadable header"):
        decode.upright_size(data)


def test_one_picture_many_times_is_an_error(tmp_path: Path) -> None:
    root = _photos(tmp_path / "p", 1)
    for number in range(1, 5):
        shutil.copy(root / "0.bmp", root / f"{number}.bmp")
    Image.open(root / "0.bmp").save(root / "again.webp", quality=90)
    with pytest.raises(DataError, match=r"only one image is left \(0\.bmp; 5 are copies"):
        ingest(root, tmp_path / "d", CONFIG)
    assert not (tmp_path / "d" / "index.json").exists()
    assert not (tmp_path / "d" / "done.json").exists()


def _edit(path: Path) -> None:
    """Another image of equal size in bytes."""
    data = bytearray(path.read_bytes())
    data[-100] ^= 255
    path.write_bytes(data)


def test_an_edit_of_equal_size_is_noticed(tmp_path: Path) -> None:
    root = _photos(tmp_path / "p")
    before = source_digest(root)
    assert source_digest(root) == before
    root.rename(tmp_path / "moved")
    shutil.copytree(tmp_path / "moved", tmp_path / "kept")  # with times, like cp -a
    assert source_digest(tmp_path / "moved") == source_digest(tmp_path / "kept") == before
    size = (tmp_path / "moved" / "2.bmp").stat().st_size
    _edit(tmp_path / "moved" / "2.bmp")
    assert (tmp_path / "moved" / "2.bmp").stat().st_size == size
    assert source_digest(tmp_path / "moved") != before


def test_verifying_reads_the_contents(tmp_path: Path) -> None:
    root, out = _photos(tmp_path / "p"), tmp_path / "d"
    (root / "gone.png").symlink_to(root / "nowhere")
    ingest(root, out, CONFIG)
    before = source_digest(root)
    assert source_digest(root, verify=out) == before
    times = (root / "2.bmp").stat()
    _edit(root / "2.bmp")
    os.utime(root / "2.bmp", ns=(times.st_atime_ns, times.st_mtime_ns))
    assert source_digest(root) == before
    assert source_digest(root, verify=out) != before


def test_an_edited_zip_is_noticed(tmp_path: Path) -> None:
    root, path = _photos(tmp_path / "p"), tmp_path / "p.zip"

    def pack() -> None:
        with zipfile.ZipFile(path, "w") as archive:
            for photo in sorted(root.iterdir()):
                archive.write(photo, photo.name)

    pack()
    before, times = source_digest(path), path.stat()
    ingest(path, tmp_path / "d", CONFIG)
    assert source_digest(path, verify=tmp_path / "d") == before
    os.utime(path)
    assert source_digest(path) != before
    _edit(root / "1.bmp")
    pack()
    os.utime(path, ns=(times.st_atime_ns, times.st_mtime_ns))
    assert source_digest(path) != before
