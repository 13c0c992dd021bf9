"""The store of images on disk, the order of training, and batches for the other stages."""

from limbeck.data.dataset import Batch as Batch
from limbeck.data.dataset import Dataset as Dataset
from limbeck.data.dataset import PixelView as PixelView
from limbeck.data.dataset import open_dataset as open_dataset
from limbeck.data.order import Order as Order
from limbeck.data.store import CROP_SHEET as CROP_SHEET
from limbeck.data.store import write_dataset as write_dataset

__all__ = ["CROP_SHEET", "Batch", "Dataset", "Order", "PixelView", "open_dataset", "write_dataset"]
