"""All parts of a listing as tasks of a Ray cluster, then joined: the dataset of one run.

Plain tasks, not Ray Data: the unit of work is a whole part, which lies on the shared disk when it
is done. So no pixel passes through Ray's object store, a task that dies is simply run again, a job
that was stopped goes on with the parts that are missing, and there is one code for Ray, for shards
by hand, and for one machine.
"""

import time
from pathlib import Path
from types import ModuleType
from typing import Any

from limbeck import logs
from limbeck.artefacts.folders import keep_apart
from limbeck.config import DataConfig
from limbeck.errors import UsageError
from limbeck.ingestion.cropping import eye_of
from limbeck.ingestion.earlier import way_of
from limbeck.ingestion.files import least_side
from limbeck.ingestion.joining import join, wanted_of_all
from limbeck.ingestion.optout import read_opt_out
from limbeck.ingestion.parting import ingest_part, part_provenance
from limbeck.ingestion.parts import Parts, part_folders, settings_of
from limbeck.ingestion.photo_classes import side_inputs
from limbeck.ingestion.shards import MOST, Shard
from limbeck.ingestion.sources import open_source
from limbeck.kit.ray_tasks import Failure, cluster, failure_of, run_tasks
from limbeck.records import IngestSummary


def ingest_by_ray(
    source: Path,
    out: Path,
    config: DataConfig,
    parts: int,
    *,
    place: Path | None = None,
    opt_out: Path | None = None,
    strict: bool = False,
    detector: Path | None = None,
) -> IngestSummary:
    """`ingest`, its parts made by Ray: on the cluster of RAY_ADDRESS, else on this machine.

    A task takes one core and one decoding child. Where `crop_object` is `auto` and parts show other
    objects than all photos together, they are made again for those; what was seen is used again.

    Args:
        source: whatever `ingest` reads; every machine sees it under this name.
        out: the dataset's folder, as of `ingest`.
        config: as of `ingest`.
        parts: how many; a few times the number of cores, and the same when a stopped job goes on.
        place: a folder that every machine sees, for the parts; default: `out` with `-parts` behind
            its name. It stays; parts that lie there and are current are not made again.
        opt_out, strict, detector: as of `ingest`.

    Returns:
        as `ingest`; `seconds` are those of the whole job (done.json has those of joining).

    Raises:
        UsageError: Ray is not installed, or as `ingest`.
        DataError, LimbeckError: as `ingest`; a part that fails ends the job.
    """
    started = time.perf_counter()
    source, out = Path(source).resolve(), Path(out)
    place = Path(place or out.with_name(f"{out.name}-parts")).resolve()
    _check(source, out, place, parts)
    read_opt_out(opt_out)
    with cluster() as ray:
        _make(ray, source, place, config, parts, detector)
        made = Parts(folders := _folders(place, parts))
        wanted, other = wanted_of_all(made, settings_of(made.facts, config))
        if other:
            agreed = config.model_copy(update={"crop_object": ",".join(sorted(wanted)) or "any"})
            logs.say(f"all photos together show {agreed.crop_object}; {other} are cropped again")
            _make(ray, source, place, agreed, parts, detector)
    summary = join(folders, place, out, config, opt_out=opt_out, strict=strict)
    return summary.model_copy(update={"seconds": time.perf_counter() - started})


def _check(source: Path, out: Path, place: Path, parts: int) -> None:
    if not 1 <= parts <= MOST:
        raise UsageError(f"{parts} parts", f"say a number from 1 to {MOST}")
    keep_apart(source, out)
    keep_apart(source, place)
    keep_apart(place, out)
    if part_folders(source):
        raise UsageError(f"{source} holds parts that are made already", "join them without --ray")


def _folders(place: Path, parts: int) -> list[Path]:
    return [place / f"{number:06d}" for number in range(parts)]


def _make(
    ray: ModuleType,
    source: Path,
    place: Path,
    config: DataConfig,
    parts: int,
    detector: Path | None,
) -> None:
    """Make the parts that are not there as they are wanted."""
    todo = _missing(source, place, config, parts, detector)
    calls = [
        (str(source), str(folder), config.model_dump(), number, parts,
         None if detector is None else str(Path(detector).resolve()))
        for number, folder in todo
    ]  # fmt: skip
    run_tasks(ray, _part, calls, "making parts")


def _missing(
    source: Path, place: Path, config: DataConfig, parts: int, detector: Path | None
) -> list[tuple[int, Path]]:
    with open_source(source) as photos:
        boxes = any(entry.box for entry in photos.entries)
        listing = photos.digest()
    decided, _ = eye_of(config, detector, boxes=boxes)
    way, inputs = way_of(decided, least_side(decided)), side_inputs(config, None)
    return [
        (number, folder)
        for number, folder in enumerate(_folders(place, parts))
        if not part_provenance(
            listing, Shard(number, parts), way, inputs, config
        ).done_in(folder)
    ]  # fmt: skip


def _part(
    source: str, out: str, config: dict[str, Any], number: int, of: int, detector: str | None
) -> Failure | None:
    """One task."""

    def work() -> None:
        weights = None if detector is None else Path(detector)
        settings, shard = DataConfig.model_validate(config), Shard(number, of)
        ingest_part(Path(source), Path(out), settings, shard, detector=weights, threads=1)

    return failure_of(work)
