"""README.md of a model folder: what it is, how to load it, what it cannot do.

Words of whoever made the model (licence, facts) are shown as they are: nothing in them is taken for
Markdown or HTML.
"""

import json
import re
from pathlib import Path

from limbeck import logs
from limbeck.artefacts.amending import is_own
from limbeck.artefacts.mode_marks import load_modes
from limbeck.artefacts.model_folder import (
    BEGUN_LICENCE,
    CARD,
    CONFIG,
    CONVERTED,
    MODES,
    SHEETS,
    Measured,
    ModelConfig,
    read_config,
)
from limbeck.latents import ModeCentres, ModeMarks
from limbeck.model.metadata import front_matter
from limbeck.nets import AnyNet, StyleGAN3Config

TAKEN_DOWN = "taken down"
"""Fact in `data` of config.json: photos of the training that were taken down since."""
SHOWN_MODES = 32
"""Centres on centres.png, the largest modes first."""
_UNMARKED = ModeMarks()
_MARKS = re.compile(r"([\\`*_{}\[\]<>#|~&$])")

_COMPARE = (
    "Compare them with figures of equal counts and features alone; FID and KID are those of the "
    "literature with features `inception`."
)
_METHOD = "Self-Distilled StyleGAN (Mokady et al. 2022, arXiv 2202.12211), by limbeck"
_FOREIGN = "trained by another tool (layout {}), converted by limbeck; see Data"
_FILTERED = " What a filter dropped as untypical is missing from them, rare\n  kinds first."
_TEXT = """{head}# A generator of {size} px images, {made} by limbeck {version}

![samples](samples.png)

{seeds} seeds at psi {psi}, {truncation} truncation, not picked.
{sheet}
## Load it
```python
from limbeck import Pipeline

model = Pipeline.from_pretrained("PATH/TO/THIS/FOLDER")  # or "OWNER/NAME" on the hub
pictures = model(range(8), psi=0.7{argument})  # uint8 [8, 3, {size}, {size}]
{invert}```
Or `limbeck sample THIS/FOLDER --seeds 0-7 --out pictures`. Loading executes nothing from this
folder: JSON and safetensors only, each file's sha256 compared with `config.json`.

## What it is
| | |
|---|---|
| method | {method} |
| generator | {network} |
| encoder | {encoder} |
| modes | {modes} |
| classes | {classes} |
| licence of the weights | {licence} |
{marked}
## Data
{data}
{figures}
## Settings
{settings}

## Limits
* The images look like the photos it was trained on, with their bias of place, time and
  photographer.{filtered}
* It may repeat training photos more closely than one would like; unless Data says so, nobody has
  measured that.
* `invert` gives the nearest image that the generator can make, not the photo; do not use it to
  tell who or what is on a photo.
* {quality}
* The right to share these weights depends on the photos' licences, which limbeck does not
  know{begun}.
"""


def shown_seeds(size: int) -> int:
    """How many seeds samples.png shows of images of this side."""
    return 32 if size <= 256 else 8


def write_card(
    about: ModelConfig,
    modes: int,
    sheets: tuple[str, ...] = SHEETS,
    marks: ModeMarks = _UNMARKED,
) -> str:
    """The model card as Markdown, with the head that the Hugging Face hub reads.

    Args:
        about: config.json of the folder.
        modes: how many mode centres there are.
        sheets: pictures that lie beside it, of `SHEETS`.
        marks: what a person says of the modes.
    """
    foreign = CONVERTED in about.data
    net, psi = about.net, about.settings.sample.psi if about.settings else 0.7
    shown = f"\n![modes]({SHEETS[1]})\n\nThe centres of its {{}}.\n"
    drawn = modes - len(marks.never | marks.merged.keys() | marks.hidden)
    which = f"{SHOWN_MODES} largest modes" if drawn > SHOWN_MODES else f"{drawn} modes"
    invert = "w, image, lpips = model.invert(image)  # a PIL image or uint8 [3, H, W]\n"
    return _TEXT.format(
        head=front_matter(about),
        licence=_text(about.licence),
        size=net.size,
        made="converted" if foreign else "made",
        method=_FOREIGN.format(_text(about.data.get("layout", "unknown"))) if foreign else _METHOD,
        filtered="" if foreign else _FILTERED,
        seeds=shown_seeds(net.size),
        version=_text(about.limbeck),
        psi="0.7" if psi == "auto" else f"{psi:g}",
        truncation="multi-modal (LPIPS)" if modes else "global",
        sheet=shown.format(which) if modes and SHEETS[1] in sheets else "",
        argument="" if modes else ', truncation="global"',
        invert=invert if about.holds("encoder") else "",
        network=f"{_architecture(net)}, {net.size} px, w of {net.w_dim} numbers, "
        f"stored as {about.dtype}",
        encoder="one w per image" if about.holds("encoder") else "none",
        modes=f"{modes} centres" if modes else "none; use global truncation",
        marked=_marked(marks),
        classes=net.num_classes or "none",
        data=_data(about),
        figures=_figures(about.measured) if about.measured else "",
        settings=_settings(about),
        begun=_begun(about),
        quality="Figures say how alike sets of images are, not whether one image is good."
        if about.measured
        else "Figures of quality are in the report of the run; here are only those that Data "
        "states.",
    )  # fmt: skip


