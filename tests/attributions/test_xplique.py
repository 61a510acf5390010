"""The explainers where Xplique's own would stand: inputs, operators, metrics and plots."""

from __future__ import annotations

import inspect

import keras
import matplotlib.pyplot as plt
import numpy as np
import pytest
import tensorflow as tf
import torch
import xplique
from xplique import metrics, plots
from xplique.attributions.base import BlackBoxExplainer, WhiteBoxExplainer
from xplique.metrics import ModelRandomizationStrategy
from xplique.wrappers import TorchWrapper

from wam_xplique.attributions import (
    WaveletGradientInput,
    WaveletIntegratedGradients,
    WaveletSaliency,
    WaveletSmoothGrad,
)

from ..conftest import SIZE, make_keras
from ..modules import channels_first, segmenters
from .helpers import (
    Module,
    each_explainer,
    each_framework,
    native,
    noise,
    polynomial_model,
    quick,
    relative_error,
    squared,
)


@pytest.fixture(scope="module")
def saliency_map(keras_model, images, targets) -> np.ndarray:
    return WaveletSaliency(keras_model)(images, targets).numpy()


# --- the classes ---------------------------------------------------------------------------


@each_explainer
def test_the_explainers_are_xpliques_with_the_positional_parameters_of_its_own(cls, keras_model):
    explainer = cls(keras_model)
    assert isinstance(explainer, WhiteBoxExplainer)
    assert isinstance(explainer, BlackBoxExplainer)
    assert explainer.model is keras_model

    def positional(constructor):
        signature = inspect.signature(constructor).parameters.values()
        return [p.name for p in signature if p.kind is p.POSITIONAL_OR_KEYWORD]

    base = getattr(xplique.attributions, cls.__name__.removeprefix("Wavelet"))
    assert positional(cls) == positional(base)
    defaults = {k: p.default for k, p in inspect.signature(cls).parameters.items()}
    expected = {
        "output_layer": None,
        "batch_size": 32,
        "operator": None,
        "reducer": "mean",
        "wavelet": "haar",
        "level": None,
        "mode": "periodization",
        "include_approximation": False,
        "normalize": None,
        "seed": 0,
    }
    assert {name: defaults[name] for name in expected} == expected


# --- inputs --------------------------------------------------------------------------------


def test_arrays_tensors_and_lists_give_the_same(keras_model, images, targets, saliency_map):
    explainer = WaveletSaliency(keras_model)
    for x in (tf.constant(images), images.tolist(), list(images), images.astype(np.float64)):
        for y in (tf.constant(targets), targets.tolist(), targets.astype(int)):
            answer = explainer(x, y)
            assert isinstance(answer, tf.Tensor)
            assert answer.dtype == tf.float32
            assert answer.shape == (4, SIZE, SIZE, 1)
            assert relative_error(answer, saliency_map) <= 1e-6


DATASETS = {
    "unbatched": lambda data: data,
    "batched": lambda data: data.batch(3),
    "batched_and_prefetched": lambda data: data.batch(2).prefetch(1),
    "batched_and_mapped": lambda data: data.batch(3).map(lambda x, y: (x, y)),
    "unbatched_and_prefetched": lambda data: data.prefetch(1),
    "batched_without_remainder": lambda data: data.batch(2, drop_remainder=True),
    "fixed_batches_prefetched": lambda data: data.batch(2, drop_remainder=True).prefetch(1),
}


def test_datasets_are_accepted_batched_or_not(models, images, targets, saliency_map):
    data = tf.data.Dataset.from_tensor_slices((images, targets))
    explainer = WaveletSaliency(models["tensorflow"])
    for name, arrange in DATASETS.items():
        assert relative_error(explainer.explain(arrange(data)), saliency_map) <= 1e-6, name
    for arrange in (DATASETS["unbatched"], DATASETS["batched"]):
        answer = WaveletSaliency(Module(models["tensorflow"])).explain(arrange(data))
        assert relative_error(answer, saliency_map) <= 1e-6
        answer = WaveletSaliency(models["torch"]).explain(arrange(data))
        assert relative_error(answer, saliency_map) <= 1e-4
    explanation = explainer.explain_wavelet(data)
    assert relative_error(explanation.pixels(), saliency_map) <= 1e-6


def test_an_explainer_is_called_as_explain_is(keras_model, images, targets):
    explainer = WaveletSaliency(keras_model)
    expected = explainer.explain(images, targets)
    dataset = tf.data.Dataset.from_tensor_slices((images, targets))
    np.testing.assert_array_equal(explainer(inputs=images, targets=targets), expected)
    for given in ((images, targets), (dataset,), (dataset, None), (dataset.batch(3),)):
        np.testing.assert_array_equal(explainer(*given), expected)


