"""What flows between stages: small frozen records that know how to lie on disk as JSON."""

from enum import StrEnum
from typing import Annotated, Any, Literal

from pydantic import BaseModel, ConfigDict, Field, NonNegativeInt

from limbeck.verdicts import Reason as Reason
from limbeck.verdicts import Status as Status


class Record(BaseModel):
    """Base of the records: frozen, unknown fields refused, JSON through `model_dump`."""

    model_config = ConfigDict(frozen=True, extra="forbid")


class CropKind(StrEnum):
    """How the square of a photo was chosen."""

    CENTER = "center"
    DETECT = "detect"
    ATTENTION = "attention"
    BOXES = "boxes"
    WHOLE = "none"


class FoundObject(Record):
    """An object that the detector saw in a photo.

    `name` is its COCO class, `score` in [0, 1], `box` (left, top, right, bottom) in pixels of the
    upright image, half-open.
    """

    name: str
    score: float
    box: tuple[int, int, int, int]


class Flag(StrEnum):
    """What may be wrong with a photo; nothing is dropped for it (limits: `limbeck.data.flags`)."""

    BLUR = "blur"
    DARK = "dark"
    BRIGHT = "bright"
    PLAIN = "plain"
    SMALL = "small"
    NARROW = "narrow"
    GREY = "grey"
    TEXT = "text"
    BORDER = "border"


Score = Annotated[float, Field(ge=0, le=1)]


class Quality(Record):
    """One score in [0, 1] for each `Flag`, 1 = good (columns `q_...` of images.parquet).

    Attributes:
        blur: how sharp the sharpest part of the stored square is.
        dark: brightness that 95 % of its pixels stay below.
        bright: 1 - brightness that 5 % of its pixels stay below.
        plain: entropy of its brightness, over 8 bits.
        small: side of the crop over side of the stored square, at most 1.
        narrow: shorter over longer side of the photo.
        grey: how far apart colours of equal brightness are, over 60 levels.
        text: share of the square that does not look like lines of text.
        border: share of the square inside a frame of one colour.
    """

    blur: Score
    dark: Score
    bright: Score
    plain: Score
    small: Score
    narrow: Score
    grey: Score
    text: Score
    border: Score


class ImageInfo(Record):
    """One listed file (one row of images.parquet).

    `id` is the first 16 hex of sha256(source bytes + box), null for what failed; `source` is the
    path relative to the root or `archive!member`; `box` the crop (left, top, right, bottom) in
    pixels of the upright image.
    """

    source: str
    id: str | None = None
    sha256: str | None = Field(None, description="of the source bytes; joins with labels")
    status: Status
    reason: Reason = Reason.NONE
    detail: str = ""
    width: NonNegativeInt = 0
    height: NonNegativeInt = 0
    box: tuple[int, int, int, int] | None = None
    crop: CropKind | None = Field(None, description="how the box was chosen")
    objects: tuple[FoundObject, ...] = Field((), description="seen by the detector, surest first")
    upscaled: bool = False
    label: NonNegativeInt | None = None
    licence: str | None = None
    author: str | None = None
    url: str | None = None
    taken: str | None = Field(None, description="day of the exposure, YYYY-MM-DD")
    camera: str | None = Field(None, description="make and model")
    phash: str | None = None
    duplicate_of: str | None = None
    copies: NonNegativeInt | None = Field(None, description="of an accepted photo, left out")
    bytes: NonNegativeInt | None = Field(None, description="of the file")
    format: str | None = Field(None, description="of the file, as Pillow names it")
    quality: Quality | None = Field(None, description="of what was decoded")
    flags: tuple[Flag, ...] = ()
    shard: NonNegativeInt | None = None
    row: NonNegativeInt | None = None
    offset: NonNegativeInt | None = Field(None, description="of an encoded image in its tar, bytes")
    length: NonNegativeInt | None = Field(None, description="of an encoded image, bytes")
    crc32: NonNegativeInt | None = Field(None, description="of these bytes")


class StoreKind(StrEnum):
    """How a dataset's pixels are stored: as they are, or encoded in tars."""

    RAW = "raw"
    SHARDS = "shards"


