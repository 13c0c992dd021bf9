"""The truncation study on random networks: its cells, where they pull, going on, its summary."""

import json
from pathlib import Path
from typing import Any

import pytest
import torch
from typer.testing import CliRunner

from limbeck import ingest, preset
from limbeck.data import Dataset, open_dataset
from limbeck.errors import UsageError
from limbeck.latents import draw_w, embed_w, nearest_embedding, nearest_l2
from limbeck.nets import Networks
from limbeck.percept import LPIPS
from studies import plots
from studies.__main__ import app as studies
from studies.truncation import study_truncation
from studies.truncation_cells import (
    METHODS,
    Cell,
    Targets,
    Wanted,
    drawn_modes,
    plan,
    study_centres,
)

NET = preset("smoke").net
SMALL: dict[str, Any] = {
    "count": 24, "psis": (0.5, 1.0), "clusters": (2, 3), "cluster_psis": (0.5,),
    "base_clusters": 2, "spaces": ("w",), "samples": 40, "repeats": 1,
}  # fmt: skip


@pytest.fixture(scope="module")
def networks() -> Networks:
    return Networks.create(NET, 0, encoder=False).eval()


@pytest.fixture(scope="module")
def dataset(crawl: Path, tmp_path_factory: pytest.TempPathFactory) -> Dataset:
    out = tmp_path_factory.mktemp("study-data")
    ingest(crawl / "photos", out, preset("smoke").data)
    return open_dataset(out)


def test_the_plan_has_every_cell_once() -> None:
    cells = plan((0.3, 0.7, 1.0), (8, 64), (0.7,), 64, ("w", "lpips"))
    assert len(cells) == len(set(cells)) == 1 + 2 + 2 * (3 * 2 + 2) + 2
    assert cells[0] == Cell("none", "w", 64, 1.0)
    assert [cell.psi for cell in cells].count(1.0) == 1, "at psi 1 all methods are one image"
    assert {cell.method for cell in cells} == {"none", *METHODS}
    assert {c.clusters for c in cells if c.method == "index"} == {64}
    assert Cell.of(cells[5].values()) == cells[5]


def test_centres_are_drawn_by_their_share() -> None:
    drawn = drawn_modes(torch.tensor([600, 300, 100]), 4000, seed=0)
    shares = torch.bincount(drawn, minlength=3) / 4000
    assert torch.allclose(shares, torch.tensor([0.6, 0.3, 0.1]), atol=0.03)
    assert torch.equal(drawn, drawn_modes(torch.tensor([600, 300, 100]), 4000, seed=0))


def test_cells_pull_where_their_method_says(networks: Networks, tmp_path: Path) -> None:
    lpips, G = LPIPS.load("alex"), networks.G_ema
    wanted = Wanted(samples=40, seed=0)
    keys = [("w", 3), ("lpips", 2)]
    sets = study_centres(networks, lpips, tmp_path, keys, wanted, "run")  # type: ignore[arg-type]
    again = study_centres(networks, lpips, tmp_path, keys, wanted, "run")  # type: ignore[arg-type]
    assert {k: m.digest() for k, m in again.items()} == {k: m.digest() for k, m in sets.items()}
    w = draw_w(G.mapping, NET, 10, seed=1)
    targets = Targets(G, lpips, w, sets, seed=0)
    modes = sets["w", 3]
    nearest = nearest_embedding(embed_w(G, lpips, w), modes.embeddings)
    lp = Cell("multimodal-lpips", "w", 3, 0.5)
    assert torch.equal(targets.modes(lp), nearest)
    assert torch.allclose(targets.truncated(lp), (w + modes.centres[nearest]) / 2, atol=1e-6)
    assert torch.equal(targets.truncated(Cell("none", "w", 3, 1.0)), w)
    drawn = Cell("index", "w", 3, 0.0)
    assert torch.equal(targets.truncated(drawn), modes.centres[targets.modes(drawn)])
    every = targets.truncated(Cell("global", "w", 3, 0.0))
    assert torch.equal(every, G.mapping.w_avg.expand(10, -1))
    chosen = modes.centres[nearest_l2(w, modes.centres)]
    assert torch.equal(targets.truncated(Cell("multimodal-l2", "w", 3, 0.0)), chosen)


