"""The pictures of signals show what the explanation says, where and at which frequency it does."""

from __future__ import annotations

from dataclasses import replace

import keras
import matplotlib.pyplot as plt
import numpy as np
import pytest
import pywt
from matplotlib.colors import to_rgba

from wam_xplique import WaveletExplanation, plots
from wam_xplique.plots import plot_scale_importance, plot_scalogram, plot_waveform
from wam_xplique.plots.signals import MASK_COLOR, MOST_COLUMNS, MOST_LABELS
from wam_xplique.transforms import ConstantQ, Packets, Stationary

from .helpers import explanation_of, signals_of, volumes_of, wcam_of

RATE = 1000


def signal_of(shape=(64,)):
    return np.random.default_rng(1).standard_normal(shape)


def written(axis):
    return [label.get_text() for label in axis.get_ticklabels()]


def middles(ax):
    """Where the columns of a picture have their middles."""
    left, right, *_ = ax.images[0].get_extent()
    count = ax.images[0].get_array().shape[1]
    return left + (np.arange(count) + 0.5) * (right - left) / count


@pytest.mark.parametrize("shape", [(64,), (64, 1), (64, 3)])
def test_a_waveform_has_the_importance_of_each_channel_at_its_samples(shape):
    explanation, signal = signals_of(shape), signal_of(shape)
    ax = plot_waveform(explanation, signal, RATE, index=1)
    (picture,) = ax.images
    expected = explanation.pixels()[1].reshape(64, -1).T
    np.testing.assert_array_equal(picture.get_array(), expected)
    *_, bottom, top = picture.get_extent()
    lane = (top - bottom) / len(expected)
    for channel, (line, values) in enumerate(zip(ax.lines, signal.reshape(64, -1).T, strict=True)):
        np.testing.assert_allclose(line.get_xdata(), np.arange(64) / RATE)
        np.testing.assert_allclose(np.diff(line.get_ydata()), np.diff(values))
        highest = top - channel * lane
        assert highest - lane < line.get_ydata().min() <= line.get_ydata().max() < highest
    np.testing.assert_allclose(middles(ax), np.arange(64) / RATE, atol=1e-12)
    np.testing.assert_allclose(ax.get_xlim(), (-0.0005, 0.0635))
    assert ax.get_xlabel() == "time (s)"


def test_one_channel_is_drawn_in_its_unit_and_several_by_their_number():
    signal = signal_of()
    for explained, drawn in (((64,), signal[:, np.newaxis]), ((64, 1), signal)):
        ax = plot_waveform(signals_of(explained), drawn)  # the axis of channels may lack
        np.testing.assert_array_equal(ax.lines[0].get_ydata(), signal)
        assert (ax.get_xlabel(), ax.get_ylabel()) == ("time (samples)", "amplitude")
        assert ax.get_xlim() == (-0.5, 63.5)
    ax = plot_waveform(signals_of((64, 3)), signal_of((64, 3)))
    assert ax.get_ylabel() == "channel"
    assert written(ax.yaxis) == ["0", "1", "2"]
    assert len(plot_waveform(signals_of((64, 20)), signal_of((64, 20))).get_yticks()) <= 8


@pytest.mark.parametrize("shape", [(64,), (64, 1), (64, 3)])
@pytest.mark.parametrize("approximation", [True, False])
def test_a_scalogram_has_the_map_of_each_level_the_finest_at_the_top(shape, approximation):
    explanation = signals_of(shape, approximation=approximation)
    ax = plot_scalogram(explanation, index=1)
    (picture,) = ax.images
    maps = explanation.by_scale()[1].reshape(4, 64, -1).mean(axis=-1)
    kept = maps if approximation else maps[1:]
    np.testing.assert_allclose(picture.get_array(), kept[::-1], rtol=1e-6)
    *_, bottom, top = picture.get_extent()
    assert (bottom, top) == ax.get_ylim() == (-0.5, len(kept) - 0.5)
    names = ["> 8 samples", "4-8 samples", "2-4 samples", "1-2 samples"]
    assert written(ax.yaxis) == names[-len(kept) :]
    assert (ax.get_yticks() == np.arange(len(kept))).all()
    assert (ax.get_xlabel(), ax.get_ylabel()) == ("time (samples)", "scale")
    assert ax.get_xlim() == (-0.5, 63.5)


