"""The base of the metrics in the wavelet domain."""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Callable
from dataclasses import KW_ONLY, dataclass
from functools import cached_property, partial
from typing import Any, ClassVar, NamedTuple, cast

import numpy as np
from xplique.metrics.base import ExplanationMetric

from ..algorithms.batching import BatchSize, Progress, by_blocks, in_batches
from ..algorithms.cells import HELD, cell_sums, single_cells
from ..algorithms.masking import MaskingProblem
from ..backends import Tensor
from ..backends.wavelets import plain_wavelet
from ..checks import (
    Parameters,
    check_choice,
    check_fraction,
    check_integer,
    check_ndim,
    check_seed,
    check_wavelet,
    check_whole,
    is_number,
    warn,
)
from ..coefficients import Coefficients, Transform, WaveletTransform, map_bands
from ..explanation import WaveletExplanation
from ..inputs import CHANNELS, Inputs, Layout, Question, front_end_shape, gathered, prepare
from ..intervals import standard_error, student
from ..model import IN_SINGLE, RESOLUTIONS, Model, Output, is_torch_tensor, own_copy
from ..transforms import check_transform, fitting
from .importance import as_array, check_finite, checked, coefficient_importance

DOMAINS = ("wavelet", "front_end")


class ScoreInterval(NamedTuple):
    """A score over several inputs, and an interval for that of all such inputs."""

    score: float
    low: float
    high: float


class FeatureRemoval(NamedTuple):
    """The features, a cell map of one input, and what masks them and is their importance (N, K)."""

    cells: Coefficients
    problem_of: Callable[[Question, Progress], tuple[MaskingProblem, np.ndarray]]


