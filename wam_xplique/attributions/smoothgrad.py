"""WAM-SG: SmoothGrad in the wavelet domain."""

from __future__ import annotations

from ..algorithms import gradients
from ..coefficients import Coefficients
from .gradient_statistic import WaveletGradientStatistic


class WaveletSmoothGrad(WaveletGradientStatistic):
    """
    WAM-SG: mean gradient with respect to the coefficients of noisy inputs (WAM, eq. 2).

    Ref. Kasmi & al., One Wave To Explain Them All: A Unifying Perspective On Feature
    Attribution (2025).

    The parameters are those of `WaveletGradientStatistic`.
    """

    def _attribute(self, problem: gradients.GradientProblem) -> Coefficients:
        return gradients.smooth_grad(problem, self._perturbation)
