"""
How few coefficients decide a prediction: those that suffice for it, those that it needs.

Ref. Kasmi & al., Assessment of the Reliability of a Model's Decision by Generalizing Attribution
to the Wavelet Domain (2023), section 4.2 and appendix B.3. Kasmi & al., One Wave To Explain Them
All: A Unifying Perspective On Feature Attribution (2025), appendix C.2.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

import numpy as np

from .batching import Progress
from .masking import MaskingProblem
from .removal import keep_first, perturbed_scores, remove_first

DECISIVE = {"sufficient": (keep_first, np.equal), "necessary": (remove_first, np.not_equal)}
"""By kind, what becomes of the first features, and how the prediction compares with the class."""

Holds = Callable[[np.ndarray, np.ndarray], np.ndarray]
"""``holds(samples, counts)``: whether what is sought holds at counts (B, S) of B samples."""


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
    holds: Holds, samples: int, highest: int, tries: int, progress: Progress | None = None
) -> tuple[np.ndarray, np.ndarray]:
    """The smallest count (N,) at which something holds, and whether it does, by bisection into
    `tries` + 1 parts. A first round looks in even ratios. What holds from one count on is found
    exactly; if it comes and goes, the count is one at which it begins to hold."""
    ratios = np.geomspace(1, max(highest, 1), tries + 1).round().astype(int)
    grid = np.unique(np.minimum([0, *ratios], highest))
    low, high = np.full(samples, -1), np.full(samples, highest + 1)
    open_, tried = np.arange(samples), np.broadcast_to(grid, (samples, len(grid)))
    progress = progress or Progress()
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
