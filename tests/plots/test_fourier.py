"""The pictures of frequencies show what the explanation says, where it says it."""

from __future__ import annotations

import matplotlib.pyplot as plt
import numpy as np
import pytest

from wam_xplique.fourier import frequencies
from wam_xplique.plots import plot_radial_importance, plot_spectrum

from .helpers import explanation_of, fam_of


def value_at(ax, vertical, horizontal):
    """The value of the pixel that is drawn at a pair of frequencies."""
    (picture,) = ax.images
    left, right, bottom, top = picture.get_extent()
    rows, columns = picture.get_array().shape
    row = int((vertical - top) / (bottom - top) * rows)
    column = int((horizontal - left) / (right - left) * columns)
    return picture.get_array()[row, column]


@pytest.mark.parametrize("size", [(8, 8), (7, 9), (6, 9), (9, 4)])
def test_every_frequency_lies_in_the_middle_of_its_pixel(size):
    explanation = fam_of(size)
    ax = plot_spectrum(explanation, 1)
    (picture,) = ax.images
    left, right, bottom, top = picture.get_extent()
    rows, columns = picture.get_array().shape
    vertical, horizontal = (axis.ravel() for axis in frequencies(size))
    down = top + (np.arange(rows) + 0.5) * (bottom - top) / rows
    across = left + (np.arange(columns) + 0.5) * (right - left) / columns
    np.testing.assert_allclose(down[: size[0]], vertical, atol=1e-12)
    np.testing.assert_allclose(across[: size[1]], horizontal, atol=1e-12)
    for row, y in enumerate(vertical):
        for column, x in enumerate(horizontal):
            assert value_at(ax, y, x) == explanation.spectrum()[1, row, column]
    assert (ax.get_xlim(), ax.get_ylim()) == ((-0.5, 0.5), (0.5, -0.5))  # the Nyquist square,
    assert max(left, top) <= -0.5 + 1e-12  # which is filled
    assert min(right, bottom) >= 0.5 - 1e-12
    assert picture.get_clim() == (0, explanation.spectrum()[1].max())
    for axis in (ax.xaxis, ax.yaxis):
        np.testing.assert_array_equal(axis.get_ticklocs(), [-0.5, -0.25, 0, 0.25, 0.5])
    assert ax.get_xlabel() == "horizontal (cycles/pixel)"
    assert ax.get_ylabel() == "vertical (cycles/pixel)"


def test_the_highest_frequency_of_an_even_size_is_drawn_at_either_end():
    explanation = fam_of((8, 6))
    ax = plot_spectrum(explanation, 0)
    spectrum = explanation.spectrum()[0]
    assert value_at(ax, 0.49, 0) == value_at(ax, -0.49, 0) == spectrum[0, 3]
    assert value_at(ax, 0.49, 0.49) == value_at(ax, -0.49, 0.49) == spectrum[0, 0]


@pytest.mark.parametrize("size", [8, 9])
def test_the_spectrum_of_a_signal_is_steps_about_its_frequencies(size):
    explanation = fam_of((size,))
    ax = plot_spectrum(explanation, 1)
    (steps,) = ax.patches
    values, edges, _ = steps.get_data()
    np.testing.assert_array_equal(values[:size], explanation.spectrum()[1])
    assert len(values) == size + (size % 2 == 0)
    assert values[-1] == explanation.spectrum()[1, 0 if size % 2 == 0 else -1]
    middles = (edges[1:] + edges[:-1]) / 2
    np.testing.assert_allclose(middles[:size], frequencies((size,))[0], atol=1e-12)
    assert ax.get_xlim() == (-0.5, 0.5)
    assert ax.get_ylim()[0] == 0
    assert ax.get_ylabel() == "total Sobol index"


@pytest.mark.parametrize("index", [0, 1, None])
@pytest.mark.parametrize("size", [(8, 8), (9,), (4, 4, 4)])
def test_radial_importance_is_steps_in_a_band(index, size):
    explanation = fam_of(size)
    ax = plot_radial_importance(explanation, index)
    band, steps = ax.patches
    shares, interval = explanation.radial_importance(), explanation.sobol.importance_interval
    chosen = slice(None) if index is None else slice(index, index + 1)
    shares, interval = shares[chosen].mean(axis=0), interval[chosen].mean(axis=0)
    values, edges, _ = steps.get_data()
    np.testing.assert_allclose(values, shares)
    np.testing.assert_allclose((edges[1:] + edges[:-1]) / 2, explanation.radii)
    high, same, low = band.get_data()
    np.testing.assert_allclose(np.stack([low, high], axis=-1), interval)
    np.testing.assert_array_equal(same, edges)
    assert ax.get_xlim() == (0, edges[-1])
    assert ax.get_ylim()[0] == 0
    assert ax.get_ylim()[1] >= high.max()
    unit = ("sample", "pixel", "voxel")[len(size) - 1]
    assert ax.get_xlabel() == f"frequency (cycles/{unit})"
    (steps,) = plot_radial_importance(fam_of(size, intervals=False)).patches
    assert steps.get_data().baseline is None


def test_an_explanation_of_nothing_is_drawn_as_zeros():
    explanation = fam_of()
    explanation.sobol.total[:] = 0
    ax = plot_spectrum(explanation)
    assert ax.images[0].get_clim() == (0, 1)
    ax.figure.canvas.draw()
    plot_radial_importance(explanation).figure.canvas.draw()


def test_what_has_no_spectrum_is_refused():
    for draw in (plot_spectrum, plot_radial_importance):
        with pytest.raises(ValueError, match="Expected a FourierExplanation, got WaveletExpl"):
            draw(explanation_of())
    with pytest.raises(ValueError, match="3 dimensions; plot_radial_importance"):
        plot_spectrum(fam_of((4, 4, 4)))
    assert not plt.get_fignums()
