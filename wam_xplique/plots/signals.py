"""Pictures of one explained signal: its waveform, its scales over time, its spectrogram."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any, NamedTuple

import numpy as np
from matplotlib.axes import Axes
from matplotlib.colors import LinearSegmentedColormap, to_rgba
from matplotlib.image import AxesImage
from matplotlib.ticker import MaxNLocator

from ..explanation import WaveletExplanation
from . import drawing

MASK_COLOR = "0.85"
# Lies over the waveform, which shows through where it matters most, too.
VEIL = LinearSegmentedColormap.from_list(
    "veil", [to_rgba(drawing.BAR_COLOR, 0), to_rgba(drawing.BAR_COLOR, 0.7)]
)
SIGNED_VEIL = LinearSegmentedColormap.from_list(
    "signed veil", [to_rgba("#2166ac", 0.7), to_rgba("white", 0), to_rgba("#b2182b", 0.7)]
)
MOST_COLUMNS = 500  # about as many as a screen shows; of what is longer, peaks are drawn
MOST_TICKS = 8
MOST_LABELS = 12  # beside bands
NOTES = ("C", "C♯", "D", "D♯", "E", "F", "F♯", "G", "G♯", "A", "A♯", "B")


def plot_waveform(
    explanation: WaveletExplanation,
    signal: np.ndarray,
    sample_rate: float | None = None,
    index: int = 0,
    ax: Axes | None = None,
    *,
    signed: bool = False,
) -> Axes:
    """
    Draw a signal, coloured where it matters (after WAM figure 4).

    The channels of a signal (T, W) are drawn beneath each other, each with its own importance.
    Of signals longer than a screen is wide, the largest importance within each column is drawn.

    Parameters
    ----------
    signal
        The signal (T,) or (T, W), of the shape of those explained.
    sample_rate
        Samples a second, for an axis in seconds; it counts samples by default. The others, and
        what is raised, are as for `plot_pixels`.
    """
    drawing.check_kind(explanation, "signals", drawing.PLACES)
    shape, signal = explanation.input_shape[1:], np.asarray(signal, dtype=float)
    came, signal = signal.shape, signal[:, np.newaxis] if signal.ndim == 1 else signal
    if signal.shape != (*shape, 1)[:2]:
        raise ValueError(f"signal must be of the shape {shape} of those explained, got {came}.")
    rate = drawing.rate_of(explanation, sample_rate)
    period = _period(rate)
    importance = explanation[index].pixels(signed=signed)[0].reshape(signal.shape).T
    top = drawing.top_color(explanation, importance)
    given, ax = ax, drawing.new_axes(7, 2.2) if ax is None else ax

    low, high = float(signal.min()), float(signal.max())
    margin = 0.05 * (high - low) or 1.0
    low, height = low - margin, high - low + 2 * margin
    lanes = -height * np.arange(signal.shape[1])
    times = period * np.arange(len(signal))
    ax.plot(times, signal + lanes, color=drawing.WAVE_COLOR, linewidth=0.8)
    heights = (low + lanes[-1], low + height)
    look = {"cmap": SIGNED_VEIL if signed else VEIL, "vmin": -top if signed else 0, "vmax": top}
    veil = _draw_rows(ax, importance, period, heights, **look)
    veil.set_zorder(3)
    if len(lanes) > 1:
        chosen = np.arange(0, len(lanes), -(-len(lanes) // MOST_TICKS))
        ax.set_yticks(lanes[chosen] + low + height / 2, map(str, chosen))
    ax.set_ylabel("channel" if len(lanes) > 1 else "amplitude", fontsize=8)
    _label_time(ax, rate)
    if given is None:
        drawing.draw_colorbar(veil, ax, drawing.importance_name(explanation, signed), width=0.02)
    ax.set_title(drawing.left_out(explanation, sample_rate), loc="right", **drawing.ASIDE)
    return ax


def plot_scalogram(
    explanation: WaveletExplanation,
    sample_rate: float | None = None,
    index: int = 0,
    ax: Axes | None = None,
    by_level: bool = False,
    *,
    signed: bool = False,
) -> Axes:
    """
    Draw the importance of a signal over time and frequency: one row a band, the finest at the top.

    Wavelets have one band a level: level j holds about the frequencies from
    ``sample_rate / 2**(j + 1)`` to ``sample_rate / 2**j`` Hz, the approximation what is below; it
    is left out where it takes no part. The bands of `ConstantQ` are notes: of its analytic ones,
    the two parts are drawn as one, √(re² + im²), or with signs as their sum. Those of `Packets`
    have one width. The channels of a signal (T, W) are averaged. Of signals longer than a screen is
    wide, the largest importance within each column is drawn.

    Parameters
    ----------
    sample_rate
        Samples a second, for an axis in seconds, and levels in Hz, bands in Hz and notes; all are
        in samples by default, or by the rate that the transform has, from which no other may
        differ.
    by_level
        Whether each level has its own scale of colours, so that those that matter little can be
        seen as well; by default all levels may be compared. The others, and what is raised, are
        as for `plot_waveform`.

    Examples
    --------
    >>> from wam_xplique import WaveletExplanation
    >>> bands = [np.ones((1, 8)), {"d": np.ones((1, 8))}]
    >>> importance = WaveletExplanation(bands, "haar", "periodization", (1, 16), 1)
    >>> [label.get_text() for label in plot_scalogram(importance, 8000).get_yticklabels()]
    ['< 2 kHz', '2-4 kHz']
    """
    drawing.check_kind(explanation, "signals", drawing.SCALES)
    rate = drawing.rate_of(explanation, sample_rate)
    period, rows = _period(rate), Rows.of(explanation)
    maps = rows.together([*explanation[index].by_band(signed).values()], signed)[:, 0]
    maps = maps if maps.ndim == 2 else maps.mean(axis=-1)
    if by_level:
        for level in set(rows.levels):
            within = rows.levels == level
            maps[within] = drawing.unit(maps[within], drawing.top_of(maps[within]))
    colors = drawing.color_scale(1.0 if by_level else drawing.top_color(explanation, maps), signed)
    given, ax = ax, drawing.new_axes(7, scalogram_height(explanation)) if ax is None else ax

    look = {"cmap": colors.cmap, "norm": colors.norm}
    picture = _draw_rows(ax, maps[::-1], period, (-0.5, len(maps) - 0.5), **look)
    ax.set_title(drawing.left_out(explanation, sample_rate), loc="right", **drawing.ASIDE)
    labels = np.array(drawing.scale_labels(explanation, sample_rate))
    if rows.ends is None or rows.one_a_level:
        named = np.unique(rows.levels)
        ax.set_yticks([np.flatnonzero(rows.levels == level).mean() for level in named])
        ax.set_yticklabels(labels[named])
        ax.set_ylabel("scale" if rate is None else "frequency", fontsize=8)
        ax.tick_params(axis="y", length=0)
    else:
        _label_frequencies(ax, rows.ends, rate, labels[0])
    _label_time(ax, rate)
    if given is None:
        name = drawing.importance_name(explanation, signed) + "\nwithin the level" * by_level
        drawing.draw_colorbar(picture, ax, name, width=0.02)
    return ax


def scalogram_height(explanation: WaveletExplanation) -> float:
    """Inches that a scalogram should be high: as its labels need, whatever the number of bands."""
    rows = Rows.of(explanation)
    return 0.8 + 0.3 * max(min(len(rows.levels), MOST_TICKS), len(set(rows.levels)))


class Rows(NamedTuple):
    """
    How the bands of an explanation of signals are drawn, from low frequencies to high.

    `of_band` has the row of each band, negative where it is not drawn, `levels` the level of each
    row, `ends` (R, 2) the row's frequencies in cycles a sample, or None where these are not told.
    """

    of_band: np.ndarray
    levels: np.ndarray
    ends: np.ndarray | None

    @classmethod
    def of(cls, explanation: WaveletExplanation) -> Rows:
        """The rows of what takes part; the parts of one band share one."""
        counts = [1, *map(len, explanation.coefficients[1:])]
        numbers, frequencies = np.arange(len(counts)), explanation.transform.frequencies()
        levels, ends = np.repeat(numbers, counts), None
        of_band = np.arange(len(levels))
        if frequencies is not None:
            ends, one, of_band = np.unique(
                np.concatenate(frequencies), axis=0, return_index=True, return_inverse=True
            )
            levels, of_band = levels[one], of_band.reshape(-1)
        first = drawing.first_drawn(explanation)  # the coarsest band is the first row
        return cls(of_band - first, levels[first:], None if ends is None else ends[first:])

    @property
    def one_a_level(self) -> bool:
        """Whether each level has a row."""
        return len(set(self.levels)) == len(self.levels)

    def together(self, of_bands: Sequence[Any], signed: bool) -> np.ndarray:
        """What is known of each band, for each row: of parts the magnitude, or signed the sum."""
        found = np.zeros((len(self.levels), *np.shape(of_bands[0])))
        for row, values in zip(self.of_band, of_bands, strict=True):
            if row >= 0:
                found[row] = found[row] + values if signed else np.hypot(found[row], values)
        return found


def plot_spectrogram(
    spectrogram: np.ndarray,
    importance: np.ndarray | None = None,
    sample_rate: float | None = None,
    hop: int | None = None,
    ax: Axes | None = None,
    mask: float = 0.9,
) -> Axes:
    """
    Draw a mel-spectrogram, or only what matters of it (WAM figure 4).

    Parameters
    ----------
    spectrogram
        The spectrogram (mels, frames), lowest frequencies first, as `keras.layers.MelSpectrogram`
        gives it; in any unit.
    importance
        Importance (mels, frames), such as one of an explanation's `front_end`; what has little
        magnitude is masked. All is shown by default.
    sample_rate, hop
        Samples a second, and from one frame to the next: frame n stands at
        ``n * hop / sample_rate`` seconds, where a centred transform has its middle.
    ax
        Axes to draw on, which are returned; new ones by default, with a bar of colours.
    mask
        The fraction of the spectrogram that is masked, in [0, 1); what has no importance at all
        is masked in any case. A ValueError names what is missing or does not fit.

    Examples
    --------
    >>> plot_spectrogram(np.eye(4), importance=np.eye(4), sample_rate=8000, hop=256).get_xlabel()
    'time (s)'
    """
    spectrogram = np.asarray(spectrogram, dtype=float)
    if spectrogram.ndim != 2:
        raise ValueError(f"spectrogram must be of shape (mels, frames), got {spectrogram.shape}.")
    if sample_rate is None or hop is None:
        told = f"got sample_rate={sample_rate!r} and hop={hop!r}"
        raise ValueError(f"sample_rate and hop must be given for an axis in seconds, {told}.")
    drawing.check_rate("hop", hop)
    period = hop * _period(sample_rate)
    shown = np.ma.masked_array(spectrogram)
    if importance is not None:
        magnitude = np.abs(np.asarray(importance, dtype=float))
        if magnitude.shape != shown.shape:
            told = f"{shown.shape}, got {magnitude.shape}"
            raise ValueError(f"importance must be of the spectrogram's shape {told}.")
        if not 0 <= mask < 1:
            raise ValueError(f"mask must be a fraction in [0, 1), got {mask!r}.")
        shown.mask = ~((magnitude > 0) & (magnitude >= np.quantile(magnitude, mask)))
    given, ax = ax, drawing.new_axes(5, 2.6) if ax is None else ax
    mels, frames = spectrogram.shape
    extent = (-0.5 * period, (frames - 0.5) * period, -0.5, mels - 0.5)
    look: dict[str, Any] = {"origin": "lower", "aspect": "auto", "interpolation": "nearest"}
    picture = ax.imshow(shown, drawing.COLORMAP, extent=extent, **look)
    picture.set_clim(spectrogram.min(), spectrogram.max())  # as they are without the mask
    ax.set_facecolor(MASK_COLOR)
    ax.set_ylabel("mel band", fontsize=8)
    _label_time(ax, sample_rate)
    if given is None:
        drawing.draw_colorbar(picture, ax, "spectrogram", width=0.03)
    return ax


def _draw_rows(
    ax: Axes, rows: np.ndarray, period: float, heights: tuple[float, float], **colors: Any
) -> AxesImage:
    """Draw rows (R, T) over time, the first at the top; of each column what is farthest from 0."""
    count, length = rows.shape
    run = -(-length // MOST_COLUMNS)
    filled = np.pad(rows, ((0, 0), (0, -length % run)), mode="edge")
    peaks, start = drawing.farthest(filled.reshape(count, -1, run), axis=2), -0.5 * period
    extent = (start, start + filled.shape[1] * period, *heights)
    picture = ax.imshow(peaks, aspect="auto", interpolation="nearest", extent=extent, **colors)
    ax.set_xlim(start, (length - 0.5) * period)
    ax.set_ylim(*heights)
    return picture


def _label_frequencies(ax: Axes, ends: np.ndarray, rate: float | None, coarsest: str) -> None:
    """Name frequencies beside bands: in Hz where these have one width, else by notes; without a
    rate in samples. The band of all that is below some frequency is the `coarsest`."""
    unit, edges, places = rate or 1.0, np.append(ends[:, 0], ends[-1, 1]), {}
    if np.allclose(np.diff(edges), edges[-1] - edges[-2], atol=0):
        factor, name = (1000, "kHz") if unit * edges[-1] >= 2000 else (1, "Hz")
        name = f"frequency ({name if rate else 'cycles/sample'})"
        round_ones = MaxNLocator(MOST_TICKS, steps=(1, 2, 5, 10))
        values = round_ones.tick_values(0, unit * edges[-1] / factor)
        ticks = {value * factor: f"{value:g}" for value in values}
        scale: Any = np.asarray
    else:
        name, scale = "pitch" if rate else "period (samples)", np.log2
        if edges[0] == 0:
            places, edges = {0.0: coarsest}, edges[1:]
        bounds = unit * edges[0], unit * edges[-1]
        ticks = _notes(*bounds) if rate else _periods(*bounds)
    rows = np.arange(len(edges)) + len(ends) - len(edges) + 0.5
    lowest = len(ends) / MOST_LABELS if places else rows[0]  # above the name of the coarsest
    for value, told in ticks.items():
        if edges[0] <= value / unit <= edges[-1]:
            place = float(np.interp(scale(value / unit), scale(edges), rows))
            if place >= lowest:
                places[place] = told
    ax.set_yticks([*places], [*places.values()])
    ax.set_ylabel(name, fontsize=8)


def _notes(low: float, high: float) -> dict[float, str]:
    """Notes between frequencies in Hz: all, or where these are many A, C, D♯ and F♯, or only A."""
    first, last = math.ceil(12 * math.log2(low / 440)), math.floor(12 * math.log2(high / 440))
    step = next(s for s in (1, 3, 12, 24, 48, 96, 192) if (last - first) // s < MOST_LABELS)
    notes = {}
    for number in range(-(-first // step) * step, last + 1, step):
        octave, note = divmod(number + 9, 12)  # from C, of which that below A4 is C4
        frequency = 440 * 2 ** (number / 12)
        notes[frequency] = f"{NOTES[note]}{octave + 4}, {drawing.hertz(frequency)}"
    return notes


def _periods(low: float, high: float) -> dict[float, str]:
    """Frequencies in cycles a sample whose periods are powers of two, and these."""
    powers = range(math.floor(-math.log2(low)), math.ceil(-math.log2(high)) - 1, -1)
    return {2.0**-power: str(2**power) for power in powers}


def _label_time(ax: Axes, sample_rate: float | None) -> None:
    ax.set_xlabel("time (samples)" if sample_rate is None else "time (s)", fontsize=8)
    ax.tick_params(labelsize=7)


def _period(sample_rate: float | None) -> float:
    """What the axis of time counts from one sample to the next."""
    if sample_rate is None:
        return 1.0
    drawing.check_rate("sample_rate", sample_rate)
    return 1 / sample_rate
