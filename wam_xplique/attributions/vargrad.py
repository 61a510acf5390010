"""VarGrad in the wavelet domain."""

from __future__ import annotations

from ..algorithms import gradients
from ..coefficients import Coefficients
from .gradient_statistic import WaveletGradientStatistic


class WaveletVarGrad(WaveletGradientStatistic):
    """
    Unbiased variance of the gradient with respect to the coefficients of noisy inputs.

    Ref. Adebayo & al., Sanity Checks for Saliency Maps (2018).

    The parameters are those of `WaveletGradientStatistic`; `nb_samples` is at least 2.
    """

    fewest_samples = 2

    def _attribute(self, problem: gradients.GradientProblem) -> Coefficients:
        return gradients.var_grad(problem, self._perturbation)
