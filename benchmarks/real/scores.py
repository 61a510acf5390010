"""How faithful explanations are: WAM tables 1, 3 and 4, with more methods and with controls."""

from __future__ import annotations

import functools

import pandas as pd

from wam_xplique.archive import write_table

from .. import timing
from ..compare import metrics, runner, tables
from . import photographs
from .settings import Run

IN_WAVELETS = (
    "WaveletFaithfulness",
    "WaveletInsertion",
    "WaveletDeletion",
    "WaveletMuFidelity",
    "MatchedFaithfulness",
)
IN_PIXELS = ("Faithfulness", "Insertion", "Deletion", "MuFidelity", "MatchedInPixels")
NOISE = 0.2
"""Standard deviation of the noise, the default of Xplique's methods and of ours."""

PAPER = {
    "Saliency": (0.008, 0.148, 0.140, 0.180),
    "IntegratedGradients": (0.000, 0.113, 0.113, 0.219),
    "SmoothGrad": (0.010, 0.129, 0.119, 0.211),
    "GradCAM": (0.061, 0.364, 0.303, 0.149),
    "GradCAMPP": (0.050, 0.350, 0.300, 0.141),
    "WaveletSmoothGrad, band": (0.350, 0.447, 0.097, 0.213),
    "WaveletIntegratedGradients": (0.370, 0.419, 0.049, 0.165),
}
"""The paper's EfficientNet: faithfulness (table 1), insertion, deletion (4), μ-fidelity (3)."""


def section(run: Run) -> str:
    """The tables of all networks, and beside those of the paper."""
    results = pd.concat([score(run, network) for network in run.names], ignore_index=True)
    write_table(run.out / "scores.csv", results)
    parts = ["### Beside the WAM paper", _beside_the_paper(results)]
    for network, of_network in results.groupby("model", sort=False):
        count = of_network["sample"].nunique()
        parts.append(f"### {network} ({count} photographs)")
        for title, names in (("In wavelets", IN_WAVELETS), ("In pixels", IN_PIXELS)):
            parts += [f"{title}:", tables.table(of_network, names, costs=False)]
    return "\n\n".join(parts)


def score(run: Run, network: str) -> pd.DataFrame:
    """Explain and score; what is done is kept, part by part."""
    settings, request = run.settings, run.request(network)
    how = runner.Settings(
        samples=run.count(network),
        part=5,
        draws=settings.draws,
        noise=NOISE,
        scoring=metrics.Scoring(settings.curve, settings.sets),
        batch_size=settings.batch_size,
        seed=settings.seed,
        repeated=0,
    )
    make = functools.partial(photographs.makers, steps=settings.steps, wcam=settings.wcam)
    names = [*IN_WAVELETS, *IN_PIXELS]
    return runner.run([request], how, run.out / "scores" / network, None, names, make=make)


def _beside_the_paper(results: pd.DataFrame) -> str:
    """A row a method: the paper's EfficientNet, and the first network here."""
    first = results[results["model"] == results["model"].iloc[0]]
    means = first.pivot_table("score", "method", "metric", sort=False)
    rows = [
        {"method": method}
        | {
            f"{name}, {whose}": f"{value:.3f}"
            for name, paper in zip(IN_WAVELETS, numbers, strict=False)
            for whose, value in (("paper", paper), ("here", means.loc[method, name]))
        }
        for method, numbers in PAPER.items()
        if method in means.index
    ]
    return timing.table(rows)
