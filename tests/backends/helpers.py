"""Tensors of either framework, and coefficients as one list of named bands."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import numpy as np
import pytest
import pywt
import tensorflow as tf

from wam_xplique.coefficients import map_bands

from ..conftest import FRAMEWORKS

WAVELETS = tuple(pywt.wavelist(kind="discrete"))
MODES = tuple(pywt.Modes.modes)
TOLERANCES = {"float32": 1e-5, "float64": 1e-12}

everywhere = pytest.mark.parametrize("framework", ["numpy", *FRAMEWORKS])
ignore_high_levels = pytest.mark.filterwarnings("ignore:Level value of:UserWarning")
frameworks = pytest.mark.parametrize("framework", FRAMEWORKS)


def noise(*shape: int, seed: int = 0) -> np.ndarray:
    """Standard normal noise, in double precision."""
    return np.random.default_rng(seed).standard_normal(shape)


def to_framework(x: Any, framework: str, dtype: str | None = None) -> Any:
    """The array `x` as a tensor of `framework`, in the named dtype if given."""
    x = np.asarray(x)
    if framework == "numpy":
        return x if dtype is None else x.astype(dtype)
    if framework == "torch":
        import torch

        tensor = torch.from_numpy(x.copy())
        return tensor if dtype is None else tensor.to(getattr(torch, dtype))
    tensor = tf.constant(x)
    return tensor if dtype is None else tf.cast(tensor, dtype)


def to_numpy(x: Any) -> np.ndarray:
    """`x` as an array; half types, which NumPy may not have, as float32."""
    if isinstance(x, tf.Tensor):
        return (tf.cast(x, tf.float32) if x.dtype.size < 4 else x).numpy()
    if isinstance(x, np.ndarray):
        return x
    x = x.detach()
    return (x.float() if x.dtype.itemsize < 4 else x).numpy()


def dtype_name(x: Any) -> str:
    """The name that both frameworks and NumPy share: "float32"."""
    return str(getattr(x.dtype, "name", x.dtype)).removeprefix("torch.")


def named_bands(coefficients: list[Any]) -> Iterator[tuple[str, Any]]:
    """Every band, named by its place: "0" for the approximation, then "1:da" and so on."""
    yield "0", coefficients[0]
    for index, level in enumerate(coefficients[1:], start=1):
        for key in sorted(level):
            yield f"{index}:{key}", level[key]


def coefficients_to(coefficients: list[Any], framework: str, dtype: str | None = None) -> list[Any]:
    """The arrays of `coefficients` as tensors of `framework`."""
    return map_bands(lambda band: to_framework(band, framework, dtype), coefficients)


def flatten(coefficients: list[Any]) -> np.ndarray:
    """All coefficients as one float64 vector, in the order of `named_bands`."""
    return np.concatenate(
        [to_numpy(band).astype(np.float64).ravel() for _, band in named_bands(coefficients)]
    )


def random_like(coefficients: list[Any], rng: np.random.Generator) -> list[Any]:
    """Normal noise in the layout and the shapes of `coefficients`, float64 arrays."""
    return map_bands(lambda band: rng.standard_normal(tuple(band.shape)), coefficients)


def relative_error(actual: np.ndarray, expected: np.ndarray) -> float:
    """The norm of the difference over the norm of what is expected."""
    actual, expected = np.asarray(actual, np.float64), np.asarray(expected, np.float64)
    scale = np.linalg.norm(expected)
    return (
        float(np.linalg.norm(actual - expected) / scale) if scale else float(np.abs(actual).max())
    )


def layout(coefficients: list[Any]) -> dict[str, tuple[int, ...]]:
    """The shape of every band."""
    return {name: tuple(band.shape) for name, band in named_bands(coefficients)}


def assert_same_coefficients(actual: list[Any], expected: list[Any], tolerance: float) -> None:
    """Assert that two lists have the same bands, of the same shapes and values."""
    assert layout(actual) == layout(expected)
    error = relative_error(flatten(actual), flatten(expected))
    assert error <= tolerance, f"relative error {error:.2g}"


def assert_close(actual: Any, expected: Any, tolerance: float) -> None:
    """Assert that two tensors have the same shape, and values within a relative error."""
    actual, expected = to_numpy(actual), to_numpy(expected)
    assert actual.shape == expected.shape
    error = relative_error(actual, expected)
    assert error <= tolerance, f"relative error {error:.2g}"
