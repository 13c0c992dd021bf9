"""The generator: mapping and synthesis."""

from torch import Tensor, nn

from limbeck.config import NetConfig
from limbeck.kit.rng import Draws
from limbeck.nets.layers import initialise
from limbeck.nets.mapping import Mapping
from limbeck.nets.synthesis import Noise, Synthesis


class Generator(nn.Module):
    """StyleGAN2's generator (arXiv 1912.04958) in the public parameter layout.

    Args:
        net: sizes and architecture.
        seed: source of the first parameters.
    """

    def __init__(self, net: NetConfig, seed: int = 0) -> None:
        super().__init__()
        self.z_dim, self.w_dim, self.num_classes = net.z_dim, net.w_dim, net.num_classes
        self.synthesis = Synthesis(net)
        self.num_ws = self.synthesis.num_ws
        self.mapping = Mapping(net, self.num_ws)
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
            ValueError: random noise without a source.
        """
        picture: Tensor = self.synthesis(self.mapping(z, c, psi), noise, rng)
        return picture
