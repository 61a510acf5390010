"""The explainers under test, models whose explanation is known, and spies."""

from __future__ import annotations

import functools
from collections.abc import Callable
from typing import Any

import keras
import numpy as np
import pytest
import pywt
import tensorflow as tf
from xplique.attributions.global_sensitivity_analysis.replicated_designs import ReplicatedSampler

import wam_xplique
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
from wam_xplique.indices import SobolIndices

from ..conftest import FRAMEWORKS

STATISTICS = (WaveletSmoothGrad, WaveletSquareGrad, WaveletVarGrad)
EXPLAINERS = (WaveletSaliency, WaveletGradientInput, *STATISTICS, WaveletIntegratedGradients)
SOBOL = (WCAM, FAM)


def each(classes: Any) -> Any:
    """Parametrise a test over classes."""
    return pytest.mark.parametrize(
        "cls", classes, ids=lambda cls: cls.__name__.removeprefix("Wavelet")
    )


each_explainer, each_statistic, each_sobol = each(EXPLAINERS), each(STATISTICS), each(SOBOL)
each_framework = pytest.mark.parametrize("framework", FRAMEWORKS)


def quick(cls: type) -> dict[str, Any]:
    """Arguments that make a method quick, where it takes many samples by default."""
    if cls in STATISTICS:
        return {"nb_samples": 5}
    if cls in SOBOL:
        return {"grid_size": 4, "nb_design": 4, "confidence": None}
    return {"steps": 6} if cls is WaveletIntegratedGradients else {}


def indices(cls: type, model: Any, x: Any, y: Any, **options: Any) -> SobolIndices:
    """The Sobol indices of a quick design, of two levels where there are levels."""
    if cls is FAM:
        return FAM(model, **(quick(FAM) | options)).explain_fourier(x, y).sobol
    return WCAM(model, **(quick(WCAM) | {"level": 2} | options)).explain_wavelet(x, y).sobol


def noise(*shape: int, seed: int = 0) -> np.ndarray:
    return np.random.default_rng(seed).standard_normal(shape).astype(np.float32)


def relative_error(actual: Any, expected: Any) -> float:
    """Largest difference, relative to the largest expected magnitude."""
    actual, expected = np.asarray(actual), np.asarray(expected)
    assert actual.shape == expected.shape
    return float(np.abs(actual - expected).max() / max(np.abs(expected).max(), 1e-30))


def bands(coefficients: list[Any]) -> list[Any]:
    """The bands of a decomposition, in one fixed order."""
    details = (level[key] for level in coefficients[1:] for key in sorted(level))
    return [coefficients[0], *details]


def flatten(coefficients: list[Any], channels: bool) -> np.ndarray:
    """Coefficients (N, h, w[, C]) as rows (N[, C], all coefficients), in the order of `bands`."""
    rows = []
    for band in bands(coefficients):
        band = np.moveaxis(band, -1, 1) if channels else band
        rows.append(band.reshape(*band.shape[: 2 if channels else 1], -1))
    return np.concatenate(rows, axis=-1)


def explanation_error(
    actual: wam_xplique.WaveletExplanation, expected: wam_xplique.WaveletExplanation
) -> float:
    """Relative error between the coefficients of two explanations."""
    pairs = zip(bands(actual.coefficients), bands(expected.coefficients), strict=True)
    largest = max(np.abs(band).max() for band in bands(expected.coefficients))
    return float(max(np.abs(a - b).max() for a, b in pairs) / largest)


@functools.cache
def inverse_matrix(shape: tuple[int, ...], wavelet: str, mode: str, level: int) -> np.ndarray:
    """The inverse transform as a matrix (pixels, coefficients): PyWavelets on unit vectors."""
    axes = tuple(range(1, 1 + len(shape)))
    template = pywt.wavedecn(np.zeros((1, *shape)), wavelet, mode, level, axes)
    columns = []
    for position, band in enumerate(bands(template)):
        size = band.size
        units = [np.zeros((size, *other.shape[1:])) for other in bands(template)]
        units[position] = np.eye(size).reshape(size, *band.shape[1:])
        filled = iter(units)
        unit = [next(filled), *({k: next(filled) for k in sorted(t)} for t in template[1:])]
        signals = pywt.waverecn(unit, wavelet, mode, axes)
        signals = signals[(slice(None), *(slice(s) for s in shape))]
        columns.append(signals.reshape(size, -1).T)
    return np.concatenate(columns, axis=1)


