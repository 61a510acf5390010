"""The pictures show what the explanation says: of images, and what holds for all kinds."""

from __future__ import annotations

from dataclasses import replace

import matplotlib.pyplot as plt
import numpy as np
import pytest
import pywt
from matplotlib.colors import to_rgba

from wam_xplique import plots
from wam_xplique.coefficients import map_bands
from wam_xplique.plots import plot_explanation, plot_mosaic, plot_pixels, plot_scale_importance
from wam_xplique.plots.explanation import HELD_COLOR

from .helpers import explanation_of, fam_of, nothing_of, signals_of, volumes_of, wcam_of


def test_mosaic_shows_the_magnitude_of_every_coefficient_where_pywavelets_packs_it():
    explanation = explanation_of()
    shown = plot_mosaic(explanation, 1).images[0].get_array()
    packed = np.abs(explanation.mosaic()[1, ..., 0])
    assert shown.shape == packed.shape
    order, finest = np.argsort(packed[12:], axis=None), shown[12:]
    assert (np.diff(finest.ravel()[order]) >= 0).all()
    assert finest.max() == 1


def test_each_level_of_gradients_reaches_the_brightest_colour():
    explanation = explanation_of((16, 16))
    explanation.coefficients[1]["ad"] *= 1000
    ax = plot_mosaic(explanation)
    shown = ax.images[0].get_array()
    assert ax.images[0].get_clim() == (0, 1)
    assert shown[4:8, 4:8].max() < 0.1  # "dd" of the level that was raised in "ad"
    assert shown[:4, 4:8].max() == 1
    assert max(shown[8:].max(), shown[:, 8:].max()) == 1
    assert not ax.child_axes


@pytest.mark.parametrize("explanation", [explanation_of((32, 32)), wcam_of((32, 32))])
def test_mosaic_names_every_band_in_its_corner_and_every_scale_in_its_level(explanation):
    ax = plot_mosaic(explanation)
    written = {(text.get_text(), *text.xy) for text in ax.texts}
    assert written == {
        ("a", -0.5, -0.5),
        ("v", 7.5, -0.5),  # above on the right: details along the horizontal axis
        ("h", -0.5, 7.5),
        ("d", 7.5, 7.5),
        ("v", 15.5, -0.5),
        ("h", -0.5, 15.5),
        ("d", 15.5, 15.5),
        ("2-4 px", 15.5, 15.5),
        ("1-2 px", 31.5, 31.5),
    }
    assert len(ax.lines) == 4


def test_the_band_called_h_answers_to_horizontal_edges():
    stripes = np.zeros((2, 16, 16))
    stripes[:, 1::2] = 1
    explanation = explanation_of((16, 16), level=1)
    explanation.coefficients[:] = pywt.wavedecn(stripes, "haar", "periodization", 1, axes=(1, 2))
    explanation.coefficients[0][:] = 0
    ax = plot_mosaic(explanation)
    row, column = np.argwhere(ax.images[0].get_array() > 0.5).min(axis=0)
    (named,) = (text for text in ax.texts if text.xy == (column - 0.5, row - 0.5))
    assert named.get_text() == "h"


def test_labels_stay_inside_a_mosaic_of_many_levels():
    ax = plot_mosaic(explanation_of((64, 64), level=5))
    ax.figure.canvas.draw()
    inside = ax.get_window_extent()
    boxes = [text.get_window_extent() for text in ax.texts]
    written = [text.get_text() for text in ax.texts]
    scales = [text for text in written if "px" in text]
    assert scales == ["16-32 px", "8-16 px", "4-8 px", "2-4 px", "1-2 px"]
    for box in boxes:
        assert inside.x0 <= box.x0 <= box.x1 <= inside.x1
        assert inside.y0 <= box.y0 <= box.y1 <= inside.y1 + 4
    assert len(written) == 5 + 9  # the narrow bands of the coarse levels have no room for letters


