"""The chain of stages: what is stale, what is done, and the one command that walks it.

A stage's folder holds `begun.json` (digests of its inputs and of its slice of the configuration,
written first) and `done.json` (written last by the stage itself). It is current when both are there
and the first says what is wanted now; begun for something else, it is cleared and made again.
"""

import shutil
import time
from collections.abc import Callable, Mapping
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

from limbeck import fsio, logs
from limbeck.config import RECOMMENDED_PLUS, Config, parse_config
from limbeck.curation import (
    formulas_digest,
    keep,
    read_keep,
    read_scores,
    score,
    seconds_per_photo,
)
from limbeck.data import Dataset, open_dataset
from limbeck.errors import UsageError
from limbeck.ingestion import ingest, side_inputs, source_digest
from limbeck.kit.device import machine, pick_device
from limbeck.latents import ModeCentres
from limbeck.model import Pipeline
from limbeck.modes import find_modes, read_modes
from limbeck.nets import Networks, load_networks
from limbeck.percept import path_of
from limbeck.reporting import report
from limbeck.rundir import STAGES, RunDir, finish, read_done
from limbeck.sampling import write_samples
from limbeck.training import conditional, measure_speed, snapshot_of, train, train_slice

_OVERRIDES = "overrides.csv"
_TOGETHER = ("raw", "kept")  # stages that all processes of torchrun make together
_POLL = 0.5  # seconds
_TO_DO, _REPAIR, _AGAIN, _CHECK = "to do", "to repair", "to make again", "to check"


@dataclass(frozen=True)
class StageState:
    """Where a stage stands: done, stale (done for other photos or settings: the next run makes it
    again), partial (begun but not ended: the next run repairs it), or missing."""

    name: str
    state: Literal["done", "stale", "partial", "missing"]
    seconds: float | None
    finished: str | None
    summary: Mapping[str, Any]


def status(out: Path) -> list[StageState]:
    """The stages of a run in order.

    Raises:
        DataError: `out` is not a run.
    """
    run_dir = RunDir(out)
    words = dict(_planned_again(run_dir))
    states = []
    for name in STAGES:
        folder = run_dir.root / name
        done = read_done(folder) if (folder / "begun.json").exists() else None
        if done is None:
            lost: Literal["partial", "missing"] = "partial" if folder.exists() else "missing"
            states.append(StageState(name, lost, None, None, {}))
        else:
            state: Literal["stale", "done"] = "stale" if words.get(name) == _AGAIN else "done"
            states.append(StageState(name, state, done.seconds, done.finished, done.summary))
    return states


def _planned_again(run_dir: RunDir) -> list[tuple[str, str]]:
    """What the command that made the run would do now; empty where its photos are out of reach."""
    stored = run_dir.read()
    asked, photos = stored.get("requested"), Path(str(stored.get("photos")))
    if asked is None or not photos.exists():
        return []
    opt_out = stored.get("opt_out")
    return plan(
        photos, run_dir.root, parse_config(asked["config"]), time_budget=asked["time_budget"],
        opt_out=Path(opt_out) if opt_out else None,
    )  # fmt: skip


class _Halt(Exception):
    """A dry walk has come to a stage that is not current; what follows depends on it."""


