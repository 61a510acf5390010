"""Explanations that look at no model: what a method has to beat."""

from __future__ import annotations

from typing import Any

import numpy as np

from ..checks import check_choice, check_seed
from ..coefficients import Coefficients, Transform, map_bands
from ..explanation import WaveletExplanation, fields_of
from ..inputs import CHANNELS, Layout, as_numbers
from ..model import is_torch_tensor
from ..per_input import BLOCK, joined
from ..transforms import check_transform

CONTROLS = ("random", "magnitude", "coarse", "centre")


def control(
    name: str,
    inputs: Any,
    transform: Transform,
    seed: int = 0,
    *,
    channels: str | None = None,
) -> WaveletExplanation:
    """
    An explanation that looks at no model, to put beside those that do.

    A method that scores no better than these has shown nothing about the model: insertion and
    deletion of coefficients reward whoever ranks them by energy.

    Parameters
    ----------
    name
        What is important. "random": anything, in an order of its own for each input. "magnitude":
        the coefficients that are largest in magnitude, averaged over the channels of images and
        volumes as explainers do. "coarse": the coarsest level, then finer ones, in random order
        within a level. "centre": what lies close to the centre of the input.
    inputs
        Images (N, H, W, C), signals (N, T) or (N, T, W), volumes (N, D, H, W, C); PyTorch
        tensors have channels first.
    transform
        The transform of the inputs; of its axes only the number counts (of images (N, H, W) and
        volumes (N, D, H, W) without channels it tells what they are), None for what the shape of
        the inputs tells. With `level=0` the coefficients are pixels.
    seed
        Seed of what is random.
    channels
        "first" or "last": where the channels are; by default as above.

    Returns
    -------
    explanation
        A `WaveletExplanation` of non-negative importance, the approximation included.

    Raises
    ------
    ValueError, TypeError
        If the name is unknown, or the inputs are not finite or do not fit the transform.

    Examples
    --------
    >>> from wam_xplique.transforms import DWT
    >>> transform = DWT("haar", 1, "periodization", None)
    >>> control("magnitude", np.array([[3.0, 3.0, 1.0, -1.0]]), transform).mosaic().ravel().round(2)
    array([4.24, 0.  , 0.  , 1.41], dtype=float32)
    """
    check_choice("name", name, CONTROLS, optional=False)
    check_seed(seed)
    check_choice("channels", channels, CHANNELS)
    check_transform(transform, optional=False)
    x, transform = _channels_last(inputs, transform, channels)
    ndim = len(transform.axes)
    others = x.shape[1 + ndim :] if ndim == 1 else ()
    shapes = map_bands(
        lambda size: (len(x), *size, *others), transform.shapes(x.shape[1 : 1 + ndim])
    )
    if name == "magnitude":
        found = _magnitudes(x, transform)
    elif name == "centre":
        found = _closeness(x.shape, shapes, transform)
    else:
        found = map_bands(np.random.default_rng(seed).random, shapes)
    if name == "coarse":
        for depth, bands in enumerate([{"": found[0]}, *found[1:]]):
            for band in bands.values():
                band += len(found) - 1 - depth
    return WaveletExplanation(found, input_shape=x.shape, ndim=ndim, **fields_of(transform))


def _channels_last(
    inputs: Any, transform: Transform, channels: str | None
) -> tuple[np.ndarray, Transform]:
    """Inputs as an array, and the transform of its spatial axes."""
    x = as_numbers("inputs", inputs)
    ndim = None if transform.axes is None else len(transform.axes)
    first = channels == "first" if channels else is_torch_tensor(x)
    layout = Layout.of(tuple(x.shape), first, ndim)
    x = layout.to_channels_last(x.cpu().float().numpy() if is_torch_tensor(x) else x)
    if not x.size or not np.isfinite(x).all():
        raise ValueError(f"inputs must be finite and not empty, got shape {x.shape}.")
    transform = transform.over(tuple(range(1, 1 + layout.ndim)))
    transform.check(x.shape)
    return x, transform


def _magnitudes(x: np.ndarray, transform: Transform) -> Coefficients:
    """Those of the coefficients, averaged over the channels of images and volumes."""
    averaged = x.ndim - 1 > len(transform.axes) > 1

    def of_band(band: np.ndarray) -> np.ndarray:
        return np.abs(band).mean(axis=-1) if averaged else np.abs(band)

    blocks = (x[start : start + BLOCK] for start in range(0, len(x), BLOCK))
    return joined((map_bands(of_band, transform.forward(block)) for block in blocks), len(x))


def _closeness(shape: tuple[int, ...], shapes: Coefficients, transform: Transform) -> Coefficients:
    """How close to the centre of inputs of a shape coefficients of shapes look at them."""
    ndim = len(transform.axes)
    sizes = shape[1 : 1 + ndim]
    offsets = np.indices(sizes) - np.reshape(np.subtract(sizes, 1) / 2, (ndim, *[1] * ndim))
    places = (transform.averages(offset[np.newaxis], ndim) for offset in offsets)

    def closeness(shape: tuple[int, ...], *place: np.ndarray) -> np.ndarray:
        near = 1 / (1 + np.linalg.norm(place, axis=0))
        near = near if near.ndim == len(shape) else near[..., np.newaxis]
        return np.broadcast_to(near, shape)

    return map_bands(closeness, shapes, *places)
