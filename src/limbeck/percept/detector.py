"""Which objects an image shows and where: YOLOX-nano on COCO's 80 classes, through onnxruntime.

Ge et al., "YOLOX: Exceeding YOLO Series in 2021" (arXiv 2107.08430). It crops photos and judges
what images show; no training and no filter of limbeck uses it. onnxruntime comes with the extra
`detect`; the file of weights is on no package index (see `Weights.by_hand`).
"""

from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from types import ModuleType

import torch
import torch.nn.functional as F
from torch import Tensor

from limbeck.errors import UsageError
from limbeck.percept.weights import check_file, verify_weights

DETECTOR = "yolox-nano"
SIDE = 416
STRIDES = (8, 16, 32)
LEAST_SCORE = 0.3
MOST_OVERLAP = 0.45
COCO = (
    "person", "bicycle", "car", "motorcycle", "airplane", "bus", "train", "truck", "boat",
    "traffic light", "fire hydrant", "stop sign", "parking meter", "bench", "bird", "cat", "dog",
    "horse", "sheep", "cow", "elephant", "bear", "zebra", "giraffe", "backpack", "umbrella",
    "handbag", "tie", "suitcase", "frisbee", "skis", "snowboard", "sports ball", "kite",
    "baseball bat", "baseball glove", "skateboard", "surfboard", "tennis racket", "bottle",
    "wine glass", "cup", "fork", "knife", "spoon", "bowl", "banana", "apple", "sandwich", "orange",
    "broccoli", "carrot", "hot dog", "pizza", "donut", "cake", "chair", "couch", "potted plant",
    "bed", "dining table", "toilet", "tv", "laptop", "mouse", "remote", "keyboard", "cell phone",
    "microwave", "oven", "toaster", "sink", "refrigerator", "book", "clock", "vase", "scissors",
    "teddy bear", "hair drier", "toothbrush",
)  # fmt: skip
_KINDS = (0, 8, 13, 23, 28, 38, 45, 55, 61, 67, 72, 79)
"""Last class of each of COCO's super-categories: person, vehicle, ..., animal, ..., indoor."""
_GREY = 114.0  # of the letterbox, as in training
_ENLARGED, _LEAST_SHOWN = 2.5, 160


def kin(name: str) -> frozenset[str]:
    """The classes of a COCO class's super-category, itself among them: of dog, the animals."""
    last = next(end for end in _KINDS if COCO.index(name) <= end)
    first = next((end + 1 for end in reversed(_KINDS) if end < last), 0)
    return frozenset(COCO[first : last + 1])


@dataclass(frozen=True)
class Box:
    """An object found in an image.

    Attributes:
        name: its class, one of `COCO`.
        score: objectness times the class's probability, in [0, 1].
        x0, y0, x1, y1: left, top, right and bottom edge in pixels of the image, within it;
            pixel (row r, column c) covers [c, c + 1] x [r, r + 1].
    """

    name: str
    score: float
    x0: float
    y0: float
    x1: float
    y1: float

    @property
    def area(self) -> float:
        """Square pixels."""
        return (self.x1 - self.x0) * (self.y1 - self.y0)


class Detector:
    """YOLOX-nano, loaded once; gives the same boxes for an image whatever came before it."""

    name = DETECTOR

    def __init__(self, path: Path | None = None, threads: int | None = None) -> None:
        """Open the weights, checked against their pinned sha256; `path` None = limbeck's cache.

        `threads`: of one call; default: those of torch.

        Raises:
            UsageError: onnxruntime is not installed, or `path` is no file.
            WeightsError: the cache does not hold the weights, or the bytes are not the pinned ones.
        """
        runtime = _onnxruntime()
        file = verify_weights(DETECTOR) if path is None else check_file(DETECTOR, Path(path))
        options = runtime.SessionOptions()
        options.intra_op_num_threads = threads or torch.get_num_threads()
        self._session = runtime.InferenceSession(
            str(file), options, providers=["CPUExecutionProvider"]
        )

    def detect(
        self, image: Tensor, *, least: float = LEAST_SCORE, overlap: float = MOST_OVERLAP
    ) -> list[Box]:
        """Objects of an image, the surest first; none is an empty list.

        How large the network sees it, see `letterbox`: small images are enlarged.

        Args:
            image: uint8 [3, H, W] RGB of any size, on any device.
            least: score below which nothing is reported, in [0, 1].
            overlap: of two boxes of one class that overlap by more (intersection over union, in
                [0, 1]), the surer stays.

        Raises:
            UsageError: not uint8 [3, H, W], or a number outside [0, 1].
        """
        _check(image, least, overlap)
        height, width = image.shape[-2:]
        framed, scale = letterbox(image)
        raw = self._session.run(None, {"images": framed[None].numpy()})[0]
        boxes, scores = decode(torch.from_numpy(raw)[0])
        boxes = (boxes / scale).clamp_min(0)
        boxes = torch.minimum(boxes, torch.tensor([width, height, width, height]))
        found: list[Box] = []
        for number in (scores >= least).any(0).nonzero()[:, 0].tolist():
            rows = (scores[:, number] >= least).nonzero()[:, 0]
            rows = rows[nms(boxes[rows], scores[rows, number], overlap)]
            for corners, score in zip(boxes[rows].tolist(), scores[rows, number], strict=True):
                found.append(Box(COCO[number], float(score), *corners))
        return sorted(found, key=lambda box: -box.score)

    def detect_all(
        self,
        batches: Iterable[Tensor],
        *,
        least: float = LEAST_SCORE,
        overlap: float = MOST_OVERLAP,
    ) -> list[list[Box]]:
        """`detect` of each image of uint8 [n, 3, H, W] batches, in order; one list an image.

        Raises:
            UsageError: as `detect`.
        """
        return [
            self.detect(image, least=least, overlap=overlap) for batch in batches for image in batch
        ]


