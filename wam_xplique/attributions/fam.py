"""FAM: total Sobol indices of regions of the Fourier spectrum."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

import numpy as np
from xplique.attributions.global_sensitivity_analysis.replicated_designs import ReplicatedSampler
from xplique.attributions.global_sensitivity_analysis.sobol_estimators import SobolEstimator

from ..algorithms.cells import PERTURBATIONS, fourier_cells, rings, shares
from ..spectrum import FourierExplanation, FourierTransform, radius
from .checks import check_choice
from .sobol import SobolExplainer


class FAM(SobolExplainer):
    """
    Fourier Attribution Method: the total Sobol indices of the magnitudes of the input's spectrum.

    Cells of frequencies are multiplied by quasi-random masks in [0, 1], one for all channels;
    phases are kept.

    Ref. Kasmi & al., Assessment of the Reliability of a Model's Decision by Generalizing
    Attribution to the Wavelet Domain (2023), appendix A.3.

    Parameters
    ----------
    grid_size
        Number of rings, or of cells along each axis of the spectrum for "grid".
    perturbation
        "circle": rings of frequencies, in all directions alike. "square": square rings. "grid": a
        grid over the Nyquist square, whose cells are joined to their mirror images.

    The others are those of `SobolExplainer`.
    """

    def __init__(
        self,
        model: Any,
        grid_size: int = 28,
        nb_design: int = 8,
        sampler: ReplicatedSampler | None = None,
        estimator: SobolEstimator | None = None,
        batch_size: int | None = 256,
        operator: Any = None,
        *,
        perturbation: str = "circle",
        until: Mapping[str, float] | None = None,
        confidence: float | None = 0.95,
        ndim: int | None = None,
        seed: int = 0,
        front_end: Callable[[Any], Any] | None = None,
        verbose: bool = False,
    ):
        check_choice("perturbation", perturbation, PERTURBATIONS, optional=False)
        super().__init__(
            model,
            grid_size,
            nb_design,
            sampler,
            estimator,
            batch_size,
            operator,
            until=until,
            confidence=confidence,
            ndim=ndim,
            seed=seed,
            front_end=front_end,
            verbose=verbose,
        )
        self.perturbation = perturbation

    def explain_fourier(self, inputs: Any, targets: Any = None) -> FourierExplanation:
        """
        Explain the model in the Fourier domain.

        Parameters
        ----------
        inputs, targets
            As for `explain`.

        Returns
        -------
        explanation
            The total indices over the centred spectrum, and by frequency in cycles/pixel.

        Raises
        ------
        ValueError, TypeError
            If inputs, targets and model do not fit together; see the message.
        """
        x, y, layout = self._prepare(inputs, targets)
        shape = layout.shape_channels_last(tuple(x.shape))
        spatial = shape[1 : 1 + layout.ndim]
        cells = fourier_cells(spatial, self.perturbation, self.grid_size)
        half = np.fft.ifftshift(cells[0])[..., : spatial[-1] // 2 + 1]
        ring = rings(spatial, self.grid_size)
        members = [[ring == number] for number in range(self.grid_size)]
        indices = self._indices(
            x,
            y,
            layout,
            FourierTransform(layout.spatial_axes),
            cells,
            shares(cells, members),
            masked=[half],
        )
        radii = (np.arange(self.grid_size) + 0.5) * radius(spatial).max() / self.grid_size
        return FourierExplanation(indices, radii, shape, layout.ndim)

    def _map(self, inputs: Any, targets: Any) -> np.ndarray:
        return self.explain_fourier(inputs, targets).pixels().astype(np.float32)
