"""`python -m studies dose`: what filtering buys, by the share of outliers in the crawl.

Trunk and branches: for each share and seed one generator, the trunk, is trained on all photos of a
draw with that share. From its networks four branches go on for equally many images, with equal
settings, seed and falling steps: on all photos (`raw`), on those that the filter keeps (`kept`), on
as many at random (`random`), and on the ordinary ones (`oracle`, what a perfect filter would give).
What the trainings share drops out of the differences.

The outcome fixed beforehand is the share of outliers among generated images, told by a classifier
of labelled photos that no training saw, in features that neither the discriminator nor the filter
looks through; then KID and recall against ordinary photos that no training saw. The test fixed
beforehand is a paired t-test over seeds of branch minus `raw`. Labels draw the sets, train the
classifier and name the oracle; filter and trainings see none.
"""

import statistics
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from scipy.stats import t as student
from sklearn.linear_model import LogisticRegression
from sklearn.model_selection import StratifiedKFold, cross_val_predict
from sklearn.pipeline import Pipeline, make_pipeline
from sklearn.preprocessing import StandardScaler
from torch import Tensor

from limbeck import __version__, fsio, logs
from limbeck.artefacts.scores import Scores
from limbeck.artefacts.snapshots import networks_of
from limbeck.artefacts.stage import Provenance
from limbeck.config import RECOMMENDED, Config
from limbeck.curation import FUSED_WITHOUT, fuse, keep, look_at, photo_columns
from limbeck.data import Dataset
from limbeck.errors import DataError, UsageError
from limbeck.evaluation import Drawn, HiddenLabels
from limbeck.kit.device import machine, pick_device
from limbeck.kit.images import grid, resize_area, save_png
from limbeck.kit.rng import derive_seed
from limbeck.latents import tensors_digest
from limbeck.metrics import compare_sets, dataset_features, picture_features, present_features
from limbeck.nets import Networks, load_networks
from limbeck.percept import Features
from limbeck.training import train, train_slice
from studies.contamination import draw
from studies.plots import draw_doses

FORMAT_VERSION = 1
SHARES = (0.1, 0.3, 0.5)
BRANCHES = ("raw", "kept", "random", "oracle")
FIGURES = ("outliers", "kid", "recall", "coverage", "precision", "fid")
FILTERS_WITH: tuple[str, ...] = ("efficientnet-lite0", "lpips-alex")  # and so may not judge
FALSE_ALARMS = 0.05  # ordinary photos that the classifier may call outliers
_JUDGED = 2 / 5  # of the outliers train the classifier and never a generator
_REFERENCE = 2000  # ordinary photos that no training sees, at most
_FEWEST = 20  # labelled photos of each kind, below which there is no classifier
_SHOWN = 64  # images of a branch's sheet
_LEVEL = 0.95

Row = dict[str, Any]
Flags = NDArray[np.bool_]


@dataclass(frozen=True)
class Judge:
    """Tells outliers from ordinary images by features.

    Attributes:
        model: gives each row of features a probability.
        threshold: above it an image counts as an outlier.
        caught: share of the outliers above it, found by cross-validation; of the ordinary photos it
            is `FALSE_ALARMS`.
    """

    model: Pipeline
    threshold: float
    caught: float

    @classmethod
    def of(cls, features: Tensor, odd: Flags, seed: int) -> "Judge":
        """Learn from labelled photos: features float [N, D], outliers bool [N].

        Raises:
            DataError: too few of either kind.
        """
        if min(int(odd.sum()), int((~odd).sum())) < _FEWEST:
            raise DataError(
                f"{int(odd.sum())} outliers and {int((~odd).sum())} ordinary photos are held out, "
                f"{_FEWEST} of each are the least that tell them apart",
                "give more labelled photos, or a smaller --photos",
            )
        model = make_pipeline(
            StandardScaler(), LogisticRegression(C=0.01, class_weight="balanced", max_iter=2000)
        )
        folds = StratifiedKFold(5, shuffle=True, random_state=derive_seed(seed, "judge") % 2**32)
        x = features.numpy()
        chance = cross_val_predict(model, x, odd, cv=folds, method="predict_proba")[:, 1]
        threshold = float(np.quantile(chance[~odd], 1 - FALSE_ALARMS))
        return cls(model.fit(x, odd), threshold, float((chance[odd] > threshold).mean()))

    def share(self, features: Tensor) -> float:
        """The share of outliers among float [N, D]."""
        chance = self.model.predict_proba(features.numpy())[:, 1]
        return float((chance > self.threshold).mean())


