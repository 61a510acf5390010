"""What explanations are scored by: Xplique's metrics and ours, one score an input."""

from __future__ import annotations

import functools
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any, NamedTuple

import numpy as np
import xplique.metrics as theirs

from wam_xplique import WaveletExplanation
from wam_xplique import metrics as ours
from wam_xplique.algorithms.cells import count_cells
from wam_xplique.algorithms.masking import MaskingProblem
from wam_xplique.algorithms.removal import RandomSets, fidelity_to_sets, scores_without_sets
from wam_xplique.coefficients import flatten

from .subjects import Subject

Scores = dict[str, np.ndarray]
"""Scores (N,) by the name of a metric."""


@dataclass(frozen=True)
class Scoring:
    """
    How explanations are scored.

    Parameters
    ----------
    steps
        Steps of deletion and insertion.
    sets
        Random sets of features of the μ-fidelities.
    batch_size
        Most perturbed inputs at once.
    seed
        Seed of the sets.
    """

    steps: int = 10
    sets: int = 100
    batch_size: int = 64
    seed: int = 0


class Metric(NamedTuple):
    """
    How the scores of a metric are read.

    Parameters
    ----------
    sign
        1 where higher is better, -1 where lower is, 0 where neither is.
    is_median
        Whether the median over the inputs is told, rather than the mean.
    """

    sign: int
    is_median: bool = False

    @property
    def arrow(self) -> str:
        """Which way is better."""
        return {1: " ↑", -1: " ↓", 0: ""}[self.sign]


METRICS = {
    "WaveletInsertion": Metric(1),
    "WaveletDeletion": Metric(-1),
    "WaveletFaithfulness": Metric(1),
    "WaveletMuFidelity": Metric(1),
    "MatchedFaithfulness": Metric(1),
    "FaithfulnessOnSpectra": Metric(1, is_median=True),
    "InputFidelity": Metric(1),
    "Insertion": Metric(1),
    "Deletion": Metric(-1),
    "Faithfulness": Metric(1),
    "MuFidelity": Metric(1),
    "MatchedInPixels": Metric(1),
    "AverageDropMetric": Metric(-1),
    "AverageIncreaseMetric": Metric(1),
    "AverageGainMetric": Metric(1),
    "Sparseness": Metric(0),
    "Complexity": Metric(0),
}
"""
All metrics by the name of their class, ours first. `Faithfulness` is insertion less deletion of
pixels, `MatchedInPixels` the matched faithfulness of pixels.

Of Xplique's, `AverageStability`, `RandomLogitMetric` and `ModelRandomizationMetric` score an
explainer by many explanations more, and `MeGe` trains the model anew.
"""


def fitting(subject: Subject) -> list[str]:
    """The metrics that fit a subject."""
    pixels = [name for name in METRICS if not hasattr(ours, name)]
    if subject.front_end is not None:  # inputs and maps need not share a domain
        return [name for name in METRICS if name not in pixels]
    return [name for name in METRICS if name != "MuFidelity" or len(subject.shape) < 3]


def score(
    subject: Subject, explanation: Any, wanted: set[str], scoring: Scoring
) -> Iterator[tuple[str, np.ndarray | Exception]]:
    """
    Score an explanation by all metrics that are wanted.

    Parameters
    ----------
    subject
        What was explained.
    explanation
        A `WaveletExplanation`, or maps of what the model sees.
    wanted
        Names of metrics.
    scoring
        How to score.

    Yields
    ------
    name, scores
        A metric, and its scores (N,), or the exception that it ended with.
    """
    for group, names in GROUPS.items():
        if not wanted.intersection(names):
            continue
        try:
            found: dict[str, Any] = group(subject, explanation, scoring)
        except Exception as error:  # a metric that fails must not stop the others
            found = dict.fromkeys(names, error)
        yield from ((name, found[name]) for name in names if name in wanted)


def _options(subject: Subject, explanation: Any, scoring: Scoring) -> dict[str, Any]:
    """What all of our metrics take."""
    is_map = not isinstance(explanation, WaveletExplanation)
    return {
        "model": subject.probabilities,
        "inputs": subject.inputs,
        "targets": subject.targets,
        "batch_size": scoring.batch_size,
        "front_end": subject.front_end,
        "domain": "front_end" if is_map and subject.front_end else subject.domain,
    }


def _causal_wavelets(subject: Subject, explanation: Any, scoring: Scoring) -> Scores:
    options = {**_options(subject, explanation, scoring), "steps": scoring.steps}
    inserted = ours.WaveletInsertion(**options).evaluate_samples(explanation)
    deleted = ours.WaveletDeletion(**options).evaluate_samples(explanation)
    return {
        "WaveletInsertion": inserted,
        "WaveletDeletion": deleted,
        "WaveletFaithfulness": inserted - deleted,  # eq. 4
    }


