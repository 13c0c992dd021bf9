"""How fast limbeck is here: ratios against a plain textbook baseline, in one process."""

from limbeck.bench.parts import bench_infer as bench_infer
from limbeck.bench.parts import bench_loader as bench_loader
from limbeck.bench.parts import bench_ops as bench_ops
from limbeck.bench.training import bench_train as bench_train

__all__ = ["bench_infer", "bench_loader", "bench_ops", "bench_train"]
