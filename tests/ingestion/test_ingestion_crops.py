"""Which square of a photo is kept."""

import json
import zipfile
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from hypothesis import given
from hypothesis import strategies as st
from ingestion_scenes import scene as noise
from PIL import Image, ImageDraw

from development import DOGS_288, WEIGHTS
from limbeck import fsio
from limbeck.config import DataConfig
from limbeck.data import CROP_SHEET, open_dataset
from limbeck.decoding.decode import glance
from limbeck.errors import DataError, LimbeckError, UsageError
from limbeck.ingestion import cropping, ingest
from limbeck.ingestion.cropping import (
    Saliency,
    Sight,
    choose_box,
    crop_words,
    main_object,
    more_boxes,
    object_square,
    salient_square,
    wanted_objects,
)
from limbeck.records import CropKind, FoundObject, Reason, Status

DETECT = DataConfig(size=16, crop="detect")
NONE = frozenset[str]()


def seen(name: str, box: tuple[int, int, int, int], score: float = 0.9) -> FoundObject:
    return FoundObject(name=name, score=score, box=box)


sides = st.integers(1, 5000)


@given(st.data(), sides, sides, st.floats(1, 4), st.integers(1, 300))
def test_the_square_of_an_object_lies_in_the_photo_and_holds_it(
    data: st.DataObject, width: int, height: int, margin: float, least: int
) -> None:
    left, top = data.draw(st.integers(0, width - 1)), data.draw(st.integers(0, height - 1))
    right, bottom = (
        data.draw(st.integers(left + 1, width)),
        data.draw(st.integers(top + 1, height)),
    )
    x0, y0, x1, y1 = object_square((left, top, right, bottom), width, height, margin, least)
    side = x1 - x0
    assert side == y1 - y0 > 0
    assert 0 <= x0 < x1 <= width
    assert 0 <= y0 < y1 <= height
    wanted = max(round(margin * max(right - left, bottom - top)), least)
    assert side == min(wanted, width, height)
    if side == wanted:  # nothing had to give
        assert x0 <= left
        assert right <= x1
        assert y0 <= top
        assert bottom <= y1


def test_the_square_is_centred_moved_inside_and_shrunk() -> None:
    assert object_square((100, 100, 200, 150), 1000, 800) == (90, 65, 210, 185)
    assert object_square((0, 0, 100, 100), 1000, 800) == (0, 0, 120, 120)
    assert object_square((900, 700, 1000, 800), 1000, 800) == (880, 680, 1000, 800)
    assert object_square((100, 0, 900, 800), 1000, 800) == (100, 0, 900, 800)
    assert object_square((10, 10, 12, 12), 1000, 800, least=64) == (0, 0, 64, 64)


def test_the_main_object_is_sure_and_large() -> None:
    small = seen("dog", (0, 0, 10, 10), 0.9)
    large = seen("dog", (0, 0, 40, 40), 0.5)
    person = seen("person", (0, 0, 90, 90), 0.8)
    assert main_object([small, large, person]) is person
    assert main_object([small, large, person], frozenset(["dog"])) is large
    assert main_object([person], frozenset(["dog"])) is None
    assert main_object([]) is None


def test_photos_are_cropped_to_what_most_of_them_show() -> None:
    dog, person = seen("dog", (0, 0, 10, 10)), seen("person", (0, 0, 50, 50))
    cat, unsure = seen("cat", (0, 0, 9, 9)), seen("bear", (0, 0, 9, 9), 0.4)
    dogs = [Sight((dog, person))] * 3 + [Sight((dog,))] * 6 + [Sight((cat,)), Sight((unsure,))] * 4
    assert wanted_objects(dogs, "auto") == {"dog"}
    assert wanted_objects([*dogs, Sight((cat,))], "auto") == {"dog", "cat"}
    assert wanted_objects(dogs, "any") == NONE
    assert wanted_objects(dogs, "cat,bear") == {"cat", "bear"}
    assert wanted_objects(dogs, "horse") == {"horse"}
    assert wanted_objects([Sight()], "auto") == NONE


