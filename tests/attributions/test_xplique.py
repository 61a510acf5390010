"""The explainers where Xplique's own would stand: inputs, operators, metrics and plots."""

from __future__ import annotations

import importlib

import keras
import matplotlib as mpl
import numpy as np
import pytest
import tensorflow as tf
import torch
import xplique
from torch import nn
from xplique import metrics, plots
from xplique.attributions.base import BlackBoxExplainer, WhiteBoxExplainer
from xplique.metrics import ModelRandomizationStrategy
from xplique.wrappers import TorchWrapper

import wam_xplique
from wam_xplique.attributions import (
    WaveletGradientInput,
    WaveletIntegratedGradients,
    WaveletSaliency,
    WaveletSmoothGrad,
    WaveletSquareGrad,
    WaveletVarGrad,
)

from ..conftest import SIZE, channels_first, make_keras
from .helpers import each_explainer, each_framework, quick, relative_error


class Module(tf.Module):
    """A `tf.Module` that is no Keras model."""

    def __init__(self, model: keras.Model):
        super().__init__()
        self.inner = model

    def __call__(self, x: tf.Tensor) -> tf.Tensor:
        return self.inner(x)


@pytest.fixture(scope="module")
def saliency_map(keras_model, images, targets) -> np.ndarray:
    return WaveletSaliency(keras_model)(images, targets).numpy()


# --- the classes ---------------------------------------------------------------------------


@each_explainer
def test_the_explainers_are_xpliques_white_box_explainers(cls, keras_model):
    explainer = cls(keras_model)
    assert isinstance(explainer, WhiteBoxExplainer)
    assert isinstance(explainer, BlackBoxExplainer)
    assert explainer.model is keras_model


@each_explainer
def test_the_explainers_are_importable_from_all_three_places(cls):
    for module in ("wam_xplique", "wam_xplique.attributions", "xplique.attributions"):
        assert getattr(importlib.import_module(module), cls.__name__) is cls
    assert cls.__name__ in xplique.attributions.__all__


@pytest.mark.parametrize(
    ("cls", "base"),
    [
        (WaveletSaliency, "Saliency"),
        (WaveletGradientInput, "GradientInput"),
        (WaveletSmoothGrad, "SmoothGrad"),
        (WaveletSquareGrad, "SquareGrad"),
        (WaveletVarGrad, "VarGrad"),
        (WaveletIntegratedGradients, "IntegratedGradients"),
    ],
    ids=lambda value: getattr(value, "__name__", value),
)
def test_the_positional_parameters_are_those_of_xpliques_class(cls, base):
    import inspect

    def positional(constructor):
        signature = inspect.signature(constructor).parameters.values()
        return [p.name for p in signature if p.kind is p.POSITIONAL_OR_KEYWORD]

    assert positional(cls) == positional(getattr(xplique.attributions, base))
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
            assert relative_error(explainer(x, y), saliency_map) <= 1e-6


DATASETS = {
    "unbatched": lambda data: data,
    "batched": lambda data: data.batch(3),
    "batched_and_prefetched": lambda data: data.batch(2).prefetch(1),
    "batched_and_mapped": lambda data: data.batch(3).map(lambda x, y: (x, y)),
    "unbatched_and_prefetched": lambda data: data.prefetch(1),
    "batched_without_remainder": lambda data: data.batch(2, drop_remainder=True),
    "fixed_batches_prefetched": lambda data: data.batch(2, drop_remainder=True).prefetch(1),
}


@pytest.mark.parametrize("model_is", ["keras", "tf_module", "torch"])
@pytest.mark.parametrize("arrange", DATASETS.values(), ids=DATASETS)
def test_datasets_are_accepted_batched_or_not(
    arrange, model_is, keras_model, torch_model, images, targets, saliency_map
):
    models = {"keras": keras_model, "tf_module": Module(keras_model), "torch": torch_model}
    dataset = arrange(tf.data.Dataset.from_tensor_slices((images, targets)))
    answer = WaveletSaliency(models[model_is]).explain(dataset)
    assert relative_error(answer, saliency_map) <= (1e-4 if model_is == "torch" else 1e-6)


def test_a_dataset_gives_a_wavelet_explanation_too(keras_model, images, targets, saliency_map):
    dataset = tf.data.Dataset.from_tensor_slices((images, targets))
    explanation = WaveletSaliency(keras_model).explain_wavelet(dataset)
    assert isinstance(explanation, wam_xplique.WaveletExplanation)
    assert relative_error(explanation.pixels(), saliency_map) <= 1e-6


