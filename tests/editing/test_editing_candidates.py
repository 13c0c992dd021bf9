"""What the methods propose: components, eigenvectors, channels, labels, by their definitions."""

from pathlib import Path

import pytest
import torch
from directions_small import NET, few, small_modes, small_networks, stylegan3

from limbeck.editing import Point, affines
from limbeck.editing.directions import Ground, grounds_for
from limbeck.editing.directions.candidates import is_rgb, layers_read
from limbeck.editing.directions.labelled import Labelled, label_candidates, read_labelled
from limbeck.editing.directions.unsupervised import (
    channel_candidates,
    pca_candidates,
    sefa_candidates,
)
from limbeck.errors import DataError, UsageError
from limbeck.latents import draw_w, nearest_l2, truncate
from limbeck.nets import Networks
from limbeck.percept import LPIPS


@pytest.fixture(scope="module")
def networks() -> Networks:
    return small_networks()


@pytest.fixture(scope="module")
def ground(networks: Networks) -> Ground:
    w = draw_w(networks.G_ema.mapping, NET, 300, seed=3)
    return Ground(None, w, networks.G_ema.broadcast(w[:4]))


def shift(candidate: object) -> torch.Tensor:
    found = candidate.direction.shift  # type: ignore[attr-defined]
    assert isinstance(found, torch.Tensor)
    return found


def test_which_layer_reads_which_w(networks: Networks) -> None:
    assert layers_read(networks.G_ema) == {
        "synthesis.b4.conv1": 0, "synthesis.b4.torgb": 1, "synthesis.b8.conv0": 1,
        "synthesis.b8.conv1": 2, "synthesis.b8.torgb": 3, "synthesis.b16.conv0": 3,
        "synthesis.b16.conv1": 4, "synthesis.b16.torgb": 5,
    }  # fmt: skip
    G = stylegan3()
    read = layers_read(G)
    assert sorted(read.values()) == list(range(G.num_ws))
    assert read["synthesis.input"] == 0
    assert [name for name in read if is_rgb(G.get_submodule(name))] == ["synthesis.L6_32_3"]
    assert not any(module._forward_pre_hooks for module in G.modules()), "hooks are gone"


def test_a_component_is_one_deviation_of_w_along_it(networks: Networks, ground: Ground) -> None:
    found = pca_candidates(networks.G_ema, ground, ("all", "coarse", "3"), 16)
    assert [one.direction.id for one in found[:4]] == [
        "pca-all-00", "pca-coarse-00", "pca-3-00", "pca-all-01"
    ]  # fmt: skip
    first, coarse = shift(found[0]), shift(found[1])
    assert torch.equal(first, first[:1].expand_as(first))
    assert torch.equal(coarse[:2], first[:2])
    assert not coarse[2:].any()
    v = first[0] / first[0].norm()
    assert float((ground.w @ v).std()) == pytest.approx(float(first[0].norm()), rel=1e-3)
    shares = [one.explained for one in found if one.range == "all"]
    assert shares == sorted(shares, reverse=True)  # type: ignore[type-var]
    assert sum(shares) == pytest.approx(1, abs=1e-6)  # type: ignore[arg-type]
    axes = torch.stack([shift(one)[0] for one in found if one.range == "all"])
    assert torch.allclose(torch.cov(ground.w.T), axes.T @ axes, atol=1e-4)


def test_sefa_moves_the_styles_of_its_layers_most_and_ignores_rgb(ground: Ground) -> None:
    G = small_networks(5).G_ema
    found = sefa_candidates(G, ground, ("coarse",), 3)
    v = shift(found[0])[0] / shift(found[0])[0].norm()

    def moved(direction: torch.Tensor) -> float:
        layers = ["synthesis.b4.conv1", "synthesis.b8.conv0"]
        changes = [affines(G)[name](direction[None]) - affines(G)[name](0 * direction[None])
                   for name in layers]  # fmt: skip
        return sum(float(change.square().sum()) for change in changes)

    others = torch.randn(200, len(v), generator=torch.Generator().manual_seed(0))
    assert all(moved(v) >= moved(one / one.norm()) for one in others)
    assert [moved(shift(o)[0] / shift(o)[0].norm()) for o in found] == sorted(
        (moved(shift(o)[0] / shift(o)[0].norm()) for o in found), reverse=True
    )
    with torch.no_grad():
        weight = affines(G)["synthesis.b4.torgb"].weight
        assert isinstance(weight, torch.Tensor)
        weight.mul_(100)
    assert torch.equal(shift(sefa_candidates(G, ground, ("coarse",), 1)[0]), shift(found[0]))
    with pytest.raises(UsageError, match="no layer but RGB"):
        sefa_candidates(G, ground, ("5",), 1)


