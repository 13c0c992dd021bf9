"""A model as one function of tensors: mapping, truncation by every name, synthesis.

The function is what other runtimes get. It is put together from the parts that draw images here,
so both draw the same; what those parts decide by looking at values (which truncation, which class)
becomes arithmetic, one decision for each image.
"""

from collections.abc import Collection
from typing import Final

import torch
from torch import Tensor, nn

from limbeck.config import Truncation
from limbeck.errors import UsageError
from limbeck.kit.distances import Points
from limbeck.kit.images import to_uint8
from limbeck.latents import ModeCentres, embed_w, seeds_to_z, typical_w
from limbeck.nets import AnyGenerator, AnyNet
from limbeck.percept import LPIPS

OWN: Final = -1
"""`mode` that asks for the program's own rule; from 0 on it is the centre to pull to (`index`)."""
GLOBAL, L2, TYPICAL = -2, -3, -4
CODES: Final[dict[Truncation, int]] = {
    "global": GLOBAL,
    "multimodal-l2": L2,
    "multimodal-typical": TYPICAL,
}
"""`mode` of the truncations that are cheap enough to be in every program."""


def own_rule(modes: ModeCentres | None, asked: Truncation | None = None) -> Truncation:
    """The rule of `mode` -1: the one asked for, else multimodal-lpips, or global without modes.

    Raises:
        UsageError: a rule that looks at no latent (`none` is psi 1, `index` is `mode` itself), or
            one that needs modes or typical latents which are not there.
    """
    if asked is None:
        return "multimodal-lpips" if modes is not None else "global"
    if asked not in ("multimodal-lpips", *CODES):
        raise UsageError(
            f"truncation {asked!r} is no rule of its own in a program",
            "every program has it: `none` is psi 1, `index` is mode 0, 1, ...; leave "
            "--truncation out",
        )
    if modes is None and asked != "global":
        raise UsageError(
            f"truncation {asked!r} needs modes", "run `limbeck modes`, or use 'global'"
        )
    if asked == "multimodal-typical" and modes is not None and modes.typical_drawn is None:
        raise UsageError(
            "truncation 'multimodal-typical' needs typical latents, and these modes have none"
            + (" but of those marked `never`" if modes.typical is not None else ""),
            "run `limbeck modes` again, or choose another rule",
        )
    return asked


class _Nearest(nn.Module):
    """Which of some points lies nearest, by explicit squared distances."""

    middle: Tensor
    moved: Tensor
    squares: Tensor
    never: Tensor | None

    def __init__(self, points: Tensor, never: Collection[int] = ()) -> None:
        """`points` float [K, D]; those of the numbers `never` are none."""
        super().__init__()
        prepared = Points.of(points)
        self.register_buffer("never", torch.tensor(sorted(never)) if never else None)
        self.register_buffer("middle", prepared.middle)
        self.register_buffer("moved", prepared.moved)
        self.register_buffer("squares", prepared.squares)

    def forward(self, a: Tensor) -> Tensor:
        """[N, D] -> int64 [N]."""
        distances = Points(self.middle, self.moved, self.squares).distances(a)
        if self.never is not None:
            distances = distances.index_fill(1, self.never, torch.inf)
        return distances.argmin(1)


def _row(index: Tensor, count: int) -> Tensor:
    """The index; of negative ones `count`, which no table has, so that a runtime refuses it."""
    return torch.where(index < 0, count, index)


class _Targets(nn.Module):
    """Where each w is pulled: `latents.target_for`, of all truncations at once.

    Args:
        modes: centres of the generator's latents.
        rule: of `mode` -1.
        lpips: LPIPS-AlexNet, where the rule is multimodal-lpips.
    """

    centres: Tensor
    numbers: Tensor | None
    typical: Tensor
    typical_modes: Tensor

    def __init__(self, modes: ModeCentres, rule: Truncation, lpips: LPIPS | None) -> None:
        super().__init__()
        self.own = CODES.get(rule, OWN)
        never = modes.marks.never
        self.register_buffer("centres", modes.targets)
        known = modes.numbers.clone()
        known[sorted(never)] = len(known)  # none that the table has
        self.register_buffer("numbers", known if modes.marks.drawing else None)
        self.by_w = _Nearest(modes.centres, never)
        self.by_typical = self.by_look = None
        if (typical := modes.typical_drawn) is not None:
            self.register_buffer("typical", typical)
            self.register_buffer("typical_modes", modes.nearest_w(typical))
            self.by_typical = _Nearest(typical)
        if self.own == OWN:
            assert lpips is not None, f"{rule} looks at images"
            self.lpips, self.by_look = lpips, _Nearest(modes.embeddings, never)

    def forward(
        self, G: AnyGenerator, w: Tensor, mode: Tensor, typical_w: Tensor
    ) -> tuple[Tensor, Tensor]:
        """G, w [N, w_dim], mode int64 [N], targets of `global` [N, w_dim] -> targets, centres.

        The second is int64 [N], -1 for `global`. A mode that asks for nothing known becomes an
        index outside its table, and one that is marked `never` too. Images are looked at where
        one of them at least asks for it.
        """
        mode = torch.where(mode == OWN, self.own, mode)
        near = self.by_w(w)
        chosen = torch.where((mode == L2) | (mode == GLOBAL), near, mode)
        if self.by_look is not None:
            look = self.by_look

            def looked(w: Tensor, near: Tensor) -> Tensor:
                nearest: Tensor = look(embed_w(G, self.lpips, w))
                return nearest

            asked = (mode == OWN).any()
            if torch.compiler.is_compiling():
                found = torch.cond(asked, looked, _not_looked, (w, near))
            else:
                found = looked(w, near) if bool(asked) else near
            chosen = torch.where(mode == OWN, found, chosen)
        at = None
        if self.by_typical is not None:
            at = self.by_typical(w)
            chosen = torch.where(mode == TYPICAL, self.typical_modes[at], chosen)
        if self.numbers is not None:
            chosen = self.numbers[_row(chosen, len(self.numbers))]
        goal = self.centres[_row(chosen, len(self.centres))]
        if at is not None:
            goal = torch.where((mode == TYPICAL)[:, None], self.typical[at], goal)
        goal = torch.where((mode == GLOBAL)[:, None], typical_w, goal)
        return goal, torch.where(mode == GLOBAL, OWN, chosen)