# --- output layer --------------------------------------------------------------------------


@pytest.fixture(scope="module")
def logits(keras_model) -> keras.Model:
    return keras.Model(keras_model.inputs, keras_model.get_layer("logits").output)


@each_explainer
def test_output_layer_explains_that_layer(cls, keras_model, logits, images, targets):
    by_cut = cls(logits, **quick(cls))(images, targets)
    for layer in ("logits", 3, -2, np.int64(-2)) if cls is WaveletSaliency else ("logits",):
        by_layer = cls(keras_model, layer, **quick(cls))(images, targets)
        assert relative_error(by_layer, by_cut) <= 1e-6
    whole = cls(keras_model, **quick(cls))(images, targets)
    assert relative_error(by_cut, whole) > 1e-2


def test_output_layer_works_with_an_operator(keras_model, logits, images, targets):
    by_layer = WaveletSaliency(keras_model, "logits", operator=squared)(images, targets)
    by_cut = WaveletSaliency(logits, operator=squared)(images, targets)
    assert relative_error(by_layer, by_cut) <= 1e-6


# --- operators -----------------------------------------------------------------------------


def test_operators_by_name_task_or_callable(models, images, targets, saliency_map):
    def weighed(model, x, y):
        return tf.reduce_sum(model(x) * y, axis=-1)

    tasks = xplique.Tasks.CLASSIFICATION, xplique.Tasks.REGRESSION
    named = (None, "classification", "regression", *tasks)
    for operator in (*named, weighed, tf.function(weighed)):
        answer = WaveletSaliency(models["tensorflow"], operator=operator)(images, targets)
        assert relative_error(answer, saliency_map) <= 1e-5
    for operator in named:  # which run natively in PyTorch
        answer = WaveletSaliency(models["torch"], operator=operator)(images, targets)
        assert relative_error(answer, saliency_map) <= 1e-4


@each_framework
def test_an_operator_of_ones_own_is_what_is_explained(framework, models, images, targets):
    """Explaining twice the score gives twice the gradient; it may take targets of its own kind."""
    model = models[framework]

    def doubled(model, x, y):
        scores = 2 * model(x) * y
        return tf.reduce_sum(scores, -1) if framework == "tensorflow" else scores.sum(-1)

    def of_label(model, x, y):
        outputs = model(x)
        if framework == "tensorflow":
            return tf.gather(outputs, tf.cast(y, tf.int32), batch_dims=1)
        return outputs.gather(1, y.long()[:, None])[:, 0]

    once = WaveletSaliency(model)(images, targets)
    twice = WaveletSaliency(model, operator=doubled)(images, targets)
    assert relative_error(twice, 2 * once.numpy()) <= 1e-5
    labelled = WaveletSaliency(model, operator=of_label)(images, targets.argmax(1))
    assert relative_error(labelled, once) <= 1e-5


@each_explainer
@each_framework
def test_a_regression_is_explained(cls, framework):
    """Along opposite directions."""
    model, _ = polynomial_model(framework, (8, 8, 2), 2)
    x, directions = native(noise(4, 8, 8, 2), framework), np.eye(2)[[0, 1, 0, 1]]
    up, down = (
        cls(model, operator="regression", **quick(cls)).explain_wavelet(x, y).coefficients[-1]["dd"]
        for y in (directions, -directions)
    )
    sign = -1 if cls in (WaveletGradientInput, WaveletIntegratedGradients) else 1
    largest = np.abs(up).max()
    assert largest > 0
    np.testing.assert_allclose(down, sign * up, atol=1e-5 * largest)


# --- semantic segmentation -----------------------------------------------------------------


@pytest.fixture(scope="module")
def zones() -> np.ndarray:
    zones = np.zeros((4, SIZE, SIZE, 2), np.float32)
    zones[:, 4:12, 4:12, 1] = 1
    return zones


@each_explainer
def test_semantic_segmentation_is_explained_in_its_zone(cls, images, zones):
    model, task = segmenters(images.shape[1:])["tensorflow"], xplique.Tasks.SEMANTIC_SEGMENTATION
    answer = cls(model, operator=task, **quick(cls))(images, zones).numpy()
    assert answer.shape == (4, SIZE, SIZE, 1)
    assert np.abs(answer[:, 4:12, 4:12]).max() > 0
    assert not answer[:, 26:, 26:].any()  # out of reach of the zone's receptive field


