"""What an Internet search brings along that nobody asked for: eight kinds of outlier."""

from collections.abc import Sequence
from typing import Literal

import numpy as np
from PIL import Image

from limbeck.demo.cards import caption, text_card
from limbeck.demo.drawings import cartoon, line_drawing
from limbeck.demo.materials import Material, Pattern
from limbeck.demo.photo import Darkroom, develop, random_darkroom, to_picture
from limbeck.demo.recipes import Draw, hsv
from limbeck.demo.scene import Scene, render
from limbeck.demo.scenes import any_mode, camera_at, clutter, compose, elsewhere, recipe_of
from limbeck.demo.settings import noise_tile
from limbeck.demo.shapes import OTHERS, Solid
from limbeck.demo.tracing import Placed

OutlierKind = Literal[
    "text_card", "collage", "line_drawing", "cartoon", "other_object", "noise", "blank", "caption"
]
OUTLIER_KINDS: tuple[OutlierKind, ...] = (
    "text_card", "collage", "line_drawing", "cartoon", "other_object", "noise", "blank", "caption",
)  # fmt: skip
OUTLIER_SHARES = (0.18, 0.16, 0.14, 0.15, 0.19, 0.06, 0.05, 0.07)
OVERSAMPLING = 1.4
PAINTED: tuple[Pattern, ...] = ("plain", "dots", "stripes", "speckle")


def snapshot(scene: Scene, size: tuple[int, int], rng: np.random.Generator) -> Image.Image:
    """A photo (width, height) of a scene, rendered larger and reduced, by some camera."""
    height, width = (round(side * OVERSAMPLING) for side in (size[1], size[0]))
    view = render(scene, height, width, rng)
    return develop(view.colour, size, random_darkroom(rng), rng)


def draw_outlier(kind: OutlierKind, size: tuple[int, int], rng: np.random.Generator) -> Image.Image:
    """One outlier (width, height) as an RGB image; a pure function of its arguments."""
    match kind:
        case "text_card":
            back = snapshot(stranger(rng, empty=True), size, rng) if rng.random() < 0.4 else None
            return text_card(size, back, rng)
        case "collage":
            return _collage(size, rng)
        case "line_drawing":
            return line_drawing(size, rng)
        case "cartoon":
            return cartoon(size, rng)
        case "other_object":
            return snapshot(stranger(rng), size, rng)
        case "noise":
            return _noise(size, rng)
        case "blank":
            return _blank(size, rng)
        case "caption":
            return caption(snapshot(compose(any_mode(rng), rng), size, rng), rng)


def stranger(
    rng: np.random.Generator, solids: Sequence[type[Solid]] = OTHERS, *, empty: bool = False
) -> Scene:
    """One of `solids`, half the time in a setting or a material that the domain uses too.

    `empty` leaves the object out.
    """
    draw = Draw(rng)
    recipe = recipe_of(any_mode(rng), draw)
    setting, light, material = recipe.setting, recipe.light, recipe.material
    if draw.chance(0.5):
        setting, light = elsewhere(draw)
    if draw.chance(0.65):
        material = Material(
            hsv(draw.between(0, 1), draw.between(0.4, 0.95), draw.between(0.5, 0.95)),
            hsv(draw.between(0, 1), draw.between(0.1, 0.8), draw.between(0.4, 0.95)),
            PAINTED[draw.integer(len(PAINTED))],
            hsv(draw.between(0, 1), draw.between(0, 0.9), draw.between(0.2, 0.95)),
            draw.between(0.3, 0.95),
            scale=5 + draw.integer(9),
            phase=draw.between(0, 6.28),
        )
    solid = solids[draw.integer(len(solids))]()
    yaw = draw.between(-0.6, 0.6) + (np.pi if draw.chance(0.5) else 0)
    camera = camera_at(draw, draw.between(3, 38), solid.centre_y, draw.around(0.95, 0.08))
    things = ((Placed(solid, yaw=yaw), material), *clutter(draw, 2))
    return Scene(() if empty else things, setting, light, camera)


def _collage(size: tuple[int, int], rng: np.random.Generator) -> Image.Image:
    """Several photos of the domain in one, with a border."""
    columns, rows = ((2, 2), (2, 1), (1, 2), (3, 3), (3, 2))[int(rng.integers(5))]
    gap = int(rng.integers(0, 5))
    tone = int(rng.choice((255, 255, 235, 20)))
    page = Image.new("RGB", size, (tone, tone, tone))
    width, height = (size[0] - gap) / columns, (size[1] - gap) / rows
    for row in range(rows):
        for column in range(columns):
            x0, y0 = round(column * width + gap), round(row * height + gap)
            x1, y1 = round((column + 1) * width), round((row + 1) * height)
            scene = compose(any_mode(rng), rng)
            page.paste(snapshot(scene, (x1 - x0, y1 - y0), rng), (x0, y0))
    return page


def _noise(size: tuple[int, int], rng: np.random.Generator) -> Image.Image:
    """A dead sensor, a broken download, or a texture with nothing on it."""
    draw = Draw(rng)
    width, height = size
    style = draw.integer(3)
    if style == 0:
        x = rng.random((3 if draw.chance(0.5) else 1, height, width), np.float32)
        x = np.broadcast_to(x * draw.between(0.3, 1), (3, height, width))
    elif style == 1:
        tiles = np.stack([np.tile(noise_tile(rng, draw.between(0.5, 0.9)), (2, 2)) for _ in "rgb"])
        x = np.clip((tiles[:, :height, :width] - 0.5) * draw.between(1, 2.2) + 0.5, 0, 1)
    else:
        bands = rng.random((3, -(-height // 6), 1), np.float32).repeat(6, 1)[:, :height]
        x = np.clip(bands + 0.25 * rng.standard_normal((3, height, width), np.float32), 0, 1)
    return to_picture(np.ascontiguousarray(x, np.float32))


def _blank(size: tuple[int, int], rng: np.random.Generator) -> Image.Image:
    """A lens cap, a wall, an empty sky: next to nothing, with a camera's grain and vignette."""
    draw = Draw(rng)
    first = hsv(draw.between(0, 1), draw.between(0, 0.5), draw.between(0.02, 1))
    second = [c * draw.between(0.6, 1.3) for c in first]
    slope = np.linspace(0, 1, size[1], dtype=np.float32)[None, :, None]
    light = np.array(first, np.float32)[:, None, None] * (1 - slope)
    light = light + np.array(second, np.float32)[:, None, None] * slope
    light = np.broadcast_to(light, (3, size[1], size[0])).astype(np.float32)
    room = Darkroom(vignette=draw.between(0, 0.5), grain=draw.between(0, 0.03))
    return develop(light, size, room, rng)
