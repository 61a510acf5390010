"""The answer of every wavelet attribution method."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from .archive import Archived, check_input_shape, check_shapes, taken, under
from .backends import get_backend
from .backends.filterbank import FilterBank
from .backends.wavelets import check_mode, plain_wavelet
from .coefficients import (
    Coefficients,
    Transform,
    WaveletTransform,
    flatten,
    largest,
    levels,
    magnitude,
    map_bands,
    unflatten,
)
from .indices import SobolIndices, fractions, region_importance
from .intervals import student
from .notebook import MOST_INPUTS, card
from .per_input import PerInput
from .transforms import described, of_description

_ARRAYS = ("front_end", "scale_error", "draws", "convergence_delta")
"""The fields that are one array each, or None."""
_HEADER = ("wavelet", "mode", "input_shape", "ndim", "signed", "includes_approximation")
"""The fields that are no arrays."""


class Explanation(Archived, PerInput):
    """What is told of inputs of `input_shape`, N first, with `ndim` axes of space or time."""

    input_shape: tuple[int, ...]
    ndim: int

    def __len__(self) -> int:
        """The number of inputs explained."""
        return self.input_shape[0]

    @property
    def spatial_shape(self) -> tuple[int, ...]:
        """Sizes of the inputs along the axes transformed."""
        return self.input_shape[1 : 1 + self.ndim]

    def _repr_html_(self) -> str:
        """Maps and shares of the first inputs, as a notebook shows them."""
        title = " ".join(repr(self).strip("<>").split("\n")[:2]).rstrip(":;")
        more = len(self) - MOST_INPUTS
        title += f"; the first {MOST_INPUTS} of them" if more > 0 else ""
        return card(title, (some._seen() for some in self[:MOST_INPUTS]))

    def _seen(self) -> tuple[np.ndarray, list[tuple[str, str, float]]]:
        """A map (H, W) of one input, and the name, text and share of each part of it."""
        raise NotImplementedError


@dataclass(frozen=True, eq=False, repr=False)
class WaveletExplanation(Explanation):
    """
    Importance of every wavelet coefficient of every input: where, and at which scale.

    ``explanation[0]`` is that of the first input (N stays, as 1), ``explanation[2:5]`` that of
    three, and a loop goes over the inputs. Ref. Kasmi & al., One Wave To Explain Them All: A
    Unifying Perspective On Feature Attribution (2025).

    Parameters
    ----------
    coefficients
        Their importance, ``[cA, {"ad": ..., "da": ..., "dd": ...}, ..., {...}]`` from coarse to
        fine as PyWavelets has it; arrays (N, h, w), or (N, h, w, C) where the channels are kept.
        The first letter is the vertical axis: ``"da"`` answers to horizontal edges.
    wavelet, mode
        Name of the wavelet, or its four filters where PyWavelets has none of them; boundary mode.
        Of a transform in `other` what that is called.
    input_shape, ndim
        Shape of the inputs, N first and channels last; number of axes transformed: 1 for signals, 2
        for images, 3 for volumes.
    sobol
        The Sobol indices that the coefficients carry, for `WCAM`; None for gradients.
    front_end
        Importance of the front end's outputs, of their shape, by the same equation on the same
        samples; None where the explainer has no front end, or uses no gradients.
    signed
        Whether the method's equation gives the coefficients a sign: for the class, or against it.
    standard_error, scale_error
        Standard errors over the draws of noise, of each coefficient and (N, level + 1) of
        `scale_importance`; None where too few are drawn.
    draws
        How many independent values (N,) these are from; None where nothing is drawn.
    convergence_delta
        Of an integral from a baseline x₀: how far (N,) the sum of all its coefficients, whatever
        is shown of them, is from f(x) − f(x₀), relative to this; None for other methods.
    includes_approximation
        Whether the approximation took part; if not its coefficients are 0, which tells nothing.
    other
        One of `wam_xplique.transforms`, where it is not the decimated one of `wavelet` and `mode`.
    """

    coefficients: Coefficients
    wavelet: str | FilterBank
    mode: str
    input_shape: tuple[int, ...]
    ndim: int
    sobol: SobolIndices | None = None
    front_end: np.ndarray | None = None
    signed: bool = False
    standard_error: Coefficients | None = None
    scale_error: np.ndarray | None = None
    draws: np.ndarray | None = None
    convergence_delta: np.ndarray | None = None
    includes_approximation: bool = True
    other: Transform | None = None

    def __repr__(self) -> str:
        """What it is of, and the shares, in a few lines."""
        shape, plural = " × ".join(map(str, self.input_shape[1:])), "s" * (len(self) != 1)
        how = str(self.transform)
        if self.sobol is not None:
            how += f", Sobol indices of {self.sobol.total.shape[1]} cells"
        shares = shares_as_text(self.scales, mean_share(self.scale_importance()))
        return f"<WaveletExplanation of {len(self)} input{plural} of {shape}:\n {how};\n {shares}>"

    @property
    def level(self) -> int:
        """Number of levels of the transform."""
        return len(self.coefficients) - 1

    @property
    def transform(self) -> Transform:
        """The transform of inputs, channels last, into coefficients such as these."""
        axes = tuple(range(1, 1 + self.ndim))
        if self.other is not None:
            return self.other.over(axes)
        return WaveletTransform(self.wavelet, self.level, self.mode, axes)

    @property
    def scales(self) -> list[str]:
        """
        The size that each level stands for, approximation first, then coarse to fine.

        Level j sees details between 2^(j-1) and 2^j pixels (voxels; samples of signals), the
        approximation what is larger (WCAM section 3.1).
        """
        return self.transform.scales(self.ndim)

    def _seen(self) -> tuple[np.ndarray, list[tuple[str, str, float]]]:
        shares = self.scale_importance()[0]
        lines = [
            (s, share_as_text(share), share) for s, share in zip(self.scales, shares, strict=True)
        ]
        if self.ndim == 1:  # over time, the finest scale at the top
            maps = self.by_scale()[0, ::-1]
            return (maps if maps.ndim == 2 else maps.mean(axis=-1)), lines
        pixels = self.pixels()[0].mean(axis=-1)
        return (pixels if self.ndim == 2 else pixels.max(axis=0)), lines

    def mosaic(self) -> np.ndarray:
        """
        All coefficients, signs and all, in one dyadic picture: (N, H, W, 1) or (N, T, 1).

        As `pywt.coeffs_to_array` packs them (WCAM figure 3); larger than the input where the
        boundary mode makes more coefficients than samples.
        """
        packed = self.transform.packed(self.coefficients, self.transform.axes)
        return packed if self._has_channels else packed[..., np.newaxis]

    def by_scale(self, signed: bool = False) -> np.ndarray:
        """
        A map of each level at the input's size: magnitudes, summed over the orientations.

        Parameters
        ----------
        signed
            Whether to keep the signs, of a method whose equation has them, else a ValueError. Each
            coefficient is then shared evenly by the 2^j pixels (along each axis) that it looks at:
            the maps add up to what the coefficients do, f(x) − f(x₀) for integrated gradients.

        Returns
        -------
        maps
            Array (N, level + 1, H, W), approximation first, then coarse to fine; one spatial axis
            for signals, three for volumes; channels last where they are kept.
        """
        return self.by_blocks(
            lambda some: np.stack(
                [some._map(number, bands, signed) for number, bands in enumerate(some._levels)],
                axis=1,
            )
        )

    def by_band(self, signed: bool = False) -> dict[tuple[str, str], np.ndarray]:
        """
        A map (N, H, W) of each band at the input's size; those of a level add up to its `by_scale`.

        By scale and orientation, as `band_importance` is; `signed` is as for `by_scale`.

        >>> z = [np.zeros((1, 2)), {"d": np.array([[-6.0, 2.0]])}]
        >>> explanation = WaveletExplanation(z, "haar", "periodization", (1, 4), 1)
        >>> explanation.by_band()["1-2 samples", "d"]
        array([[6., 5., 3., 2.]])
        """
        return self.by_blocks(
            lambda some: {
                (scale, key): some._map(number, {key: bands[key]}, signed)
                for number, (scale, bands) in enumerate(zip(some.scales, some._levels, strict=True))
                for key in bands
            }
        )

    def _map(self, number: int, bands: dict[str, np.ndarray], signed: bool) -> np.ndarray:
        """The map (N, ...) of bands of a level."""
        if signed and not self.signed:
            raise ValueError(
                "signed=True needs a method whose equation has a sign: WaveletGradientInput, "
                'WaveletIntegratedGradients, or WaveletSmoothGrad with average="gradient".'
            )
        shown = bands if signed else {key: np.abs(band) for key, band in bands.items()}
        return self.transform.spread(shown, number, self.spatial_shape, signed)

    @property
    def _levels(self) -> list[dict[str, np.ndarray]]:
        return levels(self.coefficients, self.ndim)

    def scale_importance(self) -> np.ndarray:
        """
        The share (N, level + 1) of each level in the explanation (WCAM tables 1, 4 and 5).

        Approximation first, then coarse to fine: sums of magnitudes over a level's coefficients;
        for `WCAM` of total Sobol indices over its cells, each cell once whatever its size. NaN for
        an approximation that was left out: the others are shares of the details. What is known
        sums to 1 (`np.nansum`), or to 0 where nothing has importance.

        >>> z = [np.ones((1, 2)), {"d": np.array([[6.0, 0.0]])}]
        >>> WaveletExplanation(z, "haar", "periodization", (1, 4), 1).scale_importance()
        array([[0.25, 0.75]])
        """
        if self.sobol is not None:
            return self.sobol.importance()
        bands = unflatten(self.magnitudes())
        return self._shares([sum(b.values()) for b in levels(bands, self.ndim)])

    def scale_interval(self, confidence: float | None = None) -> np.ndarray | None:
        """
        Where `scale_importance` would lie with other draws: (N, level + 1, 2) within [0, 1].

        Student's interval from `scale_error` and `draws`, or the bootstrap's of `WCAM`; NaN for
        what was left out. None for a method that draws nothing, or whose shares are not sums of
        means over the draws (WAM-SG with ``average="gradient"``; a `reducer` of "min" or "max").

        Parameters
        ----------
        confidence
            Confidence level between 0 and 1, else a ValueError; by default 0.95, and for `WCAM` the
            only one that it has.
        """
        made = None if self.sobol is None else self.sobol.confidence
        confidence = (made or 0.95) if confidence is None else confidence
        if not isinstance(confidence, (float, np.floating)) or not 0 < confidence < 1:
            raise ValueError(f"confidence must be a number between 0 and 1, got {confidence!r}.")
        if self.sobol is not None:
            if made not in (None, confidence):
                raise ValueError(f"confidence must be that of the explainer, {made}.")
            return self.sobol.importance_interval
        if self.scale_error is None or self.draws is None:
            return None
        freedom, shares = self.draws[:, np.newaxis] - 1, self.scale_importance()
        return np.clip(student(shares, self.scale_error, freedom, confidence), 0, 1)

    def band_importance(self) -> dict[tuple[str, str], np.ndarray]:
        """
        The share (N,) of each band in the explanation (WAM figure 10, WCAM figure 13).

        By scale and orientation, such as ``("2-4 px", "da")`` for the horizontal edges of level 2:
        the approximation first (NaN if it was left out), then from coarse to fine. The bands of a
        level add up to its `scale_importance`; a cell that straddles bands is shared by area.
        """
        if self.sobol is None:
            shares = self._shares(list(self.magnitudes().values()))
        else:
            shares = region_importance(self.sobol.total, _band_shares(self.sobol))
        bands = zip(self.scales, self._levels, strict=True)
        keys = [(scale, key) for scale, level in bands for key in level]
        return dict(zip(keys, shares.T, strict=True))

    def _shares(self, sums: list[np.ndarray]) -> np.ndarray:
        """Sums (N,) of each level or band as shares, the approximation first: (N, sums)."""
        shares = fractions(np.stack(sums, axis=-1))
        if not self.includes_approximation:
            shares[:, 0] = np.nan
        return shares

    def magnitudes(self) -> dict[str, np.ndarray]:
        """The sums (N,) of the magnitudes of the bands, by name, in double precision."""
        return self.by_blocks(lambda some: flatten(map_bands(magnitude, some.coefficients)))

    def pixels(self, signed: bool = False) -> np.ndarray:
        """
        The explanation in the input's own domain: the maps of `by_scale`, summed.

        An array (N, H, W, 1) for images, (N, D, H, W, 1) for volumes (C in place of 1 where the
        channels are kept); of the input's shape for signals (N, T) and (N, T, W). Ref. Kasmi &
        al., Assessment of the Reliability of a Model's Decision by Generalizing Attribution to the
        Wavelet Domain (2023), appendix A.2.1.
        """
        pixels = self.by_blocks(lambda some: some.by_scale(signed).sum(axis=1))
        return pixels if self.ndim == 1 or self._has_channels else pixels[..., np.newaxis]

    def kept(
        self, keep: float | int, *, per_level: bool = False, approximation: bool = False
    ) -> Coefficients:
        """
        The most important coefficients of each input: boolean arrays like `coefficients`.

        Parameters
        ----------
        keep
            How many: a share in (0, 1], or a count (an int of at least 1), else a ValueError.
            Coefficients without importance are never kept.
        per_level
            Whether to take as many from each level; from all levels together if not.
        approximation
            Whether to keep the whole approximation besides.
        """
        is_count = isinstance(keep, (int, np.integer)) and not isinstance(keep, bool) and keep >= 1
        if not is_count and not (isinstance(keep, (float, np.floating)) and 0 < keep <= 1):
            raise ValueError(
                f"keep must be a share in (0, 1] or a count of at least 1, got {keep!r}."
            )
        return self.by_blocks(lambda some: some._kept(keep, per_level, approximation))

    def _kept(self, keep: float | int, per_level: bool, approximation: bool) -> Coefficients:
        if per_level:
            first, *details = (largest(b, keep) for b in self._levels)
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
        What is left of the inputs when only the most important coefficients are (WAM figure 7).

        Parameters
        ----------
        inputs
            The inputs explained, as they were: array or tensor of any framework, a PyTorch
            tensor with channels first.
        keep, per_level, approximation
            As for `kept`.

        Returns
        -------
        reconstruction
            Inverse transform of the coefficients kept; an array of `input_shape`, channels last. A
            ValueError is raised for inputs that are not those explained.
        """
        given = inputs if hasattr(inputs, "shape") else np.asarray(inputs)
        backend = get_backend(given)
        moved = backend.name == "torch" and given.ndim == 2 + self.ndim
        came, shape = tuple(given.shape), tuple(self.input_shape)
        alone = "; inputs[np.newaxis] adds the axis N" * (len(came) == len(shape) - 1)
        refusal = ValueError(
            f"inputs must be those explained, finite and of shape {shape} (PyTorch tensors with "
            f"channels first), got shape {came}{alone}."
        )
        if ((came[0], *came[2:], came[1]) if moved else came) != shape:
            raise refusal

        def masked(band: np.ndarray, chosen: np.ndarray) -> np.ndarray:
            return band * (chosen if chosen.ndim == band.ndim else chosen[..., np.newaxis])

        def left(some: WaveletExplanation, part: Any) -> np.ndarray:
            x = np.asarray(backend.to_numpy(part), np.float32)
            x = np.moveaxis(x, 1, -1) if moved else x
            if not np.isfinite(x).all():
                raise refusal
            kept = some.kept(keep, per_level=per_level, approximation=approximation)
            z = map_bands(masked, self.transform.forward(x), kept)
            return self.transform.inverse(z, x.shape)

        return self.by_blocks(left, given)

    @property
    def _has_channels(self) -> bool:
        return self.coefficients[0].ndim > 1 + self.ndim

    def check(self) -> None:
        check_mode(self.mode)
        count, *others = check_input_shape(self.input_shape, self.ndim)
        channels = self.coefficients[0].shape[1 + self.ndim :]
        if channels not in ((), tuple(others[self.ndim :])):
            raise ValueError(f"the inputs' channels are {others[self.ndim :]}, not {channels}.")
        template = flatten(self.transform.shapes(self.spatial_shape))
        shapes = {name: (count, *size, *channels) for name, size in template.items()}
        for found in filter(None, (self.coefficients, self.standard_error)):
            check_shapes(flatten(found), shapes)
        bands = flatten(self.coefficients).values()
        if not all(np.isfinite(of_input).all() for band in bands for of_input in band):
            raise ValueError("coefficients must be finite.")
        optional = {
            "scale_error": (count, self.level + 1),
            "draws": (count,),
            "convergence_delta": (count,),
            "front_end": (count, *getattr(self.front_end, "shape", ())[1:]),
        }
        check_shapes({name: getattr(self, name) for name in optional}, optional, [*optional])
        if self.sobol is not None:
            self.sobol.check(count)
            check_shapes(flatten(self.sobol.cells), template)

    def _parts(self) -> tuple[dict[str, Any], dict[str, Any]]:
        arrays = flatten(self.coefficients) | {name: getattr(self, name) for name in _ARRAYS}
        if self.sobol is not None:
            arrays |= under("sobol", self.sobol.arrays())
        if self.standard_error is not None:
            arrays |= under("standard_error", flatten(self.standard_error))
        header = {name: getattr(self, name) for name in _HEADER}
        if self.other is not None:
            header["other"] = described(self.other)
        return header, arrays

    @classmethod
    def _of_parts(cls, header: dict[str, Any], arrays: dict[str, Any]) -> WaveletExplanation:
        header["input_shape"] = tuple(header["input_shape"])
        header["wavelet"] = plain_wavelet(header["wavelet"])
        if "other" in header:
            header["other"] = of_description(header["other"])
        sobol, error = taken("sobol", arrays), taken("standard_error", arrays)
        header["sobol"] = SobolIndices.of_arrays(sobol) if sobol else None
        header["standard_error"] = unflatten(error) if error else None
        header |= {name: arrays.pop(name, None) for name in _ARRAYS}
        # Earlier versions do not tell: what they left out is all 0.
        header.setdefault("includes_approximation", bool(np.any(arrays["approximation"])))
        return cls(unflatten(arrays), **header)


