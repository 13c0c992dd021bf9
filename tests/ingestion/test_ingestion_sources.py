"""Every kind of source: what is listed, what is refused, what goes along with a photo."""

import csv
import io
import json
import tarfile
import zipfile
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from PIL import Image

from limbeck.config import DataConfig
from limbeck.data import open_dataset
from limbeck.decoding.decode import glance, square, upright_box, upright_size
from limbeck.errors import DataError, LimbeckError, UsageError
from limbeck.ingestion import ingest, source_digest
from limbeck.ingestion.sources import Facts, open_source
from limbeck.records import CropKind, Reason, Status

CONFIG = DataConfig(size=16, crop="center")


def jpeg(seed: int, size: tuple[int, int] = (60, 40), orientation: int = 1) -> bytes:
    coarse = np.random.default_rng(seed).integers(0, 256, (7, 9, 3), dtype=np.uint8)
    exif = Image.Exif()
    exif[0x0112] = orientation
    out = io.BytesIO()
    photo = Image.fromarray(coarse).resize(size, Image.Resampling.BICUBIC)
    photo.save(out, "JPEG", quality=95, exif=exif)
    return out.getvalue()


def tar_of(path: Path, members: dict[str, bytes], **odd: tarfile.TarInfo) -> Path:
    with tarfile.open(path, "w") as tar:
        for name, data in members.items():
            info = tarfile.TarInfo(name)
            info.size = len(data)
            tar.addfile(info, io.BytesIO(data))
        for info in odd.values():
            tar.addfile(info)
    return path


def special(name: str, kind: bytes, link: str = "") -> tarfile.TarInfo:
    info = tarfile.TarInfo(name)
    info.type, info.linkname = kind, link
    return info


def test_the_same_photos_from_a_folder_a_zip_and_a_tar_are_the_same_dataset(tmp_path: Path) -> None:
    photos = {f"sub/{n}.jpg": jpeg(n) for n in range(5)} | {"notes.txt": b"hello"}
    for name, data in photos.items():
        (tmp_path / "folder" / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / "folder" / name).write_bytes(data)
    with zipfile.ZipFile(tmp_path / "p.zip", "w") as archive:
        for name, data in photos.items():
            archive.writestr(name, data)
    tar_of(tmp_path / "p.tar", photos)
    made = {}
    for name in ("folder", "p.zip", "p.tar"):
        summary = ingest(tmp_path / name, tmp_path / f"data-{name}", CONFIG)
        assert (summary.accepted, summary.rejected) == (5, {"not_an_image": 1})
        made[name] = open_dataset(tmp_path / f"data-{name}", verify=True)
    assert len({data.digest for data in made.values()}) == 1
    assert made["p.tar"].infos[0].source == "p.tar!sub/0.jpg"
    with open_source(tmp_path / "p.tar") as source:
        assert source.digest() == source_digest(tmp_path / "p.tar")


def test_a_webdataset_lists_its_photos_and_takes_facts_from_its_side_cars(tmp_path: Path) -> None:
    for shard in range(2):
        members: dict[str, bytes] = {}
        for n in range(3):
            key = f"{shard:05d}{n:04d}"
            facts = {"url": f"https://a.example/{key}.jpg", "license": "CC-BY", "caption": "dog"}
            members |= {
                f"{key}.jpg": jpeg(10 * shard + n), f"{key}.json": json.dumps(facts).encode(),
                f"{key}.txt": b"a dog",
            }  # fmt: skip
        members["0.json"] = b"[1]"  # of no photo
        tar_of(tmp_path / f"{shard:05d}.tar", members)
        (tmp_path / f"{shard:05d}.parquet").write_bytes(b"PAR1")
        (tmp_path / f"{shard:05d}_stats.json").write_text("{}")
    summary = ingest(tmp_path, tmp_path.parent / "data", CONFIG)
    assert (summary.listed, summary.accepted) == (8, 6)
    info = open_dataset(tmp_path.parent / "data").infos[4]
    assert info.source == "00001.tar!000010001.jpg"
    assert (info.url, info.licence) == ("https://a.example/000010001.jpg", "CC-BY")
    (tmp_path / "extra.jpg").write_bytes(jpeg(99))  # then it is a folder with archives in it
    with open_source(tmp_path) as source:
        assert "extra.jpg" in {entry.source for entry in source.entries}
        assert source.archive == ""


