"""How fast limbeck is here, against a plain textbook baseline."""

from limbeck.bench.contestants import CONTESTANTS as CONTESTANTS
from limbeck.bench.contestants import contestant as contestant
from limbeck.bench.parts import bench_infer as bench_infer
from limbeck.bench.parts import bench_loader as bench_loader
from limbeck.bench.parts import bench_ops as bench_ops
from limbeck.bench.textbook import Textbook as Textbook
from limbeck.bench.timing import Work as Work
from limbeck.bench.timing import compare as compare
from limbeck.bench.training import bench_train as bench_train

__all__ = [
    "CONTESTANTS",
    "Textbook",
    "Work",
    "bench_infer",
    "bench_loader",
    "bench_ops",
    "bench_train",
    "compare",
    "contestant",
]
