"""What the light table shows: scored photos, what the rule keeps, what a person said."""

from functools import cached_property
from typing import Any

import numpy as np
from numpy.typing import NDArray
from torch import Tensor

from limbeck.artefacts.keep import KeepList, read_keep
from limbeck.artefacts.run import RunDir
from limbeck.artefacts.scores import MODE, Scores, read_scores
from limbeck.config import KeepConfig
from limbeck.curation import Decisions, choose_column
from limbeck.data import Dataset, PixelView, open_dataset
from limbeck.errors import DataError
from limbeck.kit.tables import Column
from limbeck.studio.answers import Unknown
from limbeck.studio.likeness import Likeness

WORDS = {None: 0, True: 1, False: 2}
"""How a person's word goes over the wire."""


class LightTable:
    """The photos of a run that were scored, in the order of the scores' table.

    Attributes:
        run: the run.
        scores: of every photo.
        dataset: the photos themselves; more than the scored ones where some were added since.
        likeness: which of them look alike.
        decisions: what a person said, and says.

    Raises:
        DataError: scores, dataset or overrides.csv are damaged.
    """

    def __init__(self, run: RunDir) -> None:
        self.run = run
        self.scores: Scores = read_scores(run.scores)
        self.dataset: Dataset = open_dataset(run.data)
        self.rows = self.scores.row_of
        self.likeness = Likeness(self.dataset)
        self._views: dict[int, PixelView] = {}
        self.decisions = Decisions(run.keep, self.scores.ids, self.scores.sources)

    @cached_property
    def places(self) -> dict[str, int]:
        """id -> row of the dataset."""
        return {photo: row for row, photo in enumerate(self.dataset.ids)}

    def row(self, photo: str) -> int:
        """Row of a photo in the scores' table.

        Raises:
            Unknown: there is none of that id.
        """
        if photo not in self.rows:
            raise Unknown("no photo of that id")
        return self.rows[photo]

    def place(self, photo: str) -> int:
        """Row of a photo in the dataset.

        Raises:
            Unknown: there is none of that id.
        """
        if photo not in self.places:
            raise Unknown("no photo of that id")
        return self.places[photo]

    def square(self, photo: str, side: int) -> Tensor:
        """uint8 [3, S, S]: a photo's square at `side`, or at the dataset's own size where less.

        Raises:
            Unknown: there is none of that id.
        """
        side = min(side, self.dataset.size)
        if side not in self._views:
            self._views[side] = self.dataset.at(side, resident=False)
        return self._views[side][np.array([self.place(photo)])][0]

    def kept_list(self) -> KeepList | None:
        """The keep list as it stands on disk; None before the first."""
        try:
            found = read_keep(self.run.keep)
        except DataError:
            return None
        return found if len(found.table) == len(self.scores) else None

    def column_in_use(self) -> str:
        """The column that the rule cuts on."""
        keep = self.kept_list()
        if keep is not None:
            return keep.summary.column
        asked, told_apart = self.rule().column, self.scores.summary.told_apart
        return choose_column(asked, self.scores.names, told_apart)[0]

    def kept_by_rule(self) -> NDArray[np.uint8]:
        """1 where the rule as it was last applied keeps a photo; persons do not count.

        A photo that a person decided about is judged by its score and the threshold.
        """
        keep = self.kept_list()
        if keep is None:
            return np.ones(len(self.scores), dtype=np.uint8)
        kept = np.array(list(keep.kept.values()), dtype=bool)
        persons = np.array([r.startswith("person") for r in keep.reasons.values()], dtype=bool)
        below = self.column(keep.summary.column) <= keep.summary.threshold
        return np.where(persons, below, kept).astype(np.uint8)

    def rule(self) -> KeepConfig:
        """The rule that the run was last asked for."""
        return self.run.config().keep

    def ids_as_numbers(self) -> NDArray[np.uint64]:
        """Ids as 64-bit numbers, in row order: 16 hex digits are 8 bytes."""
        return np.array([int(photo, 16) for photo in self.scores.ids], dtype=np.uint64)

    def column(self, name: str) -> NDArray[np.float64]:
        """A score, in row order."""
        values: Column = self.scores.column(name)
        return np.asarray(values, dtype=np.float64)

    def modes(self) -> NDArray[np.int32] | None:
        """The mode of each photo in row order, or None."""
        if MODE not in self.scores.names:
            return None
        return self.scores.column(MODE).astype(np.int32)

    def said(self) -> NDArray[np.uint8]:
        """A person's word on each photo in row order: 0 none, 1 keep, 2 drop."""
        found = np.zeros(len(self.scores), dtype=np.uint8)
        for photo, word in self.decisions.words.items():
            found[self.rows[photo]] = WORDS[word.keep]
        return found

    @cached_property
    def flags(self) -> tuple[tuple[str, ...], NDArray[np.uint16]]:
        """Names of the flags that occur, and for each photo in row order the bits of its own."""
        each = {info.id: [flag.value for flag in info.flags] for info in self.dataset.infos}
        names = tuple(sorted({name for flags in each.values() for name in flags}))[:16]
        bit = {name: 1 << number for number, name in enumerate(names)}
        found = np.zeros(len(self.scores), dtype=np.uint16)
        for row, photo in enumerate(self.scores.ids):
            found[row] = sum(bit.get(name, 0) for name in each.get(photo, ()))
        return names, found

    def about(self, photo: str) -> dict[str, Any]:
        """Name, scores and word of one photo."""
        row = self.row(photo)
        word = self.decisions.words.get(photo)
        info = self.dataset.infos[self.place(photo)]
        scores = self.scores.table.slice(row, 1).to_pydict()
        return {
            "id": photo,
            "source": info.source,
            "width": info.width,
            "height": info.height,
            "scores": {name: float(scores[name][0]) for name in self.scores.names},
            "word": None if word is None else {"keep": word.keep, "reason": word.reason},
        }

    @cached_property
    def _searched(self) -> list[str]:
        ids = self.scores.ids
        names = self.scores.sources or [self.dataset.infos[self.place(i)].source for i in ids]
        return [f"{name}\n{id_}".casefold() for name, id_ in zip(names, ids, strict=True)]

    def search(self, text: str) -> NDArray[np.uint32]:
        """Rows whose name or id holds the text, upper and lower case alike."""
        wanted = text.casefold()
        return np.array(
            [row for row, name in enumerate(self._searched) if wanted in name], dtype=np.uint32
        )
