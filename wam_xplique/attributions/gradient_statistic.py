"""The base of WAM-SG, SquareGrad and VarGrad: statistics of the gradient around an input."""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Mapping
from dataclasses import KW_ONLY, dataclass

import numpy as np

from ..algorithms.gradients import Attribution, GradientProblem
from ..algorithms.perturbations import GaussianNoise
from ..algorithms.sampling import Sampled, until_stable
from ..checks import check_integer, check_number, check_until
from ..coefficients import as_rows, flatten
from ..inputs import Question
from .base import WaveletExplainer

FARTHEST = 10.0
"""Standard deviations that no draw goes beyond."""


@dataclass(eq=False, repr=False)
class WaveletGradientStatistic(WaveletExplainer):
    """
    Base class of the explainers that average over noisy inputs.

    All inputs share the draws of noise, which depend on `seed` alone: an explanation does not
    depend on the batch it comes in. It has the `standard_error` of each coefficient and the
    `scale_interval` of each share.

    Parameters
    ----------
    nb_samples
        Number of noisy inputs.
    noise
        Standard deviation of the noise that is added to the input, in its units.
    relative_noise
        In place of `noise`: a fraction of each input's range (maximum minus minimum).
    until
        Doubles `nb_samples`, with no gradient taken twice, until one of these is met for an input:
        ``{"rank_correlation": r}``, Spearman's, to expect between its explanation and that by as
        many other draws (by Spearman and Brown, from the two halves of the draws);
        ``{"standard_error": e}``, the root mean square of the coefficients' standard errors,
        divided by that of the coefficients. At most 1024 noisy inputs.

    The others are those of `WaveletExplainer`.
    """

    fewest_samples = 1

    nb_samples: int = 50
    noise: float = 0.2
    _: KW_ONLY
    relative_noise: float | None = None
    until: Mapping[str, float] | None = None

    def __post_init__(self) -> None:
        check_integer("nb_samples", self.nb_samples, lowest=self.fewest_samples)
        check_number("noise", self.noise, lowest=0)
        if self.relative_noise is not None:
            check_number("relative_noise", self.relative_noise, lowest=0)
        check_until(self.until, ("rank_correlation", "standard_error"))
        super().__post_init__()

    @abstractmethod
    def _sampled(self, problem: GradientProblem, noise: GaussianNoise) -> Sampled:
        """The statistic of some draws."""

    def _attribute(self, problem: GradientProblem, question: Question) -> Attribution:
        def rows(found: Attribution) -> tuple[np.ndarray, np.ndarray | None]:
            shown = self._finish(found, question.layout)
            error = shown.standard_error
            errors = None if error is None else as_rows(flatten(error))
            return as_rows(flatten(shown.coefficients)), errors

        self._check_noise(problem)
        relative = None if self.relative_noise is None else float(self.relative_noise)
        noise = GaussianNoise(self.nb_samples, float(self.noise), relative, self.seed)
        return until_stable(self._sampled, problem, noise, self.until, rows)

    def _check_noise(self, problem: GradientProblem) -> None:
        backend, x = problem.backend, problem.x
        ranges, sizes = (backend.to_numpy(t) for t in (backend.value_range(x), abs(x)))
        name, noise, unit = "noise", self.noise, 1.0
        if self.relative_noise is not None:
            name, noise, unit = "relative_noise", self.relative_noise, ranges.max()
        with np.errstate(over="ignore"):
            fits = FARTHEST * noise * unit + sizes.max() < np.finfo(sizes.dtype).max
        if not fits:
            raise ValueError(
                f"{name}={noise!r} is too large: inputs would leave the range of {sizes.dtype}."
            )
