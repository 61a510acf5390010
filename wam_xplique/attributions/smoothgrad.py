"""WAM-SG: SmoothGrad in the wavelet domain."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from ..algorithms import sampling
from ..algorithms.gradients import GradientProblem
from ..algorithms.perturbations import GaussianNoise
from ..algorithms.sampling import AVERAGES, Sampled
from .checks import check_choice
from .gradient_statistic import WaveletGradientStatistic


class WaveletSmoothGrad(WaveletGradientStatistic):
    """
    WAM-SG: mean gradient with respect to the coefficients of noisy inputs (WAM, eq. 2).

    Ref. Kasmi & al., One Wave To Explain Them All: A Unifying Perspective On Feature
    Attribution (2025).

    Parameters
    ----------
    average
        What is averaged: "magnitude" for the magnitudes of the gradients, as the authors' code
        does (with ``normalize="band"`` the bands of each noisy input are divided by their maxima
        first), "gradient" for the gradients with their signs, as equation 2 is printed. Magnitudes
        are those of each channel; `reducer` comes last.

    The others are those of `WaveletGradientStatistic`.
    """

    def __init__(
        self,
        model: Any,
        output_layer: str | int | None = None,
        batch_size: int | None = 32,
        operator: Any = None,
        reducer: str | None = "mean",
        nb_samples: int = 50,
        noise: float = 0.2,
        *,
        average: str = "magnitude",
        relative_noise: float | None = None,
        until: Mapping[str, float] | None = None,
        wavelet: str = "haar",
        level: int | None = None,
        mode: str = "periodization",
        include_approximation: bool = False,
        normalize: str | None = None,
        ndim: int | None = None,
        seed: int = 0,
        front_end: Callable[[Any], Any] | None = None,
        verbose: bool = False,
    ):
        check_choice("average", average, AVERAGES, optional=False)
        super().__init__(
            model,
            output_layer,
            batch_size,
            operator,
            reducer,
            nb_samples,
            noise,
            relative_noise=relative_noise,
            until=until,
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
        self.average = average

    @property
    def _signed(self) -> bool:
        return self.average == "gradient"

    @property
    def _normalized(self) -> bool:
        return self._signed and super()._normalized  # magnitudes are, draw by draw

    def _sampled(self, problem: GradientProblem, noise: GaussianNoise) -> Sampled:
        return sampling.smooth_grad(problem, noise, self.average, self.normalize)
