"""Insertion, deletion, μ-Fidelity: scores of inputs without some of their coefficients, or with
these alone; and how few coefficients decide a prediction.

Ref. the WAM paper, equations 4 to 10 and appendix C.2; WCAM's, section 4.2 and appendix B.3.
Petsiuk & al., RISE: Randomized Input Sampling for Explanation of Black-box Models (2018). Bhatt &
al., Evaluating and Aggregating Feature-based Model Explanations (2020).

The features are cells of coefficients, single ones most often. A feature that is removed has the
baseline's coefficients.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from ..backends import Backend, Tensor
from ..coefficients import map_bands
from .batching import Progress
from .cells import cell_sums
from .estimators import RESOLUTION, rank_correlations
from .masking import Masked, MaskedScorer, MaskingProblem, deviations, of_each

Kept = Callable[[np.ndarray, np.ndarray], np.ndarray]
"""``kept(samples, draws)``: which features (B, K) each of B perturbed inputs keeps."""


def ranks(importance: np.ndarray, seed: int) -> np.ndarray:
    """
    The place (N, K) of each feature in the order of importance (N, K), 0 for the largest. Equals
    come in an order drawn once: neither their position nor the other inputs decide.

    >>> ranks(np.array([[0.0, 3.0, 1.0, 2.0]]), seed=0)
    array([[3, 0, 2, 1]], dtype=int32)
    """
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


def step_counts(features: int, steps: int, share: float) -> np.ndarray:
    """
    How many features are perturbed at each step (-1: one at a time), up to a share of all.

    >>> step_counts(100, steps=4, share=0.5)
    array([ 0, 12, 25, 37, 50], dtype=int32)
    """
    most = math.floor(features * share)
    return np.unique(np.linspace(0, most, (most if steps == -1 else steps) + 1, dtype=np.int32))


def deletion_curves(problem: MaskingProblem, places: np.ndarray, counts: np.ndarray) -> np.ndarray:
    """The scores (N, steps) without the first `counts` (steps,) or (N, steps) features (eq. 6)."""
    return perturbed_scores(problem, remove_first(places, counts), counts.shape[-1])


def insertion_curves(problem: MaskingProblem, places: np.ndarray, counts: np.ndarray) -> np.ndarray:
    """The scores (N, steps) of the first `counts` features alone, in the baseline (eq. 5)."""
    return perturbed_scores(problem, keep_first(places, counts), counts.shape[-1])


def area_under(curves: np.ndarray) -> np.ndarray:
    """The area (N,) under each curve by the trapezoidal rule, its width being 1 (eq. 7)."""
    return (curves[:, :-1] + curves[:, 1:]).mean(axis=1) / 2


def matched_scores(problem: MaskingProblem, places: np.ndarray) -> np.ndarray:
    """The scores (N, 2) of the more important halves of `matched_places`, and of the others."""
    count, half = places.shape[1], places.shape[1] // 2
    return perturbed_scores(problem, keep_between(places, [0, count - half], [half, count]), 2)


def magnitudes(problem: MaskingProblem) -> np.ndarray:
    """The magnitude (N, K) of the features: how far their coefficients are from the baseline's."""
    each = of_each(problem, deviations(problem)[1])
    return np.stack([cell_sums(problem.cells, map_bands(np.abs, z)) for z in each])


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


def keep_between(places: np.ndarray, low: Any, high: Any) -> Kept:
    """Keep the features from place `low` to before place `high`, (draws,) or (N, draws)."""
    low, high = (np.atleast_2d(bound) for bound in np.broadcast_arrays(low, high))
    low, high = (np.broadcast_to(bound, (len(places), bound.shape[1])) for bound in (low, high))

    def kept(samples: np.ndarray, draws: np.ndarray) -> np.ndarray:
        here = places[samples]
        at = (samples, draws, np.newaxis)
        return (here >= low[at]) & (here < high[at])

    return kept


def keep_first(places: np.ndarray, counts: np.ndarray) -> Kept:
    """Keep the first `counts` features, (draws,) or (N, draws)."""
    return keep_between(places, 0, counts)


def remove_first(places: np.ndarray, counts: np.ndarray) -> Kept:
    """Remove the first `counts` features, (draws,) or (N, draws)."""
    return keep_between(places, counts, places.shape[1])


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


