"""A model as a checkpoint of rosinality's stylegan2-pytorch, which many editing tools read."""

from pathlib import Path

import torch

from limbeck import fsio
from limbeck.artefacts.new_file import check_file
from limbeck.config import NetConfig
from limbeck.errors import DataError, UsageError
from limbeck.model import Pipeline
from limbeck.nets import Discriminator
from limbeck.nets.public import to_rosinality_discriminator, to_rosinality_generator


def write_state_dict(
    model: Pipeline, out: Path, discriminator: Discriminator | None = None
) -> tuple[str, ...]:
    """Write `{"g_ema": ..., "latent_avg": ..., "d": ...}` by torch.save: tensors alone, which
    `torch.load(FILE, weights_only=True)` reads.

    Args:
        model: a StyleGAN2 generator of architecture skip, without classes.
        out: a new .pt file; it appears when it is whole.
        discriminator: goes along where their networks know its kind.

    Returns:
        What people should know: how their constructor must be called, and what they have no place
        for.

    Raises:
        UsageError: their networks have no such generator; a name that does not end in .pt.
        DataError: something lies at `out`, or it cannot be written.
    """
    check_file(out, ".pt")
    net, notes = model.config, []
    if not isinstance(net, NetConfig):
        raise UsageError(
            "networks of stylegan2-pytorch know no StyleGAN3 generator", "export it to onnx"
        )
    state, latent_avg = to_rosinality_generator(net, model.G_ema.state_dict())
    whole: dict[str, object] = {"g_ema": state, "latent_avg": latent_avg}
    notes.append(
        f"their Generator(size={net.size}, style_dim={net.w_dim}, n_mlp={net.mapping_layers}, "
        f"channel_multiplier={net.channel_base / 16384:g}) loads it"
    )
    if net.channel_base % 16384 or net.channel_max != 512 or net.z_dim != net.w_dim:
        notes[0] = (
            f"their own constructor makes other widths (channel_base {net.channel_base}, "
            f"channel_max {net.channel_max}, z_dim {net.z_dim}, w_dim {net.w_dim}): "
            "it must be told these"
        )
    if net.conv_clamp is not None:
        notes.append(f"conv_clamp {net.conv_clamp:g} has no place in their networks")
    if discriminator is not None:
        try:
            whole["d"] = to_rosinality_discriminator(net, discriminator.state_dict())
        except UsageError as error:
            notes.append(f"without D: {error.what}")
    try:
        with fsio.atomic_file(out) as temporary:
            torch.save(whole, temporary)
    except OSError as error:
        raise DataError(f"{out} cannot be written: {error}", "look at the disk") from error
    return tuple(notes)
