"""Common corruptions of images, at five severities."""

from __future__ import annotations

from collections.abc import Callable
from io import BytesIO
from typing import Any, Literal

import numpy as np
from PIL import Image
from scipy.signal import fftconvolve
from skimage.color import hsv2rgb, rgb2hsv
from skimage.filters import gaussian
from skimage.morphology import disk
from skimage.util import random_noise

from ..checks import check_choice, check_integer, check_range, check_seed, is_integer

SEVERITIES = (1, 2, 3, 4, 5)


def corrupt(
    images: np.ndarray,
    name: str,
    severity: int = 3,
    *,
    value_range: tuple[float, float] = (0.0, 1.0),
    seed: int = 0,
    first: int = 0,
) -> np.ndarray:
    """
    Corrupt images as ImageNet-C does.

    Ref. Hendrycks & Dietterich, Benchmarking Neural Network Robustness to Common Corruptions and
    Perturbations (2019).

    Parameters
    ----------
    images
        Images (N, H, W) or (N, H, W, C), C being 1 or 3 (RGB), of floating-point numbers or bytes.
    name
        One of `CORRUPTIONS`.
    severity
        From 1 to 5.
    value_range
        What is black and what is white; all values lie between. Bytes want (0, 255).
    seed
        Seed of the draws.
    first
        Number of the first image, for a part of a data set. An image's draw depends on the seed
        and its number alone, and is the same at each severity.

    Returns
    -------
    corrupted
        Images of the same shape and range, float32.

    Raises
    ------
    TypeError, ValueError
        If the images hold neither floating-point numbers nor bytes; if an argument is not as above,
        or a value is not finite or out of range.

    Notes
    -----
    The parameters are those published for images of 224×224 pixels, and are used as they are at
    any size: noise, contrast and brightness do not depend on it. Blur, pixelate and JPEG have
    widths in pixels (a blur's radius is up to 10, a motion's trail up to 40, a block of pixelate
    1.7 to 4 wide, one of JPEG 8 or 16), and so take more from small images. Fog is as coarse as
    the image: its map is that of the next power of two.

    JPEG rounds to bytes, the others do not. A motion's trail lies to one side of what moves, so it
    displaces as well as blurs. What is beyond the border repeats it, or mirrors the image
    (defocus_blur).

    Examples
    --------
    >>> corrupt(np.array([[[0.0, 1.0]]]), "contrast", severity=5)
    array([[[0.475, 0.525]]], dtype=float32)
    """
    check_choice("name", name, CORRUPTIONS, optional=False)
    function, parameters = _FAMILIES[name]
    if not is_integer(severity) or severity not in SEVERITIES:
        raise ValueError(f"severity must be one of {SEVERITIES}, got {severity!r}.")
    check_seed(seed)
    check_integer("first", first, lowest=0)
    low, high = check_range("value_range", value_range)
    images = _check_images(images, low, high)
    corrupted = np.empty(images.shape, np.float32)
    for number, image in enumerate(images, start=first):
        x = np.clip((image.astype(np.float64) - low) / (high - low), 0, 1)
        rng = np.random.default_rng((seed, number))
        y = function(np.atleast_3d(x), parameters[severity - 1], rng)
        corrupted[number - first] = low + (high - low) * np.clip(y, 0, 1).reshape(x.shape)
    return np.clip(corrupted, low, high)


# Each takes an image (H, W, C) in [0, 1], its parameter and a generator.


def _gaussian_noise(x: np.ndarray, deviation: float, rng: np.random.Generator) -> np.ndarray:
    return random_noise(x, "gaussian", rng, var=deviation**2)


def _shot_noise(x: np.ndarray, photons: float, rng: np.random.Generator) -> np.ndarray:
    return rng.poisson(x * photons) / photons


def _impulse_noise(x: np.ndarray, amount: float, rng: np.random.Generator) -> np.ndarray:
    return random_noise(x, "s&p", rng, amount=amount)


def _gaussian_blur(x: np.ndarray, deviation: float, rng: np.random.Generator) -> np.ndarray:
    return gaussian(x, deviation, mode="nearest", channel_axis=-1)


def _defocus_blur(x: np.ndarray, lens: tuple[int, float], rng: np.random.Generator) -> np.ndarray:
    radius, softness = lens
    return _correlate(x, gaussian(np.pad(disk(radius, float), 2), softness), "reflect")


def _motion_blur(x: np.ndarray, trail: tuple[int, float], rng: np.random.Generator) -> np.ndarray:
    radius, deviation = trail
    steps, angle = np.arange(2 * radius + 1), np.deg2rad(rng.uniform(-45, 45))
    places = np.rint(np.outer((np.sin(angle), np.cos(angle)), steps)).astype(int) + 2 * radius
    kernel = np.zeros((4 * radius + 1,) * 2)
    np.add.at(kernel, tuple(places), np.exp(-((steps / deviation) ** 2) / 2))
    return _correlate(x, kernel, "edge")


def _pixelate(x: np.ndarray, share: float, rng: np.random.Generator) -> np.ndarray:
    height, width = x.shape[:2]
    few = max(1, int(width * share)), max(1, int(height * share))

    def blocks(channel: np.ndarray) -> np.ndarray:
        small = Image.fromarray(channel).resize(few, Image.Resampling.BOX)
        return np.asarray(small.resize((width, height), Image.Resampling.BOX))

    return np.stack([blocks(channel) for channel in np.moveaxis(x, -1, 0).astype(np.float32)], -1)


