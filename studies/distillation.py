"""`python -m studies distillation`: what filtering by one's own generator buys, over several seeds.

For each seed four trainings that see equally many images: `raw` on all photos, `kept` on those that
the raw one's scores keep, `random` on as many photos drawn at random, and `oracle` on the labelled
in-domain photos: what a perfect filter would give, which no method may use. Each is then
measured against raw, kept and clean photos: filtering trivially helps against the filtered set.
Labels come in behind a `HiddenLabels`.
"""

import statistics
import time
from collections.abc import Iterable, Mapping, Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np

from limbeck import __version__, fsio, logs
from limbeck.artefacts.keep import KeepList, read_keep
from limbeck.artefacts.run import OVERRIDES
from limbeck.artefacts.snapshots import networks_of
from limbeck.artefacts.stage import Provenance
from limbeck.config import Config
from limbeck.curation import keep, keep_provenance, score
from limbeck.data import Dataset
from limbeck.errors import DataError, UsageError
from limbeck.evaluation import HiddenLabels, KeepCost
from limbeck.kit.device import machine, pick_device
from limbeck.kit.rng import derive_seed
from limbeck.kit.selection import evenly
from limbeck.metrics import present_features
from limbeck.nets import Networks, load_networks
from limbeck.training import train, train_slice
from studies.measure import Measurer
from studies.plots import draw_dots

FORMAT_VERSION = 1
VARIANTS = ("raw", "kept", "random", "oracle")
_FILTERED = ("kept", "random")  # need the raw one's scores
_FEWEST = 12  # photos and images


def study_distillation(
    dataset: Dataset,
    truth: HiddenLabels,
    config: Config,
    out: Path,
    *,
    seeds: int = 3,
    features: Sequence[str] = ("lpips-alex",),
    pictures: int = 2000,
    only: Sequence[str] = VARIANTS,
) -> dict[str, Any]:
    """Train what is missing, measure what is finished; the same call goes on where it stopped.

    Each training is what `limbeck.train` makes of `config` with its seed, in OUT/seed-S/VARIANT.
    Several calls with other `only` may work on one folder at once.

    Args:
        dataset: photos, some of them labelled.
        truth: what labels say.
        config: of every training (`train.kimg` is the length of each), of scores and keep rule;
            its seed is the first of `seeds`.
        out: the study's folder.
        features, pictures: what each generator is measured with.
        only: the variants to train; empty = measure what there is.

    Returns:
        What OUT/distillation.json holds: `rows` (mean and spread over seeds), `paired` (differences
        to `raw`), `costs` (what each keep list did, by seed), `left_out`.

    Raises:
        UsageError: unknown variants or features, or a keep rule that needs modes.
        DataError: too few photos, or a training of other photos or settings in the folder.
        Interrupted: a signal came while training; what is done is saved.
    """
    if unknown := set(only) - set(VARIANTS):
        raise UsageError(
            f"no variant {', '.join(sorted(unknown))}", f"choose among {', '.join(VARIANTS)}"
        )
    if config.keep.per_mode:
        raise UsageError(
            "keep.per_mode needs modes, and this study scores without them",
            "leave keep.per_mode out",
        )
    names = present_features(features)
    study = Study(dataset, truth, config, out, seeds)
    count = min(pictures, len(dataset), len(study.clean))
    if count < _FEWEST or not names:
        raise DataError(
            f"{count} photos or images are too few to compare (at least {_FEWEST}), or none of "
            f"the features is on this machine ({', '.join(names) or 'none'})",
            "add labelled photos, raise --pictures, or get weights with `limbeck weights get`",
        )
    _train(study, only)
    ruler = Measurer(dataset, names, count, pick_device(config.device))
    figures: list[Figure] = []
    for seed in study.seeds:
        sets = {"raw": evenly(dataset.ids, count), "clean": evenly(study.clean, count)}
        if (kept := study.keep(seed)) is not None:
            sets["kept"] = evenly(kept.ids, count)
        for variant in study.finished(seed):
            path = study.folder(seed, "measured") / f"{variant}.json"
            rows = ruler.measured(study.networks(seed, variant), sets, path)
            figures += figures_of(seed, variant, rows)
    photo_sets = {"raw": evenly(dataset.ids, count), "clean": evenly(study.clean, count)}
    found = {
        **study.about(), "features": names, "pictures": count,
        "rows": over_seeds(figures), "paired": differences(figures),
        "photo_diversity": ruler.photo_diversity(photo_sets, config.net.size),
    }  # fmt: skip
    fsio.write_json(out / "distillation.json", found)
    draw_dots(out, found)
    return found


