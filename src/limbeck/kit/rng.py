"""Randomness as a pure function of names: the same keys give the same numbers on any day."""

import hashlib

import torch
from torch import Tensor


def derive_seed(*keys: int | str) -> int:
    """A 63-bit seed from a path of keys, e.g. `derive_seed(seed, "noise", images)`."""
    text = "\x1f".join(f"{type(key).__name__}:{key}" for key in keys)
    return int.from_bytes(hashlib.sha256(text.encode()).digest()[:8], "big") >> 1


def generator(*keys: int | str, device: str | torch.device = "cpu") -> torch.Generator:
    """A fresh generator on `device`, seeded by `derive_seed(*keys)`."""
    return torch.Generator(device).manual_seed(derive_seed(*keys))


class Draws:
    """Random rows of one share of a batch, on the device that asks.

    Whoever holds share s of S draws for the whole batch and keeps rows s, s + S, s + 2 S, ...: how
    a batch is shared out, over processes or over passes, does not change a number of it.

    Args:
        rng: source; it moves on by what the whole batch takes.
        device: where the numbers go; None = where `rng` lives.
        share: s.
        shares: S.
    """

    def __init__(
        self,
        rng: torch.Generator,
        device: torch.device | None = None,
        share: int = 0,
        shares: int = 1,
    ) -> None:
        self.rng, self.share, self.shares = rng, share, shares
        self.device = rng.device if device is None else device

    def _mine(self, whole: Tensor) -> Tensor:
        return whole[self.share :: self.shares].to(self.device)

    def normal(self, count: int, *shape: int) -> Tensor:
        """Standard normal float32 [count, *shape]."""
        rows = count * self.shares
        return self._mine(torch.randn(rows, *shape, generator=self.rng, device=self.rng.device))

    def uniform(self, count: int, *shape: int) -> Tensor:
        """Uniform float32 [count, *shape] in [0, 1)."""
        rows = count * self.shares
        return self._mine(torch.rand(rows, *shape, generator=self.rng, device=self.rng.device))
