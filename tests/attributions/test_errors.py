"""Bad input to the explainers: a clear error, before the model has run where it can be."""

from __future__ import annotations

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
from xplique.attributions.global_sensitivity_analysis.replicated_designs import ReplicatedSampler

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
SOBOL, WAVELETS, EVERY = (WCAM, FAM), (*EXPLAINERS, WCAM), (*EXPLAINERS, WCAM, FAM)
KINDS = ("callable", *FRAMEWORKS)


def each(classes: Any) -> Any:
    return pytest.mark.parametrize("cls", classes, ids=lambda cls: cls.__name__)


class Counted:
    """A callable that counts its rows."""

    def __init__(self):
        self.rows: list[int] = []

    def __call__(self, x: np.ndarray) -> np.ndarray:
        self.rows.append(len(x))
        return (x**2).mean(axis=(1, 2))


def make(kind: str) -> tuple[Any, list[int]]:
    if kind == "callable":
        model = Counted()
        return model, model.rows
    return counting_model(kind)


def explainer(cls: type, model: Any, **options: Any) -> Any:
    few = {"grid_size": 4, "nb_design": 2} if cls in SOBOL else quick(cls)
    return cls(model, **(few | options))


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


@pytest.fixture
def function():
    """A callable that must not run."""
    model = Counted()
    yield model
    assert not model.rows, "the model ran before the error"


# --- parameters ----------------------------------------------------------------------------

COUNTS = (-1, 1.5, "8", True, np.nan, [4])
NO_NUMBER = (-0.1, np.nan, np.inf, "0.2", True)
PARAMETERS = [  # the classes that have it, its name, wrong values, and what is said of them
    (WAVELETS, "wavelet", ["db44"], r"'db44'.*nearest.*db4"),
    (WAVELETS, "mode", ["symetric"], r"'symetric'.*nearest.*symmetric"),
    (WAVELETS, "level", [-1, 1.5, "3", True], "level must be None or an integer of at least 0, go"),
    (EVERY, "batch_size", [0, *COUNTS], "batch_size must be .*integer of at least 1, got"),
    (EVERY, "seed", [None, *COUNTS], "seed must be an integer of at least 0, got"),
    (EVERY, "ndim", [0, 4, 1.5, True, "2"], "ndim must be None, 1, 2 or 3, got"),
    (EVERY, "operator", ["clasification"], "'clasification'.*expected one of.*'classification'"),
    (EVERY, "operator", [3, lambda model, x: model(x)], "operator must be a task or a callable"),
    (EVERY, "operator", ["object detection"], r"written in TensorFlow.*TorchWrapper"),
    (
        EXPLAINERS,
        "reducer",
        ["median", "Mean", "", 1, ["mean"]],
        "reducer must be None or one of .*'mean'.*got",
    ),
    (
        EXPLAINERS,
        "normalize",
        ["bands", "max", True, 1],
        r"normalize must be None or one of \('band',\), got",
    ),
    (STATISTICS, "nb_samples", [0, -5, 2.5, None, True], "nb_samples must be an integer of at lea"),
    (STATISTICS, "noise", NO_NUMBER, "noise must be a finite number of at least 0"),
    (STATISTICS, "relative_noise", NO_NUMBER, "relative_noise must be a finite number of at least"),
    (SOBOL, "grid_size", [0, None, *COUNTS], "grid_size must be an integer of at least 1, got"),
    (SOBOL, "nb_design", [1, None, *COUNTS], "nb_design must be an integer of at least 2, got"),
    (
        SOBOL,
        "confidence",
        [0.0, 1.0, -0.5, 95, 1, True, "0.9", np.nan],
        "confidence must be None or a number between 0 and 1",
    ),
    (
        SOBOL,
        "until",
        [{}, {"intervals": 0.1}, "interval", 0.1, ["forwards"], {"forwards": 9, 3: 1}],
        "until must be None or a dict .*'rank_correlation'.*got",
    ),
    *(
        (
            SOBOL,
            "until",
            [{name: value} for value in (-1, np.nan, np.inf, "9", None, True)],
            rf"until\['{name}'\] must be a finite number",
        )
        for name in ("interval", "rank_correlation", "forwards")
    ),
    (
        [WCAM],
        "partition",
        ["quadtree", "Mosaic", "", None, 3, ("mosaic",)],
        r"partition must be one of \('mosaic', .*'scale'\), got",
    ),
    (
        [FAM],
        "perturbation",
        ["ring", "Circle", "", None, 3, ("circle",)],
        r"perturbation must be one of \('circle', .*'grid'\), got",
    ),
]
OF_ANOTHER_TYPE = [
    (WAVELETS, "wavelet", [2], r"wavelet must be a name, .* four filters, got 2"),
    (
        SOBOL,
        "sampler",
        ["sobol", ScipySobolSequenceRS, ScipySobolSequence(), lambda d, n: None, 3],
        "sampler must be a replicated sampler.*ScipySobolSequence",
    ),
    (
        SOBOL,
        "estimator",
        ["jansen", JansenEstimator, lambda *scores: 0, 3],
        "estimator must be a Sobol estimator.*JansenEstimator",
    ),
]


