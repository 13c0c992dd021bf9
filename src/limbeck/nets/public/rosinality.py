"""The layout of rosinality's stylegan2-pytorch (keys `g_ema`, `d` of its checkpoints), both ways.

Networks are StyleGAN2's `skip` generator and `resnet` discriminator without classes. Convolution
weights of the generator have a dimension more, [1, out, in, k, k], and so have biases and noise;
each upsampling and downsampling layer keeps its low-pass filter. The mean latent lies beside the
state dict (`latent_avg`), and the mapping's learning rate, 0.01, is not stored at all.
"""

from collections.abc import Iterator, Mapping
from typing import Any

import torch
from torch import Tensor

from limbeck.config import NetConfig
from limbeck.errors import DataError, UsageError
from limbeck.fsio import plain
from limbeck.kit.rng import generator
from limbeck.nets.mapping import Mapping as MappingNetwork
from limbeck.nets.public.translated import Array, Translated, tensors_of, translated
from limbeck.ops import make_filter
from limbeck.reading import as_record

LR_MLP = 0.01
"""The mapping's learning rate of that code, a factor of its weights at run time."""
_CHECK = "give the state dict g_ema (or g, or d) of a checkpoint of stylegan2-pytorch"
_LATENTS = 10_000  # of which w_avg is the mean where a checkpoint has none
Row = tuple[str, str, int]  # our name, theirs, how many dimensions of size 1 theirs has in front


def _sides(size: int) -> list[int]:
    return [2**i for i in range(2, size.bit_length())]


def _layer_rows(ours: str, theirs: str, *, rgb: bool = False) -> list[Row]:
    bias = f"{theirs}.bias" if rgb else f"{theirs}.activate.bias"
    return [
        (f"{ours}.weight", f"{theirs}.conv.weight", 1),
        (f"{ours}.affine.weight", f"{theirs}.conv.modulation.weight", 0),
        (f"{ours}.affine.bias", f"{theirs}.conv.modulation.bias", 0),
        (f"{ours}.bias", bias, 0),
    ]


def _generator_rows(size: int, layers: int) -> Iterator[Row]:
    for i in range(layers):
        for part in ("weight", "bias"):
            yield f"mapping.fc{i}.{part}", f"style.{i + 1}.{part}", 0
    yield "synthesis.b4.const", "input.input", 1
    number = 0
    for j, side in enumerate(_sides(size)):
        ours = f"synthesis.b{side}"
        names = {"conv0": f"convs.{2 * j - 2}", "conv1": f"convs.{2 * j - 1}"}
        for conv, theirs in (names if j else {"conv1": "conv1"}).items():
            yield from _layer_rows(f"{ours}.{conv}", theirs)
            yield f"{ours}.{conv}.noise_strength", f"{theirs}.noise.weight", 1
            yield f"{ours}.{conv}.noise_const", f"noises.noise_{number}", 2
            number += 1
        yield from _layer_rows(f"{ours}.torgb", f"to_rgbs.{j - 1}" if j else "to_rgb1", rgb=True)


def _discriminator_rows(size: int) -> Iterator[Row]:
    pairs = [(f"b{size}.fromrgb", "convs.0.0", "convs.0.1")]
    for i, side in enumerate(_sides(size)[:0:-1], 1):
        pairs.append((f"b{side}.conv0", f"convs.{i}.conv1.0", f"convs.{i}.conv1.1"))
        pairs.append((f"b{side}.conv1", f"convs.{i}.conv2.1", f"convs.{i}.conv2.2"))
        yield f"b{side}.skip.weight", f"convs.{i}.skip.1.weight", 0
    pairs += [("b4.conv", "final_conv.0", "final_conv.1")]
    pairs += [("b4.fc", "final_linear.0", "final_linear.0")]
    pairs += [("b4.out", "final_linear.1", "final_linear.1")]
    for ours, weight, bias in pairs:
        yield f"{ours}.weight", f"{weight}.weight", 0
        yield f"{ours}.bias", f"{bias}.bias", 0


