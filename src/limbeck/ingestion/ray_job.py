"""All parts of a listing as tasks of a Ray cluster, then joined: the dataset of one run.

Plain tasks, not Ray Data: the unit of work is a whole part, which lies on the shared disk when it
is done. So no pixel passes through Ray's object store, a task that dies is simply run again, a job
that was stopped goes on with the parts that are missing, and there is one code for Ray, for shards
by hand, and for one machine.
"""

import time
from dataclasses import dataclass, replace
from pathlib import Path
from types import ModuleType
from typing import Any

from limbeck import logs
from limbeck.artefacts.folders import keep_apart
from limbeck.artefacts.stage import read_summary
from limbeck.config import DataConfig
from limbeck.errors import UsageError
from limbeck.ingestion.cropping import eye_of
from limbeck.ingestion.earlier import way_of
from limbeck.ingestion.fetching import Fetching
from limbeck.ingestion.files import least_side
from limbeck.ingestion.joining import join, wanted_of_all
from limbeck.ingestion.optout import read_opt_out
from limbeck.ingestion.parting import ingest_part, part_provenance
from limbeck.ingestion.parts import Parts, part_folders, settings_of
from limbeck.ingestion.photo_classes import side_inputs
from limbeck.ingestion.shards import MOST, Shard
from limbeck.ingestion.sources import UrlSource, open_source
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
    fetching: Fetching | None = None,
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
        fetching: of a list of URLs, as of `ingest`; but each part keeps its photos in a folder of
            its own there, by default in `out` with `-fetched` behind its name. Parts in which
            photos could not be fetched are made again, which asks for these alone.

    Returns:
        as `ingest`; `seconds` are those of the whole job (done.json has those of joining).

    Raises:
        UsageError: Ray is not installed, or as `ingest`.
        DataError, LimbeckError: as `ingest`; a part that fails ends the job.
    """
    started = time.perf_counter()
    source, out = Path(source).resolve(), Path(out).resolve()
    place = Path(place or out.with_name(f"{out.name}-parts")).resolve()
    _check(source, out, place, parts)
    read_opt_out(opt_out)
    fetching = fetching or Fetching()
    kept = (fetching.folder or out.with_name(f"{out.name}-fetched")).resolve()
    job = _Job(source, place, parts, detector, opt_out, replace(fetching, folder=kept))
    with cluster() as ray:
        job.make(ray, config)
        made = Parts(folders := _folders(place, parts))
        wanted, other = wanted_of_all(made, settings_of(made.facts, config))
        if other:
            agreed = config.model_copy(update={"crop_object": ",".join(sorted(wanted)) or "any"})
            logs.say(f"all photos together show {agreed.crop_object}; {other} are cropped again")
            job.make(ray, agreed)
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


@dataclass(frozen=True)
class _Job:
    """What all tasks have in common; see `ingest_by_ray`."""

    source: Path
    place: Path
    parts: int
    detector: Path | None
    opt_out: Path | None
    fetching: Fetching

    def make(self, ray: ModuleType, config: DataConfig) -> None:
        """Make the parts that are not there as they are wanted."""
        listed = self._of_urls()
        common = {
            "detector": None if self.detector is None else self.detector.resolve(),
            "opt_out": self.opt_out.resolve() if listed and self.opt_out else None,
        }
        calls = []
        for number, folder in self._missing(config, common["opt_out"]):
            home = self.fetching.home / f"{number:06d}"
            fetching = replace(self.fetching, folder=home) if listed else None
            shard = Shard(number, self.parts)
            calls.append((self.source, folder, config, shard, {**common, "fetching": fetching}))
        run_tasks(ray, _part, calls, "making parts")

    def _of_urls(self) -> bool:
        with open_source(self.source) as photos:
            return isinstance(photos, UrlSource)

    def _missing(self, config: DataConfig, opt_out: Path | None) -> list[tuple[int, Path]]:
        with open_source(self.source) as photos:
            boxes = any(entry.box for entry in photos.entries)
            listing, of_urls = photos.digest(), isinstance(photos, UrlSource)
        decided, _ = eye_of(config, self.detector, boxes=boxes)
        way, inputs = way_of(decided, least_side(decided)), side_inputs(config, opt_out)
        missing = []
        for number, folder in enumerate(_folders(self.place, self.parts)):
            wanted = part_provenance(listing, Shard(number, self.parts), way, inputs, config)
            if not wanted.done_in(folder) or (of_urls and _lacks_photos(folder)):
                missing.append((number, folder))
        return missing


def _lacks_photos(folder: Path) -> bool:
    """Whether photos of a part could not be fetched, or not read."""
    return read_summary(folder, IngestSummary).failed > 0


def _part(
    source: Path, out: Path, config: DataConfig, shard: Shard, options: dict[str, Any]
) -> Failure | None:
    """One task."""
    return failure_of(lambda: ingest_part(source, out, config, shard, threads=1, **options))
