"""Explanations in colour on photographs."""

from __future__ import annotations

from dataclasses import replace

import matplotlib.pyplot as plt
import numpy as np
import pytest

from wam_xplique.plots import plot_overlay
from wam_xplique.plots.overlay import draw_overlay

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


@pytest.mark.parametrize(
    ("change", "said"),
    [
        ({"images": np.zeros((1, 16, 16, 3))}, "images must be the 2 of 16×16"),
        ({"titles": ["one"]}, "titles must be 2"),
        ({"alpha": 0}, "alpha must be"),
        ({"signed": True}, "sign"),
        ({"explanation": np.zeros((2, 16, 16))}, "Expected a WaveletExplanation"),
    ],
)
def test_what_does_not_fit_is_told(change, said):
    with pytest.raises(ValueError, match=said):
        plot_overlay(**{"explanation": EXPLANATION, "images": IMAGES, **change})
