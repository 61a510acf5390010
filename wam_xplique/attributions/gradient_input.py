"""Gradient times input in the wavelet domain."""

from __future__ import annotations

from ..algorithms import gradients
from ..algorithms.gradients import Attribution, GradientProblem
from ..coefficients import map_bands
from ..inputs import Question
from .base import WaveletExplainer


class WaveletGradientInput(WaveletExplainer):
    """
    Gradient with respect to the wavelet coefficients, times the coefficients.

    Ref. Shrikumar & al., Not Just a Black Box: Learning Important Features Through Propagating
    Activation Differences (2016).

    The parameters are those of `WaveletExplainer`.
    """

    def _attribute(self, problem: GradientProblem, question: Question) -> Attribution:
        found = gradients.gradient_input(problem)
        return Attribution(map_bands(problem.backend.to_numpy, found))

    @property
    def _signed(self) -> bool:
        return True
