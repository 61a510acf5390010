"""Bad input to WCAM and FAM: a clear error, before the model has run where it can be."""

from __future__ import annotations

from typing import Any

import keras
import numpy as np
import pytest
import tensorflow as tf
import torch
from xplique.attributions.global_sensitivity_analysis import (
    HaltonSequenceRS,
    JansenEstimator,
    ScipySobolSequence,
    ScipySobolSequenceRS,
    TFSobolSequenceRS,
)
from xplique.attributions.global_sensitivity_analysis.replicated_designs import ReplicatedSampler

from wam_xplique.attributions import FAM, WCAM
from wam_xplique.attributions.samplers import (
    MonteCarloRS,
    ScrambledSobolSequenceRS,
    SeededLatinHypercubeRS,
)

from .helpers import counting_model

SHAPE = (2, 16, 16, 3)
KINDS = ("callable", "tensorflow", "torch")

each_explainer = pytest.mark.parametrize("cls", [WCAM, FAM], ids=lambda cls: cls.__name__)


class Counted:
    """A callable that must not run."""

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


@pytest.fixture
def x() -> np.ndarray:
    return np.random.default_rng(0).random(SHAPE, dtype=np.float32)


@pytest.fixture
def y() -> np.ndarray:
    return np.eye(3, dtype=np.float32)[[2, 1]]


@pytest.fixture(params=KINDS)
def model(request):
    """A model of any kind that must not run."""
    model, rows = make(request.param)
    yield model
    assert not rows, "the model ran before the error"


@pytest.fixture
def function():
    """A callable that must not run."""
    model = Counted()
    yield model
    assert not model.rows, "the model ran before the error"


# --- parameters ----------------------------------------------------------------------------


@each_explainer
@pytest.mark.parametrize("name", ["grid_size", "nb_design", "batch_size", "seed"])
@pytest.mark.parametrize("value", [-1, 1.5, "8", True, np.nan, [4]], ids=str)
def test_counts_must_be_integers_large_enough(cls, name, value, function):
    with pytest.raises(ValueError, match=rf"{name} must be .*integer of at least \d, got"):
        cls(function, **{name: value})


@each_explainer
@pytest.mark.parametrize(
    ("name", "lowest"), [("grid_size", 1), ("nb_design", 2), ("batch_size", 1), ("seed", 0)]
)
def test_the_least_count_is_possible_and_none_below(cls, name, lowest, function):
    cls(function, **{name: lowest})
    cls(function, **{name: np.int64(lowest)})
    with pytest.raises(
        ValueError, match=f"{name} must be .*of at least {lowest}, got {lowest - 1}"
    ):
        cls(function, **{name: lowest - 1})


@each_explainer
@pytest.mark.parametrize("name", ["grid_size", "nb_design", "seed"])
def test_only_the_batch_size_may_be_none(cls, name, function):
    cls(function, batch_size=None)
    with pytest.raises(ValueError, match=f"{name} must be an integer"):
        cls(function, **{name: None})


@each_explainer
@pytest.mark.parametrize("confidence", [0.0, 1.0, -0.5, 95, 1, True, "0.9", np.nan])
def test_the_confidence_must_be_a_fraction(cls, confidence, function):
    with pytest.raises(ValueError, match=r"confidence must be None or a number between 0 and 1"):
        cls(function, confidence=confidence)


@each_explainer
@pytest.mark.parametrize(
    "until", [{}, {"intervals": 0.1}, "interval", 0.1, ["forwards"], {"forwards": 9, 3: 1}], ids=str
)
def test_until_must_have_known_targets(cls, until, function):
    with pytest.raises(ValueError, match=r"until must be None or a dict .*'rank_correlation'.*got"):
        cls(function, until=until)


@each_explainer
@pytest.mark.parametrize("name", ["interval", "rank_correlation", "forwards"])
@pytest.mark.parametrize("value", [-1, np.nan, np.inf, "9", None, True])
def test_targets_of_until_must_be_numbers(cls, name, value, function):
    with pytest.raises(ValueError, match=rf"until\['{name}'\] must be a finite number"):
        cls(function, until={name: value})


@each_explainer
def test_a_target_of_intervals_needs_intervals(cls, function):
    with pytest.raises(ValueError, match=r"until=.*interval.* needs intervals.*confidence is None"):
        cls(function, until={"interval": 0.1}, confidence=None)
    cls(function, until={"forwards": 100}, confidence=None)


