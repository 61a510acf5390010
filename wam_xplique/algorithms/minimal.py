"""
Minimal images: the sparsest mask over the coefficients that keeps the score.

Ref. Kasmi & al., One Wave To Explain Them All: A Unifying Perspective On Feature Attribution
(2025), section 4.2. Dozat, Incorporating Nesterov Momentum into Adam (2016).

With x = W⁻¹(m ⊙ z), the gradient of the score with respect to the mask is z ⊙ (W⁻¹)ᵀ ∂f/∂x.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any, NamedTuple

import numpy as np
from tqdm.auto import tqdm

from ..backends import Backend, ScoreFunction, Tensor
from ..coefficients import Coefficients, WaveletTransform, flatten, map_bands

BETAS, EPSILON = (0.9, 0.999), 1e-8
WINDOW = 20
"""Steps over which the objective must get better."""


@dataclass(frozen=True)
class MinimalProblem:
    """
    What is minimised, and how.

    Parameters
    ----------
    backend
        Backend of all tensors.
    scored_gradients
        ``scored_gradients(x, y)``, (N, 1 + P): the score, and then its gradient, flat.
    x
        Inputs, N first.
    y
        Targets, one for each input.
    transform
        Wavelet transform of the inputs.
    alpha
        Weight of the mean of the mask.
    learning_rate
        Step size of Nadam.
    max_steps
        Most steps.
    tolerance
        An input is done when `WINDOW` steps better its objective by no more than this part of the
        score's and the penalty's magnitudes.
    batch_size
        Most inputs at once; None for all.
    verbose
        Whether to show the progress.
    """

    backend: Backend
    scored_gradients: ScoreFunction
    x: Tensor
    y: Tensor
    transform: WaveletTransform
    alpha: float
    learning_rate: float
    max_steps: int
    tolerance: float
    batch_size: int | None = None
    verbose: bool = False


class Minimum(NamedTuple):
    """
    Masks, and how they were found.

    Parameters
    ----------
    mask
        Arrays of the shapes of the coefficients, in [0, 1].
    images
        The inverse transforms of the masked coefficients, an array of the shape of x.
    scores
        The scores (N, S + 1) of the masked inputs, before the first and after each step. An input
        that is done keeps its last one.
    norms
        The means (N, S + 1) of the masks.
    steps
        Steps (N,) taken.
    """

    mask: Coefficients
    images: np.ndarray
    scores: np.ndarray
    norms: np.ndarray
    steps: np.ndarray


def minimize(problem: MinimalProblem) -> Minimum:
    """
    Minimise −f(W⁻¹(m ⊙ z)) + α ‖m‖₁ / K over masks m in [0, 1] of K coefficients, from all ones.

    Each input has its own mask and its own end: none depends on what it is batched with.

    Raises
    ------
    ValueError
        If a score is NaN or infinite.
    """
    count, found = len(problem.x), []
    size = problem.batch_size or count
    total = count * problem.max_steps
    with tqdm(total=total, unit="step", disable=not problem.verbose) as progress:
        for start in range(0, count, size):
            found.append(_minimize_block(problem, slice(start, start + size), progress))
    longest = max(block.scores.shape[1] for block in found)

    def joined(name: str) -> np.ndarray:
        curves = (getattr(block, name) for block in found)
        return np.concatenate(
            [np.pad(c, ((0, 0), (0, longest - c.shape[1])), mode="edge") for c in curves]
        )

    return Minimum(
        map_bands(lambda *bands: np.concatenate(bands), *(block.mask for block in found)),
        np.concatenate([block.images for block in found]),
        joined("scores"),
        joined("norms"),
        np.concatenate([block.steps for block in found]),
    )


def _minimize_block(problem: MinimalProblem, block: slice, progress: tqdm) -> Minimum:
    backend, x, y = problem.backend, problem.x[block], problem.y[block]
    z = problem.transform.forward(x)
    mask = map_bands(lambda band: band * 0 + 1, z)
    moments = [map_bands(lambda band: band * 0, z)] * 2
    features = sum(math.prod(band.shape[1:]) for band in flatten(z).values())
    active, steps = np.ones(len(x), bool), np.zeros(len(x), int)
    size = math.prod(x.shape) * problem.max_steps  # all steps gain by what is compiled once
    masked, norm = x, np.ones(len(x))
    scores: list[np.ndarray] = []
    norms: list[np.ndarray] = []
    for step in range(problem.max_steps + 1):
        scored = problem.scored_gradients(masked, y)
        scores.append(_finite(backend.to_numpy(scored[:, 0]), block.start, step))
        norms.append(norm)
        done = active & (_is_flat(problem, scores, norms) | (step == problem.max_steps))
        active &= ~done
        progress.update(int(active.sum()) + int(done.sum()) * (problem.max_steps - step))
        if not active.any():
            break
        numbers = backend.asarray(np.array(_rates(problem, step, features), np.float32), like=x)
        moving = backend.asarray(active.astype(np.float32), like=x)
        gradient = backend.reshape(scored[:, 1:], tuple(x.shape))
        tensors = (gradient, z, mask, *moments, moving, numbers)
        mask, *moments, sums, masked = backend.run(
            _stepped, tensors, problem.transform, tuple(x.shape), size=size
        )
        norm = backend.to_numpy(sums) / features
        steps += active
    return Minimum(
        map_bands(backend.to_numpy, mask),
        backend.to_numpy(masked),
        np.stack(scores, axis=1),
        np.stack(norms, axis=1),
        steps,
    )


def _rates(problem: MinimalProblem, step: int, features: int) -> tuple[float, ...]:
    """What a step multiplies: the penalty's gradient, the mean, the gradient, the mean square."""
    beta1, beta2 = BETAS
    mean = beta1 / (1 - beta1 ** (step + 2))
    gradient = (1 - beta1) / (1 - beta1 ** (step + 1))
    square = 1 / (1 - beta2 ** (step + 1))
    return problem.alpha / features, *(problem.learning_rate * f for f in (mean, gradient)), square


