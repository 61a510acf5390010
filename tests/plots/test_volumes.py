"""The pictures of volumes show what the explanation says, where it says it."""

from __future__ import annotations

import re
import sys
from dataclasses import replace
from importlib.util import find_spec

import matplotlib.pyplot as plt
import numpy as np
import pytest

from wam_xplique import plots
from wam_xplique.plots import interactive, plot_explanation, plot_projections, plot_slices

from .helpers import nothing_of, volumes_of

SIZE = (8, 12, 16)


def shown(ax):
    return np.asarray(ax.images[0].get_array())


def clipped(values, whole):
    return np.clip(values / np.percentile(whole, 99.5), 0, 1)


@pytest.mark.parametrize(
    ("level", "centre"), [(None, None), (0, None), (1, None), (2, None), (None, (1, 2, 3))]
)
def test_slices_pass_through_a_voxel_by_default_the_most_important_of_a_level(level, centre):
    explanation = volumes_of(approximation=True)
    maps = explanation.by_scale()[1]
    values = maps.sum(axis=0) if level is None else maps[[0, 2, 1][level]]
    voxel = centre or np.unravel_index(values.argmax(), SIZE)
    axes = plot_slices(explanation, None, 1, level, centre)
    for axis, ax in enumerate(axes):
        expected = clipped(values.take(voxel[axis], axis), values)
        np.testing.assert_allclose(shown(ax), expected, rtol=1e-5)
        assert ax.get_title() == f"slice {'DHW'[axis]} = {voxel[axis]}"
        across, along = ax.lines
        vertical, horizontal = voxel[:axis] + voxel[axis + 1 :]
        assert across.get_ydata()[0] == vertical
        assert along.get_xdata()[0] == horizontal
        assert centre or shown(ax)[vertical, horizontal] == 1
    names = [(ax.get_ylabel(), ax.get_xlabel()) for ax in axes]
    assert names == [("H", "W"), ("D", "W"), ("D", "H")]


@pytest.mark.parametrize("channels", [(), (1,), (3,)])
def test_the_volume_lies_beneath_by_one_scale_of_greys(channels):
    volume = np.zeros((*SIZE, *channels))
    volume[0] = 1
    volume[1] = 0.5
    explanation = nothing_of(volumes_of())
    pictures = [shown(plot_slices(explanation, volume, centre=(d, 0, 0))[0]) for d in range(3)]
    assert all(picture.shape == (12, 16, 3) for picture in pictures)
    assert all(np.ptp(picture, axis=(0, 1)).max() == 0 for picture in pictures)
    white, middle, black = (picture[0, 0] for picture in pictures)
    np.testing.assert_allclose(white - middle, middle - black)
    assert (white - black > 0.7).all()
    assert black.max() < 0.01


@pytest.mark.parametrize("approximation", [True, False])
@pytest.mark.parametrize("channels", [(), (3,)])
def test_projections_are_the_largest_values_of_each_level_along_each_axis(approximation, channels):
    explanation = volumes_of(approximation=approximation, channels=channels)
    maps = explanation.by_scale()[1].reshape(3, *SIZE, -1).mean(axis=-1)
    labels = explanation.scales
    if not approximation:
        maps, labels = maps[1:], labels[1:]
    axes = plot_projections(explanation, 1)
    assert axes.shape == (3, len(maps))
    assert [ax.get_title() for ax in axes[0]] == labels
    for axis, row in enumerate(axes):
        for ax, values in zip(row, maps, strict=True):
            np.testing.assert_allclose(shown(ax), clipped(values, values).max(axis=axis), rtol=1e-5)
    assert [ax.get_ylabel() for ax in axes[:, 0]] == ["along D\nH", "along H\nD", "along W\nD"]
    assert [ax.get_xlabel() for ax in axes[:, 0]] == ["W", "W", "H"]


def test_projections_and_slices_keep_the_signs_of_a_level():
    explanation = replace(volumes_of(), signed=True)
    maps = explanation.by_scale(signed=True)[1]
    top = plot_projections(explanation, 1, signed=True)[0, -1].images[0].get_array()
    places = np.abs(maps[-1]).argmax(axis=0)[np.newaxis]
    farthest = np.take_along_axis(maps[-1], places, axis=0)[0]
    np.testing.assert_array_equal(np.sign(top), np.sign(farthest))
    first = plot_slices(explanation, None, 1, 1, (3, 0, 0), signed=True)[0].images[0].get_array()
    np.testing.assert_array_equal(np.sign(first), np.sign(maps[-1, 3]))


