"""One seed, one image."""

import json
from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image
from torch import Tensor

from limbeck import preset
from limbeck.config import Truncation
from limbeck.errors import UsageError
from limbeck.kit.images import to_uint8
from limbeck.latents import (
    Labels,
    ModeCentres,
    classes_of,
    draw_w,
    embed_w,
    parse_seeds,
    seeds_to_z,
    truncate,
)
from limbeck.model.sampling import sample, write_samples
from limbeck.nets import Networks
from limbeck.percept import LPIPS, at_least

NET = preset("smoke").net


@pytest.fixture(scope="module")
def networks() -> Networks:
    """Networks whose images differ with w and with noise."""
    made = Networks.create(NET, 0).eval()
    random = torch.Generator().manual_seed(0)
    with torch.no_grad():
        for name, value in made.G_ema.named_parameters():
            if name.endswith("noise_strength"):
                value.fill_(0.3)
        made.G_ema.mapping.w_avg.copy_(0.1 * torch.randn(NET.w_dim, generator=random))
    return made


@pytest.fixture(scope="module")
def modes(networks: Networks) -> ModeCentres:
    centres = draw_w(networks.G_ema.mapping, NET, 6, seed=1)
    embeddings = embed_w(networks.G_ema, LPIPS.load("alex"), centres)
    return ModeCentres(centres, embeddings, torch.ones(6, dtype=torch.int64))


def pictures(networks: Networks, seeds: list[int], batch: int, modes: ModeCentres) -> Tensor:
    return torch.stack([one.image for one in sample(networks, seeds, modes=modes, batch=batch)])


def test_one_seed_one_picture(networks: Networks, modes: ModeCentres) -> None:
    seeds = list(range(12))
    base = pictures(networks, seeds, 4, modes)
    assert base.dtype == torch.uint8
    assert base.shape == (12, 3, 16, 16)
    for batch in (1, 5, 12):
        other = pictures(networks, seeds, batch, modes)
        assert int((base.int() - other.int()).abs().max()) <= 1
    mixed = pictures(networks, [7, 40, 2, 9], 4, modes)  # other neighbours, same chunk size
    assert torch.equal(mixed[[0, 2, 3]], base[[7, 2, 9]])
    assert len(torch.unique(base.flatten(1), dim=0)) == 12


def test_random_noise_belongs_to_the_seed(networks: Networks) -> None:
    def draw(seeds: list[int], noise: str, batch: int) -> list[Tensor]:
        drawn = sample(networks, seeds, truncation="global", noise=noise, batch=batch)  # type: ignore[arg-type]
        return [one.image for one in drawn]

    together, alone = draw([3, 8], "random", 2), draw([8], "random", 1)
    assert torch.equal(together[1], alone[0])
    const, none = draw([8], "const", 1)[0], draw([8], "none", 1)[0]
    assert not torch.equal(alone[0], const)
    assert not torch.equal(const, none)


@pytest.mark.parametrize("truncation", ["none", "global", "index", "multimodal-l2"])
def test_pictures_are_of_the_truncated_latents(
    networks: Networks, modes: ModeCentres, truncation: Truncation
) -> None:
    g, index = networks.G_ema, 2 if truncation == "index" else None
    drawn = list(
        sample(networks, [5, 6], psi=0.4, truncation=truncation, modes=modes, mode_index=index)
    )
    w = g.mapping.w(seeds_to_z([5, 6], NET.z_dim))
    near = ((w[:, None] - modes.centres[None]) ** 2).sum(2).argmin(1)
    targets = {
        "none": w, "global": g.mapping.w_avg, "index": modes.centres[2],
        "multimodal-l2": modes.centres[near],
    }  # fmt: skip
    wanted = to_uint8(g.synthesis(g.broadcast(truncate(w, 0.4, targets[truncation]))))
    assert torch.equal(torch.stack([one.image for one in drawn]), wanted)
    numbers = {"none": [None] * 2, "global": [None] * 2, "index": [2, 2]}
    assert [one.mode for one in drawn] == numbers.get(truncation, near.tolist())


def test_lpips_mode_is_the_brute_force_nearest(networks: Networks, modes: ModeCentres) -> None:
    g, lpips, seeds = networks.G_ema, LPIPS.load("alex"), list(range(10))
    w = g.mapping.w(seeds_to_z(seeds, NET.z_dim))
    with torch.no_grad():
        mine = at_least(g.synthesis(g.broadcast(w)), 64)
        centres = at_least(g.synthesis(g.broadcast(modes.centres)), 64)
        table = torch.stack([lpips.distance(mine, c.expand_as(mine)) for c in centres], 1)
    brute = table.argmin(1).tolist()
    assert [one.mode for one in sample(networks, seeds, modes=modes)] == brute
    assert len(set(brute)) > 1, "one mode for all shows nothing"


