"""Wavelet attribution from gradients: the WAM paper's equations 1 and 3.

Ref. Kasmi & al., One Wave To Explain Them All: A Unifying Perspective On Feature Attribution
(2025).

The inverse transform is linear, x = W⁻¹(z), so the gradient with respect to the coefficients is
the pull-back (W⁻¹)ᵀ ∂f/∂x of the gradient with respect to the input. A mean of gradients is
therefore taken in the input's domain and pulled back once for each input.

The inputs of a problem are in memory with all that is made of them: many are taken block by block.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import partial

import numpy as np

from ..backends import Backend, ScoreFunction, Tensor
from ..coefficients import Coefficients, Transform, flatten, map_bands, unflatten
from ..per_input import PerInput
from .batching import BatchSize, Progress, first_to_stand
from .perturbations import Perturbation, StraightPath, Unperturbed

MOST_STEPS = 1024
FRONT_END = "front end"

Gradients = tuple[Tensor, ...]


@dataclass(frozen=True)
class WithFrontEnd:
    """The wavelet transform of inputs, and what a front end makes of them as the last level."""

    transform: Transform
    front_end: Callable[[Tensor], Tensor]

    def forward(self, x: Tensor) -> Coefficients:
        return [*self.transform.forward(x), {FRONT_END: self.front_end(x)}]

    def pullback(self, of_input: Tensor, of_output: Tensor) -> Coefficients:
        """The gradients with respect to these, from those of the input and of the output."""
        return [*self.transform.pullback(of_input), {FRONT_END: of_output}]


def of_wavelets(coefficients: Coefficients) -> dict[str, Tensor]:
    """The bands by name, without what a front end made."""
    return {name: b for name, b in flatten(coefficients).items() if FRONT_END not in name}


@dataclass(frozen=True)
class GradientProblem:
    """
    What is explained, by gradients: the scores (N,) of inputs and targets, which have N first.

    `gradients(x, y)` are those of `scores(x, y)` with respect to x and to what a front end makes of
    it, if there is one. `batch_size` counts perturbed inputs, `progress` gradients. `over_channels`
    brings the channels of a band, among its last axes, to one that stays, where that is linear.
    """

    backend: Backend
    gradients: Callable[[Tensor, Tensor], Gradients]
    x: Tensor
    y: Tensor
    transform: Transform | WithFrontEnd
    batch_size: BatchSize = field(default_factory=lambda: BatchSize(None))
    progress: Progress = field(default_factory=Progress)
    scores: ScoreFunction | None = None
    over_channels: Callable[[Tensor], Tensor] | None = None

    def at(self, index: np.ndarray) -> GradientProblem:
        """The same of the inputs at `index`."""
        x, y = (self.backend.rows(values, index) for values in (self.x, self.y))
        return replace(self, x=x, y=y)


@dataclass(frozen=True)
class Attribution(PerInput):
    """
    The importance of each coefficient, as arrays, and what is known of it.

    Its standard errors, from as many independent values (N,) as there are `draws`; the `covariance`
    (N, bands, bands) of the sums of the importance over the bands, in the order of `flatten`; the
    relative error (N,) of an integral, `convergence_delta`.
    """

    coefficients: Coefficients
    standard_error: Coefficients | None = None
    covariance: np.ndarray | None = None
    draws: np.ndarray | None = None
    convergence_delta: np.ndarray | None = None

    def __len__(self) -> int:
        return len(self.coefficients[0])

    def changed(self, function: Callable[[Coefficients], Coefficients]) -> Attribution:
        """The same with the importance, and its errors, changed."""
        error = None if self.standard_error is None else function(self.standard_error)
        return replace(self, coefficients=function(self.coefficients), standard_error=error)

    def each_band(self, function: Callable[[np.ndarray], np.ndarray]) -> Attribution:
        """The same with the bands of importance, and of its errors, changed."""
        return self.changed(partial(map_bands, function))

    def scaled(self, factors: Mapping[str, float | np.ndarray]) -> Attribution:
        """The same with some bands, by name, times a factor or one for each input."""

        def times(bands: Coefficients) -> Coefficients:
            named = flatten(bands)
            for name, factor in factors.items():
                aside = np.reshape(factor, (-1, *[1] * (named[name].ndim - 1)))
                named[name] = (named[name] * aside).astype(named[name].dtype)
            return unflatten(named)

        covariance = self.covariance
        if covariance is not None:
            by_band = np.ones(covariance.shape[:2])
            for index, name in enumerate(flatten(self.coefficients)):
                by_band[:, index] = factors.get(name, 1.0)
            covariance = covariance * by_band[:, np.newaxis] * by_band[..., np.newaxis]
        return replace(self.changed(times), covariance=covariance)


def saliency(problem: GradientProblem) -> Coefficients:
    """Magnitude of the gradient with respect to the coefficients (eq. 1)."""
    return map_bands(abs, problem.transform.pullback(*mean_gradient(problem, Unperturbed())))


def gradient_input(problem: GradientProblem) -> Coefficients:
    """Gradient with respect to the coefficients, times the coefficients."""
    gradient = problem.transform.pullback(*mean_gradient(problem, Unperturbed()))
    return map_bands(lambda g, z: g * z, gradient, problem.transform.forward(problem.x))


def integrated_gradients(problem: GradientProblem, path: StraightPath) -> Coefficients:
    """WAM-IG: z − z₀ times the mean gradient on the path from z₀ to z (eq. 3)."""
    gradient = problem.transform.pullback(*mean_gradient(problem, path))
    z = problem.transform.forward(problem.x)
    z0 = problem.transform.forward(path.at(problem.x, 0))
    return map_bands(lambda g, z, z0: g * (z - z0), gradient, z, z0)


def expected_gradients(
    problem: GradientProblem, paths: Sequence[StraightPath], until: float | None = None
) -> Attribution:
    """The mean of the integrated gradients from several baselines, and how far they have converged.
    The steps of an input double until its delta is at most `until`, or would be more than
    `MOST_STEPS`."""
    backend = problem.backend

    def scores(x: Tensor) -> np.ndarray:
        assert problem.scores is not None
        found = problem.batch_size.apply(problem.scores, backend, x, problem.y)
        return backend.to_numpy(found).astype(np.float64)

    at_baselines = [scores(path.at(problem.x, 0)) for path in paths]
    added = scores(problem.x) - np.mean(at_baselines, axis=0)
    return first_to_stand(_integrals(problem, paths, added, until), len(added))


def _integrals(
    problem: GradientProblem, paths: Sequence[StraightPath], added: np.ndarray, until: float | None
) -> Iterator[tuple[Attribution, np.ndarray]]:
    """Expected gradients, whose sum shall be `added`, by ever more steps, and which may stand."""
    backend = problem.backend
    while True:
        coefficients = map_bands(
            lambda *bands: backend.to_numpy(sum(bands[1:], bands[0]) / len(bands)),
            *(integrated_gradients(problem, path) for path in paths),
        )
        bands = of_wavelets(coefficients).values()
        error = np.abs(sum(b.reshape(len(b), -1).sum(1, dtype=np.float64) for b in bands) - added)
        unknown = np.where(error == 0, 0, np.inf)
        deltas = np.divide(error, np.abs(added), out=unknown, where=added != 0)
        steps = 2 * paths[0].steps
        enough = np.inf if until is None or steps > MOST_STEPS else until
        stands = ~(deltas > enough)  # NaN, which more steps do not mend, too
        yield Attribution(coefficients, convergence_delta=deltas), stands
        left = np.flatnonzero(~stands)
        problem, added = problem.at(left), added[left]
        paths = [replace(path.at_inputs(backend, left), steps=steps) for path in paths]


def mean_gradient(problem: GradientProblem, perturbation: Perturbation) -> Gradients:
    """Weighted means of the gradients at the perturbed inputs."""
    width, weights = len(problem.x), perturbation.weights.tolist()
    totals: Gradients = ()
    for draws, gradients in perturbed_gradients(problem, perturbation):
        terms = [[g[i : i + width] for i in range(0, len(g), width)] for g in gradients]
        factors = weights[draws.start : draws.stop]
        if totals:
            terms = [[*parts, total] for parts, total in zip(terms, totals, strict=True)]
            factors.append(1.0)
        totals = tuple(problem.backend.weighted_sum(parts, factors) for parts in terms)
    return totals


def perturbed_gradients(
    problem: GradientProblem, perturbation: Perturbation
) -> Iterator[tuple[range, Gradients]]:
    """The gradients at the perturbed inputs, in batches of some draws of all inputs."""
    backend, size, count = problem.backend, problem.batch_size, len(problem.x)
    draws = len(perturbation.weights)
    problem.progress.expect(count * draws)
    together = max((size.most or count * draws) // count, 1)
    for start in range(0, draws, together):
        run = range(start, min(start + together, draws))
        perturbed = [perturbation(backend, problem.x, draw) for draw in run]
        gradients = size.apply(
            problem.gradients,
            backend,
            backend.concat(perturbed, 0),
            backend.concat([problem.y] * len(run), 0),
        )
        problem.progress.update(len(gradients[0]))
        yield run, gradients
