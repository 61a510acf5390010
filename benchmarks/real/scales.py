"""Which scales decide, and whether a closer look shows new ones: WCAM table 1."""

from __future__ import annotations

import functools
from collections.abc import Sequence
from typing import Any

import numpy as np

from wam_xplique import WCAM, WaveletIntegratedGradients, WaveletSmoothGrad
from wam_xplique.analysis import zoom_views

from .. import timing
from ..compare.subjects import CROP, Subject
from ..methods import Blind
from .networks import SIZES, preprocess
from .photographs import NETWORKS, TRANSFORM
from .scores import NOISE
from .settings import Run, Settings

NETWORK = "lite0"
METHODS = ("WCAM", "WAM-IG", "WAM-SG", "control: magnitude")
LEVEL = 3
SCALES = ("> 8 px", "4-8 px", "2-4 px", "1-2 px")

PAPER = {
    "Reg.": ("0.837 (0.064)", "0.130 (0.053)", "0.028 (0.012)", "0.005 (0.002)", "-"),
    "×2": ("0.752 (0.137)", "0.190 (0.107)", "0.047 (0.030)", "0.010 (0.006)", "0.001 (0.001)"),
}
"""The shares of ResNet-50 in table 1 of the WCAM paper, approximation first."""


def section(run: Run) -> str:
    """The shares of the scales, by several methods, of every network."""
    rows = [
        {
            "network": f"{NETWORKS[network]} ({len(shares)})",
            "method": method,
            **_cells(np.array(shares)),
        }
        for network in run.names
        if network != "lite0-keras"  # as in PyTorch: see the agreement
        for method, shares in _shares(run, network).items()
    ]
    return f"### The shares of the scales\n\n{timing.table(rows)}"


def zoom(run: Run) -> str:
    """The shares of the scales as they are and twice as close, beside the paper's."""
    regular = np.array(_shares(run, NETWORK, ("WCAM",))["WCAM"])
    zoomed = np.array(run.keep("zoom", functools.partial(_zoomed, run)))
    views = {"Reg.": [*_told(regular), "-"], "×2": _told(zoomed)}
    rows = [
        {"level": level, "scale": scale}
        | {f"{view}, here": cells[level] for view, cells in views.items()}
        | {f"{view}, paper's ResNet-50": PAPER[view][level] for view in views}
        for level, scale in enumerate((*SCALES, "0.5-1 px"))
    ]
    title = f"### A closer look ({NETWORKS[NETWORK]}, {len(regular)} photographs)"
    return f"{title}\n\n{timing.table(rows)}"


def _cells(shares: np.ndarray) -> dict[str, str]:
    """Means and standard deviations over the photographs of the shares (N, scales)."""
    return dict(zip(SCALES, _told(shares), strict=True))


def _told(shares: np.ndarray) -> list[str]:
    moments = zip(shares.mean(axis=0), shares.std(axis=0), strict=True)
    return ["left out" if np.isnan(mean) else f"{mean:.3f} ({sd:.3f})" for mean, sd in moments]


def _shares(
    run: Run, network: str, methods: Sequence[str] = METHODS
) -> dict[str, list[list[float]]]:
    """Shares (N, scales) by the name of a method."""

    def of(method: str) -> list[list[float]]:
        subject = run.subject(network).part(slice(0, run.count(network)))
        explainer = _explainers(subject, run.settings)[method]
        explanation = explainer.explain_wavelet(subject.inputs, subject.targets)
        shares: list[list[float]] = explanation.scale_importance().tolist()
        return shares

    return {
        method: run.keep(f"scales/{network}/{method}", functools.partial(of, method))
        for method in methods
    }


def _explainers(subject: Subject, settings: Settings) -> dict[str, Any]:
    options: dict[str, Any] = {
        "batch_size": settings.batch_size,
        "include_approximation": True,
    }
    noisy: dict[str, Any] = {"nb_samples": settings.draws, "noise": NOISE, "seed": settings.seed}
    return {
        "WCAM": WCAM(subject.probabilities, **settings.wcam, verbose=True),
        "WAM-IG": WaveletIntegratedGradients(subject.model, steps=settings.steps, **options),
        "WAM-SG": WaveletSmoothGrad(subject.model, **noisy, **options),
        "control: magnitude": Blind("magnitude", TRANSFORM),
    }


def _zoomed(run: Run) -> list[list[float]]:
    """The shares of one level more, of views of which `load` shows the middle half as large."""
    subject, paths = run.subject(NETWORK), run.request(NETWORK).photographs().paths
    _, views = zoom_views(paths, SIZES[NETWORK], round(SIZES[NETWORK] / CROP))
    explainer = WCAM(subject.probabilities, level=LEVEL + 1, **run.settings.wcam, verbose=True)
    explanation = explainer.explain_wavelet(preprocess(views), subject.targets)
    shares: list[list[float]] = explanation.scale_importance().tolist()
    return shares
