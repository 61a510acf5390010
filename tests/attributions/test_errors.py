"""Bad input: a clear error, before the model has run."""

from __future__ import annotations

import keras
import numpy as np
import pytest
import tensorflow as tf
import torch
from torch import nn

from wam_xplique.attributions import (
    WaveletIntegratedGradients,
    WaveletSaliency,
    WaveletSmoothGrad,
    WaveletVarGrad,
)

from .helpers import (
    EXPLAINERS,
    FRAMEWORKS,
    STATISTICS,
    counting_model,
    each_explainer,
    each_framework,
    quick,
    relative_error,
)

SHAPE = (2, 16, 16, 3)


@pytest.fixture
def x() -> np.ndarray:
    return np.random.default_rng(0).random(SHAPE, dtype=np.float32)


@pytest.fixture
def y() -> np.ndarray:
    return np.eye(3, dtype=np.float32)[[2, 1]]


@pytest.fixture(params=FRAMEWORKS)
def model(request):
    """A model of either framework that must not run."""
    model, rows = counting_model(request.param)
    yield model
    assert not rows, "the model ran before the error"


# --- the transform -------------------------------------------------------------------------


@each_explainer
def test_an_unknown_wavelet_is_named_with_the_nearest(cls, model):
    with pytest.raises(ValueError, match=r"'db44'.*nearest.*db4"):
        cls(model, wavelet="db44")


def test_a_continuous_wavelet_is_unknown(model):
    with pytest.raises(ValueError, match=r"'morl' is not a discrete wavelet"):
        WaveletSaliency(model, wavelet="morl")


@pytest.mark.parametrize(
    "wavelet", [None, 2, ("haar", "haar"), [[1.0], [1.0, 2.0], [1.0], [1.0]]], ids=str
)
def test_what_is_no_wavelet_is_refused(wavelet, model):
    with pytest.raises((TypeError, ValueError), match="wavelet"):
        WaveletSaliency(model, wavelet=wavelet)


@each_explainer
def test_an_unknown_mode_is_named_with_the_nearest(cls, model):
    with pytest.raises(ValueError, match=r"'symetric'.*nearest.*symmetric"):
        cls(model, mode="symetric")


@pytest.mark.parametrize("mode", [None, 3])
def test_a_mode_that_is_no_name_is_refused(mode, model):
    with pytest.raises((TypeError, ValueError), match="mode"):
        WaveletSaliency(model, mode=mode)


@each_explainer
@pytest.mark.parametrize(("wavelet", "level", "highest"), [("haar", 5, 4), ("db4", 2, 1)])
def test_a_level_too_high_names_the_highest_possible(cls, wavelet, level, highest, model, x, y):
    explainer = cls(model, wavelet=wavelet, level=level)
    with pytest.raises(ValueError, match=rf"level={level}.*highest level possible is {highest}"):
        explainer(x, y)


def test_the_smaller_side_limits_the_level(model, y):
    with pytest.raises(ValueError, match=r"\(16, 4\).*highest level possible is 2"):
        WaveletSaliency(model, operator=_operator_of(model), level=3)(np.ones((2, 16, 4, 3)), y)


def _operator_of(model):
    """An operator that does not look at the shapes, so that only the level can be wrong."""
    if isinstance(model, nn.Module):
        return lambda model, x, y: model(x).sum(-1)
    return lambda model, x, y: tf.reduce_sum(model(x), -1)


def test_the_highest_level_possible_is_possible(x, y):
    for framework in FRAMEWORKS:
        model, _ = counting_model(framework)
        assert WaveletSaliency(model, level=4)(x, y).shape == (2, 16, 16, 1)


@pytest.mark.parametrize("level", [-1, 1.5, "3", True])
def test_a_level_that_is_no_count_is_refused(level, model):
    with pytest.raises(ValueError, match=r"level must be None or an integer of at least 0, got"):
        WaveletSaliency(model, level=level)


# --- targets -------------------------------------------------------------------------------


@each_framework
@pytest.mark.parametrize("labels", [[2, 1], np.array([[2], [1]]), torch.tensor([2, 1])], ids=repr)
def test_labels_are_taken_for_one_hot_targets(framework, labels, x, y):
    model, _ = counting_model(framework)
    np.testing.assert_allclose(
        WaveletSaliency(model)(x, labels), WaveletSaliency(model)(x, y), rtol=1e-6
    )


