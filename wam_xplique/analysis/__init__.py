"""What people do with an explanation."""

from .sound import Separation, mix, noise_experiment, overlap_experiment
from .zoom import ZoomConsistency, zoom_consistency

__all__ = [
    "Separation",
    "ZoomConsistency",
    "mix",
    "noise_experiment",
    "overlap_experiment",
    "zoom_consistency",
]
