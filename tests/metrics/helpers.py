"""The metrics under test, models of any number of dimensions, and a slow reference."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import keras
import numpy as np
import pytest
import pywt

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
from ..conftest import FRAMEWORKS

CURVES = (WaveletDeletion, WaveletInsertion)
CAUSAL = (*CURVES, WaveletFaithfulness)
SPECTRA = (FaithfulnessOnSpectra, InputFidelity)
METRICS = (*CAUSAL, WaveletMuFidelity, MatchedFaithfulness, *SPECTRA)
CLASSES = 3
# Inputs without N: signals, signals of several channels, images, volumes.
SHAPES = ((24,), (24, 2), (8, 12, 3), (4, 8, 4, 2))

each_metric = pytest.mark.parametrize("cls", METRICS, ids=lambda cls: cls.__name__)
each_causal = pytest.mark.parametrize("cls", CAUSAL, ids=lambda cls: cls.__name__)
each_curve = pytest.mark.parametrize("cls", CURVES, ids=lambda cls: cls.__name__)
each_spectra = pytest.mark.parametrize("cls", SPECTRA, ids=lambda cls: cls.__name__)
each_framework = pytest.mark.parametrize("framework", ["callable", *FRAMEWORKS])
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
            from ..modules import Tanh

            return Tanh(self.first, self.last).eval()
        hidden = keras.layers.Dense(5, "tanh", use_bias=False)
        last = keras.layers.Dense(self.last.shape[1], use_bias=False)
        model = keras.Sequential([keras.Input(self.shape), keras.layers.Flatten(), hidden, last])
        model.set_weights([self.first, self.last])
        return model


def few(cls: Any) -> dict[str, int]:
    """Options of a metric that takes few forwards."""
    return {"nb_samples": 20} if cls is WaveletMuFidelity else {}


def counted(framework: str) -> tuple[Any, list[int]]:
    """A model of 16 × 16 × 3 images, and the rows of each of its executions."""
    if framework != "callable":
        return counting_model(framework)
    network = Network((16, 16, 3))
    return network, network.rows


def given(x: np.ndarray, framework: str) -> Any:
    """Inputs, or maps of them, as a framework takes them."""
    if framework != "torch":
        return x
    from ..modules import channels_first

    return channels_first(x)


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


def flat(coefficients: list[Any]) -> np.ndarray:
    """All coefficients of each input in one row (N, K)."""
    return np.concatenate([band.reshape(len(band), -1) for band in bands(coefficients)], axis=1)


def places_of(explanation: WaveletExplanation) -> np.ndarray:
    """The place (N, 1, K) of each coefficient in the order of magnitude of importance."""
    order = np.argsort(-np.abs(flat(explanation.coefficients)), axis=1)
    return np.argsort(order, axis=1)[:, np.newaxis]


def parts(
    x: np.ndarray,
    explanation: WaveletExplanation,
    kept: np.ndarray,
    baseline: np.ndarray | float = 0.0,
) -> np.ndarray:
    """Inputs (N, S, ...) that keep coefficients (N, S, K), the others being the baseline's; by one
    inverse of PyWavelets at a time."""
    e, axes, x0 = explanation, explanation.transform.axes, np.broadcast_to(baseline, x.shape)
    ends = np.cumsum([band[0].size for band in bands(e.coefficients)])[:-1]
    found = np.empty((*kept.shape[:2], *x.shape[1:]), np.float32)
    for number, draw in np.ndindex(kept.shape[:2]):
        z, z0 = (
            pywt.wavedecn(v[[number]].astype(np.float64), e.wavelet, e.mode, e.level, axes)
            for v in (x, x0)
        )
        masks = np.split(kept[number, draw], ends)
        for band, other, importance, mask in zip(
            *map(bands, (z, z0, e.coefficients)), masks, strict=True
        ):
            mask = mask.reshape(importance[:1].shape)
            mask = mask if mask.ndim == band.ndim else mask[..., np.newaxis]
            np.copyto(band, other, where=~mask)
        whole = pywt.waverecn(z, e.wavelet, e.mode, axes)
        found[number, draw] = whole[tuple(map(slice, x[:1].shape))][0]
    return found


def reference(network: Network, x: np.ndarray, *how: Any, **baseline: Any) -> np.ndarray:
    """The outputs (N, S, classes) for `parts`."""
    return np.stack([network(few) for few in parts(x, *how, **baseline)])
