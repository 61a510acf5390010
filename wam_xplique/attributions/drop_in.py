"""What every explainer answers where one of Xplique's is expected."""

from __future__ import annotations

from abc import ABC, abstractmethod
from typing import Any

import numpy as np

from .inputs import as_given


class DropIn(ABC):
    """An explainer that is called as Xplique's are, and gives back what it is given."""

    def __call__(self, inputs: Any, targets: Any = None) -> Any:
        """`explain`."""
        return self.explain(inputs, targets)

    def explain(self, inputs: Any, targets: Any = None) -> Any:
        """
        Explain the model by a map: in the input's own domain, or over its spectrum for `FAM`.

        Parameters
        ----------
        inputs
            Array, tensor or `tf.data.Dataset` (batched or not). Images (N, H, W, C), signals
            (N, T) or (N, T, W), volumes (N, D, H, W, C); PyTorch tensors have channels first. With
            `ndim` given, images and volumes without channels too.
        targets
            One-hot classes, or what the operator takes, one for each input; None with a
            dataset.

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
        return as_given(self._map(inputs, targets), inputs)

    @abstractmethod
    def _map(self, inputs: Any, targets: Any) -> np.ndarray:
        """The map that `explain` returns, as an array with channels last."""
