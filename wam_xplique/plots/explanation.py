"""Pictures of one explained input: of images the mosaic, scales and pixels; shares of any."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

import matplotlib.pyplot as plt
import numpy as np
from matplotlib import patheffects
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.patches import Rectangle
from matplotlib.ticker import PercentFormatter

from ..coefficients import Coefficients, Transform, WaveletTransform, levels, map_bands
from ..explanation import WaveletExplanation
from . import drawing
from .signals import Rows, plot_scalogram, plot_waveform
from .volumes import plot_projections, plot_slices

HELD_COLOR = "0.3"
PANEL = 3.2
"""Inches of an image in `plot_explanation`: four of them fit a laptop's screen."""
ORIENTATIONS = {"da": "h", "ad": "v", "dd": "d"}  # as WCAM figure 10 has them
# Of the mosaic's side: what is narrower has no room for a letter, or for a scale.
LETTER_ROOM, SCALE_ROOM = 1 / 10, 1 / 5


def plot_mosaic(
    explanation: WaveletExplanation, index: int = 0, ax: Axes | None = None, *, signed: bool = False
) -> Axes:
    """
    Draw the mosaic of an image's explanation with its level grid (WCAM figures 3 and 10).

    Of gradients, magnitudes are shown, those of each level divided by the level's largest, so
    that all levels can be seen at once; the share of each level is told by
    `plot_scale_importance`. The Sobol indices of `WCAM` are shown as they are, by one scale of
    colours: they may be compared across levels. Coefficients that were held or left out are grey.

    Each level is labelled by its scale, and each band by what it answers to: horizontal edges
    "h", vertical ones "v", diagonal ones "d"; "a" is the approximation. Bands of `Stationary` and
    `Steerable` stand in a row a level, and have the image's size; those of `Packets` stand by their
    frequencies, vertical ones downwards.

    Parameters
    ----------
    ax
        Axes to draw on, which are returned; new ones by default, with a bar of colours where
        there is one scale, or signs, which gradients have alone. The others, and what is raised,
        are as for `plot_pixels`.
    """
    drawing.check_kind(explanation, "images", drawing.SCALES)
    given, ax = ax, drawing.new_axes(3.6, 3) if ax is None else ax
    of_gradients = explanation.sobol is None
    signed = signed and of_gradients
    bands = map_bands(lambda band: band[index], explanation.coefficients)
    shown_bands = _relative(bands, signed) if of_gradients else bands
    values = explanation.transform.packed(shown_bands, axes=(0, 1))
    colors = drawing.color_scale(1.0 if of_gradients else drawing.brightest(values), signed)
    shown = np.ma.masked_where(_held(explanation), values)
    colormap = colors.get_cmap().with_extremes(bad=HELD_COLOR)
    low, high = colors.get_clim()
    is_dyadic = isinstance(explanation.transform, WaveletTransform)
    how = "nearest" if is_dyadic else "antialiased"  # these have more coefficients than the screen
    picture = ax.imshow(shown, colormap, vmin=low, vmax=high, interpolation=how)
    if is_dyadic:
        _draw_level_grid(ax, explanation, max(shown.shape))
    else:
        _draw_bands(ax, explanation)
    ax.set_xlim(-0.5, shown.shape[1] - 0.5)
    ax.set_ylim(shown.shape[0] - 0.5, -0.5)
    if given is None and (signed or not of_gradients):
        within = "\n(1: the level's largest)" if of_gradients else ""
        drawing.draw_colorbar(picture, ax, drawing.importance_name(explanation, signed) + within)
    return drawing.bare(ax)


def plot_pixels(
    explanation: WaveletExplanation,
    image: np.ndarray | None = None,
    index: int = 0,
    ax: Axes | None = None,
    *,
    signed: bool = False,
) -> Axes:
    """
    Draw an image's explanation in the pixel domain, over the image if it is given.

    Parameters
    ----------
    explanation, index
        Explanation of images, and which of them.
    image
        The image (H, W), (H, W, 1) or (H, W, 3).
    ax
        Axes to draw on, which are returned; new ones by default, with a bar of colours.
    signed
        Whether colours tell the sign: red speaks for the class, blue against it.

    Raises
    ------
    ValueError
        If it is no explanation of images, or signs are asked of a method that has none.
    """
    drawing.check_kind(explanation, "images", drawing.PLACES)
    given, ax = ax, drawing.new_axes(3.6, 3) if ax is None else ax
    pixels = drawing.maps_of(explanation, index, signed).sum(axis=0)
    colors = drawing.draw_map(ax, pixels, image, signed=signed)
    ax.set_xlabel(drawing.left_out(explanation), **drawing.ASIDE)
    if given is None:
        drawing.draw_colorbar(colors, ax, drawing.importance_name(explanation, signed))
    return ax


