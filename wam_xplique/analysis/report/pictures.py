"""The pictures of one input of a report."""

from __future__ import annotations

import base64
from collections.abc import Iterator, Sequence
from typing import NamedTuple

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.patches import Rectangle

from ...plots import (
    plot_mosaic,
    plot_pixels,
    plot_projections,
    plot_scales,
    plot_scalogram,
    plot_slices,
    plot_waveform,
)
from ...plots.drawing import first_drawn, maps_of
from ...plots.gallery import draw_input
from ..figures import DPI, as_png, new_figure
from .findings import Findings

BOX_STYLE = {"edgecolor": "white", "linewidth": 3}, {"edgecolor": "black", "linestyle": "--"}
INCHES = 2.7  # of the longer side of an image
LARGE = 1.5  # times the dots per inch of the small ones


class Picture(NamedTuple):
    """A picture with what is told about it."""

    title: str
    caption: str
    alt: str
    png: bytes
    place: str  # "large", "wide" (the page's width), "whole" (a row of its own), else empty

    @property
    def base64(self) -> str:
        """The PNG file, as a page holds it."""
        return base64.b64encode(self.png).decode("ascii")

    @property
    def size(self) -> tuple[int, int]:
        """Width and height, from the file's IHDR."""
        return int.from_bytes(self.png[16:20], "big"), int.from_bytes(self.png[20:24], "big")


def draw_pictures(findings: Findings, index: int, picture: np.ndarray) -> list[Picture]:
    """Draw an input: itself (channels last), what matters in it at which scale, what suffices."""
    draw = (_draw_signal, _draw_image, _draw_volume)[findings.explanation.ndim - 1]
    return [*draw(findings, index, picture), *_draw_sufficient(findings, index)]


def where(values: np.ndarray) -> str:
    """In which ninth of an image (third of a signal) a map is largest, in words."""
    thirds = [
        3 * place // size
        for place, size in zip(
            np.unravel_index(values.argmax(), values.shape), values.shape, strict=True
        )
    ]
    if values.ndim == 1:
        return ("at the beginning", "in the middle", "at the end")[thirds[0]]
    names = ("top", "middle", "bottom"), ("left", "centre", "right")
    words = [words[third] for words, third in zip(names, thirds, strict=True)]
    return f"at the {' '.join(words)}" if words != ["middle", "centre"] else "in the middle"


def _draw_image(findings: Findings, index: int, image: np.ndarray) -> Iterator[Picture]:
    e, name, box = findings.explanation, findings.names[index], findings.box(index)
    itself, *of_levels, whole = (_of_size(e.spatial_shape) for _ in range(e.level + 2))
    draw_input(itself, image, 2)
    _draw_box(itself, box)
    boxed = "" if box is None else "The dashed line is the object's box."
    yield _picture(itself, "Input", boxed, f"The input: {name}.", "large")
    mosaic = plot_mosaic(e, index, _of_size(e.mosaic().shape[1:3]))
    alt = f"Mosaic of all wavelet coefficients of {name}, the finest in the largest blocks."
    yield _picture(mosaic, "Wavelet coefficients", "All scales, by direction.", alt, "large")
    maps, shares = maps_of(e, index), findings.shares[index]
    grey = image if image.ndim == 2 else image.mean(axis=-1)
    if of_levels:
        plot_scales(e, grey, index, of_levels)
    for ax, scale, values, share in zip(of_levels, e.scales[1:], maps[1:], shares[1:], strict=True):
        alt = f"Map of {scale} for {name}: most matters {where(values)}."
        yield _picture(ax, scale, f"{share:.0%} of the {findings.whole}.", alt)
    plot_pixels(e, grey, index, whole)
    title = f"All scales{' of details' * (not e.includes_approximation)}"
    alt = f"Map of all scales for {name}: most matters {where(maps.sum(axis=0))}."
    yield _picture(whole, title, "Where the model looks.", alt)


def _draw_signal(findings: Findings, index: int, signal: np.ndarray) -> Iterator[Picture]:
    e, name, box = findings.explanation, findings.names[index], findings.box(index)
    ax = plot_waveform(e, signal, None, index, new_figure(10, 2.6).subplots())
    boxed = ""
    if box is not None:
        for edge in box:
            ax.axvline(edge - 0.5, color="black", linestyle="--", linewidth=1)
        boxed = " The dashed lines are the ends of the object."
    place = where(maps_of(e, index).sum(axis=0))
    alt = f"Waveform of {name}: most matters {place}."
    yield _picture(ax, "Input", f"Coloured where it matters.{boxed}", alt, "wide")
    levels = e.level + 1 - first_drawn(e)
    scalogram = plot_scalogram(e, None, index, new_figure(10, 0.8 + 0.35 * levels).subplots())
    alt = f"Importance of {name} over time, a row for each scale: most matters {place}."
    yield _picture(scalogram, "Scales over time", "The finest at the top.", alt, "wide")


def _draw_volume(findings: Findings, index: int, volume: np.ndarray) -> Iterator[Picture]:
    e, name = findings.explanation, findings.names[index]
    columns = e.level + 2 - first_drawn(e)
    axes = new_figure(2.3 * columns, 6.6).subplots(3, columns)
    plot_slices(e, volume, index, axes=list(axes[:, 0]))
    plot_projections(e, index, axes[:, 1:])
    caption = (
        "Left, slices through the most important voxel; then, for each scale, the largest "
        "importance along each axis."
    )
    alt = (
        f"Slices of {name} through its most important voxel, and maps of its scales along each "
        "axis."
    )
    yield _picture(axes[0, 0], "Slices and projections", caption, alt, "whole")


def _draw_sufficient(findings: Findings, index: int) -> Iterator[Picture]:
    sufficient, e = findings.sufficient, findings.explanation
    if sufficient is None or not sufficient.found[index]:
        return
    signal, image = e.ndim == 1, sufficient.images[index]
    image = image[..., 0] if signal and image.shape[1:] == (1,) else image
    ax = new_figure(10, 1.8).subplots() if signal else _of_size(e.spatial_shape[-2:])
    draw_input(ax, image, e.ndim)
    told, middle = findings.enough(index), " Its middle slice." * (e.ndim == 3)
    alt = f"What is enough of {findings.names[index]} for the same prediction.{middle}"
    caption = f"{told[0].upper()}{told[1:]}.{middle}"
    yield _picture(ax, f"Sufficient {findings.kind}", caption, alt, "wide" * signal)


def _of_size(shape: Sequence[int]) -> Axes:
    """Axes that fill a figure of the proportions of an image."""
    height, width = (INCHES * size / max(shape) for size in shape)
    figure = Figure(figsize=(max(width, 0.4), max(height, 0.4)), dpi=DPI)
    return figure.add_axes((0, 0, 1, 1))


def _draw_box(ax: Axes, box: np.ndarray | None) -> None:
    if box is not None:
        top, left, bottom, right = (int(edge) for edge in box)
        for style in BOX_STYLE:
            corner = (left - 0.5, top - 0.5)
            ax.add_patch(Rectangle(corner, right - left, bottom - top, fill=False, **style))


def _picture(drawn: Axes, title: str, caption: str, alt: str, place: str = "") -> Picture:
    figure = drawn.figure
    assert isinstance(figure, Figure)
    figure.set_dpi(DPI * (LARGE if place else 1))
    return Picture(title, caption, alt, as_png(figure), place)
