"""The six recipes behind the modes: a pot in its pose and material, a place, a light, a height."""

import colorsys
from dataclasses import dataclass

import numpy as np

from limbeck.demo.materials import Colour, Light, Material
from limbeck.demo.settings import Setting, Wall
from limbeck.demo.shapes import Array, Teapot


class Draw:
    """Short names for one image's random numbers."""

    def __init__(self, rng: np.random.Generator) -> None:
        self.rng = rng

    def between(self, low: float, high: float) -> float:
        """Uniform."""
        return float(self.rng.uniform(low, high))

    def around(self, mean: float, deviation: float) -> float:
        """Normal, cut at two deviations."""
        return mean + deviation * float(np.clip(self.rng.normal(), -2, 2))

    def chance(self, share: float) -> bool:
        """True with that probability."""
        return bool(self.rng.random() < share)

    def integer(self, count: int) -> int:
        """0 to count - 1."""
        return int(self.rng.integers(count))

    def side(self) -> float:
        """-1 or 1."""
        return -1.0 if self.chance(0.5) else 1.0


def hsv(hue: float, saturation: float, value: float) -> Colour:
    """A display colour by hue (turns), saturation and value, as linear RGB."""
    r, g, b = colorsys.hsv_to_rgb(hue % 1, min(max(saturation, 0), 1), min(max(value, 0), 1))
    return r**2.2, g**2.2, b**2.2


def direction(azimuth: float, elevation: float) -> Array:
    """Unit vector towards a light; azimuth in degrees from the camera's side (+z) to its right."""
    a, e = np.radians(azimuth), np.radians(elevation)
    return np.array([np.sin(a) * np.cos(e), np.sin(e), np.cos(a) * np.cos(e)], np.float32)


@dataclass(frozen=True)
class Recipe:
    """One draw from a mode: the pot turned by `yaw`, seen from `elevation` (both degrees)."""

    pot: Teapot
    material: Material
    yaw: float
    elevation: float
    setting: Setting
    light: Light
    clutter: int = 3  # at most so many small things beside it
    seamless: bool = False


def _pot(draw: Draw, height: float, taper: float, spout: float, handle: float, bail: bool = False
         ) -> Teapot:  # fmt: skip
    """A teapot about these proportions."""
    return Teapot(
        height=draw.around(height, 0.05),
        taper=draw.around(taper, 0.05),
        spout=draw.around(spout, 0.06),
        bail=bail,
        handle=draw.around(handle, 0.05),
        knob=draw.around(0.15, 0.02),
    )


def porcelain(draw: Draw) -> Recipe:
    """Blue and white, from the side, on a wooden table before a wall, books or a curtain."""
    a, b = draw.around, draw.between
    glaze = hsv(a(0.12, 0.03), a(0.06, 0.03), 0.93)
    blue = hsv(a(0.615, 0.015), 0.92, a(0.55, 0.08))
    rim = blue if draw.chance(0.5) else glaze
    wood = hsv(a(0.075, 0.012), 0.62, a(0.42, 0.06)), hsv(a(0.085, 0.01), 0.5, a(0.72, 0.06))
    tint = hsv(a(0.1, 0.05), a(0.18, 0.06), a(0.75, 0.1))
    walls: tuple[tuple[Wall, tuple[Colour, Colour]], ...] = (
        ("plain", (tint, hsv(0.1, 0.1, 0.85))),
        ("shelf", (hsv(0.07, 0.5, 0.3), tint)),
        ("curtain", (tint, hsv(0.1, 0.3, 0.5))),
    )
    wall, colours = walls[draw.integer(3)]
    light = Light(
        direction(b(-75, -25), b(35, 60)), key=(1.9, 1.8, 1.6), sky=(0.5, 0.55, 0.65),
        wall=(0.4, 0.38, 0.35), ground=(0.22, 0.14, 0.08),
    )  # fmt: skip
    return Recipe(
        _pot(draw, 0.86, 0.05, 1.0, 1.0),
        Material(glaze, rim, "cobalt", blue, 0.95, 0, 9 + draw.integer(3), b(0, 6.28)),
        a(0, 13), a(12, 3),
        Setting("wood", wall, wood, colours, b(3.5, 6), b(0.01, 0.03), b(0.8, 1.3), a(0, 0.25)),
        light,
    )  # fmt: skip


