"""Refinement: rows of the design for the cells that matter, and for others few.

A group's total index is at least each of its members', so a group that matters little can be left
whole. How much it matters shows in a few rows: where one group changes, the change of the score
goes about with that of the group's coefficients, which is known beforehand. So the ratio of the
two varies less from row to row than the change itself, and least in the rows of large changes.

Indices found so add up to too little: the cells of a group do more than the group where they
interact, and a cell whose few rows show less than its index gets no others. So some cells are
drawn at last, each in one row, and their changes tell the sum of all that is not known.
"""

from __future__ import annotations

from collections.abc import Generator, Sequence
from dataclasses import dataclass

import numpy as np

from .cells import Group
from .masking import Points, Responses

MEAN_MOVE = 1 / 6  # the mean of (a - b)² for independent uniform a and b
PRIOR = 0.5  # how many rows the ratio of the group around counts for
DRAWS = 128  # scores that tell what the cells not evaluated in full do
LEAST_DRAWS = 4  # in each region
# Draws by energy for each by index: a cell whose few rows show nothing may yet do much. On
# photographs, draws by index alone vary seven times as much as their mean.
SPARE = 1.0


@dataclass(frozen=True)
class Drawn:
    """Cells that were not evaluated in full, and what a few draws tell of their indices."""

    cells: np.ndarray
    expected: np.ndarray  # what the rows not known were expected to add (cells,)
    ratios: np.ndarray  # for each draw, the change of the score over the one expected


@dataclass(frozen=True)
class Refined:
    """Total indices, best where they are large."""

    total: np.ndarray
    evaluated: np.ndarray  # which cells were evaluated in full
    drawn: tuple[Drawn, ...] = ()  # for each region, its cells that were not

    def resampled(self, count: int, random: np.random.Generator) -> np.ndarray:
        """The total indices (count, cells) that as many resamples of the draws tell."""
        total = np.repeat(self.total[np.newaxis], count, axis=0)
        for drawn in self.drawn:
            means = random.choice(drawn.ratios, (count, len(drawn.ratios))).mean(axis=1)
            total[:, drawn.cells] += np.outer(means - drawn.ratios.mean(), drawn.expected)
        return total


Wanted = dict[Group, np.ndarray]  # rows of groups
Asking = Generator[list[Points], np.ndarray, None]
Refinement = Generator[list[Points], np.ndarray, Refined]


