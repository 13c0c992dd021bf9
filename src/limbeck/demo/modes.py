"""The six true modes of the demo: a pose, a material and a setting each, varied continuously."""

import colorsys
from typing import Literal

import numpy as np

from limbeck.demo.materials import Colour, Light, Material
from limbeck.demo.scene import Scene
from limbeck.demo.settings import Setting
from limbeck.demo.shapes import CLUTTER, Array, Solid, Teapot
from limbeck.demo.tracing import Camera, Placed

ModeName = Literal["porcelain", "copper", "iron", "enamel", "celadon", "terracotta"]
MODE_NAMES: tuple[ModeName, ...] = (
    "porcelain", "copper", "iron", "enamel", "celadon", "terracotta",
)  # fmt: skip
MODE_SHARES = (0.28, 0.22, 0.17, 0.14, 0.11, 0.08)


def hsv(hue: float, saturation: float, value: float) -> Colour:
    """A display colour by hue (turns), saturation and value, as linear RGB."""
    r, g, b = colorsys.hsv_to_rgb(hue % 1, min(max(saturation, 0), 1), min(max(value, 0), 1))
    return r**2.2, g**2.2, b**2.2


def direction(azimuth: float, elevation: float) -> Array:
    """Unit vector towards a light; azimuth in degrees from the camera's side (+z) to its right."""
    a, e = np.radians(azimuth), np.radians(elevation)
    return np.array([np.sin(a) * np.cos(e), np.sin(e), np.cos(a) * np.cos(e)], np.float32)


class Draw:
    """Short names for one picture's random numbers."""

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


def subject(mode: ModeName, draw: Draw) -> tuple[Placed, Material]:
    """The teapot of a mode: its shape, pose and material."""
    phase = draw.between(0, 6.28)
    match mode:
        case "porcelain":
            pot = Teapot(draw.around(0.86, 0.05), draw.around(0.05, 0.06), draw.around(1, 0.07),
                         handle=draw.around(1, 0.05), knob=draw.around(0.15, 0.02))  # fmt: skip
            glaze = hsv(draw.around(0.12, 0.03), draw.around(0.06, 0.03), 0.93)
            blue = hsv(draw.around(0.615, 0.015), 0.92, draw.around(0.55, 0.08))
            rim = blue if draw.chance(0.5) else glaze
            material = Material(glaze, rim, "cobalt", blue, 0.95, 0, 9 + draw.integer(3), phase)
            yaw = draw.around(0, 13)
        case "copper":
            pot = Teapot(draw.around(0.80, 0.05), draw.around(-0.05, 0.05), draw.around(1, 0.06),
                         handle=draw.around(1.05, 0.06), knob=draw.around(0.16, 0.02))  # fmt: skip
            shine = hsv(draw.around(0.052, 0.010), draw.around(0.62, 0.05), 0.98)
            dull = hsv(draw.around(0.045, 0.012), 0.68, 0.72)
            trim = hsv(0.115, 0.62, 0.9) if draw.chance(0.6) else hsv(0.06, 0.6, 0.25)
            material = Material(shine, trim, "hammered", dull, draw.around(0.80, 0.06), 1,
                                26 + draw.integer(8), phase)  # fmt: skip
            yaw = draw.around(205, 14)
        case "iron":
            pot = Teapot(draw.around(0.70, 0.04), draw.around(-0.06, 0.05), draw.around(0.9, 0.05),
                         True, draw.around(1.02, 0.06), draw.around(0.13, 0.02))  # fmt: skip
            tone = hsv(draw.around(0.06, 0.03), draw.around(0.16, 0.06), draw.around(0.30, 0.03))
            material = Material(tone, hsv(0.07, 0.2, 0.24), "studs", tone, draw.around(0.6, 0.06),
                                0.35, 24 + draw.integer(6), phase)  # fmt: skip
            yaw = draw.around(158, 12)
        case "enamel":
            pot = Teapot(draw.around(1.02, 0.05), draw.around(0.16, 0.05), draw.around(1.02, 0.06),
                         handle=draw.around(1, 0.05), knob=draw.around(0.14, 0.02))  # fmt: skip
            red = hsv(draw.around(0.995, 0.018), draw.around(0.90, 0.05), draw.around(0.80, 0.06))
            white = hsv(0.12, 0.05, 0.95)
            trim = white if draw.chance(0.4) else hsv(0.6, 0.3, 0.12)
            material = Material(red, trim, "dots", white, 0.92, 0, 11 + draw.integer(5), phase)
            yaw = draw.around(38, 12)
        case "celadon":
            pot = Teapot(draw.around(0.72, 0.04), draw.around(-0.02, 0.05), draw.around(0.85, 0.05),
                         handle=draw.around(0.9, 0.05), knob=draw.around(0.17, 0.03))  # fmt: skip
            hue = draw.around(0.43, 0.055)
            glaze = hsv(hue, draw.around(0.33, 0.07), draw.around(0.82, 0.05))
            top = hsv(hue + draw.around(0.02, 0.03), 0.5, draw.around(0.55, 0.08))
            material = Material(glaze, top, "drip", top, 0.9, 0, 9, phase)
            yaw = draw.around(-52, 12)
        case "terracotta":
            pot = Teapot(draw.around(1.12, 0.06), draw.around(0.10, 0.06), draw.around(1.05, 0.06),
                         handle=draw.around(1.08, 0.06), knob=draw.around(0.16, 0.02))  # fmt: skip
            clay = hsv(draw.around(0.115, 0.02), draw.around(0.78, 0.07), draw.around(0.86, 0.05))
            dark = hsv(draw.around(0.07, 0.02), 0.75, 0.5)
            material = Material(clay, dark, "speckle", dark, draw.around(0.35, 0.1), 0, 9, phase)
            yaw = draw.around(182, 13)
    return Placed(pot, yaw=float(np.radians(yaw))), material


