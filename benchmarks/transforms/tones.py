"""Do explanations name the pitch, to a semitone?"""

from __future__ import annotations

from typing import Any

import numpy as np

import wam_xplique as wam
from wam_xplique.transforms import ConstantQ

from .. import timing
from ..real import crepe, sound
from .settings import Settings

PITCHES = ConstantQ(octaves=6, bins_per_octave=12, sample_rate=float(crepe.SAMPLE_RATE))
HARMONICS = 4
RESOLVED = 262
"""Hz above which a semitone is wider than the 15.6 Hz that a frame of CREPE can tell apart."""
FOUND = 0.95


def measure(settings: Settings, report: timing.Report) -> None:
    """Whether the most important band is the pitch's, to a semitone."""
    listener = sound.LISTENERS["tiny"]
    network = listener.load()
    subject = sound.hear(listener, network, sound.JUDGED, settings.tones, settings.seed)
    energy = PITCHES.over((1,)).forward(subject.inputs.astype(np.float64))
    loud = [(band**2).sum(axis=(1, 2)) for level in energy[1:] for band in level.values()]
    chosen = {
        method: _importance(method, network, subject, settings).argmax(axis=1)
        for method in ("WaveletIntegratedGradients", "WaveletSquareGrad")
    }
    chosen["control: energy"] = np.stack(loud, axis=1).argmax(axis=1)
    harmonics = subject.pitches[:, np.newaxis, np.newaxis] * np.arange(1, HARMONICS + 1)
    centres = PITCHES.centres().ravel()
    apart = np.abs(12 * np.log2(centres[:, np.newaxis] / harmonics))  # (N, bands, harmonics)
    right = {"pitch or harmonic": apart.min(axis=2) < 1, "pitch": apart[..., 0] < 1}
    high, numbers = subject.pitches > RESOLVED, np.arange(len(subject.inputs))
    told = {
        name: {t: found[numbers, best] for t, found in right.items()}
        for name, best in chosen.items()
    }
    told["control: a band at random"] = {t: found.mean(axis=1) for t, found in right.items()}
    rows: list[timing.Row] = [
        {"chosen by": name}
        | {truth: float(found.mean()) for truth, found in hits.items()}
        | {f"pitch, above {RESOLVED} Hz": float(hits["pitch"][high].mean())}
        for name, hits in told.items()
    ]
    title = f"{len(numbers)} tones in noise, {high.sum()} above {RESOLVED} Hz, to a semitone"
    report.tables[title] = rows
    for truth in [*rows[0]][1::2]:
        target = timing.Target(f"WAM-IG, {truth}", rows[0][truth], FOUND, at_least=True)
        report.targets.append(target)


def _importance(method: str, network: Any, subject: sound.Heard, settings: Settings) -> np.ndarray:
    """The shares (N, bands) of the bands, without the low-pass."""
    explainer = getattr(wam, method)(network, transform=PITCHES, **settings.options(method))
    found = explainer.explain_wavelet(subject.inputs, subject.targets).band_importance()
    return np.stack([*found.values()][1:], axis=1)
