"""
Statistics of the gradient over noisy inputs: the WAM paper's equation 2, and others like it.

Ref. Kasmi & al., One Wave To Explain Them All: A Unifying Perspective On Feature Attribution
(2025).

Each is a mean, over the draws of noise, of values that are pulled back draw by draw (or a variance
of them); the spread of the values tells how sure the mean is.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from ..backends import Backend, Tensor
from ..coefficients import Coefficients, flatten, levels, magnitude, map_bands
from ..indices import fractions
from .estimators import rank_correlation
from .front_end import FRONT_END
from .gradients import Attribution, GradientProblem, perturbed_gradients
from .perturbations import GaussianNoise

AVERAGES = ("magnitude", "gradient")

MOST_SAMPLES = 1024
_TINY = 1e-37  # what a maximum of 0 is replaced by, for a division

Values = Callable[[Coefficients], Coefficients]


@dataclass(frozen=True)
class Moments:
    """How many values there are, their mean, and the sum of their squared deviations from it.
    Merged as by Chan & al., Algorithms for computing the sample variance (1983): no digits are
    lost."""

    count: int
    mean: Coefficients
    squares: Coefficients

    @classmethod
    def of(cls, backend: Backend, values: Coefficients) -> Moments:
        """The moments of values, along the first axis."""
        mean = map_bands(lambda v: backend.reduce(v, "mean", (0,)), values)
        squares = map_bands(lambda v, m: backend.reduce((v - m) ** 2, "sum", (0,)), values, mean)
        return cls(len(values[0]), mean, squares)

    def __add__(self, other: Moments) -> Moments:
        """The moments of both."""
        count = self.count + other.count
        shift = map_bands(lambda a, b: b - a, self.mean, other.mean)
        part = other.count / count
        mean = map_bands(lambda m, s: m + s * part, self.mean, shift)
        squares = map_bands(
            lambda a, b, s: a + b + s * s * (self.count * part), self.squares, other.squares, shift
        )
        return Moments(count, mean, squares)

    def variance(self) -> Coefficients:
        """The unbiased variance."""
        return map_bands(lambda s: s / (self.count - 1), self.squares)

    def at(self, backend: Backend, index: np.ndarray) -> Moments:
        """The moments of the inputs at `index`."""
        mean, squares = (
            map_bands(lambda b: backend.rows(b, index), bands)
            for bands in (self.mean, self.squares)
        )
        return Moments(self.count, mean, squares)


@dataclass(frozen=True)
class Sampled:
    """A statistic of the gradients of some draws."""

    backend: Backend
    values: Moments | None  # of independent values, whose mean estimates the statistic
    totals: np.ndarray | None  # (values, N, bands), their sums over bands, where they add up
    spread: Moments | None = None  # of the gradients, where their variance is the statistic

    def __add__(self, other: Sampled) -> Sampled:
        """The statistic of the draws of both."""
        totals = [t for t in (self.totals, other.totals) if t is not None]
        return Sampled(
            self.backend,
            _sum(self.values, other.values),
            np.concatenate(totals) if totals else None,
            _sum(self.spread, other.spread),
        )

    def at(self, index: np.ndarray) -> Sampled:
        """The statistic of the inputs at `index`."""
        values, spread = (m and m.at(self.backend, index) for m in (self.values, self.spread))
        totals = None if self.totals is None else self.totals[:, index]
        return Sampled(self.backend, values, totals, spread)

    def attribution(self) -> Attribution:
        """What it says of each coefficient."""
        values: Any = self.values
        statistic = self.spread.variance() if self.spread else values.mean
        coefficients = map_bands(self.backend.to_numpy, statistic)
        count = values.count if values else 0
        draws = np.full(len(coefficients[0]), count)
        if count < 2:
            return Attribution(coefficients, draws=draws)
        spread = map_bands(self.backend.to_numpy, values.variance())
        error = map_bands(lambda v: np.sqrt(v / count), spread)
        covariance = None
        if self.totals is not None:
            deviations = self.totals - self.totals.mean(axis=0)
            products = np.einsum("dna,dnb->nab", deviations, deviations)
            covariance = products / (count * (count - 1))
        return Attribution(coefficients, error, covariance, draws)


def _sum(one: Moments | None, other: Moments | None) -> Moments | None:
    return one + other if one and other else one or other


def smooth_grad(
    problem: GradientProblem,
    noise: GaussianNoise,
    average: str = "magnitude",
    normalize: str | None = None,
) -> Sampled:
    """
    WAM-SG: mean gradient with respect to the coefficients of noisy inputs.

    Parameters
    ----------
    problem, noise
        What is explained, and the noise.
    average
        "gradient" for equation 2 as it is printed; "magnitude" for the mean of its magnitudes.
    normalize
        "band" divides the magnitudes of each band of each draw by the largest of them.

    Returns
    -------
    sampled
        The mean.
    """

    def value(pulled: Coefficients) -> Coefficients:
        if average == "gradient":
            return over_channels(problem, pulled)
        magnitudes = over_channels(problem, map_bands(abs, pulled))
        if normalize is None:
            return magnitudes
        return _on_wavelets(lambda band: _divided(problem.backend, band), magnitudes)

    return _means(problem, noise, value, additive=average == "magnitude")


def square_grad(problem: GradientProblem, noise: GaussianNoise) -> Sampled:
    """Mean square of the gradient with respect to the coefficients of noisy inputs."""
    return _means(
        problem, noise, lambda pulled: over_channels(problem, map_bands(lambda g: g * g, pulled))
    )


def var_grad(problem: GradientProblem, noise: GaussianNoise) -> Sampled:
    """Unbiased variance of the gradient with respect to the coefficients of noisy inputs."""
    # Half of the squared difference of two draws estimates it without bias, too: the spread of
    # these over disjoint pairs bounds the standard error of the variance from above.
    backend = problem.backend
    spread, pairs, totals, rest = None, None, [], None
    for _, gradients in perturbed_gradients(problem, noise):
        pulled = _stacked(backend, problem.transform.pullback(*gradients), len(problem.x))
        spread = _sum(spread, Moments.of(backend, pulled))
        if rest is not None:
            pulled = map_bands(lambda *bands: backend.concat(bands, 0), rest, pulled)
        end = len(pulled[0]) // 2 * 2
        rest = map_bands(lambda b, end=end: b[end:], pulled) if end < len(pulled[0]) else None
        if end:
            halves = map_bands(lambda b, end=end: (b[:end:2] - b[1:end:2]) ** 2 / 2, pulled)
            values = over_channels(problem, halves)
            pairs = _sum(pairs, Moments.of(backend, values))
            totals.append(_totals(backend, values))
    return Sampled(backend, pairs, np.concatenate(totals) if totals else None, spread)


def over_channels(problem: GradientProblem, coefficients: Coefficients) -> Coefficients:
    """The coefficients with their channels brought to one, where that is linear."""
    if problem.over_channels is None:
        return coefficients
    return _on_wavelets(problem.over_channels, coefficients)


def _means(
    problem: GradientProblem, noise: GaussianNoise, value: Values, additive: bool = True
) -> Sampled:
    """The mean of a function of each draw's gradient with respect to the coefficients."""
    backend, moments, totals = problem.backend, None, []
    for _, gradients in perturbed_gradients(problem, noise):
        values = value(problem.transform.pullback(*gradients))
        values = _stacked(backend, values, len(problem.x))
        moments = _sum(moments, Moments.of(backend, values))
        if additive:
            totals.append(_totals(backend, values))
    return Sampled(backend, moments, np.concatenate(totals) if totals else None)


