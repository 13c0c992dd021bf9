"""Whether images show the object: the figures by hand, with judges that read a pixel."""

import math
import shutil
from collections.abc import Iterable
from pathlib import Path
from typing import Any

import pytest
import torch
from torch import Tensor
from typer.testing import CliRunner

from finished_run import Smoke
from limbeck.cli import app
from limbeck.cli.run import measured
from limbeck.errors import DataError, UsageError, WeightsError
from limbeck.evaluation import (
    PictureJudges,
    Recogniser,
    evaluate,
    measure_run,
    present_judges,
    recognise,
)
from limbeck.evaluation.recognition import (
    domain_classes,
    effective_kinds,
    most_found,
    shuffle_tiles,
)
from limbeck.percept import Box


def answers(**counts: int) -> Tensor:
    """answers(c3=2, c0=1) -> 3, 3, 0."""
    return torch.cat([torch.full((n,), int(name[1:])) for name, n in counts.items()])


def test_the_domain_is_the_fewest_classes_that_cover_nine_tenths() -> None:
    found = answers(c7=50, c2=30, c900=10, c4=6, c5=4)
    assert domain_classes(found).tolist() == [7, 2, 900]
    assert domain_classes(found, 0.91).tolist() == [7, 2, 900, 4]
    assert domain_classes(found, 0.5).tolist() == [7]
    assert domain_classes(found, 1.0).tolist() == [7, 2, 900, 4, 5]
    assert domain_classes(answers(c3=1)).tolist() == [3]
    # equally common: the lower number first
    assert domain_classes(answers(c9=1, c1=1, c5=1), 0.6).tolist() == [1, 5]


def test_kinds_are_the_exponential_of_the_entropy() -> None:
    assert effective_kinds(answers(c5=10)) == pytest.approx(1)
    assert effective_kinds(answers(c5=3, c6=3, c999=3, c0=3)) == pytest.approx(4)
    half = math.exp(0.5 * math.log(2) + 2 * 0.25 * math.log(4))
    assert effective_kinds(answers(c1=4, c2=2, c3=2)) == pytest.approx(half)


def box(name: str, score: float = 0.9) -> Box:
    return Box(name, score, 0, 0, 1, 1)


def test_the_object_is_the_class_found_in_most_pictures_not_most_often() -> None:
    crowd = [box("person")] * 5
    assert most_found([crowd, [box("dog")], [box("dog"), box("cat")]]) == "dog"
    assert most_found([[box("dog")], [box("cat")]]) == "cat"  # of equals the first of COCO
    assert most_found([[], []]) is None
    assert most_found([[box("dog")], *[[]] * 9]) == "dog"
    assert most_found([[box("dog")], *[[]] * 10]) is None  # in fewer than a tenth


def test_shuffled_tiles_are_the_same_tiles_in_an_order_of_each_picture() -> None:
    tiles = torch.arange(16, dtype=torch.uint8).view(1, 1, 4, 4)
    picture = tiles.repeat_interleave(2, 2).repeat_interleave(2, 3).expand(5, 3, 8, 8)
    made = shuffle_tiles(picture, seed=1)
    assert made.shape == (5, 3, 8, 8)
    orders = made[:, 0, ::2, ::2].reshape(5, 16)
    assert torch.equal(orders.sort(1).values, torch.arange(16).expand(5, 16).to(torch.uint8))
    whole = orders.view(5, 1, 4, 4).repeat_interleave(2, 2).repeat_interleave(2, 3)
    assert torch.equal(whole.expand(5, 3, 8, 8), made)
    assert len({tuple(order.tolist()) for order in orders}) == 5
    assert torch.equal(shuffle_tiles(picture, seed=1), made)
    assert not torch.equal(shuffle_tiles(picture, seed=2), made)


class Reads:
    """Both judges: the top left pixel is the class; 100 and more is a dog, 50 and more a cat."""

    name = "reads"

    def __init__(self) -> None:
        self.sides: list[int] = []

    def classes_of(self, batches: Iterable[Tensor]) -> Tensor:
        return torch.cat([self._corner(batch) for batch in batches])

    def detect_all(self, batches: Iterable[Tensor], *, least: float) -> list[list[Box]]:
        assert least == 0.3
        corners = torch.cat([self._corner(batch) for batch in batches])
        return [[box("dog")] if c >= 100 else [box("cat")] * (c >= 50) for c in corners.tolist()]

    def _corner(self, batch: Tensor) -> Tensor:
        self.sides.append(batch.shape[-1])
        return batch[:, 0, 0, 0].long()


def flat(values: list[int], side: int) -> Tensor:
    """One grey square a value."""
    column = torch.tensor(values, dtype=torch.uint8).view(-1, 1, 1, 1)
    return column.expand(-1, 3, side, side).contiguous()


