"""A front end between inputs and model, such as a spectrogram, explained beside the wavelets."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from ..backends import Tensor
from ..coefficients import Coefficients, Transform, flatten

FRONT_END = "front end"


@dataclass(frozen=True)
class WithFrontEnd:
    """The wavelet transform of inputs, and what a front end makes of them as the last level."""

    transform: Transform
    front_end: Callable[[Tensor], Tensor]

    def forward(self, x: Tensor) -> Coefficients:
        """The coefficients of `x`, then the front end's output."""
        return [*self.transform.forward(x), {FRONT_END: self.front_end(x)}]

    def pullback(self, of_input: Tensor, of_output: Tensor) -> Coefficients:
        """The gradients with respect to these, from those of the input and of the output."""
        return [*self.transform.pullback(of_input), {FRONT_END: of_output}]


def of_wavelets(coefficients: Coefficients) -> dict[str, Any]:
    """The bands by name, without what a front end made."""
    return {name: b for name, b in flatten(coefficients).items() if FRONT_END not in name}