class _KeptScorer(MaskedScorer):
    """Scores what inputs keep, told as pairs of a number and a draw."""

    def __init__(self, problem: MaskingProblem, kept: Kept):
        super().__init__(problem)
        self.kept = kept

    def filled_inputs(self, batch: list[tuple[int, int]]) -> Tensor:
        backend, like = self.problem.backend, self.problem.x
        numbers, draws = np.array(batch).T
        masks = np.pad(self.kept(numbers, draws), ((0, 0), (0, 1)), constant_values=1)
        masks = self.filled(masks)
        tensors = (
            map_bands(lambda band: backend.asarray(masks.take(band, 1), like=like), self.columns),
            self.z,
            backend.asindex(self.filled(numbers), like),
            self.baseline,
        )
        shape = (len(masks), *like.shape[1:])
        size = math.prod(shape)
        return backend.run(_combined, tensors, self.problem.transform, shape, size=size)


def _combined(backend: Backend, tensors: Any, transform: Masked, shape: tuple[int, ...]) -> Tensor:
    """The inputs x₀ + W⁻¹(m ⊙ z), for masks in the layout of the coefficients."""
    masks, z, numbers, baseline = tensors

    def of_batch(values: Tensor) -> Tensor:
        return values if values.shape[0] == 1 else backend.take(values, numbers, 0)

    x = transform.inverse(map_bands(lambda mask, band: of_batch(band) * mask, masks, z), shape)
    if isinstance(baseline, float):
        return x + baseline if baseline else x
    return x + of_batch(baseline)


DECISIVE = {"sufficient": (keep_first, np.equal), "necessary": (remove_first, np.not_equal)}
"""By kind, what becomes of the first features, and how the prediction compares with the class."""


def decisive_counts(
    kind: str, problem: MaskingProblem, places: np.ndarray, classes: np.ndarray, tries: int
) -> tuple[np.ndarray, np.ndarray]:
    """How many (N,) of the first features are enough to be predicted as a class ("sufficient"), or
    are removed before the prediction is another ("necessary"), and whether any are. `places`
    (N, K) has the order of importance; the scores are the numbers of the classes."""
    change, compare = DECISIVE[kind]

    def holds(samples: np.ndarray, counts: np.ndarray) -> np.ndarray:
        kept = change(places[samples], counts)
        asked = replace(problem.at(samples), progress=Progress())  # which counts no forwards
        predicted = perturbed_scores(asked, kept, counts.shape[1])
        return compare(predicted, classes[samples, np.newaxis])

    return smallest(holds, len(places), places.shape[1], tries, problem.progress)


def smallest(
    holds: Callable[[np.ndarray, np.ndarray], np.ndarray],
    samples: int,
    highest: int,
    tries: int,
    progress: Progress,
) -> tuple[np.ndarray, np.ndarray]:
    """The smallest count (N,) at which something holds, and whether it does: `holds(samples,
    counts)` tells it of counts (B, S) of B samples. By bisection into `tries` + 1 parts; a first
    round looks in even ratios. What holds from one count on is found exactly; if it comes and goes,
    the count is one at which it begins to hold."""
    ratios = np.geomspace(1, max(highest, 1), tries + 1).round().astype(int)
    grid = np.unique(np.minimum([0, *ratios], highest))
    low, high = np.full(samples, -1), np.full(samples, highest + 1)
    open_, tried = np.arange(samples), np.broadcast_to(grid, (samples, len(grid)))
    progress.expect(samples)
    while len(open_):
        counts = np.column_stack([low[open_], tried, high[open_]])
        held = np.column_stack([holds(open_, tried), np.ones(len(open_), bool)])
        rows, first = np.arange(len(open_)), held.argmax(axis=1)
        low[open_], high[open_] = counts[rows, first], counts[rows, first + 1]
        left = np.flatnonzero(high - low > 1)
        progress.update(len(open_) - len(left))
        open_, gaps = left, (high - low)[left, np.newaxis]
        parts = gaps * np.arange(1, tries + 1) // (tries + 1)
        tried = low[left, np.newaxis] + np.clip(parts, 1, gaps - 1)
    return np.minimum(high, highest), high <= highest
