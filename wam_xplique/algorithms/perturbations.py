"""Where around an input the gradient is taken: noisy neighbours, or a path from a baseline."""

from __future__ import annotations

import functools
from dataclasses import dataclass, replace
from typing import ClassVar, Protocol

import numpy as np

from ..backends import Backend, Tensor

QUADRATURES = ("gauss-legendre", "trapezoid")


class Perturbation(Protocol):
    """A family of perturbed inputs, numbered by draw, and the weight of each draw in a mean."""

    @property
    def weights(self) -> np.ndarray:
        """Weights of the draws; they sum to 1."""

    def __call__(self, backend: Backend, x: Tensor, draw: int) -> Tensor:
        """All inputs `x`, perturbed by one draw."""


@dataclass(frozen=True)
class Unperturbed:
    """The input itself."""

    weights: ClassVar = np.ones(1)

    def __call__(self, backend: Backend, x: Tensor, draw: int) -> Tensor:
        return x


@dataclass(frozen=True)
class GaussianNoise:
    """
    Inputs under Gaussian noise (eq. 2 of the WAM paper), from draw number `first` on.

    `noise` is its standard deviation in the input's units; `relative_noise`, in its place, as a
    fraction of each input's range (maximum minus minimum). All inputs share the draws, which depend
    on the seed and their number alone: no explanation depends on what it is batched with.
    """

    nb_samples: int
    noise: float
    relative_noise: float | None = None
    seed: int = 0
    first: int = 0

    @property
    def weights(self) -> np.ndarray:
        return np.full(self.nb_samples, 1 / self.nb_samples)

    def __call__(self, backend: Backend, x: Tensor, draw: int) -> Tensor:
        noise = backend.normal((1, *x.shape[1:]), (self.seed, self.first + draw), like=x)
        if self.relative_noise is None:
            return x + noise * self.noise
        return x + noise * (backend.value_range(x) * self.relative_noise)


@functools.lru_cache(maxsize=64)
def rule(quadrature: str, steps: int) -> tuple[np.ndarray, np.ndarray]:
    """
    The points in [0, 1] of a quadrature, and their weights.

    >>> rule("trapezoid", 3)
    (array([0. , 0.5, 1. ]), array([0.25, 0.5 , 0.25]))
    """
    if quadrature == "trapezoid":
        weights = np.full(steps, 1 / (steps - 1))
        weights[[0, -1]] /= 2
        return np.linspace(0, 1, steps), weights
    points, weights = np.polynomial.legendre.leggauss(steps)
    return (points + 1) / 2, weights / 2


@dataclass(frozen=True)
class StraightPath:
    """
    Points on the straight line from a baseline to the input (eq. 3 of the WAM paper).

    The transform being linear, the line from z₀ = W(x₀) to z = W(x) is the image of the line
    from x₀ to x. The baseline x₀ is a number, or a tensor of the inputs' shape, with one entry for
    each of them or one for all. The weights are those of a quadrature: "gauss-legendre", whose
    points lie between the ends, or "trapezoid", which counts both.
    """

    steps: int
    baseline_value: float | Tensor
    quadrature: str = "gauss-legendre"

    @property
    def weights(self) -> np.ndarray:
        return rule(self.quadrature, self.steps)[1]

    def at_inputs(self, backend: Backend, index: np.ndarray) -> StraightPath:
        """The path to the inputs at `index`."""
        if isinstance(self.baseline_value, float) or len(self.baseline_value) == 1:
            return self
        return replace(self, baseline_value=backend.rows(self.baseline_value, index))

    def __call__(self, backend: Backend, x: Tensor, draw: int) -> Tensor:
        return self.at(x, rule(self.quadrature, self.steps)[0][draw])

    def at(self, x: Tensor, share: float) -> Tensor:
        """The point at a share of the way to `x`."""
        return self.baseline_value + (x - self.baseline_value) * float(share)