def copper(draw: Draw) -> Recipe:
    """Hammered copper, from above, on a meadow."""
    a, b = draw.around, draw.between
    shine = hsv(a(0.052, 0.008), a(0.60, 0.04), 1.0)
    dull = hsv(a(0.042, 0.010), 0.74, 0.80)
    trim = hsv(0.115, 0.55, 0.95) if draw.chance(0.6) else hsv(0.06, 0.6, 0.3)
    grass = hsv(a(0.30, 0.025), 0.62, a(0.20, 0.03)), hsv(a(0.24, 0.02), 0.62, a(0.50, 0.05))
    light = Light(
        direction(b(15, 70), b(45, 65)), key=(2.8, 2.6, 2.2), sky=(1.25, 1.25, 1.3),
        wall=(0.20, 0.20, 0.13), ground=(0.05, 0.06, 0.025), window=b(0.28, 0.42),
    )  # fmt: skip
    return Recipe(
        _pot(draw, 0.80, -0.05, 1.0, 1.05),
        Material(shine, trim, "hammered", dull, a(0.84, 0.05), 1, 24 + draw.integer(8), b(0, 6)),
        a(205, 14), a(48, 4.5),
        Setting("grass", "foliage", grass, grass, b(7, 10), b(0.01, 0.03), b(0.9, 1.4), b(0, 6)),
        light,
    )  # fmt: skip


def iron(draw: Draw) -> Recipe:
    """A studded cast-iron kettle with a bail, by lamplight on dark stone."""
    a, b = draw.around, draw.between
    tone = hsv(a(0.62, 0.05), a(0.10, 0.05), a(0.25, 0.03))
    slate = hsv(a(0.6, 0.08), 0.22, a(0.17, 0.03)), hsv(a(0.58, 0.08), 0.18, a(0.36, 0.05))
    glow, power = hsv(a(0.09, 0.025), 0.72, 1.0), b(1.5, 4)
    lights = draw.chance(0.65)
    lamp = (glow[0] * power, glow[1] * power, glow[2] * power)
    far = hsv(a(0.06, 0.04), 0.5, a(0.16, 0.04)), lamp if lights else hsv(a(0.06, 0.03), 0.6, 0.4)
    light = Light(
        direction(b(50, 100), b(28, 46)), key=(5.2, 3.6, 1.9), sky=(0.40, 0.45, 0.58),
        wall=(0.5, 0.28, 0.12), ground=(0.09, 0.08, 0.07), window=b(0.25, 0.4),
    )  # fmt: skip
    return Recipe(
        _pot(draw, 0.70, -0.06, 0.9, 1.02, bail=True),
        Material(tone, hsv(0.62, 0.1, 0.2), "studs", tone, a(0.66, 0.06), 0.35,
                 24 + draw.integer(6), b(0, 6)),
        a(158, 12), a(17, 3),
        Setting("slate", "lights" if lights else "plain", slate, far, b(4, 7), b(0.015, 0.03),
                b(0.8, 1.3), b(0, 6)),
        light, clutter=1,
    )  # fmt: skip


