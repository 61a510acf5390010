"""Whether predictions that rest on few coefficients are more robust (WCAM, figure 22)."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import matplotlib.pyplot as plt
import numpy as np
import pandas as pd
import scipy.stats
from matplotlib.figure import Figure

from ..intervals import standard_error
from ..plots.drawing import as_written
from .corruption_robustness import Robustness
from .sufficient import DecisiveImages


@dataclass(frozen=True, eq=False)
class DepthRobustness:
    """
    Reconstruction depth beside robustness, for the inputs of one or more models.

    Parameters
    ----------
    depth
        By model, the shares (N,) of the coefficients that its sufficient images take; NaN where
        none suffice.
    robustness
        By model, the shares (N,) of the corrupted versions that are still recognised.
    """

    depth: dict[str, np.ndarray]
    robustness: dict[str, np.ndarray]

    def correlations(self) -> pd.DataFrame:
        """
        Spearman's correlation of depth and robustness, a row for each model.

        Columns inputs, correlation, and p-value, the probability of one as large without any
        relation; NaN where one of both does not vary.
        """
        rows = {name: _correlation(*self._pairs(name)) for name in self.depth}
        columns = ["inputs", "correlation", "p-value"]
        return pd.DataFrame.from_dict(rows, orient="index", columns=columns).rename_axis("model")

    @as_written
    def plot(self) -> Figure:
        """Robustness over depth: inputs as dots, means as squares with their standard errors."""
        figure, ax = plt.subplots(figsize=(4.6, 3.6), layout="constrained")
        told: dict[str, Any] = {}
        for number, (name, row) in enumerate(self.correlations().iterrows()):
            depth, robustness = self._pairs(str(name))
            look: dict[str, Any] = {"color": f"C{number}"}
            ax.scatter(depth, robustness, s=12, alpha=0.5, linewidths=0, **look)
            means = depth.mean(), robustness.mean()
            errors = standard_error(robustness), standard_error(depth)
            drawn = ax.errorbar(
                *means, *errors, fmt="s", markeredgecolor="black", capsize=2, **look
            )
            told[f"{name} (ρ = {row['correlation']:.2f})"] = drawn
        ax.set_xlabel("reconstruction depth (share of the coefficients)")
        ax.set_ylabel("robustness (share recognised)")
        ax.set_ylim(-0.05, 1.05)
        ax.legend(told.values(), [*told], fontsize=8)
        return figure

    def to_dataframe(self) -> pd.DataFrame:
        """A row for each model and input: its depth and its robustness."""
        return pd.concat(
            {
                name: pd.DataFrame({"depth": depth, "robustness": self.robustness[name]})
                for name, depth in self.depth.items()
            },
            names=["model", "input"],
        ).reset_index()

    def _pairs(self, name: str) -> tuple[np.ndarray, np.ndarray]:
        """Depth and robustness of the inputs that have a depth."""
        found = ~np.isnan(self.depth[name])
        return self.depth[name][found], self.robustness[name][found]


def depth_robustness(
    models: Mapping[str, tuple[DecisiveImages, Robustness]],
) -> DepthRobustness:
    """
    Relate the reconstruction depth of predictions to their robustness (WCAM, figure 22).

    Parameters
    ----------
    models
        For each model by its name, the sufficient images of some inputs, and the robustness of the
        same inputs.

    Raises
    ------
    ValueError
        If there is no model, images are not sufficient ones, or not as many as the inputs whose
        robustness is given.
    """
    if not models:
        raise ValueError("models must hold one or more models, got none.")
    for name, (sufficient, robustness) in models.items():
        if sufficient.kind != "sufficient":
            raise ValueError(
                f"models[{name!r}] must hold sufficient images, got {sufficient.kind}."
            )
        counts = len(sufficient.count), len(robustness.share)
        if counts[0] != counts[1]:
            raise ValueError(
                f"models[{name!r}] must hold as many sufficient images as robustness has inputs, "
                f"{counts[1]}; got {counts[0]}."
            )
    return DepthRobustness(
        {name: sufficient.share for name, (sufficient, _) in models.items()},
        {name: robustness.share for name, (_, robustness) in models.items()},
    )


def _correlation(depth: np.ndarray, robustness: np.ndarray) -> tuple[int, float, float]:
    if len(depth) < 3 or np.ptp(depth) == 0 or np.ptp(robustness) == 0:
        return len(depth), np.nan, np.nan
    found = scipy.stats.spearmanr(depth, robustness)
    return len(depth), float(found.statistic), float(found.pvalue)
