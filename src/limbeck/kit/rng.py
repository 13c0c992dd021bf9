"""Randomness as a pure function of names: the same keys give the same numbers on any day."""

import hashlib

import torch


def derive_seed(*keys: int | str) -> int:
    """A 63-bit seed from a path of keys, e.g. `derive_seed(seed, "noise", images)`."""
    text = "\x1f".join(f"{type(key).__name__}:{key}" for key in keys)
    return int.from_bytes(hashlib.sha256(text.encode()).digest()[:8], "big") >> 1


def generator(*keys: int | str, device: str | torch.device = "cpu") -> torch.Generator:
    """A fresh generator on `device`, seeded by `derive_seed(*keys)`."""
    return torch.Generator(device).manual_seed(derive_seed(*keys))
