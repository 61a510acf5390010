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

from .helpers import EXPLAINERS, each_framework

SIZE, SEEN, CLASSES = 64, 12, 3
RNG = np.random.default_rng(0)
TO_SEEN = RNG.standard_normal((SIZE, SEEN)).astype(np.float32) / 8
TO_SCORES = RNG.standard_normal((SEEN, CLASSES)).astype(np.float32)
X = RNG.standard_normal((3, SIZE)).astype(np.float32)
Y = np.eye(CLASSES, dtype=np.float32)[[0, 2, 1]]

each_method = pytest.mark.parametrize("method", EXPLAINERS, ids=lambda m: m.__name__)


class TorchHead(torch.nn.Module):
    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return x @ torch.tensor(TO_SCORES)


class TorchFrontEnd(torch.nn.Module):
    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return torch.tanh(x @ torch.tensor(TO_SEEN))


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
    if framework == "torch":
        return TorchHead().eval(), TorchFrontEnd().eval()
    return keras_head(), tensorflow_front_end


def whole(framework: str) -> Any:
    """The same as one model."""
    head, front_end = parts(framework)
    if framework == "torch":
        return torch.nn.Sequential(front_end, head).eval()
    inputs = keras.Input((SIZE,))
    return keras.Model(inputs, head(keras.layers.Lambda(tensorflow_front_end)(inputs)))


def options(method: Any, **more: Any) -> dict[str, Any]:
    few = {"nb_samples": 6} if "noise" in method.__init__.__code__.co_varnames else {}
    return {"wavelet": "db2", "level": 2, "include_approximation": True, **few, **more}


def assert_equal(one: WaveletExplanation, other: WaveletExplanation, **tolerance: float) -> None:
    np.testing.assert_allclose(one.mosaic(), other.mosaic(), **tolerance)
    np.testing.assert_allclose(one.front_end, other.front_end, **tolerance)


@each_framework
@each_method
def test_wavelets_are_explained_as_without_a_seam(method, framework):
    head, front_end = parts(framework)
    explanation = method(head, front_end=front_end, **options(method)).explain_wavelet(X, Y)
    expected = method(whole(framework), **options(method)).explain_wavelet(X, Y)
    np.testing.assert_allclose(explanation.mosaic(), expected.mosaic(), rtol=1e-4, atol=1e-6)
    assert expected.front_end is None


@each_framework
def test_closed_forms_of_the_front_end(framework):
    """The model is linear in what it sees: its gradient there is a column of its weights."""
    head, front_end = parts(framework)
    seen = np.tanh(X @ TO_SEEN)
    weights = Y @ TO_SCORES.T
    for method, expected in {
        WaveletSaliency: np.abs(weights),
        WaveletGradientInput: weights * seen,
        WaveletSmoothGrad: np.abs(weights),
        WaveletSquareGrad: weights**2,
        WaveletVarGrad: np.zeros_like(weights),
        WaveletIntegratedGradients: weights * seen,
    }.items():
        explanation = method(head, front_end=front_end, **options(method)).explain_wavelet(X, Y)
        np.testing.assert_allclose(
            explanation.front_end, expected, rtol=1e-5, atol=1e-6, err_msg=method.__name__
        )


@each_framework
def test_closed_form_of_the_wavelets_behind_a_front_end(framework):
    head, front_end = parts(framework)
    explainer = WaveletSaliency(head, front_end=front_end, **options(WaveletSaliency))
    coefficients = explainer.explain_wavelet(X, Y).coefficients
    gradient = ((1 - np.tanh(X @ TO_SEEN) ** 2) * (Y @ TO_SCORES.T)) @ TO_SEEN.T
    expected = pywt.wavedec(gradient, "db2", "periodization", 2, axis=1)
    for actual, band in zip([coefficients[0], *coefficients[1:]], expected, strict=True):
        actual = actual["d"] if isinstance(actual, dict) else actual
        np.testing.assert_allclose(actual, np.abs(band), rtol=1e-4, atol=1e-6)


@each_method
def test_frameworks_agree(method):
    explanations = []
    for framework in ("tensorflow", "torch"):
        head, front_end = parts(framework)
        few = options(method, noise=0.0) if "nb_samples" in options(method) else options(method)
        explainer = method(head, front_end=front_end, **few)
        explanations.append(explainer.explain_wavelet(X, Y))
    assert_equal(*explanations, rtol=1e-4, atol=1e-6)


@each_framework
@each_method
def test_batches_do_not_matter(method, framework):
    head, front_end = parts(framework)
    one, all_at_once = (
        method(head, front_end=front_end, batch_size=size, **options(method)).explain_wavelet(X, Y)
        for size in (1, None)
    )
    assert_equal(one, all_at_once, rtol=1e-4, atol=1e-6)


def test_batch_size_limits_what_the_front_end_sees():
    head, front_end = parts("torch")
    sizes = []

    def counting(x: torch.Tensor) -> torch.Tensor:
        sizes.append(len(x))
        return front_end(x)

    explainer = WaveletIntegratedGradients(head, front_end=counting, batch_size=2, level=2)
    explainer.explain_wavelet(X, Y)
    assert max(sizes) == 2


