"""The base of the black-box explainers from Sobol indices."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import KW_ONLY, dataclass
from functools import partial
from typing import Any, cast

import numpy as np
from xplique.attributions.base import BlackBoxExplainer
from xplique.attributions.global_sensitivity_analysis import JansenEstimator
from xplique.attributions.global_sensitivity_analysis.replicated_designs import ReplicatedSampler
from xplique.attributions.global_sensitivity_analysis.sobol_estimators import SobolEstimator

from ..algorithms.batching import BatchSize, Progress, by_blocks
from ..algorithms.cells import count_cells
from ..algorithms.estimators import Estimate, Estimator, SobolProblem, estimate, jansen
from ..algorithms.masking import Masked, MaskingProblem, score_requests
from ..algorithms.refinement import check_budget
from ..checks import check_fraction, check_integer, check_seed, check_until, warn
from ..coefficients import Coefficients, map_bands
from ..indices import DOUBTFUL, SobolIndices
from ..inputs import Inputs, Question
from ..model import IN_SINGLE, RESOLUTIONS
from .drop_in import DropIn
from .samplers import Rows, ScrambledSobolSequenceRS, check_sampler


@dataclass(eq=False, repr=False)
class SobolExplainer(DropIn, BlackBoxExplainer):
    """
    Base class of the explainers from total Sobol indices of masked coefficients.

    Ref. Kasmi & al., Assessment of the Reliability of a Model's Decision by Generalizing
    Attribution to the Wavelet Domain (2023).

    Parameters
    ----------
    model
        Keras model, `tf.Module`, Xplique's `TorchWrapper`, `torch.nn.Module`, TFLite interpreter,
        object with `predict_proba`, or any callable on arrays. The transform runs in the model's
        framework, on its device.
    grid_size
        Cells along each axis.
    nb_design
        Rows of A (and of B): at least 2; a power of two for a Sobol sequence. An input takes
        nb_design · (cells + 2) forwards.
    sampler
        One of Xplique's replicated samplers, or of `wam_xplique.attributions.samplers`; a Sobol
        sequence scrambled by `seed` by default.
    estimator
        One of Xplique's Sobol estimators; Jansen's by default.
    until
        Doubles `nb_design`, with no forward made twice, until one of these is met:
        ``{"interval": half width}``, the widest interval of a total index; ``{"rank_correlation":
        r}``, Spearman's, of the total indices before and after a doubling; ``{"forwards": n}``, for
        each input. At most 4096 designs.
    confidence
        Confidence level of the bootstrap intervals, over designs; None for no intervals.
    seed
        Seed of the default sampler and of the bootstrap.

    The others are those of `DropIn`.
    """

    refine = cast("Any", None)

    model: Any
    grid_size: int = 28
    nb_design: int = 8
    sampler: ReplicatedSampler | None = None
    estimator: SobolEstimator | None = None
    batch_size: int | None = 256
    operator: Any = None
    _: KW_ONLY
    until: Mapping[str, float] | None = None
    confidence: float | None = 0.95

    def __post_init__(self) -> None:
        check_integer("grid_size", self.grid_size, lowest=1)
        check_integer("nb_design", self.nb_design, lowest=2)
        check_integer("batch_size", self.batch_size, lowest=1, optional=True)
        check_fraction("confidence", self.confidence)
        check_until(self.until, ("interval", "rank_correlation", "forwards"))
        if self.confidence is None and "interval" in (self.until or ()):
            raise ValueError("until={'interval': ...} needs intervals, but confidence is None.")
        check_seed(self.seed)
        if self.sampler is None or getattr(self.sampler, "of_explainer", False):
            self.sampler = ScrambledSobolSequenceRS(self.seed)
            self.sampler.of_explainer = True
        if self.estimator is None:
            self.estimator = JansenEstimator()
        check_sampler(self.sampler, self.nb_design)
        _as_function(self.estimator)
        self._rows: dict[int, Rows] = {}
        super().__post_init__()

    @property
    def _how(self) -> tuple[Any, ...]:
        return self.model, None, self.operator, False

    def _indices(
        self,
        inputs: Inputs,
        transform: Masked,
        cells: Coefficients,
        shares: np.ndarray,
        masked: Any,
    ) -> SobolIndices:
        """The Sobol indices of the cells (`masked`: as the transform has them), and of regions."""
        masked = map_bands(inputs.layout.with_channels, masked)
        count = count_cells(cells)
        rows = self._rows.setdefault(count, Rows(self.sampler, count))
        rows(self.nb_design)
        if self.until is not None:
            rows(2 * self.nb_design)  # what is no sequence is refused before the first forward
        design = (rows, self.nb_design, _as_function(self.estimator))
        how: Any = (self.until, self.confidence, self.seed, self.refine)
        problem = SobolProblem(masked, shares, *design, *how)
        if self.refine is not None and self.refine >= 1:
            check_budget(self.refine, problem.roots, self.nb_design)
        size, progress = BatchSize.of(self), Progress("forward", self.verbose)

        def of_block(block: slice) -> tuple[SobolIndices, np.ndarray]:
            question = inputs[block]
            asked = (question.backend, question.scores, question.x, question.y)
            masking = MaskingProblem(*asked, transform, masked, size, progress)
            requests = [partial(estimate, problem)] * len(question.x)
            estimates = score_requests(masking, rows, requests)
            found = _stack(estimates, cells, shares, self.confidence)
            return found, self._rounded(question, found)

        # As many inputs side by side as fill a batch with what they ask for first.
        together = BatchSize(-(-(self.batch_size or 1) // (2 * self.nb_design)))
        indices, rounded = by_blocks(len(inputs), of_block, together, inputs.backend, progress)
        _warn(indices, rounded, inputs.model.half)
        return indices

    def _rounded(self, question: Question, indices: SobolIndices) -> np.ndarray:
        """In which inputs (N,) the scores vary by less than the model's precision tells apart."""
        backend, half = question.backend, question.model.half
        if half is None:
            return np.zeros(len(question.x), bool)
        scores = BatchSize.of(self).apply(question.scores, backend, question.x, question.y)
        sizes = np.abs(backend.to_numpy(scores)).astype(np.float64)
        return np.sqrt(indices.variance) < 2 * RESOLUTIONS[half] * sizes