def test_kin_stand_in_for_what_is_wanted_and_the_centre_for_nothing() -> None:
    dog = frozenset(["dog"])
    bear, person = seen("bear", (0, 0, 20, 20)), seen("person", (50, 0, 99, 99))
    box, kind = choose_box(Sight((person, bear)), 200, 100, DETECT, dog, 8)
    assert (box, kind) == ((0, 0, 24, 24), CropKind.DETECT)
    box, kind = choose_box(Sight((person,)), 200, 100, DETECT, dog, 8)
    assert (box, kind) == ((50, 0, 150, 100), CropKind.CENTER)
    box, kind = choose_box(Sight((person,)), 200, 100, DETECT, NONE, 8)
    assert kind is CropKind.DETECT
    whole = DataConfig(size=16, crop="none")
    assert choose_box(Sight(), 90, 90, whole, NONE, 8) == ((0, 0, 90, 90), CropKind.WHOLE)


def test_further_objects_become_squares_of_their_own() -> None:
    left, right = seen("dog", (0, 0, 20, 20), 0.9), seen("dog", (100, 0, 120, 20), 0.5)
    inside, person = seen("dog", (2, 0, 20, 18), 0.8), seen("person", (50, 0, 99, 99), 0.9)
    sight, dog = Sight((left, inside, right, person)), frozenset(["dog"])
    first = (0, 0, 24, 24)
    assert more_boxes(sight, first, 200, 100, DETECT, dog, 8) == []
    many = DETECT.model_copy(update={"crop_most": 3})
    assert more_boxes(sight, first, 200, 100, many, dog, 8) == [(98, 0, 122, 24)]
    main, _ = choose_box(sight, 200, 100, many, NONE, 8)
    assert more_boxes(sight, main, 200, 100, many, NONE, 8) == []  # of the person's kind is one
    assert more_boxes(Sight((person,)), first, 200, 100, many, dog, 8) == []


