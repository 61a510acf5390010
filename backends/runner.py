"""How a framework runs a function of a model: without gradients, and with them."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable
from typing import Any

import numpy as np

from .base import Tensor

Score = Callable[..., Tensor]
"""``score(seen, *rows)``: one score for each input, of what the model sees and its targets."""

FrontEnd = Callable[[Tensor], Tensor]
"""What stands between the inputs and the model, such as a spectrogram."""


class Runner(ABC):
    """A framework, as it runs the scores of one model, perhaps behind a front end."""

    def __init__(self, model: Any, front_end: FrontEnd | None = None):
        self.model = model
        self.front_end = front_end

    @abstractmethod
    def evaluate(self, score: Score, x: Tensor, *rows: Tensor) -> Tensor:
        """What `score` makes of the inputs, and of one row of the others for each."""

    @abstractmethod
    def differentiate(
        self, score: Score, x: Tensor, *rows: Tensor
    ) -> tuple[Tensor, tuple[Tensor, ...]]:
        """The scores, and their gradients with respect to x and, if there is one, the front end."""

    def seen(self, x: Tensor) -> Tensor:
        """What the model sees of the inputs."""
        return x if self.front_end is None else self.front_end(x)


NO_GRADIENT = "The model gives no gradient with respect to its inputs."
NO_FRONT_END_GRADIENT = "front_end must be differentiable: its output has no gradient."


class ArrayRunner(Runner):
    """Any callable on arrays."""

    def evaluate(self, score: Score, x: Tensor, *rows: Tensor) -> Tensor:
        return score(self.seen(np.array(x)), *rows)  # which the model may overwrite

    def differentiate(
        self, score: Score, x: Tensor, *rows: Tensor
    ) -> tuple[Tensor, tuple[Tensor, ...]]:
        raise ValueError(NO_GRADIENT)