@pytest.mark.parametrize("level", [0, 1, 2])
def test_all_views_of_a_volume(level):
    explanation = volumes_of(level=level)
    columns = max(level, 1)
    figure = plot_explanation(explanation, np.ones((*SIZE, 1)), 1, "title")
    figure.canvas.draw()
    assert len(figure.axes) == 3 * (1 + columns) + 1
    assert all(np.isfinite(shown(ax)).all() for ax in figure.axes[:-1])
    bars = figure.axes[-1]
    assert [label.get_text() for label in bars.get_yticklabels()] == explanation.scales[-columns:]


def test_axes_that_are_given_are_drawn_on():
    figure, axes = plt.subplots(4, 3)
    plot_slices(volumes_of(), axes=axes[0])
    plot_projections(volumes_of(), axes=axes[1:, :2])
    assert [len(ax.images) for ax in axes.flat] == [1, 1, 1] + 3 * [1, 1, 0]
    assert plt.get_fignums() == [figure.number]


@pytest.mark.parametrize(
    ("given", "message"),
    [
        ({"level": 3}, "level must be from 1, the finest, to 2.*got 3"),
        ({"volume": np.zeros((8, 12, 15))}, r"volume must be .*\(8, 12, 16\).*\(8, 12, 15\)"),
        ({"centre": (0, 12, 0)}, r"centre must be a voxel .*\(0, 12, 0\)"),
        ({"centre": (0, -1, 0)}, r"centre must be a voxel .*\(0, -1, 0\)"),
        ({"centre": (0, 0)}, r"centre must be a voxel .*got \(0, 0\)"),
    ],
)
def test_what_does_not_fit_the_volume_is_refused(given, message):
    with pytest.raises(ValueError, match=message):
        plot_slices(volumes_of(), **given)
    if "centre" not in given:
        with pytest.raises(ValueError, match=message):
            interactive(volumes_of(), **given)
    assert not plt.get_fignums()


# --- figures to be turned --------------------------------------------------------------------

needs_plotly = pytest.mark.skipif(find_spec("plotly") is None, reason="no Plotly")


@needs_plotly
@pytest.mark.parametrize("level", [None, 1])
def test_every_voxel_stands_where_it_is(level):
    explanation = volumes_of()
    volume = np.random.default_rng(1).random(SIZE)
    figure = interactive(explanation, volume, 1, level)
    maps = explanation.by_scale()[1]
    expected = maps.sum(axis=0) if level is None else maps[-1]
    for surface, values in zip(figure.data, (expected, volume), strict=True):
        places = tuple(np.asarray(axis, int) for axis in (surface.z, surface.y, surface.x))
        np.testing.assert_allclose(surface.value, values[places], rtol=1e-6)
        assert len(set(zip(*places, strict=True))) == values.size
    importance, faint = figure.data
    assert 0 < importance.isomin < importance.isomax <= importance.cmax
    assert faint.isomin == pytest.approx((volume.min() + volume.max()) / 2)
    assert faint.opacity < importance.opacity
    scene = figure.layout.scene
    titles = [axis.title.text for axis in (scene.zaxis, scene.yaxis, scene.xaxis)]
    assert titles == ["D", "H", "W"]


@needs_plotly
def test_a_large_volume_is_drawn_by_the_largest_values_of_blocks():
    explanation = nothing_of(volumes_of((100, 48, 4), level=1))
    for volume in (None, np.zeros((100, 48, 4))):  # nothing is shown of nothing
        figure = interactive(explanation, volume)
        assert all(np.isfinite(surface.value).all() for surface in figure.data)
        assert figure.data[0].isomin > max(figure.data[0].value)
    explanation.coefficients[1]["ddd"][0, 25, 3, 1] = 1
    (surface,) = interactive(explanation).data
    assert len(surface.value) == 34 * 48 * 4
    assert max(surface.value) == explanation.pixels()[0].max()
    peak = np.argwhere(explanation.pixels()[0, ..., 0] == max(surface.value))[0]
    drawn = [axis[np.argmax(surface.value)] for axis in (surface.z, surface.y, surface.x)]
    np.testing.assert_allclose(drawn, peak, atol=1)


@needs_plotly
def test_a_page_needs_no_other_file(tmp_path):
    path = tmp_path / "bar.html"
    plots.save_interactive(volumes_of(), path, np.ones(SIZE), level=1)
    page = path.read_text(encoding="utf-8")
    assert not re.findall(r"<(?:script|link)[^>]*\b(?:src|href)=", page)
    assert len(page) > 1e6
    assert "Plotly.newPlot" in page


def test_without_plotly_the_way_to_install_it_is_told(monkeypatch, tmp_path):
    for name in ("plotly", "plotly.graph_objects"):
        monkeypatch.setitem(sys.modules, name, None)
    with pytest.raises(ImportError, match=re.escape('pip install "wam-xplique[interactive]"')):
        plots.save_interactive(volumes_of(), tmp_path / "none.html")
    assert not list(tmp_path.iterdir())
