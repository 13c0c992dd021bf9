"""Features of an image stream: uint8 images in, one vector an image out."""

from collections.abc import Iterable
from typing import Protocol

import numpy as np
import torch
import torch.nn.functional as F
from torch import Tensor, nn

from limbeck.errors import DataError, UsageError
from limbeck.kit.allocator import keep_memory
from limbeck.kit.images import to_float
from limbeck.percept import efficientnet, inception
from limbeck.percept.lpips import LPIPS, at_least
from limbeck.percept.plain_layers import fill
from limbeck.percept.weights import read_weights

_DIMS = {"inception": 2048, "efficientnet-lite0": 1280, "lpips-alex": 1152, "lpips-vgg16": 1472}


class FeatureExtractor(Protocol):
    """What turns uint8 [N, 3, H, W] into float32 [N, dim]; `name` goes beside every figure."""

    @property
    def name(self) -> str:
        """Name that figures carry."""

    @property
    def dim(self) -> int:
        """Length of a vector."""

    def __call__(self, pictures: Tensor) -> Tensor:
        """uint8 [N, 3, H, W] RGB -> float32 [N, dim]."""


class Features:
    """A pretrained trunk with the resizing and scaling it was made for.

    * `inception`: pool3 of FID's Inception [2048]; resized to 299 px as TensorFlow 1 does.
    * `efficientnet-lite0`: pooled head [1280]; resized to 224 px (or `side`), bilinear with
      antialiasing.
    * `lpips-alex`: spatial means of AlexNet's five activations [1152], on at least 64 px.
    * `lpips-vgg16`: the same of VGG16's [1472]; D, filter and modes do not look through it, and
      training only where `train.rec_measure` asks for it.
    """

    def __init__(
        self, name: str, device: str | torch.device = "cpu", side: int = efficientnet.SIDE
    ) -> None:
        """Load the trunk `name` onto `device`; `side` in pixels is EfficientNet-Lite0's alone.

        Raises:
            UsageError: no such features.
            WeightsError: their weights are not on this machine, or changed.
        """
        if name not in _DIMS:
            raise UsageError(f"no features {name!r}", f"choose one of {', '.join(_DIMS)}")
        self.name, self.dim = name, _DIMS[name]
        self.device, self.side = torch.device(device), side
        if self.device.type == "cpu":
            keep_memory()  # four times as fast: large activations, one after another
        self._net = _trunk(name).to(self.device)

    @torch.no_grad()
    def __call__(self, pictures: Tensor) -> Tensor:
        """uint8 [N, 3, H, W] RGB of any size -> float32 [N, dim] on the trunk's device.

        Raises:
            UsageError: not uint8 NCHW RGB.
        """
        if pictures.dtype != torch.uint8 or pictures.ndim != 4 or pictures.shape[1] != 3:
            raise UsageError(
                f"features of {pictures.dtype} {tuple(pictures.shape)}",
                "give uint8 images [N, 3, H, W]",
            )
        x = pictures.to(self.device)
        if isinstance(self._net, LPIPS):
            return self._net.pooled(at_least(to_float(x)))
        if isinstance(self._net, inception.Inception):
            made: Tensor = self._net((inception.resize_tf1(x.float()) - 128) / 128)
            return made
        return self._lite0(x.float())

    def _lite0(self, x: Tensor) -> Tensor:
        if x.shape[-2:] != (self.side, self.side):
            x = F.interpolate(
                x, size=(self.side, self.side), mode="bilinear", align_corners=False, antialias=True
            )
        x = x.contiguous(memory_format=torch.channels_last)  # five times as fast on a CPU
        made: Tensor = self._net((x - 127) / 128)
        return made


def _trunk(name: str) -> nn.Module:
    if name == "lpips-alex":
        return LPIPS.load("alex")
    if name == "lpips-vgg16":
        return LPIPS.load("vgg16")
    net: nn.Module
    if name == "inception":
        net = inception.Inception()
        fill(net, read_weights("inception-fid"))
    else:
        net = efficientnet.EfficientNetLite0(classes=0)
        fill(net, read_weights("efficientnet-lite0-trunk"))
    return net


def features_of(batches: Iterable[Tensor], extractor: FeatureExtractor) -> Tensor:
    """Features of a stream of uint8 [n, 3, H, W] batches -> float32 [N, dim] on the CPU.

    Raises:
        DataError: no images came, or a feature is not finite.
    """
    made = np.empty((0, extractor.dim), dtype=np.float32)
    count = 0
    for batch in batches:
        part = extractor(batch).float().cpu().numpy()
        if count + len(part) > len(made):  # in place where the system can: never held twice
            made.resize((max(count + len(part), len(made) * 5 // 4), extractor.dim), refcheck=False)
        made[count : count + len(part)] = part
        count += len(part)
    if not count:
        raise DataError("features of no images", "give at least one batch")
    made.resize((count, extractor.dim), refcheck=False)
    features = torch.from_numpy(made)
    if not torch.isfinite(features).all():
        raise DataError(f"{extractor.name} gave features that are not finite")
    return features