def test_semantic_segmentation_runs_natively_in_pytorch(images, zones):
    """With channels last or first; targets may be PyTorch tensors beside arrays."""
    in_keras, in_torch = (
        WaveletSaliency(model, operator="semantic segmentation")
        for model in segmenters(images.shape[1:]).values()
    )
    expected = in_keras(images, zones)
    assert relative_error(in_torch(images, zones), expected) <= 1e-4
    answer = in_torch(channels_first(images), channels_first(zones))
    assert isinstance(answer, torch.Tensor)
    assert relative_error(answer.numpy().transpose(0, 2, 3, 1), expected) <= 1e-4
    for explainer in (in_keras, in_torch):
        mixed = explainer(images, torch.tensor(zones))
        np.testing.assert_array_equal(mixed, explainer(images, zones))


# --- metrics and plots ---------------------------------------------------------------------


@pytest.fixture(params=["keras", "torch_wrapper"])
def scored(request, models):
    """The model for the metric and for the explainer."""
    if request.param == "keras":
        return models["tensorflow"]
    with pytest.warns(UserWarning, match="eagerly"):
        return TorchWrapper(models["torch"], "cpu")


FIDELITY = {
    "Deletion": {"steps": 3},
    "Insertion": {"steps": 3},
    "MuFidelity": {"grid_size": 4, "nb_samples": 10},
    "AverageDropMetric": {},
    "AverageGainMetric": {},
    "AverageIncreaseMetric": {},
}


def test_fidelity_metrics_take_the_explanations(scored, images, targets):
    explanations = WaveletSmoothGrad(scored, nb_samples=3)(images, targets)
    for name, arguments in FIDELITY.items():
        metric = getattr(metrics, name)(scored, images, targets, **arguments)
        assert np.isfinite(metric(explanations)), name


def test_other_metrics_take_the_explainer(scored, images, targets):
    stability = metrics.AverageStability(scored, images[:2], targets[:2], nb_samples=3)
    assert 0 < stability(WaveletSmoothGrad(scored, nb_samples=2)) < np.inf
    assert -1 <= metrics.RandomLogitMetric(scored, images, targets)(WaveletSaliency(scored)) < 1


def test_mege_takes_the_class_and_finds_models_of_the_same_weights_in_agreement(images, targets):
    metric = metrics.MeGe(lambda *_: make_keras(), images, targets, k_splits=2)
    mege, _ = metric.evaluate(WaveletSaliency)
    assert mege == pytest.approx(1)
    cls = WaveletIntegratedGradients
    assert all(np.isfinite(metric.evaluate(cls, {"batch_size": 8, **quick(cls)})))


class Rescaled(ModelRandomizationStrategy):
    """Random weights, by a seed."""

    def randomize(self, model):
        rng = np.random.default_rng(5)
        model.set_weights([rng.normal(0, 0.3, w.shape) for w in model.get_weights()])
        return model


class Untouched(ModelRandomizationStrategy):
    """The weights as they are."""

    def randomize(self, model):
        return model


@pytest.mark.parametrize(
    ("cls", "output_layer"),
    [
        (WaveletSaliency, None),
        (WaveletSaliency, "logits"),
        (WaveletSmoothGrad, None),
        (WaveletIntegratedGradients, "logits"),
    ],
)
def test_model_randomization_sees_the_randomized_model(
    cls, output_layer, keras_model, images, targets
):
    explainer = cls(keras_model, output_layer, **quick(cls))
    model = explainer.model
    data = keras_model, images, targets
    untouched, rescaled = (
        metrics.ModelRandomizationMetric(*data, randomization_strategy=strategy)(explainer)
        for strategy in (Untouched(), Rescaled())
    )
    assert untouched == pytest.approx(1, abs=1e-3)
    assert rescaled < 0.9
    assert explainer.model is model


def test_model_randomization_works_with_its_default_strategy(keras_model, images, targets):
    metric = metrics.ModelRandomizationMetric(keras_model, images, targets)
    assert np.isfinite(metric(WaveletSmoothGrad(keras_model, nb_samples=2)))


def test_metrics_of_maps_and_plots_take_the_explanations(keras_model, images, targets):
    explanations = WaveletSmoothGrad(keras_model, nb_samples=2)(images, targets)
    for metric in (metrics.Complexity, metrics.Sparseness):
        assert np.isfinite(metric()(explanations))
    plots.plot_attributions(explanations, images, cols=2, img_size=1, alpha=0.5)
    assert len(plt.gcf().axes) >= len(images)
    plt.gcf().canvas.draw()
    plots.plot_attribution(explanations[0], images[0], clip_percentile=1.0)
    plt.gcf().canvas.draw()
    plt.close("all")
