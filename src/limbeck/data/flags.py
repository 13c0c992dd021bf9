"""From the scores of a photo to its flags: the limits, and what they mean in words."""

from dataclasses import dataclass

from limbeck.records import Flag, Quality


@dataclass(frozen=True)
class Limit:
    """A photo is flagged where its score is below `below`; `word` is what it is then."""

    below: float
    word: str
    meaning: str


LIMITS: dict[Flag, Limit] = {
    Flag.BLUR: Limit(
        0.5, "blurred", "even the sharpest part looks as if half of the resolution were missing"
    ),
    Flag.DARK: Limit(0.4, "dark", "95 % of the pixels are darker than 0.4 of white"),
    Flag.BRIGHT: Limit(0.3, "bright", "95 % of the pixels are brighter than 0.7 of white"),
    Flag.PLAIN: Limit(0.5, "plain", "few different levels of brightness: flat colours"),
    Flag.SMALL: Limit(0.67, "small", "enlarged by half or more to the side of the dataset"),
    Flag.NARROW: Limit(0.4, "narrow", "one side of the photo is 2.5 times the other, or more"),
    Flag.GREY: Limit(0.1, "without colour", "black and white, or toned in one colour"),
    Flag.TEXT: Limit(0.95, "with text", "5 % of the square, or more, looks like lines of text"),
    Flag.BORDER: Limit(0.97, "framed", "bars or a frame of one colour take 3 % or more"),
}
"""Chosen by what the scores mean, never by labels, and looked at on three sets of photos."""


def flags_of(quality: Quality) -> tuple[Flag, ...]:
    """The flags of a photo, in the order of `Flag`."""
    return tuple(flag for flag, limit in LIMITS.items() if getattr(quality, flag) < limit.below)
