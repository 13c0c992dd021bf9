"""The detector: what its numbers mean, which boxes stay, and real dogs where its weights are."""

import builtins
import json
import math
import sys
import zipfile
from io import BytesIO
from pathlib import Path

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from PIL import Image
from torch import Tensor

from development import DOGS_288, WEIGHTS
from limbeck.errors import UsageError, WeightsError
from limbeck.percept import COCO, Box, Detector, kin, list_weights
from limbeck.percept.detector import decode, letterbox, nms, overlaps


def weights_file() -> Path:
    row = next(row for row in list_weights() if row.name == "yolox-nano")
    for path in (row.path, WEIGHTS / "yolox_nano_416.onnx"):
        if path.is_file():
            return path
    pytest.skip(f"the detector's weights are not here: {row.cure}")


@pytest.fixture(scope="module")
def detector() -> Detector:
    pytest.importorskip("onnxruntime", reason="needs pip install 'limbeck[detect]'")
    return Detector(weights_file())


def raw(cells: int = 3549, classes: int = 80) -> Tensor:
    return torch.zeros(cells, 5 + classes)


def test_coco_has_eighty_names_and_dog_is_the_seventeenth() -> None:
    assert len(COCO) == len(set(COCO)) == 80
    assert COCO[16] == "dog"
    assert (COCO[0], COCO[15], COCO[79]) == ("person", "cat", "toothbrush")


def test_decode_reads_cells_row_by_row_and_stride_by_stride() -> None:
    said = raw()
    # stride 8: 52 x 52 cells; row 1, column 3
    said[52 + 3] = torch.cat([torch.tensor([0.5, 0.25, math.log(4), math.log(2), 0.5]),
                              torch.linspace(0, 1, 80)])  # fmt: skip
    # stride 16: 26 x 26 after 2,704; row 25, column 0
    said[2704 + 25 * 26, :2] = torch.tensor([0.0, 1.0])
    # stride 32: 13 x 13 after 2,704 + 676; the last cell
    said[-1, 2:4] = math.log(3)
    boxes, scores = decode(said)
    assert boxes.shape == (3549, 4)
    assert scores.shape == (3549, 80)
    centre, size = (28.0, 10.0), (32.0, 16.0)  # ((3 + .5) 8, (1 + .25) 8), (4 x 8, 2 x 8)
    want = [centre[0] - 16, centre[1] - 8, centre[0] + 16, centre[1] + 8]
    assert boxes[55].tolist() == pytest.approx(want)
    assert size == ((boxes[55, 2] - boxes[55, 0]).item(), (boxes[55, 3] - boxes[55, 1]).item())
    assert scores[55].tolist() == pytest.approx(torch.linspace(0, 0.5, 80).tolist())
    assert boxes[2704 + 650].tolist() == pytest.approx([-8, 408, 8, 424])
    assert boxes[-1].tolist() == pytest.approx([384 - 48, 384 - 48, 384 + 48, 384 + 48])
    assert boxes[0].tolist() == pytest.approx([-4, -4, 4, 4])
    with pytest.raises(ValueError, match="not 3549 cells"):
        decode(raw(cells=3548))


