"""The picture of a cascading randomization."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
from matplotlib.axes import Axes

from ..algorithms.cascade import Randomization
from .drawing import as_written, new_axes


@as_written
def plot_randomization(
    randomization: Randomization | Mapping[str, Randomization], ax: Axes | None = None
) -> Axes:
    """
    Draw how the rank correlation falls as layers are randomized (WAM figure 8).

    Parameters
    ----------
    randomization
        What `cascading_randomization` found, or several by the name of their method, else a
        ValueError: one or more of the same layers. Bands are the intervals of the means.
    ax
        Axes to draw on, which are returned; new ones by default.
    """
    found = randomization if isinstance(randomization, Mapping) else {"": randomization}
    if not found or not all(isinstance(one, Randomization) for one in found.values()):
        must = "Expected what cascading_randomization gives, or a dict of it"
        raise ValueError(f"{must}, got {randomization!r}.")
    layers = {one.layers for one in found.values()}
    if len(layers) > 1:
        raise ValueError(f"All must have the same layers, got {sorted(layers)}.")
    (names,) = layers
    ax = new_axes(max(3.6, 0.4 * len(names)), 3) if ax is None else ax
    places = np.arange(len(names))
    for one in found.values():
        (line,) = ax.plot(places, one.mean, "o:", markersize=4)
        ax.fill_between(places, *one.interval.T, color=line.get_color(), alpha=0.2, linewidth=0)
    if isinstance(randomization, Mapping):
        ax.legend(ax.lines[-len(found) :], [*found], frameon=False, fontsize=8)
    ax.set_xticks(places, names, rotation=60, ha="right", fontsize=8)
    ax.set_xlabel("randomized down to")
    ax.set_ylabel("rank correlation")
    ax.axhline(0, color="0.8", linewidth=0.8, zorder=0)
    return ax
