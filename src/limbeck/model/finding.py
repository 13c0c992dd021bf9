"""From what a user names to the model folder that is meant, or to words that say what lies there.

Nothing is ever unpickled: only JSON and safetensors are opened. A name of the hub is fetched first.
"""

from pathlib import Path

import torch
from PIL import Image

from limbeck import fsio
from limbeck.artefacts.mode_marks import load_modes
from limbeck.artefacts.model_folder import MODES, ModelConfig
from limbeck.artefacts.model_networks import PARTS, checked, model_networks
from limbeck.artefacts.snapshots import FOREIGN, convert_it, is_foreign, is_model
from limbeck.artefacts.stage import read_done
from limbeck.errors import DataError, LimbeckError, UsageError
from limbeck.latents import ModeCentres
from limbeck.model.hub import fetch
from limbeck.model.hub_names import HubModel
from limbeck.nets import Networks

_PACKED = (".zip", ".tar", ".gz", ".tgz", ".xz", ".7z", ".rar")
_FILES = (".safetensors", ".json", ".onnx", ".png", ".jpg", ".jpeg", ".webp", ".npy", ".parquet")
_WANTED = (
    "give a model folder (config.json, generator.safetensors), made by `limbeck run`, "
    "`limbeck export` or save_pretrained"
)


def open_model(
    folder: Path, device: torch.device
) -> tuple[Networks, ModeCentres | None, ModelConfig]:
    """The averages on a device, ready to draw in float32, modes with their marks, config.json.

    Raises:
        DataError: names the file and the field that is missing, damaged or does not fit.
    """
    about = checked(folder)
    names = [name for name in ("G_ema", "E_ema") if about.holds(PARTS[name])]
    networks = model_networks(folder, about, names).to(device)
    modes = load_modes(folder / MODES) if MODES in about.files else None
    if modes is not None and modes.centres.shape[1] != about.net.w_dim:
        raise DataError(
            f"{folder}: centres of {MODES} have {modes.centres.shape[1]} numbers, "
            f"net.w_dim in config.json is {about.net.w_dim}",
            "the files are of different models; fetch the folder again",
        )
    return networks.prepare(), modes, about


def model_folder(path: Path | str) -> Path:
    """The model folder that is meant: `path` itself, the model of the run that lies there, or that
    of the hub (`on_hub`), which is fetched.

    Raises:
        UsageError: no path at all.
        DataError: nothing, or something else, lies there; says what, and what to do.
    """
    if not isinstance(path, str | Path):
        raise UsageError(f"from_pretrained got {type(path).__name__}", "give a folder's path")
    wanted = on_hub(path) if isinstance(path, str) else None
    if wanted is not None:
        return _fetched(wanted)
    folder = Path(path)
    try:
        there, is_file = folder.exists(), folder.is_file()
        names = sorted(entry.name for entry in folder.iterdir()) if folder.is_dir() else []
    except (OSError, ValueError) as error:
        raise DataError(f"{str(path)[:200]!r} cannot be opened: {error}", _WANTED) from None
    if not there:
        raise DataError(
            f"{folder}: no such folder",
            "check the name; a model of the Hugging Face hub is hf://OWNER/NAME",
        )
    if is_file:
        raise _of_file(folder)
    if is_model(folder) or _kind(folder) == "model":
        return folder
    if "run.json" in names:
        model = folder / "model"
        if (model / "config.json").exists():
            return model
        raise DataError(
            f"{folder} is a run without a model yet",
            "the same `limbeck run` again finishes it; where a training has finished, "
            f"`limbeck export {folder} --out MODEL` makes a model of it",
        )
    raise _of_folder(folder, names)


def _fetched(wanted: HubModel) -> Path:
    try:
        return fetch(wanted)
    except LimbeckError as error:
        if wanted.explicit:
            raise
        raise type(error)(f"no folder {wanted.repo} here; {error.what}", error.do) from None


def on_hub(text: str) -> HubModel | None:
    """The model of the hub that a text names; None where it means a path of this machine.

    `hf://owner/name` always names one; `owner/name` does where no `owner` lies here and `name` does
    not end as a file does.
    """
    wanted = HubModel.parse(text)
    if wanted is None or wanted.explicit:
        return wanted
    owner, name = wanted.repo.split("/")
    is_file = Path(name).suffix.lower() in (*FOREIGN, *_PACKED, *_FILES)
    return None if is_file or Path(owner).exists() else wanted


def _kind(folder: Path) -> str:
    """By its config.json: `model`, `networks` (a snapshot of training), or nothing known."""
    if not (folder / "config.json").is_file():
        return ""
    try:
        about = fsio.read_json(folder / "config.json")
    except (LimbeckError, OSError):
        return ""
    if not isinstance(about, dict):
        return ""
    return "model" if "format" in about else "networks" if "net" in about else ""


def _of_file(path: Path) -> DataError:
    kind, beside = path.suffix.lower(), path.parent
    if is_foreign(path):
        return DataError(
            f"{path} is a network that another tool wrote, and no model folder", convert_it(path)
        )
    if kind in _PACKED:
        return DataError(f"{path} is an archive", "unpack it and give the folder inside")
    if is_model(beside) and (beside / "config.json").exists():
        return DataError(f"{path} is one file of a model folder", f"give the folder, {beside}")
    if kind == ".safetensors":
        return DataError(f"{path} is a file of weights without its config.json beside it", _WANTED)
    if kind in Image.registered_extensions():
        return DataError(
            f"{path} is an image, not a model",
            "load a model folder, then give the image to its invert()",
        )
    return DataError(f"{path} is a file, not a model folder", _WANTED)


def _of_folder(folder: Path, names: list[str]) -> DataError:
    """What lies in a folder that holds no model."""
    outer = next((p for p in folder.resolve().parents if (p / "run.json").exists()), None)
    theirs = outer / "model" if outer is not None else None
    finished = theirs is not None and (theirs / "config.json").exists()
    own = f"; the model of its run is {theirs}" if finished else ""
    export = f"`limbeck export {folder} --out MODEL` makes a model folder of it{own}"
    if _kind(folder) == "networks":
        return DataError(f"{folder} is a snapshot of a training, not a model folder", export)
    if "stats.jsonl" in names or any(name.startswith(("nets-", "state-")) for name in names):
        return DataError(f"{folder} is a training, not a model folder", export)
    if "index.json" in names:
        return DataError(
            f"{folder} is a dataset of photos, not a model",
            f"train one: `limbeck train {folder} --out NETS`{own}",
        )
    try:
        done = read_done(folder)
    except (LimbeckError, OSError, ValueError):
        done = None
    if done is not None:
        return DataError(
            f"{folder} is the stage {done.stage!r} of limbeck, not a model", f"{_WANTED}{own}"
        )
    if (folder / "model" / "config.json").exists():
        return DataError(f"{folder} is no model folder", f"give {folder / 'model'}")
    shown = ", ".join(names[:5]) + (", ..." if len(names) > 5 else "")
    return DataError(f"{folder} holds no model, but {shown or 'nothing'}", _WANTED)