def _kernels(size: int, *, critic: bool) -> dict[str, Tensor]:
    """Their low-pass filters; those that follow upsampling make up for the zeros."""
    found = {}
    for j in range(len(_sides(size)) - 1):
        if critic:
            found[f"convs.{j + 1}.conv2.0.kernel"] = make_filter()
            found[f"convs.{j + 1}.skip.0.kernel"] = make_filter()
        else:
            found[f"convs.{2 * j}.conv.blur.kernel"] = make_filter() * 4
            found[f"to_rgbs.{j}.upsample.kernel"] = make_filter() * 4
    return found


def _ours(where: str, rows: Iterator[Row], given: dict[str, Tensor]) -> dict[str, Tensor]:
    """Their tensors under our names; each row finds its own and none is left."""
    found = {}
    for ours, theirs, more in rows:
        value = given.pop(theirs, None)
        if value is None:
            raise DataError(f"{where}: {theirs} is missing", _CHECK)
        if ours.endswith(".bias"):
            value = value.reshape(-1)  # of activations and RGB, [1, C, 1, 1] in some versions
        elif tuple(value.shape[:more]) != (1,) * more:
            raise DataError(f"{where}: {theirs} has shape {list(value.shape)}", _CHECK)
        found[ours] = value.reshape(value.shape[more:])
    if given:
        raise DataError(f"{where}: unknown tensors {plain(', '.join(sorted(given)[:6]))}", _CHECK)
    return found


def _without_kernels(where: str, given: dict[str, Tensor], size: int, *, critic: bool) -> None:
    for name, kernel in _kernels(size, critic=critic).items():
        value = given.pop(name, kernel)
        if value.shape != kernel.shape or not torch.allclose(value, kernel, atol=1e-6):
            raise DataError(f"{where}: {name} is not the filter [1, 3, 3, 1]", _CHECK)


