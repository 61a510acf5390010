"""Whether Keras and PyTorch explain the same network alike."""

from __future__ import annotations

import functools
from collections.abc import Callable
from typing import Any

import numpy as np

from wam_xplique import (
    WCAM,
    WaveletExplanation,
    WaveletGradientInput,
    WaveletIntegratedGradients,
    WaveletSaliency,
    WaveletSmoothGrad,
)
from wam_xplique.coefficients import as_rows, flatten

from .. import timing
from ..compare.subjects import Subject
from .scores import NOISE
from .settings import Run, Settings

PAIR = ("lite0", "lite0-keras")
MANY = 4
"""How many times the draws are taken where each framework draws its own noise."""


def section(run: Run) -> str:
    """Correlations of the coefficients of both, photograph by photograph: median and least."""
    rows = []
    for method in _methods(run.settings):
        found = np.array(run.keep(f"agreement/{method}", functools.partial(_compare, run, method)))
        median, least = np.median(found, axis=0), found.min(axis=0)
        cells = {
            f"{name}, {what}": f"{values[number]:.4f}"
            for number, name in enumerate(("Pearson", "rank"))
            for what, values in (("median", median), ("least", least))
        }
        rows.append({"method": method, **cells})
    return f"### Keras and PyTorch ({run.settings.few} photographs)\n\n{timing.table(rows)}"


def _compare(run: Run, method: str) -> list[list[float]]:
    """Pearson's and Spearman's correlation of each photograph's explanations."""
    explain = _methods(run.settings)[method]
    few = slice(0, run.settings.few)
    first, second = (explain(run.subject(name).part(few)) for name in PAIR)
    return [list(_correlations(*rows)) for rows in zip(first, second, strict=True)]


def _correlations(first: np.ndarray, second: np.ndarray) -> tuple[float, float]:
    import scipy.stats

    return float(np.corrcoef(first, second)[0, 1]), float(scipy.stats.spearmanr(first, second)[0])


def _methods(settings: Settings) -> dict[str, Callable[[Subject], np.ndarray]]:
    """What makes the coefficients (N, K) of a subject's explanation."""
    options: dict[str, Any] = {"batch_size": settings.batch_size, "include_approximation": True}
    noisy = {"noise": NOISE, "seed": settings.seed, **options}

    def by(cls: Any, **own: Any) -> Callable[[Subject], np.ndarray]:
        return lambda subject: _rows(cls(subject.model, **own), subject.inputs, subject.targets)

    return {
        "WaveletSaliency": by(WaveletSaliency, **options),
        "WaveletGradientInput": by(WaveletGradientInput, **options),
        "WAM-IG": by(WaveletIntegratedGradients, steps=settings.steps, **options),
        "WAM-SG, the same noisy inputs": functools.partial(_same_noise, settings, options),
        "WAM-SG, each with noise of its own": by(
            WaveletSmoothGrad, nb_samples=settings.draws, **noisy
        ),
        f"the same, {MANY} times as many samples": by(
            WaveletSmoothGrad, nb_samples=MANY * settings.draws, **noisy
        ),
        "WCAM": by(WCAM, **settings.wcam),
    }


def _rows(explainer: Any, inputs: np.ndarray, targets: np.ndarray) -> np.ndarray:
    explanation: WaveletExplanation = explainer.explain_wavelet(inputs, targets)
    return as_rows(flatten(explanation.coefficients))


def _same_noise(settings: Settings, options: dict[str, Any], subject: Subject) -> np.ndarray:
    """WAM-SG of noise that is drawn here: the mean of the magnitudes at the noisy inputs."""
    generator = np.random.default_rng(settings.seed)
    explainer = WaveletSaliency(subject.model, **options)
    shape = (settings.draws, *subject.inputs.shape[1:])
    noise = NOISE * generator.standard_normal(shape, np.float32)
    found = [_rows(explainer, subject.inputs + draw, subject.targets) for draw in noise]
    return np.mean(np.abs(found), axis=0)
