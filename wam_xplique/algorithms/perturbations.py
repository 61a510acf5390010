"""Where around an input the gradient is taken: noisy neighbours, or a path from a baseline."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Protocol

import numpy as np

from ..backends import Backend, Tensor


class Perturbation(Protocol):
    """A family of perturbed inputs, numbered by draw, and the weight of each draw in a mean."""

    @property
    def weights(self) -> np.ndarray:
        """Weights of the draws; they sum to 1."""
        ...

    def __call__(self, backend: Backend, x: Tensor, draw: int) -> Tensor:
        """All inputs `x`, perturbed by one draw."""
        ...


@dataclass(frozen=True)
class Unperturbed:
    """The input itself."""

    @property
    def weights(self) -> np.ndarray:
        return np.ones(1)

    def __call__(self, backend: Backend, x: Tensor, draw: int) -> Tensor:
        return x


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

    def __call__(self, backend: Backend, x: Tensor, draw: int) -> Tensor:
        noise = backend.normal((1, *x.shape[1:]), (self.seed, draw), like=x)
        if self.relative_noise is None:
            return x + noise * self.noise
        return x + noise * (backend.value_range(x) * self.relative_noise)


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

    def __call__(self, backend: Backend, x: Tensor, draw: int) -> Tensor:
        return self.baseline_value + (x - self.baseline_value) * (draw / (self.steps - 1))


def batches(count: int, draws: int, batch_size: int | None) -> Iterator[tuple[slice, list[range]]]:
    """
    Split the perturbed inputs of all samples into batches: some samples, times some draws.

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
    runs
        The draws of each batch of this block; all draws in turn.
    """
    size = batch_size or count * draws
    for start in range(0, count, size):
        width = min(size, count - start)
        together = size // width
        runs = [range(d, min(d + together, draws)) for d in range(0, draws, together)]
        yield slice(start, start + width), runs
