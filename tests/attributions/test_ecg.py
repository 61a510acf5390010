"""A real signal: the heart beats of PyWavelets' electrocardiogram, explained in both frameworks."""

from __future__ import annotations

import numpy as np
import pywt
from scipy.signal import find_peaks

from wam_xplique import WaveletSmoothGrad
from wam_xplique.demo import networks
from wam_xplique.demo.pipeline import accuracy

from .helpers import each_framework

LENGTH, STRIDE = 128, 3
MIDDLE = (32, 96)
NEAR = 12  # samples: a beat is narrower
# A beat is a few samples wide, and a window too short for the pooling of sounds.
ARCHITECTURE = networks.SIGNALS._replace(kernels=(9, 9, 9), strides=(1, 1, 1), pool=2)
TRAINERS = {"tensorflow": networks.train_keras, "torch": networks.train_torch}


def windows(beats: slice) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Windows (N, 128, 1) around some beats, their classes, no beat or one in the middle, and its
    place."""
    signal = pywt.data.ecg().astype(np.float32)
    signal = (signal - signal.mean()) / signal.std()
    peaks, _ = find_peaks(signal, prominence=3)
    ends = [0, *(peaks[:-1] + peaks[1:]) // 2, len(signal)]
    first, last = ends[:-1][beats][0], ends[1:][beats][-1]
    starts = np.arange(first, last - LENGTH + 1, STRIDE)
    places = peaks - starts[:, np.newaxis]
    middle = (places >= MIDDLE[0]) & (places < MIDDLE[1])
    none = ((places < 0) | (places >= LENGTH)).all(axis=1)
    clear = none | middle.any(axis=1)
    x = np.stack([signal[start : start + LENGTH, np.newaxis] for start in starts[clear]])
    y = np.eye(2, dtype=np.float32)[middle[clear].any(axis=1).astype(int)]
    return x, y, np.where(middle, places, 0)[clear].sum(axis=1)


@each_framework
def test_what_tells_a_heart_beat_is_the_beat(framework, monkeypatch):
    x, y, _ = windows(slice(0, 2))
    trained = TRAINERS[framework](x, y, architecture=ARCHITECTURE)
    monkeypatch.setattr(networks, "EPOCHS", 0)
    untrained = TRAINERS[framework](x, y, architecture=ARCHITECTURE)
    x, y, places = windows(slice(2, 3))
    assert accuracy(trained, x, y) > 0.8 > y.mean(axis=0).max()

    x, y, places = (values[y[:, 1] == 1] for values in (x, y, places))
    assert len(x) > 15
    near = np.abs(np.arange(LENGTH) - places[:, np.newaxis]) <= NEAR
    uniform = near.mean(axis=1)
    pointing = {}
    for name, model in {"trained": trained, "untrained": untrained}.items():
        explainer = WaveletSmoothGrad(model, nb_samples=16, relative_noise=0.05, average="gradient")
        maps = explainer.explain_wavelet(x, y).pixels()[..., 0]
        pointing[name] = (maps * near).sum(axis=1) / maps.sum(axis=1)
    assert (pointing["trained"] > 1.5 * uniform).all()
    # An untrained network points there as well, as its units open at what is large; but less so.
    assert pointing["trained"].mean() > 1.2 * pointing["untrained"].mean()
