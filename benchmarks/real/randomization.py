"""Whether explanations change as a network loses what it has learnt: WAM figure 8."""

from __future__ import annotations

import functools
from collections.abc import Callable
from typing import Any

import numpy as np

from wam_xplique import WaveletIntegratedGradients, WaveletSaliency, WaveletSmoothGrad
from wam_xplique.algorithms.cascade import Randomization
from wam_xplique.metrics import cascading_randomization
from wam_xplique.plots import plot_randomization
from wam_xplique.plots.drawing import save_figure

from .. import timing
from ..methods import Blind
from .photographs import NETWORKS, TRANSFORM
from .scores import NOISE
from .settings import Run, Settings

NETWORK = "lite0"
BLOCKS = ("_blocks.14", "_blocks.12", "_blocks.8", "_blocks.4", "_blocks.0")
SHOWN = ("original", "_fc", "_conv_head", *BLOCKS, "_conv_stem")
"""The stages in the table; the figure has them all."""


def section(run: Run) -> str:
    """The rank correlation with the explanation of the network as it was, stage by stage."""
    found = {
        method: _randomization(
            run.keep(f"randomization/{method}", functools.partial(_measure, run, method))
        )
        for method in _explainers(run.settings)
    }
    figure: Any = plot_randomization(found).figure
    save_figure(figure, run.out / "randomization.png", dpi=110, bbox_inches="tight")
    rows = []
    for method, one in found.items():
        stages = dict(zip(one.layers, zip(one.mean, one.interval, strict=True), strict=True))
        cells = {
            layer: f"{mean:.2f} ± {high - mean:.2f}"
            for layer, (mean, (_, high)) in stages.items()
            if layer in SHOWN
        }
        rows.append({"method": method, **cells})
    count = len(next(iter(found.values())).correlations)
    title = f"### Cascading randomization ({NETWORKS[NETWORK]}, {count} photographs)"
    return f"{title}\n\n{timing.table(rows)}"


def _measure(run: Run, method: str) -> dict[str, Any]:
    few = slice(0, run.settings.few)
    subject = run.subject(NETWORK).part(few)
    found = cascading_randomization(
        subject.model,
        _explainers(run.settings)[method],
        subject.inputs,
        subject.targets,
        layers=_layers(subject.model),
        seed=run.settings.seed,
        verbose=True,
    )
    return {"layers": found.layers, "correlations": found.correlations.tolist()}


def _randomization(kept: dict[str, Any]) -> Randomization:
    return Randomization(tuple(kept["layers"]), np.array(kept["correlations"]))


def _layers(model: Any) -> list[str]:
    """All that has weights, from the top down, block by block."""
    blocks = [f"_blocks.{number}" for number in reversed(range(len(model._blocks)))]
    return ["_fc", "_bn1", "_conv_head", *blocks, "_bn0", "_conv_stem"]


def _explainers(settings: Settings) -> dict[str, Callable[[Any], Any]]:
    options: dict[str, Any] = {"batch_size": settings.batch_size, "include_approximation": True}
    noisy = {"nb_samples": settings.fewer_draws, "noise": NOISE, "seed": settings.seed, **options}
    steps = {"steps": settings.fewer_draws, **options}
    return {
        "WaveletSaliency": functools.partial(WaveletSaliency, **options),
        "WaveletSmoothGrad": functools.partial(WaveletSmoothGrad, **noisy),
        "WaveletIntegratedGradients": functools.partial(WaveletIntegratedGradients, **steps),
        "control: magnitude": lambda model: Blind("magnitude", TRANSFORM),
    }