def _stacked(backend: Backend, coefficients: Coefficients, width: int) -> Coefficients:
    """Coefficients that come draw by draw, with an axis for the draws before that of the inputs."""
    return map_bands(lambda b: backend.reshape(b, (-1, width, *b.shape[1:])), coefficients)


def _totals(backend: Backend, values: Coefficients) -> np.ndarray:
    """The sums (draws, N, bands) of values over the bands, in double precision."""
    totals: list[np.ndarray] = []
    _on_wavelets(
        lambda b: totals.append(
            backend.to_numpy(backend.reduce(b, "sum", tuple(range(2, len(b.shape)))))
        ),
        values,
    )
    return np.stack(totals, axis=-1).astype(np.float64)


def _on_wavelets(function: Callable[[Tensor], Tensor], coefficients: Coefficients) -> Coefficients:
    """Apply `function` to each band, but not to what a front end made."""
    first, *details = coefficients
    return [
        function(first),
        *({k: b if k == FRONT_END else function(b) for k, b in level.items()} for level in details),
    ]


def _divided(backend: Backend, band: Tensor) -> Tensor:
    """A band of magnitudes, each input's divided by the largest; 0 where all are."""
    largest = backend.reduce(band, "max", tuple(range(1, len(band.shape))), keepdims=True)
    return band / backend.clip(largest, _TINY, float("inf"))