def test_decode_agrees_with_a_plain_loop() -> None:
    said = torch.rand(84, 8, generator=torch.Generator().manual_seed(0))  # 64 px: 64 + 16 + 4
    boxes, scores = decode(said, side=64)
    row = 0
    for stride in (8, 16, 32):
        for gy in range(64 // stride):
            for gx in range(64 // stride):
                x, y, w, h, sure, *classes = said[row].tolist()
                cx, cy = (x + gx) * stride, (y + gy) * stride
                wide, high = math.exp(w) * stride, math.exp(h) * stride
                want = [cx - wide / 2, cy - high / 2, cx + wide / 2, cy + high / 2]
                assert boxes[row].tolist() == pytest.approx(want, rel=1e-5, abs=1e-4)
                assert scores[row].tolist() == pytest.approx([sure * c for c in classes])
                row += 1
    assert row == 84


def test_overlaps_by_hand() -> None:
    one = torch.tensor([0.0, 0, 4, 4])
    others = torch.tensor(
        [[0.0, 0, 4, 4], [2, 0, 6, 4], [0, 0, 2, 2], [4, 0, 8, 4], [9, 9, 9, 9], [-2, -2, 6, 6]]
    )
    assert overlaps(one, others).tolist() == pytest.approx([1, 8 / 24, 4 / 16, 0, 0, 16 / 64])
    assert overlaps(torch.zeros(4), torch.zeros(1, 4)).tolist() == [0]


def test_nms_by_hand() -> None:
    boxes = torch.tensor(
        [[0.0, 0, 10, 10], [1, 0, 11, 10], [20, 20, 30, 30], [0, 0, 10, 10], [5, 0, 15, 10]]
    )
    scores = torch.tensor([0.8, 0.9, 0.3, 0.9, 0.5])
    # 1 comes before its equal 3; it drops 0 and 3 (overlap 9 / 11), not 4 (6 / 14)
    assert nms(boxes, scores, 0.45).tolist() == [1, 4, 2]
    assert nms(boxes, scores, 0.4).tolist() == [1, 2]
    assert nms(boxes, scores, 1.0).tolist() == [1, 3, 0, 4, 2]
    assert nms(torch.empty(0, 4), torch.empty(0), 0.5).tolist() == []


def plain_nms(boxes: list[list[float]], scores: list[float], most: float) -> list[int]:
    """The same from its definition: a row stays if no surer row that stays overlaps it too much."""

    def shared(a: list[float], b: list[float]) -> float:
        w = max(0.0, min(a[2], b[2]) - max(a[0], b[0]))
        h = max(0.0, min(a[3], b[3]) - max(a[1], b[1]))
        both = (a[2] - a[0]) * (a[3] - a[1]) + (b[2] - b[0]) * (b[3] - b[1]) - w * h
        return w * h / both if both else 0.0

    kept: list[int] = []
    for row in sorted(range(len(scores)), key=lambda row: (-scores[row], row)):
        if all(shared(boxes[row], boxes[other]) <= most for other in kept):
            kept.append(row)
    return kept


boxes_of = st.tuples(*[st.integers(0, 8)] * 2, *[st.integers(1, 8)] * 2).map(
    lambda b: [float(b[0]), float(b[1]), float(b[0] + b[2]), float(b[1] + b[3])]
)


@given(
    st.lists(st.tuples(boxes_of, st.integers(0, 8)), max_size=24),
    st.sampled_from([0.1, 0.3, 0.45, 0.7, 0.9]),
)
def test_nms_agrees_with_its_definition(rows: list[tuple[list[float], int]], most: float) -> None:
    boxes, scores = [box for box, _ in rows], [score / 8 for _, score in rows]
    got = nms(torch.tensor(boxes).reshape(-1, 4), torch.tensor(scores), most)
    assert got.tolist() == plain_nms(boxes, scores, most)


def test_the_letterbox_enlarges_small_pictures_and_is_blue_first() -> None:
    red = torch.zeros(3, 32, 16, dtype=torch.uint8)
    red[0] = 200
    framed, scale = letterbox(red)
    assert framed.shape == (3, 416, 416)
    assert scale == 5  # to 160 px at least
    assert torch.allclose(framed[:, :160, :80], torch.tensor([0.0, 0, 200]).view(3, 1, 1))
    assert (framed[:, 160:] == 114).all()
    assert (framed[:, :, 80:] == 114).all()
    scales = {96: 2.5, 64: 2.5, 208: 2.0, 416: 1.0, 832: 0.5}
    for side, want in scales.items():
        assert letterbox(torch.zeros(3, side, side, dtype=torch.uint8))[1] == want


class Told:
    """A session that gives the numbers it was made with."""

    def __init__(self, said: Tensor) -> None:
        self.said = said

    def run(self, _: None, inputs: dict[str, object]) -> list[object]:
        image = inputs["images"]
        assert isinstance(image, np.ndarray)
        assert (image.shape, image.dtype) == ((1, 3, 416, 416), np.float32)
        return [self.said[None].numpy()]


def told(said: Tensor) -> Detector:
    made = Detector.__new__(Detector)
    made._session = Told(said)
    return made


def test_boxes_come_back_in_pixels_of_the_picture_class_by_class() -> None:
    said = raw()
    said[:, 2:4] = math.log(4)  # at stride 32: 128 px
    cell = 2704 + 676 + 13 * 2 + 2  # row 2, column 2 of stride 32: centre (64, 64)
    for place, (dog, cat) in {cell: (0.9, 0.4), cell + 1: (0.8, 0.0)}.items():
        said[place, 4] = 1
        said[place, 5 + 16], said[place, 5 + 15] = dog, cat
    said[cell + 1, 0] = -0.875  # 4 px to the right of the first
    picture = torch.zeros(3, 32, 64, dtype=torch.uint8)  # shown at 2.5: 160 x 80
    found = told(said).detect(picture)
    assert [(box.name, round(box.score, 4)) for box in found] == [("dog", 0.9), ("cat", 0.4)]
    # (0, 0) to (128, 128), over 2.5, cut at the image's 64 x 32
    assert (found[0].x0, found[0].y0, found[0].x1) == pytest.approx((0, 0, 51.2))
    assert found[0].y1 == 32
    assert found[0].area == pytest.approx(51.2 * 32)
    assert [box.name for box in told(said).detect(picture, least=0.5)] == ["dog"]
    both = told(said).detect(picture, overlap=1.0)
    assert [box.score for box in both] == pytest.approx([0.9, 0.8, 0.4])
    assert told(raw()).detect(picture) == []
    pictures = picture[None].repeat(3, 1, 1, 1)
    assert told(said).detect_all([pictures[:2], pictures[2:]]) == [found] * 3


def test_nonsense_is_refused() -> None:
    quiet = told(raw())
    good = torch.zeros(3, 8, 8, dtype=torch.uint8)
    for bad in (good.float(), good[None], good[:1], good[:, :0]):
        with pytest.raises(UsageError, match="give a uint8 image"):
            quiet.detect(bad)
    with pytest.raises(UsageError, match=r"least is 1\.5"):
        quiet.detect(good, least=1.5)
    with pytest.raises(UsageError, match="overlap is -1"):
        quiet.detect(good, overlap=-1)


def test_what_is_missing_is_said_with_its_cure(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("LIMBECK_CACHE", str(tmp_path))
    monkeypatch.setitem(sys.modules, "onnxruntime", None)
    with pytest.raises(UsageError, match=r"pip install 'limbeck\[detect\]'"):
        Detector()
    monkeypatch.setitem(sys.modules, "onnxruntime", builtins)  # found; not reached
    with pytest.raises(WeightsError, match=r"put the file yolox_nano_416\.onnx at ") as caught:
        Detector()
    assert str(tmp_path / "weights" / "yolox_nano_416.onnx") in caught.value.do
    with pytest.raises(UsageError, match="no such file of weights yolox-nano"):
        Detector(tmp_path / "absent.onnx")
    other = tmp_path / "other.onnx"
    other.write_bytes(b"other")
    with pytest.raises(WeightsError, match="pinned is d39bee73"):
        Detector(other)


def dogs(count: int) -> list[Tensor]:
    made = []
    with zipfile.ZipFile(DOGS_288) as archive:
        rows = [json.loads(line) for line in archive.read("manifest.jsonl").splitlines()]
        for row in [row for row in rows if not row["is_outlier"]][:count]:
            with Image.open(BytesIO(archive.read(f"images/{Path(row['file']).name}"))) as picture:
                pixels = np.asarray(picture.convert("RGB")).copy()
            made.append(torch.from_numpy(pixels).permute(2, 0, 1))
    return made


@pytest.mark.dogs
def test_dogs_are_found_in_photos_of_dogs(detector: Detector) -> None:
    photos = dogs(24)
    found = [detector.detect(photo) for photo in photos]
    assert sum(any(box.name == "dog" for box in boxes) for boxes in found) >= 15
    for photo, boxes in zip(photos, found, strict=True):
        height, width = photo.shape[-2:]
        for box in boxes:
            assert 0 <= box.x0 < box.x1 <= width
            assert 0 <= box.y0 < box.y1 <= height
            assert 0.3 <= box.score <= 1
        assert boxes == sorted(boxes, key=lambda box: -box.score)


@pytest.mark.dogs
def test_a_box_stands_for_where_the_object_is(detector: Detector) -> None:
    """A photo beside a grey field: the dog's box moves with the photo."""

    def best(picture: Tensor) -> Box:
        return max((b for b in detector.detect(picture) if b.name == "dog"), key=lambda b: b.score)

    for photo in dogs(12):
        small = photo[:, ::2, ::2]
        height, width = small.shape[-2:]
        wide = torch.full((3, height, width + 160), 114, dtype=torch.uint8)
        left, right = wide.clone(), wide.clone()
        left[:, :, :width], right[:, :, 160:] = small, small
        try:
            one, other = best(left), best(right)
        except ValueError:
            continue
        assert other.x0 - one.x0 == pytest.approx(160, abs=24)
        assert (one.x0 + one.x1) / 2 < width
        return
    pytest.fail("no dog is found in any of twelve photos")


def test_kin_are_the_classes_of_a_super_category() -> None:
    assert kin("person") == {"person"}
    assert kin("dog") == set(COCO[14:24])
    assert {"bird", "giraffe"} <= kin("dog")
    assert kin("truck") == kin("bicycle")
    assert {"book", "toothbrush"} <= kin("vase")
    assert sum(len(kin(name)) == 1 for name in COCO) == 1
    assert set().union(*(kin(name) for name in COCO)) == set(COCO)
