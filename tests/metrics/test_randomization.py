"""Cascading randomization: what is reset, what is left alone, what it finds."""

from __future__ import annotations

import copy
import functools
import random
from collections import OrderedDict
from typing import Any

import keras
import numpy as np
import pytest
import scipy.stats
import tensorflow as tf
import torch
from torch import nn
from xplique.attributions import Saliency
from xplique.wrappers import TorchWrapper

from wam_xplique.algorithms.cascade import Randomization
from wam_xplique.attributions import WaveletGradientInput, WaveletSaliency
from wam_xplique.metrics import cascading_randomization
from wam_xplique.metrics.randomization import _keras_parts, _reset_layers, _reset_modules

from ..conftest import make_keras
from ..modules import channels_first, make_torch
from .helpers import noise, targets

X, Y = noise(4, 16, 16, 3), targets(4)
EXPLAINER = functools.partial(WaveletGradientInput, level=2)


@pytest.fixture(scope="module")
def models() -> dict[str, Any]:
    model = make_keras(16)
    return {"tensorflow": model, "torch": make_torch(model)}


def weights(model: Any) -> list[np.ndarray]:
    if isinstance(model, keras.Model):
        return model.get_weights()
    return [tensor.clone().numpy() for tensor in model.state_dict().values()]


@pytest.mark.parametrize("framework", ["tensorflow", "torch"])
def test_correlations_fall_from_one_and_the_model_is_left_alone(framework, models):
    model = models[framework]
    before, states = weights(model), (random.getstate(), torch.get_rng_state())
    x = channels_first(X) if framework == "torch" else X
    found = cascading_randomization(model, EXPLAINER, x, Y, seed=1)
    for one, other in zip(weights(model), before, strict=True):
        np.testing.assert_array_equal(one, other)
    assert random.getstate() == states[0]
    assert torch.equal(torch.get_rng_state(), states[1])
    first, last = {"tensorflow": ("logits", "conv"), "torch": ("5", "0")}[framework]
    assert (len(found.layers), *found.layers[:2], found.layers[-1]) == (4, "original", first, last)
    assert found.correlations.shape == (4, 4)
    np.testing.assert_allclose(found.correlations[:, 0], 1)
    assert found.mean[-1] < 0.7
    again, other = (
        cascading_randomization(model, EXPLAINER, x, Y, seed=seed).correlations for seed in (1, 2)
    )
    np.testing.assert_array_equal(again, found.correlations)
    assert np.abs(other - found.correlations).max() > 1e-3


def test_correlations_are_those_of_the_explanations():
    """A cascade by hand: of modules that are reset to known weights."""

    class Fixed(nn.Linear):
        def reset_parameters(self) -> None:
            with torch.no_grad():
                values = torch.arange(self.weight.numel()).reshape(self.weight.shape)
                self.weight.copy_(torch.sin(values.float() ** 2) / 4)
                self.bias.zero_()

    model = nn.Sequential(Fixed(16, 4), nn.Tanh(), Fixed(4, 3)).eval()
    with torch.no_grad():
        for parameter in model.parameters():
            parameter.copy_(torch.tensor(noise(*parameter.shape, seed=parameter.numel())) / 4)
    x, y = noise(3, 16), targets(3)
    found = cascading_randomization(model, WaveletSaliency, torch.tensor(x), y)
    stages = [copy.deepcopy(model) for _ in range(3)]
    for stage, layer in ((1, 2), (2, 2), (2, 0)):
        stages[stage][layer].reset_parameters()
    details = [
        np.concatenate([np.abs(level["d"]) for level in explanation.coefficients[1:]], axis=1)
        for explanation in (WaveletSaliency(stage).explain_wavelet(x, y) for stage in stages)
    ]
    expected = [
        [scipy.stats.spearmanr(*pair).statistic for pair in zip(details[0], found, strict=True)]
        for found in details
    ]
    np.testing.assert_allclose(found.correlations.T, expected, atol=1e-6)


def test_chosen_layers_and_blocks(models):
    found = cascading_randomization(models["tensorflow"], EXPLAINER, X, Y, layers=["logits"])
    assert found.layers == ("original", "logits")
    parts = {
        "stem": nn.Sequential(nn.Conv2d(3, 4, 3), nn.BatchNorm2d(4), nn.ReLU()),
        "pool": nn.AdaptiveAvgPool2d(1),
        "flatten": nn.Flatten(),
        "fc": nn.Linear(4, 3),
    }
    model = nn.Sequential(OrderedDict(parts)).eval()
    x = channels_first(X)
    found = cascading_randomization(model, EXPLAINER, x, Y, layers=["fc", "stem"])
    assert found.layers == ("original", "fc", "stem")
    every = cascading_randomization(model, EXPLAINER, x, Y)
    assert every.layers == ("original", "fc", "stem.1", "stem.0")