@each_explainer
@each_framework
def test_labels_that_are_no_classes_are_refused(cls, framework, x):
    model, rows = counting_model(framework)
    with pytest.raises(ValueError, match=r"labels from 0 to 2, .*; got labels from 1 to 3"):
        cls(model)(x, [3, 1])
    assert sum(rows) <= 1


@each_framework
def test_targets_that_weigh_nothing_are_refused(framework, x, y):
    model, rows = counting_model(framework)
    y[1] = 0
    with pytest.raises(ValueError, match=r"weigh at least one output; those at \[1\]"):
        WaveletSaliency(model)(x, y)
    assert not rows


@pytest.mark.parametrize("shape", [(3, 3), (1, 3), (0, 3), ()])
def test_targets_must_be_one_for_each_input(shape, model, x):
    with pytest.raises(ValueError, match=r"targets must be one for each of the 2 inputs"):
        WaveletSaliency(model)(x, np.ones(shape))


@pytest.mark.parametrize("shape", [(2, 1), (2, 2), (2, 4), (2, 3, 1), (2, 1, 3)])
def test_targets_must_have_the_shape_of_the_outputs(shape, x):
    model, rows = counting_model("tensorflow")
    with pytest.raises(ValueError, match=r"targets must be .* of shape .*3.*got shape"):
        WaveletSaliency(model)(x, np.ones(shape))
    assert not rows


@pytest.mark.parametrize("shape", [(2, 16, 16, 1), (2, 16, 16, 2), (2, 8, 16, 4), (2, 4)])
@each_framework
def test_zones_of_a_segmentation_must_have_the_shape_of_the_outputs(framework, shape, x):
    if framework == "tensorflow":
        layers = [keras.layers.Input(SHAPE[1:]), keras.layers.Conv2D(4, 3, padding="same")]
        model = keras.Sequential(layers)
    else:
        model = nn.Conv2d(3, 4, 3, padding=1).eval()
    with pytest.raises(ValueError, match="targets"):
        WaveletSaliency(model, operator="semantic segmentation")(x, np.ones(shape))


@each_framework
def test_each_target_of_a_segmentation_must_have_a_zone(framework, x):
    if framework == "tensorflow":
        layers = [keras.layers.Input(SHAPE[1:]), keras.layers.Conv2D(4, 3, padding="same")]
        model = keras.Sequential(layers)
    else:
        model = nn.Conv2d(3, 4, 3, padding=1).eval()
    zones = np.zeros((2, 16, 16, 4))
    zones[0, 3:5, 3:5, 1] = 1
    with pytest.raises(ValueError, match=r"targets must have a zone.*\[1\]"):
        WaveletSaliency(model, operator="semantic segmentation")(x, zones)


def test_a_model_of_several_outputs_needs_a_choice(x, y):
    inputs = keras.layers.Input(SHAPE[1:])
    flat = keras.layers.Flatten()(inputs)
    outputs = [keras.layers.Dense(3, name=name)(flat) for name in ("left", "right")]
    model = keras.Model(inputs, outputs)
    with pytest.raises(ValueError, match="several outputs"):
        WaveletSaliency(model)(x, y)
    assert WaveletSaliency(model, output_layer="right")(x, y).shape == (2, 16, 16, 1)


@each_explainer
@pytest.mark.parametrize("shape", [(2, 1), (2, 2), (2, 4), (2, 3, 1)])
def test_targets_never_broadcast_to_the_outputs_of_a_module(cls, shape, x):
    """The classes of a PyTorch module show when it runs; a wrong count is refused then."""
    model, _ = counting_model("torch")
    with pytest.raises(ValueError, match="targets"):
        cls(model, **quick(cls))(x, np.ones(shape))


def test_targets_never_broadcast_to_the_outputs_of_a_tf_module(x):
    class Module(tf.Module):
        def __call__(self, inputs):
            return tf.reduce_sum(inputs, (1, 2))

    with pytest.raises(ValueError, match="targets"):
        WaveletSaliency(Module())(x, np.ones((2, 1)))


def test_targets_are_needed(model, x):
    with pytest.raises(ValueError, match="targets must be given"):
        WaveletSaliency(model).explain(x)


def test_a_dataset_takes_no_targets_besides_its_own(model, x, y):
    dataset = tf.data.Dataset.from_tensor_slices((x, y))
    with pytest.raises(ValueError, match="targets must be None"):
        WaveletSaliency(model)(dataset, y)


def test_a_dataset_must_hold_targets(model, x):
    with pytest.raises(ValueError, match=r"batches \(inputs, targets\)"):
        WaveletSaliency(model)(tf.data.Dataset.from_tensor_slices(x), None)


