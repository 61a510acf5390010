"""Minimal images: the sparsest mask over the coefficients that keeps the score.

Ref. the WAM paper, section 4.2. Dozat, Incorporating Nesterov Momentum into Adam (2016). Platt &
Barr, Constrained Differential Optimization (1987). Stooke & al., Responsive Safety in Reinforcement
Learning by PID Lagrangian Methods (2020). Bengio & al., Estimating or Propagating Gradients Through
Stochastic Neurons for Conditional Computation (2013): the straight-through estimator.

With x = W⁻¹(m ⊙ z), the gradient of the score with respect to the mask is z ⊙ (W⁻¹)ᵀ ∂f/∂x.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass, field, replace
from typing import Any, NamedTuple

import numpy as np

from ..backends import Backend, Tensor
from ..coefficients import Coefficients, Transform, flatten, map_bands
from .batching import BatchSize, Progress

BETAS, EPSILON = (0.9, 0.999), 1e-8
WINDOW = 20  # steps over which the best mask must get better
INTEGRAL, PROPORTIONAL = 0.5, 2.0  # how log α answers to the score's excess: added up, and at once
SPREAD = 0.01  # the part of all gradients' magnitudes that a score's own is seen against
HASTE = 4.0  # how many times faster a score that falls short is answered than one too high
AIM = 0.005  # by how much of its scale the score is to stay above what is needed
MOST = 0.2  # answered at once: where a mask jumps to 0 the score does, α is not to follow
REACH = 16.0  # how far log α may go from where it starts: α beyond is one that nothing stops
# Slopes whose squares, and EPSILON beside them, float32 can tell; others are taken in a unit.
PLAIN = (1e-5, 1e9)
STEEP = 1e9  # a slope that leaves no float32 between 0 and 1


@dataclass(frozen=True)
class MinimalProblem:
    """What is minimised, and how."""

    backend: Backend
    scores_and_gradients: Callable[[Tensor, Tensor], tuple[Tensor, tuple[Tensor, ...]]]
    x: Tensor
    y: Tensor
    transform: Transform
    keep: float  # the share of the score that is kept, where `alpha` is None
    alpha: float | None  # weight of the mean of the mask; None finds it
    channel_axis: int | None  # of the channels that share a mask; None for one each
    learning_rate: float
    max_steps: int
    tolerance: float  # what `WINDOW` steps must gain at least, relative; 0 takes all steps
    batch_size: BatchSize = field(default_factory=lambda: BatchSize(None))
    progress: Progress = field(default_factory=Progress)
    start: int = 0  # the number of the first input, in messages
    gently: bool = False  # ask for all of the score at first, then for less


class Minimum(NamedTuple):
    """The best masks of N inputs, and how they were found over S steps."""

    mask: Coefficients  # in [0, 1]; channel axis of size 1 where channels share it
    images: np.ndarray  # the inverse transforms of the masked coefficients
    scores: np.ndarray  # (N, S + 1), before the first and after each step
    norms: np.ndarray  # (N, S + 1), means of the masks
    alphas: np.ndarray  # (N, S + 1), weights of these means
    best: np.ndarray  # the step (N,) after which the mask was the best
    steps: np.ndarray  # (N,) taken


def threshold(scores: np.ndarray, keep: float) -> np.ndarray:
    """The least scores that keep a share of `scores`: they lose 1 − keep of their magnitude."""
    return scores - (1 - keep) * np.abs(scores).astype(np.float64)


def minimize(problem: MinimalProblem) -> Minimum:
    """Find masks m of K coefficients from all ones down, by Nadam. With `alpha`, −f(W⁻¹(m ⊙ z)) + α
    ‖m‖₁ / K is minimised, m in [0, 1]. Without, ‖m‖₁ / K, m in {0, 1}, under the constraint that f
    is at least `threshold`: α, the inverse of its multiplier, rises while the score is more than
    needed. What Nadam moves is continuous then, and the mask, 1 from a half on, passes its gradient
    straight through: a continuous one would keep the score by faint remains."""
    found = _minimize(problem)
    lost = np.flatnonzero(found.best == 0)
    if problem.keep < 1 and problem.alpha is None and len(lost):
        # A mask may have gone at once, with all of the score, and not have come back.
        x, y = (problem.backend.rows(of, lost) for of in (problem.x, problem.y))
        again = _minimize(replace(problem, x=x, y=y, gently=True))

        def put(all_inputs: np.ndarray, some: np.ndarray) -> None:
            all_inputs[lost] = some

        map_bands(put, found.mask, again.mask)
        for pair in zip(found[1:], again[1:], strict=True):
            put(*pair)
    return found


def _minimize(problem: MinimalProblem) -> Minimum:
    backend, transform, x = problem.backend, problem.transform, problem.x
    shape, axis, most = tuple(x.shape), problem.channel_axis, problem.max_steps
    problem.progress.expect(len(x) * most)
    z = transform.forward(x)

    def ones(band: Tensor) -> Tensor:
        return (band if axis is None else backend.slice(band, axis, slice(0, 1, 1))) * 0 + 1

    best = seen = mask = map_bands(ones, z)
    moments = [map_bands(lambda band: band * 0, mask)] * 2
    features = sum(math.prod(band.shape[1:]) for band in flatten(mask).values())
    search, masked, norm = _Search(problem, len(x), features), x, np.ones(len(x))
    size = math.prod(shape) * most  # all steps gain by what is compiled once

    def scored(x: Tensor, y: Tensor) -> tuple[Tensor, Tensor]:
        scores, gradients = problem.scores_and_gradients(x, y)
        return scores, gradients[0]

    for step in range(most + 1):
        values, gradient = problem.batch_size.apply(scored, backend, masked, problem.y)
        scores = _finite(backend.to_numpy(values), problem.start, step)
        pulls = backend.run(_pulls, (gradient, z), transform, axis, size=size)
        if step == 0:
            sums = sum(backend.sums(abs(band)) for band in flatten(pulls).values())
            search.start(scores, backend.to_numpy(sums))
        best = _chosen(backend, search.note(scores, norm), seen, best)
        done = search.finish()
        problem.progress.update(int(search.active.sum()) + int(done.sum()) * (most - step))
        if not search.active.any():
            break
        rates = backend.asarray(search.rates(), like=x)
        mask, *moments, seen, sums, masked = backend.run(
            _stepped,
            (pulls, z, mask, *moments, rates),
            transform,
            shape,
            problem.alpha is None,
            size=size,
        )
        norm = backend.to_numpy(sums) / features
    images = transform.inverse(map_bands(lambda m, z: m * z, best, z), shape)
    left = ((0, 0), (0, most - step))
    curves = (np.pad(np.stack(curve, axis=1), left, mode="edge") for curve in search.curves)
    mask = map_bands(backend.to_numpy, best)
    found: Any = (mask, backend.to_numpy(images), *curves, search.best, search.steps)
    return Minimum(*found)


class _Search:
    """How far each input is: its curves, the weight of its mask, its best step and its end."""

    def __init__(self, problem: MinimalProblem, count: int, features: int):
        self.problem, self.features = problem, features
        self.step = -1
        self.curves: list[list[np.ndarray]] = [[], [], []]  # of scores, norms and weights
        self.lowest = [np.full(count, np.inf)]
        self.active = np.ones(count, bool)
        self.best, self.steps = np.zeros((2, count), int)

    def start(self, scores: np.ndarray, pulls: np.ndarray) -> None:
        """Take the scores (N,) to keep, and the sums of all gradients' magnitudes, α's scale."""
        self.original, self.needed = scores, threshold(scores, self.problem.keep)
        self.scale = np.abs(scores) + SPREAD * pulls + EPSILON
        self.first = self.log_alpha = np.log(pulls + EPSILON)
        weight = np.maximum(np.asarray(pulls, np.float64), self.problem.alpha or 0) + EPSILON
        typical = weight / self.features
        extreme = (typical < PLAIN[0]) | (typical > PLAIN[1])
        self.unit = np.exp2(np.where(extreme, np.round(np.log2(typical)), 0))

    def note(self, scores: np.ndarray, norms: np.ndarray) -> np.ndarray:
        """Add the scores and means (N,) of the masks; tell where they are the best so far."""
        self.step += 1
        self.last = scores, norms, self._weigh(scores)
        for curve, new in zip(self.curves, self.last, strict=True):
            curve.append(new)
        values = self._values(*self.last)
        better = self.active & (values < self.lowest[-1])
        self.best = np.where(better, self.step, self.best)
        self.lowest.append(np.where(better, values, self.lowest[-1]))
        self.distance = values - self.lowest[-1]
        return better

    def finish(self) -> np.ndarray:
        """Tell which inputs (N,) take no further step; count those that do."""
        done = self.active & (self._settled() | (self.step == self.problem.max_steps))
        self.active = self.active & ~done
        self.steps = self.steps + self.active
        return done

    def rates(self) -> np.ndarray:
        """What the next step multiplies, (N, 5): α / K, the mean, gradient, mean square, pulls."""
        step, (beta1, beta2) = self.step, BETAS
        rate = self.problem.learning_rate * self.active
        if self.problem.alpha is None:  # down to 0 with the last step, so that the mask rests
            rate = rate * (1 + math.cos(math.pi * step / self.problem.max_steps)) / 2
        mean = beta1 / (1 - beta1 ** (step + 2))
        gradient = (1 - beta1) / (1 - beta1 ** (step + 1))
        square = np.full(len(rate), 1 / (1 - beta2 ** (step + 1)))
        penalty = self.last[2] * np.exp(PROPORTIONAL * self.excess) / self.features
        columns = [penalty / self.unit, rate * mean, rate * gradient, square, 1 / self.unit]
        return np.stack(columns, axis=1)

    def _weigh(self, scores: np.ndarray) -> np.ndarray:
        """The weights (N,) of the masks' means: one step of dual ascent where they are sought."""
        problem, self.excess = self.problem, np.zeros(len(scores))
        if problem.alpha is not None:
            return np.full(len(scores), problem.alpha)
        way = max(0.0, 1 - 2 * self.step / problem.max_steps) if problem.gently else 0.0
        needed = self.needed + way * np.maximum(self.original - self.needed, 0)
        excess = (scores - needed) / self.scale - AIM
        self.excess = np.clip(np.where(excess < 0, HASTE * excess, excess), -MOST, MOST)
        log_alpha = self.log_alpha + INTEGRAL * self.excess
        self.log_alpha = np.clip(log_alpha, self.first - REACH, self.first + REACH)
        return np.exp(self.log_alpha)

    def _values(self, scores: np.ndarray, norms: np.ndarray, alpha: np.ndarray) -> np.ndarray:
        """What is minimised (N,); masks that keep too little of the score come after all others."""
        if self.problem.alpha is not None:
            return alpha * norms - scores
        short = np.maximum(self.needed - scores, 0)
        return np.where(short > 0, 2 + short / self.scale, norms)

    def _settled(self) -> np.ndarray:
        """Which best objectives (N,) hardly became better in `WINDOW` steps, and are reached."""
        if self.step < WINDOW or not self.problem.tolerance:
            return np.zeros(len(self.active), bool)
        size = np.abs(self.lowest[-1])
        if self.problem.alpha is not None:
            scores, norms, alphas = self.last
            size = np.abs(scores) + alphas * norms
        allowed = self.problem.tolerance * size
        gained = self.lowest[-1 - WINDOW] - self.lowest[-1]
        return (gained <= allowed) & (self.distance <= allowed)


