"""Pictures of explanations."""

from .explanation import (
    plot_explanation,
    plot_mosaic,
    plot_pixels,
    plot_scale_importance,
    plot_scales,
)
from .spectrum import plot_radial_importance, plot_spectrum

__all__ = [
    "plot_explanation",
    "plot_mosaic",
    "plot_pixels",
    "plot_radial_importance",
    "plot_scale_importance",
    "plot_scales",
    "plot_spectrum",
]
