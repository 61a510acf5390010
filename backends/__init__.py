"""Tensor frameworks and the wavelet transform.

`wavedecn` and `waverecn` are PyWavelets' functions of these names for `np.ndarray`, `tf.Tensor`
and `torch.Tensor`; `get_backend` finds the framework of a tensor or of a model. A framework is
imported only when an object of its own arrives; `register_backend` adds one from outside.
"""

import sys

from .base import Backend, ScoreFunction, Tensor
from .registry import get_backend, register_backend
from .wavelets import pullback, wavedecn, waverecn

__all__ = [
    "Backend",
    "ScoreFunction",
    "Tensor",
    "get_backend",
    "pullback",
    "register_backend",
    "wavedecn",
    "waverecn",
]

if "torch" in sys.modules:  # torch.compile cannot trace the import of a backend
    get_backend(sys.modules["torch"].empty(0))