def test_integrated_gradients_of_a_linear_front_end_are_complete():
    head = keras_head()
    explainer = WaveletIntegratedGradients(
        head, front_end=lambda x: x @ TO_SEEN, include_approximation=True, baseline_value=0.5
    )
    explanation = explainer.explain_wavelet(X, Y)
    difference = ((X - 0.5) @ TO_SEEN @ TO_SCORES * Y).sum(axis=1)
    np.testing.assert_allclose(explanation.front_end.sum(axis=1), difference, rtol=1e-4)
    np.testing.assert_allclose(explanation.mosaic().sum(axis=(1, 2)), difference, rtol=1e-4)


@pytest.mark.filterwarnings("ignore::UserWarning")  # of Xplique's TorchWrapper
def test_a_torch_wrapper_is_unwrapped():
    head, front_end = parts("torch")
    eager = tf.config.functions_run_eagerly()
    wrapped = TorchWrapper(head, "cpu")
    tf.config.run_functions_eagerly(eager)
    common = options(WaveletSmoothGrad)
    assert_equal(
        WaveletSmoothGrad(wrapped, front_end=front_end, **common).explain_wavelet(X, Y),
        WaveletSmoothGrad(head, front_end=front_end, **common).explain_wavelet(X, Y),
    )


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
@pytest.mark.parametrize("cls", [WCAM, FAM])
def test_black_boxes_see_through_a_front_end(cls, framework):
    head, front_end = parts(framework)
    kwargs: dict[str, Any] = {"grid_size": 4, "nb_design": 8}
    x = X[..., np.newaxis] if cls is FAM else X

    def squeezed(x: Any) -> Any:
        return front_end(x[..., 0]) if cls is FAM else front_end(x)

    def arrays(x: np.ndarray) -> np.ndarray:
        return np.tanh((x[..., 0] if cls is FAM else x) @ TO_SEEN)

    def explain(model: Any, front_end: Any) -> np.ndarray:
        explainer = cls(model, front_end=front_end, **kwargs)
        name = "explain_fourier" if cls is FAM else "explain_wavelet"
        return getattr(explainer, name)(x, Y).sobol.total

    expected = explain(lambda z: arrays(z) @ TO_SCORES, None)
    np.testing.assert_allclose(explain(head, squeezed), expected, rtol=1e-3, atol=1e-5)
    np.testing.assert_allclose(explain(lambda z: z @ TO_SCORES, arrays), expected, rtol=1e-6)


def test_it_is_saved(tmp_path):
    head, front_end = parts("tensorflow")
    explanation = WaveletSaliency(head, front_end=front_end).explain_wavelet(X, Y)
    explanation.save(tmp_path / "e.npz")
    np.testing.assert_array_equal(
        WaveletExplanation.load(tmp_path / "e.npz").front_end, explanation.front_end
    )


# --- bad front ends --------------------------------------------------------------------------


@pytest.mark.parametrize("cls", [*EXPLAINERS, WCAM, FAM], ids=lambda c: c.__name__)
def test_a_front_end_is_a_callable(cls):
    with pytest.raises(TypeError, match="front_end must be None or a callable, got 3"):
        cls(keras_head(), front_end=3)


@each_framework
@pytest.mark.parametrize("kind", ["array", "detached", "one for all", "not connected"])
def test_bad_front_ends_are_refused(kind, framework):
    head, front_end = parts(framework)
    is_torch = framework == "torch"

    def bad(x: Any) -> Any:
        if kind == "array":
            return np.tanh(x.numpy() @ TO_SEEN)
        if kind == "one for all":
            return front_end(x)[0]
        if kind == "detached":
            return front_end(x).detach() if is_torch else tf.stop_gradient(front_end(x))
        return torch.zeros(len(x), SEEN) if is_torch else tf.zeros((len(x), SEEN))

    error, message = {
        "array": (TypeError, "front_end must be differentiable"),
        "one for all": (ValueError, "front_end must give one output for each input"),
    }.get(kind, (ValueError, "front_end must be differentiable"))
    with pytest.raises(error, match=message):
        WaveletSaliency(head, front_end=bad).explain_wavelet(X, Y)


@pytest.mark.parametrize("cls", [WaveletSaliency, WCAM])
def test_a_module_in_training_mode_is_refused(cls):
    head, front_end = parts("torch")
    with pytest.raises(ValueError, match="The front_end must be in evaluation mode"):
        cls(head, front_end=front_end.train())


@each_framework
def test_a_model_that_ignores_the_front_end_is_refused(framework):
    _, front_end = parts(framework)

    class Constant(tf.Module):
        def __call__(self, x: tf.Tensor) -> tf.Tensor:
            return tf.ones((len(x), CLASSES))

    class TorchConstant(torch.nn.Module):
        def forward(self, x: torch.Tensor) -> torch.Tensor:
            return torch.ones(len(x), CLASSES)

    model = TorchConstant().eval() if framework == "torch" else Constant()
    with pytest.raises(ValueError, match="The model gives no gradient"):
        WaveletSaliency(model, front_end=front_end).explain_wavelet(X, Y)


@each_framework
def test_gradients_that_are_not_finite_are_refused(framework):
    """The logarithm of silence."""
    head, _ = parts(framework)
    silent = X.copy()
    silent[1] = 0
    log = torch.log if framework == "torch" else tf.math.log
    with pytest.raises(ValueError, match=r"NaN or infinite for the inputs \[1\]"):
        WaveletSaliency(head, front_end=lambda x: log(x[:, :SEEN] ** 2)).explain_wavelet(silent, Y)
