"""What explanations look like on the command line."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, cast

import matplotlib as mpl
import matplotlib.pyplot as plt
import numpy as np
from matplotlib.figure import Figure

from ..checks import is_number, one_of
from ..fourier import FourierExplanation
from ..plots import plot_explanation, plot_mosaic, plot_radial_importance, plot_spectrum
from ..plots.drawing import ASIDE, as_written, draw_colorbar, left_out
from ..plots.gallery import draw_input
from ..plots.overlay import plot_photograph
from .input_files import Inputs

STYLES = ("strip", "overlay", "mosaic")
OVERLAY = "_overlay"
"""What is added to the name of the overlay that stands beside a strip."""


@dataclass(frozen=True)
class Look:
    """How explanations are drawn: in one of `STYLES`, or as a strip, and images as an overlay
    besides."""

    style: str | None = None
    cmap: str | None = None
    alpha: float = 0.9
    signed: bool = False

    def __post_init__(self) -> None:
        if self.style is not None:
            object.__setattr__(self, "style", one_of("--style", self.style, STYLES))
        if self.cmap is not None:
            one_of("--cmap", self.cmap, mpl.colormaps)
            if self.style not in (None, "overlay"):
                raise ValueError(f"--cmap is of overlays, --style is {self.style}.")
        if not (is_number(self.alpha) and 0 < self.alpha <= 1):
            raise ValueError(f"--alpha must be in (0, 1], got {self.alpha!r}.")

    def check(self, explainer: Any, ndim: int) -> None:
        """Check that what an explainer makes of inputs of so many axes can be drawn so."""
        name = type(explainer).__name__
        if hasattr(explainer, "explain_fourier"):
            if self.style is not None or self.signed or self.cmap is not None:
                raise ValueError(f"--style, --signed and --cmap are not of the pictures of {name}")
        elif self.signed and not getattr(explainer, "_signed", False):
            raise ValueError(f"--signed needs a method that has signs, such as wam-ig, not {name}")
        elif self.style not in (None, "strip") and ndim != 2:
            raise ValueError(f"--style {self.style} is of images; strip draws sounds and volumes")

    def draw(self, explanation: Any, inputs: Inputs, index: int, title: str) -> dict[str, Figure]:
        """Pictures of one input, by what is added to the name of the first."""
        shown = inputs.drawn(index)
        if isinstance(explanation, FourierExplanation):
            return {"": draw_fourier(explanation, shown, index, title, inputs.sample_rate)}
        found = {}
        if self.style in (None, "strip"):
            how = (index, title, inputs.sample_rate)
            found[""] = plot_explanation(explanation, shown, *how, signed=self.signed)
        if self.style == "mosaic":
            found[""] = self._mosaic(explanation, index, title)
        if self.style == "overlay" or (self.style is None and inputs.ndim == 2):
            name = "" if self.style else OVERLAY
            photograph, box = inputs.photograph or (shown, None)
            found[name] = plot_photograph(
                explanation,
                photograph,
                index,
                title,
                box=box,
                signed=self.signed,
                cmap=self.cmap,
                alpha=self.alpha,
            )
        return found

    @as_written
    def _mosaic(self, explanation: Any, index: int, title: str) -> Figure:
        ax = plot_mosaic(explanation, index, signed=self.signed)
        figure = cast("Figure", ax.figure)
        figure.set_size_inches(8, 7.5)
        ax.set_title(title, fontsize=10, wrap=True)
        ax.set_xlabel(left_out(explanation), **ASIDE)
        return figure


@as_written
def draw_fourier(
    explanation: FourierExplanation,
    shown: np.ndarray,
    index: int = 0,
    title: str | None = None,
    sample_rate: float | None = None,
) -> Figure:
    """An input, channels last; its important frequencies in the spectrum, and by radius."""
    figure = plt.figure(figsize=(10, 3), layout="constrained")
    count = 2 if explanation.ndim == 3 else 3
    first, *middle, last = figure.subplots(1, count)
    if explanation.ndim == 1:
        first.plot(np.arange(len(shown)) / (sample_rate or 1), shown, color="0.25", linewidth=0.8)
        first.set_xlabel("samples" if sample_rate is None else "seconds", fontsize=8)
    else:
        draw_input(first, shown, explanation.ndim)
    first.set_title("input", fontsize=9)
    for ax in middle:
        plot_spectrum(explanation, index, ax)
        ax.set_title("spectrum", fontsize=9)
        if ax.images:
            draw_colorbar(ax.images[0], ax, "total Sobol index")
    plot_radial_importance(explanation, index, last)
    last.set_title("importance of frequencies", fontsize=9)
    figure.suptitle(title or "")
    return figure
