"""Train classifiers of sounds in both frameworks; explain, draw and hear their explanations."""

from __future__ import annotations

import shutil
from collections.abc import Callable, Sequence
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import Any

import keras
import numpy as np
from matplotlib.axes import Axes

from ..coefficients import map_bands
from ..datasets import save_wav
from ..explanation import WaveletExplanation
from ..plots import plot_scalogram, plot_spectrogram, plot_waveform
from ..plots.drawing import save_figure, scale_labels
from . import networks, pipeline
from .data import DIGITS, SAMPLE_RATE, SOUNDS, Data, sounds, spoken_digits

# Sounds of each class: digits, or synthetic sounds, of which there are fewer classes.
DIGITS_TRAINING, DIGITS_HELD_OUT = 100, 20
SOUNDS_TRAINING, SOUNDS_HELD_OUT = 150, 50
OPTIONS: dict[str, Any] = {"wavelet": "db4", "level": 6, "include_approximation": True}
KEEP = 0.1
SHOWN = ("six", "eight", "chirp", "click")
HERTZ = (250, 500, 1000, 2000)
TITLES = (
    "waveform, coloured by importance",
    "importance by frequency",
    "mel spectrogram",
    f"its most important {KEEP:.0%}",
)

KINDS = ("waveform", "mel")
TRAINERS: dict[tuple[str, str], Callable[..., Any]] = {
    ("Keras", "waveform"): partial(networks.train_keras, architecture=networks.WAVEFORMS),
    ("Keras", "mel"): networks.train_mel_keras,
    ("PyTorch", "waveform"): partial(networks.train_torch, architecture=networks.WAVEFORMS),
    ("PyTorch", "mel"): networks.train_mel_torch,
}


def run(out: Path, samples: int) -> None:
    """Run the demo on held-out sounds, and write its figure, explanations and sounds."""
    out.mkdir(parents=True, exist_ok=True)
    training, held_out, classes = _data()
    x, y = (values[:samples] for values in held_out)
    names = [classes[label] for label in y.argmax(-1)]
    accuracies, shares, drawn, bands = [], {}, {}, []
    for framework in pipeline.frameworks():
        for kind in KINDS:
            first, later = ((_inputs(kind, v), labels) for v, labels in (training, held_out))
            trainer, name = TRAINERS[framework, kind], f"{framework}, {kind}"
            model = pipeline.train(name, trainer, first, later, "sounds")
            words, seen = ("sound", framework, kind), later[0][:samples]
            found = pipeline.explain(out, words, x=seen, y=y, **_parts(kind, model), **OPTIONS)
            accuracies.append((framework, kind, _accuracies(model, seen, y, found)))
            for method, explanation in found.items():
                bands = scale_labels(explanation, SAMPLE_RATE)
                shares[framework, kind, method] = explanation.scale_importance().mean(axis=0)
                if kind == "mel":
                    drawn[method, framework] = explanation
    shown = pipeline.first_of(SHOWN, names)
    _draw(x, names, shown, drawn, out)
    if pipeline.installed("soundfile", "soundfile", "wav files are", "audio"):
        _write(x, names, shown, drawn, out)
    print(f"\nAccuracy on {len(x)} held-out sounds: whole, and from {KEEP:.0%} of the")
    print("coefficients, the most important by each method, the largest, or random ones")
    rows = [[*words, *(f"{share:.0%}" for share in found.values())] for *words, found in accuracies]
    print(pipeline.table(["framework", "model", *accuracies[0][-1]], rows, labels=2))
    print("\nShare of each frequency band in the explanations")
    print(pipeline.table_of_shares(("framework", "model", "method"), bands, shares))
    print(f"\nFigure, explanations and sounds are in {out}/")