def test_indices_are_drawn_as_they_are_with_one_scale_of_colours():
    explanation = wcam_of()
    ax = plot_mosaic(explanation, 1)
    shown = ax.images[0].get_array()
    kept = ~np.ma.getmaskarray(shown)
    np.testing.assert_array_equal(shown[kept], explanation.mosaic()[1, ..., 0][kept])
    assert ax.images[0].get_clim() == (0, explanation.sobol.total[1].max())
    assert ax.child_axes[0].get_ylim() == ax.images[0].get_clim()
    explanation.coefficients[1:] = map_bands(lambda b: 0 * b - 1, explanation.coefficients)[1:]
    ax = plot_mosaic(explanation)  # other estimators have negative ones
    assert ax.images[0].get_clim() == (0, 1)


@pytest.mark.parametrize(
    ("draw", "label"),
    [
        (lambda ax: plot_mosaic(wcam_of(), ax=ax), "total Sobol index"),
        (lambda ax: plot_pixels(explanation_of(), ax=ax), "importance"),
        (lambda ax: plots.plot_waveform(signals_of(), np.zeros(64), ax=ax), "importance"),
        (lambda ax: plots.plot_scalogram(signals_of(), ax=ax), "importance"),
        (lambda ax: plots.plot_spectrum(fam_of(), ax=ax), "total Sobol index"),
    ],
)
def test_a_bar_of_colours_is_set_beside_new_axes_only(draw, label):
    (bar,) = draw(None).child_axes
    assert bar.get_ylabel() == label
    figure, ax = plt.subplots()
    assert draw(ax) is ax
    assert figure.axes == [ax]
    assert not ax.child_axes


@pytest.mark.parametrize(("wavelet", "mode"), [("haar", "periodization"), ("db3", "symmetric")])
def test_lines_part_the_levels_and_what_is_held_or_no_coefficient_is_grey(wavelet, mode):
    explanation = wcam_of((40, 40), mode, wavelet)
    ax = plot_mosaic(explanation)
    picture, rows, columns = ax.images[0], ax.lines[::2], ax.lines[1::2]
    mask = np.ma.getmaskarray(picture.get_array())
    corner = explanation.coefficients[0].shape[1]
    assert mask[:corner, :corner].all()
    cells = sum(band.size for level in explanation.sobol.cells[1:] for band in level.values())
    assert (~mask).sum() == cells
    np.testing.assert_allclose(picture.to_rgba(picture.get_array())[0, 0], to_rgba(HELD_COLOR))
    for level, row, column in zip(explanation.coefficients[1:], rows, columns, strict=True):
        assert row.get_ydata()[0] == column.get_xdata()[0] == corner - 0.5
        corner += level["dd"].shape[1]


@pytest.mark.parametrize("kind", ["images", "volumes"])
def test_maps_of_scales_have_one_scale_of_colours_where_they_are_indices(kind):
    explanation = replace({"images": wcam_of, "volumes": volumes_of}[kind](), sobol=wcam_of().sobol)
    for factor, level in zip((1, 0.01), explanation.coefficients[1:], strict=True):
        for band in level.values():
            band[:] = factor
    draw = plots.plot_scales if kind == "images" else lambda e: plots.plot_projections(e)[0]
    coarse, fine = (ax.images[0].get_array() for ax in draw(explanation))
    assert coarse.max() == 1
    assert fine.max() == pytest.approx(0.01)
    gradients = replace(explanation, sobol=None)
    coarse, fine = (ax.images[0].get_array() for ax in draw(gradients))
    assert coarse.max() == fine.max() == 1


def test_spatial_wcam_is_the_sum_of_the_levels():
    explanation = wcam_of()
    shown = plot_pixels(explanation, index=1).images[0].get_array()
    pixels = explanation.pixels()[1, ..., 0]
    np.testing.assert_allclose(shown, pixels / pixels.max(), rtol=1e-6)
    over = plot_pixels(explanation, np.ones((16, 16, 3)), 1).images[0].get_array()
    assert over.shape == (16, 16, 3)


def whiskers(ax):
    (lines,) = ax.containers[1].lines[2]
    return np.array([segment[:, 0] for segment in lines.get_segments()])


