"""Sufficient and necessary images, against a scan over every number of coefficients."""

from __future__ import annotations

from typing import Any

import keras
import numpy as np
import pytest
import torch

from wam_xplique import WCAM, WaveletExplanation, WaveletIntegratedGradients
from wam_xplique.analysis import necessary_images, sufficient_images
from wam_xplique.coefficients import WaveletTransform, as_rows, flatten, map_bands, unflatten

CLASSES = 3
SHAPES = ((32,), (16, 2), (8, 12, 3), (4, 8, 4, 2))
FRAMEWORKS = ("callable", "tensorflow", "torch")


def noise(*shape: int, seed: int = 0) -> np.ndarray:
    return np.random.default_rng(seed).standard_normal(shape).astype(np.float32)


class Linear:
    """Scores x A + b of the flat inputs, channels last; monotone as parts are added in turn."""

    def __init__(self, shape: tuple[int, ...]):
        self.shape = shape
        self.weights = noise(int(np.prod(shape)), CLASSES, seed=1)
        self.rows: list[int] = []

    def __call__(self, x: np.ndarray) -> np.ndarray:
        self.rows.append(len(x))
        return np.tanh(x.reshape(len(x), -1) @ self.weights / 5)

    def model(self, framework: str) -> Any:
        if framework == "callable":
            return self
        if framework == "torch":
            return TorchLinear(self.weights).eval()
        inputs = keras.Input(self.shape)
        dense = keras.layers.Dense(CLASSES, "tanh", use_bias=False)
        model = keras.Model(inputs, dense(keras.layers.Flatten()(inputs)))
        dense.set_weights([self.weights / 5])
        return model


class TorchLinear(torch.nn.Module):
    def __init__(self, weights: np.ndarray):
        super().__init__()
        self.weights = torch.nn.Parameter(torch.tensor(weights))

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        x = x.movedim(1, -1) if x.ndim > 2 else x
        return torch.tanh(x.flatten(1) @ self.weights / 5)


def explanation_of(x: np.ndarray, ndim: int, level: int = 2, seed: int = 5) -> WaveletExplanation:
    """Random importance of every coefficient, of all channels together; no two are equal."""
    transform = WaveletTransform("haar", level, "periodization", tuple(range(1, 1 + ndim)))
    z = transform.forward(x)
    generator = np.random.default_rng(seed)
    keep_channels = ndim == 1 and x.ndim == 3

    def random(band: np.ndarray) -> np.ndarray:
        shape = band.shape if keep_channels else band.shape[: 1 + ndim]
        return generator.uniform(1, 2, shape).astype(np.float32)

    return WaveletExplanation(map_bands(random, z), "haar", "periodization", x.shape, ndim)


def scan(
    x: np.ndarray, explanation: WaveletExplanation, sufficient: bool, held: bool = False
) -> np.ndarray:
    """What is left of one input with the first 0, 1, ... coefficients alone, or without them."""
    z = explanation.transform.forward(x)
    values = dict(flatten(explanation.coefficients))
    if held:
        values["approximation"] = np.full_like(values["approximation"], -1)
    rows = as_rows(values)[0]
    order = np.argsort(-rows, kind="stable")
    count = len(rows) - (values["approximation"][0].size if held else 0)
    left = []
    for number in range(count + 1):
        chosen = np.zeros(len(rows), bool)
        chosen[order[:number]] = True
        chosen = chosen if sufficient else ~chosen
        ends = np.cumsum([band[0].size for band in values.values()])[:-1]
        parts = {
            key: part.reshape(1, *band.shape[1:])
            for (key, band), part in zip(values.items(), np.split(chosen, ends), strict=True)
        }
        if held:
            parts["approximation"] = np.ones_like(parts["approximation"])
        masks = unflatten(parts)

        def masked(band: np.ndarray, mask: np.ndarray) -> np.ndarray:
            return band * mask.reshape(*mask.shape, *[1] * (band.ndim - mask.ndim))

        left.append(explanation.transform.inverse(map_bands(masked, z, masks), x.shape)[0])
    return np.stack(left)


@pytest.mark.parametrize("framework", FRAMEWORKS)
@pytest.mark.parametrize("shape", SHAPES, ids=lambda shape: f"{len(shape)}D")
@pytest.mark.parametrize("kind", ["sufficient", "necessary"])
def test_a_boundary_of_the_prediction_is_found(framework, shape, kind):
    linear, x = Linear(shape), noise(3, *shape, seed=2)
    ndim = max(1, len(shape) - 1)
    explanation = explanation_of(x, ndim)
    y = np.eye(CLASSES, dtype=np.float32)[linear(x).argmax(1)]
    find = sufficient_images if kind == "sufficient" else necessary_images
    given_x = x
    if framework == "torch" and ndim > 1:
        given_x = torch.tensor(np.moveaxis(x, -1, 1).copy())
    elif framework == "torch":
        given_x = torch.tensor(x if x.ndim == 2 else np.moveaxis(x, -1, 1).copy())
    found = find(linear.model(framework), given_x, y, explanation, batch_size=5)
    assert found.found.any()
    for index in range(len(x)):
        one = WaveletExplanation(
            map_bands(lambda band, index=index: band[index : index + 1], explanation.coefficients),
            "haar",
            "periodization",
            (1, *shape),
            ndim,
        )
        left = scan(x[index : index + 1], one, kind == "sufficient")
        kept = (linear(left).argmax(1) == y[index].argmax()) == (kind == "sufficient")
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
        found = sufficient_images(
            model, x, y, maps, tries=tries, level=0, include_approximation=True
        )
        assert found.count.tolist() == [11, 11]
        lost = necessary_images(model, x, y, maps, tries=tries, level=0, include_approximation=True)
        assert lost.count.tolist() == [54, 54]  # 10 ones are left: the sum is not above 10.5