def first_rows(rows: int) -> int:
    """Rows of the design to begin with, for a group."""
    return max(2, rows // 8)


def check_budget(budget: float, roots: Sequence[Group], rows: int) -> None:
    """Check that a budget suffices for A, B, and the first rows of each root."""
    least = 2 * rows + first_rows(rows) * len(roots)
    if budget < least:
        raise ValueError(
            f"refine={budget} is too small a budget for {rows} designs of {len(roots)} bands; the "
            f"smallest is {least} forwards an input."
        )


def refine(
    responses: Responses,
    roots: Sequence[Group],
    design: tuple[np.ndarray, np.ndarray],
    energy: np.ndarray,
    limit: float,
    regions: np.ndarray,
    seed: int,
) -> Refinement:
    """Estimate total indices from few forwards, best where they are large: `limit` tells how many.
    Groups are opened from the roots on, in rounds. A single cell gets rows of the design in
    proportion to its index, all from the tolerance on; a larger group is opened if it would get
    more than one. The index of a group that stays closed is shared by its cells by energy. At last,
    the rows not known of these are estimated, without bias in the sum over each region, from pairs
    of cell and row drawn where changes are expected (Hansen and Hurwitz, On the theory of sampling
    from finite populations, 1943)."""
    search = _Search(responses, *design, energy)
    rounds = 2 + max(map(_depth, roots))
    asked, draws = search.close(roots), DRAWS
    if limit >= 1:
        first = sum(map(len, asked.values()))
        draws = min(draws, int(limit - responses.forwards - first) // 4)
    for number in range(rounds):
        yield from search.ask(asked)
        tolerance = limit
        if limit >= 1:
            part = (limit - draws - responses.forwards) / (rounds - number)
            tolerance = search.tolerance_that_takes(part)
        asked = search.open(tolerance)
    yield from search.ask(asked)
    return (yield from search.result(regions, draws, np.random.default_rng(seed)))


class _Node:
    """A group, and what is known of it; `around` is the one that was opened for it."""

    def __init__(self, group: Group, around: _Node | None, moves: np.ndarray, energy: float):
        self.group, self.around, self.moves, self.energy = group, around, moves, energy
        self.cost = sum(_first(child, len(moves)) for child in group.children)
        self.left = np.argsort(-moves, kind="stable")
        self.known, self.index = 0, 0.0
        self.sums = self.sums_within = np.zeros(2)

    def look(self, changes: np.ndarray) -> None:
        """Take in the changes of the score in the rows that are known; NaN in the others."""
        known = np.isfinite(changes)
        self.known = int(known.sum())
        self.left = self.left[~known[self.left]]
        self.sums = np.array([changes[known].sum(), self.moves[known].sum()])

    def estimate(self) -> None:
        """The index: the ratio of changes to moves, drawn to that around, times a mean move."""
        change, move = self.sums
        changes, moves = (self.around or self).sums_within
        mean = MEAN_MOVE * self.energy
        self.index = (change + PRIOR * mean * changes / moves) / (move + PRIOR * mean) * mean


class _Search:
    """The groups that were opened, and those that are closed, which together hold all cells."""

    def __init__(self, responses: Responses, a: np.ndarray, b: np.ndarray, energy: np.ndarray):
        self.responses, self.rows = responses, len(a)
        # A little for each cell, so that none without energy divides by zero.
        self.energy = energy / max(energy.sum(), np.finfo(float).tiny) + 1e-12
        self.moves = (a.astype(float) - b) ** 2 * self.energy
        self.scores = responses.of([responses.none], self.rows)
        self.scale = 2 * np.var(self.scores, ddof=1)
        self.opened: list[_Node] = []
        self.closed: list[_Node] = []

    def close(self, groups: Sequence[Group], around: _Node | None = None) -> Wanted:
        """Add closed groups; what to ask for to begin with."""
        nodes = [
            _Node(g, around, self.moves[:, g.cells].sum(axis=1), self.energy[g.cells].sum())
            for g in groups
        ]
        self.closed += nodes
        return {node.group: node.left[: _first(node.group, self.rows)] for node in nodes}

    def ask(self, wanted: Wanted) -> Asking:
        """Ask for rows of groups, and take in what is known then."""
        yield from self.responses.ask(wanted)
        nodes = self.opened + self.closed
        for node, changes in zip(nodes, self._changes([n.group for n in nodes]), strict=True):
            node.look(changes)
            node.sums_within = node.sums.copy()
        for node in reversed(nodes):  # those around come before
            if node.around is not None:
                node.around.sums_within += node.sums_within
        for node in nodes:
            node.estimate()

    def open(self, tolerance: float) -> Wanted:
        """Open the groups that matter at a tolerance; what to ask for then."""
        asked: Wanted = {}
        nodes, self.closed = self.closed, []
        for node, count in zip(nodes, self._counts(nodes, tolerance), strict=True):
            if node.group.children and count:
                self.opened.append(node)
                asked.update(self.close(node.group.children, node))
            else:
                self.closed.append(node)
                asked[node.group] = node.left[:count]
        return asked

    def tolerance_that_takes(self, forwards: float) -> float:
        """The tolerance at which `open` asks for as many forwards, or a few less."""
        low, high = 1e-12, 1e12
        for _ in range(64):
            middle = np.sqrt(low * high)
            fits = self._counts(self.closed, middle).sum() <= forwards
            low, high = (low, middle) if fits else (middle, high)
        return high

    def result(self, regions: np.ndarray, draws: int, random: np.random.Generator) -> Refinement:
        """The indices, those of cells that were not evaluated corrected by draws among them."""
        total, evaluated = self._shared()
        leaves = [leaf for node in self.closed for leaf in node.group.leaves()]
        leaves.sort(key=lambda leaf: leaf.cells[0])
        changes, missed = self._changes(leaves), np.flatnonzero(~evaluated)
        parts = [missed[regions[missed] == region] for region in np.unique(regions[missed])]
        more = draws - LEAST_DRAWS * len(parts)
        if more < 0 or total[missed].sum() == 0:
            return Refined(total, evaluated)
        expected = self._expected(total, changes, evaluated)
        total[missed] = np.nansum(changes[missed], axis=1) / self.rows
        picks = []
        for part in parts:
            count = LEAST_DRAWS + int(more * expected[part].sum() / expected[missed].sum())
            # Evenly along the sum of what is expected, cell by cell: few draws meet many cells.
            sums = np.cumsum(expected[part])
            places = (random.random() + np.arange(count)) / count * sums[-1]
            found = np.minimum(np.searchsorted(sums, places, side="right"), len(sums) - 1)
            picks.append((part[found // self.rows], found % self.rows))
        cells, rows = np.concatenate(picks, axis=1)
        asked = {leaves[cell]: np.unique(rows[cells == cell]) for cell in np.unique(cells)}
        yield from self.responses.ask(asked)
        changes, drawn = self._changes(leaves), []
        for part, pairs in zip(parts, picks, strict=True):
            ratios = changes[pairs] / self.rows / expected[pairs]
            drawn.append(Drawn(part, expected[part].sum(axis=1), ratios))
            total[part] += drawn[-1].expected * ratios.mean()
        return Refined(total, evaluated, tuple(drawn))

    def _changes(self, groups: Sequence[Group]) -> np.ndarray:
        """The changes (groups, rows) of the score; NaN where they are not known."""
        return (self.scores - self.responses.of(groups, self.rows)) ** 2 / self.scale

    def _expected(
        self, total: np.ndarray, changes: np.ndarray, evaluated: np.ndarray
    ) -> np.ndarray:
        """What the changes (cells, rows) that are not known may add to the indices."""
        missed = ~evaluated
        spare = SPARE * total[missed].sum() * self.energy / self.energy[missed].sum()
        moves = self.moves.T
        if evaluated.any():
            # A row in which other cells change the score much is one where these may.
            slopes = changes[evaluated].sum(axis=0) / moves[evaluated].sum(axis=0)
            moves = moves * (slopes + slopes.mean())
        parts = np.where(np.isnan(changes), moves, 0) / moves.sum(axis=1, keepdims=True)
        return (total + spare)[:, np.newaxis] * parts * missed[:, np.newaxis]

    def _shared(self) -> tuple[np.ndarray, np.ndarray]:
        """The indices, shared in groups by energy, and which cells were evaluated in full."""
        total = np.empty(len(self.energy))
        evaluated = np.zeros(len(self.energy), bool)
        for node in self.closed:
            cells = node.group.cells
            total[cells] = node.index * self.energy[cells] / node.energy
            evaluated[cells] = len(cells) == 1 and node.known == self.rows
        return total, evaluated

    def _counts(self, nodes: list[_Node], tolerance: float) -> np.ndarray:
        """The forwards that closed groups take at a tolerance."""
        index, known, cost = np.array([(n.index, n.known, n.cost) for n in nodes], float).T
        wanted = np.ceil(self.rows * index / tolerance)
        more = np.clip(wanted, known, self.rows) - known
        return np.where(cost > 0, np.where(wanted > 1, cost, 0), more).astype(int)


def _first(group: Group, rows: int) -> int:
    return first_rows(rows) if group.children else 1


def _depth(group: Group) -> int:
    return 1 + max(map(_depth, group.children)) if group.children else 0
