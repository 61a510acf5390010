"""Inputs drawn beside what was made of them."""

from __future__ import annotations

import numpy as np
import pytest

from wam_xplique.plots.gallery import plot_gallery


@pytest.mark.parametrize(
    ("shape", "ndim", "drawn"),
    [
        ((16,), 1, None),
        ((16, 3), 1, None),
        ((6, 8), 2, (6, 8)),
        ((6, 8, 1), 2, (6, 8)),
        ((6, 8, 3), 2, (6, 8, 3)),
        ((6, 8, 2), 2, (6, 8)),
        ((4, 6, 8), 3, (6, 8)),
        ((4, 6, 8, 5), 3, (6, 8)),
    ],
)
def test_inputs_of_any_dimension_are_drawn(shape, ndim, drawn):
    x = np.random.default_rng(0).random((3, *shape))
    figure = plot_gallery({"input": x, "half": x / 2}, ndim, {"half": ["a", "b", "c"]}, most=2)
    assert [ax.get_title() for ax in figure.axes] == ["input", "half\na", "", "b"]
    if drawn is None:
        assert len(figure.axes[0].lines) == (1 if len(shape) == 1 else 3)
        first = figure.axes[2].lines[0].get_ydata()
        np.testing.assert_array_equal(first, x[1].reshape(16, -1)[:, 0])
    else:
        assert figure.axes[0].images[0].get_array().shape == drawn


def test_a_volume_is_shown_by_its_middle():
    x = np.zeros((1, 4, 6, 8, 1))
    x[0, 2, 3, 4] = 1
    (ax,) = plot_gallery({"input": x}, 3, {}).axes
    assert np.argmax(ax.images[0].get_array()) == 3 * 8 + 4