@dataclass(frozen=True)
class Split:
    """Row numbers of a draw: what is trained on, and what judges."""

    trained: NDArray[np.int64]
    judging: NDArray[np.int64]


def split(fine: Flags, share: float, photos: int, seed: int) -> Split:
    """A draw with a share of outliers, and what is left for the classifier and as reference.

    Args:
        fine: [N], which photos are ordinary.
        share: of outliers among those trained on.
        photos: to train on; fewer where there are too few for this share.
        seed: of the draw.
    """
    random = np.random.default_rng(derive_seed(seed, "dose"))
    odd, ordinary = random.permutation(np.flatnonzero(~fine)), np.flatnonzero(fine)
    held = set(odd[: round(_JUDGED * len(odd))].tolist())
    pool = np.asarray([row for row in range(len(fine)) if row not in held], dtype=np.int64)
    trained = pool[draw(fine[pool], share, min(photos, len(pool)), seed)]
    rest = np.setdiff1d(ordinary, trained)
    reference = random.permutation(rest)[:_REFERENCE]
    judging = np.concatenate([reference, np.asarray(sorted(held), dtype=np.int64)])
    return Split(np.sort(trained), np.sort(judging))


def study_dose(
    dataset: Dataset,
    truth: HiddenLabels,
    config: Config,
    out: Path,
    *,
    shares: Sequence[float] = SHARES,
    seeds: int = 5,
    photos: int = 1500,
    branch_kimg: float | None = None,
    features: str = "lpips-vgg16",
    pictures: int = 5000,
) -> dict[str, Any]:
    """Train what is missing, measure what is finished; the same call goes on where it stopped.

    Commands with other shares or seeds may share OUT; each tells of its own.

    Args:
        dataset: labelled photos; whoever has no label counts as an outlier.
        truth: what labels say.
        config: of the trunk (`train.kimg` is its length); its seed is the first of `seeds`. The
            encoder is left out.
        out: the study's folder.
        shares: of outliers in the photos trained on, above 0 and below 1.
        seeds: trunks of each share.
        photos: trained on.
        branch_kimg: length of each branch; None = half the trunk's.
        features: what judges; see above.
        pictures: generated by each branch.

    Returns:
        What OUT/dose.json holds: `cells` (each share and seed with its figures by branch), `rows`
        (mean and standard error over seeds) and `paired` (branch minus raw: mean, interval, p).

    Raises:
        UsageError: a share out of range, or features that D or the filter looks through.
        DataError: too few labelled photos; trainings of other settings in the folder.
        Interrupted: a signal came while training; what is done is saved.
    """
    if not shares or min(shares) <= 0 or max(shares) >= 1:
        raise UsageError(f"shares {list(shares)}", "give numbers between 0 and 1, e.g. 0.1,0.3")
    if features in FILTERS_WITH:
        raise UsageError(
            f"{features} would judge itself: the filter looks through it",
            "give lpips-vgg16 or inception",
        )
    if features not in present_features([features]):
        raise DataError(f"no weights of {features}", f"limbeck weights get {features}")
    config = config.replace(**{"train.encoder": False})
    branch = config.train.kimg / 2 if branch_kimg is None else branch_kimg
    fine = np.isin(dataset.ids, truth.clean(dataset.infos))
    cells = []
    for seed in range(config.seed, config.seed + seeds):
        for share in shares:
            rows = split(fine, share, photos, seed)
            cell = Cell(dataset, fine, rows, config.replace(seed=seed), branch, out, share)
            cells.append(cell.measured(features, pictures))
    figures = {key: [c for c in cells if c["share"] == key] for key in dict.fromkeys(shares)}
    found = {
        "bench": "dose", "format_version": FORMAT_VERSION, "dataset": dataset.digest,
        "features": features, "pictures": pictures, "trunk_kimg": config.train.kimg,
        "branch_kimg": branch, "cells": cells,
        "rows": [row for some in figures.values() for row in means(some)],
        "paired": [row for some in figures.values() for row in differences(some)],
        "config": config.model_dump(mode="json"), "machine": machine(pick_device(config.device)),
        "date": datetime.now(UTC).isoformat(timespec="seconds"), "limbeck": __version__,
    }  # fmt: skip
    fsio.write_json(out / "dose.json", found)
    draw_doses(out / "dose.png", found)
    return found


