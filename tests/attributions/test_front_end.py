"""A front end between inputs and model: one run explains both sides of it."""

from __future__ import annotations

from typing import Any

import keras
import numpy as np
import pytest
import pywt
import tensorflow as tf
import torch
from xplique.wrappers import TorchWrapper

from wam_xplique import WaveletExplanation
from wam_xplique.attributions import (
    FAM,
    WCAM,
    WaveletGradientInput,
    WaveletIntegratedGradients,
    WaveletSaliency,
    WaveletSmoothGrad,
    WaveletSquareGrad,
    WaveletVarGrad,
)

from ..modules import TorchModule
from .helpers import STATISTICS, Module, each_explainer, each_framework, each_sobol, indices, quick

SIZE, SEEN, CLASSES = 64, 12, 3
RNG = np.random.default_rng(0)
TO_SEEN = RNG.standard_normal((SIZE, SEEN)).astype(np.float32) / 8
TO_SCORES = RNG.standard_normal((SEEN, CLASSES)).astype(np.float32)
X = RNG.standard_normal((3, SIZE)).astype(np.float32)
Y = np.eye(CLASSES, dtype=np.float32)[[0, 2, 1]]


def keras_head() -> keras.Model:
    inputs = keras.Input((SEEN,))
    layer = keras.layers.Dense(CLASSES, use_bias=False)
    model = keras.Model(inputs, layer(inputs))
    layer.set_weights([TO_SCORES])
    return model


def tensorflow_front_end(x: tf.Tensor) -> tf.Tensor:
    return tf.tanh(x @ TO_SEEN)


def parts(framework: str) -> tuple[Any, Any]:
    """A linear model, and the front end before it."""
    if framework == "tensorflow":
        return keras_head(), tensorflow_front_end
    head = TorchModule(lambda x: x @ torch.tensor(TO_SCORES)).eval()
    return head, TorchModule(lambda x: torch.tanh(x @ torch.tensor(TO_SEEN))).eval()


def whole(framework: str) -> Any:
    """The same as one model."""
    head, front_end = parts(framework)
    if framework == "torch":
        return torch.nn.Sequential(front_end, head).eval()
    inputs = keras.Input((SIZE,))
    return keras.Model(inputs, head(keras.layers.Lambda(tensorflow_front_end)(inputs)))


def explain(cls: type, model: Any, front_end: Any = None, **more: Any) -> WaveletExplanation:
    options = {"wavelet": "db2", "level": 2, "include_approximation": True, **quick(cls), **more}
    return cls(model, front_end=front_end, **options).explain_wavelet(X, Y)


def assert_equal(one: WaveletExplanation, other: WaveletExplanation) -> None:
    np.testing.assert_allclose(one.mosaic(), other.mosaic(), rtol=1e-4, atol=1e-6)
    np.testing.assert_allclose(one.front_end, other.front_end, rtol=1e-4, atol=1e-6)


@each_framework
@each_explainer
def test_wavelets_are_explained_as_without_a_seam_in_batches_of_any_size(cls, framework):
    explanation = explain(cls, *parts(framework))
    expected = explain(cls, whole(framework))
    np.testing.assert_allclose(explanation.mosaic(), expected.mosaic(), rtol=1e-4, atol=1e-6)
    assert expected.front_end is None
    for batch_size in (1, None):
        assert_equal(explain(cls, *parts(framework), batch_size=batch_size), explanation)


@each_framework
def test_closed_forms_of_the_front_end(framework):
    """The model is linear in what it sees: its gradient there is a column of its weights."""
    seen = np.tanh(X @ TO_SEEN)
    weights = Y @ TO_SCORES.T
    for cls, expected in {
        WaveletSaliency: np.abs(weights),
        WaveletGradientInput: weights * seen,
        WaveletSmoothGrad: np.abs(weights),
        WaveletSquareGrad: weights**2,
        WaveletVarGrad: np.zeros_like(weights),
        WaveletIntegratedGradients: weights * seen,
    }.items():
        found = explain(cls, *parts(framework)).front_end
        np.testing.assert_allclose(found, expected, rtol=1e-5, atol=1e-6, err_msg=cls.__name__)


@each_framework
def test_closed_form_of_the_wavelets_behind_a_front_end(framework):
    coefficients = explain(WaveletSaliency, *parts(framework)).coefficients
    gradient = ((1 - np.tanh(X @ TO_SEEN) ** 2) * (Y @ TO_SCORES.T)) @ TO_SEEN.T
    expected = pywt.wavedec(gradient, "db2", "periodization", 2, axis=1)
    actual = [coefficients[0], *(level["d"] for level in coefficients[1:])]
    for one, band in zip(actual, expected, strict=True):
        np.testing.assert_allclose(one, np.abs(band), rtol=1e-4, atol=1e-6)


@each_explainer
def test_frameworks_agree(cls):
    still = {"noise": 0.0} if cls in STATISTICS else {}
    of_keras, of_torch = (explain(cls, *parts(name), **still) for name in ("tensorflow", "torch"))
    assert_equal(of_keras, of_torch)


def test_batch_size_limits_what_the_front_end_sees():
    head, front_end = parts("torch")
    sizes = []

    def counting(x: torch.Tensor) -> torch.Tensor:
        sizes.append(len(x))
        return front_end(x)

    explain(WaveletIntegratedGradients, head, counting, batch_size=2)
    assert max(sizes) == 2