def test_the_approximation_is_held_where_the_explanation_gives_it_nothing():
    linear, x = Linear((8, 8, 1)), noise(2, 8, 8, 1, seed=3)
    explanation = explanation_of(x, 2)
    explanation.coefficients[0][:] = 0
    y = np.eye(CLASSES)[linear(x).argmax(1)]
    found = sufficient_images(linear, x, y, explanation)
    assert found.held
    assert found.features == 60
    one = WaveletExplanation(
        map_bands(lambda band: band[:1], explanation.coefficients),
        "haar",
        "periodization",
        (1, 8, 8, 1),
        2,
    )
    left = scan(x[:1], one, sufficient=True, held=True)
    np.testing.assert_allclose(found.images[0], left[found.count[0]], atol=1e-5)
    whole = sufficient_images(linear, x, y, explanation, include_approximation=True)
    assert not whole.held
    assert whole.features == 64


def test_a_class_that_is_never_predicted_is_not_found():
    def model(x: np.ndarray) -> np.ndarray:
        return np.stack([np.ones(len(x)), np.zeros(len(x))], axis=1)

    x, y = noise(2, 8, 8, 1), np.eye(2)[[0, 1]]
    explanation = explanation_of(x, 2)
    found = sufficient_images(model, x, y, explanation)
    assert found.found.tolist() == [True, False]
    assert found.count.tolist() == [0, 64]
    assert np.isnan(found.share).tolist() == [False, True]
    lost = necessary_images(model, x, y, explanation)
    assert lost.found.tolist() == [False, True]
    assert lost.count[1] == 0


def test_bisection_takes_few_forwards_and_few_at_once():
    linear, x = Linear((32, 32, 1)), noise(4, 32, 32, 1)
    y = np.eye(CLASSES)[linear(x).argmax(1)]
    linear.rows.clear()
    sufficient_images(linear, x, y, explanation_of(x, 2, 3), tries=1, batch_size=3)
    assert max(linear.rows) <= 3
    assert sum(linear.rows) <= 4 * 14  # log2 of 1024, and the first round of three


@pytest.mark.parametrize("explainer", [WaveletIntegratedGradients, WCAM])
def test_explanations_of_gradients_and_of_indices_serve(
    explainer, keras_model, torch_model, images, targets
):
    options = {"grid_size": 4} if explainer is WCAM else {"steps": 4}
    counts = []
    for model in (keras_model, torch_model):
        explanation = explainer(model, **options).explain_wavelet(images, targets)
        predicted = np.eye(CLASSES)[np.asarray(keras_model(images)).argmax(1)]
        found = sufficient_images(model, images, predicted, explanation)
        assert found.found.all()
        assert found.images.shape == images.shape
        counts.append(found.count)
    np.testing.assert_allclose(*counts, atol=2)  # orders of nearly equal numbers may differ


def test_the_result_is_a_table_and_a_picture():
    linear, x = Linear((8, 8, 1)), noise(3, 8, 8, 1)
    y = np.eye(CLASSES)[linear(x).argmax(1)]
    found = sufficient_images(linear, x, y, explanation_of(x, 2))
    table = found.to_dataframe()
    assert list(table.columns) == ["class", "count", "share", "found"]
    assert table["count"].tolist() == found.count.tolist()
    figure = found.plot(most=2)
    assert len(figure.axes) == 4
    assert f"{found.count[0]} of 64" in figure.axes[1].get_title()


def test_bad_arguments_are_refused_before_the_first_forward():
    linear, x = Linear((8, 8, 1)), noise(2, 8, 8, 1)
    explanation, y = explanation_of(x, 2), np.eye(CLASSES)[:2]
    with pytest.raises(ValueError, match="tries must be an integer of at least 1, got 0"):
        sufficient_images(linear, x, y, explanation, tries=0)
    with pytest.raises(ValueError, match="explanations must be those of the 2 inputs"):
        sufficient_images(linear, x, y, explanation_of(noise(3, 8, 8, 1), 2))
    with pytest.raises(ValueError, match="finite"):
        sufficient_images(linear, x * np.nan, y, explanation)
    assert linear.rows == []
