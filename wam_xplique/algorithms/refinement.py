"""
Refinement: rows of the design for the cells that matter, and for others few.

A group's total index is at least each of its members', so a group that matters little can be left
whole. How much it matters shows in a few rows: where one group changes, the change of the score
goes about with that of the group's coefficients, which is known beforehand. So the ratio of the
two varies less from row to row than the change itself, and least in the rows of large changes.
"""

from __future__ import annotations

from collections.abc import Generator, Sequence

import numpy as np

from .cells import Group
from .responses import Points, Responses

Asking = Generator[list[Points], np.ndarray, tuple[np.ndarray, np.ndarray]]

Wanted = dict[Group, np.ndarray]
"""Rows wanted of groups."""

MEAN_MOVE = 1 / 6
"""The mean of (a - b)² for independent uniform a and b."""

PRIOR = 0.5
"""How many rows the ratio of the group around counts for."""


def first_rows(rows: int) -> int:
    """Rows of the design to begin with, for a group."""
    return max(2, rows // 8)


def check_budget(budget: float, roots: Sequence[Group], rows: int) -> None:
    """
    Check that a budget suffices for A, B, and the first rows of each root.

    Raises
    ------
    ValueError
        If it does not.
    """
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
) -> Asking:
    """
    Estimate total indices from few forwards, best where they are large.

    Groups are opened from the roots on, in rounds. A single cell gets rows of the design in
    proportion to its index, all of them from the tolerance on: it is then evaluated as in the full
    design. A larger group is opened if by this rule it would get more than one row. The index of a
    group that stays closed is shared by its cells in proportion to the energy of their
    coefficients.

    Parameters
    ----------
    responses
        The scores; those of all rows of A and B are known.
    roots
        Disjoint groups of all cells.
    design
        A and B, arrays (rows, cells).
    energy
        Sum (cells,) of the squares of the coefficients of each cell.
    limit
        Below 1 the tolerance: the index from which on a cell is evaluated in full. Otherwise the
        forwards to spend in all; the tolerance is what they suffice for.

    Yields
    ------
    points
        Points whose scores are needed next; they must be sent.

    Returns
    -------
    total
        Estimates (cells,) of the total indices.
    evaluated
        Whether a cell was evaluated in full (cells,).
    """
    search = _Search(responses, roots, design, energy)
    rounds = 2 + max(map(_depth, roots))
    asked = search.close(roots)
    for number in range(rounds):
        yield from responses.ask(asked)
        search.look()
        tolerance = limit
        if limit >= 1:
            part = (limit - responses.forwards) / (rounds - number)
            tolerance = search.tolerance_that_takes(part)
        asked = search.open(tolerance)
    yield from responses.ask(asked)
    search.look()
    return search.result()


class _Node:
    """
    A group, and what is known of it.

    Parameters
    ----------
    group
        The group.
    around
        The node of the group that was opened for it; None for a root.
    moves
        The energy (rows,) that each row of the design moves in the group.
    energy
        The energy of the group.
    """

    def __init__(self, group: Group, around: _Node | None, moves: np.ndarray, energy: float):
        self.group = group
        self.around = around
        self.moves = moves
        self.energy = energy
        self.left = np.argsort(-moves, kind="stable")
        self.known = 0
        self.index = 0.0
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

    def __init__(
        self,
        responses: Responses,
        roots: Sequence[Group],
        design: tuple[np.ndarray, np.ndarray],
        energy: np.ndarray,
    ):
        a, b = design
        self.responses = responses
        self.rows = len(a)
        # A little for each cell, so that none without energy divides by zero.
        self.energy = energy / max(energy.sum(), np.finfo(float).tiny) + 1e-12
        self.moves = (a.astype(float) - b) ** 2 * self.energy
        self.scores = responses.of([responses.none], self.rows)
        self.scale = 2 * np.var(self.scores, ddof=1)
        self.costs: dict[Group, int] = {}
        self.opened: list[_Node] = []
        self.closed: list[_Node] = []

    def close(self, groups: Sequence[Group], around: _Node | None = None) -> Wanted:
        """Add closed groups; what to ask for to begin with."""
        nodes = [
            _Node(g, around, self.moves[:, g.cells].sum(axis=1), self.energy[g.cells].sum())
            for g in groups
        ]
        self.closed += nodes
        self.costs |= {group: sum(map(self._first, group.children)) for group in groups}
        return {node.group: node.left[: self._first(node.group)] for node in nodes}

    def look(self) -> None:
        """Take in what is known by now."""
        nodes = self.opened + self.closed
        scores = self.responses.of([node.group for node in nodes], self.rows)
        for node, changes in zip(nodes, (self.scores - scores) ** 2 / self.scale, strict=True):
            node.look(changes)
            node.sums_within = node.sums.copy()
        for node in reversed(nodes):  # those around come before
            if node.around is not None:
                node.around.sums_within += node.sums_within
        for node in nodes:
            node.estimate()

    def open(self, tolerance: float) -> Wanted:
        """Open the groups that matter at a tolerance; what to ask for then."""
        asked: dict[Group, np.ndarray] = {}
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
            if self._counts(self.closed, middle).sum() <= forwards:
                high = middle
            else:
                low = middle
        return high

    def result(self) -> tuple[np.ndarray, np.ndarray]:
        """The total indices, and which cells were evaluated in full."""
        total = np.empty(len(self.energy))
        evaluated = np.zeros(len(self.energy), bool)
        for node in self.closed:
            cells = node.group.cells
            total[cells] = node.index * self.energy[cells] / node.energy
            evaluated[cells] = len(cells) == 1 and node.known == self.rows
        return total, evaluated

    def _counts(self, nodes: list[_Node], tolerance: float) -> np.ndarray:
        """The forwards that closed groups take at a tolerance."""
        indices = np.array([node.index for node in nodes])
        wanted = np.ceil(self.rows * indices / tolerance)
        known = np.array([node.known for node in nodes])
        cost = np.array([self.costs[node.group] for node in nodes])
        more = np.clip(wanted, known, self.rows) - known
        return np.where(cost > 0, np.where(wanted > 1, cost, 0), more).astype(int)

    def _first(self, group: Group) -> int:
        return first_rows(self.rows) if group.children else 1


def _depth(group: Group) -> int:
    return 1 + max(map(_depth, group.children)) if group.children else 0
