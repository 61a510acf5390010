"""Bad input to the explainers: a clear error, before the model has run where it can be."""

from __future__ import annotations

import re
from dataclasses import fields
from typing import Any

import keras
import numpy as np
import pytest
import tensorflow as tf
import torch
from torch import nn
from xplique.attributions.global_sensitivity_analysis import (
    HaltonSequenceRS,
    JansenEstimator,
    ScipySobolSequence,
    ScipySobolSequenceRS,
    TFSobolSequenceRS,
)
from xplique.commons.operators import regression_operator

from wam_xplique.algorithms.cells import PARTITIONS
from wam_xplique.attributions import (
    FAM,
    WCAM,
    WaveletIntegratedGradients,
    WaveletSaliency,
    WaveletSmoothGrad,
    WaveletVarGrad,
)
from wam_xplique.attributions.samplers import (
    MonteCarloRS,
    ScrambledSobolSequenceRS,
    SeededLatinHypercubeRS,
)
from wam_xplique.metrics import WaveletDeletion

from ..modules import TorchModule, channels_first, segmenters
from .helpers import (
    EXPLAINERS,
    FRAMEWORKS,
    SOBOL,
    STATISTICS,
    Module,
    NoDesign,
    counting_model,
    each,
    each_explainer,
    each_framework,
    each_sobol,
    quick,
    relative_error,
)

EVERY = (*EXPLAINERS, *SOBOL)
ONE_OF_EACH = (WaveletSaliency, WCAM)  # of what takes gradients and of what does not
KINDS = ("callable", *FRAMEWORKS)
SHAPE = (2, 16, 16, 3)
X = np.random.default_rng(0).random(SHAPE, dtype=np.float32)
Y = np.eye(3, dtype=np.float32)[[2, 1]]


def explainer(cls: type, model: Any, **options: Any) -> Any:
    return cls(model, **(quick(cls) | options))


@pytest.fixture(params=FRAMEWORKS)
def model(request):
    """A model of either framework that must not run."""
    model, rows = counting_model(request.param)
    yield model
    assert not rows, "the model ran before the error"


@pytest.fixture
def function():
    """A callable that must not run."""
    model, rows = counting_model("callable")
    yield model
    assert not rows, "the model ran before the error"


# --- parameters ----------------------------------------------------------------------------

