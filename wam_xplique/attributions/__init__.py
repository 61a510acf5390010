"""Xplique explainers in the wavelet domain."""

from .fam import FAM
from .gradient_input import WaveletGradientInput
from .integrated_gradients import WaveletIntegratedGradients
from .saliency import WaveletSaliency
from .smoothgrad import WaveletSmoothGrad
from .square_grad import WaveletSquareGrad
from .vargrad import WaveletVarGrad
from .wcam import WCAM

__all__ = [
    "FAM",
    "WCAM",
    "WaveletGradientInput",
    "WaveletIntegratedGradients",
    "WaveletSaliency",
    "WaveletSmoothGrad",
    "WaveletSquareGrad",
    "WaveletVarGrad",
]
