"""The pictures of the pages of the methods: python docs/pictures.py"""

from __future__ import annotations

from pathlib import Path

import matplotlib as mpl
import matplotlib.pyplot as plt
import numpy as np
import torch
from matplotlib.figure import Figure

from wam_xplique import attributions
from wam_xplique.benchmarks.real.networks import load_torch, preprocess
from wam_xplique.datasets import imagenet_photographs
from wam_xplique.plots import plot_overlay, plot_radial_importance, plot_spectrum

FOLDER = Path(__file__).parent / "methods"
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


def main() -> None:
    """Write a picture for each method."""
    mpl.use("Agg")
    network = load_torch("lite0")
    photograph = imagenet_photographs().images[DALMATIAN : DALMATIAN + 1]
    for name in METHODS:
        figure = picture(name, network, photograph)
        figure.savefig(FOLDER / f"{name}.jpg", dpi=80, pil_kwargs={"quality": 85})
        plt.close(figure)


if __name__ == "__main__":
    main()