@pytest.mark.parametrize("index", [0, 1, None])
def test_whiskers_are_the_intervals_of_the_shares(index):
    explanation = wcam_of(level=3)
    ax = plot_scale_importance(explanation, index)
    interval, shares = explanation.sobol.importance_interval, explanation.scale_importance()
    interval, shares = (v.mean(axis=0) if index is None else v[index] for v in (interval, shares))
    np.testing.assert_allclose(whiskers(ax), interval[1:])
    np.testing.assert_allclose([bar.get_width() for bar in ax.patches], shares[1:])
    places = [segment[0, 1] for segment in ax.containers[1].lines[2][0].get_segments()]
    assert places == [bar.get_y() + bar.get_height() / 2 for bar in ax.patches]
    ax.figure.canvas.draw()
    for text, (_, high) in zip(ax.texts, whiskers(ax), strict=True):  # labels stand beyond them
        box = text.get_window_extent()
        assert box.x0 > ax.transData.transform((high, 0))[0] + 2
        assert box.x1 <= ax.figure.bbox.x1


def test_an_interval_is_drawn_where_it_lies_if_there_is_one():
    explanation = wcam_of()
    explanation.sobol.importance_interval[0] = [[0, 0], [0.8, 0.9], [0, 0]]
    np.testing.assert_allclose(whiskers(plot_scale_importance(explanation, 0))[0], [0.8, 0.9])
    for explanation in (explanation_of(), wcam_of(intervals=False)):
        assert len(plot_scale_importance(explanation).containers) == 1


# What draws an explanation of signals, of images and of volumes.
PLACES = (lambda e: plots.plot_waveform(e, np.zeros(64)), plot_pixels, plots.plot_slices)
SCALES = (plots.plot_scalogram, plots.plot_scales, plots.plot_projections)
OF_PLACES, OF_SCALES = ("waveform", "pixels", "slices"), ("scalogram", "scales", "projections")
KINDS = {"signals": signals_of, "images": explanation_of, "volumes": volumes_of}


@pytest.mark.parametrize(
    ("kind", "draw", "names"),
    [
        *((kind, draw, OF_PLACES) for kind, draw in zip(KINDS, PLACES, strict=True)),
        *((kind, draw, OF_SCALES) for kind, draw in zip(KINDS, SCALES, strict=True)),
        ("images", plot_mosaic, OF_SCALES),
        ("volumes", plots.interactive, OF_PLACES),
    ],
)
def test_what_draws_another_kind_is_named(kind, draw, names):
    for (other, make), name in zip(KINDS.items(), names, strict=True):
        if other != kind:
            said = f"Expected an explanation of {kind}, got one of {other}; plot_{name} draws"
            with pytest.raises(ValueError, match=said):
                draw(make())
    for of_wavelets in (draw, plot_scale_importance):
        with pytest.raises(ValueError, match="Expected a WaveletExplanation, got FourierExpl"):
            of_wavelets(fam_of())
    assert not plt.get_fignums()


@pytest.mark.parametrize(
    "explanation",
    [explanation_of(), signals_of((64,), 3, True), volumes_of(approximation=True), volumes_of()],
)
def test_bars_are_the_shares_of_the_scales_that_take_part(explanation):
    first = int(not explanation.coefficients[0].any())
    ax = plot_scale_importance(explanation, 1)
    widths = [bar.get_width() for bar in ax.patches]
    np.testing.assert_allclose(widths, explanation.scale_importance()[1, first:])
    labels = [label.get_text() for label in ax.get_yticklabels()]
    assert labels == explanation.scales[first:]
    assert ax.yaxis_inverted() == (explanation.ndim > 1)  # as the rows of a scalogram stand


def test_scales_come_from_coarse_to_fine():
    axes = plots.plot_scales(explanation_of(level=3))
    assert [ax.get_title() for ax in axes] == ["4-8 px", "2-4 px", "1-2 px"]
    with pytest.raises(ValueError, match="level=0"):
        plots.plot_scales(explanation_of(level=0))


