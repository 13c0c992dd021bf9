"""The study of contamination: draws, the rule on them, the drawn third domain, the verbs."""

import json
from pathlib import Path

import numpy as np
import pytest
from PIL import Image
from typer.testing import CliRunner

from limbeck.cli import app
from limbeck.curation import Seen
from studies.__main__ import app as studies
from studies.contamination import _judged, draw
from studies.ducks import draw_ducks, picture


def test_a_draw_has_the_share_that_was_asked_for() -> None:
    fine = np.arange(1000) < 900
    for share, expected in ((0.0, 500), (0.1, 500), (0.5, 200), (0.02, 500)):
        rows = draw(fine, share, 500, 0)
        assert len(rows) == len(set(rows)) == expected
        assert (~fine[rows]).mean() == pytest.approx(share)
    assert len(draw(fine, 0.0, 5000, 0)) == 900
    assert draw(fine, 0.1, 500, 0).tolist() == draw(fine, 0.1, 500, 0).tolist()
    assert draw(fine, 0.1, 500, 0).tolist() != draw(fine, 0.1, 500, 1).tolist()


def test_the_rule_is_judged_on_photos_that_stand_apart() -> None:
    random = np.random.default_rng(0)
    odd = np.arange(600) >= 510

    def space(width: int) -> np.ndarray:
        x = random.normal(size=(600, width)) * np.exp(-np.arange(width) / 20)
        x[odd] += random.normal(size=(90, width)) * 0.8
        return (x + 0.1 * random.normal(size=x.shape)).astype(np.float32)

    seams = random.lognormal(size=600)
    found = _judged(Seen({"feature": space(200), "lite0": space(150)}, seams), odd, 0)
    assert found["auroc"] > 0.99
    assert found["dropped"] == pytest.approx(0.15, abs=0.03)
    assert found["low"] - 1e-9 <= found["estimate"] <= found["high"] + 1e-9
    assert found["outliers_dropped"] > 0.9
    assert found["ordinary_dropped"] < 0.03
    assert found["decided_by"] == "shape"


@pytest.mark.parametrize("kind", ["", "other_object", "caption", "collage", "text_card", "noise"])
def test_ducks_and_what_is_none_are_drawn(kind: str) -> None:
    image = picture(kind, np.random.default_rng(1))
    assert image.mode == "RGB"
    again = picture(kind, np.random.default_rng(1))
    assert np.asarray(image).tolist() == np.asarray(again).tolist()
    assert np.asarray(image).std() > 3


def test_the_domain_and_the_study_by_their_verbs(tmp_path: Path) -> None:
    run = CliRunner().invoke
    made = run(studies, ["ducks", "--out", str(tmp_path / "ducks"), "--count", "50",
                         "--outliers", "14"])  # fmt: skip
    assert made.exit_code == 0, made.output
    rows = [json.loads(line) for line in (tmp_path / "ducks/truth.jsonl").read_text().splitlines()]
    assert sum(row["is_outlier"] for row in rows) == 14
    for row in rows:
        with Image.open(tmp_path / "ducks/photos" / row["file"]) as image:
            assert image.size == (96, 96)
    one = draw_ducks(tmp_path / "again", count=50, outliers=14, seed=0, workers=1).parent / "photos"
    for file in one.iterdir():
        assert file.read_bytes() == (tmp_path / "ducks/photos" / file.name).read_bytes()
    ingested = run(app, ["ingest", str(tmp_path / "ducks/photos"), "--out", str(tmp_path / "data"),
                         "--size", "32"])  # fmt: skip
    assert ingested.exit_code == 0, ingested.output
    study = [
        "contamination", str(tmp_path / "data"), "--labels", str(tmp_path / "ducks/truth.jsonl"),
        "--out", str(tmp_path / "study"), "--photos", "100", "--seeds", "1",
    ]  # fmt: skip
    result = run(studies, study)
    assert result.exit_code == 0, result.output
    found = json.loads((tmp_path / "study/contamination.json").read_text())
    assert [row["share"] for row in found["rows"]] == [0.0, 0.02, 0.05, 0.1, 0.2, 0.3, 0.5]
    assert all(0 <= row["dropped"] <= 0.6 for row in found["rows"])
    assert (tmp_path / "study/contamination.png").stat().st_size > 5000
