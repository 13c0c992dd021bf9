"""Options that the verbs share, and the small languages they are written in."""

import inspect
import re
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Any, Literal

import typer
import yaml

from limbeck.config import Config
from limbeck.errors import UsageError
from limbeck.presets import preset

SharedName = Literal["settings", "seed", "device", "dry_run"]
_SHARED: dict[str, tuple[Any, Any]] = {
    "settings": (
        Annotated[
            list[str] | None,
            typer.Option(
                "--set", metavar="NAME=VALUE", help="Any setting, e.g. train.batch=16; repeatable."
            ),
        ],
        None,
    ),
    "seed": (
        Annotated[
            int,
            typer.Option("--seed", min=0, help="Random seed; the same seed gives the same result."),
        ],
        0,
    ),
    "device": (Annotated[str, typer.Option("--device", help="auto, cpu, cuda or mps.")], "auto"),
    "dry_run": (
        Annotated[
            bool,
            typer.Option("--dry-run", help="Check the arguments and print what would be done."),
        ],
        False,
    ),
    "as_json": (
        Annotated[
            bool,
            typer.Option(
                "--json", help="Print one JSON object as the last line of standard output."
            ),
        ],
        False,
    ),
}


@dataclass(frozen=True)
class Shared:
    """What the options that verbs share were given; a verb has those that its `@verb` names."""

    settings: list[str] | None = None
    seed: int = 0
    device: str = "auto"
    dry_run: bool = False

    def config(
        self, name: str, size: int | None = None, changes: Mapping[str, object] | None = None
    ) -> Config:
        """The preset `name` with `changes` and these options on top; as `build_config`."""
        return build_config(
            name, seed=self.seed, device=self.device, size=size, pairs=self.settings,
            changes=changes,
        )  # fmt: skip


def options(*names: SharedName) -> list[inspect.Parameter]:
    """The shared options of these names, and `--json`, as parameters of a command."""
    return [
        inspect.Parameter(name, inspect.Parameter.KEYWORD_ONLY, default=default, annotation=kind)
        for name, (kind, default) in _SHARED.items()
        if name in (*names, "as_json")
    ]


ModesFolder = Annotated[
    Path | None,
    typer.Option(
        "--modes",
        help="Folder written by `limbeck modes`, or centres of another tool (.npy); default: the "
        "run's.",
    ),
]
PHOTOS = (
    "A folder, .zip, .tar or .parquet of photos, a folder of tars (WebDataset) or parquet files, "
    "a manifest .json of boxes, or a .csv, .tsv, .jsonl or .parquet of URLs."
)
PRESETS = (
    "smoke, tiny, small, medium, base, large, auto, paper256, paper512 or paper1024; "
    "sets all the rest"
)
Preset = Annotated[str, typer.Option("--preset", help=f"{PRESETS}.")]
Size = Annotated[
    int | None, typer.Option("--size", help="Side of the generator's images, a power of two.")
]
Kimg = Annotated[
    float | None,
    typer.Option("--kimg", help="Length of training in kimg (thousands of real images shown)."),
]
InitFrom = Annotated[
    str | None,
    typer.Option(
        "--init-from",
        metavar="MODEL",
        help="Start from these networks (a model, run, training or snapshot); not needed to "
        "resume. Shapes follow them, and so does the size where none is given.",
    ),
]
FreezeD = Annotated[
    int | None,
    typer.Option(
        "--freezed",
        min=0,
        help="Number of D's layers to freeze, counted from the image (Freeze-D).",
    ),
]
FreezeMapping = Annotated[
    bool, typer.Option("--freeze-mapping", help="Keep z -> w of the networks begun with.")
]
ClassFrom = Annotated[
    str | None,
    typer.Option(
        "--class-from",
        help="Classes: `folder` (one per sub-folder), or a .csv or .jsonl with file and label.",
    ),
]
Crop = Annotated[
    str | None,
    typer.Option(
        "--crop",
        help="The square of a photo: detect (around its object), attention (where most happens), "
        "center, boxes (of a manifest), none (photos are square); default: boxes where there are "
        "any, else detect where the detector is, else center.",
    ),
]
DetectorFile = Annotated[
    Path | None,
    typer.Option(
        "--detector", help="File of the detector's weights (yolox-nano); default: from the cache."
    ),
]
CropObject = Annotated[
    str | None,
    typer.Option(
        "--crop-object",
        help="What detect looks for: a COCO class such as dog (or several: dog,cat), any, or auto "
        "(what most photos show, the default).",
    ),
]
CropMost = Annotated[
    int | None,
    typer.Option(
        "--crop-most",
        min=1,
        max=20,
        help="How many objects of one photo detect may make images of; default 1.",
    ),
]
Store = Annotated[
    str | None,
    typer.Option(
        "--store",
        help="How pixels lie on disk: raw, shards (tars of lossless WebP: half of the bytes), or "
        "auto: shards where raw pixels take more than half of the memory or 64 GiB.",
    ),
]
Fetched = Annotated[
    Path | None,
    typer.Option(
        "--fetched", help="Where photos of a URL list are kept; default: limbeck's cache."
    ),
]
FetchPort = Annotated[
    list[int] | None,
    typer.Option(
        "--fetch-port",
        min=1,
        max=65535,
        help="A port that URLs may name besides 80 and 443; repeatable.",
    ),
]
OptOut = Annotated[
    Path | None,
    typer.Option(
        "--opt-out", help="File of names, sha256, URLs or host:NAME never to be used or fetched."
    ),
]
Tensorboard = Annotated[
    bool,
    typer.Option(
        "--tensorboard",
        help="Also write curves and grids for TensorBoard into tensorboard/ of a training.",
    ),
]


