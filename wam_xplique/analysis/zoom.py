"""Whether a model uses what a closer look shows (WCAM, section 4.3 and appendix B.4)."""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
import pandas as pd
from matplotlib.figure import Figure
from PIL import Image

from ..checks import check_integer, warn
from ..coefficients import Transform
from ..datasets.images import load_image, middle
from ..explanation import WaveletExplanation
from ..plots.drawing import BAR_COLOR
from .profile_plots import draw_groups, new_bars

REGULAR_COLOR = "0.6"


@dataclass(frozen=True, eq=False)
class ZoomConsistency:
    """
    The importance of each level, as it was and zoomed in twice (WCAM table 1).

    Parameters
    ----------
    regular
        Shares (N, level + 1) of the levels, approximation first, then coarse to fine.
    zoomed
        Shares (N, level + 2) of the levels of the same scales in the scene, and last of the one
        that only the zoom shows.
    scales
        What the level + 2 levels stand for, in pixels of the inputs as they were.
    """

    regular: np.ndarray
    zoomed: np.ndarray
    scales: tuple[str, ...]

    @property
    def new(self) -> np.ndarray:
        """The share (N,) of the details that only the zoom shows."""
        return self.zoomed[:, -1]

    def plot(self) -> Figure:
        """
        Draw the shares of the scales, as they were and zoomed in (WCAM table 1).

        Means over the inputs, with standard deviations. The approximation is left out where it
        takes no part.
        """
        table = self.to_dataframe()
        table = table[int(not table.loc[0, ["regular", "zoomed"]].sum()) :]
        figure, ax = new_bars(len(table), 0.9)
        colors = {"regular": REGULAR_COLOR, "zoomed": BAR_COLOR}
        groups = [
            (table[name], table[f"{name} sd"], {"color": color, "label": name})
            for name, color in colors.items()
        ]
        draw_groups(ax, [*table["scale"][:-1], f"{self.scales[-1]}\n(new)"], groups)
        ax.axvspan(len(table) - 1.5, len(table) - 0.5, color="0.93", zorder=0)
        ax.set_xlim(-0.5, len(table) - 0.5)
        ax.set_xlabel("scale in the regular view", fontsize=8)
        ax.legend(frameon=False, fontsize=8)
        return figure

    def to_dataframe(self) -> pd.DataFrame:
        """A row for each level as in table 1: means over the inputs, and standard deviations."""
        regular = np.pad(self.regular, [(0, 0), (0, 1)], constant_values=np.nan)
        columns: dict[str, object] = {"level": np.arange(len(self.scales)), "scale": self.scales}
        for name, shares in (("regular", regular), ("zoomed", self.zoomed)):
            columns |= {name: shares.mean(axis=0), f"{name} sd": shares.std(axis=0)}
        return pd.DataFrame(columns)


def zoom_views(
    originals: Iterable[np.ndarray | str | Path], size: int = 224, resize: int = 256
) -> tuple[np.ndarray, np.ndarray]:
    """
    Look at images, and at their middles twice as close (WCAM appendix B.4.1, figure 23).

    The shorter side is brought to `resize` pixels, or to twice as many, and a square of `size`
    pixels is cut from the middle.

    Parameters
    ----------
    originals
        Files, or images (H, W), (H, W, 1) or (H, W, 3) of bytes. The shorter sides should have
        2 · `resize` pixels, or the closer look is blurred and shows less that is new.
    size, resize
        Height and width of the views, and at least as many pixels for the shorter side.

    Returns
    -------
    regular, zoomed
        Views (N, size, size, 3), float32 in [0, 255].

    Raises
    ------
    TypeError, FileNotFoundError, ValueError
        If there is no image, one is neither file nor bytes, or a file is not there or not read.
    """
    check_integer("size", size, lowest=1)
    check_integer("resize", resize, lowest=size)
    images = [_as_image(original) for original in originals]
    if not images:
        raise ValueError("originals must hold at least one image, got none.")
    small = sum(min(image.size) < 2 * resize for image in images)
    if small:
        told = f"originals have a shorter side of less than {2 * resize} pixels"
        warn(f"{small} of {len(images)} {told}: their closer look is blurred.")
    crop = size / resize
    regular, zoomed = (np.stack([middle(i, size, c) for i in images]) for c in (crop, crop / 2))
    return regular, zoomed


def zoom_consistency(regular: WaveletExplanation, zoomed: WaveletExplanation) -> ZoomConsistency:
    """
    Compare the explanations of inputs with those of a closer look at them.

    Details of 2 to 4 pixels in an image magnified twice are those of 1 to 2 pixels in the image as
    it was; those of 1 to 2 pixels were not visible. So the magnified image takes a level more.

    Parameters
    ----------
    regular, zoomed
        Explanations of the inputs, and of their middles magnified twice (from finer originals, or
        there is nothing new to see; `zoom_views` makes both), by the same method and transform, of
        `DWT`, `Stationary` and `Steerable`, the latter with one more level.

    Raises
    ------
    ValueError
        If the explanations do not fit each other.
    """
    if len(zoomed) != len(regular):
        must = f"as many inputs as regular, {len(regular)}"
        raise ValueError(f"zoomed must explain {must}; got {len(zoomed)}.")
    if zoomed.level != regular.level + 1:
        must = f"one level more than regular, which has {regular.level}"
        raise ValueError(f"zoomed must have {must}; got {zoomed.level}.")
    _check_deeper(regular.transform, zoomed.transform)
    new = re.sub(r"[\d.]+", lambda size: f"{float(size[0]) / 2:.2g}", regular.scales[-1])
    scales = (*regular.scales, new)
    return ZoomConsistency(regular.scale_importance(), zoomed.scale_importance(), scales)


def _check_deeper(regular: Transform, zoomed: Transform) -> None:
    """Check that a transform is another one with an octave more."""
    level = getattr(regular, "level", None)
    if level is None or not regular.are_octaves:
        must = "regular must be by a transform of levels an octave apart, such as the DWT"
        raise ValueError(f"{must}, got {regular}.")
    if zoomed != replace(regular, level=level + 1):  # type: ignore[call-arg]
        must = "zoomed must be by the transform of regular with one level more"
        raise ValueError(f"{must}, got {zoomed} and {regular}.")


def _as_image(original: np.ndarray | str | Path) -> Image.Image:
    if isinstance(original, (str, Path)):
        return load_image(original)
    if not isinstance(original, np.ndarray) or original.dtype != np.uint8:
        told = f"{type(original).__name__} of {getattr(original, 'dtype', 'no dtype')}"
        raise TypeError(f"originals must be files or arrays of bytes (uint8), got a {told}.")
    shape = original.shape
    if len(shape) < 2 or shape[2:] not in ((), (1,), (3,)) or not original.size:
        raise ValueError(f"originals must have shape (H, W), (H, W, 1) or (H, W, 3), got {shape}.")
    plain = original[..., 0] if shape[2:] == (1,) else original
    return Image.fromarray(plain).convert("RGB")
