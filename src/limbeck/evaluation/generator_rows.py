"""A run's two generators against its photos: the 2 x 2 table, variety, and what was memorised."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TypeAlias

import torch
from torch import Tensor

from limbeck import logs
from limbeck.artefacts.keep import read_keep
from limbeck.artefacts.mode_files import psi_of
from limbeck.artefacts.mode_marks import load_modes
from limbeck.artefacts.run import RunDir
from limbeck.artefacts.snapshots import networks_of
from limbeck.config import Config
from limbeck.data import Dataset
from limbeck.evaluation.generated import Drawn
from limbeck.kit.selection import evenly, held_out
from limbeck.latents import ModeCentres, nearest_embedding
from limbeck.metrics import (
    compare_sets,
    dataset_features,
    embedding_diversity,
    lpips_embeddings,
    memorised,
    picture_features,
)
from limbeck.nets import load_networks
from limbeck.percept import Features

FEWEST = 12  # images, below which nothing is compared
_COPIES = "lpips-alex"  # features of the memorising check
_DIVERSE = 512  # images whose pairs are measured
_TRAINED = 50_000  # photos searched for copies
_STRIDE = 10_000_000  # seeds of one --seed to those of the next

Row: TypeAlias = dict[str, object]


@dataclass(frozen=True)
class Asked:
    """What to measure: with which features, on how many images a generator, drawn whence."""

    features: tuple[str, ...]
    pictures: int
    seed: int
    device: torch.device


@dataclass(frozen=True)
class _Draw:
    """Images of one of the run's generators, drawn in one way."""

    generator: str
    pictures: Drawn
    centres: ModeCentres | None

    def about(self) -> Row:
        """What a row says of them."""
        drawn = self.pictures
        way = "untruncated" if drawn.truncation == "none" else f"{drawn.truncation} {drawn.psi:g}"
        return {
            "generator": self.generator, "psi": drawn.psi, "truncation": drawn.truncation,
            "column": way, "first_seed": drawn.seeds.start,
        }  # fmt: skip


def generator_rows(
    run_dir: RunDir, dataset: Dataset, config: Config, asked: Asked, clean: Sequence[str] = ()
) -> list[Row]:
    """Rows for each finished training of a run, drawn untruncated and as the run itself samples.

    * `set_distance`: trained on raw | kept photos x measured against raw | kept (| clean) photos,
      see `compare_sets`. Raw and kept photos are equally many, evenly chosen, and read at the
      networks' size. Where the run holds photos out (`hold_out`) these alone are measured against,
      and the row says `held_out`.
    * `diversity`: LPIPS over all, within and between modes, and the same of photos; see
      `embedding_diversity`. A mode is the kept (else the raw) generator's nearest centre.
    * `memorising`: against the photos that the generator was trained on; see `memorised`.

    Args:
        run_dir: the run.
        dataset: its photos.
        config: its configuration.
        asked: see `Asked`.
        clean: ids of photos that labels call in-domain.
    """
    sets = {"raw": tuple(dataset.ids)}
    if (run_dir.keep / "keep.parquet").exists():
        sets["kept"] = _there(dataset, read_keep(run_dir.keep).ids)
    held = held_out(dataset.ids, config.hold_out)
    trained, against = _parted(sets, held)
    draws = [draw for name in sets for draw in draws_of(run_dir, config, asked, name)]
    count = min(asked.pictures, *(len(ids) for ids in against.values()))
    if not draws or count < FEWEST:
        if draws:
            which = "held-out photos" if held else "photos"
            logs.say(
                f"the generators are not measured: {count} {which} or images are too few, "
                f"{FEWEST} are the least"
            )
        return []
    photos = {name: evenly(ids, count) for name, ids in against.items()}
    clean = [photo for photo in _there(dataset, clean) if not held or photo in held]
    if len(clean) >= FEWEST:
        photos["clean"] = evenly(clean, count)
    rows: list[Row] = []
    for name in asked.features:
        extractor = Features(name, asked.device)
        rows += _distances(extractor, draws, dataset, photos, trained, held, asked.seed)
    return rows + _diversities(draws, dataset, photos, asked.device)


_Sets = Mapping[str, Sequence[str]]


def _parted(sets: _Sets, held: frozenset[str]) -> tuple[_Sets, _Sets]:
    """What was trained on, and what is measured against: the same where nothing is held out."""
    if not held:
        return sets, sets
    trained = {name: [photo for photo in ids if photo not in held] for name, ids in sets.items()}
    return trained, {name: [photo for photo in ids if photo in held] for name, ids in sets.items()}


