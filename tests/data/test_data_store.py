"""The store: what is written is what is read, and damage is named."""

import hashlib
import json
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
import torch

from limbeck import fsio
from limbeck.data import (
    Dataset,
    flags_of,
    is_taken,
    open_dataset,
    store,
    write_dataset,
    write_without,
)
from limbeck.data.layout import ADDED
from limbeck.errors import DataError
from limbeck.kit.images import resize_area
from limbeck.records import Flag, ImageInfo, Quality, Reason, Status


def _pictures(count: int, size: int = 16) -> np.ndarray:
    return np.random.default_rng(0).integers(0, 256, (count, 3, size, size), dtype=np.uint8)


def _info(index: int, label: int | None = None) -> ImageInfo:
    digest = hashlib.sha256(str(index).encode()).hexdigest()
    return ImageInfo(
        source=f"{index}.png", id=digest[:16], sha256=digest, status=Status.ACCEPTED,
        width=40, height=30, box=(5, 0, 35, 30), label=label,
    )  # fmt: skip


def _write(root: Path, count: int = 10, *, labels: bool = False, **options: int) -> Dataset:
    infos = [_info(i, i % 2 if labels else None) for i in range(count)]
    infos.insert(
        1, ImageInfo(source="notes.txt", status=Status.REJECTED, reason=Reason.NOT_AN_IMAGE)
    )
    names = ("a", "b") if labels else ()
    write_dataset(root, infos, _pictures(count), 16, class_names=names, **options)
    return open_dataset(root, verify=True)


def test_round_trip_over_several_shards(tmp_path: Path) -> None:
    data = _write(tmp_path / "d", shard_bytes=3 * 3 * 16 * 16)
    assert len(data) == 10
    assert sorted(p.name for p in (tmp_path / "d").glob("*.npy")) == [
        f"images-{i:05d}.npy" for i in range(4)
    ]
    assert data.counts == {
        "listed": 11, "accepted": 10, "rejected": {"not_an_image": 1}, "opted_out": 0, "failed": 0
    }  # fmt: skip
    assert [i.source for i in data.listed()][:2] == ["0.png", "notes.txt"]
    assert data.infos[0].box == (5, 0, 35, 30)
    assert torch.equal(data.at(16)[range(10)], torch.from_numpy(_pictures(10)))
    assert np.load(tmp_path / "d" / "images-00003.npy").shape == (1, 3, 16, 16)


