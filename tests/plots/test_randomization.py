"""The picture of a cascading randomization."""

from __future__ import annotations

import matplotlib.pyplot as plt
import numpy as np
import pytest

from wam_xplique.algorithms.cascade import Randomization
from wam_xplique.plots import plot_randomization

LAYERS = ("original", "fc", "conv")


def found(seed: int = 0) -> Randomization:
    generator = np.random.default_rng(seed)
    return Randomization(LAYERS, generator.normal([1, 0.5, 0.1], 0.1, (6, 3)))


def test_one_method():
    one = found()
    ax = plot_randomization(one)
    (line,) = (line for line in ax.lines if len(line.get_xdata()) == 3)
    np.testing.assert_allclose(line.get_ydata(), one.mean)
    assert [label.get_text() for label in ax.get_xticklabels()] == list(LAYERS)
    assert len(ax.collections) == 1
    assert ax.get_legend() is None
    ax.figure.canvas.draw()


def test_several_methods_on_axes_of_ones_own():
    _, ax = plt.subplots()
    assert plot_randomization({"WAM-SG": found(), "_WAM-IG $1$": found(1)}, ax=ax) is ax
    assert [text.get_text() for text in ax.get_legend().get_texts()] == ["WAM-SG", "_WAM-IG $1$"]


def test_what_cannot_be_drawn_is_refused():
    other = Randomization(("original", "fc"), np.ones((2, 2)))
    for bad in ({}, 3, {"a": 3}, None):
        with pytest.raises(ValueError, match="Expected what cascading_randomization gives"):
            plot_randomization(bad)
    with pytest.raises(ValueError, match="All must have the same layers"):
        plot_randomization({"a": found(), "b": other})