def test_a_study_goes_on_where_it_stopped(
    networks: Networks, dataset: Dataset, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("LIMBECK_CACHE", str(tmp_path / "cache"))
    out = tmp_path / "study"
    found = study_truncation(networks, dataset, out, **SMALL)
    rows = (out / "cells.jsonl").read_text().splitlines()
    assert len(rows) == 1 + 1 + 4 + 2
    first = json.loads(rows[0])
    assert (first["method"], first["psi"], first["pictures"]) == ("none", 1.0, 24)
    assert first["features"]["lpips-alex"].keys() >= {"fid", "kid", "precision", "coverage"}
    assert first["lpips"]["overall"] > 0
    assert json.loads((out / "summary.json").read_text()) == json.loads(json.dumps(found))
    costs = found["costs"]
    assert costs["ratio_to_global"]["multimodal-lpips"] > 1
    per = costs["seconds_per_picture"]
    wanted = per["multimodal-lpips"] / per["two images + one embedding"] - 1
    assert costs["assignment"] == pytest.approx(wanted)
    points = found["features"]["lpips-alex"]["points"]
    assert len(points) == len(rows)
    torn = "\n".join([*rows[:4], rows[4][:40]])
    (out / "cells.jsonl").write_text(torn)
    again = study_truncation(networks, dataset, out, **SMALL)
    assert again["features"] == found["features"], "the same images, the same figures"
    assert (out / "cells.jsonl").read_text().splitlines()[:4] == rows[:4]
    monkeypatch.setattr("studies.truncation.images_of_latents", None)  # would be called
    study_truncation(networks, dataset, out, **SMALL)
    monkeypatch.undo()
    monkeypatch.setenv("LIMBECK_CACHE", str(tmp_path / "cache"))
    other = Networks.create(NET, 1, encoder=False).eval()
    two = study_truncation(other, dataset, out, **SMALL)
    assert len(two["runs"]) == 2, "another generator is another run of the study"
    equal = two["features"]["lpips-alex"]["at_equal_diversity"]["w"]
    assert equal.keys() == set(METHODS[1:])


def test_what_cannot_be_is_refused(networks: Networks, dataset: Dataset, tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="no more clusters than samples"):
        study_truncation(networks, dataset, tmp_path, **{**SMALL, "samples": 2})
    with pytest.raises(UsageError, match="no features"):
        study_truncation(networks, dataset, tmp_path, **{**SMALL, "features": ("eyes",)})
    assert not list(tmp_path.iterdir())


def test_the_verb(networks: Networks, dataset: Dataset, tmp_path: Path) -> None:
    networks.save(tmp_path / "nets")
    base = ["truncation", str(dataset.root), "--networks", str(tmp_path / "nets")]
    full = [*base, "--out", str(tmp_path / "study"), "--pictures", "16", "--quick"]
    for arguments, said in ((base, "--out"), (["truncation"], "DATA")):
        result = CliRunner().invoke(studies, arguments)
        assert result.exit_code == 2
        assert said in result.output
    with pytest.MonkeyPatch.context() as patch:
        seen: dict[str, Any] = {}

        def study(generator: object, photos: Dataset, out: Path, **given: Any) -> dict[str, Any]:
            seen.update(given, photos=len(photos), out=out)
            ratio = {"mean": {"mean": 1.25}}
            equal = {"w": {"multimodal-lpips": {"recall": ratio, "coverage": None}}}
            row = {
                "precision_bought": 0.0, "at_equal_precision": equal, "at_equal_diversity": equal,
            }  # fmt: skip
            costs = {"ratio_to_global": {"multimodal-l2": 1.02}, "assignment": 0.0125}
            return {"features": {"lpips-alex": row}, "costs": costs}

        patch.setattr("studies.__main__.study_truncation", study)
        result = CliRunner().invoke(
            studies, [*full, "--features", "lpips-alex, inception", "--json"]
        )
    assert result.exit_code == 0, result.output
    assert (seen["features"], seen["count"]) == (("lpips-alex", "inception"), 16)
    assert seen["base_clusters"] == 16
    assert json.loads(result.stdout.splitlines()[-1])["features"]
    assert "recall 1.250, coverage -" in result.output
    assert "multimodal-l2                 1.020 x" in result.output
    assert "+1.2% over two images" in result.output


def test_pictures_of_curves(tmp_path: Path) -> None:
    pytest.importorskip("matplotlib")
    points = [
        {"psi": psi, "precision": 1 - psi / 2, "recall": psi, "coverage": psi, "diversity": psi}
        for psi in (0.3, 0.7, 1.0)
    ]
    lines = {"w": dict.fromkeys(METHODS, points)}
    plots.draw_curves(tmp_path / "curves.png", lines, title="curves", levels=0.5)
    rows = [
        {**points[0], "space": "w", "method": "multimodal-lpips", "clusters": n} for n in (8, 16)
    ]
    plots.draw_numbers(tmp_path / "numbers.png", rows, title="numbers")
    for name in ("curves", "numbers"):
        assert (tmp_path / f"{name}.png").read_bytes().startswith(b"\x89PNG")