def _stepped(
    backend: Backend, tensors: Any, transform: WaveletTransform, shape: tuple[int, ...]
) -> tuple[Any, ...]:
    """One step of Nadam for the inputs that move, then back into [0, 1]."""
    gradient, z, mask, first, second, moving, rates = tensors
    penalty, of_mean, of_gradient, of_square = (rates[i] for i in range(4))
    beta1, beta2 = BETAS
    slopes = map_bands(lambda g, z: penalty - g * z, transform.pullback(gradient), z)
    first = map_bands(lambda m, s: beta1 * m + (1 - beta1) * s, first, slopes)
    second = map_bands(lambda v, s: beta2 * v + (1 - beta2) * s * s, second, slopes)

    def moved(m: Tensor, mean: Tensor, square: Tensor, slope: Tensor) -> Tensor:
        here = backend.reshape(moving, (-1, *(1,) * (len(m.shape) - 1)))
        step = (of_mean * mean + of_gradient * slope) / ((of_square * square) ** 0.5 + EPSILON)
        return backend.clip(m - here * step, 0, 1)

    mask = map_bands(moved, mask, first, second, slopes)
    sums = sum(backend.sums(band) for band in flatten(mask).values())
    masked = transform.inverse(map_bands(lambda m, z: m * z, mask, z), shape)
    return mask, first, second, sums, masked


def _is_flat(
    problem: MinimalProblem, scores: list[np.ndarray], norms: list[np.ndarray]
) -> np.ndarray:
    """Which objectives (N,) hardly became better within the last `WINDOW` steps."""
    if len(scores) <= WINDOW:
        return np.zeros(len(scores[0]), bool)
    penalties = [problem.alpha * norms[step] for step in (-1 - WINDOW, -1)]
    before, after = (p - scores[step] for p, step in zip(penalties, (-1 - WINDOW, -1), strict=True))
    return before - after <= problem.tolerance * (np.abs(scores[-1]) + penalties[1])


def _finite(scores: np.ndarray, start: int, step: int) -> np.ndarray:
    if not np.isfinite(scores).all():
        bad = (start + np.flatnonzero(~np.isfinite(scores))).tolist()
        raise ValueError(
            f"The model gives NaN or infinite scores for the masked inputs {bad} at step {step}."
        )
    return scores
