"""The base of the white-box explainers in the wavelet domain."""

from __future__ import annotations

from abc import abstractmethod
from typing import Any

import numpy as np
from xplique.attributions.base import WhiteBoxExplainer

from ..algorithms.gradients import GradientProblem
from ..backends import Backend, ScoreFunction
from ..backends.registry import load_backend
from ..coefficients import Coefficients, WaveletTransform, map_bands
from ..explanation import WaveletExplanation
from . import models
from .checks import check_choice, check_integer, check_wavelet
from .drop_in import DropIn
from .inputs import Layout, prepare

REDUCERS = ("mean", "sum", "min", "max")
NORMALIZATIONS = ("band",)


class WaveletExplainer(DropIn, WhiteBoxExplainer):
    """
    Base class of the explainers from gradients with respect to wavelet coefficients.

    Ref. Kasmi & al., One Wave To Explain Them All: A Unifying Perspective On Feature
    Attribution (2025).

    Parameters
    ----------
    model
        Keras model, `tf.Module`, Xplique's `TorchWrapper` or `torch.nn.Module`. PyTorch models
        run natively, on the device where they are.
    output_layer
        Layer of a Keras model whose output is explained, by name or index; the last by
        default. The layer before a softmax is recommended.
    batch_size
        Most perturbed inputs at once; None for all.
    operator
        What is explained: the name of a task, a member of `xplique.Tasks`, or a callable
        ``g(model, inputs, targets)`` that gives a score per input, in the model's framework
        (TensorFlow for a `TorchWrapper`). The score of the target class by default.
    reducer
        How the channels of images and volumes are brought to one: "mean", "sum", "min", "max",
        or None to keep them.
    wavelet
        Name of a discrete wavelet of PyWavelets.
    level
        Number of levels.
    mode
        Boundary mode among `pywt.Modes.modes`.
    include_approximation
        Whether the approximation takes part; its importance is zero if not.
    normalize
        None keeps the values of the method's equation; "band" divides each band of each input
        by its largest magnitude, as the figures of the WAM paper do.
    seed
        Seed of all random draws.
    verbose
        Whether to show the progress.
    """

    def __init__(
        self,
        model: Any,
        output_layer: str | int | None = None,
        batch_size: int | None = 32,
        operator: Any = None,
        reducer: str | None = "mean",
        *,
        wavelet: str = "haar",
        level: int = 3,
        mode: str = "periodization",
        include_approximation: bool = False,
        normalize: str | None = None,
        seed: int = 0,
        verbose: bool = False,
    ):
        check_integer("batch_size", batch_size, lowest=1, optional=True)
        check_integer("level", level, lowest=0)
        check_integer("seed", seed, lowest=0)
        check_choice("reducer", reducer, REDUCERS)
        check_choice("normalize", normalize, NORMALIZATIONS)
        check_wavelet(wavelet, mode)
        self._operator = models.check_operator(operator)
        model = models.cut(model, output_layer)
        # Xplique shares one compiled gradient between all explainers of a Keras model.
        known = models.for_xplique(model)
        shared = self._operator is models.predictions_operator and models.is_keras(known)
        super().__init__(known, None, batch_size, None if shared else self._operator, reducer)
        self.model = model
        self.reducer = reducer
        self.wavelet = wavelet
        self.level = level
        self.mode = mode
        self.include_approximation = include_approximation
        self.normalize = normalize
        self.seed = seed
        self.verbose = verbose
        self._gradients()

    def explain_wavelet(self, inputs: Any, targets: Any = None) -> WaveletExplanation:
        """
        Explain the model in the wavelet domain.

        Parameters
        ----------
        inputs, targets
            As for `explain`.

        Returns
        -------
        explanation
            Importance of every wavelet coefficient.

        Raises
        ------
        ValueError, TypeError
            If inputs, targets and model do not fit together; see the message.
        """
        problem, layout = self._problem(inputs, targets)
        coefficients = map_bands(
            lambda band: layout.to_channels_last(problem.backend.to_numpy(band)),
            self._attribute(problem),
        )
        shape = layout.shape_channels_last(tuple(problem.x.shape))
        return WaveletExplanation(
            self._finish(coefficients, layout), self.wavelet, self.mode, shape, layout.ndim
        )

    def _map(self, inputs: Any, targets: Any) -> np.ndarray:
        return self.explain_wavelet(inputs, targets).pixels()

    @abstractmethod
    def _attribute(self, problem: GradientProblem) -> Coefficients:
        """The method's equation: the importance of each coefficient, as native tensors."""

    def _gradients(self) -> tuple[Backend, ScoreFunction]:
        module = models.torch_module(self.model, self._operator)
        if module is not None:
            return load_backend("torch"), models.torch_gradients(module, self._operator)
        models.check_differentiable(self.model, self._operator)
        gradients = models.tensorflow_gradients(self.model, self.gradient)
        return load_backend("tensorflow"), gradients

    def _problem(self, inputs: Any, targets: Any) -> tuple[GradientProblem, Layout]:
        backend, gradients = self._gradients()
        x, y, layout = prepare(inputs, targets, self.model, self._operator, backend)
        transform = WaveletTransform(self.wavelet, self.level, self.mode, layout.spatial_axes)
        transform.check(x.shape)
        problem = GradientProblem(
            backend, gradients, x, y, transform, self.batch_size, self.verbose
        )
        return problem, layout

    def _finish(self, coefficients: Coefficients, layout: Layout) -> Coefficients:
        if self.reducer is not None and layout.channel_axis is not None and layout.ndim > 1:
            reduce = getattr(np, self.reducer)
            coefficients = map_bands(lambda band: reduce(band, axis=-1), coefficients)
        if not self.include_approximation:
            coefficients[0] = np.zeros_like(coefficients[0])
        if self.normalize == "band":
            coefficients = map_bands(_divide_by_maximum, coefficients)
        return coefficients


def _divide_by_maximum(band: np.ndarray) -> np.ndarray:
    largest = np.abs(band).max(axis=tuple(range(1, band.ndim)), keepdims=True)
    return np.divide(band, largest, out=np.zeros_like(band), where=largest > 0)
