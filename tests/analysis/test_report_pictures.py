"""What captioned pictures say of places."""

from __future__ import annotations

import numpy as np
import pytest

from wam_xplique.analysis.report.pictures import where

PLACES = {
    (0, 0): "at the top left",
    (8, 4): "at the bottom centre",
    (4, 4): "in the middle",
    (4, 8): "at the middle right",
    (0,): "at the beginning",
    (8,): "at the end",
}


@pytest.mark.parametrize(("place", "expected"), PLACES.items())
def test_places_are_told_in_words(place, expected):
    values = np.zeros([9] * len(place))
    values[place] = 1
    assert where(values) == expected
