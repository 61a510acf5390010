"""Cascading randomization: how soon an explanation changes as a model loses what it has learnt.

Ref. Adebayo & al., Sanity checks for saliency maps (2018). The WAM paper, appendix B.3.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass

import numpy as np
from tqdm.auto import tqdm

from ..intervals import standard_error, student
from .estimators import rank_correlations

ORIGINAL = "original"


@dataclass(frozen=True, eq=False)
class Randomization:
    """The rank correlations of explanations with those of the model as it was."""

    layers: tuple[str, ...]  # what was randomized last at each stage, "original" first
    correlations: np.ndarray  # Spearman's (N, stages)
    confidence: float = 0.95

    @property
    def mean(self) -> np.ndarray:
        """Mean over the inputs (stages,)."""
        return self.correlations.mean(axis=0)

    @property
    def interval(self) -> np.ndarray:
        """Student's interval of the mean (stages, 2); NaN where there is one input alone."""
        error = standard_error(self.correlations.T)
        return student(self.mean, error, len(self.correlations) - 1, self.confidence)

    def rows(self) -> list[dict[str, str | float]]:
        """A line for each stage, as `pandas.DataFrame` takes them."""
        names = ("layer", "rank correlation", "low", "high")
        lines = zip(self.layers, self.mean.tolist(), *self.interval.T.tolist(), strict=True)
        return [dict(zip(names, line, strict=True)) for line in lines]


def cascade(
    explain: Callable[[], np.ndarray],
    stages: Mapping[str, Callable[[], None]],
    confidence: float,
    verbose: bool = False,
) -> Randomization:
    """Explain (N, K) before and after each stage of a randomization, from the top layer down."""
    original = explain()
    correlations = [rank_correlations(original, original)]
    for randomize in tqdm(stages.values(), unit="layer", disable=not verbose):
        randomize()
        correlations.append(rank_correlations(original, explain()))
    return Randomization((ORIGINAL, *stages), np.stack(correlations, axis=1), confidence)
