"""Which scales decide, and whether a closer look shows new ones: WCAM table 1."""

from __future__ import annotations

import functools
from dataclasses import replace
from typing import Any

import numpy as np

from wam_xplique import WCAM, WaveletIntegratedGradients, WaveletSmoothGrad
from wam_xplique.analysis import zoom_consistency, zoom_views
from wam_xplique.explanation import WaveletExplanation

from .. import timing
from ..compare.subjects import Subject
from ..methods import Blind
from .networks import preprocess
from .photographs import NETWORKS, TRANSFORM
from .scores import NOISE
from .settings import Run, Settings

PAPER = {
    "regular": ("0.837 (0.064)", "0.130 (0.053)", "0.028 (0.012)", "0.005 (0.002)", "-"),
    "zoomed": ("0.752 (0.137)", "0.190 (0.107)", "0.047 (0.030)", "0.010 (0.006)", "0.001 (0.001)"),
}
"""The shares of ResNet-50 in table 1 of the WCAM paper, approximation first."""


def section(run: Run) -> str:
    """The shares of the scales, by several methods, of every network."""
    parts = ["## The shares of the scales"]
    rows = [
        {"network": NETWORKS[network], "method": method, **_cells(np.array(shares))}
        for network in run.names
        for method, shares in _shares(run, network).items()
    ]
    return "\n\n".join([*parts, timing.table(rows)])


def zoom(run: Run) -> str:
    """The shares of the scales as they are and twice as close, beside the paper's."""
    network = run.names[0]
    levels = run.keep(f"zoom/{network}", functools.partial(_zoom, run, network))
    titles = {"regular": "Reg.", "zoomed": "×2"}
    rows = [
        {"level": level, "scale": found["scale"]}
        | {f"{titles[view]}, here": found[view] for view in titles}
        | {f"{titles[view]}, paper's ResNet-50": PAPER[view][level] for view in titles}
        for level, found in enumerate(levels)
    ]
    count = run.count(network)
    title = f"## A closer look ({NETWORKS[network]}, {count} photographs)"
    return f"{title}\n\n{timing.table(rows)}"


def _cells(shares: np.ndarray) -> dict[str, str]:
    """Means and standard deviations over the photographs of the shares (N, scales)."""
    names = ("> 8 px", "4-8 px", "2-4 px", "1-2 px")
    return dict(zip(names, _told(shares), strict=True))


def _told(shares: np.ndarray) -> list[str]:
    moments = zip(shares.mean(axis=0), shares.std(axis=0), strict=True)
    return ["left out" if np.isnan(mean) else f"{mean:.3f} ({sd:.3f})" for mean, sd in moments]


def _shares(run: Run, network: str) -> dict[str, list[list[float]]]:
    """Shares (N, scales) by the name of a method."""

    def of(method: str) -> list[list[float]]:
        subject = run.subject(network).part(slice(0, run.count(network)))
        explainer = _explainers(subject, run.settings)[method]
        explanation = explainer.explain_wavelet(subject.inputs, subject.targets)
        shares: list[list[float]] = explanation.scale_importance().tolist()
        return shares

    return {
        method: run.keep(f"scales/{network}/{method}", functools.partial(of, method))
        for method in ("WCAM", "WAM-IG", "WAM-SG", "control: magnitude")
    }


def _explainers(subject: Subject, settings: Settings) -> dict[str, Any]:
    options: dict[str, Any] = {
        "batch_size": settings.batch_size,
        "include_approximation": True,
    }
    noisy = {"nb_samples": settings.draws, "noise": NOISE, "seed": settings.seed}
    return {
        "WCAM": WCAM(subject.probabilities, **settings.wcam, verbose=True),
        "WAM-IG": WaveletIntegratedGradients(subject.model, steps=settings.steps, **options),
        "WAM-SG": WaveletSmoothGrad(subject.model, **noisy, **options),
        "control: magnitude": Blind("magnitude", TRANSFORM),
    }


def _zoom(run: Run, network: str) -> list[dict[str, str]]:
    """A line a level; the class is the one predicted for the regular view."""
    request, subject = run.request(network), run.subject(network)
    size = request.size
    views = zoom_views(
        request.photographs().paths[: run.count(network)], size, round(size * 256 / 224)
    )
    targets = _classes(subject, preprocess(views[0]))

    def explain(view: np.ndarray, level: int) -> WaveletExplanation:
        explainer = WCAM(subject.probabilities, level=level, **run.settings.wcam, verbose=True)
        return explainer.explain_wavelet(preprocess(view), targets)

    found = zoom_consistency(explain(views[0], 3), explain(views[1], 4))
    regular, zoomed = _told(found.regular), _told(found.zoomed)
    return [
        {"scale": scale, "regular": first, "zoomed": second}
        for scale, first, second in zip(found.scales, [*regular, "-"], zoomed, strict=True)
    ]


def _classes(subject: Subject, inputs: np.ndarray) -> np.ndarray:
    """The classes that a network predicts of other inputs, one-hot."""
    return replace(subject, inputs=inputs).targets
