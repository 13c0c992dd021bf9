"""The stages of a run: what is current, what is made, and what becomes of what is not.

A stage's folder holds `begun.json` (digests of its inputs and of its slice of the configuration)
and `done.json` (its record, there last). It is current when both are there and the first says what
is wanted now. Else it is made anew, beside its place, and moved in when whole; trainings alone are
made in place, since they resume. What is superseded is kept where it took long, and taken again
when the same is wanted once more (`limbeck.artefacts`).
"""

import time
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

from limbeck import fsio, logs
from limbeck.artefacts.folders import bring_back, find_aside, fresh, holds_work, move_aside
from limbeck.artefacts.keep import read_keep
from limbeck.artefacts.lock import Heartbeat
from limbeck.artefacts.mode_files import PSI, psi_of, read_modes
from limbeck.artefacts.mode_marks import marked
from limbeck.artefacts.run import OVERRIDES, STAGES, RunDir
from limbeck.artefacts.scores import read_scores
from limbeck.artefacts.snapshots import networks_of
from limbeck.artefacts.stage import BEGUN, DONE, Provenance, read_done, read_summary
from limbeck.artefacts.transfers import begun_facts
from limbeck.chain.marking import made_of_modes
from limbeck.chain.request import Request
from limbeck.chain.scoring import score_photos
from limbeck.config import Config
from limbeck.curation import forget_joined, formulas_digest, keep, prospects
from limbeck.data import Dataset, open_dataset
from limbeck.errors import DataError, TrainingError
from limbeck.evaluation import FEWEST_FOR_PSI, choose_psi
from limbeck.ingestion import (
    crop_words,
    flag_words,
    ingest,
    rejections,
    side_inputs,
    source_digest,
    store_words,
)
from limbeck.kit.device import pick_device
from limbeck.kit.selection import held_out
from limbeck.latents import ModeCentres
from limbeck.model import Pipeline, write_samples
from limbeck.modes import find_modes
from limbeck.nets import Networks, load_networks
from limbeck.processes import rank
from limbeck.records import IngestSummary
from limbeck.reporting import report, report_provenance
from limbeck.training import conditional, train, train_slice

TOGETHER = ("raw", "kept")  # stages that all processes of torchrun make together
POLL = 0.5  # seconds
CURRENT, TO_DO, RESUME = "done", "to do", "to resume"
BACK, AGAIN, CHECK = "to bring back", "to make again", "to check"


class Halt(Exception):
    """A dry walk has come to a stage that is not there; what follows depends on it."""


