"""Measuring a run: every figure with what it was measured on, appended to metrics.jsonl."""

import shlex
import sys
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from pathlib import Path

import numpy as np
import torch
from PIL import Image
from torch import Tensor

from limbeck import __version__, fsio, logs
from limbeck.artefacts.keep import read_keep
from limbeck.artefacts.labels import Truth, TruthRow, read_truth
from limbeck.artefacts.run import RunDir
from limbeck.artefacts.scores import Scores, read_scores
from limbeck.config import Config
from limbeck.data import Dataset, open_dataset
from limbeck.errors import DataError, UsageError
from limbeck.evaluation.generator_rows import Asked, Row, draws_of, generator_rows
from limbeck.evaluation.outlier_table import OutlierTable, keep_cost, outlier_auroc
from limbeck.evaluation.recognition import PictureJudges, Recogniser, check_shown, present_judges
from limbeck.kit.allocator import keep_memory
from limbeck.kit.device import machine, pick_device
from limbeck.kit.selection import even_rows
from limbeck.latents import ModeCentres
from limbeck.metrics import (
    lpips_diversity,
    mode_recovery,
    nearest_modes,
    path_length,
    present_features,
)
from limbeck.percept import LPIPS
from limbeck.records import ImageInfo

_DIVERSE = 256
_PICTURES = 2000
_HEAVY = 256  # images, below which 2,048 features tell nothing
_JUDGED = 1000  # images of a generator that are asked what they show, and photos of each half
_FEWEST_JUDGED = 12  # photos, below which nothing says what images should show
_SHARPEST = 288  # px at which photos say what belongs to the domain


def evaluate(
    run: Path,
    *,
    labels: Path | None = None,
    features: Sequence[str] | None = ("lpips-alex",),
    pictures: int | None = None,
    seed: int = 0,
    device: str | None = None,
    recognise: bool | None = False,
    detector: Path | None = None,
    shown: str | None = None,
    smoothness: bool = False,
) -> list[Row]:
    """Measure what stands in a run; rows are appended to run/metrics/metrics.jsonl.

    Always: both generators against raw and kept photos, their variety, and whether they repeat
    photos (`generator_rows`); LPIPS diversity of the samples that stand. With labels: AUROC of
    every score column (overall and by kind), what the keep list cost, true modes against both
    generators', and the generators against clean in-domain photos.

    Args:
        run: a run's folder.
        labels: see `read_truth`; used here and nowhere else.
        features: of `lpips-alex` (ships), `lpips-vgg16`, `efficientnet-lite0`, `inception` (minutes
            to an hour on a CPU); None = all whose weights are on this machine, but for fewer than
            256 images the first alone. What is absent is skipped with one line.
        pictures: to draw from each generator; None = 2,000, or as many as there are photos.
        seed: of the images generated and of KID's subsets; the run's own is in each row as `seed`.
        device: None = the run's own.
        recognise: also ask two judges what the images show (see `Recogniser`), as far as their
            weights are here (minutes on a CPU); None = from 256 images on.
        detector: file of the detector's weights; None = limbeck's cache.
        smoothness: also the perceptual path length of both generators (`path_length`), by
            LPIPS-VGG16 where its weights are here, else by LPIPS-AlexNet.
        shown: what photos show, by its name in COCO; None = what the detector finds in most.

    Returns:
        The rows: each has `metric`, `value`, counts, `seed`, `date`, `preset`, version, `machine`,
        `command`.

    Raises:
        DataError: no run, no dataset in it, unusable labels, or nothing to measure.
        UsageError: unknown features or object, no images asked for, or no file `detector`.
        WeightsError: `detector` holds other bytes than the pinned ones.
    """
    check_shown(shown)
    run_dir = RunDir(Path(run))
    config = run_dir.config()
    dataset = open_dataset(run_dir.data)
    if pictures is not None and pictures < 1:
        raise UsageError(f"--pictures {pictures}: nothing could be measured", "give at least 1")
    wanted = min(_PICTURES, len(dataset)) if pictures is None else pictures
    where = pick_device(config.device if device is None else device)
    if where.type == "cpu":
        keep_memory()
    names = ("lpips-alex",) if features is None and wanted < _HEAVY else features
    asked = Asked(tuple(present_features(names)), wanted, seed, where)
    judges = PictureJudges()
    if recognise or (recognise is None and wanted >= _HEAVY):
        judges = present_judges(where, detector)
    elif recognise is None:
        logs.say(f"what images show is not asked: {wanted} images, {_HEAVY} are the least")
    rows: list[Row] = []
    clean: list[str] = []
    if labels is not None:
        truth = read_truth(labels)
        rows += _labelled(run_dir, dataset, truth, config.net.size, config.seed)
        joined = truth.join(dataset.infos)
        clean = [photo for photo, row in joined.items() if row.is_outlier is False]
    rows += generator_rows(run_dir, dataset, config, asked, clean)
    if smoothness:
        rows += _smoothness(run_dir, config, asked)
    if judges != PictureJudges():
        rows += _recognised(run_dir, dataset, config, asked, judges, shown)
    with logs.working("measuring how varied the samples are"):
        rows += _diversity(run_dir.root / "samples", dataset, config.net.size)
    if not rows:
        raise DataError(
            f"{run_dir.root} has neither generated images nor labelled photos to measure",
            "give --labels FILE, or finish the run: limbeck resume",
        )
    about = _about(config, dataset, where)
    rows = [{**row, **about} for row in rows]
    for row in rows:
        fsio.append_jsonl(run_dir.root / "metrics" / "metrics.jsonl", row)
    return rows