@pytest.mark.parametrize("targets", [[["a", "b", "c"]] * 2, [[object()] * 3] * 2])
def test_targets_that_are_no_numbers_are_refused(targets, model, x):
    with pytest.raises(TypeError, match="targets must be an array of real numbers"):
        WaveletSaliency(model)(x, targets)


@pytest.mark.parametrize("bad", [np.nan, np.inf])
def test_targets_must_be_finite(bad, x, y):
    model, _ = counting_model("tensorflow")
    y[0, 0] = bad
    with pytest.raises(ValueError, match="finite"):
        WaveletSaliency(model)(x, y)


# --- inputs --------------------------------------------------------------------------------


@each_explainer
@pytest.mark.parametrize("bad", [np.nan, np.inf, -np.inf])
def test_inputs_must_be_finite(cls, bad, model, x, y):
    x[1, 2, 3, 0] = bad
    with pytest.raises(ValueError, match="inputs must be finite"):
        cls(model)(x, y)


def test_inputs_too_large_for_single_precision_are_not_finite(x, y):
    model, rows = counting_model("tensorflow")
    with (
        pytest.raises(ValueError, match="inputs must be finite"),
        np.errstate(over="ignore"),
    ):
        WaveletSaliency(model)(x.astype(float) * 1e300, y)
    assert not rows


def test_pytorch_tensors_too_large_for_the_modules_precision_are_not_finite(x, y):
    model, _ = counting_model("torch")
    with pytest.raises(ValueError, match="inputs must be finite"):
        WaveletSaliency(model)(torch.tensor(x).permute(0, 3, 1, 2).double() * 1e300, y)


@pytest.mark.parametrize("bad", [np.nan, np.inf])
def test_pytorch_tensors_must_be_finite(bad, x, y):
    model, rows = counting_model("torch")
    x[0, 0, 0, 0] = bad
    with pytest.raises(ValueError, match="inputs must be finite"):
        WaveletSaliency(model)(torch.tensor(x).permute(0, 3, 1, 2), torch.tensor(y))
    assert not rows


@each_explainer
@pytest.mark.parametrize("shape", [(0, 16, 16, 3), (2, 0, 16, 3), (2, 16, 16, 0)])
def test_an_empty_batch_is_refused(cls, shape, model):
    with pytest.raises(ValueError, match=r"inputs must not be empty, got shape \(\d"):
        cls(model)(np.ones(shape), np.ones((shape[0], 3)))


def test_an_empty_batch_of_pytorch_is_refused():
    model, rows = counting_model("torch")
    with pytest.raises(ValueError, match="inputs must not be empty"):
        WaveletSaliency(model)(torch.ones(0, 3, 16, 16), torch.ones(0, 3))
    assert not rows


def test_empty_lists_and_datasets_are_refused(model, x, y):
    with pytest.raises(ValueError, match="inputs must not be empty"):
        WaveletSaliency(model)([], [])
    dataset = tf.data.Dataset.from_tensor_slices((x, y)).take(0)
    with pytest.raises(ValueError, match="inputs must not be empty"):
        WaveletSaliency(model)(dataset, None)


@pytest.mark.parametrize(
    "inputs",
    [
        np.full(SHAPE, "pixel"),
        np.full(SHAPE, None),
        [["a"]],
        "image.png",
        [[1.0, 2.0], [3.0]],
        np.ones(SHAPE, complex),
        np.zeros(SHAPE, "datetime64[s]"),
        object(),
        tf.constant(["a", "b"]),
    ],
    ids=["strings", "objects", "list", "path", "ragged", "complex", "dates", "object", "tensor"],
)
def test_inputs_that_cannot_be_floats_are_refused(inputs, model, y):
    with pytest.raises(TypeError, match="inputs must be an array of real numbers"):
        WaveletSaliency(model)(inputs, y)


def test_complex_pytorch_tensors_are_refused(y):
    model, rows = counting_model("torch")
    with pytest.raises(TypeError, match="real"):
        WaveletSaliency(model)(torch.ones((2, 3, 16, 16), dtype=torch.complex64), y)
    assert not rows


@each_framework
@pytest.mark.parametrize("dtype", ["uint8", "int32", "int64", "bool", "float16", "float64"])
def test_images_of_integers_or_other_floats_are_read_as_single_precision(dtype, framework, x, y):
    model, _ = counting_model(framework)
    images = (x * 255).astype(dtype)
    explainer = WaveletSaliency(model)
    expected = explainer(images.astype(np.float32), y)
    assert relative_error(explainer(images, y), expected) <= 1e-6
    assert explainer(images, y).dtype == tf.float32


