"""Roses point where a grating oscillates, at its scale."""

from __future__ import annotations

import matplotlib.pyplot as plt
import numpy as np
import pytest

from wam_xplique import WaveletExplanation
from wam_xplique.plots import plot_directions, plot_mosaic
from wam_xplique.transforms import Packets, Stationary, Steerable

from .helpers import explanation_of, signals_of


def grating(angle, period, size=64):
    """Stripes that oscillate along a direction, 90° being downwards."""
    rows, columns = np.mgrid[:size, :size]
    along = columns * np.cos(np.radians(angle)) + rows * np.sin(np.radians(angle))
    return np.cos(2 * np.pi * along / period)[np.newaxis]


def explained_by(transform, images):
    """The transform's own coefficients as an explanation of images (N, H, W)."""
    bands = transform.over((1, 2)).forward(images)
    how = (type(transform).__name__, "periodization", (*images.shape, 1), 2)
    return WaveletExplanation(bands, *how, other=transform)


@pytest.mark.parametrize(("angle", "period", "level"), [(0, 4, 1), (45, 8, 0), (90, 4, 1)])
def test_the_largest_petals_point_where_a_grating_oscillates_as_it_is_seen(angle, period, level):
    explanation = explained_by(Steerable(2, 4), grating(angle, period))
    roses = plot_directions(explanation)
    assert [ax.get_title() for ax in roses] == ["2.8-5.7 px", "1.4-2.8 px"]
    ax = roses[level]
    lengths = {round(np.degrees(p.get_x() + p.get_width() / 2)): p.get_height() for p in ax.patches}
    longest = max(lengths.values())
    assert [a for a, length in lengths.items() if length > 0.9 * longest] == [angle, angle + 180]
    assert sum(lengths.values()) == pytest.approx(2)
    # In the picture 90° points down, as the rows of an image do.
    ax.apply_aspect()
    start, end = ax.transData.transform([(0, 0), (np.radians(angle), longest)])
    seen = np.degrees(np.arctan2(start[1] - end[1], end[0] - start[0]))
    assert seen == pytest.approx(angle, abs=1e-6)
    told = explanation.scale_importance()[0, 1 + level]
    assert ax.get_xlabel() == f"{told:.0%} of the importance"


def test_explanations_without_directions_and_axes_that_do_not_fit_are_refused():
    images = grating(0, 4)
    for explanation in (explanation_of(), explained_by(Steerable(2, 1), images)):
        with pytest.raises(ValueError, match=r"bands named by angles, .* got one by"):
            plot_directions(explanation)
    with pytest.raises(ValueError, match="Expected an explanation of images"):
        plot_directions(signals_of())
    _, ax = plt.subplots()
    with pytest.raises(ValueError, match=r"axes must be 2, all of them polar, got \['rectilinear'"):
        plot_directions(explained_by(Steerable(2), images), axes=[ax])


def test_a_mosaic_of_bands_of_one_size_names_each_once():
    written = [text.get_text() for text in plot_mosaic(explained_by(Stationary(), IMAGES)).texts]
    assert written == ["> 8 px", "v", "h", "d", "4-8 px", "2-4 px", "1-2 px"]
    ax = plot_mosaic(explained_by(Steerable(2, 12), IMAGES))
    written = [text.get_text() for text in ax.texts]
    assert written[1:4] == ["0°", "30°", "60°"]  # every other has room
    assert len(written) == 4 + 6
    ax = plot_mosaic(explained_by(Packets(level=2), IMAGES))
    assert (ax.get_xlabel(), ax.get_ylabel()) == ("horizontal frequency →", "← vertical frequency")


IMAGES = np.random.default_rng(0).random((1, 32, 32))
