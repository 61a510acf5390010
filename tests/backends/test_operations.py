"""The operations of the backends, which NumPy defines, and how batches fit a device."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
import tensorflow as tf
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from wam_xplique.backends import get_backend
from wam_xplique.backends.registry import load_backend

from .helpers import FRAMEWORKS, TOLERANCES, dtype_name, everywhere, noise, to_framework, to_numpy

axes = pytest.mark.parametrize("axis", [0, 1, 2])


def tensors(framework: str, *arrays: np.ndarray) -> tuple[Any, ...]:
    """The backend, then the arrays as its tensors."""
    return load_backend(framework), *(to_framework(x, framework) for x in arrays)


# --- shapes --------------------------------------------------------------------------------


@everywhere
@axes
def test_concat_flip_and_interleave_are_numpys(framework, axis):
    x, y = noise(2, 3, 4), noise(2, 3, 4, seed=1)
    backend, tx, ty = tensors(framework, x, y)
    joined = to_numpy(backend.concat([tx, ty, tx], axis))
    np.testing.assert_array_equal(joined, np.concatenate((x, y, x), axis))
    np.testing.assert_array_equal(to_numpy(backend.flip(tx, axis)), np.flip(x, axis))
    mixed = np.moveaxis(to_numpy(backend.interleave(tx, ty, axis)), axis, 0)
    assert len(mixed) == 2 * x.shape[axis]
    np.testing.assert_array_equal(mixed[::2], np.moveaxis(x, axis, 0))
    np.testing.assert_array_equal(mixed[1::2], np.moveaxis(y, axis, 0))


@everywhere
@axes
@pytest.mark.parametrize(
    "part",
    [slice(0, 2, 1), slice(1, None, 2), slice(0, 0, 1), slice(1, 9, 1), slice(2, 3, 1)],
    ids=str,
)
def test_slice_takes_a_part_of_an_axis(framework, axis, part):
    x = noise(3, 4, 5)
    backend, tensor = tensors(framework, x)
    expected = np.moveaxis(np.moveaxis(x, axis, 0)[part], 0, axis)
    np.testing.assert_array_equal(to_numpy(backend.slice(tensor, axis, part)), expected)


@everywhere
@axes
@pytest.mark.parametrize("index", [[2], [0, 0, 1], [[0, 2], [1, 1], [2, 0]], np.eye(2, dtype=int)])
def test_take_puts_the_axes_of_the_index_in_place_of_one_axis(framework, axis, index):
    x, index = noise(3, 4, 5), np.asarray(index)
    backend, tensor = tensors(framework, x)
    of_framework = backend.asindex(index, tensor)
    assert get_backend(of_framework) is backend
    assert dtype_name(of_framework).startswith("int")
    np.testing.assert_array_equal(to_numpy(of_framework), index)
    taken = to_numpy(backend.take(tensor, of_framework, axis))
    np.testing.assert_array_equal(taken, np.take(x, index, axis))


@everywhere
@pytest.mark.parametrize("dtype", ["float32", "float64", "complex64"])
def test_take_keeps_the_dtype(framework, dtype):
    tensor = to_framework(noise(2, 3), framework, dtype)
    backend = load_backend(framework)
    taken = backend.take(tensor, backend.asindex(np.array([1, 1, 0]), tensor), 0)
    assert dtype_name(taken) == dtype


# --- sums ----------------------------------------------------------------------------------


@everywhere
def test_weighted_sum_adds_the_weighted_tensors_and_leaves_them_alone(framework):
    parts = [noise(3, 4, seed=seed) for seed in range(3)]
    backend, *converted = tensors(framework, *parts)
    total = backend.weighted_sum(converted, [0.5, -2.0, 3.0])
    expected = 0.5 * parts[0] - 2.0 * parts[1] + 3.0 * parts[2]
    np.testing.assert_allclose(to_numpy(total), expected, rtol=1e-12)
    for part, tensor in zip(parts, converted, strict=True):
        np.testing.assert_array_equal(to_numpy(tensor), part)


@everywhere
@pytest.mark.parametrize("shape", [(3,), (3, 4, 5), (0, 4)])
def test_sums_and_value_ranges_are_of_each_sample(framework, shape):
    x = noise(*shape)
    backend, tensor = tensors(framework, x)
    expected = x.reshape(len(x), -1 if len(x) else 4)
    np.testing.assert_allclose(to_numpy(backend.sums(tensor)), expected.sum(1), rtol=1e-12)
    if len(shape) > 1:
        spread = to_numpy(backend.value_range(tensor))
        np.testing.assert_allclose(spread.ravel(), np.ptp(expected, 1), rtol=1e-12)
        assert spread.shape == (len(x), *(1,) * (x.ndim - 1))


# --- types ---------------------------------------------------------------------------------


@everywhere
def test_asarray_is_floating_point_and_follows_the_dtype_of_its_like(framework):
    backend, like, integers = tensors(framework, noise(2), np.arange(2))
    assert backend.is_floating(like)
    assert not backend.is_floating(integers)
    mask = to_framework(np.array([0.25, 0.5]), framework, "float32")
    z = to_framework(noise(2, 3) + 1j, framework, "complex64")
    for converted, dtype, expected in (
        (backend.asarray([1, 2, 3], like=like), "float64", [1, 2, 3]),
        (backend.asarray(np.arange(3)), "float32", [0, 1, 2]),
        (backend.asarray(mask, like=z), "complex64", [0.25, 0.5]),
    ):
        assert get_backend(converted) is backend
        assert dtype_name(converted) == dtype
        np.testing.assert_array_equal(to_numpy(converted), expected)


@everywhere
def test_to_numpy_copies_to_an_array_of_the_same_dtype(framework):
    """What is done to the copy does not reach the tensor (TensorFlow's cannot be written to)."""
    x = noise(2, 3)
    backend, tensor = tensors(framework, x)
    back = backend.to_numpy(tensor)
    assert isinstance(back, np.ndarray)
    assert back.dtype == np.float64
    np.testing.assert_array_equal(back, x)
    if framework != "tensorflow":
        back[:] = 7.0
        np.testing.assert_array_equal(to_numpy(tensor), x)


@pytest.mark.parametrize("framework", FRAMEWORKS)
@pytest.mark.parametrize("dtype", ["bfloat16", "float16"])
def test_to_numpy_makes_half_types_float32(framework, dtype):
    tensor = to_framework(np.array([1.5, -2.0]), framework, dtype)
    back = get_backend(tensor).to_numpy(tensor)
    assert back.dtype == np.float32
    np.testing.assert_array_equal(back, [1.5, -2.0])


def test_to_numpy_cuts_gradients_off():
    tensor = torch.ones(2, requires_grad=True) * 3
    np.testing.assert_array_equal(get_backend(tensor).to_numpy(tensor), [3.0, 3.0])


# --- Fourier transforms --------------------------------------------------------------------

SHAPES = {  # (shape, axes transformed)
    "even signal": ((2, 8), (1,)),
    "odd signal": ((2, 9), (1,)),
    "signal with channels": ((2, 9, 3), (1,)),
    "image": ((2, 6, 8, 3), (1, 2)),
    "odd image": ((2, 7, 5, 3), (1, 2)),
    "even and odd image": ((2, 7, 6, 3), (1, 2)),
    "image, channels first": ((2, 3, 6, 5), (2, 3)),
    "volume": ((2, 4, 5, 6, 2), (1, 2, 3)),
    "volume, channels first": ((1, 2, 5, 4, 3), (2, 3, 4)),
    "one pixel": ((2, 1, 1, 3), (1, 2)),
}
each_shape = pytest.mark.parametrize(("shape", "axes"), SHAPES.values(), ids=SHAPES)


def spectrum(x: np.ndarray, axes: tuple[int, ...]) -> np.ndarray:
    """The half spectrum by the definition of the transform: sums over all samples (eq. 11)."""
    result = x.astype(complex)
    for axis in axes:
        size = x.shape[axis]
        kept = size // 2 + 1 if axis == axes[-1] else size
        waves = np.exp(-2j * np.pi * np.outer(np.arange(kept), np.arange(size)) / size)
        result = np.moveaxis(np.tensordot(waves, result, (1, axis)), 0, axis)
    return result


@everywhere
@each_shape
@pytest.mark.parametrize("dtype", TOLERANCES)
def test_rfftn_is_the_definition_of_the_transform_and_irfftn_its_inverse(
    framework, shape, axes, dtype
):
    x, expected = noise(*shape), spectrum(noise(*shape), axes)
    tensor = to_framework(x, framework, dtype)
    backend, tolerance = get_backend(tensor), TOLERANCES[dtype]
    z = backend.rfftn(tensor, axes)
    assert dtype_name(z) == {"float32": "complex64", "float64": "complex128"}[dtype]
    assert tuple(z.shape) == expected.shape
    np.testing.assert_allclose(to_numpy(z), expected, atol=tolerance * np.abs(expected).max())
    back = backend.irfftn(z, axes, [shape[axis] for axis in axes])
    assert dtype_name(back) == dtype
    np.testing.assert_allclose(to_numpy(back), x, atol=tolerance * np.abs(x).max())


@everywhere
@each_shape
def test_irfftn_of_a_real_symmetric_filter_is_a_circular_convolution(framework, shape, axes):
    """Magnitudes times a real even filter: what `FAM` does, here summed in the pixel domain."""
    x = expected = noise(*shape)
    sizes = [shape[axis] for axis in axes]
    gains = [np.cos(2 * np.pi * np.fft.fftfreq(size)) for size in sizes]
    gains[-1] = gains[-1][: sizes[-1] // 2 + 1]
    backend, tensor = tensors(framework, x)
    z = backend.rfftn(tensor, axes)
    for axis, gain in zip(axes, gains, strict=True):
        along = gain.reshape([-1 if a == axis else 1 for a in range(x.ndim)])
        z = z * backend.asarray(to_framework(along, framework), like=z)
        expected = (np.roll(expected, 1, axis) + np.roll(expected, -1, axis)) / 2
    filtered = to_numpy(backend.irfftn(z, axes, sizes))
    np.testing.assert_allclose(filtered, expected, atol=1e-10)


# --- memory --------------------------------------------------------------------------------


@pytest.mark.parametrize(("framework", "ones"), [("numpy", np.ones), ("torch", torch.ones)])
def test_what_a_framework_really_raises_without_memory_is_recognised(framework, ones):
    """More bytes than a process can address; TensorFlow would wait for them for 10 seconds."""
    with pytest.raises((MemoryError, RuntimeError)) as raised:
        ones(2**58)
    assert load_backend(framework).is_out_of_memory(raised.value)


FULL = {
    RuntimeError: [
        "CUDA out of memory. Tried to allocate 2.00 GiB.",
        "HIP out of memory. Tried to allocate 2.00 GiB",
        "CUDA error: out of memory",
        "cuDNN error: CUDNN_STATUS_ALLOC_FAILED",
        "cuDNN error: CUDNN_STATUS_NOT_SUPPORTED. This error may appear if you passed in a "
        "non-contiguous input.",
        "CUDA error: CUBLAS_STATUS_ALLOC_FAILED when calling `cublasCreate(handle)`",
        "GET was unable to find an engine to execute this computation",
        "MPS backend out of memory (MPS allocated: 9.05 GB, max allowed: 9.07 GB).",
        "[enforce fail at alloc_cpu.cpp:117] err == 0. DefaultCPUAllocator: can't allocate memory: "
        "you tried to allocate 8 bytes. Error code 12 (Cannot allocate memory)",
        "[enforce fail at alloc_cpu.cpp:80] data. DefaultCPUAllocator: not enough memory: you",
        "std::bad_alloc",
    ],
    tf.errors.InternalError: [
        "Failed to allocate memory for the batch of tensors",
        "Dst tensor is not initialized.",
        "RESOURCE_EXHAUSTED: Out of memory while trying to allocate 4294967296 bytes.",
        "Attempting to perform BLAS operation: CUBLAS_STATUS_ALLOC_FAILED",
    ],
    tf.errors.ResourceExhaustedError: ["OOM when allocating tensor with shape[9,9]", ""],
    torch.cuda.OutOfMemoryError: [""],
    MemoryError: ["std::bad_alloc", ""],
}


@pytest.mark.parametrize(
    ("kind", "message"),
    [(kind, message) for kind, messages in FULL.items() for message in messages],
    ids=lambda value: getattr(value, "__name__", None),
)
def test_what_libraries_say_of_too_little_memory_is_recognised(kind, message):
    is_tensorflow = issubclass(kind, tf.errors.OpError)
    error = kind(None, None, message) if is_tensorflow else kind(message)
    backends = ["tensorflow" if is_tensorflow else "torch"]
    if message or kind is MemoryError:  # of a callable, or of Python itself
        backends = ["numpy", "tensorflow", "torch"]
    assert all(load_backend(name).is_out_of_memory(error) for name in backends)


@everywhere
@pytest.mark.parametrize(
    "error",
    [
        ValueError("memory"),
        RuntimeError("cuDNN error: CUDNN_STATUS_EXECUTION_FAILED"),
        RuntimeError("mat1 and mat2 shapes cannot be multiplied"),
        KeyError("x"),
        tf.errors.InvalidArgumentError(None, None, "shapes"),
    ],
    ids=lambda error: type(error).__name__,
)
def test_other_errors_are_not_out_of_memory(framework, error):
    assert not load_backend(framework).is_out_of_memory(error)


@settings(deadline=None)
@given(count=st.integers(1, 10**6))
def test_tensorflow_alone_fills_batches_up_to_the_next_power_of_two(count):
    assert load_backend("numpy").batch_shape(count) == count
    assert load_backend("torch").batch_shape(count) == count
    filled = load_backend("tensorflow").batch_shape(count)
    assert count <= filled < 2 * count
    assert filled & (filled - 1) == 0
