"""The commands that make an edit of the studio again."""

from collections.abc import Sequence
from pathlib import Path

from limbeck.logs import command
from limbeck.studio.edit_desk import Place
from limbeck.studio.edit_directions import NAME, Set


def commands(
    source: Path, place: Place, moves: Sequence[tuple[str, float]], of: Set, *, blend: bool
) -> list[str]:
    """One command, or two where the directions lie in no folder.

    Args:
        source: the run or model.
        place: what is edited.
        moves: ids of directions and strengths.
        of: the set that they are of.
        blend: whether the image changes only where they act.
    """
    lines: list[str] = []
    folder = of.folder
    if folder is None:
        folder = Path(NAME)
        about = of.found.about.settings
        lines.append(
            command("limbeck", "directions", source, "--method", about.method,
                    "--psi", f"{about.psi:g}", "--count", about.count, "--bases", about.bases,
                    "--out", folder)
        )  # fmt: skip
    words: list[object] = ["limbeck", "edit", source, place.stop, "--directions", folder]
    for name, strength in moves:
        words += ["--move", f"{name}:{strength:g}"]
    if place.psi is not None:
        words += ["--psi", f"{place.psi:g}"]
    if blend:
        words.append("--blend")
    return [*lines, command(*words, "--out", "edits")]
