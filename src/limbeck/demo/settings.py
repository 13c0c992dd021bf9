"""Where the demo's objects stand: a ground at y = 0 and a wall behind, painted from noise."""

from dataclasses import dataclass
from typing import Literal

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from limbeck.demo.materials import Colour, column, smoothstep
from limbeck.demo.shapes import Array, f32

Ground = Literal["wood", "grass", "slate", "gingham", "plain", "sand", "tiles"]
Wall = Literal["plain", "shelf", "lights", "foliage", "brick", "sky", "curtain"]
_TILE = 256


@dataclass(frozen=True)
class Setting:
    """Ground and wall, their colours (linear RGB), and how far and how blurred the wall is.

    Args:
        ground, wall: what they are.
        ground_colours, wall_colours: two each, mixed by the pattern.
        distance: of the wall behind the object, scene units.
        blur: defocus of the wall in short sides of the image, about 0 to 0.04.
        scale: of the ground's pattern.
        turn: radians by which the ground's pattern is turned.
    """

    ground: Ground
    wall: Wall
    ground_colours: tuple[Colour, Colour]
    wall_colours: tuple[Colour, Colour]
    distance: float = 5.0
    blur: float = 0.015
    scale: float = 1.0
    turn: float = 0.0


def enlarged(grid: Array, factor: int) -> Array:
    """A square grid, `factor` times as fine, by bicubic interpolation."""
    side = len(grid) * factor
    return f32(np.asarray(Image.fromarray(grid).resize((side, side), Image.Resampling.BICUBIC)))


def noise_tile(rng: np.random.Generator, roughness: float = 0.55) -> Array:
    """Fractal noise float32 [256, 256], mean 0.5, deviation about 0.18; wraps around."""
    total = rng.random((4, 4), np.float32)
    weight = roughness
    while len(total) < _TILE:
        total = enlarged(np.pad(total, 2, mode="wrap"), 2)[4:-4, 4:-4]
        if len(total) <= _TILE // 2:
            total = total + np.float32(weight) * rng.random(total.shape, np.float32)
            weight *= roughness
    total = total - total.mean()
    return f32(np.clip(total / (total.std() + 1e-6) * np.float32(0.18) + np.float32(0.5), 0, 1))


def sample_tile(tile: Array, u: Array, v: Array) -> Array:
    """The tile at coordinates whose unit is one tile (nearest texel, wrapped)."""
    i = (u * np.float32(_TILE)).astype(np.int32) & (_TILE - 1)
    j = (v * np.float32(_TILE)).astype(np.int32) & (_TILE - 1)
    return f32(tile[j, i])


def _hash(*cells: Array) -> Array:
    """A number in [0, 1) for each integer cell."""
    total = np.zeros_like(cells[0])
    for k, cell in enumerate(cells):
        total = total + cell * np.float32(12.9898 + 65.233 * k)
    value = np.sin(total) * np.float32(4375.85)
    return f32(value - np.floor(value))


def paint_ground(setting: Setting, tile: Array, x: Array, z: Array) -> Array:
    """Linear RGB [3, n] of the ground at world positions."""
    c, s = np.float32(np.cos(setting.turn)), np.float32(np.sin(setting.turn))
    u = (c * x - s * z) * np.float32(setting.scale)
    v = (s * x + c * z) * np.float32(setting.scale)
    first, second = column(setting.ground_colours[0]), column(setting.ground_colours[1])
    far = np.clip(1 - (x * x + z * z) / np.float32(90), 0, 1)
    rough = sample_tile(tile, u * 0.21, v * 0.21)
    match setting.ground:
        case "wood":
            plank = np.floor(v * 0.85)
            along = u * 0.03 + _hash(plank) * 3
            grain = sample_tile(tile, along, v * 0.35)
            rings = np.sin(grain * 46 + v * 5 + plank * 2)
            mix = 0.45 + 0.22 * rings * far + 0.5 * (_hash(plank) - 0.5) + 0.5 * (rough - 0.5)
            seam = smoothstep(0.0, 0.05, np.abs(v * 0.85 - plank - 0.5) * -1 + 0.5)
            return f32((first + (second - first) * np.clip(mix, 0, 1)) * (0.35 + 0.65 * seam))
        case "grass":
            blade = sample_tile(tile, u * 1.5 + 0.35 * v, v * 0.45)
            other = sample_tile(tile, u * 1.2 - 0.55 * v, v * 0.60 + 0.4)
            mix = 0.55 + 1.9 * (np.maximum(blade, other) - 0.6) + 0.9 * (rough - 0.5)
            mix = np.clip(mix, 0, 1.2)
            green = first + (second - first) * mix
            cell_u, cell_v = np.floor(u * 1.6), np.floor(v * 1.6)
            pick = _hash(cell_u, cell_v)
            du, dv = u * 1.6 - cell_u - 0.5, v * 1.6 - cell_v - 0.5
            daisy = (du * du + dv * dv < 0.022) & (pick > 0.86)
            heart = (du * du + dv * dv < 0.004) & daisy
            flower = np.where(heart, column((0.8, 0.5, 0.03)), column((0.85, 0.85, 0.8)))
            return f32(np.where(daisy, flower, green))
        case "slate":
            crack = smoothstep(0.0, 0.03, np.abs(sample_tile(tile, u * 0.08, v * 0.08) - 0.5))
            mix = np.clip(0.5 + 1.8 * (rough - 0.5), 0, 1)
            return f32((first + (second - first) * mix) * (0.55 + 0.45 * crack))
        case "gingham":
            a = smoothstep(-0.06, 0.06, np.sin(u * 6.2832 * 0.8))
            b = smoothstep(-0.06, 0.06, np.sin(v * 6.2832 * 0.8))
            weave = 1 + 0.12 * (sample_tile(tile, u * 0.9, v * 0.9) - 0.5)
            return f32((first + (second - first) * (a + b) * 0.5) * weave)
        case "sand":
            ripple = np.sin(v * 9 + 12 * (rough - 0.5))
            mix = np.clip(0.5 + 0.2 * ripple * far + 1.2 * (rough - 0.5), 0, 1)
            return f32(first + (second - first) * mix)
        case "tiles":
            cu, cv = np.floor(u * 0.9), np.floor(v * 0.9)
            edge = np.maximum(np.abs(u * 0.9 - cu - 0.5), np.abs(v * 0.9 - cv - 0.5))
            tone = (_hash(cu, cv) * 0.6 + 0.4 * rough)[None]
            return f32((first + (second - first) * tone) * (1 - 0.5 * (edge > 0.47)))
    return f32(first * (0.94 + 0.12 * rough))