@pytest.mark.parametrize(
    ("error", "cls", "name", "values", "message"),
    [
        pytest.param(error, cls, *rest, id=f"{cls.__name__}-{rest[0]}")
        for error, table in ((ValueError, PARAMETERS), (TypeError, OF_ANOTHER_TYPE))
        for classes, *rest in table
        for cls in classes
    ],
)
def test_wrong_parameters_are_named(error, cls, name, values, message):
    model, rows = counting_model("torch")
    for value in values:
        with pytest.raises(error, match=message):
            cls(model, **{name: value})
    assert not rows


def test_every_message_shows_the_value_that_was_given(model):
    for arguments in ({"batch_size": -7}, {"reducer": "-7"}, {"seed": -7}, {"level": -7}):
        with pytest.raises(ValueError, match="-7"):
            WaveletSaliency(model, **arguments)


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("wavelet", "morl"),  # a continuous one
        ("wavelet", None),
        ("wavelet", ("haar", "haar")),
        ("wavelet", [[1.0], [1.0, 2.0], [1.0], [1.0]]),
        ("mode", None),
        ("mode", 3),
    ],
)
def test_what_is_no_wavelet_and_no_mode_is_refused(name, value, model):
    message = "'morl' is not a discrete wavelet" if value == "morl" else name
    with pytest.raises((TypeError, ValueError), match=message):
        WaveletSaliency(model, **{name: value})


def test_numpys_integers_are_integers(keras_model, images, targets):
    explainer = WaveletSmoothGrad(
        keras_model, batch_size=np.int64(3), nb_samples=np.int32(2), level=np.int16(2)
    )
    assert explainer(images, targets).shape == (4, 32, 32, 1)


@each(SOBOL)
def test_the_least_count_is_possible(cls, function):
    for name, lowest in {"grid_size": 1, "nb_design": 2, "batch_size": 1, "seed": 0}.items():
        cls(function, **{name: lowest})
        cls(function, **{name: np.int64(lowest)})
    cls(function, batch_size=None)


@each(SOBOL)
def test_a_target_of_intervals_needs_intervals(cls, function):
    with pytest.raises(ValueError, match=r"until=.*interval.* needs intervals.*confidence is None"):
        cls(function, until={"interval": 0.1}, confidence=None)
    cls(function, until={"forwards": 100}, confidence=None)


@each(SOBOL)
@pytest.mark.parametrize(
    "sampler",
    [None, ScrambledSobolSequenceRS(), ScipySobolSequenceRS(), TFSobolSequenceRS()],
    ids=lambda sampler: type(sampler).__name__,
)
def test_a_sobol_sequence_needs_a_power_of_two(cls, sampler, function):
    for count in (3, 6, 100):
        with pytest.raises(
            ValueError, match=rf"nb_design={count} must be a power of two for .*Sobol"
        ):
            cls(function, nb_design=count, sampler=sampler)


