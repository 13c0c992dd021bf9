"""The store of encoded tars: the pixels, the digest and the views of the raw one; damage named."""

import hashlib
import io
import json
import os
import re
import tarfile
import zlib
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
import torch
from PIL import Image

from limbeck import fsio
from limbeck.data import (
    Dataset,
    Encoded,
    choose_store,
    decode,
    encode,
    open_dataset,
    tar_pixels,
    write_dataset,
    write_without,
)
from limbeck.errors import DataError
from limbeck.records import ImageInfo, Status, StoreKind

SIDE = 16
SHARD = 3 * 3 * SIDE * SIDE  # bytes: three squares a shard


def squares(count: int) -> np.ndarray:
    """Soft colours with noise: neither flat nor all noise."""
    rng = np.random.default_rng(0)
    coarse = rng.integers(0, 256, (count, 3, 4, 4), dtype=np.uint8)
    noise = rng.integers(0, 9, (count, 3, SIDE, SIDE), dtype=np.uint8)
    return coarse.repeat(SIDE // 4, 2).repeat(SIDE // 4, 3) // 2 + noise


def infos(count: int) -> list[ImageInfo]:
    found = [
        ImageInfo(source=f"{i}.png", id=hashlib.sha256(b"%d" % i).hexdigest()[:16],
                  sha256=hashlib.sha256(b"%d" % i).hexdigest(), status=Status.ACCEPTED,
                  width=20, height=20, box=(0, 0, 20, 20))
        for i in range(count)
    ]  # fmt: skip
    return [found[0], ImageInfo(source="notes.txt", status=Status.FAILED), *found[1:]]


def written(root: Path, kind: StoreKind = StoreKind.SHARDS, count: int = 10) -> Dataset:
    write_dataset(root, infos(count), squares(count), SIDE, shard_bytes=SHARD, kind=kind)
    return open_dataset(root, verify=True)


@pytest.mark.parametrize("size", [1, 5, 16, 130])
def test_pixels_come_back_bit_for_bit(size: int) -> None:
    rng = np.random.default_rng(size)
    for pixels in (
        rng.integers(0, 256, (3, size, size), dtype=np.uint8),
        np.zeros((3, size, size), dtype=np.uint8),
        np.full((3, size, size), 255, dtype=np.uint8),
    ):
        data = encode(pixels).data
        assert np.array_equal(decode(data, size), pixels)
        assert encode(pixels).data == data


def test_only_the_square_that_is_meant_is_decoded(monkeypatch: pytest.MonkeyPatch) -> None:
    good = encode(squares(1)[0]).data
    lossy, png = io.BytesIO(), io.BytesIO()
    picture = Image.fromarray(squares(1)[0].transpose(1, 2, 0))
    picture.save(lossy, "WEBP", quality=80)
    picture.save(png, "PNG")
    for cut in range(0, len(good) - 1, 7):
        with pytest.raises(ValueError, match="it "):
            decode(good[:cut], SIDE)
    wide = Image.new("RGB", (SIDE, 2 * SIDE))
    wide.save(wide_file := io.BytesIO(), "WEBP", lossless=True)
    monkeypatch.setattr(Image, "open", lambda *_, **__: pytest.fail("opened"))
    for data in (lossy.getvalue(), png.getvalue(), wide_file.getvalue(), b"", b"RIFF" * 20):
        with pytest.raises(ValueError, match="no lossless WebP of 16 x 16"):
            decode(data, SIDE)


def test_both_stores_hold_the_same(tmp_path: Path) -> None:
    raw, tars = written(tmp_path / "raw", StoreKind.RAW), written(tmp_path / "tars")
    assert (raw.kind, tars.kind) == (StoreKind.RAW, StoreKind.SHARDS)
    assert raw.digest == tars.digest
    assert raw.contents == tars.contents == [shard["sha256"] for shard in raw.shards]
    names = sorted(path.name for path in (tmp_path / "tars").glob("images-*"))
    assert names == [f"images-0000{n}.tar" for n in range(4)]
    rows = np.array([9, 0, 4, 4, 7, 1, 2, 3, 5, 6, 8, 0])
    for size in (4, SIDE, 24):
        wanted = raw.at(size, resident=False)[rows]
        assert torch.equal(tars.at(size, resident=False)[rows], wanted)
        assert torch.equal(tars.at(size, resident=True)[rows], wanted)
    assert np.array_equal(list(tars.stored()), squares(10))
    some = [tars.ids[7], tars.ids[2]]
    assert torch.equal(
        tars.select(some).at(SIDE, resident=False)[[0, 1]], raw.at(SIDE, resident=False)[[2, 7]]
    )
    assert raw.select(some).digest == tars.select(some).digest


def test_shards_are_plain_tars(tmp_path: Path) -> None:
    data = written(tmp_path / "d")
    with tarfile.open(tmp_path / "d" / "images-00001.tar") as tar:
        members = tar.getmembers()
        assert [member.name for member in members] == [f"00000{n}.webp" for n in range(3)]
        assert {(m.mtime, m.uid, m.uname) for m in members} == {(0, 0, "")}
        for member, info, pixels in zip(members, data.infos[3:], squares(10)[3:], strict=False):
            assert (info.offset, info.length) == (member.offset_data, member.size)
            file = tar.extractfile(member)
            assert file is not None
            assert np.array_equal(np.asarray(Image.open(file)), pixels.transpose(1, 2, 0))


def test_threads_change_nothing_but_time(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    rows = np.random.default_rng(1).integers(0, 10, 100)
    written(tmp_path / "d")
    monkeypatch.setattr(tar_pixels, "cores", lambda: 4)
    several = open_dataset(tmp_path / "d").at(SIDE, resident=False)[rows]
    monkeypatch.setattr(tar_pixels, "cores", lambda: 1)
    assert torch.equal(open_dataset(tmp_path / "d").at(SIDE, resident=False)[rows], several)
    monkeypatch.delattr(os, "pread")  # as on Windows
    assert torch.equal(open_dataset(tmp_path / "d").at(SIDE, resident=False)[rows], several)


def test_descriptors_are_given_back(tmp_path: Path) -> None:
    data = written(tmp_path / "d")
    before = set(Path("/proc/self/fd").iterdir())
    view = data.at(SIDE, resident=False)
    view[range(10)]
    assert len(set(Path("/proc/self/fd").iterdir()) - before) >= 4
    del view
    assert set(Path("/proc/self/fd").iterdir()) <= before


def test_a_view_that_is_open_goes_on_when_the_dataset_is_replaced(tmp_path: Path) -> None:
    data = written(tmp_path / "d")
    view = data.at(SIDE, resident=False)
    first = view[range(10)]
    for file in (tmp_path / "d").glob("images-*.tar"):
        fsio.write_text(file, "another dataset")
    assert torch.equal(view[range(10)], first)


@pytest.mark.parametrize("threads", [1, 4])
def test_damage_is_named_with_shard_and_row(
    tmp_path: Path, threads: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(tar_pixels, "cores", lambda: threads)
    data = written(tmp_path / "d")
    path, info = tmp_path / "d" / "images-00001.tar", data.infos[5]
    content = bytearray(path.read_bytes())
    assert info.offset is not None
    assert info.length is not None
    content[info.offset + info.length // 2] ^= 1
    path.write_bytes(content)
    view = open_dataset(tmp_path / "d").at(SIDE, resident=False)
    assert torch.equal(view[[3, 4]], torch.from_numpy(squares(10)[3:5]))
    named = r"images-00001\.tar is damaged at row 2 \(000002\.webp\): its bytes differ"
    with pytest.raises(DataError, match=named):
        view[range(10)]
    with pytest.raises(DataError, match=r"images-00001\.tar is damaged: its sha256"):
        open_dataset(tmp_path / "d", verify=True)
    path.write_bytes(bytes(content[:-512]))
    with pytest.raises(DataError, match=r"images-00001\.tar is damaged: .* bytes"):
        open_dataset(tmp_path / "d")


def resign(root: Path, **columns: object) -> None:
    """Set columns of row 2 of the table (the second image), as an attacker would, and sign all."""
    table = pq.read_table(root / "images.parquet")
    for name, value in columns.items():
        values = table.column(name).to_pylist()
        values[2] = value
        at = table.column_names.index(name)
        table = table.set_column(at, name, pa.array(values, table.schema.field(name).type))
    pq.write_table(table, root / "images.parquet")
    index = json.loads((root / "index.json").read_text())
    for facts in [index["table"], *index["shards"]]:
        file = root / facts["file"]
        facts.update(bytes=file.stat().st_size, sha256=fsio.sha256_file(file))
    (root / "index.json").write_text(json.dumps(index))


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"offset": None}, "offset, length or crc32 is missing"),
        ({"crc32": None}, "offset, length or crc32 is missing"),
        ({"offset": 10**9}, "no image in the"), ({"length": 0}, "no image in the"),
        ({"length": 10**12}, "no image in the"), ({"offset": 512}, "are another's"),
        ({"offset": -1}, "offset: Input should be"),
    ],
)  # fmt: skip
def test_places_that_cannot_be_relied_on(
    tmp_path: Path, change: dict[str, object], message: str
) -> None:
    written(tmp_path / "d")
    resign(tmp_path / "d", **change)
    with pytest.raises(DataError, match=message):
        open_dataset(tmp_path / "d")


