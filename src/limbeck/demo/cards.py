"""Images made of words: cards, menus and quotes, and captions over photos."""

import numpy as np
from PIL import Image, ImageDraw, ImageFont

from limbeck.demo.recipes import Draw

_WORDS = (
    "tea", "time", "the", "best", "of", "home", "sale", "brew", "today", "only", "every", "morning",
    "begins", "with", "leaf", "and", "water", "calm", "kettle", "new", "green", "oolong", "price",
    "open", "from", "slow", "down", "welcome", "warm", "pot", "five", "ten", "spring", "shop",
)  # fmt: skip
_HEADS = ("SALE", "TEA TIME", "MENU", "OPEN", "NEW", "THANK YOU", "50% OFF", "RECIPE", "NO. 7")


def _words(draw: Draw, count: int) -> str:
    return " ".join(_WORDS[draw.integer(len(_WORDS))] for _ in range(count))


def _write(
    pen: ImageDraw.ImageDraw, at: tuple[float, float], text: str, size: float, fill: str,
    stroke: int = 0, anchor: str = "mm",
) -> None:  # fmt: skip
    pen.text(at, text, fill=fill, font=ImageFont.load_default(size=max(size, 6)), anchor=anchor,
             stroke_width=stroke, stroke_fill="black")  # fmt: skip


def _fitting(text: str, size: float, width: float) -> float:
    """The size at which a line of text is at most `width` pixels wide."""
    length = float(ImageFont.load_default(size=size).getlength(text))
    return size * min(1, width / max(length, 1))


def _middle(size: tuple[int, int]) -> tuple[float, float, float]:
    """Left, top and side of the middle square: what is written there survives a square crop."""
    side = min(size)
    return (size[0] - side) / 2, (size[1] - side) / 2, side


def text_card(
    size: tuple[int, int], back: Image.Image | None, rng: np.random.Generator
) -> Image.Image:
    """A quote, a poster or a price list on paper, on a gradient, or over a scene `back`."""
    draw = Draw(rng)
    dark = draw.chance(0.35)
    ink = f"hsl({draw.integer(360)},{draw.integer(70)}%,{90 if dark else 15}%)"
    if back is not None:
        veil = Image.new("RGB", size, "black" if dark else "white")
        page = Image.blend(back.resize(size), veil, draw.between(0.35, 0.7))
    else:
        page = _gradient(size, draw, dark)
    pen = ImageDraw.Draw(page)
    style = draw.integer(3)
    if style == 0:
        _quote(pen, size, ink, draw)
    elif style == 1:
        _poster(pen, size, ink, draw)
    else:
        _price_list(pen, size, ink, draw)
    return page


def _quote(pen: ImageDraw.ImageDraw, size: tuple[int, int], ink: str, draw: Draw) -> None:
    left, top, side = _middle(size)
    lines = [_words(draw, 2 + draw.integer(2)) for _ in range(4 + draw.integer(4))]
    step = side * 0.84 / len(lines)
    for row, line in enumerate(lines):
        line = line.upper() if draw.chance(0.3) else line
        points = _fitting(line, min(step * 0.8, side * 0.16), side * 0.9)
        _write(pen, (left + side / 2, top + side * 0.08 + step * (row + 0.5)), line, points, ink)


def _poster(pen: ImageDraw.ImageDraw, size: tuple[int, int], ink: str, draw: Draw) -> None:
    left, top, side = _middle(size)
    head = _HEADS[draw.integer(len(_HEADS))]
    band = (0, top + side * 0.28, size[0], top + side * 0.62)
    pen.rectangle(band, fill=f"hsl({draw.integer(360)},65%,45%)")
    middle = left + side / 2
    points = _fitting(head, side * 0.3, side * 0.92)
    _write(pen, (middle, top + side * 0.45), head, points, "white")
    for y, count, points in ((0.16, 2, 0.12), (0.74, 3, 0.09), (0.87, 3, 0.09)):
        text = _words(draw, count)
        points = _fitting(text, side * points, side * 0.92)
        _write(pen, (middle, top + side * y), text, points, ink)


def _price_list(pen: ImageDraw.ImageDraw, size: tuple[int, int], ink: str, draw: Draw) -> None:
    left, top, side = _middle(size)
    rows = 7 + draw.integer(4)
    step = side * 0.86 / rows
    for row in range(rows):
        y = top + side * 0.07 + step * (row + 0.5)
        text, price = _words(draw, 2), f"{draw.between(1, 30):.2f}"
        points = _fitting(text, step * 0.75, side * 0.62)
        _write(pen, (left + side * 0.06, y), text, points, ink, anchor="lm")
        _write(pen, (left + side * 0.94, y), price, step * 0.75, ink, anchor="rm")


def _gradient(size: tuple[int, int], draw: Draw, dark: bool) -> Image.Image:
    """Paper of one colour, or running from one to another."""
    low, high = (
        Image.new("RGB", size, f"hsl({draw.integer(360)},{draw.integer(60)}%,{lightness}%)")
        for lightness in (
            (10 + draw.integer(20) if dark else 72 + draw.integer(25)) for _ in range(2)
        )
    )
    if draw.chance(0.5):
        return low
    return Image.composite(low, high, Image.linear_gradient("L").resize(size))


def caption(photo: Image.Image, rng: np.random.Generator) -> Image.Image:
    """A photo with loud words over it or on bands above and below, as jokes are passed around."""
    draw = Draw(rng)
    left, top, side = _middle(photo.size)
    page = photo.copy()
    pen = ImageDraw.Draw(page)
    bands = draw.chance(0.4)
    for y in (0.13, 0.87):
        text = _words(draw, 2 + draw.integer(2)).upper()
        points = _fitting(text, side * 0.2, side * 0.96)
        at = left + side / 2, top + y * side
        if bands:
            low, high = (0, top + side * 0.25) if y < 0.5 else (top + side * 0.75, photo.height)
            pen.rectangle((0, low, photo.width, high), fill="white")
            _write(pen, at, text, points, "black")
        else:
            _write(pen, at, text, points, "white", max(round(points / 11), 1))
    return page
