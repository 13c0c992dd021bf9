"""The study of copies: what it makes, and that it counts what it says."""

import json
from pathlib import Path

import pytest
from typer.testing import CliRunner

from limbeck.config import DataConfig
from limbeck.data import open_dataset
from limbeck.errors import DataError
from limbeck.ingestion import ingest
from studies.__main__ import app
from studies.duplicates import CHANGES, study_duplicates


def test_copies_are_counted_by_how_they_were_made(crawl: Path, tmp_path: Path) -> None:
    ingest(crawl / "photos", tmp_path / "data", DataConfig(size=32, crop="center"))
    args = ["duplicates", str(tmp_path / "data"), "--out", str(tmp_path / "study"), "--json"]
    done = CliRunner().invoke(app, [*args, "--copies", "30"])
    assert done.exit_code == 0, done.output
    values = json.loads((tmp_path / "study" / "duplicates.json").read_text())
    rows = {row["change"]: row for row in values["rows"] if row["by"] == "hash"}
    crops = {row["change"]: row for row in values["rows"] if row["by"] != "hash"}
    assert set(rows) == set(CHANGES)
    for name in ("JPEG 75", "mirrored, JPEG 85"):
        assert rows[name]["recall"] >= 0.9, rows[name]
    assert crops["cropped to 0.95"]["recall"] >= 0.8 > rows["cropped to 0.95"]["recall"]
    for row in [*rows.values(), *crops.values()]:
        assert row["copies"] == 30
        assert row["recall"] * 30 <= row["found"]
        assert row["precision"] is None or row["precision"] == pytest.approx(
            row["recall"] * 30 / row["found"]
        )
    few = open_dataset(tmp_path / "data")
    with pytest.raises(DataError, match="20 are the least"):
        study_duplicates(few.select(few.ids[:5]), tmp_path / "study")
