"""Means and variances of a stream."""

from __future__ import annotations

import numpy as np


class Moments:
    """
    Running mean and variance of rows, which are not kept.

    Ref. Chan, Golub & LeVeque, Algorithms for Computing the Sample Variance (1983), eq. 2.1.
    """

    def __init__(self) -> None:
        self.count = 0
        self.mean: np.ndarray = np.zeros(())
        self._squares: np.ndarray = np.zeros(())

    def add(self, rows: np.ndarray) -> None:
        """Take in more rows (N, K), of any N."""
        if not len(rows):
            return
        mean = rows.mean(axis=0)
        total = self.count + len(rows)
        shift = mean - self.mean
        between = shift**2 * (self.count * len(rows) / total)
        self._squares = self._squares + ((rows - mean) ** 2).sum(axis=0) + between
        self.mean = self.mean + shift * (len(rows) / total)
        self.count = total

    @property
    def std(self) -> np.ndarray:
        """The standard deviation (K,), with count − 1 in the denominator; NaN for one row."""
        if self.count < 2:
            return np.full_like(self.mean, np.nan)
        return np.sqrt(self._squares / (self.count - 1))
