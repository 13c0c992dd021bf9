"""TensorBoard beside stats.jsonl: the same numbers, and the grids, as curves and images."""

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from PIL import Image

from limbeck import fsio, logs
from limbeck.errors import UsageError

if TYPE_CHECKING:
    from torch.utils.tensorboard import SummaryWriter

FOLDER = "tensorboard"
_NO_SCALARS = ("images", "time")  # the step, and the wall clock of an event


def require_tensorboard() -> None:
    """Before a long work begins: can TensorBoard's files be written here?

    Raises:
        UsageError: the package is absent or does not load.
    """
    try:
        from torch.utils.tensorboard import SummaryWriter  # noqa: F401
    except Exception as error:  # a broken installation may raise anything
        raise UsageError(
            f"train.tensorboard needs the package tensorboard, which does not load ({error})",
            "pip install 'limbeck[tensorboard]', or leave --tensorboard out",
        ) from None


class Board:
    """Writes `OUT/tensorboard/`; a view only, so it never stops a training and changes no number.

    Steps are images seen. A training that began without it is told from stats.jsonl; what a killed
    session told beyond its last checkpoint is withdrawn.

    Args:
        out: folder of the training.
        images: where the session begins.
        wanted: False = write nothing at all.
    """

    def __init__(self, out: Path, images: int, wanted: bool) -> None:
        self.out = out
        self._writer: SummaryWriter | None = None
        if not wanted:
            return
        from torch.utils import tensorboard

        folder = out / FOLDER
        before = folder.exists()
        with self._harmless():
            self._writer = tensorboard.SummaryWriter(
                str(folder), purge_step=images + 1 if before else None
            )
        if not before:
            for row in fsio.read_jsonl(out / "stats.jsonl", ("images",)):
                self.tell(row)

    def tell(self, row: Mapping[str, Any]) -> None:
        """A row of stats.jsonl: every number in it under its own name."""
        if self._writer is None:
            return
        when = datetime.fromisoformat(str(row["time"])).timestamp()
        with self._harmless():
            for name, value in row.items():
                if name not in _NO_SCALARS:
                    self._writer.add_scalar(name, float(value), int(row["images"]), when)
            self._writer.flush()

    def show(self, images: int) -> None:
        """The grids that a snapshot left in the folder: `samples` and `reconstructions`."""
        for tag, kind in (("samples", "grid"), ("reconstructions", "rec")):
            path = self.out / f"{kind}-{images:09d}.png"
            if self._writer is None or not path.exists():
                continue
            with self._harmless(), Image.open(path) as picture:
                pixels = np.asarray(picture.convert("RGB"))
                self._writer.add_image(tag, pixels, images, dataformats="HWC")
                self._writer.flush()

    def close(self) -> None:
        """End the file; the board takes no more."""
        with self._harmless():
            if self._writer is not None:
                self._writer.close()
        self._writer = None

    @contextmanager
    def _harmless(self) -> Iterator[None]:
        try:
            yield
        except OSError as error:
            self._writer = None
            logs.warn(
                f"{self.out / FOLDER} cannot be written ({error.strerror or error}): nothing more "
                "goes there; stats.jsonl has it all"
            )
