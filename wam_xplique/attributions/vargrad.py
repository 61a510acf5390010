"""VarGrad in the wavelet domain."""

from __future__ import annotations

from ..algorithms import sampling
from ..algorithms.gradients import GradientProblem
from ..algorithms.perturbations import GaussianNoise
from ..algorithms.sampling import Sampled
from .gradient_statistic import WaveletGradientStatistic


class WaveletVarGrad(WaveletGradientStatistic):
    """
    Unbiased variance of the gradient with respect to the coefficients of noisy inputs.

    Ref. Adebayo & al., Sanity Checks for Saliency Maps (2018).

    The parameters are those of `WaveletGradientStatistic`; `nb_samples` is at least 2.
    """

    fewest_samples = 2

    def _sampled(self, problem: GradientProblem, noise: GaussianNoise) -> Sampled:
        return sampling.var_grad(problem, noise)