def test_figures_stand_between_held_out_photos_and_shuffled_ones() -> None:
    defining = [100] * 6 + [120] * 3 + [60]
    held_out = [100, 100, 120, 120, 120, 60, 60, 60, 60, 7]
    photos = flat([value for pair in zip(defining, held_out, strict=True) for value in pair], 16)
    eye = Reads()
    made = recognise(flat([100, 100, 120, 60, 7], 8), photos, PictureJudges(eye, eye))
    shown, found = made["recognised"], made["detected"]
    # the domain: 100 and 120, nine tenths of the defining half
    assert (shown["classes"], shown["value"], shown["ceiling"]) == (2, 0.6, 0.5)
    assert shown["floor"] == 0.5  # flat images shuffled are themselves
    assert shown["spread"] == pytest.approx(math.sqrt(0.6 * 0.4 / 5))
    assert shown["kinds"] == pytest.approx(effective_kinds(answers(c100=2, c120=1, c60=1, c7=1)))
    assert shown["kinds_of"] == 5
    assert (found["shown"], found["value"], found["ceiling"], found["floor"]) == (
        "dog", 0.6, 0.5, 0.5,
    )  # fmt: skip
    for figures in made.values():
        assert (figures["pictures"], figures["defining"], figures["held_out"]) == (5, 10, 10)
        assert figures["judge"] == "reads"
    # the defining half is seen as sharp as it is, all else at the images' size
    assert eye.sides == [16, 8, 8, 16, 8, 8, 8, 8]
    cats = recognise(flat([60, 60, 7, 100], 8), photos, PictureJudges(None, eye), shown="cat")
    assert list(cats) == ["detected"]
    assert (cats["detected"]["value"], cats["detected"]["ceiling"]) == (0.5, 0.4)


def test_a_picture_that_no_photo_looks_like_is_not_recognised() -> None:
    random = torch.Generator().manual_seed(0)
    photos = torch.randint(100, 102, (40, 3, 8, 8), generator=random, dtype=torch.uint8)
    made = recognise(flat([3] * 9, 8), photos, PictureJudges(Reads(), Reads()))
    assert (made["recognised"]["value"], made["recognised"]["kinds"]) == (0, pytest.approx(1))
    assert made["detected"]["value"] == 0
    assert made["recognised"]["ceiling"] == made["detected"]["ceiling"] == 1


def test_where_the_detector_finds_nothing_there_is_no_figure() -> None:
    eye = Reads()
    assert recognise(flat([3], 8), flat([7] * 6, 8), PictureJudges(None, eye)) == {}
    assert recognise(flat([3], 8), flat([7] * 6, 8), PictureJudges()) == {}


def test_nonsense_is_refused() -> None:
    eye, good = PictureJudges(Reads(), Reads()), flat([7] * 4, 8)
    for bad in (good.float(), good[0], good[:0], good[:, :, :4]):
        with pytest.raises(UsageError, match="give at least one uint8 square"):
            recognise(bad, good, eye)
        with pytest.raises(UsageError, match="photos are"):
            recognise(good, bad, eye)
    with pytest.raises(UsageError, match="'poodle' is no object"):
        recognise(good, good, eye, shown="poodle")
    with pytest.raises(UsageError, match="least score is 3"):
        recognise(good, good, eye, least_score=3)
    with pytest.raises(UsageError, match="multiple of 4"):
        recognise(flat([7], 6), good, eye)
    with pytest.raises(DataError, match="3 photos cannot say"):
        recognise(good, good[:3], eye)
    with pytest.raises(UsageError, match="4 px measured against photos at 8 px"):
        Recogniser(good, 8, eye)(flat([7], 4))


def test_judges_that_are_absent_are_said(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("LIMBECK_CACHE", str(tmp_path))
    assert present_judges() == PictureJudges()
    said = " ".join(capfd.readouterr().err.split())
    assert "not asked which class images show" in said
    assert "limbeck weights get efficientnet-lite2" in said
    assert "no objects are looked for in images" in said
    other = tmp_path / "other.onnx"
    other.write_bytes(b"other")
    pytest.importorskip("onnxruntime", reason="needs pip install 'limbeck[detect]'")
    with pytest.raises(WeightsError, match="pinned is"):
        present_judges(detector=other)


@pytest.fixture
def run(smoke: Smoke, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("LIMBECK_CACHE", str(tmp_path / "cache"))
    copy = tmp_path / "run"
    shutil.copytree(smoke.run, copy)
    return copy


def of(rows: list[dict[str, Any]], metric: str) -> list[dict[str, Any]]:
    return [row for row in rows if row["metric"] == metric]


def test_evaluate_asks_every_generator_when_told_to(
    run: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(
        measure_run, "present_judges", lambda device, detector: PictureJudges(Reads(), Reads())
    )
    rows = evaluate(run, pictures=24, device="cpu", recognise=True, shown="dog")
    for metric in ("recognised", "detected"):
        found = of(rows, metric)
        cells = {(row["generator"], row["truncation"], row["psi"]) for row in found}
        ways = (("none", 1.0), ("multimodal-lpips", 0.7))
        assert cells == {(name, *way) for name in ("raw", "kept") for way in ways}
        for row in found:
            assert row["pictures"] == 24
            assert row["defining"] + row["held_out"] == row["dataset_photos"]
            assert 0 <= row["value"] <= 1
            assert row["machine"]
    titles = [str(table.title) for table in measured(rows)]
    assert any(title.startswith("share recognised as one of the photos'") for title in titles)
    assert "share in which the object is found: dog (reads)" in titles
    for asked in (False, None):  # None: 24 images are too few
        assert not of(evaluate(run, pictures=24, device="cpu", recognise=asked), "recognised")


def test_the_command_line_says_what_is_absent_and_refuses_nonsense(run: Path) -> None:
    def call(*args: str) -> tuple[int, str]:
        result = CliRunner().invoke(app, ["evaluate", str(run), "--pictures", "12", *args])
        return result.exit_code, " ".join(result.output.split())

    code, said = call("--recognise", "--features", "lpips-alex")
    assert code == 0
    assert "limbeck weights get efficientnet-lite2" in said
    assert "share recognised" not in said
    assert "12 images, 256 are the least" in call("--features", "lpips-alex")[1]
    code, said = call("--shown", "poodle")
    assert (code, "'poodle' is no object" in said) == (2, True)
    assert call("--recognise", "--detector", str(run / "nothing.onnx"))[0] != 0
