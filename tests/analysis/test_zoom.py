"""Shares of the levels at two distances, of inputs whose answer is known."""

from __future__ import annotations

import numpy as np
import pytest

from wam_xplique import WaveletExplanation
from wam_xplique.analysis import zoom_consistency
from wam_xplique.coefficients import WaveletTransform


def explanation(images: np.ndarray, level: int) -> WaveletExplanation:
    """The coefficients of images (N, H, W) as an explanation."""
    coefficients = WaveletTransform("haar", level, "periodization", (1, 2)).forward(images)
    return WaveletExplanation(coefficients, "haar", "periodization", (*images.shape, 1), 2)


def stripes(width: int) -> np.ndarray:
    row = np.where(np.arange(64) // width % 2, 1.0, -1.0)
    return np.broadcast_to(row, (2, 64, 64)).copy()


def test_the_scales_of_the_scene_meet():
    found = zoom_consistency(explanation(stripes(1), 3), explanation(stripes(2), 4))
    np.testing.assert_allclose(found.regular, [[0, 0, 0, 1]] * 2, atol=1e-12)
    np.testing.assert_allclose(found.zoomed, [[0, 0, 0, 1, 0]] * 2, atol=1e-12)
    np.testing.assert_allclose(found.new, 0, atol=1e-12)


def test_what_only_the_zoom_shows_is_new():
    found = zoom_consistency(explanation(stripes(1), 3), explanation(stripes(1), 4))
    np.testing.assert_allclose(found.new, 1)


def test_rows_have_means_and_deviations_of_each_level():
    rng = np.random.default_rng(0)
    found = zoom_consistency(
        explanation(rng.normal(size=(5, 32, 32)), 2), explanation(rng.normal(size=(5, 32, 32)), 3)
    )
    rows = found.rows()
    assert [row["level"] for row in rows] == [0, 1, 2, 3]
    assert "regular" not in rows[3]
    assert sum(row["zoomed"] for row in rows) == pytest.approx(1)
    assert rows[1]["regular sd"] == pytest.approx(np.std(found.regular[:, 1]))


def test_explanations_that_do_not_fit_are_told():
    three, four = explanation(stripes(1), 3), explanation(stripes(2), 4)
    with pytest.raises(ValueError, match="one level more than regular, which has 3; got 3"):
        zoom_consistency(three, three)
    with pytest.raises(ValueError, match="as many inputs as regular, 2; got 1"):
        zoom_consistency(three, explanation(stripes(2)[:1], 4))
    assert four.level == 4