@each_explainer
@pytest.mark.parametrize(
    "sampler",
    ["sobol", ScipySobolSequenceRS, ScipySobolSequence(), lambda d, n: None, 3],
    ids=lambda value: type(value).__name__,
)
def test_a_sampler_must_be_replicated(cls, sampler, function):
    with pytest.raises(
        TypeError, match=r"sampler must be a replicated sampler.*ScipySobolSequence"
    ):
        cls(function, sampler=sampler)


@each_explainer
@pytest.mark.parametrize(
    "sampler",
    [None, ScrambledSobolSequenceRS(), ScipySobolSequenceRS(), TFSobolSequenceRS()],
    ids=lambda sampler: type(sampler).__name__,
)
@pytest.mark.parametrize("nb_design", [3, 6, 100])
def test_a_sobol_sequence_needs_a_power_of_two(cls, sampler, nb_design, function):
    with pytest.raises(
        ValueError, match=rf"nb_design={nb_design} must be a power of two for .*Sobol"
    ):
        cls(function, nb_design=nb_design, sampler=sampler)


@pytest.mark.parametrize("sampler", [MonteCarloRS(), SeededLatinHypercubeRS(), HaltonSequenceRS()])
def test_other_samplers_take_any_number_of_designs(sampler, x, y):
    explainer = WCAM(Counted(), 4, 3, sampler, level=2, confidence=None)
    assert explainer.explain_wavelet(x, y).sobol.nb_design.tolist() == [3, 3]


@each_explainer
@pytest.mark.parametrize(
    "estimator",
    ["jansen", JansenEstimator, lambda *scores: 0, 3],
    ids=lambda value: type(value).__name__,
)
def test_an_estimator_must_be_a_sobol_estimator(cls, estimator, function):
    with pytest.raises(TypeError, match=r"estimator must be a Sobol estimator.*JansenEstimator"):
        cls(function, estimator=estimator)


@each_explainer
@pytest.mark.parametrize(
    "operator",
    ["clasification", 3, lambda model, x: model(x)],
    ids=lambda value: type(value).__name__,
)
def test_an_unknown_operator_is_refused(cls, operator, model):
    with pytest.raises(ValueError, match="operator"):
        cls(model, operator=operator)


@each_explainer
def test_an_operator_that_only_tensorflow_runs_is_refused_for_a_pytorch_module(cls):
    model, _ = counting_model("torch")
    with pytest.raises(ValueError, match=r"written in TensorFlow.*TorchWrapper"):
        cls(model, operator="object detection")


@pytest.mark.parametrize("level", [-1, 1.5, "3", True])
def test_the_level_must_be_a_count_or_none(level, function):
    with pytest.raises(ValueError, match="level must be None or an integer of at least 0, got"):
        WCAM(function, level=level)


def test_an_unknown_wavelet_or_mode_is_named_with_the_nearest(function):
    with pytest.raises(ValueError, match=r"'db44'.*nearest.*db4"):
        WCAM(function, wavelet="db44")
    with pytest.raises(ValueError, match=r"'symetric'.*nearest.*symmetric"):
        WCAM(function, mode="symetric")
    with pytest.raises(TypeError, match=r"wavelet must be a name, .* four filters, got 2"):
        WCAM(function, wavelet=2)


@pytest.mark.parametrize("partition", ["quadtree", "Mosaic", "", None, 3, ("mosaic",)])
def test_an_unknown_partition_is_refused_and_the_choices_named(partition, function):
    with pytest.raises(ValueError, match=r"partition must be one of \('mosaic', .*'scale'\), got"):
        WCAM(function, partition=partition)


@pytest.mark.parametrize("perturbation", ["ring", "Circle", "", None, 3, ("circle",)])
def test_an_unknown_perturbation_is_refused_and_the_choices_named(perturbation, function):
    with pytest.raises(
        ValueError, match=r"perturbation must be one of \('circle', .*'grid'\), got"
    ):
        FAM(function, perturbation=perturbation)


@each_explainer
def test_what_xplique_does_not_have_is_keyword_only(cls, function):
    with pytest.raises(TypeError, match="positional"):
        cls(function, 4, 4, None, None, 8, None, "haar")


# --- the model -----------------------------------------------------------------------------