def _warn(indices: SobolIndices, rounded: np.ndarray, half: str | None) -> None:
    """Warn of indices that are not to be trusted."""
    constant, rounded = (np.flatnonzero(where) for where in (indices.variance == 0, rounded))
    if len(constant):
        warn(
            f"The scores of inputs {constant.tolist()} do not vary over the designs: their "
            "indices are 0. A saturated softmax does this (explain the logits), a constant "
            "beside which they leave float32 no digits, or a model that does not see what is "
            "perturbed."
        )
    error, enough = indices.error(), indices.enough_designs()
    if error is not None and enough is not None and (error > DOUBTFUL).any():
        doubtful = np.flatnonzero(error > DOUBTFUL)
        warn(
            f"The indices of inputs {doubtful.tolist()} are not to be trusted: with nb_design="
            f"{indices.nb_design[doubtful].min()}, the share of a region is known to ±"
            f"{error.max():.2f}, or the variance of the scores is too small by that part, as an "
            f"index above 1 tells. nb_design={enough[doubtful].max()} would bring this to "
            f"{DOUBTFUL}, if errors shrink as one over its root."
        )
    if len(rounded):
        warn(
            f"The scores of inputs {rounded.tolist()} vary over the designs by less than {half}, "
            f"in which the model computes, tells apart: their indices are those of its rounding. "
            f"{IN_SINGLE}"
        )


def _as_function(estimator: Any) -> Estimator:
    """One of Xplique's estimators, as a function of the scores of A, B and C."""
    if not isinstance(estimator, SobolEstimator):
        raise TypeError(
            "estimator must be a Sobol estimator, such as Xplique's JansenEstimator, got "
            f"{estimator!r}."
        )
    if type(estimator) is JansenEstimator:
        return jansen

    def function(a: np.ndarray, b: np.ndarray, c: np.ndarray) -> np.ndarray:
        masks = np.zeros((1, len(c)), np.float32)  # estimators look at the dimension alone
        scores = np.concatenate([a, b, c.ravel()])
        return np.asarray(estimator(masks, scores, len(a)), np.float64)

    return function


def _stack(
    estimates: list[Estimate], cells: Coefficients, shares: np.ndarray, confidence: float | None
) -> SobolIndices:
    fields: dict[str, Any] = {
        name: None if values[0] is None else np.stack(values)
        for name, values in zip(Estimate._fields, zip(*estimates, strict=True), strict=True)
    }
    return SobolIndices(**fields, cells=cells, shares=shares, confidence=confidence)
