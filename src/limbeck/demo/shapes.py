"""Signed distance fields of the demo's objects: a teapot, the things that are not one, and clutter.

Every solid stands on the plane y = 0, is about one unit in radius and faces +x (a spout, a beak,
a tail). Distances are float32 arrays of the shape of the points; first order, never far too large.
"""

from abc import ABC, abstractmethod
from dataclasses import dataclass
from itertools import pairwise

import numpy as np
from numpy.typing import NDArray

Array = NDArray[np.float32]
Point = tuple[float, float, float]


def f32(x: NDArray[np.floating]) -> Array:
    """`x` as float32; no copy where it already is."""
    return np.asarray(x, np.float32)


def smooth_union(a: Array, b: Array, width: float) -> Array:
    """The union of two solids with a fillet of `width` units (polynomial smooth minimum)."""
    overlap = np.maximum(np.float32(width) - np.abs(a - b), np.float32(0))
    return f32(np.minimum(a, b) - overlap * overlap * np.float32(0.25 / width))


def ellipsoid(x: Array, y: Array, z: Array, centre: Point, radii: Point) -> Array:
    """Distance to an ellipsoid, first order near its surface."""
    dx, dy, dz = x - centre[0], y - centre[1], z - centre[2]
    rx, ry, rz = radii
    k0 = np.sqrt((dx / rx) ** 2 + (dy / ry) ** 2 + (dz / rz) ** 2)
    k1 = np.sqrt((dx / rx**2) ** 2 + (dy / ry**2) ** 2 + (dz / rz**2) ** 2)
    return f32(k0 * (k0 - 1) / np.maximum(k1, 1e-4))


def ball(x: Array, y: Array, z: Array, centre: Point, radius: float) -> Array:
    """Distance to a sphere."""
    dx, dy, dz = x - centre[0], y - centre[1], z - centre[2]
    return f32(np.sqrt(dx * dx + dy * dy + dz * dz) - np.float32(radius))


def rod(x: Array, y: Array, z: Array, a: Point, b: Point, ra: float, rb: float) -> Array:
    """Distance to a rounded rod from `a` to `b` whose radius goes from `ra` to `rb`."""
    bx, by, bz = b[0] - a[0], b[1] - a[1], b[2] - a[2]
    dx, dy, dz = x - a[0], y - a[1], z - a[2]
    inv = 1 / (bx * bx + by * by + bz * bz)
    along = dx * (bx * inv) + dy * (by * inv)
    if bz:
        along += dz * (bz * inv)
    t = np.minimum(np.maximum(along, 0), 1)
    dx, dy = dx - t * bx, dy - t * by
    if bz:
        dz = dz - t * bz
    return f32(np.sqrt(dx * dx + dy * dy + dz * dz) - (t * (rb - ra) + ra))


def ring(x: Array, y: Array, z: Array, height: float, radius: float, thickness: float) -> Array:
    """Distance to a horizontal torus around the y axis."""
    q = np.sqrt(x * x + z * z) - np.float32(radius)
    h = y - np.float32(height)
    return f32(np.sqrt(q * q + h * h) - np.float32(thickness))


def hoop(x: Array, y: Array, z: Array, centre: tuple[float, float], radii: tuple[float, float],
         thickness: float) -> Array:  # fmt: skip
    """Distance to an upright elliptical hoop in the plane z = 0 (a handle)."""
    dx, dy = (x - centre[0]) / radii[0], (y - centre[1]) / radii[1]
    q = (np.sqrt(dx * dx + dy * dy) - 1) * np.float32(min(radii))
    return f32(np.sqrt(q * q + z * z) - np.float32(thickness))


def drum(x: Array, y: Array, z: Array, low: float, high: float, r_low: float, r_high: float,
         edge: float) -> Array:  # fmt: skip
    """Distance to an upright rounded cone frustum between two heights."""
    t = np.clip((y - low) / (high - low), 0, 1)
    radial = np.sqrt(x * x + z * z) - (np.float32(r_low) + np.float32(r_high - r_low) * t)
    slope = np.float32(1 / np.hypot(1, (r_high - r_low) / (high - low)))
    dx = radial * slope + np.float32(edge)
    dy = np.abs(y - (low + high) / 2) - np.float32((high - low) / 2 - edge)
    outside = np.sqrt(np.maximum(dx, 0) ** 2 + np.maximum(dy, 0) ** 2)
    return f32(outside + np.minimum(np.maximum(dx, dy), 0) - np.float32(edge))


