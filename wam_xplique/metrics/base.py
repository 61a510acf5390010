"""The base of the metrics in the wavelet domain."""

from __future__ import annotations

import functools
from abc import abstractmethod
from collections.abc import Callable
from dataclasses import KW_ONLY, dataclass
from typing import Any, NamedTuple, cast

import numpy as np
import scipy.stats
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
from ..coefficients import Coefficients, WaveletTransform, map_bands
from ..explanation import WaveletExplanation
from ..inputs import CHANNELS, Inputs, Layout, Question, front_end_shape, gathered, prepare
from ..intervals import student
from ..model import IN_SINGLE, RESOLUTIONS, Model, Output, is_torch_tensor, own_copy
from .importance import (
    Wavelets,
    as_array,
    check_explanations,
    check_finite,
    coefficient_importance,
)

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
    inputs
        Inputs explained: array, tensor or `tf.data.Dataset`; images (N, H, W, C), signals (N, T)
        or (N, T, W), volumes (N, D, H, W, C); PyTorch tensors have channels first.
    targets
        One-hot classes, or what the operator takes, one for each input; None with a dataset.
    batch_size
        Most perturbed inputs at once; None for no limit. It is halved, and stays so, where the
        device has too little memory.
    wavelet, level, mode
        The transform; None takes that of the explanations, or haar, the explainers' default level
        and periodization for maps in the input's domain. `level=0` leaves the inputs as they are:
        the features are pixels, as in Xplique's metrics.
    include_approximation
        Whether the approximation is among the features; it keeps its value if not. None for
        whether the explanations give it any importance.
    front_end
        What stands between the inputs and the model, such as a spectrogram: any callable in the
        model's framework. The inputs are what it takes.
    domain
        What the features are: "wavelet", the coefficients of the inputs, or "front_end", the
        outputs of the front end, which the explanations must then tell of.
    ndim, channels, output, explained
        As for the explainers.
    seed
        Seed of the order of features of equal importance, and of what else is drawn.
    verbose
        Whether to show the progress.

    Notes
    -----
    Each metric takes these besides. `baseline_mode`: the value of what is removed, a number, or a
    function that is called with the inputs. `operator`: what is scored, the name of a task, a
    member of `xplique.Tasks`, or a callable ``g(model, inputs, targets)`` that gives a score per
    input; the score of the target class by default. `activation`: None, "sigmoid" or "softmax",
    what is applied to the model's outputs before the operator.

    The features of a `WaveletExplanation` are its coefficients, for all channels at once where
    these were reduced to one. They are ranked by magnitude.

    Maps in the input's domain, such as those of any explainer of Xplique, are brought to the size
    of each band by area averages, so that a map can be scored by the same metric: (N, H, W),
    (N, H, W, 1), or (N, H, W, C), whose channels are averaged as Xplique's metrics do; (N, T) or
    (N, T, W) for signals; PyTorch tensors with channels first. They are ranked by value, as
    Xplique's metrics do: hand in the magnitude of a signed map if that is meant.

    Features of equal importance come in a random order, the same for all inputs: an explanation
    that calls all alike has no part in the score. Only an approximation that a
    `WaveletExplanation` has not measured (is zero everywhere) is no equal of details without
    importance: it comes last of all.
    """

    # Where they come among the positional arguments, each metric tells.
    baseline_mode = cast("Any", 0.0)
    operator = activation = cast("Any", None)

    _is_signed = False  # whether signs of coefficients count, not their magnitudes alone

    model: Any
    inputs: Any
    targets: Any = None
    batch_size: int | None = 64
    _: KW_ONLY
    wavelet: Any = None
    level: int | None = None
    mode: str | None = None
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
        check_choice("domain", self.domain, DOMAINS)
        check_choice("channels", self.channels, CHANNELS)
        check_seed(self.seed)
        check_ndim(self.ndim)
        check_baseline(self.baseline_mode)
        if self.domain == "front_end" and self.front_end is None:
            raise ValueError("domain='front_end' needs a front_end, got None.")
        wavelet = None if self.wavelet is None else plain_wavelet(self.wavelet)
        self._wavelets = Wavelets(wavelet, self.level, self.mode)
        model = self._asked(self.front_end)
        self.inputs, self.targets = gathered(self.inputs, self.targets, model)
        self._inputs = self._prepare(model, self.inputs)
        self._baseline = self._baseline_of(self.inputs)
        self._made = True

    def evaluate(self, explanations: Any) -> float:
        """
        Evaluate the metric.

        Parameters
        ----------
        explanations
            A `WaveletExplanation` of the inputs, or maps of them or of the front end's output.

        Returns
        -------
        score
            Mean of the scores of the inputs; `FaithfulnessOnSpectra` takes their median.

        Raises
        ------
        ValueError, TypeError
            If the explanations are not finite, or do not fit the inputs; see the message.
        """
        return self._summary(self.evaluate_samples(explanations))

    def interval(self, explanations: Any, confidence: float = 0.95) -> ScoreInterval:
        """
        The metric, and how sure it is: an interval over inputs such as these.

        Parameters
        ----------
        explanations
            As for `evaluate`.
        confidence
            Probability that it holds what the metric is over all such inputs, between 0 and 1.

        Returns
        -------
        interval
            The named tuple (score, low, high). For a mean it is Student's, for a median that of
            the order statistics, for a share of the inputs Wilson's.

        Raises
        ------
        ValueError, TypeError
            As for `evaluate`; if there are too few inputs.
        """
        check_fraction("confidence", confidence, optional=False)
        scores = self.evaluate_samples(explanations)
        low, high = self._interval(scores, float(confidence))
        if not np.isfinite([low, high]).all():
            raise ValueError(
                f"{len(scores)} inputs are too few for an interval of confidence={confidence}."
            )
        return ScoreInterval(self._summary(scores), float(low), float(high))

    def _summary(self, scores: np.ndarray) -> float:
        return float(np.mean(scores))

    def _interval(self, scores: np.ndarray, confidence: float) -> tuple[float, float]:
        if len(scores) < 2:
            return np.nan, np.nan
        error = scipy.stats.sem(scores)
        low, high = student(np.mean(scores), error, len(scores) - 1, confidence)
        return low, high

    def detailed_evaluate(self, explanations: Any) -> Any:
        """`evaluate_samples`."""
        return self.evaluate_samples(explanations)

    def evaluate_samples(self, explanations: Any) -> np.ndarray:
        """
        The scores (N,) of the inputs, each by itself.

        Parameters
        ----------
        explanations
            As for `evaluate`.
        """
        return self._by_blocks(self._scores, self._removal_of(explanations))

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
        half = self._inputs.model.half
        if half is not None:
            warn(
                f"The model computes in {half}, where scores are rounded to one part in "
                f"{1 / RESOLUTIONS[half]:.0f}: what the metric tells apart may be less. {IN_SINGLE}"
            )
        inputs, layout = self._inputs, self._inputs.layout
        transform = self._wavelets.transform(explanations, layout, inputs.shape)
        transform.check(inputs.shape)
        check_explanations(explanations, transform, layout, inputs.shape_channels_last)
        is_wavelets = isinstance(explanations, WaveletExplanation)
        first = coefficient_importance(explanations[:1], transform, layout)
        has_approximation = len(first) == 1 or bool(
            np.any(explanations.coefficients[0] if is_wavelets else as_array(explanations))
        )
        included = self.include_approximation
        cells = self._cells(
            map_bands(lambda band: band.shape[1:], first),
            transform,
            has_approximation if included is None else bool(included),
        )
        of_inputs = map_bands(functools.partial(_native, layout=layout), cells)

        def problem_of(question: Question, progress: Progress) -> tuple[MaskingProblem, np.ndarray]:
            values = coefficient_importance(explanations[question.rows], transform, layout)
            sums = _cell_importance(cells, values)
            if is_wavelets and not self._is_signed:
                sums = np.abs(sums)
                if not has_approximation:
                    sums[:, cells[0][cells[0] != HELD]] = -np.inf  # not measured
            baseline, size = _baseline_rows(self._baseline, question.rows), BatchSize.of(self)
            asked = (question.backend, question.scores, question.x, question.y)
            return MaskingProblem(*asked, transform, of_inputs, size, progress, baseline), sums

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
        cells = self._cells_of_front_end(expected[1:])
        behind = self._asked(None)
        unchanged = WaveletTransform("haar", 0, "periodization", (1,))

        def problem_of(question: Question, progress: Progress) -> tuple[MaskingProblem, np.ndarray]:
            sums = _cell_importance(cells, [values[question.rows]])
            baseline = _baseline_rows(self._baseline_of_front_end, question.rows)
            scores, seen = question.asked(behind).scores, question.model.seen(question.x)
            asked = (question.backend, scores, seen, question.y)
            size = BatchSize.of(self)
            problem = MaskingProblem(*asked, unchanged, cells, size, progress, baseline)
            return problem, sums if self._is_signed or not is_wavelets else np.abs(sums)

        return FeatureRemoval(cells, problem_of)

    def _cells(self, shapes: Coefficients, transform: WaveletTransform, all_: bool) -> Coefficients:
        """The features, of importance of these shapes: all of it, or all but the approximation."""
        return single_cells(shapes, all_)

    def _cells_of_front_end(self, shape: tuple[int, ...]) -> Coefficients:
        return single_cells([shape], include_approximation=True)

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

    @functools.cached_property
    def _seen_shape(self) -> tuple[int, ...]:
        return front_end_shape(self._inputs.model, self._inputs[:1].x)

    def _baseline_of(self, inputs: Any) -> Inputs | float:
        if not callable(self.baseline_mode):
            return float(self.baseline_mode)
        given = inputs if self.explained is None else inputs[self.explained]
        baseline = _broadcast_baseline(given, self.baseline_mode(own_copy(given)))
        if self.explained is not None:
            several: Any = dict(inputs) if isinstance(inputs, dict) else list(inputs)
            several[self.explained] = baseline
            baseline = several if isinstance(inputs, dict) else tuple(several)
        return self._prepare(self._inputs.model, baseline)

    @functools.cached_property
    def _baseline_of_front_end(self) -> Tensor | float:
        if not callable(self.baseline_mode):
            return float(self.baseline_mode)
        inputs = self._inputs

        def part(rows: list[int]) -> Tensor:
            return inputs.model.seen(inputs[rows[0] : rows[-1] + 1].x)

        numbers, backend = iter(range(len(inputs))), inputs.backend
        seen = backend.concat([*in_batches(numbers, part, BatchSize.of(self), backend)], 0)
        return _broadcast_baseline(seen, self.baseline_mode(own_copy(seen)))


def _baseline_rows(baseline: Any, rows: slice) -> Tensor | float:
    """A number, or the baselines of some inputs."""
    if isinstance(baseline, float):
        return baseline
    return baseline[rows].x if isinstance(baseline, Inputs) else baseline[rows]


def check_baseline(baseline_mode: Any) -> None:
    """Check the baseline."""
    if not callable(baseline_mode) and not is_number(baseline_mode):
        raise ValueError(
            "baseline_mode must be a finite number or a function of the inputs, got "
            f"{baseline_mode!r}."
        )


def _broadcast_baseline(inputs: Any, baseline: Any) -> Any:
    """A baseline of the shape of the inputs, and of their kind."""
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


def _cell_importance(cells: Coefficients, values: Coefficients) -> np.ndarray:
    """The importance (N, K) of each cell, in all channels."""

    def of(number: int, cells: np.ndarray, band: np.ndarray) -> np.ndarray:
        return band[number] if band.ndim == 1 + cells.ndim else band[number].sum(axis=-1)

    return np.stack(
        [
            cell_sums(cells, map_bands(functools.partial(of, number), cells, values))
            for number in range(len(values[0]))
        ]
    )