class _Chain:
    """Walks stages of one run, skipping what is current.

    Args:
        run_dir: the run.
        config: its configuration.
        dry: only note in `found` what would be done with each stage, up to the first to be made.
    """

    def __init__(self, run_dir: RunDir, config: Config, dry: bool = False) -> None:
        self.run_dir = run_dir
        self.config = config
        self.dry = dry
        self.found: dict[str, str] = {}

    def stage(
        self, name: str, inputs: Mapping[str, str], settings: Any, work: Callable[[Path], object]
    ) -> Path:
        """Make the stage `name` unless it is current; returns its folder."""
        folder = self.run_dir.root / name
        wanted = {"inputs": dict(inputs), "config": fsio.digest_json(settings)}
        begun = folder / "begun.json"
        if logs.rank() and name not in _TOGETHER:
            return _await(folder, wanted)
        same = begun.exists() and fsio.read_json(begun) == wanted
        current = same and (folder / "done.json").exists()
        if self.dry:
            self.found[name] = "done" if current else _word(folder, same)
            if not current:
                raise _Halt
            return folder
        if current:
            logs.say(f"[green]{name}[/green]: up to date")
            return folder
        if logs.rank():
            work(folder)
            return _await(folder, wanted)
        if folder.exists() and not same:
            if name in _TOGETHER and not (folder / "done.json").exists():
                _refuse_to_lose(folder)
            _clear(folder)
        fsio.write_json(begun, wanted)
        started = time.perf_counter()
        logs.say(f"[bold]{name}[/bold] ...")
        work(folder)
        if not (folder / "done.json").exists():
            finish(folder, name, inputs=inputs, config=settings, started=started, summary={})
        logs.say(f"[green]{name}[/green]: {logs.duration(time.perf_counter() - started)}")
        return folder

    def train(self, name: str, dataset: Dataset, kimg: float) -> Path:
        """A training stage; returns the folder of its last networks."""
        folder = self.stage(
            name,
            {"dataset": dataset.digest},
            train_slice(self.config, kimg),
            lambda out: train(dataset, self.config, out, kimg=kimg),
        )
        done = read_done(folder)
        assert done is not None, "train() writes done.json before it returns"
        return folder / str(done.summary["networks"])

    def networks(self, nets_dir: Path) -> Networks:
        """The networks of a snapshot, ready to draw."""
        return load_networks(nets_dir).to(pick_device(self.config.device)).eval().prepare()

    def scores(self, dataset: Dataset, nets_dir: Path) -> Path:
        """Modes of the raw generator, then every score column."""
        config = self.config
        unmapped = config.modes.model_copy(update={"map_samples": 0})  # nothing is sampled here

        def work(out: Path) -> None:
            networks = self.networks(nets_dir)
            modes = find_modes(networks, out / "raw-modes", unmapped, seed=config.seed)
            score(dataset, networks, out, config.score, centres=modes.centres, seed=config.seed)

        settings = [
            config.score.model_dump(), unmapped.model_dump(), config.seed, formulas_digest(),
        ]  # fmt: skip
        inputs = {"dataset": dataset.digest, "networks": _networks_digest(nets_dir)}
        return self.stage("scores", inputs, settings, work)

    def keep(self, scores_dir: Path) -> Path:
        """The keep rule; a person's overrides are an input."""
        overrides = self.run_dir.keep / _OVERRIDES
        inputs = {
            "scores": fsio.sha256_file(scores_dir / "scores.parquet"),
            "overrides": fsio.sha256_file(overrides) if overrides.exists() else "",
        }

        def work(out: Path) -> None:
            scores = read_scores(scores_dir)
            keep(scores, out, self.config.keep, modes=scores.modes())

        return self.stage("keep", inputs, self.config.keep.model_dump(), work)

    def modes(self, nets_dir: Path) -> Path:
        """Modes of the distilled generator."""
        config = self.config
        return self.stage(
            "modes",
            {"networks": _networks_digest(nets_dir)},
            [config.modes.model_dump(), config.seed],
            lambda out: find_modes(self.networks(nets_dir), out, config.modes, seed=config.seed),
        )

    def outputs(self, nets_dir: Path, modes: ModeCentres, facts: Mapping[str, float]) -> None:
        """Samples and the model folder; `facts` go onto the model card."""
        config = self.config
        inputs = {"networks": _networks_digest(nets_dir), "modes": modes.digest()}
        settings = [config.sample.model_dump(), config.data.model_dump()]
        self.stage(
            "samples",
            inputs,
            settings,
            lambda out: write_samples(
                self.networks(nets_dir), out, list(range(config.sample.seeds)),
                psi=config.sample.psi, truncation=config.sample.truncation, modes=modes,
            ),
        )  # fmt: skip
        self.stage(
            "model",
            inputs,
            settings,
            lambda out: Pipeline(
                self.networks(nets_dir), modes, config=config, data=facts
            ).save_pretrained(out),
        )


def _word(folder: Path, same: bool) -> str:
    if not folder.exists():
        return _TO_DO
    return _REPAIR if same or not (folder / "done.json").exists() else _AGAIN


def _refuse_to_lose(folder: Path) -> None:
    """An unfinished training is not emptied in passing: it may be days of work.

    Raises:
        UsageError: the folder holds checkpoints.
    """
    if any(folder.glob("state-*")):
        raise UsageError(
            f"{folder} holds an unfinished training of other photos or settings (another number of "
            "processes changes the batch of the preset auto)",
            f"give the command it was begun with, or another --out, or remove {folder}",
        )


