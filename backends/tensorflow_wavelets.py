"""The layers of the package tensorflow-wavelets as an engine of the TensorFlow transform."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

ENGINE = "tensorflow-wavelets"
_KEYS = {1: ("d",), 2: ("da", "ad", "dd")}  # in the order of the layers' channels


def wavedecn(x: Any, wavelet: Any, mode: Any, level: int, axes: Sequence[int], engine: str) -> list:
    """`wavelets.wavedecn` by the package's one-level layers, iterated."""
    forward, _ = _layers(x, wavelet, mode, axes, engine)
    coefficients: list[Any] = []
    for _ in range(level):
        _check_sizes(x, wavelet, axes)
        folded, unfold = _fold(x, axes)
        bands = unfold(forward(folded))
        x = bands[0]
        coefficients.insert(0, dict(zip(_KEYS[len(axes)], bands[1:], strict=True)))
    return [x, *coefficients]


def waverecn(
    coeffs: Sequence[Any], wavelet: Any, mode: Any, axes: Sequence[int], engine: str
) -> Any:
    """`wavelets.waverecn` by the package's one-level layers, iterated."""
    import pywt
    import tensorflow as tf

    x = coeffs[0]
    _, inverse = _layers(x, wavelet, mode, axes, engine)
    border = pywt.Wavelet(wavelet).rec_len - 2
    for level in coeffs[1:]:
        for band in level.values():
            x = x[tuple(slice(size) for size in band.shape)]
        _check_sizes(x, wavelet, axes)
        details = [level.get(key, tf.zeros_like(x)) for key in _KEYS[len(axes)]]
        folded = [_fold(band, axes) for band in (x, *details)]
        bands = tf.concat([band for band, _ in folded], axis=-1)
        # The 2D layer scrambles images that are not square: zeros make them so, and are cut off.
        side = max(bands.shape[1:-1])
        paddings = [[0, 0], *([0, side - size] for size in bands.shape[1:-1]), [0, 0]]
        joined = inverse(tf.pad(bands, paddings))
        sizes = [2 * size - border for size in bands.shape[1:-1]]
        cut = joined[(slice(None), *(slice(size) for size in sizes))]
        x = folded[0][1](cut)[0]
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


def _check_sizes(x: Any, wavelet: str, axes: Sequence[int]) -> None:
    """The layers cannot extend a signal by more than its own samples."""
    import pywt

    least = pywt.Wavelet(wavelet).dec_len - 1
    sizes = [x.shape[axis] for axis in axes]
    if min(sizes) < least:
        raise ValueError(
            f"engine={ENGINE!r} needs at least {least} samples along each axis, and at each level, "
            f"for wavelet={wavelet!r}, got {sizes}; the native engine takes any size."
        )


def _fold(x: Any, axes: Sequence[int]) -> tuple[Any, Any]:
    """Fold all other axes into the batch, since the layers mix channels; and how to undo it."""
    import tensorflow as tf

    others = [axis for axis in range(len(x.shape)) if axis not in axes]
    order = [*others, *axes]
    back = [order.index(axis) for axis in range(len(order))]
    batch = [x.shape[axis] for axis in others]
    moved = tf.transpose(x, order)
    folded = tf.reshape(moved, (math.prod(batch), *moved.shape[len(others) :], 1))

    def unfold(y: Any) -> list[Any]:
        bands = tf.unstack(y, axis=-1)
        return [tf.transpose(tf.reshape(b, (*batch, *b.shape[1:])), back) for b in bands]

    return folded, unfold
