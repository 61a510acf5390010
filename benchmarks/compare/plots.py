"""Results as pictures: the scores of each method, and what they cost."""

from __future__ import annotations

from pathlib import Path

import matplotlib.pyplot as plt
import numpy as np
import pandas as pd
from matplotlib.axes import Axes

from wam_xplique import attributions as ours
from wam_xplique.plots.drawing import as_written, save_figure

from .metrics import METRICS

OURS, THEIRS = "tab:orange", "tab:blue"


@as_written
def draw(results: pd.DataFrame, out: Path) -> list[Path]:
    """
    Draw the results of each model.

    Parameters
    ----------
    results
        Lines as `runner.collect` gives them.
    out
        Folder of the pictures.

    Returns
    -------
    paths
        Two pictures a model: the scores by each metric as boxes, and the best-known faithfulness
        against the time.
    """
    paths = []
    for model, of_model in results.dropna(subset="score").groupby("model", sort=False):
        name = "".join(c if c.isalnum() else "_" for c in str(model))
        for what, figure in (
            ("scores", _boxes(of_model)),
            ("cost", _cost(of_model)),
        ):
            figure.suptitle(str(model))
            paths.append(out / f"{name}_{what}.png")
            save_figure(figure, paths[-1], dpi=110)
    return paths


def _boxes(of_model: pd.DataFrame) -> plt.Figure:
    """A panel a metric, the methods in the order of the results."""
    metrics = [name for name in METRICS if METRICS[name].sign and name in set(of_model["metric"])]
    methods = list(of_model["method"].unique())
    columns = min(4, len(metrics))
    rows = -(-len(metrics) // columns)
    size = (3.2 * columns + 1.5, (0.6 + 0.2 * len(methods)) * rows + 0.5)
    figure, axes = plt.subplots(
        rows, columns, figsize=size, sharey=True, squeeze=False, layout="constrained"
    )
    for ax in axes.flat[len(metrics) :]:
        ax.remove()
    for ax, metric in zip(axes.flat, metrics, strict=False):
        _draw_boxes(ax, of_model[of_model["metric"] == metric], methods)
        ax.set_title(metric + METRICS[metric].arrow, fontsize=9)
    first = axes.flat[0]  # whose vertical axis is that of all
    first.set_yticks(np.arange(len(methods)) + 1, methods)
    first.invert_yaxis()
    return figure


def _draw_boxes(ax: Axes, scores: pd.DataFrame, methods: list[str]) -> None:
    values = [scores.loc[scores["method"] == method, "score"].to_numpy() for method in methods]
    boxes = ax.boxplot(
        values,
        orientation="horizontal",
        manage_ticks=False,
        patch_artist=True,
        showmeans=True,
        flierprops={"markersize": 2},
        meanprops={"markersize": 4, "markerfacecolor": "black", "markeredgecolor": "black"},
    )
    for patch, method in zip(boxes["boxes"], methods, strict=True):
        patch.set_facecolor(_colour(method))
    ax.tick_params(labelsize=8)
    ax.grid(axis="x", alpha=0.3)


def _cost(of_model: pd.DataFrame) -> plt.Figure:
    """Insertion less deletion, of pixels and of wavelets, against the seconds of an explanation."""
    pairs = {
        "wavelets: insertion − deletion ↑": ("WaveletInsertion", "WaveletDeletion"),
        "pixels: insertion − deletion ↑": ("Insertion", "Deletion"),
    }
    means = of_model.pivot_table("score", "method", "metric", sort=False)
    seconds = of_model.groupby("method", sort=False)["seconds"].mean()
    drawn = {label: pair for label, pair in pairs.items() if set(pair) <= set(means)}
    figure, axes = plt.subplots(
        1, max(1, len(drawn)), figsize=(6 * max(1, len(drawn)), 5), squeeze=False,
        layout="constrained",
    )  # fmt: skip
    for ax, (label, (inserted, deleted)) in zip(axes[0], drawn.items(), strict=False):
        faithfulness = means[inserted] - means[deleted]
        for index, (method, value) in enumerate(faithfulness.dropna().sort_values().items()):
            ax.scatter(seconds[method], value, color=_colour(str(method)))
            ax.annotate(
                str(method),
                (seconds[method], value),
                fontsize=7,
                xytext=(4, 2 if index % 2 else -7),
                textcoords="offset points",
            )
        ax.set(xscale="log", xlabel="seconds an input", ylabel=label)
        ax.margins(x=0.2)
        ax.grid(alpha=0.3)
    return figure


def _colour(method: str) -> str:
    return OURS if hasattr(ours, method) else THEIRS
