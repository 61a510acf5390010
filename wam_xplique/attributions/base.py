"""The base of the white-box explainers in the wavelet domain."""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Callable
from dataclasses import KW_ONLY, dataclass, replace
from functools import partial
from typing import Any

import numpy as np
from xplique.attributions.base import WhiteBoxExplainer

from ..algorithms.batching import BatchSize, Progress, by_blocks
from ..algorithms.front_end import FRONT_END, WithFrontEnd
from ..algorithms.gradients import Attribution, GradientProblem
from ..algorithms.sampling import scale_errors
from ..backends.wavelets import plain_wavelet
from ..checks import check_choice, check_integer, check_wavelet, warn
from ..coefficients import Coefficients, WaveletTransform, flatten, map_bands
from ..explanation import WaveletExplanation
from ..inputs import Layout, Question, front_end_shape
from .drop_in import DropIn

LINEAR = ("mean", "sum")
REDUCERS = (*LINEAR, "min", "max")
NORMALIZATIONS = ("band",)


@dataclass(eq=False, repr=False)
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
        Name of a discrete wavelet of PyWavelets, a `pywt.Wavelet`, or the four filters of one.
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
    channels
        "first" or "last": where the channels of the inputs are. By default told by the model where
        it can be, else first for PyTorch tensors and last otherwise.
    output
        Which output of a model with several: a key, an index, or a function that picks it;
        `logits` by itself.
    explained
        Which of several inputs, by key or index, is explained; the others are held.
    front_end
        What stands between the inputs and the model, such as a spectrogram: any differentiable
        callable in the model's framework, which takes the inputs as they come. The explanation
        then tells of its output as well.
    verbose
        Whether to show the progress.
    """

    model: Any
    output_layer: str | int | None = None
    batch_size: int | None = 32
    operator: Any = None
    reducer: str | None = "mean"
    _: KW_ONLY
    wavelet: Any = "haar"
    level: int | None = None
    mode: str = "periodization"
    include_approximation: bool = False
    normalize: str | None = None

    def __post_init__(self) -> None:
        check_integer("batch_size", self.batch_size, lowest=1, optional=True)
        check_integer("level", self.level, lowest=0, optional=True)
        check_choice("reducer", self.reducer, REDUCERS)
        check_choice("normalize", self.normalize, NORMALIZATIONS)
        check_wavelet(self.wavelet, self.mode)
        super().__post_init__()

    @property
    def _how(self) -> tuple[Any, ...]:
        return self.model, self.output_layer, self.operator, True

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
        return self._explain(inputs, targets, lambda found: found)

    def _map(self, inputs: Any, targets: Any) -> np.ndarray:
        return self._explain(inputs, targets, WaveletExplanation.pixels)

    def _explain(self, inputs: Any, targets: Any, told: Callable[[WaveletExplanation], Any]) -> Any:
        """What is told of the explanation of each input, for all."""
        found = self._prepare(inputs, targets)
        axes = found.layout.spatial_axes
        transform = WaveletTransform.fitting(found.shape, self.wavelet, self.level, self.mode, axes)
        if self.front_end is not None:
            front_end_shape(found.model, found[:1].x)
        size, progress = BatchSize.of(self), Progress("grad", self.verbose)

        def of_block(rows: slice) -> tuple[Any, ...]:
            explanation = self._explained(found[rows], transform, size, progress)
            return told(explanation), explanation.convergence_delta, self._underflown(explanation)

        answer, deltas, underflown = by_blocks(len(found), of_block, size, found.backend, progress)
        self._warn(deltas, underflown)
        return answer

    def _explained(
        self, question: Question, transform: Any, size: BatchSize, progress: Progress
    ) -> WaveletExplanation:
        """The explanation of a block of inputs."""
        backend, layout, x = question.backend, question.layout, question.x
        over_channels = None
        if self.reducer in LINEAR and layout.channel_axis is not None and layout.ndim > 1:
            axis = layout.channel_axis - len(x.shape)
            over_channels = partial(backend.reduce, how=self.reducer, axes=(axis,), keepdims=True)
        if self.front_end is not None:
            transform = WithFrontEnd(transform, question.model.seen)
        how = (transform, size, progress, question.scores, over_channels)
        problem = GradientProblem(backend, question.gradients, x, question.y, *how)
        found = self._attribute(problem, question)
        _check_finite(found.coefficients, question.rows.start)
        finished = self._finish(found, layout)
        return WaveletExplanation(
            finished.coefficients,
            plain_wavelet(self.wavelet),
            self.mode,
            layout.shape_channels_last(tuple(x.shape)),
            layout.ndim,
            front_end=None if self.front_end is None else found.coefficients[-1][FRONT_END],
            signed=self._signed,
            standard_error=finished.standard_error,
            scale_error=scale_errors(finished, layout.ndim),
            draws=finished.draws,
            convergence_delta=finished.convergence_delta,
            includes_approximation=self.include_approximation,
        )

    @abstractmethod
    def _attribute(self, problem: GradientProblem, question: Question) -> Attribution:
        """The method's equation: the importance of each coefficient."""

    @property
    def _signed(self) -> bool:
        """Whether the equation gives a sign."""
        return False

    @property
    def _normalized(self) -> bool:
        """Whether each band is to be divided by its maximum, in the end."""
        return self.normalize == "band"

    def _underflown(self, explanation: WaveletExplanation) -> np.ndarray:
        """In which inputs (N,) all is 0 in a precision that may be the reason."""
        if self._asked().half is None:
            return np.zeros(len(explanation), bool)
        return np.sum(list(explanation.magnitudes().values()), axis=0) == 0

    def _warn(self, deltas: np.ndarray | None, underflown: np.ndarray) -> None:
        """Warn of what is not to be trusted."""
        if underflown.any():
            warn(
                f"The gradients of inputs {np.flatnonzero(underflown).tolist()} are zero: too "
                "small, perhaps, for the half precision in which the model computes. Explain its "
                "logits, or the model in float32."
            )

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


def _check_finite(coefficients: Coefficients, start: int) -> None:
    """Check that the gradients of inputs, numbered from `start` on, are finite."""
    finite = [
        np.isfinite(band).all(axis=tuple(range(1, band.ndim)))
        for band in flatten(coefficients).values()
    ]
    if not np.all(finite):
        bad = (start + np.flatnonzero(~np.all(finite, axis=0))).tolist()
        raise ValueError(f"The model's gradients are NaN or infinite for the inputs {bad}.")


def _inverse_maximum(band: np.ndarray) -> np.ndarray:
    """What divides each input's band by its largest magnitude; 0 where all are 0."""
    largest = np.abs(band).max(axis=tuple(range(1, band.ndim)))
    return np.divide(1, largest, out=np.zeros_like(largest), where=largest > 0)
