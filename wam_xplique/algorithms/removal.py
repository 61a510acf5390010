"""
How faithful an explanation is: the scores of inputs whose coefficients are removed or inserted.

Ref. Kasmi & al., One Wave To Explain Them All: A Unifying Perspective On Feature Attribution
(2025), equations 4 to 10. Petsiuk & al., RISE: Randomized Input Sampling for Explanation of
Black-box Models (2018). Bhatt & al., Evaluating and Aggregating Feature-based Model Explanations
(2020).

The features are cells of coefficients, single ones most often. A feature that is removed has the
baseline's coefficients.
"""

from __future__ import annotations

import itertools
import math
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np
import scipy.stats

from ..backends import Backend, Tensor
from ..coefficients import Coefficients, flatten, map_bands, unflatten
from .cells import HELD, count_cells
from .estimators import RESOLUTION
from .masking import MaskedScorer, MaskingProblem, Transform, deviations

Kept = Callable[[np.ndarray, np.ndarray], np.ndarray]
"""``kept(samples, draws)``: which features (B, K) each of B perturbed inputs keeps."""


def single_cells(shapes: Coefficients, include_approximation: bool) -> Coefficients:
    """A cell for each coefficient; the approximation has the last numbers, or is held."""
    if len(shapes) == 1 and not include_approximation:
        raise ValueError(
            "level=0 leaves nothing to remove while the approximation is held; give a higher "
            "level, or include_approximation=True."
        )
    start = 0

    def numbered(shape: tuple[int, ...]) -> np.ndarray:
        nonlocal start
        start += math.prod(shape)
        return np.arange(start - math.prod(shape), start).reshape(shape)

    details = [{key: numbered(shape) for key, shape in level.items()} for level in shapes[1:]]
    if include_approximation:
        return [numbered(shapes[0]), *details]
    return [np.full(shapes[0], HELD), *details]


def ranks(importance: np.ndarray, seed: int) -> np.ndarray:
    """The place (N, K) of each feature in the order of importance (N, K), 0 for the largest. Equals
    come in an order drawn once: neither their position nor the other inputs decide."""
    drawn = np.random.default_rng(seed).permutation(importance.shape[1])
    order = drawn[np.argsort(-importance[:, drawn], axis=1, kind="stable")]
    return _inverse(order)


