"""Networks of the code of stylegan2-ada-pytorch and of stylegan3: their arguments, our shapes.

Both keep the parameter layout that limbeck's networks have, so tensors keep their names; a file's
constructor arguments become `NetConfig` or `StyleGAN3Config`:

| their argument | ours |
|---|---|
| img_resolution, c_dim, z_dim, w_dim | size, num_classes, z_dim, w_dim |
| channel_base, channel_max | the same |
| mapping_kwargs: num_layers, lr_multiplier | mapping_layers, mapping_lr |
| mapping_kwargs: embed_features | class_dim |
| architecture | g_architecture, d_architecture |
| conv_clamp | conv_clamp |
| cmap_dim | d_class_dim |
| mapping_kwargs of D: num_layers, lr_multiplier | d_mapping_layers, d_mapping_lr |
| epilogue_kwargs: mbstd_group_size | mbstd_group |
| what only StyleGAN3 has | the same name in `StyleGAN3Config` |

The first code holds the arguments of the synthesis in `synthesis_kwargs`, the second among the
others. Their defaults differ where noted below.
"""

from collections.abc import Mapping
from enum import StrEnum
from typing import Any

from limbeck.config import NetConfig
from limbeck.errors import DataError
from limbeck.nets.public.arguments import Arguments
from limbeck.nets.public.translated import Array, Translated, tensors_of, translated
from limbeck.nets.stylegan3_config import StyleGAN3Config
from limbeck.reading import as_record

_CHECK = "the network is larger than limbeck builds, or the file is damaged"
_STYLEGAN3 = (
    "channel_base", "channel_max", "num_layers", "num_critical", "first_cutoff", "first_stopband",
    "last_stopband_rel", "margin_size", "output_scale", "num_fp16_res", "conv_kernel",
    "filter_size", "lrelu_upsampling", "use_radial_filters", "conv_clamp", "magnitude_ema_beta",
)  # fmt: skip


class Code(StrEnum):
    """Whose constructor arguments they are."""

    STYLEGAN2_ADA = "stylegan2-ada-pytorch"
    STYLEGAN3 = "stylegan3"


_CLAMP = {Code.STYLEGAN2_ADA: None, Code.STYLEGAN3: 256.0}  # conv_clamp where none is given
_HALF = {Code.STYLEGAN2_ADA: 0, Code.STYLEGAN3: 4}  # num_fp16_res where none is given


def code_of(arguments: Mapping[str, Any]) -> Code:
    """Which code a generator's arguments are of; a file's discriminator is of the same."""
    return Code.STYLEGAN2_ADA if "synthesis_kwargs" in arguments else Code.STYLEGAN3


def _sizes(a: Arguments) -> dict[str, Any]:
    a.only("img_channels", (3,), 3)
    return {
        "size": a.take("img_resolution"), "z_dim": a.take("z_dim"), "w_dim": a.take("w_dim"),
        "num_classes": a.take("c_dim"),
    }  # fmt: skip


def _mapping(a: Arguments, values: dict[str, Any], layers: int) -> None:
    values["mapping_layers"] = a.take("num_layers", layers)
    a.give(values, lr_multiplier="mapping_lr", embed_features="class_dim")
    a.only("layer_features", (None, values["w_dim"]), None)
    a.only("activation", ("lrelu",), "lrelu")
    a.skip("w_avg_beta")
    a.finish()


def _halves(a: Arguments, code: Code) -> list[str]:
    octaves = a.number("num_fp16_res", _HALF[code])
    if not octaves:
        return []
    return [f"num_fp16_res {octaves}: on a GPU the published code computes these in float16"]


def _block(a: Arguments, code: Code, values: dict[str, Any]) -> None:
    values["conv_clamp"] = a.take("conv_clamp", _CLAMP[code])
    a.only("resample_filter", ((1, 3, 3, 1),), (1, 3, 3, 1))
    a.only("activation", ("lrelu",), "lrelu")
    a.skip("fp16_channels_last", "channels_last", "fused_modconv_default", "use_fp16")