class Preview(Record):
    """What ingestion would do; estimates, but for `listed`, `refused` and `bytes`.

    Of a URL list nothing is fetched for it, so what depends on the photos is None; `to_fetch`
    counts the URLs that would be asked for, on `hosts` hosts, and `bytes` is of what is here.
    """

    listed: NonNegativeInt
    refused: NonNegativeInt = Field(description="of these not to be opened: links, unsafe names")
    bytes: NonNegativeInt = Field(description="of all listed files")
    looked_at: NonNegativeInt
    rejected: dict[str, NonNegativeInt] = Field(description="of those looked at, by reason")
    crop: str
    crop_objects: list[str]
    accepted: NonNegativeInt | None
    size: NonNegativeInt | None = Field(description="side of the stored images, pixels")
    dataset_bytes: NonNegativeInt | None
    store: StoreKind | None = None
    store_why: str = ""
    seconds: float | None
    to_fetch: NonNegativeInt = 0
    hosts: NonNegativeInt = 0


class IngestSummary(Record):
    """Counts with the accounting identity listed = accepted + rejected + opted_out + failed."""

    listed: NonNegativeInt
    accepted: NonNegativeInt
    rejected: dict[str, NonNegativeInt]
    opted_out: NonNegativeInt
    failed: NonNegativeInt
    size: NonNegativeInt = Field(description="side of the stored images, pixels")
    seconds: float
    crops: dict[str, NonNegativeInt] = Field(
        default_factory=dict, description="accepted photos by how their square was chosen"
    )
    crop_objects: list[str] = Field(
        default_factory=list, description="what `detect` cropped photos to; empty = any object"
    )
    reused: NonNegativeInt = Field(
        0, description="accepted photos that an older dataset in the same place had decoded"
    )
    store: StoreKind = StoreKind.RAW
    store_why: str = Field("", description="why the pixels are stored so")
    way: str = Field("", description="digest of what decides how photos are read")
    codecs: dict[str, str] = Field(
        default_factory=dict, description="versions of the libraries that decoded them"
    )
    part: str = Field("", description="i/n: part i of n of a listing, to be joined; empty = whole")
    flags: dict[str, NonNegativeInt] = Field(
        default_factory=dict, description="accepted photos that carry a flag; none is left out"
    )
    opt_out_unmatched: NonNegativeInt = Field(
        0, description="lines of the opt-out list that named nothing"
    )
    opt_out_lines: list[str] = Field(default_factory=list, description="the first 100 of them")

    def reject_rate(self) -> float:
        """The share of the listed files that cannot be used; copies and opt-outs do not count."""
        copies = (Reason.DUPLICATE, Reason.NEAR_DUPLICATE)
        bad = sum(n for reason, n in self.rejected.items() if reason not in copies) + self.failed
        return bad / self.listed if self.listed else 0.0

    def too_many(self, most: float) -> str:
        """Why the set must not be used as it is: more than this share cannot be; empty if not."""
        rate = self.reject_rate()
        if rate <= most:
            return ""
        return f"{rate:.1%} of the files cannot be used, more than --max-reject {most:g} allows"

    def balanced(self) -> bool:
        """Whether the identity holds."""
        return self.listed == (
            self.accepted + sum(self.rejected.values()) + self.opted_out + self.failed
        )


class ModelKind(StrEnum):
    """What `limbeck export` makes of a model."""

    MODEL = "model"
    ONNX = "onnx"
    TORCH_EXPORT = "torch-export"
    CENTRES_NPY = "centres-npy"
    STYLEGAN2_PT = "stylegan2-pt"
    SPACE = "space"


class CentreLayout(StrEnum):
    """Whose tool reads exported centres of modes."""

    STYLEGAN_XL = "stylegan-xl"
    STYLEGAN3_FUN = "stylegan3-fun"
    SELF_DISTILLED = "self-distilled"


class ExportKind(StrEnum):
    """What a dataset can be exported to."""

    IMAGEFOLDER = "imagefolder"
    DATASET_JSON = "dataset-json"
    WEBDATASET = "webdataset"
    MANIFEST = "manifest"
    HF_PARQUET = "hf-parquet"


