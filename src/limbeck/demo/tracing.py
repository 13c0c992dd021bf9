"""Rays against distance fields: which solid a pixel sees, where, with what normal and occlusion."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from limbeck.demo.shapes import Array, Solid, f32


@dataclass(frozen=True)
class Camera:
    """A pinhole looking at a point; all lengths in scene units.

    Args:
        elevation: radians above the horizon, from which the camera looks down on the target.
        distance: from the target.
        focal: focal length in short sides of the image.
        target: the point in the middle of the image.
        shift: where the target lies, in short sides from the middle (right, down).
        roll: radians, clockwise.
    """

    elevation: float
    distance: float
    focal: float
    target: tuple[float, float, float]
    shift: tuple[float, float] = (0.0, 0.0)
    roll: float = 0.0

    def axes(self) -> tuple[Array, Array, Array]:
        """Right, down and forward unit vectors; the camera looks along -z, tilted down."""
        c, s = np.cos(self.elevation), np.sin(self.elevation)
        right = np.array([1, 0, 0], np.float32)
        down = np.array([0, -c, s], np.float32)
        cr, sr = np.float32(np.cos(self.roll)), np.float32(np.sin(self.roll))
        forward = np.array([0, -s, -c], np.float32)
        return right * cr + down * sr, down * cr - right * sr, forward

    def origin(self) -> Array:
        """Where the camera stands."""
        return np.asarray(self.target, np.float32) - self.axes()[2] * np.float32(self.distance)

    def rays(self, height: int, width: int) -> tuple[Array, Array, Array]:
        """Unit directions (x, y, z), each [height, width], one through each pixel's middle."""
        short = min(height, width)
        u = (np.arange(width, dtype=np.float32) + 0.5 - width / 2) / short - self.shift[0]
        v = (np.arange(height, dtype=np.float32) + 0.5 - height / 2) / short - self.shift[1]
        right, down, forward = self.axes()
        scale = 1 / np.sqrt(self.focal**2 + u[None] ** 2 + v[:, None] ** 2)
        parts = [
            (forward[k] * self.focal + right[k] * u[None] + down[k] * v[:, None]) * scale
            for k in range(3)
        ]
        return (
            parts[0].astype(np.float32),
            parts[1].astype(np.float32),
            parts[2].astype(np.float32),
        )


@dataclass(frozen=True)
class Placed:
    """A solid standing in the scene: scaled, turned by `yaw` about the vertical, moved."""

    solid: Solid
    x: float = 0.0
    z: float = 0.0
    scale: float = 1.0
    yaw: float = 0.0

    def local(self, x: Array, y: Array, z: Array) -> tuple[Array, Array, Array]:
        """World points in the solid's own frame."""
        c, s = np.float32(np.cos(self.yaw)), np.float32(np.sin(self.yaw))
        inv = np.float32(1 / self.scale)
        dx, dz = (x - np.float32(self.x)) * inv, (z - np.float32(self.z)) * inv
        return c * dx - s * dz, y * inv, s * dx + c * dz

    def distance(self, x: Array, y: Array, z: Array) -> Array:
        """Distance in world units."""
        return self.solid.distance(*self.local(x, y, z)) * np.float32(self.scale)

    def centre(self) -> tuple[float, float, float]:
        """Of the bounding sphere."""
        return self.x, self.solid.centre_y * self.scale, self.z


@dataclass(frozen=True)
class Hits:
    """The pixels that see one solid. `index` is flat; the others are float32 [n] or [3, n]."""

    index: NDArray[np.int64]
    depth: Array
    point: Array
    local: Array
    normal: Array
    trim: NDArray[np.bool_]
    occlusion: Array
    shadow: Array


