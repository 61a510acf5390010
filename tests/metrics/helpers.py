"""The metrics under test, models of any number of dimensions, and a slow reference."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import Any

import keras
import numpy as np
import pytest
import pywt
import torch

from wam_xplique import WaveletExplanation
from wam_xplique.coefficients import map_bands
from wam_xplique.metrics import (
    FaithfulnessOnSpectra,
    InputFidelity,
    MatchedFaithfulness,
    WaveletDeletion,
    WaveletFaithfulness,
    WaveletInsertion,
    WaveletMuFidelity,
)

from ..attributions.helpers import counting_model

CURVES = (WaveletDeletion, WaveletInsertion)
CAUSAL = (*CURVES, WaveletFaithfulness)
SPECTRA = (FaithfulnessOnSpectra, InputFidelity)
METRICS = (*CAUSAL, WaveletMuFidelity, MatchedFaithfulness, *SPECTRA)
FRAMEWORKS = ("callable", "tensorflow", "torch")
CLASSES = 3
# Inputs without N: signals, signals of several channels, images, volumes.
SHAPES = ((24,), (24, 2), (8, 12, 3), (4, 8, 4, 2))

each_metric = pytest.mark.parametrize("cls", METRICS, ids=lambda cls: cls.__name__)
each_causal = pytest.mark.parametrize("cls", CAUSAL, ids=lambda cls: cls.__name__)
each_curve = pytest.mark.parametrize("cls", CURVES, ids=lambda cls: cls.__name__)
each_spectra = pytest.mark.parametrize("cls", SPECTRA, ids=lambda cls: cls.__name__)
each_framework = pytest.mark.parametrize("framework", FRAMEWORKS)
each_shape = pytest.mark.parametrize("shape", SHAPES, ids=lambda shape: f"{len(shape)}D")


def noise(*shape: int, seed: int = 0) -> np.ndarray:
    return np.random.default_rng(seed).standard_normal(shape).astype(np.float32)


def targets(count: int) -> np.ndarray:
    return np.eye(CLASSES, dtype=np.float32)[np.arange(count) % CLASSES]


def case(*shape: int, count: int = 2) -> tuple[np.ndarray, np.ndarray, Network]:
    """Inputs of a shape, their targets, and a network of them."""
    return noise(count, *shape), targets(count), Network(shape)


class Network:
    """tanh(x A) B of the flat inputs, channels last."""

    def __init__(self, shape: tuple[int, ...]):
        self.shape = shape
        size = int(np.prod(shape))
        self.first = noise(size, 5, seed=1) / size**0.5
        self.last = noise(5, CLASSES, seed=2)
        self.rows: list[int] = []

    def __call__(self, x: np.ndarray) -> np.ndarray:
        self.rows.append(len(x))
        return np.tanh(x.reshape(len(x), -1) @ self.first) @ self.last

    def model(self, framework: str) -> Any:
        """The same in a framework."""
        if framework == "callable":
            return self
        if framework == "torch":
            return TorchNetwork(self).eval()
        inputs = keras.Input(self.shape)
        hidden = keras.layers.Dense(5, "tanh", use_bias=False)
        last = keras.layers.Dense(self.last.shape[1], use_bias=False)
        model = keras.Model(inputs, last(hidden(keras.layers.Flatten()(inputs))))
        hidden.set_weights([self.first])
        last.set_weights([self.last])
        return model


def counted(framework: str) -> tuple[Any, list[int]]:
    """A model of 16 × 16 × 3 images, and the rows of each of its executions."""
    if framework != "callable":
        return counting_model(framework)
    network = Network((16, 16, 3))
    return network, network.rows


class TorchNetwork(torch.nn.Module):
    def __init__(self, network: Network):
        super().__init__()
        self.first = torch.nn.Parameter(torch.tensor(network.first))
        self.last = torch.nn.Parameter(torch.tensor(network.last))
        self.rows: list[int] = []

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        self.rows.append(len(x))
        x = x.movedim(1, -1) if x.ndim > 2 else x
        return torch.tanh(x.flatten(1) @ self.first) @ self.last


def given(x: np.ndarray, framework: str) -> Any:
    """Inputs, or maps of them, as a framework takes them."""
    if framework != "torch":
        return x
    return torch.tensor(np.ascontiguousarray(np.moveaxis(x, -1, 1) if x.ndim > 2 else x))


def random_explanation(
    x: np.ndarray,
    wavelet: str = "haar",
    level: int = 2,
    mode: str = "periodization",
    channels: bool = False,
    approximation: bool = True,
    seed: int = 3,
) -> WaveletExplanation:
    """An explanation of random importance; of signals the channels are always kept."""
    ndim = max(1, x.ndim - 2)
    shapes = pywt.wavedecn_shapes(x.shape[1 : 1 + ndim], wavelet, mode, level)
    generator = np.random.default_rng(seed)
    kept = x.shape[1 + ndim :] if channels or ndim == 1 else ()

    def values(shape: tuple[int, ...]) -> np.ndarray:
        return generator.standard_normal((len(x), *shape, *kept))

    first = values(shapes[0]) * approximation
    details = [{key: values(shape) for key, shape in bands.items()} for bands in shapes[1:]]
    return WaveletExplanation([first, *details], wavelet, mode, x.shape, ndim)


def of_linear(x: np.ndarray, gradients: np.ndarray, wavelet: str, level: int) -> WaveletExplanation:
    """What each coefficient of images with one channel adds to the score of a linear model."""
    how = (wavelet, "periodization", level, (1, 2))
    z, a = (pywt.wavedecn(values[..., 0], *how) for values in (x, gradients.reshape(x.shape)))
    return replace(random_explanation(x, wavelet, level), coefficients=map_bands(np.multiply, z, a))


def bands(coefficients: list[Any]) -> list[np.ndarray]:
    """The bands of a decomposition, details from coarse to fine, then the approximation."""
    return [*(band for level in coefficients[1:] for band in level.values()), coefficients[0]]


def order_of(explanation: WaveletExplanation, number: int) -> list[tuple[int, int]]:
    """The band and the place of each coefficient of an input, the most important first."""
    places = [
        (index, place, abs(value))
        for index, band in enumerate(bands(explanation.coefficients))
        for place, value in enumerate(band[number].ravel().tolist())
    ]
    return [(index, place) for index, place, _ in sorted(places, key=lambda found: -found[2])]


def keeping(
    x: np.ndarray,
    explanation: WaveletExplanation,
    number: int,
    kept: set[tuple[int, int]],
    baseline: np.ndarray | float = 0.0,
) -> np.ndarray:
    """One input (1, ...) with the coefficients `kept`, the others the baseline's; PyWavelets."""
    e, axes = explanation, tuple(range(1, 1 + explanation.ndim))
    one = x[number : number + 1].astype(np.float64)
    base = np.broadcast_to(baseline, x.shape)[number : number + 1].astype(np.float64)
    z, z0 = (pywt.wavedecn(v, e.wavelet, e.mode, e.level, axes) for v in (one, base))
    for index, (band, other) in enumerate(zip(bands(z), bands(z0), strict=True)):
        importance = bands(e.coefficients)[index][number]
        mask = np.array([(index, place) in kept for place in range(importance.size)])
        mask = mask.reshape(1, *importance.shape)
        mask = mask if mask.ndim == band.ndim else mask[..., np.newaxis]
        np.copyto(band, other, where=~np.broadcast_to(mask, band.shape))
    back = pywt.waverecn(z, e.wavelet, e.mode, axes)
    return back[tuple(slice(size) for size in one.shape)].astype(np.float32)


def reference_curve(
    outputs: Callable[[np.ndarray], np.ndarray],
    x: np.ndarray,
    y: np.ndarray,
    explanation: WaveletExplanation,
    steps: list[int],
    insertion: bool,
    baseline: np.ndarray | float = 0.0,
) -> np.ndarray:
    """The scores (N, S) along a deletion or insertion, one forward and one inverse at a time."""
    curves = np.empty((len(x), len(steps)))
    for number in range(len(x)):
        order = order_of(explanation, number)
        for column, step in enumerate(steps):
            kept = set(order[:step] if insertion else order[step:])
            one = keeping(x, explanation, number, kept, baseline)
            curves[number, column] = (outputs(one)[0] * y[number]).sum()
    return curves