def test_every_dog_of_a_photo_is_a_row(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    class TwoDogs:
        def look(self, photo: Image.Image, width: int, height: int) -> Sight:
            return Sight((seen("dog", (0, 0, 60, 60), 0.9), seen("dog", (90, 0, 150, 60), 0.8)))

    monkeypatch.setattr("limbeck.ingestion.cropping.Objects", lambda *args: TwoDogs())
    root = tmp_path / "p"
    root.mkdir()
    for seed in range(3):
        noise(seed, 160).save(root / f"{seed}.png")
    (root / "again.png").write_bytes((root / "1.png").read_bytes())
    config = DataConfig(size=16, crop="detect", crop_most=2)
    summary = ingest(root, tmp_path / "d", config)
    assert (summary.listed, summary.accepted, summary.rejected) == (8, 6, {"duplicate": 2})
    assert summary.balanced()
    rows = {info.source: info for info in open_dataset(tmp_path / "d").listed()}
    assert rows["0.png#84,0,156,72"].box == (84, 0, 156, 72)
    assert rows["1.png#84,0,156,72"].duplicate_of == rows["again.png#84,0,156,72"].id
    again = ingest(root, tmp_path / "d", config)
    assert again.reused == 6


def test_a_file_called_like_a_box_of_another_changes_nothing(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    class TwoDogs:
        def look(self, photo: Image.Image, width: int, height: int) -> Sight:
            return Sight((seen("dog", (0, 0, 60, 60), 0.9), seen("dog", (90, 0, 150, 60), 0.8)))

    monkeypatch.setattr("limbeck.ingestion.cropping.Objects", lambda *args: TwoDogs())
    root = tmp_path / "p"
    root.mkdir()
    for number, name in enumerate(["a.png", "b.png", "c.png", "a.png#84,0,156,72"]):
        noise(number, 160).save(root / name, "PNG")
    ingest(root, tmp_path / "d", DataConfig(size=16, crop="detect", crop_most=2))
    data = open_dataset(tmp_path / "d")
    rows = {info.source: info for info in data.listed()}
    assert rows["a.png#84,0,156,72~2"].detail == "another file goes by this name"
    (root / "a.png#84,0,156,72").unlink()
    ingest(root, tmp_path / "e", DataConfig(size=16, crop="detect", crop_most=2))
    plain = open_dataset(tmp_path / "e")
    pixels = dict(zip(plain.ids, plain.at(plain.size)[range(len(plain))], strict=True))
    for one, image in zip(data.infos, data.at(data.size)[range(len(data))], strict=True):
        if str(one.id) in pixels:
            assert (image == pixels[str(one.id)]).all(), one.source


def test_the_salient_square_holds_the_odd_thing_out() -> None:
    photo = Image.new("RGB", (300, 100), "grey")
    ImageDraw.Draw(photo).ellipse((240, 40, 270, 70), fill="red")
    (left, top, right, bottom) = Saliency().look(photo, 600, 200).salient or (0, 0, 0, 0)
    assert (top, bottom, right - left) == (0, 200, 200)
    assert left <= 480
    assert right >= 540
    upright = photo.transpose(Image.Transpose.ROTATE_90)
    assert Saliency().look(upright, 200, 600).salient == (0, 600 - right, 200, 600 - left)
    assert salient_square(np.ones((20, 60)), 300, 100) == (100, 0, 200, 100)  # the most central
    assert salient_square(np.ones((9, 9)), 50, 50) == (0, 0, 50, 50)


class Painted:
    """A detector for tests: what is red is a dog, what is blue a person."""

    def __init__(self, *arguments: object) -> None: ...

    def look(self, photo: Image.Image, width: int, height: int) -> Sight:
        pixels = np.asarray(photo).astype(int)
        found = []
        for name, own, other in (("dog", 0, 2), ("person", 2, 0)):
            rows, columns = np.nonzero((pixels[..., own] > 180) & (pixels[..., other] < 90))
            if len(rows):
                edges = (columns.min(), rows.min(), columns.max() + 1, rows.max() + 1)
                scale = width / photo.width
                found.append(seen(name, tuple(round(float(e) * scale) for e in edges)))  # type: ignore[arg-type]
        return Sight(tuple(found))


def scene(path: Path, number: int, dog: int | None, person: int | None = None) -> None:
    """A photo of 300 x 100 with a red square of 30 at x = `dog` and a blue one of 60."""
    coarse = np.random.default_rng(number).integers(100, 140, (5, 15, 3), dtype=np.uint8)
    photo = Image.fromarray(coarse).resize((300, 100), Image.Resampling.BICUBIC)
    pen = ImageDraw.Draw(photo)
    if person is not None:
        pen.rectangle((person, 20, person + 59, 79), fill=(0, 0, 255))
    if dog is not None:
        pen.rectangle((dog, 50, dog + 29, 79), fill=(255, 0, 0))
    photo.save(path)


@pytest.fixture
def scenes(tmp_path: Path) -> Path:
    root = tmp_path / "photos"
    root.mkdir()
    for number in range(8):
        scene(root / f"{number}.png", number, 10 + 30 * number, 200 if number < 2 else None)
    scene(root / "8.png", 8, None, 30)
    scene(root / "9.png", 9, None)
    return root


def test_ingest_crops_around_the_object_and_records_what_was_seen(
    scenes: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(cropping, "Objects", Painted)
    config = DataConfig(size=16, crop="detect", near_duplicate_bits=-1)
    summary = ingest(scenes, tmp_path / "data", config)
    assert summary.crops == {"detect": 8, "center": 2}
    assert summary.crop_objects == ["dog"]
    data = open_dataset(tmp_path / "data", verify=True)
    rows = {info.source: info for info in data.infos}
    assert rows["4.png"].box == (127, 47, 163, 83)
    assert rows["4.png"].upscaled == (data.size > 36)
    assert [o.name for o in rows["0.png"].objects] == ["dog", "person"]
    assert rows["8.png"].crop is CropKind.CENTER  # a person alone is not what the photos show
    assert rows["8.png"].box == (100, 0, 200, 100)
    for name in (f"{n}.png" for n in range(8)):
        pixels = data.at(data.size)[[data.ids.index(str(rows[name].id))]][0].numpy().astype(int)
        red = (pixels[0] > 180) & (pixels[2] < 90)
        assert 0.5 < red.mean() < 0.8, name  # 30 of 36 pixels each way
    with Image.open(tmp_path / "data" / CROP_SHEET) as sheet:
        assert sheet.size == (4 * 368, 3 * 184)
    words = crop_words(summary.crops, summary.crop_objects)
    assert words == "cropped: the centre 20%, around the object found (dog) 80%"
    centre = ingest(scenes, tmp_path / "centre", DataConfig(size=16, crop="center"))
    assert centre.crops == {"center": centre.accepted}
    ids = set(open_dataset(tmp_path / "centre").ids)
    assert str(rows["4.png"].id) not in ids  # another crop is another image


def test_photos_that_are_not_square_are_named_where_nothing_is_cropped(tmp_path: Path) -> None:
    root = tmp_path / "photos"
    root.mkdir()
    for number in range(3):
        scene(root / f"{number}.png", number, 10)
        Image.open(root / f"{number}.png").crop((0, 0, 100, 100)).save(root / f"s{number}.png")
    summary = ingest(root, tmp_path / "data", DataConfig(size=16, crop="none"))
    assert summary.rejected == {"not_square": 3}
    assert summary.crops == {"none": 3}
    row = next(r for r in open_dataset(tmp_path / "data").listed() if r.source == "0.png")
    assert (row.status, row.reason) == (Status.REJECTED, Reason.NOT_SQUARE)
    assert row.detail == "300 x 100 pixels, and data.crop=none crops nothing"


def test_what_cannot_be_had_is_said_before_a_photo_is_read(
    scenes: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with pytest.raises(UsageError, match="crop_object='wolf' is no class of the detector"):
        ingest(scenes, tmp_path / "data", DataConfig(crop_object="dog,wolf"))
    monkeypatch.setenv("LIMBECK_CACHE", str(tmp_path / "empty"))
    with pytest.raises(LimbeckError):
        ingest(scenes, tmp_path / "data", DataConfig(size=16, crop="detect"))
    assert cropping.can_detect()
    assert not (tmp_path / "data").exists()
    assert ingest(scenes, tmp_path / "data", DataConfig(size=16)).crops == {"center": 10}


def test_a_glance_is_upright_rgb_of_a_limited_size(tmp_path: Path) -> None:
    photo = Image.new("RGB", (900, 600), "blue")
    photo.paste("red", (0, 0, 450, 600))
    exif = Image.Exif()
    exif[0x0112] = 6  # to be turned clockwise: red comes on top
    photo.save(tmp_path / "a.jpg", exif=exif)
    turned = glance((tmp_path / "a.jpg").read_bytes(), 300)
    assert (turned.mode, turned.size) == ("RGB", (200, 300))
    assert turned.getpixel((100, 50)) == pytest.approx((254, 0, 0), abs=2)
    small = glance((tmp_path / "a.jpg").read_bytes(), 5000)
    assert small.size == (600, 900)


def test_objects_survive_on_disk_and_older_tables_are_read(scenes: Path, tmp_path: Path) -> None:
    config = DataConfig(size=16, crop="center")
    ingest(scenes, tmp_path / "data", config)
    table, index = tmp_path / "data" / "images.parquet", tmp_path / "data" / "index.json"
    old = pq.read_table(table).drop_columns(["crop", "objects"])

    def put(changed: object) -> None:
        pq.write_table(changed, table, compression="zstd")
        facts = json.loads(index.read_text())
        facts["table"] |= {"bytes": table.stat().st_size, "sha256": fsio.sha256_file(table)}
        index.write_text(json.dumps(facts))

    full = pq.read_table(table)
    put(old)
    assert {info.crop for info in open_dataset(tmp_path / "data").infos} == {None}
    place = full.schema.get_field_index("objects")
    for text in ("[{", '[{"name": 3}]', '{"name": "dog"}'):
        put(full.set_column(place, "objects", pa.array([text] * len(full))))
        with pytest.raises(DataError, match="row 0"):
            open_dataset(tmp_path / "data")


@pytest.mark.dogs
def test_real_dogs_are_found_and_fill_their_squares(tmp_path: Path) -> None:
    pytest.importorskip("onnxruntime", reason="needs pip install 'limbeck[detect]'")
    weights = WEIGHTS / "yolox_nano_416.onnx"
    if not (weights.is_file() and DOGS_288.exists()):
        pytest.skip("the detector's weights or the larger photos are not here")
    root = tmp_path / "photos"
    root.mkdir()
    with zipfile.ZipFile(DOGS_288) as archive:
        for name in [n for n in archive.namelist() if n.startswith("images/")][:480:12]:
            (root / Path(name).name).write_bytes(archive.read(name))
    config = DataConfig(size=64, crop="detect")
    summary = ingest(root, tmp_path / "data", config, detector=weights)
    assert summary.crop_objects == ["dog"]
    assert summary.crops["detect"] >= 0.75 * summary.accepted
    again = ingest(root, tmp_path / "again", config, detector=weights)
    assert again.model_dump(exclude={"seconds"}) == summary.model_dump(exclude={"seconds"})
    assert open_dataset(tmp_path / "again").digest == open_dataset(tmp_path / "data").digest
