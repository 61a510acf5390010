"""
wam-xplique: wavelet attribution for Xplique.

See where, and at which scale, a model looks. Importing the package publishes its explainers
and metrics into Xplique's namespaces, if Xplique is installed; without it, `wam_xplique.backends`,
`wam_xplique.coefficients` and `wam_xplique.algorithms` work on their own.
"""

import importlib.util

from .explanation import WaveletExplanation

__version__ = "0.1.0"

__all__ = ["WaveletExplanation"]

if importlib.util.find_spec("xplique") is not None:
    from . import attributions, metrics
    from .attributions import *  # noqa: F403
    from .metrics import *  # noqa: F403
    from .registration import register, unregister

    __all__ += ["register", "unregister", *attributions.__all__, *metrics.__all__]
    register()
