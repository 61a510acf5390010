"""Pictures of the directions that matter in images, at each scale."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import matplotlib.pyplot as plt
import numpy as np
from matplotlib.axes import Axes

from ..explanation import WaveletExplanation
from . import drawing

DEGREES = "°"  # is how the names of directions end
MOST_ANGLES = 8  # that have room for their names around a rose


def plot_directions(
    explanation: WaveletExplanation, index: int = 0, axes: Sequence[Axes] | None = None
) -> Sequence[Axes]:
    """
    Draw a rose a level, from coarse to fine: which directions matter at which scale.

    An angle is that of the direction in which a band oscillates, across its edges, as it is seen in
    the image: 0° points to the right and answers to vertical edges, 45° to the lower right, 90°
    down, and answers to horizontal edges. A petal is the share of a direction in its level's
    importance, and is drawn to both sides, since edges know no sense. The dashed circle is where
    all petals would end if no direction mattered more than another.

    The share of each level in the explanation is written below it. Levels without directions, such
    as the residuals of `Steerable`, have no rose.

    Parameters
    ----------
    explanation, index
        Explanation of images by `Steerable`, or another transform whose bands are named by their
        angles ("30°"), and which of them.
    axes
        Polar axes, one a level that has directions, which are returned; new ones by default.

    Raises
    ------
    ValueError
        If it is no explanation of images by directions, or `axes` are not as above.

    Examples
    --------
    >>> from wam_xplique import WaveletExplanation
    >>> from wam_xplique.transforms import Steerable
    >>> steerable = Steerable(level=1, orientations=4, axes=(1, 2))
    >>> bands = steerable.forward(np.random.default_rng(0).random((1, 16, 16)))
    >>> how = ("Steerable", "periodization", (1, 16, 16, 1), 2)
    >>> (ax,) = plot_directions(WaveletExplanation(bands, *how, other=steerable.over(None)))
    >>> ax.get_title(), len(ax.patches)
    ('1.4-2.8 px', 8)
    """
    drawing.check_kind(explanation, "images", ("plot_scalogram", "", "plot_projections"))
    roses = _roses(explanation, index)
    if not roses:
        raise ValueError(
            "explanation must have bands named by angles, such as '30°', got one by "
            f"{explanation.transform}; transform=Steerable(orientations=6) has them."
        )
    if axes is None:
        polar: dict[str, Any] = {"squeeze": False, "subplot_kw": {"projection": "polar"}}
        size = (2.6 * len(roses), 3)
        axes = plt.subplots(1, len(roses), figsize=size, layout="constrained", **polar)[1][0]
    if len(axes) != len(roses) or any(ax.name != "polar" for ax in axes):
        kinds = [ax.name for ax in axes]
        raise ValueError(f"axes must be {len(roses)}, all of them polar, got {kinds}.")
    longest = max(max(petals.values()) for petals in roses.values())
    shares = dict(zip(explanation.scales, explanation[index].scale_importance()[0], strict=True))
    whole = "importance" if explanation.includes_approximation else "details' importance"
    for ax, (scale, petals) in zip(axes, roses.items(), strict=True):
        _draw_rose(ax, petals, longest)
        ax.set_title(scale, fontsize=9)
        ax.set_xlabel(f"{shares[scale]:.0%} of the {whole}", fontsize=8)
    return axes


def _roses(explanation: WaveletExplanation, index: int) -> dict[str, dict[float, float]]:
    """By scale and angle, the shares of directions in the importance of their level."""
    roses: dict[str, dict[float, float]] = {}
    for (scale, name), share in explanation[index].band_importance().items():
        if name.endswith(DEGREES):
            roses.setdefault(scale, {})[float(name[: -len(DEGREES)])] = float(share[0])
    for petals in roses.values():
        total = sum(petals.values()) or 1.0
        petals.update({angle: share / total for angle, share in petals.items()})
    return roses


def _draw_rose(ax: Any, petals: dict[float, float], longest: float) -> None:
    """Draw the share of each angle to both sides, and where all would be equal."""
    ax.set_theta_direction(-1)  # vertical axes of images point down
    angles = np.array([*petals])
    both = np.radians([*angles, *angles + 180])
    width = np.pi / len(angles)
    ax.bar(both, 2 * [*petals.values()], width=0.9 * width, color=drawing.BAR_COLOR, alpha=0.85)
    circle = np.linspace(0, 2 * np.pi, 181)
    ax.plot(circle, np.full(len(circle), 1 / len(angles)), "--", color="0.35", linewidth=0.8)
    ax.set_ylim(0, 1.05 * max(longest, 1 / len(angles)))
    ax.set_yticks([])
    named = angles[:: -(-len(angles) // MOST_ANGLES)]
    ax.set_xticks(np.radians(named), [f"{angle:g}{DEGREES}" for angle in named])
    ax.tick_params(labelsize=7, pad=-2)
    ax.grid(color="0.85", linewidth=0.5)
    ax.set_axisbelow(True)
    ax.spines["polar"].set_color("0.7")
