"""What an image shows, by a network that limbeck trains and filters nothing with.

EfficientNet-Lite2 (Tan and Le, arXiv 1905.11946), ImageNet's 1,000 classes. Its smaller sister
Lite0 is the eye of the projected discriminator and of the score `recommended+`, so that images
made or photos kept with it are no test of it; Lite2 shares no weights with it. (The Inception of
FID is no help: the released file that limbeck reads stops at pool3, without the output layer.)
"""

from collections.abc import Iterable

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from limbeck.errors import UsageError
from limbeck.kit.allocator import keep_memory
from limbeck.percept.efficientnet import EfficientNetLite0, Inverted, SameConv
from limbeck.percept.plain_layers import fill
from limbeck.percept.weights import read_weights

CLASSIFIER = "efficientnet-lite2"
SIDE = 260
# repeats, kernel, first stride, expansion, outputs: Lite0's, 1.1 as wide (to a multiple of 8) and,
# but for the first and the last, 1.2 as deep
_STAGES = (
    (1, 3, 1, 1, 16), (3, 3, 2, 6, 24), (3, 5, 2, 6, 48), (4, 3, 2, 6, 88),
    (4, 5, 1, 6, 120), (5, 5, 2, 6, 208), (1, 3, 1, 6, 352),
)  # fmt: skip


class EfficientNetLite2(EfficientNetLite0):
    """ImageNet classifier of 6.1 M parameters; made for 260 px, zero until loaded."""

    def __init__(self) -> None:
        super().__init__()
        blocks: list[nn.Module] = []
        inputs = 32
        for repeats, kernel, first, factor, outputs in _STAGES:
            for index in range(repeats):
                blocks.append(Inverted(inputs, outputs, kernel, 1 if index else first, factor))
                inputs = outputs
        self.blocks = nn.Sequential(*blocks)
        self.conv_head = SameConv(inputs, self.dim, 1)


class Classifier:
    """EfficientNet-Lite2 with its weights, as a judge of images."""

    name = CLASSIFIER
    classes_known = 1000

    def __init__(self, device: str | torch.device = "cpu") -> None:
        """Load it onto `device`.

        Raises:
            WeightsError: its weights are not on this machine, or changed.
        """
        self.device = torch.device(device)
        if self.device.type == "cpu":
            keep_memory()
        self._net = EfficientNetLite2()
        fill(self._net, read_weights(CLASSIFIER))
        self._net.to(self.device)

    @torch.no_grad()
    def classes(self, pictures: Tensor) -> Tensor:
        """The likeliest of ImageNet's classes for each image.

        Args:
            pictures: uint8 [N, 3, H, W] RGB of any size; brought to 260 px bicubically
                (antialiased where they shrink).

        Returns:
            int64 [N] in 0..999, on the CPU; dogs are 151 to 268.

        Raises:
            UsageError: not uint8 NCHW RGB.
        """
        if pictures.dtype != torch.uint8 or pictures.ndim != 4 or pictures.shape[1] != 3:
            raise UsageError(
                f"classes of {pictures.dtype} {tuple(pictures.shape)}",
                "give uint8 images [N, 3, H, W]",
            )
        x = pictures.to(self.device).float()
        if x.shape[-2:] != (SIDE, SIDE):
            x = F.interpolate(x, size=(SIDE, SIDE), mode="bicubic", antialias=True).clamp(0, 255)
        x = x.contiguous(memory_format=torch.channels_last)  # five times as fast on a CPU
        return self._net.logits((x - 127) / 128).argmax(1).cpu()

    def classes_of(self, batches: Iterable[Tensor]) -> Tensor:
        """`classes` of uint8 [n, 3, H, W] batches, int64 [N] in order; [0] of no batches."""
        parts = [self.classes(batch) for batch in batches]
        return torch.cat(parts) if parts else torch.empty(0, dtype=torch.int64)