@pytest.mark.parametrize("sampler", [MonteCarloRS(), SeededLatinHypercubeRS(), HaltonSequenceRS()])
def test_other_samplers_take_any_number_of_designs(sampler, x, y):
    explainer = WCAM(Counted(), 4, 3, sampler, level=2, confidence=None)
    assert explainer.explain_wavelet(x, y).sobol.nb_design.tolist() == [3, 3]


def test_a_variance_needs_two_samples(model):
    with pytest.raises(ValueError, match="nb_samples must be an integer of at least 2, got 1"):
        WaveletVarGrad(model, nb_samples=1)
    assert WaveletVarGrad(model, nb_samples=2).nb_samples == 2


@each(STATISTICS)
@pytest.mark.parametrize("name", ["noise", "relative_noise"])
@pytest.mark.parametrize("value", [1e38, 1e300])
def test_noise_that_leaves_single_precision_is_refused(cls, name, value, x, y):
    model, rows = counting_model("torch")
    with pytest.raises(ValueError, match=rf"^{name}=1e\+\d+ is too large: .* range of float32"):
        cls(model, **{name: value})(x, y)
    assert not rows


@pytest.mark.parametrize(("quadrature", "fewest"), [("gauss-legendre", 1), ("trapezoid", 2)])
def test_a_path_needs_as_many_steps_as_its_quadrature(quadrature, fewest, model):
    for steps in (fewest - 1, -1, 10.0, None):
        with pytest.raises(ValueError, match=f"steps must be an integer of at least {fewest}"):
            WaveletIntegratedGradients(model, steps=steps, quadrature=quadrature)


@each_explainer
def test_an_unknown_output_layer_is_refused_and_the_layers_named(cls):
    model, rows = counting_model("tensorflow")
    for layer in ("no_such_layer", 99, -99, 1.5):
        with pytest.raises(ValueError, match=rf"output_layer={layer!r} is not among.*dense"):
            cls(model, output_layer=layer)
    assert not rows


@pytest.mark.parametrize("layer", ["0", -1])
def test_output_layer_needs_a_keras_model(layer):
    model, _ = counting_model("torch")
    with pytest.raises(TypeError, match=r"output_layer.*needs a Keras model.*PyTorch"):
        WaveletSaliency(model, output_layer=layer)


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


