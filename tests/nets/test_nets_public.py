"""Networks of public StyleGAN code in our terms: their images, their logits, what is refused."""

from typing import Any

import numpy as np
import pytest
import torch
from public_networks import NAMES, foreign
from torch import Tensor

from limbeck.config import NetConfig
from limbeck.errors import DataError
from limbeck.kit.rng import generator
from limbeck.nets import Discriminator, Generator, StyleGAN3Config
from limbeck.nets.public import (
    Code,
    code_of,
    from_pytorch_discriminator,
    from_pytorch_generator,
    joined,
)

DETECTED = {
    "sg2ada_uncond_32": Code.STYLEGAN2_ADA, "sg2ada_cond5_32": Code.STYLEGAN2_ADA,
    "sg3code_sg2_32": Code.STYLEGAN3, "sg3r_32": Code.STYLEGAN3, "sg3t_32": Code.STYLEGAN3,
}  # fmt: skip


@pytest.mark.parity
@pytest.mark.parametrize("name", NAMES)
@torch.no_grad()
def test_images_and_logits_are_the_public_ones(name: str) -> None:
    file = foreign(name)
    G, D = file.generator().generator(), file.discriminator().discriminator()
    expected = file.expected
    picture = G(expected["z"], file.classes, float(expected["psi"]))
    torch.testing.assert_close(picture, expected["img"], atol=1e-5, rtol=0)
    torch.testing.assert_close(D(picture, file.classes), expected["d"], atol=2e-5, rtol=0)
    if file.classes is not None:
        other = (file.classes + 1) % G.num_classes
        assert float((G(expected["z"], other) - picture).abs().max()) > 0.1
        assert float((D(picture, other) - expected["d"]).abs().max()) > 1e-3


def test_seven_files_are_read() -> None:
    assert len(NAMES) == 7
    assert {n: code_of(foreign(n).arguments["G_ema"]) for n in DETECTED} == DETECTED


@pytest.mark.parametrize("name", ["sg2ada_cond5_32", "tf_sg2_cond3_32", "sg3code_sg2_32"])
def test_g_and_d_join_in_one_configuration(name: str) -> None:
    file = foreign(name)
    g, d = file.generator(), file.discriminator()
    net = joined(g, d)
    assert net == NetConfig.model_validate(net.model_dump())
    Generator(net).load_state_dict(g.tensors)
    Discriminator(net).load_state_dict(d.tensors)
    assert net.mbstd_group == 2
    assert net.conv_clamp == (None if name.startswith("tf") else 256)


def test_what_one_configuration_cannot_hold() -> None:
    file = foreign("sg2ada_uncond_32")
    other = file.discriminator(conv_clamp=128)
    with pytest.raises(DataError, match=r"conv_clamp: 256.0 of G, 128.0 of D"):
        joined(file.generator(), other)
    third = foreign("sg3t_32")
    with pytest.raises(DataError, match="StyleGAN3 generator cannot be trained"):
        joined(third.generator(), third.discriminator())
    with pytest.raises(DataError, match="no discriminator"):
        third.generator().discriminator()


def test_defaults_of_the_two_codes_differ() -> None:
    file = foreign("sg3code_sg2_32")
    arguments, tensors = dict(file.arguments["D"]), file.tensors["D"]
    del arguments["conv_clamp"], arguments["num_fp16_res"]
    new = from_pytorch_discriminator(arguments, tensors, Code.STYLEGAN3)
    old = from_pytorch_discriminator(arguments, tensors, Code.STYLEGAN2_ADA)
    assert isinstance(new.config, NetConfig)
    assert isinstance(old.config, NetConfig)
    assert (new.config.conv_clamp, old.config.conv_clamp) == (256, None)
    assert "float16" in new.notes[0]
    assert not old.notes


