"""What people do with an explanation."""

from .sound import Separation, mix, noise_experiment, overlap_experiment

__all__ = ["Separation", "mix", "noise_experiment", "overlap_experiment"]
