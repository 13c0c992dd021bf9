"""The object drawn by hand instead of photographed: in ink, or as a flat cartoon."""

from dataclasses import replace

import numpy as np
from PIL import Image
from scipy.ndimage import binary_dilation, gaussian_filter

from limbeck.demo.materials import column
from limbeck.demo.photo import to_picture
from limbeck.demo.recipes import Draw, hsv
from limbeck.demo.scene import Scene, View, render
from limbeck.demo.scenes import MODE_NAMES, compose
from limbeck.demo.settings import noise_tile
from limbeck.demo.shapes import Array, f32

_OVER = 2  # drawings are made this much larger, then reduced


def _contours(view: View, width: int) -> Array:
    """1 on outlines and creases, 0 elsewhere; lines about `width` pixels wide."""
    edge = np.zeros(view.depth.shape, np.bool_)
    for axis in (0, 1):
        other = np.roll(view.thing, 1, axis) != view.thing
        jump = np.abs(np.roll(view.depth, 1, axis) - view.depth) > 0.12
        bend = (np.roll(view.normal, 1, axis + 1) * view.normal).sum(0) < 0.72
        trim = np.roll(view.trim, 1, axis) != view.trim
        edge |= other | ((jump | bend | trim) & (view.thing >= 0))
    edge[0], edge[:, 0] = False, False
    if width > 1:
        edge = binary_dilation(edge, iterations=width - 1)
    return f32(gaussian_filter(edge.astype(np.float32), 0.6))


def _only_subject(scene: Scene, draw: Draw) -> Scene:
    """Mostly without clutter: who draws leaves things out."""
    return scene if draw.chance(0.3) else replace(scene, things=scene.things[:1])


def line_drawing(size: tuple[int, int], rng: np.random.Generator) -> Image.Image:
    """The object in ink or pencil on paper, sometimes hatched where it is dark."""
    draw = Draw(rng)
    mode = MODE_NAMES[draw.integer(len(MODE_NAMES))]
    scene = _only_subject(compose(mode, rng), draw)
    view = render(scene, size[1] * _OVER, size[0] * _OVER, rng)
    ink = _contours(view, 1 + draw.integer(3))
    tone = gaussian_filter(view.colour.mean(0), 2)
    if draw.chance(0.6):
        rows, columns = np.indices(ink.shape, dtype=np.float32)
        for step, share in ((draw.between(5, 8), 55), (draw.between(6, 9), 25)):
            angle = draw.between(0.4, 1.2) * draw.side()
            wave = np.sin((columns * np.cos(angle) + rows * np.sin(angle)) * 6.2832 / step)
            dark = (view.thing >= 0) & (tone < np.percentile(tone[view.thing >= 0], share))
            ink = np.maximum(ink, 0.75 * (wave > 0.45) * dark)
    tile = noise_tile(rng)
    grain = np.tile(tile, (3, 3))[: ink.shape[0], : ink.shape[1]]
    paper = np.array(hsv(draw.around(0.11, 0.03), draw.between(0, 0.25), draw.between(0.78, 1)))
    paper = paper[:, None, None] ** (1 / 2.2) * (0.95 + 0.1 * grain)
    pen = np.array(hsv(draw.between(0.5, 0.75), draw.between(0, 0.8), draw.between(0.05, 0.4)))
    strength = np.clip(ink * (0.75 + 0.6 * (grain - 0.3)), 0, 1) * draw.between(0.75, 1)
    if draw.chance(0.15):
        paper, pen = paper * 0.25, np.array((0.8, 0.8, 0.75))
    page = paper * (1 - strength) + pen[:, None, None] ** (1 / 2.2) * strength
    return to_picture(page.astype(np.float32)).resize(size, Image.Resampling.LANCZOS)


def cartoon(size: tuple[int, int], rng: np.random.Generator) -> Image.Image:
    """The object as flat areas of colour with an outline, on a flat background."""
    draw = Draw(rng)
    mode = MODE_NAMES[draw.integer(len(MODE_NAMES))]
    scene = _only_subject(compose(mode, rng), draw)
    view = render(scene, size[1] * _OVER, size[0] * _OVER, rng)
    wall = column(hsv(draw.between(0, 1), draw.between(0.15, 0.7), draw.between(0.6, 1)))
    floor = column(hsv(draw.between(0, 1), draw.between(0.2, 0.7), draw.between(0.4, 0.9)))
    rows, columns = np.indices(view.depth.shape, dtype=np.float32) / min(view.depth.shape)
    horizon = draw.between(0.5, 0.75) + 0.03 * np.sin(columns * draw.between(2, 9))
    page = np.where(rows[None] > horizon, floor[:, :, None], wall[:, :, None])
    if draw.chance(0.5):  # a sun, or rays of it
        angle = np.arctan2(rows - 0.5, columns - 0.5)
        rays = np.sin(angle * 12) > 0 if draw.chance(0.5) else (rows - 0.2) ** 2 < 0.015 - (
            columns - 0.25) ** 2  # fmt: skip
        page = np.where(rays & (rows < horizon), page * 0.5 + 0.45, page)
    light = view.colour.mean(0)
    for number, (_, material) in enumerate(scene.things):
        inside = view.thing == number
        if not inside.any():
            continue
        lit = light > np.percentile(light[inside], draw.between(30, 50))
        body = column(material.colour if draw.chance(0.7) else hsv(draw.between(0, 1), 0.7, 0.9))
        for part, colour in ((~view.trim, body), (view.trim, column(material.trim))):
            flat = np.where(lit, 1.0, 0.55)[None] * np.maximum(colour, 0.02)[:, :, None]
            page = np.where(inside & part, flat, page)
    page = np.clip(page, 0, 1) ** (1 / 2.2)
    page = page * (1 - _contours(view, 2 + draw.integer(3)))
    return to_picture(page.astype(np.float32)).resize(size, Image.Resampling.LANCZOS)
