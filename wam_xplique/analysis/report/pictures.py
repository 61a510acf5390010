"""Captioned pictures and sounds of one explained input, as data within a page."""

from __future__ import annotations

import base64
import io
import wave
from collections.abc import Iterator, Sequence
from typing import Any, NamedTuple

import matplotlib as mpl
import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from PIL import Image

from ...coefficients import map_bands
from ...explanation import WaveletExplanation
from ...plots import plot_mosaic, plot_projections, plot_scalogram, plot_slices, plot_waveform
from ...plots.drawing import (
    COLORMAP,
    DPI,
    KINDS,
    first_drawn,
    maps_of,
    new_figure,
    scale_labels,
    top_colors,
    top_of,
    unit,
)
from ...plots.gallery import draw_input
from ...plots.signals import MOST_COLUMNS, VEIL, scalogram_height

WAVE_INCHES, WAVE = (10, 2.2), (0.07, 0.22, 0.92, 0.68)  # of a waveform; where in it are its axes
INCHES, FINE_DPI = 2.7, 165  # of what is drawn of an image; of what has small print
MOST_PIXELS, MAP_PIXELS = 320, 224  # along each axis; larger images and maps are made smaller
FEW_PIXELS = 96  # that are seen one by one
QUALITY = {"quality": 80, "alpha_quality": 20, "method": 4}  # of WebP
OPACITY = 0.85  # of what matters most
KEEP = 0.1  # share of the coefficients that are heard
HEARD = 3000, 768000  # samples a second that browsers play


class Picture(NamedTuple):
    """
    A picture with what is told about it.

    Its `role` is "input"; "map" (of a `level`, or of all where this is None), which is transparent
    and lies over the input; "left", what is left of the input down to a `level`; or "more".
    """

    title: str
    caption: str
    alt: str
    source: str  # the file, as a page holds it
    size: tuple[int, int]  # width and height, of a map those of the picture of the input
    role: str = "more"
    level: int | None = None
    place: str = ""  # "large", "wide" (the page's width), "whole" (a row of its own), else empty
    sound: str = ""  # a WAV file of what is seen
    frame: tuple[float, ...] | None = None  # where a map lies: left, top, width, height; or all


class Subject(NamedTuple):
    """An explained input, and how it is shown: channels last, in a box (or None)."""

    explanation: WaveletExplanation  # of this input alone
    shown: np.ndarray
    name: str
    box: Any = None  # where it begins along each axis, then where it ends
    sample_rate: float | None = None

    @property
    def labels(self) -> list[str]:
        """What the scales are called."""
        return scale_labels(self.explanation, self.sample_rate)

    @property
    def kind(self) -> str:
        """What the input is called: a sound, a signal, an image or a volume."""
        return kind_name(self.explanation, self.sample_rate)


def kind_name(explanation: WaveletExplanation, sample_rate: float | None) -> str:
    """What an input is called: a sound where it can be heard, a signal, an image or a volume."""
    few = explanation.input_shape[2:] in ((), (1,), (2,))
    if explanation.ndim == 1 and few and HEARD[0] <= (sample_rate or 0) <= HEARD[1]:
        return "sound"
    return KINDS[explanation.ndim - 1].removesuffix("s")


def whole_name(explanation: WaveletExplanation) -> str:
    """What the shares of an explanation are shares of."""
    return "importance" if explanation.includes_approximation else "details' importance"


def pictures_of(
    subject: Subject, inputs: Any, sufficient: np.ndarray | None, told: str
) -> Iterator[Picture]:
    """
    Draw an explained input, what matters in it at which scale, and what is enough of it.

    `inputs` is what was explained (1, ...), of which `sufficient` is enough, channels last, if
    anything is; `told` says how much that is.
    """
    ndim = subject.explanation.ndim
    yield from (_of_signal, _of_image, _of_volume)[ndim - 1](subject)
    if subject.kind == "sound":
        left = subject.explanation.reconstruct(inputs, KEEP)[0]
        title, caption = f"The most important {KEEP:.0%}", "Of the coefficients; the rest is 0."
        alt = f"Waveform of the most important {KEEP:.0%} of the coefficients of {subject.name}."
        yield _signal(subject, left, title, caption, alt)
    if sufficient is None:
        return
    middle = " Its middle slice." * (ndim == 3)
    alt = f"What is enough of {subject.name} for the same prediction.{middle}"
    title, caption = f"Sufficient {subject.kind}", f"{told[0].upper()}{told[1:]}.{middle}"
    if ndim == 1:
        yield _signal(subject, sufficient, title, caption, alt)
    elif ndim == 2:
        yield _photograph(sufficient, _span(sufficient), title, caption, alt)
    else:
        ax = _of_size(sufficient.shape[1:3])
        draw_input(ax, sufficient, ndim)
        yield _drawn(ax, title, caption, alt)


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