NO_COUNT = (-1, 1.5, True, 10**30)
NO_NUMBER = (-0.1, np.nan, "0.2", True, 10**400)
NO_BASELINE = "baseline_value must be a number or an array of numbers"
TARGETS = ("interval", "rank_correlation", "forwards", "standard_error", "delta")
NO_UNTIL = [
    *({}, {"intervals": 1}, "interval", 0.1, {"forwards": 9, 3: 1}, {"rank_correlation": 1.1}),
    *({name: value} for name in TARGETS for value in (-1, np.nan, "9", None, True)),
]
NO_SAMPLERS = (ScipySobolSequenceRS, ScipySobolSequence(), lambda dimension, nb_design: None)
NO_INTERVALS = r"until=.*interval.* needs intervals.*confidence is None"
SEQUENCES = (None, ScrambledSobolSequenceRS(), ScipySobolSequenceRS(), TFSobolSequenceRS())
PARAMETERS = [  # its name, wrong values, and what is said of them by every class that has it
    ("wavelet", ["db44"], r"'db44'.*nearest.*db4"),
    ("wavelet", ["morl"], "'morl' is not a discrete wavelet"),
    ("mode", ["symetric"], r"'symetric'.*nearest.*symmetric"),
    ("mode", [3, None], "mode"),
    ("level", NO_COUNT, "level must be None or an integer of at least 0.*, got"),
    ("batch_size", (0, *NO_COUNT), "batch_size must be .*integer of at least 1.*, got"),
    ("seed", (None, *NO_COUNT), "seed must be an integer of at least 0.*, got"),
    ("ndim", [0, 4, 1.0, "2", True, np.array([1])], "ndim must be None, 1, 2 or 3, got"),
    ("operator", ["clasification"], "'clasification'.*expected one of.*'classification'"),
    ("operator", [3, lambda model, x: model(x)], "operator must be a task or a callable"),
    ("operator", [regression_operator], r"written in TensorFlow.*TorchWrapper"),
    ("reducer", ["Mean", "", ["mean"]], "reducer must be None or one of .*'mean'.*got"),
    ("normalize", ["max", True], r"normalize must be None or one of \('band',\), got"),
    ("nb_samples", [0, 2.5, None], "nb_samples must be an integer of at least"),
    ("noise", (None, *NO_NUMBER), "noise must be a finite number of at least 0"),
    ("relative_noise", NO_NUMBER, "relative_noise must be a finite number of at least"),
    ("average", ["magnitudes"], "average must be one of"),
    ("quadrature", ["simpson"], "quadrature must be one of"),
    ("steps", (0, None, *NO_COUNT), "steps must be an integer of at least 1"),
    ("baseline_value", [np.nan, [], [0.0, np.inf]], "baseline_value must be finite"),
    ("grid_size", (0, None, *NO_COUNT), "grid_size must be an integer of at least 1.*, got"),
    ("nb_design", (1, None, *NO_COUNT), "nb_design must be an integer of at least 2.*, got"),
    ("confidence", [0.0, 1.0, 95, "0.9"], "confidence must be None or a number between 0 and 1"),
    ("until", NO_UNTIL, r"until(\['\w+'\] must be (a finite|at)| must be None or a dict .*got)"),
    ("refine", [0.0, 1.0, -0.1, 0, -5, True, "0.1", np.nan], "refine must be .*, got"),
    ("partition", ["quadtree", None], r"partition must be one of \('mosaic', .*'scale'\), got"),
    ("perturbation", ["ring", None], r"perturbation must be one of \('circle', .*'grid'\), got"),
]
OF_ANOTHER_TYPE = [
    ("wavelet", [2, None, ("haar", "haar")], r"wavelet must be a name, .* four filters, got"),
    ("wavelet", [[[1.0], [1.0, 2.0], [1.0], [1.0]]], "wavelet"),
    ("front_end", [3], "front_end must be None or a callable, got 3"),
    ("baseline_value", ["black", None, True], NO_BASELINE),
    ("baseline_value", [np.ma.masked_greater(X, 0.5)], "baseline_value must be numbers without ga"),
    ("sampler", ["sobol", *NO_SAMPLERS], "sampler must be a replicated sampler.*ScipySobolSequ"),
    ("estimator", ["jansen", JansenEstimator], "estimator must be a Sobol estimator.*JansenEsti"),
]


@pytest.mark.parametrize(
    ("error", "name", "values", "message"),
    [(ValueError, *row) for row in PARAMETERS] + [(TypeError, *row) for row in OF_ANOTHER_TYPE],
    ids=lambda value: value if isinstance(value, str) and value.isidentifier() else "",
)
def test_wrong_parameters_are_named_with_their_values(error, name, values, message):
    model, rows = counting_model("torch")
    classes = [cls for cls in EVERY if name in {field.name for field in fields(cls)}]
    assert classes
    for cls in classes:
        for value in values:
            with pytest.raises(error, match=message) as refused:
                cls(model, **{name: value})
            assert not message.endswith("got") or repr(value) in str(refused.value)
    assert not rows


IG = WaveletIntegratedGradients
TOGETHER = [  # the class, parameters that do not go together, and what is said of them
    (WaveletVarGrad, {"nb_samples": 1}, "nb_samples must be .* at least 2, got 1"),
    (WaveletVarGrad, {"until": {"delta": 0.1}}, "until must be .*standard_error"),
    (IG, {"until": {"interval": 1}}, "until must be .*delta"),
    (IG, {"quadrature": "trapezoid", "steps": 1}, "steps must be .* at least 2, got 1"),
    *((cls, {"until": {"interval": 1}, "confidence": None}, NO_INTERVALS) for cls in SOBOL),
    *(
        (cls, {"nb_design": count, "sampler": sampler}, f"nb_design={count} must be a power of two")
        for cls in SOBOL
        for sampler in SEQUENCES
        for count in (3, 100)
    ),
]


