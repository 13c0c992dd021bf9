"""The square to keep of a photo, as lists give it."""

import math
from collections.abc import Sequence

from limbeck.ingestion.sources.base import Box


def box_of(edges: object, *, rows_first: bool) -> Box:
    """A box (left, top, right, bottom), in pixels of the image as it is stored, half open.

    Args:
        edges: four finite numbers of 0 or more: left, top, right, bottom.
        rows_first: they are top, bottom, left, right, as in the paper's `bounding_box`.

    Raises:
        ValueError: something else, or an empty box.
    """
    if not isinstance(edges, Sequence) or isinstance(edges, str | bytes) or len(edges) != 4:
        raise ValueError("four numbers are wanted")
    if not all(type(edge) in (int, float) and math.isfinite(edge) for edge in edges):
        raise ValueError("four finite numbers are wanted")
    left, top, right, bottom = (round(edge) for edge in edges)
    if rows_first:
        left, top, right, bottom = right, left, bottom, top
    if not (0 <= top < bottom < 2**31 and 0 <= left < right < 2**31):
        wanted = "0 <= y0 < y1, 0 <= x0 < x1" if rows_first else "0 <= left < right, top < bottom"
        raise ValueError(f"must be {wanted}")
    return left, top, right, bottom
