"""The operations of the backends, which NumPy defines."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
import tensorflow as tf
import torch

from wam_xplique.backends import get_backend

from .helpers import dtype_name, to_framework, to_numpy

everywhere = pytest.mark.parametrize("framework", ["numpy", "tensorflow", "torch"])
axes = pytest.mark.parametrize("axis", [0, 1, 2])


def array(*shape: int, seed: int = 0) -> np.ndarray:
    return np.random.default_rng(seed).standard_normal(shape).astype("float32")


def tensors(framework: str, *arrays: np.ndarray) -> tuple[Any, ...]:
    """The backend, then the arrays as its tensors."""
    converted = [to_framework(x, framework) for x in arrays]
    return get_backend(converted[0]), *converted


@everywhere
@axes
def test_concat_joins_along_an_axis(framework, axis):
    x, y = array(2, 3, 4), array(2, 3, 4, seed=1)
    backend, tx, ty = tensors(framework, x, y)
    joined = to_numpy(backend.concat([tx, ty, tx], axis))
    np.testing.assert_array_equal(joined, np.concatenate((x, y, x), axis))


@everywhere
@axes
@pytest.mark.parametrize(
    "part",
    [slice(0, 2, 1), slice(1, None, 2), slice(0, 0, 1), slice(1, 9, 1), slice(2, 3, 1)],
    ids=str,
)
def test_slice_takes_a_part_of_an_axis(framework, axis, part):
    x = array(3, 4, 5)
    backend, tensor = tensors(framework, x)
    expected = np.moveaxis(np.moveaxis(x, axis, 0)[part], 0, axis)
    np.testing.assert_array_equal(to_numpy(backend.slice(tensor, axis, part)), expected)


@everywhere
@axes
def test_flip_reverses_one_axis(framework, axis):
    x = array(2, 3, 4)
    backend, tensor = tensors(framework, x)
    np.testing.assert_array_equal(to_numpy(backend.flip(tensor, axis)), np.flip(x, axis))


@everywhere
@axes
def test_interleave_puts_samples_in_turn(framework, axis):
    x, y = array(2, 3, 4), array(2, 3, 4, seed=1)
    backend, even, odd = tensors(framework, x, y)
    mixed = np.moveaxis(to_numpy(backend.interleave(even, odd, axis)), axis, 0)
    assert len(mixed) == 2 * x.shape[axis]
    np.testing.assert_array_equal(mixed[::2], np.moveaxis(x, axis, 0))
    np.testing.assert_array_equal(mixed[1::2], np.moveaxis(y, axis, 0))


@everywhere
def test_weighted_sum_adds_the_weighted_tensors_and_leaves_them_alone(framework):
    parts = [array(3, 4, seed=seed) for seed in range(3)]
    backend, *converted = tensors(framework, *parts)
    total = backend.weighted_sum(converted, [0.5, -2.0, 3.0])
    expected = 0.5 * parts[0] - 2.0 * parts[1] + 3.0 * parts[2]
    np.testing.assert_allclose(to_numpy(total), expected, rtol=1e-5, atol=1e-6)
    for part, tensor in zip(parts, converted, strict=True):
        np.testing.assert_array_equal(to_numpy(tensor), part)


@everywhere
def test_floating_point_tensors_are_told_from_others(framework):
    backend, floats, integers = tensors(framework, array(2), np.arange(2))
    assert backend.is_floating(floats)
    assert not backend.is_floating(integers)


@everywhere
def test_asarray_follows_the_dtype_of_its_like(framework):
    backend, like = tensors(framework, array(2).astype("float64"))
    converted = backend.asarray([1, 2, 3], like=like)
    assert get_backend(converted) is backend
    assert dtype_name(converted) == "float64"
    np.testing.assert_array_equal(to_numpy(converted), [1.0, 2.0, 3.0])


@everywhere
def test_asarray_makes_integers_floating_point(framework):
    backend, _ = tensors(framework, array(2))
    converted = backend.asarray(np.arange(3))
    assert dtype_name(converted) == "float32"
    np.testing.assert_array_equal(to_numpy(converted), [0.0, 1.0, 2.0])


@everywhere
def test_to_numpy_gives_an_array_of_the_same_dtype(framework):
    x = array(2, 3).astype("float64")
    backend, tensor = tensors(framework, x)
    back = backend.to_numpy(tensor)
    assert isinstance(back, np.ndarray)
    assert back.dtype == np.float64
    np.testing.assert_array_equal(back, x)


@pytest.mark.parametrize("framework", ["tensorflow", "torch"])
@pytest.mark.parametrize("dtype", ["bfloat16", "float16"])
def test_to_numpy_makes_half_types_float32(framework, dtype):
    tensor = to_framework(np.array([1.5, -2.0]), framework, dtype)
    back = get_backend(tensor).to_numpy(tensor)
    assert back.dtype == np.float32
    np.testing.assert_array_equal(back, [1.5, -2.0])


@pytest.mark.parametrize("framework", ["numpy", "torch"])
def test_to_numpy_copies(framework):
    """What is done to the copy does not reach the tensor (TensorFlow's cannot be written to)."""
    backend, tensor = tensors(framework, array(3))
    before = to_numpy(tensor).copy()
    backend.to_numpy(tensor)[:] = 7.0
    np.testing.assert_array_equal(to_numpy(tensor), before)


def test_to_numpy_cuts_gradients_off():
    tensor = torch.ones(2, requires_grad=True) * 3
    np.testing.assert_array_equal(get_backend(tensor).to_numpy(tensor), [3.0, 3.0])


@everywhere
@pytest.mark.parametrize("dtype", ["float32", "float64"])
def test_normal_noise_is_standard_and_follows_its_like(framework, dtype):
    like = to_framework(np.zeros(1), framework, dtype)
    noise = get_backend(like).normal((200, 300), (0, 1), like)
    assert dtype_name(noise) == dtype
    values = to_numpy(noise)
    assert values.shape == (200, 300)
    assert abs(values.mean()) < 0.02
    assert abs(values.std() - 1) < 0.02
    assert abs(np.mean(values**4) - 3) < 0.2


@everywhere
def test_normal_noise_is_determined_by_the_seed_alone(framework):
    like = to_framework(np.zeros(1, "float32"), framework)
    backend = get_backend(like)

    def draw(*seed: int) -> np.ndarray:
        return to_numpy(backend.normal((4, 5), seed, like))

    first = draw(0, 1, 2)
    np.random.seed(3)  # noqa: NPY002
    tf.random.set_seed(3)
    torch.manual_seed(3)
    np.testing.assert_array_equal(draw(0, 1, 2), first)
    for other in ((0, 1, 3), (1, 0, 2), (0, 1)):
        assert abs(np.corrcoef(draw(*other).ravel(), first.ravel())[0, 1]) < 0.9


@everywhere
def test_normal_noise_leaves_the_global_generators_alone(framework):
    like = to_framework(np.zeros(1, "float32"), framework)
    torch.manual_seed(0)
    before = torch.get_rng_state(), np.random.get_state()[1].copy()  # noqa: NPY002
    get_backend(like).normal((4,), (0,), like)
    assert torch.equal(torch.get_rng_state(), before[0])
    np.testing.assert_array_equal(np.random.get_state()[1], before[1])  # noqa: NPY002


@everywhere
def test_value_range_is_the_spread_of_each_sample(framework):
    x = array(3, 4, 5)
    backend, tensor = tensors(framework, x)
    spread = to_numpy(backend.value_range(tensor))
    np.testing.assert_allclose(spread.ravel(), [np.ptp(sample) for sample in x], rtol=1e-6)
    assert spread.size == 3
