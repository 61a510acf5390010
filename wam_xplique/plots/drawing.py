"""What all pictures share: figures, colours, axes, maps, labels of scales, shares."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import matplotlib as mpl
import matplotlib.pyplot as plt
import numpy as np
from matplotlib.axes import Axes
from matplotlib.cm import ScalarMappable
from matplotlib.colors import Normalize
from matplotlib.figure import Figure

from ..archive import atomic_path
from ..explanation import WaveletExplanation

COLORMAP = "magma"
SIGNED_COLORMAP = "RdBu_r"  # red for, white nothing, blue against
BAR_COLOR = "#b5367a"  # the middle of the color map
WHISKER_COLOR = "0.15"
WAVE_COLOR = "0.25"
CLIP_PERCENTILE = 99.5
DPI = 110
ASIDE: dict[str, Any] = {"fontsize": 7, "color": "0.35"}  # how is written what is left out

KINDS = ("signals", "images", "volumes")  # by their number of dimensions
# What draws a view of each of these kinds.
PLACES = ("plot_waveform", "plot_pixels", "plot_slices")
SCALES = ("plot_scalogram", "plot_scales", "plot_projections")

as_written = mpl.rc_context({"text.parse_math": False})
"""Decorates what draws names that users give, as they are: a "$" in them begins no formula."""


def save_figure(figure: Figure, path: str | Path, dpi: int, **options: Any) -> None:
    """Write a figure, whole or not at all, and close it."""
    with atomic_path(path) as file:
        figure.savefig(file, dpi=dpi, **options)
    plt.close(figure)


def new_figure(width: float, height: float) -> Figure:
    """A figure that pyplot does not know of, so that it is freed when it is no longer used."""
    return Figure(figsize=(width, height), dpi=DPI, layout="constrained")


def new_axes(width: float = 3, height: float = 3) -> Axes:
    """The axes of a figure of its own."""
    return plt.subplots(figsize=(width, height), layout="constrained")[1]


def check_domain(explanation: Any, expected: type = WaveletExplanation) -> None:
    """Check that an explanation is one in the domain that is drawn."""
    if not isinstance(explanation, expected):
        raise ValueError(f"Expected a {expected.__name__}, got {type(explanation).__name__}.")


def check_kind(explanation: WaveletExplanation, kind: str, views: Sequence[str]) -> None:
    """Check that it explains one of `KINDS`; `views` draw the same of signals, images, volumes."""
    check_domain(explanation)
    found = KINDS[explanation.ndim - 1]
    if found != kind:
        told = f"got one of {found}; {views[explanation.ndim - 1]} draws those"
        raise ValueError(f"Expected an explanation of {kind}, {told}.")


def check_rate(name: str, rate: float) -> None:
    """Check a number that time is measured by."""
    if not 0 < rate < np.inf:
        raise ValueError(f"{name} must be a positive, finite number, got {rate!r}.")


def bare(ax: Axes) -> Axes:
    """Take the ticks from axes."""
    ax.set_xticks([])
    ax.set_yticks([])
    return ax


def draw_colorbar(mappable: ScalarMappable, ax: Axes, label: str, width: float = 0.05) -> None:
    """Set a bar of colours beside the axes of a picture; `width` is a part of the picture's."""
    place = ax.inset_axes((1 + 0.8 * width, 0, width, 1))  # as high as the picture, at any shape
    bar = ax.figure.colorbar(mappable, cax=place)
    bar.set_label(label, fontsize=8)
    bar.ax.tick_params(labelsize=7)


def draw_map(
    ax: Axes,
    values: np.ndarray,
    image: np.ndarray | None = None,
    top: float | None = None,
    span: tuple[float, float] | None = None,
    signed: bool = False,
) -> ScalarMappable:
    """
    Draw the magnitude of a map (H, W), or its signed values, over an image in grey; its colours.

    `top` is shown brightest, the `span` of the image's values from black to white.
    """
    values = values if signed else np.abs(values)
    top = top_of(values) if top is None else top
    shown, colors = unit(values, top), color_scale(top, signed)
    if image is None:
        ax.imshow(shown, cmap=colors.cmap, vmin=-int(signed), vmax=1)
    else:
        grey = np.asarray(image, dtype=float)
        grey = _stretch(grey.mean(axis=-1) if grey.ndim == 3 else grey, span)
        opacity = (0.25 + 0.6 * np.sqrt(np.abs(shown)))[..., np.newaxis]
        color = opacity * colors.to_rgba(values)[..., :3] + (1 - opacity) * grey[..., np.newaxis]
        ax.imshow(np.clip(color, 0, 1))
    bare(ax)
    return colors


def color_scale(top: float, signed: bool = False) -> ScalarMappable:
    """Colours of magnitudes from 0 to a top, or of signed values as far on both sides of 0."""
    norm = Normalize(-top if signed else 0, top or 1)
    return ScalarMappable(norm, SIGNED_COLORMAP if signed else COLORMAP)