def plot_scales(
    explanation: WaveletExplanation,
    image: np.ndarray | None = None,
    index: int = 0,
    axes: Sequence[Axes] | None = None,
    *,
    signed: bool = False,
) -> Sequence[Axes]:
    """
    Draw one map a level, from coarse to fine: where the model looks at which scale.

    Each map of gradients has its own scale of colours; those of `WCAM` have one, as Sobol indices
    may be compared across levels.

    Parameters
    ----------
    axes
        One axes a level of details (there must be one), which are returned; new ones by default.
        The others, and what is raised, are as for `plot_pixels`.
    """
    drawing.check_kind(explanation, "images", drawing.SCALES)
    if explanation.level == 0:
        raise ValueError("The explanation has level=0 and no scales; plot_pixels draws it.")
    maps = drawing.maps_of(explanation, index, signed)[1:]
    if axes is None:
        size = (2.4 * len(maps), 2.6)
        axes = plt.subplots(1, len(maps), figsize=size, squeeze=False, layout="constrained")[1][0]
    tops = drawing.top_colors(explanation, maps)
    for ax, values, top, label in zip(axes, maps, tops, explanation.scales[1:], strict=True):
        drawing.draw_map(ax, values, image, top, signed=signed)
        ax.set_title(label, fontsize=9)
    return axes


def plot_scale_importance(
    explanation: WaveletExplanation,
    index: int | None = None,
    ax: Axes | None = None,
    sample_rate: float | None = None,
) -> Axes:
    """
    Draw the share of each level in the explanation as bars.

    They stand in the order of the other pictures: from coarse down to fine, but for signals from
    fine down to coarse. What is left out is named below. Whiskers are the explanation's
    `scale_interval`, where it has one, or the means of its bounds over all inputs. They are about
    the error of the estimate, which the inputs may share, and not about how the inputs differ.

    Parameters
    ----------
    explanation, index
        Any explanation, and which input; the mean over all inputs by default.
    ax
        Axes to draw on, which are returned; new ones by default.
    sample_rate
        Samples a second, of signals alone, whose levels are then labelled by their frequencies.

    Examples
    --------
    >>> from wam_xplique import WaveletExplanation
    >>> bands = [np.ones((1, 8)), {"d": np.full((1, 8), 3.0)}]
    >>> importance = WaveletExplanation(bands, "haar", "periodization", (1, 16), 1)
    >>> ax = plot_scale_importance(importance, sample_rate=8000)
    >>> [text.get_text() for text in [*ax.get_yticklabels(), *ax.texts]]
    ['< 2 kHz', '2-4 kHz', '25%', '75%']
    """
    drawing.check_domain(explanation)
    kept = slice(drawing.first_drawn(explanation), None)
    labels = drawing.scale_labels(explanation, sample_rate)[kept]
    shares = drawing.one_or_mean(explanation.scale_importance(), index)[kept]
    interval = drawing.one_or_mean(explanation.scale_interval(), index)
    places, ends = np.arange(len(labels)), shares
    ax = drawing.new_axes() if ax is None else ax
    ax.barh(labels, shares, color=drawing.BAR_COLOR)
    if interval is not None:
        low, high = interval[kept].T
        ends = np.maximum(shares, high)
        # About its middle, since a percentile interval need not hold the estimate.
        middle, half = (low + high) / 2, (high - low) / 2
        ax.errorbar(middle, places, xerr=half, fmt="none", **_WHISKERS)
    for share, end, place in zip(shares, ends, places, strict=True):
        ax.annotate(f"{share:.0%}", (end, place), (4, 0), **_SHARE)
    if explanation.ndim > 1:
        ax.invert_yaxis()
    ax.set_xlim(0, max(1.3 * ends.max(), 1e-6))
    ax.set_xticks([])
    ax.set_xlabel(drawing.left_out(explanation, sample_rate), **drawing.ASIDE)
    ax.tick_params(labelsize=8, length=0)
    ax.spines[["top", "right", "bottom"]].set_visible(False)
    return ax


