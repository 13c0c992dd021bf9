"""The head of a model card: what the Hugging Face hub reads of it.

Keys and values are those of https://huggingface.co/docs/hub/model-cards: licences by the hub's own
identifiers, data sets by their names on the hub, results as a `model-index`.
"""

import re
from typing import Any

import yaml

from limbeck.artefacts.model_folder import CONVERTED, Measured, ModelConfig

DATASETS = "datasets"
"""Fact in `data` of config.json: names of data sets on the hub, with commas between."""
_TASK = "unconditional-image-generation"
_LICENCES = {
    "afl-3.0", "agpl-3.0", "apache-2.0", "apple-amlr", "apple-ascl", "artistic-2.0",
    "bigcode-openrail-m", "bigscience-bloom-rail-1.0", "bigscience-openrail-m", "bsd",
    "bsd-2-clause", "bsd-3-clause", "bsd-3-clause-clear", "bsl-1.0", "c-uda", "cc", "cc-by-2.0",
    "cc-by-2.5", "cc-by-3.0", "cc-by-4.0", "cc-by-nc-2.0", "cc-by-nc-3.0", "cc-by-nc-4.0",
    "cc-by-nc-nd-3.0", "cc-by-nc-nd-4.0", "cc-by-nc-sa-2.0", "cc-by-nc-sa-3.0", "cc-by-nc-sa-4.0",
    "cc-by-nd-4.0", "cc-by-sa-3.0", "cc-by-sa-4.0", "cc0-1.0", "cdla-permissive-1.0",
    "cdla-permissive-2.0", "cdla-sharing-1.0", "creativeml-openrail-m", "ecl-2.0", "epl-1.0",
    "epl-2.0", "etalab-2.0", "eupl-1.1", "eupl-1.2", "fair-noncommercial-research-license", "gfdl",
    "gpl", "gpl-2.0", "gpl-3.0", "isc", "lgpl", "lgpl-2.1", "lgpl-3.0", "lgpl-lr", "lppl-1.3c",
    "mit", "mpl-2.0", "ms-pl", "ncsa", "odbl", "odc-by", "ofl-1.1", "openrail", "openrail++",
    "osl-3.0", "pddl", "postgresql", "unlicense", "wtfpl", "zlib",
}  # fmt: skip
_DATASET = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,95}(?:/[A-Za-z0-9][A-Za-z0-9._-]{0,95})?")
_SHOWN = ("fid", "kid", "precision", "recall")


def front_matter(about: ModelConfig) -> str:
    """The YAML block between `---` and `---`, with its last line end.

    Args:
        about: config.json of the folder.
    """
    own = [] if CONVERTED in about.data else ["self-distilled-stylegan"]
    tags = ["limbeck", about.kind, *own, "gan", "image-generation"]
    named = datasets_of(about)
    head: dict[str, Any] = {
        "library_name": "limbeck",
        "pipeline_tag": _TASK,
        "tags": tags,
        **hub_licence(about.licence),
        **({"datasets": named} if named else {}),
    }
    if results := [_result(one, named) for one in about.measured if one.standard]:
        head["metrics"] = list(_SHOWN)
        head["model-index"] = [{"name": f"limbeck-{about.net.size}px", "results": results}]
    text: str = yaml.safe_dump(head, sort_keys=False, allow_unicode=True, width=100)
    return f"---\n{text}---\n"


def datasets_of(about: ModelConfig) -> list[str]:
    """Data sets of the hub that the facts name; words that are no such names are left out."""
    words = str(about.data.get(DATASETS, "")).split(",")
    return [word.strip() for word in words if _DATASET.fullmatch(word.strip())]


def hub_licence(words: str) -> dict[str, str]:
    """The hub's identifier where the licence has one; else `other` and a name made of the words."""
    plain = "-".join(words.lower().split())
    if plain in _LICENCES:
        return {"license": plain}
    if plain in ("", "not-stated"):
        return {"license": "unknown"}
    name = re.sub(r"[^a-z0-9.]+", "-", plain).strip("-.")[:80].strip("-.")
    return {"license": "other", "license_name": name or "other"}


def _result(one: Measured, named: list[str]) -> dict[str, Any]:
    how = f"{one.fake} images at psi {one.psi:g} ({one.truncation} truncation)"
    which = f"{one.real} photos" + (" held out of the training" if one.held_out else "")
    dataset: dict[str, Any] = {
        "name": named[0] if named else f"the photos of its training ({one.photos})",
        "type": named[0] if named else "imagefolder",
        **({"split": "held out"} if one.held_out else {}),
    }
    return {
        "task": {"type": _TASK, "name": "Unconditional image generation"},
        "dataset": dataset,
        "metrics": [
            {"type": name, "value": getattr(one, name), "name": f"{_said(name)}, {how}, {which}"}
            for name in _SHOWN
        ],
    }


def _said(name: str) -> str:
    return name.upper() if name in ("fid", "kid") else name.capitalize()