def test_layers_of_nested_keras_models():
    inner = keras.Sequential([keras.Input((8,)), keras.layers.Dense(4, name="a")], name="inner")
    model = keras.Sequential([keras.Input((8,)), inner, keras.layers.Dense(3, name="b")])
    parts, singles = _keras_parts(model)
    assert singles == ["inner/a", "b"]
    assert parts["inner"] == parts["inner/a"] == inner.layers[-1:]
    saliency = functools.partial(WaveletSaliency, level=1)
    found = cascading_randomization(model, saliency, noise(2, 8), targets(2), layers=["b", "inner"])
    assert found.layers == ("original", "b", "inner")
    assert found.mean[1] < 1


def test_resets_are_initial_values():
    layer = keras.layers.Dense(200, kernel_initializer=keras.initializers.RandomNormal(3.0, 0.1))
    layer.build((None, 50))
    layer.set_weights([np.full((50, 200), 9.0), np.full(200, 9.0)])
    _reset_layers([layer], 0)
    kernel, bias = layer.get_weights()
    assert kernel.mean() == pytest.approx(3, abs=0.01)
    assert kernel.std() == pytest.approx(0.1, abs=0.01)
    np.testing.assert_array_equal(bias, 0)
    norm = nn.BatchNorm1d(3)
    norm.running_mean += 5
    _reset_modules([norm], 0)
    assert norm.running_mean.tolist() == [0, 0, 0]


def test_weights_without_an_initializer_are_shuffled():
    class Own(nn.Module):
        def __init__(self):
            super().__init__()
            self.weight = nn.Parameter(torch.arange(100.0).reshape(10, 10))

    class Layer(keras.layers.Layer):
        def __init__(self, size: int):
            super().__init__()
            self.kernel = self.add_weight(shape=(size, 10))

        def get_config(self) -> Any:
            raise NotImplementedError

    module, layer = Own(), Layer(10)
    layer.set_weights([np.arange(100.0).reshape(10, 10)])
    _reset_modules([module], 0)
    _reset_layers([layer], 0)
    for found in (module.weight.detach().numpy(), layer.get_weights()[0]):
        assert sorted(found.ravel()) == list(range(100))
        assert np.abs(found - np.arange(100).reshape(10, 10)).max() > 0


@pytest.mark.filterwarnings("ignore:TF is set to run eagerly:UserWarning")
def test_wrapped_modules_and_xpliques_explainers(models):
    module, last = models["torch"], {"layers": ["5"]}
    wrapper = TorchWrapper(module, "cpu")
    wrapped = cascading_randomization(wrapper, WaveletSaliency, X, Y, **last)
    native = cascading_randomization(module, WaveletSaliency, channels_first(X), Y, **last)
    np.testing.assert_allclose(wrapped.correlations, native.correlations, atol=1e-4)
    tf.config.run_functions_eagerly(False)
    found = cascading_randomization(models["tensorflow"], Saliency, X, Y, layers=["logits"])
    assert found.correlations.shape == (4, 2)
    assert found.mean[1] < 1


def test_intervals_and_rows():
    correlations = noise(9, 2) / 4
    found = Randomization(("original", "fc"), correlations, 0.9)
    expected = scipy.stats.ttest_1samp(correlations, 0).confidence_interval(0.9)
    np.testing.assert_allclose(found.interval.T, expected, rtol=1e-5)
    _, second = found.rows()
    low, high = found.interval[1]
    mean = pytest.approx(correlations[:, 1].mean())
    assert second == {"layer": "fc", "rank correlation": mean, "low": low, "high": high}
    assert np.isnan(Randomization(("original",), np.ones((1, 1))).interval).all()


@pytest.mark.parametrize(
    ("arguments", "error", "message"),
    [
        ({"layers": ["nothing"]}, ValueError, r"layers must be None or names among \['conv'"),
        ({"layers": "conv"}, ValueError, "layers must be None or names among"),
        ({"layers": []}, ValueError, "layers must be None or names among"),
        ({"confidence": 1.5}, ValueError, "confidence must be"),
        ({"confidence": None}, ValueError, "confidence must be"),
        ({"seed": -1}, ValueError, "seed must be"),
        ({"explainer": 3}, TypeError, "explainer must be"),
        ({"model": lambda x: x}, TypeError, "model must be a Keras model"),
        ({"model": nn.ReLU().eval()}, ValueError, "model must have layers with weights"),
    ],
)
def test_bad_arguments_are_named(arguments, error, message, models):
    given = {"model": models["tensorflow"], "explainer": EXPLAINER, **arguments}
    with pytest.raises(error, match=message):
        cascading_randomization(inputs=X, targets=Y, **given)


def test_keras_models_that_cannot_be_copied_are_refused():
    class Own(keras.Model):
        def __init__(self):
            super().__init__()
            self.dense = keras.layers.Dense(3)

        def call(self, x: tf.Tensor) -> tf.Tensor:
            return self.dense(x)

    model = Own()
    model(noise(1, 8))
    with pytest.raises(TypeError, match="model must be sequential or functional"):
        cascading_randomization(model, WaveletSaliency, noise(2, 8), targets(2))
