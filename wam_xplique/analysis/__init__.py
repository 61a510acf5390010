"""What people do with an explanation."""

from .corruptions import (
    CorruptionEffect,
    Distances,
    Explained,
    Robustness,
    corruption_effect,
    importance_distances,
    robustness,
)
from .profile import ProfileComparison, ScaleProfile, compare_profiles, scale_profile
from .sound import Separation, mix, noise_experiment, overlap_experiment
from .sufficient import DecisiveImages, necessary_images, sufficient_images
from .zoom import ZoomConsistency, zoom_consistency, zoom_views

__all__ = [
    "CorruptionEffect",
    "DecisiveImages",
    "Distances",
    "Explained",
    "ProfileComparison",
    "Robustness",
    "ScaleProfile",
    "Separation",
    "ZoomConsistency",
    "compare_profiles",
    "corruption_effect",
    "importance_distances",
    "mix",
    "necessary_images",
    "noise_experiment",
    "overlap_experiment",
    "robustness",
    "scale_profile",
    "sufficient_images",
    "zoom_consistency",
    "zoom_views",
]