MASKED = np.ma.masked_greater(np.random.default_rng(0).random(SHAPE), 0.5)
EMPTY, TOO_MANY = r"inputs must not be empty, got shape \(\d", "targets must be one for each of the"
NUMBERS, GAPS = "must be an array of real numbers", r"must be numbers without gaps.*masked"
AXES = r"inputs must be signals .* images .* volumes"
CALLS = {  # what is made of inputs and targets, and what is said of it
    "nan": (lambda x, y: (with_bad(x, np.nan), y), "inputs must be finite"),
    "inf": (lambda x, y: (with_bad(x, np.inf), y), "inputs must be finite"),
    "-inf": (lambda x, y: (with_bad(x, -np.inf), y), "inputs must be finite"),
    "targets nan": (lambda x, y: (x, with_bad(y, np.nan)), "targets must be finite"),
    "targets inf": (lambda x, y: (x, with_bad(y, np.inf)), "targets must be finite"),
    "no inputs": (lambda x, y: (x[:0], y[:0]), EMPTY),
    "no rows": (lambda x, y: (x[:, :0], y), EMPTY),
    "no channels": (lambda x, y: (x[..., :0], y), EMPTY),
    "empty lists": (lambda x, y: ([], []), "inputs must not be empty"),
    "empty dataset": (lambda x, y: (dataset(x, y).take(0), None), "inputs must not be empty"),
    "one axis": (lambda x, y: (np.ones(2), y), AXES),
    "six axes": (lambda x, y: (np.ones((2, 2, 8, 8, 8, 3)), y), AXES),
    "no targets": (lambda x, y: (x, None), "targets must be given"),
    "three targets": (lambda x, y: (x, np.ones((3, 3))), TOO_MANY),
    "one target": (lambda x, y: (x, y[:1]), TOO_MANY),
    "0 targets": (lambda x, y: (x, y[:0]), TOO_MANY),
    "no axis": (lambda x, y: (x, np.ones(())), TOO_MANY),
    "nothing": (lambda x, y: (x, y * [[1], [0]]), r"weigh at least one output; those at \[1\]"),
    "dataset besides": (lambda x, y: (dataset(x, y), y), "targets must be None"),
    "dataset of x": (lambda x, y: (dataset(x), None), r"batches \(inputs, targets\)"),
}
CALLS_OF_ANOTHER_TYPE = {
    "strings": (lambda x, y: (np.full(SHAPE, "pixel"), y), f"inputs {NUMBERS}"),
    "objects": (lambda x, y: (np.full(SHAPE, None), y), f"inputs {NUMBERS}"),
    "list": (lambda x, y: ([["a"]], y), f"inputs {NUMBERS}"),
    "path": (lambda x, y: ("image.png", y), f"inputs {NUMBERS}"),
    "ragged": (lambda x, y: ([[1.0, 2.0], [3.0]], y), f"inputs {NUMBERS}"),
    "complex": (lambda x, y: (np.ones(SHAPE, complex), y), f"inputs {NUMBERS}"),
    "dates": (lambda x, y: (np.zeros(SHAPE, "datetime64[s]"), y), f"inputs {NUMBERS}"),
    "object": (lambda x, y: (object(), y), f"inputs {NUMBERS}"),
    "tensor": (lambda x, y: (tf.constant(["a", "b"]), y), f"inputs {NUMBERS}"),
    "targets of strings": (lambda x, y: (x, [["a", "b", "c"]] * 2), f"targets {NUMBERS}"),
    "targets of objects": (lambda x, y: (x, [[object()] * 3] * 2), f"targets {NUMBERS}"),
    "masked": (lambda x, y: (MASKED, y), f"inputs {GAPS}"),
    "list of masked": (lambda x, y: (list(MASKED), y), f"inputs {GAPS}"),
    "batch of masked": (lambda x, y: (iter([(MASKED, y)]), None), f"inputs {GAPS}"),
    "masked targets": (lambda x, y: (x, np.ma.masked_equal(y, 0)), f"targets {GAPS}"),
    "masked labels": (lambda x, y: (x, np.ma.masked_equal([2, 1], 1)), f"targets {GAPS}"),
    "batch of masked targets": (
        lambda x, y: (iter([(x, np.ma.masked_equal(y, 0))]), None),
        f"targets {GAPS}",
    ),
}


@pytest.mark.parametrize(
    ("error", "change", "message"),
    [
        pytest.param(error, *values, id=name)
        for error, table in ((ValueError, CALLS), (TypeError, CALLS_OF_ANOTHER_TYPE))
        for name, values in table.items()
    ],
)
@pytest.mark.parametrize("kind", KINDS)
def test_wrong_inputs_and_targets_are_named_before_the_model_runs(
    error, change, message, kind, x, y
):
    """By every class in PyTorch; one of each kind tells of the other models."""
    model, rows = make(kind)
    classes = {"callable": SOBOL, "tensorflow": (WaveletSaliency, WCAM), "torch": EVERY}[kind]
    for cls in classes:
        with pytest.raises(error, match=message):
            explainer(cls, model)(*change(x, y))
    assert not rows


def test_masked_baselines_are_refused(model):
    with pytest.raises(TypeError, match="baseline_value must be numbers without gaps"):
        WaveletIntegratedGradients(model, baseline_value=[MASKED[0]])


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


@each([WaveletSaliency, *SOBOL])
def test_targets_of_a_keras_model_are_checked_beforehand(cls, x):
    model, rows = counting_model("tensorflow")
    for shape in ((2, 1), (2, 2), (2, 4), (2, 3, 1), (2, 1, 3)):
        with pytest.raises(ValueError, match=r"targets must be .*\('N', 3\).*got shape"):
            explainer(cls, model)(x, np.ones(shape))
    for targets in (2, np.array(1.0), np.ones((2, 3, 1, 1))):
        with pytest.raises(ValueError, match="targets must be one"):
            explainer(cls, model)(x, targets)
    assert not rows


