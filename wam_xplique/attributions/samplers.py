"""Samplers of replicated designs that a seed determines, and the rows that any sampler draws."""

from __future__ import annotations

from abc import abstractmethod
from typing import Any

import numpy as np
import scipy.stats
from xplique.attributions import global_sensitivity_analysis as xpliques
from xplique.attributions.global_sensitivity_analysis.replicated_designs import (
    HaltonSequenceRS,
    LatinHypercubeRS,
    ReplicatedSampler,
    ScipySobolSequenceRS,
    TFSobolSequenceRS,
)

# Xplique's samplers of whole designs: its samplers of the points that A and B are halves of.
_POINTS = {
    HaltonSequenceRS: xpliques.HaltonSequence,
    LatinHypercubeRS: xpliques.LatinHypercube,
    ScipySobolSequenceRS: xpliques.ScipySobolSequence,
    TFSobolSequenceRS: xpliques.TFSobolSequence,
}


class SeededReplicatedSampler(ReplicatedSampler):
    """
    Base class of the samplers that draw the same design for the same seed.

    Parameters
    ----------
    seed
        Seed of the draws.
    """

    of_explainer = False
    """Whether an explainer made it, by its own seed."""

    def __init__(self, seed: int = 0):
        self.seed = seed

    @abstractmethod
    def points(self, dimension: int, count: int) -> np.ndarray:
        """`count` points in [0, 1]^dimension, an array (count, dimension)."""

    def __call__(self, dimension: int, nb_design: int) -> np.ndarray:
        """The rows of A, of B, and of all C: an array (nb_design · (dimension + 2), dimension)."""
        a, b = np.split(self.points(2 * dimension, nb_design).astype(np.float32), 2, axis=1)
        return np.concatenate([a, b, self.build_replicated_design(a, b)])


class ScrambledSobolSequenceRS(SeededReplicatedSampler):
    """
    Sobol sequence, scrambled by the seed; its first points are no longer all zeros.

    Ref. Owen, Scrambling Sobol' and Niederreiter-Xing Points (1998).
    """

    def points(self, dimension: int, count: int) -> np.ndarray:
        return scipy.stats.qmc.Sobol(dimension, scramble=True, seed=self.seed).random(count)


class MonteCarloRS(SeededReplicatedSampler):
    """Independent uniform points (WCAM table 2)."""

    def points(self, dimension: int, count: int) -> np.ndarray:
        return np.random.default_rng(self.seed).random((count, dimension))


class SeededLatinHypercubeRS(SeededReplicatedSampler):
    """
    Latin hypercube that the seed determines; Xplique's own draws another one at each call.

    Ref. McKay & al., A Comparison of Three Methods for Selecting Values of Input Variables in the
    Analysis of Output from a Computer Code (1979).
    """

    def points(self, dimension: int, count: int) -> np.ndarray:
        return scipy.stats.qmc.LatinHypercube(dimension, seed=self.seed).random(count)


_SOBOL = (ScrambledSobolSequenceRS, ScipySobolSequenceRS, TFSobolSequenceRS)


def check_sampler(sampler: Any, nb_design: int) -> None:
    """Check that a sampler makes replicated designs, of `nb_design` rows."""
    if not isinstance(sampler, ReplicatedSampler):
        raise TypeError(
            "sampler must be a replicated sampler, such as Xplique's ScipySobolSequenceRS, got "
            f"{sampler!r}."
        )
    if isinstance(sampler, _SOBOL) and nb_design & (nb_design - 1):
        raise ValueError(
            f"nb_design={nb_design} must be a power of two for {type(sampler).__name__}."
        )


class Rows:
    """The rows of A and of B that a sampler draws; C, whose rows repeat them, is not kept."""

    def __init__(self, sampler: ReplicatedSampler, dimension: int):
        self.sampler = sampler
        self._dimension = dimension
        self._drawn = np.empty((0, 2 * dimension), np.float32)

    def __call__(self, rows: int) -> tuple[np.ndarray, np.ndarray]:
        """At least the first `rows` rows of A and of B."""
        drawn = self._drawn  # which another thread may replace, by one that begins as it does
        if rows > len(drawn):
            known, drawn = drawn, self._draw(rows)
            if not np.array_equal(drawn[: len(known)], known):
                raise ValueError(
                    f"A larger design of {type(self.sampler).__name__} does not begin with the "
                    "smaller one; `until` needs a sequence, such as Sobol's or Halton's."
                )
            self._drawn = drawn
        return drawn[:, : self._dimension], drawn[:, self._dimension :]

    def _draw(self, rows: int) -> np.ndarray:
        sampler, shape = self.sampler, (rows, 2 * self._dimension)
        try:
            if isinstance(sampler, SeededReplicatedSampler):
                points = sampler.points(shape[1], rows)
            elif type(sampler) in _POINTS:
                points = _POINTS[type(sampler)]()(shape[1], rows)
            else:
                design = np.asarray(sampler(self._dimension, rows))
                points = np.concatenate([design[:rows], design[rows : 2 * rows]], axis=1)
            points = np.asarray(points, np.float32)
            if points.shape != shape:
                raise ValueError(f"A and B, side by side, have shape {points.shape}, not {shape}.")
        except Exception as error:
            raise ValueError(
                f"sampler {type(sampler).__name__} cannot draw {rows} designs of "
                f"{self._dimension} cells: {error}"
            ) from error
        return points