@pytest.mark.parametrize("reducer", ["mean", "sum", "min", "max", None])
def test_every_reducer_is_accepted(reducer, keras_model, images, targets):
    answer = WaveletSmoothGrad(keras_model, reducer=reducer, nb_samples=2)(images, targets)
    assert answer.shape == (4, SIZE, SIZE, 3 if reducer is None else 1)


# --- output layer --------------------------------------------------------------------------


@each_explainer
@pytest.mark.parametrize("layer", ["logits", 3, -2])
def test_output_layer_explains_that_layer(cls, layer, keras_model, images, targets):
    logits = keras.Model(keras_model.inputs, keras_model.get_layer("logits").output)
    by_layer = cls(keras_model, layer, **quick(cls))(images, targets)
    by_cut = cls(logits, **quick(cls))(images, targets)
    whole = cls(keras_model, **quick(cls))(images, targets)
    assert relative_error(by_layer, by_cut) <= 1e-6
    assert relative_error(by_layer, whole) > 1e-2


def test_output_layer_works_with_an_operator(keras_model, images, targets):
    logits = keras.Model(keras_model.inputs, keras_model.get_layer("logits").output)

    def squared(model, x, y):
        return tf.reduce_sum(model(x) ** 2 * y, -1)

    by_layer = WaveletSaliency(keras_model, "logits", operator=squared)(images, targets)
    by_cut = WaveletSaliency(logits, operator=squared)(images, targets)
    assert relative_error(by_layer, by_cut) <= 1e-6


# --- operators -----------------------------------------------------------------------------


@pytest.mark.parametrize(
    "operator",
    [
        None,
        "classification",
        "regression",
        xplique.Tasks.CLASSIFICATION,
        xplique.Tasks.REGRESSION,
        lambda model, x, y: tf.reduce_sum(model(x) * y, axis=-1),
        tf.function(lambda model, x, y: tf.reduce_sum(model(x) * y, axis=-1)),
    ],
    ids=["none", "by_name", "by_name_2", "by_task", "by_task_2", "by_callable", "by_tf_function"],
)
def test_operators_by_name_task_or_callable(
    operator, keras_model, torch_model, images, targets, saliency_map
):
    answer = WaveletSaliency(keras_model, operator=operator)(images, targets)
    assert relative_error(answer, saliency_map) <= 1e-5
    if not callable(operator):  # which runs natively in PyTorch
        answer = WaveletSaliency(torch_model, operator=operator)(images, targets)
        assert relative_error(answer, saliency_map) <= 1e-4


@each_framework
def test_an_operator_of_ones_own_is_what_is_explained(
    framework, keras_model, torch_model, images, targets
):
    """Explaining twice the score gives twice the gradient."""

    def doubled(model, x, y):
        scores = 2 * model(x) * y
        return tf.reduce_sum(scores, -1) if framework == "tensorflow" else scores.sum(-1)

    model = torch_model if framework == "torch" else keras_model
    once = WaveletSaliency(model)(images, targets)
    twice = WaveletSaliency(model, operator=doubled)(images, targets)
    assert relative_error(twice, 2 * once.numpy()) <= 1e-5


@each_framework
def test_an_operator_may_take_targets_of_its_own_kind(framework, keras_model, torch_model, images):
    """Not one-hot, but labels: the operator alone knows what the targets mean."""

    def of_label(model, x, y):
        outputs = model(x)
        if framework == "tensorflow":
            return tf.gather(outputs, tf.cast(y, tf.int32), batch_dims=1)
        return outputs.gather(1, y.long()[:, None])[:, 0]

    model = torch_model if framework == "torch" else keras_model
    labels = np.array([0, 1, 2, 0])
    actual = WaveletSaliency(model, operator=of_label)(images, labels)
    expected = WaveletSaliency(model)(images, np.eye(3)[labels])
    assert relative_error(actual, expected) <= 1e-5


@each_explainer
@each_framework
def test_a_regression_is_explained(cls, framework, images):
    if framework == "tensorflow":
        keras.utils.set_random_seed(1)
        model = keras.Sequential(
            [keras.layers.Input((SIZE, SIZE, 3)), keras.layers.Flatten(), keras.layers.Dense(1)]
        )
    else:
        torch.manual_seed(1)
        model = nn.Sequential(nn.Conv2d(3, 1, SIZE), nn.Flatten()).eval()
    up, down = (
        cls(model, operator="regression", **quick(cls)).explain_wavelet(images, sign)
        for sign in (np.ones((4, 1)), -np.ones((4, 1)))
    )
    is_odd = cls in (WaveletGradientInput, WaveletIntegratedGradients)
    sign = -1 if is_odd else 1
    largest = np.abs(up.coefficients[-1]["dd"]).max()
    assert largest > 0 or cls is WaveletVarGrad  # the model is linear
    np.testing.assert_allclose(
        down.coefficients[-1]["dd"], sign * up.coefficients[-1]["dd"], atol=1e-5 * largest + 1e-9
    )