def _clear(folder: Path) -> None:
    """Empty a stage begun for other inputs; what a person wrote stays.

    begun.json goes first: a folder half emptied by a kill must not look finished.
    """
    (folder / "begun.json").unlink(missing_ok=True)
    for entry in folder.iterdir():
        if entry.is_dir():
            shutil.rmtree(entry)
        elif entry.name != _OVERRIDES:
            entry.unlink()


def _await(folder: Path, wanted: object) -> Path:
    """Until rank 0 has made the stage; torchrun ends this process when rank 0 fails."""
    begun, done = folder / "begun.json", folder / "done.json"
    while not (done.exists() and begun.exists() and fsio.read_json(begun) == wanted):
        time.sleep(_POLL)
    return folder


def _networks_digest(nets_dir: Path) -> str:
    return fsio.digest_json({p.name: fsio.sha256_file(p) for p in sorted(nets_dir.iterdir())})


def _least_kimg(config: Config) -> float:
    return config.train.batch * 16 / 1000


def spend(config: Config, dataset: Dataset, seconds: float) -> tuple[Config, dict[str, float]]:
    """Turn the seconds that are left into kimg of both trainings.

    A short measurement gives the training speed; scoring, modes and report are estimated from
    the sizes of their work; the rest is shared equally between the two trainings.

    Returns:
        The configuration with `train.kimg` and `kept_kimg` set, and what was measured.

    Raises:
        UsageError: the budget does not reach for a few steps of each training.
    """
    began = time.perf_counter()
    ranks = logs.ranks()
    mine = {"train.batch": max(config.train.batch // ranks, 2), "train.microbatch": None}
    alone = config if ranks == 1 else config.replace(**mine)
    rate = ranks * measure_speed(dataset, alone, seconds=min(20.0, seconds * 0.05))
    probe = Networks.create(config.net, config.seed, encoder=config.train.encoder)
    per_photo = seconds_per_photo(dataset, probe.to(pick_device(config.device)), config.score)
    fixed = 30 + 2 * config.modes.samples * 1e-3 + config.modes.map_samples * 4e-3
    other = per_photo * len(dataset) * 1.1 + fixed
    spent = time.perf_counter() - began
    kimg = (seconds - spent - other) * 0.95 * rate / 2000
    least = _least_kimg(config)
    if kimg < least:
        raise UsageError(
            f"the time budget is too short: about {other:.0f} s go to scoring, modes and report, "
            f"and training runs at {rate:.0f} images/s",
            f"give at least {logs.duration(60 + spent + other + 2200 * least / rate)} "
            "after ingestion, or a smaller preset",
        )
    kimg = round(kimg, 3)
    logs.say(f"budget: {rate:.0f} images/s, so {kimg:g} kimg raw and {kimg:g} kimg kept")
    measured = {"images_per_second": round(rate, 2), "score_seconds_per_photo": per_photo}
    return config.replace(**{"train.kimg": kimg, "kept_kimg": kimg}), measured


def run(
    photos: Path,
    out: Path,
    config: Config,
    *,
    time_budget: float | None = None,
    opt_out: Path | None = None,
) -> RunDir:
    """Photos in; dataset, generator, scores, kept set, second generator, modes, report out.

    Args:
        photos: a folder or a zip of images; never written to.
        out: the run's folder; the same call again skips what is done and repairs the rest.
        config: what to do; resolved and written to run.json first.
        time_budget: seconds for the whole command, turned into kimg once and stored.
        opt_out: a file of ids, sha256, URLs or sources to leave out, one a line.

    Raises:
        LimbeckError: see the stages; what is finished stays finished.
    """
    began = time.perf_counter()
    _foresee(config)
    run_dir = RunDir(out)
    requested = {"config": config.model_dump(mode="json"), "time_budget": time_budget}
    resolved = _resolved(run_dir, requested)
    facts = machine(pick_device(config.device))
    extra: dict[str, Any] = {
        "requested": requested, "photos": str(photos), "machine": facts,
        "opt_out": str(opt_out) if opt_out else None,
    }  # fmt: skip
    if logs.rank() == 0 and out.exists():
        fsio.sweep(out)
    if logs.rank() == 0 and resolved is None:
        run_dir.write(config, **extra, resolved=time_budget is None)
    elif logs.rank() == 0:
        _moved(run_dir, {"photos": str(photos), "opt_out": extra["opt_out"]})

    def settle(dataset: Dataset) -> Config:
        now = resolved
        while logs.rank() and now is None:  # rank 0 settles the budget
            time.sleep(_POLL)
            now = _resolved(run_dir, requested)
        if now is None and time_budget is not None:
            left = time_budget - (time.perf_counter() - began)
            now, measured = spend(config, dataset, left)
            run_dir.write(now, **extra, resolved=True, measured=measured)
        return now or config

    _walk(_Chain(run_dir, resolved or config), photos, opt_out, settle)
    return run_dir


def _foresee(config: Config) -> None:
    """What is missing is told before ingestion, not after a training.

    Raises:
        UsageError: networks to begin with that are none; a keep rule on a score that is not made.
        WeightsError: EfficientNet-Lite0 is asked for and not on this machine.
    """
    if config.train.init_from:
        snapshot_of(Path(config.train.init_from))
    if config.score.plus:
        path_of("efficientnet-lite0")
    elif config.keep.column == RECOMMENDED_PLUS:
        raise UsageError(
            f"keep.column {RECOMMENDED_PLUS!r} is made with --plus (score.plus=true)",
            "add it, or cut on another column",
        )


def _walk(
    chain: _Chain, photos: Path, opt_out: Path | None, settle: Callable[[Dataset], Config]
) -> None:
    """The chain itself; `settle` says the whole configuration once the photos are known."""
    config = chain.config
    inputs = {"source": source_digest(photos), **side_inputs(config.data, opt_out)}
    data = chain.stage(
        "data", inputs, config.data.model_dump(),
        lambda folder: ingest(photos, folder, config.data, opt_out=opt_out),
    )  # fmt: skip
    dataset = open_dataset(data)
    config = settle(dataset)
    if config.data.class_from != "none" and config.net.num_classes == 0:
        config = conditional(dataset, config)
    chain.config = config
    raw = chain.train("raw", dataset, config.train.kimg)
    scores = chain.scores(dataset, raw)
    kept_ids = read_keep(chain.keep(scores)).ids
    kept_kimg = config.kept_kimg or config.train.kimg
    kept = chain.train("kept", dataset.select(kept_ids), kept_kimg)
    if logs.rank():
        return
    modes = read_modes(chain.modes(kept))
    about = {"photos": len(dataset), "kept": len(kept_ids), "kimg": kept_kimg}
    chain.outputs(kept, modes.mode_centres, about)
    root = chain.run_dir.root
    stages = [read_done(root / name) for name in STAGES if name != "report"]
    digests = {d.stage: fsio.digest_json(d.model_dump(mode="json")) for d in stages if d}
    chain.stage("report", digests, None, lambda _: report(root))


def _resolved(run_dir: RunDir, requested: Mapping[str, Any]) -> Config | None:
    """The stored configuration when the same was asked before and its kimg are settled."""
    if not run_dir.file.exists():
        return None
    stored = run_dir.read()
    if stored.get("requested") == dict(requested) and stored.get("resolved"):
        return run_dir.config()
    return None


def _moved(run_dir: RunDir, sources: Mapping[str, Any]) -> None:
    """The same request for photos that lie elsewhere now: run.json says where."""
    stored = run_dir.read()
    if {key: stored.get(key) for key in sources} != dict(sources):
        fsio.write_json(run_dir.file, stored | dict(sources))


def plan(
    photos: Path,
    out: Path,
    config: Config,
    *,
    time_budget: float | None = None,
    opt_out: Path | None = None,
) -> list[tuple[str, str]]:
    """What `run` would do, without doing it.

    Returns:
        (stage, word): "done"; "to do"; "to repair" (begun, not ended); "to make again" (its photos
        or settings changed); "to check" (there, but it depends on one that will be made).

    Raises:
        DataError: `photos` cannot be read.
    """
    run_dir = RunDir(out)
    requested = {"config": config.model_dump(mode="json"), "time_budget": time_budget}
    resolved = _resolved(run_dir, requested)
    chain = _Chain(run_dir, resolved or config, dry=True)

    def settle(_: Dataset) -> Config:
        if resolved is None and time_budget is not None:
            raise _Halt
        return chain.config

    with suppress(_Halt):
        _walk(chain, photos, opt_out, settle)

    def word(name: str) -> str:
        folder = out / name
        there = (folder / "done.json").exists()
        return _CHECK if there else _REPAIR if folder.exists() else _TO_DO

    return [(name, chain.found.get(name) or word(name)) for name in STAGES]
