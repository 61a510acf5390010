"""Gradient times input in the wavelet domain."""

from __future__ import annotations

from ..algorithms import gradients
from ..coefficients import Coefficients
from .base import WaveletExplainer


class WaveletGradientInput(WaveletExplainer):
    """
    Gradient with respect to the wavelet coefficients, times the coefficients.

    Ref. Shrikumar & al., Not Just a Black Box: Learning Important Features Through Propagating
    Activation Differences (2016).

    The parameters are those of `WaveletExplainer`.
    """

    def _attribute(self, problem: gradients.GradientProblem) -> Coefficients:
        return gradients.gradient_input(problem)
