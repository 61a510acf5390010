"""The base of the white-box explainers in the wavelet domain."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import KW_ONLY, dataclass, replace
from functools import partial
from typing import Any, ClassVar

import numpy as np
from xplique.attributions.base import WhiteBoxExplainer

from ..algorithms.batching import BatchSize, Progress, by_blocks
from ..algorithms.gradients import FRONT_END, Attribution, GradientProblem, WithFrontEnd
from ..algorithms.sampling import scale_errors
from ..checks import check_choice, check_integer, warn
from ..coefficients import Coefficients, flatten, map_bands
from ..explanation import WaveletExplanation
from ..inputs import Layout, Question, front_end_shape
from .drop_in import WaveletDropIn

LINEAR = ("mean", "sum")
REDUCERS = (*LINEAR, "min", "max")
FAR = 0.1
"""What a `convergence_delta` is not to be above."""


@dataclass(eq=False, repr=False)
class WaveletExplainer(WaveletDropIn, WhiteBoxExplainer):
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
    reducer
        How the channels of images and volumes are brought to one: "mean", "sum", "min", "max",
        or None to keep them.
    normalize
        None keeps the values of the method's equation; "band" divides each band of each input
        by its largest magnitude, as the figures of the WAM paper do.

    The others are those of `WaveletDropIn`.
    """

    model: Any
    output_layer: str | int | None = None
    batch_size: int | None = 32
    operator: Any = None
    reducer: str | None = "mean"
    _: KW_ONLY
    normalize: str | None = None

    _equation: ClassVar[Callable[..., Coefficients]]
    _signed = False  # whether it gives a sign
    _is_normalized = False  # whether it has divided the bands by their maxima already

    def __post_init__(self) -> None:
        check_integer("batch_size", self.batch_size, lowest=1, optional=True)
        check_choice("reducer", self.reducer, REDUCERS)
        check_choice("normalize", self.normalize, ("band",))
        super().__post_init__()

    @property
    def _how(self) -> tuple[Any, ...]:
        return self.model, self.output_layer, self.operator, True

    def _explain(self, inputs: Any, targets: Any, told: Callable[[WaveletExplanation], Any]) -> Any:
        found = self._prepare(inputs, targets)
        transform = self._transform(found)
        if self.front_end is not None:
            front_end_shape(found.model, found[:1].x)
        size, progress = BatchSize.of(self), Progress("grad", self.verbose)

        def of_block(rows: slice) -> tuple[Any, ...]:
            explanation = self._of_block(found[rows], transform, size, progress)
            return told(explanation), explanation.convergence_delta, self._underflown(explanation)

        answer, deltas, underflown = by_blocks(len(found), of_block, size, found.backend, progress)
        _warn(underflown, deltas)
        return answer

    def _of_block(
        self, question: Question, transform: Any, size: BatchSize, progress: Progress
    ) -> WaveletExplanation:
        """The explanation of a block of inputs."""
        backend, layout, x = question.backend, question.layout, question.x
        over_channels = None
        if self.reducer in LINEAR and layout.channel_axis is not None and layout.ndim > 1:
            axis = layout.channel_axis - len(x.shape)
            over_channels = partial(backend.reduce, how=self.reducer, axes=(axis,), keepdims=True)
        seen = transform
        if self.front_end is not None:
            seen = WithFrontEnd(transform, question.model.seen)
        how = (seen, size, progress, question.scores, over_channels)
        problem = GradientProblem(backend, question.gradients, x, question.y, *how)
        found = self._attribute(problem, question)
        _check_finite(found.coefficients, question.rows.start)
        finished = self._finish(found, layout)
        return self._explanation(
            finished.coefficients,
            transform,
            input_shape=layout.shape_channels_last(tuple(x.shape)),
            ndim=layout.ndim,
            front_end=None if self.front_end is None else found.coefficients[-1][FRONT_END],
            signed=self._signed,
            standard_error=finished.standard_error,
            scale_error=scale_errors(finished, layout.ndim),
            draws=finished.draws,
            convergence_delta=finished.convergence_delta,
        )

    def _attribute(self, problem: GradientProblem, question: Question) -> Attribution:
        """The importance of each coefficient, by the method's equation."""
        return Attribution(map_bands(problem.backend.to_numpy, self._equation(problem)))

    def _underflown(self, explanation: WaveletExplanation) -> np.ndarray:
        """In which inputs (N,) all is 0 in a precision that may be the reason."""
        if self._asked().half is None:
            return np.zeros(len(explanation), bool)
        return np.sum(list(explanation.magnitudes().values()), axis=0) == 0

    def _finish(self, found: Attribution, layout: Layout) -> Attribution:
        """An attribution as it is shown: channels last or brought to one, bands normalised."""
        if self.front_end is not None:
            found = found.changed(lambda bands: bands[:-1])
        if layout.channel_axis is not None:
            found = found.each_band(layout.to_channels_last)
            if self.reducer is not None and layout.ndim > 1:
                found = _over_channels(found, self.reducer)
        if not self.include_approximation:
            found = found.scaled({"approximation": 0.0})
        if self.normalize == "band" and not self._is_normalized:
            found = found.scaled(
                {name: _inverse_maximum(b) for name, b in flatten(found.coefficients).items()}
            )
        return found


def _warn(underflown: np.ndarray, deltas: np.ndarray | None) -> None:
    """Warn of what is not to be trusted."""
    if underflown.any():
        warn(
            f"The gradients of inputs {np.flatnonzero(underflown).tolist()} are zero: too small, "
            "perhaps, for the half precision in which the model computes. Explain its logits, or "
            "the model in float32."
        )
    if deltas is not None and (deltas > FAR).any():
        warn(
            f"The integrals of inputs {np.flatnonzero(deltas > FAR).tolist()} have not converged: "
            f"their sums are more than {FAR:.0%} off f(x) − f(x₀) (convergence_delta, at most "
            f"{deltas.max():.2g}). Take more steps, or until={{'delta': 0.02}}; where f(x) hardly "
            "differs from f(x₀), another baseline_value, or explain the logits."
        )


def _over_channels(found: Attribution, reducer: str) -> Attribution:
    """The channels, the last axis, brought to one."""
    if reducer in LINEAR or found.coefficients[0].shape[-1] == 1:
        return found.each_band(lambda band: getattr(np, reducer)(band, axis=-1))
    pick = {"min": np.argmin, "max": np.argmax}[reducer]
    chosen = map_bands(lambda band: pick(band, axis=-1)[..., np.newaxis], found.coefficients)

    def taken(bands: Coefficients) -> Coefficients:
        return map_bands(lambda b, c: np.take_along_axis(b, c, -1)[..., 0], bands, chosen)

    return replace(found.changed(taken), covariance=None)  # which is of all channels


def _check_finite(coefficients: Coefficients, start: int) -> None:
    """Check that the gradients of inputs, numbered from `start` on, are finite."""
    bands = flatten(coefficients).values()
    finite = np.all([np.isfinite(b).all(axis=tuple(range(1, b.ndim))) for b in bands], axis=0)
    if not finite.all():
        bad = (start + np.flatnonzero(~finite)).tolist()
        raise ValueError(f"The model's gradients are NaN or infinite for the inputs {bad}.")


def _inverse_maximum(band: np.ndarray) -> np.ndarray:
    """What divides each input's band by its largest magnitude; 0 where all are 0."""
    largest = np.abs(band).max(axis=tuple(range(1, band.ndim)))
    return np.divide(1, largest, out=np.zeros_like(largest), where=largest > 0)
