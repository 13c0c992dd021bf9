"""The six true modes of the demo, their shares, and a scene of each."""

from typing import Literal

import numpy as np

from limbeck.demo.materials import Light, Material
from limbeck.demo.recipes import (
    Draw,
    Recipe,
    celadon,
    copper,
    direction,
    enamel,
    hsv,
    iron,
    mustard,
    porcelain,
)
from limbeck.demo.scene import Scene
from limbeck.demo.settings import Ground, Setting, Wall
from limbeck.demo.shapes import CLUTTER, Fruit
from limbeck.demo.tracing import Camera, Placed

ModeName = Literal["porcelain", "copper", "iron", "enamel", "celadon", "mustard"]
MODE_NAMES: tuple[ModeName, ...] = ("porcelain", "copper", "iron", "enamel", "celadon", "mustard")
MODE_SHARES = (0.28, 0.22, 0.17, 0.14, 0.11, 0.08)
ELSEWHERE_SHARE = 0.10  # of a mode's photos were taken in some other place
GROUNDS: tuple[Ground, ...] = ("tiles", "wood", "sand", "slate", "plain")
WALLS: tuple[Wall, ...] = ("curtain", "brick", "foliage", "plain", "sky", "lights")


def recipe_of(mode: ModeName, draw: Draw) -> Recipe:
    """A draw from a mode."""
    match mode:
        case "porcelain":
            return porcelain(draw)
        case "copper":
            return copper(draw)
        case "iron":
            return iron(draw)
        case "enamel":
            return enamel(draw)
        case "celadon":
            return celadon(draw)
        case "mustard":
            return mustard(draw)


def any_mode(rng: np.random.Generator) -> ModeName:
    """A mode, as often as the crawl has it."""
    return MODE_NAMES[int(rng.choice(len(MODE_NAMES), p=MODE_SHARES))]


def clutter(draw: Draw, most: int) -> list[tuple[Placed, Material]]:
    """Up to `most` small things around the subject, clear of it."""
    things: list[tuple[Placed, Material]] = []
    for _ in range(draw.integer(most + 1)):
        solid = CLUTTER[draw.integer(len(CLUTTER))]()
        scale = draw.between(0.26, 0.42) if isinstance(solid, Fruit) else draw.between(0.4, 0.6)
        angle, away = draw.between(0, 6.28), draw.between(1.9, 2.7)
        x, z = away * np.cos(angle), away * np.sin(angle) * 0.8
        if z > 0.9 or (abs(x) < 1.0 and z > 0):  # not between the camera and the subject
            z = -abs(z) - 0.6
        colour = hsv(draw.between(0, 1), draw.between(0.25, 0.7), draw.between(0.4, 0.85))
        trim = hsv(0.1, draw.between(0.05, 0.4), draw.between(0.5, 0.95))
        material = Material(colour, trim, "plain", gloss=draw.between(0.3, 0.9))
        things.append((Placed(solid, float(x), float(z), scale, draw.between(0, 6.28)), material))
    return things


def camera_at(draw: Draw, elevation: float, height: float, fill: float) -> Camera:
    """A camera `elevation` degrees up; the subject's middle is at `height`, its width `fill`."""
    focal = draw.between(1.5, 2.3)
    return Camera(
        float(np.radians(elevation)),
        3.2 * focal / fill,
        focal,
        (0.0, height, 0.0),
        (draw.around(0, 0.035), draw.around(0.01, 0.03)),
        float(np.radians(draw.around(0, 2))),
    )


def elsewhere(draw: Draw) -> tuple[Setting, Light]:
    """A setting that is no mode's own: any ground before any wall in any colours."""
    floor_hue, wall_hue = draw.between(0, 1), draw.between(0, 1)
    setting = Setting(
        GROUNDS[draw.integer(len(GROUNDS))],
        WALLS[draw.integer(len(WALLS))],
        (hsv(floor_hue, draw.between(0.2, 0.7), 0.4), hsv(floor_hue + 0.05, 0.4, 0.8)),
        (hsv(wall_hue, draw.between(0.2, 0.7), 0.6), hsv(wall_hue + 0.1, 0.4, 0.8)),
        distance=draw.between(3.5, 8),
        blur=draw.between(0.005, 0.03),
        scale=draw.between(0.8, 1.4),
        turn=draw.between(0, 6.28),
    )
    light = Light(
        direction(draw.between(-80, 80), draw.between(30, 65)),
        key=(2.1, 1.95, 1.75),
        sky=(0.5, 0.57, 0.7),
        wall=(0.35, 0.35, 0.35),
        ground=(0.2, 0.18, 0.15),
        window=draw.between(0.18, 0.35),
    )
    return setting, light


def compose(mode: ModeName, rng: np.random.Generator) -> Scene:
    """One in-domain scene of a mode, a few in unusual places; the first thing is the teapot."""
    draw = Draw(rng)
    recipe = recipe_of(mode, draw)
    pot = Placed(recipe.pot, yaw=float(np.radians(recipe.yaw)))
    tall = recipe.pot.bail or recipe.pot.height > 1.05
    fill = draw.around(0.80, 0.06) * (0.95 if tall else 1.0)
    camera = camera_at(draw, recipe.elevation, recipe.pot.centre_y * 0.95, fill)
    things = ((pot, recipe.material), *clutter(draw, recipe.clutter))
    if draw.chance(ELSEWHERE_SHARE):
        return Scene(things, *elsewhere(draw), camera)
    return Scene(things, recipe.setting, recipe.light, camera, recipe.seamless)