class Cell:
    """One share and seed: its photos, trunk and branches, in OUT/share-S/seed-N."""

    def __init__(
        self,
        dataset: Dataset,
        fine: Flags,
        rows: Split,
        config: Config,
        branch_kimg: float,
        out: Path,
        share: float,
    ) -> None:
        ids = np.asarray(dataset.ids)
        self.dataset, self.share, self.seed = dataset, share, config.seed
        self.trained = dataset.select(ids[rows.trained].tolist())
        self.odd = {str(i): not bool(f) for i, f in zip(ids, fine, strict=True)}
        self.judging = ids[rows.judging].tolist()
        long = {"train.snapshot_kimg": 1e6, "train.decay": 0.0}
        self.trunk_config = config.replace(**long)
        self.branch_config = config.replace(
            **long | {"train.kimg": branch_kimg, "train.decay": 1.0, "train.grow": 0.0}
        )
        self.folder = out / f"share-{share:g}" / f"seed-{self.seed}"
        self.device = pick_device(config.device)

    def measured(self, features: str, pictures: int) -> Row:
        """The figures of every branch; what is trained and measured already is read."""
        begin = self._train("trunk", self.trained, self.trunk_config, None)
        photos = self._branches()
        networks = {}
        for name, chosen in photos.items():
            where = self._train(name, chosen, self.branch_config, begin)
            networks[name] = load_networks(where, ["G_ema"]).to(self.device).eval().prepare()
        path = self.folder / "measured.json"
        key = fsio.digest_json(
            [FORMAT_VERSION, features, pictures, self.judging,
             {name: tensors_digest(one.G_ema.state_dict()) for name, one in networks.items()}]
        )  # fmt: skip
        if path.exists() and (row := fsio.read_object(path)).get("key") == key:
            return row
        row = {
            "key": key, "share": self.share, "seed": self.seed,
            "photos": {name: len(some) for name, some in photos.items()},
            "outliers_in": {name: self._odd(some) for name, some in photos.items()},
            **self._figures(networks, features, pictures),
        }  # fmt: skip
        self._draw(networks)
        fsio.write_json(path, row)
        return row

    def _branches(self) -> dict[str, Dataset]:
        """What each branch is trained on."""
        kept = self._kept()
        random = np.random.default_rng(derive_seed(self.seed, "random drop"))
        some = sorted(random.permutation(len(self.trained))[: len(kept)])
        ids = self.trained.ids
        chosen = {
            "raw": ids, "kept": kept, "random": tuple(ids[row] for row in some),
            "oracle": tuple(photo for photo in ids if not self.odd[photo]),
        }  # fmt: skip
        return {name: self.trained.select(chosen[name]) for name in BRANCHES}

    def _kept(self) -> tuple[str, ...]:
        """What the filter keeps, without a generator: no label is read."""
        path = self.folder / "kept.json"
        if path.exists():
            return tuple(fsio.read_json(path))
        columns = photo_columns(look_at(self.trained, device=self.device), seed=self.seed)
        columns[RECOMMENDED] = fuse({name: columns[name] for name in FUSED_WITHOUT})
        scores = Scores.of(tuple(self.trained.ids), columns)
        with TemporaryDirectory() as folder:
            kept = keep(scores, Path(folder), self.trunk_config.keep).ids
        fsio.write_json(path, list(kept))
        return tuple(kept)

    def _train(self, name: str, photos: Dataset, config: Config, begin: Path | None) -> Path:
        """Train what is not there; returns its networks.

        Raises:
            DataError: the folder holds a training of other photos or settings.
        """
        folder = self.folder / name
        kimg = round(config.train.kimg * 1000) / 1000
        wanted = Provenance.of({"dataset": photos.digest}, train_slice(config, kimg))
        if not (folder / "done.json").exists():
            logs.say(f"{self.share:.0%} outliers, seed {self.seed}: training {name}")
            train(photos, config, folder, begin=begin)
        elif not wanted.done_in(folder):
            raise DataError(
                f"{folder} was trained on other photos or with other settings",
                "give another --out, or the command it was begun with",
            )
        found = networks_of(folder)
        assert found is not None, "it is finished"
        return found

    def _odd(self, photos: Dataset) -> float:
        return float(np.mean([self.odd[photo] for photo in photos.ids]))

    def _figures(self, networks: Mapping[str, Networks], features: str, pictures: int) -> Row:
        trunk = Features(features, self.device)
        size = self.trunk_config.net.size
        photos = self.dataset.select(self.judging)
        odd = np.asarray([self.odd[photo] for photo in photos.ids])
        real = dataset_features(photos, trunk, size=size)
        judge = Judge.of(real, odd, self.seed)
        clean = real[torch.from_numpy(~odd)]
        found: dict[str, Row] = {}
        for name, one in networks.items():
            images = Drawn(one, pictures)
            fake = picture_features(images, trunk, images.key)
            near = compare_sets(clean, fake, features=features, seed=self.seed)
            figures = near.model_dump(include=set(FIGURES))
            found[name] = {"outliers": judge.share(fake), **figures}
        return {
            "caught": judge.caught, "false_alarms": FALSE_ALARMS, "reference": len(clean),
            "branches": found,
        }  # fmt: skip

    def _draw(self, networks: Mapping[str, Networks]) -> None:
        """images.png: raw, kept and oracle side by side, seeds 0 to 63, not picked."""
        sheets = []
        for name in ("raw", "kept", "oracle"):
            images = torch.cat(list(Drawn(networks[name], _SHOWN)))
            sheets.append(grid(resize_area(images, max(images.shape[-1], 64)), 8))
        gap = torch.full((3, sheets[0].shape[1], 12), 255, dtype=torch.uint8)
        save_png(
            torch.cat([sheets[0], gap, sheets[1], gap, sheets[2]], 2), self.folder / "images.png"
        )


