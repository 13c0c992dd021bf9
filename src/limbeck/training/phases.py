"""Updates as rows of a table: what is trained, how often, by which loss (docs/method.md).

A phase's loss takes the networks and a `Step`, changes nothing, and returns a scalar, named terms
and what running means should move towards; stepping, averaging over shares of the batch and
reporting are the engine's business. The encoder is one more row.
"""

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Literal

import torch
from torch import Tensor

from limbeck.config import Config
from limbeck.data import PixelView
from limbeck.kit.device import compute_dtype
from limbeck.kit.images import to_float
from limbeck.latents import shares
from limbeck.nets import Encoder, Generator, Networks
from limbeck.percept import LPIPS, FeatureMaps, at_least
from limbeck.training.critics import Critic, Nobody, Own, Projected, Step, heads_of
from limbeck.training.losses import (
    discriminator_loss,
    feature_distance,
    hinge_generator_loss,
    hinge_loss,
    path_lengths,
    path_penalty,
    r1_penalty,
    relativistic_loss,
)

_CALIBRATION = 256  # photos
Terms = dict[str, Tensor]
# Running means that a phase moves: `w_avg` [w_dim] and `pl_mean` [], towards their value here.
Moves = dict[str, Tensor]
Member = Literal["G", "D", "E"]
LossFn = Callable[[Networks, Step], tuple[Tensor, Terms, Moves]]


