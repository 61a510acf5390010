"""The kernels traced, compiled, without gradients, on strange strides, and in half precision."""

from __future__ import annotations

import shutil
from typing import Any

import numpy as np
import pytest
import pywt
import tensorflow as tf
import torch

from wam_xplique.backends import pullback, tensorflow_backend, wavedecn, waverecn
from wam_xplique.coefficients import map_bands

from .helpers import (
    assert_close,
    assert_same_coefficients,
    coefficients_to,
    dtype_name,
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

# wavelet, mode, level, shape, axes
CASES = [
    pytest.param("db3", "symmetric", 3, (2, 3, 50), (2,), id="signal"),
    pytest.param("bior2.2", "periodization", 2, (2, 15, 12, 3), (1, 2), id="image"),
    pytest.param("sym2", "antireflect", 1, (1, 7, 6, 5, 2), (1, 2, 3), id="volume"),
]
cases = pytest.mark.parametrize(("wavelet", "mode", "level", "shape", "axes"), CASES)
LARGE = (4, 3, 75, 80)  # more than 2**16 elements: compiled by XLA


def round_trip(x: Any, wavelet: str, mode: str, level: int, axes: Any) -> tuple[Any, Any]:
    coefficients = wavedecn(x, wavelet, mode, level, axes)
    return coefficients, waverecn(coefficients, wavelet, mode, axes)


def assert_pywavelets(result: Any, x: np.ndarray, arguments: Any, tolerance: float = 1e-12) -> None:
    """Assert that `result`, of `round_trip`, holds the coefficients and the reconstruction."""
    wavelet, mode, level, axes = arguments
    expected = pywt.wavedecn(x, wavelet, mode, level, axes)
    assert_same_coefficients(result[0], expected, tolerance)
    assert_close(result[1], pywt.waverecn(expected, wavelet, mode, axes), tolerance)


@cases
@pytest.mark.parametrize("jit_compile", [False, True])
def test_they_run_inside_a_tf_function(wavelet, mode, level, shape, axes, jit_compile):
    x, arguments = noise(*shape), (wavelet, mode, level, axes)
    traced = tf.function(lambda t: round_trip(t, *arguments), jit_compile=jit_compile)
    assert_pywavelets(traced(tf.constant(x)), x, arguments)


@pytest.mark.parametrize("jit_compile", [False, True])
def test_gradients_flow_inside_a_tf_function(jit_compile):
    x, arguments = noise(2, 15, 12, 3), ("db2", "periodization", 2, (1, 2))
    z = random_like(pullback(x, *arguments), np.random.default_rng(1))

    @tf.function(jit_compile=jit_compile)
    def gradient(bands: Any) -> Any:
        with tf.GradientTape() as tape:
            tape.watch(bands)
            image = waverecn(bands, "db2", "periodization", (1, 2))[:, :15]
            score = tf.reduce_sum(image * x)
        return tape.gradient(score, bands)

    gradients = gradient(coefficients_to(z, "tensorflow"))
    assert_same_coefficients(gradients, pullback(x, *arguments), 1e-12)


@pytest.mark.parametrize("mode", ["symmetric", "periodization", "smooth"])
def test_a_tf_function_may_leave_the_batch_open(mode):
    arguments = ("db2", mode, 2, (1, 2))
    signature = [tf.TensorSpec([None, 32, 32, 3], tf.float64)]
    traced = tf.function(lambda t: round_trip(t, *arguments), input_signature=signature)
    for count in (1, 5):
        x = noise(count, 32, 32, 3)
        assert_pywavelets(traced(tf.constant(x)), x, arguments)


def test_an_open_size_along_a_transformed_axis_is_refused():
    signature = [tf.TensorSpec([1, None], tf.float32)]
    traced = tf.function(lambda t: wavedecn(t, "haar", axes=1), input_signature=signature)
    with pytest.raises(ValueError, match="static size"):
        traced(tf.zeros((1, 8)))


@pytest.mark.skipif(shutil.which("g++") is None, reason="torch.compile needs a C++ compiler")
def test_they_run_inside_torch_compile():
    x, arguments = noise(2, 9), ("haar", "symmetric", 1, (1,))
    compiled = torch.compile(lambda t: round_trip(t, *arguments))
    assert_pywavelets(compiled(torch.tensor(x)), x, arguments)


def test_torch_compile_traces_them_as_one_graph():
    x, arguments = noise(2, 9, 8), ("db2", "periodization", 1, (1, 2))
    compiled = torch.compile(
        lambda t: round_trip(t, *arguments), fullgraph=True, backend="aot_eager"
    )
    assert_pywavelets(compiled(torch.tensor(x)), x, arguments)


@cases
@pytest.mark.parametrize("context", [torch.no_grad, torch.inference_mode])
def test_they_run_without_gradients(wavelet, mode, level, shape, axes, context):
    x, arguments = noise(*shape), (wavelet, mode, level, axes)
    tensor = torch.tensor(x, requires_grad=True)
    with context():
        coefficients, back = round_trip(tensor, *arguments)
    assert not back.requires_grad
    assert not any(band.requires_grad for _, band in named_bands(coefficients))
    assert_pywavelets((coefficients, back), x, arguments)


@cases
def test_tensors_need_not_be_contiguous(wavelet, mode, level, shape, axes):
    x, arguments = noise(*shape), (wavelet, mode, level, axes)
    wide = torch.tensor(np.repeat(x.T, 2, axis=0))
    tensor = wide.permute(*reversed(range(wide.ndim)))[..., ::2]
    assert not tensor.is_contiguous()
    coefficients, back = round_trip(tensor, *arguments)
    assert_pywavelets((coefficients, back), x, arguments)
    strange = map_bands(lambda band: band.mT.contiguous().mT, coefficients)
    assert_close(waverecn(strange, wavelet, mode, axes)[tuple(map(slice, shape))], x, 1e-11)


@frameworks
def test_the_input_is_left_as_it_is(framework):
    x = noise(3, 20)
    tensor = to_framework(x, framework)
    coefficients = wavedecn(tensor, "db2", "smooth", 2, 1)
    before = flatten(coefficients)
    waverecn(coefficients, "db2", "smooth", 1)
    pullback(tensor, "db2", "smooth", 2, 1)
    np.testing.assert_array_equal(to_numpy(tensor), x)
    np.testing.assert_array_equal(flatten(coefficients), before)


@frameworks
@pytest.mark.parametrize(
    ("dtype", "tolerance"),
    [("bfloat16", 3e-2), ("float16", 4e-3), ("float32", 1e-6), ("float64", 1e-13)],
)
@cases
def test_framework_and_dtype_are_kept(
    framework, dtype, tolerance, wavelet, mode, level, shape, axes
):
    x, arguments = noise(*shape), (wavelet, mode, level, axes)
    tensor = to_framework(x, framework, dtype)
    coefficients, back = round_trip(tensor, *arguments)
    gradients = pullback(tensor, *arguments)
    for result in (back, *(band for c in (coefficients, gradients) for _, band in named_bands(c))):
        assert isinstance(result, torch.Tensor if framework == "torch" else tf.Tensor)
        assert dtype_name(result) == dtype
    assert_pywavelets((coefficients, back), x, arguments, tolerance)


@pytest.fixture
def compilations(monkeypatch):
    """How often XLA was asked for a compiled transform."""
    calls: list[Any] = []
    compiled = tensorflow_backend._compiled

    def counted(function: Any, static: Any) -> Any:
        calls.append(function)
        return compiled(function, static)

    monkeypatch.setattr(tensorflow_backend, "_compiled", counted)
    monkeypatch.setattr(tensorflow_backend, "_WORTH_TRACING", 0)
    monkeypatch.setattr(tensorflow_backend._XlaBackend, "available", True)
    return calls


@pytest.mark.parametrize("mode", ["symmetric", "periodization", "reflect"])
@pytest.mark.parametrize(("dtype", "tolerance"), [("float32", 1e-6), ("float64", 1e-13)])
def test_large_eager_tensors_are_compiled_and_equal_pywavelets(
    compilations, mode, dtype, tolerance
):
    x, arguments = noise(*LARGE), ("db2", mode, 2, (2, 3))
    result = round_trip(to_framework(x, "tensorflow", dtype), *arguments)
    assert len(compilations) == 2
    assert_pywavelets(result, x, arguments, tolerance)


def test_a_size_that_is_seldom_does_not_pay_for_a_compiler(compilations, monkeypatch):
    x = tf.constant(noise(2, 3, 131, 120))
    monkeypatch.setattr(tensorflow_backend, "_WORTH_TRACING", 2 * tf.size(x))
    for call in range(4):
        wavedecn(x, "db2", "symmetric", 1, (2, 3))
        assert len(compilations) == max(0, call - 1)


def test_small_tensors_and_functions_run_eagerly_are_not_compiled(compilations):
    round_trip(tf.zeros((2, 16, 16, 3)), "db2", "symmetric", 2, (1, 2))
    x, arguments = noise(*LARGE), ("haar", "periodization", 1, (3,))
    tf.config.run_functions_eagerly(True)
    assert_pywavelets(round_trip(tf.constant(x), *arguments), x, arguments)
    assert not compilations


def test_gradients_flow_through_the_compiled_inverse(compilations):
    x, arguments = noise(*LARGE), ("db2", "symmetric", 2, (2, 3))
    z = coefficients_to(
        random_like(pullback(x, *arguments), np.random.default_rng(1)), "tensorflow"
    )
    with tf.GradientTape() as tape:
        tape.watch(z)
        score = tf.reduce_sum(waverecn(z, "db2", "symmetric", (2, 3))[:, :, :75] * x)
    assert len(compilations) == 1
    assert_same_coefficients(tape.gradient(score, z), pullback(x, *arguments), 1e-12)


def test_gradients_flow_through_the_compiled_transform(compilations):
    """⟨∇⟨W x, z⟩, y⟩ = ⟨W y, z⟩, with PyWavelets' W on the right."""
    x, y, arguments = (
        tf.constant(noise(*LARGE)),
        noise(*LARGE, seed=1),
        ("db2", "symmetric", 2, (2, 3)),
    )
    of_y = pywt.wavedecn(y, *arguments)
    z = random_like(of_y, np.random.default_rng(2))
    with tf.GradientTape() as tape:
        tape.watch(x)
        bands = dict(named_bands(wavedecn(x, *arguments)))
        score = tf.add_n([tf.reduce_sum(bands[name] * w) for name, w in named_bands(z)])
    assert len(compilations) == 1
    expected = flatten(of_y) @ flatten(z)
    np.testing.assert_allclose(np.vdot(tape.gradient(score, x), y), expected, rtol=1e-10)


@pytest.mark.usefixtures("compilations")
def test_where_xla_cannot_compile_the_transform_runs_uncompiled(monkeypatch, caplog):
    attempts = []

    def refuse(x: Any) -> Any:
        attempts.append(x)
        raise tf.errors.UnimplementedError(None, None, "no XLA on this device")

    monkeypatch.setattr(tensorflow_backend, "_compiled", lambda function, static: refuse)
    x, arguments = noise(*LARGE), ("db2", "symmetric", 1, (2, 3))
    assert_pywavelets(round_trip(tf.constant(x), *arguments), x, arguments)
    assert len(attempts) == 1, "after the first refusal XLA is not asked again"
    assert "no XLA on this device" in caplog.text


@frameworks
def test_an_empty_batch_gives_empty_coefficients(framework):
    x = np.zeros((0, 9, 8))
    arguments = ("db2", "symmetric", 1, (1, 2))
    coefficients, back = round_trip(to_framework(x, framework), *arguments)
    example = pywt.wavedecn(np.zeros((1, 9, 8)), *arguments)
    assert layout(coefficients) == {k: (0, *shape[1:]) for k, shape in layout(example).items()}
    assert tuple(back.shape) == (0, 10, 8)
