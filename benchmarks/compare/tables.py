"""Results as tables: means with their intervals, the best bold, the second underlined."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
import pandas as pd
import scipy.stats

from wam_xplique import metrics as ours
from wam_xplique.intervals import standard_error, student

from .. import timing
from .metrics import METRICS

CONFIDENCE = 0.95


def summary(results: pd.DataFrame) -> str:
    """
    All results as Markdown: a table a model, one row a method.

    Parameters
    ----------
    results
        Lines as `runner.collect` gives them.

    Returns
    -------
    markdown
        Means over the inputs and half of their 95% intervals (Student's); medians, and half the
        range between quartiles, of the metrics whose paper takes medians. Seconds are for one
        input, megabytes for a batch. What failed is listed below.
    """
    parts = []
    for model, of_model in results.groupby("model", sort=False):
        parts.append(f"## {model} ({of_model['sample'].nunique()} inputs)")
        metrics = [name for name in METRICS if name in set(of_model["metric"])]
        of_wavelets = [name for name in metrics if hasattr(ours, name)]
        of_pixels = [name for name in metrics if name not in of_wavelets]
        if of_wavelets:
            parts.append("In the wavelet domain:\n\n" + table(of_model, of_wavelets))
        if of_pixels:
            parts.append("In pixels:\n\n" + table(of_model, of_pixels))
    return "\n\n".join([*parts, *_failures(results)])


def table(of_model: pd.DataFrame, metrics: Sequence[str], costs: bool = True) -> str:
    """A row a method, a column a metric, and what the methods cost."""
    by_method = dict(list(of_model.groupby("method", sort=False)))
    rows: list[dict[str, Any]] = [{"method": method} for method in by_method]
    for metric in metrics:
        scores = [lines.loc[lines["metric"] == metric, "score"] for lines in by_method.values()]
        for row, cell in zip(rows, column(metric, scores), strict=True):
            row[metric + METRICS[metric].arrow] = cell
    for row, lines in zip(rows if costs else (), by_method.values(), strict=costs):
        row |= _costs(lines)
    return timing.table(rows)


def column(metric: str, scores: Sequence[pd.Series], interval: bool = True) -> list[str | None]:
    """
    The cells of a column.

    Parameters
    ----------
    metric
        Name of the metric.
    scores
        The scores of each row; a row with NaN among them failed.
    interval
        Whether to tell the interval.

    Returns
    -------
    cells
        Markdown; None for a row that failed or has no scores.
    """
    facts = METRICS[metric]
    centres = [_centre(values, facts.is_median) for values in scores]
    marks = _marks(centres, facts.sign)
    cells: list[str | None] = []
    for centre, mark, values in zip(centres, marks, scores, strict=True):
        if math.isnan(centre):
            cells.append(None)
            continue
        half = (
            f" ± {half_width(values, facts.is_median):.3f}" if interval and len(values) > 1 else ""
        )
        cells.append(mark(f"{centre:.3f}") + half)
    return cells


def paper_table(results: pd.DataFrame, metrics: Sequence[str], mean: bool = True) -> str:
    """
    A table as the papers have them: methods in rows, models in columns, and their mean.

    Parameters
    ----------
    results
        Lines as `runner.collect` gives them.
    metrics
        Names of metrics; a table each.
    mean
        Whether to add the mean over the models.
    """
    parts = []
    methods, models = (list(results[name].unique()) for name in ("method", "model"))
    for metric in metrics:
        chosen = results[results["metric"] == metric]
        cells = [
            column(metric, [chosen.loc[_is(chosen, m, method), "score"] for method in methods])
            for m in models
        ]
        if mean:
            models_mean = [chosen.loc[chosen["method"] == m].groupby("model") for m in methods]
            centres = [
                pd.Series([groups["score"].apply(_centre, METRICS[metric].is_median).mean()])
                for groups in models_mean
            ]
            cells.append(column(metric, centres))
        names = [*models, "Mean"] if mean else models
        rows = [
            {"method": method, **dict(zip(names, row, strict=True))}
            for method, row in zip(methods, zip(*cells, strict=True), strict=True)
        ]
        parts.append(f"## {metric}{METRICS[metric].arrow}\n\n{timing.table(rows)}")
    return "\n\n".join([*parts, *_failures(results)])


def _is(results: pd.DataFrame, model: str, method: str) -> pd.Series:
    return (results["model"] == model) & (results["method"] == method)


def _centre(values: pd.Series, is_median: bool) -> float:
    if not len(values) or values.isna().any():
        return math.nan
    return float(values.median() if is_median else values.mean())


def half_width(values: pd.Series, is_median: bool) -> float:
    """Half the width of the interval of a mean, or of the range between quartiles."""
    if is_median:
        return float(scipy.stats.iqr(values)) / 2
    error = standard_error(values.to_numpy())
    return float(student(0, error, len(values) - 1, CONFIDENCE)[1])


def _marks(centres: Sequence[float], sign: int) -> list[Callable[[str], str]]:
    """Bold for the best, underlined for the second, as they are printed; equals share a mark."""
    shown = sign * np.round(centres, 3)
    ranks = sorted(set(shown[~np.isnan(shown)].tolist()), reverse=True) if sign else []
    ranks = ranks if len(ranks) > 1 else []  # where all are equal, none is the best
    first, second = (ranks[i] if len(ranks) > i else None for i in (0, 1))
    return [
        "**{}**".format if value == first else "<u>{}</u>".format if value == second else str
        for value in shown.tolist()
    ]


def _costs(of_method: pd.DataFrame) -> dict[str, float | str | None]:
    costs = of_method[["seconds", "megabytes"]].dropna()
    if costs.empty:
        return {"s": None, "MB": None}
    return {"s": float(costs["seconds"].mean()), "MB": float(costs["megabytes"].max())}


def _failures(results: pd.DataFrame) -> list[str]:
    failed = results.dropna(subset="error").drop_duplicates(["model", "method", "error"])
    if failed.empty:
        return []
    lines = [
        f"- {row.model}, {row.method}, {row.metric}: {' '.join(str(row.error).split())}"
        for row in failed.itertuples()
    ]
    return ["What failed:\n\n" + "\n".join(lines)]
