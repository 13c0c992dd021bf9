"""Every setting of limbeck, typed, frozen and nested. One dial, `size`, derives most of the rest.

The same schema serves the command line, `run.json` and Python. Defaults that come from a paper
or from docs/method.md carry their source; presets (`limbeck.presets`) are functions that return
one.
"""

import difflib
from typing import Annotated, Any, Literal, Self, cast, get_args

from pydantic import (
    BaseModel,
    ConfigDict,
    Field,
    NonNegativeInt,
    ValidationError,
    field_validator,
    model_validator,
)

from limbeck.errors import UsageError

Truncation = Literal[
    "none", "global", "index", "multimodal-l2", "multimodal-lpips", "multimodal-typical"
]
TRUNCATION_ALIASES: dict[str, Truncation] = {
    "multimodal (lpips)": "multimodal-lpips",
    "multimodal (l2)": "multimodal-l2",
    "global": "global",
}
"""Names that the public demo of arXiv 2202.12211 has for truncations, in small letters."""
Space = Literal["w", "lpips"]


def truncation_named(name: str) -> Truncation:
    """The truncation of this name, or of the demo's: `Multimodal (LPIPS)`, `Global`, ...

    Raises:
        UsageError: there is none.
    """
    plain = TRUNCATION_ALIASES.get(name.lower(), name.lower())
    if plain not in get_args(Truncation):
        raise UsageError(
            f"no truncation {name!r}", f"choose one of {', '.join(get_args(Truncation))}"
        )
    return cast(Truncation, plain)


RECOMMENDED, WITHOUT_GENERATOR, AUTO_COLUMN = "recommended", "without_generator", "auto"
"""Score columns that keep rules cut on: `without_generator` looks at photos alone, and `auto` is
one of the others (`limbeck.curation.keep`)."""


