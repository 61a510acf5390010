"""Pictures of one explained volume: slices, projections, and a figure that can be turned."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import matplotlib.pyplot as plt
import numpy as np
from matplotlib.axes import Axes

from ..archive import write_text
from ..explanation import WaveletExplanation
from . import drawing

if TYPE_CHECKING:
    from plotly.graph_objects import Figure

AXES = "DHW"
MOST_VOXELS = 48  # along each axis of a figure that a browser turns smoothly


def plot_slices(
    explanation: WaveletExplanation,
    volume: np.ndarray | None = None,
    index: int = 0,
    level: int | None = None,
    centre: Sequence[int] | None = None,
    axes: Sequence[Axes] | None = None,
    *,
    signed: bool = False,
) -> Sequence[Axes]:
    """
    Draw the slices of an explanation through a voxel, over those of the volume in grey.

    The slices lie across D, H and W, and have one scale of colours. Lines mark the voxel.

    Parameters
    ----------
    volume
        The volume (D, H, W) or (D, H, W, C).
    level
        Level that is drawn, 1 being the finest and 0 the approximation; all by default.
    centre
        The voxel (d, h, w); the most important one by default.
    axes
        Three axes, which are returned; new ones by default, with a bar of colours. The others are
        as for `plot_pixels`, and a ValueError is raised for what does not fit the explanation.
    """
    drawing.check_kind(explanation, "volumes", drawing.PLACES)
    values, grey = _map(explanation, index, level, signed), _grey(explanation, volume)
    centre = _voxel(np.abs(values), centre)
    given = axes
    if axes is None:
        axes = plt.subplots(1, 3, figsize=(8, 3), layout="constrained")[1]
    top = drawing.top_color(explanation, values)
    span = None if grey is None else (float(grey.min()), float(grey.max()))
    for axis, (ax, place) in enumerate(zip(axes, centre, strict=True)):
        below = None if grey is None else grey.take(place, axis)
        colors = drawing.draw_map(ax, values.take(place, axis), below, top, span, signed)
        vertical, horizontal = centre[:axis] + centre[axis + 1 :]
        ax.axhline(vertical, **_CROSS)
        ax.axvline(horizontal, **_CROSS)
        ax.set_title(f"slice {AXES[axis]} = {place}", fontsize=9)
        _name_axes(ax, axis)
    if level is None:
        told = f"{axes[-1].get_xlabel()}\n{drawing.left_out(explanation)}"
        axes[-1].set_xlabel(told.rstrip())
    if given is None:
        drawing.draw_colorbar(colors, axes[-1], drawing.importance_name(explanation, signed))
    return axes


def plot_projections(
    explanation: WaveletExplanation,
    index: int = 0,
    axes: np.ndarray | None = None,
    *,
    signed: bool = False,
) -> np.ndarray:
    """
    Draw the largest importance of each level along each axis (WAM figure 5).

    Rows are the axes D, H and W that are looked along, columns the levels from coarse to fine;
    the approximation is left out where it takes no part. Each level of gradients has its own
    scale of colours; those of `WCAM` have one, as Sobol indices may be compared across levels.

    Parameters
    ----------
    axes
        Array of axes, which are returned: three rows, a column for each level that is drawn; new
        ones by default. The others, and what is raised, are as for `plot_slices`.
    """
    drawing.check_kind(explanation, "volumes", drawing.SCALES)
    first = drawing.first_drawn(explanation)
    maps = drawing.maps_of(explanation, index, signed)[first:]
    if axes is None:
        size = (2.2 * len(maps) + 0.4, 6.6)
        axes = plt.subplots(3, len(maps), figsize=size, squeeze=False, layout="constrained")[1]
    tops = drawing.top_colors(explanation, maps)
    for axis, row in enumerate(axes):
        for ax, values, top in zip(row, maps, tops, strict=True):
            drawing.draw_map(ax, drawing.farthest(values, axis), None, top, signed=signed)
        _name_axes(row[0], axis)
        row[0].set_ylabel(f"along {AXES[axis]}\n{row[0].get_ylabel()}", fontsize=8)
    for ax, label in zip(axes[0], explanation.scales[first:], strict=True):
        ax.set_title(label, fontsize=9)
    axes[-1, -1].set_xlabel(drawing.left_out(explanation), **drawing.ASIDE)
    return axes


def interactive(
    explanation: WaveletExplanation,
    volume: np.ndarray | None = None,
    index: int = 0,
    level: int | None = None,
) -> Figure:
    """
    Make a figure (Plotly's) of an explanation in the volume, to be turned in a browser.

    Surfaces of equal importance are drawn, and faintly one of the volume, midway between its
    least and its largest value. Of volumes with more than 48 voxels along an axis, the largest
    values within blocks are drawn, so that the figure has 48³ voxels at most.

    The parameters, and what is raised, are as for `plot_slices`; without Plotly an ImportError.
    """
    drawing.check_kind(explanation, "volumes", drawing.PLACES)
    try:
        from plotly import graph_objects
    except ImportError as error:
        told = 'An interactive figure needs Plotly: pip install "wam-xplique[interactive]".'
        raise ImportError(told) from error
    values, grey = _map(explanation, index, level), _grey(explanation, volume)
    top, title = drawing.top_color(explanation, values), drawing.importance_name(explanation)
    if level is None and not explanation.includes_approximation:
        title += f" ({drawing.left_out(explanation)})"
    scale = {"isomin": 0.25 * top, "isomax": 0.9 * top, "cmin": 0, "cmax": top}
    surface = graph_objects.Isosurface(**_blocks(values), **scale, **_COLORED)
    surface.colorbar.title.text = title
    figure = graph_objects.Figure(surface)
    if grey is not None:
        middle = (float(grey.min()) + float(grey.max())) / 2
        figure.add_isosurface(**_blocks(grey), isomin=middle, isomax=middle, **_FAINT)
    titles = {f"{name}axis_title_text": axis for name, axis in zip("zyx", AXES, strict=True)}
    figure.update_layout(scene={**titles, "aspectmode": "data"}, margin=dict.fromkeys("lrtb", 20))
    return figure


def save_interactive(
    explanation: WaveletExplanation,
    path: str | Path,
    volume: np.ndarray | None = None,
    index: int = 0,
    level: int | None = None,
) -> None:
    """
    Write the figure of `interactive` to a page that needs nothing else, not even a network.

    The file at `path` has 5 to 10 MB. The other parameters are those of `interactive`.
    """
    page = interactive(explanation, volume, index, level).to_html(include_plotlyjs=True)
    write_text(path, page)


_CROSS: dict[str, Any] = {"color": "white", "linewidth": 0.5, "alpha": 0.5}
_COLORED: dict[str, Any] = {
    "name": "importance",
    "surface_count": 4,
    "opacity": 0.4,
    "colorscale": drawing.COLORMAP,
}
_FAINT: dict[str, Any] = {
    "name": "volume",
    "surface_count": 1,
    "opacity": 0.15,
    "colorscale": ["grey", "grey"],
    "showscale": False,
    "hoverinfo": "skip",
}


def _map(
    explanation: WaveletExplanation, index: int, level: int | None, signed: bool = False
) -> np.ndarray:
    """The importance (D, H, W) of a level, or of all."""
    if level is not None and level not in range(explanation.level + 1):
        must = f"from 1, the finest, to {explanation.level}, 0 for the approximation, or None"
        raise ValueError(f"level must be {must} for all, got {level!r}.")
    maps = drawing.maps_of(explanation, index, signed)
    return maps.sum(axis=0) if level is None else maps[-level]


def _grey(explanation: WaveletExplanation, volume: np.ndarray | None) -> np.ndarray | None:
    """The volume (D, H, W), its channels averaged."""
    if volume is None:
        return None
    volume = np.asarray(volume, dtype=float)
    grey = volume.mean(axis=-1) if volume.ndim == 4 else volume
    if grey.shape != explanation.spatial_shape:
        told = f"{explanation.spatial_shape}, with or without channels last, got {volume.shape}"
        raise ValueError(f"volume must be of the shape of those explained, {told}.")
    return grey


def _voxel(values: np.ndarray, centre: Sequence[int] | None) -> tuple[int, ...]:
    """The voxel asked for, or that of the largest value."""
    asked = np.unravel_index(values.argmax(), values.shape) if centre is None else centre
    voxel = tuple(int(place) for place in asked)
    if len(voxel) != 3 or not all(0 <= v < s for v, s in zip(voxel, values.shape, strict=True)):
        raise ValueError(f"centre must be a voxel (d, h, w) within {values.shape}, got {centre!r}.")
    return voxel


def _name_axes(ax: Axes, axis: int) -> None:
    """Name the axes of a picture that is looked at along an axis of the volume."""
    vertical, horizontal = (name for name in AXES if name != AXES[axis])
    ax.set_ylabel(vertical, fontsize=8)
    ax.set_xlabel(horizontal, fontsize=8)


def _blocks(values: np.ndarray) -> dict[str, np.ndarray]:
    """The largest values within blocks, and where the blocks have their middles."""
    middles = []
    for axis, size in enumerate(values.shape):
        step = -(-size // MOST_VOXELS)
        starts = np.arange(0, size, step)
        values = np.maximum.reduceat(values, starts, axis)
        middles.append(starts + (step - 1) / 2)
    places = np.meshgrid(*middles, indexing="ij")
    columns = zip(("z", "y", "x", "value"), (*places, values), strict=True)
    return {name: column.ravel().astype(np.float32) for name, column in columns}
