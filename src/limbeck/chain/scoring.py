"""Scores of photos with the modes of the generator: in one process, in parts, or as Ray tasks."""

import shutil
from pathlib import Path

from limbeck import fsio, logs
from limbeck.artefacts.folders import fresh
from limbeck.artefacts.mode_files import Modes, read_modes
from limbeck.artefacts.model_networks import read_networks
from limbeck.artefacts.scores import Scores, read_scores
from limbeck.config import Config
from limbeck.curation import (
    MODES,
    forget_joined,
    missing_blocks,
    parts_place,
    score,
    score_part,
    scores_provenance,
)
from limbeck.data import Dataset, open_dataset
from limbeck.errors import DataError, UsageError
from limbeck.ingestion import Shard
from limbeck.kit.device import pick_device
from limbeck.kit.ray_tasks import Failure, cluster, failure_of, run_tasks
from limbeck.modes import find_modes, modes_provenance
from limbeck.nets import Networks


def score_photos(dataset: Dataset, networks: Networks, out: Path, config: Config) -> Scores:
    """The generator's modes into `out/raw-modes`, then every score and each photo's mode.

    What stands in `out` for the same photos, networks and settings is read. Where parts lie beside
    it (`score_shard`), they are joined, and removed once the scores stand.

    Raises:
        DataError: as `score`; `out` holds something else; parts are missing, or made of other
            photos, networks, settings or versions.
    """
    settings, seed, place = config.modes, config.seed, parts_place(out)
    if modes_provenance(networks, settings, seed).done_in(out / MODES):
        centres = read_modes(out / MODES).centres
        if scores_provenance(dataset, networks, config.score, centres, seed).done_in(out):
            return read_scores(out)
    parts = place if place.is_dir() else None
    with fresh(out, "scores") as folder:
        if parts is None:
            modes = find_modes(networks, folder / MODES, settings, seed=seed)
        else:
            modes = _taken_over(networks, place / MODES, folder / MODES, config)
        scores = score(
            dataset, networks, folder, config.score, centres=modes.centres, seed=seed, parts=parts
        )
    if not fsio.is_temporary(out):
        forget_joined(out)
    return scores


def score_shard(
    dataset: Dataset, networks: Networks, out: Path, config: Config, shard: Shard
) -> tuple[int, int]:
    """Make one part of the scores of `score_photos`; that function joins all parts.

    Parts lie in `out` with `-parts` behind its name, with the generator's modes, which the first
    part makes. A part that was stopped goes on.

    Args:
        dataset, networks, out, config: as of `score_photos`; the same for all parts.
        shard: which part.

    Returns:
        How many blocks of photos the part has, and how many of them were made now.

    Raises:
        DataError: as `score_part`.
    """
    place = parts_place(out)
    modes = _modes_of_parts(networks, place / MODES, config)
    return score_part(
        dataset, networks, place, config.score, number=shard.number, of=shard.of,
        centres=modes.centres, seed=config.seed,
    )  # fmt: skip


def score_by_ray(data: Path, networks: Path, out: Path, config: Config, parts: int) -> Scores:
    """`score_photos`, its parts made by Ray (`parts_by_ray`).

    Args:
        data, networks, out, config, parts: as of `parts_by_ray`.

    Returns:
        as `score_photos`.

    Raises:
        UsageError, DataError: as `parts_by_ray`, `score_photos`.
    """
    parts_by_ray(data, networks, out, config, parts)
    return score_photos(open_dataset(data), _opened(networks, config.device), out, config)


def parts_by_ray(data: Path, networks: Path, out: Path, config: Config, parts: int) -> None:
    """Make all parts of `score_shard` by Ray: on the cluster of RAY_ADDRESS, else on this machine.

    A task takes one core; every machine sees dataset, networks and `out` under the same names.
    Blocks of photos that are there are not made again, so a job that was stopped goes on.

    Args:
        data: a dataset's folder.
        networks: a snapshot's folder.
        out: the scores' folder.
        config: as of `score_photos`.
        parts: how many; about the number of cores, since each draws images of its own.

    Raises:
        UsageError: Ray is not installed.
        DataError: as `score_part`; a part that fails ends the job.
    """
    if parts < 1:
        raise UsageError(f"{parts} parts", "say a number from 1 on")
    data, networks, out = data.resolve(), networks.resolve(), out.resolve()
    dataset, loaded = open_dataset(data), _opened(networks, config.device)
    with cluster() as ray:
        modes = _modes_of_parts(loaded, parts_place(out) / MODES, config)
        todo = missing_blocks(
            dataset, loaded, parts_place(out), config.score, centres=modes.centres,
            seed=config.seed,
        )  # fmt: skip
        calls = [
            (str(data), str(networks), str(out), config.model_dump(mode="json"), number, parts)
            for number in sorted({block % parts for block in todo})
        ]
        run_tasks(ray, _part, calls, "scoring parts of the photos")


def _part(
    data: str, networks: str, out: str, config: dict[str, object], number: int, of: int
) -> Failure | None:
    """One task."""
    settings, shard = Config.model_validate(config), Shard(number, of)

    def work() -> None:
        loaded = _opened(Path(networks), settings.device)
        score_shard(open_dataset(Path(data)), loaded, Path(out), settings, shard)

    return failure_of(work)


def _opened(networks: Path, device: str) -> Networks:
    return read_networks(networks).to(pick_device(device)).eval().prepare()


def _modes_of_parts(networks: Networks, there: Path, config: Config) -> Modes:
    """The modes that all parts use: found by whoever comes first, since another machine's may
    differ in the last digits."""
    if not there.exists():
        making = fsio.beside(there)
        try:
            making.mkdir(parents=True)
            find_modes(networks, making, config.modes, seed=config.seed)
            making.rename(there)
        except OSError as error:
            if not there.exists():  # nobody was faster
                raise DataError(
                    f"cannot write {there}: {error.strerror or error}", "give another folder"
                ) from error
            logs.say("another part has found the modes meanwhile; these are used")
        finally:
            fsio.drop(making)
    return _read_modes(networks, there, config)


def _read_modes(networks: Networks, there: Path, config: Config) -> Modes:
    if not modes_provenance(networks, config.modes, config.seed).done_in(there):
        raise DataError(
            f"{there} was not made of these networks, settings and seed",
            f"give another --out, or remove {there.parent} to score without its parts",
        )
    return read_modes(there)


def _taken_over(networks: Networks, there: Path, to: Path, config: Config) -> Modes:
    """The modes of the parts, as the scores' own."""
    modes = _read_modes(networks, there, config)
    shutil.copytree(there, to)
    return modes
