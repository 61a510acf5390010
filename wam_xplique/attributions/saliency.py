"""Saliency in the wavelet domain."""

from ..algorithms.gradients import saliency
from .base import WaveletExplainer


class WaveletSaliency(WaveletExplainer):
    """
    Magnitude of the gradient with respect to the wavelet coefficients (WAM, eq. 1).

    The parameters are those of `WaveletExplainer`.
    """

    _equation = staticmethod(saliency)
