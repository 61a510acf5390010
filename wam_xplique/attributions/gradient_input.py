"""Gradient times input in the wavelet domain."""

from ..algorithms.gradients import gradient_input
from .base import WaveletExplainer


class WaveletGradientInput(WaveletExplainer):
    """
    Gradient with respect to the wavelet coefficients, times the coefficients.

    Ref. Shrikumar & al., Not Just a Black Box: Learning Important Features Through Propagating
    Activation Differences (2016).

    The parameters are those of `WaveletExplainer`.
    """

    _signed = True

    _equation = staticmethod(gradient_input)
