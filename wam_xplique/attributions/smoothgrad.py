"""WAM-SG: SmoothGrad in the wavelet domain."""

from __future__ import annotations

from dataclasses import KW_ONLY, dataclass

from ..algorithms import sampling
from ..algorithms.gradients import GradientProblem
from ..algorithms.perturbations import GaussianNoise
from ..algorithms.sampling import AVERAGES, Sampled
from ..checks import check_choice
from .gradient_statistic import WaveletGradientStatistic


@dataclass(eq=False, repr=False)
class WaveletSmoothGrad(WaveletGradientStatistic):
    """
    WAM-SG: mean gradient with respect to the coefficients of noisy inputs (WAM, eq. 2).

    Parameters
    ----------
    average
        What is averaged: "magnitude" for the magnitudes of the gradients, as the authors' code
        does (with ``normalize="band"`` the bands of each noisy input are divided by their maxima
        first), "gradient" for the gradients with their signs, as equation 2 is printed. Magnitudes
        are those of each channel; `reducer` comes last.

    The others are those of `WaveletGradientStatistic`.
    """

    _: KW_ONLY
    average: str = "magnitude"

    def __post_init__(self) -> None:
        check_choice("average", self.average, AVERAGES, optional=False)
        self._signed = self.average == "gradient"
        self._is_normalized = not self._signed  # magnitudes are, draw by draw
        super().__post_init__()

    def _sampled(self, problem: GradientProblem, noise: GaussianNoise) -> Sampled:
        return sampling.smooth_grad(problem, noise, self.average, self.normalize)
