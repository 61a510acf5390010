"""Pictures of shares by scale: bars, stacked or beside each other, and how sure they are."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

import numpy as np
from matplotlib import colormaps, patheffects
from matplotlib import pyplot as plt
from matplotlib.axes import Axes
from matplotlib.container import BarContainer
from matplotlib.figure import Figure
from matplotlib.ticker import PercentFormatter

from ..plots.drawing import BAR_COLOR, COLORMAP, WHISKER_COLOR, as_written

# What the bands of images answer to; those of volumes are told by their keys.
EDGES = {"da": "horizontal edges", "ad": "vertical edges", "dd": "diagonals"}
EDGES |= dict.fromkeys(("a", "aa", "aaa"), "approximation")
HATCHES = ("", "///", "...", "\\\\\\", "xxx", "---", "|||")
APPROXIMATION_COLOR = "0.75"
WIDTH = 0.72

Profile = Any  # a `ScaleProfile`, which draws itself by this module


@as_written
def draw_profile(profile: Profile) -> Figure:
    """Draw the scales of a profile as bars, stacked by orientation where there are several."""
    drawn = _drawn([profile])
    scales = profile.scales[drawn]
    details = list(dict.fromkeys(key for _, key in profile.bands if "d" in key))
    looks = {key: _look(number, len(details)) for number, key in enumerate(details)}
    figure, ax = new_bars(len(scales), 0.9)
    floor, bars = np.zeros(len(scales)), {}
    for (scale, key), share in zip(profile.bands, profile.band_mean, strict=True):
        if scale in scales:
            place, look = scales.index(scale), looks.get(key, {"color": APPROXIMATION_COLOR})
            bars[key] = ax.bar(place, share, WIDTH, floor[place], **look)
            floor[place] += share
    ax.set_xticks(range(len(scales)), scales)
    ax.errorbar(range(len(scales)), profile.mean[drawn], _ends(profile, drawn), **_WHISKERS)
    if len(bars) > 1:
        title = "details (d) along D, H, W" if len(next(iter(bars))) == 3 else None
        names = [EDGES.get(key, key) for key in bars]
        ax.legend(bars.values(), names, title=title, reverse=True, **_LEGEND)
    _finish(ax)
    told = f"{profile.count} input{'s' * (profile.count > 1)}, {profile.confidence:.0%} interval"
    ax.set_title(f"{profile.name}\n{told}" if profile.name else told, fontsize=9)
    return figure


@as_written
def draw_comparison(profiles: Mapping[str, Profile]) -> Figure:
    """Draw the scales of several profiles as groups of bars."""
    drawn = _drawn(profiles.values())
    scales = next(iter(profiles.values())).scales[drawn]
    figure, ax = new_bars(len(scales), max(0.9, 0.3 * len(profiles) + 0.3))
    looks = [_look(number, len(profiles)) for number in range(len(profiles))]
    shown = [(p.mean[drawn], _ends(p, drawn)) for p in profiles.values()]
    bars = draw_groups(ax, scales, [(*s, look) for s, look in zip(shown, looks, strict=True)])
    ax.legend(bars, [*profiles], **_LEGEND)  # by itself, a legend leaves out what begins with "_"
    return figure


def new_bars(scales: int, width: float) -> tuple[Figure, Axes]:
    """A figure for bars of so many scales."""
    return plt.subplots(figsize=(2 + width * scales, 3.2), layout="constrained")


def draw_groups(
    ax: Axes, scales: Sequence[str], groups: Sequence[tuple[Any, Any, dict[str, Any]]]
) -> list[BarContainer]:
    """Draw bars beside each other at each scale: of each group heights, whiskers and look."""
    places, width, bars = np.arange(len(scales)), 0.84 / len(groups), []
    for number, (heights, ends, look) in enumerate(groups):
        shifted = places + (number - (len(groups) - 1) / 2) * width
        bars.append(ax.bar(shifted, heights, width, **look))
        ax.errorbar(shifted, heights, ends, **_WHISKERS)
    ax.set_xticks(places, scales)
    _finish(ax)
    return bars


_LEGEND: dict[str, Any] = {
    "frameon": False,
    "fontsize": 8,
    "title_fontsize": 8,
    "loc": "upper left",
    "bbox_to_anchor": (1, 1),
}
# To be seen on dark bars, too.
_WHISKERS: dict[str, Any] = {
    "fmt": "none",
    "ecolor": WHISKER_COLOR,
    "elinewidth": 1.2,
    "capsize": 3,
    "zorder": 3,
    "path_effects": [patheffects.withStroke(linewidth=3, foreground="white")],
}


def _drawn(profiles: Iterable[Profile]) -> slice:
    """The levels that are drawn: all but an approximation of which no profile has a share."""
    approximation, *details = np.stack([profile.mean for profile in profiles]).T
    return slice(int(bool(details) and not np.nansum(approximation)), None)


def _look(number: int, count: int) -> dict[str, Any]:
    """The colour and the hatch of one of several sorts of bars."""
    if count == 1:
        return {"color": BAR_COLOR}
    color = colormaps[COLORMAP](0.2 + 0.62 * number / (count - 1))
    return {"color": color, "hatch": HATCHES[number % len(HATCHES)], "edgecolor": "white"}


def _ends(profile: Profile, drawn: slice) -> np.ndarray | None:
    """How far the intervals reach below and above the means; None where one input tells none."""
    mean, (low, high) = profile.mean[drawn], profile.interval[drawn].T
    return np.maximum([mean - low, high - mean], 0) if profile.count > 1 else None


def _finish(ax: Axes) -> None:
    ax.set_ylim(0, max(min(ax.get_ylim()[1], 1.02), 1e-3))
    ax.yaxis.set_major_formatter(PercentFormatter(1, decimals=0))
    ax.set_ylabel("share of the importance", fontsize=8)
    ax.set_xlabel("scale, from coarse to fine", fontsize=8)
    ax.tick_params(labelsize=8)
    ax.tick_params(axis="x", length=0)
    ax.spines[["top", "right"]].set_visible(False)
