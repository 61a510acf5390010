"""The base of the black-box explainers from Sobol indices."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from functools import partial
from typing import Any

import numpy as np
from xplique.attributions.base import BlackBoxExplainer
from xplique.attributions.global_sensitivity_analysis import JansenEstimator
from xplique.attributions.global_sensitivity_analysis.replicated_designs import ReplicatedSampler
from xplique.attributions.global_sensitivity_analysis.sobol_estimators import SobolEstimator

from ..algorithms.cells import count_cells
from ..algorithms.masking import BatchSize, MaskingProblem, Transform, answer
from ..algorithms.refinement import check_budget
from ..algorithms.sobol import Estimate, Estimator, SobolProblem, estimate, jansen
from ..backends import Backend, ScoreFunction
from ..backends.registry import load_backend
from ..coefficients import Coefficients, map_bands
from ..indices import DOUBTFUL, SobolIndices
from . import models
from .checks import check_fraction, check_front_end, check_integer, check_ndim, check_until, warn
from .drop_in import DropIn
from .inputs import Layout, prepare
from .samplers import Rows, ScrambledSobolSequenceRS, check_sampler


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
    batch_size
        Most perturbed inputs at once; None for no limit. It is halved, and stays so, where the
        device has too little memory.
    operator
        What is explained: the name of a task, a member of `xplique.Tasks`, or a callable
        ``g(model, inputs, targets)`` that gives a score per input. The score of the target class
        by default.
    until
        Doubles `nb_design`, along the same sequence and with no forward made twice, until one of
        these is met: ``{"interval": half width}``, the widest interval of a total index;
        ``{"rank_correlation": r}``, Spearman's, of the total indices before and after a doubling;
        ``{"forwards": n}``, for each input. At most 4096 designs.
    confidence
        Confidence level of the bootstrap intervals, over designs; None for no intervals.
    ndim
        Number of axes that are transformed: 1 for signals, 2 for images, 3 for volumes. By default
        the shape of the inputs tells; images (N, H, W) and volumes (N, D, H, W), which have no
        channels, need it.
    seed
        Seed of the default sampler and of the bootstrap.
    front_end
        What stands between the inputs and the model, such as a spectrogram: any callable in the
        model's framework (on arrays, for a callable model). The inputs are what it takes.
    verbose
        Whether to show the progress.
    """

    def __init__(
        self,
        model: Any,
        grid_size: int = 28,
        nb_design: int = 8,
        sampler: ReplicatedSampler | None = None,
        estimator: SobolEstimator | None = None,
        batch_size: int | None = 256,
        operator: Any = None,
        *,
        until: Mapping[str, float] | None = None,
        confidence: float | None = 0.95,
        ndim: int | None = None,
        seed: int = 0,
        front_end: Callable[[Any], Any] | None = None,
        verbose: bool = False,
    ):
        check_front_end(front_end)
        check_ndim(ndim)
        check_integer("grid_size", grid_size, lowest=1)
        check_integer("nb_design", nb_design, lowest=2)
        check_integer("batch_size", batch_size, lowest=1, optional=True)
        check_integer("seed", seed, lowest=0)
        check_fraction("confidence", confidence)
        check_until(until, ("interval", "rank_correlation", "forwards"))
        if confidence is None and "interval" in (until or ()):
            raise ValueError("until={'interval': ...} needs intervals, but confidence is None.")
        sampler = ScrambledSobolSequenceRS(seed) if sampler is None else sampler
        check_sampler(sampler, nb_design)
        self._estimator = _as_function(JansenEstimator() if estimator is None else estimator)
        self._operator = models.check_operator(operator)
        given = None if operator is None else self._operator
        super().__init__(models.for_xplique(model), batch_size, given)
        self.model = model
        self.grid_size = grid_size
        self.nb_design = nb_design
        self.sampler = sampler
        self.estimator = estimator
        self.until = until
        self.confidence = confidence
        self.ndim = ndim
        self.seed = seed
        self.front_end = front_end
        self.verbose = verbose
        self._batch_size = BatchSize(batch_size)
        self._rows: dict[tuple[ReplicatedSampler, int], Rows] = {}
        self._backend, self._scores = self._model_scores()

    def _model_scores(self) -> tuple[Backend, ScoreFunction]:
        module = models.torch_module(self.model, self._operator)
        if module is not None:
            scores = models.torch_scores(module, self._operator, self.front_end)
            return load_backend("torch"), scores
        if models.is_tensorflow(self.model):
            scores = models.tensorflow_scores(self.model, self._operator, self.front_end)
            return load_backend("tensorflow"), scores
        scores = models.callable_scores(self.model, self._operator)
        return load_backend("numpy"), lambda x, y: scores(models.behind(self.front_end, x), y)

    def _prepare(self, inputs: Any, targets: Any) -> tuple[Any, Any, Layout]:
        return prepare(
            inputs,
            targets,
            self.model,
            self._operator,
            self._backend,
            self.front_end,
            self.ndim,
        )

    def _indices(
        self,
        x: Any,
        y: Any,
        layout: Layout,
        transform: Transform,
        cells: Coefficients,
        shares: np.ndarray,
        masked: Coefficients | None = None,
        refine: float | int | None = None,
    ) -> SobolIndices:
        """
        The Sobol indices of the cells, and the parts of them that lie in regions.

        The cell map of the explanation may differ from that of the transform, `masked`.
        """
        masked = cells if masked is None else masked
        key = (self.sampler, count_cells(cells))
        rows = self._rows.setdefault(key, Rows(*key))
        rows(self.nb_design)
        if self.until is not None:
            rows(2 * self.nb_design)  # what is no sequence is refused before the first forward
        if self.batch_size != self._batch_size.asked:
            self._batch_size = BatchSize(self.batch_size)
        masking = MaskingProblem(
            self._backend,
            self._scores,
            x,
            y,
            transform,
            map_bands(layout.with_channels, masked),
            self._batch_size,
            self.verbose,
        )
        problem = SobolProblem(
            masking.cells,
            shares,
            rows,
            self.nb_design,
            self._estimator,
            self.until,
            self.confidence,
            self.seed,
            refine,
        )
        if refine is not None and refine >= 1:
            check_budget(refine, problem.roots, self.nb_design)
        together = -(-(self.batch_size or 1) // (2 * self.nb_design))
        estimates = answer(masking, rows, [partial(estimate, problem)] * len(x), together)
        indices = _stack(estimates, cells, shares, self.confidence)
        constant = np.flatnonzero(indices.variance == 0)
        if len(constant):
            warn(
                f"The scores of inputs {constant.tolist()} do not vary over the designs: their "
                "indices are 0. A saturated softmax does this (explain the logits), or a model "
                "that does not see what is perturbed."
            )
        _warn_of_doubt(indices)
        return indices


def _warn_of_doubt(indices: SobolIndices) -> None:
    error, enough = indices.error(), indices.enough_designs()
    if error is None or enough is None or not (error > DOUBTFUL).any():
        return
    doubtful = np.flatnonzero(error > DOUBTFUL)
    warn(
        f"The indices of inputs {doubtful.tolist()} are not to be trusted: with nb_design="
        f"{indices.nb_design[doubtful].min()}, the share of a region is known to ±"
        f"{error.max():.2f}, or the variance of the scores is too small by that part, as an index "
        f"above 1 tells. nb_design={enough[doubtful].max()} would bring this to {DOUBTFUL}, if "
        "errors shrink as one over its root."
    )


def _as_function(estimator: Any) -> Estimator:
    """
    One of Xplique's estimators, as a function of the scores of A, B and C.

    Raises
    ------
    TypeError
        If it is no Sobol estimator.
    """
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
