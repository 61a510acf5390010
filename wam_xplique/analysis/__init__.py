"""What explanations are used for: minimal images, profiles of data sets, corruptions, reports."""

from .artifacts import conciseness_preciseness, hallucination_score, retained_information
from .callback import ScaleProfileCallback
from .corruption_effects import CorruptionEffect, Explained, corruption_effect
from .corruption_robustness import DepthRobustness, Robustness, depth_robustness, robustness
from .distances import Distances, importance_distances
from .minimal import MinimalImages, ParetoFront, minimal_images, pareto_front
from .profile import ProfileComparison, ScaleProfile, compare_profiles, scale_profile
from .report import Report, report
from .separation import Separation, mix, noise_experiment, overlap_experiment
from .sufficient import DecisiveImages, necessary_images, sufficient_images
from .zoom import ZoomConsistency, zoom_consistency, zoom_views

__all__ = [
    "CorruptionEffect",
    "DecisiveImages",
    "DepthRobustness",
    "Distances",
    "Explained",
    "MinimalImages",
    "ParetoFront",
    "ProfileComparison",
    "Report",
    "Robustness",
    "ScaleProfile",
    "ScaleProfileCallback",
    "Separation",
    "ZoomConsistency",
    "compare_profiles",
    "conciseness_preciseness",
    "corruption_effect",
    "depth_robustness",
    "hallucination_score",
    "importance_distances",
    "minimal_images",
    "mix",
    "necessary_images",
    "noise_experiment",
    "overlap_experiment",
    "pareto_front",
    "report",
    "retained_information",
    "robustness",
    "scale_profile",
    "sufficient_images",
    "zoom_consistency",
    "zoom_views",
]
