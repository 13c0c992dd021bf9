"""What each kind of features is made of, and which of them this machine can compute."""

from collections.abc import Sequence

from limbeck import logs
from limbeck.errors import UsageError
from limbeck.percept import list_weights
from limbeck.records import Record


class FeatureKind(Record):
    """A kind of features: its weights, and how it brings a picture to the trunk's size."""

    name: str
    weights: str
    resize: str


_KINDS = (
    FeatureKind(
        name="lpips-alex", weights="lpips-alex",
        resize="bilinear up to 64 px, larger ones untouched",
    ),
    FeatureKind(
        name="efficientnet-lite0", weights="efficientnet-lite0-trunk",
        resize="bilinear with antialiasing to 224 px",
    ),
    FeatureKind(
        name="inception", weights="inception-fid", resize="bilinear as TensorFlow 1 to 299 px",
    ),
)  # fmt: skip


def feature_kind(name: str) -> FeatureKind | None:
    """The kind of that name (`lpips-alex`, `efficientnet-lite0`, `inception`), or None."""
    return next((kind for kind in _KINDS if kind.name == name), None)


def weights_digest(kind: FeatureKind) -> str:
    """Pinned digest of its weights, which `Features` compares whenever it loads them."""
    return next(row.digest for row in list_weights() if row.name == kind.weights)


def present_features(asked: Sequence[str] | None = None) -> list[str]:
    """Features to measure with: those asked for, else all, without those whose weights are absent.

    One line is said about each that was asked for and is absent; nothing is ever fetched.

    Raises:
        UsageError: an unknown name.
    """
    here = {row.name for row in list_weights() if row.present}
    found: list[str] = []
    for name in dict.fromkeys(asked if asked is not None else [kind.name for kind in _KINDS]):
        kind = feature_kind(name)
        if kind is None:
            known = ", ".join(kind.name for kind in _KINDS)
            raise UsageError(f"no features {name!r}", f"choose among {known}")
        if kind.weights in here:
            found.append(name)
        elif asked is not None:
            logs.warn(
                f"not measured with {name}: its weights are not on this machine; "
                f"get them with `limbeck weights get {kind.weights}`"
            )
    return found
