"""Xplique metrics in the wavelet domain."""

from .causal import WaveletDeletion, WaveletFaithfulness, WaveletInsertion
from .controls import control
from .mu_fidelity import WaveletMuFidelity
from .randomization import cascading_randomization
from .spectra import FaithfulnessOnSpectra, InputFidelity

__all__ = [
    "FaithfulnessOnSpectra",
    "InputFidelity",
    "WaveletDeletion",
    "WaveletFaithfulness",
    "WaveletInsertion",
    "WaveletMuFidelity",
    "cascading_randomization",
    "control",
]
