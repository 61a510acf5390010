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
MOST_KEYS = 12  # in a legend; of more bands, each of one level, their shares are drawn as a curve
MOST_TICKS = 14

Profile = Any  # a `ScaleProfile`, which draws itself by this module


@as_written
def draw_profile(profile: Profile) -> Figure:
    """Draw the scales of a profile as bars, stacked by orientation where there are several, or its
    bands as a curve where these are frequencies."""
    drawn = _drawn([profile])
    if _are_many(profile):
        figure, ax = _draw_bands([profile], drawn)
        _title(ax, profile)
        return figure
    scales = profile.scales[drawn]
    details = list(dict.fromkeys(key for _, key in profile.bands[1:]))
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
        is_cube = {len(key) for key in bars} == {3} and set("".join(bars)) <= set("ad")
        title = "details (d) along D, H, W" if is_cube else None
        names = [EDGES.get(key, key) for key in bars]
        ax.legend(bars.values(), names, title=title, reverse=True, **_LEGEND)
    _finish(ax)
    _title(ax, profile)
    return figure


@as_written
def draw_comparison(profiles: Mapping[str, Profile]) -> Figure:
    """Draw the scales of several profiles as groups of bars, or their bands as curves."""
    drawn = _drawn(profiles.values())
    if _are_many(next(iter(profiles.values()))):
        figure, ax = _draw_bands([*profiles.values()], drawn)
        ax.legend(ax.lines, [*profiles], **_LEGEND)
        return figure
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


def _are_many(profile: Profile) -> bool:
    """Whether bands are many, and each of one level, as those by frequency are."""
    keys = [key for _, key in profile.bands[1:]]
    return len(keys) > MOST_KEYS and len(set(keys)) == len(keys)


def _draw_bands(profiles: Sequence[Profile], drawn: slice) -> tuple[Figure, Axes]:
    """Draw the shares of the bands as curves, and their intervals as areas."""
    figure, ax = plt.subplots(figsize=(8, 3.2), layout="constrained")
    keys = [key for _, key in profiles[0].bands[drawn]]
    for number, profile in enumerate(profiles):
        color = _look(number, len(profiles))["color"]
        ax.plot(profile.band_mean[drawn], color=color, drawstyle="steps-mid", linewidth=1.2)
        if profile.count > 1:
            low, high = profile.band_interval[drawn].T
            ax.fill_between(range(len(keys)), low, high, step="mid", color=color, alpha=0.25)
    ticks = range(0, len(keys), -(-len(keys) // MOST_TICKS))
    ax.set_xlim(-0.5, len(keys) - 0.5)
    _finish(ax)
    ax.set_xticks(ticks, [keys[tick] for tick in ticks], rotation=45, ha="right")
    ax.set_xlabel("band", fontsize=8)
    return figure, ax


def _title(ax: Axes, profile: Profile) -> None:
    """Name a profile, and tell what its intervals are of."""
    told = f"{profile.count} input{'s' * (profile.count > 1)}, {profile.confidence:.0%} interval"
    ax.set_title(f"{profile.name}\n{told}" if profile.name else told, fontsize=9)


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
