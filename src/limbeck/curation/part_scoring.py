"""Scoring shared out: a part makes some of the blocks, `score` joins them."""

from pathlib import Path

from torch import Tensor

from limbeck import logs
from limbeck.config import ScoreConfig
from limbeck.curation.parts import Parts
from limbeck.curation.scoring import blocks_of, require_photos, scorer_of, scores_provenance
from limbeck.data import Dataset
from limbeck.nets import Networks


def score_part(
    dataset: Dataset,
    networks: Networks,
    place: Path,
    config: ScoreConfig,
    *,
    number: int,
    of: int,
    centres: Tensor | None = None,
    seed: int = 0,
) -> tuple[int, int]:
    """Make every `of`-th block of photos, from block `number` on: what `score` does photo by photo.

    Blocks that are there are not made again, and each is kept as soon as it is made.

    Args:
        dataset, networks, config, centres, seed: as of `score`; the same for all parts.
        place: a folder that all parts write to; `score` takes it.
        number: of the part, from 0.
        of: how many parts there are.

    Returns:
        How many blocks the part has, and how many of them were made now.

    Raises:
        DataError: an empty dataset; a value that is not finite; `place` holds blocks made of other
            photos, networks, settings or versions.
    """
    require_photos(dataset)
    provenance = scores_provenance(dataset, networks, config, centres, seed)
    store = Parts(place, provenance, blocks_of(dataset, config))
    mine = range(number, len(store.blocks), of)
    todo = sorted(set(mine) & set(store.missing()))
    if todo:
        scorer = scorer_of(dataset, networks, config, centres, seed)
        photos = sum(len(store.blocks.rows(block)) for block in todo)
        with logs.working("looking at every photo of the part", photos, "photos") as task:
            for block in todo:
                store.write(block, scorer.block(block, task), f"{number}/{of}")
    return len(mine), len(todo)


def missing_blocks(
    dataset: Dataset,
    networks: Networks,
    place: Path,
    config: ScoreConfig,
    *,
    centres: Tensor | None = None,
    seed: int = 0,
) -> list[int]:
    """Blocks of photos that no part has made yet.

    Args:
        dataset, networks, place, config, centres, seed: as of `score_part`.

    Raises:
        DataError: as `score_part`.
    """
    require_photos(dataset)
    provenance = scores_provenance(dataset, networks, config, centres, seed)
    return Parts(place, provenance, blocks_of(dataset, config)).missing()
