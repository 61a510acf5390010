"""Explanations in colour on the photographs that they explain."""

from __future__ import annotations

import math
import textwrap
from collections.abc import Sequence
from typing import Any

import matplotlib as mpl
import matplotlib.pyplot as plt
import numpy as np
from matplotlib.axes import Axes
from matplotlib.cm import ScalarMappable
from matplotlib.colors import Normalize
from matplotlib.figure import Figure
from matplotlib.patches import Rectangle

from ..checks import one_of
from ..explanation import WaveletExplanation
from . import drawing
from .explanation import plot_scale_importance

COLORMAPS = {False: "inferno", True: drawing.SIGNED_COLORMAP}
"""The colours by default, without signs and with them."""
LEAST_SIDE, MOST_INCHES = 300, 8
"""Pixels that the longer side of a photograph has at least, and its inches at most."""
LETTERS = 13
"""Of a title, to an inch."""
Box = tuple[float, float, float, float]
"""Left, top, right and bottom of a part of an image, in pixels."""
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
        The images (N, H, W), (N, H, W, C) or (N, C, H, W), in any range. Or a list of N images
        (H', W') or (H', W', C) of any size, such as the photographs before they were resized; the
        maps are stretched over them.
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
    _check_colors(cmap, alpha)
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


@drawing.as_written
def plot_photograph(
    explanation: WaveletExplanation,
    photograph: np.ndarray,
    index: int = 0,
    title: str = "",
    *,
    box: Box | None = None,
    signed: bool = False,
    cmap: str | None = None,
    alpha: float = 0.9,
) -> Figure:
    """One photograph (H, W) or (H, W, C) with its explanation in colour, pixel for pixel at the
    figure's own resolution. `box` is the part of it that the model sees."""
    drawing.check_kind(explanation, "images", drawing.PLACES)
    _check_colors(cmap, alpha)
    height, width = photograph.shape[:2]
    times = -(-LEAST_SIDE // max(height, width))  # of what is too small for a title
    dpi = max(drawing.DPI, math.ceil(max(height, width) / MOST_INCHES))
    inches = np.array([width, height]) * times / dpi
    lines = textwrap.wrap(title, int(LETTERS * (inches[0] + 0.9)))
    aside = drawing.left_out(explanation)
    above, below, beside = 0.12 + 0.18 * len(lines), 0.3 if aside else 0.08, 0.95
    # Whole pixels, so that none of the photograph is lost or doubled.
    above, below, left, beside = (round(i * dpi) / dpi for i in (above, below, 0.08, beside))
    size = inches + np.array([left + beside, above + below])
    figure = plt.figure(figsize=tuple(size), dpi=dpi)
    ax = figure.add_axes((left / size[0], below / size[1], *(inches / size)))
    values = drawing.maps_of(explanation, index, signed).sum(axis=0)
    shown = draw_overlay(ax, values, photograph, signed=signed, cmap=cmap, alpha=alpha, box=box)
    # Which Matplotlib breaks at other places than the photograph's sides.
    figure.text(left / size[0], 1 - 0.06 / size[1], "\n".join(lines), va="top", fontsize=9)
    ax.set_xlabel(aside, **drawing.ASIDE)
    drawing.draw_colorbar(shown, ax, LABELS[signed], width=0.12 / inches[0])
    return figure


def draw_overlay(
    ax: Axes,
    values: np.ndarray,
    image: np.ndarray,
    *,
    signed: bool = False,
    cmap: str | None = None,
    alpha: float = 0.9,
    box: Box | None = None,
) -> ScalarMappable:
    """
    Draw a map (H, W) in colour on an image, which is grey beneath signs; what a bar is made of.

    It is stretched over the image, or over the `box` of it that is explained; what is outside is
    darkened. The others are those of `plot_overlay`; 1 is nearly the largest of the map.
    """
    relative = drawing.unit(values, drawing.top_of(values))
    shown = ScalarMappable(Normalize(-int(signed), 1), cmap or COLORMAPS[signed])
    color = shown.to_rgba(relative if signed else np.abs(relative))
    color[..., 3] = alpha * np.abs(relative)
    drawing.draw_image(ax, image.mean(axis=-1) if signed and image.ndim == 3 else image)
    height, width = image.shape[:2]
    left, top, right, bottom = box or (0, 0, width, height)
    if box is not None:
        for corner, *sizes in (
            ((0, 0), left, height),
            ((right, 0), width - right, height),
            ((left, 0), right - left, top),
            ((left, bottom), right - left, height - bottom),
        ):
            corner = (corner[0] - 0.5, corner[1] - 0.5)
            ax.add_patch(Rectangle(corner, *sizes, color="black", alpha=0.5, linewidth=0))
    extent = (left - 0.5, right - 0.5, bottom - 0.5, top - 0.5)
    how = "nearest" if values.shape == (bottom - top, right - left) else "bilinear"
    ax.imshow(color, extent=extent, interpolation=how)
    ax.set(xlim=(-0.5, width - 0.5), ylim=(height - 0.5, -0.5))
    return shown


def _check_colors(cmap: Any, alpha: Any) -> None:
    if not 0 < alpha <= 1:
        raise ValueError(f"alpha must be in (0, 1], got {alpha!r}.")
    if isinstance(cmap, str):
        one_of("cmap", cmap, mpl.colormaps)


def _channels_last(images: Any, explanation: WaveletExplanation) -> Sequence[np.ndarray]:
    """The images as arrays (H, W) or (H, W, C)."""
    if isinstance(images, (list, tuple)):
        found = [np.asarray(image, dtype=float) for image in images]
        if len(found) != len(explanation) or any(image.ndim not in (2, 3) for image in found):
            shapes = [image.shape for image in found]
            must = f"{len(explanation)} of axes (H, W) or (H, W, C)"
            raise ValueError(f"images must be {must}, got shapes {shapes}.")
        return found
    return list(_of_one_size(images, explanation))


def _of_one_size(images: Any, explanation: WaveletExplanation) -> np.ndarray:
    """The images as an array (N, H, W) or (N, H, W, C)."""
    found = np.asarray(images, dtype=float)
    sizes = tuple(explanation.spatial_shape)
    if found.ndim == 4 and found.shape[2:] == sizes and found.shape[1:3] != sizes:
        found = np.moveaxis(found, 1, -1)
    if found.ndim not in (3, 4) or found.shape[:3] != (len(explanation), *sizes):
        must = f"the {len(explanation)} of {sizes[0]}×{sizes[1]} that are explained"
        raise ValueError(f"images must be {must}, got shape {found.shape}.")
    return found
