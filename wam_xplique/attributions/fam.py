"""FAM: total Sobol indices of regions of the Fourier spectrum."""

from __future__ import annotations

from dataclasses import KW_ONLY, dataclass
from typing import Any

import numpy as np

from ..algorithms.cells import PERTURBATIONS, fourier_cells, rings, shares
from ..checks import check_choice
from ..fourier import FourierExplanation, FourierTransform, radius
from .sobol import SobolExplainer


@dataclass(eq=False, repr=False)
class FAM(SobolExplainer):
    """
    Fourier Attribution Method: the total Sobol indices of the magnitudes of the input's spectrum.

    Cells of frequencies are multiplied by quasi-random masks in [0, 1], one for all channels;
    phases are kept (WCAM, appendix A.3).

    Parameters
    ----------
    grid_size
        Number of rings, or of cells along each axis of the spectrum for "grid".
    perturbation
        "circle": rings of frequencies, in all directions alike. "square": square rings. "grid": a
        grid over the Nyquist square, whose cells are joined to their mirror images.

    The others are those of `SobolExplainer`.

    Examples
    --------
    >>> wave = np.cos(np.pi / 2 * np.arange(64))[np.newaxis]  # a quarter of a cycle a sample
    >>> fam = FAM(lambda x: (x**2).sum(axis=1, keepdims=True), grid_size=8)
    >>> found = fam.explain_fourier(wave, np.array([1]))
    >>> float(found.radii[found.radial_importance()[0].argmax()])
    0.28125
    """

    _: KW_ONLY
    perturbation: str = "circle"

    def __post_init__(self) -> None:
        check_choice("perturbation", self.perturbation, PERTURBATIONS, optional=False)
        super().__post_init__()

    def explain_fourier(self, inputs: Any, targets: Any = None) -> FourierExplanation:
        """
        Explain the model in the Fourier domain: parameters and errors are those of `explain`.

        Returns
        -------
        explanation
            The total indices over the centred spectrum, and by frequency in cycles/pixel.
        """
        found = self._prepare(inputs, targets)
        layout, shape = found.layout, found.shape_channels_last
        spatial = shape[1 : 1 + layout.ndim]
        cells = fourier_cells(spatial, self.perturbation, self.grid_size)
        half = np.fft.ifftshift(cells[0])[..., : spatial[-1] // 2 + 1]
        ring = rings(spatial, self.grid_size)
        members = [[ring == number] for number in range(self.grid_size)]
        transform = FourierTransform(layout.spatial_axes)
        indices = self._indices(found, transform, cells, shares(cells, members), [half])
        radii = (np.arange(self.grid_size) + 0.5) * radius(spatial).max() / self.grid_size
        return FourierExplanation(indices, radii, shape, layout.ndim)

    def _map(self, inputs: Any, targets: Any) -> np.ndarray:
        found = self.explain_fourier(inputs, targets)
        return found.by_blocks(lambda some: some.pixels().astype(np.float32))
