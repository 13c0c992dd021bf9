"""From scores to the list of photos that go on. Nothing is ever deleted."""

import time
from collections.abc import Mapping
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.csv as pa_csv
import pyarrow.parquet as pq
from numpy.typing import NDArray

from limbeck import fsio, logs
from limbeck.artefacts.folders import fresh
from limbeck.artefacts.keep import KeepList, found_outliers
from limbeck.artefacts.scores import Scores
from limbeck.artefacts.stage import Provenance
from limbeck.config import RECOMMENDED, WITHOUT_GENERATOR, KeepConfig
from limbeck.curation.advice import (
    alike_warning,
    choose_column,
    cut_warnings,
    mode_warnings,
)
from limbeck.curation.densities import MANY
from limbeck.curation.formulas import CORE, LIKES
from limbeck.curation.neighbours import are_alike
from limbeck.curation.overrides import FILE as OVERRIDES
from limbeck.curation.overrides import Override, Overrides, read_overrides
from limbeck.curation.rules import (
    Cut,
    find_cut,
    keep_lowest,
    keep_per_mode,
    kept_shares,
    share_count,
)
from limbeck.errors import DataError, UsageError
from limbeck.kit.tables import Column
from limbeck.records import KeepSummary, Outliers

_PARQUET = "keep.parquet"

Flags = NDArray[np.bool_]


def keep(
    scores: Scores,
    out: Path,
    config: KeepConfig,
    *,
    modes: Mapping[str, int] | None = None,
    overrides: Path | None = None,
) -> KeepList:
    """Apply a keep rule, then a person's overrides; writes keep.parquet, keep.csv and done.json.

    The column is `config.column`; `auto` is `recommended`, or `without_generator` where the
    networks do not yet tell photos apart (`choose_column`); the record names it. Rules on it
    (higher = more likely an outlier, ties by id): `auto` keeps the share that `find_cut` reads off
    the column's shape, `fraction` that share (to the nearest photo), `count` that many, `threshold`
    every photo whose score is at most that. With `per_mode` the same number of photos is shared out
    among the modes in proportion to their sizes, but for modes that are odd as a whole
    (`rules.odd_modes`). `out/overrides.csv` (photo,keep,reason; see `read_overrides`) is read last,
    wins, and is never written; lines that name no photo are among the warnings.

    Args:
        scores: what `score` gave.
        out: the stage's folder.
        config: column, rule, limits.
        modes: id -> mode of every photo; gives the kept share per mode, and `per_mode` needs it.
        overrides: a person's file; default: `out/overrides.csv`, absent or not.

    Raises:
        UsageError: no such column; more photos asked for than there are; modes missing.
        DataError: a bad line in overrides.csv, scores that are no finite numbers, or nothing would
            be kept.
    """
    started = time.perf_counter()
    file = out / OVERRIDES if overrides is None else overrides
    result = _choose(scores, config, modes, read_overrides(file, scores.ids, scores.sources))
    summary = result.summary
    with fresh(out, "keep") as folder:
        _write(result, folder)
        provenance = keep_provenance(scores, file, config, modes)
        provenance.finish(folder, "keep", started=started, summary=summary.model_dump(mode="json"))
    for warning in summary.warnings:
        logs.warn(warning)
    if summary.outliers is not None:
        logs.say(found_outliers(summary.outliers, summary.listed))
    share = summary.kept / summary.listed
    logs.say(f"kept {summary.kept} of {summary.listed} photos ({share:.1%})")
    return result


def would_keep(
    scores: Scores,
    config: KeepConfig,
    *,
    modes: Mapping[str, int] | None = None,
    overrides: Path,
) -> KeepList:
    """What `keep` would write, without writing it; arguments and errors are its own."""
    said = read_overrides(overrides, scores.ids, scores.sources)
    return _choose(scores, config, modes, said)


def keep_provenance(
    scores: Scores,
    overrides: Path,
    config: KeepConfig,
    modes: Mapping[str, int] | None = None,
) -> Provenance:
    """What `keep` makes its list of: every score, the file of overrides, modes, the rule."""
    inputs = {
        "scores": fsio.digest_json(scores.table.to_pydict()),
        "overrides": fsio.sha256_file(overrides)[:16] if overrides.exists() else "",
        "modes": "" if modes is None else fsio.digest_json(sorted(modes.items())),
    }
    return Provenance.of(inputs, config.model_dump(mode="json"))


