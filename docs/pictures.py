"""The pictures of the pages of the methods and of the transforms: python docs/pictures.py"""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import matplotlib as mpl
import matplotlib.pyplot as plt
import numpy as np
import torch
from matplotlib.figure import Figure
from skimage.data import brick

from wam_xplique import WaveletExplanation, attributions
from wam_xplique.benchmarks.real import crepe, pitched
from wam_xplique.benchmarks.real.networks import load_torch, preprocess
from wam_xplique.coefficients import map_bands
from wam_xplique.datasets import imagenet_photographs
from wam_xplique.plots import (
    plot_directions,
    plot_overlay,
    plot_radial_importance,
    plot_scalogram,
    plot_spectrum,
)
from wam_xplique.transforms import ConstantQ, Steerable

DOCS = Path(__file__).parent
DALMATIAN = 16
NOISE = {"nb_samples": 25, "relative_noise": 0.25}
EXACT = {"until": {"delta": 0.05}, "include_approximation": True}
SOBOL = {"nb_design": 16, "confidence": None}
METHODS = {
    "saliency": ("WaveletSaliency", {}),
    "gradient_input": ("WaveletGradientInput", {}),
    "smoothgrad": ("WaveletSmoothGrad", NOISE),
    "square_grad": ("WaveletSquareGrad", NOISE),
    "vargrad": ("WaveletVarGrad", NOISE),
    "integrated_gradients": ("WaveletIntegratedGradients", EXACT),
    "wcam": ("WCAM", {"grid_size": 14, "partition": "subband", "refine": 0.03, **SOBOL}),
    "fam": ("FAM", {"grid_size": 28, **SOBOL}),
}


def picture(name: str, network: torch.nn.Module, photograph: np.ndarray) -> Figure:
    """What a network sees in a photograph (1, 224, 224, 3), by a method."""
    method, options = METHODS[name]
    images = torch.tensor(preprocess(photograph)).permute(0, 3, 1, 2)
    labels = network(images).argmax(-1)
    explainer = getattr(attributions, method)(network, **options)
    if name != "fam":
        explanation = explainer.explain_wavelet(images, labels)
        return plot_overlay(explanation, photograph, titles=["Dalmatian"], scales=True)
    explanation = explainer.explain_fourier(images, labels)
    figure, axes = plt.subplots(1, 3, figsize=(11, 3.2), layout="constrained")
    axes[0].imshow(photograph[0].astype(np.uint8))
    axes[0].set(title="Dalmatian", xticks=[], yticks=[])
    plot_spectrum(explanation, ax=axes[1])
    plot_radial_importance(explanation, ax=axes[2])
    return figure


def directions(network: torch.nn.Module) -> Figure:
    """Which directions of a brick wall a network sees, above what has energy."""
    wall = brick()[:448, :448].reshape(224, 2, 224, 2).mean((1, 3))
    photograph = np.repeat(wall[np.newaxis, ..., np.newaxis], 3, axis=-1)
    image = torch.tensor(preprocess(photograph)).permute(0, 3, 1, 2)
    explainer = attributions.WaveletIntegratedGradients(network, transform=Steerable(), **EXACT)
    explanation = explainer.explain_wavelet(image, network(image).argmax(-1))
    figure, rows = plt.figure(figsize=(10, 4.8), layout="constrained"), ("abc", "def")
    polar = {name: {"projection": "polar"} for name in "".join(rows)}
    panels = figure.subplot_mosaic([["w", *row] for row in rows], per_subplot_kw=polar)
    panels["w"].imshow(wall, cmap="gray")
    panels["w"].set(xticks=[], yticks=[])
    for row, found in zip(rows, (explanation, energy(explanation, photograph)), strict=True):
        plot_directions(found, axes=[panels[name] for name in row])
    panels["a"].set_ylabel("WAM-IG", labelpad=28)
    panels["d"].set_ylabel("control: energy", labelpad=28)
    return figure


def pitch() -> Figure:
    """Which notes of a voice under noise a network hears, beside what has energy."""
    voices, pitches = pitched.vowels(3, crepe.FRAME, crepe.SAMPLE_RATE, seed=1)
    frames = crepe.normalize(pitched.under_noise(voices, crepe.SAMPLE_RATE, seed=1))
    sounds, network = torch.tensor(frames), crepe.load_crepe()
    notes = ConstantQ(octaves=7, analytic=True, sample_rate=crepe.SAMPLE_RATE)
    explainer = attributions.WaveletIntegratedGradients(network, transform=notes, **EXACT)
    explanation = explainer.explain_wavelet(sounds, network(sounds).argmax(-1))
    figure, axes = plt.subplots(1, 2, figsize=(10, 3), layout="constrained")
    both = {"WAM-IG": explanation, "control: energy": energy(explanation, frames)}
    for ax, (name, found) in zip(axes, both.items(), strict=True):
        plot_scalogram(found, index=2, ax=ax)
        ax.set_title(f"{name}, a voice at {pitches[2]:.0f} Hz", fontsize=10)
    return figure


def energy(explanation: WaveletExplanation, inputs: np.ndarray) -> WaveletExplanation:
    """The explanation that takes what is loud for what is important."""
    bands = map_bands(np.square, explanation.transform.forward(inputs.astype(float)))
    if bands[0].ndim > explanation.coefficients[0].ndim:
        bands = map_bands(lambda band: band.mean(axis=-1), bands)
    return replace(explanation, coefficients=bands)


def write(figure: Figure, name: str) -> None:
    """Write a picture into this folder."""
    figure.savefig(DOCS / f"{name}.jpg", dpi=80, pil_kwargs={"quality": 85})
    plt.close(figure)


def main() -> None:
    """Write a picture for each method, and two for the transforms."""
    mpl.use("Agg")
    network = load_torch("lite0")
    photograph = imagenet_photographs().images[DALMATIAN : DALMATIAN + 1]
    for name in METHODS:
        figure = picture(name, network, photograph)
        write(figure, f"methods/{name}")
    write(directions(network), "extending/directions")
    write(pitch(), "extending/pitch")


if __name__ == "__main__":
    main()
