"""What the machine can do, asked once: device, bf16, facts for run.json and `limbeck doctor`."""

import platform
from functools import cache
from pathlib import Path
from typing import Any, Literal

import torch

from limbeck.errors import UsageError
from limbeck.kit.cores import cores


def pick_device(name: str = "auto") -> torch.device:
    """`auto` is CUDA, else Apple MPS, else the CPU.

    On CUDA, float32 convolutions are made exact from now on (PyTorch's default is TF32): what asks
    for speed asks for bf16.

    Raises:
        UsageError: the named device does not exist here.
    """
    if torch.cuda.is_available():
        torch.backends.cudnn.allow_tf32 = False
    if name == "auto":
        if torch.cuda.is_available():
            return torch.device("cuda")
        return torch.device("mps" if torch.backends.mps.is_available() else "cpu")
    try:
        device = torch.device(name)
        if device.type == "cuda" and device.index is not None:
            torch.cuda.set_device(device)  # streams and graphs belong to the current device
        torch.empty(1, device=device)
    except (RuntimeError, AssertionError, NotImplementedError) as error:
        reason = str(error).splitlines()[0]
        raise UsageError(f"device {name!r}: {reason}", "use --device auto or cpu") from None
    return device


def rng_device(device: torch.device) -> torch.device:
    """Where random numbers are drawn: on a CUDA device itself, elsewhere on the portable CPU."""
    return device if device.type == "cuda" else torch.device("cpu")


@cache
def _cpu_flags() -> frozenset[str]:
    try:
        text = Path("/proc/cpuinfo").read_text()
    except OSError:
        return frozenset()
    for line in text.splitlines():
        if line.startswith("flags"):
            return frozenset(line.split(":", 1)[1].split())
    return frozenset()


def has_bf16(device: torch.device) -> bool:
    """Whether bf16 convolutions are fast: CUDA >= 8.0, or a CPU with avx512_bf16 or amx_bf16.

    Elsewhere a bf16 convolution on a CPU is about 25 times slower than fp32.
    """
    if device.type == "cuda":
        return torch.cuda.get_device_capability(device) >= (8, 0)
    return device.type == "cpu" and bool(_cpu_flags() & {"avx512_bf16", "amx_bf16"})


def compute_dtype(precision: Literal["auto", "fp32", "bf16"], device: torch.device) -> torch.dtype:
    """The dtype of convolutions and activations; parameters are always fp32."""
    if precision == "auto":
        return torch.bfloat16 if has_bf16(device) else torch.float32
    return torch.bfloat16 if precision == "bf16" else torch.float32


def machine(device: torch.device | None = None) -> dict[str, Any]:
    """Facts of the machine that a figure must carry."""
    device = device or pick_device()
    facts: dict[str, Any] = {
        "platform": platform.platform(),
        "cpu": _cpu_name(),
        "cores": cores(),
        "threads": torch.get_num_threads(),
        "torch": torch.__version__,
        "device": str(device),
        "bf16": has_bf16(device),
    }
    if device.type == "cuda":
        facts["gpu"] = torch.cuda.get_device_name(device)
    return facts


def _cpu_name() -> str:
    try:
        for line in Path("/proc/cpuinfo").read_text().splitlines():
            if line.startswith("model name"):
                return line.split(":", 1)[1].strip()
    except OSError:
        pass
    return platform.processor() or "unknown"
