"""The model card: as the hub reads it, and with a stranger's words in it."""

from pathlib import Path
from typing import Any

import pytest
import yaml
from markdown_it import MarkdownIt
from model_small import small_pipeline

from limbeck.artefacts.model_folder import ModelConfig, ModelFile
from limbeck.model import Measured, Pipeline, figures_of
from limbeck.model.card import write_card

FILES = {"generator.safetensors": ModelFile(sha256="0" * 64, bytes=1)}
ROW = {
    "metric": "set_distance", "value": 0.02, "generator": "kept", "features": "inception",
    "photos": "kept", "held_out": True, "psi": 1.0, "truncation": "none", "real": 2000,
    "fake": 2000, "each": 2000, "fid": 56.25, "kid": 0.0241, "precision": 0.6, "recall": 0.47,
    "density": 0.5, "coverage": 0.5, "date": "2026-11-27T10:00:00+00:00",
}  # fmt: skip


@pytest.fixture(scope="module")
def pipeline() -> Pipeline:
    return small_pipeline()


def about(pipeline: Pipeline, **fields: Any) -> ModelConfig:
    return ModelConfig(net=pipeline.config, files=FILES, **fields)


def head(card: str) -> dict[str, Any]:
    begin, text, _ = card.split("---\n", 2)
    assert begin == ""
    values: dict[str, Any] = yaml.safe_load(text)
    return values


@pytest.mark.parametrize(
    ("words", "wanted"),
    [
        ("not stated", {"license": "unknown"}),
        ("CC-BY-4.0", {"license": "cc-by-4.0"}),
        ("Apache 2.0", {"license": "apache-2.0"}),
        ("CC0-1.0", {"license": "cc0-1.0"}),
        ("research only: see below", {"license": "other",
                                      "license_name": "research-only-see-below"}),
        ("---\n!!python/object: x", {"license": "other", "license_name": "python-object-x"}),
        ("***", {"license": "other", "license_name": "other"}),
    ],
)  # fmt: skip
def test_licences_are_those_of_the_hub(
    pipeline: Pipeline, words: str, wanted: dict[str, str]
) -> None:
    values = head(write_card(about(pipeline, licence=words), 0))
    assert {k: v for k, v in values.items() if k.startswith("license")} == wanted


def test_figures_and_data_sets_stand_where_the_hub_looks(pipeline: Pipeline) -> None:
    hub = pytest.importorskip("huggingface_hub")
    lpips = {**ROW, "features": "lpips-alex", "kid": 3.0}
    measured = figures_of([ROW, lpips], "kept", "2026")
    facts = {"photos": 8896, "datasets": "frgfm/imagenette, no such name!, dogs"}
    text = write_card(about(pipeline, licence="mit", data=facts, measured=measured), 3)
    data = hub.ModelCard(text).data
    assert data.pipeline_tag == "unconditional-image-generation"
    assert (data.license, data.library_name) == ("mit", "limbeck")
    assert data.datasets == ["frgfm/imagenette", "dogs"]
    assert {"limbeck", "stylegan2", "self-distilled-stylegan"} <= set(data.tags)
    results = {one.metric_type: one for one in data.eval_results}
    assert data.metrics == list(results) == ["fid", "kid", "precision", "recall"]
    assert (results["fid"].metric_value, results["kid"].metric_value) == (56.25, 0.0241)
    assert results["fid"].dataset_type == "frgfm/imagenette"
    assert "2000 photos held out" in results["fid"].metric_name
    again = hub.ModelCardData(**data.to_dict()).to_dict()
    assert again["model-index"][0]["results"][0]["dataset"]["split"] == "held out"
    assert "lpips-alex" not in text.split("---")[1], "only figures of the literature in the head"
    assert "| lpips-alex | 1 (none) |" in text


def test_without_figures_and_data_sets_the_head_has_none(pipeline: Pipeline) -> None:
    values = head(write_card(about(pipeline), 0))
    assert values.keys() == {"library_name", "pipeline_tag", "tags", "license"}


EVIL = [
    "<script>alert(1)</script>", "<img src=x onerror=alert(1)>", "[a](javascript:alert(1))",
    "![p](https://example.org/pixel.png)", "x | y | z", "a\n\n# Heading\n\n* item", "`code` ``",
    "**bold** _it_ ~~no~~", "&lt;b&gt;", "\\", "\u202etxt.exe", "<!--", "---\nlicense: mit\n---",
    "$x$", "]]>", "[1]: https://example.org",
]  # fmt: skip


@pytest.mark.parametrize("words", EVIL)
def test_a_person_s_words_are_only_words(pipeline: Pipeline, words: str) -> None:
    row = {name: value for name, value in ROW.items() if name in Measured.model_fields}

    def said(it: str) -> str:
        measured = [Measured.model_validate({**row, "features": it, "photos": it})]
        facts = {it: it, "column": it}
        return write_card(
            about(pipeline, licence=it, data=facts, measured=measured, settings=pipeline.settings),
            3,
        )

    card, usual = said(words), said("w")
    assert head(card).keys() == head(usual).keys() | ({"license_name"} - head(usual).keys())
    assert "\u202e" not in card
    assert tags(card) == tags(usual)


def tags(card: str) -> list[str]:
    """The kinds of elements that a reader of Markdown makes of the card's body, in order."""
    body = card.split("---\n", 2)[2]
    tokens = MarkdownIt("commonmark", {"html": True}).enable("table").parse(body)
    flat = [inner for token in tokens for inner in [token, *(token.children or [])]]
    kinds = [token.type for token in flat if token.type not in ("text", "softbreak")]
    return [kind for kind in kinds if kind != "text_special"]


def test_the_pictures_of_the_card_lie_beside_it(pipeline: Pipeline, tmp_path: Path) -> None:
    from PIL import Image

    pipeline.save_pretrained(tmp_path / "m")
    text = (tmp_path / "m" / "README.md").read_text()
    for name in ("samples.png", "centres.png"):
        assert f"]({name})" in text
    with Image.open(tmp_path / "m" / "centres.png") as sheet:
        assert sheet.size == (3 * 18 - 2, 16), "three modes, largest first"
    assert "The centres of its 3 modes." in text
    without = Pipeline(pipeline, None)  # type: ignore[arg-type]
    without.save_pretrained(tmp_path / "n")
    assert not (tmp_path / "n" / "centres.png").exists()
    assert "centres.png" not in (tmp_path / "n" / "README.md").read_text()


def test_the_newest_figures_of_the_right_networks_count(
    capfd: pytest.CaptureFixture[str],
) -> None:
    later = {**ROW, "fid": 50.0, "date": "2026-11-28T10:00:00+00:00"}
    rows = [
        ROW, later, {**ROW, "generator": "raw", "fid": 1.0}, {**ROW, "metric": "diversity"},
        {**ROW, "psi": 0.7, "truncation": "global"}, {**ROW, "photos": "clean", "fid": "low"},
    ]  # fmt: skip
    found = figures_of(rows, "kept", "2026-11-27T00:00:00+00:00")
    assert [(one.psi, one.fid) for one in found] == [(1.0, 50.0), (0.7, 56.25)]
    assert "a line of metrics.jsonl is left out: its fid" in capfd.readouterr().err
    assert [one.fid for one in figures_of(rows, "kept", "2026-11-28T00:00:00+00:00")] == [50.0]
    assert figures_of(rows, "kept", "2027") == ()
