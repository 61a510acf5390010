"""Beside Xplique: the same scores where there is no transform, the same calls, all inputs."""

from __future__ import annotations

import inspect
from typing import Any

import numpy as np
import pytest
import sklearn.linear_model
import tensorflow as tf
import torch
import xplique.metrics
from xplique.attributions import GradCAM, GradientInput, Saliency
from xplique.metrics import Deletion, Insertion, MuFidelity
from xplique.metrics.base import ExplanationMetric
from xplique.wrappers import TorchWrapper

import wam_xplique
from wam_xplique.attributions import WCAM, WaveletSmoothGrad
from wam_xplique.metrics import (
    FaithfulnessOnSpectra,
    InputFidelity,
    WaveletDeletion,
    WaveletInsertion,
    WaveletMuFidelity,
)

from ..conftest import make_keras
from ..modules import channels_first, make_torch
from .helpers import Network, each_metric, few, noise, random_explanation, targets

pytestmark = pytest.mark.filterwarnings("ignore:TF is set to run eagerly:UserWarning")
PAIRS = {Deletion: WaveletDeletion, Insertion: WaveletInsertion}

each_pair = pytest.mark.parametrize(
    ("theirs", "ours"), PAIRS.items(), ids=lambda cls: cls.__module__.split(".")[0]
)


@pytest.fixture(scope="module")
def small() -> tuple[Any, np.ndarray, np.ndarray]:
    """A Keras model and its inputs, too small to be compiled."""
    return make_keras(16), noise(3, 16, 16, 3), targets(3)


def compare(theirs: Any, ours: Any, maps: np.ndarray) -> None:
    expected = theirs.detailed_evaluate(maps)
    found = ours.detailed_evaluate(maps)
    assert list(found) == [int(step) for step in expected]
    np.testing.assert_allclose(list(found.values()), list(expected.values()), atol=1e-5)
    assert ours(maps) == pytest.approx(float(theirs(maps)), abs=1e-5)


@each_pair
@pytest.mark.parametrize("activation", [None, "softmax", "sigmoid"])
def test_scores_of_a_keras_model_are_xpliques(theirs, ours, activation, small):
    options = {"steps": 4, "batch_size": 5, "activation": activation}
    pair = theirs(*small, **options), ours(*small, level=0, **options)
    for channels in ((1,), (3,)):
        compare(*pair, noise(3, 16, 16, *channels, seed=len(channels)))


@each_pair
@pytest.mark.filterwarnings("ignore:The given NumPy array is not writable:UserWarning")
def test_scores_of_a_wrapped_module_are_xpliques(theirs, ours, small):
    model, x, y = small
    twin, maps = make_torch(model), noise(3, 16, 16, 1)
    wrapped = TorchWrapper(twin, "cpu")
    expected = theirs(wrapped, x, y, steps=4)
    compare(expected, ours(wrapped, x, y, steps=4, level=0), maps)
    native = ours(twin, channels_first(x), torch.tensor(y), steps=4, level=0)
    compare(expected, native, maps)
    assert native(channels_first(maps)) == native(maps)


@each_pair
@pytest.mark.parametrize("shape", [(24,), (24, 2)])
@pytest.mark.parametrize(
    "options",
    [
        {"steps": -1, "max_percentage_perturbed": 0.2},
        {"baseline_mode": 0.5, "batch_size": None},
        {"baseline_mode": lambda x: x**2, "steps": 3},
        {"steps": 30},
    ],
    ids=["share", "value", "function", "steps"],
)
def test_scores_of_signals_are_xpliques(theirs, ours, options, shape):
    x, y, model = noise(3, *shape), targets(3), Network(shape).model("tensorflow")
    maps = noise(3, *shape, seed=7)
    compare(theirs(model, x, y, **options), ours(model, x, y, level=0, **options), maps)


def test_a_model_without_gradients_has_xpliques_scores():
    x, labels = noise(40, 12), np.arange(40) % 3
    model = sklearn.linear_model.LogisticRegression().fit(x, labels)
    y, maps = targets(40)[:5], noise(5, 12, seed=1)
    compare(Deletion(model, x[:5], y), WaveletDeletion(model, x[:5], y, level=0), np.abs(maps))


