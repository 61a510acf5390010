"""SquareGrad in the wavelet domain."""

from __future__ import annotations

from ..algorithms import gradients
from ..coefficients import Coefficients
from .gradient_statistic import WaveletGradientStatistic


class WaveletSquareGrad(WaveletGradientStatistic):
    """
    Mean square of the gradient with respect to the coefficients of noisy inputs.

    Ref. Hooker & al., A Benchmark for Interpretability Methods in Deep Neural Networks (2019).

    The parameters are those of `WaveletGradientStatistic`.
    """

    def _attribute(self, problem: gradients.GradientProblem) -> Coefficients:
        return gradients.square_grad(problem, self._perturbation)
