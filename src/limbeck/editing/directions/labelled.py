"""Directions learned from labels of seeds, or of latents in a file."""

import csv
import io
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from limbeck import fsio
from limbeck.editing.directions.candidates import Candidate, along
from limbeck.editing.directions.ground import Ground
from limbeck.editing.directions.records import LabelFacts
from limbeck.editing.points import Point
from limbeck.errors import DataError
from limbeck.latents import HoldsGenerator, check_seeds, classes_of, seeds_to_z
from limbeck.nets import AnyGenerator

_BYTES = 64 * 2**20
_KEYS = ("seed", "row", "name")
_FOLDS = 5
FEWEST, FEWEST_OF_CLASS, MOST_CLASSES = 20, 5, 20
_INVERSE = tuple(10.0**power for power in range(-4, 4))  # C of the logistic regression
_PENALTIES = tuple(10.0**power for power in range(-2, 6))  # alpha of the ridge regression
_CHUNK = 4096
_FORM = "write a CSV with a column seed (or row or name, of --latents) and a column for each label"


@dataclass(frozen=True, eq=False)
class Labelled:
    """Latents with labels.

    Attributes:
        w: float32 [N, w_dim], or [N, num_ws, w_dim] where layers differ.
        columns: label -> its values as written, "" where unknown.
    """

    w: Tensor
    columns: dict[str, list[str]]

    def part(self, rows: Tensor) -> "Labelled":
        """The rows where bool [N] is true."""
        chosen = rows.tolist()
        columns = {
            name: [value for value, keep in zip(values, chosen, strict=True) if keep]
            for name, values in self.columns.items()
        }
        return Labelled(self.w[rows], columns)


def read_labelled(
    path: Path, networks: HoldsGenerator, points: Sequence[Point] | None = None
) -> Labelled:
    """Read labels of a CSV with a header.

    The first of the columns `seed`, `row` and `name` that is there says which latent a line is
    about: that of a seed, or a point by its number from 0 or its name. All other columns are
    labels; an empty cell is an unknown label.

    Args:
        path: the file.
        networks: whose seeds are meant.
        points: what `row` and `name` refer to.

    Raises:
        DataError: not such a file; names the line.
        UsageError: a seed out of range.
    """
    rows = _rows(path)
    key = next((name for name in _KEYS if name in rows[0]), None)
    labels = [name for name in rows[0] if name not in _KEYS]
    if key is None or not labels:
        raise DataError(f"{path}: no column seed, row or name, or no label beside it", _FORM)
    keys = [row[key] for row in rows]
    if key == "seed":
        w = _of_seeds(networks, [_whole(text, path, n) for n, text in enumerate(keys, 2)])
    else:
        w = _of_points(keys, key, path, points, networks.G_ema)
    return Labelled(w, {name: [row[name] for row in rows] for name in labels})


def _rows(path: Path) -> list[dict[str, str]]:
    text = fsio.read_text(path, _BYTES).removeprefix("\ufeff")
    reader = csv.DictReader(io.StringIO(text), strict=True)
    rows = []
    try:
        names = [name.strip() for name in reader.fieldnames or ()]
        if twice := [name for name, count in Counter(names).items() if count > 1]:
            raise DataError(f"{path}: two columns {fsio.plain(repr(twice[0]))}", "rename one")
        for row in reader:
            if None in row or None in row.values():
                raise DataError(f"{path}:{reader.line_num}: not as many fields as columns", _FORM)
            rows.append({name.strip(): value.strip() for name, value in row.items()})
    except csv.Error as error:
        raise DataError(f"{path}:{reader.line_num} is not CSV: {error}", _FORM) from None
    if not rows:
        raise DataError(f"{path} holds no labels", _FORM)
    return rows


def _whole(text: str, path: Path, line: int) -> int:
    if not text.isascii() or not text.isdigit() or len(text) > 19:
        raise DataError(f"{path}:{line}: {fsio.plain(repr(text))} is no whole number", _FORM)
    return int(text)


@torch.no_grad()
def _of_seeds(networks: HoldsGenerator, seeds: Sequence[int]) -> Tensor:
    """w of seeds as `limbeck sample` draws them, not truncated."""
    check_seeds(seeds)
    G, net = networks.G_ema, networks.config
    classes = classes_of(seeds, net)
    device, parts = G.mapping.w_avg.device, []
    for start in range(0, len(seeds), _CHUNK):
        c = None if classes is None else classes[start : start + _CHUNK].to(device)
        z = seeds_to_z(seeds[start : start + _CHUNK], net.z_dim).to(device)
        parts.append(G.mapping.w(z, c).float())
    return torch.cat(parts)


def _of_points(
    keys: Sequence[str], key: str, path: Path, points: Sequence[Point] | None, G: AnyGenerator
) -> Tensor:
    if points is None:
        raise DataError(
            f"{path}: {key} refers to latents in a file, and none is given", "give --latents FILE"
        )
    numbers = {point.name: number for number, point in enumerate(points)}
    chosen = []
    for line, text in enumerate(keys, 2):
        found = numbers.get(text) if key == "name" else _whole(text, path, line)
        if found is None or found >= len(points):
            raise DataError(
                f"{path}:{line}: there is no latent {fsio.plain(repr(text))}",
                f"the file of latents has {len(points)}",
            )
        chosen.append(points[found].ws)
    ws = torch.stack(chosen)
    if tuple(ws.shape[1:]) != (G.num_ws, G.w_dim):
        raise DataError(
            f"the latents are {list(ws.shape[1:])}, this generator's [{G.num_ws}, {G.w_dim}]",
            "give latents of this generator",
        )
    return ws.to(G.mapping.w_avg.device)


