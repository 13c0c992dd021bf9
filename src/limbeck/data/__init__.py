"""The store of images on disk, the order of training, and batches for the other stages."""

from limbeck.data.choosing import choose_store as choose_store
from limbeck.data.dataset import Batch as Batch
from limbeck.data.dataset import Dataset as Dataset
from limbeck.data.dataset import PixelView as PixelView
from limbeck.data.dataset import open_dataset as open_dataset
from limbeck.data.encoding import Encoded as Encoded
from limbeck.data.encoding import decode as decode
from limbeck.data.encoding import encode as encode
from limbeck.data.flags import LIMITS as LIMITS
from limbeck.data.flags import Limit as Limit
from limbeck.data.flags import flags_of as flags_of
from limbeck.data.groups import CopyGroup as CopyGroup
from limbeck.data.groups import copy_groups as copy_groups
from limbeck.data.groups import shown_groups as shown_groups
from limbeck.data.index import PartFacts as PartFacts
from limbeck.data.index import read_counts as read_counts
from limbeck.data.layout import COPY_SHEET as COPY_SHEET
from limbeck.data.layout import CROP_SHEET as CROP_SHEET
from limbeck.data.order import Order as Order
from limbeck.data.packed import PackedRows as PackedRows
from limbeck.data.removal import is_taken as is_taken
from limbeck.data.removal import taken_row as taken_row
from limbeck.data.removal import write_without as write_without
from limbeck.data.store import write_dataset as write_dataset

__all__ = [
    "COPY_SHEET",
    "CROP_SHEET",
    "LIMITS",
    "Batch",
    "CopyGroup",
    "Dataset",
    "Encoded",
    "Limit",
    "Order",
    "PackedRows",
    "PartFacts",
    "PixelView",
    "choose_store",
    "copy_groups",
    "decode",
    "encode",
    "flags_of",
    "is_taken",
    "open_dataset",
    "read_counts",
    "shown_groups",
    "taken_row",
    "write_dataset",
    "write_without",
]