def restate_card(folder: Path, taken: int) -> dict[str, str] | None:
    """What a model folder must say when photos of its training are taken down.

    Args:
        folder: a model folder.
        taken: how many, in all.

    Returns:
        New texts by file: config.json, and README.md unless somebody changed it; None where they
        say so already.

    Raises:
        DataError: no model folder, or a damaged one.
    """
    about = read_config(folder)
    if about.data.get(TAKEN_DOWN, 0) == taken:
        return None
    about = about.model_copy(update={"data": {**about.data, TAKEN_DOWN: taken}})
    modes = load_modes(folder / MODES) if MODES in about.files else None
    config = json.dumps(about.model_dump(mode="json"), indent=2, allow_nan=False) + "\n"
    sheets = tuple(name for name in SHEETS if (folder / name).is_file())
    card = {CARD: _card(about, modes, sheets)} if is_own(folder, CARD) else {}
    return {**card, CONFIG: config}


def _card(about: ModelConfig, modes: ModeCentres | None, sheets: tuple[str, ...]) -> str:
    if modes is None:
        return write_card(about, 0, sheets)
    return write_card(about, len(modes), sheets, modes.marks)


def _marked(marks: ModeMarks) -> str:
    """What a person says of the modes, as a section; empty without marks."""
    if not marks:
        return ""
    lines = ["", "## Modes that somebody named or marked", "| mode | name | |", "|---|---|---|"]
    for mode in marks.modes:
        told = "never sampled" if mode in marks.never else "not shown in lists"
        if mode in marks.merged:
            told = f"counts as mode {marks.merged[mode]}"
        elif mode not in marks.never | marks.hidden:
            told = ""
        lines.append(f"| {mode} | {_text(marks.names.get(mode, ''))} | {told} |")
    never = "Modes that are never sampled are no target of multi-modal truncation; without "
    never += "truncation, or towards the mean, images like theirs may still come."
    return "\n".join([*lines, *(["", never] if marks.never else []), ""])


def _text(words: object) -> str:
    """A person's words on one line, with all that is no visible character, and every mark of
    Markdown and HTML, spelt out."""
    return _MARKS.sub(r"\\\1", logs.visible(" ".join(str(words).split())))


def _code(words: object) -> str:
    """A person's words between two backticks."""
    return f"`{logs.visible(' '.join(str(words).split())).replace('`', chr(39))}`"


def _figures(measured: tuple[Measured, ...]) -> str:
    """A table, one row for each way of measuring."""
    lines = [
        "", "## Figures",
        "| images against | features | psi | FID | KID | precision | recall | coverage |",
        "|---|---|---|---|---|---|---|---|",
    ]  # fmt: skip
    for one in measured:
        which = f"{one.real} {_text(one.photos)} photos" + " held out" * one.held_out
        lines.append(
            f"| {one.fake} images, {which} | {_text(one.features)} "
            f"| {one.psi:g} ({_text(one.truncation)}) | {one.fid:.4g} | {one.kid:.4g} "
            f"| {one.precision:.3f} | {one.recall:.3f} | {one.coverage:.3f} |"
        )
    return "\n".join([*lines, "", _COMPARE, ""])


def _data(about: ModelConfig) -> str:
    facts = [
        f"* {_text(name)}: {_text(value)}"
        for name, value in about.data.items()
        if name not in ("column", TAKEN_DOWN)
    ]
    if taken := about.data.get(TAKEN_DOWN):
        facts.append(
            f"* photos of its training that were since taken down: {taken}. They are no longer in "
            "the dataset, but weights cannot forget them; a training without them is what helps"
        )
    if about.settings is not None and "kept" in about.data:
        keep = about.settings.keep
        column = about.data.get("column", keep.column)
        facts.append(f"* kept by the rule `{keep.rule}` on the score {_code(column)}")
    return "\n".join(facts) or "Not stated by whoever made this folder."


def _begun(about: ModelConfig) -> str:
    """For its limits: the licence of the weights that its training began with."""
    licence = about.data.get(BEGUN_LICENCE)
    if licence is None:
        return ""
    return f", and on the licence of the weights that its training began with: {_text(licence)}"


def _settings(about: ModelConfig) -> str:
    config = about.settings
    if config is None:
        return "Not stated by whoever made this folder."
    train, begun = config.train, ", which goes on from the first" * (config.kept_from == "raw")
    lines = [
        f"preset {_code(config.preset)}, seed {config.seed}, {train.kimg:g} thousand images shown "
        f"in the first training and {config.second().train.kimg:g} in the second{begun}, batch "
        f"{train.batch}, R1 weight {config.gamma():.4g}, augmentation `{train.augment}`, encoder "
        f"learns from `{train.reconstruct}` pictures.",
        "All settings are in `config.json`.",
    ]
    return "\n".join(lines)


def _architecture(net: AnyNet) -> str:
    if isinstance(net, StyleGAN3Config):
        return "StyleGAN3-R" if net.use_radial_filters else "StyleGAN3-T"
    return f"StyleGAN2, {net.g_architecture}"
