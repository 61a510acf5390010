"""Products of blocks in place of sums of slices: the same transform, where it is as exact."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
import pywt
import torch

from wam_xplique.backends import torch_backend, wavedecn, waverecn
from wam_xplique.backends.torch_backend import TorchBackend

from .helpers import assert_same_coefficients, flatten, noise, relative_error


@pytest.fixture(autouse=True)
def _on_a_processor_for_which_blocks_are_fast(monkeypatch):
    monkeypatch.setattr(torch_backend, "BLOCKS_ARE_FAST", True)


def signal(*shape: int, seed: int = 0) -> torch.Tensor:
    return torch.tensor(noise(*shape, seed=seed))


@pytest.mark.parametrize("axis", [0, 1, 2])
def test_each_matrix_multiplies_the_windows_of_its_tensor(axis):
    x, y = signal(11, 12, 40), signal(11, 12, 40, seed=1)
    of_x, of_y, alone = (np.random.default_rng(n).standard_normal((3, 4)) for n in range(3))
    found = TorchBackend().blocks([x, y], [[of_x, of_y], [alone, alone]], axis, step=2)
    windows = [np.moveaxis(t.numpy(), axis, 0) for t in (x, y)]
    starts = range(0, x.shape[axis] - 3, 2)

    def expected(*matrices: np.ndarray) -> np.ndarray:
        columns = [
            sum(np.tensordot(m, w[s : s + 4], 1) for m, w in zip(matrices, windows, strict=True))
            for s in starts
        ]
        return np.moveaxis(np.concatenate(columns), 0, axis)

    np.testing.assert_allclose(found[0].numpy(), expected(of_x, of_y), atol=1e-12)
    np.testing.assert_allclose(found[1].numpy(), expected(alone, alone), atol=1e-12)


@pytest.mark.parametrize("mode", pywt.Modes.modes)
@pytest.mark.parametrize("wavelet", ["db2", "db3", "rbio3.1"])
@pytest.mark.parametrize(
    ("shape", "axes"), [((2, 97), (1,)), ((2, 45, 38), (1, 2)), ((1, 20, 19, 33), (1, 2, 3))]
)
def test_blocks_and_slices_make_the_same_transform_and_gradient(
    monkeypatch, shape, axes, wavelet, mode
):
    level = 4 - len(axes)
    weights = signal(*shape, seed=1)

    def run() -> tuple[Any, torch.Tensor, torch.Tensor]:
        x = signal(*shape).requires_grad_()
        coefficients = wavedecn(x, wavelet, mode, level, axes)
        rebuilt = waverecn(coefficients, wavelet, mode, axes)
        rebuilt = rebuilt[tuple(slice(size) for size in shape)]
        (rebuilt**3 * weights).sum().backward()
        return coefficients, rebuilt, x.grad

    products = []
    multiply = TorchBackend.blocks
    monkeypatch.setattr(
        TorchBackend, "blocks", lambda *given: products.append(1) or multiply(*given)
    )
    blocks, rebuilt, gradient = run()
    assert products
    products.clear()
    monkeypatch.setattr(TorchBackend, "prefers_blocks", lambda *_: False)
    slices, rebuilt_of_slices, gradient_of_slices = run()
    assert not products
    assert_same_coefficients(blocks, slices, 1e-12)
    torch.testing.assert_close(rebuilt, rebuilt_of_slices, rtol=0, atol=1e-11)
    torch.testing.assert_close(gradient, gradient_of_slices, rtol=0, atol=1e-9)


@pytest.fixture(params=["autocast", "medium", "high"])
def _coarse_products(request):
    """Settings under which PyTorch multiplies matrices in less than single precision."""
    before = torch.get_float32_matmul_precision()
    with torch.autocast("cpu", torch.bfloat16, enabled=request.param == "autocast"):
        if request.param != "autocast":
            torch.set_float32_matmul_precision(request.param)
        yield
    torch.set_float32_matmul_precision(before)


@pytest.mark.usefixtures("_coarse_products")
def test_coarse_products_are_not_for_transforms():
    x = signal(2, 64, 64).float()
    found = wavedecn(x, "db4", "symmetric", 2, (1, 2))
    expected = pywt.wavedecn(x.numpy(), "db4", "symmetric", 2, (1, 2))
    assert_same_coefficients(found, expected, 1e-5)
    rebuilt = waverecn(found, "db4", "symmetric", (1, 2))
    assert rebuilt.dtype == torch.float32
    assert relative_error(rebuilt.numpy(), x.numpy()) < 1e-5
    assert not TorchBackend().prefers_blocks(x, 1)
    assert np.isfinite(flatten(found)).all()


def test_an_empty_batch_has_no_blocks():
    x = signal(0, 40, 40)
    found = wavedecn(x, "db2", "symmetric", 1, (1, 2))
    assert found[0].shape == (0, 21, 21)
    assert waverecn(found, "db2", "symmetric", (1, 2)).shape == x.shape


def test_short_runs_and_half_types_are_summed_and_all_without_wide_registers(monkeypatch):
    backend = TorchBackend()
    assert backend.prefers_blocks(signal(4, 64, 64), 1)
    assert backend.prefers_blocks(signal(4, 64, 64), 2)
    assert not backend.prefers_blocks(signal(4, 64, 3), 1)
    assert not backend.prefers_blocks(signal(4, 64, 64).bfloat16(), 1)
    monkeypatch.setattr(torch_backend, "BLOCKS_ARE_FAST", False)
    assert not backend.prefers_blocks(signal(4, 64, 64), 1)
