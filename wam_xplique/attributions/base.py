"""The base of the white-box explainers in the wavelet domain."""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Callable
from dataclasses import replace
from functools import partial
from typing import Any

import numpy as np
from xplique.attributions.base import WhiteBoxExplainer

from ..algorithms.front_end import FRONT_END, WithFrontEnd
from ..algorithms.gradients import Attribution, GradientProblem
from ..algorithms.sampling import scale_errors
from ..backends import Backend, ScoreFunction
from ..backends.registry import load_backend
from ..coefficients import Coefficients, WaveletTransform, flatten, map_bands
from ..explanation import WaveletExplanation
from . import models
from .checks import check_choice, check_front_end, check_integer, check_ndim, check_wavelet
from .drop_in import DropIn
from .inputs import Layout, front_end_shape, prepare

LINEAR = ("mean", "sum")
REDUCERS = (*LINEAR, "min", "max")
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
        Number of levels; by default `wam_xplique.coefficients.default_level` of the inputs: 3, one
        more with each doubling of their smallest size beyond 224, fewer where they are too small.
    mode
        Boundary mode among `pywt.Modes.modes`.
    include_approximation
        Whether the approximation takes part; its coefficients are zero if not, and it has no share.
    normalize
        None keeps the values of the method's equation; "band" divides each band of each input
        by its largest magnitude, as the figures of the WAM paper do.
    ndim
        Number of axes that are transformed: 1 for signals, 2 for images, 3 for volumes. By default
        the shape of the inputs tells; images (N, H, W) and volumes (N, D, H, W), which have no
        channels, need it.
    seed
        Seed of all random draws.
    front_end
        What stands between the inputs and the model, such as a spectrogram: any differentiable
        callable in the model's framework, which takes the inputs as they come. The explanation
        then tells of its output as well.
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
        level: int | None = None,
        mode: str = "periodization",
        include_approximation: bool = False,
        normalize: str | None = None,
        ndim: int | None = None,
        seed: int = 0,
        front_end: Callable[[Any], Any] | None = None,
        verbose: bool = False,
    ):
        check_integer("batch_size", batch_size, lowest=1, optional=True)
        check_integer("level", level, lowest=0, optional=True)
        check_integer("seed", seed, lowest=0)
        check_choice("reducer", reducer, REDUCERS)
        check_choice("normalize", normalize, NORMALIZATIONS)
        check_wavelet(wavelet, mode)
        check_front_end(front_end)
        check_ndim(ndim)
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
        self.ndim = ndim
        self.seed = seed
        self.front_end = front_end
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
        found = self._attribute(problem, layout)
        _check_finite(found.coefficients)
        finished = self._finish(found, layout)
        return WaveletExplanation(
            finished.coefficients,
            self.wavelet,
            self.mode,
            layout.shape_channels_last(tuple(problem.x.shape)),
            layout.ndim,
            front_end=None if self.front_end is None else found.coefficients[-1][FRONT_END],
            signed=self._signed,
            standard_error=finished.standard_error,
            scale_error=scale_errors(finished, layout.ndim),
            draws=finished.draws,
            convergence_delta=finished.convergence_delta,
            includes_approximation=self.include_approximation,
        )

    def _map(self, inputs: Any, targets: Any) -> np.ndarray:
        return self.explain_wavelet(inputs, targets).pixels()

    @abstractmethod
    def _attribute(self, problem: GradientProblem, layout: Layout) -> Attribution:
        """The method's equation: the importance of each coefficient."""

    @property
    def _signed(self) -> bool:
        """Whether the equation gives a sign."""
        return False

    @property
    def _normalized(self) -> bool:
        """Whether each band is to be divided by its maximum, in the end."""
        return self.normalize == "band"

    def _gradients(self) -> tuple[Backend, ScoreFunction]:
        module = models.torch_module(self.model, self._operator)
        if module is not None:
            gradients = models.torch_gradients(module, self._operator, self.front_end)
            return load_backend("torch"), gradients
        models.check_differentiable(self.model, self._operator)
        if self.front_end is None:
            gradients = models.tensorflow_gradients(self.model, self.gradient)
        else:
            gradients = models.tensorflow_front_end_gradients(
                self.model, self._operator, self.front_end
            )
        return load_backend("tensorflow"), gradients

    def _problem(self, inputs: Any, targets: Any) -> tuple[GradientProblem, Layout]:
        backend, gradients = self._gradients()
        x, y, layout = prepare(
            inputs, targets, self.model, self._operator, backend, self.front_end, self.ndim
        )
        transform = WaveletTransform.fitting(
            x.shape, self.wavelet, self.level, self.mode, layout.spatial_axes
        )
        over_channels = None
        if self.reducer in LINEAR and layout.channel_axis is not None and layout.ndim > 1:
            axis = layout.channel_axis - len(x.shape)
            over_channels = partial(backend.reduce, how=self.reducer, axes=(axis,), keepdims=True)
        problem = GradientProblem(
            backend,
            gradients,
            x,
            y,
            transform,
            self.batch_size,
            self.verbose,
            over_channels=over_channels,
        )
        if self.front_end is not None:
            shapes = tuple(x.shape[1:]), front_end_shape(self.front_end, x, backend)
            beside = WithFrontEnd(backend, transform, self.front_end, shapes, self.batch_size)
            problem = replace(problem, transform=beside)
        return problem, layout

    def _finish(self, found: Attribution, layout: Layout) -> Attribution:
        """An attribution as it is shown: channels last or brought to one, bands normalised."""
        if self.front_end is not None:
            error = found.standard_error
            found = replace(
                found,
                coefficients=found.coefficients[:-1],
                standard_error=None if error is None else error[:-1],
            )
        if layout.channel_axis is not None:
            found = found.each_band(layout.to_channels_last)
            if self.reducer is not None and layout.ndim > 1:
                found = _over_channels(found, self.reducer)
        if not self.include_approximation:
            found = found.scaled({"approximation": 0.0})
        if self._normalized:
            found = found.scaled(
                {name: _inverse_maximum(b) for name, b in flatten(found.coefficients).items()}
            )
        return found


