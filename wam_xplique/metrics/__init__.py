"""Xplique metrics in the wavelet domain."""

from .causal import WaveletDeletion, WaveletFaithfulness, WaveletInsertion
from .controls import control
from .important_part import FaithfulnessOnSpectra, InputFidelity
from .matched import MatchedFaithfulness
from .mu_fidelity import WaveletMuFidelity
from .randomization import cascading_randomization

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
