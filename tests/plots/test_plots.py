"""The pictures show what the explanation says."""

from __future__ import annotations

import matplotlib as mpl

mpl.use("Agg")

import matplotlib.pyplot as plt
import numpy as np
import pytest
import pywt

from wam_xplique import WaveletExplanation
from wam_xplique.plots import (
    plot_explanation,
    plot_mosaic,
    plot_pixels,
    plot_scale_importance,
    plot_scales,
)


@pytest.fixture(autouse=True)
def _close_figures():
    yield
    plt.close("all")


def explanation_of(size=(24, 17), mode="periodization", wavelet="haar", level=2, ndim=2):
    noise = np.random.default_rng(0).standard_normal((2, *size))
    coefficients = pywt.wavedecn(noise, wavelet, mode, level, axes=range(1, 1 + ndim))
    return WaveletExplanation(coefficients, wavelet, mode, (2, *size, 1), ndim)


def test_mosaic_shows_the_magnitude_of_every_coefficient_where_pywavelets_packs_it():
    explanation = explanation_of()
    shown = plot_mosaic(explanation, 1).images[0].get_array()
    packed = np.abs(explanation.mosaic()[1, ..., 0])
    assert shown.shape == packed.shape
    top, finest = packed[12:, :], shown[12:, :]
    order = np.argsort(top, axis=None)
    assert (np.diff(finest.ravel()[order]) >= 0).all()
    assert finest.max() == 1


def test_mosaic_draws_two_lines_and_a_label_for_each_level():
    ax = plot_mosaic(explanation_of(level=3))
    assert len(ax.lines) == 6
    assert [text.get_text() for text in ax.texts] == ["4-8 px", "2-4 px", "1-2 px"]


@pytest.mark.parametrize(("wavelet", "mode"), [("haar", "periodization"), ("db3", "symmetric")])
def test_mosaic_lines_stand_between_the_levels(wavelet, mode):
    explanation = explanation_of((40, 40), mode, wavelet)
    lines = plot_mosaic(explanation).lines
    corner = explanation.coefficients[0].shape[1]
    for level, (row, column) in zip(
        explanation.coefficients[1:], zip(lines[::2], lines[1::2], strict=True), strict=True
    ):
        assert row.get_ydata()[0] == corner - 0.5
        assert column.get_xdata()[0] == corner - 0.5
        corner += level["dd"].shape[1]


def test_bars_are_the_shares_of_the_scales():
    explanation = explanation_of()
    ax = plot_scale_importance(explanation, 0)
    widths = [bar.get_width() for bar in ax.patches]
    np.testing.assert_allclose(widths, explanation.scale_importance()[0])
    labels = [label.get_text() for label in ax.get_yticklabels()]
    assert labels == explanation.scales


def test_bars_leave_out_an_approximation_that_takes_no_part():
    explanation = explanation_of()
    explanation.coefficients[0][:] = 0
    assert len(plot_scale_importance(explanation).patches) == explanation.level


def test_scales_come_from_coarse_to_fine():
    axes = plot_scales(explanation_of(level=3))
    assert [ax.get_title() for ax in axes] == ["4-8 px", "2-4 px", "1-2 px"]


@pytest.mark.parametrize("image", [np.eye(24, 17), np.eye(24, 17)[..., None], np.ones((24, 17, 3))])
def test_every_kind_of_image_can_lie_beneath(image):
    explanation = explanation_of()
    assert plot_pixels(explanation, image).images[0].get_array().shape == (24, 17, 3)
    figure = plot_explanation(explanation, image, 1, "title")
    assert len(figure.axes) == explanation.level + 4
    figure.canvas.draw()


def test_an_explanation_of_nothing_is_drawn_as_zeros():
    explanation = explanation_of()
    for band in (explanation.coefficients[0], *explanation.coefficients[1].values()):
        band[:] = 0
    for band in explanation.coefficients[2].values():
        band[:] = 0
    assert np.isfinite(plot_mosaic(explanation).images[0].get_array()).all()
    assert not plot_pixels(explanation).images[0].get_array().any()
    plot_scale_importance(explanation).figure.canvas.draw()


def test_signals_are_refused_where_an_image_is_drawn():
    signals = explanation_of((16,), ndim=1)
    with pytest.raises(ValueError, match="1 dimensions"):
        plot_mosaic(signals)