def _pulls(
    backend: Backend, tensors: Any, transform: Transform, channel_axis: int | None
) -> Coefficients:
    """The gradients of the scores with respect to the masks."""
    gradient, z = tensors

    def pulled(g: Tensor, z: Tensor) -> Tensor:
        if channel_axis is None:
            return g * z
        channels = range(z.shape[channel_axis])
        return sum(backend.slice(g * z, channel_axis, slice(c, c + 1, 1)) for c in channels)

    return map_bands(pulled, transform.pullback(gradient), z)


def _stepped(
    backend: Backend,
    tensors: Any,
    transform: Transform,
    shape: tuple[int, ...],
    hard: bool,
) -> tuple[Any, ...]:
    """One step of Nadam, then back into [0, 1], and what the model sees: 0 or 1 where `hard`."""
    pulls, z, mask, first, second, rates = tensors
    beta1, beta2 = BETAS

    def of(number: int, band: Tensor) -> Tensor:
        return rates[(slice(None), number, *(None,) * (len(band.shape) - 1))]

    slopes = map_bands(lambda pull: of(0, pull) - of(4, pull) * pull, pulls)
    first = map_bands(lambda m, s: beta1 * m + (1 - beta1) * s, first, slopes)
    second = map_bands(lambda v, s: beta2 * v + (1 - beta2) * s * s, second, slopes)

    def moved(m: Tensor, mean: Tensor, square: Tensor, slope: Tensor) -> Tensor:
        step = (of(1, m) * mean + of(2, m) * slope) / ((of(3, m) * square) ** 0.5 + EPSILON)
        return backend.clip(m - step, 0, 1)

    mask = map_bands(moved, mask, first, second, slopes)
    seen = map_bands(lambda m: backend.clip(STEEP * (m - 0.5) + 1, 0, 1), mask) if hard else mask
    sums = sum(backend.sums(band) for band in flatten(seen).values())
    masked = transform.inverse(map_bands(lambda m, z: m * z, seen, z), shape)
    return mask, first, second, seen, sums, masked


def _chosen(
    backend: Backend, better: np.ndarray, mask: Coefficients, best: Coefficients
) -> Coefficients:
    """The masks where they are better, the best ones elsewhere."""
    if not better.any():
        return best
    taken = backend.asarray(better.astype(np.float32), like=mask[0])

    def chosen(new: Tensor, old: Tensor) -> Tensor:
        here = taken[(..., *(None,) * (len(new.shape) - 1))]
        return here * new + (1 - here) * old

    return map_bands(chosen, mask, best)


def _finite(scores: np.ndarray, start: int, step: int) -> np.ndarray:
    if not np.isfinite(scores).all():
        bad = (start + np.flatnonzero(~np.isfinite(scores))).tolist()
        raise ValueError(
            f"The model gives NaN or infinite scores for the masked inputs {bad} at step {step}."
        )
    return scores
