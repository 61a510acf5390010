"""What every explainer is: called as Xplique's are, and made for one model."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable
from dataclasses import KW_ONLY, dataclass
from typing import Any

import numpy as np

from ..checks import Parameters, check_choice, check_front_end, check_ndim, check_seed
from ..inputs import CHANNELS, Inputs, as_given, gathered, prepare
from ..model import Model, Output, cut_at_layer


@dataclass(eq=False, repr=False)
class DropIn(Parameters, ABC):
    """An explainer that is called as Xplique's are, and gives back what it is given."""

    _: KW_ONLY
    ndim: int | None = None
    channels: str | None = None
    output: Output = None
    explained: str | int | None = None
    seed: int = 0
    front_end: Callable[[Any], Any] | None = None
    verbose: bool = False

    def __post_init__(self) -> None:
        check_seed(self.seed)
        check_front_end(self.front_end)
        check_ndim(self.ndim)
        check_choice("channels", self.channels, CHANNELS)
        self._asked()
        self._made = True

    def __call__(self, inputs: Any, targets: Any = None) -> Any:
        """`explain`."""
        return self.explain(inputs, targets)

    def explain(self, inputs: Any, targets: Any = None) -> Any:
        """
        Explain the model by a map: in the input's own domain, or over its spectrum for `FAM`.

        Parameters
        ----------
        inputs
            Array, tensor, or what holds inputs and targets: a `tf.data.Dataset` (batched or not), a
            `DataLoader`, an iterable of batches. Images (N, H, W, C), signals (N, T) or (N, T, W),
            volumes (N, D, H, W, C); PyTorch tensors have channels first, see `channels`. With
            `ndim` given, images and volumes without channels too. A tuple or dict where the model
            takes several inputs, see `explained`.
        targets
            One for each input: labels (N,) or (N, 1), one-hot classes (N, classes), or what the
            operator takes; None where the inputs hold them.

        Returns
        -------
        explanations
            Maps (N, H, W, 1) for images, (N, D, H, W, 1) for volumes, of the input's shape for
            signals; `tf.Tensor`, or PyTorch tensors with channels first if these came in.

        Raises
        ------
        ValueError, TypeError
            If inputs, targets and model do not fit together; see the message.
        """
        given = inputs if self.explained is None else inputs[self.explained]
        return as_given(self._map(inputs, targets), given)

    @abstractmethod
    def _map(self, inputs: Any, targets: Any) -> np.ndarray:
        """The map that `explain` returns, as an array with channels last."""

    @property
    @abstractmethod
    def _how(self) -> tuple[Any, ...]:
        """The model, its layer, the operator, and whether gradients are taken."""

    def _asked(self) -> Model:
        """The model as it is asked, made once."""
        if "_known" not in self.__dict__:
            model, layer, operator, differentiable = self._how
            how: dict[str, Any] = {"front_end": self.front_end, "differentiable": differentiable}
            self._known = Model(cut_at_layer(model, layer), operator, output=self.output, **how)
        return self._known

    def _prepare(self, inputs: Any, targets: Any) -> Inputs:
        model = self._asked()
        inputs, targets = gathered(inputs, targets, model)
        return prepare(
            model, inputs, targets, ndim=self.ndim, channels=self.channels, explained=self.explained
        )

    def __getstate__(self) -> dict[str, Any]:
        return {name: value for name, value in self.__dict__.items() if name != "_known"}
