"""Networks of the TensorFlow era of StyleGAN2: variables of TensorFlow's layout, in ours.

Filters lie as [k, k, in, out] there, matrices as [in, out]; modulation biases are stored without
the 1 that is added at run time; what becomes a transposed convolution (`Conv0_up`) is turned by
180 degrees, because TensorFlow stores it as the correlation with the finer image. Weights are
stored at unit scale, as here: gains and learning rates are factors at run time in both.
`_generator_rows` and `_discriminator_rows` are the table, one row a tensor.
"""

from collections.abc import Callable, Iterator, Mapping
from typing import Any

from torch import Tensor

from limbeck.config import NetConfig
from limbeck.errors import DataError
from limbeck.fsio import plain
from limbeck.nets.public.arguments import Arguments
from limbeck.nets.public.translated import Array, Translated, tensors_of, translated
from limbeck.reading import as_record

_CHECK = "the network is larger than limbeck builds, or the file is damaged"
How = Callable[[Tensor], Tensor]
Row = tuple[str, str, How]  # our name, theirs, how theirs becomes ours


def _same(x: Tensor) -> Tensor:
    return x


def _matrix(x: Tensor) -> Tensor:
    """[in, out] -> [out, in]."""
    return x.t()


def _kernel(x: Tensor) -> Tensor:
    """[k, k, in, out] -> [out, in, k, k]."""
    return x.permute(3, 2, 0, 1)


def _turned(x: Tensor) -> Tensor:
    """[k, k, in, out] -> [out, in, k, k], turned by 180 degrees."""
    return x.flip(0, 1).permute(3, 2, 0, 1)


def _plus_one(x: Tensor) -> Tensor:
    return x + 1


def _first(x: Tensor) -> Tensor:
    """[1, ...] -> [...]."""
    return x[0]


def _plane(x: Tensor) -> Tensor:
    """[1, 1, H, W] -> [H, W]."""
    return x[0, 0]


def _sides(net: NetConfig) -> list[int]:
    return [2**i for i in range(2, net.size.bit_length())]


def _dense(ours: str, theirs: str) -> list[Row]:
    weight = (f"{ours}.weight", f"{theirs}/weight", _matrix)
    return [weight, (f"{ours}.bias", f"{theirs}/bias", _same)]


def _styled(ours: str, theirs: str, how: How) -> list[Row]:
    return [
        (f"{ours}.affine.weight", f"{theirs}/mod_weight", _matrix),
        (f"{ours}.affine.bias", f"{theirs}/mod_bias", _plus_one),
        (f"{ours}.weight", f"{theirs}/weight", how),
        (f"{ours}.bias", f"{theirs}/bias", _same),
    ]


def _generator_rows(net: NetConfig) -> Iterator[Row]:
    yield "mapping.w_avg", "dlatent_avg", _same
    if net.num_classes:
        yield from _dense("mapping.embed", "mapping/LabelEmbed")
    for i in range(net.mapping_layers):
        yield from _dense(f"mapping.fc{i}", f"mapping/Dense{i}")
    yield "synthesis.b4.const", "synthesis/4x4/Const/const", _first
    number = 0
    for side in _sides(net):
        ours, theirs = f"synthesis.b{side}", f"synthesis/{side}x{side}"
        names = {"conv1": "Conv"} if side == 4 else {"conv0": "Conv0_up", "conv1": "Conv1"}
        for conv, name in names.items():
            how = _turned if conv == "conv0" else _kernel
            yield from _styled(f"{ours}.{conv}", f"{theirs}/{name}", how)
            yield f"{ours}.{conv}.noise_strength", f"{theirs}/{name}/noise_strength", _same
            yield f"{ours}.{conv}.noise_const", f"synthesis/noise{number}", _plane
            number += 1
        if net.g_architecture == "skip" or side == net.size:
            yield from _styled(f"{ours}.torgb", f"{theirs}/ToRGB", _kernel)


def _discriminator_rows(net: NetConfig) -> Iterator[Row]:
    for side in _sides(net)[:0:-1]:
        ours, theirs = f"b{side}", f"{side}x{side}"
        names = {"conv0": "Conv0", "conv1": "Conv1_down"}
        if side == net.size:
            names["fromrgb"] = "FromRGB"
        for conv, name in names.items():
            yield f"{ours}.{conv}.weight", f"{theirs}/{name}/weight", _kernel
            yield f"{ours}.{conv}.bias", f"{theirs}/{name}/bias", _same
        if net.d_architecture == "resnet":
            yield f"{ours}.skip.weight", f"{theirs}/Skip/weight", _kernel
    yield "b4.conv.weight", "4x4/Conv/weight", _kernel
    yield "b4.conv.bias", "4x4/Conv/bias", _same
    yield from _dense("b4.fc", "4x4/Dense0")
    yield from _dense("b4.out", "Output")
    if net.num_classes:
        yield from _dense("mapping.embed", "LabelEmbed")
        for i in range(net.d_mapping_layers):
            yield from _dense(f"mapping.fc{i}", f"Mapping{i}")