@each_explainer
@pytest.mark.parametrize("model", [None, "model", 3, object()], ids=lambda m: type(m).__name__)
def test_a_model_that_cannot_be_called_is_refused(cls, model):
    with pytest.raises(TypeError, match=r"model must be a Keras model.*predict_proba.*callable"):
        cls(model)


@each_explainer
def test_a_module_in_training_is_refused(cls):
    model, rows = counting_model("torch")
    with pytest.raises(ValueError, match=r"evaluation mode.*eval\(\)"):
        cls(model.train())
    assert not rows


# --- inputs and targets --------------------------------------------------------------------


def explainer(cls: type, model: Any, **options: Any) -> Any:
    return cls(model, **{"grid_size": 4, "nb_design": 2, **options})


@each_explainer
def test_targets_are_needed(cls, model, x):
    with pytest.raises(ValueError, match="targets must be given"):
        explainer(cls, model)(x)


@each_explainer
@pytest.mark.parametrize("shape", [(3, 3), (1, 3), ()])
def test_targets_must_be_one_for_each_input(cls, shape, model, x):
    with pytest.raises(ValueError, match="targets must be one for each of the 2 inputs"):
        explainer(cls, model)(x, np.ones(shape))


@each_explainer
@pytest.mark.parametrize("shape", [(2, 4), (2, 1), (2, 3, 1)])
def test_targets_of_a_keras_model_are_checked_beforehand(cls, shape, x):
    model, rows = counting_model("tensorflow")
    with pytest.raises(ValueError, match=r"targets must be one-hot.*\('N', 3\)"):
        explainer(cls, model)(x, np.ones(shape))
    assert not rows


@each_explainer
@pytest.mark.parametrize("kind", ["callable", "torch"])
@pytest.mark.parametrize("shape", [(2, 4), (2, 1)])
def test_targets_never_broadcast_to_the_outputs(cls, kind, shape, x):
    model, rows = make(kind)
    with pytest.raises(ValueError, match="targets"):
        explainer(cls, model, batch_size=3)(x, np.ones(shape))
    assert rows == [1]


@each_explainer
@pytest.mark.parametrize("name", ["inputs", "targets"])
@pytest.mark.parametrize("bad", [np.nan, np.inf])
def test_inputs_and_targets_must_be_finite(cls, name, bad, model, x, y):
    (x if name == "inputs" else y)[1, 0] = bad
    with pytest.raises(ValueError, match=f"{name} must be finite"):
        explainer(cls, model)(x, y)


@each_explainer
@pytest.mark.parametrize("shape", [(0, 16, 16, 3), (2, 0, 16, 3), (2, 16, 16, 0)])
def test_empty_inputs_are_refused(cls, shape, model):
    with pytest.raises(ValueError, match="inputs must not be empty"):
        explainer(cls, model)(np.ones(shape), np.ones((shape[0], 3)))


@each_explainer
@pytest.mark.parametrize("shape", [(2,), (2, 2, 4, 4, 4, 3)])
def test_inputs_must_have_a_known_number_of_axes(cls, shape, function):
    with pytest.raises(ValueError, match=r"inputs must be signals .* images .* volumes"):
        explainer(cls, function)(np.ones(shape), np.ones((2, 3)))


@each_explainer
@pytest.mark.parametrize(
    "inputs",
    [[["a"]], "image.png", np.ones(SHAPE, complex), object()],
    ids=lambda i: type(i).__name__,
)
def test_inputs_must_be_numbers(cls, inputs, model, y):
    with pytest.raises(TypeError, match="inputs must be an array of real numbers"):
        explainer(cls, model)(inputs, y)


@each_explainer
def test_targets_must_be_numbers(cls, model, x):
    with pytest.raises(TypeError, match="targets must be an array of real numbers"):
        explainer(cls, model)(x, [["a", "b", "c"]] * 2)


@each_explainer
def test_pytorch_tensors_into_a_keras_model_are_refused(cls, x, y):
    model, rows = counting_model("tensorflow")
    with pytest.raises(TypeError, match="PyTorch tensors, but the model runs in TensorFlow"):
        explainer(cls, model)(torch.tensor(x).permute(0, 3, 1, 2), torch.tensor(y))
    assert not rows


@each_explainer
def test_datasets_hold_pairs_and_take_no_targets_besides(cls, model, x, y):
    dataset = tf.data.Dataset.from_tensor_slices((x, y))
    with pytest.raises(ValueError, match="targets must be None"):
        explainer(cls, model)(dataset, y)
    with pytest.raises(ValueError, match=r"batches \(inputs, targets\)"):
        explainer(cls, model)(tf.data.Dataset.from_tensor_slices(x))
    with pytest.raises(ValueError, match="inputs must not be empty"):
        explainer(cls, model)(dataset.take(0))


