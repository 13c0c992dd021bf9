"""What is exported and ingested again is the same: pixels, licence, author, URL."""

import json
import re
import shutil
import tarfile
import zipfile
from pathlib import Path

import pyarrow.parquet as pq
import pytest
import torch
from exporting import CONFIG, FACTS, WHOLE, by_content, dataset, facts, jpeg, pixels
from hypothesis import given
from hypothesis import strategies as st
from PIL import Image

from limbeck import export_data
from limbeck.config import DataConfig
from limbeck.convert.imagefolder import class_folders
from limbeck.data import Dataset, open_dataset
from limbeck.decoding.decode import stored_box, upright_box, upright_size
from limbeck.errors import DataError
from limbeck.ingestion import ingest
from limbeck.kit.images import resize_area
from limbeck.records import CropKind

# Kind -> what of the export is ingested.
MADE = {"imagefolder": ".", "dataset-json": "dataset.zip", "webdataset": ".", "hf-parquet": "."}


@pytest.fixture(scope="module")
def data(tmp_path_factory: pytest.TempPathFactory) -> Dataset:
    return dataset(tmp_path_factory.mktemp("plain"))


@pytest.fixture(scope="module")
def classed(tmp_path_factory: pytest.TempPathFactory) -> Dataset:
    return dataset(tmp_path_factory.mktemp("classed"), classes=("pug", "Basset-hound"))


@pytest.mark.parametrize("kind", MADE)
@pytest.mark.parametrize("config", [WHOLE, CONFIG], ids=["none", "center"])
def test_exported_and_ingested_again_it_is_the_same(
    data: Dataset, tmp_path: Path, kind: str, config: DataConfig
) -> None:
    made = export_data(data.root, tmp_path / "out", kind, shard_mb=1)
    assert (made.photos, made.whole, made.kept_only, made.size) == (8, 8, False, 44)
    ingest(tmp_path / "out" / MADE[kind], tmp_path / "again", config)
    again = open_dataset(tmp_path / "again")
    assert again.size == data.size
    assert by_content(again) == by_content(data)
    if kind in ("dataset-json", "hf-parquet"):  # the others are sorted by id
        assert torch.equal(pixels(again), pixels(data))
    assert facts(data)[0] == tuple(FACTS[0][name] for name in ("licence", "author", "url"))