def _moved(where: str, rows: Iterator[Row], arrays: Mapping[str, Array]) -> dict[str, Tensor]:
    """Variables under our names; each row finds its own and none is left."""
    left = {name: value for name, value in arrays.items() if name.rsplit("/")[-1] != "lod"}
    given = tensors_of(where, left)
    found = {}
    for ours, theirs, how in rows:
        value = given.pop(theirs, None)
        if value is None:
            raise DataError(f"{where}: the variable {theirs} is missing", _CHECK)
        try:
            found[ours] = how(value).contiguous()
        except (RuntimeError, IndexError):
            raise DataError(
                f"{where}: the variable {theirs} has shape {list(value.shape)}", _CHECK
            ) from None
    if given:
        names = plain(", ".join(sorted(given)[:6]))
        raise DataError(f"{where}: unknown variables {names}", _CHECK)
    return found


def _channels(a: Arguments, values: dict[str, Any]) -> None:
    values["channel_base"] = 2 * a.number("fmap_base", 16 << 10)
    values["channel_max"] = a.take("fmap_max", 512)
    a.only("fmap_decay", (1, 1.0), 1)
    a.only("fmap_min", (1,), 1)
    a.only("num_channels", (3,), 3)
    a.only("nonlinearity", ("lrelu",), "lrelu")
    a.only("resample_kernel", ((1, 3, 3, 1),), (1, 3, 3, 1))
    values["conv_clamp"] = a.take("conv_clamp", None)
    a.skip("num_fp16_res", "dtype", "fused_modconv")


def from_tensorflow_generator(
    arguments: Mapping[str, Any], variables: Mapping[str, Array], where: str = "Gs"
) -> Translated:
    """G or Gs (the average) of the TensorFlow era.

    Args:
        arguments: its static arguments by name.
        variables: by name below the network, e.g. synthesis/4x4/Const/const, mapping/Dense0/bias,
            dlatent_avg.
        where: names the network in errors.

    Raises:
        DataError: names the argument or the variable at fault.
    """
    a = Arguments(where, arguments)
    values: dict[str, Any] = {
        "size": a.take("resolution"), "num_classes": a.take("label_size", 0),
        "z_dim": a.take("latent_size", 512), "w_dim": a.take("dlatent_size", 512),
        "mapping_layers": a.take("mapping_layers", 8), "mapping_lr": a.take("mapping_lrmul", 0.01),
        "class_dim": a.take("label_fmaps", None),
    }  # fmt: skip
    a.only("mapping_fmaps", (values["w_dim"],), values["w_dim"])
    a.only("mapping_nonlinearity", ("lrelu",), "lrelu")
    a.only("normalize_latents", (True,), True)
    a.only("use_noise", (True,), True)
    values["g_architecture"] = a.only("architecture", ("skip", "orig"), "skip")
    _channels(a, values)
    a.skip(
        "truncation_psi", "truncation_cutoff", "truncation_psi_val", "truncation_cutoff_val",
        "dlatent_avg_beta", "style_mixing_prob", "randomize_noise", "is_training",
        "is_validation", "return_dlatents", "is_template_graph", "mapping_func", "synthesis_func",
    )  # fmt: skip
    a.finish()
    net = as_record(values, NetConfig, where, _CHECK)
    found = _moved(where, _generator_rows(net), variables)
    return translated(where, net, found, critic=False, filters=True, notes=[])


def from_tensorflow_discriminator(
    arguments: Mapping[str, Any], variables: Mapping[str, Array], where: str = "D"
) -> Translated:
    """D of the TensorFlow era.

    Args:
        arguments, where: as for the generator.
        variables: by name, e.g. 4x4/Dense0/bias.

    Raises:
        DataError: names the argument or the variable at fault.
    """
    a = Arguments(where, arguments)
    values: dict[str, Any] = {
        "size": a.take("resolution"), "num_classes": a.take("label_size", 0),
        "d_architecture": a.only("architecture", ("resnet", "orig"), "resnet"),
        "mbstd_group": a.take("mbstd_group_size", 4),
        "d_mapping_layers": a.take("mapping_layers", 0),
        "d_mapping_lr": a.take("mapping_lrmul", 0.1),
    }  # fmt: skip
    values["d_class_dim"] = a.take("mapping_fmaps", 512)
    a.only("mbstd_num_features", (1,), 1)
    _channels(a, values)
    a.skip("is_training", "is_template_graph")
    a.finish()
    net = as_record(values, NetConfig, where, _CHECK)
    found = _moved(where, _discriminator_rows(net), variables)
    return translated(where, net, found, critic=True, filters=True, notes=[])
