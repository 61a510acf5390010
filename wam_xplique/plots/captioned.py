"""Captioned pictures of one explained input, as files within a page."""

from __future__ import annotations

import base64
import io
from collections.abc import Iterator, Sequence
from typing import Any, NamedTuple

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.patches import Rectangle

from ..explanation import WaveletExplanation
from .drawing import DPI, KINDS, first_drawn, maps_of, new_figure
from .explanation import plot_mosaic, plot_pixels, plot_scales
from .gallery import draw_input
from .signals import plot_scalogram, plot_waveform, scalogram_height
from .volumes import plot_projections, plot_slices

BOX_STYLE = {"edgecolor": "white", "linewidth": 3}, {"edgecolor": "black", "linestyle": "--"}
INCHES = 2.7  # of the longer side of an image
LARGE = 1.5  # times the dots per inch of the small ones


class Picture(NamedTuple):
    """A picture with what is told about it."""

    title: str
    caption: str
    alt: str
    base64: str  # the PNG file, as a page holds it
    size: tuple[int, int]  # width and height
    place: str  # "large", "wide" (the page's width), "whole" (a row of its own), else empty


def whole_name(explanation: WaveletExplanation) -> str:
    """What the shares of an explanation are shares of."""
    return "importance" if explanation.includes_approximation else "details' importance"


def picture_input(
    explanation: WaveletExplanation, index: int, shown: np.ndarray, name: str, box: Any
) -> Iterator[Picture]:
    """
    Draw an explained input and what matters in it at which scale.

    It is `shown` channels last; `box` is where its object begins along each axis, then where it
    ends, or None.
    """
    draw = (_picture_signal, _picture_image, _picture_volume)[explanation.ndim - 1]
    return draw(explanation, index, shown, name, box)


def picture_sufficient(image: np.ndarray, ndim: int, name: str, told: str) -> Picture:
    """Draw what suffices of an input, channels last; `told` says how much that is."""
    is_signal, middle = ndim == 1, " Its middle slice." * (ndim == 3)
    if is_signal:
        ax = new_figure(10, 1.8).subplots()
        image = image[..., 0] if image.shape[1:] == (1,) else image
    else:
        ax = _of_size(image.shape[ndim - 2 : ndim])
    draw_input(ax, image, ndim)
    alt = f"What is enough of {name} for the same prediction.{middle}"
    caption = f"{told[0].upper()}{told[1:]}.{middle}"
    return _picture(ax, f"Sufficient {KINDS[ndim - 1][:-1]}", caption, alt, "wide" * is_signal)


def where(values: np.ndarray) -> str:
    """In which ninth of an image (third of a signal) a map is largest, in words."""
    place = np.unravel_index(values.argmax(), values.shape)
    thirds = [3 * at // size for at, size in zip(place, values.shape, strict=True)]
    if values.ndim == 1:
        return ("at the beginning", "in the middle", "at the end")[thirds[0]]
    if thirds == [1, 1]:
        return "in the middle"
    vertical, horizontal = ("top", "middle", "bottom"), ("left", "centre", "right")
    return f"at the {vertical[thirds[0]]} {horizontal[thirds[1]]}"


def _picture_image(
    e: WaveletExplanation, index: int, image: np.ndarray, name: str, box: Any
) -> Iterator[Picture]:
    itself, *of_levels, whole = (_of_size(e.spatial_shape) for _ in range(e.level + 2))
    draw_input(itself, image, 2)
    if box is not None:
        top, left, bottom, right = box.tolist()
        for style in BOX_STYLE:
            corner = (left - 0.5, top - 0.5)
            itself.add_patch(Rectangle(corner, right - left, bottom - top, fill=False, **style))
    boxed = "" if box is None else "The dashed line is the object's box."
    yield _picture(itself, "Input", boxed, f"The input: {name}.", "large")
    mosaic = plot_mosaic(e, index, _of_size(e[index].mosaic().shape[1:3]))
    nested = ", the finest in the largest blocks" * (e.other is None)
    alt = f"Mosaic of all wavelet coefficients of {name}{nested}."
    caption = "All scales, by direction." if e.transform.are_octaves else "All bands."
    yield _picture(mosaic, "Wavelet coefficients", caption, alt, "large")
    maps, (shares,) = maps_of(e, index), e[index].scale_importance()
    grey = image if image.ndim == 2 else image.mean(axis=-1)
    if of_levels:
        plot_scales(e, grey, index, of_levels)
    details = zip(of_levels, e.scales[1:], maps[1:], shares[1:], strict=True)
    for ax, scale, values, share in details:
        alt = f"Map of {scale} for {name}: most matters {where(values)}."
        yield _picture(ax, scale, f"{share:.0%} of the {whole_name(e)}.", alt)
    plot_pixels(e, grey, index, whole)
    title = f"All scales{' of details' * (not e.includes_approximation)}"
    alt = f"Map of all scales for {name}: most matters {where(maps.sum(axis=0))}."
    yield _picture(whole, title, "Where the model looks.", alt)


def _picture_signal(
    e: WaveletExplanation, index: int, signal: np.ndarray, name: str, box: Any
) -> Iterator[Picture]:
    ax = plot_waveform(e, signal, None, index, new_figure(10, 2.6).subplots())
    for edge in () if box is None else box:
        ax.axvline(edge - 0.5, color="black", linestyle="--", linewidth=1)
    boxed = "" if box is None else " The dashed lines are the ends of the object."
    place = where(maps_of(e, index).sum(axis=0))
    alt = f"Waveform of {name}: most matters {place}."
    yield _picture(ax, "Input", f"Coloured where it matters.{boxed}", alt, "wide")
    height = scalogram_height(e)
    scalogram = plot_scalogram(e, None, index, new_figure(10, 1.1 * height).subplots())
    alt = f"Importance of {name} over time, a row for each scale: most matters {place}."
    yield _picture(scalogram, "Scales over time", "The finest at the top.", alt, "wide")


def _picture_volume(
    e: WaveletExplanation, index: int, volume: np.ndarray, name: str, _: Any
) -> Iterator[Picture]:
    columns = e.level + 2 - first_drawn(e)
    axes = new_figure(2.3 * columns, 6.6).subplots(3, columns)
    plot_slices(e, volume, index, axes=axes[:, 0])
    plot_projections(e, index, axes[:, 1:])
    slices = "slices through the most important voxel"
    caption = f"Left, {slices}; then, for each scale, the largest importance along each axis."
    alt = f"Slices of {name} through its most important voxel; maps of its scales along each axis."
    yield _picture(axes[0, 0], "Slices and projections", caption, alt, "whole")


def _of_size(shape: Sequence[int]) -> Axes:
    """Axes that fill a figure of the proportions of an image."""
    height, width = (INCHES * size / max(shape) for size in shape)
    figure = Figure(figsize=(max(width, 0.4), max(height, 0.4)), dpi=DPI)
    return figure.add_axes((0, 0, 1, 1))


def _picture(drawn: Axes, title: str, caption: str, alt: str, place: str = "") -> Picture:
    figure = drawn.figure
    assert isinstance(figure, Figure)
    figure.set_dpi(DPI * (LARGE if place else 1))
    file = io.BytesIO()  # holds the pixels and nothing that changes with time
    figure.savefig(file, format="png", dpi=figure.dpi, metadata={"Software": None})
    png, size = base64.b64encode(file.getvalue()).decode("ascii"), figure.canvas.get_width_height()
    return Picture(title, caption, alt, png, size, place)