def test_parameters_that_do_not_go_together_are_refused(model):
    for cls, options, message in TOGETHER:
        with pytest.raises(ValueError, match=message):
            cls(model, **options)


@each_sobol
def test_the_least_counts_are_possible_as_numpys_integers_too(cls, function):
    lowest = {"grid_size": 1, "nb_design": 2, "batch_size": 1, "seed": 0}
    for name, value in lowest.items():
        for given in (value, np.int64(value)):
            assert getattr(cls(function, **{name: given}), name) == value
    assert cls(function, batch_size=None, until={"forwards": 100}, confidence=None)


def test_numpys_integers_and_the_highest_level_are_explained():
    counts = {"batch_size": np.int64(3), "nb_samples": np.int32(2), "level": np.int16(4)}
    for framework in FRAMEWORKS:
        explain = WaveletSmoothGrad(counting_model(framework)[0], **counts)
        assert explain(X, Y).shape == (2, 16, 16, 1)


@pytest.mark.parametrize("sampler", [MonteCarloRS(), SeededLatinHypercubeRS(), HaltonSequenceRS()])
def test_other_samplers_take_any_number_of_designs(sampler):
    explain = WCAM(counting_model("callable")[0], 4, 3, sampler, level=2, confidence=None)
    assert explain.explain_wavelet(X, Y).sobol.nb_design.tolist() == [3, 3]


@each_explainer
def test_an_unknown_output_layer_is_refused_and_the_layers_named(cls):
    model, rows = counting_model("tensorflow")
    for layer in ("no_such_layer", 99, -99, 1.5, True):
        with pytest.raises(ValueError, match=rf"output_layer={layer!r} is not among.*dense"):
            cls(model, output_layer=layer)
    assert not rows
    for layer in ("0", -1):
        with pytest.raises(TypeError, match=r"output_layer.*needs a Keras model.*PyTorch"):
            cls(counting_model("torch")[0], output_layer=layer)


def test_what_xplique_does_not_have_is_keyword_only(model):
    with pytest.raises(TypeError, match="positional"):
        WaveletSaliency(model, None, 32, None, "mean", "haar")
    for cls in SOBOL:
        with pytest.raises(TypeError, match="positional"):
            cls(model, 4, 4, None, None, 8, None, "haar")


# --- inputs and targets --------------------------------------------------------------------


def with_bad(values: np.ndarray, bad: float) -> np.ndarray:
    changed = values.copy()
    changed[1, 0] = bad
    return changed


def dataset(*arrays: np.ndarray) -> tf.data.Dataset:
    return tf.data.Dataset.from_tensor_slices(arrays[0] if len(arrays) == 1 else arrays)


