"""Statistics of the gradient around an input, in the wavelet domain."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from ..algorithms.perturbations import GaussianNoise
from .base import WaveletExplainer
from .checks import check_integer, check_number


class WaveletGradientStatistic(WaveletExplainer):
    """
    Base class of the explainers that average over noisy inputs.

    All inputs share the same draws of noise, which depend on `seed` alone: the explanation of
    an input does not depend on the batch it comes in.

    Parameters
    ----------
    nb_samples
        Number of noisy inputs.
    noise
        Standard deviation of the noise, in the input's units. It is added before the transform
        (eq. 2).
    relative_noise
        Standard deviation as a fraction of each input's range (maximum minus minimum), in
        place of `noise`.

    The others are those of `WaveletExplainer`.
    """

    fewest_samples = 1

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
        relative_noise: float | None = None,
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
        check_integer("nb_samples", nb_samples, lowest=self.fewest_samples)
        check_number("noise", noise, lowest=0)
        if relative_noise is not None:
            check_number("relative_noise", relative_noise, lowest=0)
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
        self.nb_samples = nb_samples
        self.noise = noise
        self.relative_noise = relative_noise

    @property
    def _perturbation(self) -> GaussianNoise:
        return GaussianNoise(self.nb_samples, self.noise, self.relative_noise, self.seed)