def test_mu_fidelity_agrees_with_xpliques_on_average():
    """The sets are drawn otherwise; the correlation that they estimate is the same."""
    shape = (12, 12, 3)
    x, y, model = noise(2, *shape), targets(2), Network(shape).model("tensorflow")
    maps = GradientInput(model)(x, y).numpy()
    options = {"grid_size": 6, "nb_samples": 200}
    tf.random.set_seed(0)
    expected = MuFidelity(model, x, y, **options)(maps)
    found = WaveletMuFidelity(model, x, y, level=0, **options)(maps)
    assert expected > 0.6
    assert found == pytest.approx(expected, abs=0.08)


# --- constructors and inputs ---------------------------------------------------------------


@pytest.mark.parametrize(
    ("theirs", "ours"), [*PAIRS.items(), (MuFidelity, WaveletMuFidelity)], ids=str
)
def test_parameters_are_xpliques_and_then_ours_by_keyword(theirs, ours):
    expected = list(inspect.signature(theirs).parameters.values())
    found = list(inspect.signature(ours).parameters.values())
    for one, other in zip(expected, found, strict=False):
        assert (one.name, one.kind, one.default) == (other.name, other.kind, other.default)
    assert all(p.kind is p.KEYWORD_ONLY for p in found[len(expected) :])


@each_metric
def test_they_are_xpliques_metrics_and_published(cls):
    assert issubclass(cls, ExplanationMetric)
    assert getattr(xplique.metrics, cls.__name__) is cls
    assert getattr(wam_xplique, cls.__name__) is cls


@pytest.fixture(scope="module")
def explanations(small) -> list[Any]:
    model, x, y = small
    wam = WaveletSmoothGrad(model, nb_samples=2, wavelet="db2", level=2)
    return [
        wam.explain_wavelet(x, y),
        wam(x, y),
        WCAM(model, grid_size=4, nb_design=2, confidence=None).explain_wavelet(x, y),
        Saliency(model)(x, y),
        GradCAM(model, conv_layer="conv")(x, y),
    ]


@each_metric
def test_all_explanations_of_all_explainers_are_scored(cls, small, explanations):
    metric = cls(*small, **few(cls))
    for explanation in explanations:
        scores = metric.evaluate_samples(explanation)
        assert scores.shape == (3,)
        assert np.isfinite(scores).all()


@each_metric
def test_what_inputs_come_as_does_not_matter(cls, small):
    model, x, y = small
    twin, pairs = make_torch(model), tf.data.Dataset.from_tensor_slices((x, y))
    expected, *found = (
        cls(*given, **few(cls)).evaluate_samples(random_explanation(x))
        for given in (
            (model, x, y),
            (model, tf.constant(x), tf.constant(y)),
            (model, pairs),
            (model, pairs.batch(2)),
            (model, x, y, None),
            (twin, channels_first(x), y),
            (twin, x, y),
            (TorchWrapper(twin, "cpu"), x, y),
            (lambda x: model(x).numpy(), x, y),
        )
    )
    # Nearly equal drops may change their ranks with the order of sums.
    tolerance = 0.05 if cls is WaveletMuFidelity else 1e-5
    for scores in found:
        np.testing.assert_allclose(scores, expected, atol=tolerance)


@pytest.mark.parametrize("cls", [WaveletDeletion, FaithfulnessOnSpectra])
def test_operators(cls, small):
    model, x, y = small
    twin, explanation = make_torch(model), random_explanation(x)

    def operator(model: Any, x: Any, y: Any) -> Any:
        scores = model(x) * y
        return 2 * (scores.sum(-1) if isinstance(x, torch.Tensor) else tf.reduce_sum(scores, -1))

    expected = 2 * cls(model, x, y).evaluate_samples(explanation)
    for of in (model, twin, TorchWrapper(twin, "cpu"), lambda x: model(x)):
        found = cls(of, x, y, operator=operator).evaluate_samples(explanation)
        np.testing.assert_allclose(found, expected, atol=1e-5)


@pytest.mark.filterwarnings("ignore:.*Interpreter is deprecated:UserWarning")
def test_tflite_models(small):
    model, x, y = small
    content = tf.lite.TFLiteConverter.from_keras_model(model).convert()
    interpreter = tf.lite.Interpreter(model_content=content)
    softmax = {"activation": "softmax"}
    for cls, how in ((WaveletDeletion, {}), (WaveletDeletion, softmax), (InputFidelity, {})):
        expected, found = (
            cls(one, x, y, **how).evaluate_samples(random_explanation(x))
            for one in (model, interpreter)
        )
        np.testing.assert_allclose(found, expected, atol=1e-5)
