"""Classes: drawn as often as in training unless somebody asks; each with its own typical w."""

from collections import Counter
from pathlib import Path

import pytest
import torch

from limbeck.config import NetConfig
from limbeck.errors import UsageError
from limbeck.kit.rng import generator
from limbeck.latents import classes_of, draw_classes, draw_latents, images_of_seeds, typical_w
from limbeck.nets import Networks, load_networks

NET = NetConfig(
    size=16, channel_base=128, channel_max=16, z_dim=12, w_dim=10, mapping_layers=2,
    num_classes=3, class_photos=(600, 300, 100), class_names=("cup", "pot", "7"),
)  # fmt: skip
PLAIN = NET.model_copy(update={"num_classes": 0, "class_photos": (), "class_names": ()})


def _shares(found: torch.Tensor | None) -> list[float]:
    assert found is not None
    counts = Counter(found.tolist())
    return [counts[c] / len(found) for c in range(3)]


def test_classes_are_drawn_as_often_as_in_training() -> None:
    near = pytest.approx([0.6, 0.3, 0.1], abs=0.03)
    assert _shares(draw_classes(NET, 4000, generator("c"))) == near
    assert _shares(classes_of(range(4000), NET)) == near
    assert _shares(draw_latents(Networks.create(NET, 0).G.mapping, NET, 4000, 0)[1]) == near


def test_uniform_is_an_option_and_the_rule_where_no_counts_are_known() -> None:
    near = pytest.approx([1 / 3] * 3, abs=0.03)
    assert _shares(classes_of(range(4000), NET, "uniform")) == near
    unknown = NET.model_copy(update={"class_photos": ()})
    assert _shares(classes_of(range(4000), unknown)) == near


def test_a_class_of_no_photos_is_never_drawn() -> None:
    net = NET.model_copy(update={"class_photos": (0, 5, 0)})
    found = classes_of(range(500), net)
    assert found is not None
    assert set(found.tolist()) == {1}


def test_a_seed_s_class_depends_on_that_seed_alone() -> None:
    whole = classes_of(range(50), NET)
    assert whole is not None
    for seed in (0, 7, 49):
        alone = classes_of([seed], NET)
        assert alone is not None
        assert alone.item() == whole[seed].item()


def test_labels_are_numbers_or_names() -> None:
    for given in ([2, 0], ["7", "cup"], ["2", "0"], torch.tensor([2, 0])):
        found = classes_of([4, 5], NET, given)  # type: ignore[arg-type]
        assert found is not None
        assert found.tolist() == [2, 0]
    assert classes_of([1], PLAIN) is None
    assert draw_classes(PLAIN, 3, generator("c")) is None


@pytest.mark.parametrize(
    ("labels", "net", "told"),
    [
        (["tea"], NET, "no class 'tea'"), ([3], NET, "no class 3"), ([-1], NET, "no class -1"),
        ([1.5], NET, "no class 1.5"), ([True], NET, "no class True"), ([None], NET, "no class"),
        ([0, 1], NET, "2 labels for 1 seeds"), ("often", NET, "no way 'often'"),
        ([0], PLAIN, "has no classes"),
    ],
)  # fmt: skip
def test_labels_that_do_not_fit_are_refused(labels: object, net: NetConfig, told: str) -> None:
    with pytest.raises(UsageError, match=told):
        classes_of([1], net, labels)  # type: ignore[arg-type]


def test_global_truncation_goes_to_the_class_s_own_mean() -> None:
    networks = Networks.create(NET, 0).eval()
    mapping = networks.G_ema.mapping
    classes = torch.tensor([2, 0, 2])
    goals = typical_w(mapping, NET, classes)
    assert goals.shape == (3, 10)
    assert torch.equal(goals[0], goals[2])
    assert not torch.allclose(goals[0], goals[1], atol=0.05)
    z = torch.randn(4000, NET.z_dim, generator=generator("z"))
    wanted = mapping.w(z, torch.full((4000,), 2)).mean(0)
    torch.testing.assert_close(goals[0], wanted.detach(), atol=0.05, rtol=0)
    drawn = images_of_seeds(
        networks, [1, 2, 3], psi=0.0, truncation="global", modes=None, embedder=None,
        labels=[1, 1, 0],
    )  # fmt: skip
    first, second, other = (one.image for one in drawn)
    assert torch.equal(first, second)
    assert not torch.equal(first, other)
    plain = Networks.create(PLAIN, 0).G.mapping
    assert torch.equal(typical_w(plain, PLAIN, None), plain.w_avg)


def test_counts_and_names_must_fit_the_classes() -> None:
    for wrong in ({"class_photos": (1, 2)}, {"class_names": ("a",)}, {"class_photos": (0, 0, 0)}):
        with pytest.raises(ValueError, match="class"):
            NetConfig.model_validate(NET.model_dump() | wrong)


def test_networks_on_disk_know_their_classes(tmp_path: Path) -> None:
    Networks.create(NET, 0).save(tmp_path / "nets")
    assert load_networks(tmp_path / "nets").config.class_photos == (600, 300, 100)