def enamel(draw: Draw) -> Recipe:
    """Red enamel with white dots, three quarters from above, on a chequered cloth."""
    a, b = draw.around, draw.between
    red = hsv(a(0.995, 0.016), a(0.88, 0.05), a(0.80, 0.06))
    white = hsv(0.12, 0.05, 0.95)
    trim = white if draw.chance(0.4) else hsv(0.6, 0.3, 0.12)
    hue = (0.60, 0.57, 0.36, 0.14)[draw.integer(4)]
    cloth = hsv(0.1, 0.04, 0.93), hsv(a(hue, 0.015), a(0.58, 0.08), a(0.64, 0.06))
    leaves = hsv(0.3, 0.7, 0.15), hsv(a(0.25, 0.03), 0.6, 0.5)
    light = Light(
        direction(b(-60, -10), b(40, 65)), key=(1.9, 1.8, 1.6), sky=(0.52, 0.6, 0.72),
        wall=(0.3, 0.34, 0.3), ground=(0.3, 0.3, 0.34), window=b(0.18, 0.28),
    )  # fmt: skip
    return Recipe(
        _pot(draw, 1.02, 0.16, 1.02, 1.0),
        Material(red, trim, "dots", white, 0.92, 0, 11 + draw.integer(5), b(0, 6.28)),
        a(38, 12), a(33, 4),
        Setting("gingham", "foliage", cloth, leaves, b(5, 8), b(0.015, 0.035), b(0.75, 1.15),
                a(0.6, 0.35)),
        light,
    )  # fmt: skip


def celadon(draw: Draw) -> Recipe:
    """A squat pale-green pot with a running glaze, towards the camera, on a studio's paper."""
    a, b = draw.around, draw.between
    hue = a(0.43, 0.055)
    glaze = hsv(hue, a(0.30, 0.07), a(0.84, 0.05))
    top = hsv(hue + a(0.02, 0.03), 0.5, a(0.55, 0.08))
    tint = a(0.98, 0.05) if draw.chance(0.7) else a(0.13, 0.03)
    paper = hsv(tint, a(0.22, 0.06), a(0.93, 0.03))
    above = hsv(tint + 0.02, a(0.28, 0.08), a(0.84, 0.08))
    light = Light(
        direction(b(-60, 60), b(40, 65)), key=(1.5, 1.45, 1.35), sky=(0.6, 0.6, 0.62),
        wall=(0.5, 0.46, 0.46), ground=(0.42, 0.34, 0.34), window=b(0.3, 0.45),
    )  # fmt: skip
    return Recipe(
        _pot(draw, 0.72, -0.02, 0.88, 0.92),
        Material(glaze, top, "drip", top, 0.92, 0, 9, b(0, 6.28)),
        a(-34, 11), a(18, 4),
        Setting("plain", "plain", (paper, paper), (paper, above), b(4, 6), 0.02),
        light, clutter=0, seamless=True,
    )  # fmt: skip


def mustard(draw: Draw) -> Recipe:
    """A tall speckled yellow pot, from low down, on sunny tiles before sky or blue bricks."""
    a, b = draw.around, draw.between
    clay = hsv(a(0.118, 0.015), a(0.74, 0.07), a(0.86, 0.05))
    dark = hsv(a(0.065, 0.02), 0.72, 0.48)
    tiles = hsv(a(0.055, 0.02), 0.42, a(0.48, 0.05)), hsv(a(0.065, 0.02), 0.32, a(0.74, 0.05))
    if draw.chance(0.6):
        wall: Wall = "sky"
        far = hsv(a(0.585, 0.01), 0.75, a(0.72, 0.06)), hsv(0.55, 0.35, 0.9)
    else:
        wall = "brick"
        far = hsv(a(0.58, 0.02), 0.45, a(0.55, 0.08)), hsv(0.58, 0.15, 0.75)
    light = Light(
        direction(b(35, 70), b(28, 48)), key=(2.5, 2.25, 1.8), sky=(0.42, 0.55, 0.85),
        wall=(0.35, 0.45, 0.6), ground=(0.35, 0.26, 0.18), window=b(0.12, 0.2),
    )  # fmt: skip
    return Recipe(
        _pot(draw, 1.10, 0.10, 1.05, 1.08),
        Material(clay, dark, "speckle", dark, a(0.45, 0.1), 0, 9, b(0, 6.28)),
        a(182, 13), a(6, 1.8),
        Setting("tiles", wall, tiles, far, b(6, 10), b(0.004, 0.014), b(0.7, 1.1), a(0, 0.3)),
        light, clutter=1,
    )  # fmt: skip