def paint_wall(setting: Setting, tile: Array, x: Array, y: Array) -> Array:
    """Linear RGB [3, n] of the wall at world positions."""
    first, second = column(setting.wall_colours[0]), column(setting.wall_colours[1])
    slow = sample_tile(tile, x * 0.05 + 0.3, y * 0.05 + 0.1)
    match setting.wall:
        case "shelf":
            row = np.floor(y * 0.55 + 0.3)
            upright = y * 0.55 + 0.3 - row
            cell = np.floor(x * 2.6 + 0.9 * np.sin(np.floor(x * 0.9) + row))
            pick = _hash(cell, row)
            spine = np.stack([_hash(cell, row + 7), _hash(cell, row + 3), _hash(cell, row + 5)])
            books = (0.15 + 0.85 * spine**2) * second * 1.6
            there = (upright < 0.55 + 0.3 * pick) & (upright > 0.1) & (pick > 0.12)
            return f32(np.where(there, books, first * (0.5 + 0.5 * (upright < 0.1))))
        case "lights":
            cx, cy = np.floor(x * 1.1), np.floor(y * 1.1)
            jx, jy = _hash(cx, cy) * 0.6 + 0.2, _hash(cy + 9, cx + 3) * 0.6 + 0.2
            away = np.sqrt((x * 1.1 - cx - jx) ** 2 + (y * 1.1 - cy - jy) ** 2)
            lit = smoothstep(0.20, 0.13, away) * (_hash(cx + 1, cy + 2) > 0.5)
            return f32(first * (0.6 + 0.8 * slow) + second * lit * (0.3 + _hash(cy + 5, cx)))
        case "foliage":
            leaves = sample_tile(tile, x * 0.16, y * 0.16) + 0.6 * (slow - 0.5)
            gap = smoothstep(0.66, 0.85, sample_tile(tile, x * 0.11 + 0.5, y * 0.11))
            mix = np.clip(2.4 * (leaves - 0.28), 0, 1)
            return f32(first + (second - first) * mix + column((0.55, 0.6, 0.5)) * gap)
        case "brick":
            row = np.floor(y * 2.2)
            u = x * 0.85 + 0.5 * (row % 2)
            cell = np.floor(u)
            joint = ((y * 2.2 - row) < 0.13) | ((u - cell) < 0.05)
            tone = 0.65 + 0.5 * _hash(cell, row) + 0.5 * (sample_tile(tile, x * 0.3, y * 0.3) - 0.5)
            return f32(np.where(joint, second, first * tone))
        case "sky":
            height = np.clip(y * 0.09 + 0.25, 0, 1)
            cloud = smoothstep(0.5, 0.8, sample_tile(tile, x * 0.03, y * 0.055))
            blue = second + (first - second) * height
            return f32(blue * (1 - 0.8 * cloud) + 0.8 * cloud * column((0.9, 0.9, 0.92)))
        case "curtain":
            fold = np.sin(x * 3.2 + 5 * (sample_tile(tile, x * 0.04, y * 0.008) - 0.5))
            return f32(first + (second - first) * (0.5 + 0.5 * fold))
    return f32(first + (second - first) * np.clip(0.5 + 1.2 * (slow - 0.5) + 0.05 * y, 0, 1))


def background(
    setting: Setting, tile: Array, origin: Array, rays: tuple[Array, Array, Array]
) -> tuple[Array, Array, NDArray[np.bool_]]:
    """Unlit colours [3, h, w], depth [h, w] and where the ground is [h, w]."""
    shape = rays[0].shape
    x, y, z = (part.ravel() for part in rays)
    down = np.where(y < -1e-4, -origin[1] / np.minimum(y, -1e-4), np.float32(1e4))
    back = (origin[2] + np.float32(setting.distance)) / np.maximum(-z, 1e-3)
    is_ground = down < back
    depth = np.where(is_ground, down, back)
    colour = np.empty((3, depth.size), np.float32)
    t = depth[is_ground]
    colour[:, is_ground] = paint_ground(
        setting, tile, origin[0] + x[is_ground] * t, origin[2] + z[is_ground] * t
    )
    t = depth[~is_ground]
    colour[:, ~is_ground] = paint_wall(
        setting, tile, origin[0] + x[~is_ground] * t, origin[1] + y[~is_ground] * t
    )
    return colour.reshape(3, *shape), depth.reshape(shape), is_ground.reshape(shape)