class Solid(ABC):
    """A solid of two parts, so that a material can colour its trim differently."""

    centre_y: float = 0.8  # half the height; the bounding sphere's centre is (0, centre_y, 0)
    radius: float = 1.6
    fillet: float = 0.08

    @abstractmethod
    def parts(self, x: Array, y: Array, z: Array) -> tuple[Array, Array]:
        """Distances to the body and to the trim."""

    def distance(self, x: Array, y: Array, z: Array) -> Array:
        """Distance to the whole solid; positive outside."""
        body, trim = self.parts(x, y, z)
        return smooth_union(body, trim, self.fillet)


@dataclass(frozen=True)
class Teapot(Solid):
    """The demo's one kind of thing: belly, foot, lid and knob, a spout (+x) and a handle.

    Args:
        height: of the belly over its radius, about 0.65 (squat) to 1.2 (tall).
        taper: positive narrows the top (a pear), negative the foot.
        spout: length of the spout, about 0.8 to 1.2.
        bail: the handle arches over the lid (as on an iron kettle) instead of standing behind.
        handle: size of the handle, about 0.85 to 1.15.
        knob: radius of the lid's knob.
    """

    height: float = 0.85
    taper: float = 0.0
    spout: float = 1.0
    bail: bool = False
    handle: float = 1.0
    knob: float = 0.15

    @property
    def centre_y(self) -> float:  # type: ignore[override]
        """Half of the whole pot's height."""
        return (2 * self.height + (0.95 if self.bail else 0.30)) / 2

    @property
    def radius(self) -> float:  # type: ignore[override]
        """Reaches from the handle's back to the spout's tip."""
        return 1.86

    def parts(self, x: Array, y: Array, z: Array) -> tuple[Array, Array]:
        """Belly, foot and spout; lid's knob and rim, and the handle."""
        h = self.height
        squeeze = 1 / np.clip(1 - self.taper * (y - h), 0.6, 1.5)
        belly = ellipsoid(x * squeeze, y, z * squeeze, (0, h * 0.96, 0), (1, h, 1))
        belly = smooth_union(belly, ring(x, y, z, 0.06, 0.52, 0.10), 0.10)
        s = self.spout
        path = [
            (0.72, 0.62 * h, 0.24), (0.78 + 0.34 * s, 0.80 * h, 0.165),
            (0.86 + 0.52 * s, 1.28 * h, 0.115), (0.90 + 0.78 * s, 1.62 * h, 0.10),
        ]  # fmt: skip
        for (ax, ay, ra), (bx, by, rb) in pairwise(path):
            belly = smooth_union(belly, rod(x, y, z, (ax, ay, 0), (bx, by, 0), ra, rb), 0.14)
        width = 0.50 / (1 + 0.3 * self.taper * h)
        trim = ring(x, y, z, 1.80 * h, width + 0.06, 0.055)
        trim = smooth_union(trim, ball(x, y, z, (0, 1.96 * h + self.knob, 0), self.knob), 0.10)
        if self.bail:
            arch = hoop(x, y, z, (0, 1.45 * h), (0.86, 1.18 * self.handle), 0.075)
            arch = np.maximum(arch, np.float32(1.45 * h) - y)
        else:
            arch = hoop(x, y, z, (-1.0, 1.08 * h), (0.52 * self.handle, 0.60 * h), 0.095)
        return np.maximum(belly, -y), np.minimum(trim, arch)


class Duck(Solid):
    """A bath duck: body and head; the beak is trim."""

    centre_y = 1.0

    def parts(self, x: Array, y: Array, z: Array) -> tuple[Array, Array]:
        """Body, tail and head; beak."""
        body = ellipsoid(x, y, z, (0, 0.62, 0), (1.1, 0.65, 0.8))
        body = smooth_union(body, rod(x, y, z, (-0.7, 0.75, 0), (-1.2, 1.1, 0), 0.3, 0.06), 0.3)
        body = smooth_union(body, ball(x, y, z, (0.5, 1.5, 0), 0.52), 0.25)
        return body, ellipsoid(x, y, z, (1.05, 1.42, 0), (0.32, 0.10, 0.24))


class Toadstool(Solid):
    """A mushroom: the cap is body, the stem is trim."""

    centre_y = 0.95

    def parts(self, x: Array, y: Array, z: Array) -> tuple[Array, Array]:
        """Cap; stem."""
        cap = ellipsoid(x, y, z, (0, 1.15, 0), (1.15, 0.8, 1.15))
        cap = np.maximum(cap, np.float32(1.08) - y)
        return cap, drum(x, y, z, 0, 1.2, 0.42, 0.28, 0.06)


