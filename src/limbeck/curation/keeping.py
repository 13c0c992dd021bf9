"""From scores to the list of photos that go on (METHOD 2, step 5). Nothing is ever deleted."""

import time
from collections import Counter
from collections.abc import Mapping, Sequence
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.csv as pa_csv
import pyarrow.parquet as pq
from numpy.typing import NDArray

from limbeck import fsio, logs, rundir
from limbeck.config import KeepConfig
from limbeck.curation.fusion import Column
from limbeck.curation.overrides import FILE as OVERRIDES
from limbeck.curation.overrides import Override, read_overrides
from limbeck.curation.rules import (
    GUTTED,
    automatic_share,
    keep_lowest,
    keep_per_mode,
    kept_shares,
    share_count,
)
from limbeck.curation.table import Scores
from limbeck.errors import DataError, UsageError
from limbeck.kit.tables import read_table
from limbeck.records import KeepSummary

_PARQUET = "keep.parquet"
_FEW = 5

Flags = NDArray[np.bool_]


class KeepList:
    """Which photos go on.

    Attributes:
        table: pyarrow table (id, keep, reason, score), one row a scored photo, in dataset order;
            `reason` is empty for what the rule keeps.
        summary: counts, rule, threshold, kept share per mode, warnings.
    """

    def __init__(self, table: pa.Table, summary: KeepSummary) -> None:
        self.table = table
        self.summary = summary

    @property
    def ids(self) -> tuple[str, ...]:
        """Kept photos, in dataset order."""
        return self._where(True)

    @property
    def dropped(self) -> tuple[str, ...]:
        """Dropped photos, in dataset order."""
        return self._where(False)

    def _where(self, keep: bool) -> tuple[str, ...]:
        pairs = zip(
            self.table.column("id").to_pylist(), self.table.column("keep").to_pylist(), strict=True
        )
        return tuple(photo for photo, flag in pairs if flag is keep)


def keep(
    scores: Scores, out: Path, config: KeepConfig, *, modes: Mapping[str, int] | None = None
) -> KeepList:
    """Apply a keep rule, then a person's overrides; writes keep.parquet, keep.csv and done.json.

    Rules on `config.column` (higher is odder, ties by id): `auto` keeps the share that
    `automatic_share` reads off the column's shape, `fraction` that share (to the nearest photo),
    `count` that many, `threshold` every photo whose score is at most that. With `per_mode` the same
    number of photos is shared out among the modes in proportion to their sizes, but for
    modes that are odd as a whole (`rules.odd_modes`). `out/overrides.csv`
    (id,keep,reason) is read last, wins, and is never written.

    Args:
        scores: what `score` gave.
        out: the stage's folder.
        config: column, rule, limits.
        modes: id -> mode of every photo; gives the kept share per mode, and `per_mode` needs it.

    Raises:
        UsageError: no such column; more photos asked for than there are; modes missing.
        DataError: a bad line in overrides.csv, or nothing would be kept.
    """
    started = time.perf_counter()
    values = scores.column(config.column)
    numbers = _mode_numbers(scores.ids, modes, config)
    overrides = read_overrides(out / OVERRIDES, scores.ids)
    by_rule = _apply(values, scores.ids, config, numbers)
    kept = by_rule.copy()
    for row, photo in enumerate(scores.ids):
        if photo in overrides:
            kept[row] = overrides[photo].keep
    if not kept.any():
        raise DataError(f"the rule {config.rule!r} keeps none of {len(kept)} photos", "loosen it")
    reasons = _reasons(scores.ids, by_rule, overrides, config)
    shares = {} if numbers is None else kept_shares(kept, numbers)
    summary = KeepSummary(
        listed=len(kept),
        kept=int(kept.sum()),
        dropped=int((~kept).sum()),
        overridden=int((kept != by_rule).sum()),
        column=config.column,
        rule=config.rule,
        threshold=float(values[by_rule].max()) if by_rule.any() else float(values.min()),
        modes_kept=shares,
        warnings=_warnings(shares, numbers, float(kept.mean())),
    )
    result = KeepList(
        pa.table({"id": list(scores.ids), "keep": kept, "reason": reasons, "score": values}),
        summary,
    )
    _write(result, out)
    inputs = keep_inputs(scores, out, modes)
    rundir.finish(
        out, "keep", inputs=inputs, config=config.model_dump(mode="json"), started=started,
        summary=summary.model_dump(mode="json"),
    )  # fmt: skip
    for warning in summary.warnings:
        logs.warn(warning)
    logs.say(f"kept {summary.kept} of {summary.listed} photos ({summary.kept / len(kept):.1%})")
    return result