def test_links_devices_and_names_that_lead_out_of_a_tar_are_listed_and_refused(
    tmp_path: Path,
) -> None:
    path = tar_of(
        tmp_path / "odd.tar",
        {"a.jpg": jpeg(1), "../up.jpg": jpeg(2), "/abs.jpg": jpeg(3), "b.jpg": jpeg(4)},
        link=special("l.jpg", tarfile.SYMTYPE, "/etc/passwd"),
        hard=special("h.jpg", tarfile.LNKTYPE, "a.jpg"),
        pipe=special("p.jpg", tarfile.FIFOTYPE),
        device=special("d.jpg", tarfile.CHRTYPE),
        folder=special("folder", tarfile.DIRTYPE),
    )
    with tarfile.open(path, "a") as tar:
        info = tarfile.TarInfo("b.jpg")
        info.size = 3
        tar.addfile(info, io.BytesIO(b"two"))
    with open_source(path) as source:
        told = [(e.source.removeprefix("odd.tar!"), e.refused) for e in source.entries]
    link, unsafe = (
        "a link, device or sparse member in the archive",
        "unsafe name in the archive",
    )
    assert told == [
        ("../up.jpg", unsafe), ("/abs.jpg", unsafe), ("a.jpg", ""),
        ("b.jpg", "several members of this name"), ("b.jpg", "several members of this name"),
        ("d.jpg", link), ("h.jpg", link), ("l.jpg", link), ("p.jpg", link),
    ]  # fmt: skip


def test_tars_that_are_packed_cut_or_none_say_so(tmp_path: Path) -> None:
    whole = tar_of(tmp_path / "w.tar", {f"{n}.jpg": jpeg(n) for n in range(3)}).read_bytes()
    with tarfile.open(tmp_path / "z.tar", "w:gz") as tar:
        tar.addfile(special("a", tarfile.DIRTYPE))
    with pytest.raises(DataError, match="is packed by gzip, and only plain tars"):
        open_source(tmp_path / "z.tar")
    (tmp_path / "text.tar").write_text("hello" * 400)
    with pytest.raises(DataError, match=r"text.tar is no tar"):
        open_source(tmp_path / "text.tar")
    (tmp_path / "cut.tar").write_bytes(whole[:6000])
    with pytest.raises(DataError, match=r"is damaged after \d members"):
        open_source(tmp_path / "cut.tar")
    header = tarfile.TarInfo("pax")
    header.type, header.size = tarfile.XHDTYPE, 2**33
    (tmp_path / "pax.tar").write_bytes(header.tobuf() + bytes(2000))
    with pytest.raises(DataError):
        open_source(tmp_path / "pax.tar")


@given(st.binary(max_size=3000), st.integers(0, 2000))
def test_bytes_of_any_kind_in_a_tar_cost_an_error_at_most(
    tmp_path_factory: pytest.TempPathFactory, noise: bytes, place: int
) -> None:
    folder = tmp_path_factory.getbasetemp()
    whole = tar_of(folder / "any.tar", {f"{n}.jpg": jpeg(n, (9, 9)) for n in range(2)}).read_bytes()
    (folder / "any.tar").write_bytes(whole[:place] + noise + whole[place + len(noise) :])
    try:
        with open_source(folder / "any.tar") as source:
            for entry in source.entries:
                if not entry.refused:
                    source.read(entry)
    except LimbeckError:
        pass


def test_licence_author_and_url_come_from_metadata(tmp_path: Path) -> None:
    for n in range(3):
        (tmp_path / f"{n}.jpg").write_bytes(jpeg(n))
    rows = [
        {"file_name": "0.jpg", "License": "CC0", "Creator": " Ada ", "label": 7},
        {"file_name": "./1.jpg", "url": "https://a.example/1", "license": 3},
        {"file_name": "absent.jpg", "license": "CC0"},
    ]
    (tmp_path / "metadata.jsonl").write_text("\n".join(json.dumps(row) for row in rows))
    with open_source(tmp_path) as source:
        facts = {entry.source: source.facts(entry) for entry in source.entries}
    assert facts["0.jpg"] == Facts("CC0", "Ada", None)
    assert facts["1.jpg"] == Facts(url="https://a.example/1")
    assert facts["2.jpg"] == Facts()
    (tmp_path / "metadata.jsonl").unlink()
    with (tmp_path / "metadata.csv").open("w", newline="") as file:
        writer = csv.DictWriter(file, ["file_name", "author"])
        writer.writeheader()
        writer.writerow({"file_name": "2.jpg", "author": "Grace"})
    ingest(tmp_path, tmp_path.parent / "data-facts", CONFIG)
    data = open_dataset(tmp_path.parent / "data-facts")
    assert [info.author for info in data.infos] == [None, None, "Grace"]
    assert all(info.label is None for info in data.infos)


def test_metadata_that_cannot_be_understood_is_told(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "0.jpg").write_bytes(jpeg(0))
    (tmp_path / "metadata.jsonl").write_text('{"file_name": "0.jpg"\n')
    with open_source(tmp_path) as source:
        assert source.facts(source.entries[0]) == Facts()
    assert "metadata.jsonl is left out, so licences" in capsys.readouterr().err


