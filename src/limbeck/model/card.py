"""README.md of a model folder: what it is, how to load it, what it cannot do."""

import json
from pathlib import Path

from limbeck.artefacts.amending import is_own
from limbeck.latents import ModeCentres
from limbeck.model.folder import ENCODER, MODES, ModelConfig, read_config
from limbeck.nets import AnyNet, StyleGAN3Config

TAKEN_DOWN = "taken down"
"""Fact in `data` of config.json: photos of the training that were taken down since."""
_CARD = "README.md"

_TEXT = """---
library_name: limbeck
pipeline_tag: unconditional-image-generation
tags: [limbeck, {family}, self-distilled-stylegan]
license: {licence_yaml}
---
# A generator of {size} px images, made by limbeck {version}

![samples](samples.png)

32 seeds at psi 0.7, {truncation} truncation, not picked.

## Load it
```python
from limbeck import Pipeline

model = Pipeline.from_pretrained("PATH/TO/THIS/FOLDER")
pictures = model(range(8), psi=0.7{argument})  # uint8 [8, 3, {size}, {size}]
{invert}```
Or `limbeck sample THIS/FOLDER --seeds 0-7 --out pictures`. Loading executes nothing from this
folder: JSON and safetensors only, each file's sha256 compared with `config.json`.

## What it is
| | |
|---|---|
| method | Self-Distilled StyleGAN (Mokady et al. 2022, arXiv 2202.12211), by limbeck |
| generator | {architecture}, {size} px, w of {w_dim} numbers, stored as {dtype} |
| encoder | {encoder} |
| modes | {modes} |
| classes | {classes} |
| licence of the weights | {licence} |

## Data
{data}

## Settings
{settings}

## Limits
* The images look like the photos it was trained on, with their bias of place, time and
  photographer. What a filter dropped as untypical is missing from them, rare kinds first.
* It may repeat training photos more closely than one would like; unless Data says so, nobody has
  measured that.
* `invert` gives the nearest image that the generator can make, not the photo; do not use it to
  tell who or what is on a photo.
* Figures of quality are in the report of the run; here are only those that Data states.
* The right to share these weights depends on the photos' licences, which limbeck does not know.
"""


def write_card(about: ModelConfig, modes: int) -> str:
    """The model card as Markdown.

    Args:
        about: config.json of the folder.
        modes: how many mode centres there are.
    """
    net = about.net
    has_encoder = ENCODER in about.files
    invert = "w, image, lpips = model.invert(image)  # a PIL image or uint8 [3, H, W]\n"
    return _TEXT.format(
        licence=_one_line(about.licence),
        licence_yaml=json.dumps(_one_line(about.licence)),
        size=net.size,
        version=about.limbeck,
        truncation="multi-modal (LPIPS)" if modes else "global",
        argument="" if modes else ', truncation="global"',
        invert=invert if has_encoder else "",
        architecture=_architecture(net),
        family=_architecture(net)[:9].lower(),
        w_dim=net.w_dim,
        dtype=about.dtype,
        encoder="one w per image" if has_encoder else "none",
        modes=f"{modes} centres" if modes else "none; use global truncation",
        classes=net.num_classes or "none",
        data=_data(about),
        settings=_settings(about),
    )


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
    modes = len(ModeCentres.load(folder / MODES)) if MODES in about.files else 0
    config = json.dumps(about.model_dump(mode="json"), indent=2, allow_nan=False) + "\n"
    card = {_CARD: write_card(about, modes)} if is_own(folder, _CARD) else {}
    return {**card, "config.json": config}


def _architecture(net: AnyNet) -> str:
    if isinstance(net, StyleGAN3Config):
        return "StyleGAN3-R" if net.use_radial_filters else "StyleGAN3-T"
    return f"StyleGAN2, {net.g_architecture}"


def _one_line(text: str) -> str:
    return " ".join(text.replace("|", "/").split())


def _data(about: ModelConfig) -> str:
    facts = [
        f"* {_one_line(name)}: {_one_line(str(value))}"
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
        facts.append(f"* kept by the rule `{keep.rule}` on the score `{_one_line(str(column))}`")
    return "\n".join(facts) or "Not stated by whoever made this folder."


def _settings(about: ModelConfig) -> str:
    config = about.settings
    if config is None:
        return "Not stated by whoever made this folder."
    train, begun = config.train, ", which goes on from the first" * (config.kept_from == "raw")
    lines = [
        f"preset `{config.preset}`, seed {config.seed}, {train.kimg:g} thousand images shown in "
        f"the first training and {config.second().train.kimg:g} in the second{begun}, batch "
        f"{train.batch}, R1 weight {config.gamma():.4g}, augmentation `{train.augment}`, encoder "
        f"learns from `{train.reconstruct}` pictures.",
        "All settings are in `config.json`.",
    ]
    return "\n".join(lines)