@pytest.mark.parametrize("kind", ["callable", "torch"])
@pytest.mark.parametrize("shape", [(2, 1), (2, 2), (2, 4), (2, 3, 1)])
def test_targets_never_broadcast_to_the_outputs(kind, shape, x):
    """The classes of other models show when one input runs; a wrong count is refused then."""
    for cls in SOBOL if kind == "callable" else EVERY:
        model, rows = make(kind)
        with pytest.raises(ValueError, match="targets"):
            explainer(cls, model, batch_size=3)(x, np.ones(shape))
        assert rows == [1]


def test_targets_never_broadcast_to_the_outputs_of_a_tf_module(x):
    class Module(tf.Module):
        def __call__(self, inputs):
            return tf.reduce_sum(inputs, (1, 2))

    with pytest.raises(ValueError, match="targets"):
        WaveletSaliency(Module())(x, np.ones((2, 1)))


@each([WaveletSaliency, *SOBOL])
@each_framework
def test_zones_of_a_segmentation_must_be_some_and_have_the_shape_of_the_outputs(cls, framework, x):
    if framework == "tensorflow":
        layers = [keras.layers.Input(SHAPE[1:]), keras.layers.Conv2D(4, 3, padding="same")]
        model = keras.Sequential(layers)
    else:
        model = nn.Conv2d(3, 4, 3, padding=1).eval()
    explain = explainer(cls, model, operator="semantic segmentation")
    for shape in ((2, 16, 16, 1), (2, 16, 16, 2), (2, 8, 16, 4), (2, 4)):
        with pytest.raises(ValueError, match="targets"):
            explain(x, np.ones(shape))
    zones = np.zeros((2, 16, 16, 4))
    zones[0, 3:5, 3:5, 1] = 1
    with pytest.raises(ValueError, match=r"targets must have a zone.*\[1\]"):
        explain(x, zones)


def test_inputs_too_large_for_single_precision_are_not_finite(x, y):
    model, rows = counting_model("tensorflow")
    with pytest.raises(ValueError, match="inputs must be finite"), np.errstate(over="ignore"):
        WaveletSaliency(model)(x.astype(float) * 1e300, y)
    assert not rows


@pytest.mark.parametrize(
    ("change", "error", "message"),
    [
        (lambda x: x.double() * 1e300, ValueError, "inputs must be finite"),
        (lambda x: x * np.nan, ValueError, "inputs must be finite"),
        (lambda x: x + np.inf, ValueError, "inputs must be finite"),
        (lambda x: x[:0], ValueError, "inputs must not be empty"),
        (lambda x: x.to(torch.complex64), TypeError, "real"),
    ],
    ids=["too large", "nan", "inf", "empty", "complex"],
)
def test_pytorch_tensors_are_checked_as_arrays_are(change, error, message, x, y):
    model, rows = counting_model("torch")
    given = change(torch.tensor(x).permute(0, 3, 1, 2))
    with pytest.raises(error, match=message):
        WaveletSaliency(model)(given, torch.tensor(y)[: len(given)])
    assert not rows


@each([WaveletSaliency, *SOBOL])
def test_pytorch_tensors_into_a_keras_model_are_refused(cls, x, y):
    model, rows = counting_model("tensorflow")
    with pytest.raises(TypeError, match="PyTorch tensors, but the model runs in TensorFlow"):
        explainer(cls, model)(torch.tensor(x).permute(0, 3, 1, 2), torch.tensor(y))
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


def test_one_input_without_its_axis_is_told_so(model, y):
    one = np.ones((16, 16, 3), np.float32)
    message = r"If \(16, 16, 3\) is .* one input.*inputs\[np.newaxis"
    for use in (WaveletSaliency(model), lambda x, y: WaveletDeletion(model, x, y)):
        with pytest.raises(ValueError, match=message):
            use(one, y[:1])


# --- cells and levels ----------------------------------------------------------------------


@each(WAVELETS)
def test_a_level_too_high_names_the_highest_possible(cls, model, x, y):
    for wavelet, level, highest in (("haar", 5, 4), ("db4", 2, 1)):
        explain = explainer(cls, model, wavelet=wavelet, level=level)
        with pytest.raises(ValueError, match=rf"level={level}.*level possible is {highest}"):
            explain(x, y)