@each_explainer
def test_a_segmentation_without_a_zone_is_refused(cls, x):
    inputs = keras.Input(SHAPE[1:])
    model = keras.Model(inputs, keras.layers.Conv2D(2, 1)(inputs))
    zone = np.zeros((2, 16, 16, 2))
    zone[0, 3, 3, 0] = 1
    with pytest.raises(ValueError, match=r"targets must have a zone.*\[1\]"):
        explainer(cls, model, operator="semantic segmentation")(x, zone)


# --- cells ---------------------------------------------------------------------------------


@pytest.mark.parametrize(("wavelet", "level", "highest"), [("haar", 5, 4), ("db4", 2, 1)])
def test_a_level_too_high_names_the_highest_possible(wavelet, level, highest, model, x, y):
    with pytest.raises(ValueError, match=rf"level={level}.*highest level possible is {highest}"):
        explainer(WCAM, model, wavelet=wavelet, level=level)(x, y)


def test_a_grid_too_fine_names_the_finest_possible(model, x, y):
    with pytest.raises(ValueError, match=r"grid_size=17.*16×16.*largest possible is 16"):
        explainer(WCAM, model, grid_size=17)(x, y)
    with pytest.raises(ValueError, match=r"grid_size=28 does not part .*between \d+ and \d+"):
        explainer(WCAM, model, grid_size=28, partition="subband")(x, y)
    with pytest.raises(ValueError, match=r"grid_size=9 is too large.*perturbation='circle' is 8"):
        explainer(FAM, model, grid_size=9)(x, y)
    with pytest.raises(ValueError, match=r"grid_size=17 is too large.*perturbation='grid' is 16"):
        explainer(FAM, model, grid_size=17, perturbation="grid")(x, y)


@pytest.mark.parametrize("partition", ["mosaic", "subband", "band", "scale"])
def test_nothing_to_perturb_is_refused(partition, model, x, y):
    with pytest.raises(ValueError, match=r"level=0 leaves nothing.*include_approximation=True"):
        explainer(WCAM, model, level=0, partition=partition)(x, y)


# --- samplers ------------------------------------------------------------------------------


class Short(ReplicatedSampler):
    """No design at all."""

    def __call__(self, dimension: int, nb_design: int) -> Any:
        return np.zeros((nb_design, dimension))


@each_explainer
def test_a_sampler_that_draws_no_design_is_refused(cls, model, x, y):
    with pytest.raises(ValueError, match="sampler Short"):
        explainer(cls, model, sampler=Short())(x, y)


@each_explainer
def test_a_design_that_cannot_grow_is_refused(cls, model, x, y):
    sampler = SeededLatinHypercubeRS()
    with pytest.raises(ValueError, match=r"SeededLatinHypercubeRS.*`until` needs a sequence"):
        explainer(cls, model, sampler=sampler, until={"forwards": 10**6})(x, y)


# --- what only a forward can tell ----------------------------------------------------------


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


@each_explainer
@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("bad", [np.nan, np.inf])
def test_scores_that_are_not_finite_are_refused(cls, kind, bad, x, y):
    model = outputs(kind, lambda means, ops: means + bad)
    with pytest.raises(ValueError, match="NaN or infinite scores"):
        explainer(cls, model, operator=_total(kind))(x, y)


def _total(kind: str) -> Any:
    """The sum of all outputs: no target of 0 meets an infinite output."""
    if kind == "torch":
        return lambda model, x, y: model(x).sum(-1)
    return lambda model, x, y: tf.reduce_sum(
        model(x) if kind == "tensorflow" else model(x.numpy()), -1
    )


@each_explainer
@pytest.mark.parametrize("kind", KINDS)
def test_an_operator_must_give_one_score_for_each_input(cls, kind, x, y):
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


@each_explainer
def test_an_error_of_the_model_comes_through_as_it_is(cls, x, y):
    class OfOnesOwn(Exception):
        pass

    def model(images: np.ndarray) -> np.ndarray:
        raise OfOnesOwn("inside")

    with pytest.raises(OfOnesOwn, match="inside"):
        explainer(cls, model)(x, y)