@dataclass(eq=False, repr=False)
class WaveletMetric(Parameters, ExplanationMetric):
    """
    Base class of the metrics that remove or insert wavelet coefficients.

    Ref. Kasmi & al., One Wave To Explain Them All: A Unifying Perspective On Feature
    Attribution (2025), section 3.3 and appendix B.

    Parameters
    ----------
    model
        Keras model, `tf.Module`, Xplique's `TorchWrapper`, `torch.nn.Module`, TFLite interpreter,
        object with `predict_proba`, or any callable on arrays. PyTorch models run natively, on
        the device where they are.
    inputs, targets
        The inputs that are explained, and one target for each, as the explainers take them:
        images (N, H, W, C), signals (N, T) or (N, T, W), volumes (N, D, H, W, C), PyTorch tensors
        with channels first. Targets are None with a `tf.data.Dataset` of both.
    baseline_mode
        The value of what is removed: a number, or a function that is called with the inputs.
    activation
        None, "sigmoid" or "softmax": what is applied to the model's outputs before the operator.
    wavelet, level, mode
        The transform; None takes that of the explanations, or haar, the explainers' default level
        and periodization for maps in the input's domain. `level=0` leaves the inputs as they are:
        the features are pixels, as in Xplique's metrics.
    transform
        One of `wam_xplique.transforms` in place of the decimated one, for maps; that of a
        `WaveletExplanation` is taken from it.
    include_approximation
        Whether the approximation is among the features; it keeps its value if not. None for
        whether the explanations give it any importance.
    domain
        What the features are: "wavelet", the coefficients of the inputs, or "front_end", the
        outputs of the front end, which the explanations must then tell of.
    batch_size, operator, ndim, channels, output, explained, front_end, verbose
        As for the explainers; a front end need not be differentiable.
    seed
        Seed of the order of features of equal importance, and of what else is drawn.

    Notes
    -----
    The features of a `WaveletExplanation` are its coefficients, for all channels at once where
    these were reduced to one. They are ranked by magnitude.

    Maps in the input's domain, such as those of any explainer of Xplique, are brought to the size
    of each band by area averages: (N, H, W), (N, H, W, 1), or (N, H, W, C), whose channels are
    averaged as Xplique's metrics do; (N, T) or (N, T, W) for signals; PyTorch tensors with channels
    first. They are ranked by value, as Xplique's metrics do: hand in the magnitude of a signed map
    if that is meant.

    Features of equal importance come in a random order, the same for all inputs, so that an
    explanation that calls all alike has no part in the score. An approximation that a
    `WaveletExplanation` has not measured (is zero everywhere) comes last of all.
    """

    # Where they come among the positional arguments, each metric tells.
    baseline_mode = cast("Any", 0.0)
    operator = activation = cast("Any", None)

    _summary: ClassVar[Callable[..., Any]] = staticmethod(np.mean)
    _is_signed = False  # whether signs of coefficients count, not their magnitudes alone

    model: Any
    inputs: Any
    targets: Any = None
    batch_size: int | None = 64
    _: KW_ONLY
    wavelet: Any = None
    level: int | None = None
    mode: str | None = None
    transform: Transform | None = None
    include_approximation: bool | None = True
    front_end: Callable[[Any], Any] | None = None
    domain: str | None = "wavelet"
    ndim: int | None = None
    channels: str | None = None
    output: Output = None
    explained: str | int | None = None
    seed: int = 0
    verbose: bool = False

    def __post_init__(self) -> None:
        # Xplique's constructor would turn all into TensorFlow's tensors.
        check_integer("batch_size", self.batch_size, lowest=1, optional=True)
        check_integer("level", self.level, lowest=0, optional=True)
        wavelet = "haar" if self.wavelet is None else self.wavelet
        check_wavelet(wavelet, "periodization" if self.mode is None else self.mode)
        check_transform(self.transform, (self.wavelet, self.level, self.mode) != (None,) * 3)
        check_choice("domain", self.domain, DOMAINS)
        check_choice("channels", self.channels, CHANNELS)
        check_seed(self.seed)
        check_ndim(self.ndim)
        if not callable(self.baseline_mode) and not is_number(self.baseline_mode):
            raise ValueError(
                "baseline_mode must be a finite number or a function of the inputs, got "
                f"{self.baseline_mode!r}."
            )
        if self.domain == "front_end" and self.front_end is None:
            raise ValueError("domain='front_end' needs a front_end, got None.")
        model = self._asked(self.front_end)
        self.inputs, self.targets = gathered(self.inputs, self.targets, model)
        self._inputs = self._prepare(model, self.inputs)
        self._baseline = self._baseline_of(self.inputs)
        self._made = True

    def evaluate(self, explanations: Any) -> float:
        """
        The mean of the scores of the inputs; `FaithfulnessOnSpectra` takes their median.

        Parameters
        ----------
        explanations
            A `WaveletExplanation` of the inputs, or maps of them or of the front end's output.

        Raises
        ------
        ValueError, TypeError
            If the explanations are not finite, or do not fit the inputs; see the message.
        """
        return float(self._summary(self.evaluate_samples(explanations)))

    def interval(self, explanations: Any, confidence: float = 0.95) -> ScoreInterval:
        """
        The metric, and how sure it is: the named tuple (score, low, high).

        With a probability of `confidence`, between 0 and 1, the interval holds what the metric is
        over all inputs such as these: Student's for a mean, that of the order statistics for a
        median, Wilson's for a share of the inputs. Explanations and errors are as for `evaluate`;
        too few inputs are a ValueError.
        """
        check_fraction("confidence", confidence, optional=False)
        scores = self.evaluate_samples(explanations)
        low, high = self._interval(scores, float(confidence))
        if not np.isfinite([low, high]).all():
            raise ValueError(
                f"{len(scores)} inputs are too few for an interval of confidence={confidence}."
            )
        return ScoreInterval(float(self._summary(scores)), float(low), float(high))

    def detailed_evaluate(self, explanations: Any) -> Any:
        """`evaluate_samples`."""
        return self.evaluate_samples(explanations)

    def evaluate_samples(self, explanations: Any) -> np.ndarray:
        """The scores (N,) of the inputs, each by itself; of explanations as for `evaluate`."""
        return self._by_blocks(self._scores, self._removal_of(explanations))

    def _interval(self, scores: np.ndarray, confidence: float) -> tuple[float, float]:
        error, freedom = standard_error(scores), len(scores) - 1
        low, high = student(np.mean(scores), error, freedom, confidence)
        return low, high

    @abstractmethod
    def _scores(self, problem: MaskingProblem, importance: np.ndarray) -> np.ndarray:
        """The scores (N,) of the importance (N, K) of some inputs' features."""

    def _by_blocks(self, function: Callable[..., Any], removal: FeatureRemoval) -> Any:
        """What a function of the masking of features, and of their importance, makes of all."""
        progress = Progress("forward", self.verbose)

        def of_block(rows: slice) -> Any:
            return function(*removal.problem_of(self._inputs[rows], progress))

        backend, count = self._inputs.backend, len(self._inputs)
        return by_blocks(count, of_block, BatchSize.of(self), backend, progress)

    def _asked(self, front_end: Any) -> Model:
        """The model, as the metric asks it."""
        how: dict[str, Any] = {"output": self.output, "activation": self.activation}
        return Model(self.model, self._scored(), front_end=front_end, **how)

    def _scored(self) -> Any:
        """The operator that scores."""
        return self.operator

    def _prepare(self, model: Model, inputs: Any) -> Inputs:
        where: dict[str, Any] = {"channels": self.channels, "explained": self.explained}
        return prepare(model, inputs, self.targets, ndim=self.ndim, **where)

    def _removal_of(self, explanations: Any) -> FeatureRemoval:
        """The removal of the features that explanations tell of."""
        if self._is_of_front_end(explanations):
            return self._removal_of_front_end(explanations)
        inputs, layout, half = self._inputs, self._inputs.layout, self._inputs.model.half
        if half is not None:
            warn(
                f"The model computes in {half}, where scores are rounded to one part in "
                f"{1 / RESOLUTIONS[half]:.0f}: what the metric tells apart may be less. {IN_SINGLE}"
            )
        transform = self._transform(explanations)
        found, ndim = checked(explanations, layout, inputs.shape_channels_last), layout.ndim
        is_wavelets = isinstance(found, WaveletExplanation)
        first = coefficient_importance(found[:1], transform, ndim)
        coarsest = found.coefficients[0] if is_wavelets else found
        is_measured = len(first) == 1 or bool(np.any(coarsest))
        included = self.include_approximation
        all_ = is_measured if included is None else bool(included)
        cells = self._cells(map_bands(lambda band: band.shape[1:], first), all_, transform)
        of_inputs = map_bands(partial(_native, layout=layout), cells)

        def problem_of(question: Question, progress: Progress) -> tuple[MaskingProblem, np.ndarray]:
            values = coefficient_importance(found[question.rows], transform, ndim)
            importance = self._cell_importance(cells, values, is_wavelets)
            if is_wavelets and not self._is_signed and not is_measured:
                importance[:, cells[0][cells[0] != HELD]] = -np.inf
            fixed = isinstance(self._baseline, float)
            baseline = self._baseline if fixed else self._baseline[question.rows].x
            asked = (question.backend, question.scores, question.x, question.y, transform)
            how = (BatchSize.of(self), progress, baseline)
            return MaskingProblem(*asked, of_inputs, *how), importance

        return FeatureRemoval(of_inputs, problem_of)

    def _removal_of_front_end(self, explanations: Any) -> FeatureRemoval:
        is_wavelets = isinstance(explanations, WaveletExplanation)
        values = as_array(explanations.front_end if is_wavelets else explanations)
        expected = (len(self._inputs), *self._seen_shape)
        if values.shape != expected:
            raise ValueError(
                f"Explanations of the front end's output must have its shape, {expected}, got "
                f"{values.shape}."
            )
        check_finite([values])
        cells, behind = self._cells([expected[1:]], True), self._asked(None)
        unchanged = WaveletTransform("haar", 0, "periodization", (1,))

        def problem_of(question: Question, progress: Progress) -> tuple[MaskingProblem, np.ndarray]:
            importance = self._cell_importance(cells, [values[question.rows]], is_wavelets)
            baseline: Any = self._baseline_of_front_end
            baseline = baseline if isinstance(baseline, float) else baseline[question.rows]
            scores, seen = question.asked(behind).scores, question.model.seen(question.x)
            asked = (question.backend, scores, seen, question.y, unchanged)
            how = (BatchSize.of(self), progress, baseline)
            return MaskingProblem(*asked, cells, *how), importance

        return FeatureRemoval(cells, problem_of)

    def _transform(self, explanations: Any) -> Transform:
        """The transform of the inputs whose coefficients explanations rank."""
        wavelet = None if self.wavelet is None else plain_wavelet(self.wavelet)
        known: dict[str, Any] = {"wavelet": wavelet, "level": self.level, "mode": self.mode}
        given, inputs = self.transform, self._inputs
        if isinstance(explanations, WaveletExplanation):
            own = None if given is None else given.over(explanations.transform.axes)
            for name, wanted in {**known, "transform": own}.items():
                known[name] = theirs = getattr(explanations, name)
                if wanted not in (None, theirs):
                    raise ValueError(
                        f"The explanations have {name}={theirs!r}, but the metric was made with "
                        f"{name}={wanted!r}; leave it out, and it takes theirs."
                    )
            given = known.pop("transform")
        known["wavelet"] = known["wavelet"] or "haar"
        known["mode"] = known["mode"] or "periodization"
        return fitting(given, inputs.shape, inputs.layout.spatial_axes, **known)

    def _cells(
        self, shapes: Coefficients, all_: bool, transform: Transform | None = None
    ) -> Coefficients:
        """The features, of importance of these shapes: all of it, or all but the approximation.
        There is no transform of what a front end makes."""
        return single_cells(shapes, all_)

    def _cell_importance(
        self, cells: Coefficients, values: Coefficients, is_wavelets: bool
    ) -> np.ndarray:
        """The importance (N, K) of each cell, in all channels."""

        def of(number: int, cells: np.ndarray, band: np.ndarray) -> np.ndarray:
            return band[number] if band.ndim == 1 + cells.ndim else band[number].sum(axis=-1)

        inputs = range(len(values[0]))
        sums = [cell_sums(cells, map_bands(partial(of, n), cells, values)) for n in inputs]
        return np.abs(sums) if is_wavelets and not self._is_signed else np.stack(sums)

    def _is_of_front_end(self, explanations: Any) -> bool:
        is_wavelets = isinstance(explanations, WaveletExplanation)
        if self.domain == "front_end" and is_wavelets and explanations.front_end is None:
            raise ValueError(
                "domain='front_end' needs explanations of the front end's output, but theirs is "
                "None: give the explainer the front_end, too."
            )
        if self.domain is not None or self.front_end is None:
            return self.domain == "front_end"
        if is_wavelets:
            return explanations.front_end is not None
        return tuple(np.shape(explanations))[1:] == self._seen_shape

    @cached_property
    def _seen_shape(self) -> tuple[int, ...]:
        return front_end_shape(self._inputs.model, self._inputs[:1].x)

    def _baseline_of(self, inputs: Any) -> Any:
        """The baseline: a number, or the `Inputs` that a function makes of the inputs."""
        if not callable(self.baseline_mode):
            return float(self.baseline_mode)
        if self.explained is None:
            return self._prepare(self._inputs.model, self._made_of(inputs))
        several: Any = dict(inputs) if isinstance(inputs, dict) else list(inputs)
        several[self.explained] = self._made_of(inputs[self.explained])
        several = several if isinstance(inputs, dict) else tuple(several)
        return self._prepare(self._inputs.model, several)

    @cached_property
    def _baseline_of_front_end(self) -> Tensor | float:
        if not callable(self.baseline_mode):
            return float(self.baseline_mode)
        inputs, backend = self._inputs, self._inputs.backend

        def part(rows: list[int]) -> Tensor:
            return inputs.model.seen(inputs[rows[0] : rows[-1] + 1].x)

        parts = in_batches(iter(range(len(inputs))), part, BatchSize.of(self), backend)
        return self._made_of(backend.concat([*parts], 0))

    def _made_of(self, inputs: Any) -> Any:
        """What the baseline's function makes of inputs: of their shape and kind."""
        baseline = self.baseline_mode(own_copy(inputs))
        check_whole("baseline_mode", baseline)
        try:
            if is_torch_tensor(inputs):
                return baseline.expand(inputs.shape)
            if isinstance(inputs, np.ndarray):
                return np.broadcast_to(np.asarray(baseline, np.float32), inputs.shape)
            return inputs * 0 + baseline
        except (AttributeError, RuntimeError, TypeError, ValueError) as error:
            raise ValueError(
                f"baseline_mode must give a {type(inputs).__name__} of the shape of its inputs, "
                f"{tuple(inputs.shape)}, got a {type(baseline).__name__} of shape "
                f"{tuple(np.shape(baseline))}."
            ) from error


def _native(cells: np.ndarray, layout: Layout) -> np.ndarray:
    """A cell map with its channels where the inputs have theirs."""
    if cells.ndim == layout.ndim:
        return layout.with_channels(cells)
    return np.moveaxis(cells, -1, 0) if layout.channels_first else cells