def test_the_smaller_side_limits_the_level(model, y):
    def operator(model: Any, x: Any, y: Any) -> Any:
        """Looks at no shape, so that only the level can be wrong."""
        return model(x).sum(-1) if isinstance(model, nn.Module) else tf.reduce_sum(model(x), -1)

    with pytest.raises(ValueError, match=r"\(16, 4\).*highest level possible is 2"):
        WaveletSaliency(model, operator=operator, level=3)(np.ones((2, 16, 4, 3)), y)


@each_framework
def test_the_highest_level_possible_is_possible(framework, x, y):
    model, _ = counting_model(framework)
    assert WaveletSaliency(model, level=4)(x, y).shape == (2, 16, 16, 1)


def test_a_grid_too_fine_names_the_finest_possible(function, x, y):
    with pytest.raises(ValueError, match=r"grid_size=17.*16×16.*largest possible is 16"):
        explainer(WCAM, function, grid_size=17)(x, y)
    with pytest.raises(ValueError, match=r"grid_size=28 does not part .*between \d+ and \d+"):
        explainer(WCAM, function, grid_size=28, partition="subband")(x, y)
    with pytest.raises(ValueError, match=r"grid_size=9 is too large.*perturbation='circle' is 8"):
        explainer(FAM, function, grid_size=9)(x, y)
    with pytest.raises(ValueError, match=r"grid_size=17 is too large.*perturbation='grid' is 16"):
        explainer(FAM, function, grid_size=17, perturbation="grid")(x, y)


@pytest.mark.parametrize("partition", ["mosaic", "subband", "band", "scale"])
def test_nothing_to_perturb_is_refused(partition, function, x, y):
    with pytest.raises(ValueError, match=r"level=0 leaves nothing.*include_approximation=True"):
        explainer(WCAM, function, level=0, partition=partition)(x, y)


class Short(ReplicatedSampler):
    """No design at all."""

    def __call__(self, dimension: int, nb_design: int) -> Any:
        return np.zeros((nb_design, dimension))


@each(SOBOL)
def test_designs_that_are_none_and_those_that_cannot_grow_are_refused(cls, function, x, y):
    with pytest.raises(ValueError, match="sampler Short"):
        explainer(cls, function, sampler=Short())(x, y)
    sampler = SeededLatinHypercubeRS()
    with pytest.raises(ValueError, match=r"SeededLatinHypercubeRS.*`until` needs a sequence"):
        explainer(cls, function, sampler=sampler, until={"forwards": 10**6})(x, y)


# --- the model -----------------------------------------------------------------------------


class LikeScikitLearn:
    """A model known by its predictions only."""

    def predict_proba(self, inputs):
        raise AssertionError("the model ran")

    __call__ = predict = predict_proba


@each_explainer
def test_a_model_without_gradients_is_refused(cls):
    for model in (lambda inputs: inputs, LikeScikitLearn(), None, "model"):
        with pytest.raises(TypeError, match=r"needs gradients.*does not give.*expected a Keras mo"):
            cls(model)


@each(SOBOL)
def test_a_model_that_cannot_be_called_is_refused(cls):
    for model in (None, "model", 3, object()):
        with pytest.raises(
            TypeError, match=r"model must be a Keras model.*predict_proba.*callable"
        ):
            cls(model)


@each(EVERY)
def test_a_module_in_training_is_refused_and_stays_so(cls):
    model, rows = counting_model("torch")
    with pytest.raises(ValueError, match=r"evaluation mode.*model\.eval\(\)"):
        cls(model.train())
    assert model.training
    assert not rows


