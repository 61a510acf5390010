"""Matched faithfulness: among features of like magnitude, where energy tells nothing."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import KW_ONLY, dataclass
from typing import Any

import numpy as np

from ..algorithms.masking import MaskingProblem
from ..algorithms.removal import magnitudes, matched_places, matched_scores
from ..checks import check_integer
from .base import WaveletMetric


@dataclass(eq=False, repr=False)
class MatchedFaithfulness(WaveletMetric):
    """
    Insertion against its opposite among features of like magnitude; higher is better.

    Insertion and deletion reward energy: on photographs, coefficients ranked by magnitude, with no
    look at a model, score as well as the best methods. Here the features of an input are ordered
    by magnitude, and the order is cut into groups. In each, the half that the explanation calls
    more important is set against the other half:

    MF(f, γ) = f(x[upper halves alone]) − f(x[lower halves alone]).

    Both have nearly the same energy at all scales of magnitude: the order of magnitude itself
    scores about 0, as a random one does. Place is another matter: where photographers put what
    they photograph in the middle, the centre is worth something. So put all of `control` beside.

    Parameters
    ----------
    groups
        Number of groups, at most half as many as features. With few of them, a group holds unlike
        magnitudes, and energy counts again; with as many as there are pairs, neighbours alone are
        compared. If the number of features is odd, the smallest magnitude is in neither half.

    The others are those of `WaveletMetric`; the approximation is a feature, by default, where the
    explanations give it any importance. If not, it keeps its value in both halves.

    Notes
    -----
    The magnitude of a feature is how far its coefficients (its pixel, at `level=0`) are from the
    baseline's, in all channels. Only the order of importance within the groups counts. Equals, of
    importance or of magnitude, come in a random order.
    """

    baseline_mode: float | Callable[[Any], Any] = 0.0
    groups: int = 500
    operator: Any = None
    activation: str | None = None
    _: KW_ONLY
    include_approximation: bool | None = None

    def __post_init__(self) -> None:
        check_integer("groups", self.groups, lowest=1)
        super().__post_init__()

    def _scores(self, problem: MaskingProblem, importance: np.ndarray) -> np.ndarray:
        places = matched_places(magnitudes(problem), importance, self.groups, self.seed)
        upper, lower = matched_scores(problem, places).T
        return upper - lower