MASKED, MASKED_Y = np.ma.masked_greater(X, 0.5), np.ma.masked_equal(Y, 0)
FINITE, NUMBERS = "must be finite", "must be an array of real numbers"
EMPTY, GAPS = "inputs must not be empty", r"must be .*gaps.*masked"
WRONG = [  # the error, what is said, and the inputs and targets that it is said of
    (ValueError, f"inputs {FINITE}", [(with_bad(X, bad), Y) for bad in (np.nan, -np.inf)]),
    (ValueError, f"targets {FINITE}", [(X, with_bad(Y, bad)) for bad in (np.nan, np.inf)]),
    (ValueError, rf"{EMPTY}, got shape \(\d", [(X[:0], Y[:0]), (X[:, :0], Y), (X[..., :0], Y)]),
    (ValueError, EMPTY, [([], []), (dataset(X, Y).take(0), None)]),
    (
        ValueError,
        r"inputs must be signals .* images .* volumes",
        [(np.ones(2), Y), (np.ones((2, 2, 8, 8, 8, 3)), Y)],
    ),
    (ValueError, "targets must be given", [(X, None)]),
    (
        ValueError,
        "targets must be one for each of the",
        [(X, y) for y in (np.ones((3, 3)), Y[:1], Y[:0], np.ones(()))],
    ),
    (ValueError, r"weigh at least one output; those at \[1\]", [(X, Y * [[1], [0]])]),
    (ValueError, "targets must be None", [(dataset(X, Y), Y)]),
    (ValueError, r"batches \(inputs, targets\)", [(dataset(X), None)]),
    (
        TypeError,
        f"inputs {NUMBERS}",
        [
            *((np.full(SHAPE, value), Y) for value in ("pixel", None, 1j)),
            (np.zeros(SHAPE, "datetime64[s]"), Y),
            *((x, Y) for x in ([["a"]], "image.png", [[1.0, 2.0], [3.0]], object())),
            (tf.constant(["a", "b"]), Y),
        ],
    ),
    (TypeError, f"targets {NUMBERS}", [(X, [[bad] * 3] * 2) for bad in ("a", object())]),
    (TypeError, f"inputs {GAPS}", [(MASKED, Y), (list(MASKED), Y), ([(MASKED, Y)], None)]),
    (
        TypeError,
        f"targets {GAPS}",
        [(X, MASKED_Y), (X, np.ma.masked_equal([2, 1], 1)), ([(X, MASKED_Y)], None)],
    ),
]


@pytest.mark.parametrize(("error", "message", "given"), WRONG, ids=lambda value: str(value)[:40])
@pytest.mark.parametrize("kind", KINDS)
def test_wrong_inputs_and_targets_are_named_before_the_model_runs(error, message, given, kind):
    model, rows = counting_model(kind)
    for cls in [FAM] if kind == "callable" else ONE_OF_EACH:
        for x, y in given:
            with pytest.raises(error, match=message):
                explainer(cls, model)(iter(x) if y is None and isinstance(x, list) else x, y)
    assert not rows


@each(EVERY)
def test_every_class_checks_its_inputs_and_targets(cls):
    model, rows = counting_model("torch")
    for inputs, targets, error in (
        (with_bad(X, np.inf), Y, ValueError),
        (X, Y[:1], ValueError),
        (X, MASKED_Y, TypeError),
    ):
        with pytest.raises(error, match="must be"):
            explainer(cls, model)(inputs, targets)
    assert not rows


@each_framework
def test_labels_are_taken_for_one_hot_targets_where_there_are_such_classes(framework):
    model, rows = counting_model(framework)
    with pytest.raises(ValueError, match=r"labels from 0 to 2, .*; got labels from 1 to 3"):
        WaveletSaliency(model)(X, [3, 1])
    assert sum(rows) <= 1
    explain = WaveletSaliency(model)
    for labels in ([2, 1], np.array([[2], [1]]), torch.tensor([2, 1])):
        np.testing.assert_allclose(explain(X, labels), explain(X, Y), rtol=1e-6)


@each(ONE_OF_EACH)
def test_targets_of_a_keras_model_are_checked_beforehand(cls):
    model, rows = counting_model("tensorflow")
    for shape in ((2, 1), (2, 2), (2, 4), (2, 3, 1), (2, 1, 3)):
        with pytest.raises(ValueError, match=r"targets must be .*\('N', 3\).*got shape"):
            explainer(cls, model)(X, np.ones(shape))
    for targets in (2, np.ones((2, 3, 1, 1))):
        with pytest.raises(ValueError, match="targets must be one"):
            explainer(cls, model)(X, targets)
    assert not rows


