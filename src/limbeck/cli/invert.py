"""The verb invert: photos to latents."""

from __future__ import annotations

import shutil
import time
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Literal

import typer

from limbeck import fsio, logs
from limbeck.artefacts.folders import check_place, claim, keep_apart
from limbeck.cli.inputs import (
    centres_file,
    existing,
    fetched_model,
    load_centres,
    networks_folder,
    open_networks,
)
from limbeck.cli.options import Crop, CropObject, DetectorFile, ModesFolder, Out, Shared
from limbeck.cli.outcome import Outcome, planned, verb
from limbeck.config import parse_config
from limbeck.errors import DataError, UsageError

if TYPE_CHECKING:
    from limbeck.config import DataConfig
    from limbeck.data import Dataset
    from limbeck.editing import Inversion
    from limbeck.latents import ModeCentres
    from limbeck.nets import Networks

_NAMED, _PHOTOS = 8, "photos"
_LATENTS = "latents"  # finished batches, among the parts
_ARCHIVES = (".zip", ".tar", ".parquet", ".json", ".jsonl", ".csv", ".tsv")


@verb("seed", "device", "dry_run")
def invert(
    shared: Shared,
    photos: Annotated[
        list[Path],
        typer.Argument(
            metavar="PHOTO...",
            help="Photos, or one folder, archive or dataset of them.",
        ),
    ],
    model: Annotated[
        Path,
        typer.Option(
            "--model",
            help="A model folder, a snapshot, a run, or hf://OWNER/NAME of the Hugging Face hub.",
        ),
    ],
    out: Out,
    steps_w: Annotated[
        int, typer.Option("--steps-w", min=0, help="Steps with one w for all layers.")
    ] = 100,
    steps: Annotated[
        int, typer.Option("--steps", min=0, help="Then steps with a w for each layer (W+).")
    ] = 200,
    tune: Annotated[
        int,
        typer.Option(
            "--tune",
            min=0,
            help="Then steps of the generator itself, all photos together (pivotal tuning; 300 is "
            "usual); the model stays, what changed is written beside the latents.",
        ),
    ] = 0,
    lpips: Annotated[
        Literal["alex", "vgg16"],
        typer.Option("--lpips", help="What is looked through; vgg16: `limbeck weights get` first."),
    ] = "alex",
    batch: Annotated[int, typer.Option("--batch", min=1, help="Photos at once.")] = 8,
    modes: ModesFolder = None,
    crop: Crop = None,
    crop_object: CropObject = None,
    detector: DetectorFile = None,
) -> Outcome:
    """Find the latents whose images look most like photos: E's guess, then W, then layer by layer.

    Photos are read and cropped as `limbeck ingest` does. Stopped, the same command goes on.
    """
    from limbeck.editing import Inversion, stages_told

    settings = Inversion.of(
        steps_w=steps_w, steps_w_plus=steps, steps_tune=tune, lpips=lpips, batch=batch,
        seed=shared.seed,
    )  # fmt: skip
    alone = _checked(photos, out)
    check_place(out, "inversion")
    given = {"crop": crop, "crop_object": crop_object}
    asked = {name: value for name, value in given.items() if value is not None}
    wanted = parse_config({"data": {**asked, "near_duplicate_bits": -1, "store": "raw"}}).data
    source = fetched_model(model, shared.dry_run)
    values: dict[str, object] = {
        "out": out, "model": model, "photos": [str(photo) for photo in photos],
        "settings": settings.model_dump(mode="json"),
    }  # fmt: skip
    if isinstance(source, str):
        return planned("invert", values)
    folder = networks_folder(existing(source, "model or networks"))
    if detector is not None:
        existing(detector, "file of the detector's weights")
    centres_at = centres_file(source, modes)
    if shared.dry_run:
        return planned("invert", values)
    from limbeck.artefacts.lock import hold
    from limbeck.editing import forget_parts, parts_of

    networks = open_networks(folder, shared.device)
    centres = load_centres(centres_at, networks)
    config = wanted.model_copy(update={"size": networks.config.size})
    claim(out, "inversion")
    with hold(out):
        parts = parts_of(out)
        try:
            dataset, lost = _squares(photos, alone, parts, config, detector)
        except (DataError, UsageError) as error:
            if not (parts / _LATENTS).exists():  # else: of a longer inversion that was stopped
                forget_parts(out)
            ours = str(parts / _PHOTOS)  # copies: a person gave the photos themselves
            raise type(error)(error.what.replace(ours, "what was given"), error.do) from error
        summary = _inverted(networks, centres, dataset, settings, out)
        forget_parts(out)
    for one in lost[:_NAMED]:
        logs.warn(one)
    return Outcome(
        {**values, "left_out": lost, "summary": summary},
        [
            logs.line(
                logs.bold(summary["photos"]),
                f" photo{'' if summary['photos'] == 1 else 's'} inverted, {len(lost)} left out",
            ),
            *stages_told(summary),
            f"latents, strips: {out}",
        ],
    )