def label_candidates(
    G: AnyGenerator, ground: Ground, ranges: Sequence[str], labelled: Labelled, seed: int = 0
) -> list[Candidate]:
    """A direction for each label: towards larger numbers, or from the other classes to one.

    A column of numbers is learned by ridge regression, one of two values (numbers too) by logistic
    regression, towards the value that sorts last; one of more words by one logistic regression a
    word against the rest. Both have an L2 penalty, chosen by cross-validation in five folds; the
    score is that of an outer cross-validation, whose folds had no part in choosing. Directions are
    the regressions' normals (InterFaceGAN, arXiv 1907.10786, section 3.1), in w; of latents that
    differ by layer the mean over the layers is taken.

    Args:
        G: the generator.
        ground: whose w give the standard deviation that is strength 1.
        ranges: names of layers, each a candidate of every label.
        labelled: latents and labels.
        seed: of the folds.

    Raises:
        DataError: a label has too few rows, or one value alone.
    """
    w = labelled.w.mean(1) if labelled.w.ndim == 3 else labelled.w
    points = w.double().cpu().numpy()
    found = []
    for column, values in labelled.columns.items():
        known = np.array([bool(value) for value in values])
        if known.sum() < FEWEST:
            where = "" if ground.mode is None else f" of mode {ground.mode}"
            raise DataError(
                f"label {column!r}: {int(known.sum())} rows{where} have a value, {FEWEST} are "
                "needed",
                "label more latents, or leave the column out",
            )
        texts = [value for value in values if value]
        for v, facts in _fits(points[known], column, texts, seed):
            name = column if facts.value is None else f"{column}_{facts.value}"
            found += [along(G, ground, "labels", one, name, v, facts) for one in ranges]
    return found


def _fits(
    points: NDArray[np.float64], column: str, texts: Sequence[str], seed: int
) -> list[tuple[Tensor, LabelFacts]]:
    counts = Counter(texts)
    if len(counts) == 1:
        raise DataError(
            f"label {column!r} has one value alone, {fsio.plain(repr(texts[0]))}",
            "nothing can be learned from it: label others too, or leave the column out",
        )
    numbers = _numbers(texts)
    if numbers is not None and len(set(numbers)) > 2:
        return [_numeric(points, column, np.array(numbers), seed)]
    if len(counts) > MOST_CLASSES:
        raise DataError(
            f"label {column!r} has {len(counts)} different words, the limit is {MOST_CLASSES}",
            "write numbers, or fewer classes",
        )
    if few := [value for value, count in counts.items() if count < FEWEST_OF_CLASS]:
        raise DataError(
            f"label {column!r}: {fsio.plain(repr(few[0]))} has {counts[few[0]]} rows, "
            f"{FEWEST_OF_CLASS} are needed",
            "label more of that kind, or leave these rows out",
        )
    values = sorted(counts, key=lambda text: (float(text), "") if numbers else (0.0, text))
    wanted = values[1:] if len(values) == 2 else values
    return [_class(points, column, value, texts, seed) for value in wanted]


def _numbers(texts: Sequence[str]) -> list[float] | None:
    try:
        numbers = [float(text) for text in texts]
    except ValueError:
        return None
    return numbers if np.isfinite(numbers).all() else None


def _class(
    points: NDArray[np.float64], column: str, value: str, texts: Sequence[str], seed: int
) -> tuple[Tensor, LabelFacts]:
    from sklearn.linear_model import LogisticRegression
    from sklearn.model_selection import StratifiedKFold

    target = np.array([text == value for text in texts])
    share = float(max(target.mean(), 1 - target.mean()))
    folds = StratifiedKFold(_FOLDS, shuffle=True, random_state=seed % 2**32)
    model = LogisticRegression(max_iter=2000)
    v, score, penalty = _fit(points, target, model, {"C": _INVERSE}, folds)
    return v, LabelFacts(
        column=column, value=value, rows=len(texts), score=score, chance=share, penalty=penalty
    )


def _numeric(
    points: NDArray[np.float64], column: str, target: NDArray[np.float64], seed: int
) -> tuple[Tensor, LabelFacts]:
    from sklearn.linear_model import Ridge
    from sklearn.model_selection import KFold

    folds = KFold(_FOLDS, shuffle=True, random_state=seed % 2**32)
    scaled = (target - target.mean()) / target.std()
    v, score, penalty = _fit(points, scaled, Ridge(), {"alpha": _PENALTIES}, folds)
    return v, LabelFacts(
        column=column, value=None, rows=len(target), score=score, chance=0.0, penalty=penalty
    )


def _fit(
    points: NDArray[np.float64],
    target: NDArray[Any],
    model: Any,
    penalties: dict[str, tuple[float, ...]],
    folds: Any,
) -> tuple[Tensor, float, float]:
    """Unit normal float64 [w_dim], outer cross-validated score, the penalty that was chosen.

    w is brought to unit size as a whole, so that penalties mean the same for all generators.
    """
    from sklearn.model_selection import GridSearchCV, cross_val_score

    scaled = (points - points.mean(0)) / max(float(points.std()), 1e-12)
    search = GridSearchCV(model, penalties, cv=folds)
    score = float(cross_val_score(search, scaled, target, cv=folds).mean())
    search.fit(scaled, target)
    normal = torch.from_numpy(np.asarray(search.best_estimator_.coef_, dtype=np.float64).ravel())
    length = float(normal.norm())
    if length == 0:
        raise DataError("a label does not depend on w at all", "leave the column out")
    return normal / length, score, float(*search.best_params_.values())