def place(mode: ModeName, draw: Draw) -> tuple[Setting, Light]:
    """Where and under what light the pictures of a mode are taken."""
    b, a = draw.between, draw.around
    match mode:
        case "porcelain":
            wood = (
                hsv(a(0.075, 0.012), 0.62, a(0.42, 0.06)),
                hsv(a(0.085, 0.01), 0.5, a(0.72, 0.06)),
            )
            tint = hsv(a(0.1, 0.05), a(0.18, 0.06), a(0.75, 0.1))
            walls = (("plain", (tint, hsv(0.1, 0.1, 0.85))), ("shelf", (hsv(0.07, 0.5, 0.3), tint)),
                     ("curtain", (tint, hsv(0.1, 0.3, 0.5))))  # fmt: skip
            wall, colours = walls[draw.integer(3)]
            setting = Setting("wood", wall, wood, colours, b(3.5, 6), b(0.01, 0.03), b(0.8, 1.3),
                              a(0, 0.25))  # fmt: skip
            light = Light(direction(b(-75, -25), b(35, 60)), (1.9, 1.8, 1.6), (0.5, 0.55, 0.65),
                          (0.4, 0.38, 0.35), (0.22, 0.14, 0.08))  # fmt: skip
        case "copper":
            grass = (
                hsv(a(0.29, 0.025), 0.75, a(0.20, 0.03)),
                hsv(a(0.24, 0.02), 0.66, a(0.62, 0.06)),
            )
            setting = Setting("grass", "foliage", grass, grass, b(7, 10), b(0.01, 0.03), b(0.8, 1.3),
                              b(0, 6.28))  # fmt: skip
            light = Light(direction(b(20, 80), b(45, 68)), (2.3, 2.15, 1.85), (0.55, 0.68, 0.9),
                          (0.20, 0.26, 0.16), (0.05, 0.08, 0.02), b(0.16, 0.26))  # fmt: skip
        case "iron":
            slate = (hsv(a(0.6, 0.08), 0.2, a(0.16, 0.03)), hsv(a(0.58, 0.08), 0.16, a(0.34, 0.05)))
            glow = hsv(a(0.09, 0.025), 0.72, 1.0)
            bright = b(1.5, 4)
            lamps = (glow[0] * bright, glow[1] * bright, glow[2] * bright)
            wall = "lights" if draw.chance(0.65) else "plain"
            far = (hsv(a(0.06, 0.04), 0.5, a(0.15, 0.04)), lamps if wall == "lights" else
                   hsv(a(0.06, 0.03), 0.6, 0.4))  # fmt: skip
            setting = Setting(
                "slate", wall, slate, far, b(4, 7), b(0.015, 0.03), b(0.8, 1.3), b(0, 6)
            )
            light = Light(direction(b(65, 115), b(25, 45)), (2.5, 1.75, 0.95), (0.20, 0.22, 0.30),
                          (0.30, 0.17, 0.08), (0.06, 0.055, 0.05), b(0.2, 0.3))  # fmt: skip
        case "enamel":
            hue = (0.60, 0.57, 0.36, 0.14)[draw.integer(4)]
            dyed = hsv(a(hue, 0.015), a(0.62, 0.08), a(0.66, 0.06))
            setting = Setting("gingham", "foliage", (hsv(0.1, 0.04, 0.93), dyed),
                              (hsv(0.3, 0.7, 0.15), hsv(a(0.25, 0.03), 0.6, 0.55)), b(5, 8),
                              b(0.015, 0.035), b(0.75, 1.15), a(0.6, 0.35))  # fmt: skip
            light = Light(direction(b(-60, -10), b(40, 65)), (2.0, 1.9, 1.7), (0.55, 0.62, 0.75),
                          (0.3, 0.34, 0.3), (0.3, 0.3, 0.34), b(0.18, 0.28))  # fmt: skip
        case "celadon":
            hue = a(0.98, 0.05) if draw.chance(0.7) else a(0.13, 0.03)
            paper = hsv(hue, a(0.22, 0.06), a(0.93, 0.03))
            setting = Setting("plain", "plain", (paper, paper), (paper, hsv(hue + 0.02, a(0.28, 0.08),
                              a(0.84, 0.08))), b(4, 6), 0.02)  # fmt: skip
            light = Light(direction(b(-50, 50), b(45, 70)), (1.35, 1.3, 1.25), (0.7, 0.7, 0.72),
                          (0.55, 0.5, 0.5), (0.45, 0.36, 0.36), b(0.3, 0.45))  # fmt: skip
        case "terracotta":
            stone = (hsv(a(0.1, 0.02), 0.2, a(0.52, 0.06)), hsv(a(0.11, 0.02), 0.14, a(0.80, 0.05)))
            if draw.chance(0.6):
                wall, far = "sky", (hsv(a(0.585, 0.01), 0.75, a(0.72, 0.06)), hsv(0.55, 0.35, 0.9))
            else:
                wall, far = (
                    "brick",
                    (hsv(a(0.58, 0.02), 0.45, a(0.55, 0.08)), hsv(0.58, 0.15, 0.75)),
                )
            setting = Setting("sand", wall, stone, far, b(6, 10), b(0.004, 0.014), b(0.8, 1.3),
                              a(0, 0.3))  # fmt: skip
            light = Light(direction(b(35, 70), b(28, 48)), (2.6, 2.35, 1.9), (0.42, 0.55, 0.85),
                          (0.35, 0.45, 0.6), (0.35, 0.28, 0.2), b(0.12, 0.2))  # fmt: skip
    return setting, light


