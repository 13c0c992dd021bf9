"""How fast limbeck is here, against a plain textbook baseline; and studies of its method."""

from limbeck.bench.distillation import bench_distillation as bench_distillation
from limbeck.bench.outliers import bench_outliers as bench_outliers
from limbeck.bench.parts import bench_infer as bench_infer
from limbeck.bench.parts import bench_loader as bench_loader
from limbeck.bench.parts import bench_ops as bench_ops
from limbeck.bench.quality import bench_quality as bench_quality
from limbeck.bench.training import bench_train as bench_train
from limbeck.bench.truncation import bench_truncation as bench_truncation

__all__ = [
    "bench_distillation",
    "bench_infer",
    "bench_loader",
    "bench_ops",
    "bench_outliers",
    "bench_quality",
    "bench_train",
    "bench_truncation",
]
