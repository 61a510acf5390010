"""Pictures of scale profiles: bars for each scale, with the intervals of the means."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

import numpy as np
from matplotlib import colormaps, patheffects
from matplotlib import pyplot as plt
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import PercentFormatter

from ..plots.drawing import BAR_COLOR, COLORMAP, WHISKER_COLOR, as_written

# What the bands of images answer to; those of volumes are told by their keys.
EDGES = {"da": "horizontal edges", "ad": "vertical edges", "dd": "diagonals"}
HATCHES = ("", "///", "...", "\\\\\\", "xxx", "---", "|||")
APPROXIMATION_COLOR = "0.75"
WIDTH = 0.72


Profile = Any  # a `ScaleProfile`, which draws itself by this module


@as_written
def draw_profile(profile: Profile) -> Figure:
    """Draw the scales of a profile as bars, stacked by orientation where there are several."""
    kept = _drawn([profile])
    scales = [profile.scales[index] for index in kept]
    keys = list(dict.fromkeys(key for scale, key in profile.bands if scale in scales))
    details = [key for key in keys if "d" in key]
    looks = {key: _look(number, len(details)) for number, key in enumerate(details)}
    figure, ax = _new(2 + 0.9 * len(scales))
    floor = np.zeros(len(scales))
    for key in keys:
        shares = [
            (scales.index(scale), share)
            for (scale, found), share in zip(profile.bands, profile.band_mean, strict=True)
            if found == key and scale in scales
        ]
        places, heights = (np.array(column) for column in zip(*shares, strict=True))
        look = looks.get(key, {"color": APPROXIMATION_COLOR, "label": "approximation"})
        ax.bar(places, heights, WIDTH, floor[places], **{"label": EDGES.get(key, key), **look})
        floor[places] += heights
    ax.set_xticks(range(len(scales)), scales)
    _draw_whiskers(ax, np.arange(len(scales)), profile, kept)
    if len(keys) > 1:
        title = "details (d) along D, H, W" if len(keys[0]) == 3 else None
        ax.legend(title=title, reverse=True, **_LEGEND)
    _finish(ax, [profile])
    told = f"{profile.count} input{'s' * (profile.count > 1)}, {profile.confidence:.0%} interval"
    ax.set_title(f"{profile.name}\n{told}" if profile.name else told, fontsize=9)
    return figure


@as_written
def draw_comparison(profiles: Mapping[str, Profile]) -> Figure:
    """Draw the scales of several profiles as groups of bars."""
    kept = _drawn(profiles.values())
    first, *_ = profiles.values()
    places, width = np.arange(len(kept)), 0.84 / len(profiles)
    figure, ax = _new(2 + max(0.9, 0.3 * len(profiles) + 0.3) * len(kept))
    bars = []
    for number, profile in enumerate(profiles.values()):
        shifted = places + (number - (len(profiles) - 1) / 2) * width
        look = _look(number, len(profiles))
        bars.append(ax.bar(shifted, profile.mean[kept], width, **look))
        _draw_whiskers(ax, shifted, profile, kept)
    ax.set_xticks(places, [first.scales[index] for index in kept])
    ax.legend(bars, [*profiles], **_LEGEND)  # by itself, a legend leaves out what begins with "_"
    _finish(ax, profiles.values())
    return figure


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


def _new(width: float) -> tuple[Figure, Axes]:
    return plt.subplots(figsize=(width, 3.2), layout="constrained")


def _drawn(profiles: Iterable[Profile]) -> list[int]:
    """The levels that are drawn: all but an approximation of which no profile has a share."""
    approximation, *details = np.stack([profile.mean for profile in profiles]).T
    return list(range(int(bool(details) and not np.nansum(approximation)), 1 + len(details)))


def _look(number: int, count: int) -> dict[str, Any]:
    """The colour and the hatch of one of several sorts of bars."""
    if count == 1:
        return {"color": BAR_COLOR}
    color = colormaps[COLORMAP](0.2 + 0.62 * number / (count - 1))
    return {"color": color, "hatch": HATCHES[number % len(HATCHES)], "edgecolor": "white"}


def _draw_whiskers(ax: Axes, places: np.ndarray, profile: Profile, kept: list[int]) -> None:
    if profile.count < 2:
        return
    low, high = profile.interval[kept].T
    mean = profile.mean[kept]
    ends = [np.maximum(mean - low, 0), np.maximum(high - mean, 0)]
    ax.errorbar(places, mean, ends, **_WHISKERS)


def _finish(ax: Axes, profiles: Iterable[Profile]) -> None:
    highest = max(
        max(np.nanmax(p.mean), np.nanmax(p.interval[:, 1]) * (p.count > 1)) for p in profiles
    )
    ax.set_ylim(0, max(min(1.05 * highest, 1.02), 1e-3))
    ax.yaxis.set_major_formatter(PercentFormatter(1, decimals=0))
    ax.set_ylabel("share of the importance", fontsize=8)
    ax.set_xlabel("scale, from coarse to fine", fontsize=8)
    ax.tick_params(labelsize=8)
    ax.tick_params(axis="x", length=0)
    ax.spines[["top", "right"]].set_visible(False)
