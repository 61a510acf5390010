"""μ-Fidelity over wavelet coefficients."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import KW_ONLY, dataclass
from typing import Any

import numpy as np

from ..algorithms.cells import grid, wavelet_cells
from ..algorithms.masking import MaskingProblem
from ..algorithms.removal import mu_fidelity
from ..checks import check_integer, check_share
from ..coefficients import Coefficients, Transform
from .base import WaveletMetric


@dataclass(eq=False, repr=False)
class WaveletMuFidelity(WaveletMetric):
    """
    Rank correlation between importance and drop in score of random sets of coefficients.

    μ-Fidelity = Corr over sets u of (Σ_{i∈u} g(xᵢ), f(x) − f(x[x_u = x₀])) (WAM, eq. 8), with
    Spearman's correlation as in Xplique's `MuFidelity`; higher is better. All sets have as many
    features, and are the same for all inputs. The importance of a set is the sum of the
    explanation's own values, signed where it is.

    Ref. Bhatt & al., Evaluating and Aggregating Feature-based Model Explanations (2020), def. 3.
    Kasmi & al., One Wave To Explain Them All: A Unifying Perspective On Feature Attribution
    (2025), appendix B.2.

    Parameters
    ----------
    grid_size
        Cells along each axis of the mosaic of coefficients, which are removed as a whole; None
        for single coefficients.
    subset_percent
        Share of the features in a set, in (0, 1].
    nb_samples
        Number of sets.

    The others are those of `WaveletMetric`; the approximation is a feature, by default, where the
    explanations give it any importance.
    """

    grid_size: int | None = 9
    subset_percent: float = 0.2
    baseline_mode: float | Callable[[Any], Any] = 0.0
    nb_samples: int = 200
    operator: Any = None
    activation: str | None = None
    _: KW_ONLY
    include_approximation: bool | None = None

    _is_signed = True

    def __post_init__(self) -> None:
        check_integer("grid_size", self.grid_size, lowest=1, optional=True)
        check_share("subset_percent", self.subset_percent)
        check_integer("nb_samples", self.nb_samples, lowest=2)
        super().__post_init__()

    def _scores(self, problem: MaskingProblem, importance: np.ndarray) -> np.ndarray:
        size = max(1, round(self.subset_percent * importance.shape[1]))
        return mu_fidelity(problem, importance, self.nb_samples, size, self.seed)

    def _cells(
        self, shapes: Coefficients, all_: bool, transform: Transform | None = None
    ) -> Coefficients:
        if self.grid_size is None:
            return super()._cells(shapes, all_, transform)
        if transform is None:
            sizes = tuple(size for size in shapes[0] if size > 1)
            return [grid(sizes, self.grid_size).reshape(shapes[0])]
        inputs = self._inputs
        spatial = inputs.shape_channels_last[1 : 1 + inputs.layout.ndim]
        return wavelet_cells(transform, spatial, "mosaic", self.grid_size, all_)