@functools.cache
def polynomial_model(framework: str, shape: tuple[int, ...], degree: int) -> tuple[Any, np.ndarray]:
    """
    A model with the outputs f(x)_k = Σ w_k x^degree, and its weights w (H, W, C, 2 outputs).

    PyTorch's is of double precision.
    """
    weights = np.random.default_rng(1).standard_normal((*shape, 2)) / 10
    if framework == "torch":
        from ..modules import polynomial

        return polynomial(weights, degree), weights
    inputs = keras.Input(shape)
    powers = inputs if degree == 1 else keras.ops.power(inputs, degree)
    outputs = keras.layers.Dense(2, name="out")(keras.layers.Flatten()(powers))
    model = keras.Model(inputs, outputs)
    model.get_layer("out").set_weights([weights.reshape(-1, 2), np.array([0.5, -0.5])])
    return model, weights


def native(x: np.ndarray, framework: str) -> Any:
    """Inputs with channels last as the framework takes them; arrays for a callable."""
    if framework == "torch":
        from ..modules import channels_first

        return channels_first(x)
    return tf.constant(x) if framework == "tensorflow" else x


def squared(model: Any, x: Any, y: Any) -> Any:
    """An operator of either framework: the square of the target's score."""
    scores = model(x) * y
    return (tf.reduce_sum(scores, -1) if tf.is_tensor(scores) else scores.sum(-1)) ** 2


class Module(tf.Module):
    """A `tf.Module` that is no Keras model."""

    def __init__(self, function: Callable[[tf.Tensor], tf.Tensor]):
        super().__init__()
        self.function = function

    def __call__(self, x: tf.Tensor) -> tf.Tensor:
        return self.function(x)


def flat_model(kind: str, function: Callable[..., Any], *arrays: np.ndarray) -> Any:
    """The model ``function(x, *arrays)`` of flat inputs (N, features), channels last."""
    if kind == "torch":
        import torch

        from ..modules import ChannelsLastFlatten, TorchModule

        flat, tensors = ChannelsLastFlatten(), [torch.tensor(array) for array in arrays]
        return TorchModule(lambda x: function(flat(x), *tensors)).eval()
    if kind == "tensorflow":
        return Module(lambda x: function(tf.reshape(x, (-1, np.prod(x.shape[1:]))), *arrays))
    return lambda x: function(x.reshape(len(x), -1), *arrays)


class Counted:
    """A callable with up to three outputs, which keeps its inputs and counts their rows."""

    def __init__(self, classes: int = 2):
        self.classes = classes
        self.rows: list[int] = []
        self.seen: list[np.ndarray] = []

    def __call__(self, x: np.ndarray) -> np.ndarray:
        self.seen.append(x)
        self.rows.append(len(x))
        flat = x.reshape(len(x), -1)
        weights = np.sin(np.arange(flat.shape[1])) / np.sqrt(flat.shape[1])
        scores = np.tanh(flat @ weights), (flat**2).mean(axis=1), np.cos(flat).mean(axis=1)
        return np.stack(scores[: self.classes], axis=1)


class NoDesign(ReplicatedSampler):
    """A sampler of what is no design."""

    def __call__(self, dimension: int, nb_design: int) -> np.ndarray:
        return np.zeros((nb_design, dimension))


def counting_keras() -> tuple[keras.Model, list[int]]:
    """A smooth Keras model, and the rows of each of its real executions, compiled or not."""
    rows: list[int] = []

    def note(value: np.ndarray) -> np.ndarray:
        rows.append(len(value))
        return value

    @tf.custom_gradient
    def spied(value: tf.Tensor) -> Any:
        noted = tf.numpy_function(note, [value], value.dtype, stateful=True)
        return tf.ensure_shape(noted, value.shape), lambda gradient: gradient

    inputs = keras.Input((16, 16, 3))
    noted = keras.layers.Lambda(spied, output_shape=(16, 16, 3))(inputs)
    x = keras.layers.Conv2D(2, 3, activation="softplus")(noted)
    outputs = keras.layers.Dense(3)(keras.layers.Flatten()(x))
    return keras.Model(inputs, outputs), rows


def counting_model(kind: str) -> tuple[Any, list[int]]:
    """A model of 16x16x3 images with 3 classes, and the rows of each of its executions."""
    if kind == "tensorflow":
        return counting_keras()
    if kind == "tf.Module":
        model, rows = counting_keras()
        return Module(model), rows
    if kind == "torch":
        from ..modules import counting

        return counting()
    model = Counted(classes=3)
    return model, model.rows