def parse_psi(text: str) -> float | Literal["auto"]:
    """A number from 0 to 1, or `auto`.

    Raises:
        UsageError: something else.
    """
    if text == "auto":
        return "auto"
    try:
        psi = float(text)
    except ValueError:
        psi = -1.0
    if not 0 <= psi <= 1:
        raise UsageError(f"--psi {text}", "give a number from 0 to 1, or auto")
    return psi


Psi = Annotated[
    str | None,
    typer.Option(
        "--psi",
        "--trunc",
        metavar="PSI",
        help="Strength of truncation: 0 = the target itself, 1 = none; auto = measured on the "
        "photos.",
    ),
]
TruncationName = Annotated[
    str | None,
    typer.Option(
        "--truncation",
        help="none, global, index, multimodal-l2, multimodal-lpips or multimodal-typical.",
    ),
]
Strict = Annotated[
    bool, typer.Option("--strict", help="Fail if a line of --opt-out names no photo.")
]
Verify = Annotated[
    bool,
    typer.Option(
        "--verify", help="Read every photo to find changes that size and time do not show."
    ),
]
MaxReject = Annotated[
    float,
    typer.Option(
        "--max-reject",
        min=0,
        max=1,
        help="Stop with exit code 3 if more than this share of the files cannot be used; copies "
        "and opt-outs do not count.",
    ),
]
Yes = Annotated[
    bool,
    typer.Option("--yes", "-y", help="Rebuild what changed options make stale without asking."),
]
Out = Annotated[Path, typer.Option("--out", help="Folder to write to.")]

_BUDGET = re.compile(r"(?:(\d+(?:\.\d+)?)h)?(?:(\d+(?:\.\d+)?)m)?(?:(\d+(?:\.\d+)?)s)?")


def parse_budget(text: str) -> float:
    """`90s`, `60m`, `6h`, `1h30m` -> seconds.

    Raises:
        UsageError: another form, or nothing at all.
    """
    match = _BUDGET.fullmatch(text.strip().lower())
    hours, minutes, seconds = (float(part or 0) for part in match.groups()) if match else (0, 0, 0)
    total = 3600 * hours + 60 * minutes + seconds
    if total <= 0:
        raise UsageError(f"--time-budget {text!r} is not a time", "write 90s, 60m, 6h or 1h30m")
    return total


_BYTES = re.compile(r"(\d{1,9}(?:\.\d{1,3})?) ?(kB|MB|GB)", re.IGNORECASE)
_UNITS = {"kb": 10**3, "mb": 10**6, "gb": 10**9}


