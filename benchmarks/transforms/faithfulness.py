"""Are explanations by other transforms as true to the network?"""

from __future__ import annotations

from typing import Any

import numpy as np
from tqdm.auto import tqdm

import wam_xplique as wam
from wam_xplique.metrics import MatchedFaithfulness, WaveletFaithfulness

from .. import methods, timing
from ..compare.subjects import Subject
from ..real import judged, photographs
from .settings import IMAGES, Settings

METHODS = ("WaveletIntegratedGradients", "WaveletSquareGrad")
CONTROLS = ("magnitude", "random")


def measure(settings: Settings, report: timing.Report) -> None:
    """Explanations and controls by each transform, scored in it and in pixels."""
    subject = photographs.Photographs(
        "photographs", "lite0", settings.photographs, settings.seed
    ).load()
    scores: dict[tuple[str, str], dict[str, np.ndarray]] = {}
    for name, transform in IMAGES.items():
        explainers: dict[str, Any] = {
            method: getattr(wam, method)(
                subject.model, transform=transform, channels="last", **settings.options(method)
            )
            for method in METHODS
        }
        for control in CONTROLS:
            explainers[f"control: {control}"] = methods.Blind(control, transform, settings.seed)
        for method, explainer in tqdm(explainers.items(), desc=name):
            explanation = explainer.explain_wavelet(subject.inputs, subject.targets)
            scores[name, method] = _scores(subject, explanation, settings.batch_size)
    count, first = len(subject.inputs), next(iter(IMAGES))
    report.tables[f"{count} photographs, in the transform and in pixels"] = _table(scores)
    report.tables[f"What is gained beside {first}, photograph by photograph"] = _table(
        {
            (name, method): {k: v - scores[first, method][k] for k, v in found.items()}
            for (name, method), found in scores.items()
            if name != first and method in METHODS
        }
    )


def _table(scores: dict[tuple[str, str], dict[str, np.ndarray]]) -> list[timing.Row]:
    return judged.table({", ".join(who): found for who, found in scores.items()})


def _scores(subject: Subject, explanation: Any, batch_size: int) -> dict[str, np.ndarray]:
    """Insertion less deletion, and halves of like magnitude, of coefficients and of pixels."""
    asked: dict[str, Any] = {
        "inputs": subject.inputs,
        "targets": subject.targets,
        "channels": "last",
    }
    curves: dict[str, Any] = {"steps": 10, "batch_size": batch_size, **asked}
    halves: dict[str, Any] = {"batch_size": batch_size, **asked}
    model, maps = subject.probabilities, explanation.pixels()
    found = {
        "WaveletFaithfulness": (WaveletFaithfulness(model, **curves), explanation),
        "MatchedFaithfulness": (MatchedFaithfulness(model, **halves), explanation),
        "Faithfulness": (WaveletFaithfulness(model, level=0, **curves), maps),
        "MatchedInPixels": (MatchedFaithfulness(model, level=0, **halves), maps),
    }
    return {name: metric.evaluate_samples(of) for name, (metric, of) in found.items()}