def _over_channels(found: Attribution, reducer: str) -> Attribution:
    """The channels, the last axis, brought to one."""
    if reducer in LINEAR or found.coefficients[0].shape[-1] == 1:
        return found.each_band(lambda band: getattr(np, reducer)(band, axis=-1))
    pick = {"min": np.argmin, "max": np.argmax}[reducer]
    chosen = map_bands(lambda band: pick(band, axis=-1)[..., np.newaxis], found.coefficients)

    def taken(bands: Coefficients) -> Coefficients:
        return map_bands(lambda b, c: np.take_along_axis(b, c, -1)[..., 0], bands, chosen)

    error = found.standard_error
    return replace(
        found,
        coefficients=taken(found.coefficients),
        standard_error=None if error is None else taken(error),
        covariance=None,  # which is of all channels
    )


def _check_finite(coefficients: Coefficients) -> None:
    """
    Check that gradients are finite.

    Raises
    ------
    ValueError
        If they are NaN or infinite, as those of the logarithm of zero are.
    """
    finite = [
        np.isfinite(band).all(axis=tuple(range(1, band.ndim)))
        for band in flatten(coefficients).values()
    ]
    if not np.all(finite):
        bad = np.flatnonzero(~np.all(finite, axis=0)).tolist()
        raise ValueError(f"The model's gradients are NaN or infinite for the inputs {bad}.")


def _inverse_maximum(band: np.ndarray) -> np.ndarray:
    """What divides each input's band by its largest magnitude; 0 where all are 0."""
    largest = np.abs(band).max(axis=tuple(range(1, band.ndim)))
    return np.divide(1, largest, out=np.zeros_like(largest), where=largest > 0)
