"""Features of images: which kinds there are, and a cache named after all that they depend on.

A key names contents, never places: pixels by their sha256, networks and weights by digests. Files
may be removed at any time; one that is damaged is named and made again.
"""

from collections.abc import Callable, Iterable, Mapping, Sequence
from functools import cache
from pathlib import Path

import torch
from torch import Tensor

from limbeck import fsio, logs
from limbeck.data import Dataset
from limbeck.errors import DataError, UsageError
from limbeck.kit.tensors import read_header, read_tensors, write_tensor
from limbeck.latents import tensors_digest
from limbeck.percept import FeatureExtractor, cache_folder, features_of, list_weights
from limbeck.records import Record


class FeatureKind(Record):
    """A kind of features: its weights, and how it brings an image to the trunk's size."""

    name: str
    weights: str
    resize: str


_KINDS = (
    FeatureKind(
        name="lpips-alex", weights="lpips-alex",
        resize="bilinear up to 64 px, larger ones untouched",
    ),
    FeatureKind(
        name="lpips-vgg16", weights="lpips-vgg16",
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
    """The kind of that name (`lpips-alex`, `inception`, ...), or None."""
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


_AGAIN = "they are computed again"
_FORMAT = 1  # raise it when features of the same key change


def dataset_features(
    dataset: Dataset,
    extractor: FeatureExtractor,
    *,
    size: int,
    ids: Sequence[str] | None = None,
    batch: int = 64,
) -> Tensor:
    """Features of a dataset's photos, float32 [N, dim] on the CPU, in row order.

    The key holds the sha256 of the pixels as they lie on disk now (not as index.json says), the
    rows, the size and the extractor: a changed photo is seen, a folder that moved is the same.

    Args:
        dataset: the photos.
        extractor: what looks at them; only those that `feature_kind` knows are cached.
        size: side in pixels at which photos are read (averaged over areas); the network's, so that
            photos and images are equally sharp.
        ids: photos to look at; None = all. The rows come in the dataset's order, whatever this one.
        batch: photos at once; changes a feature by rounding only.

    Raises:
        DataError: unknown ids, no photos, or unreadable pixels.
    """
    chosen = dataset if ids is None else dataset.select(ids)
    key = {"dataset": chosen.digest, "pixels": _pixels(chosen), "size": str(size)}
    parts = (part.images for part in chosen.batches(size, batch))
    shown = logs.track(parts, f"{extractor.name} features of photos", -(-len(chosen) // batch))
    return picture_features(shown, extractor, key)


def picture_features(
    batches: Iterable[Tensor], extractor: FeatureExtractor, key: Mapping[str, str] | None
) -> Tensor:
    """Features of uint8 [n, 3, H, W] batches, float32 [N, dim] on the CPU, cached under `key`.

    Args:
        batches: the images; not touched when their features are in the cache.
        extractor: what looks at them.
        key: all that the images depend on (`Drawn.key`); None = neither read nor write the cache.

    Raises:
        DataError: no images, or features that are not finite.
    """
    kind = feature_kind(extractor.name)
    if key is None or kind is None:
        return features_of(batches, extractor)
    about = {
        **key, "extractor": kind.name, "weights": weights_digest(kind), "resize": kind.resize,
        "format": str(_FORMAT),
    }  # fmt: skip
    return _kept(about, extractor.dim, lambda: features_of(batches, extractor))


@cache
def _sha256(path: Path, size: int, changed: int) -> str:
    return fsio.sha256_file(path)


def _pixels(dataset: Dataset) -> str:
    """Of the pixels as they lie on disk, the same for either store."""
    found = []
    for shard, content in zip(dataset.shards, dataset.contents, strict=True):
        path = (dataset.root / shard["file"]).resolve()
        facts = path.stat()
        now = _sha256(path, facts.st_size, facts.st_mtime_ns)
        found.append(content if now == shard["sha256"] else now)
    return fsio.digest_json(found)


def features_of_dataset(dataset: Dataset) -> list[Path]:
    """Files of the cache that hold features of a dataset's photos: of all, or of some of them.

    They are known by the pixels of the whole folder, as index.json names them.
    """
    pixels = fsio.digest_json(dataset.contents)
    return [path for path in _files() if _metadata(path).get("pixels") == pixels]


def _files() -> list[Path]:
    return sorted((cache_folder() / "features").glob("*.safetensors"))


def _metadata(path: Path) -> dict[str, str]:
    try:
        return read_header(path, _AGAIN)[1]
    except DataError:
        return {}  # damaged: nothing is read from it


def forget_features(dataset: Dataset) -> int:
    """Remove what `features_of_dataset` finds; returns how many files these were."""
    files = features_of_dataset(dataset)
    fsio.erase(cache_folder() / "features", [path.name for path in files])
    return len(files)


def _kept(key: Mapping[str, str], dim: int, make: Callable[[], Tensor]) -> Tensor:
    """What the cache holds under `key`, else what `make` gives, which is then kept."""
    name = fsio.digest_json(dict(key))
    path = cache_folder() / "features" / f"{name}.safetensors"
    if path.is_file():
        try:
            return _read(path, name, dim)
        except DataError as error:
            logs.warn(f"features kept in {path} are damaged; {_AGAIN} ({error.what})")
    features = make().contiguous()
    metadata = {**key, "key": name, "digest": tensors_digest({"features": features})}
    try:
        with fsio.atomic_file(path) as temporary:
            write_tensor("features", features, metadata, temporary)
    except (OSError, DataError) as error:
        what = error.what if isinstance(error, DataError) else error
        logs.warn(f"features are not kept for the next time: {what}")
    return features


def _read(path: Path, name: str, dim: int) -> Tensor:
    _, metadata = read_header(path, _AGAIN)
    features = read_tensors(path, _AGAIN).get("features", torch.empty(0))
    whole = metadata.get("digest") == tensors_digest({"features": features})
    shaped = features.ndim == 2 and features.shape[1] == dim and features.dtype == torch.float32
    if metadata.get("key") != name or not whole or not shaped:
        raise DataError("its content is not what was written")
    return features
