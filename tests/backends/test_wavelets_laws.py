"""The laws that a wavelet transform, its inverse and the transpose of that inverse keep."""

from __future__ import annotations

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
@given(signals(), st.sampled_from(SHORT), st.sampled_from(MODES), seeds)
def test_the_transform_is_linear(framework, signal, wavelet, mode, seed):
    x, axes = signal
    y = noise(*x.shape, seed=seed)

    def transform(array: np.ndarray) -> list[Any]:
        return wavedecn(to_framework(array, framework), wavelet, mode, 1, axes)

    of_sum = flatten(transform(2.5 * x - 0.75 * y))
    np.testing.assert_allclose(
        of_sum,
        2.5 * flatten(transform(x)) - 0.75 * flatten(transform(y)),
        atol=1e-12 * np.abs(of_sum).max(),
    )


@frameworks
@laws
@given(dimensions, st.sampled_from(SHORT), st.sampled_from(MODES), st.floats(-5, 5), seeds)
def test_the_inverse_is_linear(framework, ndim, wavelet, mode, factor, seed):
    shape, axes = SHAPES[ndim], AXES[ndim]
    example = pywt.wavedecn(np.zeros(shape), wavelet, mode, 1, axes)
    rng = np.random.default_rng(seed)
    first, second = random_like(example, rng), random_like(example, rng)
    combined = [
        factor * first[0] - second[0],
        {key: factor * band - second[1][key] for key, band in first[1].items()},
    ]

    def inverse(z: list[Any]) -> np.ndarray:
        return to_numpy(waverecn(coefficients_to(z, framework), wavelet, mode, axes))

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


def autodiff(z: list[Any], wavelet: str, mode: str, x: np.ndarray, axes: Any, framework: str):
    """The gradients of f(W⁻¹(z)) = Σ sin(2 W⁻¹(z)) · x with respect to z, and W⁻¹(z)."""
    z = coefficients_to(z, framework)
    leaves = [band for _, band in named_bands(z)]
    if framework == "torch":
        for leaf in leaves:
            leaf.requires_grad_()
        image = cut(waverecn(z, wavelet, mode, axes), x.shape)
        gradients = torch.autograd.grad((torch.sin(2 * image) * torch.tensor(x)).sum(), leaves)
    else:
        with tf.GradientTape() as tape:
            tape.watch(leaves)
            image = cut(waverecn(z, wavelet, mode, axes), x.shape)
            score = tf.reduce_sum(tf.sin(2 * image) * x)
        gradients = tape.gradient(score, leaves)
    return np.concatenate([to_numpy(g).ravel() for g in gradients]), to_numpy(image)


@frameworks
@pytest.mark.parametrize("ndim", [1, 2, 3])
@few_laws
@given(st.sampled_from(SHORT), st.sampled_from(MODES), levels, seeds)
def test_autodiff_through_the_inverse_equals_the_pullback(
    framework, ndim, wavelet, mode, level, seed
):
    x, axes = noise(*SHAPES[ndim], seed=seed), AXES[ndim]
    shapes = pullback(x, wavelet, mode, level, axes)
    z = random_like(shapes, np.random.default_rng(seed))
    gradients, image = autodiff(z, wavelet, mode, x, axes, framework)
    df_dx = to_framework(2 * np.cos(2 * image) * x, framework)
    assert_close(gradients, flatten(pullback(df_dx, wavelet, mode, level, axes)), 1e-12)


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

    def score(x: Any) -> Any:
        bands = named_bands(wavedecn(x, wavelet, mode, 1, axes))
        products = zip((band for _, band in bands), weights, strict=True)
        return sum(get_backend(x).reduce(a * b, "sum", range(x.ndim)) for a, b in products)

    if framework == "torch":
        gradient = torch.autograd.grad(score(tensor.requires_grad_()), tensor)[0]
    else:
        with tf.GradientTape() as tape:
            tape.watch(tensor)
            told = score(tensor)
        gradient = tape.gradient(told, tensor)
    size = np.linalg.norm(flatten(of_y)) * np.linalg.norm(flatten(z))
    assert abs(np.vdot(to_numpy(gradient), y) - dot(of_y, z)) <= 1e-12 * size
