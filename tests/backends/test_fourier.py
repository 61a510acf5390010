"""What masks need of the backends: Fourier transforms, indexing, and how batches fit a device."""

from __future__ import annotations

import itertools

import numpy as np
import pytest
import tensorflow as tf
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from wam_xplique.backends import get_backend
from wam_xplique.backends.registry import load_backend

from .helpers import dtype_name, to_framework, to_numpy

BACKENDS = ("numpy", "tensorflow", "torch")
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

everywhere = pytest.mark.parametrize("framework", BACKENDS)
each_shape = pytest.mark.parametrize(("shape", "axes"), SHAPES.values(), ids=SHAPES)
each_dtype = pytest.mark.parametrize(
    ("dtype", "tolerance"), [("float32", 1e-5), ("float64", 1e-12)], ids=["single", "double"]
)


def noise(*shape: int) -> np.ndarray:
    return np.random.default_rng(0).standard_normal(shape)


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
@each_dtype
def test_rfftn_is_the_definition_of_the_transform(framework, shape, axes, dtype, tolerance):
    x = noise(*shape)
    tensor = to_framework(x, framework, dtype)
    actual = get_backend(tensor).rfftn(tensor, axes)
    assert dtype_name(actual) == {"float32": "complex64", "float64": "complex128"}[dtype]
    expected = spectrum(x, axes)
    assert tuple(actual.shape) == expected.shape
    np.testing.assert_allclose(to_numpy(actual), expected, atol=tolerance * np.abs(expected).max())


@everywhere
@each_shape
@each_dtype
def test_irfftn_is_the_inverse_of_rfftn(framework, shape, axes, dtype, tolerance):
    x = noise(*shape)
    tensor = to_framework(x, framework, dtype)
    backend = get_backend(tensor)
    back = backend.irfftn(backend.rfftn(tensor, axes), axes, [shape[axis] for axis in axes])
    assert dtype_name(back) == dtype
    np.testing.assert_allclose(to_numpy(back), x, atol=tolerance * np.abs(x).max())


@everywhere
@each_shape
def test_irfftn_of_a_real_symmetric_filter_is_a_circular_convolution(framework, shape, axes):
    """Magnitudes times a real even filter: what `FAM` does, here summed in the pixel domain."""
    x = noise(*shape)
    sizes = [shape[axis] for axis in axes]
    gains = [np.cos(2 * np.pi * np.fft.fftfreq(size)) for size in sizes]
    gains[-1] = gains[-1][: sizes[-1] // 2 + 1]
    tensor = to_framework(x, framework)
    backend = get_backend(tensor)
    z = backend.rfftn(tensor, axes)
    expected = x
    for axis, gain in zip(axes, gains, strict=True):
        along = gain.reshape([-1 if a == axis else 1 for a in range(x.ndim)])
        z = z * backend.asarray(to_framework(along, framework), like=z)
        expected = (np.roll(expected, 1, axis) + np.roll(expected, -1, axis)) / 2
    filtered = to_numpy(backend.irfftn(z, axes, sizes))
    np.testing.assert_allclose(filtered, expected, atol=1e-10)


@everywhere
def test_asarray_makes_real_masks_complex_where_the_coefficients_are(framework):
    z = to_framework(noise(2, 3) + 1j, framework, "complex64")
    mask = to_framework(np.array([0.25, 0.5]), framework, "float32")
    converted = get_backend(z).asarray(mask, like=z)
    assert dtype_name(converted) == "complex64"
    np.testing.assert_array_equal(to_numpy(converted), [0.25, 0.5])


@everywhere
@pytest.mark.parametrize("axis", [0, 1, 2])
@pytest.mark.parametrize("index", [[2], [0, 0, 1], [[0, 2], [1, 1], [2, 0]], np.eye(2, dtype=int)])
def test_take_puts_the_axes_of_the_index_in_place_of_one_axis(framework, axis, index):
    x = noise(3, 4, 5)
    index = np.asarray(index)
    backend = load_backend(framework)
    tensor = to_framework(x, framework)
    taken = to_numpy(backend.take(tensor, backend.asindex(index, tensor), axis))
    assert taken.shape == (*x.shape[:axis], *index.shape, *x.shape[axis + 1 :])
    for place in np.ndindex(index.shape):
        where = (*[slice(None)] * axis, *place)
        np.testing.assert_array_equal(taken[where], x[(*[slice(None)] * axis, index[place])])


@everywhere
def test_take_keeps_the_dtype(framework):
    backend = load_backend(framework)
    for dtype in ("float32", "float64", "complex64"):
        tensor = to_framework(noise(2, 3), framework, dtype)
        taken = backend.take(tensor, backend.asindex(np.array([1, 1, 0]), tensor), 0)
        assert dtype_name(taken) == dtype


@everywhere
def test_asindex_gives_integers_of_the_framework(framework):
    backend = load_backend(framework)
    index = backend.asindex(np.array([[3, 1], [0, 2]]), to_framework(noise(4), framework))
    assert get_backend(index) is backend
    assert dtype_name(index).startswith("int")
    np.testing.assert_array_equal(to_numpy(index), [[3, 1], [0, 2]])


# --- memory --------------------------------------------------------------------------------


@pytest.mark.parametrize(("framework", "ones"), [("numpy", np.ones), ("torch", torch.ones)])
def test_what_a_framework_really_raises_without_memory_is_recognised(framework, ones):
    """More bytes than a process can address; TensorFlow would wait for them for 10 seconds."""
    with pytest.raises((MemoryError, RuntimeError)) as raised:
        ones(2**58)
    assert load_backend(framework).is_out_of_memory(raised.value)


@everywhere
def test_a_memory_error_of_python_is_out_of_memory_everywhere(framework):
    assert load_backend(framework).is_out_of_memory(MemoryError())


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
    assert load_backend("tensorflow" if is_tensorflow else "torch").is_out_of_memory(error)
    assert not message or load_backend("numpy").is_out_of_memory(error)  # of a callable


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


# --- sizes of batches ----------------------------------------------------------------------


@pytest.mark.parametrize("framework", ["numpy", "torch"])
@settings(deadline=None)
@given(count=st.integers(1, 10**6))
def test_batches_are_not_filled_up_where_a_new_size_costs_nothing(framework, count):
    assert load_backend(framework).batch_shape(count) == count


@settings(deadline=None)
@given(count=st.integers(1, 10**6))
def test_tensorflow_fills_batches_up_to_the_next_power_of_two(count):
    filled = load_backend("tensorflow").batch_shape(count)
    assert count <= filled < 2 * count
    assert filled & (filled - 1) == 0


def test_all_batches_up_to_256_have_nine_shapes_in_tensorflow():
    shapes = set(map(load_backend("tensorflow").batch_shape, range(1, 257)))
    assert shapes == set(itertools.accumulate([2] * 8, lambda a, b: a * b, initial=1))