class ExportSummary(Record):
    """What an export holds; where it was only foreseen, `files` and `bytes` are estimates."""

    kind: ExportKind
    photos: NonNegativeInt
    whole: NonNegativeInt = Field(description="photos of the dataset, exported or not")
    kept_only: bool = Field(description="whether a keep list chose them")
    left_out: NonNegativeInt = Field(0, description="originals of a manifest that are not there")
    size: NonNegativeInt | None = Field(description="side, pixels; null for a manifest")
    classes: NonNegativeInt
    files: NonNegativeInt
    bytes: NonNegativeInt


class TrainSummary(Record):
    """What a training left behind."""

    kimg: float
    images: NonNegativeInt
    seconds: float
    images_per_second: float
    networks: str = Field(
        description="folder of the snapshot that goes on: the best where known, else the newest"
    )
    newest: str | None = Field(None, description="folder of the last snapshot")
    best: str | None = Field(None, description="folder of the snapshot with the best figure")
    precision: str
    augment_p: float
    rollbacks: NonNegativeInt = Field(0, description="how often a NaN was rolled back")
    last: dict[str, float] = Field(default_factory=dict, description="last statistics")


class ScoreSummary(Record):
    """What scoring measured; `columns` maps a name to its formula."""

    images: NonNegativeInt
    columns: dict[str, str]
    seconds: float
    told_apart: float | None = Field(
        None,
        description="share of photos nearer (LPIPS) to their own reconstruction than to another's; "
        "1/2 is chance; None without an encoder",
    )
    near: float | None = Field(
        None,
        description="share of generated images at least as far from what else is generated as the "
        "median photo is: about 1/2 where images are like photos, 0 where the generator is far off",
    )


class Outliers(Record):
    """Shares of the photos that the shape of a score takes for outliers.

    `share` is what the rule `auto` would drop, before its limits; `low` and `high` count the photos
    that are outliers with a probability above 0.9 and above 0.1.
    """

    share: float
    low: float
    high: float


class KeepSummary(Record):
    """Result of a keep rule: `threshold` is the largest kept score of `column`.

    `decided_by` says who set the share of the rule `auto`: the "shape" of the scores; the "clamp"
    (`keep.auto_min`, `keep.auto_max`), where the shape asked for more or less than it allows; or
    "no cut", where nothing stood out. Other rules: "asked". None in records of earlier versions.
    """

    listed: NonNegativeInt
    kept: NonNegativeInt
    dropped: NonNegativeInt
    overridden: NonNegativeInt
    overrides_idle: NonNegativeInt = Field(0, description="lines of overrides.csv that did nothing")
    column: str
    rule: str
    decided_by: Literal["shape", "clamp", "no cut", "asked"] | None = None
    outliers: Outliers | None = Field(None, description="rule auto: how many photos are outliers")
    threshold: float
    modes_kept: dict[int, float] = Field(default_factory=dict, description="mode -> kept share")
    warnings: list[str] = Field(default_factory=list)


class ClusterChoice(Record):
    """Why so many clusters: `explained[i]` is the share of held-out variance that `counts[i]`
    centres explain."""

    chosen: NonNegativeInt
    counts: list[int]
    explained: list[float]


class ModesSummary(Record):
    """Clusters of a generator's latents; `found` counts those with >= 1/4 of the mean share."""

    clusters: NonNegativeInt
    found: NonNegativeInt
    space: str
    samples: NonNegativeInt
    sizes: list[int]
    seconds: float
    choice: ClusterChoice | None = Field(None, description="where their number was not given")
    typical: NonNegativeInt = Field(0, description="typical latents that go with the modes")


class Done(Record):
    """done.json: written last; a stage is stale only if an input or its slice of config changed."""

    stage: str
    inputs: dict[str, str]
    config_digest: str
    seconds: float
    finished: str
    version: str
    summary: dict[str, Any]
    files: dict[str, tuple[int, int]] = Field(
        default_factory=dict, description="what the stage wrote: name -> bytes, mtime_ns"
    )