@pytest.mark.parametrize("shape", [(2,), (2, 2, 8, 8, 8, 3)])
def test_inputs_must_have_a_known_number_of_axes(shape, model, y):
    with pytest.raises(ValueError, match=r"inputs must be signals .* images .* volumes"):
        WaveletSaliency(model)(np.ones(shape), y)


def test_pytorch_tensors_into_a_keras_model_are_refused(x, y):
    model, rows = counting_model("tensorflow")
    with pytest.raises(TypeError, match="PyTorch tensors, but the model runs in TensorFlow"):
        WaveletSaliency(model)(torch.tensor(x).permute(0, 3, 1, 2), torch.tensor(y))
    assert not rows


MASKED = np.ma.masked_greater(np.random.default_rng(0).random(SHAPE), 0.5)


@pytest.mark.parametrize(
    "use",
    [
        lambda explain, x, y: explain(MASKED, y),
        lambda explain, x, y: explain(list(MASKED), y),
        lambda explain, x, y: explain(iter([(MASKED, y)]), None),
        lambda explain, x, y: explain(x, np.ma.masked_equal(y, 0)),
        lambda explain, x, y: explain(x, np.ma.masked_equal([2, 1], 1)),
        lambda explain, x, y: explain(iter([(x, np.ma.masked_equal(y, 0))]), None),
    ],
    ids=["inputs", "list", "batches", "targets", "labels", "targets of batches"],
)
def test_masked_arrays_are_refused(use, model, x, y):
    with pytest.raises(TypeError, match=r"(inputs|targets) must be numbers without gaps.*masked"):
        use(WaveletSaliency(model), x, y)
    with pytest.raises(TypeError, match="baseline_value must be numbers without gaps"):
        WaveletIntegratedGradients(model, baseline_value=[MASKED[0]])


OF_AXES = {(2, 32): 2, (2, 32, 3): 3, (2, 8, 8, 8, 3): 5}


@pytest.mark.parametrize("shape", OF_AXES, ids=str)
def test_inputs_of_other_axes_are_refused_before_a_model_that_tells_its_own_runs(shape, y):
    keras_model, rows = counting_model("tensorflow")

    class Signed(tf.Module):
        @tf.function(input_signature=[tf.TensorSpec((None, 16, 16, 3), tf.float32)])
        def __call__(self, x):
            return keras_model(x)

    modules = nn.Sequential(nn.Sequential(nn.Conv2d(3, 3, 3)), nn.Flatten()).eval()
    exported = torch.export.export(modules, (torch.ones(2, 3, 16, 16),)).module()
    modules[0].register_forward_pre_hook(lambda *_: rows.append(1))
    for model in (keras_model, Signed(), modules, exported):
        with pytest.raises(ValueError, match=r"inputs of shape .* do not fit the model, which tak"):
            WaveletSaliency(model)(np.ones(shape, np.float32), y)
    assert not rows


class Inside(nn.Module):
    def __init__(self):
        super().__init__()
        self.inside = nn.Conv2d(3, 3, 3)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return self.inside(x).mean((-2, -1))


@pytest.mark.parametrize("scripted", [False, True])
@pytest.mark.parametrize("shape", OF_AXES, ids=str)
def test_inputs_of_other_axes_are_told_where_only_the_forward_can(shape, scripted, y):
    model = torch.jit.script(Inside().eval()) if scripted else Inside().eval()
    with pytest.raises(ValueError, match=r"inputs of shape \(.*\) do not fit the model: "):
        WaveletSaliency(model)(np.ones(shape, np.float32), y)


@pytest.mark.parametrize("targets", [2, np.array(1.0), np.ones((2, 3, 1, 1))], ids=str)
def test_targets_of_other_axes_are_refused(targets, x):
    model, rows = counting_model("tensorflow")
    with pytest.raises(ValueError, match="targets must be one"):
        WaveletSaliency(model)(x, targets)
    assert not rows


# --- the model -----------------------------------------------------------------------------


class LikeScikitLearn:
    """A model known by its predictions only."""

    def predict_proba(self, inputs):
        raise AssertionError("the model ran")

    __call__ = predict = predict_proba


@each_explainer
@pytest.mark.parametrize(
    "model",
    [lambda inputs: inputs, LikeScikitLearn(), None, "model"],
    ids=lambda m: type(m).__name__,
)
def test_a_model_without_gradients_is_refused(cls, model):
    with pytest.raises(TypeError, match=r"needs gradients.*does not give.*expected a Keras model"):
        cls(model)