def letterbox(image: Tensor, side: int = SIDE) -> tuple[Tensor, float]:
    """uint8 [3, H, W] RGB -> what the network reads, and pixels of it to a pixel of the image.

    The image is enlarged 2.5 times, to 160 px along its longer edge at least and to `side` at
    most (bicubic; antialiased where it shrinks), and put at the top left; the rest is grey. Larger
    still, small images are too blurred for the network: at 416 px it finds the dog in 2 % of
    photos of 32 px, at 160 px in 27 % (of 96 px: at 416 px in 43 %, at 240 px in over 60 %).

    Returns:
        f32 [3, side, side] in [0, 255], BGR, on the CPU; and the scale.
    """
    height, width = image.shape[-2:]
    longer = max(height, width)
    scale = min(float(side), max(_ENLARGED * longer, _LEAST_SHOWN)) / longer
    size = (max(1, int(height * scale)), max(1, int(width * scale)))
    x = image.cpu().float()
    if size != (height, width):
        x = F.interpolate(x[None], size=size, mode="bicubic", antialias=True)[0].clamp(0, 255)
    framed = torch.full((3, side, side), _GREY)
    framed[:, : size[0], : size[1]] = x.flip(0)
    return framed, scale


def decode(raw: Tensor, side: int = SIDE) -> tuple[Tensor, Tensor]:
    """The network's numbers as boxes and scores.

    At stride s, the cell in column gx and row gy says (x, y, w, h, objectness, classes ...): a box
    centred at ((gx + x) s, (gy + y) s) that is exp(w) s wide and exp(h) s high. Cells come row by
    row, strides in the order of `STRIDES`.

    Args:
        raw: f32 [cells, 5 + C], objectness and classes already in [0, 1];
            cells = sum of (side / s)^2 = 3,549 at 416 px.
        side: of the network's input, pixels; a multiple of 32.

    Returns:
        corners (x0, y0, x1, y1) in pixels of the network's input, f32 [cells, 4], and objectness
        times class, f32 [cells, C].

    Raises:
        ValueError: another number of cells.
    """
    cells: list[Tensor] = []
    for stride in STRIDES:
        steps = torch.arange(side // stride)
        rows, columns = torch.meshgrid(steps, steps, indexing="ij")
        strides = torch.full_like(rows, stride)
        cells.append(torch.stack([columns, rows, strides], -1).reshape(-1, 3))
    grid = torch.cat(cells).to(raw.dtype)
    if raw.ndim != 2 or len(raw) != len(grid):
        raise ValueError(f"decode of {tuple(raw.shape)}, not {len(grid)} cells")
    centre = (raw[:, :2] + grid[:, :2]) * grid[:, 2:]
    half = raw[:, 2:4].exp() * grid[:, 2:] / 2
    return torch.cat([centre - half, centre + half], 1), raw[:, 4:5] * raw[:, 5:]


def overlaps(box: Tensor, boxes: Tensor) -> Tensor:
    """Intersection over union of corners [4] with each of [N, 4] -> [N]; 0 where both are empty."""
    low, high = torch.maximum(box[:2], boxes[:, :2]), torch.minimum(box[2:], boxes[:, 2:])
    shared = (high - low).clamp_min(0).prod(1)
    union = (box[2:] - box[:2]).prod() + (boxes[:, 2:] - boxes[:, :2]).prod(1) - shared
    return torch.where(union > 0, shared / union, 0.0)


def nms(boxes: Tensor, scores: Tensor, overlap: float = MOST_OVERLAP) -> Tensor:
    """Rows that stay when of boxes that overlap by more than `overlap` the surest is taken.

    Greedy non-maximum suppression: the surest box drops those that overlap it, then the surest of
    the rest, and so on; of equal scores the first row comes first.

    Args:
        boxes: f32 [N, 4] corners, of one class.
        scores: f32 [N].
        overlap: intersection over union, in [0, 1].

    Returns:
        int64 [n] rows, the surest first.
    """
    order = scores.argsort(descending=True, stable=True)
    kept: list[int] = []
    while len(order):
        first, order = int(order[0]), order[1:]
        kept.append(first)
        order = order[overlaps(boxes[first], boxes[order]) <= overlap]
    return torch.tensor(kept, dtype=torch.int64)


def _onnxruntime() -> ModuleType:
    try:
        import onnxruntime
    except ImportError as error:
        raise UsageError(
            "the detector needs onnxruntime, which is not installed",
            "run: pip install 'limbeck[detect]'",
        ) from error
    module: ModuleType = onnxruntime
    return module


def _check(image: Tensor, least: float, overlap: float) -> None:
    if image.dtype != torch.uint8 or image.ndim != 3 or len(image) != 3 or not image.numel():
        raise UsageError(
            f"objects in {image.dtype} {tuple(image.shape)}", "give a uint8 image [3, H, W]"
        )
    for name, value in (("least", least), ("overlap", overlap)):
        if not 0 <= value <= 1:
            raise UsageError(f"{name} is {value}", "give a number from 0 to 1")