class Study:
    """The folder of a study: which trainings there are, on which photos, and whether finished.

    Attributes:
        seeds: of the trainings.
        clean: ids of the labelled in-domain photos.
    """

    def __init__(
        self, dataset: Dataset, truth: HiddenLabels, config: Config, out: Path, seeds: int
    ) -> None:
        self.dataset, self._truth, self._config, self._out = dataset, truth, config, out
        self.seeds = range(config.seed, config.seed + seeds)
        self.clean = truth.clean(dataset.infos)
        self._kept: dict[int, KeepList] = {}

    def config(self, seed: int) -> Config:
        """Of the trainings of one seed."""
        return self._config.replace(seed=seed)

    def folder(self, seed: int, name: str) -> Path:
        """OUT/seed-S/NAME."""
        return self._out / f"seed-{seed}" / name

    def photos(self, seed: int, variant: str) -> Dataset | None:
        """What a variant is trained on, or None where the raw training has to come first."""
        if variant == "raw":
            return self.dataset
        if variant == "oracle":
            return self.dataset.select(self.clean)
        kept = self.keep(seed)
        if kept is None:
            return None
        return self.dataset.select(
            kept.ids if variant == "kept" else random_ids(self.dataset.ids, len(kept.ids), seed)
        )

    def is_finished(self, seed: int, variant: str) -> bool:
        """Whether the training is done, with these photos and settings.

        Raises:
            DataError: it is done with others.
        """
        folder = self.folder(seed, variant)
        if not (folder / "done.json").exists():
            return False
        photos = self.photos(seed, variant)
        kimg = round(self._config.train.kimg * 1000) / 1000
        wanted = train_slice(self.config(seed), kimg)
        if photos is None or not Provenance.of({"dataset": photos.digest}, wanted).done_in(folder):
            raise DataError(
                f"{folder} was trained on other photos or with other settings",
                "give another --out, the command it was begun with, or move the folder away",
            )
        return True

    def finished(self, seed: int) -> list[str]:
        """Variants of a seed that are done."""
        return [variant for variant in VARIANTS if self.is_finished(seed, variant)]

    def networks(self, seed: int, variant: str) -> Networks:
        """Those of a finished training, ready to draw."""
        folder = self.folder(seed, variant)
        found = networks_of(folder)
        assert found is not None, "asked of finished trainings only"
        networks = load_networks(found)
        return networks.to(pick_device(self._config.device)).eval().prepare()

    def keep(self, seed: int) -> KeepList | None:
        """The keep list of a seed, made where it is missing; None without a finished raw training.

        Scores and list are made as the method makes them: no label is read.
        """
        if seed in self._kept:
            return self._kept[seed]
        if not self.is_finished(seed, "raw"):
            return None
        config, where = self.config(seed), self.folder(seed, "keep")
        networks = self.networks(seed, "raw")
        scores = score(self.dataset, networks, self.folder(seed, "scores"), config.score, seed=seed)
        provenance = keep_provenance(scores, where / OVERRIDES, config.keep)
        current = provenance.done_in(where)
        self._kept[seed] = read_keep(where) if current else keep(scores, where, config.keep)
        return self._kept[seed]

    def about(self) -> dict[str, Any]:
        """What the study is made of, what its keep lists cost, and what is not finished."""
        done = {seed: self.finished(seed) for seed in self.seeds}
        left = [f"seed {s} {v}" for s in self.seeds for v in VARIANTS if v not in done[s]]
        return {
            "bench": "distillation", "format_version": FORMAT_VERSION,
            "dataset": self.dataset.digest, "photos": len(self.dataset), "clean": len(self.clean),
            "kimg": self._config.train.kimg, "seeds": list(self.seeds),
            "config": self._config.model_dump(mode="json"), "left_out": left,
            "trained_on": {str(s): self._counts(s, names) for s, names in done.items()},
            "costs": {str(s): self._costs(s) for s in self.seeds},
            "machine": machine(pick_device(self._config.device)),
            "date": datetime.now(UTC).isoformat(timespec="seconds"), "limbeck": __version__,
        }  # fmt: skip

    def _counts(self, seed: int, variants: Sequence[str]) -> dict[str, int]:
        sets = {name: self.photos(seed, name) for name in variants}
        return {name: len(photos) for name, photos in sets.items() if photos is not None}

    def _costs(self, seed: int) -> dict[str, dict[str, Any]]:
        """`KeepCost` of the kept photos and of the random ones."""
        found = {}
        for variant in _FILTERED:
            photos = self.photos(seed, variant)
            if photos is not None:
                cost: KeepCost = self._truth.cost(photos.ids, self.dataset.infos)
                found[variant] = cost.model_dump(mode="json")
        return found


