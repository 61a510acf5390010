"""What the important part of an input, such as a spectrogram, does to the prediction."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import KW_ONLY, dataclass
from typing import Any

import numpy as np
import scipy.stats
from xplique.commons.operators import predictions_operator

from .. import operators
from ..algorithms.masking import MaskingProblem
from ..algorithms.removal import deletion_curves, insertion_curves, ranks
from ..checks import MOST, is_integer, is_number
from ..operators import check_operator
from .base import WaveletMetric


@dataclass(eq=False, repr=False)
class ImportantPartMetric(WaveletMetric):
    """
    Base class of the metrics of the important part of the inputs.

    Ref. Kasmi & al., One Wave To Explain Them All: A Unifying Perspective On Feature Attribution
    (2025), appendix B.2.

    Parameters
    ----------
    keep
        What the important part is, the mask m of the equations: a share of the features (a float
        in (0, 1]; half of them by default, as in the WAM paper's experiments) or a count (an int).
        Features without importance are never part of it.
    domain
        What the features are: "wavelet", the coefficients of the inputs (table 2 of the WAM
        paper), or "front_end", the outputs of the front end (table 5). By default the latter
        where there is a front end and the explanations tell of its output, by their `front_end`
        or by being an array of its shape.

    The others are those of `WaveletMetric`.
    """

    baseline_mode: float | Callable[[Any], Any] = 0.0
    keep: float | int = 0.5
    operator: Any = None
    activation: str | None = None
    _: KW_ONLY
    domain: str | None = None

    def __post_init__(self) -> None:
        is_count = is_integer(self.keep) and 1 <= self.keep <= MOST
        if not is_count and not (is_number(self.keep) and 0 < self.keep <= 1):
            raise ValueError(
                f"keep must be a share in (0, 1] or a count of at least 1, got {self.keep!r}."
            )
        super().__post_init__()

    def _before_and_after(
        self, change: Callable[..., np.ndarray], problem: MaskingProblem, importance: np.ndarray
    ) -> np.ndarray:
        """The scores (2, N) of the inputs as they are, and changed by their important part."""
        features = importance.shape[1]
        count = self.keep if is_integer(self.keep) else max(1, round(self.keep * features))
        counts = np.minimum(count, (importance > 0).sum(axis=1))
        before = np.full_like(counts, 0 if change is deletion_curves else features)
        steps = np.stack([before, counts], axis=1)
        return change(problem, ranks(importance, self.seed), steps).T


class FaithfulnessOnSpectra(ImportantPartMetric):
    """
    Drop in the score of the target class without the important part; higher is better.

    FF = median over x of f(x)_c − f(x ⊙ (1 − m))_c (WAM, eq. 9): a median, for single inputs may
    be far off.

    Ref. Parekh & al., Listen to Interpret: Post-hoc Interpretability for Audio Networks with NMF
    (2022).

    Parameters are those of `ImportantPartMetric`.
    """

    _summary = staticmethod(np.median)

    def _interval(self, scores: np.ndarray, confidence: float) -> tuple[float, float]:
        found = scipy.stats.quantile_test(scores, p=0.5).confidence_interval(confidence)
        return found.low, found.high

    def _scores(self, problem: MaskingProblem, importance: np.ndarray) -> np.ndarray:
        before, after = self._before_and_after(deletion_curves, problem, importance)
        return before - after


class InputFidelity(ImportantPartMetric):
    """
    Share of the inputs whose important part alone is predicted as they are; higher is better.

    Fid-In = 1/n Σᵢ 𝟙[argmax_c f(xᵢ)_c = argmax_c f(xᵢ ⊙ m)_c] (WAM, eq. 10).

    Ref. Paissan & al., Posthoc Interpretation via Quantization (2023).

    Parameters are those of `ImportantPartMetric`, for classifiers alone: there is no operator but
    classification's. No activation changes what is predicted.
    """

    def _scores(self, problem: MaskingProblem, importance: np.ndarray) -> np.ndarray:
        before, after = self._before_and_after(insertion_curves, problem, importance)
        return (before == after).astype(np.float64)

    def _interval(self, scores: np.ndarray, confidence: float) -> tuple[float, float]:
        same = scipy.stats.binomtest(int(scores.sum()), len(scores))
        return same.proportion_ci(confidence, "wilson")

    def _scored(self) -> Any:
        if check_operator(self.operator) is not predictions_operator:
            raise ValueError(
                "operator must be None: InputFidelity compares the classes that a classifier "
                "predicts."
            )
        return operators.predicted_class