def test_rows_written_in_pieces_are_the_same(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    whole = _write(tmp_path / "whole", labels=True)
    monkeypatch.setattr(store, "_ROWS", 4)
    pieces = _write(tmp_path / "pieces", labels=True)
    assert pq.ParquetFile(tmp_path / "pieces" / "images.parquet").num_row_groups == 3
    assert pieces.listed() == whole.listed()
    assert pieces.digest == whole.digest


@pytest.mark.parametrize("size", [4, 8, 12, 16, 32])
def test_resident_and_mapped_agree(tmp_path: Path, size: int) -> None:
    data = _write(tmp_path / "d", shard_bytes=4 * 3 * 16 * 16)
    rows = np.array([9, 0, 3, 3, 7])
    resident, mapped = data.at(size, resident=True), data.at(size, resident=False)
    assert resident.resident
    assert not mapped.resident
    assert torch.equal(resident[rows], mapped[rows])
    assert torch.equal(mapped[rows], resize_area(torch.from_numpy(_pictures(10)), size)[rows])


def test_little_memory_maps_the_pixels(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    data = _write(tmp_path / "d")
    assert data.at(8).resident
    monkeypatch.setattr("limbeck.data.dataset.available_memory", lambda: 4 * (10 * 3 * 8 * 8 - 1))
    assert not data.at(8).resident
    monkeypatch.setattr("limbeck.data.dataset.available_memory", lambda: None)
    assert data.at(8).resident


def test_a_view_is_pure_and_refuses_rows_outside(tmp_path: Path) -> None:
    view = _write(tmp_path / "d").at(8)
    first = view[[1, 2]]
    first.zero_()
    assert view[[1, 2]].float().mean() > 1
    for rows in ([-1], [10]):
        with pytest.raises(IndexError):
            view[rows]


def test_batches_cover_all_rows_once(tmp_path: Path) -> None:
    data = _write(tmp_path / "d", labels=True)
    batches = list(data.batches(8, 4))
    assert [len(b.ids) for b in batches] == [4, 4, 2]
    assert sum((b.ids for b in batches), ()) == data.ids
    assert torch.equal(torch.cat([b.images for b in batches]), data.at(8)[range(10)])
    assert data.num_classes == 2
    assert torch.cat([b.labels for b in batches if b.labels is not None]).tolist() == [0, 1] * 5
    assert _write(tmp_path / "e").labels is None


def test_select_keeps_row_order_and_changes_the_digest(tmp_path: Path) -> None:
    data = _write(tmp_path / "d")
    some = data.select([data.ids[7], data.ids[2]])
    assert some.ids == (data.ids[2], data.ids[7])
    assert torch.equal(some.at(16)[[0, 1]], data.at(16)[[2, 7]])
    assert data.select(data.ids).digest == data.digest != some.digest
    assert some.digest == data.select([data.ids[2], data.ids[7]]).digest
    with pytest.raises(DataError, match="1 ids are not in"):
        data.select(["f" * 16])


def test_digest_is_of_content_not_of_place(tmp_path: Path) -> None:
    one, two = _write(tmp_path / "a"), _write(tmp_path / "b")
    assert one.digest == two.digest
    changed = _pictures(10)
    changed[4, 0, 0, 0] ^= 1
    write_dataset(tmp_path / "c", [_info(i) for i in range(10)], changed, 16)
    assert open_dataset(tmp_path / "c").digest != one.digest


def test_a_dataset_is_not_written_over(tmp_path: Path) -> None:
    _write(tmp_path / "d", 3)
    with pytest.raises(DataError, match="holds a dataset already"):
        _write(tmp_path / "d", 4)
    assert len(open_dataset(tmp_path / "d")) == 3


def test_an_empty_dataset_can_be_read(tmp_path: Path) -> None:
    write_dataset(tmp_path / "d", [], [], 16)
    data = open_dataset(tmp_path / "d", verify=True)
    assert len(data) == 0
    assert list(data.batches(8, 4)) == []


def test_damage_is_named(tmp_path: Path) -> None:
    with pytest.raises(DataError, match="no dataset at"):
        open_dataset(tmp_path / "none")
    with pytest.raises(DataError, match="holds no dataset"):
        open_dataset(tmp_path)
    root = tmp_path / "d"
    _write(root)
    (tmp_path / "run").mkdir()
    root.rename(tmp_path / "run" / "data")
    with pytest.raises(DataError, match="did you mean"):
        open_dataset(tmp_path / "run")
    root = tmp_path / "run" / "data"
    shard = root / "images-00000.npy"
    good = shard.read_bytes()
    shard.write_bytes(good[:-1])
    with pytest.raises(DataError, match=r"images-00000\.npy is damaged: .* bytes"):
        open_dataset(root)
    shard.write_bytes(good[:-1] + bytes([good[-1] ^ 255]))
    open_dataset(root)
    with pytest.raises(DataError, match="sha256 differs"):
        open_dataset(root, verify=True)
    shard.unlink()
    with pytest.raises(DataError, match="is missing"):
        open_dataset(root)


def test_other_formats_and_half_written_folders_are_refused(tmp_path: Path) -> None:
    root = tmp_path / "d"
    _write(root)
    index = json.loads((root / "index.json").read_text())
    for change, message in [
        ({"format_version": 99}, "dataset format 99"),
        ({"format": "other"}, "does not describe"),
    ]:
        (root / "index.json").write_text(json.dumps({**index, **change}))
        with pytest.raises(DataError, match=message):
            open_dataset(root)
    del index["shards"]
    (root / "index.json").write_text(json.dumps(index))
    with pytest.raises(DataError, match="lacks"):
        open_dataset(root)
    (root / "index.json").unlink()
    with pytest.raises(DataError, match="half-written"):
        open_dataset(root)


def test_a_writer_that_fails_leaves_no_dataset(tmp_path: Path) -> None:
    root = tmp_path / "d"

    def pictures():
        yield _pictures(1)[0]
        raise RuntimeError("killed")

    with pytest.raises(RuntimeError, match="killed"):
        write_dataset(root, [_info(0)], pictures(), 16)
    assert not list(root.glob(".tmp-*"))
    with pytest.raises(DataError, match="holds no dataset"):
        open_dataset(root)


def test_the_writer_checks_its_caller(tmp_path: Path) -> None:
    wrong = [
        ([_info(0)], _pictures(2), (), "2 images for 1 accepted"),
        ([_info(0), _info(0)], _pictures(2), (), "ids of their own"),
        ([_info(0)], _pictures(1, 8), (), "the store takes uint8"),
        ([_info(0)], _pictures(1).astype(np.float32), (), "the store takes uint8"),
        ([_info(0)], _pictures(1), ("a",), "label None"),
    ]
    for infos, pictures, names, message in wrong:
        with pytest.raises(DataError, match=message):
            write_dataset(tmp_path / "d", infos, pictures, 16, class_names=names)


def _scored(root: Path) -> list[ImageInfo]:
    """A dataset of two photos with scores and one file without; its rows as they were given."""
    quality = Quality(
        blur=0.25, dark=0.5, bright=1, plain=0.75, small=1, narrow=1, grey=0, text=1, border=1
    )
    known = {"quality": quality, "flags": flags_of(quality), "bytes": 999, "format": "JPEG"}
    infos = [_info(n).model_copy(update=known | {"copies": n}) for n in range(2)]
    infos.append(ImageInfo(source="x.txt", status=Status.REJECTED, reason=Reason.NOT_AN_IMAGE))
    write_dataset(root, infos, _pictures(2), 16)
    return infos


def _rewrite(root: Path, table: pa.Table) -> None:
    """Put another table into a dataset."""
    pq.write_table(table, root / "images.parquet")
    index = json.loads((root / "index.json").read_text())
    path = root / "images.parquet"
    index["table"] |= {"bytes": path.stat().st_size, "sha256": fsio.sha256_file(path)}
    (root / "index.json").write_text(json.dumps(index))


def test_scores_flags_and_copies_are_read_as_they_were_written(tmp_path: Path) -> None:
    infos = _scored(tmp_path / "d")
    found = open_dataset(tmp_path / "d", verify=True).listed()
    places = {"shard": None, "row": None}
    assert [info.model_copy(update=places) for info in found] == infos
    assert found[0].flags == (Flag.BLUR, Flag.GREY)
    table = pq.read_table(tmp_path / "d" / "images.parquet")
    assert table.column("flags").to_pylist() == ["blur,grey", "blur,grey", None]
    assert table.column("q_blur").type == pa.float32()
    assert table.column("q_blur").to_pylist() == [0.25, 0.25, None]


def test_tables_of_earlier_versions_have_no_scores(tmp_path: Path) -> None:
    infos = _scored(tmp_path / "d")
    table = pq.read_table(tmp_path / "d" / "images.parquet")
    _rewrite(tmp_path / "d", table.drop_columns(ADDED.names))
    found = open_dataset(tmp_path / "d", verify=True).listed()
    assert [info.source for info in found] == [info.source for info in infos]
    for info in found:
        assert (info.quality, info.flags, info.copies, info.bytes) == (None, (), None, None)


@pytest.mark.parametrize(
    ("column", "value"),
    [("q_blur", 1.5), ("q_dark", float("nan")), ("q_text", None), ("flags", "blur,ugly"),
     ("copies", -1)],
)  # fmt: skip
def test_scores_that_are_none_are_refused(tmp_path: Path, column: str, value: object) -> None:
    _scored(tmp_path / "d")
    table = pq.read_table(tmp_path / "d" / "images.parquet")
    place = table.column_names.index(column)
    values = pa.array([value, *table.column(column).to_pylist()[1:]], table.column(column).type)
    _rewrite(tmp_path / "d", table.set_column(place, table.schema.field(column), values))
    with pytest.raises(DataError, match="row 0"):
        open_dataset(tmp_path / "d")


@pytest.mark.parametrize("labels", [False, True])
def test_without_a_photo_it_is_as_if_it_never_held_it(tmp_path: Path, labels: bool) -> None:
    data = _write(tmp_path / "d", labels=labels, shard_bytes=3 * 3 * 16 * 16)
    (tmp_path / "out").mkdir()
    taken = [place for place, info in enumerate(data.listed()) if info.source == "4.png"]
    write_without(data, taken, tmp_path / "out")
    after = open_dataset(tmp_path / "out", verify=True)
    assert after.counts == data.counts | {"accepted": 9, "opted_out": 1}
    row = after.listed()[taken[0]]
    assert is_taken(row)
    assert (row.sha256, row.id, row.box, row.width) == (data.infos[4].sha256, None, None, 0)
    stay = [i for i in range(10) if i != 4]
    assert after.ids == tuple(data.ids[i] for i in stay)
    assert torch.equal(after.at(16)[range(9)], data.at(16)[stay])
    infos = [_info(i, i % 2 if labels else None) for i in stay]
    names = ("a", "b") if labels else ()
    write_dataset(tmp_path / "never", infos, _pictures(10)[stay], 16, class_names=names)
    assert open_dataset(tmp_path / "never").digest == after.digest


def test_a_row_without_pixels_is_taken_out_of_the_table_alone(tmp_path: Path) -> None:
    data = _write(tmp_path / "d")
    (tmp_path / "out").mkdir()
    write_without(data, [1], tmp_path / "out")
    assert sorted(p.name for p in (tmp_path / "out").iterdir()) == ["images.parquet", "index.json"]
    assert is_taken(data.__class__(tmp_path / "out", data._index, data.infos).listed()[1])