class _Section(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid")


def without(values: object, gone: str) -> object:
    """The values of a section without a setting that is no more."""
    if isinstance(values, dict):
        return {name: value for name, value in values.items() if name != gone}
    return values


def is_network_size(size: int) -> bool:
    """Whether `size` is a power of two from 8 to 1024."""
    return 8 <= size <= 1024 and size & (size - 1) == 0


class NetConfig(_Section):
    """Shapes of generator, discriminator and encoder (StyleGAN2, arXiv 1912.04958)."""

    size: int = Field(64, description="image side in pixels, a power of two from 8 to 1024")
    channel_base: int = Field(
        32768, gt=0, le=2**20, description="channels at side r: channel_base / r ..."
    )
    channel_max: int = Field(512, gt=0, le=4096, description="... but at most this many")
    z_dim: int = Field(512, gt=0, le=4096)
    w_dim: int = Field(512, gt=0, le=4096)
    mapping_layers: int = Field(8, ge=1, le=64)
    g_architecture: Literal["skip", "orig"] = "skip"
    d_architecture: Literal["resnet", "orig", "projected"] = Field(
        "resnet", description="projected: heads on a frozen trunk's features (Sauer et al. 2021)"
    )
    d_features: Literal["efficientnet-lite0"] = Field(
        "efficientnet-lite0", description="trunk of the projected discriminator"
    )
    d_feature_side: int = Field(
        96, ge=32, le=512, multiple_of=32, description="pixels that this trunk sees"
    )
    d_head_width: int = Field(64, ge=1, le=4096, description="channels of its heads' first layer")
    d_separable: bool = Field(
        False, description="its heads stride by depthwise convolutions: weaker, and cheaper"
    )
    d_pixels: bool = Field(False, description="one head more that looks at the image itself")
    mapping_lr: float = Field(
        0.01, gt=0, le=1, description="the mapping's step relative to G's (StyleGAN, section 4)"
    )
    rgb_scale: float = Field(
        1.0, gt=0, le=1, description="first weights of G's RGB layers, relative to StyleGAN2's"
    )
    conv_clamp: float | None = Field(
        None, gt=0, le=1e6, description="largest activation, times a layer's gain; None = no limit"
    )
    class_dim: int | None = Field(
        None, ge=1, le=4096, description="of a class in G's mapping; None = w_dim"
    )
    d_class_dim: int | None = Field(
        None, ge=1, le=4096, description="of a class's direction in D; None = its last channels"
    )
    d_mapping_layers: int = Field(8, ge=0, le=64, description="from a class to its direction")
    d_mapping_lr: float = Field(0.01, gt=0, le=1, description="the step of these layers")
    mbstd_group: int | None = Field(
        4, ge=1, le=4096, description="minibatch-std group; None = whole batch"
    )
    num_classes: int = Field(0, ge=0, le=10**6, description="0 = unconditional")
    class_photos: tuple[NonNegativeInt, ...] = Field(
        (), max_length=10**6, description="photos of each class; empty = not known"
    )
    class_names: tuple[str, ...] = Field((), max_length=10**6, description="of each class")

    @field_validator("size")
    @classmethod
    def _power_of_two(cls, size: int) -> int:
        if not is_network_size(size):
            raise ValueError("must be a power of two from 8 to 1024")
        return size

    @model_validator(mode="after")
    def _each_class(self) -> Self:
        for name in ("class_photos", "class_names"):
            if (found := len(getattr(self, name))) not in (0, self.num_classes):
                raise ValueError(f"{name} has {found} entries for {self.num_classes} classes")
        if self.class_photos and not sum(self.class_photos):
            raise ValueError("class_photos: every class is empty")
        return self

    def channels(self, resolution: int) -> int:
        """Feature maps at side `resolution`, at least one."""
        return max(min(self.channel_base // resolution, self.channel_max), 1)


class DataConfig(_Section):
    """How photos become a dataset."""

    size: int = Field(64, description="the network's size; the store keeps max(size, 128)")
    min_side: int = Field(0, ge=0, description="reject shorter sides; 0 = half the network's size")
    crop: Literal["auto", "detect", "attention", "center", "boxes", "none"] = Field(
        "auto",
        description="the square of a photo: around its object by a detector, where most happens, "
        "the centre, the boxes of a manifest, or none (photos must be square); auto = boxes where "
        "there are any, else detect where the detector is installed, else center",
    )
    crop_object: str = Field(
        "auto",
        min_length=1,
        description="what detect crops: a COCO class (or several: dog,cat), any, or auto = what "
        "most photos show",
    )
    crop_most: int = Field(
        1, ge=1, le=20, description="objects of a photo that become an image of their own, at most"
    )
    crop_margin: float = Field(
        1.2, ge=1, le=4, description="side of the square by the longer side of the object"
    )
    crop_score: float = Field(
        0.3, gt=0, le=1, description="score below which an object is not seen"
    )
    near_duplicate_bits: int = Field(
        3,
        ge=-1,
        le=3,
        description="perceptual-hash bits two copies may differ in; -1 = keep copies",
    )
    cropped_copies: bool = Field(
        False,
        description="also find copies that were cropped, by an embedding: ten times slower",
    )
    store: Literal["auto", "raw", "shards"] = Field(
        "auto",
        description="pixels as they are, or encoded without loss in tars (half of the bytes, "
        "decoded whenever they are read); auto = shards where raw pixels take more than half of "
        "the memory or 64 GiB",
    )
    class_from: str = Field(
        "none",
        min_length=1,
        description="classes: none, folder (the first sub-folder), or a .csv or .jsonl file that "
        "gives each photo's file (or sha256) a label",
    )

    def made_of(self) -> dict[str, Any]:
        """The settings that a dataset depends on, as they are compared with those of one on disk.

        What an earlier limbeck did not know is left out while it holds its default.
        """
        return self.model_dump(exclude={"store"} if self.store == "auto" else set())


class TrainConfig(_Section):
    """Joint training of G, D and E (docs/method.md, 'Joint training')."""

    kimg: float = Field(25000, gt=0, description="length in thousands of real images shown")
    batch: int = Field(64, ge=2, description="photos of one step, over all processes")
    microbatch: int | None = Field(
        None, ge=1, description="photos of one pass of one process; None = all it has to do"
    )
    loss: Literal["non-saturating", "relativistic"] = Field(
        "non-saturating", description="relativistic adds R2 (Huang et al. 2024)"
    )
    init_from: str | None = Field(
        None, description="networks to begin with: a snapshot, a training or a run"
    )
    freeze_d: int = Field(0, ge=0, description="layers of D kept fixed, from the image inwards")
    freeze_mapping: bool = Field(False, description="keep z -> w as it was begun with")
    d_warmup_kimg: float = Field(
        1.0, ge=0, description="D learns alone first, where G was taken over and D begins fresh"
    )
    lr: float = Field(0.0025, gt=0, description="Adam step of G and D")
    decay: float = Field(
        0.0, ge=0, le=1, description="share of the training, its last, over which steps fall to 0"
    )
    grow: float = Field(
        0.0, ge=0, le=0.95, description="share of the training, its first, at half the size"
    )
    d_lr_ratio: float = Field(1.0, gt=0, le=10, description="D's step relative to G's")
    encoder_lr_ratio: float = Field(0.25, gt=0, le=1, description="E's step relative to G's")
    mirror: bool = True
    gamma: float | None = Field(None, description="R1 weight; None = 0.0002 size^2 / batch")
    r1_every: int = Field(16, ge=1)
    pl_weight: float = Field(2.0, ge=0)
    pl_every: int = Field(4, ge=1)
    pl_decay: float = 0.01
    pl_batch_shrink: int = Field(2, ge=1)
    style_mixing: float = Field(0.9, ge=0, le=1)
    noise: Literal["random", "none"] = Field("random", description="of G's layers while training")
    ema_kimg: float = Field(20.0, ge=0, description="half-life of the average of G and E")
    ema_rampup: float | None = Field(
        0.05, description="half-life at most this share of images seen"
    )
    w_avg_beta: float = 0.998
    encoder: bool = True
    encoder_only: bool = Field(
        False, description="G stays as it was begun with, there is no D: E learns to invert it"
    )
    reconstruct: Literal["real", "real-frozen", "fake", "both"] = Field(
        "both",
        description="images that E learns from: photos (real, for G too; real-frozen, for E "
        "alone), generated ones (fake), or both in turn",
    )
    encoder_every: int = Field(2, ge=1)
    encoder_start_kimg: float = Field(200.0, ge=0)
    rec_l1: float = 1.0
    rec_l2: float = 0.0
    rec_perceptual: float = 0.5
    rec_w: float = 0.1
    rec_scale: float = 2.0
    rec_measure: Literal["discriminator", "lpips-alex", "lpips-vgg16"] = "discriminator"
    augment: Literal["ada", "fixed", "diff", "none"] = Field(
        "ada", description="diff: shifts of up to an eighth, always (Zhao et al. 2020)"
    )
    augment_p: float = Field(0.0, ge=0, le=1, description="first (ada) or constant (fixed) p")
    ada_target: float = 0.6
    ada_every: int = 4
    ada_kimg: float = Field(500.0, gt=0, description="kimg in which p can move by 1")
    precision: Literal["auto", "fp32", "bf16"] = "auto"
    tick_kimg: float = Field(4.0, gt=0, description="a line of statistics each")
    snapshot_kimg: float = Field(50.0, gt=0, description="networks, state and grid each")
    keep_snapshots: int = Field(2, ge=2, description="newest kept, and the best")
    quality_images: int = Field(
        512, ge=0, description="images of a snapshot's quality figure; 0 = none"
    )
    timeout: float = Field(600.0, gt=0, description="seconds to wait for another process")
    tensorboard: bool = Field(False, description="the statistics for TensorBoard as well")


class ScoreConfig(_Section):
    """Outlier scores."""

    mirror: bool = Field(True, description="mean over a photo and its mirror image")
    blur: float = Field(2.0, gt=0, description="sigma of the blurred copy, pixels at 64 px")
    generated: int = Field(
        1500, ge=20, description="generated images that nngen and gen_ columns compare with"
    )
    batch: int = Field(64, ge=1)

    @model_validator(mode="before")
    @classmethod
    def _dropped(cls, values: object) -> object:
        """Earlier runs and models say whether EfficientNet-Lite0 looks too; now it always does."""
        return without(values, "plus")


class KeepConfig(_Section):
    """Which photos go on. At most one of fraction, threshold, count."""

    column: str = Field(
        AUTO_COLUMN,
        description="auto = recommended, or without_generator where the networks do not yet tell "
        "photos apart",
    )
    rule: Literal["auto", "fraction", "threshold", "count"] = "auto"
    fraction: float | None = Field(None, gt=0, le=1)
    threshold: float | None = Field(None, allow_inf_nan=False)
    count: int | None = Field(None, ge=1)
    per_mode: bool = Field(False, description="apply the share within each mode")
    auto_min: float = Field(0.4, gt=0, le=1)
    auto_max: float = Field(1.0, gt=0, le=1)

    @model_validator(mode="after")
    def _one_rule(self) -> Self:
        given = [n for n in ("fraction", "threshold", "count") if getattr(self, n) is not None]
        if (self.rule == "auto" and given) or (self.rule != "auto" and given != [self.rule]):
            raise ValueError(
                f"rule {self.rule!r} takes {'no number' if self.rule == 'auto' else self.rule}, "
                f"and {' and '.join(given) or 'nothing'} is given"
            )
        if self.rule == "threshold" and self.per_mode:
            raise ValueError("a threshold is one number for all; per_mode needs fraction or auto")
        if self.auto_min > self.auto_max:
            raise ValueError(f"auto_min {self.auto_min} is above auto_max {self.auto_max}")
        return self


class ModesConfig(_Section):
    """Clusters of the generator's latents."""

    samples: int = Field(60_000, ge=16)
    clusters: int | None = Field(
        64, ge=1, le=8192, description="None or auto = as many as coverage asks for"
    )
    space: Space = "w"
    pca: int = Field(256, ge=2, description="components kept when clustering in LPIPS space")
    exemplars: int = Field(8, ge=1)

    @model_validator(mode="before")
    @classmethod
    def _dropped(cls, values: object) -> object:
        """Runs and models of the time of the learned map name its size, which means nothing now."""
        return without(values, "map_samples")

    @field_validator("clusters", mode="before")
    @classmethod
    def _auto(cls, clusters: object) -> object:
        return None if clusters == "auto" else clusters


class SampleConfig(_Section):
    """Images that a run draws by itself."""

    seeds: int = Field(64, ge=1)
    psi: Annotated[float, Field(ge=0, le=1)] | Literal["auto"] = Field(
        0.7, description="auto = measured on the run's own photos, once the modes are known"
    )
    truncation: Truncation = "multimodal-lpips"
    typical: int = Field(
        4000,
        ge=0,
        le=400_000,
        description="latents whose images are looked at for the typical quarter, which truncation "
        "multimodal-typical pulls to; 0 = none",
    )

    @field_validator("truncation", mode="before")
    @classmethod
    def _alias(cls, name: object) -> object:
        """The demo's names too; what is none is told with the others."""
        return TRUNCATION_ALIASES.get(name.lower(), name) if isinstance(name, str) else name

    @model_validator(mode="after")
    def _fits(self) -> Self:
        if self.psi == "auto" and self.truncation in ("none", "index"):
            raise ValueError(f"psi auto: truncation {self.truncation!r} has no strength to choose")
        if self.truncation == "multimodal-typical" and not self.typical:
            raise ValueError("truncation 'multimodal-typical' needs sample.typical above 0")
        return self


class Config(_Section):
    """The whole configuration of a run."""

    preset: str = "small"
    seed: int = Field(0, ge=0)
    device: str = "auto"
    data: DataConfig = DataConfig()
    net: NetConfig = NetConfig()
    train: TrainConfig = TrainConfig()
    kept_kimg: float | None = Field(
        None,
        gt=0,
        description="second training; None = like the first, or a third of it where it goes on "
        "from the first one's networks",
    )
    kept_from: Literal["scratch", "raw"] = Field(
        "scratch",
        description="what the second training begins with: nothing (the paper's way), or the first "
        "one's networks, which saves time",
    )
    hold_out: float = Field(
        0.0, ge=0, le=0.5, description="share of the photos that no training sees, to measure with"
    )
    score: ScoreConfig = ScoreConfig()
    keep: KeepConfig = KeepConfig()
    modes: ModesConfig = ModesConfig()
    sample: SampleConfig = SampleConfig()

    @model_validator(mode="after")
    def _fits(self) -> Self:
        if self.data.size != self.net.size:
            raise ValueError(f"data.size {self.data.size} differs from net.size {self.net.size}")
        train, micro = self.train, self.train.microbatch or self.train.batch
        if train.encoder_only:
            self._encoder_fits()
        if self.net.d_architecture == "projected":
            self._projected_fits()
        if train.batch % micro:
            raise ValueError(f"train.batch {train.batch} is not a multiple of microbatch {micro}")
        group = self.net.mbstd_group
        if micro % min(group or micro, micro):
            which = "batch" if train.microbatch is None else "microbatch"
            raise ValueError(f"train.{which} {micro} is not a multiple of net.mbstd_group {group}")
        return self

    def _projected_fits(self) -> None:
        """Heads on features have a loss of their own and neither R1 nor ADA.

        Raises:
            ValueError: a setting that would do nothing.
        """
        train, wrong = self.train, ""
        if train.gamma:
            wrong = f"train.gamma {train.gamma}: it has no R1; leave it out"
        elif train.loss != "non-saturating":
            wrong = f"train.loss {train.loss!r}: it has the hinge loss; leave it out"
        elif train.augment in ("ada", "fixed"):
            wrong = f"train.augment {train.augment!r}: use diff or none"
        elif train.freeze_d:
            wrong = f"train.freeze_d {train.freeze_d}: its trunk is frozen already; leave it out"
        if wrong:
            raise ValueError(f"net.d_architecture 'projected' does not go with {wrong}")

    def _encoder_fits(self) -> None:
        """An encoder that learns alone needs a measure that is no D, and cannot change G.

        Raises:
            ValueError: a setting that would do nothing.
        """
        train, wrong = self.train, ""
        if not train.encoder:
            wrong = "train.encoder off"
        elif train.reconstruct == "real":
            wrong = "train.reconstruct 'real', which trains G: use fake, real-frozen or both"
        elif train.rec_measure == "discriminator":
            wrong = "train.rec_measure 'discriminator': use lpips-alex or lpips-vgg16"
        if wrong:
            raise ValueError(f"train.encoder_only does not go with {wrong}")

    def second(self) -> "Config":
        """The configuration of the second training: this one at its length.

        One that goes on from the first one's networks never grows, and its steps fall from its
        start on: they know the photos already (docs/log.md, 2026-11-27).
        """
        further = self.kept_from == "raw"
        kimg = self.kept_kimg or self.train.kimg / (3 if further else 1)
        if not further:
            return self.replace(**{"train.kimg": kimg})
        return self.replace(**{"train.kimg": kimg, "train.decay": 1.0, "train.grow": 0.0})

    def gamma(self) -> float:
        """R1 weight: given, or 0.0002 size^2 / batch; 0 for a projected D."""
        if self.net.d_architecture == "projected":
            return 0.0
        if self.train.gamma is not None:
            return self.train.gamma
        return 0.0002 * self.net.size**2 / self.train.batch

    def replace(self, **changes: Any) -> "Config":
        """A copy with fields changed by dotted name, e.g. `replace(**{"train.kimg": 10})`.

        Raises:
            UsageError: an unknown field (with the nearest name) or a value out of range.
        """
        values = self.model_dump()
        for dotted, value in changes.items():
            *sections, leaf = dotted.split(".")
            node: dict[str, Any] = values
            for name in sections:
                inner = node.get(name)
                node = inner if isinstance(inner, dict) else {}
            if leaf not in node:
                raise UsageError(f"no setting {dotted!r}", _nearest(dotted))
            node[leaf] = value
        return parse_config(values)


def setting_names() -> list[str]:
    """Dotted names of all settings."""
    names: list[str] = []
    for name, value in Config().model_dump().items():
        names += [f"{name}.{leaf}" for leaf in value] if isinstance(value, dict) else [name]
    return names


def _nearest(name: str) -> str:
    close = difflib.get_close_matches(name, setting_names(), n=1, cutoff=0.5)
    return f"did you mean {close[0]!r}?" if close else "see `limbeck run --help`"


def parse_config(values: dict[str, Any]) -> Config:
    """Validate plain values (from YAML, JSON or the command line).

    Raises:
        UsageError: names each field at fault, what was given, what is wanted, and the nearest name.
    """
    try:
        return Config.model_validate(values)
    except ValidationError as error:
        lines = []
        for issue in error.errors():
            where = ".".join(str(part) for part in issue["loc"]) or "configuration"
            hint = f" ({_nearest(where)})" if issue["type"] == "extra_forbidden" else ""
            given = "" if isinstance(issue["input"], dict) else f" = {issue['input']!r}"
            lines.append(f"{where}{given}: {issue['msg']}{hint}"[:300])
        raise UsageError("; ".join(lines), "correct the setting and run again") from None