def matched_places(
    magnitude: np.ndarray, importance: np.ndarray, groups: int, seed: int
) -> np.ndarray:
    """The features' places (N, K), the more important half of each group of like magnitude first.
    Below K // 2 for these halves, from K - K // 2 on for the others; if K is odd, the feature of
    the smallest magnitude stands between."""
    count = magnitude.shape[1]
    groups = max(1, min(groups, count // 2))
    starts = 2 * (np.arange(groups + 1) * (count // 2) // groups)
    sizes = np.diff(starts, append=count)  # of the groups, and of what is left over
    group = np.repeat(np.arange(groups + 1), sizes)
    keys = group[ranks(magnitude, seed)] * count + ranks(importance, seed)
    within = np.arange(count) - np.repeat(starts, sizes)
    # Twice the place in the group against its last one: the upper half, the middle, the lower.
    halves = np.sign(2 * within - np.repeat(sizes - 1, sizes))
    return _inverse(np.argsort(keys, axis=1)[:, np.argsort(halves, kind="stable")])


def _inverse(order: np.ndarray) -> np.ndarray:
    """The place (N, K) of each feature in orders (N, K)."""
    places = np.empty(order.shape, np.int32)
    np.put_along_axis(places, order, np.arange(order.shape[1], dtype=np.int32)[np.newaxis], axis=1)
    return places


def path(features: int, steps: int, share: float) -> np.ndarray:
    """How many features are perturbed at each step (-1: one at a time), up to a share of all."""
    most = math.floor(features * share)
    return np.unique(np.linspace(0, most, (most if steps == -1 else steps) + 1, dtype=np.int32))


def deletion_curves(problem: MaskingProblem, places: np.ndarray, path: np.ndarray) -> np.ndarray:
    """The scores (N, steps + 1) as the first features are removed (eq. 6)."""
    return perturbed_scores(problem, keep_between(places, path, places.shape[1]), len(path))


def insertion_curves(problem: MaskingProblem, places: np.ndarray, path: np.ndarray) -> np.ndarray:
    """The scores (N, steps + 1) as the first features are inserted into the baseline (eq. 5)."""
    return perturbed_scores(problem, keep_between(places, 0, path), len(path))


def area_under(curves: np.ndarray) -> np.ndarray:
    """The area (N,) under each curve by the trapezoidal rule, its width being 1 (eq. 7)."""
    return (curves[:, :-1] + curves[:, 1:]).mean(axis=1) / 2


def without_most_important(
    problem: MaskingProblem, places: np.ndarray, counts: np.ndarray
) -> np.ndarray:
    """The scores (N, 2) of the inputs, and of what is left without the first `counts` (N,)."""
    low = np.stack([np.zeros_like(counts), counts], axis=1)
    return perturbed_scores(problem, keep_between(places, low, places.shape[1]), 2)


def most_important_alone(
    problem: MaskingProblem, places: np.ndarray, counts: np.ndarray
) -> np.ndarray:
    """The scores (N, 2) of the inputs, and of the first `counts` (N,) features alone."""
    high = np.stack([np.full_like(counts, places.shape[1]), counts], axis=1)
    return perturbed_scores(problem, keep_between(places, 0, high), 2)


def matched_scores(problem: MaskingProblem, places: np.ndarray) -> np.ndarray:
    """The scores (N, 2) of the more important halves of `matched_places`, and of the others."""
    count, half = places.shape[1], places.shape[1] // 2
    return perturbed_scores(problem, keep_between(places, [0, count - half], [half, count]), 2)


def magnitudes(problem: MaskingProblem) -> np.ndarray:
    """The magnitude (N, K) of the features: how far their coefficients are from the baseline's."""
    columns = count_cells(problem.cells) + 1
    found = np.zeros((len(problem.x), columns))
    z = flatten(deviations(problem)[1])
    for name, cells in flatten(problem.cells).items():
        band = np.abs(problem.backend.to_numpy(z[name]))
        numbers = np.broadcast_to(cells + 1, band.shape[1:]).ravel()
        for row, values in zip(found, band, strict=False):  # there may be more, to fill up
            row += np.bincount(numbers, values.ravel(), columns)
    return found[:, 1:]


def mu_fidelity(
    problem: MaskingProblem, importance: np.ndarray, nb_samples: int, size: int, seed: int
) -> np.ndarray:
    """Rank correlation (N,) of the drop in score with the importance of random sets (eq. 8). All
    inputs share the sets, so that none's fidelity depends on the others."""
    sets = RandomSets(importance.shape[1], size, seed)
    return fidelity_to_sets(sets, scores_without_sets(problem, sets, nb_samples), importance)


def scores_without_sets(problem: MaskingProblem, sets: RandomSets, nb_samples: int) -> np.ndarray:
    """The scores (N, 1 + nb_samples) of the inputs, and without each of the sets."""
    return perturbed_scores(problem, lambda _, draws: ~sets(draws - 1), nb_samples + 1)


def fidelity_to_sets(sets: RandomSets, scores: np.ndarray, importance: np.ndarray) -> np.ndarray:
    """`mu_fidelity`, from what `scores_without_sets` gives: no explanation changes that."""
    sums = np.stack(
        [importance[:, sets.members(n)].sum(axis=1) for n in range(scores.shape[1] - 1)], axis=1
    )
    correlations = rank_correlations(sums, scores[:, :1] - scores[:, 1:])
    # What varies no more than numbers are rounded has no ranks.
    return np.where(
        np.ptp(scores, axis=1) <= RESOLUTION * np.abs(scores).max(axis=1), 0, correlations
    )


@dataclass(frozen=True)
class RandomSets:
    """Random sets of features numbered from 0; each follows from seed and number alone."""

    features: int
    size: int
    seed: int

    def members(self, draw: int) -> np.ndarray:
        """The features of a set."""
        generator = np.random.default_rng((self.seed, draw))
        return generator.choice(self.features, self.size, replace=False, shuffle=False)

    def __call__(self, draws: np.ndarray) -> np.ndarray:
        """Which features (B, K) are in each set; the one of number -1 is empty."""
        distinct, index = np.unique(draws, return_inverse=True)
        chosen = np.zeros((len(distinct), self.features), bool)
        for row, draw in zip(chosen, distinct.tolist(), strict=True):
            if draw >= 0:
                row[self.members(draw)] = True
        return chosen[index]


def rank_correlations(x: np.ndarray, y: np.ndarray) -> np.ndarray:
    """Spearman's correlation (N,) of the rows of x and y (N, K), 0 where one does not vary."""
    x, y = (scipy.stats.rankdata(rows, axis=1) for rows in (x, y))
    x, y = (rows - rows.mean(axis=1, keepdims=True) for rows in (x, y))
    norms = np.sqrt((x * x).sum(axis=1) * (y * y).sum(axis=1))
    return np.divide((x * y).sum(axis=1), norms, out=np.zeros(len(norms)), where=norms > 0)


def keep_between(places: np.ndarray, low: Any, high: Any) -> Kept:
    """Keep the features from place `low` to before place `high`, (draws,) or (N, draws)."""
    low, high = (np.atleast_2d(bound) for bound in np.broadcast_arrays(low, high))
    low, high = (np.broadcast_to(bound, (len(places), bound.shape[1])) for bound in (low, high))

    def kept(samples: np.ndarray, draws: np.ndarray) -> np.ndarray:
        here = places[samples]
        at = (samples, draws, np.newaxis)
        return (here >= low[at]) & (here < high[at])

    return kept


def perturbed_scores(problem: MaskingProblem, kept: Kept, draws: int) -> np.ndarray:
    """The scores (N, draws) of every input under every draw of what it keeps, in batches."""
    count = len(problem.x)
    problem.progress.expect(count * draws)
    # Draw by draw: a full block then fills its batches, whatever the number of draws.
    pairs = ((number, draw) for draw in range(draws) for number in range(count))
    return _KeptScorer(problem, kept)(pairs).reshape(draws, count).T


def perturbed_inputs(problem: MaskingProblem, kept: Kept) -> Tensor:
    """What is left of every input under one draw of what it keeps; of the shape of x."""
    return _KeptScorer(problem, kept).inputs([(number, 0) for number in range(len(problem.x))])


class _KeptScorer(MaskedScorer[tuple[int, int]]):
    """Scores what inputs keep, told as pairs of a number and a draw."""

    def __init__(self, problem: MaskingProblem, kept: Kept):
        super().__init__(problem)
        self.kept = kept
        # What is held has the number of the last column of the masks, which is always kept.
        cells = flatten(problem.cells)
        numbers = np.concatenate([band.ravel() for band in cells.values()])
        self.columns = np.where(numbers == HELD, count_cells(problem.cells), numbers)
        self.bands = tuple((name, band.shape) for name, band in cells.items())

    def filled_inputs(self, batch: list[tuple[int, int]]) -> Tensor:
        backend, like = self.problem.backend, self.problem.x
        numbers, draws = np.array(batch).T
        masks = np.pad(self.kept(numbers, draws), ((0, 0), (0, 1)), constant_values=1)
        masks = self.filled(masks).take(self.columns, 1)
        tensors = (
            backend.asarray(masks, like=like),
            self.z,
            backend.asindex(self.filled(numbers), like),
            self.baseline,
        )
        shape = (len(masks), *like.shape[1:])
        return backend.run(
            _combined, tensors, self.problem.transform, self.bands, shape, size=math.prod(shape)
        )


def _combined(
    backend: Backend,
    tensors: Any,
    transform: Transform,
    bands: tuple[tuple[str, tuple[int, ...]], ...],
    shape: tuple[int, ...],
) -> Tensor:
    """The inputs x₀ + W⁻¹(m ⊙ z), for masks (N, coefficients) that hold band after band."""
    masks, z, numbers, baseline = tensors

    def of_batch(values: Tensor) -> Tensor:
        return values if values.shape[0] == 1 else backend.take(values, numbers, 0)

    ends = itertools.accumulate(math.prod(size) for _, size in bands)
    factors = {
        name: backend.reshape(masks[:, end - math.prod(size) : end], (shape[0], *size))
        for (name, size), end in zip(bands, ends, strict=True)
    }
    kept = map_bands(lambda band, factor: of_batch(band) * factor, z, unflatten(factors))
    x = transform.inverse(kept, shape)
    if isinstance(baseline, float):
        return x + baseline if baseline else x
    return x + of_batch(baseline)
