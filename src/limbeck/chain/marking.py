"""What a person's marks of modes make stale in a run."""

from limbeck import fsio
from limbeck.artefacts.run import RunDir
from limbeck.artefacts.stage import BEGUN, DONE
from limbeck.errors import LimbeckError
from limbeck.latents import ModeCentres

_NAMES = ("modes", "marks")


def made_of_modes(modes: ModeCentres) -> dict[str, dict[str, str]]:
    """What samples and model are made of, so far as modes and marks go: stage -> inputs.

    Of the samples, marks that change images are an input; of the model, all of them.
    """
    drawing = {"modes": modes.drawing_digest()}
    marks = {"marks": modes.marks.digest()} if modes.marks else {}
    return {"samples": drawing, "model": {**drawing, **marks}}


def stale_by_marks(run: RunDir, modes: ModeCentres) -> list[str]:
    """The stages that were made under other marks, in order; `limbeck resume` makes them anew.

    Args:
        run: the run.
        modes: its modes, with their marks as they are now.
    """
    wanted = made_of_modes(modes)
    found = [name for name, inputs in wanted.items() if _others(run, name, inputs)]
    return [*found, "report"] if found and (run.report / DONE).exists() else found


def _others(run: RunDir, stage: str, wanted: dict[str, str]) -> bool:
    """Whether a finished stage was begun for other modes or marks."""
    folder = run.root / stage
    if not (folder / DONE).exists():
        return False
    try:
        inputs = fsio.read_object(folder / BEGUN).get("inputs")
    except (LimbeckError, OSError):
        return True
    if not isinstance(inputs, dict):
        return True
    return {name: inputs[name] for name in _NAMES if name in inputs} != wanted
