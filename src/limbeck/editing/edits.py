"""Edited images: latents moved along directions, in some layers, blended where the change acts."""

import math
import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import torch
import torch.nn.functional as F
from torch import Tensor

from limbeck import fsio, logs
from limbeck.artefacts.folders import fresh
from limbeck.artefacts.stage import Provenance
from limbeck.editing.folder import LATENTS
from limbeck.editing.points import Point, write_points
from limbeck.editing.steering import Direction, Move, check_strengths, moved, steered
from limbeck.errors import DataError, UsageError
from limbeck.kit.images import grid, resize_area, save_png, to_uint8
from limbeck.kit.rng import Draws, generator
from limbeck.latents import HoldsGenerator, NoiseKind, check_batch, check_noise, tensors_digest
from limbeck.nets import AnyGenerator

_SOFT = 16  # the edge of a mask is a sixteenth of the side wide, either way
_SHOWN, _PAIRS, _SHOWN_MOST = 128, 3, 96
BEFORE_AFTER = "before-after.png"
"""Each image before and after, three pairs a row; of more than 96 the first ones."""


def limited(direction: Direction, layers: Sequence[int]) -> Direction:
    """The direction in these layers alone.

    Raises:
        UsageError: it changes nothing there, or is a channel, which has one layer of its own.
    """
    if direction.shift is None:
        raise UsageError(
            f"direction {direction.id!r} is a channel of one layer", "leave the layers out"
        )
    shift = torch.zeros_like(direction.shift)
    rows = list(layers)
    shift[rows] = direction.shift[rows]
    if not bool(shift.any()):
        raise UsageError(
            f"direction {direction.id!r} changes nothing in layers {rows}", "give other layers"
        )
    return replace(direction, shift=shift)


