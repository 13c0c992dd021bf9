"""What the verb export makes for others: ONNX, torch.export, a state dict, centres, a space."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from limbeck import logs
from limbeck.cli.outcome import Outcome
from limbeck.config import truncation_named
from limbeck.errors import DataError, UsageError
from limbeck.records import CentreLayout, ModelKind

if TYPE_CHECKING:
    from limbeck.model import Pipeline
    from limbeck.nets import Discriminator

PROGRAMS = (ModelKind.ONNX, ModelKind.TORCH_EXPORT)
ENDINGS = {
    ModelKind.ONNX: ".onnx", ModelKind.TORCH_EXPORT: ".pt2", ModelKind.STYLEGAN2_PT: ".pt"
}  # fmt: skip


def check_options(
    kind: ModelKind, truncation: str | None, half: bool, layout: CentreLayout | None
) -> None:
    """Check that the options are of use to this kind.

    Raises:
        UsageError: one is not.
    """
    fits = {
        "--truncation": truncation is None or kind in PROGRAMS,
        "--half": not half or kind in (ModelKind.MODEL, ModelKind.ONNX, ModelKind.SPACE),
        "--layout": layout is None or kind is ModelKind.CENTRES_NPY,
    }
    for option, good in fits.items():
        if not good:
            raise UsageError(f"{option} means nothing to --to {kind}", "leave it out")
    if kind is ModelKind.ONNX:
        from limbeck.portable import require_onnx

        require_onnx()


def check_place(kind: ModelKind, out: Path, layout: CentreLayout | None) -> None:
    """Check that `out` can be made without taking the place of anything.

    Raises:
        UsageError, DataError: it cannot.
    """
    from limbeck.artefacts.folders import check_new
    from limbeck.artefacts.new_file import check_file

    if kind in ENDINGS:
        check_file(out, ENDINGS[kind])
    elif kind is ModelKind.CENTRES_NPY and layout in (None, CentreLayout.STYLEGAN_XL):
        check_file(out, ".npy")
    else:
        check_new(out)


def write_program(
    kind: ModelKind, model: Pipeline, out: Path, truncation: str | None, half: bool
) -> Outcome:
    """Write an ONNX file or a torch.export program."""
    from limbeck.portable import own_rule, write_onnx, write_torch_export

    rule = None if truncation is None else truncation_named(truncation)
    own = own_rule(model.modes, rule)
    difference = None
    with logs.working("recording what the model does; half a minute"):
        if kind is ModelKind.ONNX:
            difference = write_onnx(model, out, truncation=rule, half=half)
        else:
            write_torch_export(model, out, truncation=rule)
    size = out.stat().st_size
    values: dict[str, object] = {"bytes": size, "truncation": own, "difference": difference}
    lines: list[object] = [
        logs.line("wrote ", logs.bold(out), f": {size / 1e6:.1f} MB, truncation {own}")
    ]
    if difference is not None:
        lines.append(f"checked: onnxruntime's images differ from PyTorch's by {difference:.1g}")
    elif kind is ModelKind.ONNX:
        lines.append("not checked: pip install onnxruntime, and it is compared with PyTorch")
    return Outcome(values, lines)


def write_checkpoint(model: Pipeline, out: Path, discriminator: Discriminator | None) -> Outcome:
    """Write a checkpoint in the layout of rosinality's stylegan2-pytorch."""
    from limbeck.foreign import write_state_dict

    notes = write_state_dict(model, out, discriminator)
    size = out.stat().st_size
    return Outcome(
        {"bytes": size, "notes": list(notes)},
        [
            logs.line("wrote ", logs.bold(out), f": {size / 1e6:.1f} MB"),
            *(f"note: {note}" for note in notes),
        ],
    )


def write_space_folder(
    model: Pipeline, out: Path, folder: Path | None, half: bool, most: int
) -> Outcome:
    """Write the folder of a Hugging Face space; a model `folder` that is given goes in as it is."""
    from limbeck.portable import write_space

    with logs.working("writing the page and its model"):
        files = write_space(model, out, folder=folder, half=half, max_shard_size=most)
    size = sum(file.stat().st_size for file in files)
    return Outcome(
        {"bytes": size, "files": len(files)},
        [
            logs.line("wrote ", logs.bold(out), f": app.py, its model, {size / 1e6:.1f} MB"),
            "look at it here: pip install 'limbeck[space]', then python app.py in that folder",
        ],
        then=logs.command("hf", "upload", "OWNER/NAME", out, ".", "--repo-type", "space"),
    )


def parse_facts(words: list[str]) -> dict[str, str | int | float]:
    """`photos=11120` -> {"photos": 11120}; what is no number stays text.

    Raises:
        UsageError: no name, no `=`, or a name twice.
    """
    facts: dict[str, str | int | float] = {}
    for word in words:
        name, equals, value = word.partition("=")
        if not equals or not name.strip() or name.strip() in facts:
            raise UsageError(
                f"--fact {word!r} is not NAME=VALUE, or names something twice",
                "write e.g. --fact photos=9452",
            )
        facts[name.strip()] = _value(value.strip())
    return facts


def _value(text: str) -> str | int | float:
    for kind in (int, float):
        try:
            return kind(text)
        except ValueError:
            continue
    return text


def write_centre_files(
    model: Pipeline, out: Path, layout: CentreLayout | None, name: str
) -> Outcome:
    """Write the modes' centres as numpy files.

    Raises:
        DataError: the model has no modes.
    """
    from limbeck.artefacts.centre_files import write_centres

    if model.modes is None:
        raise DataError(
            "there are no modes whose centres could be exported",
            "make them with `limbeck modes` and give --modes FOLDER",
        )
    chosen = layout or CentreLayout.STYLEGAN_XL
    modes = model.modes
    centres = modes.targets[modes.drawn]
    left_out = len(modes) - len(centres)
    images = model.generate(centres) if chosen is CentreLayout.SELF_DISTILLED else None
    files = write_centres(out, chosen, centres, num_ws=model.G_ema.num_ws, images=images, name=name)
    size = sum(file.stat().st_size for file in files)
    noun = "file" if len(files) == 1 else "files"
    return Outcome(
        {"bytes": size, "layout": chosen, "centres": len(centres), "files": len(files)},
        [
            logs.line("wrote ", logs.bold(out), f": {len(centres)} centres for {chosen}, "
                      f"{len(files)} {noun}, {size / 1e6:.2f} MB"),
            *([f"{left_out} modes that somebody merged or marked `never` have no centre of their "
               "own there"] if left_out else []),
        ],
    )  # fmt: skip
