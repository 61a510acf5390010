"""The base of all explainers: called as Xplique's are, and made for one model."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable
from dataclasses import KW_ONLY, dataclass
from typing import Any

import numpy as np

from ..checks import (
    Parameters,
    check_choice,
    check_integer,
    check_ndim,
    check_seed,
    check_wavelet,
)
from ..coefficients import Coefficients, Transform
from ..explanation import WaveletExplanation, fields_of
from ..inputs import CHANNELS, Inputs, as_given, gathered, prepare
from ..model import Model, Output, cut_at_layer
from ..transforms import check_transform, fitting


@dataclass(eq=False, repr=False)
class DropIn(Parameters, ABC):
    """
    An explainer that is called as Xplique's are, and gives back what it is given.

    Parameters
    ----------
    batch_size
        Most perturbed inputs at once; None for no limit. It is halved, and stays so, where the
        device has too little memory.
    operator
        What is explained: the name of a task, a member of `xplique.Tasks`, or a callable
        ``g(model, inputs, targets)`` that gives a score per input, for gradients in the model's
        framework (TensorFlow for a `TorchWrapper`). The score of the target class by default.
    ndim
        Number of axes that are transformed: 1 for signals, 2 for images, 3 for volumes. By default
        the shape of the inputs tells; images (N, H, W) and volumes (N, D, H, W), which have no
        channels, need it.
    channels
        "first" or "last": where the channels of the inputs are. By default told by the model where
        it can be, else first for PyTorch tensors and last otherwise.
    output
        Which output of a model with several: a key, an index, or a function that picks it;
        `logits` by itself.
    explained
        Which of several inputs, by key or index, is explained; the others are held.
    seed
        Seed of all random draws.
    front_end
        What stands between the inputs and the model, such as a spectrogram: any callable in the
        model's framework (on arrays, for a callable model) that takes the inputs as they come.
        With gradients it must be differentiable, and the explanation tells of its output as well.
    verbose
        Whether to show the progress.
    """

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
        check_ndim(self.ndim)
        check_choice("channels", self.channels, CHANNELS)
        self._asked()
        self._made = True

    def __call__(self, inputs: Any, targets: Any = None) -> Any:
        """`explain`."""
        return self.explain(inputs, targets)

    def explain(self, inputs: Any, targets: Any = None) -> Any:
        """
        Explain by a map: in the input's own domain, or over its spectrum for `FAM`.

        Parameters
        ----------
        inputs
            Array, tensor, or what holds inputs and targets: a `tf.data.Dataset` (batched or not), a
            `DataLoader`, an iterable of batches. Images (N, H, W, C), signals (N, T) or (N, T, W),
            volumes (N, D, H, W, C); PyTorch tensors have channels first. `ndim` tells of images and
            volumes without channels, `explained` of a tuple or dict of several inputs.
        targets
            One for each input: labels (N,) or (N, 1), one-hot classes (N, classes), or what the
            operator takes; None where the inputs hold them.

        Returns
        -------
        explanations
            Maps (N, H, W, 1) of images, (N, D, H, W, 1) of volumes, of the input's shape of
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


@dataclass(eq=False, repr=False)
class WaveletDropIn(DropIn):
    """
    An explainer in the wavelet domain.

    Parameters
    ----------
    wavelet
        Name of a discrete wavelet of PyWavelets, a `pywt.Wavelet`, or the four filters of one.
    level
        Number of levels; by default `wam_xplique.coefficients.default_level` of the inputs: 3, one
        more with each doubling of their smallest size beyond 224, fewer where they are too small.
    mode
        Boundary mode among `pywt.Modes.modes`.
    transform
        One of `wam_xplique.transforms` in place of the decimated one, which the others tell of.
    include_approximation
        Whether the approximation, the coarsest band, takes part. If not, its coefficients are zero,
        and it has no share; `WCAM` holds it at its value.

    The others are those of `DropIn`.
    """

    _: KW_ONLY
    wavelet: Any = "haar"
    level: int | None = None
    mode: str = "periodization"
    include_approximation: bool = False
    transform: Transform | None = None

    def __post_init__(self) -> None:
        check_integer("level", self.level, lowest=0, optional=True)
        check_wavelet(self.wavelet, self.mode)
        told = (self.wavelet, self.level, self.mode) != ("haar", None, "periodization")
        check_transform(self.transform, told)
        super().__post_init__()

    @property
    def _told(self) -> tuple[str, ...]:
        return ("wavelet", "level") if self.transform is None else ()

    def explain_wavelet(self, inputs: Any, targets: Any = None) -> WaveletExplanation:
        """
        Explain the model in the wavelet domain: parameters and errors are those of `explain`.

        Returns
        -------
        explanation
            Importance of every wavelet coefficient. `WCAM` gives each the total index of its cell,
            0 where it is held, and in `.sobol` the indices of the cells, their intervals and the
            forwards used.
        """
        return self._explain(inputs, targets, lambda found: found)

    def _map(self, inputs: Any, targets: Any) -> np.ndarray:
        return self._explain(inputs, targets, WaveletExplanation.pixels)

    @abstractmethod
    def _explain(self, inputs: Any, targets: Any, told: Callable[[WaveletExplanation], Any]) -> Any:
        """What is told of the explanation of each input, for all."""

    def _transform(self, found: Inputs) -> Transform:
        how = (self.wavelet, self.level, self.mode)
        return fitting(self.transform, found.shape, found.layout.spatial_axes, *how)

    def _explanation(
        self, coefficients: Coefficients, transform: Transform, **known: Any
    ) -> WaveletExplanation:
        """The explanation by a transform, and what else is known of it."""
        known |= fields_of(transform) | {"includes_approximation": self.include_approximation}
        return WaveletExplanation(coefficients, **known)
