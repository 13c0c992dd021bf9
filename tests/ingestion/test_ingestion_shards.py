"""A listing in parts: joined, they are the dataset that one run makes; nothing else is joined."""

import json
import shutil
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import pytest
from ingestion_scenes import scene
from PIL import Image
from typer.testing import CliRunner

from limbeck.chain import take_down
from limbeck.cli import app
from limbeck.config import DataConfig
from limbeck.data import Dataset, open_dataset
from limbeck.errors import DataError, UsageError
from limbeck.ingestion import Shard, cropping, ingest, ingest_part
from limbeck.ingestion.cropping import Sight
from limbeck.records import FoundObject

CONFIG = DataConfig(size=32, crop="center", class_from="folder")
PARTS = 3


@pytest.fixture(scope="module")
def photos(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Two folders of photos; copies of all kinds, spread over all parts; what is no photo."""
    root = tmp_path_factory.mktemp("listing") / "photos"
    for kind in ("cat", "dog"):
        (root / kind).mkdir(parents=True)
    for seed in range(8):
        scene(seed, 160).save(root / ("cat", "dog")[seed % 2] / f"{seed}.png")
    for copy in range(4):  # byte for byte, in the other folder too, and of every part
        shutil.copy(root / "cat" / "0.png", root / "dog" / f"same-{copy}.png")
    for copy in range(5):  # to the eye, the last one the best
        scene(1, 160).save(root / "dog" / f"like-{copy}.jpg", quality=50 + 10 * copy)
    scene(9, 320).save(root / "dog" / "z-large.png")
    scene(9, 320).resize((140, 140)).save(root / "cat" / "a-reduced.png")
    damaged = (root / "dog" / "3.png").read_bytes()[:9000]
    for copy in range(4):
        (root / "dog" / f"cut-{copy}.png").write_bytes(damaged)
    scene(20, 8).save(root / "cat" / "tiny.png")
    (root / "cat" / "notes.txt").write_text("no photo")
    return root


def make_parts(photos: Path, root: Path, config: DataConfig = CONFIG, of: int = PARTS) -> Path:
    for number in range(of):
        ingest_part(photos, root / f"p{number}", config, Shard(number, of), threads=1)
    return root


@pytest.fixture(scope="module")
def parts(photos: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """All parts of `photos`. Read-only."""
    return make_parts(photos, tmp_path_factory.mktemp("parts"))


def assert_same(one: Dataset, other: Dataset) -> None:
    assert (one.size, one.class_names, one.counts) == (other.size, other.class_names, other.counts)
    for mine, theirs in zip(one.listed(), other.listed(), strict=True):
        assert mine == theirs
    rows = np.arange(len(one))
    assert np.array_equal(one.at(one.size)[rows], other.at(other.size)[rows])


def whole_and_joined(
    photos: Path, parts: Path, out: Path, opt_out: Path | None = None
) -> tuple[Dataset, Dataset]:
    whole = ingest(photos, out / "whole", CONFIG, opt_out=opt_out)
    joined = ingest(parts, out / "joined", DataConfig(size=32), opt_out=opt_out)
    assert whole.model_copy(update={"seconds": 0}) == joined.model_copy(update={"seconds": 0})
    return open_dataset(out / "whole", verify=True), open_dataset(out / "joined", verify=True)


def test_each_file_is_in_one_part_whatever_the_others_hold() -> None:
    names = [f"folder/{n}.jpg" for n in range(600)]
    held = [[name for name in names if Shard(part, 4).holds(name)] for part in range(4)]
    assert sorted(name for part in held for name in part) == sorted(names)
    assert all(100 < len(part) < 200 for part in held)
    assert all(Shard(0, 1).holds(name) for name in names)


@pytest.mark.parametrize("text", ["", "4/4", "-1/4", "1", "1/0", "0/2000000", "a/b", "1/4/5"])
def test_what_is_no_part_is_refused(text: str) -> None:
    with pytest.raises(UsageError, match="no part of a listing"):
        Shard.parse(text)


def test_parts_joined_are_the_dataset_of_one_run(photos: Path, parts: Path, tmp_path: Path) -> None:
    whole, joined = whole_and_joined(photos, parts, tmp_path)
    assert_same(whole, joined)
    assert whole.counts["rejected"] == {
        "corrupt": 4, "duplicate": 4, "near_duplicate": 6, "not_an_image": 1, "too_small": 1,
    }  # fmt: skip
    kept_in_parts = sum(len(open_dataset(p, part=True)) for p in parts.iterdir())
    assert kept_in_parts > len(joined) + 6, "copies are settled when parts are joined"
    assert (tmp_path / "joined" / "copies.jpg").exists()


def test_opt_outs_take_down_copies_in_other_parts(
    photos: Path, parts: Path, tmp_path: Path
) -> None:
    whole = open_dataset(ingested(photos, tmp_path / "first"))
    cut = next(i for i in open_dataset(parts / "p0", part=True).listed() if "cut" in i.source)
    named = ["dog/same-2.png", "like-4.jpg", str(whole.infos[-1].id), str(cut.id), "cat/nothing"]
    (tmp_path / "list.txt").write_text("\n".join(named))
    both = whole_and_joined(photos, parts, tmp_path, tmp_path / "list.txt")
    assert_same(*both)
    assert both[0].counts["opted_out"] == 1 + 4 + 1 + 1 + 4


def ingested(photos: Path, out: Path) -> Path:
    ingest(photos, out, CONFIG)
    return out


def test_a_part_is_no_dataset(parts: Path, tmp_path: Path) -> None:
    with pytest.raises(DataError, match=r"p0 is part 0/3 of a dataset.*\n.*join all its parts"):
        open_dataset(parts / "p0")
    with pytest.raises(DataError, match=r"(?s)is part 1/3.*give the folder that holds all 3"):
        ingest(parts / "p1", tmp_path / "d", CONFIG)
    assert not (tmp_path / "d").exists()
    assert json.loads((parts / "p2" / "done.json").read_text())["summary"]["part"] == "2/3"


def copied(parts: Path, to: Path, names: Sequence[str]) -> Path:
    for name in names:
        shutil.copytree(parts / name, to / name)
    return to


def test_missing_and_doubled_parts_are_named(parts: Path, tmp_path: Path) -> None:
    some = copied(parts, tmp_path / "some", ["p0", "p2"])
    with pytest.raises(DataError, match=r"(?s)1 of 3 parts is missing.*: 1/3\n.*--shard 1/3"):
        ingest(some, tmp_path / "d", DataConfig(size=32))
    twice = copied(parts, tmp_path / "twice", ["p0", "p1", "p2"])
    shutil.copytree(parts / "p1", twice / "again")
    with pytest.raises(DataError, match=r"again and .*p1 are both part 1/3"):
        ingest(twice, tmp_path / "d", DataConfig(size=32))
    assert not (tmp_path / "d").exists()


def test_parts_of_other_photos_or_settings_are_refused(
    photos: Path, parts: Path, tmp_path: Path
) -> None:
    mixed = copied(parts, tmp_path / "mixed", ["p0", "p2"])
    other = CONFIG.model_copy(update={"class_from": "none"})
    ingest_part(photos, mixed / "p1", other, Shard(1, 3), threads=1)
    with pytest.raises(DataError, match="differ in settings: class_from none and folder"):
        ingest(mixed, tmp_path / "d", DataConfig(size=32))
    grown = tmp_path / "grown"
    shutil.copytree(photos, grown)
    scene(50, 160).save(grown / "cat" / "new.png")
    ingest_part(grown, mixed / "p1", CONFIG, Shard(1, 3), threads=1)
    with pytest.raises(DataError, match="differ in which photos were listed"):
        ingest(mixed, tmp_path / "d", DataConfig(size=32))


def test_settings_other_than_the_parts_are_refused(parts: Path, tmp_path: Path) -> None:
    with pytest.raises(UsageError, match=r"crop=attention, and the parts were made with center"):
        ingest(parts, tmp_path / "d", DataConfig(size=32, crop="attention"))
    with pytest.raises(DataError, match="size=256, and the parts hold squares of 128"):
        ingest(parts, tmp_path / "d", DataConfig(size=256))
    every = ingest(parts, tmp_path / "d", DataConfig(size=32, near_duplicate_bits=-1))
    assert "near_duplicate" not in every.rejected, "what settles copies may be said when joining"


def test_small_photos_that_one_run_would_store_smaller_are_refused(tmp_path: Path) -> None:
    root = tmp_path / "small"
    root.mkdir()
    for seed in range(4):
        scene(seed, 100).save(root / f"{seed}.png")
    config = DataConfig(size=32, crop="center")
    made = make_parts(root, tmp_path / "parts", config, of=2)
    with pytest.raises(DataError, match=r"squares of 100 pixels, the parts hold 128\n.*--size 128"):
        ingest(made, tmp_path / "d", config)
    larger = config.model_copy(update={"size": 128})
    make_parts(root, tmp_path / "parts", larger, of=2)
    ingest(made, tmp_path / "joined", larger)
    ingest(root, tmp_path / "whole", larger)
    assert_same(open_dataset(tmp_path / "whole"), open_dataset(tmp_path / "joined"))


class Eye:
    """Sees a dog at the left, and in green photos a cat at the right."""

    looked = 0

    def look(self, photo: Image.Image, width: int, height: int) -> Sight:
        Eye.looked += 1
        dog = FoundObject(name="dog", score=0.6, box=(0, 0, 120, 120))
        cat = FoundObject(name="cat", score=0.9, box=(30, 40, width, height))
        red, green, blue = (np.asarray(photo)[..., c].mean() for c in range(3))
        green_one = green > max(red, blue) + 20
        return Sight((cat, dog) if green_one else (dog,))


def test_parts_that_would_be_cropped_otherwise_than_the_whole(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def eye(least: float, weights: Path | None = None) -> Eye:
        return Eye()

    monkeypatch.setattr(cropping, "Objects", eye)
    root = tmp_path / "photos"
    root.mkdir()
    for seed in range(10):
        name = f"{seed}.png"
        pixels = np.asarray(scene(seed, 160)).astype(int)
        if Shard(0, 2).holds(name) and seed < 6:
            pixels = pixels // 3 + np.array([0, 150, 0])
        Image.fromarray(pixels.clip(0, 255).astype(np.uint8)).save(root / name)
    config = DataConfig(size=32, crop="detect")
    made = make_parts(root, tmp_path / "parts", config, of=2)
    with pytest.raises(DataError, match=r"(?s)together show dog, .*cat, dog in part 0/2.*'dog'"):
        ingest(made, tmp_path / "d", config)
    agreed = config.model_copy(update={"crop_object": "dog"})
    Eye.looked = 0
    make_parts(root, tmp_path / "parts", agreed, of=2)
    assert Eye.looked == 0, "what was seen is used again"
    ingest(made, tmp_path / "joined", config)
    whole = ingest(root, tmp_path / "whole", config)
    assert whole.crop_objects == ["dog"]
    assert_same(open_dataset(tmp_path / "whole"), open_dataset(tmp_path / "joined"))


def test_a_part_may_be_empty_and_photos_decoded_before_are_used_again(
    photos: Path, tmp_path: Path
) -> None:
    few = tmp_path / "few"
    few.mkdir()
    for name in ("0.png", "2.png"):
        shutil.copy(photos / "cat" / name, few / name)
    config = DataConfig(size=32, crop="center")
    made = make_parts(few, tmp_path / "parts", config, of=5)
    joined = ingest(made, tmp_path / "d", config)
    assert (joined.listed, joined.accepted) == (2, 2)
    part = next(n for n in range(5) if Shard(n, 5).holds("0.png"))
    again = ingest_part(few, made / f"p{part}", config, Shard(part, 5), threads=1)
    assert again.reused == again.accepted > 0


def told(arguments: Sequence[str], code: int = 0) -> str:
    result = CliRunner().invoke(app, ["ingest", *arguments, "--preset", "smoke"])
    assert result.exit_code == code, result.output
    return result.output


def test_the_commands(photos: Path, tmp_path: Path) -> None:
    for number in range(2):
        said = told([str(photos), "--out", f"{tmp_path}/parts/{number}", "--shard", f"{number}/2"])
        assert f"part {number}/2: " in said
    parts = str(tmp_path / "parts")
    assert "would join 2 parts" in told([parts, "--out", f"{tmp_path}/d", "--dry-run"])
    assert "files accepted" in told([parts, "--out", f"{tmp_path}/d"])
    assert len(open_dataset(tmp_path / "d")) > 5
    shard = ["--out", f"{tmp_path}/x", "--shard", "0/2"]
    assert "would make part 0/2" in told([str(photos), *shard, "--dry-run"])
    assert "when the parts are joined" in told([str(photos), *shard, "--strict"], 2)
    assert "give one of them" in told([str(photos), *shard, "--ray", "2"], 2)
    assert "part 0/2 of a dataset" in told_by_train(f"{parts}/0", tmp_path)
    assert not (tmp_path / "x").exists()


def told_by_train(data: str, tmp_path: Path) -> str:
    result = CliRunner().invoke(app, ["train", data, "--out", f"{tmp_path}/x"])
    assert result.exit_code == 3, result.output
    return result.output


def test_opt_outs_of_files_belong_to_the_joining(photos: Path, tmp_path: Path) -> None:
    (tmp_path / "list.txt").write_text("0.png\n")
    with pytest.raises(UsageError, match=r"all parts at once\n.*when the parts are joined"):
        ingest_part(photos, tmp_path / "a", CONFIG, Shard(0, 2), opt_out=tmp_path / "list.txt")
    assert not (tmp_path / "a").exists()


class Animals:
    """Sees up to four dogs, by the photo's size; and in dark photos a cat alone."""

    def look(self, photo: Image.Image, width: int, height: int) -> Sight:
        count = min(width // 160, 4)
        corners = [(0, 0), (width - 140, 0), (0, height - 140), (width - 140, height - 140)]
        scores = (0.6, 0.9, 0.7, 0.8)
        name = "dog" if np.asarray(photo).mean() > 40 else "cat"
        return Sight(tuple(
            FoundObject(name=name, score=score, box=(x, y, x + 110, y + 110))
            for (x, y), score in list(zip(corners, scores, strict=True))[:count]
        ))  # fmt: skip


@pytest.fixture
def herds(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Photos of one to four animals, copies, one that is cut, and a file by an animal's name."""

    def eye(least: float, weights: Path | None = None) -> Animals:
        return Animals()

    monkeypatch.setattr(cropping, "Objects", eye)
    root = tmp_path / "herds"
    root.mkdir()
    for seed in range(8):
        scene(seed, (200, 330, 500, 650)[seed % 4]).save(root / f"{seed}.png")
    shutil.copy(root / "2.png", root / "same.png")
    (root / "cut.png").write_bytes((root / "3.png").read_bytes()[:-20_000])
    (root / "6 and more.png").write_bytes((root / "6.png").read_bytes()[:-2000])
    return root


MOST = DataConfig(size=32, crop="detect", crop_most=3)


def test_parts_hold_several_objects_of_a_photo(herds: Path, tmp_path: Path) -> None:
    ingest(herds, tmp_path / "first", MOST)
    further = [i.source for i in open_dataset(tmp_path / "first").listed() if "3.png#" in i.source]
    assert len(further) == 2
    scene(30, 200).save(herds / further[0], "PNG")  # a file by the name of an object
    whole = ingest(herds, tmp_path / "whole", MOST)
    for of in (2, 5):
        make_parts(herds, tmp_path / f"parts-{of}", MOST, of)
        joined = ingest(tmp_path / f"parts-{of}", tmp_path / f"joined-{of}", MOST)
        assert joined.model_copy(update={"seconds": 0}) == whole.model_copy(update={"seconds": 0})
        one, other = (open_dataset(tmp_path / name) for name in ("whole", f"joined-{of}"))
        assert_same(one, other)
    listed = {info.source: info for info in one.listed()}
    assert listed[f"{further[0]}~2"].detail == "another file goes by this name"
    assert len(listed) > len(list(herds.iterdir())) + 8
    (tmp_path / "list.txt").write_text("6.png\n")
    parts = tmp_path / "parts-2"
    ingest(herds, tmp_path / "w", MOST, opt_out=tmp_path / "list.txt")
    ingest(parts, tmp_path / "j", MOST, opt_out=tmp_path / "list.txt")
    assert_same(open_dataset(tmp_path / "w"), open_dataset(tmp_path / "j"))


def test_objects_of_other_kinds_than_all_photos_show_are_cropped_again(
    herds: Path, tmp_path: Path
) -> None:
    """A part that saw cats alone holds boxes which one run would not have."""
    for path in herds.iterdir():
        if Shard(0, 3).holds(path.name) and path.name[0].isdigit() and " " not in path.name:
            pixels = np.asarray(Image.open(path)) // 12
            Image.fromarray(pixels).save(path)
    made = make_parts(herds, tmp_path / "parts", MOST, of=3)
    with pytest.raises(DataError, match=r"(?s)together show dog, .*would be cropped otherwise"):
        ingest(made, tmp_path / "d", MOST)
    agreed = MOST.model_copy(update={"crop_object": "dog"})
    make_parts(herds, tmp_path / "parts", agreed, of=3)
    ingest(made, tmp_path / "joined", MOST)
    ingest(herds, tmp_path / "whole", MOST)
    assert_same(open_dataset(tmp_path / "whole"), open_dataset(tmp_path / "joined"))


def test_a_detector_comes_too_late_for_parts(parts: Path, tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="looked at"):
        ingest(parts, tmp_path / "d", CONFIG, detector=tmp_path / "weights.onnx")


def test_what_was_taken_down_stays_out_of_the_whole(tmp_path: Path) -> None:
    root, config = tmp_path / "p", DataConfig(size=16, crop="center")
    root.mkdir()
    for seed in range(5):
        scene(seed, 140).save(root / f"{seed}.png")
    for number in range(2):
        ingest_part(root, tmp_path / f"parts/{number}", config, Shard(number, 2))
    ingest(tmp_path / "parts", tmp_path / "d", config)
    (tmp_path / "list.txt").write_text("3.png\n")
    take_down([tmp_path / "d"], tmp_path / "list.txt")
    assert ingest(tmp_path / "parts", tmp_path / "d", config).accepted == 4
    assert "3.png" not in {info.source for info in open_dataset(tmp_path / "d").listed()}
