"""Bad input: a clear error, before the model has run."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np
import pytest
import tensorflow as tf
import torch

from wam_xplique import FAM
from wam_xplique.metrics import (
    FaithfulnessOnSpectra,
    InputFidelity,
    MatchedFaithfulness,
    WaveletDeletion,
    WaveletMuFidelity,
)

from ..attributions.helpers import counting_model
from .helpers import (
    CAUSAL,
    METRICS,
    SPECTRA,
    Network,
    each_causal,
    each_metric,
    noise,
    random_explanation,
    targets,
)

SHAPE = (16, 16, 3)
X, Y = noise(2, *SHAPE), targets(2)
NAN, INFINITE = float("nan"), float("inf")


@pytest.fixture(params=["callable", "tensorflow", "torch"])
def model(request):
    """A model that must not run."""
    if request.param == "callable":
        model = Network(SHAPE)
        rows = model.rows
    else:
        model, rows = counting_model(request.param)
    rows.clear()
    yield model
    assert not rows, "the model ran before the error"


# --- arguments -----------------------------------------------------------------------------


SHARES = [0, -0.5, 1.5, NAN, None, "all", True]
ARGUMENTS = [  # the metrics that have it, its name, wrong values, and what is said of them
    (METRICS, "batch_size", [0, 2.5], "batch_size"),
    (METRICS, "activation", ["relu"], "activation"),
    (METRICS, "level", [-1, 1.5], "level"),
    (METRICS, "wavelet", ["db44"], "wavelet|db44"),
    (METRICS, "mode", ["symetric"], "mode"),
    (METRICS, "baseline_mode", ["zero", NAN, True], "baseline_mode"),
    (METRICS, "domain", ["pixels", "front_end"], "domain"),
    (METRICS, "operator", ["clasification"], "operator"),
    (METRICS, "seed", [-1], "seed"),
    (
        CAUSAL,
        "steps",
        [0, -2, 2.5, None, True, NAN],
        "steps must be an integer of at least 1, or -1.*got",
    ),
    (
        CAUSAL,
        "max_percentage_perturbed",
        SHARES,
        r"max_percentage_perturbed must be a number in \(0, 1\]",
    ),
    ([WaveletMuFidelity], "grid_size", [0, 2.0], "grid_size must be"),
    ([WaveletMuFidelity], "subset_percent", [0.0, 1.2], "subset_percent must be"),
    ([WaveletMuFidelity], "nb_samples", [1, 10.0], "nb_samples must be"),
    (
        [MatchedFaithfulness],
        "groups",
        [0, 2.5, None, True],
        "groups must be an integer of at least 1, got",
    ),
    (SPECTRA, "keep", [0, -1, 0.0, 1.5, NAN, None, True, "half"], "keep must be"),
]
OF_ANOTHER_TYPE = [(METRICS, "wavelet", [3], "wavelet"), (METRICS, "front_end", [3], "front_end")]


@pytest.mark.parametrize(
    ("error", "cls", "name", "values", "message"),
    [
        pytest.param(error, cls, *rest, id=f"{cls.__name__}-{rest[0]}")
        for error, table in ((ValueError, ARGUMENTS), (TypeError, OF_ANOTHER_TYPE))
        for classes, *rest in table
        for cls in classes
    ],
)
def test_bad_arguments_are_named(error, cls, name, values, message, model):
    for value in values:
        with pytest.raises(error, match=message):
            cls(model, X, Y, **{name: value})


@each_causal
def test_at_least_one_feature_is_perturbed(cls, model):
    metric = cls(model, X, Y, max_percentage_perturbed=1e-4)
    with pytest.raises(ValueError, match=r"max_percentage_perturbed=0\.0001 of 256 features"):
        metric(random_explanation(X))


def test_a_grid_larger_than_the_coefficients(model):
    with pytest.raises(ValueError, match="grid_size=17 is larger"):
        WaveletMuFidelity(model, X, Y, grid_size=17)(random_explanation(X))


@each_metric
def test_bad_inputs_are_refused(cls, model):
    bad = X.copy()
    bad[1, 2, 3, 0] = NAN
    for x, y, message in (
        (bad, Y, "inputs must be finite"),
        (X, None, "targets must be given"),
        (X, Y[:1], "targets must be one for each of the 2 inputs"),
        (X[:0], Y[:0], "inputs must not be empty"),
        (X[:, np.newaxis, np.newaxis], Y, "inputs must be signals"),
    ):
        with pytest.raises(ValueError, match=message):
            cls(model, x, y)
    with pytest.raises(TypeError, match="inputs must be an array of real numbers"):
        cls(model, np.full(X.shape, "a"), Y)


@each_metric
def test_what_is_no_model_is_refused(cls):
    with pytest.raises(TypeError, match="model must be"):
        cls(3, X, Y)


@pytest.mark.parametrize("activation", [None, "softmax"])
def test_a_module_in_training_mode_is_refused_and_stays_so(activation):
    module = torch.nn.Sequential(torch.nn.Conv2d(3, 3, 3), torch.nn.Flatten()).train()
    with pytest.raises(ValueError, match="training mode"):
        WaveletDeletion(module, X, Y, activation=activation)
    assert all(part.training for part in module.modules())


@pytest.mark.parametrize(
    ("function", "message"),
    [
        (lambda x: x[:, :3], r"baseline_mode must give .* \(2, 16, 16, 3\)"),
        (lambda x: "zero", "baseline_mode must give"),
        (lambda x: x * NAN, "must be finite"),
    ],
)
def test_baselines_of_another_shape(function, message):
    network = Network(SHAPE)
    with pytest.raises(ValueError, match=message):
        WaveletDeletion(network, X, Y, baseline_mode=function)
    with pytest.raises(ValueError, match="baseline_mode must give a Tensor"):
        WaveletDeletion(
            network.model("torch"), torch.tensor(X).movedim(-1, 1), Y, baseline_mode=lambda x: 1.0
        )


# --- explanations --------------------------------------------------------------------------


@each_metric
@pytest.mark.parametrize(
    ("name", "theirs", "ours"),
    [("wavelet", "haar", "db2"), ("level", 2, 1), ("mode", "periodization", "zero")],
)
def test_another_transform_than_the_explanations_is_refused(cls, name, theirs, ours, model):
    explanation = random_explanation(X)
    with pytest.raises(ValueError, match=rf"{name}={theirs!r}.*{name}={ours!r}"):
        cls(model, X, Y, **{name: ours})(explanation)


def test_the_same_transform_may_be_given():
    network, explanation = Network(SHAPE), random_explanation(X)
    expected = WaveletDeletion(network, X, Y)(explanation)
    options = {"wavelet": "haar", "level": 2, "mode": "periodization"}
    assert WaveletDeletion(network, X, Y, **options)(explanation) == expected


@each_metric
def test_a_level_too_high_is_refused(cls, model):
    with pytest.raises(ValueError, match="level=5 does not fit inputs of size"):
        cls(model, X, Y, level=5)(noise(2, 16, 16))


@each_metric
@pytest.mark.parametrize(
    "shape", [(1, 16, 16), (3, 16, 16, 1), (2, 16), (2, 16, 15), (2, 16, 16, 2), (2, 3, 16, 16)]
)
def test_maps_of_other_inputs_are_refused(cls, shape, model):
    with pytest.raises(ValueError, match=r"explanations must have one of the shapes \[\(2, 16, 16"):
        cls(model, X, Y)(noise(*shape))


@each_metric
def test_explanations_of_other_inputs_are_refused(cls, model):
    metric = cls(model, X, Y)
    for other in (noise(3, *SHAPE), noise(2, 16, 32, 3), noise(2, 16, 16, 1), noise(2, 256)):
        with pytest.raises(ValueError, match=r"explanations must be those of the 2 inputs"):
            metric(random_explanation(other))
    explanation = random_explanation(X)
    fewer = replace(
        explanation,
        coefficients=[explanation.coefficients[0][:, :3], *explanation.coefficients[1:]],
    )
    with pytest.raises(ValueError, match=r"approximation must hold numbers of shape \(2, 4, 4\), got"):
        metric(fewer)


@each_metric
@pytest.mark.parametrize("value", [NAN, INFINITE])
def test_explanations_that_are_not_finite_are_refused(cls, value, model):
    metric = cls(model, X, Y)
    values = noise(2, 16, 16)
    values[1, 2, 3] = value
    explanation = random_explanation(X)
    explanation.coefficients[1]["ad"][1, 0, 0] = value
    for bad in (values, explanation, tf.constant(values)):
        with pytest.raises(ValueError, match=r"explanations must be finite.*at \[1\]"):
            metric(bad)


@each_metric
@pytest.mark.parametrize("bad", ["maps", None, {"a": 1}, np.full((2, 16, 16), "a"), 1j])
def test_what_is_no_explanation_is_refused(cls, bad, model):
    with pytest.raises((TypeError, ValueError), match="explanations must"):
        cls(model, X, Y)(bad)


def test_explanations_of_spectra_are_refused():
    network = Network(SHAPE)
    explanation = FAM(network, 4, 2, confidence=None).explain_fourier(X, Y)
    with pytest.raises(TypeError, match=r"explanations must be .* got a FourierExplanation"):
        WaveletDeletion(network, X, Y)(explanation)


def test_nothing_is_left_where_all_is_held(model):
    metric = WaveletDeletion(model, X, Y, level=0, include_approximation=False)
    with pytest.raises(ValueError, match="level=0 leaves nothing to remove"):
        metric(noise(2, 16, 16))


# --- front ends ----------------------------------------------------------------------------


@pytest.mark.parametrize("cls", [*CAUSAL, *SPECTRA], ids=lambda cls: cls.__name__)
def test_explanations_must_tell_of_the_front_end(cls):
    signals = noise(2, 16)
    model = Network((5,))
    options: dict[str, Any] = {"front_end": lambda x: x[:, :5], "domain": "front_end"}
    metric = cls(model, signals, Y, **options)
    with pytest.raises(ValueError, match="needs explanations of the front end's output"):
        metric(random_explanation(signals))
    with pytest.raises(ValueError, match=r"must have its shape, \(2, 5\), got \(2, 16\)"):
        metric(signals)
    with pytest.raises(ValueError, match="explanations must be finite"):
        metric(np.full((2, 5), NAN))
    assert not model.rows


@pytest.mark.parametrize("cls", [FaithfulnessOnSpectra, InputFidelity])
def test_front_ends_give_one_output_for_each_input(cls):
    signals = noise(2, 16)
    metric = cls(Network((5,)), signals, Y, front_end=lambda x: x[0, :5])
    with pytest.raises(ValueError, match="front_end must give one output for each input"):
        metric(noise(2, 16))


@each_metric
def test_masked_explanations_and_baselines_are_refused(cls, model):
    metric = cls(model, X, Y)
    with pytest.raises(TypeError, match="explanations must be numbers without gaps"):
        metric(np.ma.masked_greater(noise(2, 16, 16), 0))
    with pytest.raises(TypeError, match="baseline_mode must be numbers without gaps"):
        cls(model, X, Y, baseline_mode=lambda x: np.ma.masked_greater(x, 0))(noise(2, 16, 16))