@pytest.mark.parametrize("image", [np.eye(24, 17), np.eye(24, 17)[..., None], np.ones((24, 17, 3))])
def test_every_kind_of_image_can_lie_beneath(image):
    explanation = explanation_of()
    assert plot_pixels(explanation, image).images[0].get_array().shape == (24, 17, 3)
    figure = plot_explanation(explanation, image, 1, "title")
    assert len(figure.axes) == explanation.level + 4
    figure.canvas.draw()


@pytest.mark.parametrize("make", KINDS.values())
def test_an_explanation_of_nothing_is_drawn_without_colour(make):
    explanation = nothing_of(make())
    figure = plot_explanation(explanation, np.zeros(explanation.spatial_shape))
    figure.canvas.draw()
    of_maps = {1: (plots.plot_scalogram,), 2: (plot_mosaic, plot_pixels), 3: (plots.plot_slices,)}
    axes = [np.ravel(draw(explanation))[0] for draw in of_maps[explanation.ndim]]
    if explanation.ndim == 1:
        axes += [*figure.axes[:2], plots.plot_scalogram(explanation, by_level=True)]
    for ax in axes:
        assert not ax.images[0].get_array().any()
        assert ax.images[0].get_clim() == (0, 1)
    assert all(ax.images[0].get_array().max() < 0.01 for ax in figure.axes[:-1])


# --- signs, and what is left out -----------------------------------------------------------


def test_signed_pictures_have_colours_that_are_even_on_both_sides_of_nothing():
    explanation = replace(explanation_of(), signed=True)
    (picture,) = plot_pixels(explanation, signed=True).images
    expected = explanation[0].pixels(signed=True)[0, ..., 0]
    top = np.percentile(np.abs(expected), 99.5)
    assert picture.get_clim() == (-1, 1)
    np.testing.assert_allclose(picture.get_array(), np.clip(expected / top, -1, 1))
    low, nothing, high = picture.get_cmap()(picture.norm([*picture.get_clim()[:1], 0, 1e9]))
    assert low[2] > low[0]
    assert high[0] > high[2]
    np.testing.assert_allclose(nothing[:3], 1, atol=0.05)
    (picture,) = plot_mosaic(explanation, signed=True).images
    expected = explanation.mosaic()[0, ..., 0]
    np.testing.assert_array_equal(np.sign(picture.get_array()), np.sign(expected))
    assert picture.get_clim() == (-1, 1)


def test_maps_of_scales_have_the_signs_that_add_up_to_the_whole():
    explanation = replace(explanation_of(), signed=True)
    maps = explanation.by_scale(signed=True)
    np.testing.assert_array_equal(maps.sum(axis=1)[..., None], explanation.pixels(signed=True))
    for ax, values in zip(plots.plot_scales(explanation, signed=True), maps[0, 1:], strict=True):
        assert ax.images[0].get_clim() == (-1, 1)
        np.testing.assert_array_equal(np.sign(ax.images[0].get_array()), np.sign(values))
    with pytest.raises(ValueError, match="signed=True needs a method whose equation has a sign"):
        plot_pixels(explanation_of(), signed=True)


def test_pictures_tell_what_is_left_out_and_grey_it():
    whole = explanation_of()
    details = [0 * whole.coefficients[0], *whole.coefficients[1:]]
    explanation = replace(whole, coefficients=details, includes_approximation=False)
    for plot in (plot_pixels, plot_scale_importance):
        assert plot(explanation).get_xlabel() == "> 4 px left out"
        assert plot(whole).get_xlabel() == ""
    signal = replace(signals_of(), includes_approximation=False)
    assert plots.plot_scalogram(signal).get_title(loc="right") == "> 8 samples left out"
    ax = plots.plot_waveform(signal, np.zeros(64), 1000)
    assert ax.get_title(loc="right") == "< 62.5 Hz left out"
    height, width = whole.coefficients[0].shape[1:]
    for one, grey in ((explanation, True), (whole, False)):
        mask = np.ma.getmaskarray(plot_mosaic(one).images[0].get_array())
        assert (mask[:height, :width] == grey).all()