@pytest.mark.parametrize("orientation", range(1, 9))
def test_a_box_of_stored_pixels_is_the_same_pixels_upright(orientation: int) -> None:
    data = jpeg(5, (60, 40), orientation)
    left, top, right, bottom = box = (3, 8, 27, 32)
    stored = Image.open(io.BytesIO(data)).crop(box)
    exif = {2: 0, 3: 3, 4: 1, 5: 5, 6: 4, 7: 6, 8: 2}  # Pillow's Transpose
    wanted = stored if orientation == 1 else stored.transpose(Image.Transpose(exif[orientation]))
    got = square(data, upright_box(data, box), 24).pixels.transpose(1, 2, 0)
    assert np.abs(got.astype(int) - np.asarray(wanted).astype(int)).max() <= 2
    assert right - left == bottom - top == 24
    assert upright_size(data) == glance(data, 999).size


def manifest(path: Path, items: object) -> Path:
    path.write_text(json.dumps(items))
    return path


def test_a_manifest_names_photos_and_the_boxes_to_keep(tmp_path: Path) -> None:
    for n in range(4):
        (tmp_path / "images").mkdir(exist_ok=True)
        (tmp_path / "images" / f"{n}.jpg").write_bytes(jpeg(n))
    items = [
        {"image_name": "images/0.jpg", "bounding_box": [0, 20, 10, 30], "license": "CC-BY"},
        {"image_name": "1.jpg", "bounding_box": [10, 40, 30, 60]},
        {"image_name": "1.jpg", "bounding_box": [0, 30, 0, 30]},
        {"image_name": "1.jpg", "bounding_box": [0, 30, 0, 30]},
        {"image_name": "2.jpg", "bounding_box": [0, 41, 0, 41]},
        {"image_name": "absent.jpg", "bounding_box": [0, 9, 0, 9]},
        {"image_name": "other/3.jpg", "bounding_box": [0, 9, 0, 9]},
    ]
    path = manifest(tmp_path / "dogs.json", items)
    summary = ingest(path, tmp_path.parent / "data-manifest", DataConfig(size=16))
    rows = {info.source: info for info in open_dataset(tmp_path.parent / "data-manifest").listed()}
    assert summary.crops == {"boxes": 3}
    assert rows["images/0.jpg"].box == (10, 0, 30, 20)
    assert (rows["images/0.jpg"].crop, rows["images/0.jpg"].licence) == (CropKind.BOXES, "CC-BY")
    assert rows["images/1.jpg"].box == (30, 10, 60, 40)
    assert rows["images/1.jpg#0,0,30,30"].box == (0, 0, 30, 30)
    assert rows["images/2.jpg"].reason is Reason.BAD_BOX
    assert rows["absent.jpg"].status is Status.FAILED
    assert "images/3.jpg" not in rows  # it is not named: that one lies in another folder
    assert rows["other/3.jpg"].status is Status.FAILED
    assert summary.listed == 6
    ignoring = ingest(path, tmp_path.parent / "data-centre", CONFIG)
    assert ignoring.crops == {"center": 3}  # of one photo, one centre
    lines = tmp_path / "out.txt"
    lines.write_text("images/1.jpg\n")
    items += [{"image_name": "3.jpg", "bounding_box": [0, 40, 0, 40]}]
    manifest(path, items)
    taken = ingest(path, tmp_path.parent / "data-out", DataConfig(size=16), opt_out=lines)
    assert (taken.opted_out, taken.accepted) == (2, 2)  # every box of the photo


@pytest.mark.parametrize(
    ("items", "words"),
    [
        ([{"bounding_box": [0, 1, 0, 1]}], "item 0: no image_name"),
        ([{"image_name": "0.jpg"}], "bounding_box is None"),
        ([{"image_name": "0.jpg", "bounding_box": [0, 1, 0]}], "item 0"),
        ([{"image_name": "0.jpg", "bounding_box": [5, 1, 0, 1]}], "must be 0 <= y0 < y1"),
        ([{"image_name": "0.jpg", "bounding_box": [0, 1, True, 2]}], "bounding_box is"),
        (["0.jpg"], "item 0: no image_name"),
    ],
)
def test_a_wrong_manifest_names_the_item(tmp_path: Path, items: object, words: str) -> None:
    with pytest.raises(DataError, match=words):
        open_source(manifest(tmp_path / "m.json", items))


def test_an_unknown_kind_is_answered_with_the_known_ones(tmp_path: Path) -> None:
    (tmp_path / "notes.pdf").write_bytes(b"%PDF-1.7")
    with pytest.raises(DataError) as caught:
        open_source(tmp_path / "notes.pdf")
    for kind in (".zip", ".tar", "WebDataset", "manifest", "metadata.jsonl"):
        assert kind in caught.value.do
    (tmp_path / "photos").mkdir()
    for n in range(2):
        (tmp_path / "photos" / f"{n}.jpg").write_bytes(jpeg(n))
    with pytest.raises(UsageError, match="the photos come without boxes"):
        ingest(tmp_path / "photos", tmp_path / "data", DataConfig(size=16, crop="boxes"))