class Chain:
    """Walks stages of one run, skipping what is current.

    Args:
        run_dir: the run.
        config: its configuration.
        progress: told of every stage; without it nothing is made (a dry walk), and `found` says
            what would be done with each stage, up to the first to be made.
    """

    def __init__(self, run_dir: RunDir, config: Config, progress: logs.Walk | None = None) -> None:
        self.run_dir = run_dir
        self.config = config
        self.progress = progress
        self.found: dict[str, str] = {}

    def stage(
        self,
        name: str,
        inputs: Mapping[str, str],
        settings: Any,
        work: Callable[[Path], object],
        *,
        anew: bool = False,
    ) -> Path:
        """Make the stage `name` unless it is current (`anew`: even so); returns its folder."""
        folder = self.run_dir.root / name
        wanted = Provenance.of(inputs, settings)
        if self.progress is None:
            return self._dry(folder, wanted, anew)
        if rank() and name not in TOGETHER:
            return self._await(folder, wanted)
        if not anew and wanted.begun_in(folder) and (folder / DONE).exists():
            self.progress.skip(name)
            return folder
        if rank():
            self._await(folder, wanted, BEGUN)  # rank 0 makes room first
            if not (folder / DONE).exists():
                work(folder)
            return self._await(folder, wanted)
        aside = None if anew or wanted.begun_in(folder) else find_aside(folder, wanted)
        if aside is not None:
            bring_back(folder, aside)
            if (folder / DONE).exists():
                self.progress.skip(name, f"brought back from {aside}")
                return folder
        started = time.perf_counter()
        self.progress.begin(name)
        if name in TOGETHER:
            if not wanted.begun_in(folder):
                move_aside(folder)
                wanted.begin(folder)
            work(folder)
        else:
            with fresh(folder, name) as building:
                wanted.begin(building)
                work(building)
                if not (building / DONE).exists():
                    wanted.finish(building, name, started=started, summary={})
        self.progress.end()
        return folder

    def foresee(self, photos: int, kept_kimg: float) -> None:
        """Say how long the other stages will take, judged by the first training."""
        done = read_done(self.run_dir.raw)
        if done is None or self.progress is None:
            return
        each = done.seconds / max(int(done.summary.get("images", 0)), 1)
        modes = self.config.modes
        rough = {
            "scores": 10 + 2 * each * photos, "keep": 1.0, "kept": each * kept_kimg * 1000,
            "modes": 5 + modes.samples * 1e-3, "samples": 5.0,
            "model": 2.0, "report": 5.0,
        }  # fmt: skip
        for name, seconds in rough.items():
            self.progress.expect(name, seconds)

    def _dry(self, folder: Path, wanted: Provenance, anew: bool) -> Path:
        same = not anew and wanted.begun_in(folder)
        if same and (folder / DONE).exists():
            self.found[folder.name] = CURRENT
            return folder
        aside = None if same or anew else find_aside(folder, wanted)
        if aside is not None and (aside / DONE).exists():
            self.found[folder.name] = BACK
            return aside
        if aside is not None or (same and holds_work(folder)):
            self.found[folder.name] = RESUME
        else:
            self.found[folder.name] = AGAIN if holds_work(folder) else TO_DO
        raise Halt

    def _await(self, folder: Path, wanted: Provenance, sign: str = DONE) -> Path:
        """Until rank 0 has made the stage (or begun it); torchrun ends us when rank 0 fails.

        Raises:
            TrainingError: rank 0 gives no sign of life for `train.timeout` seconds.
        """
        heart = Heartbeat(self.run_dir.root)
        while not (wanted.begun_in(folder) and (folder / sign).exists()):
            wait_for(heart, self.config.train.timeout, f"it makes {folder.name}")
        return folder

    def data(self, request: Request) -> Dataset:
        """The photos; what was left out of them is told."""
        config, opt_out = self.config.data, request.opt_out
        fetching = request.fetching
        digest, edited = source_digest(request.photos, fetching=fetching), False
        if request.verify and (self.run_dir.data / DONE).exists():
            with logs.working("reading every photo to see whether it changed"):
                now = source_digest(request.photos, verify=self.run_dir.data, fetching=fetching)
                edited = now != digest
        folder = self.stage(
            "data",
            {"source": digest, **side_inputs(config, opt_out)},
            config.made_of(),
            lambda out: ingest(
                request.photos, out, config, opt_out=opt_out, strict=request.strict,
                fetching=fetching,
            ),
            anew=edited,
        )  # fmt: skip
        dataset = open_dataset(folder)
        if self.progress is not None:
            _tell_photos(dataset, folder)
            if why := read_summary(folder, IngestSummary).too_many(request.max_reject):
                raise DataError(why, f"look at {folder}; `limbeck resume` goes on all the same")
        return dataset

    def train(self, name: str, dataset: Dataset, config: Config, begin: Path | None = None) -> Path:
        """A training stage; returns the folder of its best networks, or its last.

        Args:
            name: of the stage.
            dataset: photos.
            config: its own, with its length.
            begin: networks to begin with.
        """
        inputs = {"dataset": dataset.digest}
        if begin is not None:
            inputs["begin"] = _networks_digest(begin)
        folder = self.stage(
            name, inputs, train_slice(config, config.train.kimg),
            lambda out: train(dataset, config, out, begin=begin),
        )  # fmt: skip
        found = networks_of(folder)
        assert found is not None, "train() writes done.json before it returns"
        return found

    def networks(self, nets_dir: Path) -> Networks:
        """The networks of a snapshot, ready to draw."""
        return load_networks(nets_dir).to(pick_device(self.config.device)).eval().prepare()

    def scores(self, dataset: Dataset, nets_dir: Path) -> Path:
        """Modes of the raw generator, then every score column."""
        config = self.config

        def work(out: Path) -> None:
            score_photos(dataset, self.networks(nets_dir), out, config)

        settings = [
            config.score.model_dump(), config.modes.model_dump(), config.seed, formulas_digest(),
        ]  # fmt: skip
        inputs = {"dataset": dataset.digest, "networks": _networks_digest(nets_dir)}
        folder = self.stage("scores", inputs, settings, work)
        if self.progress is not None and not rank():
            forget_joined(folder)
        return folder

    def keep(self, scores_dir: Path) -> Path:
        """The keep rule; a person's overrides are an input."""
        overrides = self.run_dir.keep / OVERRIDES
        inputs = {
            "scores": fsio.sha256_file(scores_dir / "scores.parquet"),
            "overrides": fsio.sha256_file(overrides) if overrides.exists() else "",
        }

        def work(out: Path) -> None:
            scores = read_scores(scores_dir)
            keep(scores, out, self.config.keep, modes=scores.modes(), overrides=overrides)

        return self.stage("keep", inputs, self.config.keep.model_dump(), work)

    def modes(self, nets_dir: Path, photos: Dataset) -> Path:
        """Modes of the distilled generator; and how strongly to truncate, where that is asked."""
        config, sample = self.config, self.config.sample
        inputs = {"networks": _networks_digest(nets_dir)}
        settings = [config.modes.model_dump(), config.seed, sample.typical]
        if sample.psi == "auto":
            inputs["photos"] = photos.digest
            settings.append(sample.truncation)

        def work(out: Path) -> None:
            networks = self.networks(nets_dir)
            found = find_modes(
                networks, out, config.modes, seed=config.seed, typical=sample.typical
            )
            if sample.psi == "auto" and len(photos) < FEWEST_FOR_PSI:
                logs.warn(
                    f"psi stays {psi_of(sample, out):g}: {len(photos)} photos are too few to "
                    f"measure a better one ({FEWEST_FOR_PSI} at least)"
                )
            elif sample.psi == "auto":
                choice = choose_psi(
                    networks, photos, truncation=sample.truncation, modes=found.mode_centres
                )
                fsio.write_json(out / PSI, choice.model_dump(mode="json"))
                logs.say(f"psi {choice.psi:g} is best in precision and coverage together")

        return self.stage("modes", inputs, settings, work)

    def outputs(self, nets_dir: Path, modes: ModeCentres, facts: Mapping[str, float | str]) -> None:
        """Samples and the model folder; `facts` go onto the model card.

        A person's marks of modes are an input: those that change images of the samples, all of them
        of the model.
        """
        psi = psi_of(self.config.sample, self.run_dir.modes)
        config = self.config.replace(**{"sample.psi": psi})
        networks = {"networks": _networks_digest(nets_dir)}
        inputs = {name: networks | found for name, found in made_of_modes(modes).items()}
        settings = [config.sample.model_dump(), config.data.model_dump(exclude={"store"})]
        self.stage(
            "samples",
            inputs["samples"],
            settings,
            lambda out: write_samples(
                self.networks(nets_dir), out, list(range(config.sample.seeds)),
                psi=psi, truncation=config.sample.truncation, modes=modes,
            ),
        )  # fmt: skip
        self.stage(
            "model",
            inputs["model"],
            settings,
            lambda out: Pipeline(
                self.networks(nets_dir), modes, config=config, data=facts
            ).save_pretrained(out),
        )


