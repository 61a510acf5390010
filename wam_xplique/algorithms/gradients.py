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

from collections.abc import Iterable, Iterator
from dataclasses import dataclass

from tqdm.auto import tqdm

from ..backends import Backend, ScoreFunction, Tensor
from ..coefficients import Coefficients, WaveletTransform, map_bands
from .front_end import WithFrontEnd
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
        ``gradients(x, y)``: the gradient of the scores with respect to x; with a front end, what
        its transform pulls back.
    x
        Inputs, N first.
    y
        Targets, one for each input.
    transform
        Wavelet transform of the inputs, perhaps beside a front end.
    batch_size
        Most perturbed inputs at once; None for all.
    verbose
        Whether to show the progress.
    """

    backend: Backend
    gradients: ScoreFunction
    x: Tensor
    y: Tensor
    transform: WaveletTransform | WithFrontEnd
    batch_size: int | None = None
    verbose: bool = False


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
    mean, variance = gradient_moments(problem, noise)
    return map_bands(lambda m, v: m * m + v, mean, variance)


def var_grad(problem: GradientProblem, noise: GaussianNoise) -> Coefficients:
    """Unbiased variance of the gradient with respect to the coefficients of noisy inputs."""
    _, variance = gradient_moments(problem, noise)
    return map_bands(lambda v: v * (noise.nb_samples / (noise.nb_samples - 1)), variance)


def integrated_gradients(problem: GradientProblem, path: StraightPath) -> Coefficients:
    """WAM-IG: z − z₀ times the mean gradient on the path from z₀ to z (eq. 3)."""
    gradient = problem.transform.pullback(mean_gradient(problem, path))
    z = problem.transform.forward(problem.x)
    z0 = problem.transform.forward(path(problem.backend, problem.x, 0))
    return map_bands(lambda g, z, z0: g * (z - z0), gradient, z, z0)


def mean_gradient(problem: GradientProblem, perturbation: Perturbation) -> Tensor:
    """
    Weighted mean of the gradients at the perturbed inputs.

    Returns
    -------
    gradient
        Mean gradient with respect to the input, of the inputs' shape.
    """
    backend, means = problem.backend, []
    weight_of = perturbation.weights.tolist()
    for width, batches_of_block in _gradients(problem, perturbation):
        total: list[Tensor] = []
        for draws, gradients in batches_of_block:
            parts = [gradients[i : i + width] for i in range(0, len(gradients), width)]
            weights = [weight_of[draw] for draw in draws]
            total = [backend.weighted_sum(parts + total, weights + [1.0] * len(total))]
        means += total
    return backend.concat(means, 0)


def gradient_moments(
    problem: GradientProblem, perturbation: Perturbation
) -> tuple[Coefficients, Coefficients]:
    """
    Mean and (biased) variance of the gradients at the perturbed inputs, all of equal weight.

    Returns
    -------
    mean
        Mean gradient with respect to the coefficients.
    variance
        Its variance over the perturbed inputs.
    """
    moments = []
    for width, batches_of_block in _gradients(problem, perturbation):
        pulled = (problem.transform.pullback(gradients) for _, gradients in batches_of_block)
        moments.append(_moments(part for batch in pulled for part in _split(batch, width)))
    mean, variance = (
        map_bands(lambda *bands: problem.backend.concat(bands, 0), *blocks)
        for blocks in zip(*moments, strict=True)
    )
    return mean, variance


def _moments(values: Iterable[Coefficients]) -> tuple[Coefficients, Coefficients]:
    """
    Mean and variance of coefficients that come one after the other.

    Ref. Welford, Note on a method for calculating corrected sums of squares and products (1962):
    no digits are lost where the variance is small.
    """
    values = iter(values)
    mean = next(values)
    deviations, count = map_bands(lambda m: m - m, mean), 1
    for count, value in enumerate(values, start=2):
        shift = map_bands(lambda v, m: v - m, value, mean)
        mean = map_bands(lambda m, s, n=count: m + s / n, mean, shift)
        deviations = map_bands(lambda d, s, v, m: d + s * (v - m), deviations, shift, value, mean)
    return mean, map_bands(lambda d: d / count, deviations)


def _split(coefficients: Coefficients, width: int) -> Iterator[Coefficients]:
    for start in range(0, len(coefficients[0]), width):
        yield map_bands(lambda band, start=start: band[start : start + width], coefficients)


def _gradients(
    problem: GradientProblem, perturbation: Perturbation
) -> Iterator[tuple[int, Iterator[tuple[range, Tensor]]]]:
    """
    For each block of inputs: how many they are, and the gradients around them in batches.

    The gradients of a batch come draw by draw, all inputs of the block for each.
    """
    draws = len(perturbation.weights)
    with tqdm(total=len(problem.x) * draws, unit="grad", disable=not problem.verbose) as progress:
        for block, runs in batches(len(problem.x), draws, problem.batch_size):
            x, y = problem.x[block], problem.y[block]
            yield len(x), _gradients_of_block(problem, perturbation, x, y, runs, progress)


def _gradients_of_block(
    problem: GradientProblem,
    perturbation: Perturbation,
    x: Tensor,
    y: Tensor,
    runs: list[range],
    progress: tqdm,
) -> Iterator[tuple[range, Tensor]]:
    backend = problem.backend
    for draws in runs:
        perturbed = [perturbation(backend, x, draw) for draw in draws]
        gradients = problem.gradients(
            backend.concat(perturbed, 0), backend.concat([y] * len(draws), 0)
        )
        progress.update(len(gradients))
        yield draws, gradients