def _data() -> tuple[Data, Data, Sequence[str]]:
    """Sounds to train on and others to hold out, and the names of their classes."""
    if shutil.which("espeak-ng") is None:
        print(
            "The sounds are synthetic: espeak-ng, which would say digits, is not installed "
            "(apt-get install espeak-ng)."
        )
        return sounds(SOUNDS_TRAINING, seed=0), sounds(SOUNDS_HELD_OUT, seed=1), SOUNDS
    print("The sounds are digits, as espeak-ng is installed to say them.")
    say = partial(spoken_digits, verbose=True)
    return say(DIGITS_TRAINING, seed=0), say(DIGITS_HELD_OUT, seed=1), DIGITS


def _inputs(kind: str, x: np.ndarray) -> np.ndarray:
    """Sounds as a classifier takes them: (N, T, 1), or (N, T) before the spectrogram."""
    return x[..., np.newaxis] if kind == "waveform" else x


def _parts(kind: str, model: Any) -> dict[str, Any]:
    """What an explainer takes: the whole classifier, or what follows its front end, and that."""
    if kind == "waveform":
        return {"model": model}
    front_end, classifier = model.layers if isinstance(model, keras.Model) else model
    return {"model": classifier, "front_end": front_end}


def _accuracies(
    model: Any, x: np.ndarray, y: np.ndarray, found: dict[str, WaveletExplanation]
) -> dict[str, float]:
    """Accuracies on sounds and on what few coefficients say: important, or chosen blindly."""
    one = next(iter(found.values()))
    bands, generator = one.transform.forward(x), np.random.default_rng(0)
    blind = {
        "largest": map_bands(np.abs, bands),
        "random": map_bands(lambda band: generator.random(band.shape), bands),
    }
    blindly = {n: replace(one, coefficients=z, front_end=None) for n, z in blind.items()}
    kept = {name: e.reconstruct(x, KEEP) for name, e in (found | blindly).items()}
    return {n: pipeline.accuracy(model, left, y) for n, left in {"whole": x, **kept}.items()}


def _draw(
    x: np.ndarray, names: Sequence[str], shown: Sequence[int], found: pipeline.Found, out: Path
) -> None:
    """One row a sound, a method and a framework; both sides of the front end (WAM figure 4)."""
    spectrograms = np.asarray(networks.mel_keras()(x))[..., 0]

    def draw(row: Sequence[Axes], explanation: WaveletExplanation, index: int) -> None:
        plot_waveform(explanation, x[index], SAMPLE_RATE, index, row[0])
        plot_scalogram(explanation, SAMPLE_RATE, index, row[1])
        seen, hop = spectrograms[index], round(networks.HOP * SAMPLE_RATE)
        importance = np.asarray(explanation.front_end)[index].reshape(seen.shape)
        for ax, values in ((row[2], None), (row[3], importance)):
            plot_spectrogram(seen, values, SAMPLE_RATE, hop, ax, mask=1 - KEEP)
            ax.set_yticks(networks.mel_places(HERTZ), [str(hertz) for hertz in HERTZ])
            ax.set_ylabel("frequency (Hz)", fontsize=8)

    grid = len(TITLES), (13, 1.5), 0.4
    figure, axes = pipeline.draw_rows(shown, names, found, draw, *grid, sharex=True)
    for ax, title in zip(axes[0], TITLES, strict=True):
        ax.set_title(title, fontsize=10)
    for ax in axes[:-1].ravel():
        ax.set_xlabel("")
    save_figure(figure, out / "sound.png", dpi=90)


def _write(
    x: np.ndarray, names: Sequence[str], shown: Sequence[int], found: pipeline.Found, out: Path
) -> None:
    """Write the sounds that are drawn, and what their most important coefficients say."""
    heard = {("input",): x} | {k: e.reconstruct(x, KEEP) for k, e in found.items()}
    for key, waveforms in heard.items():
        for index in shown:
            path = out / f"{pipeline.file_name('sound', names[index], *reversed(key))}.wav"
            save_wav(path, waveforms[index], SAMPLE_RATE)