def fields_of(transform: Transform) -> dict[str, Any]:
    """The fields of an explanation that tell of its transform."""
    if isinstance(transform, WaveletTransform):
        return {"wavelet": transform.wavelet, "mode": transform.mode}
    other = transform.over(None)
    return {"wavelet": str(other), "mode": "periodization", "other": other}


def has_importance(shares: np.ndarray) -> np.ndarray:
    """In which inputs (N,) anything has importance, by their shares (N, L)."""
    return np.nansum(shares, axis=-1) > 0


def mean_share(shares: np.ndarray) -> np.ndarray:
    """The mean (L,) of the shares (N, L) of the inputs that have importance; 0 if none has."""
    important = shares[has_importance(shares)]
    return important.mean(axis=0) if len(important) else 0 * shares.sum(axis=0)


def shares_as_text(
    scales: Sequence[str], shares: np.ndarray, interval: np.ndarray | None = None
) -> str:
    """Scales, their shares (L,) and intervals (L, 2) as text: "> 8 px left out, 4-8 px 38%"."""
    bounds = [None] * len(shares) if interval is None else list(interval)
    told = zip(scales, map(share_as_text, shares, bounds), strict=True)
    return ", ".join(f"{scale} {share}" for scale, share in told)


def share_as_text(share: float, interval: Sequence[float] | None = None) -> str:
    """A share as text: "38%", "38% (30% to 45%)", or "left out" where it is not known."""
    if np.isnan(share):
        return "left out"
    return f"{share:.0%}" + ("" if interval is None else " ({:.0%} to {:.0%})".format(*interval))


def _band_shares(sobol: SobolIndices) -> np.ndarray:
    """The part of each cell that lies in each band: (bands, K)."""
    count = sobol.total.shape[1]
    areas = [
        np.bincount(cells.ravel() + 1, minlength=count + 1)[1:]
        for cells in flatten(sobol.cells).values()
    ]
    return np.stack(areas) / np.sum(areas, axis=0)
