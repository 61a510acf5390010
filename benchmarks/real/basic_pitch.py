"""basic-pitch, a network of Spotify's that hears the pitches of music, as a Keras model of logits.

Ref. Bittner & al., A Lightweight Instrument-Agnostic Model for Polyphonic Note Transcription and
Multipitch Estimation (2022).
"""

from __future__ import annotations

import keras
import numpy as np

from wam_xplique.datasets.folders import package_folder

SAMPLE_RATE, FRAME = 22050, 43844
LOWEST, BINS_PER_OCTAVE = 27.5, 36
"""Hz of the first of its bins, and how many there are to an octave."""


def load_basic_pitch() -> keras.Model:
    """
    Load basic-pitch with the weights of its package, which is not imported.

    Returns
    -------
    network
        From waveforms (N, 43844, 1) to the logits (N, 264) of the mean activation of each bin.

    Raises
    ------
    ImportError
        If `basic-pitch` (``data-packages.txt``) is not installed.
    """
    path = package_folder("basic_pitch", "real") / "saved_models" / "icassp_2022" / "nmp"
    waveform = keras.Input((FRAME, 1))
    theirs = keras.layers.TFSMLayer(str(path), call_endpoint="serving_default")
    activation = keras.ops.clip(keras.ops.mean(theirs(waveform)["contour"], 1), 1e-6, 1 - 1e-6)
    logits = keras.ops.log(activation) - keras.ops.log(1 - activation)
    return keras.Model(waveform, logits, name="basic_pitch")


def normalize(frames: np.ndarray) -> np.ndarray:
    """Frames (N, T) of a peak of 0.5 each."""
    return (frames / (2 * np.abs(frames).max(axis=1, keepdims=True))).astype(np.float32)


def heard(logits: np.ndarray) -> np.ndarray:
    """The pitches (N,) in Hz of the largest logits (N, 264)."""
    return LOWEST * 2 ** (logits.argmax(axis=1) / BINS_PER_OCTAVE)
