"""Pictures of explanations."""

from .directions import plot_directions
from .explanation import (
    plot_explanation,
    plot_mosaic,
    plot_pixels,
    plot_scale_importance,
    plot_scales,
)
from .fourier import plot_radial_importance, plot_spectrum
from .overlay import plot_overlay
from .randomization import plot_randomization
from .signals import plot_scalogram, plot_spectrogram, plot_waveform
from .volumes import interactive, plot_projections, plot_slices, save_interactive

__all__ = [
    "interactive",
    "plot_directions",
    "plot_explanation",
    "plot_mosaic",
    "plot_overlay",
    "plot_pixels",
    "plot_projections",
    "plot_radial_importance",
    "plot_randomization",
    "plot_scale_importance",
    "plot_scales",
    "plot_scalogram",
    "plot_slices",
    "plot_spectrogram",
    "plot_spectrum",
    "plot_waveform",
    "save_interactive",
]