@each_explainer
def test_a_keras_model_that_stops_the_gradient_is_refused(cls, x, y):
    inputs = keras.Input(SHAPE[1:])
    pooled = keras.layers.GlobalAveragePooling2D()(inputs)
    stopped = keras.layers.Lambda(tf.stop_gradient, output_shape=(3,))(pooled)
    with pytest.raises(ValueError, match="no gradient"):
        cls(keras.Model(inputs, stopped), **quick(cls))(x, y)


class Stopped(nn.Module):
    """Scores cut off from the input."""

    def forward(self, inputs: torch.Tensor) -> torch.Tensor:
        return inputs.detach().mean((1, 2))


class Constant(nn.Module):
    """Scores with a gradient, but not with respect to the input."""

    def __init__(self):
        super().__init__()
        self.scores = nn.Parameter(torch.ones(3))

    def forward(self, inputs: torch.Tensor) -> torch.Tensor:
        return self.scores.expand(len(inputs), 3)


@each_explainer
@pytest.mark.parametrize("module", [Stopped(), Constant()], ids=lambda m: type(m).__name__)
def test_a_pytorch_model_that_stops_the_gradient_is_refused(cls, module, x, y):
    with pytest.raises(ValueError, match=r"no gradient|do not depend on its inputs"):
        cls(module.eval(), **quick(cls))(x, y)


# --- parameters ----------------------------------------------------------------------------


@each_explainer
@pytest.mark.parametrize("reducer", ["median", "Mean", "", 1, ["mean"]])
def test_an_unknown_reducer_is_refused_and_the_choices_named(cls, reducer, model):
    with pytest.raises(ValueError, match=r"reducer must be None or one of .*'mean'.*got"):
        cls(model, reducer=reducer)


@each_explainer
@pytest.mark.parametrize("normalize", ["bands", "max", True, 1])
def test_an_unknown_normalization_is_refused_and_the_choices_named(cls, normalize, model):
    with pytest.raises(ValueError, match=r"normalize must be None or one of \('band',\), got"):
        cls(model, normalize=normalize)


@each_explainer
@pytest.mark.parametrize("batch_size", [0, -1, 1.5, True, "8", np.nan])
def test_a_batch_size_that_is_no_positive_integer_is_refused(cls, batch_size, model):
    with pytest.raises(ValueError, match=r"batch_size must be .* at least 1, got"):
        cls(model, batch_size=batch_size)


def test_numpys_integers_are_integers(keras_model, images, targets):
    explainer = WaveletSmoothGrad(
        keras_model, batch_size=np.int64(3), nb_samples=np.int32(2), level=np.int16(2)
    )
    assert explainer(images, targets).shape == (4, 32, 32, 1)


@each_explainer
def test_an_unknown_operator_is_refused_and_the_choices_named(cls, model):
    with pytest.raises(ValueError, match=r"'clasification'.*expected one of.*'classification'"):
        cls(model, operator="clasification")


@pytest.mark.parametrize("operator", [3, lambda model, x: model(x)], ids=["number", "two_args"])
def test_an_operator_that_is_no_function_of_three_is_refused(operator, model):
    with pytest.raises(ValueError, match=r"operator must be a task or a callable"):
        WaveletSaliency(model, operator=operator)


def test_an_operator_that_only_tensorflow_runs_is_refused_for_a_pytorch_module():
    model, _ = counting_model("torch")
    with pytest.raises(ValueError, match=r"written in TensorFlow.*TorchWrapper"):
        WaveletSaliency(model, operator="object detection")


@each_explainer
@pytest.mark.parametrize("layer", ["no_such_layer", 99, -99, 1.5])
def test_an_unknown_output_layer_is_refused_and_the_layers_named(cls, layer):
    model, rows = counting_model("tensorflow")
    with pytest.raises(ValueError, match=rf"output_layer={layer!r} is not among.*dense"):
        cls(model, output_layer=layer)
    assert not rows


@pytest.mark.parametrize("layer", ["0", -1])
def test_output_layer_needs_a_keras_model(layer):
    model, _ = counting_model("torch")
    with pytest.raises(TypeError, match=r"output_layer.*needs a Keras model.*PyTorch"):
        WaveletSaliency(model, output_layer=layer)


