"""WAM-IG: Integrated Gradients in the wavelet domain."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from ..algorithms import gradients
from ..algorithms.perturbations import StraightPath
from ..coefficients import Coefficients
from .base import WaveletExplainer
from .checks import check_integer, check_number


class WaveletIntegratedGradients(WaveletExplainer):
    """
    WAM-IG: gradients on the path from a baseline's coefficients to the input's (WAM, eq. 3).

    With ``include_approximation=True``, ``reducer="sum"`` and an exact integral the
    coefficients sum to f(x) − f(x₀) (completeness).

    Ref. Kasmi & al., One Wave To Explain Them All: A Unifying Perspective On Feature
    Attribution (2025).

    Parameters
    ----------
    steps
        Number of points on the path, ends included, for the trapezoidal rule.
    baseline_value
        Value of the constant baseline x₀.

    The others are those of `WaveletExplainer`.
    """

    def __init__(
        self,
        model: Any,
        output_layer: str | int | None = None,
        batch_size: int | None = 32,
        operator: Any = None,
        reducer: str | None = "mean",
        steps: int = 50,
        baseline_value: float = 0.0,
        *,
        wavelet: str = "haar",
        level: int = 3,
        mode: str = "periodization",
        include_approximation: bool = False,
        normalize: str | None = None,
        ndim: int | None = None,
        seed: int = 0,
        front_end: Callable[[Any], Any] | None = None,
        verbose: bool = False,
    ):
        check_integer("steps", steps, lowest=2)
        check_number("baseline_value", baseline_value, lowest=float("-inf"))
        super().__init__(
            model,
            output_layer,
            batch_size,
            operator,
            reducer,
            wavelet=wavelet,
            level=level,
            mode=mode,
            include_approximation=include_approximation,
            normalize=normalize,
            ndim=ndim,
            seed=seed,
            front_end=front_end,
            verbose=verbose,
        )
        self.steps = steps
        self.baseline_value = baseline_value

    def _attribute(self, problem: gradients.GradientProblem) -> Coefficients:
        path = StraightPath(self.steps, self.baseline_value)
        return gradients.integrated_gradients(problem, path)