class Cactus(Solid):
    """A cactus with two arms in a pot; the pot is trim."""

    centre_y = 1.2

    def parts(self, x: Array, y: Array, z: Array) -> tuple[Array, Array]:
        """Plant; pot."""
        plant = rod(x, y, z, (0, 0.6, 0), (0, 2.1, 0), 0.36, 0.33)
        for side, low in ((1.0, 1.1), (-1.0, 1.35)):
            elbow = (0.75 * side, low + 0.1, 0.0)
            plant = smooth_union(plant, rod(x, y, z, (0, low, 0), elbow, 0.17, 0.19), 0.12)
            tip = (0.78 * side, low + 0.6, 0.0)
            plant = smooth_union(plant, rod(x, y, z, elbow, tip, 0.19, 0.18), 0.08)
        return plant, drum(x, y, z, 0, 0.75, 0.5, 0.72, 0.05)


class Lamp(Solid):
    """A table lamp; the shade is body, stand and base are trim."""

    centre_y = 1.2

    def parts(self, x: Array, y: Array, z: Array) -> tuple[Array, Array]:
        """Shade; stand."""
        shade = drum(x, y, z, 1.35, 2.35, 1.05, 0.55, 0.03)
        stand = rod(x, y, z, (0, 0.1, 0), (0, 1.6, 0), 0.10, 0.07)
        stand = smooth_union(stand, ball(x, y, z, (0, 0.7, 0), 0.26), 0.1)
        return shade, smooth_union(stand, drum(x, y, z, 0, 0.16, 0.65, 0.5, 0.04), 0.1)


class Fish(Solid):
    """A toy fish on its belly; fins and tail are trim."""

    centre_y = 0.9

    def parts(self, x: Array, y: Array, z: Array) -> tuple[Array, Array]:
        """Body; fins."""
        body = ellipsoid(x, y, z, (0.15, 0.8, 0), (1.1, 0.72, 0.42))
        tail = ellipsoid(x, y, z, (-1.25, 1.15, 0), (0.32, 0.5, 0.09))
        tail = np.minimum(tail, ellipsoid(x, y, z, (-1.25, 0.5, 0), (0.32, 0.45, 0.09)))
        return body, np.minimum(tail, ellipsoid(x, y, z, (0.1, 1.5, 0), (0.5, 0.35, 0.08)))


class Mug(Solid):
    """A mug: no lid, no spout; the handle is trim."""

    centre_y = 0.85

    def parts(self, x: Array, y: Array, z: Array) -> tuple[Array, Array]:
        """Cup; handle."""
        cup = drum(x, y, z, 0, 1.7, 0.72, 0.84, 0.06)
        cup = np.maximum(cup, -drum(x, y, z, 0.2, 2.2, 0.62, 0.78, 0.05))
        return cup, hoop(x, y, z, (-0.82, 0.9), (0.42, 0.45), 0.10)


class Fruit(Solid):
    """Clutter: an apple or an orange with a stalk."""

    centre_y, radius = 1.0, 1.3

    def parts(self, x: Array, y: Array, z: Array) -> tuple[Array, Array]:
        """Fruit; stalk."""
        body = ellipsoid(x, y, z, (0, 0.92, 0), (1, 0.92, 1))
        return body, rod(x, y, z, (0, 1.7, 0), (0.1, 2.05, 0), 0.07, 0.05)


class Cup(Solid):
    """Clutter: a small bowl on a saucer (trim)."""

    centre_y, radius = 0.5, 1.35

    def parts(self, x: Array, y: Array, z: Array) -> tuple[Array, Array]:
        """Cup; saucer."""
        cup = drum(x, y, z, 0.08, 1.05, 0.45, 0.85, 0.05)
        cup = np.maximum(cup, -drum(x, y, z, 0.25, 1.4, 0.34, 0.9, 0.05))
        return cup, drum(x, y, z, 0, 0.12, 0.7, 1.2, 0.04)


class Book(Solid):
    """Clutter: a closed book; its pages are trim."""

    centre_y, radius = 0.2, 1.45

    def parts(self, x: Array, y: Array, z: Array) -> tuple[Array, Array]:
        """Covers; pages."""
        y1 = np.abs(y - 0.2)
        block = np.maximum(np.maximum(np.abs(x) - 0.92, np.abs(z) - 0.68), y1 - 0.15)
        board = np.maximum(np.maximum(np.abs(x) - 1, np.abs(z) - 0.75), np.abs(y1 - 0.17) - 0.03)
        return board, block


OTHERS: tuple[type[Solid], ...] = (Duck, Toadstool, Cactus, Lamp, Fish, Mug)
CLUTTER: tuple[type[Solid], ...] = (Fruit, Cup, Book)
