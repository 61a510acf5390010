"""What all pictures share: colours, new axes, bars of colours, shares with their intervals."""

from __future__ import annotations

import matplotlib.pyplot as plt
import numpy as np
from matplotlib.axes import Axes
from matplotlib.cm import ScalarMappable

from ..indices import SobolIndices

COLORMAP = "magma"
BAR_COLOR = "#b5367a"  # the middle of the color map
WHISKER_COLOR = "0.15"


def new_axes(width: float = 3, height: float = 3) -> Axes:
    """The axes of a figure of its own."""
    return plt.subplots(figsize=(width, height), layout="constrained")[1]


def draw_colorbar(mappable: ScalarMappable, ax: Axes, label: str) -> None:
    """Set a bar of colours beside the axes of a picture."""
    place = ax.inset_axes((1.04, 0, 0.05, 1))  # as high as the picture, whatever its shape
    bar = ax.figure.colorbar(mappable, cax=place)
    bar.set_label(label, fontsize=8)
    bar.ax.tick_params(labelsize=7)


def brightest(indices: np.ndarray) -> float:
    """The end of a scale of colours that begins at 0: the largest index, if one is above 0."""
    return max(float(indices.max()), 0.0) or 1.0


def shares_of(
    importance: np.ndarray, sobol: SobolIndices | None, index: int | None
) -> tuple[np.ndarray, np.ndarray | None]:
    """
    The shares of the regions in one input, or their means over all, and their intervals.

    The mean has the mean of the lower and of the upper bounds. All inputs are explained by one
    design, so its error does not average out over them: this is the interval of the mean if their
    errors go together, and too wide an one if they do not. It does not tell how inputs differ.

    Parameters
    ----------
    importance
        Shares (N, L).
    sobol
        Where the intervals are, if there are any.
    index
        Which input; None for the mean over all.

    Returns
    -------
    shares
        Array (L,).
    interval
        Array (L, 2), or None.
    """
    interval = None if sobol is None else sobol.importance_interval
    if index is None:
        return importance.mean(axis=0), None if interval is None else interval.mean(axis=0)
    return importance[index], None if interval is None else interval[index]