def draws_of(run_dir: RunDir, config: Config, asked: Asked, name: str) -> list[_Draw]:
    """A training's generator drawn in two ways; none where the training is not finished."""
    folder = networks_of(run_dir.root / name)
    if folder is None:
        return []
    networks = load_networks(folder, names=["G_ema"]).to(asked.device).eval().prepare()
    file = (run_dir.modes if name == "kept" else run_dir.scores / "raw-modes") / "modes.safetensors"
    centres = load_modes(file) if file.exists() else None
    first = asked.seed * _STRIDE
    draws = [_Draw(name, Drawn(networks, asked.pictures, first=first), centres)]
    sample = config.sample
    needed, psi = sample.truncation not in ("none", "global"), psi_of(sample, run_dir.modes)
    if sample.truncation in ("none", "index") or psi == 1 or (needed and centres is None):
        return draws
    truncated = Drawn(
        networks, asked.pictures, psi=psi, truncation=sample.truncation, modes=centres,
        first=first,
    )  # fmt: skip
    return [*draws, _Draw(name, truncated, centres)]


def _distances(
    extractor: Features,
    draws: Sequence[_Draw],
    dataset: Dataset,
    photos: _Sets,
    trained: _Sets,
    held: frozenset[str],
    seed: int,
) -> list[Row]:
    """Rows of one kind of features; those of `_COPIES` look for copies as well."""
    searched = {name: evenly(ids, _TRAINED) for name, ids in trained.items()}
    wanted = {photo for ids in photos.values() for photo in ids}
    if extractor.name == _COPIES:
        wanted |= {photo for ids in searched.values() for photo in ids}
    ordered = [photo for photo in dataset.ids if photo in wanted]
    size = draws[0].pictures.networks.config.size
    features = dataset_features(dataset, extractor, size=size, ids=ordered)
    place = {photo: row for row, photo in enumerate(ordered)}

    def of(ids: Sequence[str]) -> Tensor:
        return features[[place[photo] for photo in ids]]

    rows: list[Row] = []
    for draw in draws:
        batches = -(-len(draw.pictures) // 64)
        shown = logs.track(
            draw.pictures, f"{extractor.name} features of images by {draw.generator}", batches
        )
        fake = picture_features(shown, extractor, draw.pictures.key)
        for against, ids in photos.items():
            with logs.working(f"comparing images by {draw.generator} with {against} photos"):
                found = compare_sets(of(ids), fake[: len(ids)], features=extractor.name, seed=seed)
            about = draw.about()
            which = f"{against} photos held out" if held else f"{against} photos"
            about["column"] = f"{extractor.name}, {about['column']}, {which}"
            values = found.model_dump(exclude={"seed", "rounds", "spread"})
            rows.append(
                {"metric": "set_distance", "value": found.kid, **about, "photos": against,
                 "held_out": bool(held), **values, "subset_seed": seed}
            )  # fmt: skip
        if extractor.name == _COPIES:
            ids = searched[draw.generator]
            with logs.working("looking for copies of photos"):
                unseen = of(photos[draw.generator]) if held else None
                copies = memorised(of(ids), fake, ids, held_out=unseen)
            rows.append(
                {"metric": "memorising", "value": copies.closer, **draw.about(),
                 "features": extractor.name, **_named(copies.model_dump(mode="json"), draw)}
            )  # fmt: skip
    return rows


def _named(values: Row, draw: _Draw) -> Row:
    """Pairs by seed instead of by row."""
    closest = values["closest"]
    assert isinstance(closest, list)
    first = draw.pictures.seeds.start
    pairs = [
        {"seed": first + pair["picture"], "photo": pair["photo"], "distance": pair["distance"]}
        for pair in closest
    ]
    return {**values, "closest": pairs}


@torch.no_grad()
def _diversities(
    draws: Sequence[_Draw],
    dataset: Dataset,
    photos: _Sets,
    device: torch.device,
) -> list[Row]:
    centres = next((d.centres for d in reversed(draws) if d.centres is not None), None)

    def row(embeddings: Tensor, about: Row) -> Row:
        modes = None if centres is None else nearest_embedding(embeddings, centres.embeddings)
        found = embedding_diversity(embeddings, modes)
        return {"metric": "diversity", "value": found.overall, **about,
                **found.model_dump(mode="json")}  # fmt: skip

    rows = []
    for draw in draws:
        with logs.working(f"measuring how varied images by {draw.generator} are"):
            embeddings = lpips_embeddings(draw.pictures.first(_DIVERSE), device)
            rows.append(row(embeddings, draw.about()))
    size = draws[0].pictures.networks.config.size
    for name, ids in photos.items():
        chosen = dataset.select(evenly(ids, _DIVERSE))
        batches = (batch.images for batch in chosen.batches(size, 64))
        about: Row = {"photos": name, "column": f"{name} photos"}
        with logs.working(f"measuring how varied {name} photos are"):
            rows.append(row(lpips_embeddings(batches, device), about))
    return rows


def _there(dataset: Dataset, ids: Sequence[str]) -> tuple[str, ...]:
    """Those that the dataset holds, in its order."""
    wanted = set(ids)
    return tuple(photo for photo in dataset.ids if photo in wanted)
