"""Who judges what G draws: StyleGAN2's discriminator, heads on a frozen trunk, or nobody."""

from dataclasses import dataclass
from typing import Protocol

import torch
from torch import Tensor

from limbeck.kit.rng import Draws
from limbeck.nets import Discriminator, Networks, ProjectedDiscriminator
from limbeck.percept import FeatureMaps
from limbeck.training.augment import augment, translate
from limbeck.training.losses import generator_loss, hinge_generator_loss, relativistic_loss


@dataclass
class Step:
    """What one iteration gives each phase.

    real: float32 [B, 3, S, S] in [-1, 1]; labels: int64 [B] or None; p: augment strength, a number
    or a scalar tensor; pl_mean: running path length; draws: this phase's randomness.
    """

    real: Tensor
    labels: Tensor | None
    p: float | Tensor
    pl_mean: Tensor
    draws: Draws

    def augment(self, pictures: Tensor) -> Tensor:
        """ADA at this step's strength."""
        return augment(pictures, self.p, self.draws)


def _own(nets: Networks) -> Discriminator:
    assert isinstance(nets.D, Discriminator), "rows of StyleGAN2's discriminator are made for it"
    return nets.D


def heads_of(nets: Networks) -> ProjectedDiscriminator:
    """D, where it is heads on a trunk."""
    assert isinstance(nets.D, ProjectedDiscriminator), "rows of heads are made for them"
    return nets.D


class Critic(Protocol):
    """How images are judged where D itself does not learn."""

    def adversarial(self, nets: Networks, step: Step, fake: Tensor) -> Tensor:
        """Scalar loss of whoever made `fake` [N, 3, S, S]."""
        ...

    def features(self, nets: Networks, pictures: Tensor) -> list[Tensor]:
        """Maps [N, C, h, w] of images that are not augmented."""
        ...


@dataclass(frozen=True)
class Own:
    """StyleGAN2's discriminator, which sees images.

    relativistic: its logits mean something only as differences to those of photos.
    """

    relativistic: bool = False

    def adversarial(self, nets: Networks, step: Step, fake: Tensor) -> Tensor:
        """Non-saturating, or relativistic against D's word on photos."""
        logits = nets.D(step.augment(fake), step.labels)
        if not self.relativistic:
            return generator_loss(logits)
        with torch.no_grad():
            real_logits = nets.D(step.augment(step.real), step.labels)
        return relativistic_loss(logits, real_logits)

    def features(self, nets: Networks, pictures: Tensor) -> list[Tensor]:
        """Of every block of D."""
        return _own(nets).features(pictures)


@dataclass(frozen=True)
class Projected:
    """Heads on a frozen trunk.

    maps: the trunk; shifts: whether images are shifted before it.
    """

    maps: FeatureMaps
    shifts: bool

    def see(self, nets: Networks, step: Step, pictures: Tensor) -> list[Tensor]:
        """What the heads look at, of images shifted if that is asked for."""
        shown = translate(pictures, step.draws) if self.shifts else pictures
        return heads_of(nets).look(shown, self.maps(shown))

    def adversarial(self, nets: Networks, step: Step, fake: Tensor) -> Tensor:
        """Hinge."""
        return hinge_generator_loss(nets.D(self.see(nets, step, fake), step.labels, learn=False))

    def features(self, nets: Networks, pictures: Tensor) -> list[Tensor]:
        """Of the trunk."""
        return list(self.maps(pictures))


@dataclass(frozen=True)
class Nobody:
    """No D: reconstructions are measured by LPIPS alone."""

    def adversarial(self, nets: Networks, step: Step, fake: Tensor) -> Tensor:
        """Nothing."""
        return fake.new_zeros(())

    def features(self, nets: Networks, pictures: Tensor) -> list[Tensor]:
        """None."""
        raise AssertionError("config.py asks for LPIPS where there is no D")
