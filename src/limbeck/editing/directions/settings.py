"""What is asked for when directions are looked for."""

from typing import Literal, Self, get_args

from pydantic import Field, ValidationError

from limbeck.editing.layers import RANGES
from limbeck.errors import UsageError
from limbeck.records import Record

Method = Literal["pca", "sefa", "stylespace", "labels"]
Members = Literal["l2", "lpips"]


class DirectionSettings(Record):
    """How directions are looked for, and how many.

    Attributes:
        method: `pca` (GANSpace), `sefa`, `stylespace` or `labels`.
        ranges: names or numbers of layers that are changed, each a set of candidates of its own; as
            `layers_named`.
        count: directions wanted, of each mode where modes are.
        mode: within this mode alone; None = among all images.
        per_mode: within each of so many modes, the largest first; 0 = not by modes.
        members: how latents are given to modes, by W (`l2`) or by their images (`lpips`), which
            draws an image of each; as truncation does.
        samples: latents drawn.
        bases: images on which effects are measured.
        psi: strength of their truncation.
        reach: strength up to which effects are measured and shown, both ways; `of` takes 15 for
            `stylespace`, whose channels do little by one standard deviation, else 3.
        seed: the same seed finds the same directions.
    """

    method: Method
    ranges: tuple[str, ...] = Field(RANGES, min_length=1)
    count: int = Field(10, ge=1, le=1000)
    mode: int | None = Field(None, ge=0)
    per_mode: int = Field(0, ge=0)
    members: Members = "l2"
    samples: int = Field(10_000, ge=100, le=1_000_000)
    bases: int = Field(16, ge=4, le=64)
    psi: float = Field(0.7, ge=0, le=1)
    reach: float = Field(3.0, gt=0, le=100)
    seed: int = Field(0, ge=0)

    @property
    def strengths(self) -> tuple[float, ...]:
        """Seven from -reach to reach in even steps, 0 in the middle."""
        return tuple(self.reach * step / 3 for step in range(-3, 4))

    @classmethod
    def of(cls, **values: object) -> Self:
        """The settings; what is None takes its default.

        Raises:
            UsageError: names what is out of range.
        """
        given = {name: value for name, value in values.items() if value is not None}
        if given.get("method") == "stylespace":
            given.setdefault("reach", 15.0)
        try:
            made = cls.model_validate(given)
        except ValidationError as error:
            fault = error.errors()[0]
            name = ".".join(map(str, fault["loc"])) or "settings"
            names = {"method": Method, "members": Members}.get(name)
            choose = "" if names is None else f"choose one of {', '.join(get_args(names))}; "
            raise UsageError(
                f"directions: {name}: {fault['msg']}", f"{choose}see `limbeck directions --help`"
            ) from None
        if made.mode is not None and made.per_mode:
            raise UsageError("both one mode and every mode are asked for", "give one of the two")
        return made
