"""Pictures of one explained image: the mosaic, the scales, the pixels and their shares."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import Any

import matplotlib.pyplot as plt
import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from ..coefficients import Coefficients, levels, map_bands, pack
from ..explanation import WaveletExplanation

COLORMAP = "magma"
GRID_COLOR = "0.55"
BAR_COLOR = "#b5367a"  # the middle of the color map
CLIP_PERCENTILE = 99.5


def plot_mosaic(explanation: WaveletExplanation, index: int = 0, ax: Axes | None = None) -> Axes:
    """
    Draw the mosaic of an image's explanation with its level grid (WCAM figure 3).

    Magnitudes are shown, those of each level divided by the level's largest, so that all levels
    can be seen at once. The share of each level is told by `plot_scale_importance`.

    Parameters
    ----------
    explanation
        Explanation of images.
    index
        Which image.
    ax
        Axes to draw on; new ones by default.

    Returns
    -------
    ax
        The axes.
    """
    ax = _axes(ax)
    _check_images(explanation)
    magnitudes = map_bands(lambda band: _magnitude(band[index]), explanation.coefficients)
    tops = [_top(np.stack(list(bands.values()))) for bands in levels(magnitudes, 2)]
    shown: Coefficients = [_unit(magnitudes[0], tops[0])]
    for level, top in zip(magnitudes[1:], tops[1:], strict=True):
        shown.append({key: _unit(band, top) for key, band in level.items()})
    packed = pack(shown, axes=(0, 1))
    ax.imshow(packed, cmap=COLORMAP, vmin=0, vmax=1, interpolation="nearest")
    row, column = magnitudes[0].shape
    for level, label in zip(magnitudes[1:], explanation.scales[1:], strict=True):
        height, width = level["dd"].shape
        ax.plot([-0.5, column + width - 0.5], [row - 0.5] * 2, **_GRID)
        ax.plot([column - 0.5] * 2, [-0.5, row + height - 0.5], **_GRID)
        row, column = row + height, column + width
        ax.text(column - 1, 0, label, color="white", fontsize=7, ha="right", va="top")
    ax.set_xlim(-0.5, packed.shape[1] - 0.5)
    ax.set_ylim(packed.shape[0] - 0.5, -0.5)
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
    ax = _axes(ax)
    _check_images(explanation)
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
        axes = plt.subplots(1, count, figsize=(2.4 * count, 2.6), squeeze=False)[1][0]
    maps = _only(explanation, index).by_scale()[0, 1:]
    for ax, level, label in zip(axes, maps, explanation.scales[1:], strict=True):
        draw_map(ax, level if level.ndim == 2 else level.mean(axis=-1), image)
        ax.set_title(label, fontsize=9)
    return axes


def plot_scale_importance(
    explanation: WaveletExplanation, index: int | None = None, ax: Axes | None = None
) -> Axes:
    """
    Draw the share of each level in the explanation as bars.

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
    ax = _axes(ax)
    shares = explanation.scale_importance()
    shares, labels = (shares.mean(axis=0) if index is None else shares[index]), explanation.scales
    if not np.any(explanation.coefficients[0]):
        shares, labels = shares[1:], labels[1:]
    bars = ax.barh(labels, shares, color=BAR_COLOR)
    ax.bar_label(bars, [f"{share:.0%}" for share in shares], padding=2, fontsize=8)
    ax.invert_yaxis()
    ax.set_xlim(0, max(1.25 * shares.max(), 1e-6))
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


def draw_map(ax: Axes, values: np.ndarray, image: np.ndarray | None = None) -> None:
    """Draw the magnitude of a map, over the image in grey if it is given."""
    magnitude = np.abs(values)
    shown = _unit(magnitude, _top(magnitude))
    if image is None:
        ax.imshow(shown, cmap=COLORMAP, vmin=0, vmax=1)
    else:
        grey = np.asarray(image, dtype=float)
        grey = _stretch(grey.mean(axis=-1) if grey.ndim == 3 else grey)
        color = plt.get_cmap(COLORMAP)(shown)[..., :3]
        opacity = (0.25 + 0.75 * np.sqrt(shown))[..., np.newaxis]
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


def _axes(ax: Axes | None) -> Axes:
    return plt.subplots(figsize=(3, 3))[1] if ax is None else ax


def _bare(ax: Axes) -> Axes:
    ax.set_xticks([])
    ax.set_yticks([])
    return ax


def _check_images(explanation: WaveletExplanation) -> None:
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
