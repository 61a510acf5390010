"""WAM-IG: Integrated Gradients in the wavelet domain."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import KW_ONLY, dataclass
from typing import Any

from ..algorithms import gradients
from ..algorithms.gradients import Attribution, GradientProblem
from ..algorithms.perturbations import QUADRATURES, StraightPath
from ..checks import check_choice, check_integer, check_until
from ..inputs import Question, as_baselines, check_baselines
from .base import WaveletExplainer


@dataclass(eq=False, repr=False)
class WaveletIntegratedGradients(WaveletExplainer):
    """
    WAM-IG: gradients on the path from a baseline's coefficients to the input's (WAM, eq. 3).

    With ``include_approximation=True``, ``reducer="sum"`` and an exact integral the coefficients
    sum to f(x) − f(x₀) (completeness). How far all are from it, relative to it, is the
    explanation's `convergence_delta`; above 10% there is a warning.

    Parameters
    ----------
    steps
        Number of points on the path.
    baseline_value
        Baseline x₀: a number, an array of one input's shape, or of all inputs' (one for each). A
        set of baselines, whose explanations are averaged (expected gradients), is a list of numbers
        or of arrays of one input's shape, or an array (B, ...) of another size than the inputs.
    quadrature
        "gauss-legendre", or "trapezoid" with both ends among the points.
    until
        ``{"delta": d}`` doubles the steps of an input until its `convergence_delta` is at most d;
        at most 1024 steps.

    The others are those of `WaveletExplainer`.
    """

    steps: int = 50
    baseline_value: Any = 0.0
    _: KW_ONLY
    quadrature: str = "gauss-legendre"
    until: Mapping[str, float] | None = None

    _signed = True

    def __post_init__(self) -> None:
        check_choice("quadrature", self.quadrature, QUADRATURES, optional=False)
        check_integer("steps", self.steps, lowest=2 if self.quadrature == "trapezoid" else 1)
        check_baselines(self.baseline_value)
        check_until(self.until, ("delta",))
        super().__post_init__()

    def _attribute(self, problem: GradientProblem, question: Question) -> Attribution:
        baselines = as_baselines(self.baseline_value, question)
        paths = [StraightPath(self.steps, value, self.quadrature) for value in baselines]
        target = None if self.until is None else self.until["delta"]
        return gradients.expected_gradients(problem, paths, target)
