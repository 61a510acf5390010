"""Deletion and insertion of wavelet coefficients, and their difference."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import KW_ONLY, dataclass
from functools import partial
from typing import Any

import numpy as np

from ..algorithms.cells import count_cells
from ..algorithms.masking import MaskingProblem
from ..algorithms.removal import area_under, deletion_curves, insertion_curves, ranks, step_counts
from ..checks import MOST, check_share, is_integer
from .base import WaveletMetric

Curves = Callable[[MaskingProblem, np.ndarray, np.ndarray], np.ndarray]  # of places and steps


@dataclass(eq=False, repr=False)
class CausalMetric(WaveletMetric):
    """
    Base class of the metrics that perturb the features one after the other.

    Areas are by the trapezoidal rule. At `level=0` they are those of Xplique's metrics, equal
    values aside, which Xplique leaves in any order.

    Ref. Petsiuk & al., RISE: Randomized Input Sampling for Explanation of Black-box Models (2018).
    Kasmi & al., One Wave To Explain Them All: A Unifying Perspective On Feature Attribution
    (2025), appendix B.1.

    Parameters
    ----------
    steps
        Number of steps from nothing to `max_percentage_perturbed`; -1 for one feature at a time.
    max_percentage_perturbed
        Share of the features that is perturbed in the end, in (0, 1].
    relative
        Whether each curve is divided by its maximum, as the WAM paper's reference implementation
        does. Inputs that the model is sure of then count no more than others. Each curve needs a
        positive maximum, as those of probabilities have.

    The others are those of `WaveletMetric`.
    """

    baseline_mode: float | Callable[[Any], Any] = 0.0
    steps: int = 10
    max_percentage_perturbed: float = 1.0
    operator: Any = None
    activation: str | None = None
    _: KW_ONLY
    relative: bool = False

    def __post_init__(self) -> None:
        if not is_integer(self.steps) or not (1 <= self.steps <= MOST or self.steps == -1):
            raise ValueError(
                "steps must be an integer of at least 1, or -1 for one feature at a time, and at "
                f"most {MOST}; got {self.steps!r}."
            )
        check_share("max_percentage_perturbed", self.max_percentage_perturbed)
        super().__post_init__()

    def _curves(self, kind: Curves, problem: MaskingProblem, importance: np.ndarray) -> np.ndarray:
        """The curves (N, S) of a kind, each divided by its maximum if so asked."""
        steps = self._path(importance.shape[1])
        curves = kind(problem, ranks(importance, self.seed), steps)
        if not self.relative:
            return curves
        highest = curves.max(axis=1, keepdims=True)
        if (highest <= 0).any():
            where = np.flatnonzero(highest <= 0).tolist()
            raise ValueError(
                "relative=True divides each curve by its maximum, which must be positive, but the "
                f"scores of the inputs {where} never are; activation='softmax' makes them so."
            )
        return curves / highest

    def _path(self, features: int) -> np.ndarray:
        found = step_counts(features, self.steps, self.max_percentage_perturbed)
        if len(found) < 2:
            raise ValueError(
                f"max_percentage_perturbed={self.max_percentage_perturbed!r} of {features} "
                f"features is not one; give at least {1 / features:.2g}."
            )
        return found


class CurveMetric(CausalMetric):
    """Base class of the metrics that are the area under one curve."""

    _kind: Curves

    def detailed_evaluate(self, explanations: Any) -> dict[int, float]:
        """The mean curve, whose area the metric is, of explanations as for `evaluate`:
        {features perturbed: score}."""
        steps, curves = self.curves(explanations)
        return dict(zip(steps.tolist(), curves.mean(axis=0).tolist(), strict=True))

    def _scores(self, problem: MaskingProblem, importance: np.ndarray) -> np.ndarray:
        return area_under(self._curves(self._kind, problem, importance))

    def curves(self, explanations: Any) -> tuple[np.ndarray, np.ndarray]:
        """The curve of each input, of explanations as for `evaluate`: the numbers (S,) of features
        perturbed, and the scores (N, S)."""
        removal, of_block = self._removal_of(explanations), partial(self._curves, self._kind)
        return self._path(count_cells(removal.cells)), self._by_blocks(of_block, removal)


class WaveletDeletion(CurveMetric):
    """
    Area under the score as the most important wavelet coefficients are removed; lower is better.

    Del(f, γ) = Σₖ f(x[x_uₖ = x₀]) Δₖ (WAM, eq. 6 and 7), as Xplique's `Deletion` at `level=0`.

    Parameters and references are those of `CausalMetric`.

    Examples
    --------
    >>> x, energy = np.array([[3.0, 1.0, 2.0, 0.0]]), lambda x: (x**2).sum(1, keepdims=True)
    >>> metric = WaveletDeletion(energy, x, np.ones((1, 1)), steps=-1, level=0)
    >>> metric.detailed_evaluate(x)  # pixels in the order of their values
    {0: 14.0, 1: 5.0, 2: 1.0, 3: 0.0, 4: 0.0}
    """

    _kind = staticmethod(deletion_curves)


class WaveletInsertion(CurveMetric):
    """
    Area under the score as the most important wavelet coefficients are inserted; higher is better.

    Ins(f, γ) = Σₖ f(x[x₋uₖ = x₀]) Δₖ (WAM, eq. 5 and 7), as Xplique's `Insertion` at `level=0`.

    Parameters and references are those of `CausalMetric`.
    """

    _kind = staticmethod(insertion_curves)


class WaveletFaithfulness(CausalMetric):
    """
    Insertion minus deletion of wavelet coefficients; higher is better.

    F(f, γ) = Ins(f, γ) − Del(f, γ) (WAM, eq. 4).

    Ref. Muzellec & al., Saliency strikes back: how filtering out high frequencies improves
    white-box explanations (2023).

    Parameters are those of `CausalMetric`.
    """

    def _scores(self, problem: MaskingProblem, importance: np.ndarray) -> np.ndarray:
        inserted = self._curves(insertion_curves, problem, importance)
        deleted = self._curves(deletion_curves, problem, importance)
        return area_under(inserted) - area_under(deleted)
