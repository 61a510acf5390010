"""Pictures of explanations."""

from .explanation import (
    plot_explanation,
    plot_mosaic,
    plot_pixels,
    plot_scale_importance,
    plot_scales,
)

__all__ = [
    "plot_explanation",
    "plot_mosaic",
    "plot_pixels",
    "plot_scale_importance",
    "plot_scales",
]
