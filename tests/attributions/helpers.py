"""The explainers under test, models whose explanation is known, and spies."""

from __future__ import annotations

from typing import Any

import keras
import numpy as np
import pytest
import pywt
import tensorflow as tf
import torch
from torch import nn

import wam_xplique
from wam_xplique.attributions import (
    WaveletGradientInput,
    WaveletIntegratedGradients,
    WaveletSaliency,
    WaveletSmoothGrad,
    WaveletSquareGrad,
    WaveletVarGrad,
)

from ..conftest import ChannelsLastFlatten, channels_first

FRAMEWORKS = ("tensorflow", "torch")
STATISTICS = (WaveletSmoothGrad, WaveletSquareGrad, WaveletVarGrad)
EXPLAINERS = (WaveletSaliency, WaveletGradientInput, *STATISTICS, WaveletIntegratedGradients)

each_explainer = pytest.mark.parametrize("cls", EXPLAINERS, ids=lambda cls: cls.__name__[7:])
each_statistic = pytest.mark.parametrize("cls", STATISTICS, ids=lambda cls: cls.__name__[7:])
each_framework = pytest.mark.parametrize("framework", FRAMEWORKS)


def quick(cls: type) -> dict[str, Any]:
    """Arguments that make a method quick, where it takes many samples by default."""
    if cls in STATISTICS:
        return {"nb_samples": 5}
    return {"steps": 6} if cls is WaveletIntegratedGradients else {}


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


def transform(x: np.ndarray, wavelet: str, mode: str, level: int) -> np.ndarray:
    """Coefficients (N, C, all) of images (N, H, W, C), by PyWavelets."""
    return flatten(pywt.wavedecn(x, wavelet, mode, level, axes=(1, 2)), channels=True)


def polynomial_model(
    framework: str, shape: tuple[int, int, int], degree: int
) -> tuple[Any, np.ndarray]:
    """
    A model with the outputs f(x)_k = Σ w_k x^degree, and its weights w (H, W, C, 2 outputs).

    PyTorch's is of double precision.
    """
    weights = np.random.default_rng(1).standard_normal((*shape, 2)) / 10
    if framework == "torch":
        return Polynomial(weights, degree).eval(), weights
    inputs = keras.Input(shape)
    powers = inputs if degree == 1 else keras.ops.power(inputs, degree)
    outputs = keras.layers.Dense(2, name="out")(keras.layers.Flatten()(powers))
    model = keras.Model(inputs, outputs)
    model.get_layer("out").set_weights([weights.reshape(-1, 2), np.array([0.5, -0.5])])
    return model, weights


class Polynomial(nn.Module):
    """Σ w x^degree."""

    def __init__(self, weights: np.ndarray, degree: int):
        super().__init__()
        self.degree = degree
        self.flatten = ChannelsLastFlatten()
        self.linear = nn.Linear(weights[..., 0].size, weights.shape[-1], dtype=torch.float64)
        with torch.no_grad():
            self.linear.weight.copy_(torch.tensor(weights).flatten(0, -2).T)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return self.linear(self.flatten(x) ** self.degree)


def native(x: np.ndarray, framework: str) -> Any:
    """Images (N, H, W, C) as the framework takes them."""
    return channels_first(x) if framework == "torch" else tf.constant(x)


class CountingTorch(nn.Module):
    """A linear model that notes how many rows each call has."""

    def __init__(self, classes: int = 3):
        super().__init__()
        self.rows: list[int] = []
        self.weight = nn.Parameter(torch.linspace(-1, 1, classes))

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        self.rows.append(len(x))
        return (x**2).flatten(1).sum(1, keepdim=True) * self.weight


class CountingLayer(keras.layers.Layer):
    """Passes its inputs on, and notes how many rows each real execution has, compiled or not."""

    def __init__(self):
        super().__init__()
        self.rows: list[int] = []

    def call(self, x: tf.Tensor) -> tf.Tensor:
        def note(value: Any) -> np.ndarray:
            self.rows.append(len(value))
            return value

        @tf.custom_gradient
        def spied(value: tf.Tensor) -> Any:
            noted = tf.numpy_function(note, [value], value.dtype, stateful=True)
            return tf.ensure_shape(noted, value.shape), lambda gradient: gradient

        return spied(x)

    def compute_output_shape(self, input_shape: Any) -> Any:
        return input_shape


def counting_keras(size: int = 16, classes: int = 3) -> tuple[keras.Model, list[int]]:
    """A smooth Keras model, and the list of the rows of each of its executions."""
    layer = CountingLayer()
    inputs = keras.Input((size, size, 3))
    x = keras.layers.Conv2D(2, 3, activation="softplus")(layer(inputs))
    outputs = keras.layers.Dense(classes)(keras.layers.Flatten()(x))
    return keras.Model(inputs, outputs), layer.rows


def counting_model(framework: str) -> tuple[Any, list[int]]:
    """A model of 16x16x3 images with 3 classes, and the rows of each of its executions."""
    if framework == "tensorflow":
        return counting_keras()
    module = CountingTorch().eval()
    return module, module.rows