def draw_image(ax: Axes, image: np.ndarray) -> None:
    """Draw an image in the range of its values; channels other than 3 by their mean."""
    image = np.asarray(image, dtype=float)
    if image.ndim == 3 and image.shape[-1] != 3:
        image = image.mean(axis=-1)
    ax.imshow(_stretch(image), cmap="gray", vmin=0, vmax=1)
    bare(ax)


def maps_of(explanation: WaveletExplanation, index: int, signed: bool = False) -> np.ndarray:
    """The maps (level + 1, ...) of one input by scale, their channels averaged."""
    maps = explanation[index].by_scale(signed)[0]
    return maps if maps.ndim == 1 + explanation.ndim else maps.mean(axis=-1)


def first_drawn(explanation: WaveletExplanation) -> int:
    """1 where the approximation was left out, or has no importance beside details, else 0."""
    return int(explanation.level > 0 and not np.any(explanation.coefficients[0]))


def left_out(explanation: WaveletExplanation, sample_rate: float | None = None) -> str:
    """What is not in a picture, as "> 8 px left out"; empty where all is."""
    if explanation.includes_approximation:
        return ""
    return f"{scale_labels(explanation, sample_rate)[0]} left out"


def scale_labels(explanation: WaveletExplanation, sample_rate: float | None = None) -> list[str]:
    """
    What each level stands for, approximation first, then coarse to fine.

    Of signals with a rate they are told in Hz, where the transform tells its frequencies.
    """
    rate, bands = rate_of(explanation, sample_rate), explanation.transform.frequencies()
    if rate is None or rate == _own_rate(explanation) or bands is None:
        return explanation.scales
    ends = [(rate * of_level.min(), rate * of_level.max()) for of_level in bands]
    return [f"< {hertz(ends[0][1])}", *(hertz(*band) for band in ends[1:])]


def rate_of(explanation: WaveletExplanation, sample_rate: float | None) -> float | None:
    """Samples a second of signals: those that are given, else those that the transform knows."""
    own = _own_rate(explanation)
    if sample_rate is None:
        return own
    check_rate("sample_rate", sample_rate)
    if explanation.ndim != 1:
        kind = KINDS[explanation.ndim - 1]
        raise ValueError(f"sample_rate must be None for {kind}, got {sample_rate!r}.")
    if own not in (None, sample_rate):
        raise ValueError(f"sample_rate must be the transform's, {own!r}, got {sample_rate!r}.")
    return sample_rate


def farthest(values: np.ndarray, axis: int) -> np.ndarray:
    """Along an axis, what is farthest from 0."""
    high, low = values.max(axis=axis), values.min(axis=axis)
    return np.where(high >= -low, high, low)


def top_of(values: np.ndarray) -> float:
    """The magnitude shown as 1; the few largest lie above, so that one outlier hides nothing."""
    magnitudes = np.abs(values)
    return float(np.percentile(magnitudes, CLIP_PERCENTILE) or magnitudes.max())


def unit(values: np.ndarray, top: float) -> np.ndarray:
    """Values as parts of the `top`, between -1 and 1; 0 where that is not positive."""
    return np.clip(values / top, -1, 1) if top > 0 else np.zeros_like(values)


def brightest(indices: np.ndarray) -> float:
    """The end of a scale of colours that begins at 0: the largest index, if one is above 0."""
    return max(float(indices.max()), 0.0) or 1.0


def top_color(explanation: WaveletExplanation, values: np.ndarray) -> float:
    """The end of a scale of colours from 0 for maps: of Sobol indices the very largest."""
    return brightest(values) if explanation.sobol is not None else top_of(values) or 1.0


def top_colors(explanation: WaveletExplanation, maps: np.ndarray) -> list[float]:
    """The same for each map: one of its own, but of Sobol indices, which compare, one for all."""
    if explanation.sobol is not None:
        return [brightest(maps)] * len(maps)
    return [top_of(values) for values in maps]


def importance_name(explanation: WaveletExplanation, signed: bool = False) -> str:
    """What the values of an explanation are called on a bar of colours."""
    if signed:
        return "against  ←  importance  →  for"
    return "importance" if explanation.sobol is None else "total Sobol index"


def one_or_mean(values: Any, index: int | None) -> Any:
    """
    The values of one input, or their mean over all, of shares or of their intervals (or None).

    All inputs are explained by one design, so its error does not average out: the mean of bounds
    is the interval of the mean if the errors go together, and else too wide an one.
    """
    if values is None:
        return None
    return values.mean(axis=0) if index is None else values[index]


def _own_rate(explanation: WaveletExplanation) -> float | None:
    """Samples a second, if the transform names its bands by them."""
    return getattr(explanation.transform, "sample_rate", None)


def hertz(*edges: float) -> str:
    """Frequencies as text: "2-4 kHz"."""
    factor, name = (1000, "kHz") if max(edges) >= 1000 else (1, "Hz")
    return "-".join(f"{edge / factor:.3g}" for edge in edges) + f" {name}"


def _stretch(image: np.ndarray, span: tuple[float, float] | None = None) -> np.ndarray:
    low, high = (image.min(), image.max()) if span is None else span
    return (image - low) / (high - low) if high > low else np.zeros_like(image)
