"""The answer of every wavelet attribution method."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from .archive import read, write
from .coefficients import (
    Coefficients,
    WaveletTransform,
    flatten,
    largest,
    levels,
    map_bands,
    pack,
    resize_level,
    unflatten,
)
from .indices import SobolIndices, fractions, importance


@dataclass(frozen=True, eq=False)
class WaveletExplanation:
    """
    Importance of every wavelet coefficient of every input: where, and at which scale.

    Ref. Kasmi & al., One Wave To Explain Them All: A Unifying Perspective On Feature
    Attribution (2025).

    Parameters
    ----------
    coefficients
        Importance of the coefficients, ``[cA, {"ad": ..., "da": ..., "dd": ...}, ..., {...}]``
        from coarse to fine as PyWavelets has it; arrays (N, h, w), or (N, h, w, C) where the
        channels are kept. In the keys the first letter is the vertical axis: ``"da"`` answers
        to horizontal edges, ``"ad"`` to vertical ones.
    wavelet
        Name of the wavelet.
    mode
        Boundary mode of the transform.
    input_shape
        Shape of the inputs, N first and channels last.
    ndim
        Number of axes transformed: 1 for signals, 2 for images, 3 for volumes.
    sobol
        The Sobol indices that the coefficients carry, for `WCAM`; None for gradients.
    front_end
        Importance of the front end's outputs, by the same equation on the same samples; an array
        of their shape. None where the explainer has no front end, or uses no gradients.
    """

    coefficients: Coefficients
    wavelet: str
    mode: str
    input_shape: tuple[int, ...]
    ndim: int
    sobol: SobolIndices | None = None
    front_end: np.ndarray | None = None

    def __len__(self) -> int:
        """The number of inputs explained."""
        return self.input_shape[0]

    @property
    def level(self) -> int:
        """Number of levels of the transform."""
        return len(self.coefficients) - 1

    @property
    def transform(self) -> WaveletTransform:
        """The transform of inputs, channels last, into coefficients such as these."""
        axes = tuple(range(1, 1 + self.ndim))
        return WaveletTransform(self.wavelet, self.level, self.mode, axes)

    @property
    def spatial_shape(self) -> tuple[int, ...]:
        """Sizes of the inputs along the axes transformed."""
        return self.input_shape[1 : 1 + self.ndim]

    @property
    def scales(self) -> list[str]:
        """
        The size that each level stands for, approximation first, then coarse to fine.

        Level j sees details between 2^(j-1) and 2^j pixels (voxels; samples of signals), the
        approximation what is larger (WCAM section 3.1).
        """
        unit = "samples" if self.ndim == 1 else "px"
        details = [f"{2 ** (j - 1)}-{2**j} {unit}" for j in range(self.level, 0, -1)]
        return [f"> {2**self.level} {unit}", *details]

    def mosaic(self) -> np.ndarray:
        """
        The dyadic picture of all coefficients (WCAM figure 3), as `pywt.coeffs_to_array` packs it.

        Returns
        -------
        mosaic
            Array (N, H, W, 1) for images, (N, T, 1) for signals, of the coefficients' own sign;
            larger than the input where the boundary mode makes more coefficients than samples.
        """
        packed = pack(self.coefficients, self.transform.axes)
        return packed if self._has_channels else packed[..., np.newaxis]

    def by_scale(self) -> np.ndarray:
        """
        A map of each level at the input's size.

        The magnitudes of a level's bands are summed over the orientations and interpolated.

        Returns
        -------
        maps
            Array (N, level + 1, H, W) (one spatial axis for signals, three for volumes),
            approximation first, then coarse to fine; channels last where they are kept.
        """
        maps = []
        for index, bands in enumerate(levels(self.coefficients, self.ndim)):
            magnitudes = {key: np.abs(band) for key, band in bands.items()}
            depth = self.level + 1 - max(index, 1)
            maps.append(
                resize_level(magnitudes, depth, self.spatial_shape, self.wavelet, self.mode)
            )
        return np.stack(maps, axis=1)

    def scale_importance(self) -> np.ndarray:
        """
        The share of each level in the explanation (WCAM tables 1, 4 and 5).

        Returns
        -------
        importance
            Array (N, level + 1), approximation first, then coarse to fine: sums of magnitudes
            over a level's coefficients; sums of total Sobol indices over its cells for `WCAM`,
            each cell once whatever its size. Rows sum to 1, or to 0 where nothing has importance.
        """
        if self.sobol is not None:
            return self.sobol.importance()
        bands = unflatten(self._magnitudes())
        return fractions(np.stack([sum(b.values()) for b in levels(bands, self.ndim)], axis=-1))

    def band_importance(self) -> dict[tuple[str, str], np.ndarray]:
        """
        The share of each band in the explanation (WAM figure 10, WCAM figure 13).

        Returns
        -------
        importance
            Arrays (N,) by scale and orientation, such as ``("2-4 px", "da")`` for the horizontal
            edges of level 2: the approximation first, then from coarse to fine. The bands of a
            level add up to its `scale_importance`: sums of magnitudes over their coefficients;
            for `WCAM` sums of total Sobol indices over their cells, one that straddles bands
            shared by area.
        """
        if self.sobol is None:
            shares = fractions(np.stack(list(self._magnitudes().values()), axis=-1))
        else:
            shares = importance(self.sobol.total, _band_shares(self.sobol))
        bands = zip(self.scales, levels(self.coefficients, self.ndim), strict=True)
        keys = [(scale, key) for scale, level in bands for key in level]
        return dict(zip(keys, shares.T, strict=True))

    def _magnitudes(self) -> dict[str, np.ndarray]:
        """The sum (N,) of the magnitudes of each band, in double precision."""

        def magnitude(band: np.ndarray) -> np.ndarray:
            return np.abs(band, dtype=np.float64).reshape(len(self), -1).sum(axis=1)

        return flatten(map_bands(magnitude, self.coefficients))

    def pixels(self) -> np.ndarray:
        """
        The explanation in the input's own domain: the maps of all levels, summed.

        Ref. Kasmi & al., Assessment of the Reliability of a Model's Decision by Generalizing
        Attribution to the Wavelet Domain (2023), appendix A.2.1.

        Returns
        -------
        explanation
            Array (N, H, W, 1) for images, (N, D, H, W, 1) for volumes (C in place of 1 where
            the channels are kept); of the input's shape for signals (N, T) and (N, T, W).
        """
        pixels = self.by_scale().sum(axis=1)
        return pixels if self.ndim == 1 or self._has_channels else pixels[..., np.newaxis]

    def kept(
        self, keep: float | int, *, per_level: bool = False, approximation: bool = False
    ) -> Coefficients:
        """
        The most important coefficients of each input.

        Parameters
        ----------
        keep
            How many: a share in (0, 1], or a count (an int of at least 1). Coefficients without
            importance are never kept.
        per_level
            Whether to take as many from each level; from all levels together if not.
        approximation
            Whether to keep the whole approximation besides.

        Returns
        -------
        kept
            Boolean arrays of the shapes of `coefficients`.

        Raises
        ------
        ValueError
            If `keep` is none of these.
        """
        integer = isinstance(keep, (int, np.integer)) and not isinstance(keep, bool)
        share = isinstance(keep, (float, np.floating)) and 0 < keep <= 1
        if not share and not (integer and keep >= 1):
            raise ValueError(
                f"keep must be a share in (0, 1] or a count of at least 1, got {keep!r}."
            )
        if per_level:
            first, *details = (largest(b, keep) for b in levels(self.coefficients, self.ndim))
            chosen = [first["a" * self.ndim], *details]
        else:
            chosen = unflatten(largest(flatten(self.coefficients), keep))
        if approximation:
            chosen[0] = np.ones_like(chosen[0])
        return chosen

    def reconstruct(
        self,
        inputs: Any,
        keep: float | int,
        *,
        per_level: bool = False,
        approximation: bool = False,
    ) -> np.ndarray:
        """
        What is left of the inputs when only the most important coefficients are.

        Ref. Kasmi & al., One Wave To Explain Them All: A Unifying Perspective On Feature
        Attribution (2025), section 4.2 and figure 7.

        Parameters
        ----------
        inputs
            The inputs explained, of `input_shape` (channels last).
        keep, per_level, approximation
            As for `kept`.

        Returns
        -------
        reconstruction
            Inverse transform of the coefficients kept, the others zero; an array of
            `input_shape`.

        Raises
        ------
        ValueError
            If the inputs are not those explained, or `keep` is not valid.
        """
        x = np.asarray(inputs, np.float32)
        if x.shape != tuple(self.input_shape) or not np.isfinite(x).all():
            raise ValueError(
                f"inputs must be those explained, finite and of shape {tuple(self.input_shape)}, "
                f"got shape {x.shape}."
            )
        kept = self.kept(keep, per_level=per_level, approximation=approximation)

        def masked(band: np.ndarray, chosen: np.ndarray) -> np.ndarray:
            return band * (chosen if chosen.ndim == band.ndim else chosen[..., np.newaxis])

        z = map_bands(masked, self.transform.forward(x), kept)
        return self.transform.inverse(z, x.shape)

    @property
    def _has_channels(self) -> bool:
        return self.coefficients[0].ndim > 1 + self.ndim

    def save(self, path: str | Path) -> None:
        """
        Write the explanation to a NumPy archive (``.npz``), which holds arrays and JSON only.

        Parameters
        ----------
        path
            File to write; ``.npz`` is added where it is missing.
        """
        arrays = flatten(self.coefficients)
        if self.sobol is not None:
            arrays |= {f"sobol.{name}": array for name, array in self.sobol.arrays().items()}
        if self.front_end is not None:
            arrays["front_end"] = self.front_end
        header = {
            "wavelet": self.wavelet,
            "mode": self.mode,
            "input_shape": [int(size) for size in self.input_shape],
            "ndim": self.ndim,
        }
        write(path, header, arrays)

    @classmethod
    def load(cls, path: str | Path) -> WaveletExplanation:
        """
        Read an explanation that `save` wrote.

        Parameters
        ----------
        path
            File to read; ``.npz`` is added where it is missing.

        Returns
        -------
        explanation
            The explanation, equal to the one saved.

        Raises
        ------
        ValueError
            If the file is not an archive that `save` wrote.
        """

        def build(header: dict[str, Any], arrays: dict[str, np.ndarray]) -> WaveletExplanation:
            header["input_shape"] = tuple(header["input_shape"])
            sobol = {n[6:]: arrays.pop(n) for n in list(arrays) if n.startswith("sobol.")}
            header["sobol"] = SobolIndices.of_arrays(sobol) if sobol else None
            header["front_end"] = arrays.pop("front_end", None)
            return cls(unflatten(arrays), **header)

        return read(path, build, "a WaveletExplanation")


def _band_shares(sobol: SobolIndices) -> np.ndarray:
    """The part of each cell that lies in each band: (bands, K)."""
    count = sobol.total.shape[1]
    areas = [
        np.bincount(cells.ravel() + 1, minlength=count + 1)[1:]
        for cells in flatten(sobol.cells).values()
    ]
    return np.stack(areas) / np.sum(areas, axis=0)
