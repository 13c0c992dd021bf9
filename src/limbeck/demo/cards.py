"""Pictures made of words: cards, menus and quotes, and captions over photos."""

import numpy as np
from PIL import Image, ImageDraw, ImageFont

from limbeck.demo.modes import Draw

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
    length = ImageFont.load_default(size=size).getlength(text)
    return size * min(1, width / max(length, 1))


def text_card(size: tuple[int, int], back: Image.Image | None, rng: np.random.Generator
              ) -> Image.Image:  # fmt: skip
    """A quote, a poster or a price list on paper, on a gradient, or over a scene `back`."""
    draw = Draw(rng)
    width, height = size
    dark = draw.chance(0.35)
    ink = f"hsl({draw.integer(360)},{draw.integer(70)}%,{90 if dark else 15}%)"
    if back is not None:
        veil = Image.new("RGB", size, "black" if dark else "white")
        page = Image.blend(back.resize(size), veil, draw.between(0.35, 0.7))
    else:
        page = _gradient(size, draw, dark)
    pen = ImageDraw.Draw(page)
    short = min(size)
    style = draw.integer(3)
    if style == 0:
        lines = [_words(draw, 2 + draw.integer(2)) for _ in range(4 + draw.integer(4))]
        step = height * 0.8 / len(lines)
        for row, line in enumerate(lines):
            line = line.upper() if draw.chance(0.3) else line
            points = _fitting(line, min(step * 0.8, short * 0.16), width * 0.88)
            _write(pen, (width / 2, height * 0.1 + step * (row + 0.5)), line, points, ink)
    elif style == 1:
        head = _HEADS[draw.integer(len(_HEADS))]
        band = f"hsl({draw.integer(360)},65%,45%)"
        pen.rectangle((0, height * 0.28, width, height * 0.62), fill=band)
        points = _fitting(head, short * 0.3, width * 0.92)
        _write(pen, (width / 2, height * 0.45), head, points, "white")
        _write(pen, (width / 2, height * 0.16), _words(draw, 2), short * 0.11, ink)
        _write(pen, (width / 2, height * 0.78), _words(draw, 3), short * 0.085, ink)
    else:
        rows = 7 + draw.integer(4)
        step = height * 0.84 / rows
        for row in range(rows):
            y = height * 0.08 + step * (row + 0.5)
            _write(pen, (width * 0.07, y), _words(draw, 2), step * 0.72, ink, anchor="lm")
            _write(pen, (width * 0.93, y), f"{draw.between(1, 30):.2f}", step * 0.72, ink,
                   anchor="rm")  # fmt: skip
    return page


def _gradient(size: tuple[int, int], draw: Draw, dark: bool) -> Image.Image:
    low, high = (
        Image.new("RGB", size, f"hsl({draw.integer(360)},{draw.integer(60)}%,{light}%)")
        for light in ((10 + draw.integer(20),) * 2 if dark else (72 + draw.integer(25),) * 2)
    )
    if draw.chance(0.5):
        return low
    return Image.composite(low, high, Image.linear_gradient("L").resize(size))


def caption(photo: Image.Image, rng: np.random.Generator) -> Image.Image:
    """A photo with loud words over it or on bands above and below, as jokes are passed around."""
    draw = Draw(rng)
    width, height = photo.size
    page = photo.copy()
    pen = ImageDraw.Draw(page)
    bands = draw.chance(0.35)
    for y in (0.13, 0.87):
        text = _words(draw, 2 + draw.integer(2)).upper()
        points = _fitting(text, min(size_ := min(photo.size) * 0.2, size_), width * 0.94)
        if bands:
            top = 0 if y < 0.5 else height * 0.76
            pen.rectangle((0, top, width, top + height * 0.24), fill="white")
            _write(pen, (width / 2, y * height), text, points, "black")
        else:
            _write(pen, (width / 2, y * height), text, points, "white", max(round(points / 11), 1))
    return page
