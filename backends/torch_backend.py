"""PyTorch tensors and modules."""

from __future__ import annotations

import math
from collections.abc import Sequence
from functools import partial
from typing import Any

import numpy as np
import torch

from .base import Backend, Matrices, as_is
from .torch_runner import TorchRunner

# Below this many contiguous elements, PyTorch's loops over a strided tensor cost more than the
# copy that makes it contiguous (measured on CPU by ``python -m benchmarks.kernels``).
_SHORT_RUN = 32

# Without AVX-512, the sums of slices that products of blocks replace take 0.6 to 1.0 of their time
# (measured on an AMD EPYC); with it, on an Intel Xeon, they take twice as long.
BLOCKS_ARE_FAST = torch.backends.cpu.get_cpu_capability() == "AVX512"

_HALF = (torch.float16, torch.bfloat16)


class TorchBackend(Backend):
    """PyTorch as a tensor framework."""

    name = "torch"
    full = torch.cuda.OutOfMemoryError
    runner = TorchRunner

    concat = as_is(torch.cat)
    flip = as_is(torch.Tensor.flip)
    reshape = as_is(torch.reshape)
    clip = as_is(torch.clip)
    softmax = as_is(partial(torch.softmax, dim=1))  # channels come before space
    sigmoid = as_is(torch.sigmoid)
    logsumexp = as_is(partial(torch.logsumexp, dim=-1))
    argmax = as_is(partial(torch.argmax, dim=-1))

    def reduce(
        self, x: torch.Tensor, how: str, axes: Sequence[int], keepdims: bool = False
    ) -> torch.Tensor:
        function = getattr(torch, {"min": "amin", "max": "amax"}.get(how, how))
        return function(x, dim=tuple(axes), keepdim=keepdims)

    def is_floating(self, x: torch.Tensor) -> bool:
        return x.is_floating_point()

    def all_finite(self, x: torch.Tensor) -> bool:
        return bool(torch.isfinite(x).all())

    def asarray(self, x: Any, like: torch.Tensor | None = None) -> torch.Tensor:
        if like is not None:
            return torch.as_tensor(x, dtype=like.dtype, device=like.device)
        x = torch.as_tensor(x)
        return x if x.is_floating_point() else x.float()

    def to_numpy(self, x: torch.Tensor) -> np.ndarray:
        x = x.detach().cpu()
        x = x.float() if x.dtype in _HALF else x
        return x.numpy().copy()

    def widened(self, x: torch.Tensor) -> torch.Tensor:
        return x if x.dtype in (torch.float32, torch.float64) else x.float()

    def asindex(self, x: np.ndarray, like: torch.Tensor) -> torch.Tensor:
        return torch.as_tensor(x, dtype=torch.int64, device=like.device)

    def take(self, x: torch.Tensor, index: torch.Tensor, axis: int) -> torch.Tensor:
        taken = x.index_select(axis, index.reshape(-1))
        return taken.reshape(*x.shape[:axis], *index.shape, *x.shape[axis + 1 :])

    def rfftn(self, x: torch.Tensor, axes: Sequence[int]) -> torch.Tensor:
        x = x.float() if x.dtype in _HALF else x
        return torch.fft.rfftn(x, dim=tuple(axes))

    def irfftn(self, x: torch.Tensor, axes: Sequence[int], sizes: Sequence[int]) -> torch.Tensor:
        return torch.fft.irfftn(x, tuple(sizes), tuple(axes))

    def spectral(self, window: np.ndarray, like: torch.Tensor) -> torch.Tensor:
        weights = torch.as_tensor(window, device=like.device)
        real = self.widened(like).dtype
        return weights.to(real.to_complex() if weights.is_complex() else real)

    def normal(self, shape: Sequence[int], seed: Sequence[int], like: torch.Tensor) -> torch.Tensor:
        state = int(np.random.SeedSequence(list(seed)).generate_state(1, np.uint64)[0])
        generator = torch.Generator(like.device).manual_seed(state)
        return torch.randn(*shape, generator=generator, dtype=like.dtype, device=like.device)

    def packed(self, x: torch.Tensor, axis: int) -> torch.Tensor:
        return x.contiguous() if math.prod(x.shape[axis + 1 :]) < _SHORT_RUN else x

    def prefers_blocks(self, x: torch.Tensor, axis: int) -> bool:
        inner = math.prod(x.shape[axis + 1 :])
        return (
            BLOCKS_ARE_FAST
            and x.device.type == "cpu"
            and x.numel() > 0
            and x.dtype in (torch.float32, torch.float64)
            and (inner == 1 or inner >= _SHORT_RUN)
            and not torch.compiler.is_compiling()  # which fuses sums of slices
            and not torch.is_autocast_enabled("cpu")
            and torch.get_float32_matmul_precision() == "highest"
        )

    def blocks(
        self, tensors: Sequence[torch.Tensor], matrices: Sequence[Matrices], axis: int, step: int
    ) -> list[torch.Tensor]:
        outer, inner = tensors[0].shape[:axis], tensors[0].shape[axis + 1 :]
        first, size = math.prod(outer), math.prod(inner)
        windows = []
        for x, matrix in zip(tensors, matrices[0], strict=True):
            width = matrix.shape[1]
            cut = x.reshape(first, x.shape[axis], size).unfold(1, width, step)
            cut = cut.transpose(2, 3).reshape(-1, width, size)
            windows.append(cut.contiguous() if size == 1 else cut)
        made = []
        for row in matrices:
            total: Any = None
            for cut, matrix in zip(windows, row, strict=True):
                weights = torch.as_tensor(matrix, dtype=cut.dtype)
                total = _add_product(total, weights, cut)
            made.append(total.reshape(*outer, -1, *inner))
        return made

    def weighted_sum(
        self, tensors: Sequence[torch.Tensor], weights: Sequence[float]
    ) -> torch.Tensor:
        total = tensors[0] * weights[0]
        for tensor, weight in zip(tensors[1:], weights[1:], strict=True):
            total.add_(tensor, alpha=weight)
        return total


def _add_product(
    total: torch.Tensor | None, matrix: torch.Tensor, windows: torch.Tensor
) -> torch.Tensor:
    """Add `matrix` times each of the `windows` (count, width, size)."""
    if windows.shape[2] == 1:  # one product of two matrices, rather than many with a vector
        a, b = windows.squeeze(2), matrix.t()
        return a @ b if total is None else total.addmm_(a, b)
    a = matrix.expand(len(windows), *matrix.shape)
    return a @ windows if total is None else total.baddbmm_(a, windows)