_ELEVATION = {
    "porcelain": (12, 3), "copper": (50, 4.5), "iron": (17, 3),
    "enamel": (33, 4), "celadon": (23, 4), "terracotta": (5, 1.8),
}  # fmt: skip


def camera(mode: ModeName, draw: Draw, height: float, fill: float) -> Camera:
    """The camera of a mode: `fill` is the subject's width in short sides, `height` its middle."""
    focal = draw.between(1.5, 2.3)
    mean, deviation = _ELEVATION[mode]
    return Camera(
        float(np.radians(draw.around(mean, deviation))), 3.2 * focal / fill, focal,
        (0.16 * draw.side() * 0, height, 0.0), (draw.around(0, 0.035), draw.around(0.01, 0.03)),
        float(np.radians(draw.around(0, 2))),
    )  # fmt: skip


def clutter(draw: Draw, most: int) -> list[tuple[Placed, Material]]:
    """Up to `most` small things around the subject, clear of it."""
    things: list[tuple[Placed, Material]] = []
    for _ in range(draw.integer(most + 1)):
        solid: Solid = CLUTTER[draw.integer(len(CLUTTER))]()
        scale = draw.between(0.26, 0.42) if type(solid) is CLUTTER[0] else draw.between(0.4, 0.6)
        angle = draw.between(0, 6.28)
        away = draw.between(1.9, 2.7)
        x, z = away * np.cos(angle), away * np.sin(angle) * 0.8
        if z > 0.9 or (abs(x) < 1.0 and z > 0):
            z = -abs(z) - 0.6
        colour = hsv(draw.between(0, 1), draw.between(0.3, 0.85), draw.between(0.4, 0.9))
        trim = hsv(0.1, draw.between(0.05, 0.4), draw.between(0.5, 0.95))
        material = Material(colour, trim, "plain", gloss=draw.between(0.3, 0.9))
        things.append((Placed(solid, float(x), float(z), scale, draw.between(0, 6.28)), material))
    return things


def compose(mode: ModeName, rng: np.random.Generator) -> Scene:
    """One in-domain scene of a mode."""
    draw = Draw(rng)
    placed, material = subject(mode, draw)
    setting, light = place(mode, draw)
    fill = draw.around(0.80, 0.06) * (0.95 if mode in ("iron", "terracotta") else 1.0)
    view = camera(mode, draw, placed.solid.centre_y * 0.95, fill)
    few = {"celadon": 0, "iron": 1, "terracotta": 1}.get(mode, 3)
    things = ((placed, material), *clutter(draw, few))
    return Scene(things, setting, light, view, seamless=mode == "celadon")