def scale_errors(found: Attribution, ndim: int) -> np.ndarray | None:
    """Standard errors (N, level + 1) of the shares of the levels, by the delta method; None where
    the covariance of the sums over bands is not known."""
    if found.covariance is None:
        return None
    bands = flatten(found.coefficients)
    sums = np.stack([magnitude(band) for band in bands.values()], axis=-1)
    names = [list(level) for level in levels(found.coefficients, ndim)]
    of_level = np.repeat(np.eye(len(names)), [len(level) for level in names], axis=1)
    whole = sums.sum(axis=1)[:, np.newaxis, np.newaxis]
    shares = fractions(sums @ of_level.T)[..., np.newaxis]
    gradient = np.divide(
        of_level - shares, whole, out=np.zeros_like(shares * sums[:, np.newaxis]), where=whole > 0
    )
    variance = np.einsum("nla,nab,nlb->nl", gradient, found.covariance, gradient)
    return np.sqrt(np.maximum(variance, 0))


def until_stable(
    draw: Callable[[GradientProblem, GaussianNoise], Sampled],
    problem: GradientProblem,
    noise: GaussianNoise,
    until: Mapping[str, float] | None,
    rows: Callable[[Attribution], tuple[np.ndarray, np.ndarray | None]],
) -> Attribution:
    """Double the draws of noise until the explanation of each input meets a target, or
    `MOST_SAMPLES`. "standard_error" is the root mean square relative to that of the explanation,
    "rank_correlation" the one expected with as many other draws (Spearman-Brown from its two
    halves); `rows` gives the explanation that is meant (N, K), and its standard errors."""
    left, now, halves = np.arange(len(problem.x)), draw(problem, noise), None
    parts, places = [], []
    while True:
        found, count = now.attribution(), noise.nb_samples
        stands = np.full(len(left), until is None or 2 * count > MOST_SAMPLES)
        if until is not None:
            stands |= _stands(until, rows, found, halves)
        parts.append(found[stands])
        places.append(left[stands])
        if stands.all():
            return Attribution.joined(parts, places)
        going_on = np.flatnonzero(~stands)
        left, problem, now = left[going_on], problem.at(going_on), now.at(going_on)
        more = draw(problem, replace(noise, first=noise.first + count))
        halves, now = (now.attribution(), more.attribution()), now + more
        noise = replace(noise, nb_samples=2 * count)


def _stands(
    until: Mapping[str, float],
    rows: Callable[[Attribution], tuple[np.ndarray, np.ndarray | None]],
    found: Attribution,
    halves: tuple[Attribution, Attribution] | None,
) -> np.ndarray:
    """Which inputs meet a target."""
    values, errors = rows(found)
    stands = np.zeros(len(values), bool)
    if "standard_error" in until and errors is not None:
        error, size = (np.linalg.norm(v.astype(np.float64), axis=1) for v in (errors, values))
        stands |= error <= until["standard_error"] * size
    if "rank_correlation" in until and halves is not None:
        pairs = zip(*(rows(half)[0] for half in halves), strict=True)
        between = np.array([rank_correlation(*pair) for pair in pairs])
        stands |= 2 * between >= until["rank_correlation"] * (1 + between)
    return stands
