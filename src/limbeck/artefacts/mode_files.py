"""A generator's modes as they lie on disk."""

from dataclasses import dataclass
from pathlib import Path
from typing import Any

from torch import Tensor

from limbeck import fsio
from limbeck.artefacts.mode_marks import load_modes
from limbeck.config import SampleConfig
from limbeck.errors import DataError
from limbeck.latents import ModeCentres
from limbeck.records import ModesSummary, Record

MODES_FORMAT = 3


@dataclass(frozen=True)
class Modes:
    """What `find_modes` found; see `ModeCentres` and `ModesSummary`."""

    mode_centres: ModeCentres
    summary: ModesSummary

    @property
    def centres(self) -> Tensor:
        """float32 [K, w_dim], the mean w of each cluster's members, the largest first."""
        return self.mode_centres.centres

    @property
    def embeddings(self) -> Tensor:
        """float32 [K, D], LPIPS-AlexNet of the centres' images at 64 px."""
        return self.mode_centres.embeddings

    @property
    def sizes(self) -> Tensor:
        """int64 [K], members of each cluster."""
        return self.mode_centres.sizes


def count_modes(sizes: Tensor) -> int:
    """Clusters holding at least a quarter of the mean share."""
    return int((sizes * 4 * len(sizes) >= sizes.sum()).sum())


def read_modes(folder: Path) -> Modes:
    """What `find_modes` wrote, with the marks of a person's beside it.

    Raises:
        DataError: missing, damaged, of another format, or the two files are not of one run;
            a bad line in marks.csv.
    """
    path = Path(folder) / "modes.json"
    values = fsio.read_object(path)
    version = values.get("format_version")
    if version != MODES_FORMAT:
        raise DataError(
            f"{path}: format {fsio.plain(repr(version))}, this limbeck reads {MODES_FORMAT}",
            "run `limbeck modes` again, or use the limbeck version that made it",
        )
    about = fsio.as_record(values, _About, str(path), "run `limbeck modes` again")
    centres = load_modes(Path(folder) / "modes.safetensors")
    if about.centres != centres.digest() or about.summary.sizes != centres.sizes.tolist():
        raise DataError(
            f"{folder}: modes.json and modes.safetensors are not of the same run",
            "run `limbeck modes` again",
        )
    return Modes(centres, about.summary)


PSI = "psi.json"
_USUAL = 0.7


def psi_of(sample: SampleConfig, modes: Path) -> float:
    """The strength of truncation: as asked for, or what was measured beside these modes.

    0.7 where it is to be measured and is not yet.

    Raises:
        DataError: the file is damaged.
    """
    if sample.psi != "auto":
        return sample.psi
    path = modes / PSI
    if not path.exists():
        return _USUAL
    value = fsio.read_object(path).get("psi")
    if not isinstance(value, int | float) or not 0 <= value <= 1:
        raise DataError(f"{path}: psi {fsio.plain(repr(value))}", "remove it; limbeck resume")
    return float(value)


class _Row(Record):
    mode: int
    size: int
    share: float
    picture: str


class _About(Record):
    """modes.json."""

    format_version: int
    summary: ModesSummary
    settings: dict[str, Any]
    centres: str
    modes: list[_Row]
