"""What a file says of itself."""

import json

from limbeck import __version__, fsio
from limbeck.latents import ModeCentres
from limbeck.model import Pipeline
from limbeck.portable.program import Program

FORMAT_VERSION = 1


def facts_of(model: Pipeline, program: Program) -> dict[str, str]:
    """Name -> text (numbers as decimals, lists and objects as JSON).

    `truncations` says which `mode` asks for which truncation; from 0 on it is `index`. `modes`
    lists the centres: their number, a name, and their share of the generator's latents; without
    those that a person hid, merged or marked `never`.
    """
    net, modes = model.config, model.modes
    return {
        "format": "limbeck-program",
        "format_version": str(FORMAT_VERSION),
        "limbeck": __version__,
        "licence": model.licence,
        "size": str(net.size),
        "z_dim": str(net.z_dim),
        "psi": f"{model.psi:g}",
        "truncation": program.rule,
        "truncations": json.dumps(program.known()),
        "modes": json.dumps(_modes(modes)),
        "classes": json.dumps(list(net.class_names) or list(map(str, range(net.num_classes)))),
        "data": json.dumps(model.data),
    }


def _modes(modes: ModeCentres | None) -> list[dict[str, str | int | float]]:
    if modes is None:
        return []
    sizes = modes.sizes
    total = max(int(sizes.sum()), 1)
    return [
        {
            "mode": number,
            "name": fsio.plain(modes.marks.names.get(number, f"mode {number}")),
            "share": round(int(sizes[modes.numbers == number].sum()) / total, 4),
        }
        for number in modes.shown
    ]
