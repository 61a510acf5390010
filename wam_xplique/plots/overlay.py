"""Explanations in colour on the photographs that they explain."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import matplotlib.pyplot as plt
import numpy as np
from matplotlib.axes import Axes
from matplotlib.cm import ScalarMappable
from matplotlib.colors import Normalize
from matplotlib.figure import Figure

from ..explanation import WaveletExplanation
from . import drawing
from .explanation import plot_scale_importance

COLORMAPS = {False: "inferno", True: drawing.SIGNED_COLORMAP}
"""The colours by default, without signs and with them."""
LABELS = {
    False: "importance, in each map relative",
    True: "against  ←  importance, relative  →  for",
}


@drawing.as_written
def plot_overlay(
    explanation: WaveletExplanation,
    images: Any,
    *,
    titles: Sequence[str] | None = None,
    signed: bool = False,
    cmap: str | None = None,
    alpha: float = 0.9,
    scales: bool = False,
) -> Figure:
    """
    Draw images, and on each of them its explanation in colour: the more important, the opaquer.

    The figure has a row for each image: itself, its explanation, and the scales.

    Parameters
    ----------
    explanation
        Explanation of images.
    images
        The images (N, H, W), (N, H, W, C) or (N, C, H, W), in any range.
    titles
        A line for each image, such as its class and probability.
    signed
        Whether to tell what speaks for the score from what speaks against it, for methods whose
        equation has a sign.
    cmap
        Name of a colour map of matplotlib; "inferno" by default, "RdBu_r" with signs.
    alpha
        Opacity of the most important, in (0, 1].
    scales
        Whether to draw each scale beside, in colours of its own, and the share of each, which
        compares them.

    Raises
    ------
    ValueError
        If an argument does not fit the explanation, or is out of range.

    Examples
    --------
    >>> from wam_xplique import WaveletExplanation
    >>> importance = WaveletExplanation([np.ones((1, 8, 8))], "haar", "periodization", (1, 8, 8), 2)
    >>> figure = plot_overlay(importance, np.zeros((1, 8, 8)), titles=["nothing (100%)"])
    >>> [ax.get_title() for ax in figure.axes]
    ['nothing (100%)', 'all scales']
    """
    drawing.check_kind(explanation, "images", drawing.PLACES)
    photographs = _channels_last(images, explanation)
    if titles is not None and len(titles) != len(explanation):
        raise ValueError(f"titles must be {len(explanation)}, one an image, got {len(titles)}.")
    if not 0 < alpha <= 1:
        raise ValueError(f"alpha must be in (0, 1], got {alpha!r}.")
    first = drawing.first_drawn(explanation)
    labels = drawing.scale_labels(explanation)[first:] if scales else []
    count, rows = 2 + len(labels) + scales, len(explanation)
    figure, axes = plt.subplots(
        rows, count, squeeze=False, figsize=(2.6 * count, 2.7 * rows), layout="constrained"
    )
    for index, (photograph, row) in enumerate(zip(photographs, axes, strict=True)):
        drawing.draw_image(row[0], photograph)
        row[0].set_title(titles[index] if titles is not None else "", fontsize=10)
        maps = drawing.maps_of(explanation, index, signed)
        views = [maps.sum(axis=0), *maps[first:]]
        for ax, view, label in zip(row[1:], views, ["all scales", *labels], strict=False):
            shown = draw_overlay(ax, view, photograph, signed=signed, cmap=cmap, alpha=alpha)
            ax.set_title(label, fontsize=10)
        row[1].set_xlabel(drawing.left_out(explanation), **drawing.ASIDE)
        drawing.draw_colorbar(shown, ax, LABELS[signed])
        if scales:
            bars = plot_scale_importance(explanation, index, row[-1])
            bars.set_title("share of each scale", fontsize=10)
    return figure


def draw_overlay(
    ax: Axes,
    values: np.ndarray,
    image: np.ndarray,
    *,
    signed: bool = False,
    cmap: str | None = None,
    alpha: float = 0.9,
) -> ScalarMappable:
    """
    Draw a map (H, W) in colour on an image, which is grey beneath signs; what a bar is made of.

    The others are those of `plot_overlay`; 1 is nearly the largest of the map.
    """
    relative = drawing.unit(values, drawing.top_of(values))
    shown = ScalarMappable(Normalize(-int(signed), 1), cmap or COLORMAPS[signed])
    color = shown.to_rgba(relative if signed else np.abs(relative))
    color[..., 3] = alpha * np.abs(relative)
    drawing.draw_image(ax, image.mean(axis=-1) if signed and image.ndim == 3 else image)
    ax.imshow(color)
    return shown


def _channels_last(images: Any, explanation: WaveletExplanation) -> np.ndarray:
    """The images as an array (N, H, W) or (N, H, W, C)."""
    found = np.asarray(images, dtype=float)
    sizes = tuple(explanation.spatial_shape)
    if found.ndim == 4 and found.shape[2:] == sizes and found.shape[1:3] != sizes:
        found = np.moveaxis(found, 1, -1)
    if found.ndim not in (3, 4) or found.shape[:3] != (len(explanation), *sizes):
        must = f"the {len(explanation)} of {sizes[0]}×{sizes[1]} that are explained"
        raise ValueError(f"images must be {must}, got shape {found.shape}.")
    return found