def keep_inputs(
    scores: Scores, out: Path, modes: Mapping[str, int] | None = None
) -> dict[str, str]:
    """Digests of what `keep` reads: every score, overrides.csv, modes."""
    overrides = out / OVERRIDES
    return {
        "scores": fsio.digest_json(scores.table.to_pydict()),
        "overrides": fsio.sha256_file(overrides)[:16] if overrides.exists() else "",
        "modes": "" if modes is None else fsio.digest_json(sorted(modes.items())),
    }


def read_keep(folder: Path) -> KeepList:
    """Read what `keep` wrote.

    Raises:
        DataError: the folder holds no finished, readable keep list.
    """
    folder = Path(folder)
    done = rundir.read_done(folder)
    if done is None or not (folder / _PARQUET).exists():
        raise DataError(f"{folder} holds no finished keep list", "run `limbeck keep`")
    again, path = "run `limbeck keep` again", folder / _PARQUET
    summary = fsio.as_record(done.summary, KeepSummary, f"{folder / 'done.json'}: summary", again)
    table = read_table(path, _FIELDS, again)
    kept = pc.sum(table["keep"]).as_py() or 0
    if (len(table), kept) != (summary.listed, summary.kept):
        raise DataError(
            f"{path} keeps {kept} of {len(table)} photos, done.json says {summary.kept} of "
            f"{summary.listed}",
            again,
        )
    if pc.count_distinct(table["id"]).as_py() < len(table):
        raise DataError(f"{path} names a photo twice", again)
    if not np.isfinite(table["score"].to_numpy()).all():
        raise DataError(f"{path} holds a score that is not finite", again)
    return KeepList(table, summary)


_FIELDS = {"id": pa.string(), "keep": pa.bool_(), "reason": pa.string(), "score": pa.float64()}


def _mode_numbers(
    ids: tuple[str, ...], modes: Mapping[str, int] | None, config: KeepConfig
) -> list[int] | None:
    if modes is None:
        if config.per_mode:
            raise UsageError("per_mode needs the photos' modes", "score with mode centres first")
        return None
    missing = [photo for photo in ids if photo not in modes]
    if missing:
        raise UsageError(
            f"{len(missing)} scored photos have no mode, e.g. {missing[0]}",
            "give modes made from these scores",
        )
    return [int(modes[photo]) for photo in ids]


def _apply(
    values: Column, ids: tuple[str, ...], config: KeepConfig, modes: list[int] | None
) -> Flags:
    if config.rule == "threshold":
        assert config.threshold is not None, "checked by KeepConfig"
        return np.asarray(values <= config.threshold)
    total = len(ids)
    if config.rule == "count":
        assert config.count is not None, "checked by KeepConfig"
        count = config.count
        if count > total:
            raise UsageError(f"keep.count = {count} of {total} scored photos", "ask for less")
    elif config.rule == "fraction":
        assert config.fraction is not None, "checked by KeepConfig"
        count = share_count(config.fraction, total)
    else:
        share = automatic_share(values, config.auto_min, config.auto_max)
        count = share_count(share, total)
    if config.per_mode:
        assert modes is not None, "checked by _mode_numbers"
        return keep_per_mode(values, ids, modes, count)
    return keep_lowest(values, ids, count)


def _reasons(
    ids: tuple[str, ...], by_rule: Flags, overrides: Mapping[str, Override], config: KeepConfig
) -> list[str]:
    odd = f"{config.column} too high" + (" in its mode" if config.per_mode else "")
    reasons = ["" if flag else odd for flag in by_rule]
    for row, photo in enumerate(ids):
        if photo in overrides:
            reasons[row] = f"person: {overrides[photo].reason}".rstrip(": ")
    return reasons


def _warnings(
    shares: Mapping[int, float], numbers: Sequence[int] | None, overall: float
) -> list[str]:
    """Modes of a few photos say nothing: only those of at least `_FEW` are named."""
    sizes = Counter(numbers or ())
    return [
        f"mode {mode} is gutted: {share:.0%} of its photos kept, {overall:.0%} of all; "
        "look at them, or keep per mode"
        for mode, share in shares.items()
        if share < GUTTED * overall and sizes[mode] >= _FEW
    ]


def _write(result: KeepList, out: Path) -> None:
    with fsio.atomic_file(out / _PARQUET) as temporary:
        pq.write_table(result.table, temporary)
    with fsio.atomic_file(out / "keep.csv") as temporary:
        pa_csv.write_csv(result.table, temporary)