def _of_image(subject: Subject) -> Iterator[Picture]:
    e, name, image = subject.explanation, subject.name, subject.shown
    boxed = "" if subject.box is None else "The dashed line is the object's box."
    yield _photograph(image, _span(image), "Input", boxed, f"The input: {name}.", "input")
    mosaic = plot_mosaic(e, 0, _of_size(e.mosaic().shape[1:3]))
    nested = ", the finest in the largest blocks" * (e.other is None)
    alt = f"Mosaic of all wavelet coefficients of {name}{nested}."
    caption = "All scales, by direction." if e.transform.are_octaves else "All bands."
    yield _drawn(mosaic, "Wavelet coefficients", caption, alt, "large", lossless=False)
    maps, (shares,), first = maps_of(e, 0), e.scale_importance(), first_drawn(e)
    tops = top_colors(e, maps[1:])
    if not first:
        tops = [*(tops[:1] if e.sobol is not None else [top_of(maps[0])]), *tops]
    for level, top in enumerate(tops, start=first):
        label, caption = subject.labels[level], f"{shares[level]:.0%} of the {whole_name(e)}."
        alt = f"Map of {label} for {name}: most matters {where(maps[level])}."
        yield _map(maps[level], top, label, caption, alt, level)
    total = maps.sum(axis=0)
    title = f"All scales{' of details' * (not e.includes_approximation)}"
    alt = f"Map of all scales for {name}: most matters {where(total)}."
    yield _map(total, top_of(total), title, "Where the model looks.", alt, None)
    for level, left in enumerate(_left(subject)):
        how = _how_far(subject, level)
        alt = f"What is left of {name}, {how}."
        yield _photograph(left, _span(image), how, "", alt, "left", level)


def _of_signal(subject: Subject) -> Iterator[Picture]:
    e, signal, name, _, rate = subject
    boxed = " The dashed lines are the ends of the object." * (subject.box is not None)
    maps, (shares,), first = e.by_scale()[0], e.scale_importance(), first_drawn(e)
    place = where(maps_of(e, 0).sum(axis=0))
    yield _signal(subject, signal, "Input", boxed.strip(), f"Waveform of {name}.", "input")
    height = scalogram_height(e)
    scalogram = plot_scalogram(e, rate, 0, new_figure(10, 1.1 * height).subplots())
    alt = f"Importance of {name} over time, a row for each scale: most matters {place}."
    yield _drawn(scalogram, "Scales over time", "The finest at the top.", alt, "wide")
    for level in range(first, e.level + 1):
        label, caption = subject.labels[level], f"{shares[level]:.0%} of the {whole_name(e)}."
        alt = f"Waveform of {name}, coloured where it matters at {label}."
        yield _veil(maps[level], label, caption, alt, level)
    alt = f"Waveform of {name}, coloured where it matters: most {place}."
    yield _veil(maps.sum(axis=0), "All scales", "Coloured where it matters.", alt, None)
    for level, left in enumerate(_left(subject)):
        how = _how_far(subject, level)
        alt = f"Waveform of what is left of {name}, {how}."
        yield _signal(subject, left, how, "", alt, "left", level)


def _of_volume(subject: Subject) -> Iterator[Picture]:
    e, volume, name, *_ = subject
    columns = e.level + 2 - first_drawn(e)
    axes = new_figure(2.3 * columns, 6.6).subplots(3, columns)
    plot_slices(e, volume, 0, axes=axes[:, 0])
    plot_projections(e, 0, axes[:, 1:])
    slices = "slices through the most important voxel"
    caption = f"Left, {slices}; then, for each scale, the largest importance along each axis."
    alt = f"Slices of {name} through its most important voxel; maps of its scales along each axis."
    yield _drawn(axes[0, 0], "Slices and projections", caption, alt, "whole")


def _only(bands: Any, chosen: Sequence[int]) -> Any:
    """Coefficients whose other levels are 0."""
    zeros = map_bands(np.zeros_like, bands)
    return [bands[n] if n in chosen else zeros[n] for n in range(len(bands))]


def _left(subject: Subject) -> Iterator[np.ndarray]:
    """What is left of an input as it is shown: the coarsest band, then with each finer level; not
    with all of them, which is the input itself."""
    transform = subject.explanation.transform
    x = np.asarray(subject.shown, np.float32)[np.newaxis]
    bands = transform.forward(x)
    for level in range(len(bands) - 1):
        yield transform.inverse(_only(bands, range(level + 1)), x.shape)[0]


def _how_far(subject: Subject, level: int) -> str:
    """What the scales down to a level are called."""
    return f"only {subject.labels[0]}" if level == 0 else f"down to {subject.labels[level]}"


def _signal(
    subject: Subject,
    values: np.ndarray,
    title: str,
    caption: str,
    alt: str,
    role: str = "more",
    level: int | None = None,
) -> Picture:
    """A waveform, which is heard, too, in the range of the input and where all others are drawn."""
    figure = Figure(figsize=WAVE_INCHES, dpi=DPI)
    ax = plot_waveform(subject.explanation, values, subject.sample_rate, 0, figure.add_axes(WAVE))
    ax.images[0].remove()  # the veil is laid over it by the page
    if values.shape[1:] in ((), (1,)):
        both = np.concatenate([values.ravel(), np.ravel(subject.shown)])
        margin = 0.05 * float(np.ptp(both)) or 1.0
        ax.set_ylim(both.min() - margin, both.max() + margin)
    for edge in () if subject.box is None or role != "input" else subject.box:
        ax.axvline((edge - 0.5) / (subject.sample_rate or 1), color="black", ls="--", lw=1)
    sound = "" if role == "left" else _wav(subject, values)
    more: dict[str, Any] = {"role": role, "level": level, "sound": sound}
    return _drawn(ax, title, caption, alt, "wide", **more)