def test_a_model_of_several_outputs_needs_a_choice(x, y):
    inputs = keras.layers.Input(SHAPE[1:])
    flat = keras.layers.Flatten()(inputs)
    outputs = [keras.layers.Dense(3, name=name)(flat) for name in ("left", "right")]
    model = keras.Model(inputs, outputs)
    with pytest.raises(ValueError, match="several outputs"):
        WaveletSaliency(model)(x, y)
    assert WaveletSaliency(model, output_layer="right")(x, y).shape == (2, 16, 16, 1)


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
def test_a_model_that_stops_the_gradient_is_refused(cls, x, y):
    inputs = keras.Input(SHAPE[1:])
    pooled = keras.layers.GlobalAveragePooling2D()(inputs)
    stopped = keras.layers.Lambda(tf.stop_gradient, output_shape=(3,))(pooled)
    for model, message in (
        (keras.Model(inputs, stopped), "no gradient"),
        (Stopped().eval(), "no gradient|do not depend on its inputs"),
        (Constant().eval(), "no gradient|do not depend on its inputs"),
    ):
        with pytest.raises(ValueError, match=message):
            cls(model, **quick(cls))(x, y)


# --- what only a forward can tell ----------------------------------------------------------


@each_explainer
@each_framework
def test_an_operator_of_no_scores_is_refused_after_one_input(cls, framework, x, y):
    concat = torch.cat if framework == "torch" else lambda parts: tf.concat(parts, 0)
    for wrong in ([1.0, 2.0], None, 1.0, "NK", "N+1"):
        model, rows = counting_model(framework)

        def operator(model, x, y, wrong=wrong):
            outputs = model(x)
            return {"NK": outputs, "N+1": concat([outputs[:, 0]] * 2)}.get(str(wrong), wrong)

        with pytest.raises((TypeError, ValueError), match="operator must give one score for each"):
            cls(model, operator=lambda model, x, y: operator(model, x, y))(x, y)
        assert rows == [1]


def outputs(kind: str, function: Any) -> Any:
    """A model of images (N, 16, 16, 3) with the outputs ``function(its means (N, 3), ops)``."""

    class Module(torch.nn.Module):
        def forward(self, x: torch.Tensor) -> torch.Tensor:
            return function(x.mean((1, 2)), torch)

    class TFModule(tf.Module):
        def __call__(self, x: tf.Tensor) -> tf.Tensor:
            return function(tf.reduce_mean(x, (1, 2)), tf)

    if kind == "callable":
        return lambda x: function(x.mean((1, 2)), np)
    return Module().eval() if kind == "torch" else TFModule()


def total(kind: str) -> Any:
    """The sum of all outputs: no target of 0 meets an infinite output."""
    if kind == "torch":
        return lambda model, x, y: model(x).sum(-1)
    return lambda model, x, y: tf.reduce_sum(
        model(x) if kind == "tensorflow" else model(x.numpy()), -1
    )


@each(SOBOL)
@pytest.mark.parametrize("kind", KINDS)
def test_there_must_be_one_finite_score_for_each_input(cls, kind, x, y):
    for bad in (np.nan, np.inf):
        model = outputs(kind, lambda means, ops, bad=bad: means + bad)
        with pytest.raises(ValueError, match="NaN or infinite scores"):
            explainer(cls, model, operator=total(kind))(x, y)
    model = outputs(kind, lambda means, ops: means)
    with pytest.raises(ValueError, match=r"one score for each input, of shape \(\d+,\), got"):
        explainer(cls, model, operator=lambda model, x, y: y)(x, y)


@pytest.mark.parametrize("shape", [(1, 3), (3,), (), (2, 3, 1)])
def test_the_outputs_of_a_callable_must_have_the_shape_of_the_targets(shape, x, y):
    with pytest.raises(ValueError, match=r"targets must be .* of shape|one score for each"):
        explainer(WCAM, lambda images: np.ones(shape), level=1)(x, y)


def test_one_output_a_sample_needs_no_axis_of_its_own(x):
    def model(images: np.ndarray) -> np.ndarray:
        return (images**2).mean((1, 2, 3))

    explanation = explainer(WCAM, model, level=1)(x, np.ones((2, 1)))
    assert explanation.shape == (2, 16, 16, 1)


@each(SOBOL)
def test_an_error_of_the_model_comes_through_as_it_is(cls, x, y):
    class OfOnesOwn(Exception):
        pass

    def model(images: np.ndarray) -> np.ndarray:
        raise OfOnesOwn("inside")

    with pytest.raises(OfOnesOwn, match="inside"):
        explainer(cls, model)(x, y)
