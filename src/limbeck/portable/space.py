"""A folder for a Hugging Face space: a page that draws a model's images, and the model.

https://huggingface.co/docs/hub/spaces-config-reference has the head of README.md.
"""

import shutil
from importlib import resources
from pathlib import Path
from typing import Any

import yaml

from limbeck import __version__, fsio, logs
from limbeck.artefacts.folders import check_new
from limbeck.model import Pipeline, hub_licence, public_files

APP = "app.py"
MODEL_FOLDER = "model"
_GRADIO, _PYTHON = "6.31.0", "3.12"  # what the page was looked at with; limbeck needs 3.11
_REQUIREMENTS = f"limbeck[space]=={__version__}\ntorch\n"
_README = """---
{head}---
# Images of a generator, {size} px

A page that draws images of the model in `model/`: seeds, truncation, psi, examples, and what the
model cannot do. Made by limbeck {version}. What the weights may be used for, and their limits:
[the model card](model/README.md).

On a machine of your own: `pip install -r requirements.txt`, then `python app.py`.
"""


def write_space(
    model: Pipeline,
    out: Path,
    *,
    folder: Path | None = None,
    half: bool = False,
    max_shard_size: int,
) -> list[Path]:
    """Write app.py, requirements.txt, README.md and the folder model/.

    Args:
        model: what the page draws.
        out: a folder that is new or empty; the page is named after it.
        folder: the model's folder, to be copied as it is: what belongs to the format, and no other
            file. None = `model` is written anew.
        half: weights that are written anew are stored in float16.
        max_shard_size: bytes in one file of weights that are written anew.

    Returns:
        the files.

    Raises:
        DataError: `out` holds anything, or cannot be written; the model folder is damaged.
        UsageError: `out` is a file, or `max_shard_size` is no number of bytes.
    """
    check_new(out)
    names = [] if folder is None else public_files(folder)[1]
    with fsio.atomic_dir(out) as building:
        inner = building / MODEL_FOLDER
        if folder is None:
            model.save_pretrained(
                inner, dtype="float16" if half else "float32", max_shard_size=max_shard_size
            )
        else:
            inner.mkdir()
            for name in names:
                shutil.copyfile(folder / name, inner / name)
        template = resources.files("limbeck.portable") / "templates" / APP
        fsio.write_text(building / APP, template.read_text(encoding="utf-8"))
        fsio.write_text(building / "requirements.txt", _REQUIREMENTS)
        fsio.write_text(building / "README.md", _readme(model, out.resolve().name))
    return fsio.files_under(out)


def _readme(model: Pipeline, name: str) -> str:
    head: dict[str, Any] = {
        "title": logs.visible(name),
        "sdk": "gradio",
        "sdk_version": _GRADIO,
        "python_version": _PYTHON,
        "app_file": APP,
        **hub_licence(model.licence),
    }
    text = yaml.safe_dump(head, sort_keys=False, allow_unicode=True)
    return _README.format(head=text, size=model.config.size, version=__version__)
