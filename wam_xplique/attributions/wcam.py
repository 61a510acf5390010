"""WCAM: total Sobol indices of regions of the wavelet transform."""

from __future__ import annotations

from dataclasses import KW_ONLY, dataclass
from typing import Any

import numpy as np

from ..algorithms.cells import PARTITIONS, level_shares, wavelet_cells
from ..backends.wavelets import plain_wavelet
from ..checks import check_choice, check_integer, check_refine, check_wavelet
from ..coefficients import WaveletTransform, map_bands
from ..explanation import WaveletExplanation
from ..indices import SobolIndices
from ..inputs import Inputs
from .sobol import SobolExplainer


@dataclass(eq=False, repr=False)
class WCAM(SobolExplainer):
    """
    Wavelet Scale Attribution Method: the total Sobol indices of the input's wavelet coefficients.

    Cells of coefficients are multiplied by quasi-random masks in [0, 1], one for all channels;
    the inverse transforms are scored, and the total index of each cell is estimated (eq. 7). Any
    model will do: no gradient is taken.

    Ref. Kasmi & al., Assessment of the Reliability of a Model's Decision by Generalizing
    Attribution to the Wavelet Domain (2023).

    Parameters
    ----------
    wavelet
        Name of a discrete wavelet of PyWavelets.
    level
        Number of levels; by default `wam_xplique.coefficients.default_level` of the inputs: 3, one
        more with each doubling of their smallest size beyond 224, fewer where they are too small.
    mode
        Boundary mode among `pywt.Modes.modes`.
    include_approximation
        Whether the approximation is perturbed as well; it is held at its value if not.
    partition
        What a cell is. "mosaic": a cell of a `grid_size` × `grid_size` grid laid over the packed
        coefficients, as in the paper; some straddle two bands. "subband": as many cells in every
        band, about as many in all, none of which mixes two scales. "band": a whole band.
        "scale": all details of a level.
    refine
        None evaluates every cell. A number below 1 is a tolerance: cells whose index lies below
        it are estimated from few forwards. An integer is a budget: the forwards an input may take.

    The others are those of `SobolExplainer`.
    """

    _: KW_ONLY
    wavelet: Any = "haar"
    level: int | None = None
    mode: str = "periodization"
    include_approximation: bool = False
    partition: str = "mosaic"
    refine: float | int | None = None

    def __post_init__(self) -> None:
        check_integer("level", self.level, lowest=0, optional=True)
        check_wavelet(self.wavelet, self.mode)
        check_choice("partition", self.partition, PARTITIONS, optional=False)
        check_refine(self.refine)
        super().__post_init__()

    def explain_wavelet(self, inputs: Any, targets: Any = None) -> WaveletExplanation:
        """
        Explain the model in the wavelet domain.

        Parameters
        ----------
        inputs, targets
            As for `explain`.

        Returns
        -------
        explanation
            The total index of its cell for each coefficient, 0 where it is held; `.sobol` holds
            the indices of the cells, their intervals and the forwards used.

        Raises
        ------
        ValueError, TypeError
            If inputs, targets and model do not fit together; see the message.
        """
        found = self._prepare(inputs, targets)
        return self._explanation(self._wavelet_indices(found), found)

    def _map(self, inputs: Any, targets: Any) -> np.ndarray:
        found = self._prepare(inputs, targets)
        indices = self._wavelet_indices(found)
        return indices.by_blocks(lambda some: self._explanation(some, found).pixels())

    def _wavelet_indices(self, found: Inputs) -> SobolIndices:
        layout, shape = found.layout, found.shape_channels_last
        transform = WaveletTransform.fitting(
            found.shape, self.wavelet, self.level, self.mode, layout.spatial_axes
        )
        how = (self.partition, self.grid_size, self.include_approximation)
        cells = wavelet_cells(transform, shape[1 : 1 + layout.ndim], *how)
        return self._indices(found, transform, cells, level_shares(cells), refine=self.refine)

    def _explanation(self, indices: SobolIndices, found: Inputs) -> WaveletExplanation:
        layout, shape = found.layout, (len(indices), *found.shape_channels_last[1:])
        coefficients = indices.spread(indices.total.astype(np.float32))
        if layout.ndim == 1 and layout.channel_axis is not None:
            coefficients = map_bands(
                lambda band: np.repeat(band[..., np.newaxis], shape[-1], axis=-1), coefficients
            )
        return WaveletExplanation(
            coefficients,
            plain_wavelet(self.wavelet),
            self.mode,
            shape,
            layout.ndim,
            indices,
            includes_approximation=self.include_approximation,
        )
