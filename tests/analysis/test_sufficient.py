"""Sufficient and necessary images, against a scan over every number of coefficients."""

from __future__ import annotations

import numpy as np
import pytest

from wam_xplique import WCAM, WaveletExplanation, WaveletIntegratedGradients
from wam_xplique.analysis import necessary_images, sufficient_images

from ..metrics import helpers
from ..metrics.helpers import CLASSES, Network, given, noise, parts, places_of, random_explanation


def predicted(network: Network, x: np.ndarray) -> np.ndarray:
    return np.eye(CLASSES, dtype=np.float32)[network(x).argmax(1)]


def scan(
    x: np.ndarray, explanation: WaveletExplanation, number: int, sufficient: bool, held: int = 0
) -> np.ndarray:
    """What is left of an input with the first 0, 1, ... coefficients alone, or without them."""
    chosen = slice(number, number + 1)
    places = places_of(explanation[chosen])
    features = places.size - held  # what is held has no importance, and so is last
    counts = np.arange(features + 1)[:, np.newaxis]
    kept = (places < counts if sufficient else places >= counts) | (places >= features)
    return parts(x[chosen], explanation[chosen], kept)[0]


@helpers.each_framework
@helpers.each_shape
@pytest.mark.parametrize("kind", ["sufficient", "necessary"])
def test_a_boundary_of_the_prediction_is_found(framework, shape, kind):
    network, x = Network(shape), noise(3, *shape, seed=2)
    explanation, y = random_explanation(x), predicted(network, x)
    find = sufficient_images if kind == "sufficient" else necessary_images
    found = find(network.model(framework), given(x, framework), y, explanation, batch_size=5)
    assert found.found.any()
    for index in range(len(x)):
        left = scan(x, explanation, index, kind == "sufficient")
        kept = (network(left).argmax(1) == y[index].argmax()) == (kind == "sufficient")
        count = found.count[index]
        assert found.found[index] >= kept[-1]  # all, or nothing, is always tried
        assert kept[count] == found.found[index]
        assert not found.found[index] or count == 0 or not kept[count - 1]
        np.testing.assert_allclose(found.images[index], left[count], atol=1e-5)
    assert found.features == len(left) - 1
    shares = np.where(found.found, found.count / found.features, np.nan)
    np.testing.assert_allclose(found.share, shares)


def test_a_plain_bisection_finds_the_very_smallest_of_a_monotone_prediction():
    """Class 0 if the sum is above 10.5; each step adds a coefficient that raises it."""

    def model(x: np.ndarray) -> np.ndarray:
        total = x.sum((1, 2, 3))
        return np.stack([total - 10.5, np.zeros(len(x))], axis=1)

    x = np.ones((2, 8, 8, 1), np.float32)
    maps = np.arange(64, dtype=np.float32).reshape(1, 8, 8, 1).repeat(2, 0)
    y = np.eye(2)[[0, 0]]
    for tries in (1, 3):
        options = {"tries": tries, "level": 0, "include_approximation": True}
        assert sufficient_images(model, x, y, maps, **options).count.tolist() == [11, 11]
        lost = necessary_images(model, x, y, maps, **options)
        assert lost.count.tolist() == [54, 54]  # 10 ones are left: the sum is not above 10.5


def test_the_approximation_is_held_where_the_explanation_gives_it_nothing():
    network, x = Network((8, 8, 1)), noise(2, 8, 8, 1, seed=3)
    explanation, y = random_explanation(x, approximation=False), predicted(network, x)
    found = sufficient_images(network, x, y, explanation)
    assert (found.held, found.features) == (True, 60)
    left = scan(x, explanation, 0, sufficient=True, held=4)
    np.testing.assert_allclose(found.images[0], left[found.count[0]], atol=1e-5)
    whole = sufficient_images(network, x, y, explanation, include_approximation=True)
    assert (whole.held, whole.features) == (False, 64)


def test_a_class_that_is_never_predicted_is_not_found():
    def model(x: np.ndarray) -> np.ndarray:
        return np.tile([1.0, 0.0], (len(x), 1))

    x, y = noise(2, 8, 8, 1), np.eye(2)[[0, 1]]
    explanation = random_explanation(x)
    found = sufficient_images(model, x, y, explanation)
    assert found.found.tolist() == [True, False]
    assert found.count.tolist() == [0, 64]
    assert np.isnan(found.share).tolist() == [False, True]
    lost = necessary_images(model, x, y, explanation)
    assert lost.found.tolist() == [False, True]
    assert lost.count[1] == 0


def test_bisection_takes_few_forwards_and_few_at_once():
    network, x = Network((32, 32, 1)), noise(4, 32, 32, 1)
    y, explanation = predicted(network, x), random_explanation(x, level=3)
    network.rows.clear()
    sufficient_images(network, x, y, explanation, tries=1, batch_size=3)
    assert max(network.rows) <= 3
    assert sum(network.rows) <= 4 * 14  # log2 of 1024, and the first round of three


@pytest.mark.parametrize("explainer", [WaveletIntegratedGradients, WCAM])
def test_explanations_of_gradients_and_of_indices_serve(
    explainer, keras_model, torch_model, images, targets
):
    options = {"grid_size": 4} if explainer is WCAM else {"steps": 4}
    classes, counts = np.asarray(keras_model(images)).argmax(1), []
    for model in (keras_model, torch_model):
        explanation = explainer(model, **options).explain_wavelet(images, targets)
        found = sufficient_images(model, images, np.eye(CLASSES)[classes], explanation)
        assert found.found.all()
        assert found.images.shape == images.shape
        counts.append(found.count)
    np.testing.assert_allclose(*counts, atol=2)  # orders of nearly equal numbers may differ


def test_the_result_is_a_table_and_a_picture():
    network, x = Network((8, 8, 1)), noise(3, 8, 8, 1)
    found = sufficient_images(network, x, predicted(network, x), random_explanation(x))
    table, figure = found.to_dataframe(), found.plot(most=2)
    assert list(table.columns) == ["class", "count", "share", "found"]
    assert table["count"].tolist() == found.count.tolist()
    assert len(figure.axes) == 4
    assert f"{found.count[0]} of 64" in figure.axes[1].get_title()


def test_bad_arguments_are_refused_before_the_first_forward():
    network, x = Network((8, 8, 1)), noise(3, 8, 8, 1)
    explanation, y = random_explanation(x[:2]), np.eye(CLASSES)[:2]
    with pytest.raises(ValueError, match="tries must be an integer of at least 1, got 0"):
        sufficient_images(network, x[:2], y, explanation, tries=0)
    with pytest.raises(ValueError, match="explanations must be those of the 2 inputs"):
        sufficient_images(network, x[:2], y, random_explanation(x))
    assert network.rows == []