def parse_bytes(text: str) -> int:
    """`500MB`, `2GB`, `64 kB` -> bytes.

    Raises:
        UsageError: another form, or nothing at all.
    """
    match = _BYTES.fullmatch(text.strip())
    count = int(float(match[1]) * _UNITS[match[2].lower()]) if match else 0
    if count < 1:
        raise UsageError(f"{text!r} is no size of a file", "write e.g. 500MB or 2GB")
    return count


def parse_settings(pairs: list[str] | None) -> dict[str, object]:
    """`["train.batch=16"]` -> {"train.batch": 16}; values are read as YAML.

    Raises:
        UsageError: a pair without `=`, or a value that is not YAML.
    """
    settings: dict[str, object] = {}
    for pair in pairs or []:
        name, equals, value = pair.partition("=")
        if not equals or not name:
            raise UsageError(f"--set {pair!r} is not NAME=VALUE", "write e.g. --set train.batch=16")
        try:
            settings[name.strip()] = yaml.safe_load(value)
        except yaml.YAMLError:
            raise UsageError(f"--set {pair!r}: the value cannot be read", "quote it") from None
    return settings


def build_config(
    name: str,
    *,
    seed: int | None = None,
    device: str | None = None,
    size: int | None = None,
    pairs: list[str] | None = None,
    changes: Mapping[str, object] | None = None,
) -> Config:
    """A preset with the named options on top, and `--set` on top of those.

    Args:
        name: preset.
        seed: of the run; None = as the preset or `changes` say.
        device: auto, cpu, cuda or mps; None = likewise.
        size: side in pixels; None = the preset's own.
        pairs: what `--set` was given.
        changes: dotted setting -> value; None values are left as the preset has them.

    Raises:
        UsageError: an unknown preset or setting, a value out of range, or TensorBoard's files are
            asked for and its package is absent.
    """
    named = {"seed": seed, "device": device, **(changes or {})}
    given = {key: value for key, value in named.items() if value is not None}
    return change_config(preset(name, size), given, pairs)


def begun_size(size: int | None, init_from: str | None) -> int | None:
    """The size that was asked for, or that of the networks to begin with."""
    if size is not None or init_from is None:
        return size
    from limbeck.training import shapes_of

    return shapes_of(Path(init_from)).size


def change_config(
    config: Config, given: Mapping[str, object], pairs: list[str] | None = None
) -> Config:
    """A configuration with named options on top, and `--set` on top of those.

    Networks to begin with give their shapes, below both.

    Raises:
        UsageError: an unknown setting, one given twice, a value out of range, or TensorBoard's
            files are asked for and its package is absent.
    """
    if (source := given.get("train.init_from")) is not None:
        from limbeck.training import shaped_like, shapes_of

        config = shaped_like(config, shapes_of(Path(str(source))))
    changed = config.replace(**given, **_apart(given, pairs))
    if changed.train.tensorboard:
        from limbeck.training import require_tensorboard

        require_tensorboard()
    return changed


def _apart(given: Mapping[str, object], pairs: list[str] | None) -> dict[str, object]:
    settings = parse_settings(pairs)
    twice = sorted(given.keys() & settings.keys())
    if twice:
        raise UsageError(f"{twice[0]} is given twice", "use the option or --set, not both")
    return settings


def keep_changes(
    fraction: float | None, threshold: float | None, count: int | None, per_mode: bool
) -> dict[str, object]:
    """The keep rule that the options name, as settings; `auto` when none is given.

    Raises:
        UsageError: more than one of them.
    """
    rules = {"fraction": fraction, "threshold": threshold, "count": count}
    given = {name: value for name, value in rules.items() if value is not None}
    if len(given) > 1:
        raise UsageError(
            f"{' and '.join('--' + name for name in given)} cannot go together",
            "give one of them: each is a rule of its own",
        )
    changes: dict[str, object] = {f"keep.{name}": value for name, value in given.items()}
    if given:
        changes["keep.rule"] = next(iter(given))
    if per_mode:
        changes["keep.per_mode"] = True
    return changes