def test_channels_are_rated_by_what_one_deviation_moves(ground: Ground) -> None:
    G = small_networks(6).G_ema
    layer = G.get_submodule("synthesis.b8.conv1")
    with torch.no_grad():
        assert isinstance(layer.weight, torch.Tensor)
        layer.weight[:, 7] *= 30
    found = channel_candidates(G, ground, ("all",), 12)
    assert found[0].direction.id == "stylespace-b8.conv1-7"
    channel = found[0].direction.channel
    assert channel is not None
    styles = affines(G)["synthesis.b8.conv1"](ground.w)
    assert channel.unit == pytest.approx(float(styles[:, 7].std()), rel=1e-4)
    assert len(found) == 12
    with pytest.raises(UsageError, match="no layer but RGB"):
        channel_candidates(G, ground, ("5",), 12)
    assert not any("torgb" in one.direction.id for one in found)
    assert {one.layers for one in channel_candidates(G, ground, ("coarse",), 50)} == {(0,), (1,)}


def test_stylegan3_has_all_of_them_and_its_pose_comes_first() -> None:
    G = stylegan3()
    w = draw_w(G.mapping, small_networks().config, 200, seed=3)
    with torch.no_grad():  # at first no pose depends on w
        G.synthesis.input.affine.weight.normal_(generator=torch.Generator().manual_seed(0))
    there = Ground(None, w, G.broadcast(w[:4]))
    poses = channel_candidates(G, there, ("all",), 8)[:4]
    assert {one.direction.id for one in poses} == {f"stylespace-input-{n}" for n in range(4)}
    for method in (pca_candidates, sefa_candidates):
        (first, *_) = method(G, there, ("all",), 2)
        assert shift(first).shape == (G.num_ws, G.w_dim)


def test_members_of_a_mode_are_those_that_truncation_pulls_to_it(networks: Networks) -> None:
    modes, lpips = small_modes(networks), LPIPS.load("alex")
    (ground,) = grounds_for(networks, modes, lpips, few("pca", mode=1))
    assert ground.mode == 1
    assert len(ground.w) >= 50
    assert bool((nearest_l2(ground.w, modes.centres) == 1).all())
    wanted = networks.G_ema.broadcast(truncate(ground.w[:4], 0.7, modes.centres[1]))
    assert torch.equal(ground.bases, wanted)
    assert [one.mode for one in grounds_for(networks, modes, lpips, few("pca", per_mode=2))] == [
        1, 2
    ]  # fmt: skip  # the largest first
    (found, *_) = pca_candidates(networks.G_ema, ground, ("all",), 1)
    assert found.direction.id == "pca-mode01-all-00"
    v = shift(found)[0] / shift(found)[0].norm()
    assert float((ground.w @ v).std()) == pytest.approx(float(shift(found)[0].norm()), rel=1e-3)
    with pytest.raises(UsageError, match="need modes"):
        grounds_for(networks, None, lpips, few("pca", mode=1))
    with pytest.raises(UsageError, match="no mode 9"):
        grounds_for(networks, modes, lpips, few("pca", mode=9))
    far = modes.centres.clone()
    far[1] += 1000
    distant = type(modes)(far, modes.embeddings, modes.sizes)
    with pytest.raises(UsageError, match="mode 1 has 0 members"):
        grounds_for(networks, distant, lpips, few("pca", mode=1))


def test_members_by_their_images(networks: Networks) -> None:
    modes, lpips = small_modes(networks), LPIPS.load("alex")
    asked = few("pca", mode=1, members="lpips", samples=200)
    (ground,) = grounds_for(networks, modes, lpips, asked)
    from limbeck.latents import embed_w

    chosen = modes.distances(embed_w(networks.G_ema, lpips, ground.w)).argmin(1)
    assert bool((chosen == 1).all())


def planted(ground: Ground) -> tuple[torch.Tensor, torch.Tensor]:
    """A unit vector, and how far latents lie along it."""
    u = torch.randn(ground.w.shape[1], generator=torch.Generator().manual_seed(4))
    u = u / u.norm()
    return u, (ground.w - ground.w.mean(0)) @ u


