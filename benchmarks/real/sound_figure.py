"""What CREPE attends to in noise, to look at and to listen to."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
from matplotlib.figure import Figure

from wam_xplique.coefficients import WaveletTransform, levels
from wam_xplique.datasets import save_wav
from wam_xplique.plots.drawing import save_figure

from .. import methods
from ..compare.subjects import Subject
from . import crepe, pitched
from .judged import explain

SHOWN = {"WAM-IG": "WaveletIntegratedGradients", "SquareGrad": "WaveletSquareGrad"}
KEEP = 0.05
"""Share of the coefficients that are kept to be heard."""


def write_example(
    subject: Any, makers: methods.Makers, transform: WaveletTransform, folder: Path
) -> None:
    """
    Draw a tone of middle pitch: its spectrum, and its bands.

    Parameters
    ----------
    subject
        Tones in noise, and their pitches.
    makers
        What makes explainers, those of `SHOWN` among them.
    transform
        What the tones are explained in.
    folder
        Where ``crepe.png`` goes.
    """
    folder.mkdir(parents=True, exist_ok=True)
    pitches = np.log(subject.pitches)
    number = int(np.abs(pitches - pitches.mean()).argmin())
    one = subject.part(slice(number, number + 1))
    found = {name: explain(makers[key], one) for name, key in SHOWN.items()}
    left = found["WAM-IG"].reconstruct(one.inputs, KEEP)
    frames = {"before": one.inputs[0, :, 0], "after": left[0, :, 0]}
    bands = {name: each.scale_importance()[0] for name, each in found.items()}
    figure = draw(frames, subject.pitches[number], bands, transform)
    save_figure(figure, folder / "crepe.png", dpi=100)


def write_sounds(make: Callable[[], Any], network: Any, folder: Path, seed: int = 0) -> None:
    """
    Write a sung vowel under noise, and what an explainer leaves of it.

    Frames that overlap by half are explained one by one, the most important coefficients of each
    are kept, and the frames are faded into each other.

    Parameters
    ----------
    make
        What makes the explainer of the network.
    network
        CREPE.
    folder
        Where ``before.wav`` and ``after.wav`` go.
    seed
        Seed of the vowel.
    """
    waveform, _ = pitched.vowels(1, crepe.SAMPLE_RATE, crepe.SAMPLE_RATE, seed)
    noisy = pitched.under_noise(waveform, crepe.SAMPLE_RATE, seed + 1)[0]
    hop = crepe.FRAME // 2
    starts = np.arange(0, len(noisy) - crepe.FRAME + 1, hop)
    frames = noisy[starts[:, np.newaxis] + np.arange(crepe.FRAME)]
    subject = Subject("a vowel", network, crepe.normalize(frames)[..., np.newaxis])
    left = explain(make, subject).reconstruct(subject.inputs, KEEP)[..., 0]
    window = np.hanning(crepe.FRAME + 1)[:-1]  # with its copy shifted by half, it sums to 1
    after = np.zeros_like(noisy)
    for start, frame, scale in zip(starts, left, frames.std(axis=1), strict=True):
        after[start : start + crepe.FRAME] += window * scale * frame
    loudest = np.abs(noisy).max() / 0.9
    for name, sound in {"before": noisy, "after": after}.items():
        save_wav(folder / f"{name}.wav", sound / loudest, crepe.SAMPLE_RATE)


def draw(
    frames: dict[str, np.ndarray],
    pitch: float,
    found: dict[str, np.ndarray],
    transform: WaveletTransform,
) -> Figure:
    """
    Draw the spectrum of a tone, and its bands by energy and by methods.

    Parameters
    ----------
    frames
        The frame before and after the most important coefficients were kept.
    pitch
        Hz.
    found
        Shares of the bands, by the method.
    transform
        What the bands are of.
    """
    bands = pitched.octaves(crepe.SAMPLE_RATE, transform.level)
    right = pitched.right_bands(np.array([pitch]), crepe.SAMPLE_RATE, transform.level)[0]
    z = transform.forward(frames["before"][np.newaxis].astype(np.float64))
    energy = np.array([sum((b**2).sum() for b in level.values()) for level in levels(z, 1)])
    shares = {"Energy": energy / energy.sum(), **found}
    figure = Figure((11, 3.8), layout="constrained")
    spectrum, *panels = figure.subplots(1, 1 + len(shares), width_ratios=[2.2] + [1] * len(shares))
    frequencies = np.fft.rfftfreq(crepe.FRAME, 1 / crepe.SAMPLE_RATE)
    for (name, frame), colour in zip(frames.items(), ("0.75", "C0"), strict=True):
        magnitude = np.abs(np.fft.rfft(frame * np.hanning(len(frame))))
        label = "as heard" if name == "before" else f"{KEEP:.0%} of coefficients kept"
        spectrum.plot(frequencies[1:], magnitude[1:], color=colour, label=label)
    spectrum.set(xscale="log", xlabel="Hz", yticks=[], title=f"A tone of {pitch:.0f} Hz in noise")
    spectrum.set_xlim(bands[0, 1] / 2, bands[-1, 1])
    spectrum.axvline(pitch, color="C3", linestyle=":", label="pitch")
    spectrum.legend(loc="upper right", frameon=False)
    labels = [f"{low:.0f}-{high:.0f} Hz" for low, high in bands]
    for panel, (name, values) in zip(panels, shares.items(), strict=True):
        panel.barh(labels, values, color=np.where(right, "C0", "0.75"))
        panel.set(title=name, xlim=(0, 1), xlabel="share")
        if panel is not panels[0]:
            panel.set_yticklabels([])
    figure.suptitle("Blue bands hold the pitch or one of its first four harmonics", fontsize=10)
    return figure