def from_pytorch_generator(
    arguments: Mapping[str, Any], tensors: Mapping[str, Array], where: str = "G_ema"
) -> Translated:
    """G or G_ema: StyleGAN2 of either code, StyleGAN3 T or R.

    Args:
        arguments: of the constructor, by name; plain values.
        tensors: parameters and buffers by their full names, e.g. synthesis.b4.const.
        where: names the network in errors.

    Raises:
        DataError: names the argument or the tensors at fault.
    """
    code, a = code_of(arguments), Arguments(where, arguments)
    values = _sizes(a)
    third = "synthesis.input.freqs" in tensors
    _mapping(a.part("mapping_kwargs"), values, 2 if third else 8)
    notes: list[str] = []
    if third:
        a.give(values, **{name: name for name in _STYLEGAN3})
        a.skip("use_fp16")
        a.finish()
        config: NetConfig | StyleGAN3Config = as_record(values, StyleGAN3Config, where, _CHECK)
    else:
        s = a.part("synthesis_kwargs") if code is Code.STYLEGAN2_ADA else a
        s.give(values, channel_base="channel_base", channel_max="channel_max")
        values["g_architecture"] = s.only("architecture", ("skip", "orig"), "skip")
        _block(s, code, values)
        s.only("use_noise", (True,), True)
        s.only("kernel_size", (3,), 3)
        notes += _halves(s, code)
        s.finish()
        a.finish()
        config = as_record(values, NetConfig, where, _CHECK)
    return translated(where, config, tensors_of(where, tensors), critic=False, notes=notes)


def from_pytorch_discriminator(
    arguments: Mapping[str, Any], tensors: Mapping[str, Array], code: Code, where: str = "D"
) -> Translated:
    """D of either code.

    Args:
        arguments, tensors, where: as for the generator.
        code: that of the file's generator, `code_of`.

    Raises:
        DataError: names the argument or the tensors at fault.
    """
    a = Arguments(where, arguments)
    a.only("img_channels", (3,), 3)
    values: dict[str, Any] = {"size": a.take("img_resolution"), "num_classes": a.take("c_dim")}
    a.give(values, channel_base="channel_base", channel_max="channel_max")
    values["d_architecture"] = a.only("architecture", ("resnet", "orig"), "resnet")
    values["conv_clamp"] = a.take("conv_clamp", _CLAMP[code])
    values["d_class_dim"] = a.take("cmap_dim", None) or None  # 0 without classes
    notes = _halves(a, code)
    block = a.part("block_kwargs")
    block.only("resample_filter", ((1, 3, 3, 1),), (1, 3, 3, 1))
    block.only("activation", ("lrelu",), "lrelu")
    block.skip("fp16_channels_last", "freeze_layers")
    block.finish()
    m = a.part("mapping_kwargs")
    m.give(values, num_layers="d_mapping_layers", lr_multiplier="d_mapping_lr")
    m.only("activation", ("lrelu",), "lrelu")
    m.skip("w_avg_beta")
    for name in ("embed_features", "layer_features"):
        m.only(name, (None, values["d_class_dim"]), None)
    m.finish()
    epilogue = a.part("epilogue_kwargs")
    values["mbstd_group"] = epilogue.take("mbstd_group_size", 4)
    epilogue.only("mbstd_num_channels", (1,), 1)
    epilogue.only("activation", ("lrelu",), "lrelu")
    epilogue.finish()
    a.finish()
    config = as_record(values, NetConfig, where, _CHECK)
    return translated(where, config, tensors_of(where, tensors), critic=True, notes=notes)


def joined(generator: Translated, discriminator: Translated) -> NetConfig:
    """The shapes of both in one, for `Networks`.

    Raises:
        DataError: one record cannot hold both: names what differs.
    """
    g, d = generator.config, discriminator.config
    if not isinstance(g, NetConfig) or not isinstance(d, NetConfig):
        raise DataError(
            "a StyleGAN3 generator cannot be trained here",
            "use it without its discriminator: modes, sample, score",
        )
    shared = ("size", "num_classes", "channel_base", "channel_max", "conv_clamp")
    differing = [f"{name}: {getattr(g, name)!r} of G, {getattr(d, name)!r} of D" for name in shared
                 if getattr(g, name) != getattr(d, name)]  # fmt: skip
    if differing:
        raise DataError(
            f"G and D have different shapes: {'; '.join(differing)}",
            "use the generator alone; a new discriminator can be trained to it",
        )
    own = ("d_architecture", "d_class_dim", "d_mapping_layers", "d_mapping_lr", "mbstd_group")
    return g.model_copy(update={name: getattr(d, name) for name in own})
