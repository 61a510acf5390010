"""Pictures of one explained image: the mosaic, the scales, the pixels and their shares."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import Any

import matplotlib.pyplot as plt
import numpy as np
from matplotlib import patheffects
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from ..coefficients import Coefficients, levels, map_bands, pack
from ..explanation import WaveletExplanation
from ..indices import SobolIndices
from .common import (
    BAR_COLOR,
    COLORMAP,
    WHISKER_COLOR,
    brightest,
    draw_colorbar,
    new_axes,
    shares_of,
)

GRID_COLOR = "0.55"
HELD_COLOR = "0.3"
CLIP_PERCENTILE = 99.5
ORIENTATIONS = {"da": "h", "ad": "v", "dd": "d"}  # as WCAM figure 10 has them
# Of the mosaic's side: what is narrower has no room for a letter, or for a scale.
LETTER_ROOM, SCALE_ROOM = 1 / 10, 1 / 5


def plot_mosaic(explanation: WaveletExplanation, index: int = 0, ax: Axes | None = None) -> Axes:
    """
    Draw the mosaic of an image's explanation with its level grid (WCAM figures 3 and 10).

    Of gradients, magnitudes are shown, those of each level divided by the level's largest, so
    that all levels can be seen at once; the share of each level is told by
    `plot_scale_importance`. The Sobol indices of `WCAM` are shown as they are, by one scale of
    colours: they may be compared across levels. Coefficients that were held are grey.

    Each level is labelled by its scale, and each band by what it answers to: horizontal edges
    "h", vertical ones "v", diagonal ones "d"; "a" is the approximation.

    Parameters
    ----------
    explanation
        Explanation of images.
    index
        Which image.
    ax
        Axes to draw on; new ones by default, with a bar of colours where there is one scale.

    Returns
    -------
    ax
        The axes.
    """
    _check_images(explanation)
    given, ax = ax, new_axes(3.6, 3) if ax is None else ax
    chosen = map_bands(lambda band: band[index], explanation.coefficients)
    if explanation.sobol is None:
        shown, top = pack(_by_level(map_bands(_magnitude, chosen)), axes=(0, 1)), 1.0
    else:
        shown = np.ma.masked_where(_held(explanation.sobol), pack(chosen, axes=(0, 1)))
        top = brightest(shown)
    colors = plt.get_cmap(COLORMAP).with_extremes(bad=HELD_COLOR)
    picture = ax.imshow(shown, cmap=colors, vmin=0, vmax=top, interpolation="nearest")
    _draw_level_grid(ax, explanation)
    ax.set_xlim(-0.5, shown.shape[1] - 0.5)
    ax.set_ylim(shown.shape[0] - 0.5, -0.5)
    if given is None and explanation.sobol is not None:
        draw_colorbar(picture, ax, "total Sobol index")
    return _bare(ax)


def plot_pixels(
    explanation: WaveletExplanation,
    image: np.ndarray | None = None,
    index: int = 0,
    ax: Axes | None = None,
) -> Axes:
    """
    Draw an image's explanation in the pixel domain, over the image if it is given.

    Parameters
    ----------
    explanation
        Explanation of images.
    image
        The image (H, W), (H, W, 1) or (H, W, 3).
    index
        Which image of the explanation.
    ax
        Axes to draw on; new ones by default.

    Returns
    -------
    ax
        The axes.
    """
    _check_images(explanation)
    ax = new_axes() if ax is None else ax
    draw_map(ax, _only(explanation, index).pixels()[0].mean(axis=-1), image)
    return ax


def plot_scales(
    explanation: WaveletExplanation,
    image: np.ndarray | None = None,
    index: int = 0,
    axes: Sequence[Axes] | None = None,
) -> Sequence[Axes]:
    """
    Draw one map a level, from coarse to fine: where the model looks at which scale.

    Each map of gradients has its own scale of colours; those of `WCAM` have one, as Sobol indices
    may be compared across levels.

    Parameters
    ----------
    explanation
        Explanation of images.
    image
        The image (H, W), (H, W, 1) or (H, W, 3), drawn beneath.
    index
        Which image of the explanation.
    axes
        One axes a level of details; new ones by default.

    Returns
    -------
    axes
        The axes.
    """
    _check_images(explanation)
    if axes is None:
        count = explanation.level
        size = (2.4 * count, 2.6)
        axes = plt.subplots(1, count, figsize=size, squeeze=False, layout="constrained")[1][0]
    maps = _only(explanation, index).by_scale()[0, 1:]
    maps = maps if maps.ndim == 3 else maps.mean(axis=-1)
    top = None if explanation.sobol is None else float(maps.max(initial=0))
    for ax, level, label in zip(axes, maps, explanation.scales[1:], strict=True):
        draw_map(ax, level, image, top)
        ax.set_title(label, fontsize=9)
    return axes


def plot_scale_importance(
    explanation: WaveletExplanation, index: int | None = None, ax: Axes | None = None
) -> Axes:
    """
    Draw the share of each level in the explanation as bars.

    Whiskers are the bootstrap intervals of `WCAM`, where there are any; those of the mean over
    all inputs are the means of their bounds. They are about the error of the estimate, which all
    inputs share with their design, and not about how the inputs differ.

    Parameters
    ----------
    explanation
        Any explanation.
    index
        Which input; the mean over all inputs by default.
    ax
        Axes to draw on; new ones by default.

    Returns
    -------
    ax
        The axes.
    """
    _check_wavelets(explanation)
    ax = new_axes() if ax is None else ax
    shares, interval = shares_of(explanation.scale_importance(), explanation.sobol, index)
    kept = slice(0 if np.any(explanation.coefficients[0]) else 1, None)
    shares, labels, places = shares[kept], explanation.scales[kept], np.arange(len(shares[kept]))
    ends = shares
    ax.barh(labels, shares, color=BAR_COLOR)
    if interval is not None:
        low, high = interval[kept].T
        ends = np.maximum(shares, high)
        # About its middle, since a percentile interval need not hold the estimate.
        ax.errorbar((low + high) / 2, places, xerr=(high - low) / 2, **_WHISKERS)
    for share, end, place in zip(shares, ends, places, strict=True):
        ax.annotate(
            f"{share:.0%}",
            (end, place),
            (4, 0),
            textcoords="offset points",
            va="center",
            fontsize=8,
        )
    ax.invert_yaxis()
    ax.set_xlim(0, max(1.3 * ends.max(), 1e-6))
    ax.set_xticks([])
    ax.tick_params(labelsize=8, length=0)
    ax.spines[["top", "right", "bottom"]].set_visible(False)
    return ax


def plot_explanation(
    explanation: WaveletExplanation,
    image: np.ndarray,
    index: int = 0,
    title: str | None = None,
) -> Figure:
    """
    Draw all views of one explained image: image, mosaic, scales, pixels and shares.

    Parameters
    ----------
    explanation
        Explanation of images.
    image
        The image (H, W), (H, W, 1) or (H, W, 3).
    index
        Which image of the explanation.
    title
        Title of the figure.

    Returns
    -------
    figure
        The figure.
    """
    count = explanation.level + 4
    figure, axes = plt.subplots(1, count, figsize=(2.3 * count, 2.6), layout="constrained")
    draw_row(axes, explanation, image, index)
    figure.suptitle(title or "")
    return figure


def draw_row(
    axes: Sequence[Axes], explanation: WaveletExplanation, image: np.ndarray, index: int = 0
) -> None:
    """Draw the views of `plot_explanation` on a row of ``explanation.level + 4`` axes."""
    draw_image(axes[0], image)
    axes[0].set_title("input", fontsize=9)
    plot_mosaic(explanation, index, axes[1])
    axes[1].set_title("wavelet coefficients", fontsize=9)
    plot_scales(explanation, image, index, axes[2:-2])
    plot_pixels(explanation, image, index, axes[-2])
    axes[-2].set_title("all scales", fontsize=9)
    plot_scale_importance(explanation, index, axes[-1])
    axes[-1].set_title("importance", fontsize=9)


def draw_map(
    ax: Axes, values: np.ndarray, image: np.ndarray | None = None, top: float | None = None
) -> None:
    """
    Draw the magnitude of a map, over the image in grey if it is given.

    Parameters
    ----------
    ax
        Axes to draw on.
    values
        Map (H, W).
    image
        The image (H, W), (H, W, 1) or (H, W, 3).
    top
        What is shown brightest; the largest magnitudes of the map by default.
    """
    magnitude = np.abs(values)
    shown = _unit(magnitude, _top(magnitude) if top is None else top)
    if image is None:
        ax.imshow(shown, cmap=COLORMAP, vmin=0, vmax=1)
    else:
        grey = np.asarray(image, dtype=float)
        grey = _stretch(grey.mean(axis=-1) if grey.ndim == 3 else grey)
        color = plt.get_cmap(COLORMAP)(shown)[..., :3]
        opacity = (0.25 + 0.6 * np.sqrt(shown))[..., np.newaxis]
        ax.imshow(np.clip(opacity * color + (1 - opacity) * grey[..., np.newaxis], 0, 1))
    _bare(ax)


def draw_image(ax: Axes, image: np.ndarray) -> None:
    """Draw an image, its values stretched to the range that can be shown."""
    image = np.asarray(image, dtype=float)
    if image.ndim == 3 and image.shape[-1] == 1:
        image = image[..., 0]
    ax.imshow(_stretch(image), cmap="gray", vmin=0, vmax=1)
    _bare(ax)


_GRID: dict[str, Any] = {"color": GRID_COLOR, "linewidth": 0.6}
_WHISKERS: dict[str, Any] = {
    "fmt": "none",
    "ecolor": WHISKER_COLOR,
    "elinewidth": 1.2,
    "capsize": 3,
}
# Readable on dark and on bright coefficients alike.
_LABEL: dict[str, Any] = {
    "color": "white",
    "fontsize": 6,
    "textcoords": "offset points",
    "path_effects": [patheffects.withStroke(linewidth=1.4, foreground="black")],
}


def _draw_level_grid(ax: Axes, explanation: WaveletExplanation) -> None:
    """Draw the borders of the levels; write the orientations of the bands, and the scales."""
    approximation, *details = explanation.coefficients
    row, column = approximation.shape[1:3]
    side = max(explanation.mosaic().shape[1:3])
    if min(row, column) >= LETTER_ROOM * side:
        _write(ax, "a", 0, 0)
    for level, scale in zip(details, explanation.scales[1:], strict=True):
        height, width = level["dd"].shape[1:3]
        ax.plot([-0.5, column + width - 0.5], [row - 0.5] * 2, **_GRID)
        ax.plot([column - 0.5] * 2, [-0.5, row + height - 0.5], **_GRID)
        if min(height, width) >= LETTER_ROOM * side:
            for key, letter in ORIENTATIONS.items():
                _write(ax, letter, row * (key[0] == "d"), column * (key[1] == "d"))
        row, column = row + height, column + width
        fits = column >= SCALE_ROOM * side
        end, shift, align = (column - 0.5, -1.5, "right") if fits else (-0.5, 1.5, "left")
        ax.annotate(scale, (end, row - 0.5), (shift, 2), ha=align, va="bottom", **_LABEL)


def _write(ax: Axes, letter: str, row: int, column: int) -> None:
    """Write a letter into the upper left corner of the band that begins at a coefficient."""
    ax.annotate(letter, (column - 0.5, row - 0.5), (1.5, -1), ha="left", va="top", **_LABEL)


def _by_level(magnitudes: Coefficients) -> Coefficients:
    """Magnitudes divided by the largest of their level."""
    tops = [_top(np.stack(list(bands.values()))) for bands in levels(magnitudes, 2)]
    shown: Coefficients = [_unit(magnitudes[0], tops[0])]
    for level, top in zip(magnitudes[1:], tops[1:], strict=True):
        shown.append({key: _unit(band, top) for key, band in level.items()})
    return shown


def _held(sobol: SobolIndices) -> np.ndarray:
    """Where the mosaic has coefficients that are in no cell, or none at all."""
    return pack(map_bands(lambda cells: cells + 1, sobol.cells), axes=(0, 1)) == 0


def _bare(ax: Axes) -> Axes:
    ax.set_xticks([])
    ax.set_yticks([])
    return ax


def _check_wavelets(explanation: WaveletExplanation) -> None:
    if not isinstance(explanation, WaveletExplanation):
        raise ValueError(f"Expected a WaveletExplanation, got {type(explanation).__name__}.")


def _check_images(explanation: WaveletExplanation) -> None:
    _check_wavelets(explanation)
    if explanation.ndim != 2:
        raise ValueError(f"Expected an explanation of images, got {explanation.ndim} dimensions.")


def _only(explanation: WaveletExplanation, index: int) -> WaveletExplanation:
    """The explanation of one image, so that no maps of the others are made."""
    coefficients = map_bands(lambda band: band[[index]], explanation.coefficients)
    shape = (1, *explanation.input_shape[1:])
    return replace(explanation, coefficients=coefficients, input_shape=shape)


def _magnitude(band: np.ndarray) -> np.ndarray:
    magnitude = np.abs(band)
    return magnitude.mean(axis=-1) if magnitude.ndim == 3 else magnitude


def _top(values: np.ndarray) -> float:
    """What is shown as 1; the few largest lie above, so that one outlier hides nothing."""
    return float(np.percentile(values, CLIP_PERCENTILE) or values.max())


def _unit(values: np.ndarray, top: float) -> np.ndarray:
    return np.clip(values / top, 0, 1) if top > 0 else np.zeros_like(values)


def _stretch(image: np.ndarray) -> np.ndarray:
    low, high = image.min(), image.max()
    return (image - low) / (high - low) if high > low else np.zeros_like(image)