@drawing.as_written
def plot_explanation(
    explanation: WaveletExplanation,
    inputs: np.ndarray,
    index: int = 0,
    title: str | None = None,
    sample_rate: float | None = None,
    *,
    signed: bool = False,
) -> Figure:
    """
    Draw a figure of all views of one explained input.

    Of an image: itself, mosaic, scales, pixels and shares. Of a signal: waveform, scalogram and
    shares. Of a volume: slices, projections and shares.

    Parameters
    ----------
    inputs
        What is explained: an image (H, W), (H, W, 1) or (H, W, 3), a signal (T,) or (T, W), or a
        volume (D, H, W) or (D, H, W, C).
    title, sample_rate
        Title of the figure; samples a second of signals, for axes in seconds and Hz. The others,
        and what is raised, are as for `plot_pixels`, for any kind.

    Examples
    --------
    >>> from wam_xplique import WaveletExplanation
    >>> bands = [np.ones((1, 8, 8)), {key: np.ones((1, 8, 8)) for key in ("da", "ad", "dd")}]
    >>> importance = WaveletExplanation(bands, "haar", "periodization", (1, 16, 16, 1), 2)
    >>> [ax.get_title() for ax in plot_explanation(importance, np.eye(16)).axes]
    ['input', 'wavelet coefficients', '1-2 px', 'all scales', 'importance']
    """
    drawing.check_domain(explanation)
    drawing.scale_labels(explanation, sample_rate)
    figure = plt.figure(layout="constrained")
    if explanation.ndim == 1:
        figure.set_size_inches(9, 4.5)
        (above, beside), (below, bars) = figure.subplots(2, 2, width_ratios=(3.5, 1))
        beside.remove()
        rows = Rows.of(explanation)
        plot_waveform(explanation, inputs, sample_rate, index, above, signed=signed)
        above.set_title("input and its importance", fontsize=9)
        plot_scalogram(explanation, sample_rate, index, below, signed=signed)
        below.set_title("scales" if rows.one_a_level else "bands", fontsize=9)
        if rows.one_a_level:
            plot_scale_importance(explanation, index, bars, sample_rate)
        else:
            of_bands = explanation[index].band_importance().values()
            shares = rows.together([share[0] for share in of_bands], signed=True)
            bars.barh(np.arange(len(shares)), shares, height=1, color=drawing.BAR_COLOR)
            bars.xaxis.set_major_formatter(PercentFormatter(1, decimals=0))
            bars.tick_params(labelsize=7, left=False)
            bars.spines[["top", "right"]].set_visible(False)
        bars.set_title("importance", fontsize=9)
        bars.set_ylim(below.get_ylim())  # each bar beside its band
        bars.tick_params(labelleft=False)
    elif explanation.ndim == 2:
        count = explanation.level + 4
        columns = -(-count // 2)
        figure.set_size_inches(PANEL * columns, 2 * PANEL + 0.6)
        first, *more = figure.subplots(2, columns).ravel()
        if count % 2:  # the last one stays empty
            more.pop().remove()
        draw_row([first, *more], explanation, inputs, index, signed)
    else:
        _draw_volume(figure, explanation, inputs, index, signed)
    figure.suptitle(title or "")
    return figure


def draw_row(
    axes: Sequence[Axes],
    explanation: WaveletExplanation,
    image: np.ndarray,
    index: int = 0,
    signed: bool = False,
) -> None:
    """Draw the views of an image by `plot_explanation` on ``explanation.level + 4`` axes."""
    drawing.draw_image(axes[0], image)
    axes[0].set_title("input", fontsize=9)
    plot_mosaic(explanation, index, axes[1])
    axes[1].set_title("wavelet coefficients", fontsize=9)
    plot_scales(explanation, image, index, axes[2:-2], signed=signed)
    plot_pixels(explanation, image, index, axes[-2], signed=signed)
    axes[-2].set_title("all scales" + ", red for, blue against" * signed, fontsize=9)
    plot_scale_importance(explanation, index, axes[-1]).set_title("importance", fontsize=9)


_GRID: dict[str, Any] = {"color": "0.55", "linewidth": 0.6}
_SHARE: dict[str, Any] = {"textcoords": "offset points", "va": "center", "fontsize": 8}
_WHISKERS: dict[str, Any] = {"ecolor": drawing.WHISKER_COLOR, "elinewidth": 1.2, "capsize": 3}
# Readable on dark and on bright coefficients alike.
_LABEL: dict[str, Any] = {
    "color": "white",
    "fontsize": 6,
    "textcoords": "offset points",
    "path_effects": [patheffects.withStroke(linewidth=1.4, foreground="black")],
}


def _draw_volume(
    figure: Figure, explanation: WaveletExplanation, volume: np.ndarray, index: int, signed: bool
) -> None:
    """Draw slices across each axis, the levels projected along it, and the bars."""
    columns = explanation.level + 2 - drawing.first_drawn(explanation)
    figure.set_size_inches(2.1 * (columns + 1), 6)
    left, right = figure.subfigures(1, 2, squeeze=False, width_ratios=(columns, 1))[0]
    axes = left.subplots(3, columns)
    plot_slices(explanation, volume, index, axes=axes[:, 0], signed=signed)
    plot_projections(explanation, index, axes[:, 1:], signed=signed)
    bars = plot_scale_importance(explanation, index, right.subplots())
    bars.set_title("importance", fontsize=9)


def _draw_level_grid(ax: Axes, explanation: WaveletExplanation, side: int) -> None:
    """Draw the borders of the levels; write the orientations of the bands, and the scales."""
    approximation, *details = explanation.coefficients
    row, column = approximation.shape[1:3]
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
        _write_scale(ax, scale, row, column, side)


def _draw_bands(ax: Axes, explanation: WaveletExplanation) -> None:
    """Draw the borders of bands of one size. Write the scales of rows, and their names where those
    above have others; or along which axis their frequency grows."""
    transform, bands = explanation.transform, explanation.coefficients
    (height, width), layout = bands[0].shape[1:3], transform.rows(bands)
    count, above = max(map(len, layout)), [""]
    side = max(height * len(layout), width * count)
    for row, found in enumerate(layout):
        empty = (len(found) * width - 0.5, row * height - 0.5), (count - len(found)) * width, height
        ax.add_patch(Rectangle(*empty, color=ax.get_facecolor(), zorder=2.5))
        ax.axhline(row * height - 0.5, **_GRID)
    for column in range(count):
        ax.axvline(column * width - 0.5, **_GRID)
    if type(transform).rows is not Transform.rows:
        ax.set_xlabel("horizontal frequency →", fontsize=7)
        ax.set_ylabel("← vertical frequency", fontsize=7)
        return
    step = math.ceil(LETTER_ROOM * side / width)
    for row, (scale, level) in enumerate(zip(explanation.scales, levels(bands, 2), strict=True)):
        names = [ORIENTATIONS.get(name, name) for name in level]
        if len(names) > 1 and names != above:
            for column in range(0, len(names), step):
                _write(ax, names[column], row * height, column * width)
        above = names
        _write_scale(ax, scale, (row + 1) * height, len(names) * width, side)


def _write_scale(ax: Axes, scale: str, row: int, column: int, side: int) -> None:
    """Write a scale above the lower right corner of a level that ends there, if it is wide."""
    fits = column >= SCALE_ROOM * side
    end, shift, align = (column - 0.5, -1.5, "right") if fits else (-0.5, 1.5, "left")
    ax.annotate(scale, (end, row - 0.5), (shift, 2), ha=align, va="bottom", **_LABEL)


def _write(ax: Axes, letter: str, row: int, column: int) -> None:
    """Write a letter into the upper left corner of the band that begins at a coefficient."""
    ax.annotate(letter, (column - 0.5, row - 0.5), (1.5, -1), ha="left", va="top", **_LABEL)


def _relative(bands: Coefficients, signed: bool) -> Coefficients:
    """Magnitudes (or values) of one image, of its channels the mean, as parts of the level's."""

    def plain(band: np.ndarray) -> np.ndarray:
        band = band if signed else np.abs(band)
        return band.mean(axis=-1) if band.ndim == 3 else band

    first, *details = map_bands(plain, bands)
    shown: Coefficients = [drawing.unit(first, drawing.top_of(first))]
    for level in details:
        top = drawing.top_of(np.stack(list(level.values())))
        shown.append({key: drawing.unit(band, top) for key, band in level.items()})
    return shown


def _held(explanation: WaveletExplanation) -> np.ndarray:
    """Where the mosaic has coefficients that were held or left out, or none at all."""
    if explanation.sobol is not None:
        taken = map_bands(lambda cells: cells + 1, explanation.sobol.cells)
    else:
        taken = map_bands(lambda band: np.ones(band.shape[1:3]), explanation.coefficients)
        taken[0] = taken[0] * explanation.includes_approximation
    return explanation.transform.packed(taken, axes=(0, 1)) == 0