def _recognised(
    run_dir: RunDir,
    dataset: Dataset,
    config: Config,
    asked: Asked,
    judges: PictureJudges,
    shown: str | None,
) -> list[Row]:
    """What each generator's images show, against all photos of the run; see `Recogniser`."""
    draws = [draw for name in ("raw", "kept") for draw in draws_of(run_dir, config, asked, name)]
    if not draws or len(dataset) < _FEWEST_JUDGED:
        return []
    size = draws[0].pictures.networks.config.size
    count = min(2 * min(_JUDGED, max(asked.pictures, _HEAVY)), len(dataset))
    chosen = even_rows(len(dataset), count)
    photos = dataset.at(max(size, min(dataset.size, _SHARPEST)), resident=False)[chosen]
    judge = Recogniser(photos, size, judges, shown=shown, seed=asked.seed)
    rows: list[Row] = []
    for draw in draws:
        pictures = torch.cat(list(draw.pictures.first(_JUDGED)))
        for metric, figures in judge(pictures).items():
            rows.append({"metric": metric, **draw.about(), **figures})
    return rows


def _smoothness(run_dir: RunDir, config: Config, asked: Asked) -> list[Row]:
    """The path length of each generator, untruncated."""
    vgg16 = bool(present_features(["lpips-vgg16"]))
    lpips = LPIPS.load("vgg16" if vgg16 else "alex").to(asked.device)
    features = "lpips-vgg16" if vgg16 else "lpips-alex"
    rows: list[Row] = []
    for name in ("raw", "kept"):
        for draw in draws_of(run_dir, config, asked, name)[:1]:
            with logs.working(f"measuring how smooth images by {name} change"):
                found = path_length(
                    draw.pictures.networks, lpips, features=features, seed=asked.seed
                )
            values = found.model_dump(mode="json", exclude={"value"})
            rows.append(
                {"metric": "path_length", "value": found.value, **draw.about(), **values}
            )  # fmt: skip
    return rows


def _about(config: Config, dataset: Dataset, device: torch.device) -> Row:
    """What every row says of the run and of how it was measured."""
    return {
        "seed": config.seed,
        "preset": config.preset,
        "size": config.net.size,
        "dataset_photos": len(dataset),
        "date": datetime.now(UTC).isoformat(timespec="seconds"),
        "limbeck": __version__,
        "machine": machine(device),
        "command": shlex.join([Path(sys.argv[0]).name, *sys.argv[1:]]),
    }


