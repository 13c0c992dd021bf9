"""The stage `modes` on networks of the preset smoke."""

import json
from pathlib import Path
from typing import cast

import pytest
import torch
from PIL import Image

from limbeck import preset
from limbeck.artefacts.mode_files import read_modes
from limbeck.artefacts.stage import read_done
from limbeck.config import ModesConfig, Space
from limbeck.errors import DataError, UsageError
from limbeck.kit.rng import derive_seed
from limbeck.latents import draw_w, embed_w
from limbeck.modes import assign, find_modes
from limbeck.modes.typical import typical_latents
from limbeck.nets import Networks
from limbeck.percept import LPIPS

NET = preset("smoke").net
CONFIG = ModesConfig(samples=48, clusters=3, exemplars=2, pca=8)


@pytest.fixture(scope="module")
def networks() -> Networks:
    return Networks.create(NET, 0).eval()


@pytest.mark.parametrize("space", ["w", "lpips"])
def test_stage_writes_what_it_returns(networks: Networks, tmp_path: Path, space: Space) -> None:
    config = CONFIG.model_copy(update={"space": space})
    found = find_modes(networks, tmp_path, config, seed=3)
    assert found.centres.shape == (3, NET.w_dim)
    assert found.sizes.sum() == 48
    assert found.summary.sizes == found.sizes.tolist() == sorted(found.summary.sizes, reverse=True)
    assert found.summary.space == space
    back = read_modes(tmp_path)
    assert back.mode_centres.digest() == found.mode_centres.digest()
    assert back.summary == found.summary
    done = read_done(tmp_path)
    assert done is not None
    assert done.summary["found"] == found.summary.found
    pictures = sorted(path.name for path in tmp_path.glob("*.png"))
    assert pictures == ["atlas.png", "mode-00.png", "mode-01.png", "mode-02.png"]
    with Image.open(tmp_path / "mode-00.png") as sheet:
        assert sheet.size == (2 * 16 + 2, 16)
    with Image.open(tmp_path / "atlas.png") as atlas:
        assert atlas.height == 3 * 100 + 4
    rows = json.loads((tmp_path / "modes.json").read_text())["modes"]
    assert sum(row["share"] for row in rows) == pytest.approx(1)


def test_a_centre_is_the_mean_w_of_its_members(networks: Networks, tmp_path: Path) -> None:
    found = find_modes(networks, tmp_path, CONFIG, seed=3)
    w = draw_w(networks.G_ema.mapping, NET, 48, derive_seed(3, "modes"))
    mine = assign(w, found)  # k-means has converged: members are the nearest
    assert torch.equal(torch.bincount(mine, minlength=3), found.sizes)
    for k in range(3):
        assert torch.allclose(w[mine == k].mean(0), found.centres[k], atol=1e-5)


def test_embeddings_are_of_the_centres_pictures(networks: Networks, tmp_path: Path) -> None:
    found = find_modes(networks, tmp_path, CONFIG, seed=3)
    lpips = LPIPS.load("alex")
    wanted = embed_w(networks.G_ema, lpips, found.centres)
    assert torch.allclose(found.embeddings, wanted, atol=1e-5)
    assert assign(found.embeddings, found).tolist() == [0, 1, 2]
    assert assign(found.centres, found.mode_centres).tolist() == [0, 1, 2]
    with pytest.raises(UsageError, match="neither latents"):
        assign(torch.zeros(2, 5), found)


def test_same_call_reads_and_other_call_replaces(networks: Networks, tmp_path: Path) -> None:
    find_modes(networks, tmp_path, CONFIG, seed=3)
    written = (tmp_path / "done.json").stat().st_mtime_ns
    find_modes(networks, tmp_path, CONFIG, seed=3)
    assert (tmp_path / "done.json").stat().st_mtime_ns == written
    find_modes(networks, tmp_path, CONFIG.model_copy(update={"clusters": 2}), seed=3)
    assert len(read_modes(tmp_path).sizes) == 2
    assert not (tmp_path / "mode-02.png").exists()


def test_more_clusters_than_samples_is_refused(networks: Networks, tmp_path: Path) -> None:
    with pytest.raises(UsageError, match=r"modes\.samples 16 is less than modes\.clusters 17"):
        find_modes(networks, tmp_path, ModesConfig(samples=16, clusters=17))
    assert not list(tmp_path.iterdir())


def test_damaged_folders_are_refused(networks: Networks, tmp_path: Path) -> None:
    with pytest.raises(DataError, match="does not exist"):
        read_modes(tmp_path)
    find_modes(networks, tmp_path, CONFIG, seed=3)
    about = json.loads((tmp_path / "modes.json").read_text())

    def tampered(**changes: object) -> None:
        (tmp_path / "modes.json").write_text(json.dumps({**about, **changes}))

    tampered(format_version=9)
    with pytest.raises(DataError, match="format 9"):
        read_modes(tmp_path)
    tampered(centres="0" * 16)
    with pytest.raises(DataError, match="not of the same run"):
        read_modes(tmp_path)
    tampered(summary={})
    with pytest.raises(DataError, match=r"modes\.json: summary\.clusters"):
        read_modes(tmp_path)


def test_their_number_can_be_chosen(networks: Networks, tmp_path: Path) -> None:
    config = ModesConfig(samples=128, clusters="auto", exemplars=2)  # type: ignore[arg-type]
    assert config.clusters is None
    found = find_modes(networks, tmp_path, config)
    choice = read_modes(tmp_path).summary.choice
    assert choice is not None
    assert choice.chosen == found.summary.clusters == 2  # 128 latents, 50 each
    assert choice.counts == [2]
    assert len(choice.explained) == 1


def test_classes_take_part(tmp_path: Path) -> None:
    net = NET.model_copy(update={"num_classes": 2})
    found = find_modes(Networks.create(net, 0).eval(), tmp_path, CONFIG)
    assert found.summary.clusters == 3


def test_typical_latents_go_with_the_modes_where_they_are_asked_for(
    networks: Networks, tmp_path: Path
) -> None:
    plain = find_modes(networks, tmp_path / "plain", CONFIG, seed=3)
    assert plain.mode_centres.typical is None
    assert plain.summary.typical == 0
    found = find_modes(networks, tmp_path / "typical", CONFIG, seed=3, typical=24)
    assert torch.equal(found.centres, plain.centres)
    typical = found.mode_centres.typical
    assert typical is not None
    assert typical.shape == (6, NET.w_dim)
    assert found.summary.typical == 6
    back = read_modes(tmp_path / "typical").mode_centres
    assert back.typical is not None
    assert torch.equal(back.typical, typical)
    assert back.digest() != plain.mode_centres.digest()
    w = draw_w(networks.G_ema.mapping, NET, 48, derive_seed(3, "modes"))[:24]
    assert all(bool((w == row).all(1).any()) for row in typical)
    more = find_modes(networks, tmp_path / "more", CONFIG, seed=3, typical=1000)
    assert more.summary.typical == 12


def test_typical_is_what_has_its_like_near(networks: Networks) -> None:
    class Plain:
        """Images are their latents' first numbers."""

        def pooled(self, x: torch.Tensor) -> torch.Tensor:
            return x.mean((2, 3))

    G = networks.G_ema
    w = draw_w(G.mapping, NET, 40, 0)
    same = w[:1].repeat(14, 1) + 1e-4 * torch.randn(14, NET.w_dim)  # one image, again and again
    found = typical_latents(G, cast(LPIPS, Plain()), torch.cat([w, same]), 0)
    assert len(found) == 13
    assert float((found - w[0]).norm(dim=1).max()) < 0.1