def means(cells: Sequence[Row]) -> list[Row]:
    """Mean and standard error over the seeds of one share, by branch and figure."""
    return [
        {"share": cells[0]["share"], "branch": branch, "figure": figure, "seeds": len(cells),
         **_mean([cell["branches"][branch][figure] for cell in cells])}
        for branch in BRANCHES for figure in FIGURES
    ]  # fmt: skip


def differences(cells: Sequence[Row]) -> list[Row]:
    """Branch minus raw within a seed: mean, 95 % interval and p of a paired t-test over seeds.

    `low`, `high` and `p` (two-sided) are None for one seed, and p where all differences are equal.
    """
    rows = []
    for branch in BRANCHES[1:]:
        for figure in FIGURES:
            found = [
                cell["branches"][branch][figure] - cell["branches"]["raw"][figure] for cell in cells
            ]
            mean = _mean(found)
            row = {"share": cells[0]["share"], "branch": branch, "figure": figure,
                   "seeds": len(cells), **mean, "low": None, "high": None, "p": None}  # fmt: skip
            if mean["error"]:
                free = len(found) - 1
                half = mean["error"] * float(student.ppf((1 + _LEVEL) / 2, free))
                p = 2 * float(student.sf(abs(mean["mean"]) / mean["error"], free))
                row |= {"low": mean["mean"] - half, "high": mean["mean"] + half, "p": p}
            rows.append(row)
    return rows


def _mean(values: Sequence[float]) -> Row:
    error = statistics.stdev(values) / len(values) ** 0.5 if len(values) > 1 else None
    return {"mean": statistics.fmean(values), "error": error}