def test_wrong_requests_are_named(networks: Networks, modes: ModeCentres) -> None:
    with pytest.raises(UsageError, match="needs modes"):
        list(sample(networks, [0]))
    for psi in (float("nan"), float("inf"), True, "0.7"):
        with pytest.raises(UsageError, match="is no finite number"):
            sample(networks, [0], psi=psi, truncation="global")  # type: ignore[arg-type]
    for batch in (0, 1.5, True):
        with pytest.raises(UsageError, match="whole number from 1 on"):
            sample(networks, [0], batch=batch, truncation="global")  # type: ignore[arg-type]
    with pytest.raises(UsageError, match="no classes"):
        list(sample(networks, [0], truncation="global", labels=[0]))
    with pytest.raises(UsageError, match="from 0 to 5"):
        list(sample(networks, [0], truncation="index", modes=modes, mode_index=6))


def test_outputs_are_the_same_pictures(
    networks: Networks, capfd: pytest.CaptureFixture[str]
) -> None:
    (eight,) = sample(networks, 5, truncation="global")
    (real,) = sample(networks, 5, truncation="global", output="float", progress=True)
    assert real.image.dtype == torch.float32
    assert float(real.image.abs().max()) <= 1
    assert torch.equal(to_uint8(real.image), eight.image)
    assert torch.equal(eight.image, torch.from_numpy(np.array(real.pil)).permute(2, 0, 1))
    assert np.array_equal(np.asarray(eight.pil), np.asarray(real.pil))
    assert capfd.readouterr().out == ""
    with pytest.raises(UsageError, match="choose uint8 or float"):
        sample(networks, 5, truncation="global", output="pil")  # type: ignore[arg-type]


def test_wrong_seeds_leave_no_folder(networks: Networks, tmp_path: Path) -> None:
    for seeds in ([1.7], [-1], ["a"], [True], [2**63]):
        with pytest.raises(UsageError, match=r"from 0 to 2\*\*63 - 1"):
            write_samples(networks, tmp_path / "out", seeds, truncation="global")  # type: ignore[arg-type]
    with pytest.raises(UsageError, match="psi nan"):
        write_samples(networks, tmp_path / "out", [1], truncation="global", psi=float("nan"))
    assert not (tmp_path / "out").exists()
    written = write_samples(networks, tmp_path / "out", np.arange(2), truncation="global")
    assert [path.name for path in written] == ["seed000000.png", "seed000001.png"]


def test_classes_follow_the_seed_or_the_labels() -> None:
    net = NET.model_copy(update={"num_classes": 3})
    networks = Networks.create(net, 0).eval()

    def draw(seeds: list[int], labels: Labels) -> Tensor:
        drawn = sample(networks, seeds, truncation="none", labels=labels)
        return torch.stack([one.image for one in drawn])

    natural = classes_of([3, 4, 5], net)
    assert natural is not None
    assert torch.equal(draw([3, 4, 5], "natural"), draw([3, 4, 5], natural))
    assert not torch.equal(draw([3, 4, 5], [0, 1, 2]), draw([3, 4, 5], [1, 1, 2]))
    for labels, told in (([0], "1 labels for 3 seeds"), ([0, 1, 3], "no class 3")):
        with pytest.raises(UsageError, match=told):
            draw([3, 4, 5], labels)


def test_folder_of_samples(networks: Networks, modes: ModeCentres, tmp_path: Path) -> None:
    paths = write_samples(networks, tmp_path, [4, 11], modes=modes)
    assert [path.name for path in paths] == ["seed000004.png", "seed000011.png"]
    with Image.open(tmp_path / "grid.png") as image:
        assert image.size == (34, 16)
    rows = json.loads((tmp_path / "samples.json").read_text())["samples"]
    assert [row["seed"] for row in rows] == [4, 11]
    assert all(0 <= row["mode"] < 6 for row in rows)
    stamp = paths[0].stat().st_mtime_ns
    write_samples(networks, tmp_path, [4, 11], modes=modes)
    assert paths[0].stat().st_mtime_ns == stamp
    paths[1].unlink()
    write_samples(networks, tmp_path, [4, 11], modes=modes)
    assert paths[1].exists()
    write_samples(networks, tmp_path, [5], modes=modes, psi=0.5)
    assert paths[0].exists()
    with pytest.raises(UsageError, match="no seeds"):
        write_samples(networks, tmp_path, [], modes=modes)


def test_parse_seeds() -> None:
    assert parse_seeds("0-7,42") == [0, 1, 2, 3, 4, 5, 6, 7, 42]
    assert parse_seeds(" 3 , 1-1 ") == [3, 1]
    for text in ("", "1,,2", "a", "-3", "1.5", "1-2-3"):
        with pytest.raises(UsageError, match="no seed or range"):
            parse_seeds(text)
    assert parse_seeds(f"{2**63 - 1}") == [2**63 - 1]
    with pytest.raises(UsageError, match="out of range"):
        parse_seeds(f"{2**63}")
    with pytest.raises(UsageError, match="no seed or range"):
        parse_seeds("\u0663")  # a digit, but not one of ours
    with pytest.raises(UsageError, match="runs backwards"):
        parse_seeds("7-0")
    with pytest.raises(UsageError, match="more than 1,000,000 seeds"):
        parse_seeds("0-999999999999")
