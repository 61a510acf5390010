"""Where around an input the gradient is taken: noisy neighbours, or a path from a baseline."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Protocol

import numpy as np

from ..backends import Backend, Tensor


class Perturbation(Protocol):
    """A family of perturbed inputs, and the weight of each in a mean."""

    @property
    def weights(self) -> np.ndarray:
        """Weights of the perturbed inputs; they sum to 1."""
        ...

    def __call__(
        self, backend: Backend, x: Tensor, samples: np.ndarray, draws: np.ndarray
    ) -> Tensor:
        """The inputs ``x[samples]``, the i-th perturbed by the member ``draws[i]``."""
        ...


@dataclass(frozen=True)
class Unperturbed:
    """The input itself."""

    @property
    def weights(self) -> np.ndarray:
        return np.ones(1)

    def __call__(
        self, backend: Backend, x: Tensor, samples: np.ndarray, draws: np.ndarray
    ) -> Tensor:
        return backend.take(x, samples)


@dataclass(frozen=True)
class GaussianNoise:
    """
    Inputs under Gaussian noise (eq. 2 of the WAM paper).

    A draw depends on the seed and on its number alone: all inputs share the same draws, so
    that an input's explanation does not depend on what it is batched with.

    Parameters
    ----------
    nb_samples
        Number of noisy inputs.
    noise
        Standard deviation, in the input's units.
    relative_noise
        Standard deviation as a fraction of each input's range (maximum minus minimum), in
        place of `noise`.
    seed
        Seed of the draws.
    """

    nb_samples: int
    noise: float
    relative_noise: float | None = None
    seed: int = 0

    @property
    def weights(self) -> np.ndarray:
        return np.full(self.nb_samples, 1 / self.nb_samples)

    def __call__(
        self, backend: Backend, x: Tensor, samples: np.ndarray, draws: np.ndarray
    ) -> Tensor:
        clean = backend.take(x, samples)
        numbers, places = np.unique(draws, return_inverse=True)
        shape = (1, *clean.shape[1:])
        noise = [backend.normal(shape, (self.seed, int(number)), clean) for number in numbers]
        drawn = backend.take(backend.concat(noise, 0), places)
        return clean + drawn * self._deviation(backend, x, samples)

    def _deviation(self, backend: Backend, x: Tensor, samples: np.ndarray) -> Tensor | float:
        if self.relative_noise is None:
            return self.noise
        values = backend.to_numpy(x).reshape(len(x), -1)
        deviation = self.relative_noise * (values.max(axis=1) - values.min(axis=1))
        return backend.asarray(deviation[samples].reshape(-1, *[1] * (len(x.shape) - 1)), like=x)


@dataclass(frozen=True)
class StraightPath:
    """
    Points on the straight line from a baseline to the input (eq. 3 of the WAM paper).

    The transform being linear, the line from z₀ = W(x₀) to z = W(x) is the image of the line
    from x₀ to x. The weights are those of the trapezoidal rule.

    Parameters
    ----------
    steps
        Number of points, ends included.
    baseline_value
        Value of the constant baseline x₀.
    """

    steps: int
    baseline_value: float

    @property
    def weights(self) -> np.ndarray:
        weights = np.full(self.steps, 1 / (self.steps - 1))
        weights[[0, -1]] /= 2
        return weights

    def __call__(
        self, backend: Backend, x: Tensor, samples: np.ndarray, draws: np.ndarray
    ) -> Tensor:
        end = backend.take(x, samples)
        alpha = (draws / (self.steps - 1)).reshape(-1, *[1] * (len(x.shape) - 1))
        return self.baseline_value + (end - self.baseline_value) * backend.asarray(alpha, like=x)


def batches(
    count: int, draws: int, batch_size: int | None
) -> Iterator[tuple[slice, list[tuple[np.ndarray, np.ndarray]]]]:
    """
    Split the perturbed inputs of all samples into batches.

    Parameters
    ----------
    count
        Number of samples.
    draws
        Number of perturbed inputs of each sample.
    batch_size
        Most perturbed inputs in a batch; None for all in one.

    Yields
    ------
    block
        Slice of at most `batch_size` samples.
    pairs
        Batches that cover each draw of each sample in the block: the samples, counted within
        the block, and the draws. All batches but the last of a block are full.
    """
    size = batch_size or count * draws
    for start in range(0, count, size):
        block = slice(start, min(start + size, count))
        width = block.stop - block.start
        pairs = np.divmod(np.arange(width * draws), width)[::-1]
        edges = range(size, width * draws, size)
        yield block, list(zip(*(np.split(part, edges) for part in pairs), strict=True))
