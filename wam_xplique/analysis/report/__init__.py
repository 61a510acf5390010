"""A page on what a model makes of each input, for those who look for what went wrong."""

from .making import report
from .page import Report

__all__ = ["Report", "report"]
