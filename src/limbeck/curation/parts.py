"""Blocks of scored photos on disk, made by whoever has time for them, and taken when all are there.

A block is one file that says what it is made of. Its boundaries depend on the photos and on
`score.batch` alone: any number of parts makes the same blocks, a part that was stopped goes on
with the next one, and joining is reading them in order.
"""

import re
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path

import numpy as np
import torch
from safetensors.torch import save

from limbeck import __version__, fsio, logs
from limbeck.artefacts.stage import Provenance, read_done
from limbeck.curation.gathering import Gathered, gather
from limbeck.curation.looking import Blocks, Found
from limbeck.errors import DataError, LimbeckError
from limbeck.kit.tensors import read_header, read_tensors
from limbeck.latents import tensors_digest

MODES = "raw-modes"
_FORMAT = "1"  # raise it when blocks of the same provenance change
_NAME = re.compile(r"block-([0-9]{6,9})\.safetensors")
_OF_MODES = ("modes.safetensors", "modes.json", "done.json", "atlas.png", "mode-*.png")
_WORDS = {
    "dataset": "photos", "networks": "networks", "centres": "the networks' modes",
    "settings": "settings, seed or formulas", "limbeck": "version of limbeck",
    "torch": "version of torch", "format": "format",
}  # fmt: skip


def parts_place(out: Path) -> Path:
    """Where parts of the scores in `out` lie: beside it, `-parts` behind its name.

    Raises:
        DataError: the folder holds other things.
    """
    place = _beside(out)
    names = [path.name for path in place.iterdir()] if place.is_dir() else []
    odd = [name for name in names if not (_NAME.fullmatch(name) or name == MODES)]
    odd = sorted(name for name in odd if not name.startswith("."))
    if odd:
        raise DataError(
            f"{place} holds other things than parts of scores: {', '.join(odd[:3])}",
            "move them elsewhere, or give another --out",
        )
    return place


def _beside(out: Path) -> Path:
    home = out.parent if fsio.is_temporary(out) else out
    return home.with_name(f"{home.name}-parts")


class Parts:
    """The blocks of one scoring.

    Args:
        place: their folder; it need not exist.
        made_of: as of `scores_provenance`.
        blocks: how the photos are cut.
    """

    def __init__(self, place: Path, made_of: Provenance, blocks: Blocks) -> None:
        self.place = place
        self.blocks = blocks
        versions = {"limbeck": __version__, "torch": torch.__version__.split("+")[0]}
        self._key = {
            **made_of.inputs, "settings": made_of.config, **versions, "format": _FORMAT
        }  # fmt: skip

    def missing(self) -> list[int]:
        """Blocks that are not there.

        Raises:
            DataError: one that is there is damaged, or made of something else.
        """
        there = [block for block, _ in _there(self.place)]
        for block in there:
            self._metadata(block)
        return sorted(set(range(len(self.blocks))) - set(there))

    def write(self, block: int, found: Found, part: str) -> None:
        """Keep a block, made by a part (`I/N`).

        Raises:
            DataError: a value is not finite, or the folder cannot be written.
        """
        tensors = {name: torch.from_numpy(np.ascontiguousarray(v)) for name, v in found.items()}
        odd = [name for name, v in found.items() if not np.isfinite(v).all()]
        if odd:
            raise DataError(
                f"scores of photos in block {block} are not finite: {', '.join(odd)}",
                "the networks may hold NaN: score an earlier snapshot",
            )
        about = {**self._key, "part": part, "digest": tensors_digest(tensors)}
        with fsio.atomic_file(_path(self.place, block)) as temporary:
            temporary.write_bytes(save(tensors, metadata=about))

    def read(self, disk: fsio.Scratch) -> Gathered:
        """What was found out about all photos; one block is in memory at a time.

        Args:
            disk: where features go.

        Raises:
            DataError: blocks are missing, damaged, or made of something else.
        """
        if missing := self.missing():
            raise self._lacking(missing)
        with logs.working("joining the parts", len(self.blocks), "blocks") as task:
            return gather(self._each(task), disk)

    def _each(self, task: logs.Task) -> Iterator[Found]:
        names: set[str] = set()
        for block in range(len(self.blocks)):
            path = _path(self.place, block)
            tensors = read_tensors(path, _again(path))
            about = self._metadata(block)
            right = all(len(v) == len(self.blocks.rows(block)) for v in tensors.values())
            names = names or set(tensors)
            if about["digest"] != tensors_digest(tensors) or not right or set(tensors) != names:
                raise DataError(f"{path} is damaged", _again(path))
            task.at(block + 1)
            yield {name: value.numpy() for name, value in tensors.items()}

    def _metadata(self, block: int) -> Mapping[str, str]:
        path = _path(self.place, block)
        _, about = read_header(path, _again(path))
        differ = [words for key, words in _WORDS.items() if about.get(key) != self._key.get(key)]
        if block >= len(self.blocks) and not differ:
            differ = [_WORDS["dataset"]]
        if differ:
            part = fsio.plain(about.get("part", "?"))
            raise DataError(
                f"{path} (of part {part}) does not belong to these scores: other "
                f"{', other '.join(differ)}",
                f"give the photos, networks and options that the parts were made with, or remove "
                f"{self.place} to score without them",
            )
        return about

    def _lacking(self, missing: Sequence[int]) -> DataError:
        there = [self._metadata(block).get("part", "") for block, _ in _there(self.place)]
        of = [int(part.split("/")[1]) for part in there if re.fullmatch("[0-9]+/[1-9][0-9]*", part)]
        parts = sorted({f"{block % of[0]}/{of[0]}" for block in missing}) if of else []
        shown = ", ".join(parts[:5]) + (", ..." if parts[5:] else "")
        which = f", of part {shown}" if parts else ""
        return DataError(
            f"{len(missing)} of {len(self.blocks)} blocks of photos are missing in "
            f"{self.place}{which}",
            f"make them with --shard {parts[0] if parts else 'I/N'}, or remove {self.place} to "
            "score without parts",
        )


def block_files(place: Path) -> list[Path]:
    """Files of blocks in a folder: they hold features of photos."""
    return [path for _, path in _there(place)]


def forget_joined(out: Path) -> int:
    """Remove the parts that the scores in `out` were joined of; returns how many files went.

    Parts of other scores stay.
    """
    place = _beside(out)
    done = read_done(out) if place.is_dir() else None
    if done is None:
        return 0
    wanted = {**done.inputs, "settings": done.config_digest}
    files = []
    for block, path in _there(place):
        try:
            about = read_header(path, _again(path))[1]
        except LimbeckError:
            return 0
        if {key: about.get(key) for key in wanted} != wanted:
            return 0
        files.append(_path(place, block).name)
    for pattern in _OF_MODES:
        files += [f"{MODES}/{path.name}" for path in (place / MODES).glob(pattern)]
    fsio.erase(place, files)
    return len(files)


def _there(place: Path) -> list[tuple[int, Path]]:
    found = [(_NAME.fullmatch(path.name), path) for path in place.glob("block-*.safetensors")]
    return sorted((int(match[1]), path) for match, path in found if match)


def _path(place: Path, block: int) -> Path:
    return place / f"block-{block:06d}.safetensors"


def _again(path: Path) -> str:
    return f"remove {path}, then make its part again"