def test_a_bomb_in_a_shard_is_not_unfolded(tmp_path: Path) -> None:
    """Signed by an attacker, crc32 and all: the header says the side before anything is decoded."""
    data = written(tmp_path / "d")
    buffer = io.BytesIO()
    Image.new("RGB", (3000, 3000)).save(buffer, "WEBP", lossless=True)
    info = data.infos[1]
    assert info.offset is not None
    bomb = buffer.getvalue()[: info.length]
    path = tmp_path / "d" / "images-00000.tar"
    content = bytearray(path.read_bytes())
    content[info.offset : info.offset + len(bomb)] = bomb
    path.write_bytes(content)
    resign(tmp_path / "d", length=len(bomb), crc32=zlib.crc32(bomb))
    with pytest.raises(DataError, match=r"damaged at row 1 .*no lossless WebP of 16 x 16"):
        open_dataset(tmp_path / "d").at(SIDE, resident=False)[[1]]


def test_an_index_is_of_one_store(tmp_path: Path) -> None:
    written(tmp_path / "d")
    index = json.loads((tmp_path / "d" / "index.json").read_text())
    for number, change, message in (
        (1, {"file": "images-00001.npy"}, "shards are not images-00000.tar"),
        (0, {"pixels": None}, "pixels is told of tars"), (0, {"rows": 10**6}, "too few bytes"),
    ):  # fmt: skip
        spoilt = json.loads(json.dumps(index))
        spoilt["shards"][number].update(change)
        (tmp_path / "d" / "index.json").write_text(json.dumps(spoilt))
        with pytest.raises(DataError, match=message):
            open_dataset(tmp_path / "d")


