"""Xplique explainers in the wavelet domain."""

from .gradient_input import WaveletGradientInput
from .integrated_gradients import WaveletIntegratedGradients
from .saliency import WaveletSaliency
from .smoothgrad import WaveletSmoothGrad
from .square_grad import WaveletSquareGrad
from .vargrad import WaveletVarGrad

__all__ = [
    "WaveletGradientInput",
    "WaveletIntegratedGradients",
    "WaveletSaliency",
    "WaveletSmoothGrad",
    "WaveletSquareGrad",
    "WaveletVarGrad",
]