@pytest.mark.parametrize("kind", ["callable", "torch", "tf.Module"])
@pytest.mark.parametrize("shape", [(2, 1), (2, 2), (2, 4), (2, 3, 1)])
def test_targets_never_broadcast_to_the_outputs(kind, shape):
    """The classes of other models show when one input runs; a wrong count is refused then."""
    for cls in SOBOL if kind == "callable" else ONE_OF_EACH:
        model, rows = counting_model(kind)
        with pytest.raises(ValueError, match="targets"):
            explainer(cls, model, batch_size=3)(X, np.ones(shape))
        assert rows == [1]


@each(ONE_OF_EACH)
@each_framework
def test_zones_of_a_segmentation_must_be_some_and_have_the_shape_of_the_outputs(cls, framework):
    model = segmenters(SHAPE[1:])[framework]
    explain = explainer(cls, model, operator="semantic segmentation")
    for shape in ((2, 16, 16, 1), (2, 16, 16, 3), (2, 8, 16, 2), (2, 2)):
        with pytest.raises(ValueError, match="targets"):
            explain(X, np.ones(shape))
    zones = np.zeros((2, 16, 16, 2))
    zones[0, 3:5, 3:5, 1] = 1
    with pytest.raises(ValueError, match=r"targets must have a zone.*\[1\]"):
        explain(X, zones)


def test_pytorch_tensors_are_checked_as_arrays_are():
    model, rows = counting_model("torch")
    x = channels_first(X)
    for given, error, message in (
        (x.double() * 1e300, ValueError, "inputs must be finite"),
        (x * np.nan, ValueError, "inputs must be finite"),
        (x + np.inf, ValueError, "inputs must be finite"),
        (x[:0], ValueError, "inputs must not be empty"),
        (x.to(torch.complex64), TypeError, "real"),
    ):
        with pytest.raises(error, match=message):
            WaveletSaliency(model)(given, torch.tensor(Y)[: len(given)])
    assert not rows


def test_a_keras_model_refuses_pytorch_tensors_and_what_single_precision_does_not_hold():
    model, rows = counting_model("tensorflow")
    with pytest.raises(ValueError, match="inputs must be finite"), np.errstate(over="ignore"):
        WaveletSaliency(model)(X.astype(float) * 1e300, Y)
    for cls in ONE_OF_EACH:
        with pytest.raises(TypeError, match="PyTorch tensors, but the model runs in TensorFlow"):
            explainer(cls, model)(channels_first(X), torch.tensor(Y))
    assert not rows


@each_framework
@pytest.mark.parametrize("dtype", ["uint8", "int32", "int64", "bool", "float16", "float64"])
def test_images_of_integers_or_other_floats_are_read_as_single_precision(dtype, framework):
    explain = WaveletSaliency(counting_model(framework)[0])
    images = (X * 255).astype(dtype)
    answer = explain(images, Y)
    assert relative_error(answer, explain(images.astype(np.float32), Y)) <= 1e-6
    assert answer.dtype == tf.float32


class Inside(nn.Module):
    """What takes images, as only its forward can tell."""

    def __init__(self):
        super().__init__()
        self.inside = nn.Conv2d(3, 3, 3)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return self.inside(x).mean((-2, -1))


def test_inputs_of_other_axes_are_refused_before_a_model_that_tells_its_own_runs():
    keras_model, rows = counting_model("tensorflow")

    class Signed(tf.Module):
        @tf.function(input_signature=[tf.TensorSpec((None, 16, 16, 3), tf.float32)])
        def __call__(self, x):
            return keras_model(x)

    modules = nn.Sequential(nn.Sequential(nn.Conv2d(3, 3, 3)), nn.Flatten()).eval()
    exported = torch.export.export(modules, (torch.ones(2, 3, 16, 16),)).module()
    modules[0].register_forward_pre_hook(lambda *_: rows.append(1))
    inside = Inside().eval()
    for models, told in (
        ((keras_model, Signed(), modules, exported), ", which takes"),
        ((inside, torch.jit.script(inside)), ": "),
    ):
        for model in models:
            for shape in ((2, 32), (2, 32, 3), (2, 8, 8, 8, 3)):
                message = rf"inputs of shape \(.*\) do not fit the model{told}"
                with pytest.raises(ValueError, match=message):
                    WaveletSaliency(model)(np.ones(shape, np.float32), Y)
    assert not rows


