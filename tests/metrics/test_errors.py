"""Bad input: a clear error, before the model has run."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import numpy as np
import pytest
import tensorflow as tf
import torch

from wam_xplique import FAM
from wam_xplique.metrics import MatchedFaithfulness, WaveletDeletion, WaveletMuFidelity

from .helpers import (
    CAUSAL,
    METRICS,
    SPECTRA,
    Network,
    counted,
    each_framework,
    each_metric,
    each_spectra,
    noise,
    random_explanation,
    targets,
)

SHAPE = (16, 16, 3)
X, Y = noise(2, *SHAPE), targets(2)
NAN, INFINITE = float("nan"), float("inf")


@pytest.fixture
def model():
    """A model that must not run."""
    model = Network(SHAPE)
    yield model
    assert not model.rows, "the model ran before the error"


@each_framework
def test_no_model_runs_before_an_error(framework):
    model, rows = counted(framework)
    rows.clear()
    for x, batch_size, message in ((X + NAN, 1, "inputs must be"), (X, 0, "batch_size must be")):
        with pytest.raises(ValueError, match=message):
            WaveletDeletion(model, x, Y, batch_size)
    with pytest.raises(ValueError, match="explanations must be finite"):
        WaveletDeletion(model, X, Y)(noise(2, 16, 16) + NAN)
    assert not rows


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
    (CAUSAL, "steps", [0, -2, 2.5, None, True, NAN], "steps must be .* at least 1, or -1.*got"),
    (CAUSAL, "max_percentage_perturbed", SHARES, r"_perturbed must be a number in \(0, 1\]"),
    ([WaveletMuFidelity], "grid_size", [0, 2.0], "grid_size must be"),
    ([WaveletMuFidelity], "subset_percent", [0.0, 1.2], "subset_percent must be"),
    ([WaveletMuFidelity], "nb_samples", [1, 10.0], "nb_samples must be"),
    ([MatchedFaithfulness], "groups", [0, 2.5, None, True], "groups must be an integer of at"),
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


@each_metric
@pytest.mark.parametrize(
    ("error", "name", "value", "message"),
    [
        (TypeError, "model", 3, "model must be"),
        (ValueError, "inputs", X * [[[[NAN]]], [[[1]]]], "inputs must be finite"),
        (ValueError, "inputs", X[:0], "inputs must not be empty"),
        (ValueError, "inputs", X[:, np.newaxis, np.newaxis], "inputs must be signals"),
        (TypeError, "inputs", np.full(X.shape, "a"), "inputs must be an array of real numbers"),
        (ValueError, "targets", None, "targets must be given"),
        (ValueError, "targets", Y[:1], "targets must be one for each of the 2 inputs"),
        (ValueError, "baseline_mode", lambda x: x[:, :3], r"must give .* \(2, 16, 16, 3\)"),
        (ValueError, "baseline_mode", lambda x: "zero", "baseline_mode must give"),
        (ValueError, "baseline_mode", lambda x: x * NAN, "must be finite"),
        (TypeError, "baseline_mode", lambda x: np.ma.masked_greater(x, 0), "without gaps"),
    ],
)
def test_bad_inputs_are_refused(cls, error, name, value, message, model):
    with pytest.raises(error, match=message):
        cls(**{"model": model, "inputs": X, "targets": Y, name: value})


@pytest.mark.parametrize("activation", [None, "softmax"])
def test_a_module_in_training_mode_is_refused_and_stays_so(activation):
    module = torch.nn.Sequential(torch.nn.Conv2d(3, 3, 3), torch.nn.Flatten()).train()
    with pytest.raises(ValueError, match="training mode"):
        WaveletDeletion(module, X, Y, activation=activation)
    assert all(part.training for part in module.modules())


def test_a_baseline_is_of_the_inputs_kind(model):
    x = torch.tensor(X).movedim(-1, 1)
    with pytest.raises(ValueError, match="baseline_mode must give a Tensor"):
        WaveletDeletion(model.model("torch"), x, Y, baseline_mode=lambda x: 1.0)


# --- explanations --------------------------------------------------------------------------


def bad_explanations() -> Iterator[tuple[Any, Any, str]]:
    """Errors, the explanations that raise them, and what is said of these."""
    shapes = [(1, 16, 16), (3, 16, 16, 1), (2, 16), (2, 16, 15), (2, 16, 16, 2), (2, 3, 16, 16)]
    for shape in shapes:
        yield ValueError, noise(*shape), r"explanations must have one of the shapes \[\(2, 16, 16"
    for shape in ((3, *SHAPE), (2, 16, 32, 3), (2, 16, 16, 1), (2, 256)):
        yield (
            ValueError,
            random_explanation(noise(*shape)),
            "explanations must be those of the 2 inputs",
        )
    fewer, infinite, values = random_explanation(X), random_explanation(X), noise(2, 16, 16)
    fewer.coefficients[0] = fewer.coefficients[0][:, :3]
    yield (
        ValueError,
        fewer,
        r"approximation must hold numbers of shape \(2, 4, 4\), got \(2, 3, 4\)",
    )
    infinite.coefficients[1]["ad"][1, 0, 0] = INFINITE
    values[1, 2, 3] = NAN
    for bad in (infinite, values, tf.constant(values)):
        yield ValueError, bad, r"explanations must be finite.*at \[1\]"
    yield TypeError, np.ma.masked_greater(values, 0), "explanations must be numbers without gaps"
    for bad in ("maps", None, {"a": 1}, 1j, np.full((2, 16, 16), "a")):
        yield (TypeError, ValueError), bad, "explanations must"


@each_metric
@pytest.mark.parametrize(("error", "explanation", "message"), bad_explanations())
def test_bad_explanations_are_refused(cls, error, explanation, message, model):
    with pytest.raises(error, match=message):
        cls(model, X, Y)(explanation)


def test_explanations_of_spectra_are_refused():
    network = Network(SHAPE)
    explanation = FAM(network, 4, 2, confidence=None).explain_fourier(X, Y)
    with pytest.raises(TypeError, match=r"explanations must be .* got a FourierExplanation"):
        WaveletDeletion(network, X, Y)(explanation)


@pytest.mark.parametrize(
    ("cls", "options", "message"),
    [
        *((cls, {"wavelet": "db2"}, "wavelet='haar'.*wavelet='db2'") for cls in METRICS),
        *((cls, {"level": 1}, "level=2.*level=1") for cls in METRICS),
        *((cls, {"mode": "zero"}, "mode='periodization'.*mode='zero'") for cls in METRICS),
        *((cls, {"max_percentage_perturbed": 1e-4}, "=0.0001 of 256 features") for cls in CAUSAL),
    ],
)
def test_features_that_explanations_have_not_are_refused(cls, options, message, model):
    with pytest.raises(ValueError, match=message):
        cls(model, X, Y, **options)(random_explanation(X))


def test_the_same_transform_may_be_given():
    network, explanation = Network(SHAPE), random_explanation(X)
    expected = WaveletDeletion(network, X, Y)(explanation)
    options = {"wavelet": "haar", "level": 2, "mode": "periodization"}
    assert WaveletDeletion(network, X, Y, **options)(explanation) == expected


@pytest.mark.parametrize(
    ("cls", "options", "message"),
    [
        *((cls, {"level": 5}, "level=5 does not fit inputs of size") for cls in METRICS),
        (WaveletMuFidelity, {"grid_size": 17}, "grid_size=17 is larger"),
        (WaveletDeletion, {"level": 0, "include_approximation": False}, "leaves nothing to remove"),
    ],
)
def test_features_that_the_inputs_have_not_are_refused(cls, options, message, model):
    with pytest.raises(ValueError, match=message):
        cls(model, X, Y, **options)(noise(2, 16, 16))


# --- front ends ----------------------------------------------------------------------------


@pytest.mark.parametrize("cls", [*CAUSAL, *SPECTRA], ids=lambda cls: cls.__name__)
def test_explanations_must_tell_of_the_front_end(cls):
    signals, model = noise(2, 16), Network((5,))
    metric = cls(model, signals, Y, front_end=lambda x: x[:, :5], domain="front_end")
    for explanation, message in (
        (random_explanation(signals), "needs explanations of the front end's output"),
        (signals, r"must have its shape, \(2, 5\), got \(2, 16\)"),
        (np.full((2, 5), NAN), "explanations must be finite"),
    ):
        with pytest.raises(ValueError, match=message):
            metric(explanation)
    assert not model.rows


@each_spectra
def test_front_ends_give_one_output_for_each_input(cls):
    signals = noise(2, 16)
    metric = cls(Network((5,)), signals, Y, front_end=lambda x: x[0, :5])
    with pytest.raises(ValueError, match="front_end must give one output for each input"):
        metric(noise(2, 16))
