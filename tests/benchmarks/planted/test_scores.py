"""Scores of explanations whose score is known: the truth itself, its opposite, and chance."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
import sklearn.metrics

from benchmarks.planted.__main__ import KINDS_OF_INPUTS, QUICK, run
from benchmarks.planted.data import KINDS, SIZES, plant
from benchmarks.planted.scores import planted_coefficients, scores
from wam_xplique import WaveletExplanation
from wam_xplique.coefficients import WaveletTransform, as_rows, flatten, map_bands

each_ndim = pytest.mark.parametrize("ndim", [1, 2, 3])


def explanation_of(values: np.ndarray, wavelet: str = "haar") -> WaveletExplanation:
    """The coefficients of maps (N, ...) as an explanation."""
    ndim = values.ndim - 1
    transform = WaveletTransform(wavelet, 3, "periodization", tuple(range(1, 1 + ndim)))
    shape = (*values.shape, 1)
    coefficients = transform.forward(values)
    if ndim == 1:  # explainers keep the channel of signals
        coefficients = map_bands(lambda band: band[..., np.newaxis], coefficients)
    return WaveletExplanation(coefficients, wavelet, "periodization", shape, ndim)


@each_ndim
@pytest.mark.parametrize("wavelet", ["haar", "db2"])
def test_the_truth_has_the_best_scores(ndim, wavelet):
    planted = plant(ndim, 2, seed=0)
    found = scores(explanation_of(planted.components[..., 0], wavelet), planted)
    exact = wavelet == "haar"
    for name, each in found.items():
        assert each.shape == (len(planted),)
        assert (each <= 1 + 1e-9).all()
        if exact and name != "mass in space":  # maps are interpolated beyond the edges
            assert each.min() > 1 - 1e-6, name
    assert found["AUC"].min() > 0.95
    everywhere = KINDS[ndim].side ** ndim / np.prod(SIZES[ndim])
    assert found["mass in space"].min() > 2 * everywhere


def test_a_uniform_map_scores_as_chance_does():
    planted = plant(2, 2, seed=0)
    found = scores(np.ones(planted.inputs.shape), planted)
    np.testing.assert_allclose(found["mass in space"], (16 / 64) ** 2)
    np.testing.assert_allclose(found["mass in scale"], 0)  # it has no details at all
    np.testing.assert_allclose(found["AUC"], 0.5)


def test_the_mass_in_space_is_the_share_inside():
    planted = plant(2, 1, seed=0)
    where = planted.components.any(axis=-1)
    found = scores(np.where(where, 3.0, 1.0), planted)
    inside, outside = 3 * where[0].sum(), (~where[0]).sum()
    np.testing.assert_allclose(found["mass in space"], inside / (inside + outside))
    np.testing.assert_array_equal(found["pointing in space"], 1)
    away = scores(np.where(where, 1.0, 3.0), planted)
    np.testing.assert_array_equal(away["pointing in space"], 0)


def test_the_area_is_that_of_scikit_learn():
    planted = plant(2, 2, seed=0)
    noise = np.random.default_rng(0).integers(0, 50, planted.inputs.shape[:-1]).astype(float)
    explanation = explanation_of(noise + planted.components[..., 0])
    truth = planted_coefficients(planted, explanation)
    importance = np.abs(as_rows(flatten(explanation.coefficients)))
    expected = [sklearn.metrics.roc_auc_score(t, i) for t, i in zip(truth, importance, strict=True)]
    np.testing.assert_allclose(scores(explanation, planted)["AUC"], expected)


def test_explanations_of_other_inputs_are_refused():
    planted = plant(2, 1, seed=0)
    with pytest.raises(ValueError, match="finite maps of shape"):
        scores(np.ones((4, 32, 32)), planted)
    with pytest.raises(ValueError, match="finite maps of shape"):
        scores(np.full(planted.inputs.shape, np.nan), planted)
    with pytest.raises(ValueError, match="explanation must be of inputs of shape"):
        scores(explanation_of(np.ones((4, 32, 32))), planted)


@pytest.mark.parametrize(("ndim", "theirs"), [(1, 12), (2, 17)])
def test_the_benchmark_scores_every_method(ndim, theirs):
    report = run(replace(QUICK, ndim=(ndim,)))
    assert report.notes == []
    assert len(report.tables["The models"]) == 2
    rows = report.tables[f"Scores on {KINDS_OF_INPUTS[ndim]}"]
    assert len(rows) == 1 + theirs + 2 * 7  # at random, Xplique's, and ours in both frameworks
    assert all(set(row) >= {"AUC", "mass in scale"} for row in rows)
    assert "Scores on" in report.markdown()