def test_one_input_without_its_axis_is_told_so(model):
    message = r"If \(16, 16, 3\) is .* one input.*inputs\[np.newaxis"
    for use in (WaveletSaliency(model), lambda x, y: WaveletDeletion(model, x, y)):
        with pytest.raises(ValueError, match=message):
            use(X[0], Y[:1])


# --- cells and levels ----------------------------------------------------------------------

FINEST, NOTHING = "grid_size=.* is too large", r"level=0 leaves nothing.*include_approximation=True"
MISFITS = [  # the class, its parameters and what it says of images of 16x16 pixels
    *(
        (cls, {"wavelet": wavelet, "level": level}, rf"level={level}.*level possible is {highest}")
        for cls in (*EXPLAINERS, WCAM)
        for wavelet, level, highest in (("haar", 5, 4), ("db4", 2, 1))
    ),
    *(
        (cls, {name: value}, rf"^{name}=1e\+\d+ is too large: .* range of float32")
        for cls in STATISTICS
        for name in ("noise", "relative_noise")
        for value in (1e38, 1e300)
    ),
    (WCAM, {"grid_size": 17}, r"grid_size=17.*16×16.*largest possible is 16"),
    (WCAM, {"partition": "subband"}, r"grid_size=28 does not part .*between \d+ and \d+"),
    (FAM, {"grid_size": 9}, rf"{FINEST}.*perturbation='circle' is 8"),
    (FAM, {"grid_size": 17, "perturbation": "grid"}, rf"{FINEST}.*perturbation='grid' is 16"),
    *((WCAM, {"grid_size": 4, "level": 0, "partition": of}, NOTHING) for of in PARTITIONS),
    *((cls, {"grid_size": 4, "sampler": NoDesign()}, "sampler NoDesign") for cls in SOBOL),
]


def test_what_does_not_fit_the_inputs_is_refused():
    model, rows = counting_model("torch")
    for cls, options, message in MISFITS:
        with pytest.raises(ValueError, match=message):
            cls(model, **options)(X, Y)
    assert not rows


def test_the_smallest_side_limits_the_level(function):
    for shape, wavelet, level, highest in (
        ((5,), "db4", 1, 0),  # a signal shorter than the filter
        ((12, 2), "haar", 4, 3),
        ((16, 4, 1), "haar", 3, 2),
        ((3, 16, 16, 1), "db2", 1, 0),  # a clip of three frames
        ((16, 4, 16, 1), "haar", 3, 2),
    ):
        sizes = re.escape(str(shape if len(shape) == 1 else shape[:-1]))
        message = rf"level={level}.*{sizes}.*level possible is {highest}"
        with pytest.raises(ValueError, match=message):
            WCAM(function, 2, wavelet=wavelet, level=level)(np.ones((2, *shape)), Y)


def test_inputs_of_another_number_of_axes_than_told_are_refused(function):
    for cls in SOBOL:
        with pytest.raises(ValueError, match="ndim=3 must have 4 axes, or 5 with channels"):
            cls(function, ndim=3)(np.ones((2, 8, 8)), Y)


# --- the model -----------------------------------------------------------------------------


class LikeScikitLearn:
    """A model known by its predictions only."""

    def predict_proba(self, inputs):
        raise AssertionError("the model ran")

    __call__ = predict = predict_proba


@each(EVERY)
def test_a_model_that_cannot_be_called_or_gives_no_gradients_is_refused(cls):
    message = r"model must be a Keras model.*predict_proba.*callable"
    wrong = [None, "model", 3, object()]
    if cls in EXPLAINERS:
        message = r"needs gradients.*does not give.*expected a Keras model"
        wrong += [lambda inputs: inputs, LikeScikitLearn()]
    for model in wrong:
        with pytest.raises(TypeError, match=message):
            cls(model)


