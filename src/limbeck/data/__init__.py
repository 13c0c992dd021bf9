"""The store of images on disk, the order of training, and batches for the other stages."""

from limbeck.data.dataset import Batch as Batch
from limbeck.data.dataset import Dataset as Dataset
from limbeck.data.dataset import PixelView as PixelView
from limbeck.data.dataset import open_dataset as open_dataset
from limbeck.data.order import Order as Order
from limbeck.data.removal import is_taken as is_taken
from limbeck.data.removal import taken_row as taken_row
from limbeck.data.removal import write_without as write_without
from limbeck.data.store import CROP_SHEET as CROP_SHEET
from limbeck.data.store import write_dataset as write_dataset

__all__ = [
    "CROP_SHEET",
    "Batch",
    "Dataset",
    "Order",
    "PixelView",
    "is_taken",
    "open_dataset",
    "taken_row",
    "write_dataset",
    "write_without",
]