def _tell_photos(dataset: Dataset, folder: Path) -> None:
    """How many photos are used, and why the others are not."""
    summary = read_summary(folder, IngestSummary)
    logs.say(logs.bold(summary.accepted), f" of {summary.listed} files are photos to train on")
    if summary.crops:
        logs.say("  ", crop_words(summary.crops, summary.crop_objects))
    if told := flag_words(summary.flags):
        logs.say("  ", told)
    if told := store_words(summary.store, summary.store_why):
        logs.say("  ", told)
    for line in rejections(summary, dataset.listed()):
        logs.say("  ", line)


def wait_for(heart: Heartbeat, timeout: float, what: str) -> None:
    """One moment of waiting for rank 0.

    Raises:
        TrainingError: it has been silent for `timeout` seconds.
    """
    if heart.silent() > timeout:
        raise TrainingError(
            f"process 0 has given no sign of life for {timeout:.0f} s while {what}",
            "see its own output; run the same command again to continue",
        )
    time.sleep(POLL)


def _networks_digest(nets_dir: Path) -> str:
    files = [nets_dir / "config.json", *sorted(nets_dir.glob("*.safetensors"))]
    return fsio.digest_json({file.name: fsio.sha256_file(file) for file in sorted(files)})


def walk(chain: Chain, request: Request, settle: Callable[[Dataset], Config]) -> None:
    """The chain itself; `settle` says the whole configuration once the photos are known."""
    dataset = chain.data(request)
    config = settle(dataset)
    if config.data.class_from != "none" and config.net.num_classes == 0:
        config = conditional(dataset, config)
    chain.config = config
    held = held_out(dataset.ids, config.hold_out)
    shown = dataset.select([photo for photo in dataset.ids if photo not in held])
    if chain.progress is not None:
        if config.hold_out:
            logs.say(f"{len(held)} photos are held out: no training sees them")
        for warning in prospects(len(shown), config):
            logs.warn(warning)
    raw = chain.train("raw", shown if held else dataset, config)
    second = config.second()
    chain.foresee(len(dataset), second.train.kimg)
    scores = chain.scores(dataset, raw)
    chosen = read_keep(chain.keep(scores))
    kept_ids = [photo for photo in chosen.ids if photo not in held]
    begin = raw if config.kept_from == "raw" else None
    good = dataset.select(kept_ids)
    kept = chain.train("kept", good, second, begin)
    if rank():
        return
    modes = marked(read_modes(chain.modes(kept, good)).mode_centres, chain.run_dir.modes)
    if chain.progress is not None and modes.marks.others and not modes.marks:
        logs.warn(
            f"{modes.marks.where}: none of its lines is about these modes; they were found anew"
        )
    about: dict[str, float | str] = {
        "photos": len(shown), "kept": len(kept_ids), "kimg": second.train.kimg,
        "column": chosen.summary.column,
    }  # fmt: skip
    if held:
        about["held out"] = len(held)
    about |= begun_facts(kept.parent)
    chain.outputs(kept, modes, about)
    root = chain.run_dir.root
    records = {name: read_done(root / name) for name in STAGES if name != "report"}
    wanted = report_provenance({name: done for name, done in records.items() if done})
    chain.stage("report", wanted.inputs, None, lambda folder: report(root, out=folder))