def _not_looked(w: Tensor, near: Tensor) -> Tensor:
    return near.clone()


class Program(nn.Module):
    """z, psi, mode (and class) -> images: all of sampling in one graph.

    Args:
        net: shapes of the generator.
        G: the averaged generator, float32, on the CPU.
        modes: centres of its latents; None = none are known.
        rule: truncation of `mode` -1, as `own_rule` says.
        lpips: LPIPS-AlexNet, where the rule is multimodal-lpips.
    """

    class_rows: Tensor
    typical_w: Tensor

    def __init__(
        self,
        net: AnyNet,
        G: AnyGenerator,
        modes: ModeCentres | None,
        rule: Truncation,
        lpips: LPIPS | None = None,
    ) -> None:
        super().__init__()
        self.G, self.rule, self.z_dim, self.classes = G, rule, net.z_dim, net.num_classes
        every = torch.arange(net.num_classes) if net.num_classes else None
        with torch.no_grad():
            if every is not None:
                self.register_buffer("class_rows", G.mapping.embedded(every))
            self.register_buffer("typical_w", typical_w(G.mapping, net, every))
            self.targets = None if modes is None else _Targets(modes, rule, lpips)

    def forward(
        self, z: Tensor, psi: Tensor, mode: Tensor, label: Tensor | None = None
    ) -> tuple[Tensor, Tensor, Tensor]:
        """Draw.

        Args:
            z: float32 [N, z_dim], standard normal.
            psi: float32 [N], strength of truncation: 0 = the target itself, 1 = none.
            mode: int64 [N], -1 = by the program's rule, -2 `global`, -3 `multimodal-l2`,
                -4 `multimodal-typical`, from 0 on that centre.
            label: int64 [N], the class, where the generator has classes.

        Returns:
            images float32 [N, 3, S, S] in [-1, 1]; pixels uint8 [N, S, S, 3], the same; modes
            int64 [N], the centre pulled to, or -1.
        """
        embedded, typical = None, self.typical_w
        if label is not None:
            row = _row(label, self.classes)
            embedded, typical = self.class_rows[row], typical[row]
        w = self.G.mapping.w_embedded(z, embedded)
        typical = typical.expand_as(w)
        if self.targets is None:
            known = (mode == OWN) | (mode == GLOBAL)
            goal = typical[torch.where(known, torch.arange(z.shape[0]), z.shape[0])]
            chosen = torch.full_like(mode, OWN)
        else:
            goal, chosen = self.targets(self.G, w, mode, typical)
        pulled = torch.lerp(goal, w, psi[:, None])
        images = self.G.synthesis(self.G.broadcast(pulled), noise="const").float().clamp(-1, 1)
        return images, to_uint8(images).permute(0, 2, 3, 1), chosen

    def known(self) -> dict[int, Truncation]:
        """Which negative `mode` asks for which truncation."""
        known: dict[int, Truncation] = {OWN: self.rule, GLOBAL: "global"}
        if self.targets is not None:
            known[L2] = "multimodal-l2"
            if self.targets.by_typical is not None:
                known[TYPICAL] = "multimodal-typical"
        return known

    def example(self, count: int = 3) -> dict[str, Tensor]:
        """Inputs by name, in order: of seeds 0, 1, ..., psi 0.7, by the program's rule."""
        z = seeds_to_z(range(count), self.z_dim)
        given = {"z": z, "psi": torch.full((count,), 0.7), "mode": torch.full((count,), OWN)}
        if self.classes:
            given["label"] = torch.arange(count) % self.classes
        return given
