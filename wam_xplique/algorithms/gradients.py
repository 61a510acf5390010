"""
Wavelet attribution from gradients: the WAM paper's equations 1 to 3, and statistics like them.

Ref. Kasmi & al., One Wave To Explain Them All: A Unifying Perspective On Feature Attribution
(2025).

The inverse transform is linear, x = W⁻¹(z), so the gradient with respect to the coefficients is
the pull-back (W⁻¹)ᵀ ∂f/∂x of the gradient with respect to the input. A mean of gradients is
therefore taken in the input's domain and pulled back once for each input; a statistic that is not
linear in the gradient (a square, a variance) pulls back every gradient.
"""

from __future__ import annotations

import functools
from collections.abc import Iterator
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
from tqdm.auto import tqdm

from ..backends import Backend, ScoreFunction, Tensor
from ..coefficients import Coefficients, WaveletTransform, map_bands
from .perturbations import GaussianNoise, Perturbation, StraightPath, Unperturbed, batches


@dataclass(frozen=True)
class GradientProblem:
    """
    What is explained, by gradients.

    Parameters
    ----------
    backend
        Backend of all tensors.
    gradients
        ``gradients(x, y)``: the gradient of the scores with respect to x.
    x
        Inputs, N first.
    y
        Targets, one for each input.
    transform
        Wavelet transform of the inputs.
    batch_size
        Most perturbed inputs at once; None for all.
    verbose
        Whether to show the progress.
    """

    backend: Backend
    gradients: ScoreFunction
    x: Tensor
    y: Tensor
    transform: WaveletTransform
    batch_size: int | None = None
    verbose: bool = False


class GradientBatch(NamedTuple):
    """Gradients at perturbed inputs: the inputs they belong to, and the draws they are at."""

    gradients: Tensor
    samples: np.ndarray
    draws: np.ndarray


def saliency(problem: GradientProblem) -> Coefficients:
    """Magnitude of the gradient with respect to the coefficients (eq. 1)."""
    return map_bands(abs, problem.transform.pullback(mean_gradient(problem, Unperturbed())))


def gradient_input(problem: GradientProblem) -> Coefficients:
    """Gradient with respect to the coefficients, times the coefficients."""
    gradient = problem.transform.pullback(mean_gradient(problem, Unperturbed()))
    return map_bands(lambda g, z: g * z, gradient, problem.transform.forward(problem.x))


def smooth_grad(problem: GradientProblem, noise: GaussianNoise) -> Coefficients:
    """WAM-SG: mean gradient with respect to the coefficients of noisy inputs (eq. 2)."""
    return problem.transform.pullback(mean_gradient(problem, noise))


def square_grad(problem: GradientProblem, noise: GaussianNoise) -> Coefficients:
    """Mean square of the gradient with respect to the coefficients of noisy inputs."""
    mean, deviations = gradient_moments(problem, noise)
    return map_bands(lambda m, d: m * m + d / noise.nb_samples, mean, deviations)


def var_grad(problem: GradientProblem, noise: GaussianNoise) -> Coefficients:
    """Unbiased variance of the gradient with respect to the coefficients of noisy inputs."""
    _, deviations = gradient_moments(problem, noise)
    return map_bands(lambda d: d / (noise.nb_samples - 1), deviations)


def integrated_gradients(problem: GradientProblem, path: StraightPath) -> Coefficients:
    """WAM-IG: z − z₀ times the mean gradient on the path from z₀ to z (eq. 3)."""
    gradient = problem.transform.pullback(mean_gradient(problem, path))
    difference = problem.transform.forward(problem.x - path.baseline_value)
    return map_bands(lambda g, z: g * z, gradient, difference)


