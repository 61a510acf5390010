"""Points of a replicated design, and the scores of the model at them."""

from __future__ import annotations

import itertools
from collections.abc import Generator, Mapping, Sequence
from typing import NamedTuple

import numpy as np

from .cells import Group


class Points(NamedTuple):
    """Rows of A in which the columns `cells` come from B: none for A itself, all for B."""

    cells: np.ndarray
    rows: np.ndarray


_NOTHING = np.empty(0)


class Responses:
    """The scores of one input at the points of a design, each asked for once."""

    def __init__(self, cells: int):
        self.none = Group(np.arange(0))
        self.all = Group(np.arange(cells))
        self._known: dict[Group, np.ndarray] = {}
        self.exponent: int | None = None

    @property
    def forwards(self) -> int:
        """Number of scores known."""
        return sum(int(np.isfinite(scores).sum()) for scores in self._known.values())

    def ask(self, wanted: Mapping[Group, np.ndarray]) -> Generator[list[Points], np.ndarray, None]:
        """Ask for the rows wanted of each group, as far as they are not known."""
        new = {}
        for group, rows in wanted.items():
            before = self._known.get(group, _NOTHING)
            known = np.full(max(len(before), rows.max(initial=-1) + 1), np.nan)
            known[: len(before)] = before
            self._known[group] = known
            new[group] = rows[np.isnan(known[rows])]
        points = [Points(group.cells, rows) for group, rows in new.items() if len(rows)]
        if points:
            found = yield points
            if self.exponent is None:
                self.exponent = int(np.frexp(np.abs(found).max())[1])
            scores = iter(found)
            for group, rows in new.items():
                self._known[group][rows] = list(itertools.islice(scores, len(rows)))

    def of(self, groups: Sequence[Group], rows: int) -> np.ndarray:
        """The scores (groups, rows) of the first rows, NaN where not known, in units of 2 **
        `exponent`, whose squares neither overflow nor vanish."""
        scores = np.full((len(groups), rows), np.nan)
        for line, group in zip(scores, groups, strict=True):
            known = self._known.get(group, line)[:rows]
            line[: len(known)] = known
        return np.ldexp(scores, -(self.exponent or 0))