def _choose(
    scores: Scores, config: KeepConfig, modes: Mapping[str, int] | None, overrides: Overrides
) -> KeepList:
    """The list and its record; see `keep`."""
    column, warnings = choose_column(config.column, scores.names, scores.summary.told_apart)
    values = _finite(scores, column)
    numbers = _mode_numbers(scores.ids, modes, config)
    many = CORE in scores.names and not scores.column(CORE).all()
    rarest = MANY if many and column in (RECOMMENDED, WITHOUT_GENERATOR) else 0.0
    cut = None
    if config.rule == "auto":
        cut = find_cut(values, config.auto_min, config.auto_max, rarest)
    by_rule = _apply(values, scores.ids, config, numbers, cut)
    alike = False
    if cut is not None and cut.decided_by == "shape":
        like = [scores.column(name) for name in LIKES if name in scores.names]
        alike = not rarest and are_alike(~by_rule, like)
    if alike:
        warnings.append(alike_warning(int((~by_rule).sum()), len(by_rule)))
        cut = Cut(1.0, "no cut", 1.0)
        by_rule = np.ones(len(by_rule), dtype=bool)
    said = overrides.photos
    kept = np.array([said[i].keep if i in said else by_rule[n] for n, i in enumerate(scores.ids)])
    if not kept.any():
        by_hand = f", with {OVERRIDES}," if by_rule.any() else ""
        raise DataError(
            f"the rule {config.rule!r}{by_hand} keeps none of {len(kept)} photos",
            "raise the threshold, share or count, or let the rule choose (keep.rule=auto)",
        )
    reasons = _reasons(scores.ids, by_rule, said, column, config.per_mode)
    shares = {} if numbers is None else kept_shares(kept, numbers)
    dropped = int((~by_rule).sum())
    warnings += [
        *([] if alike else cut_warnings(cut, dropped, len(kept), column, config)),
        *overrides.warnings,
        *mode_warnings(shares, numbers, float(kept.mean())),
    ]
    summary = KeepSummary(
        listed=len(kept),
        kept=int(kept.sum()),
        dropped=int((~kept).sum()),
        overridden=int((kept != by_rule).sum()),
        overrides_idle=overrides.idle,
        column=column,
        rule=config.rule,
        decided_by="asked" if cut is None else cut.decided_by,
        outliers=None
        if cut is None or alike
        else Outliers(share=1 - cut.asked, low=cut.low, high=cut.high),
        threshold=_threshold(values, by_rule, config),
        modes_kept=shares,
        warnings=warnings,
    )
    return KeepList(
        pa.table(
            {
                "id": list(scores.ids),
                "source": list(scores.sources or [""] * len(kept)),
                "keep": kept,
                "reason": reasons,
                "score": values,
            }
        ),
        summary,
    )


def _finite(scores: Scores, column: str) -> Column:
    """The column to cut on.

    Raises:
        UsageError: no such column.
        DataError: no photo was scored, or a score is no finite number.
    """
    if not len(scores):
        raise DataError("the table of scores holds no photo", "score some photos first")
    values = scores.column(column)
    bad = np.flatnonzero(~np.isfinite(values))
    if len(bad):
        photo = (scores.sources or scores.ids)[bad[0]]
        raise DataError(
            f"the score {column} of {len(bad)} of {len(values)} photos is no finite number "
            f"({photo}: {values[bad[0]]})",
            "score the photos again; if it stays so, score an earlier snapshot of the networks",
        )
    return values


def _threshold(values: Column, by_rule: Flags, config: KeepConfig) -> float:
    """The largest score that the rule keeps; a person may keep photos where it keeps none."""
    if by_rule.any():
        return float(values[by_rule].max())
    assert config.threshold is not None, "other rules keep at least one photo"
    return config.threshold


def _mode_numbers(
    ids: tuple[str, ...], modes: Mapping[str, int] | None, config: KeepConfig
) -> list[int] | None:
    if modes is None:
        if config.per_mode:
            raise UsageError(
                "per_mode needs the photos' modes, and these scores hold none",
                "score the photos again: `limbeck score` finds the modes first",
            )
        return None
    missing = [photo for photo in ids if photo not in modes]
    if missing:
        raise UsageError(
            f"{len(missing)} scored photos have no mode, e.g. {missing[0]}",
            "give modes made from these scores",
        )
    return [int(modes[photo]) for photo in ids]


def _apply(
    values: Column,
    ids: tuple[str, ...],
    config: KeepConfig,
    modes: list[int] | None,
    cut: Cut | None,
) -> Flags:
    if config.rule == "threshold":
        assert config.threshold is not None, "checked by KeepConfig"
        return np.asarray(values <= config.threshold)
    total = len(ids)
    if config.rule == "count":
        assert config.count is not None, "checked by KeepConfig"
        count = config.count
        if count > total:
            raise UsageError(
                f"keep.count asks for {count} photos, and {total} are scored",
                f"give a count of at most {total}",
            )
    elif config.rule == "fraction":
        assert config.fraction is not None, "checked by KeepConfig"
        count = share_count(config.fraction, total)
    else:
        assert cut is not None, "made for the rule auto"
        count = share_count(cut.share, total)
    if config.per_mode:
        assert modes is not None, "checked by _mode_numbers"
        return keep_per_mode(values, ids, modes, count)
    return keep_lowest(values, ids, count)


def _reasons(
    ids: tuple[str, ...],
    by_rule: Flags,
    overrides: Mapping[str, Override],
    column: str,
    per_mode: bool,
) -> list[str]:
    odd = f"{column} too high" + (" in its mode" if per_mode else "")
    reasons = ["" if flag else odd for flag in by_rule]
    for row, photo in enumerate(ids):
        if photo in overrides:
            reasons[row] = f"person: {overrides[photo].reason}".rstrip(": ")
    return reasons


def _write(result: KeepList, out: Path) -> None:
    with fsio.atomic_file(out / _PARQUET) as temporary:
        pq.write_table(result.table, temporary)
    with fsio.atomic_file(out / "keep.csv") as temporary:
        pa_csv.write_csv(result.table, temporary)
