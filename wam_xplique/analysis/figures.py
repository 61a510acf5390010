"""Figures as pixels, and the view of an explanation that shows its coefficients."""

from __future__ import annotations

import numpy as np
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure

from ..explanation import WaveletExplanation
from ..plots import plot_mosaic, plot_projections, plot_scalogram
from ..plots.drawing import first_drawn, new_figure


def draw_coefficients(explanation: WaveletExplanation, index: int) -> Figure:
    """The mosaic of an image, the scalogram of a signal, the projections of a volume."""
    levels = explanation.level + 1 - first_drawn(explanation)
    if explanation.ndim == 1:
        figure = new_figure(7, 0.8 + 0.3 * levels)
        plot_scalogram(explanation, None, index, figure.subplots())
    elif explanation.ndim == 2:
        figure = new_figure(3.2, 3.2)
        plot_mosaic(explanation, index, figure.subplots())
    else:
        figure = new_figure(2 * levels + 0.4, 6)
        plot_projections(explanation, index, figure.subplots(3, levels, squeeze=False))
    return figure


def as_pixels(figure: Figure) -> np.ndarray:
    """A figure as an array (H, W, 3) of bytes."""
    canvas = FigureCanvasAgg(figure)
    canvas.draw()
    return np.array(canvas.buffer_rgba())[..., :3]
