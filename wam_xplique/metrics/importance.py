"""The importance of each wavelet coefficient, from any explanation."""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np

from ..backends.wavelets import plain_wavelet
from ..checks import check_whole
from ..coefficients import Coefficients, WaveletTransform, averages, flatten, map_bands
from ..explanation import WaveletExplanation
from ..inputs import Layout
from ..model import is_torch_tensor


class Wavelets(NamedTuple):
    """What a metric asks of the transform; None takes the explanation's."""

    wavelet: Any
    level: int | None
    mode: str | None

    def transform(
        self, explanation: Any, layout: Layout, shape: tuple[int, ...]
    ) -> WaveletTransform:
        """The transform of inputs of `shape` whose coefficients an explanation ranks."""
        if not isinstance(explanation, WaveletExplanation):
            wavelet, mode = plain_wavelet(self.wavelet or "haar"), self.mode or "periodization"
            return WaveletTransform.fitting(shape, wavelet, self.level, mode, layout.spatial_axes)
        found = (explanation.wavelet, explanation.level, explanation.mode)
        for name, wanted, theirs in zip(self._fields, self, found, strict=True):
            if wanted not in (None, theirs):
                raise ValueError(
                    f"The explanations have {name}={theirs!r}, but the metric was made with "
                    f"{name}={wanted!r}; leave it out, and it takes theirs."
                )
        return WaveletTransform(*found, layout.spatial_axes)


def check_explanations(
    explanations: Any, transform: WaveletTransform, layout: Layout, shape: tuple[int, ...]
) -> None:
    """Check that explanations are finite, and of inputs of a shape with channels last."""
    if isinstance(explanations, WaveletExplanation):
        _check_wavelets(explanations, transform, layout.ndim, shape)
        check_finite(flatten(explanations.coefficients).values())
    else:
        _check_maps(explanations, layout.ndim, shape)
        check_finite([as_array(explanations)])


def coefficient_importance(
    explanations: Any, transform: WaveletTransform, layout: Layout
) -> Coefficients:
    """The importance of each coefficient, signed as the explanation is: (N, h, w[, C])."""
    if isinstance(explanations, WaveletExplanation):
        return explanations.coefficients
    values, ndim = _channels_last(explanations, layout.ndim), layout.ndim
    if values.ndim == 2 + ndim and (ndim > 1 or values.shape[-1] == 1):
        values = values.mean(axis=-1)  # as Xplique's metrics do
    return averages(values, transform, ndim)


def as_array(explanations: Any) -> np.ndarray:
    """Maps as an array, their axes as they come."""
    if is_torch_tensor(explanations):
        explanations = explanations.detach().cpu()
        explanations = explanations.float() if explanations.itemsize < 4 else explanations
    check_whole("explanations", explanations)
    try:
        array = np.asarray(explanations)
        if array.dtype.kind not in "biufV":
            raise TypeError
        return array if array.dtype.kind == "f" else array.astype(np.float32)
    except (TypeError, ValueError, RuntimeError) as error:
        raise TypeError(
            "explanations must be a WaveletExplanation or an array of real numbers, got a "
            f"{type(explanations).__name__}."
        ) from error


def check_finite(bands: Any) -> None:
    """Check that explanations are finite."""
    bad = [[not np.isfinite(of_input).all() for of_input in band] for band in bands]
    if np.any(bad):
        where = np.flatnonzero(np.any(bad, axis=0)).tolist()
        raise ValueError(f"explanations must be finite, got NaN or infinite values at {where}.")


def _check_wavelets(
    explanation: WaveletExplanation, transform: WaveletTransform, ndim: int, shape: tuple[int, ...]
) -> None:
    if tuple(explanation.input_shape) != shape:
        raise ValueError(
            f"explanations must be those of the {shape[0]} inputs, which have the shape {shape} "
            f"with channels last; got explanations of inputs of shape "
            f"{tuple(explanation.input_shape)}."
        )
    template = transform.shapes(shape[1 : 1 + ndim])
    expected = flatten(map_bands(lambda size: (shape[0], *size), template))
    found = {name: band.shape for name, band in flatten(explanation.coefficients).items()}
    channels = found["approximation"][1 + ndim :]
    if channels not in ((), shape[1 + ndim :]) or found != {
        name: (*size, *channels) for name, size in expected.items()
    }:
        raise ValueError(
            f"The coefficients of the explanations have shapes {found}; those of inputs of shape "
            f"{shape} have {expected}, and perhaps channels last."
        )


def _check_maps(explanations: Any, ndim: int, shape: tuple[int, ...]) -> None:
    space, channels = shape[: 1 + ndim], shape[1 + ndim :]
    allowed = dict.fromkeys([space, (*space, 1), (*space, *channels)])
    if _channels_last(explanations, ndim).shape not in allowed:
        raise ValueError(
            f"explanations must have one of the shapes {list(allowed)} (PyTorch tensors with "
            f"channels first), or be a WaveletExplanation; got {tuple(np.shape(explanations))}."
        )


def _channels_last(explanations: Any, ndim: int) -> np.ndarray:
    """Maps (N, H, W), (N, T), or such with channels last."""
    values = as_array(explanations)
    is_moved = is_torch_tensor(explanations) and values.ndim == 2 + ndim
    return np.moveaxis(values, 1, -1) if is_moved else values