def test_what_is_written_is_read_back(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    real = tar_pixels.encode

    def lossy(pixels: np.ndarray) -> Encoded:
        return (
            real(pixels ^ np.uint8(1))
            if pixels[0, 0, 0] == squares(10)[4][0, 0, 0]
            else real(pixels)
        )

    monkeypatch.setattr(tar_pixels, "encode", lossy)
    with pytest.raises(DataError, match="came back with other pixels"):
        written(tmp_path / "d")
    assert not list((tmp_path / "d").glob("images-00001*"))
    assert not (tmp_path / "d" / "index.json").exists()


@pytest.mark.parametrize("kind", StoreKind)
def test_either_store_takes_encoded_squares(tmp_path: Path, kind: StoreKind) -> None:
    packed = [encode(square) for square in squares(10)]
    write_dataset(tmp_path / "a", infos(10), packed, SIDE, shard_bytes=SHARD, kind=kind)
    plain = written(tmp_path / "b", kind)
    assert open_dataset(tmp_path / "a").shards == plain.shards


def test_without_some_it_is_what_it_would_have_been(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    data = written(tmp_path / "d")
    monkeypatch.setattr("limbeck.data.removal.write_dataset", _in_small_shards)
    monkeypatch.setattr(tar_pixels, "encode", lambda _: pytest.fail("encoded again"))
    write_without(data, [5], tmp_path / "less")
    monkeypatch.undo()
    less = open_dataset(tmp_path / "less", verify=True)
    assert less.kind is StoreKind.SHARDS
    stay = [row for row in range(10) if row != 4]
    assert np.array_equal(list(less.stored()), squares(10)[stay])
    others = [info for place, info in enumerate(infos(10)) if place != 5]
    write_dataset(tmp_path / "never", others, squares(10)[stay], SIDE, shard_bytes=SHARD,
                  kind=StoreKind.SHARDS)  # fmt: skip
    never = open_dataset(tmp_path / "never")
    assert (less.digest, less.shards) == (never.digest, never.shards)
    taken = encode(squares(10)[4]).data
    assert not any(taken in file.read_bytes() for file in (tmp_path / "less").iterdir())


def _in_small_shards(*args: object, **options: object) -> None:
    write_dataset(*args, shard_bytes=SHARD, **options)  # type: ignore[arg-type]


def test_a_table_without_pixels_to_go_keeps_its_places(tmp_path: Path) -> None:
    data = written(tmp_path / "d")
    write_without(data, [1], tmp_path / "less")  # the text file
    for file in (tmp_path / "d").glob("images-*.tar"):
        os.link(file, tmp_path / "less" / file.name)
    less = open_dataset(tmp_path / "less", verify=True)
    assert less.digest == data.digest
    assert np.array_equal(list(less.stored()), squares(10))


@pytest.mark.parametrize(
    ("asked", "images", "memory", "kind", "why"),
    [
        ("raw", 10**9, 2**30, "raw", "as asked for"), ("shards", 1, None, "shards", "as asked"),
        ("auto", 100, 2**30, "raw", "take up to 4.69 MiB, no more than half of the memory here"),
        ("auto", 20_000, 2**30, "shards", "take up to 938 MiB, more than half .*, 512 MiB"),
        ("auto", 2 * 10**6, 2**40, "shards", "more than 64 GiB"),
        ("auto", 2 * 10**6, None, "shards", "more than 64 GiB"),
        ("auto", 10**6, None, "raw", "no more than 64 GiB"),
    ],
)  # fmt: skip
def test_the_store_is_chosen_by_what_fits(
    asked: str, images: int, memory: int | None, kind: str, why: str,
    monkeypatch: pytest.MonkeyPatch,
) -> None:  # fmt: skip
    monkeypatch.setattr("limbeck.data.choosing.whole_memory", lambda: memory)
    found, told = choose_store(asked, images, 128)
    assert found == kind
    assert re.search(why, told)
