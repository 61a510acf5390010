"""Saliency in the wavelet domain."""

from __future__ import annotations

from ..algorithms import gradients
from ..algorithms.gradients import Attribution, GradientProblem
from ..coefficients import map_bands
from ..inputs import Question
from .base import WaveletExplainer


class WaveletSaliency(WaveletExplainer):
    """
    Magnitude of the gradient with respect to the wavelet coefficients (WAM, eq. 1).

    Ref. Kasmi & al., One Wave To Explain Them All: A Unifying Perspective On Feature
    Attribution (2025).

    The parameters are those of `WaveletExplainer`.
    """

    def _attribute(self, problem: GradientProblem, question: Question) -> Attribution:
        found = gradients.saliency(problem)
        return Attribution(map_bands(problem.backend.to_numpy, found))