# --- semantic segmentation -----------------------------------------------------------------


@pytest.fixture(scope="module")
def segmenters() -> tuple[keras.Model, nn.Module]:
    """A small fully convolutional network, and its twin in PyTorch."""
    keras.utils.set_random_seed(2)
    layers = keras.layers
    model = keras.Sequential(
        [
            layers.Input((SIZE, SIZE, 3)),
            layers.Conv2D(4, 3, padding="same", activation="softplus"),
            layers.Conv2D(3, 3, padding="same"),
            layers.Softmax(),
        ]
    )
    twin = nn.Sequential(
        nn.Conv2d(3, 4, 3, padding=1), nn.Softplus(), nn.Conv2d(4, 3, 3, padding=1), nn.Softmax(1)
    )
    with torch.no_grad():
        for ours, theirs in ((twin[0], model.layers[0]), (twin[2], model.layers[1])):
            ours.weight.copy_(torch.tensor(np.array(theirs.kernel)).permute(3, 2, 0, 1))
            ours.bias.copy_(torch.tensor(np.array(theirs.bias)))
    return model, twin.eval()


@pytest.fixture(scope="module")
def zones() -> np.ndarray:
    zones = np.zeros((4, SIZE, SIZE, 3), np.float32)
    zones[:, 4:12, 4:12, 1] = 1
    return zones


@each_explainer
@pytest.mark.parametrize("operator", ["semantic segmentation", xplique.Tasks.SEMANTIC_SEGMENTATION])
def test_semantic_segmentation_is_explained_in_its_zone(cls, operator, segmenters, images, zones):
    answer = cls(segmenters[0], operator=operator, **quick(cls))(images, zones).numpy()
    assert answer.shape == (4, SIZE, SIZE, 1)
    assert np.abs(answer[:, 4:12, 4:12]).max() > 0
    assert not answer[:, 26:, 26:].any()  # out of reach of the zone's receptive field


@pytest.mark.parametrize("channels", ["last", "first"])
def test_semantic_segmentation_runs_natively_in_pytorch(channels, segmenters, images, zones):
    operator = "semantic segmentation"
    in_keras = WaveletSaliency(segmenters[0], operator=operator)(images, zones).numpy()
    explainer = WaveletSaliency(segmenters[1], operator=operator)
    if channels == "last":
        in_torch = explainer(images, zones).numpy()
    else:
        answer = explainer(channels_first(images), channels_first(zones))
        assert isinstance(answer, torch.Tensor)
        in_torch = answer.numpy().transpose(0, 2, 3, 1)
    assert relative_error(in_torch, in_keras) <= 1e-4


@pytest.mark.parametrize("which", [0, 1], ids=["keras", "torch"])
def test_targets_may_be_pytorch_tensors_beside_arrays(which, segmenters, images, zones):
    explainer = WaveletSaliency(segmenters[which], operator="semantic segmentation")
    expected = explainer(images, zones)
    np.testing.assert_array_equal(explainer(images, torch.tensor(zones)), expected)


# --- metrics -------------------------------------------------------------------------------


def setting(name: str, keras_model, torch_model) -> tuple:
    """The model for the metric and for the explainer."""
    if name == "keras":
        return keras_model, keras_model
    with pytest.warns(UserWarning, match="eagerly"):
        wrapper = TorchWrapper(torch_model, "cpu")
    return wrapper, wrapper


each_setting = pytest.mark.parametrize("framework", ["keras", "torch_wrapper"])


@each_setting
@pytest.mark.parametrize(
    ("metric", "arguments"),
    [
        ("Deletion", {"steps": 3}),
        ("Insertion", {"steps": 3}),
        ("MuFidelity", {"grid_size": 4, "nb_samples": 10}),
        ("AverageDropMetric", {}),
        ("AverageGainMetric", {}),
        ("AverageIncreaseMetric", {}),
    ],
)
def test_fidelity_metrics_take_the_explanations(
    metric, arguments, framework, keras_model, torch_model, images, targets
):
    scored, explained = setting(framework, keras_model, torch_model)
    explanations = WaveletSmoothGrad(explained, nb_samples=3)(images, targets)
    score = getattr(metrics, metric)(scored, images, targets, **arguments)(explanations)
    assert np.isfinite(score)