class SharedSets(ours.WaveletMuFidelity):
    """μ-Fidelity of many explanations: without a set, an input has one score for all of them."""

    @functools.cached_property
    def known(self) -> dict[tuple[bytes, ...], np.ndarray]:
        """Scores without each set, by the cells that sets are of."""
        return {}

    def evaluate_samples(self, explanations: Any) -> np.ndarray:
        removal = self._removal_of(explanations)
        features = count_cells(removal.cells)
        sets = RandomSets(features, max(1, round(self.subset_percent * features)), self.seed)
        cells = tuple(band.tobytes() for band in flatten(removal.cells).values())

        def without(problem: MaskingProblem, _: np.ndarray) -> np.ndarray:
            return scores_without_sets(problem, sets, self.nb_samples)

        if cells not in self.known:
            self.known[cells] = self._by_blocks(without, removal)
        importance = self._by_blocks(lambda _, importance: importance, removal)
        return fidelity_to_sets(sets, self.known[cells], importance)


def _mu_fidelity_wavelets(subject: Subject, explanation: Any, scoring: Scoring) -> Scores:
    metric = _shared_sets(subject, explanation, scoring, None)
    return {"WaveletMuFidelity": metric.evaluate_samples(explanation)}


def _shared_sets(
    subject: Subject, explanation: Any, scoring: Scoring, level: int | None
) -> SharedSets:
    """The metric that a subject has for all explanations."""
    options = _options(subject, explanation, scoring)
    key = (scoring, level, options["domain"])
    if key not in subject.fidelities:
        options |= {"grid_size": _grid_size(subject), "level": level}
        subject.fidelities[key] = SharedSets(**options, nb_samples=scoring.sets, seed=scoring.seed)
    return subject.fidelities[key]


def _matched_wavelets(subject: Subject, explanation: Any, scoring: Scoring) -> Scores:
    metric = ours.MatchedFaithfulness(**_options(subject, explanation, scoring))
    return {"MatchedFaithfulness": metric.evaluate_samples(explanation)}


def _matched(subject: Subject, explanation: Any, scoring: Scoring) -> Scores:
    maps = _maps(explanation)
    metric = ours.MatchedFaithfulness(**_options(subject, maps, scoring), level=0)
    return {"MatchedInPixels": metric.evaluate_samples(maps)}


def _important_part(subject: Subject, explanation: Any, scoring: Scoring) -> Scores:
    options = _options(subject, explanation, scoring)
    return {
        name: getattr(ours, name)(**options).evaluate_samples(explanation)
        for name in ("FaithfulnessOnSpectra", "InputFidelity")
    }


def _causal(subject: Subject, explanation: Any, scoring: Scoring) -> Scores:
    """Xplique's scores, which ours has without a transform, for each input and all at once."""
    maps = _maps(explanation)
    options = {**_options(subject, maps, scoring), "steps": scoring.steps, "level": 0}
    inserted = ours.WaveletInsertion(**options).evaluate_samples(maps)
    deleted = ours.WaveletDeletion(**options).evaluate_samples(maps)
    return {"Insertion": inserted, "Deletion": deleted, "Faithfulness": inserted - deleted}


def _mu_fidelity(subject: Subject, explanation: Any, scoring: Scoring) -> Scores:
    """Xplique's score, too, with the same sets for all inputs."""
    maps = _maps(explanation)
    return {"MuFidelity": _shared_sets(subject, maps, scoring, 0).evaluate_samples(maps)}


def _grid_size(subject: Subject) -> int:
    """Xplique's default, or what fits."""
    return min(9, *subject.seen.shape[1 : subject.seen.ndim - 1])


def _average(subject: Subject, explanation: Any, scoring: Scoring) -> Scores:
    model, maps = subject.of_xplique(subject.probabilities), _maps(explanation)
    names = ("AverageDropMetric", "AverageIncreaseMetric", "AverageGainMetric")
    given = (subject.inputs, subject.targets)
    return {
        name: np.asarray(
            getattr(theirs, name)(model, *given, scoring.batch_size).detailed_evaluate(*given, maps)
        )
        for name in names
    }


def _shape_of_maps(subject: Subject, explanation: Any, scoring: Scoring) -> Scores:
    """How concentrated the maps are; the magnitude counts."""
    maps = _maps(explanation)
    return {
        name: np.asarray(getattr(theirs, name)().detailed_evaluate(maps))
        for name in ("Sparseness", "Complexity")
    }


def _maps(explanation: Any) -> np.ndarray:
    """An explanation in the inputs' own domain."""
    if isinstance(explanation, WaveletExplanation):
        return explanation.pixels()
    return np.asarray(explanation)


GROUPS: dict[Callable[[Subject, Any, Scoring], Scores], tuple[str, ...]] = {
    _causal_wavelets: ("WaveletInsertion", "WaveletDeletion", "WaveletFaithfulness"),
    _mu_fidelity_wavelets: ("WaveletMuFidelity",),
    _matched_wavelets: ("MatchedFaithfulness",),
    _important_part: ("FaithfulnessOnSpectra", "InputFidelity"),
    _causal: ("Insertion", "Deletion", "Faithfulness"),
    _mu_fidelity: ("MuFidelity",),
    _matched: ("MatchedInPixels",),
    _average: ("AverageDropMetric", "AverageIncreaseMetric", "AverageGainMetric"),
    _shape_of_maps: ("Sparseness", "Complexity"),
}
"""What scores by several metrics at once, and their names."""
