"""`python -m studies contamination`: does the filter hold, whatever the share of outliers?

Photos are drawn from a labelled set with a known share of outliers, and the filter is asked which
to keep, without a generator. Labels draw and measure; scores and rule see none.
"""

import time
from collections.abc import Sequence
from datetime import UTC, datetime
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray

from limbeck import __version__, fsio, logs
from limbeck.artefacts.scores import Scores
from limbeck.config import RECOMMENDED, KeepConfig
from limbeck.curation import FUSED_WITHOUT, Seen, fuse, keep, look_at, photo_columns
from limbeck.data import Dataset
from limbeck.errors import DataError
from limbeck.evaluation import HiddenLabels
from limbeck.kit.device import machine
from limbeck.kit.rng import derive_seed
from limbeck.metrics import auroc
from limbeck.records import Outliers
from studies.plots import draw_shares

FORMAT_VERSION = 1
SHARES = (0.0, 0.02, 0.05, 0.1, 0.2, 0.3, 0.5)

Row = dict[str, Any]


def study_contamination(
    dataset: Dataset,
    truth: HiddenLabels,
    out: Path,
    *,
    photos: int = 3000,
    seeds: int = 2,
    seed: int = 0,
    shares: Sequence[float] = SHARES,
    device: str | torch.device = "cpu",
) -> dict[str, Any]:
    """What the filter drops of draws with a known share of outliers; contamination.json and .png.

    Args:
        dataset: labelled photos.
        truth: what labels say.
        out: the study's folder.
        photos: of a draw; fewer where the set has too few ordinary ones or outliers for a share.
        seeds: draws of each share, from `seed` on.
        shares: of outliers, 0 to 1.
        device: where the trunks look.

    Returns:
        What contamination.json holds: a row a draw with `share`, `seed`, `photos`, `auroc` (None
        without outliers), `dropped` and the shares `outliers_dropped`, `ordinary_dropped`, and what
        the rule says (`estimate`, `low`, `high`, `decided_by`).

    Raises:
        DataError: the set has no labelled outliers, or none in-domain.
    """
    began = time.perf_counter()
    fine = np.isin(dataset.ids, truth.clean(dataset.infos))
    if fine.all() or not fine.any():
        raise DataError(
            f"{int(fine.sum())} of {len(fine)} photos are labelled in-domain",
            "give labels with ordinary photos and outliers",
        )
    seen = look_at(dataset, device=device)
    rows = []
    cells = [(share, seed + number) for share in shares for number in range(seeds)]
    for share, number in logs.track(cells, "draws", len(cells)):
        some = draw(fine, share, photos, number)
        rows.append(
            {"share": share, "seed": number, **_judged(seen.only(some), ~fine[some], number)}
        )
    found = {
        "bench": "contamination", "format_version": FORMAT_VERSION, "dataset": dataset.digest,
        "rows": rows, "seconds": round(time.perf_counter() - began, 1),
        "machine": machine(torch.device(device)),
        "date": datetime.now(UTC).isoformat(timespec="seconds"), "limbeck": __version__,
    }  # fmt: skip
    fsio.write_json(out / "contamination.json", found)
    draw_shares(out / "contamination.png", rows)
    return found


def draw(fine: NDArray[np.bool_], share: float, photos: int, seed: int) -> NDArray[np.int64]:
    """Row numbers of at most `photos` photos of which a share are outliers, in random order.

    Args:
        fine: [N], which photos are ordinary.
        share: of outliers.
        photos: wanted; as many as both groups allow at this share.
        seed: of the draw.
    """
    random = np.random.default_rng(derive_seed(seed, f"contamination {share}"))
    ordinary, odd = np.flatnonzero(fine), np.flatnonzero(~fine)
    count = min(
        photos,
        int(len(odd) / share) if share > 0 else photos,
        int(len(ordinary) / (1 - share)) if share < 1 else photos,
    )
    outliers = round(share * count)
    rows = [random.choice(ordinary, count - outliers, False), random.choice(odd, outliers, False)]
    return np.asarray(random.permutation(np.concatenate(rows)), dtype=np.int64)


def _judged(seen: Seen, odd: NDArray[np.bool_], seed: int) -> Row:
    """One draw: the filter's own columns and rule, and how far they are right."""
    made = photo_columns(seen, seed=seed)
    made[RECOMMENDED] = fuse({name: made[name] for name in FUSED_WITHOUT})
    ids = tuple(f"{number:08d}" for number in range(len(odd)))
    with TemporaryDirectory() as folder:
        summary = keep(Scores.of(ids, made), Path(folder), KeepConfig()).summary
    dropped = made[RECOMMENDED] > summary.threshold
    said = summary.outliers or Outliers(share=0, low=0, high=0)  # it took them for a mode
    return {
        "photos": len(odd),
        "auroc": auroc(made[RECOMMENDED], odd) if odd.any() else None,
        "dropped": float(dropped.mean()),
        "outliers_dropped": float(dropped[odd].mean()) if odd.any() else None,
        "ordinary_dropped": float(dropped[~odd].mean()),
        "estimate": said.share, "low": said.low, "high": said.high,
        "decided_by": summary.decided_by,
    }  # fmt: skip
