"""Which layers of a generator a change goes to, by number or by name."""

import re

from limbeck.errors import UsageError

RANGES = ("all", "coarse", "middle", "fine")
"""Names of ranges: all layers, or the first, second and last third of them."""
_PART = re.compile(r"([0-9]{1,4})(?:-([0-9]{1,4})?)?")


def layers_named(text: str, num_ws: int) -> tuple[int, ...]:
    """`all`, `coarse`, `middle`, `fine`, or numbers and ranges -> layers, ascending.

    The first layers decide pose and shape, the last ones colours (StyleGAN, section 3.1).

    Args:
        text: a name, or e.g. `0-3,5` (both ends count; `4-` goes to the last layer).
        num_ws: layers of the generator that read a w, numbered from 0.

    Raises:
        UsageError: another form, a range that runs backwards, or a layer that is not there.
    """
    if text in RANGES:
        third = RANGES.index(text) - 1
        if third < 0:
            return tuple(range(num_ws))
        return tuple(range(num_ws * third // 3, num_ws * (third + 1) // 3))
    chosen: set[int] = set()
    for part in text.split(","):
        match = _PART.fullmatch(part.strip())
        if match is None:
            raise UsageError(
                f"layers {text!r}: {part!r} is no layer or range",
                f"write {', '.join(RANGES)}, or numbers from 0 to {num_ws - 1}, e.g. 0-3,5",
            )
        first = int(match[1])
        last = first if "-" not in part else int(match[2] or num_ws - 1)
        if last < first or last >= num_ws:
            raise UsageError(
                f"layers {text!r}: {part!r} is no range of this generator's layers",
                f"it has layers 0 to {num_ws - 1}",
            )
        chosen.update(range(first, last + 1))
    return tuple(sorted(chosen))
