"""Inputs beside what was made of them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np
from matplotlib import pyplot as plt
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from .drawing import WAVE_COLOR, as_written, bare, draw_image

WIDTHS, HEIGHTS = {1: 4.5, 2: 2.3, 3: 2.3}, {1: 1.6, 2: 2.5, 3: 2.5}


@as_written
def plot_gallery(
    columns: Mapping[str, np.ndarray], ndim: int, titles: Mapping[str, Sequence[str]], most: int = 6
) -> Figure:
    """
    Draw inputs in rows, and in columns what was made of them: arrays (N, ...), channels last.

    Of volumes the slice in the middle of D is drawn. `titles` are lines for each input, by column.
    """
    rows = min(most, *map(len, columns.values()))
    size = (WIDTHS[ndim] * len(columns), HEIGHTS[ndim] * rows)
    figure, axes = plt.subplots(
        rows, len(columns), squeeze=False, figsize=size, layout="constrained"
    )
    for column, (name, values) in enumerate(columns.items()):
        lines = titles.get(name, [""] * rows)
        for row, ax in enumerate(axes[:, column]):
            draw_input(ax, values[row], ndim)
            ax.set_title(f"{name}\n{lines[row]}".strip() if row == 0 else lines[row], size=8)
    return figure


def draw_input(ax: Axes, values: np.ndarray, ndim: int) -> None:
    """Draw a signal, an image or the middle slice of a volume."""
    if ndim > 1:
        draw_image(ax, values if ndim == 2 else values[len(values) // 2])
        return
    ax.plot(values, linewidth=0.6, color=WAVE_COLOR if values.ndim == 1 else None)
    ax.margins(x=0)
    bare(ax)
