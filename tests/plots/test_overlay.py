"""Explanations in colour on photographs."""

from __future__ import annotations

from dataclasses import replace

import matplotlib.pyplot as plt
import numpy as np
import pytest

from wam_xplique.plots import plot_overlay
from wam_xplique.plots.overlay import draw_overlay, plot_photograph

from .helpers import explanation_of

EXPLANATION = explanation_of((16, 16), level=1)
IMAGES = np.random.default_rng(1).random((2, 16, 16, 3))


def test_opacity_is_importance_and_colour_its_sign():
    values = np.array([[0.0, 0.5], [-1.0, 1.0]])
    _, ax = plt.subplots()
    draw_overlay(ax, values, np.zeros((2, 2, 3)), signed=True, cmap="bwr", alpha=0.8)
    color = np.asarray(ax.images[1].get_array())
    np.testing.assert_allclose(color[..., 3], 0.8 * np.abs(values), rtol=0.03)
    np.testing.assert_allclose(color[1, 0, :3], [0, 0, 1], atol=0.02)
    np.testing.assert_allclose(color[1, 1, :3], [1, 0, 0], atol=0.02)
    draw_overlay(ax, values, np.zeros((2, 2, 3)))
    color = np.asarray(ax.images[-1].get_array())
    np.testing.assert_allclose(color[1, 0], color[1, 1])


def test_a_row_has_the_photograph_its_explanation_its_scales_and_their_shares():
    names, views = ["cat (90%)", "dog (80%)"], ["all scales", "> 2 px", "1-2 px"]
    figure = plot_overlay(EXPLANATION, IMAGES, titles=names, scales=True)
    titles = [ax.get_title() for ax in figure.axes]
    assert titles == [t for name in names for t in (name, *views, "share of each scale")]
    assert "importance" in figure.axes[3].child_axes[0].get_ylabel()
    shown = [ax.images[1].get_array()[..., 3] for ax in figure.axes[1:4]]
    assert all(opacity.max() == pytest.approx(0.9) for opacity in shown)  # colours of its own


def test_signs_are_those_of_the_map_of_pixels():
    signed = replace(EXPLANATION, signed=True)
    figure = plot_overlay(signed, np.zeros((2, 16, 16)), signed=True)
    color = np.asarray(figure.axes[1].images[1].get_array())
    signs = signed.pixels(signed=True)[0, ..., 0]
    np.testing.assert_array_equal(color[..., 0] >= color[..., 2], signs >= 0)  # red speaks for


def test_channels_may_come_first():
    figures = [plot_overlay(EXPLANATION, x) for x in (IMAGES, np.moveaxis(IMAGES, -1, 1))]
    last, first = (figure.axes[2].images[0].get_array() for figure in figures)
    np.testing.assert_array_equal(last, first)


def test_maps_are_stretched_over_photographs_of_any_size():
    photographs = [np.random.default_rng(2).random(shape) for shape in ((48, 40, 3), (20, 16))]
    axes = plot_overlay(EXPLANATION, photographs).axes
    for ax, photograph in zip((axes[1], axes[3]), photographs, strict=True):
        height, width = photograph.shape[:2]
        assert ax.images[0].get_array().shape == photograph.shape
        assert ax.images[1].get_extent() == [-0.5, width - 0.5, height - 0.5, -0.5]


@pytest.mark.parametrize("shape", [(400, 600), (40, 30), (30, 2000)])
def test_a_photograph_has_its_own_pixels(shape):
    photograph = np.random.default_rng(0).random((*shape, 3))
    title = "cat.jpg: tabby cat (90.0%), WaveletIntegratedGradients"
    explanation = replace(EXPLANATION, includes_approximation=False)
    figure = plot_photograph(explanation, photograph, 1, title, cmap="viridis", alpha=0.5)
    figure.canvas.draw()
    shown = np.asarray(figure.canvas.buffer_rgba())
    ax = figure.axes[0]
    times = max(1, -(-300 // max(shape)))
    size = ax.get_window_extent().size
    np.testing.assert_allclose(size, times * np.array(shape[::-1]), atol=0.01)
    assert ax.get_xlabel() == "> 2 px left out"
    assert " ".join(figure.texts[0].get_text().split("\n")) == title
    assert shown.shape[0] > size[1]


def test_what_the_model_does_not_see_has_no_colour():
    photograph = np.ones((40, 60, 3))
    figure = plot_photograph(EXPLANATION, photograph, box=(10, 0, 50, 40))
    assert figure.axes[0].images[1].get_extent() == [9.5, 49.5, 39.5, -0.5]
    assert sorted(patch.get_width() for patch in figure.axes[0].patches) == [10, 10, 40, 40]


@pytest.mark.parametrize(
    ("change", "said"),
    [
        ({"images": np.zeros((1, 16, 16, 3))}, "images must be the 2 of 16×16"),
        ({"titles": ["one"]}, "titles must be 2"),
        ({"images": [np.zeros((8, 8))]}, "images must be 2 of axes"),
        ({"alpha": 0}, "alpha must be"),
        ({"cmap": "viridian"}, "cmap 'viridian' is unknown; the nearest are viridis"),
        ({"signed": True}, "sign"),
        ({"explanation": np.zeros((2, 16, 16))}, "Expected a WaveletExplanation"),
    ],
)
def test_what_does_not_fit_is_told(change, said):
    with pytest.raises(ValueError, match=said):
        plot_overlay(**{"explanation": EXPLANATION, "images": IMAGES, **change})