@pytest.mark.parametrize("cls", STATISTICS, ids=lambda cls: cls.__name__)
@pytest.mark.parametrize("nb_samples", [0, -5, 2.5, None, True])
def test_nb_samples_must_be_a_positive_integer(cls, nb_samples, model):
    with pytest.raises(ValueError, match="nb_samples must be an integer of at least"):
        cls(model, nb_samples=nb_samples)


def test_a_variance_needs_two_samples(model):
    with pytest.raises(ValueError, match="nb_samples must be an integer of at least 2, got 1"):
        WaveletVarGrad(model, nb_samples=1)
    assert WaveletVarGrad(model, nb_samples=2).nb_samples == 2


@pytest.mark.parametrize("cls", STATISTICS, ids=lambda cls: cls.__name__)
@pytest.mark.parametrize("name", ["noise", "relative_noise"])
@pytest.mark.parametrize("value", [-0.1, np.nan, np.inf, "0.2", True])
def test_noise_must_be_a_finite_number_that_is_not_negative(cls, name, value, model):
    with pytest.raises(ValueError, match=rf"{name} must be a finite number of at least 0"):
        cls(model, **{name: value})


@pytest.mark.parametrize("cls", STATISTICS, ids=lambda cls: cls.__name__)
@pytest.mark.parametrize("name", ["noise", "relative_noise"])
@pytest.mark.parametrize("value", [1e38, 1e300])
def test_noise_that_leaves_single_precision_is_refused(cls, name, value, model, x, y):
    with pytest.raises(ValueError, match=rf"^{name}=1e\+\d+ is too large: .* range of float32"):
        cls(model, **{name: value})(x, y)


@each_explainer
@each_framework
@pytest.mark.parametrize("wrong", [[1.0, 2.0], None, 1.0, "NK", "N+1"], ids=str)
def test_an_operator_of_no_scores_is_refused_after_one_input(cls, framework, wrong, x, y):
    model, rows = counting_model(framework)
    concat = torch.cat if framework == "torch" else lambda parts: tf.concat(parts, 0)

    def operator(model, x, y):
        outputs = model(x)
        return {"NK": outputs, "N+1": concat([outputs[:, 0]] * 2)}.get(str(wrong), wrong)

    with pytest.raises((TypeError, ValueError), match="operator must give one score for each in"):
        cls(model, operator=operator)(x, y)
    assert rows == [1]


@pytest.mark.parametrize(("quadrature", "fewest"), [("gauss-legendre", 1), ("trapezoid", 2)])
def test_a_path_needs_as_many_steps_as_its_quadrature(quadrature, fewest, model):
    for steps in (fewest - 1, -1, 10.0, None):
        with pytest.raises(ValueError, match=f"steps must be an integer of at least {fewest}"):
            WaveletIntegratedGradients(model, steps=steps, quadrature=quadrature)


@pytest.mark.parametrize("baseline", [np.nan, np.inf, -np.inf])
def test_a_baseline_must_be_finite(baseline, model):
    with pytest.raises(ValueError, match="baseline_value must be finite numbers"):
        WaveletIntegratedGradients(model, baseline_value=baseline)


@pytest.mark.parametrize("baseline", ["0", None, True])
def test_a_baseline_must_be_a_number(baseline, model):
    with pytest.raises(TypeError, match="baseline_value must be a number or an array of numbers"):
        WaveletIntegratedGradients(model, baseline_value=baseline)


@each_explainer
@pytest.mark.parametrize("seed", [-1, 1.5, None, "0", True])
def test_a_seed_must_be_an_integer_that_is_not_negative(cls, seed, model):
    with pytest.raises(ValueError, match="seed must be an integer of at least 0"):
        cls(model, seed=seed)


def test_parameters_of_the_wavelet_are_keyword_only(model):
    with pytest.raises(TypeError, match="positional"):
        WaveletSaliency(model, None, 32, None, "mean", "haar")


def test_every_message_shows_the_value_that_was_given(model):
    for arguments in ({"batch_size": -7}, {"reducer": "-7"}, {"seed": -7}, {"level": -7}):
        for cls in EXPLAINERS:
            with pytest.raises(ValueError, match="-7"):
                cls(model, **arguments)


def test_one_input_without_its_axis_is_told_so(model, y):
    from wam_xplique.metrics import WaveletDeletion

    one = np.ones((16, 16, 3), np.float32)
    for use in (WaveletSaliency(model), lambda x, y: WaveletDeletion(model, x, y)):
        with pytest.raises(
            ValueError, match=r"If \(16, 16, 3\) is .* one input.*inputs\[np.newaxis"
        ):
            use(one, y[:1])
