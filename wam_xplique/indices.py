"""Sobol indices as data."""

from __future__ import annotations

from dataclasses import dataclass, fields
from typing import Any, ClassVar

import numpy as np

from .archive import check_shapes, taken, under
from .coefficients import Coefficients, flatten, map_bands, unflatten
from .per_input import PerInput

MOST_DESIGNS = 4096
DOUBTFUL = 0.2
"""An error of the shares above which the indices are not to be trusted."""


@dataclass(frozen=True, eq=False)
class SobolIndices(PerInput):
    """
    Sobol indices of K cells of N inputs, and how sure they are.

    Ref. Kasmi & al., Assessment of the Reliability of a Model's Decision by Generalizing
    Attribution to the Wavelet Domain (2023), eq. 5 to 7.

    Parameters
    ----------
    total
        Total indices (N, K): the share of the variance of the scores in which a cell has a part.
    first_order
        First-order indices (N, K): the share that a cell explains by itself; NaN for a cell that
        was not evaluated in full.
    interval, importance_interval
        Bootstrap intervals, over the designs, of the total indices (N, K, 2), NaN likewise, and of
        `importance` (N, L, 2); None if not asked for.
    evaluated
        Whether a cell was evaluated in full (N, K), by all rows of the design; the indices of the
        others are estimates that refinement makes from few.
    variance, nb_design, forwards
        Variance of the scores over the designs, rows of the designs and forwards used, each (N,).
    cells
        The number of its cell in place of each coefficient of an input, -1 where it is held.
    shares
        The part (L, K) of each cell that lies in each of L regions: the levels of a wavelet
        transform, the bands of a Fourier transform.
    confidence
        Confidence level of the intervals; None where there are none.
    """

    total: np.ndarray
    first_order: np.ndarray
    interval: np.ndarray | None
    importance_interval: np.ndarray | None
    evaluated: np.ndarray
    variance: np.ndarray
    nb_design: np.ndarray
    forwards: np.ndarray
    cells: Coefficients
    shares: np.ndarray
    confidence: float | None

    _shared: ClassVar = frozenset({"cells", "shares"})

    def __len__(self) -> int:
        """The number of inputs."""
        return len(self.total)

    def importance(self) -> np.ndarray:
        """
        The share (N, L) of each region in the sum of all total indices (WCAM tables 1, 4 and 5).

        Each cell counts once, whatever its size; one that straddles regions is shared by area. NaN
        for a region in which no cell lies; the others sum to 1, or to 0 where all indices are 0.
        """
        return region_importance(self.total, self.shares)

    def error(self) -> np.ndarray | None:
        """
        How far off the indices (N,) may be, from 0 to 1; None without intervals.

        The largest half width of `importance_interval`, or 1 − 1/T of the largest total index T,
        whichever is more: above 1, the variance of the scores was found too small by that part.
        """
        if self.importance_interval is None:
            return None
        widths = np.ptp(self.importance_interval, axis=-1)  # NaN where a region is left out
        lacking = 1 - 1 / np.maximum(self.total.max(axis=-1), 1)
        return np.maximum(np.nanmax(widths, axis=-1) / 2, lacking)

    def enough_designs(self, error: float = DOUBTFUL) -> np.ndarray | None:
        """
        The `nb_design` (N,) that would do, if errors shrink as one over its root.

        What was used where `error` is below this already, a power of two otherwise; at most 4096,
        which may be too few. None without intervals. An error of 0 or below is a ValueError.
        """
        if not error > 0:
            raise ValueError(f"error must be above 0, got {error!r}.")
        now = self.error()
        if now is None:
            return None
        wanted = self.nb_design * np.maximum(now / error, 1) ** 2
        power = 2 ** np.ceil(np.log2(wanted)).astype(int)
        return np.where(now > error, np.minimum(power, MOST_DESIGNS), self.nb_design)

    def spread(self, values: np.ndarray) -> Coefficients:
        """Values (N, K) of cells as coefficients, N first; those that are held have 0."""
        padded = np.concatenate([values, np.zeros_like(values[:, :1])], axis=1)
        return map_bands(lambda band: padded[:, band], self.cells)

    def check(self, count: int) -> None:
        """Raise a ValueError unless these are indices of `count` inputs that contradict nothing."""
        cells = self.total.shape[-1]
        shapes = {
            **dict.fromkeys(("total", "first_order", "evaluated"), (count, cells)),
            **dict.fromkeys(("variance", "nb_design", "forwards"), (count,)),
            "interval": (count, cells, 2),
            "importance_interval": (count, None, 2),
            "shares": (None, cells),
        }
        arrays = {name: getattr(self, name) for name in shapes}
        check_shapes(arrays, shapes, optional=("interval", "importance_interval"))
        numbers = np.concatenate([band.ravel() for band in flatten(self.cells).values()])
        if numbers.dtype.kind not in "iu" or numbers.min() < -1 or numbers.max() >= cells:
            raise ValueError(f"cells must be numbered from 0 to {cells - 1}, -1 for what is held.")
        if not np.isfinite(self.total).all():
            raise ValueError("total must be finite.")

    def arrays(self) -> dict[str, np.ndarray]:
        """All fields as arrays by name, for `of_arrays`."""
        told = dict(vars(self))
        named = under("cells", flatten(told.pop("cells"))) | told
        return {name: np.asarray(value) for name, value in named.items() if value is not None}

    @classmethod
    def of_arrays(cls, named: dict[str, np.ndarray]) -> SobolIndices:
        """The indices that `arrays` named."""
        named = dict(named)
        cells = unflatten(taken("cells", named))
        values: dict[str, Any] = {f.name: named.get(f.name) for f in fields(cls)} | {"cells": cells}
        if values["confidence"] is not None:
            values["confidence"] = float(values["confidence"])
        return cls(**values)


def region_importance(total: np.ndarray, shares: np.ndarray) -> np.ndarray:
    """Sums (..., L) of the total indices (..., K) over regions, as fractions of their sum."""
    return np.where(shares.any(axis=1), fractions(np.maximum(total, 0) @ shares.T), np.nan)


def fractions(sums: np.ndarray) -> np.ndarray:
    """Each of the `sums` (..., L) as a fraction of all L; 0 where they are 0."""
    whole = sums.sum(axis=-1, keepdims=True)
    return np.divide(sums, whole, out=np.zeros_like(sums), where=whole > 0)