REFUSED: list[tuple[str, str, dict[str, Any], str]] = [
    ("sg2ada_uncond_32", "generator", {"hook": 1}, "G_ema: unknown arguments hook"),
    ("sg2ada_uncond_32", "generator", {"img_channels": 1}, "img_channels is 1, limbeck knows 3"),
    ("sg2ada_uncond_32", "generator", {"img_resolution": 2**20}, "size: .*power of two"),
    ("sg2ada_uncond_32", "generator", {"w_dim": 10**9}, "w_dim: .*less than or equal"),
    ("sg2ada_uncond_32", "generator", {"z_dim": "many"}, "z_dim: .*integer"),
    ("sg2ada_uncond_32", "generator", {"mapping_kwargs": 3}, "mapping_kwargs holds no arguments"),
    ("sg2ada_uncond_32", "generator", {"mapping_kwargs": {"num_layers": 3}}, "fc2.weight is miss"),
    ("sg2ada_uncond_32", "generator", {"mapping_kwargs": {"activation": "relu"}}, "is 'relu'"),
    ("sg2ada_uncond_32", "generator", {"synthesis_kwargs": {"architecture": "resnet"}},
     "architecture is 'resnet', limbeck knows 'skip', 'orig'"),
    ("sg2ada_uncond_32", "generator", {"synthesis_kwargs": {"use_noise": False}}, "use_noise is F"),
    ("sg2ada_uncond_32", "generator", {"synthesis_kwargs": {"resample_filter": [1, 2, 1]}},
     "resample_filter"),
    ("sg2ada_uncond_32", "generator", {"w_dim": 32}, "does not fit its constructor arguments"),
    ("sg2ada_uncond_32", "discriminator", {"architecture": "skip"}, "D: architecture is 'skip'"),
    ("sg2ada_uncond_32", "discriminator", {"epilogue_kwargs": {"mbstd_num_channels": 0}},
     "mbstd_num_channels is 0"),
    ("sg2ada_cond5_32", "discriminator", {"mapping_kwargs": {"num_layers": 7}},
     "mapping.fc7.weight is not part of it"),
    ("sg3t_32", "generator", {"num_layers": 10**6}, "num_layers: .*less than or equal to 64"),
    ("sg3t_32", "generator", {"margin_size": 6}, "L0_28_16.*is missing"),
    ("sg3t_32", "generator", {"first_cutoff": float("nan")}, "first_cutoff"),
    ("sg3t_32", "generator", {"conv_kernel": 1}, r"weight is \[16, 16, 3, 3\] instead"),
    ("tf_sg2_uncond_32", "generator", {"fmap_decay": 2.0}, "fmap_decay is 2.0"),
    ("tf_sg2_uncond_32", "generator", {"mapping_layers": 3}, "mapping/Dense2/weight is missing"),
    ("tf_sg2_uncond_32", "generator", {"mapping_layers": 1}, "unknown variables mapping/Dense1"),
    ("tf_sg2_uncond_32", "generator", {"label_size": 3}, "LabelEmbed/weight is missing"),
    ("tf_sg2_uncond_32", "discriminator", {"architecture": "orig"}, "unknown variables 16x16/Skip"),
]  # fmt: skip


@pytest.mark.parametrize(("name", "which", "changes", "message"), REFUSED)
def test_arguments_that_do_not_fit_are_refused(
    name: str, which: str, changes: dict[str, Any], message: str
) -> None:
    with pytest.raises(DataError, match=message):
        getattr(foreign(name), which)(**changes)


def spoil(name: str, key: str, value: Tensor | None) -> None:
    """Read the generator with one tensor replaced or left out."""
    file = foreign(name)
    if value is None:
        del file.tensors["G_ema"][key]
    else:
        file.tensors["G_ema"][key] = value
    file.generator()


@pytest.mark.parametrize(
    ("name", "key", "value", "message"),
    [
        ("sg2ada_uncond_32", "mapping.w_avg", None, "mapping.w_avg is missing"),
        ("sg2ada_uncond_32", "extra", torch.zeros(1), "extra is not part of it"),
        ("sg2ada_uncond_32", "mapping.w_avg", torch.full((16,), torch.inf), "not finite"),
        ("sg2ada_uncond_32", "mapping.w_avg", torch.zeros(16, dtype=torch.int64), "int64"),
        ("sg2ada_uncond_32", "synthesis.b8.resample_filter", torch.ones(4, 4), r"\[1, 3, 3, 1\]"),
        ("sg3t_32", "synthesis.L0_24_16.up_filter", torch.arange(12.0), "not symmetric"),
        ("tf_sg2_uncond_32", "synthesis/noise3", torch.zeros(1), "noise3 has shape"),
        ("tf_sg2_uncond_32", "dlatent_avg", torch.zeros(3), "w_avg is .3. instead"),
    ],
)
def test_tensors_that_do_not_fit_are_refused(
    name: str, key: str, value: Tensor | None, message: str
) -> None:
    with pytest.raises(DataError, match=message):
        spoil(name, key, value)


def test_a_missing_argument_is_named() -> None:
    file = foreign("sg2ada_uncond_32")
    del file.arguments["G_ema"]["w_dim"]
    with pytest.raises(DataError, match="the argument w_dim is missing"):
        file.generator()


