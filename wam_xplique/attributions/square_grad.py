"""SquareGrad in the wavelet domain."""

from ..algorithms.sampling import square_grad
from .gradient_statistic import WaveletGradientStatistic


class WaveletSquareGrad(WaveletGradientStatistic):
    """
    Mean square of the gradient with respect to the coefficients of noisy inputs.

    Ref. Hooker & al., A Benchmark for Interpretability Methods in Deep Neural Networks (2019).

    The parameters are those of `WaveletGradientStatistic`.
    """

    _sampled = staticmethod(square_grad)