def test_labels_find_the_direction_that_they_follow(networks: Networks, ground: Ground) -> None:
    u, along = planted(ground)
    words = ["up" if value > 0 else "down" for value in along.tolist()]
    words[3] = ""
    third = ["c" if value > 0.3 else "a" if value < -0.3 else "b" for value in along.tolist()]
    columns = {"side": words, "how far": [f"{v:.4f}" for v in along.tolist()], "three": third}
    found = label_candidates(networks.G_ema, ground, ("all",), Labelled(ground.w, columns))
    by_id = {one.direction.id: one for one in found}
    assert list(by_id) == [
        "labels-all-side_up", "labels-all-how_far", "labels-all-three_a", "labels-all-three_b",
        "labels-all-three_c",
    ]  # fmt: skip
    for name, score in (("side_up", 0.9), ("how_far", 0.99), ("three_c", 0.9)):
        one = by_id[f"labels-all-{name}"]
        assert one.label is not None
        assert one.label.score > score
        v = shift(one)[0]
        assert float(v @ u / v.norm()) > 0.9
        assert one.label.rows == (299 if name == "side_up" else 300)
        assert float((ground.w @ (v / v.norm())).std()) == pytest.approx(float(v.norm()), rel=1e-3)
    side = by_id["labels-all-side_up"].label
    assert side is not None
    assert 0.5 <= side.chance < 0.7


def test_labels_without_sense_get_a_score_near_chance(networks: Networks, ground: Ground) -> None:
    coins = torch.rand(200, generator=torch.Generator().manual_seed(1)) > 0.5
    labelled = Labelled(ground.w[:200], {"coin": ["01"[int(c)] for c in coins]})
    (found,) = label_candidates(networks.G_ema, ground, ("all",), labelled)
    assert found.label is not None
    assert found.label.score < found.label.chance + 0.1


@pytest.mark.parametrize(
    ("values", "words"),
    [
        (["a"] * 30, "one value alone, 'a'"),
        (["a", "b"] * 9, "18 rows have a value, 20 are needed"),
        (["a"] * 27 + ["b"] * 3, "'b' has 3 rows, 5 are needed"),
        ([f"w{n}" for n in range(30)], "30 different words, the limit is 20"),
    ],
)
def test_labels_too_few_to_learn_from(
    values: list[str], words: str, networks: Networks, ground: Ground
) -> None:
    labelled = Labelled(ground.w[: len(values)], {"x": values})
    with pytest.raises(DataError, match=words):
        label_candidates(networks.G_ema, ground, ("all",), labelled)


def test_labels_are_read_for_seeds_rows_and_names(networks: Networks, tmp_path: Path) -> None:
    path = tmp_path / "labels.csv"
    path.write_text("\ufeffseed,smile\n5,yes\n0,\n", encoding="utf-8")
    found = read_labelled(path, networks)
    assert found.columns == {"smile": ["yes", ""]}
    from limbeck.latents import latents_of_seeds

    drawn = latents_of_seeds(
        networks, [5, 0], psi=1.0, truncation="none", modes=None, embedder=None
    )
    assert torch.allclose(found.w, drawn[:, 0], atol=1e-6)
    points = [Point(f"p{n}", torch.randn(6, 16)) for n in range(3)]
    path.write_text("name,age\np2,3\np0,1\n", encoding="utf-8")
    assert torch.equal(read_labelled(path, networks, points).w[0], points[2].ws)
    path.write_text("row,age\n1,3\n", encoding="utf-8")
    assert torch.equal(read_labelled(path, networks, points).w[0], points[1].ws)
    for text, words in (
        ("row,age\n3,1\n", "labels.csv:2: there is no latent '3'"),
        ("name,age\np0,1\nq,1\n", "labels.csv:3: there is no latent 'q'"),
        ("seed,age\n-1,1\n", "labels.csv:2: '-1' is no whole number"),
        ("seed,age\n1\n", "labels.csv:2: not as many fields as columns"),
        ("seed,age, age\n1,2,3\n", "labels.csv: two columns 'age'"),
        ("seed\n1\n", "no column seed, row or name, or no label"),
        ("age\n1\n", "no column seed, row or name, or no label"),
        ("seed,age\n", "holds no labels"),
        ('seed,age\n1,"2\n', "is not CSV"),
    ):
        path.write_text(text, encoding="utf-8")
        with pytest.raises(DataError, match=words):
            read_labelled(path, networks, points)
    path.write_text("row,age\n1,3\n", encoding="utf-8")
    with pytest.raises(DataError, match="none is given"):
        read_labelled(path, networks)
