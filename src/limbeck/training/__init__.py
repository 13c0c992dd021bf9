"""Joint training of generator, discriminator and encoder (METHOD section 3)."""

from limbeck.training.loop import train, train_slice
from limbeck.training.measure import measure_speed

__all__ = ["measure_speed", "train", "train_slice"]
