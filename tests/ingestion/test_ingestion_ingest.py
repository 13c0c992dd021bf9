"""The whole stage on folders and zips of odd things."""

import hashlib
import json
import os
import zipfile
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image
from typer.testing import CliRunner

from development import DOGS
from limbeck.artefacts.stage import Provenance
from limbeck.cli import app
from limbeck.config import DataConfig
from limbeck.data import open_dataset
from limbeck.errors import DataError, UsageError
from limbeck.ingestion import ingest, preview, side_inputs, source_digest
from limbeck.records import ImageInfo, IngestSummary, Reason, Status

CONFIG = DataConfig(size=16)


def _photo(path: Path, seed: int, size: tuple[int, int] = (60, 40), **options: object) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    coarse = np.random.default_rng(seed).integers(0, 256, (7, 9, 3), dtype=np.uint8)
    Image.fromarray(coarse).resize(size, Image.Resampling.BICUBIC).save(path, **options)
    return path


def _crawl(root: Path) -> Path:
    """7 good photos, 2 kinds of copies, and ten things that are none."""
    for seed in range(6):
        _photo(root / "sub" / f"p{seed}.jpg", seed, quality=95)
    _photo(root / ".hidden.png", 50)
    (root / "sub" / "q-copy.jpg").write_bytes((root / "sub" / "p0.jpg").read_bytes())
    Image.open(root / "sub" / "p1.jpg").save(root / "sub" / "r-again.webp", quality=80)
    Image.open(root / "sub" / "p2.jpg").transpose(Image.Transpose.FLIP_LEFT_RIGHT).save(
        root / "sub" / "s-mirror.png"
    )
    (root / "text.jpg").write_text("not a photo")
    (root / "empty.png").write_bytes(b"")
    (root / "labels.csv").write_text("a,b\n")
    (root / "README.md").write_text("# hello")
    good = (root / "sub" / "p3.jpg").read_bytes()
    (root / "cut.jpg").write_bytes(good[: len(good) // 2])
    (root / "cut-copy.jpg").write_bytes(good[: len(good) // 2])
    _photo(root / "tiny.png", 9, (7, 30))
    (root / "gone.jpg").symlink_to(root / "nowhere")
    os.mkfifo(root / "pipe.jpg")
    return root


def _rows(out: Path) -> dict[str, ImageInfo]:
    return {info.source: info for info in open_dataset(out, verify=True).listed()}


def _tree(root: Path) -> dict[str, tuple[float, str]]:
    return {
        str(p): (p.stat().st_mtime, hashlib.sha256(p.read_bytes()).hexdigest())
        for p in root.rglob("*")
        if p.is_file()
    }


def test_every_file_of_a_folder_is_accounted_for(tmp_path: Path) -> None:
    root = _crawl(tmp_path / "photos")
    before = _tree(root)
    summary = ingest(root, tmp_path / "d", CONFIG)
    assert _tree(root) == before
    assert summary.balanced()
    assert (summary.listed, summary.accepted, summary.opted_out, summary.failed) == (18, 8, 0, 1)
    assert summary.rejected == {
        "corrupt": 2, "duplicate": 1, "near_duplicate": 1, "not_an_image": 4, "too_small": 1
    }  # fmt: skip
    rows = _rows(tmp_path / "d")
    assert list(rows) == sorted(rows)
    assert rows["sub/q-copy.jpg"].reason is Reason.DUPLICATE
    assert rows["sub/q-copy.jpg"].duplicate_of == rows["sub/p0.jpg"].id
    assert rows["sub/r-again.webp"].reason is Reason.NEAR_DUPLICATE
    assert rows["sub/r-again.webp"].duplicate_of == rows["sub/p1.jpg"].id
    assert rows["sub/s-mirror.png"].status is Status.ACCEPTED
    assert rows[".hidden.png"].status is Status.ACCEPTED
    assert "truncated" in rows["cut.jpg"].detail
    assert rows["cut-copy.jpg"].detail == rows["cut.jpg"].detail
    assert rows["cut.jpg"].id is None
    assert rows["gone.jpg"].status is Status.FAILED


def test_ids_boxes_and_the_finished_stage(tmp_path: Path) -> None:
    root = _crawl(tmp_path / "photos")
    summary = ingest(root, tmp_path / "d", CONFIG)
    data = open_dataset(tmp_path / "d")
    info = next(i for i in data.infos if i.source == "sub/p0.jpg")
    content = (root / "sub" / "p0.jpg").read_bytes()
    assert info.box == (10, 0, 50, 40)
    assert info.id == hashlib.sha256(content + b"10,0,50,40").hexdigest()[:16]
    assert info.sha256 == hashlib.sha256(content).hexdigest()
    assert summary.size == data.size == 40
    assert not info.upscaled
    inputs = {"source": source_digest(root)}
    assert Provenance.of(inputs, CONFIG.made_of()).done_in(tmp_path / "d")
    _photo(root / "new.jpg", 77)
    assert source_digest(root) != inputs["source"]


def test_twice_is_the_same_dataset_and_a_broken_one_is_made_again(tmp_path: Path) -> None:
    root = _crawl(tmp_path / "photos")
    ingest(root, tmp_path / "a", CONFIG)
    ingest(root, tmp_path / "b", CONFIG)
    digest = open_dataset(tmp_path / "a").digest
    assert digest == open_dataset(tmp_path / "b").digest
    (tmp_path / "a" / "index.json").unlink()
    (tmp_path / "a" / ".tmp-images-00000.npy-99999999-00000000-00000000").write_bytes(b"half")
    ingest(root, tmp_path / "a", CONFIG)
    assert open_dataset(tmp_path / "a", verify=True).digest == digest
    assert not list((tmp_path / "a").glob(".tmp-*"))


def test_a_zip_gives_what_its_folder_gives(tmp_path: Path) -> None:
    root = _crawl(tmp_path / "photos")
    with zipfile.ZipFile(tmp_path / "p.zip", "w", zipfile.ZIP_DEFLATED) as archive:
        archive.mkdir("sub")
        for path in sorted(root.rglob("*"), reverse=True):
            if path.is_file():
                archive.write(path, path.relative_to(root))
    ingest(root, tmp_path / "a", CONFIG)
    summary = ingest(tmp_path / "p.zip", tmp_path / "b", CONFIG)
    assert (summary.listed, summary.accepted, summary.failed) == (17, 8, 0)
    one, two = open_dataset(tmp_path / "a"), open_dataset(tmp_path / "b")
    assert one.digest == two.digest
    assert two.infos[0].source == "p.zip!.hidden.png"


def test_unsafe_archive_members_are_listed_and_refused(tmp_path: Path) -> None:
    photo = _photo(tmp_path / "x.png", 1).read_bytes()
    other = _photo(tmp_path / "y.png", 2).read_bytes()
    link = zipfile.ZipInfo("link.png")
    link.external_attr = 0o120777 << 16
    with zipfile.ZipFile(tmp_path / "p.zip", "w") as archive:
        archive.writestr("good.png", photo)
        archive.writestr("well.png", _photo(tmp_path / "z.png", 3).read_bytes())
        for name in ("../x.png", "a/../../x.png", "/etc/x.png", "C:\\x.png", "..\\x.png"):
            archive.writestr(name, other)
        archive.writestr(link, "/etc/passwd")
        archive.writestr("twice.png", other)
        with pytest.warns(UserWarning, match="Duplicate name"):
            archive.writestr("twice.png", photo)
        archive.writestr("bomb.bmp", bytes(3_000_000), zipfile.ZIP_DEFLATED)
    before = sorted(tmp_path.rglob("*"))
    summary = ingest(tmp_path / "p.zip", tmp_path / "out" / "d", CONFIG)
    assert (summary.listed, summary.accepted, summary.failed) == (11, 2, 9)
    details = {i.source.partition("!")[2]: i.detail for i in _rows(tmp_path / "out" / "d").values()}
    assert details["../x.png"] == "unsafe name in the archive"
    assert details["link.png"] == "a link or device in the archive"
    assert details["twice.png"] == "several members of this name"
    assert "200 to 1" in details["bomb.bmp"]
    outside = [p for p in tmp_path.rglob("*") if not p.is_relative_to(tmp_path / "out")]
    assert sorted(outside) == before


def test_a_damaged_member_fails_alone(tmp_path: Path) -> None:
    with zipfile.ZipFile(tmp_path / "p.zip", "w") as archive:
        for seed in range(3):
            archive.write(_photo(tmp_path / f"{seed}.png", seed), f"{seed}.png")
        at = archive.getinfo("1.png").header_offset + 200
    data = bytearray((tmp_path / "p.zip").read_bytes())
    data[at] ^= 255
    (tmp_path / "p.zip").write_bytes(data)
    summary = ingest(tmp_path / "p.zip", tmp_path / "d", CONFIG)
    assert (summary.accepted, summary.failed) == (2, 1)
    assert "CRC" in _rows(tmp_path / "d")["p.zip!1.png"].detail


def test_opted_out_photos_and_their_copies_are_left_out(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    root = _crawl(tmp_path / "photos")
    ingest(root, tmp_path / "d", CONFIG)
    rows = _rows(tmp_path / "d")
    names = ["sub/q-copy.jpg", rows["sub/p4.jpg"].id, rows["sub/p5.jpg"].sha256, "text.jpg"]
    listing = tmp_path / "optout.txt"
    listing.write_text("\n".join(["# please", *map(str, names), "http://no.where/x.jpg", ""]))
    summary = ingest(root, tmp_path / "e", CONFIG, opt_out=listing)
    assert summary.balanced()
    assert (summary.opted_out, summary.accepted) == (5, 5)
    gone = {s for s, i in _rows(tmp_path / "e").items() if i.status is Status.OPTED_OUT}
    assert gone == {"sub/p0.jpg", "sub/q-copy.jpg", "sub/p4.jpg", "sub/p5.jpg", "text.jpg"}
    assert "line 6: http://no.where/x.jpg (no photo goes by this name)" in capsys.readouterr().err
    with pytest.raises(DataError, match="opt-out list"):
        ingest(root, tmp_path / "f", CONFIG, opt_out=tmp_path / "missing.txt")


@pytest.mark.parametrize(
    ("sides", "size", "stored"),
    [((300, 300, 40), 16, 128), ((90, 100, 40), 16, 90), ((40, 40, 40), 64, 64),
     ((300, 300, 300), 256, 256)],
)  # fmt: skip
def test_the_store_side(tmp_path: Path, sides: tuple[int, ...], size: int, stored: int) -> None:
    for seed, side in enumerate(sides):
        _photo(tmp_path / "p" / f"{seed}.png", seed, (side, side + 10))
    config = DataConfig(size=size, min_side=8)
    assert ingest(tmp_path / "p", tmp_path / "d", config).size == stored
    flags = {i.source: i.upscaled for i in open_dataset(tmp_path / "d").infos}
    assert flags == {f"{n}.png": side < stored for n, side in enumerate(sides)}


def test_labels_come_from_folders_only_when_asked(tmp_path: Path) -> None:
    root = tmp_path / "p"
    for seed in range(6):
        _photo(root / ("cat" if seed % 2 else "dog") / "deep" / f"{seed}.png", seed)
    (root / "labels.csv").write_text("x")
    ingest(root, tmp_path / "a", CONFIG)
    assert open_dataset(tmp_path / "a").num_classes == 0
    assert all(i.label is None for i in open_dataset(tmp_path / "a").infos)
    config = DataConfig(size=16, class_from="folder")
    ingest(root, tmp_path / "b", config)
    data = open_dataset(tmp_path / "b")
    assert data.class_names == ("cat", "dog")
    assert data.labels is not None
    assert data.labels.tolist() == [0, 0, 0, 1, 1, 1]
    _photo(root / "loose.png", 9)
    with pytest.raises(DataError, match=r"lie in no folder, e\.g\. loose\.png"):
        ingest(root, tmp_path / "c", config)


def test_labels_come_from_a_file_when_asked(tmp_path: Path) -> None:
    root, table = tmp_path / "p", tmp_path / "classes.csv"
    for seed in range(4):
        _photo(root / f"{seed}.png", seed)
    rows = [f"{seed}.png,{'tabby' if seed % 2 else 'siamese'}" for seed in range(4)]
    table.write_text("\n".join(["file,label", *rows]))
    config = DataConfig(size=16, class_from=str(table))
    ingest(root, tmp_path / "a", config)
    data = open_dataset(tmp_path / "a")
    assert data.class_names == ("siamese", "tabby")
    assert data.labels is not None
    assert data.labels.tolist() == [0, 1, 0, 1]
    before = side_inputs(config, None)
    table.write_text("\n".join(["file,label", *rows[:3]]))
    assert side_inputs(config, None) != before
    with pytest.raises(DataError, match=r"1 photos have no label there, e\.g\. 3\.png"):
        ingest(root, tmp_path / "b", config)
    with pytest.raises(DataError, match="no such file"):
        ingest(root, tmp_path / "c", DataConfig(size=16, class_from="folders"))


def test_copies_can_be_kept(tmp_path: Path) -> None:
    root = _crawl(tmp_path / "photos")
    summary = ingest(root, tmp_path / "d", DataConfig(size=16, near_duplicate_bits=-1))
    assert "near_duplicate" not in summary.rejected
    assert (summary.accepted, summary.rejected["duplicate"]) == (9, 1)


def test_unusable_sources_are_named(tmp_path: Path) -> None:
    with pytest.raises(DataError, match="no photos at"):
        ingest(tmp_path / "none", tmp_path / "d", CONFIG)
    (tmp_path / "a.txt").write_text("x")
    with pytest.raises(DataError, match="neither a folder nor a readable zip"):
        ingest(tmp_path / "a.txt", tmp_path / "d", CONFIG)
    (tmp_path / "p").mkdir()
    with pytest.raises(DataError, match=r"among 0 files .*empty"):
        ingest(tmp_path / "p", tmp_path / "d", CONFIG)
    (tmp_path / "p" / "a.jpg").write_bytes(b"\xff\xd8\xff")
    with pytest.raises(DataError, match="corrupt"):
        ingest(tmp_path / "p", tmp_path / "d", CONFIG)
    for out in (tmp_path / "p", tmp_path / "p" / "d", tmp_path):
        with pytest.raises(UsageError, match="one another"):
            ingest(tmp_path / "p", out, CONFIG)


_KINDS = st.lists(
    st.sampled_from(["photo", "copy", "text", "cut", "tiny", "out", "empty"]),
    min_size=1, max_size=12,
)  # fmt: skip


@settings(max_examples=12, deadline=None)
@given(kinds=_KINDS)
def test_counts_always_add_up(tmp_path_factory: pytest.TempPathFactory, kinds: list[str]) -> None:
    root = tmp_path_factory.mktemp("mix")
    photos = root / "p"
    _photo(photos / "base.png", 99)
    first = _photo(photos / "00.png", 0).read_bytes()
    out_names = []
    for number, kind in enumerate(kinds, 1):
        path = photos / f"{number:02d}.png"
        if kind in ("photo", "out", "tiny"):
            _photo(path, number, (6, 6) if kind == "tiny" else (40, 40))
        else:
            content = {"copy": first, "text": b"text", "cut": first[:-200], "empty": b""}
            path.write_bytes(content[kind])
        if kind == "out":
            out_names.append(path.name)
    (root / "out.txt").write_text("\n".join(out_names))
    summary = ingest(photos, root / "d", CONFIG, opt_out=root / "out.txt")
    assert summary.balanced()
    assert summary.listed == len(kinds) + 2
    assert summary.accepted == 2 + kinds.count("photo") == len(open_dataset(root / "d"))
    assert summary.opted_out == kinds.count("out")
    assert summary.failed == 0
    reasons = {
        "duplicate": kinds.count("copy"),
        "not_an_image": kinds.count("text") + kinds.count("empty"),
        "corrupt": kinds.count("cut"),
        "too_small": kinds.count("tiny"),
    }
    assert summary.rejected == {k: v for k, v in reasons.items() if v}


@pytest.mark.dogs
def test_real_dogs(tmp_path: Path) -> None:
    if not DOGS.exists():
        pytest.skip("the development photos are not here (LIMBECK_DOGS)")
    with zipfile.ZipFile(DOGS) as dogs, zipfile.ZipFile(tmp_path / "some.zip", "w") as some:
        for name in [n for n in dogs.namelist() if n.endswith(".webp")][:300]:
            some.writestr(name, dogs.read(name))
        some.writestr("manifest.jsonl", dogs.read("manifest.jsonl")[:2000])
    summary = ingest(tmp_path / "some.zip", tmp_path / "d", DataConfig(size=64))
    assert (summary.listed, summary.accepted, summary.size) == (301, 300, 96)
    assert summary.rejected == {"not_an_image": 1}
    pixels = open_dataset(tmp_path / "d").at(64)[range(300)].float()
    assert 60 < pixels.mean() < 190
    assert pixels.std(dim=(1, 2, 3)).median() > 30


def test_a_preview_counts_and_estimates_and_writes_nothing(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    root = _crawl(tmp_path / "photos")
    before = _tree(tmp_path)
    found = preview(root, CONFIG)
    assert _tree(tmp_path) == before
    summary = ingest(root, tmp_path / "data", CONFIG)
    assert (found.listed, found.looked_at) == (summary.listed, summary.listed)
    lines = tmp_path / "out.txt"
    lines.write_text("named nowhere\n")
    assert preview(root, CONFIG, opt_out=lines).accepted == found.accepted  # and no warning
    assert "took nothing down" not in capsys.readouterr().err
    assert found.bytes == sum(p.stat().st_size for p in root.rglob("*") if p.is_file())
    # copies are not known before all are read; a copy of a damaged file is as damaged
    assert found.accepted - summary.accepted in range(4)
    assert (found.size, found.crop) == (summary.size, "center")
    assert found.dataset_bytes == found.accepted * 3 * found.size**2
    for reason in ("not_an_image", "corrupt", "too_small"):
        assert found.rejected[reason] >= 1


def test_more_rejects_than_allowed_are_an_exit_code(tmp_path: Path) -> None:
    root = _crawl(tmp_path / "photos")
    args = ["ingest", str(root), "--size", "16", "--out", str(tmp_path / "data"), "--json"]
    done = CliRunner().invoke(app, [*args, "--max-reject", "0.9"])
    assert done.exit_code == 0, done.output
    summary = IngestSummary.model_validate(
        {k: v for k, v in json.loads(done.stdout.splitlines()[-1]).items() if k not in ("out",)}
    )
    bad = summary.failed + sum(
        n for reason, n in summary.rejected.items() if "duplicate" not in reason
    )
    assert summary.reject_rate() == pytest.approx(bad / summary.listed)
    strict = CliRunner().invoke(app, [*args, "--max-reject", "0.1"])
    assert strict.exit_code == 3
    assert "of the files cannot be used, more than --max-reject 0.1" in strict.output
    assert open_dataset(tmp_path / "data").counts["listed"] == summary.listed  # it is there to see
    look = CliRunner().invoke(app, [*args, "--dry-run"])
    assert json.loads(look.stdout.splitlines()[-1])["listed"] == summary.listed
