"""Chains of modes: how to get from one place to another over good ground."""

from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from torch import Tensor

from limbeck.latents import ModeCentres

NEAR = 6
"""A centre's neighbours at first; more where the graph would fall apart."""


@dataclass(frozen=True, eq=False)
class ModeGraph:
    """Centres joined to their perceptually nearest ones.

    An edge is as long as the LPIPS between the two centres' images. LPIPS is a squared distance, so
    the shortest chain has many small changes rather than a few large ones.

    Modes that a person marked `never` are not in it; of modes that count as one it has one.

    Attributes:
        modes: the centres.
        joined: sparse float64 [n, n], lengths of the edges between `modes.drawn` (scipy).
    """

    modes: ModeCentres
    joined: Any

    @classmethod
    def of(cls, modes: ModeCentres, near: int = NEAR) -> "ModeGraph":
        """Join each centre to its `near` nearest ones, or to more, until all hang together."""
        from scipy.sparse import csr_matrix
        from scipy.sparse.csgraph import connected_components

        drawn = modes.drawn
        count = len(drawn)
        distances = modes.distances(modes.embeddings).cpu()[drawn][:, drawn]
        distances.fill_diagonal_(torch.inf)
        near = min(near, count - 1)
        while True:
            found = distances.topk(near, largest=False) if near else None
            rows = np.repeat(np.arange(count), near)
            columns = np.empty(0, int) if found is None else found.indices.flatten().numpy()
            lengths = np.empty(0) if found is None else found.values.flatten().double().numpy()
            # what is equal is joined too: a length of 0 would be no edge
            graph = csr_matrix((np.maximum(lengths, 1e-12), (rows, columns)), (count, count))
            if near >= count - 1 or connected_components(graph, directed=False)[0] == 1:
                return cls(modes, graph.maximum(graph.T))
            near = min(2 * near, count - 1)

    def nearest(self, embeddings: Tensor) -> list[int]:
        """LPIPS embeddings [N, D] -> the mode of the graph that each counts as."""
        found: list[int] = self.modes.numbers[self.modes.nearest(embeddings)].tolist()
        return found

    def chain(self, start: int, goal: int) -> list[int]:
        """The modes on the shortest way, both ends included."""
        from scipy.sparse.csgraph import dijkstra

        drawn = self.modes.drawn
        first, found = drawn.index(start), [drawn.index(goal)]
        _, before = dijkstra(self.joined, directed=False, indices=first, return_predecessors=True)
        while found[-1] != first:
            found.append(int(before[found[-1]]))
        return [drawn[at] for at in found[::-1]]
