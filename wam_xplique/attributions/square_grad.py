"""SquareGrad in the wavelet domain."""

from __future__ import annotations

from ..algorithms import sampling
from ..algorithms.gradients import GradientProblem
from ..algorithms.perturbations import GaussianNoise
from ..algorithms.sampling import Sampled
from .gradient_statistic import WaveletGradientStatistic


class WaveletSquareGrad(WaveletGradientStatistic):
    """
    Mean square of the gradient with respect to the coefficients of noisy inputs.

    Ref. Hooker & al., A Benchmark for Interpretability Methods in Deep Neural Networks (2019).

    The parameters are those of `WaveletGradientStatistic`.
    """

    def _sampled(self, problem: GradientProblem, noise: GaussianNoise) -> Sampled:
        return sampling.square_grad(problem, noise)
