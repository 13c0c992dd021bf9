"""What each truncation costs: seconds a picture, taken in turns."""

from collections.abc import Callable, Sequence
from typing import Any

import torch
from torch import Tensor

from limbeck.bench.timing import Work, compare
from limbeck.config import Truncation
from limbeck.kit.images import resize_area, to_float
from limbeck.latents import SPACE_SIZE, Embeds, HoldsGenerator, ModeCentres, paint_seeds

PLAIN = "global"
EMBEDDED = "global + one embedding"
LOOKED = "two pictures + one embedding"
_PSI = 0.7


def truncation_costs(
    networks: HoldsGenerator,
    embedder: Embeds,
    modes: ModeCentres,
    *,
    pictures: int = 32,
    batch: int = 16,
    repeats: int = 7,
) -> dict[str, Any]:
    """Seconds a picture of each way of truncating, and ratios to plain (global) sampling.

    `global + one embedding` is what multimodal-lpips would cost if looking at G(w) needed no second
    synthesis; `two pictures + one embedding` is what it cannot do without, so that
    `assignment` (the method's time to that, less 1) is what finding the nearest centre
    costs. With seven turns and more the medians can be quoted.

    Args:
        networks: the generator, where it lies.
        embedder: LPIPS on the same device.
        modes: its centres; without a map multimodal-map is left out.
        pictures: drawn in one turn.
        batch: at once.
        repeats: turns of each.
    """
    seeds, device = range(pictures), networks.G_ema.mapping.w_avg.device

    def draw(truncation: Truncation) -> Callable[[], list[Tensor]]:
        return lambda: [
            one.image
            for one in paint_seeds(
                networks, seeds, psi=_PSI, truncation=truncation, modes=modes, embedder=embedder,
                batch=batch,
            )
        ]  # fmt: skip

    @torch.no_grad()
    def look() -> None:
        for part in torch.split(torch.stack(draw("global")()), batch):
            embedder.embed(resize_area(to_float(part.to(device)), SPACE_SIZE))

    def look_and_draw() -> None:
        look()
        draw("global")()

    methods: Sequence[Truncation] = ("multimodal-l2", "multimodal-lpips", "multimodal-soft")
    works: dict[str, Work] = {PLAIN: draw("global"), EMBEDDED: look, LOOKED: look_and_draw}
    works |= {method: draw(method) for method in methods}
    if modes.map is not None:
        works["multimodal-map"] = draw("multimodal-map")
    times = compare({name: {"draw": work} for name, work in works.items()}, device, repeats)
    wall = {name: pieces["draw"]["wall"] for name, pieces in times.items()}
    plain = wall[PLAIN]["median"]
    return {
        "pictures": pictures, "batch": batch, "repeats": repeats,
        "seconds_per_picture": {n: t["median"] / pictures for n, t in wall.items()},
        "half_iqr": {n: t["half_iqr"] / pictures for n, t in wall.items()},
        "ratio_to_global": {n: t["median"] / plain for n, t in wall.items()},
        "assignment": wall["multimodal-lpips"]["median"] / wall[LOOKED]["median"] - 1,
    }  # fmt: skip
