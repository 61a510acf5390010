"""Reconstruction depth beside robustness."""

from __future__ import annotations

import numpy as np
import pytest
import scipy.stats

from wam_xplique.analysis import (
    DecisiveImages,
    Robustness,
    depth_robustness,
    necessary_images,
    robustness,
    sufficient_images,
)


def model(x: np.ndarray) -> np.ndarray:
    return np.stack([x[:, :, :4].sum((1, 2, 3)), x[:, :, 4:].sum((1, 2, 3))], axis=1)


def measured(count: int = 5) -> tuple[DecisiveImages, Robustness]:
    x = np.random.default_rng(0).random((count, 8, 8, 1)).astype(np.float32)
    y = np.eye(2)[model(x).argmax(1)]
    found = sufficient_images(model, x, y, x, level=1)
    return found, robustness(model, x, y, ("gaussian_noise", "contrast"), (1, 5))


def test_depth_and_robustness_are_related_input_by_input():
    sufficient, robust = measured()
    relation = depth_robustness({"_ours": (sufficient, robust)})
    table = relation.to_dataframe()
    np.testing.assert_array_equal(table["depth"], sufficient.share)
    np.testing.assert_array_equal(table["robustness"], robust.share)
    assert set(table["model"]) == {"_ours"}
    row = relation.correlations().loc["_ours"]
    assert row["inputs"] == 5
    if np.ptp(sufficient.share) and np.ptp(robust.share):
        expected = scipy.stats.spearmanr(sufficient.share, robust.share)
        np.testing.assert_allclose(row["correlation"], expected.statistic)
    (ax,) = relation.plot().axes
    assert ax.get_legend().get_texts()[0].get_text().startswith("_ours (ρ = ")


def related(depth: list[float], robust: list[float]) -> float:
    sufficient, robustness_ = measured(len(depth))
    relation = depth_robustness({"a": (sufficient, robustness_)})
    relation.depth["a"], relation.robustness["a"] = np.array(depth), np.array(robust)
    return relation.correlations().loc["a", "correlation"]


def test_the_correlation_is_one_of_ranks():
    assert related([0.1, 0.2, 0.9, 0.3], [0.9, 0.8, 0.1, 0.7]) == pytest.approx(-1)
    assert related([0.1, np.nan, 0.9, 0.3], [0.2, 0.0, 0.8, 0.3]) == pytest.approx(1)
    assert np.isnan(related([0.1, 0.1, 0.1], [0.2, 0.0, 0.8]))
    assert np.isnan(related([0.1, 0.2], [0.2, 0.8]))


def test_what_does_not_fit_is_refused():
    sufficient, robust = measured()
    with pytest.raises(ValueError, match="models must hold one or more models"):
        depth_robustness({})
    with pytest.raises(ValueError, match="as many sufficient images as robustness has inputs, 3"):
        depth_robustness({"a": (sufficient, measured(3)[1])})
    x, y = sufficient.inputs, np.eye(2)[sufficient.classes]
    necessary = necessary_images(model, x, y, x, level=1)
    with pytest.raises(ValueError, match="must hold sufficient images, got necessary"):
        depth_robustness({"a": (necessary, robust)})
