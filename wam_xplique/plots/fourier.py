"""Pictures of the frequencies that matter: over the Nyquist square, and by their radius."""

from __future__ import annotations

import numpy as np
from matplotlib.axes import Axes
from matplotlib.ticker import PercentFormatter, StrMethodFormatter

from ..fourier import FourierExplanation
from . import drawing

TICKS = (-0.5, -0.25, 0, 0.25, 0.5)
UNITS = ("sample", "pixel", "voxel")  # by their number of dimensions


def plot_spectrum(explanation: FourierExplanation, index: int = 0, ax: Axes | None = None) -> Axes:
    """
    Draw the importance of the frequencies of an input over the Nyquist square (WCAM figure 12).

    The vertical axis points down, as that of images does: stripes cross the image along the
    direction in which they lie here from the middle. Of signals, steps are drawn.

    Parameters
    ----------
    explanation, index
        A `FourierExplanation` of images or of signals, else a ValueError, and which of them.
    ax
        Axes to draw on, which are returned; new ones by default, with a bar of colours.
    """
    drawing.check_domain(explanation, FourierExplanation)
    if explanation.ndim > 2:
        told = f"got {explanation.ndim} dimensions; plot_radial_importance draws those"
        raise ValueError(f"Expected an explanation of images or of signals, {told}.")
    # At even sizes the first frequency is -1/2, which is 1/2 as well: half of it at either end.
    ends = [(0, 1 - size % 2) for size in explanation.spatial_shape]
    spectrum = np.pad(explanation.spectrum()[index], ends, mode="wrap")
    bounds = [size // 2 / size + 1 / (2 * size) for size in explanation.spatial_shape]
    if explanation.ndim == 1:
        ax = drawing.new_axes(4, 2.5) if ax is None else ax
        edges = np.linspace(-bounds[0], bounds[0], len(spectrum) + 1)
        _draw_steps(ax, spectrum, edges, "total Sobol index")
        _label_frequencies(ax, "frequency (cycles/sample)")
        return ax
    given, ax = ax, drawing.new_axes(3.4, 3) if ax is None else ax
    bottom, right = bounds
    extent = (-right, right, bottom, -bottom)
    picture = ax.imshow(spectrum, drawing.COLORMAP, extent=extent, interpolation="nearest")
    picture.set_clim(0, drawing.brightest(spectrum))
    ax.set_ylim(0.5, -0.5)
    ax.set_yticks(TICKS)
    ax.yaxis.set_major_formatter(StrMethodFormatter("{x:g}"))
    ax.set_ylabel("vertical (cycles/pixel)", fontsize=8)
    _label_frequencies(ax, "horizontal (cycles/pixel)")
    if given is None:
        drawing.draw_colorbar(picture, ax, "total Sobol index")
    return ax


def plot_radial_importance(
    explanation: FourierExplanation, index: int | None = None, ax: Axes | None = None
) -> Axes:
    """
    Draw the share of each ring of frequencies in the sum of all total indices.

    The band is the bootstrap interval, where there is one, or the mean of its bounds over all
    inputs. It is about the error of the estimate, which they share with their design, and not
    about how the inputs differ.

    Parameters
    ----------
    explanation, index
        A `FourierExplanation` of any kind, else a ValueError, and which input; the mean over all
        by default.
    ax
        Axes to draw on, which are returned; new ones by default.
    """
    drawing.check_domain(explanation, FourierExplanation)
    ax = drawing.new_axes(3.6, 2.5) if ax is None else ax
    shares = drawing.one_or_mean(explanation.radial_importance(), index)
    interval = drawing.one_or_mean(explanation.sobol.importance_interval, index)
    edges = 2 * explanation.radii[0] * np.arange(len(shares) + 1)
    if interval is not None:
        (low, high), color = interval.T, drawing.BAR_COLOR
        ax.stairs(high, edges, baseline=low, fill=True, color=color, alpha=0.3, linewidth=0)
    _draw_steps(ax, shares, edges, "importance")
    ax.set_xlim(0, edges[-1])
    ax.yaxis.set_major_formatter(PercentFormatter(1, decimals=0))
    ax.set_xlabel(f"frequency (cycles/{UNITS[explanation.ndim - 1]})", fontsize=8)
    ax.tick_params(labelsize=7)
    return ax


def _draw_steps(ax: Axes, values: np.ndarray, edges: np.ndarray, label: str) -> None:
    ax.stairs(values, edges, color=drawing.BAR_COLOR, linewidth=1.5, baseline=None)
    ax.set_ylim(0)
    ax.set_ylabel(label, fontsize=8)
    ax.spines[["top", "right"]].set_visible(False)


def _label_frequencies(ax: Axes, label: str) -> None:
    ax.set_xlim(-0.5, 0.5)
    ax.set_xticks(TICKS)
    ax.xaxis.set_major_formatter(StrMethodFormatter("{x:g}"))
    ax.set_xlabel(label, fontsize=8)
    ax.tick_params(labelsize=7)