def _labelled(run_dir: RunDir, dataset: Dataset, truth: Truth, size: int, seed: int) -> list[Row]:
    rows: list[Row] = []
    if (run_dir.scores / "scores.parquet").exists():
        scores = read_scores(run_dir.scores)
        with logs.working("comparing scores with the labels"):
            rows += outlier_rows(outlier_auroc(scores, dataset.infos, truth, seed=seed))
    if (run_dir.keep / "keep.parquet").exists():
        chosen = read_keep(run_dir.keep)
        cost = keep_cost(tuple(chosen.kept), chosen.ids, dataset.infos, truth)
        rows.append(
            {
                "metric": "keep",
                "value": cost.outliers_removed,
                "listed": len(chosen.kept),
                "kept": len(chosen.ids),
                **cost.model_dump(mode="json"),
            }
        )
    return rows + _modes(run_dir, dataset, truth.join(dataset.infos), size)


def outlier_rows(table: OutlierTable, *, control: bool = False) -> list[Row]:
    """One row of metrics per column: its AUROC, with average precision, spread and AUROC by kind.

    `control`: the scores came from untrained networks (see `untrained_control`).
    """
    result: list[Row] = []
    for name in table.columns():
        row = table.row(name)
        result.append(
            {
                "metric": "auroc-untrained" if control else "auroc",
                "column": name,
                "value": row.auroc,
                "average_precision": row.average_precision,
                "spread": row.spread,
                "outliers": row.outliers,
                "in_domain": row.in_domain,
                "by_kind": {kind: table.auroc(name, kind) for kind in table.kinds()},
                "photos_without_label": table.photos_without_label,
                "labels_without_photo": table.labels_without_photo,
            }
        )
    return result


def untrained_control(
    run: Path, scores: Scores, infos: Sequence[ImageInfo], truth: Truth, *, seed: int = 0
) -> list[Row]:
    """What the same columns reach with networks that never saw a photo; appended to metrics.jsonl.

    Args:
        run: the run's folder.
        scores: the table that `limbeck.curation.score` gives for `Networks.create` of the run's
            own NetConfig: same photos, same settings, no training.
        infos, truth, seed: as in `outlier_auroc`.
    """
    rows = outlier_rows(outlier_auroc(scores, infos, truth, seed=seed), control=True)
    date = datetime.now(UTC).isoformat(timespec="seconds")
    for row in rows:
        row |= {
            "seed": seed,
            "dataset_photos": len(scores.ids),
            "date": date,
            "limbeck": __version__,
        }
        fsio.append_jsonl(Path(run) / "metrics" / "metrics.jsonl", row)
    return rows


def _modes(
    run_dir: RunDir, dataset: Dataset, joined: Mapping[str, TruthRow], size: int
) -> list[Row]:
    """True modes of in-domain photos against the modes of both generators."""
    true_modes = {p: r.mode for p, r in joined.items() if r.mode and not r.is_outlier}
    if not true_modes:
        return []
    rows: list[Row] = []
    for which, folder in (("raw", run_dir.scores / "raw-modes"), ("kept", run_dir.modes)):
        if not (folder / "modes.safetensors").exists():
            continue
        centres = ModeCentres.load(folder / "modes.safetensors")
        chosen = dataset.select(true_modes)
        found = mode_recovery(true_modes, nearest_modes(chosen, centres.embeddings, size))
        values = found.model_dump(mode="json")
        rows.append(
            {"metric": "modes", "generator": which, "value": found.recovered, "centres":
             len(centres.centres), **values}
        )  # fmt: skip
    return rows


def _diversity(samples: Path, dataset: Dataset, size: int) -> list[Row]:
    """Mean pairwise LPIPS of the run's samples beside that of as many photos, evenly chosen."""
    files = sorted(p for p in samples.glob("*.png") if not p.name.startswith("grid"))[:_DIVERSE]
    if len(files) < 2 or len(dataset) < 2:
        return []
    pictures = torch.stack([_read_png(file) for file in files])
    photos = dataset.at(size, resident=False)[even_rows(len(dataset), len(files))]
    return [
        {
            "metric": "lpips_diversity",
            "value": lpips_diversity(pictures),
            "of_photos": lpips_diversity(photos),
            "samples": len(files),
        }
    ]


def _read_png(path: Path) -> Tensor:
    with Image.open(path) as picture:
        return torch.from_numpy(np.array(picture.convert("RGB"))).permute(2, 0, 1).contiguous()
