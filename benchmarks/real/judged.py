"""What the benchmarks of sounds and of series share: methods with controls, and their scores."""

from __future__ import annotations

import functools
from collections.abc import Callable, Mapping, Sequence
from typing import Any

import numpy as np
import pandas as pd

from wam_xplique import WaveletExplanation, metrics
from wam_xplique.coefficients import WaveletTransform

from .. import methods, timing
from ..compare.metrics import METRICS, Scoring
from ..compare.subjects import Subject
from ..compare.tables import column

CONTROLS = ("random", "magnitude", "coarse", "centre")
OF_PIXELS = ("Saliency", "GradientInput", "IntegratedGradients")
"""Xplique's methods that cost no more than ours."""


def makers(
    subject: Subject,
    transform: WaveletTransform,
    effort: methods.Effort,
    steps: int,
    wcam: Mapping[str, Any],
    with_xplique: bool = True,
) -> methods.Makers:
    """
    The explainers of signals, by the names that they have in the tables; the controls last.

    Parameters
    ----------
    subject
        What is explained.
    transform
        What it is explained in, the approximation included.
    effort
        How hard they try.
    steps
        Steps of paths.
    wcam
        Options of WCAM.
    with_xplique
        Whether some of Xplique's own, in samples, come first.
    """
    options = {"wavelet": transform.wavelet, "level": transform.level}
    made: dict[str, Callable[..., Any]] = methods.of_ours(
        subject.model, subject.shape, effort, include_approximation=True, **options
    )
    smooth = made.pop("WaveletSmoothGrad")
    made |= {
        f"WaveletSmoothGrad, {average}": functools.partial(smooth, average=average)
        for average in ("magnitude", "gradient")
    }
    for name, own in (("WaveletIntegratedGradients", {"steps": steps}), ("WCAM", wcam)):
        made[name] = functools.partial(made.pop(name), **own)
    theirs: dict[str, Callable[..., Any]] = {}
    if with_xplique:
        theirs = methods.of_xplique(subject.of_xplique(subject.model), 1, effort, subject.is_keras)
        theirs["IntegratedGradients"] = functools.partial(
            theirs["IntegratedGradients"], steps=steps
        )
    controls: methods.Makers = {
        f"control: {name}": functools.partial(methods.Blind, name, transform, effort.seed)
        for name in CONTROLS
    }
    return {name: theirs[name] for name in OF_PIXELS if theirs} | made | controls


def explain(make: Callable[[], Any], subject: Subject) -> Any:
    """A `WaveletExplanation`, or maps of the inputs."""
    explainer = make()
    with timing.quiet():
        if hasattr(explainer, "explain_wavelet"):
            return explainer.explain_wavelet(subject.inputs, subject.targets)
        return np.asarray(explainer(subject.inputs, subject.targets))


def score(
    subject: Subject,
    explanation: Any,
    transform: WaveletTransform,
    scoring: Scoring,
    chosen: Sequence[str],
) -> dict[str, np.ndarray]:
    """
    Score an explanation by our metrics, in wavelets and (`level=0`) in samples.

    Parameters
    ----------
    subject
        What was explained.
    explanation
        A `WaveletExplanation`, or maps.
    transform
        What maps are scored in; `WaveletExplanation` has its own.
    scoring
        How to score.
    chosen
        Names among `SCORED`.
    """
    is_wavelet = isinstance(explanation, WaveletExplanation)
    maps = explanation.pixels() if is_wavelet else explanation
    own = {} if is_wavelet else {"wavelet": transform.wavelet, "level": transform.level}
    given = {
        "model": subject.probabilities,
        "inputs": subject.inputs,
        "targets": subject.targets,
        "batch_size": scoring.batch_size,
    }
    found = {}
    for name in chosen:
        metric, extra = SCORED[name]
        options = {**given, **extra(scoring)}
        if name.startswith("Wavelet") or name == "MatchedFaithfulness":
            found[name] = metric(**options, **own).evaluate_samples(explanation)
        else:
            found[name] = metric(**options, level=0).evaluate_samples(maps)
    return found


def _curves(scoring: Scoring) -> dict[str, Any]:
    return {"steps": scoring.steps}


def _sets(scoring: Scoring) -> dict[str, Any]:
    return {"nb_samples": scoring.sets, "seed": scoring.seed}


def _seed(scoring: Scoring) -> dict[str, Any]:
    return {"seed": scoring.seed}


SCORED: dict[str, tuple[Any, Callable[[Scoring], dict[str, Any]]]] = {
    "MatchedFaithfulness": (metrics.MatchedFaithfulness, _seed),
    "WaveletFaithfulness": (metrics.WaveletFaithfulness, _curves),
    "WaveletInsertion": (metrics.WaveletInsertion, _curves),
    "WaveletDeletion": (metrics.WaveletDeletion, _curves),
    "WaveletMuFidelity": (metrics.WaveletMuFidelity, _sets),
    "Insertion": (metrics.WaveletInsertion, _curves),
    "Deletion": (metrics.WaveletDeletion, _curves),
    "MuFidelity": (metrics.WaveletMuFidelity, _sets),
}
"""The metrics, and their options. Those without "Wavelet" or "Matched" score maps in samples."""


def table(scores: Mapping[str, Mapping[str, np.ndarray]]) -> list[timing.Row]:
    """Rows of means and halves of their intervals, of scores by method and metric."""
    rows: list[timing.Row] = [{"method": method} for method in scores]
    for metric in dict.fromkeys(name for found in scores.values() for name in found):
        arrow = METRICS[metric].arrow if metric in METRICS else " ↑"
        cells = column_of(metric, [found[metric] for found in scores.values()])
        for row, cell in zip(rows, cells, strict=True):
            row[metric + arrow] = cell
    return rows


def column_of(metric: str, scores: Sequence[np.ndarray]) -> list[str | None]:
    """The cells of a metric; the matched one is read as faithfulness is."""
    known = metric if metric in METRICS else "WaveletFaithfulness"
    return column(known, [pd.Series(values) for values in scores])
