"""What is known of a direction, as directions.json holds it."""

from typing import Any, Literal

from pydantic import Field

from limbeck.editing.directions.settings import DirectionSettings, Method
from limbeck.records import Record

FORMAT, VERSION = "limbeck-directions", 1
Share = float


class LabelFacts(Record):
    """How a label was learned.

    Attributes:
        column: of the table.
        value: the class that the direction leads to; None for numbers.
        rows: used, those without a value left out.
        score: cross-validated: accuracy for classes, R2 for numbers.
        chance: share of the larger class; 0 for numbers.
        penalty: strength of the L2 penalty that was chosen, C of the logistic or alpha of the ridge
            regression.
    """

    column: str
    value: str | None
    rows: int
    score: float
    chance: float
    penalty: float


class ChannelFacts(Record):
    """A `Channel` on disk."""

    layer: str
    index: int = Field(ge=0)
    unit: float


class Effects(Record):
    """What a direction does to base images at seven strengths, measured (see `Observer.measure`).

    Attributes:
        lpips: mean LPIPS to the image at strength 0, at each of the strengths.
        lpips_per_unit: mean of LPIPS to the image at strength 0, divided by |strength|.
        local: `lpips_per_unit` x (`inside` - `area`); 0 where it acts no more in one place than in
            another.
        area: share of the picture that the effect mask covers, 0 to 1.
        inside: share of the LPIPS change that lies inside the mask, of images that had no part in
            the mask.
        monotonic: Spearman's correlation of strength and LPIPS to the image at the most negative
            strength, mean over base images.
        mode_changes: share of base images whose mode is another at the second strength from
            either end (+-2 of +-3); None without modes.
        images: base images.
    """

    lpips: tuple[float, ...]
    lpips_per_unit: float
    local: float
    area: Share
    inside: Share
    monotonic: float
    mode_changes: Share | None
    images: int


class Entry(Record):
    """One direction of directions.json, the strongest first.

    Attributes:
        id: e.g. `pca-coarse-02`: the third component of PCA, in the coarse layers.
        name: a person's, as it was when the file was written; names.csv decides.
        layers: numbers of the w that it changes.
    """

    id: str
    name: str | None
    method: Method
    range: str
    layers: tuple[int, ...]
    mode: int | None
    channel: ChannelFacts | None
    explained: Share | None
    label: LabelFacts | None
    effects: Effects


class About(Record):
    """directions.json.

    Attributes:
        generator: digest of the generator's tensors.
        tensors: digest of those in directions.safetensors.
        modes: digest of the centres; empty without any.
        similar: candidates left out because another one does the same.
    """

    format: Literal["limbeck-directions"]
    format_version: Literal[1]
    limbeck: str
    generator: str
    tensors: str
    modes: str
    settings: DirectionSettings
    strengths: tuple[float, ...]
    similar: int
    directions: list[Entry]

    def written(self) -> dict[str, Any]:
        """As plain values for JSON."""
        return self.model_dump(mode="json")