@each(EVERY)
def test_a_module_in_training_is_refused_and_stays_so(cls):
    model, rows = counting_model("torch")
    made = explainer(cls, model)
    with pytest.raises(ValueError, match=r"evaluation mode.*model\.eval\(\)"):
        cls(model.train())
    with pytest.raises(ValueError, match="evaluation mode"):
        made(X, Y)
    assert model.training
    assert not rows
    part = nn.Sequential(model, nn.Dropout())
    model.eval()
    part.training = False
    with pytest.raises(ValueError, match="but 1 is in training mode"):
        cls(part)


@each_explainer
def test_a_model_that_stops_the_gradient_is_refused(cls):
    inputs = keras.Input(SHAPE[1:])
    pooled = keras.layers.GlobalAveragePooling2D()(inputs)
    stopped = keras.layers.Lambda(tf.stop_gradient, output_shape=(3,))(pooled)
    for model in (
        keras.Model(inputs, stopped),
        outputs("torch", lambda means: means.detach()),
        TorchModule(lambda x: torch.ones(3, requires_grad=True).expand(len(x), 3)).eval(),
    ):
        with pytest.raises(ValueError, match=r"no gradient|do not depend on its inputs"):
            cls(model, **quick(cls))(X, Y)


# --- what only a forward can tell ----------------------------------------------------------


def outputs(kind: str, function: Any) -> Any:
    """A model of images (N, 16, 16, 3) with the outputs ``function(its means (N, 3))``."""

    if kind == "tensorflow":
        return Module(lambda x: function(tf.reduce_mean(x, (1, 2))))
    of_torch = TorchModule(lambda x: function(x.mean((1, 2)))).eval()
    return of_torch if kind == "torch" else lambda x: function(x.mean((1, 2)))


@each(ONE_OF_EACH)
@each_framework
def test_an_operator_of_no_scores_is_refused_after_one_input(cls, framework):
    concat = torch.cat if framework == "torch" else lambda parts: tf.concat(parts, 0)
    for wrong in (
        lambda outputs: [1.0, 2.0],
        lambda outputs: None,
        lambda outputs: 1.0,
        lambda outputs: outputs,
        lambda outputs: concat([outputs[:, 0]] * 2),
    ):
        model, rows = counting_model(framework)
        operator = lambda model, x, y, wrong=wrong: wrong(model(x))  # noqa: E731
        with pytest.raises((TypeError, ValueError), match="operator must give one score for each"):
            explainer(cls, model, operator=operator)(X, Y)
        assert rows == [1]


@pytest.mark.parametrize("kind", KINDS)
def test_there_must_be_one_finite_score_for_each_input(kind):
    for cls in SOBOL:
        for bad in (np.nan, np.inf, -np.inf):
            model = outputs(kind, lambda means, bad=bad: means + bad)
            with (
                pytest.raises(ValueError, match="NaN or infinite scores"),
                np.errstate(invalid="ignore"),
            ):
                explainer(cls, model)(X, Y)
        explain = explainer(cls, outputs(kind, lambda means: means), operator=lambda m, x, y: y)
        with pytest.raises(ValueError, match=r"one score for each input, of shape \(\d+,\), got"):
            explain(X, Y)


@pytest.mark.parametrize("shape", [(1, 3), (3,), (), (2, 3, 1)])
def test_the_outputs_of_a_callable_must_have_the_shape_of_the_targets(shape):
    with pytest.raises(ValueError, match=r"targets must be .* of shape|one score for each"):
        explainer(WCAM, lambda images: np.ones(shape), level=1)(X, Y)


def test_one_output_a_sample_needs_no_axis_of_its_own():
    explain = explainer(WCAM, lambda images: (images**2).mean((1, 2, 3)), level=1)
    assert explain(X, np.ones((2, 1))).shape == (2, 16, 16, 1)
