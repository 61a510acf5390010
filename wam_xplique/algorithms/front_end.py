"""A front end between inputs and model, such as a spectrogram, explained beside the wavelets."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass

from ..backends import Backend, Tensor
from ..coefficients import Coefficients, WaveletTransform

FRONT_END = "front end"


@dataclass(frozen=True)
class WithFrontEnd:
    """
    The wavelet transform of inputs, beside what a front end makes of them.

    The front end's output counts as one more level of coefficients, the last one. Gradients with
    respect to it are averaged, squared or integrated as those with respect to the wavelet
    coefficients are: by the same equations, on the same samples.

    Parameters
    ----------
    backend
        Backend of all tensors.
    transform
        Wavelet transform of the inputs.
    front_end
        Differentiable function of inputs (N, ...), which gives (N, ...).
    shapes
        Shapes, without N, of the inputs and of the front end's outputs.
    batch_size
        Most inputs at once; None for all.
    """

    backend: Backend
    transform: WaveletTransform
    front_end: Callable[[Tensor], Tensor]
    shapes: tuple[tuple[int, ...], tuple[int, ...]]
    batch_size: int | None = None

    def forward(self, x: Tensor) -> Coefficients:
        """The coefficients of `x`, then the front end's output."""
        size = self.batch_size or len(x)
        parts = [self.front_end(x[start : start + size]) for start in range(0, len(x), size)]
        return [*self.transform.forward(x), {FRONT_END: self.backend.concat(parts, 0)}]

    def pullback(self, gradient: Tensor) -> Coefficients:
        """The gradients with respect to these, from those (N, P) of the input and the output."""
        of_input, of_output = self.shapes
        split = math.prod(of_input)
        reshape = self.backend.reshape
        pulled = self.transform.pullback(reshape(gradient[:, :split], (-1, *of_input)))
        return [*pulled, {FRONT_END: reshape(gradient[:, split:], (-1, *of_output))}]