def random_ids(ids: Sequence[str], count: int, seed: int) -> tuple[str, ...]:
    """`count` different ids drawn at random, a pure function of the seed; in their order."""
    random = np.random.default_rng(derive_seed(seed, "random drop"))
    return tuple(ids[row] for row in sorted(random.permutation(len(ids))[:count]))


def _train(study: Study, only: Sequence[str]) -> None:
    """Train the wanted variants that can be: always the first whose photos are known.

    What waits for a raw training that another process makes is tried again after each one.
    """
    missing = [(s, v) for s in study.seeds for v in VARIANTS if v in only]
    missing = [pair for pair in missing if not study.is_finished(*pair)]
    with logs.stages([_title(*pair) for pair in missing]) as walk:
        while True:
            known = ((pair, study.photos(*pair)) for pair in missing)
            ready = next(((pair, photos) for pair, photos in known if photos is not None), None)
            if ready is None:
                break
            pair, photos = ready
            missing.remove(pair)
            began = time.perf_counter()
            walk.begin(_title(*pair))
            train(photos, study.config(pair[0]), study.folder(*pair))
            walk.end()
            for other in missing:  # equally many images, so about as long
                walk.expect(_title(*other), time.perf_counter() - began)
    for seed, variant in missing:
        logs.say(
            f"{_title(seed, variant)}: not trained, for the raw training of that seed is not "
            "finished; train it first (--only raw)"
        )


def _title(seed: int, variant: str) -> str:
    return f"training {variant}, seed {seed}"


Row = dict[str, Any]
FIGURES = ("fid", "kid", "precision", "recall", "density", "coverage", "diversity")


class Figure(NamedTuple):
    """One figure of one generator: its images, truncated as `draw` says, against `photos`."""

    features: str
    draw: str
    photos: str
    figure: str
    variant: str
    seed: int
    value: float


def figures_of(seed: int, variant: str, rows: Iterable[Mapping[str, Any]]) -> list[Figure]:
    """All figures in the rows of one generator."""
    return [
        Figure(row["features"], row["draw"], row["photos"], name, variant, seed, float(row[name]))
        for row in rows
        for name in FIGURES
        if name in row
    ]


def over_seeds(figures: Iterable[Figure]) -> list[Row]:
    """Mean over seeds; `spread` is the standard deviation, null for one seed."""
    groups: dict[tuple[str, ...], dict[int, float]] = {}
    for one in figures:
        key = (one.features, one.draw, one.photos, one.figure, one.variant)
        groups.setdefault(key, {})[one.seed] = one.value
    return [_row(key, values) for key, values in groups.items()]


def differences(figures: Sequence[Figure], base: str = "raw") -> list[Row]:
    """Each variant minus `base` within a seed, then mean and spread over the seeds with both.

    What a seed does to both (the order of photos, the first weights) drops out.
    """
    ground = {(*one[:4], one.seed): one.value for one in figures if one.variant == base}
    paired = [
        one._replace(value=one.value - ground[*one[:4], one.seed])
        for one in figures
        if one.variant != base and (*one[:4], one.seed) in ground
    ]
    return [{**row, "minus": base} for row in over_seeds(paired)]


def _row(key: tuple[str, ...], values: Mapping[int, float]) -> Row:
    features, draw, photos, figure, variant = key
    return {
        "features": features, "draw": draw, "photos": photos, "figure": figure, "variant": variant,
        "mean": statistics.fmean(values.values()),
        "spread": statistics.stdev(values.values()) if len(values) > 1 else None,
        "seeds": {str(seed): value for seed, value in sorted(values.items())},
    }  # fmt: skip