@dataclass(frozen=True)
class Phase:
    """One row: `trains` names members of Networks; due when the step is a multiple of `every`.

    warming: only while D learns alone.
    """

    name: str
    trains: tuple[Member, ...]
    every: int
    start_images: int
    loss: LossFn
    warming: bool = False

    def due(self, images: int, batch: int, warm: int = 0) -> bool:
        """Whether it runs in the iteration that begins at `images`; D is alone up to `warm`."""
        if images < warm:
            return self.trains == ("D",) and (images // batch) % self.every == 0
        started = not self.warming and images >= self.start_images
        return started and (images // batch) % self.every == 0


def _styles(
    G: Generator, step: Step, count: int, mixing: float, labels: Tensor | None
) -> tuple[Tensor, Tensor]:
    """w [count, w_dim] of the first latent, and ws with style mixing (StyleGAN, section 3.1)."""
    z = step.draws.normal(count, 2, G.z_dim)
    if mixing == 0:
        w = G.mapping.w(z[:, 0], labels)
        return w, G.broadcast(w)
    doubled = None if labels is None else labels.repeat(2)
    first, second = G.mapping.w(torch.cat([z[:, 0], z[:, 1]]), doubled).chunk(2)
    cut, coin = step.draws.uniform(count, 2).unbind(1)
    cut = torch.where(coin < mixing, 1 + (cut * (G.num_ws - 1)).floor(), G.num_ws)
    keep = torch.arange(G.num_ws, device=cut.device)[None] < cut[:, None]
    return first, torch.where(keep[:, :, None], G.broadcast(first), G.broadcast(second))


def g_main(config: Config, critic: Critic) -> LossFn:
    """Loss of G: what the critic says of its images."""

    def loss(nets: Networks, step: Step) -> tuple[Tensor, Terms, Moves]:
        w, ws = _styles(nets.G, step, len(step.real), config.train.style_mixing, step.labels)
        fake = nets.G.synthesis(ws, noise=config.train.noise, rng=step.draws)
        total = critic.adversarial(nets, step, fake)
        terms = {"loss/G": total, "w_std": w.std(0, correction=0).mean()}
        return total, terms, {"w_avg": w.detach().mean(0)}

    return loss


def g_path(config: Config) -> LossFn:
    """Path-length regularisation, lazily every `pl_every` (StyleGAN2, section 3.2)."""

    def loss(nets: Networks, step: Step) -> tuple[Tensor, Terms, Moves]:
        count = max(len(step.real) // config.train.pl_batch_shrink, 1)
        labels = None if step.labels is None else step.labels[:count]
        _, ws = _styles(nets.G, step, count, config.train.style_mixing, labels)
        if not ws.requires_grad:  # a frozen mapping
            ws = ws.detach().requires_grad_(True)
        pictures = nets.G.synthesis(ws, noise=config.train.noise, rng=step.draws)
        lengths = path_lengths(pictures, ws, step.draws.normal(*pictures.shape))
        penalty = path_penalty(lengths, step.pl_mean)
        total = penalty * config.train.pl_weight * config.train.pl_every
        mean = lengths.detach().mean()
        return total, {"loss/path": penalty, "path_length": mean}, {"pl_mean": mean}

    return loss


def d_main(config: Config) -> LossFn:
    """Logistic or relativistic loss of D, real and fake in one batch, minibatch-std per half."""
    relativistic = config.train.loss == "relativistic"

    def loss(nets: Networks, step: Step) -> tuple[Tensor, Terms, Moves]:
        with torch.no_grad():
            _, ws = _styles(nets.G, step, len(step.real), config.train.style_mixing, step.labels)
            fake = nets.G.synthesis(ws, noise=config.train.noise, rng=step.draws)
            pictures = step.augment(torch.cat([step.real, fake]))
        labels = None if step.labels is None else step.labels.repeat(2)
        real_logits, fake_logits = nets.D(pictures, labels, splits=2).chunk(2)
        objective = relativistic_loss if relativistic else discriminator_loss
        total = objective(real_logits, fake_logits)
        # What ADA steers by: of a relativistic D only differences have a sign that means something.
        real_word = real_logits - fake_logits if relativistic else real_logits
        terms = {
            "loss/D": total,
            "signs/real": real_word.sign().mean(),
            "logits/real": real_logits.mean(),
            "signs/fake": fake_logits.sign().mean(),
            "logits/fake": fake_logits.mean(),
        }
        return total, terms, {}

    return loss


def projected(config: Config, critic: Projected) -> LossFn:
    """G and D at once, on the same generated images: hinge loss over the heads of every scale."""
    train = config.train

    def loss(nets: Networks, step: Step) -> tuple[Tensor, Terms, Moves]:
        w, ws = _styles(nets.G, step, len(step.real), train.style_mixing, step.labels)
        seen = critic.see(nets, step, nets.G.synthesis(ws, noise=train.noise, rng=step.draws))
        d_loss, terms = _hinge(nets, critic, step, seen)
        g_loss = hinge_generator_loss(nets.D(seen, step.labels, learn=False))
        terms |= {"loss/G": g_loss, "w_std": w.std(0, correction=0).mean()}
        return g_loss + d_loss, terms, {"w_avg": w.detach().mean(0)}

    return loss


def projected_alone(config: Config, critic: Projected) -> LossFn:
    """The heads alone, on images of a G that waits for them."""
    train = config.train

    def loss(nets: Networks, step: Step) -> tuple[Tensor, Terms, Moves]:
        with torch.no_grad():
            _, ws = _styles(nets.G, step, len(step.real), train.style_mixing, step.labels)
            fake = nets.G.synthesis(ws, noise=train.noise, rng=step.draws)
            seen = critic.see(nets, step, fake)
        return *_hinge(nets, critic, step, seen), {}

    return loss


def _hinge(
    nets: Networks, critic: Projected, step: Step, seen: list[Tensor]
) -> tuple[Tensor, Terms]:
    """Hinge loss of the heads on photos and on what they `see` of generated images."""
    with torch.no_grad():
        real = critic.see(nets, step, step.real)
    both = [torch.cat([r, f.detach()]) for r, f in zip(real, seen, strict=True)]
    labels = None if step.labels is None else step.labels.repeat(2)
    logits = [found.chunk(2) for found in nets.D(both, labels, splits=2)]
    of_real, of_fake = [r for r, _ in logits], [f for _, f in logits]
    total = hinge_loss(of_real, of_fake)
    terms = {
        "loss/D": total,
        "signs/real": torch.stack([x.sign().mean() for x in of_real]).mean(),
        "signs/fake": torch.stack([x.sign().mean() for x in of_fake]).mean(),
    }
    return total, terms


def d_r1(config: Config) -> LossFn:
    """R1 on D's own input, lazily every `r1_every` (gamma / 2 x interval)."""

    def loss(nets: Networks, step: Step) -> tuple[Tensor, Terms, Moves]:
        with torch.no_grad():
            real = step.augment(step.real)
        real = real.detach().requires_grad_(True)
        penalty = r1_penalty(nets.D(real, step.labels), real).mean()
        return penalty * (config.gamma() / 2 * config.train.r1_every), {"loss/R1": penalty}, {}

    return loss


def d_r2(config: Config) -> LossFn:
    """R2: the same penalty on G's images, for the relativistic loss."""

    def loss(nets: Networks, step: Step) -> tuple[Tensor, Terms, Moves]:
        with torch.no_grad():
            _, ws = _styles(nets.G, step, len(step.real), config.train.style_mixing, step.labels)
            fake = step.augment(nets.G.synthesis(ws, noise=config.train.noise, rng=step.draws))
        fake = fake.detach().requires_grad_(True)
        penalty = r1_penalty(nets.D(fake, step.labels), fake).mean()
        return penalty * (config.gamma() / 2 * config.train.r1_every), {"loss/R2": penalty}, {}

    return loss


def _need_encoder(nets: Networks) -> Encoder:
    assert nets.E is not None, "the encoder phases are only made for networks with an encoder"
    return nets.E


def _distance(nets: Networks, judges: "LossNetworks", a: Tensor, b: Tensor) -> Tensor:
    """a2's perceptual measure: D's own features, or LPIPS."""
    if judges.lpips is not None:
        return judges.lpips.distance(at_least(a), at_least(b)).mean()
    with torch.no_grad():
        wanted = judges.critic.features(nets, b)
    return feature_distance(judges.critic.features(nets, a), wanted)


def _reconstruction(
    config: Config,
    nets: Networks,
    judges: "LossNetworks",
    again: Tensor,
    x: Tensor,
    latent: Tensor,
    name: str,
) -> tuple[Tensor, Terms]:
    """The weighted distance of `again` to `x` [N, 3, S, S] and of their latents, and its parts."""
    train = config.train
    l1, perceptual = (again - x).abs().mean(), _distance(nets, judges, again, x)
    total = train.rec_l1 * l1 + train.rec_perceptual * perceptual + train.rec_w * latent
    terms = {f"{name}/l1": l1, f"{name}/perceptual": perceptual, f"{name}/w": latent}
    if train.rec_l2:
        terms[f"{name}/l2"] = (again - x).square().mean()
        total = total + train.rec_l2 * terms[f"{name}/l2"]
    return total, terms


def e_real(config: Config, judges: "LossNetworks") -> LossFn:
    """Phase B on photos: w = E(x), x' = G(w); adversarial and reconstruction.

    For G and E, or for E alone where G stays as it is (f-AnoGAN's izi_f, Schlegl et al. 2019).
    """
    train = config.train

    def loss(nets: Networks, step: Step) -> tuple[Tensor, Terms, Moves]:
        E, x = _need_encoder(nets), step.real
        w = E(x)
        again = nets.G.synthesis(nets.G.broadcast(w), noise=config.train.noise, rng=step.draws)
        adversarial = judges.critic.adversarial(nets, step, again)
        cycle = (E(again) - w.detach()).abs().mean()
        rec, terms = _reconstruction(config, nets, judges, again, x, cycle, "rec")
        terms["E/w_std"] = w.detach().std(0, correction=0).mean()
        return adversarial + train.rec_scale * rec, terms, {}

    return loss


def e_fake(config: Config, judges: "LossNetworks") -> LossFn:
    """Phase B on G's own images, detached: only E learns, so it cannot serve outliers."""
    train = config.train

    def loss(nets: Networks, step: Step) -> tuple[Tensor, Terms, Moves]:
        E = _need_encoder(nets)
        with torch.no_grad():
            labels = _drawn_labels(config, step) if config.train.encoder_only else step.labels
            true_w = nets.G.mapping.w(step.draws.normal(len(step.real), nets.G.z_dim), labels)
            x = nets.G.synthesis(nets.G.broadcast(true_w), noise=config.train.noise, rng=step.draws)
        w = E(x)
        again = nets.G.synthesis(nets.G.broadcast(w), noise=config.train.noise, rng=step.draws)
        latent = (w - true_w).abs().mean()
        rec, terms = _reconstruction(config, nets, judges, again, x, latent, "rec_fake")
        terms["E/w_std"] = w.detach().std(0, correction=0).mean()
        return train.rec_scale * rec, terms, {}

    return loss


def _drawn_labels(config: Config, step: Step) -> Tensor | None:
    """int64 [B] classes by natural frequency, or None; where images have none of their own."""
    if not config.net.num_classes:
        return None
    edges = shares(config.net).cumsum(0).to(step.real.device)
    coins = step.draws.uniform(len(step.real)).to(edges)
    return torch.searchsorted(edges, coins).clamp_max(config.net.num_classes - 1)


@dataclass(frozen=True)
class LossNetworks:
    """Frozen networks that losses ask: LPIPS where `rec_measure` wants it, and the critic."""

    lpips: LPIPS | None = None
    critic: Critic = field(default_factory=Own)

    @classmethod
    def of(cls, config: Config, device: torch.device) -> "LossNetworks":
        """What this configuration needs, on `device`.

        Raises:
            WeightsError: weights are not on this machine.
        """
        train, net = config.train, config.net
        lpips = None
        if train.encoder and train.rec_measure != "discriminator":
            lpips = LPIPS.load("alex" if train.rec_measure == "lpips-alex" else "vgg16").to(device)
        if train.encoder_only:
            return cls(lpips, Nobody())
        if net.d_architecture != "projected":
            return cls(lpips, Own(train.loss == "relativistic"))
        maps = FeatureMaps(net.d_feature_side, compute_dtype(train.precision, device), device)
        return cls(lpips, Projected(maps, train.augment == "diff"))

    def begin(self, networks: Networks, photos: PixelView) -> None:
        """Once in a training: bring a projected discriminator's mixing to the photos' spread."""
        if not isinstance(self.critic, Projected):
            return
        rows = torch.linspace(0, len(photos) - 1, min(_CALIBRATION, len(photos))).long().tolist()
        with torch.no_grad():
            shown = to_float(photos[rows]).to(self.critic.maps.device)
            heads_of(networks).mixing.calibrate(self.critic.maps(shown))


def phase_table(config: Config, judges: LossNetworks) -> list[Phase]:
    """The rows of a run, in the order they are taken."""
    train = config.train
    if train.encoder_only:
        return _encoder_rows(config, judges, 1, 0)
    if isinstance(judges.critic, Projected):
        rows = [
            Phase("GD", ("G", "D"), 1, 0, projected(config, judges.critic)),
            Phase("D-alone", ("D",), 1, 0, projected_alone(config, judges.critic), warming=True),
        ]
    else:
        rows = [Phase("G", ("G",), 1, 0, g_main(config, judges.critic))]
    if train.pl_weight > 0:
        rows.append(Phase("G-path", ("G",), train.pl_every, 0, g_path(config)))
    if train.encoder:
        every = train.encoder_every * (2 if train.reconstruct == "both" else 1)
        start = round(train.encoder_start_kimg * 1000)
        rows += _encoder_rows(config, judges, every, start)
    if isinstance(judges.critic, Projected):
        return rows
    rows.append(Phase("D", ("D",), 1, 0, d_main(config)))
    if config.gamma() > 0:
        rows.append(Phase("D-R1", ("D",), train.r1_every, 0, d_r1(config)))
        if train.loss == "relativistic":
            rows.append(Phase("D-R2", ("D",), train.r1_every, 0, d_r2(config)))
    return rows


def _encoder_rows(config: Config, judges: LossNetworks, every: int, start: int) -> list[Phase]:
    """E on photos, on generated images, or on both."""
    train, rows = config.train, []
    if train.reconstruct != "fake":
        frozen = train.encoder_only or train.reconstruct == "real-frozen"
        learn: tuple[Member, ...] = ("E",) if frozen else ("G", "E")
        rows.append(Phase("E-real", learn, every, start, e_real(config, judges)))
    if train.reconstruct in ("fake", "both"):
        rows.append(Phase("E-fake", ("E",), every, start, e_fake(config, judges)))
    return rows