def test_arrays_are_shared_where_they_can_be() -> None:
    file = foreign("sg2ada_uncond_32")
    arrays = {name: value.numpy() for name, value in file.tensors["G_ema"].items()}
    arguments = file.arguments["G_ema"]
    key = "synthesis.b8.conv1.weight"
    mine = from_pytorch_generator(arguments, arrays).tensors[key]
    assert mine.data_ptr() == arrays[key].ctypes.data
    arrays[key].flags.writeable = False
    copied = from_pytorch_generator(arguments, arrays).tensors[key]
    assert copied.data_ptr() != arrays[key].ctypes.data
    assert torch.equal(copied, mine)
    odd = np.empty(mine.numel() * 4 + 1, np.uint8)[1:].view("<f4").reshape(mine.shape)
    odd[:] = arrays[key]
    assert not odd.flags.aligned
    found = from_pytorch_generator(arguments, arrays | {key: odd}).tensors[key]
    assert found.data_ptr() % 4 == 0
    assert torch.equal(found, mine)
    arrays[key] = arrays[key].astype(">f4")
    assert torch.equal(from_pytorch_generator(arguments, arrays).tensors[key], mine)
    arrays[key] = np.full(mine.shape, "x", dtype=object)
    with pytest.raises(DataError, match="is of object"):
        from_pytorch_generator(arguments, arrays)
    half = {n: v.half() if v.ndim > 2 else v for n, v in file.tensors["G_ema"].items()}
    found = from_pytorch_generator(arguments, half).tensors
    assert {v.dtype for v in found.values()} == {torch.float32}


def test_numpy_scalars_among_the_arguments() -> None:
    file = foreign("sg3t_32")
    plain = file.generator().config
    assert isinstance(plain, StyleGAN3Config)
    size, clamp = np.int64(32), np.float64(256)
    assert file.generator(img_resolution=size, conv_clamp=clamp).config == plain


@torch.no_grad()
def test_clamps_are_times_the_gain_of_a_layer() -> None:
    net = NetConfig(
        size=16, channel_base=128, channel_max=8, z_dim=8, w_dim=8, mapping_layers=1,
        conv_clamp=0.1,
    )  # fmt: skip
    G, D = Generator(net), Discriminator(net)
    seen: dict[str, float] = {}

    def largest(name: str) -> Any:
        return lambda *found: seen.__setitem__(name, float(found[2].abs().max()))

    modules = {"G conv0": G.synthesis.block(8).conv0, "G torgb": G.synthesis.block(8).torgb}
    modules |= {"D fromrgb": D.b16.fromrgb, "D conv0": D.b16.conv0, "D conv1": D.b16.conv1}
    modules |= {"D skip": D.b16.skip, "D last": D.b4.conv}
    for name, module in modules.items():
        module.register_forward_hook(largest(name))
    D(G(torch.randn(4, 8, generator=generator("clamp"))) * 10)
    limits = dict.fromkeys(modules, 0.1) | {"D conv1": 0.1 * 0.5**0.5}
    assert seen.pop("D skip") > 0.1  # linear, and not limited
    assert seen == pytest.approx({name: limits[name] for name in seen}, rel=1e-5)


@torch.no_grad()
def test_classes_may_have_widths_of_their_own() -> None:
    net = NetConfig(
        size=16, channel_base=128, channel_max=8, z_dim=8, w_dim=8, mapping_layers=2,
        num_classes=3, class_dim=5, d_class_dim=6, d_mapping_layers=1, d_mapping_lr=0.1,
    )  # fmt: skip
    G, D = Generator(net), Discriminator(net)
    assert G.mapping.embed.weight.shape == (5, 3)
    assert G.mapping.fc0.weight.shape == (8, 13)
    assert D.mapping is not None
    assert D.mapping.embed.weight.shape == (6, 3)
    assert D.b4.out.weight.shape == (6, D.b4.fc.weight.shape[0])
    c = torch.tensor([0, 2])
    picture = G(torch.randn(2, 8, generator=generator("classes")), c)
    bare = D.b4(D.features(picture)[-1], 1, None)
    wanted = (bare * D.mapping(c)).sum(1, keepdim=True) / 6**0.5
    torch.testing.assert_close(D(picture, c), wanted)


@pytest.mark.parametrize("value", [None, {}, "16384", True, [1]])
def test_what_is_no_number_is_named(value: object) -> None:
    file = foreign("tf_sg2_uncond_32")
    with pytest.raises(DataError, match="fmap_base"):
        file.generator(fmap_base=value)


def test_a_stopband_without_a_sample_and_grids_without_measure_are_refused() -> None:
    good = StyleGAN3Config(size=256)
    StyleGAN3Config(size=1024, channel_base=65536, channel_max=1024, conv_kernel=1)
    for changes in (
        {"first_cutoff": 0.1, "first_stopband": 0.2},
        {"size": 256, "margin_size": 256, "channel_max": 1024, "channel_base": 2**20},
    ):
        with pytest.raises(ValueError, match=r"first_stopband|numbers an image"):
            StyleGAN3Config.model_validate(good.model_dump() | changes)


def test_a_magnitude_below_zero_is_refused() -> None:
    file = foreign("sg3t_32")
    name = next(name for name in file.tensors["G_ema"] if name.endswith("magnitude_ema"))
    file.tensors["G_ema"][name].fill_(-1)
    with pytest.raises(DataError, match="magnitude_ema"):
        file.generator()