@pytest.mark.parametrize("kind", MADE)
def test_many_shards_hold_what_one_does(
    data: Dataset, tmp_path: Path, kind: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    from limbeck.convert import hf_parquet, selection

    monkeypatch.setattr(hf_parquet, "_GROUP", 2)
    chosen = selection.select(data.root, keep=None, everything=False, size=None, shard_mb=1)
    small = selection.replace(chosen, shard_bytes=6000)
    monkeypatch.setattr("limbeck.convert.export.select", lambda *args, **more: small)
    made = export_data(data.root, tmp_path / "out", kind)
    assert (made.files > 3) == (kind in ("webdataset", "hf-parquet", "imagefolder"))
    ingest(tmp_path / "out" / MADE[kind], tmp_path / "again", WHOLE)
    assert by_content(open_dataset(tmp_path / "again")) == by_content(data)
    lines = (tmp_path / "out/attribution.csv").read_text().splitlines()
    names = [line.split(",")[0] for line in lines[1:]]
    assert len(set(names)) == 8
    files = {str(p.relative_to(tmp_path / "out")) for p in (tmp_path / "out").rglob("*.*")}
    inside = [n for n in names if n in files or n.rsplit("/", 1)[0] in files or ".zip/" in n]
    assert inside == names


def test_classes_go_along_and_come_back(classed: Dataset, tmp_path: Path) -> None:
    names = ["Basset-hound", "pug"]
    assert list(classed.class_names) == names
    for kind in MADE:
        assert export_data(classed.root, tmp_path / kind, kind).classes == 2
    config = WHOLE.model_copy(update={"class_from": "folder"})
    ingest(tmp_path / "imagefolder", tmp_path / "again", config)
    again = open_dataset(tmp_path / "again")
    assert list(again.class_names) == names
    labels = {i.tobytes(): int(n) for i, n in zip(pixels(again).numpy(), again.labels, strict=True)}
    for image, info in zip(pixels(classed).numpy(), classed.infos, strict=True):
        assert labels[image.tobytes()] == info.label
    with zipfile.ZipFile(tmp_path / "dataset-json/dataset.zip") as archive:
        pairs = json.loads(archive.read("dataset.json"))["labels"]
        assert archive.namelist()[0] == "00000/img00000000.png"
    assert pairs[3] == ["00000/img00000003.png", classed.infos[3].label]
    with tarfile.open(tmp_path / "webdataset/shard-000000.tar") as tar:
        cls = tar.extractfile(f"{classed.ids[1]}.cls")
        note = tar.extractfile(f"{classed.ids[1]}.json")
        assert cls is not None
        assert note is not None
        assert int(cls.read()) == classed.infos[1].label
        assert json.loads(note.read())["label"] == names[classed.infos[1].label or 0]
    table = pq.read_table(next((tmp_path / "hf-parquet").glob("*.parquet")))
    assert table["label"].to_pylist() == [info.label for info in classed.infos]
    about = json.loads(table.schema.metadata[b"huggingface"])["info"]["features"]
    assert about["label"] == {"names": names, "_type": "ClassLabel"}


@given(st.lists(st.text(max_size=12), unique=True, max_size=6))
def test_folders_of_classes_are_safe_whatever_the_classes_are_called(names: list[str]) -> None:
    folders = class_folders(names)
    assert len({folder.lower() for folder in folders}) == len(names)
    assert all(re.fullmatch(r"[A-Za-z0-9][A-Za-z0-9_-]*", folder) for folder in folders)


@pytest.mark.parametrize("name", ["test", "val_dogs", "../x", "con", "Train2", "a/b", "", "a b"])
def test_classes_that_would_be_taken_for_something_else_get_numbers(name: str) -> None:
    assert class_folders(["pug", name]) == ["class-0000", "class-0001"]
    assert class_folders(["pug", "Pug"]) == ["class-0000", "class-0001"]
    assert class_folders(["pug", "latest", "Evalina"]) == ["pug", "latest", "Evalina"]


def test_another_size_is_the_loaders(data: Dataset, tmp_path: Path) -> None:
    assert export_data(data.root, tmp_path / "o", "imagefolder", size=22).size == 22
    ingest(tmp_path / "o", tmp_path / "again", WHOLE)
    again = {image.tobytes() for image in pixels(open_dataset(tmp_path / "again")).numpy()}
    wanted = resize_area(pixels(data), 22)
    assert again == {image.tobytes() for image in wanted.numpy()}


def test_images_are_plain_pngs_named_by_id(data: Dataset, tmp_path: Path) -> None:
    export_data(data.root, tmp_path / "o", "imagefolder")
    for photo, wanted in zip(data.ids, pixels(data), strict=True):
        with Image.open(tmp_path / "o" / "images" / f"{photo}.png") as image:
            assert (image.format, image.mode, image.info) == ("PNG", "RGB", {})
            assert image.tobytes() == wanted.permute(1, 2, 0).numpy().tobytes()


# The manifest: boxes of the original photos.


def ingest_manifest(out: Path, photos: Path, to: Path) -> Dataset:
    shutil.copy(out / "manifest.json", photos / "manifest.json")
    summary = ingest(photos / "manifest.json", to, CONFIG.model_copy(update={"crop": "boxes"}))
    assert summary.crops == {"boxes": summary.accepted}
    return open_dataset(to)


def test_a_manifest_leads_to_the_same_crops_of_photos_of_every_orientation(tmp_path: Path) -> None:
    data = dataset(tmp_path)
    made = export_data(data.root, tmp_path / "o", "manifest", originals=tmp_path / "photos")
    assert (made.photos, made.size, made.files, made.left_out) == (8, None, 2, 0)
    items = json.loads((tmp_path / "o/manifest.json").read_text())
    first = items[0]
    assert first == {"image_name": "p0.jpg", "bounding_box": [0, 44, 8, 52], **FACTS[0]}
    for item, info in zip(items, data.infos, strict=True):  # within the file as it is stored
        with Image.open(tmp_path / "photos" / item["image_name"]) as image:
            y0, y1, x0, x1 = item["bounding_box"]
            assert (x1 - x0, y1 - y0) == (44, 44)
            assert max(x1 - image.width, y1 - image.height, -x0, -y0) <= 0
        assert item["image_name"] == info.source
    again = ingest_manifest(tmp_path / "o", tmp_path / "photos", tmp_path / "again")
    assert again.size == data.size
    assert torch.equal(pixels(again), pixels(data))
    assert (facts(again), again.ids) == (facts(data), data.ids)
    assert [i.crop for i in again.infos] == [CropKind.BOXES] * 8
    (tmp_path / "photos/manifest.json").unlink()
    twice = export_data(
        again.root, tmp_path / "p", "manifest", originals=tmp_path / "photos"
    )  # of a dataset made of a manifest
    assert twice.photos == 8
    both = [(tmp_path / name / "manifest.json").read_bytes() for name in "op"]
    assert both[0] == both[1]


@pytest.mark.parametrize("packed", ["zip", "tar", "tars"])
def test_members_of_archives_are_named_as_if_they_were_unpacked(
    tmp_path: Path, packed: str
) -> None:
    members = {f"sub/{n}.jpg": jpeg(n, (60, 44), 6) for n in range(6)}
    source = tmp_path / ("shards" if packed == "tars" else f"p.{packed}")
    if packed == "zip":
        with zipfile.ZipFile(source, "w") as archive:
            for name, content in members.items():
                archive.writestr(name, content)
    else:
        source.parent.joinpath("shards").mkdir(exist_ok=True)
        for number in range(2 if packed == "tars" else 1):
            path = source / f"{number:05d}.tar" if packed == "tars" else source
            with tarfile.open(path, "w") as tar:
                for place, (name, content) in enumerate(members.items()):
                    if packed == "tar" or place % 2 == number:
                        (tmp_path / "one").write_bytes(content)
                        tar.add(tmp_path / "one", name)
    ingest(source, tmp_path / "data", CONFIG)
    data = open_dataset(tmp_path / "data")
    export_data(data.root, tmp_path / "o", "manifest", originals=source)
    names = [item["image_name"] for item in json.loads((tmp_path / "o/manifest.json").read_text())]
    where = [f"{n % 2:05d}/" if packed == "tars" else "" for n in range(6)]
    assert sorted(names) == sorted(w + name for w, name in zip(where, members, strict=True))
    for name, content in zip(
        (w + m for w, m in zip(where, members, strict=True)), members.values(), strict=True
    ):
        (tmp_path / "flat" / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / "flat" / name).write_bytes(content)
    export_data(data.root, tmp_path / "p", "manifest", originals=tmp_path / "flat")
    assert (tmp_path / "p/manifest.json").read_bytes() == (
        tmp_path / "o/manifest.json"
    ).read_bytes()
    again = ingest_manifest(tmp_path / "o", tmp_path / "flat", tmp_path / "again")
    assert torch.equal(pixels(again), pixels(data))


def test_originals_that_are_gone_or_changed_are_told_and_left_out(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    data = dataset(tmp_path)
    photos = tmp_path / "photos"
    with pytest.raises(DataError, match="does not say where its photos lie"):
        export_data(data.root, tmp_path / "o", "manifest")
    with pytest.raises(DataError, match="the original photos are not at"):
        export_data(data.root, tmp_path / "o", "manifest", originals=tmp_path / "nowhere")
    (photos / "p3.jpg").write_bytes(jpeg(99))
    (photos / "p5.jpg").unlink()
    made = export_data(data.root, tmp_path / "o", "manifest", originals=photos)
    assert (made.photos, made.left_out) == (6, 2)
    told = capsys.readouterr().err.replace("\n", " ")
    assert "2 originals cannot be read: p3.jpg (its bytes are not those that were ingested)" in told
    assert "p5.jpg (no such file)" in told
    names = [item["image_name"] for item in json.loads((tmp_path / "o/manifest.json").read_text())]
    assert names == [f"p{n}.jpg" for n in (0, 1, 2, 4, 6, 7)]
    for file in photos.iterdir():
        file.write_bytes(b"other")
    with pytest.raises(DataError, match="none of the 8 originals"):
        export_data(data.root, tmp_path / "q", "manifest", originals=photos)
    assert not (tmp_path / "q").exists()


@given(
    st.integers(1, 8),
    st.integers(1, 40),
    st.integers(1, 40),
    st.integers(0, 39),
    st.integers(0, 39),
)
def test_turned_back_and_upright_again_a_box_is_the_same(
    orientation: int, width: int, height: int, left: int, top: int
) -> None:
    photo = jpeg(0, (width, height), orientation)
    across, down = upright_size(photo)
    left, top = min(left, across - 1), min(top, down - 1)
    box = (left, top, left + (across - left + 1) // 2, top + (down - top + 1) // 2)
    assert upright_box(photo, stored_box(photo, box)) == box
