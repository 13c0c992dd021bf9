"""The generator: mapping and synthesis."""

from collections.abc import Callable

from torch import Tensor, nn

from limbeck.config import NetConfig
from limbeck.kit.rng import Draws
from limbeck.nets.layers import initialise
from limbeck.nets.mapping import Mapping
from limbeck.nets.stylegan3_config import AnyNet
from limbeck.nets.synthesis import Noise, Synthesis


class BaseGenerator(nn.Module):
    """What generators of either kind have: z to w, the same w for every layer, w to images.

    Args:
        net: sizes and architecture.
        synthesis: ws [N, num_ws, w_dim], noise and its source -> images.
        num_ws: how many w's it takes.
        seed: source of the first parameters.
    """

    synthesis: Callable[[Tensor, Noise, Draws | None], Tensor]

    def __init__(self, net: AnyNet, synthesis: nn.Module, num_ws: int, seed: int) -> None:
        super().__init__()
        self.z_dim, self.w_dim, self.num_classes = net.z_dim, net.w_dim, net.num_classes
        self.num_ws = num_ws
        self.synthesis = synthesis
        self.mapping = Mapping(net, num_ws)
        initialise(self, seed, "G")

    def broadcast(self, w: Tensor) -> Tensor:
        """The same w for every layer: [N, w_dim] -> [N, num_ws, w_dim] (a view)."""
        return w.unsqueeze(1).expand(-1, self.num_ws, -1)

    def forward(
        self,
        z: Tensor,
        c: Tensor | None = None,
        psi: float = 1.0,
        noise: Noise = "const",
        rng: Draws | None = None,
    ) -> Tensor:
        """[N, z_dim] -> images, float32 [N, 3, S, S], about [-1, 1].

        Raises:
            UsageError: labels are missing or out of range.
            ValueError: random noise without a source, where there is noise.
        """
        return self.synthesis(self.mapping(z, c, psi), noise, rng)


class Generator(BaseGenerator):
    """StyleGAN2's generator (arXiv 1912.04958) in the public parameter layout.

    Args:
        net: sizes and architecture.
        seed: source of the first parameters.
    """

    synthesis: Synthesis

    def __init__(self, net: NetConfig, seed: int = 0) -> None:
        synthesis = Synthesis(net)
        super().__init__(net, synthesis, synthesis.num_ws, seed)
