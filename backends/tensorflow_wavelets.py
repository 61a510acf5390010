"""The layers of the package tensorflow-wavelets as an engine of the TensorFlow transform."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
import pywt

ENGINE = "tensorflow-wavelets"
_KEYS = {1: ("d",), 2: ("da", "ad", "dd")}  # in the order of the layers' channels


def wavedecn(x: Any, wavelet: Any, mode: Any, level: int, axes: Sequence[int], engine: str) -> list:
    """`wavelets.wavedecn` by the package's one-level layers, iterated."""
    forward, _ = _layers(x, wavelet, mode, axes, engine)
    coefficients: list[Any] = []
    for _ in range(level):
        x, *details = _apply(forward, [x], wavelet, axes)
        coefficients.insert(0, dict(zip(_KEYS[len(axes)], details, strict=True)))
    return [x, *coefficients]


def waverecn(
    coeffs: Sequence[Any], wavelet: Any, mode: Any, axes: Sequence[int], engine: str
) -> Any:
    """`wavelets.waverecn` by the package's one-level layers, iterated."""
    import tensorflow as tf

    x = coeffs[0]
    _, inverse = _layers(x, wavelet, mode, axes, engine)
    border = pywt.Wavelet(wavelet).rec_len - 2

    def joined(bands: Any) -> Any:
        # The 2D layer scrambles images that are not square: zeros make them so, and are cut off.
        inner = bands.shape[1:-1]
        paddings = [[0, 0], *([0, max(inner) - size] for size in inner), [0, 0]]
        whole = inverse(tf.pad(bands, paddings))
        return whole[(slice(None), *(slice(2 * size - border) for size in inner))]

    for level in coeffs[1:]:
        for band in level.values():
            x = x[tuple(slice(size) for size in band.shape)]
        details = [level.get(key, tf.zeros_like(x)) for key in _KEYS[len(axes)]]
        (x,) = _apply(joined, [x, *details], wavelet, axes)
    return x


def _layers(x: Any, wavelet: Any, mode: Any, axes: Sequence[int], engine: str) -> tuple[Any, Any]:
    if engine != ENGINE:
        raise ValueError(f"engine={engine!r} is unknown; expected 'native' or {ENGINE!r}.")
    import tensorflow as tf

    if not tf.is_tensor(x):
        raise ValueError(f"engine={ENGINE!r} transforms TensorFlow tensors, got {type(x)}.")
    if mode != "symmetric":
        raise ValueError(f"engine={ENGINE!r} has mode='symmetric' only, got mode={mode!r}.")
    if len(axes) not in _KEYS:
        raise ValueError(f"engine={ENGINE!r} transforms 1 or 2 axes, got {len(axes)}.")
    if not isinstance(wavelet, str):
        raise ValueError(f"engine={ENGINE!r} takes the name of one wavelet, got {wavelet!r}.")
    if x.dtype != tf.float32:
        raise ValueError(f"engine={ENGINE!r} computes in float32, got {x.dtype.name}.")
    try:
        from tensorflow_wavelets.Layers import DWT
    except ImportError as error:
        raise ImportError(
            f"engine={ENGINE!r} needs the package: pip install 'wam-xplique[tensorflow-wavelets]'."
        ) from error
    if len(axes) == 1:
        return DWT.DWT1D(wavelet), DWT.IDWT1D(wavelet)
    return DWT.DWT(wavelet, concat=0), DWT.IDWT(wavelet, concat=0)


def _apply(
    layer: Callable[[Any], Any], tensors: list[Any], wavelet: str, axes: Sequence[int]
) -> list[Any]:
    """What a layer makes of tensors, its channels. The other axes are folded into the batch, since
    the layers mix channels."""
    import tensorflow as tf

    shape, least = tensors[0].shape, pywt.Wavelet(wavelet).dec_len - 1
    sizes = [shape[axis] for axis in axes]
    if min(sizes) < least:  # the layers cannot extend a signal by more than its own samples
        raise ValueError(
            f"engine={ENGINE!r} needs at least {least} samples along each axis, and at each level, "
            f"for wavelet={wavelet!r}, got {sizes}; the native engine takes any size."
        )
    others = [axis for axis in range(len(shape)) if axis not in axes]
    order, batch = [*others, *axes], [shape[axis] for axis in others]
    folded = [tf.reshape(tf.transpose(x, order), (math.prod(batch), *sizes)) for x in tensors]
    made = tf.unstack(layer(tf.stack(folded, -1)), axis=-1)
    return [tf.transpose(tf.reshape(b, (*batch, *b.shape[1:])), np.argsort(order)) for b in made]
