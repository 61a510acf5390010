"""Data sets of any length, explained over a Ray cluster, with nothing lost."""

from .running import explain_dataset, profile_dataset

__all__ = ["explain_dataset", "profile_dataset"]