def _jpeg_compression(x: np.ndarray, quality: int, rng: np.random.Generator) -> np.ndarray:
    file, pixels = BytesIO(), np.rint(255 * x).astype(np.uint8)
    Image.fromarray(pixels[..., 0] if pixels.shape[-1] == 1 else pixels).save(
        file, "JPEG", quality=quality
    )
    return np.atleast_3d(np.asarray(Image.open(file))) / 255


def _contrast(x: np.ndarray, factor: float, rng: np.random.Generator) -> np.ndarray:
    mean = x.mean(axis=(0, 1))
    return mean + factor * (x - mean)


def _brightness(x: np.ndarray, added: float, rng: np.random.Generator) -> np.ndarray:
    if x.shape[-1] == 1:
        return x + added
    hsv = rgb2hsv(x)
    hsv[..., 2] = np.minimum(hsv[..., 2] + added, 1)
    return hsv2rgb(hsv)


def _fog(x: np.ndarray, haze: tuple[float, float], rng: np.random.Generator) -> np.ndarray:
    amount, decay = haze
    height, width = x.shape[:2]
    plasma = _plasma(max(height, width), decay, rng)[:height, :width, np.newaxis]
    return (x + amount * plasma) * x.max() / (x.max() + amount)


_FAMILIES: dict[str, tuple[Callable[..., np.ndarray], tuple[Any, ...]]] = {
    "gaussian_noise": (_gaussian_noise, (0.08, 0.12, 0.18, 0.26, 0.38)),
    "shot_noise": (_shot_noise, (60, 25, 12, 5, 3)),
    "impulse_noise": (_impulse_noise, (0.03, 0.06, 0.09, 0.17, 0.27)),
    "gaussian_blur": (_gaussian_blur, (1, 2, 3, 4, 6)),
    "defocus_blur": (_defocus_blur, ((3, 0.1), (4, 0.5), (6, 0.5), (8, 0.5), (10, 0.5))),
    "motion_blur": (_motion_blur, ((10, 3), (15, 5), (15, 8), (15, 12), (20, 15))),
    "pixelate": (_pixelate, (0.6, 0.5, 0.4, 0.3, 0.25)),
    "jpeg_compression": (_jpeg_compression, (25, 18, 15, 10, 7)),
    "contrast": (_contrast, (0.4, 0.3, 0.2, 0.1, 0.05)),
    "brightness": (_brightness, (0.1, 0.2, 0.3, 0.4, 0.5)),
    "fog": (_fog, ((1.5, 2), (2, 2), (2.5, 1.7), (2.5, 1.5), (3, 1.4))),
}
CORRUPTIONS = tuple(_FAMILIES)


def _correlate(x: np.ndarray, kernel: np.ndarray, border: Literal["edge", "reflect"]) -> np.ndarray:
    """Means of the surroundings of each pixel, weighted by a square kernel of odd size."""
    reach = len(kernel) // 2
    padded = np.pad(x, [(reach, reach), (reach, reach), (0, 0)], border)
    weights = (kernel / kernel.sum())[::-1, ::-1, np.newaxis]
    return fftconvolve(padded, weights, "valid", axes=(0, 1))


def _plasma(size: int, decay: float, rng: np.random.Generator) -> np.ndarray:
    """Heights in [0, 1] of at least a size by the diamond-square algorithm, on a torus."""
    heights, spread = np.zeros((1, 1)), 1.0

    def raised(mean: np.ndarray) -> np.ndarray:
        return mean + rng.uniform(-spread, spread, mean.shape)

    while len(heights) < size:
        below = heights + np.roll(heights, -1, 0)
        middles = raised((below + np.roll(below, -1, 1)) / 4)
        beside = heights + np.roll(heights, -1, 1) + middles + np.roll(middles, 1, 0)
        under = below + middles + np.roll(middles, 1, 1)
        finer = np.empty((2 * len(heights),) * 2)
        finer[::2, ::2], finer[1::2, 1::2] = heights, middles
        finer[::2, 1::2], finer[1::2, ::2] = raised(beside / 4), raised(under / 4)
        heights, spread = finer, spread / decay**2
    heights = heights - heights.min()
    return heights / (heights.max() or 1.0)


def _check_images(images: Any, low: float, high: float) -> np.ndarray:
    images = np.asarray(images)
    if images.dtype != np.uint8 and not np.issubdtype(images.dtype, np.floating):
        raise TypeError(f"images must hold floating-point numbers or bytes, got {images.dtype}.")
    fits = images.ndim == 3 or (images.ndim == 4 and images.shape[-1] in (1, 3))
    if not fits or not images.size:
        raise ValueError(
            "images must have shape (N, H, W), (N, H, W, 1) or (N, H, W, 3) and not be empty, got "
            f"{images.shape}."
        )
    rounding = 1e-6 * (high - low)
    least, most = float(images.min()), float(images.max())
    if not (low - rounding <= least and most <= high + rounding):  # as of NaN
        raise ValueError(
            f"images must lie in value_range, ({low:g}, {high:g}), and be finite, but have values "
            f"from {least:g} to {most:g}."
        )
    return images