def _veil(values: np.ndarray, title: str, caption: str, alt: str, level: int | None) -> Picture:
    """A map of a signal, to lie over its waveform."""
    rows = values.reshape(len(values), -1).T
    run = -(-len(values) // MOST_COLUMNS)
    filled = np.pad(rows, ((0, 0), (0, -len(values) % run)), mode="edge")
    peaks = filled.reshape(len(rows), -1, run).max(axis=2)
    color = VEIL(unit(peaks, top_of(rows) or 1.0))
    image = Image.fromarray(np.uint8(np.round(255 * color)))
    width, height = (round(DPI * inches) for inches in WAVE_INCHES)
    left, bottom, wide, high = WAVE
    wide *= filled.shape[1] / len(values)
    frame = (width * left, height * (1 - bottom - high), width * wide, height * high)
    source = _webp(image, lossless=True)
    return Picture(title, caption, alt, source, (width, height), "map", level, "wide", "", frame)


def _wav(subject: Subject, values: np.ndarray) -> str:
    """A sound in 16 bits, as loud as the input, or softer where it would be clipped."""
    if subject.kind != "sound":
        return ""
    values = values.reshape(len(values), -1).astype(np.float64)
    samples = 32767 * values / max(1.0, float(np.abs(values).max()))
    file = io.BytesIO()
    with wave.open(file, "wb") as sound:
        sound.setnchannels(values.shape[1])
        sound.setsampwidth(2)
        sound.setframerate(round(subject.sample_rate or 1))
        sound.writeframes(samples.round().astype("<i2").tobytes())
    return _as_data("audio/wav", file)


def _span(image: np.ndarray) -> tuple[float, float]:
    return float(image.min()), float(image.max())


def _photograph(
    image: np.ndarray,
    span: tuple[float, float],
    title: str,
    caption: str,
    alt: str,
    role: str = "more",
    level: int | None = None,
) -> Picture:
    """An image whose span of values is shown from black to white."""
    image = np.asarray(image, dtype=float)
    if image.ndim == 3 and image.shape[-1] != 3:
        image = image.mean(axis=-1)
    shown = unit(np.maximum(image - span[0], 0), span[1] - span[0])
    place = "large" if role == "input" else ""
    source = _webp(Image.fromarray(np.uint8(np.round(255 * shown))))
    return Picture(title, caption, alt, source, image.shape[1::-1], role, level, place)


def _map(
    values: np.ndarray, top: float, title: str, caption: str, alt: str, level: int | None
) -> Picture:
    """A map in colours, the opaquer the more it matters."""
    relative = unit(np.abs(values), top)
    color = mpl.colormaps[COLORMAP](relative)
    color[..., 3] = OPACITY * np.sqrt(relative)
    shown = Image.fromarray(np.uint8(np.round(255 * color)))
    shown.thumbnail((MAP_PIXELS, MAP_PIXELS))
    source = _webp(shown)
    return Picture(title, caption, alt, source, values.shape[::-1], "map", level)


def _of_size(shape: Sequence[int]) -> Axes:
    """Axes that fill a figure of the proportions of an image."""
    height, width = (INCHES * size / max(shape) for size in shape)
    figure = Figure(figsize=(max(width, 0.4), max(height, 0.4)), dpi=FINE_DPI)
    return figure.add_axes((0, 0, 1, 1))


def _drawn(
    ax: Axes,
    title: str,
    caption: str,
    alt: str,
    place: str = "",
    lossless: bool = True,
    **more: Any,
) -> Picture:
    """What is drawn by matplotlib."""
    figure, file = ax.figure, io.BytesIO()
    assert isinstance(figure, Figure)
    figure.set_dpi(DPI if place == "wide" else FINE_DPI)
    figure.savefig(file, format="rgba", dpi=figure.dpi)
    size = figure.canvas.get_width_height()
    image = Image.frombytes("RGBA", size, file.getvalue()).convert("RGB")
    source = _webp(image, lossless)
    return Picture(title, caption, alt, source, image.size, place=place, **more)


def _webp(image: Image.Image, lossless: bool = False) -> str:
    """An image as a page holds it, no larger than it is seen; its few pixels as they are."""
    if not lossless:
        image.thumbnail((MOST_PIXELS, MOST_PIXELS))
    file = io.BytesIO()
    exact = lossless or max(image.size) <= FEW_PIXELS
    image.save(file, "webp", **({"lossless": True, "method": 2} if exact else QUALITY))
    return _as_data("image/webp", file)


def _as_data(kind: str, file: io.BytesIO) -> str:
    return f"data:{kind};base64,{base64.b64encode(file.getvalue()).decode('ascii')}"
