"""A scene and its image: ground, wall and solids, lit, shadowed and put in focus."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy.ndimage import gaussian_filter

from limbeck.demo.materials import Light, Material, column, shade
from limbeck.demo.settings import Setting, background, enlarged, noise_tile
from limbeck.demo.shapes import Array, f32
from limbeck.demo.tracing import Camera, Placed, shadow_towards, trace

_REACH = 3.6  # the ground's shadow map covers [-REACH, REACH] squared
_CELLS = 52
_FINE = 4  # sub-cells, so that the nearest one is good enough


@dataclass(frozen=True)
class Scene:
    """What the camera sees. `things` are solids with their materials; the first is the subject."""

    things: tuple[tuple[Placed, Material], ...]
    setting: Setting
    light: Light
    camera: Camera
    seamless: bool = False


@dataclass(frozen=True)
class View:
    """A rendered scene: linear colour [3, h, w]; per pixel the thing (-1 none), depth, normal."""

    colour: Array
    thing: NDArray[np.int32]
    depth: Array
    normal: Array
    trim: NDArray[np.bool_]


def render(scene: Scene, height: int, width: int, rng: np.random.Generator) -> View:
    """Trace a scene at height x width; `rng` gives the noise of ground and wall."""
    camera = scene.camera
    rays, origin = camera.rays(height, width), camera.origin()
    tile = noise_tile(rng)
    colour, depth, is_ground = background(scene.setting, tile, origin, rays)
    if scene.seamless:
        colour = _sweep(scene, colour, depth, rays, origin)
    colour = _light_background(scene, colour, depth, is_ground, rays, origin)
    colour = _defocus(colour, depth, camera.distance, scene.setting.blur * min(height, width))
    which = np.full(height * width, -1, np.int32)
    normal = np.zeros((3, height * width), np.float32)
    trim = np.zeros(height * width, np.bool_)
    flat, flat_depth = colour.reshape(3, -1), depth.reshape(-1).copy()
    for number, (placed, material) in enumerate(scene.things):
        hits = trace(placed, origin, rays, scene.light.direction)
        nearer = hits.depth < flat_depth[hits.index]
        if number and len(hits.index):
            nearer &= hits.depth < np.where(which[hits.index] >= 0, flat_depth[hits.index], np.inf)
        ray = np.stack([part.ravel()[hits.index] for part in rays])
        lit = shade(material, hits, ray, scene.light)
        at = hits.index[nearer]
        flat[:, at], flat_depth[at] = lit[:, nearer], hits.depth[nearer]
        which[at], normal[:, at], trim[at] = number, hits.normal[:, nearer], hits.trim[nearer]
    shape = (height, width)
    return View(
        flat.reshape(3, *shape), which.reshape(shape), flat_depth.reshape(shape),
        normal.reshape(3, *shape), trim.reshape(shape),
    )  # fmt: skip


def _sweep(
    scene: Scene, colour: Array, depth: Array, rays: tuple[Array, Array, Array], origin: Array
) -> Array:
    """A studio's seamless paper: the ground's colour runs smoothly up into the wall's."""
    z = origin[2] + rays[2] * depth
    y = origin[1] + rays[1] * depth
    rise = np.clip((-z - 1.2) / (scene.setting.distance - 1.2), 0, 1) * 0.6 + np.clip(
        y * 0.12, 0, 1
    )
    rise = np.clip(rise, 0, 1)
    low, high = scene.setting.ground_colours[0], scene.setting.wall_colours[1]
    paper = column(low)[:, :, None] * (1 - rise) + column(high)[:, :, None] * rise
    return f32(paper * (0.96 + 0.08 * colour / np.maximum(colour.mean(), 1e-3)))


def _light_background(
    scene: Scene, colour: Array, depth: Array, is_ground: NDArray[np.bool_],
    rays: tuple[Array, Array, Array], origin: Array,
) -> Array:  # fmt: skip
    """Ground: key and sky through a small shadow map. Wall: mostly the light of the sides."""
    light = scene.light
    direct, open_ = _shadow_map(scene)
    x = origin[0] + rays[0][is_ground] * depth[is_ground]
    z = origin[2] + rays[2][is_ground] * depth[is_ground]
    side = _CELLS * _FINE
    row, column_ = (
        np.clip((p + _REACH) * (side / (2 * _REACH)), 0, side - 1).astype(np.int32) for p in (z, x)
    )
    seen, sky = direct[row, column_], open_[row, column_]
    slope = max(float(light.direction[1]), 0.05)
    pool = 1 / (1 + (x * x + z * z) * np.float32(0.012))
    ground = column(light.key) * (seen * np.float32(slope) * pool)
    ground += (column(light.sky) * 0.75 + column(light.wall) * 0.25) * sky
    out = np.empty_like(colour)
    out[:, is_ground] = colour[:, is_ground] * ground
    facing = max(float(light.direction[2]), 0.0) * 0.7 + 0.12
    wall = (
        column(light.key) * np.float32(facing) + column(light.sky) * 0.5 + column(light.wall) * 0.3
    )
    out[:, ~is_ground] = colour[:, ~is_ground] * wall
    return out


def _shadow_map(scene: Scene) -> tuple[Array, Array]:
    """Light of the key and openness to the sky over the ground, [side, side] each."""
    line = f32((np.arange(_CELLS) + 0.5) * (2 * _REACH / _CELLS) - _REACH)
    zz, xx = (g.ravel() for g in np.meshgrid(line, line, indexing="ij"))
    solids = [placed for placed, _ in scene.things]
    point = np.stack([xx, np.full_like(xx, 0.01), zz])
    direct = shadow_towards(solids, point, scene.light.direction, softness=5)
    open_: Array = np.ones_like(xx)
    for placed in solids:
        for height in (0.08, 0.35):
            gap = placed.distance(xx, np.full_like(xx, height), zz)
            near = np.clip(0.45 + 0.55 * gap / (height * 1.6 + 0.1), 0.12, 1)
            open_ = f32(np.minimum(open_, near))
    edge = np.clip((_REACH - np.maximum(np.abs(xx), np.abs(zz))) * 1.5, 0, 1)
    shape = (_CELLS, _CELLS)
    shadow, sky = 1 + (direct - 1) * edge, 1 + (open_ - 1) * edge
    return enlarged(f32(shadow).reshape(shape), _FINE), enlarged(f32(sky).reshape(shape), _FINE)


def _defocus(colour: Array, depth: Array, focus: float, amount: float) -> Array:
    """Blur by how far the background lies behind the focus; `amount` in pixels at infinity."""
    if amount < 0.4:
        return colour
    coarse = colour[:, ::2, ::2]
    soft = np.stack([gaussian_filter(c, amount / 2, mode="nearest") for c in coarse])
    height, width = depth.shape
    soft = soft.repeat(2, 1).repeat(2, 2)[:, :height, :width]
    share = np.clip((depth - focus) / np.float32(0.45 * focus) - 0.15, 0, 1)
    return f32(colour + (soft - colour) * share)