@pytest.mark.parametrize(
    ("rate", "labels"),
    [
        (1000, ["< 62.5 Hz", "62.5-125 Hz", "125-250 Hz", "250-500 Hz"]),
        (8000, ["< 500 Hz", "0.5-1 kHz", "1-2 kHz", "2-4 kHz"]),
        (1, ["< 0.0625 Hz", "0.0625-0.125 Hz", "0.125-0.25 Hz", "0.25-0.5 Hz"]),
    ],
)
def test_levels_are_labelled_by_their_frequencies(rate, labels):
    explanation = signals_of(approximation=True)
    ax = plot_scalogram(explanation, rate)
    assert written(ax.yaxis) == labels
    assert (ax.get_xlabel(), ax.get_ylabel()) == ("time (s)", "frequency")
    np.testing.assert_allclose(ax.get_xlim(), (-0.5 / rate, 63.5 / rate))
    bars = plot_scale_importance(explanation, sample_rate=rate)
    assert written(bars.yaxis) == labels


@pytest.mark.parametrize(("frequency", "label"), [(400, "250-500 Hz"), (90, "62.5-125 Hz")])
def test_a_tone_is_where_its_frequency_is_written(frequency, label):
    time = np.arange(512) / RATE
    tone = np.sin(2 * np.pi * frequency * time) * (np.abs(time - 0.3) < 0.05)
    coefficients = pywt.wavedecn(tone[np.newaxis], "sym8", "periodization", 3, axes=(1,))
    explanation = WaveletExplanation(coefficients, "sym8", "periodization", (1, 512), 1)
    ax = plot_scalogram(explanation, RATE)
    rows = ax.images[0].get_array()[::-1]
    row, column = np.unravel_index(rows.argmax(), rows.shape)
    assert written(ax.yaxis)[row] == label
    assert 0.24 < middles(ax)[column] < 0.36


