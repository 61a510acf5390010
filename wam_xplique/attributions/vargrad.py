"""VarGrad in the wavelet domain."""

from ..algorithms.sampling import var_grad
from .gradient_statistic import WaveletGradientStatistic


class WaveletVarGrad(WaveletGradientStatistic):
    """
    Unbiased variance of the gradient with respect to the coefficients of noisy inputs.

    Ref. Adebayo & al., Sanity Checks for Saliency Maps (2018).

    The parameters are those of `WaveletGradientStatistic`; `nb_samples` is at least 2.
    """

    fewest_samples = 2

    _sampled = staticmethod(var_grad)
