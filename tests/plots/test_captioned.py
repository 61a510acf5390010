"""What captioned pictures say of places."""

from __future__ import annotations

import numpy as np
import pytest

from wam_xplique.plots.captioned import where


@pytest.mark.parametrize(
    ("place", "shape", "expected"),
    [
        ((0, 0), (9, 9), "at the top left"),
        ((8, 4), (9, 9), "at the bottom centre"),
        ((4, 4), (9, 9), "in the middle"),
        ((4, 8), (9, 9), "at the middle right"),
        ((0,), (9,), "at the beginning"),
        ((8,), (9,), "at the end"),
    ],
)
def test_places_are_told_in_words(place, shape, expected):
    values = np.zeros(shape)
    values[place] = 1
    assert where(values) == expected
