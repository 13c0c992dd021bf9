"""From a folder named on the command line to what a stage takes."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from limbeck import logs
from limbeck.artefacts.run import RunDir
from limbeck.artefacts.snapshots import convert_it, find_networks, is_foreign, is_model
from limbeck.cli.describe import training_in, unfinished
from limbeck.config import SampleConfig
from limbeck.errors import DataError, UsageError

if TYPE_CHECKING:
    from limbeck.latents import HoldsGenerator, ModeCentres
    from limbeck.nets import Networks


def existing(path: Path, what: str) -> Path:
    """The path itself.

    Raises:
        DataError: nothing lies there.
    """
    if not path.exists():
        raise DataError(
            f"{path}: no such {what}",
            f"check the name; paths are relative to the folder you are in ({Path.cwd()})",
        )
    return path


def fetched_model(source: Path, dry_run: bool) -> Path | str:
    """The folder that MODEL names; a model of the hub is fetched, in a dry run only named.

    Raises:
        DataError: as `model.model_folder`.
    """
    from limbeck.model import model_folder, on_hub

    wanted = on_hub(str(source))
    if wanted is None:
        return source
    return str(wanted) if dry_run else model_folder(str(source))


def enclosing_run(path: Path) -> Path | None:
    """The run (a folder with run.json) that holds `path`, or None."""
    for folder in (path, *path.resolve().parents):
        if (folder / "run.json").exists():
            return folder
    return None


def networks_folder(path: Path) -> Path:
    """The networks meant by a snapshot, a training stage, a run (its kept, else raw ones) or a
    model folder.

    Raises:
        DataError: no finished training lies there; of an unfinished one it says how to go on.
    """
    existing(path, "folder of networks")
    found = find_networks(path)
    if found is not None:
        return found
    for training in map(training_in, (path, path / "kept", path / "raw")):
        if training is not None:
            raise unfinished(training)
    if is_foreign(path):
        raise DataError(f"{path} is a network that another tool wrote", convert_it(path))
    raise DataError(
        f"{path} holds no trained networks (no config.json, no training)",
        "give a snapshot (nets-...), a folder that `limbeck train` made, or a run",
    )


def centres_file(source: Path, modes: Path | None) -> Path | None:
    """modes.safetensors that belongs to the networks, or None when there is none.

    Where `modes` was given, it may be centres of another tool, a .npy file or a folder.

    Raises:
        DataError: `modes` was given and holds none.
    """
    if modes is not None:
        from limbeck.artefacts.centre_files import is_centre_file

        own = modes / "modes.safetensors" if modes.is_dir() else modes
        foreign = not own.exists() and modes.exists() and is_centre_file(modes)
        return modes if foreign else existing(own, "file of modes")
    run = enclosing_run(source)
    where = source.resolve()
    if run is not None and (run / "raw").resolve() in (where, *where.parents):
        run = None  # its modes are those of the kept networks
    beside = [source / "modes.safetensors", *([run / "modes" / "modes.safetensors"] if run else [])]
    return next((file for file in beside if file.exists()), None)


def usual_psi(source: Path) -> float:
    """Strength of truncation of the model or run that `source` is or lies in; 0.7 without one."""
    from limbeck.artefacts.mode_files import psi_of

    if is_model(source):
        from limbeck.model import read_config

        settings = read_config(source).settings
        return psi_of(SampleConfig() if settings is None else settings.sample, source)
    root = enclosing_run(source)
    if root is None:
        return psi_of(SampleConfig(), source)
    run_dir = RunDir(root)
    return psi_of(run_dir.config().sample, run_dir.modes)


def load_centres(file: Path | None, networks: HoldsGenerator) -> ModeCentres | None:
    """Read what `centres_file` found, for this generator, with a person's marks.

    Raises:
        DataError: damaged, or modes of another generator.
    """
    if file is None:
        return None
    from limbeck.artefacts.centre_files import is_centre_file
    from limbeck.artefacts.mode_marks import load_modes

    if is_centre_file(file):
        from limbeck.modes import import_centres

        return import_centres(networks, file)
    found, w_dim = load_modes(file), networks.config.w_dim
    if found.centres.shape[1] != w_dim:
        raise DataError(
            f"the modes in {file} belong to another generator ({found.centres.shape[1]} numbers "
            f"a latent, this one has {w_dim})",
            "leave --modes out, or make them: "
            + logs.command("limbeck", "modes", "NETWORKS", "--out", "MODES"),
        )
    return found


def open_networks(path: Path, device: str) -> Networks:
    """Load networks on a device, computing in float32: one seed is one image on every machine.

    Raises:
        DataError: as `networks_folder`.
        UsageError: no such device.
    """
    from limbeck.artefacts.model_networks import read_networks
    from limbeck.kit.device import pick_device

    return read_networks(networks_folder(path)).to(pick_device(device)).eval().prepare()


def run_folder(path: Path) -> RunDir:
    """A run's folder.

    Raises:
        UsageError: it is a stage of a run, not the run.
        DataError: it is neither.
    """
    run = RunDir(existing(path, "run"))
    outer = enclosing_run(path)
    if outer is not None and outer != path:
        raise UsageError(
            f"{path} is a part of the run {outer}, not a run",
            f"give the run itself: {logs.command(outer)}",
        )
    run.read()
    return run
