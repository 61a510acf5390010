"""Xplique metrics in the wavelet domain."""

from .causal import WaveletDeletion, WaveletFaithfulness, WaveletInsertion
from .controls import control
from .matched import MatchedFaithfulness
from .mu_fidelity import WaveletMuFidelity
from .randomization import cascading_randomization
from .spectra import FaithfulnessOnSpectra, InputFidelity

__all__ = [
    "FaithfulnessOnSpectra",
    "InputFidelity",
    "MatchedFaithfulness",
    "WaveletDeletion",
    "WaveletFaithfulness",
    "WaveletInsertion",
    "WaveletMuFidelity",
    "cascading_randomization",
    "control",
]