def _checked(photos: Sequence[Path], out: Path) -> bool:
    """Whether one folder, archive or dataset was given, and not single photos.

    Raises:
        DataError: something is not there, or is no file and no folder.
        UsageError: a folder and others; the output lies in it, or it in the output.
    """
    for photo in photos:
        if not (existing(photo, "photo, folder or dataset").is_file() or photo.is_dir()):
            raise DataError(f"{photo} is no file and no folder", "give photos, or a folder of them")
    many = [one for one in photos if one.is_dir() or one.suffix.lower() in _ARCHIVES]
    if many and len(photos) > 1:
        raise UsageError(
            f"{many[0]} and other photos", "give one folder or archive alone, or photos"
        )
    if many:
        keep_apart(many[0], out)
    return bool(many)


def _squares(
    photos: Sequence[Path], alone: bool, parts: Path, config: DataConfig, detector: Path | None
) -> tuple[Dataset, list[str]]:
    """The photos as a dataset of squares, and what was left out, with the reason."""
    from limbeck.data import open_dataset
    from limbeck.ingestion import ingest
    from limbeck.records import Status

    first = photos[0]
    if alone and (first / "index.json").exists():
        return open_dataset(first), []
    source = first if alone else _gathered(photos, parts / _PHOTOS)
    ingest(source, parts / "data", config, detector=detector, fewest=1)
    dataset = open_dataset(parts / "data")
    rejected = [info for info in dataset.listed() if info.status is not Status.ACCEPTED]
    return dataset, [f"{info.source}: left out ({info.reason.value})" for info in rejected]


def _gathered(photos: Sequence[Path], folder: Path) -> Path:
    """Copies of single photos in one folder, under their own names, numbered where these agree."""
    fsio.erase(folder, [file.name for file in fsio.files_under(folder)])
    folder.mkdir(parents=True, exist_ok=True)
    names: set[str] = set()
    for number, photo in enumerate(photos):
        name = photo.name
        while name in names:
            name = f"{number:04d}-{name}"
        names.add(name)
        shutil.copyfile(photo, folder / name)
    return folder


def _inverted(
    networks: Networks,
    centres: ModeCentres | None,
    dataset: Dataset,
    settings: Inversion,
    out: Path,
) -> dict[str, object]:
    """The summary of the inversion in `out`, made unless it is there."""
    from limbeck.artefacts.stage import Provenance, read_done
    from limbeck.editing import holds_inversion, parts_of, write_inversion
    from limbeck.editing import invert as find_latents
    from limbeck.latents import tensors_digest

    started, encoder = time.perf_counter(), networks.E_ema
    provenance = Provenance.of(
        {"generator": tensors_digest(networks.G_ema.state_dict()), "photos": dataset.digest,
         "encoder": "" if encoder is None else tensors_digest(encoder.state_dict()),
         "modes": "" if centres is None else centres.digest()},
        settings.model_dump(mode="json"),
    )  # fmt: skip
    done = read_done(out) if provenance.done_in(out) else None
    if done is not None and holds_inversion(out, tuned=bool(settings.steps_tune)):
        return dict(done.summary)
    squares = dataset.at(networks.config.size)[range(len(dataset))].cpu()
    found = find_latents(
        networks, squares, settings, encoder=encoder, modes=centres,
        kept=parts_of(out) / _LATENTS,
    )  # fmt: skip
    names = [info.source for info in dataset.infos]
    return write_inversion(networks, found, names, out, provenance, started)
