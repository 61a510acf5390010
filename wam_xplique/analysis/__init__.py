"""What people do with an explanation."""

from .sound import Separation, mix, noise_experiment, overlap_experiment
from .sufficient import DecisiveImages, necessary_images, sufficient_images
from .zoom import ZoomConsistency, zoom_consistency

__all__ = [
    "DecisiveImages",
    "Separation",
    "ZoomConsistency",
    "mix",
    "necessary_images",
    "noise_experiment",
    "overlap_experiment",
    "sufficient_images",
    "zoom_consistency",
]
