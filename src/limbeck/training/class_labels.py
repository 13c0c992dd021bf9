"""Classes of photos, as networks and training take them from a dataset."""

import torch
from torch import Tensor

from limbeck.config import Config
from limbeck.data import Dataset
from limbeck.errors import DataError


def conditional(dataset: Dataset, config: Config) -> Config:
    """The configuration with the networks' classes taken from the dataset.

    Raises:
        DataError: it has no classes.
    """
    if dataset.num_classes == 0:
        raise DataError(
            f"{dataset.root} has no classes",
            "ingest again with --class-from folder (a sub-folder a class) or --class-from FILE",
        )
    counts = [0] * dataset.num_classes
    for info in dataset.infos:
        if info.label is not None:
            counts[info.label] += 1
    return config.replace(
        **{
            "net.num_classes": dataset.num_classes,
            "net.class_photos": tuple(counts),
            "net.class_names": tuple(dataset.class_names),
        }
    )


def class_labels(dataset: Dataset, config: Config) -> Tensor | None:
    """int64 [N] of the dataset's classes, or None for unconditional networks.

    Raises:
        DataError: a photo without a class, or more classes than the networks know.
    """
    if config.net.num_classes == 0:
        return None
    found = [info.label for info in dataset.infos]
    missing = sum(label is None for label in found)
    top = max((label for label in found if label is not None), default=-1)
    if missing or top >= config.net.num_classes:
        raise DataError(
            f"{dataset.root}: {missing} photos without a class, largest class {top}, "
            f"networks have {config.net.num_classes}",
            "ingest with --class-from folder or FILE, or train without --cond",
        )
    return torch.tensor(found, dtype=torch.int64)
