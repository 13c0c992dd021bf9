"""Which seeds are drawn: those that were given, or random ones that are told."""

import secrets

import torch

from limbeck import logs
from limbeck.errors import UsageError
from limbeck.latents import Seeds, check_seeds, is_whole

_FRESH = 2**31  # fresh seeds lie below: short enough to copy by hand


def choose_seeds(
    seeds: Seeds | None, n: int | None = None, generator: torch.Generator | None = None
) -> list[int]:
    """The seeds given; else `n` (default 1) random ones.

    Random ones come from `generator`, which moves on; without it they are `n` in a row from a fresh
    random one, and a line on stderr says which.

    Raises:
        UsageError: no seeds (see `check_seeds`), both kinds at once, or `n` is no count.
    """
    if seeds is not None:
        if n is not None or generator is not None:
            raise UsageError("seeds were given, and n or a generator to draw seeds", "give either")
        return check_seeds(seeds)
    count = 1 if n is None else n
    if not is_whole(count) or count < 0:
        raise UsageError(f"n {n!r} is no count of images", "give a whole number, e.g. 8")
    if generator is not None:
        if not isinstance(generator, torch.Generator):
            raise UsageError(
                f"generator of type {type(generator).__name__}", "give a torch.Generator"
            )
        drawn = torch.randint(
            2**63 - 1, (count,), generator=generator, device=generator.device, dtype=torch.int64
        )
        return [int(seed) for seed in drawn.tolist()]
    first = secrets.randbelow(_FRESH)
    if count == 1:
        logs.say(f"seed {first}: give it again to draw the same image")
    elif count:
        logs.say(f"seeds range({first}, {first + count}): give them to draw the same images")
    return list(range(first, first + count))