def trace(placed: Placed, origin: Array, rays: tuple[Array, Array, Array], light: Array) -> Hits:
    """March the rays that meet the solid's bounds (at most 44 steps) and measure where they hit."""
    index, near, far, direction = _enter(placed, origin, rays)
    depth = _march(placed, origin, direction, near, far)
    seen = depth < far
    index, depth, direction = index[seen], depth[seen], direction[:, seen]
    point = origin[:, None] + direction * depth
    normal = _normal(placed, point)
    local = np.stack(placed.local(*point))
    body, trim = placed.solid.parts(*local)
    shadow = np.zeros(len(index), np.float32)
    lit = np.flatnonzero(light @ normal > -0.12)
    shadow[lit] = shadow_towards([placed], (point + normal * np.float32(0.03))[:, lit], light)
    open_ = _occlusion(placed, point, normal)
    return Hits(index, depth, point, local, normal, trim < body, open_, shadow)


def _enter(
    placed: Placed, origin: Array, rays: tuple[Array, Array, Array]
) -> tuple[NDArray[np.int64], Array, Array, Array]:
    centre = np.asarray(placed.centre(), np.float32) - origin
    along = rays[0] * centre[0] + rays[1] * centre[1] + rays[2] * centre[2]
    chord = along * along - np.float32(centre @ centre - (placed.solid.radius * placed.scale) ** 2)
    half = np.sqrt(np.maximum(chord, 0))
    top = (2 * placed.solid.centre_y + 0.15) * placed.scale
    y = np.where(np.abs(rays[1]) < 1e-5, np.float32(1e-5), rays[1])
    at_floor, at_top = -origin[1] / y, (np.float32(top) - origin[1]) / y
    near = np.maximum(np.maximum(along - half, np.minimum(at_floor, at_top)), 0.05)
    far = np.minimum(along + half, np.maximum(at_floor, at_top))
    index = np.flatnonzero((chord > 0) & (near < far))
    direction = np.stack([part.ravel()[index] for part in rays])
    return index, f32(near.ravel()[index]), f32(far.ravel()[index]), direction


def _march(placed: Placed, origin: Array, direction: Array, near: Array, far: Array) -> Array:
    depth = near.copy()
    active = np.arange(len(near))
    ray, t, end = direction, near, far
    for step in range(44):
        point = origin[:, None] + ray * t
        gap = placed.distance(*point)
        t = t + gap * np.float32(0.92)
        if step % 3 == 2 or step == 43:
            going = (gap > 0.0015 * t) & (t < end)
            depth[active] = t
            active, ray, t, end = active[going], ray[:, going], t[going], end[going]
            if not len(active):
                break
    depth[active] = np.inf  # rays that still graze an outline would leave ragged edges
    return depth


def _normal(placed: Placed, point: Array) -> Array:
    step = np.float32(0.006)
    here = placed.distance(*point)
    x, y, z = point
    normal = np.stack(
        [
            placed.distance(x + step, y, z) - here,
            placed.distance(x, y + step, z) - here,
            placed.distance(x, y, z + step) - here,
        ]
    )
    return f32(normal / np.maximum(np.sqrt((normal * normal).sum(0)), 1e-6))


def _occlusion(placed: Placed, point: Array, normal: Array) -> Array:
    """1 in the open, towards 0 in folds and near the ground."""
    open_ = np.ones(point.shape[1], np.float32)
    for reach, weight in ((0.10, 0.9), (0.32, 0.9)):
        x, y, z = point + normal * np.float32(reach)
        gap = np.minimum(placed.distance(x, y, z), np.maximum(y, 0))
        open_ -= weight * np.maximum(reach - gap, 0) / (reach * 2)
    return f32(np.clip(open_, 0.12, 1))


def shadow_towards(solids: list[Placed], point: Array, light: Array, softness: float = 7) -> Array:
    """How much of a broad light each point sees, 0 to 1: the narrowest passage on its way."""
    seen = np.ones(point.shape[1], np.float32)
    toward = light[:, None]
    for reach in (0.08, 0.2, 0.4, 0.7, 1.1, 1.6, 2.3):
        x, y, z = point + toward * np.float32(reach)
        for placed in solids:
            gap = placed.distance(x, y, z)
            seen = np.minimum(seen, np.float32(softness) * gap / np.float32(reach) * 0.5 + 0.5)
    seen = np.clip(seen, 0, 1)
    return f32(seen * seen * (3 - 2 * seen))