def soft_mask(mask: Tensor, size: int) -> Tensor:
    """Where an effect acts, bool or float [h, w] -> float32 [1, 1, size, size] with soft edges.

    Raises:
        UsageError: it is no such tensor.
    """
    if mask.ndim != 2 or not mask.numel():
        raise UsageError(f"a mask {list(mask.shape)}", "give [h, w]")
    image = F.interpolate(mask.float()[None, None], size=size, mode="bilinear", align_corners=False)
    edge = max(1, size // _SOFT)
    return F.avg_pool2d(F.pad(image, (edge,) * 4, mode="replicate"), 2 * edge + 1, stride=1)


def edit(
    networks: HoldsGenerator,
    ws: Tensor,
    moves: Sequence[Move],
    *,
    mask: Tensor | None = None,
    noise: NoiseKind = "const",
    batch: int = 16,
    as_float: bool = False,
) -> Tensor:
    """Images of latents after moves, all together; `edited_images` has them one by one.

    Args:
        networks: the generator.
        ws: float32 [N, num_ws, w_dim].
        moves: directions and strengths; all at once. A strength is one number, or float [N].
        mask: where the change may show, bool or float [h, w] in 0..1; elsewhere the image stays as
            it was before the moves. None = everywhere.
        noise: `const`, `random` (another for each image) or `none`.
        batch: images at once.
        as_float: images float32 in [-1, 1].

    Returns:
        uint8 (or float32) [N, 3, S, S] on the CPU.

    Raises:
        UsageError: directions or latents of another generator.
        DataError: images that are not finite.
    """
    images = list(
        edited_images(
            networks, ws, moves, mask=mask, noise=noise, batch=batch, as_float=as_float
        )
    )  # fmt: skip
    size = networks.config.size
    none = torch.empty(0, 3, size, size, dtype=torch.float32 if as_float else torch.uint8)
    return torch.stack(images) if images else none


@torch.no_grad()
def edited_images(
    networks: HoldsGenerator,
    ws: Tensor,
    moves: Sequence[Move],
    *,
    mask: Tensor | None = None,
    noise: NoiseKind = "const",
    batch: int = 16,
    as_float: bool = False,
) -> Iterator[Tensor]:
    """As `edit`, but each image [3, S, S] when its turn comes, however many there are."""
    G, size = networks.G_ema, networks.config.size
    if ws.ndim != 3 or ws.shape[1:] != (G.num_ws, len(G.mapping.w_avg)):
        raise UsageError(
            f"latents {list(ws.shape)}",
            f"give [N, {G.num_ws}, {len(G.mapping.w_avg)}] for this generator",
        )
    soft = None if mask is None else soft_mask(mask, size).to(G.mapping.w_avg.device)
    check_noise(noise)
    check_strengths(moves, len(ws))
    step = 1 if noise == "random" else check_batch(batch)
    for start in range(0, len(ws), step):
        rows = slice(start, start + step)
        part = ws[rows].to(G.mapping.w_avg)
        some = [(one, s[rows] if isinstance(s, Tensor) and s.ndim else s) for one, s in moves]
        made = _drawn(G, part, some, noise, start)
        if soft is not None:
            made = torch.lerp(_drawn(G, part, [], noise, start), made, soft)
        if not bool(torch.isfinite(made).all()):
            raise DataError(
                "this generator draws images that are not finite after these moves",
                "give smaller strengths; if that does not help, its weights are of no use",
            )
        yield from (made.clamp(-1, 1) if as_float else to_uint8(made)).cpu()


def _shown(images: Tensor) -> Tensor:
    """At 128 px or the next whole multiple of their side."""
    if images.shape[-1] >= _SHOWN:
        return resize_area(images, _SHOWN)
    factor = -(-_SHOWN // images.shape[-1])
    return images.repeat_interleave(factor, 2).repeat_interleave(factor, 3)


def _drawn(
    G: AnyGenerator, ws: Tensor, moves: Sequence[Move], noise: NoiseKind, start: int
) -> Tensor:
    random = Draws(generator("noise", start)) if noise == "random" else None
    return steered(G, ws, moves, noise=noise, rng=random).float()


def parse_move(text: str) -> tuple[str, float]:
    """`DIRECTION:STRENGTH` -> the direction's id, name or number, and the strength.

    Raises:
        UsageError: another form, or a strength that is no finite number.
    """
    which, colon, strength = text.rpartition(":")
    try:
        amount = float(strength)
    except ValueError:
        amount = math.nan
    if not colon or not which.strip() or not math.isfinite(amount):
        raise UsageError(
            f"move {text!r} is no DIRECTION:STRENGTH",
            "write a direction's id, name or number and how far, e.g. pca-coarse-00:2",
        )
    return which.strip(), amount


@dataclass(frozen=True)
class Told:
    """A move in words, for the record: `direction` id, `name` of a person, `strength`."""

    direction: str
    name: str | None
    strength: float


def write_edits(
    networks: HoldsGenerator,
    points: Sequence[Point],
    moves: Sequence[Move],
    told: Sequence[Told],
    out: Path,
    *,
    mask: Tensor | None = None,
    noise: NoiseKind = "const",
) -> list[Path]:
    """Edited images onto disk: edit-0000.png each, before-after.png, latents.safetensors,
    edits.json, done.json.

    latents.safetensors holds the moved latents, for walks and further edits. What a channel of a
    style changes is in the images alone.

    Returns:
        The images' paths, in the order of `points`.

    Raises:
        UsageError: as `edit`.
        DataError: images that are not finite; the folder cannot be written, or is not ours.
    """
    started = time.perf_counter()
    ws = torch.stack([point.ws for point in points])
    shifts = {f"{n}": one.shift for n, (one, _) in enumerate(moves) if one.shift is not None}
    inputs = {
        "generator": tensors_digest(networks.G_ema.state_dict()),
        "latents": tensors_digest({"ws": ws, **shifts}),
    }
    values = [vars(one) for one in told]
    about = {
        "moves": values, "noise": noise, "masked": mask is not None,
        "points": [point.name for point in points],
    }  # fmt: skip
    paths = [out / f"edit-{row:04d}.png" for row in range(len(points))]
    with fresh(out, "edits") as folder:
        before = edited_images(networks, ws, [], noise=noise)
        after = edited_images(networks, ws, moves, mask=mask, noise=noise)
        each = zip(paths, before, after, strict=True)
        shown: list[Tensor] = []
        for path, old, new in logs.track(each, "editing", len(paths), "images"):
            save_png(new, folder / path.name)
            if len(shown) < 2 * _SHOWN_MOST:
                shown += [_shown(old[None]), _shown(new[None])]
        sheet = grid(torch.cat(shown), 2 * min(_PAIRS, len(points)))
        save_png(sheet, folder / BEFORE_AFTER)
        there = [Point(point.name, one) for point, one in zip(
            points, moved(networks.G_ema, ws, moves), strict=True)]  # fmt: skip
        write_points(there, folder / LATENTS)
        fsio.write_json(folder / "edits.json", about)
        provenance = Provenance.of(inputs, about)
        provenance.finish(folder, "edits", started=started, summary={"images": len(points)})
    return paths
