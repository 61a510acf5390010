"""The laws that a wavelet transform, its inverse and the transpose of that inverse keep."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
import pywt
import tensorflow as tf
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from wam_xplique.backends import get_backend, pullback, wavedecn, waverecn
from wam_xplique.coefficients import map_bands

from .helpers import (
    MODES,
    WAVELETS,
    assert_close,
    assert_same_coefficients,
    coefficients_to,
    flatten,
    frameworks,
    ignore_high_levels,
    layout,
    named_bands,
    noise,
    random_like,
    to_framework,
    to_numpy,
)

pytestmark = ignore_high_levels

SHORT = tuple(name for name in WAVELETS if pywt.Wavelet(name).dec_len <= 20)
ORTHOGONAL = tuple(name for name in SHORT if pywt.Wavelet(name).orthogonal)
SHAPES = {1: (2, 3, 37), 2: (2, 13, 10, 2), 3: (1, 7, 6, 5, 2)}
DYADIC = {1: (2, 3, 32), 2: (2, 16, 8, 2), 3: (1, 8, 4, 8, 2)}
AXES = {1: (-1,), 2: (1, 2), 3: (1, 2, 3)}

laws = settings(derandomize=True, deadline=None, max_examples=25, database=None)
few_laws = settings(derandomize=True, deadline=None, max_examples=6, database=None)
seeds = st.integers(0, 2**32 - 1)
dimensions = st.sampled_from((1, 2, 3))
levels = st.integers(1, 3)


def cut(x: Any, shape: tuple[int, ...]) -> Any:
    """`x` cut to `shape`: reconstruction makes an odd size even."""
    return x[tuple(slice(size) for size in shape)]


def total(x: Any) -> Any:
    return get_backend(x).reduce(x, "sum", range(len(x.shape)))


def dot(a: list[Any], b: list[Any]) -> float:
    return float(flatten(a) @ flatten(b))


@st.composite
def signals(draw: Any) -> tuple[np.ndarray, tuple[int, ...]]:
    """A signal, an image or a volume of any small size, and its axes."""
    ndim = draw(dimensions)
    largest = (70, 24, 10)[ndim - 1]
    sizes = draw(st.lists(st.integers(2, largest), min_size=ndim, max_size=ndim))
    return noise(2, *sizes, 2, seed=draw(seeds)), tuple(range(1, ndim + 1))


@frameworks
@laws
@given(signals(), st.sampled_from(SHORT), st.sampled_from(MODES))
def test_the_inverse_undoes_the_transform(framework, signal, wavelet, mode):
    x, axes = signal
    coefficients = wavedecn(to_framework(x, framework), wavelet, mode, 1, axes)
    back = waverecn(coefficients, wavelet, mode, axes)
    assert_close(cut(back, x.shape), x, 1e-11)


@frameworks
@pytest.mark.parametrize("mode", MODES)
@pytest.mark.parametrize("ndim", [1, 2, 3])
def test_the_inverse_undoes_several_levels_in_every_mode(framework, mode, ndim):
    x, axes = noise(*SHAPES[ndim], seed=ndim), AXES[ndim]
    for wavelet in ("haar", "db3", "bior2.4"):
        coefficients = wavedecn(to_framework(x, framework), wavelet, mode, 2, axes)
        assert_close(cut(waverecn(coefficients, wavelet, mode, axes), x.shape), x, 1e-12)


@frameworks
def test_dmey_is_undone_only_as_nearly_as_its_filters_allow(framework):
    x = noise(3, 200)
    back = waverecn(wavedecn(to_framework(x, framework), "dmey", axes=1), "dmey", axes=1)
    error = np.linalg.norm(to_numpy(back) - x) / np.linalg.norm(x)
    assert 1e-9 < error < 1e-2


@frameworks
@laws
@given(signals(), st.sampled_from(SHORT), st.sampled_from(MODES), st.floats(-5, 5), seeds)
def test_the_transform_and_its_inverse_are_linear(framework, signal, wavelet, mode, factor, seed):
    x, axes = signal
    rng = np.random.default_rng(seed)
    y = rng.standard_normal(x.shape)

    def transform(array: np.ndarray) -> list[Any]:
        return wavedecn(to_framework(array, framework), wavelet, mode, 1, axes)

    def inverse(z: list[Any]) -> np.ndarray:
        return to_numpy(waverecn(coefficients_to(z, framework), wavelet, mode, axes))

    of_sum, of_x, of_y = (flatten(transform(a)) for a in (factor * x - 0.75 * y, x, y))
    expected = factor * of_x - 0.75 * of_y
    np.testing.assert_allclose(of_sum, expected, atol=1e-12 * np.abs(of_sum).max())
    first, second = (random_like(transform(x), rng) for _ in range(2))
    combined = map_bands(lambda a, b: factor * a - b, first, second)
    assert_close(inverse(combined), factor * inverse(first) - inverse(second), 1e-12)


@frameworks
@laws
@given(signals(), st.sampled_from(SHORT), st.sampled_from(MODES), levels, seeds)
def test_the_pullback_is_the_transpose_of_the_inverse(
    framework, signal, wavelet, mode, level, seed
):
    x, axes = signal
    gradients = pullback(to_framework(x, framework), wavelet, mode, level, axes)
    z = random_like(gradients, np.random.default_rng(seed))
    reconstruction = cut(waverecn(coefficients_to(z, framework), wavelet, mode, axes), x.shape)
    size = np.linalg.norm(flatten(z)) * np.linalg.norm(flatten(gradients))
    assert abs(np.vdot(to_numpy(reconstruction), x) - dot(z, gradients)) <= 1e-12 * size


@frameworks
@pytest.mark.parametrize("mode", MODES)
@pytest.mark.parametrize("ndim", [1, 2, 3])
def test_the_pullback_equals_the_matrix_of_pywavelets_inverse(framework, mode, ndim):
    """Column by column: PyWavelets reconstructs the unit vectors."""
    shape = {1: (7,), 2: (3, 5), 3: (3, 2, 3)}[ndim]
    wavelet, level = "bior1.3", 2 if ndim == 1 else 1
    x = noise(*shape)
    zeros = map_bands(np.zeros_like, pywt.wavedecn(x, wavelet, mode, level))
    expected = []
    for _, band in named_bands(zeros):
        for index in np.ndindex(band.shape):
            band[index] = 1.0
            expected.append(np.vdot(cut(pywt.waverecn(zeros, wavelet, mode), shape), x))
            band[index] = 0.0
    gradients = pullback(to_framework(x, framework), wavelet, mode, level)
    assert layout(gradients) == layout(zeros)
    np.testing.assert_allclose(flatten(gradients), expected, atol=1e-13)


@frameworks
@laws
@given(dimensions, st.sampled_from(ORTHOGONAL), seeds)
def test_orthogonal_wavelets_keep_the_energy_and_are_their_own_pullback_under_periodization(
    framework, ndim, wavelet, seed
):
    x = noise(*DYADIC[ndim], seed=seed)
    arguments = (wavelet, "periodization", 2, AXES[ndim])
    z = wavedecn(to_framework(x, framework), *arguments)
    assert flatten(z).size == x.size
    np.testing.assert_allclose(np.sum(flatten(z) ** 2), np.sum(x**2), rtol=1e-10)
    expected = pywt.wavedecn(x, *arguments)
    assert_same_coefficients(pullback(to_framework(x, framework), *arguments), expected, 1e-10)


def autodiff(score: Callable[[], Any], leaves: Any, framework: str) -> Any:
    """The gradients of a score with respect to tensors that it reads."""
    if framework == "torch":
        for leaf in leaves:
            leaf.requires_grad_()
        return torch.autograd.grad(score(), leaves)
    with tf.GradientTape() as tape:
        tape.watch(leaves)
        told = score()
    return tape.gradient(told, leaves)


@frameworks
@pytest.mark.parametrize("ndim", [1, 2, 3])
@few_laws
@given(st.sampled_from(SHORT), st.sampled_from(MODES), levels, seeds)
def test_autodiff_through_the_inverse_equals_the_pullback(
    framework, ndim, wavelet, mode, level, seed
):
    x, axes = noise(*SHAPES[ndim], seed=seed), AXES[ndim]
    shapes = pullback(x, wavelet, mode, level, axes)
    z = coefficients_to(random_like(shapes, np.random.default_rng(seed)), framework)
    sin, weights = (torch.sin if framework == "torch" else tf.sin), to_framework(x, framework)

    def image() -> Any:
        return cut(waverecn(z, wavelet, mode, axes), x.shape)

    leaves = [band for _, band in named_bands(z)]
    gradients = autodiff(lambda: total(sin(2 * image()) * weights), leaves, framework)
    df_dx = to_framework(2 * np.cos(2 * to_numpy(image())) * x, framework)
    expected = flatten(pullback(df_dx, wavelet, mode, level, axes))
    assert_close(np.concatenate([to_numpy(g).ravel() for g in gradients]), expected, 1e-12)


@frameworks
@few_laws
@given(signals(), st.sampled_from(SHORT), st.sampled_from(MODES), seeds)
def test_the_transform_is_differentiable(framework, signal, wavelet, mode, seed):
    """⟨∇⟨W x, z⟩, y⟩ = ⟨W y, z⟩, with PyWavelets' W on the right."""
    x, axes = signal
    y = noise(*x.shape, seed=seed)
    of_y = pywt.wavedecn(y, wavelet, mode, 1, axes)
    z = random_like(of_y, np.random.default_rng(seed))
    weights = [band for _, band in named_bands(coefficients_to(z, framework))]
    tensor = to_framework(x, framework)

    def score() -> Any:
        bands = named_bands(wavedecn(tensor, wavelet, mode, 1, axes))
        return sum(total(band * w) for (_, band), w in zip(bands, weights, strict=True))

    (gradient,) = autodiff(score, [tensor], framework)
    size = np.linalg.norm(flatten(of_y)) * np.linalg.norm(flatten(z))
    assert abs(np.vdot(to_numpy(gradient), y) - dot(of_y, z)) <= 1e-12 * size