def test_a_long_signal_keeps_its_peaks_and_their_times():
    length = 4 * MOST_COLUMNS - 2
    coefficients = [np.zeros((1, length // 2)), {"d": np.zeros((1, length // 2))}]
    coefficients[1]["d"][0, 600] = 1
    explanation = WaveletExplanation(coefficients, "haar", "periodization", (1, length), 1)
    for ax in (plot_scalogram(explanation), plot_waveform(explanation, np.zeros(length))):
        (picture,) = ax.images
        rows = picture.get_array()
        assert rows.shape == (1, MOST_COLUMNS)
        assert rows.max() == explanation.pixels().max()
        assert picture.get_extent()[:2] == [-0.5, 4 * MOST_COLUMNS - 0.5]
        assert rows.argmax() == 1200 // 4
        assert ax.get_xlim() == (-0.5, length - 0.5)


def test_levels_may_have_colours_of_their_own():
    explanation = signals_of()
    explanation.coefficients[1]["d"] *= 1000
    assert (plot_scalogram(explanation).images[0].get_array()[0] < 10).all()
    ax = plot_scalogram(explanation, by_level=True)
    assert ax.images[0].get_clim() == (0, 1)
    np.testing.assert_array_equal(ax.images[0].get_array().max(axis=1), 1)
    assert "within the level" in ax.child_axes[0].get_ylabel()
    ax = plot_scalogram(replace(signals_of((64, 3)), sobol=wcam_of().sobol))
    assert ax.child_axes[0].get_ylabel() == "total Sobol index"
    assert ax.images[0].get_clim()[1] == pytest.approx(ax.images[0].get_array().max())


@pytest.mark.parametrize(("shape", "level"), [((64,), 0), ((64, 1), 1), ((64, 3), 3)])
def test_all_views_of_a_signal(shape, level):
    explanation = signals_of(shape, level)
    figure = plots.plot_explanation(explanation, signal_of(shape), 1, "title", RATE)
    figure.canvas.draw()
    waveform, scalogram, bars = figure.axes
    assert waveform.lines
    assert len(scalogram.images[0].get_array()) == len(bars.patches) == max(level, 1)
    assert scalogram.get_ylim() == bars.get_ylim()
    rows, beside = scalogram.get_window_extent(), bars.get_window_extent()
    assert (beside.y0, beside.y1) == pytest.approx((rows.y0, rows.y1))
    assert waveform.get_xlabel() == scalogram.get_xlabel() == "time (s)"


def test_a_signal_of_another_shape_is_refused():
    for shape in ((63,), (64, 2), (64, 1, 1), ()):
        with pytest.raises(ValueError, match=r"signal must be of the shape \(64,\)"):
            plot_waveform(signals_of(), np.zeros(shape))
    assert not plt.get_fignums()


@pytest.mark.parametrize("rate", [0, -1, np.nan, np.inf])
def test_a_rate_that_is_none_is_refused(rate):
    for draw in (
        lambda e, **rate: plot_waveform(e, signal_of(), **rate),
        plot_scalogram,
        plot_scale_importance,
        lambda e, **rate: plots.plot_explanation(e, signal_of(), **rate),
        lambda _, **rate: plots.plot_spectrogram(np.eye(3), hop=1, **rate),
    ):
        with pytest.raises(ValueError, match="sample_rate must be a positive, finite number"):
            draw(signals_of(), sample_rate=rate)
    assert not plt.get_fignums()


@pytest.mark.parametrize(("kind", "make"), [("images", explanation_of), ("volumes", volumes_of)])
def test_images_and_volumes_have_no_sample_rate(kind, make):
    for draw in (plot_scale_importance, lambda e, **rate: plots.plot_explanation(e, None, **rate)):
        with pytest.raises(ValueError, match=f"sample_rate must be None for {kind}, got 1000"):
            draw(make(), sample_rate=RATE)
    assert not plt.get_fignums()


# --- spectrograms ----------------------------------------------------------------------------


SPECTROGRAM = np.random.default_rng(2).standard_normal((5, 20))


def test_a_spectrogram_has_low_frequencies_at_the_bottom_and_frames_at_their_seconds():
    ax = plots.plot_spectrogram(SPECTROGRAM, sample_rate=100, hop=50)
    (picture,) = ax.images
    np.testing.assert_array_equal(picture.get_array(), SPECTROGRAM)
    assert not np.ma.getmaskarray(picture.get_array()).any()
    assert picture.origin == "lower"
    assert picture.get_extent() == [-0.25, 9.75, -0.5, 4.5]  # frame n in the middle of its column
    assert (ax.get_xlabel(), ax.get_ylabel()) == ("time (s)", "mel band")


@pytest.mark.parametrize("mask", [0, 0.5, 0.9])
def test_the_least_important_part_is_masked(mask):
    importance = np.random.default_rng(3).permutation(np.arange(1.0, 101)).reshape(5, 20)
    importance[:, ::2] *= -1
    ax = plots.plot_spectrogram(SPECTROGRAM, importance, 100, 50, mask=mask)
    shown = ax.images[0].get_array()
    np.testing.assert_array_equal(shown.mask, np.abs(importance) <= 100 * mask)
    np.testing.assert_array_equal(shown.data, SPECTROGRAM)
    assert ax.images[0].get_clim() == (SPECTROGRAM.min(), SPECTROGRAM.max())
    assert ax.get_facecolor() == to_rgba(MASK_COLOR)
    importance = np.zeros((5, 20))  # what has none is masked, even where that is most
    assert plots.plot_spectrogram(SPECTROGRAM, importance, 1, 1).images[0].get_array().mask.all()
    importance[2, 3] = 1
    shown = plots.plot_spectrogram(SPECTROGRAM, importance, 1, 1, mask=0.5).images[0].get_array()
    assert np.argwhere(~shown.mask).tolist() == [[2, 3]]


def test_a_mel_spectrogram_of_keras_is_drawn_as_it_is_given():
    how = {"fft_length": 64, "sequence_stride": 16, "sampling_rate": RATE, "num_mel_bins": 8}
    mel = keras.layers.MelSpectrogram(**how)
    click = np.zeros(1024, "float32")
    click[512] = 1
    ax = plots.plot_spectrogram(mel(click[np.newaxis])[0], sample_rate=RATE, hop=16)
    shown = ax.images[0].get_array()
    assert len(shown) == 8
    assert middles(ax)[shown.sum(axis=0).argmax()] == pytest.approx(0.512)


@pytest.mark.parametrize(
    ("changed", "message"),
    [
        ({"spectrogram": np.zeros((1, 5, 20))}, r"spectrogram must be .*\(1, 5, 20\)"),
        ({"importance": np.zeros((20, 5))}, r"importance must be .*\(5, 20\), got \(20, 5\)"),
        ({"mask": 1}, r"mask must be a fraction in \[0, 1\), got 1"),
        ({"hop": 0}, "hop must be a positive, finite number, got 0"),
        ({"hop": None}, "sample_rate and hop must be given.*hop=None"),
        ({"sample_rate": None}, "sample_rate and hop must be given.*sample_rate=None"),
    ],
)
def test_a_spectrogram_of_another_kind_is_refused(changed, message):
    given = {"spectrogram": SPECTROGRAM, "importance": np.ones((5, 20))}
    with pytest.raises(ValueError, match=message):
        plots.plot_spectrogram(**(given | {"sample_rate": 100, "hop": 50} | changed))
    assert not plt.get_fignums()


@pytest.mark.parametrize("length", [64, 1500])
def test_signs_of_a_waveform_survive_where_columns_are_merged(length):
    explanation = replace(signals_of((length,)), signed=True)
    ax = plot_waveform(explanation, np.zeros(length), signed=True)
    expected = explanation[0].pixels(signed=True)[0]
    run = -(-length // MOST_COLUMNS)
    columns = [expected[start : start + run] for start in range(0, length, run)]
    farthest = [column[np.abs(column).argmax()] for column in columns]
    (veil,) = ax.images
    np.testing.assert_allclose(veil.get_array()[0], farthest)
    assert veil.get_clim()[0] == -veil.get_clim()[1]


def test_a_scalogram_has_the_signs_of_each_scale():
    explanation = replace(signals_of(), signed=True)
    expected = np.sign(explanation.by_scale(signed=True)[0, :0:-1])
    for by_level in (False, True):
        (picture,) = plot_scalogram(explanation, by_level=by_level, signed=True).images
        np.testing.assert_array_equal(np.sign(picture.get_array()), expected)
        assert picture.get_clim()[0] == -picture.get_clim()[1]


# --- bands that are more than one a level ------------------------------------------------------


def explained_by(transform, signals):
    """The transform's own coefficients as an explanation of signals (N, T)."""
    bands = transform.over((1,)).forward(signals)
    how = (type(transform).__name__, "periodization", signals.shape, 1)
    return WaveletExplanation(bands, *how, other=transform, signed=True)


def tone_of(frequency, rate=16000, length=4096):
    return np.sin(2 * np.pi * frequency * np.arange(length)[np.newaxis] / rate)


def brightest_row(ax):
    rows = ax.images[0].get_array()
    return len(rows) - 1 - int(rows.sum(axis=1).argmax())


@pytest.mark.parametrize("analytic", [False, True])
@pytest.mark.parametrize("rate", [None, 16000.0])
def test_a_note_lies_at_its_name(analytic, rate):
    transform = ConstantQ(octaves=3, sample_rate=rate, analytic=analytic)
    ax = plot_scalogram(explained_by(transform, tone_of(440 * 2 ** (18 / 12))), 16000)
    ticks = dict(zip(written(ax.yaxis), ax.get_yticks(), strict=True))
    assert [*ticks][1:4] == ["D♯6, 1.24 kHz", "F♯6, 1.48 kHz", "A6, 1.76 kHz"]
    assert (ax.get_ylabel(), ax.get_xlabel()) == ("pitch", "time (s)")
    assert brightest_row(ax) == pytest.approx(ticks["D♯6, 1.24 kHz"], abs=0.55)
    assert len(ax.images[0].get_array()) == 1 + 3 * 12


def test_few_notes_are_all_named_and_of_many_those_of_a():
    for octaves, names in (
        (1, ["C8, 4.19 kHz", "C♯8, 4.43 kHz"]),
        (8, ["A1, 55 Hz", "A2, 110 Hz"]),
    ):
        transform = ConstantQ(octaves=octaves, sample_rate=16000.0)
        ax = plot_scalogram(explained_by(transform, tone_of(440)))
        assert written(ax.yaxis)[1:3] == names
        assert len(ax.get_yticks()) <= 1 + MOST_LABELS
        assert (np.diff(ax.get_yticks()) > 0.99).all()
    explanation = explained_by(ConstantQ(octaves=1, sample_rate=16000.0), tone_of(6000))
    explanation.coefficients[0] *= 0
    np.testing.assert_allclose(plot_scalogram(explanation).get_yticks(), np.arange(12), atol=1e-9)


def test_pitches_without_a_rate_are_periods_in_samples():
    ax = plot_scalogram(explained_by(ConstantQ(octaves=4), tone_of(1000)))
    ticks = dict(zip(written(ax.yaxis), ax.get_yticks(), strict=True))
    assert [*ticks] == ["> 32 samples", "16", "8", "4"]
    assert brightest_row(ax) == pytest.approx(ticks["16"], abs=0.55)


def test_the_parts_of_an_analytic_band_are_drawn_by_their_magnitude_which_knows_no_phase():
    explanation = explained_by(ConstantQ(octaves=3, analytic=True), tone_of(2000, length=400))
    ax = plot_scalogram(explanation)
    row = ax.images[0].get_array()[::-1][brightest_row(ax)]
    assert np.ptp(row) < 0.02 * row.mean()
    signed = plot_scalogram(explanation, signed=True).images[0].get_array()
    np.testing.assert_allclose(signed.sum(axis=0), explanation.pixels(signed=True)[0], atol=1e-12)


def test_packets_have_a_row_each_at_their_frequency():
    explanation = explained_by(Packets(level=5), tone_of(2900))
    ax = plot_scalogram(explanation, 16000)
    assert ax.get_ylabel() == "frequency (kHz)"
    ticks = dict(zip(written(ax.yaxis), ax.get_yticks(), strict=True))
    assert [*ticks] == [str(kilo) for kilo in range(9)]
    assert ticks["2"] < brightest_row(ax) < ticks["3"]
    assert (ticks["0"], ticks["8"]) == (-0.5, 31.5)
    assert plot_scalogram(explanation).get_ylabel() == "frequency (cycles/sample)"


def test_bands_of_wavelets_that_are_not_decimated_are_labelled_as_those_that_are():
    ax = plot_scalogram(explained_by(Stationary("db4", 3), tone_of(3000)), 16000)
    assert written(ax.yaxis) == ["< 1 kHz", "1-2 kHz", "2-4 kHz", "4-8 kHz"]
    assert written(ax.yaxis)[brightest_row(ax)] == "2-4 kHz"


def test_beside_bands_stand_their_shares():
    explanation = explained_by(ConstantQ(octaves=3, analytic=True), tone_of(2000))
    _, below, bars = plots.plot_explanation(explanation, tone_of(2000)[0], sample_rate=16000).axes
    shares = [bar.get_width() for bar in bars.patches]
    assert sum(shares) == pytest.approx(1)
    assert int(np.argmax(shares)) == brightest_row(below)
    assert bars.get_ylim() == below.get_ylim()


def test_a_rate_other_than_the_transforms_is_refused():
    explanation = explained_by(ConstantQ(octaves=3, sample_rate=16000.0), tone_of(440))
    with pytest.raises(ValueError, match=r"sample_rate must be the transform's, 16000.0, got 8000"):
        plot_scalogram(explanation, 8000)