def mean_gradient(problem: GradientProblem, perturbation: Perturbation) -> Tensor:
    """
    Weighted mean of the gradients at the perturbed inputs.

    Returns
    -------
    gradient
        Mean gradient with respect to the input, of the inputs' shape.
    """
    backend, weights, means = problem.backend, perturbation.weights, []
    for width, batches_of_block in _gradient_batches(problem, perturbation):
        total = None
        for gradients, samples, draws in batches_of_block:
            weighted = gradients * _column(backend, weights[draws], gradients)
            part = backend.segment_sum(weighted, samples, width)
            total = part if total is None else total + part
        means.append(total)
    return backend.concat(means, 0)


def gradient_moments(
    problem: GradientProblem, perturbation: Perturbation
) -> tuple[Coefficients, Coefficients]:
    """
    Mean, and sum of squared deviations from it, of the gradients at the perturbed inputs.

    Ref. Chan & al., Algorithms for computing the sample variance (1983): batches are merged by
    their means and deviations, which loses no digits where the variance is small.

    Returns
    -------
    mean
        Mean gradient with respect to the coefficients.
    deviations
        Sum over the perturbed inputs of its squared deviation.
    """
    backend, moments = problem.backend, []
    for width, batches_of_block in _gradient_batches(problem, perturbation):
        parts = (
            _Moments.of(backend, problem.transform.pullback(gradients), samples, width)
            for gradients, samples, _ in batches_of_block
        )
        moments.append(functools.reduce(lambda a, b: a.merge(backend, b), parts))
    mean = map_bands(lambda *b: backend.concat(b, 0), *(m.mean for m in moments))
    return mean, map_bands(lambda *b: backend.concat(b, 0), *(m.deviations for m in moments))


@dataclass(frozen=True)
class _Moments:
    counts: np.ndarray
    mean: Coefficients
    deviations: Coefficients

    @classmethod
    def of(
        cls, backend: Backend, values: Coefficients, samples: np.ndarray, width: int
    ) -> _Moments:
        counts = np.bincount(samples, minlength=width)
        inverse = 1 / np.maximum(counts, 1)

        def mean(band: Tensor) -> Tensor:
            return backend.segment_sum(band, samples, width) * _column(backend, inverse, band)

        def deviations(band: Tensor, center: Tensor) -> Tensor:
            squares = (band - backend.take(center, samples)) ** 2
            return backend.segment_sum(squares, samples, width)

        means = map_bands(mean, values)
        return cls(counts, means, map_bands(deviations, values, means))

    def merge(self, backend: Backend, other: _Moments) -> _Moments:
        counts = self.counts + other.counts
        share = other.counts / np.maximum(counts, 1)

        def mean(a: Tensor, b: Tensor) -> Tensor:
            return a + (b - a) * _column(backend, share, a)

        def deviations(d: Tensor, e: Tensor, a: Tensor, b: Tensor) -> Tensor:
            return d + e + (b - a) ** 2 * _column(backend, self.counts * share, a)

        return _Moments(
            counts,
            map_bands(mean, self.mean, other.mean),
            map_bands(deviations, self.deviations, other.deviations, self.mean, other.mean),
        )


def _column(backend: Backend, values: np.ndarray, like: Tensor) -> Tensor:
    return backend.asarray(values.reshape(-1, *[1] * (len(like.shape) - 1)), like=like)


def _gradient_batches(
    problem: GradientProblem, perturbation: Perturbation
) -> Iterator[tuple[int, Iterator[GradientBatch]]]:
    """For each block of inputs: how many they are, and the gradients around them, in batches."""
    backend, draws = problem.backend, len(perturbation.weights)
    total = len(problem.x) * draws
    with tqdm(total=total, unit="grad", disable=not problem.verbose) as progress:
        for block, pairs in batches(len(problem.x), draws, problem.batch_size):
            x, y = problem.x[block], problem.y[block]

            def gradients(
                x: Tensor = x, y: Tensor = y, pairs: list = pairs
            ) -> Iterator[GradientBatch]:
                for samples, numbers in pairs:
                    perturbed = perturbation(backend, x, samples, numbers)
                    gradient = problem.gradients(perturbed, backend.take(y, samples))
                    progress.update(len(samples))
                    yield GradientBatch(gradient, samples, numbers)

            yield len(x), gradients()