def _channel_limits(where: str, widths: dict[int, int]) -> dict[str, int]:
    """channel_base and channel_max that give these channels by side.

    Raises:
        DataError: none do.
    """
    most = max(widths.values())
    base = max(side * width for side, width in widths.items())
    if any(max(min(base // side, most), 1) != width for side, width in widths.items()):
        raise DataError(
            f"{where}: channels {list(widths.values())} do not halve as sides double",
            "such networks are not supported; another tool may read the file",
        )
    return {"channel_base": base, "channel_max": most}


def _shape(where: str, given: Mapping[str, Tensor], name: str, axes: int) -> torch.Size:
    value = given.get(name)
    if value is None or value.ndim != axes:
        raise DataError(f"{where}: {name} is missing or of another shape", _CHECK)
    return value.shape


def from_rosinality_generator(
    state: Mapping[str, Array], latent_avg: Array | None = None, where: str = "g_ema"
) -> Translated:
    """A state dict `g` or `g_ema`.

    Args:
        state: by their names.
        latent_avg: [w_dim], of the checkpoint; None = the mean over 10,000 latents is taken.
        where: names the network in errors.

    Raises:
        DataError: names the tensors at fault.
    """
    given = tensors_of(where, state)
    given.pop("latent_avg", None)
    layers = sum(name.startswith("style.") and name.endswith(".weight") for name in given)
    blocks = sum(name.startswith("to_rgbs.") and name.endswith("conv.weight") for name in given)
    size = 4 * 2 ** min(blocks, 16)
    w_dim, z_dim = _shape(where, given, "style.1.weight", 2)
    names = {4: "conv1"} | {side: f"convs.{2 * j + 1}" for j, side in enumerate(_sides(size)[1:])}
    widths = {s: _shape(where, given, f"{n}.conv.weight", 5)[1] for s, n in names.items()}
    values: dict[str, Any] = {
        "size": size, "z_dim": z_dim, "w_dim": w_dim, "mapping_layers": layers,
        "mapping_lr": LR_MLP, **_channel_limits(where, widths),
    }  # fmt: skip
    net = as_record(values, NetConfig, where, _CHECK)
    _without_kernels(where, given, size, critic=False)
    found = _ours(where, _generator_rows(size, layers), given)
    if latent_avg is not None:
        found |= tensors_of(where, {"mapping.w_avg": latent_avg})
        return translated(where, net, found, critic=False, filters=True, notes=[])
    notes = [f"no latent_avg: w_avg is the mean over {_LATENTS} latents"]
    found["mapping.w_avg"] = torch.zeros(net.w_dim)  # until the rest is known to fit
    translated(where, net, found, critic=False, filters=True, notes=notes)
    found["mapping.w_avg"] = _mean_latent(net, found)
    return translated(where, net, found, critic=False, filters=True, notes=notes)


@torch.no_grad()
def _mean_latent(net: NetConfig, found: Mapping[str, Tensor]) -> Tensor:
    with torch.device("meta"):
        mapping = MappingNetwork(net, 1)
    own = {k.removeprefix("mapping."): v for k, v in found.items() if k.startswith("mapping.")}
    mapping.load_state_dict({**own, "w_avg": torch.zeros(net.w_dim)}, assign=True)
    z = torch.randn(_LATENTS, net.z_dim, generator=generator("latent_avg"))
    return mapping.w(z).mean(0)


def from_rosinality_discriminator(state: Mapping[str, Array], where: str = "d") -> Translated:
    """A state dict `d`; its minibatch-std takes groups of 4.

    Raises:
        DataError: names the tensors at fault.
    """
    given = tensors_of(where, state)
    blocks = sum(name.endswith(".skip.1.weight") for name in given)
    size = 4 * 2 ** min(blocks, 16)
    sides = _sides(size)[:0:-1]
    widths = {size: _shape(where, given, "convs.0.0.weight", 4)[0]}
    for i, side in enumerate(sides, 1):
        widths[side // 2] = _shape(where, given, f"convs.{i}.conv2.1.weight", 4)[0]
    values = {"size": size, **_channel_limits(where, widths)}
    net = as_record(values, NetConfig, where, _CHECK)
    _without_kernels(where, given, size, critic=True)
    found = _ours(where, _discriminator_rows(size), given)
    return translated(where, net, found, critic=True, filters=True, notes=[])


def _theirs(rows: Iterator[Row], tensors: Mapping[str, Tensor]) -> dict[str, Tensor]:
    found = {}
    for ours, theirs, more in rows:
        value = tensors[ours].detach().to("cpu", torch.float32)
        if ours.endswith("torgb.bias"):
            value = value.reshape(1, -1, 1, 1)
        found[theirs] = value.reshape((1,) * more + tuple(value.shape)).contiguous()
    return found


def to_rosinality_generator(
    net: NetConfig, tensors: Mapping[str, Tensor]
) -> tuple[dict[str, Tensor], Tensor]:
    """Our generator's state dict in their layout, for keys `g_ema` and `latent_avg`.

    Their constructor builds it where channel_base is 16384 times its `channel_multiplier` and
    channel_max is 512. `conv_clamp` is not part of their networks.

    Args:
        net: its shapes.
        tensors: its state dict.

    Returns:
        State dict, float32 on the CPU; mean latent float32 [w_dim].

    Raises:
        UsageError: their networks have no classes and no other architecture.
    """
    if net.num_classes or net.g_architecture != "skip":
        what = "classes" if net.num_classes else f"the architecture {net.g_architecture!r}"
        raise UsageError(
            f"networks of stylegan2-pytorch know no generators with {what}",
            "export it in another format",
        )
    factor = net.mapping_lr / LR_MLP
    scaled = {
        name: value * factor if name.startswith("mapping.fc") and factor != 1 else value
        for name, value in tensors.items()
    }
    found = _theirs(_generator_rows(net.size, net.mapping_layers), scaled)
    w_avg = tensors["mapping.w_avg"].detach().to("cpu", torch.float32, copy=True)
    return {**found, **_kernels(net.size, critic=False)}, w_avg


def to_rosinality_discriminator(net: NetConfig, tensors: Mapping[str, Tensor]) -> dict[str, Tensor]:
    """Our discriminator's state dict in their layout, for the key `d`.

    Raises:
        UsageError: their networks have no classes and no other architecture.
    """
    if net.num_classes or net.d_architecture != "resnet":
        what = "classes" if net.num_classes else f"the architecture {net.d_architecture!r}"
        raise UsageError(
            f"networks of stylegan2-pytorch know no discriminators with {what}",
            "export the generator alone",
        )
    found = _theirs(_discriminator_rows(net.size), tensors)
    return {**found, **_kernels(net.size, critic=True)}