def test_integrated_gradients_of_a_linear_front_end_are_complete():
    front_end, of = (lambda x: x @ TO_SEEN), WaveletIntegratedGradients
    whole = {"wavelet": "haar", "level": None, "steps": 50}
    explanation = explain(of, keras_head(), front_end, baseline_value=0.5, **whole)
    difference = ((X - 0.5) @ TO_SEEN @ TO_SCORES * Y).sum(axis=1)
    np.testing.assert_allclose(explanation.front_end.sum(axis=1), difference, rtol=1e-4)
    np.testing.assert_allclose(explanation.mosaic().sum(axis=(1, 2)), difference, rtol=1e-4)


@pytest.mark.filterwarnings("ignore::UserWarning")  # of Xplique's TorchWrapper
def test_a_torch_wrapper_is_unwrapped():
    head, front_end = parts("torch")
    wrapped = TorchWrapper(head, "cpu")
    tf.config.run_functions_eagerly(False)
    found, expected = (explain(WaveletSmoothGrad, model, front_end) for model in (wrapped, head))
    assert_equal(found, expected)


def test_a_mel_spectrogram_of_keras_is_a_front_end():
    layer = keras.layers.MelSpectrogram(
        fft_length=256, sequence_stride=64, sampling_rate=8000, num_mel_bins=16, max_freq=4000
    )
    keras.utils.set_random_seed(0)
    waveforms = RNG.standard_normal((2, 2048)).astype(np.float32)
    shape = tuple(layer(waveforms).shape[1:])
    model = keras.Sequential([keras.Input(shape), keras.layers.Flatten(), keras.layers.Dense(2)])
    explainer = WaveletSmoothGrad(model, nb_samples=4, noise=0.01, front_end=layer)
    explanation = explainer.explain_wavelet(waveforms, np.eye(2, dtype=np.float32))
    assert explanation.front_end.shape == (2, *shape)
    assert explanation.pixels().shape == waveforms.shape
    weights = model.layers[-1].get_weights()[0].T.reshape(2, *shape)
    np.testing.assert_allclose(explanation.front_end, np.abs(weights), rtol=1e-5)


def test_axes_reach_the_front_end_as_they_come():
    seen = []

    def front_end(x: torch.Tensor) -> torch.Tensor:
        seen.append(tuple(x.shape))
        return x.mean(2).unsqueeze(1)

    model = torch.nn.Sequential(
        torch.nn.Conv1d(1, 2, 3), torch.nn.Flatten(), torch.nn.LazyLinear(3)
    )
    model(torch.zeros(1, 1, SIZE))
    stereo = np.stack((X, -X), axis=-1)
    explanation = WaveletSaliency(model.eval(), front_end=front_end).explain_wavelet(stereo, Y)
    assert {shape[1:] for shape in seen} == {(SIZE, 2)}
    assert explanation.front_end.shape == (3, 1, SIZE)


@each_framework
@each_sobol
def test_black_boxes_see_through_a_front_end(cls, framework):
    head, front_end = parts(framework)
    x = X[..., np.newaxis] if cls is FAM else X

    def plain(x: Any) -> Any:
        return x[..., 0] if cls is FAM else x

    def arrays(x: np.ndarray) -> np.ndarray:
        return np.tanh(plain(x) @ TO_SEEN)

    def total(model: Any, front_end: Any = None) -> np.ndarray:
        return indices(cls, model, x, Y, nb_design=8, front_end=front_end).total

    expected = total(lambda z: arrays(z) @ TO_SCORES)
    squeezed = total(head, lambda x: front_end(plain(x)))
    np.testing.assert_allclose(squeezed, expected, rtol=1e-3, atol=1e-5)
    np.testing.assert_allclose(total(lambda z: z @ TO_SCORES, arrays), expected, rtol=1e-6)


# --- bad front ends --------------------------------------------------------------------------


@each_framework
@pytest.mark.parametrize(
    ("kind", "error", "message"),
    [
        ("array", TypeError, "front_end must be differentiable"),
        ("detached", ValueError, "front_end must be differentiable"),
        ("not connected", ValueError, "front_end must be differentiable"),
        ("one for all", ValueError, "front_end must give one output for each input"),
    ],
)
def test_bad_front_ends_are_refused(kind, error, message, framework):
    head, front_end = parts(framework)
    of_torch = framework == "torch"
    bad = {
        "array": lambda x: np.tanh(x.numpy() @ TO_SEEN),
        "detached": lambda x: (torch.Tensor.detach if of_torch else tf.stop_gradient)(front_end(x)),
        "not connected": lambda x: (torch if of_torch else tf).zeros((len(x), SEEN)),
        "one for all": lambda x: front_end(x)[0],
    }[kind]
    with pytest.raises(error, match=message):
        explain(WaveletSaliency, head, bad)


@pytest.mark.parametrize("cls", [WaveletSaliency, WCAM])
def test_a_module_in_training_mode_is_refused(cls):
    head, front_end = parts("torch")
    with pytest.raises(ValueError, match="The front_end must be in evaluation mode"):
        cls(head, front_end=front_end.train())


@each_framework
def test_a_model_that_ignores_the_front_end_is_refused(framework):
    of_torch = TorchModule(lambda x: torch.ones(len(x), CLASSES)).eval()
    model = of_torch if framework == "torch" else Module(lambda x: tf.ones((len(x), CLASSES)))
    with pytest.raises(ValueError, match="The model gives no gradient"):
        explain(WaveletSaliency, model, parts(framework)[1])


@each_framework
def test_gradients_that_are_not_finite_are_refused(framework):
    """The logarithm of silence."""
    head, _ = parts(framework)
    silent = X.copy()
    silent[1] = 0
    log = torch.log if framework == "torch" else tf.math.log
    with pytest.raises(ValueError, match=r"NaN or infinite for the inputs \[1\]"):
        WaveletSaliency(head, front_end=lambda x: log(x[:, :SEEN] ** 2)).explain_wavelet(silent, Y)
