"""WAM-SG, SquareGrad, VarGrad: statistics of gradients over noisy inputs (the WAM paper's eq. 2).

Each is a mean, over the draws of noise, of values that are pulled back draw by draw (or a variance
of them); the spread of the values tells how sure the mean is.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass, replace

import numpy as np

from ..backends import Backend, Tensor
from ..coefficients import Coefficients, flatten, levels, magnitude, map_bands, unflatten
from ..indices import fractions
from .batching import first_to_stand
from .estimators import rank_correlations
from .gradients import Attribution, GradientProblem, of_wavelets, perturbed_gradients
from .perturbations import GaussianNoise

AVERAGES = ("magnitude", "gradient")

MOST_SAMPLES = 1024
_TINY = 1e-37  # what a maximum of 0 is replaced by, for a division

Rows = Callable[[Attribution], tuple[np.ndarray, np.ndarray | None]]


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
        mean, squares = (
            map_bands(lambda b: backend.rows(b, index), bands)
            for bands in (self.mean, self.squares)
        )
        return Moments(self.count, mean, squares)


@dataclass(frozen=True)
class Sampled:
    """A statistic of the gradients of some draws."""

    backend: Backend
    values: Moments  # of independent values, whose mean estimates the statistic
    totals: list[np.ndarray]  # (values, N, bands), their sums over bands, where they add up
    spread: Moments | None = None  # of the gradients, where their variance is the statistic

    def __add__(self, other: Sampled) -> Sampled:
        values, spread = self.values + other.values, _sum(self.spread, other.spread)
        return Sampled(self.backend, values, self.totals + other.totals, spread)

    def at(self, index: np.ndarray) -> Sampled:
        values = self.values.at(self.backend, index)
        spread = self.spread and self.spread.at(self.backend, index)
        totals = [sums[:, index] for sums in self.totals]
        return replace(self, values=values, totals=totals, spread=spread)

    def attribution(self) -> Attribution:
        """What it says of each coefficient."""
        statistic = self.spread.variance() if self.spread else self.values.mean
        coefficients = map_bands(self.backend.to_numpy, statistic)
        count = self.values.count
        draws = np.full(len(coefficients[0]), count)
        if count < 2:
            return Attribution(coefficients, draws=draws)
        spread = map_bands(self.backend.to_numpy, self.values.variance())
        error = map_bands(lambda v: np.sqrt(v / count), spread)
        covariance = None
        if self.totals:
            totals = np.concatenate(self.totals)
            deviations = totals - totals.mean(axis=0)
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
    """WAM-SG: mean gradient with respect to the coefficients of noisy inputs. `average` "gradient"
    is equation 2 as it is printed, "magnitude" the mean of its magnitudes; `normalize="band"`
    divides the magnitudes of each band of each draw by the largest of them."""

    def value(pulled: Coefficients) -> Coefficients:
        if average == "gradient":
            return _over_channels(problem, pulled)
        magnitudes = _over_channels(problem, map_bands(abs, pulled))
        return magnitudes if normalize is None else _on_wavelets(divided, magnitudes)

    def divided(band: Tensor) -> Tensor:
        backend, axes = problem.backend, range(2, len(band.shape))
        largest = backend.reduce(band, "max", axes, keepdims=True)
        return band / backend.clip(largest, _TINY, float("inf"))

    return _mean(problem.backend, map(value, _pulled(problem, noise)), average == "magnitude")


def square_grad(problem: GradientProblem, noise: GaussianNoise) -> Sampled:
    """Mean square of the gradient with respect to the coefficients of noisy inputs."""
    squares = (map_bands(lambda g: g * g, pulled) for pulled in _pulled(problem, noise))
    return _mean(problem.backend, (_over_channels(problem, values) for values in squares))


def var_grad(problem: GradientProblem, noise: GaussianNoise) -> Sampled:
    """Unbiased variance of the gradient with respect to the coefficients of noisy inputs, of which
    there are two at least."""
    # Half of the squared difference of two draws estimates it without bias, too: the spread of
    # these over disjoint pairs bounds the standard error of the variance from above.
    backend, spread = problem.backend, None

    def of_pairs() -> Iterator[Coefficients]:
        nonlocal spread
        rest = None
        for pulled in _pulled(problem, noise):
            spread = _sum(spread, Moments.of(backend, pulled))
            if rest is not None:
                pulled = map_bands(lambda *bands: backend.concat(bands, 0), rest, pulled)
            end = len(pulled[0]) // 2 * 2
            rest = map_bands(lambda b, end=end: b[end:], pulled) if end < len(pulled[0]) else None
            if end:
                halves = map_bands(lambda b, end=end: (b[:end:2] - b[1:end:2]) ** 2 / 2, pulled)
                yield _over_channels(problem, halves)

    return replace(_mean(backend, of_pairs()), spread=spread)


def _pulled(problem: GradientProblem, noise: GaussianNoise) -> Iterator[Coefficients]:
    """The gradients (draws, N, ...) with respect to the coefficients, in batches of draws."""

    def by_draw(band: Tensor) -> Tensor:
        return problem.backend.reshape(band, (-1, len(problem.x), *band.shape[1:]))

    for _, gradients in perturbed_gradients(problem, noise):
        yield map_bands(by_draw, problem.transform.pullback(*gradients))


def _mean(backend: Backend, batches: Iterable[Coefficients], additive: bool = True) -> Sampled:
    """The mean of values (draws, N, ...) that come in batches."""
    moments: Moments | None = None
    totals: list[np.ndarray] = []
    for values in batches:
        moments = _sum(moments, Moments.of(backend, values))
        if additive:
            bands = of_wavelets(values).values()
            sums = [backend.reduce(b, "sum", range(2, len(b.shape))) for b in bands]
            totals.append(np.stack([backend.to_numpy(s) for s in sums], axis=-1, dtype=np.float64))
    assert moments is not None
    return Sampled(backend, moments, totals)


def _over_channels(problem: GradientProblem, coefficients: Coefficients) -> Coefficients:
    """The coefficients with their channels brought to one, where that is linear."""
    if problem.over_channels is None:
        return coefficients
    return _on_wavelets(problem.over_channels, coefficients)


def _on_wavelets(function: Callable[[Tensor], Tensor], coefficients: Coefficients) -> Coefficients:
    """Apply `function` to each band, but not to what a front end made."""
    changed = {name: function(band) for name, band in of_wavelets(coefficients).items()}
    return unflatten({**flatten(coefficients), **changed})


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
    rows: Rows,
) -> Attribution:
    """Double the draws of noise until the explanation of each input meets a target, or
    `MOST_SAMPLES`. "standard_error" is the root mean square relative to that of the explanation,
    "rank_correlation" the one expected with as many other draws (Spearman-Brown from its two
    halves); `rows` gives the explanation that is meant (N, K), and its standard errors."""

    def rounds(
        problem: GradientProblem, noise: GaussianNoise
    ) -> Iterator[tuple[Attribution, np.ndarray]]:
        sampled, halves = draw(problem, noise), None
        while True:
            found, count = sampled.attribution(), noise.nb_samples
            if until is None or 2 * count > MOST_SAMPLES:
                stands = np.ones(len(found), bool)
            else:
                stands = _stands(until, rows, found, halves)
            yield found, stands
            left = np.flatnonzero(~stands)
            problem, sampled = problem.at(left), sampled.at(left)
            more = draw(problem, replace(noise, first=noise.first + count))
            halves, sampled = (sampled.attribution(), more.attribution()), sampled + more
            noise = replace(noise, nb_samples=2 * count)

    return first_to_stand(rounds(problem, noise), len(problem.x))


def _stands(
    until: Mapping[str, float],
    rows: Rows,
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
        one, other = (rows(half)[0] for half in halves)
        between = rank_correlations(one, other, constant=1)
        stands |= 2 * between >= until["rank_correlation"] * (1 + between)
    return stands
