"""The verb invert: photos to latents."""

from __future__ import annotations

import shutil
import time
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Literal

import typer

from limbeck import fsio, logs
from limbeck.artefacts.folders import check_place
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
from limbeck.errors import UsageError

if TYPE_CHECKING:
    from limbeck.data import Dataset

_NAMED = 8
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
    from limbeck.editing import Inversion

    settings = Inversion(
        steps_w=steps_w, steps_w_plus=steps, steps_tune=tune, lpips=lpips, batch=batch,
        seed=shared.seed,
    )  # fmt: skip
    for photo in photos:
        existing(photo, "photo, folder or dataset")
    source = fetched_model(model, shared.dry_run)
    check_place(out, "inversion")
    values: dict[str, object] = {
        "out": out, "model": model, "photos": [str(photo) for photo in photos],
        "settings": settings.model_dump(mode="json"),
    }  # fmt: skip
    if isinstance(source, str):
        return planned("invert", values)
    folder = networks_folder(existing(source, "model or networks"))
    if shared.dry_run:
        return planned("invert", values)
    from limbeck.artefacts.stage import Provenance, read_done
    from limbeck.editing import forget_parts, parts_of, stages_told, write_inversion
    from limbeck.editing import invert as find_latents
    from limbeck.latents import tensors_digest

    started, parts = time.perf_counter(), parts_of(out)
    networks = open_networks(folder, shared.device)
    centres = load_centres(centres_file(source, modes), networks)
    size = networks.config.size
    dataset, lost = _squares(photos, parts, size, crop, crop_object, detector)
    provenance = Provenance.of(
        {"generator": tensors_digest(networks.G_ema.state_dict()), "photos": dataset.digest,
         "modes": "" if centres is None else centres.digest()},
        settings.model_dump(mode="json"),
    )  # fmt: skip
    done = read_done(out) if provenance.done_in(out) else None
    if done is not None:
        summary = dict(done.summary)
    else:
        found = find_latents(
            networks, dataset.at(size)[range(len(dataset))].cpu(), settings,
            encoder=networks.E_ema, modes=centres, kept=parts / "latents",
        )  # fmt: skip
        names = [info.source for info in dataset.infos]
        summary = write_inversion(networks, found, names, out, provenance, started)
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


def _squares(
    photos: Sequence[Path],
    parts: Path,
    size: int,
    crop: str | None,
    crop_object: str | None,
    detector: Path | None,
) -> tuple[Dataset, list[str]]:
    """The photos as a dataset of squares, and what was left out, with the reason."""
    from limbeck.config import DataConfig
    from limbeck.data import open_dataset
    from limbeck.ingestion import ingest
    from limbeck.records import Status

    first = photos[0]
    if len(photos) == 1 and (first / "index.json").exists():
        return open_dataset(first), []
    given = {"crop": crop, "crop_object": crop_object}
    config = DataConfig(
        size=size, near_duplicate_bits=-1, store="raw",
        **{name: value for name, value in given.items() if value is not None},
    )  # fmt: skip
    many = [one for one in photos if one.is_dir() or one.suffix.lower() in _ARCHIVES]
    if many and len(photos) > 1:
        raise UsageError(
            f"{many[0]} and other photos", "give one folder or archive alone, or photos"
        )
    source = first if many else _gathered(photos, parts / "photos")
    ingest(source, parts / "data", config, detector=detector, fewest=1)
    dataset = open_dataset(parts / "data")
    rejected = [info for info in dataset.listed() if info.status is not Status.ACCEPTED]
    return dataset, [f"{info.source}: left out ({info.reason.value})" for info in rejected]


def _gathered(photos: Sequence[Path], folder: Path) -> Path:
    """Copies of single photos in one folder, under their own names, numbered where these agree."""
    fsio.erase(folder, [file.name for file in fsio.files_under(folder)])
    folder.mkdir(parents=True, exist_ok=True)
    for number, photo in enumerate(photos):
        place = folder / photo.name
        place = folder / f"{number:04d}-{photo.name}" if place.exists() else place
        shutil.copyfile(photo, place)
    return folder