@each_setting
def test_average_stability_takes_the_explainer(
    framework, keras_model, torch_model, images, targets
):
    scored, explained = setting(framework, keras_model, torch_model)
    metric = metrics.AverageStability(scored, images[:2], targets[:2], nb_samples=3)
    score = metric(WaveletSmoothGrad(explained, nb_samples=2))
    assert np.isfinite(score)
    assert score > 0


@pytest.mark.parametrize("cls", [WaveletSaliency, WaveletIntegratedGradients])
def test_mege_takes_the_class(cls, images, targets):
    def learn(inputs, labels, test_inputs, test_labels):
        return make_keras()

    metric = metrics.MeGe(learn, images, targets, k_splits=2)
    score = metric.evaluate(cls, {"batch_size": 8, **quick(cls)})
    assert all(np.isfinite(score))


def test_mege_finds_models_of_the_same_weights_in_agreement(images, targets):
    metric = metrics.MeGe(lambda *_: make_keras(), images, targets, k_splits=2)
    mege, _ = metric.evaluate(WaveletSaliency)
    assert mege == pytest.approx(1)


@each_setting
def test_random_logit_takes_the_explainer(framework, keras_model, torch_model, images, targets):
    scored, explained = setting(framework, keras_model, torch_model)
    score = metrics.RandomLogitMetric(scored, images, targets)(WaveletSaliency(explained))
    assert np.isfinite(score)
    assert score < 1


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


@pytest.mark.parametrize("output_layer", [None, "logits"])
@each_explainer
def test_model_randomization_sees_the_randomized_model(
    cls, output_layer, keras_model, images, targets
):
    explainer = cls(keras_model, output_layer, **quick(cls))
    model = explainer.model
    scores = [
        metrics.ModelRandomizationMetric(
            keras_model, images, targets, randomization_strategy=strategy
        )(explainer)
        for strategy in (Untouched(), Rescaled())
    ]
    assert scores[0] == pytest.approx(1, abs=1e-3)
    assert scores[1] < 0.9
    assert explainer.model is model


def test_model_randomization_works_with_its_default_strategy(keras_model, images, targets):
    metric = metrics.ModelRandomizationMetric(keras_model, images, targets)
    assert np.isfinite(metric(WaveletSmoothGrad(keras_model, nb_samples=2)))


# --- plots ---------------------------------------------------------------------------------


@pytest.fixture
def pyplot():
    backend = mpl.get_backend()
    mpl.use("Agg")
    import matplotlib.pyplot as plt

    yield plt
    plt.close("all")
    mpl.use(backend)


@each_explainer
def test_xpliques_metrics_and_plots_take_every_method(cls, pyplot, keras_model, images, targets):
    explanations = cls(keras_model, **quick(cls))(images, targets)
    for metric in (metrics.Deletion, metrics.Insertion):
        assert np.isfinite(metric(keras_model, images, targets, steps=2)(explanations))
    for metric in (metrics.Complexity, metrics.Sparseness):
        assert np.isfinite(metric()(explanations))
    plots.plot_attributions(explanations, images, cols=2, img_size=1, alpha=0.5)
    assert len(pyplot.gcf().axes) >= len(images)
    pyplot.gcf().canvas.draw()
    plots.plot_attribution(explanations[0], images[0], clip_percentile=1.0)
    pyplot.gcf().canvas.draw()


def test_an_explainer_is_called_as_explain_is(keras_model, images, targets):
    explainer = WaveletSaliency(keras_model)
    expected = explainer.explain(images, targets)
    dataset = tf.data.Dataset.from_tensor_slices((images, targets))
    np.testing.assert_array_equal(explainer(inputs=images, targets=targets), expected)
    np.testing.assert_array_equal(explainer(images, targets), expected)
    np.testing.assert_array_equal(explainer(dataset), expected)
    np.testing.assert_array_equal(explainer(dataset, None), expected)
    np.testing.assert_array_equal(explainer(dataset.batch(3)), expected)


def test_an_output_layer_can_be_numbered_by_numpy(keras_model, images, targets):
    expected = WaveletSaliency(keras_model, output_layer=-2)(images, targets)
    actual = WaveletSaliency(keras_model, output_layer=np.int64(-2))(images, targets)
    np.testing.assert_array_equal(actual, expected)
    with pytest.raises(ValueError, match="True is not among"):
        WaveletSaliency(keras_model, output_layer=True)
