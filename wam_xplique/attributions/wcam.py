"""WCAM: total Sobol indices of regions of the wavelet transform."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import KW_ONLY, dataclass
from typing import Any

import numpy as np

from ..algorithms.cells import PARTITIONS, level_shares, wavelet_cells
from ..checks import check_choice, check_refine
from ..coefficients import map_bands
from ..explanation import WaveletExplanation
from ..indices import SobolIndices
from .drop_in import WaveletDropIn
from .sobol import SobolExplainer


@dataclass(eq=False, repr=False)
class WCAM(WaveletDropIn, SobolExplainer):
    """
    Wavelet Scale Attribution Method: the total Sobol indices of the input's wavelet coefficients.

    Cells of coefficients are multiplied by quasi-random masks in [0, 1], one for all channels;
    the inverse transforms are scored, and the total index of each cell is estimated (eq. 7). Any
    model will do: no gradient is taken.

    Parameters
    ----------
    partition
        What a cell is. "mosaic": a cell of a `grid_size` × `grid_size` grid laid over the packed
        coefficients, as in the paper; some straddle two bands. "subband": as many cells in every
        band, about as many in all, none of which mixes two scales; "mosaic" is the same for
        transforms that are not decimated. "band": a whole band. "scale": all details of a level.
    refine
        None evaluates every cell. A number below 1 is a tolerance: cells whose index lies below
        it are estimated from few forwards. An integer is a budget: the forwards an input may take.

    The others are those of `SobolExplainer` and of `WaveletDropIn`.

    Examples
    --------
    >>> def energy(x):
    ...     return (x**2).sum(axis=(1, 2))
    >>> x, labels = np.eye(16)[np.newaxis, ..., np.newaxis], np.array([1])
    >>> explanation = WCAM(energy, grid_size=4, level=2).explain_wavelet(x, labels)
    >>> explanation.sobol.total.shape  # of the cells that hold details
    (1, 15)
    """

    _: KW_ONLY
    partition: str = "mosaic"
    refine: float | int | None = None

    def __post_init__(self) -> None:
        check_choice("partition", self.partition, PARTITIONS, optional=False)
        check_refine(self.refine)
        super().__post_init__()

    def _explain(self, inputs: Any, targets: Any, told: Callable[[WaveletExplanation], Any]) -> Any:
        found = self._prepare(inputs, targets)
        transform, (_, *sizes) = self._transform(found), found.shape_channels_last
        ndim, has_channels = found.layout.ndim, found.layout.channel_axis is not None
        how = (self.partition, self.grid_size, self.include_approximation)
        cells = wavelet_cells(transform, sizes[:ndim], *how)
        indices = self._indices(found, transform, cells, level_shares(cells), cells)

        def of_block(some: SobolIndices) -> Any:
            coefficients = some.spread(some.total.astype(np.float32))
            if ndim == 1 and has_channels:
                coefficients = map_bands(lambda b: np.stack([b] * sizes[-1], -1), coefficients)
            of = {"input_shape": (len(some), *sizes), "ndim": ndim, "sobol": some}
            return told(self._explanation(coefficients, transform, **of))

        return indices.by_blocks(of_block)
