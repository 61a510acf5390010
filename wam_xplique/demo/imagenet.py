"""Explain an ImageNet model on a photograph of one's own."""

from __future__ import annotations

from pathlib import Path

import keras
import numpy as np
from PIL import Image

from ..attributions import WaveletIntegratedGradients, WaveletSmoothGrad
from ..datasets import load_image
from ..datasets.images import middle
from ..loading.classifiers import IMAGENET, load_model
from ..plots import plot_explanation
from ..plots.drawing import save_figure
from .photographs import SIZE, missing, probabilities, words


def explain_photograph(
    path: Path, model_name: str | None, out: Path, weights: str = IMAGENET
) -> None:
    """Explain the top class on a photograph, by a model of keras.applications or the default."""
    picture = load_image(path)
    if model_name is None and not missing():
        pixels, x, logits, title = _see_by_lite0(picture)
    else:
        pixels, x, logits, title = _see(picture, model_name or "MobileNetV2", weights)
    print(title)
    scores = np.asarray(logits(x))
    target = np.eye(scores.shape[-1], dtype=np.float32)[scores.argmax(-1)]
    out.mkdir(parents=True, exist_ok=True)
    for name, explainer in {
        "wam_sg": WaveletSmoothGrad(logits, nb_samples=25, relative_noise=0.1, verbose=True),
        "wam_ig": WaveletIntegratedGradients(logits, verbose=True),
    }.items():
        explanation = explainer.explain_wavelet(x, target)
        explanation.save(out / f"{path.stem}_{name}.npz")
        figure = plot_explanation(explanation, pixels, title=f"{title} ({name})")
        save_figure(figure, out / f"{path.stem}_{name}.png", dpi=110)
    print(f"Figures and explanations are in {out}/")


Seen = tuple[np.ndarray, np.ndarray, keras.Model, str]
"""The pixels that a model sees, its input, its logits, and what it sees in words."""


def _see(picture: Image.Image, name: str, weights: str) -> Seen:
    """By a model of `keras.applications`, the whole picture."""
    classifier = load_model(name, weights)
    pixels = np.asarray(picture.resize(classifier.model.input_shape[2:0:-1]), np.float32)
    x = classifier.prepare(pixels[np.newaxis].copy())
    outputs = classifier.model.predict(x, verbose=0)[0]
    seen = classifier.describe(outputs, outputs.argmax())
    return pixels, x, classifier.logits, f"{name} sees {seen}"


def _see_by_lite0(picture: Image.Image) -> Seen:
    """By EfficientNet-Lite0, the square in the middle of the picture."""
    from ..benchmarks.real.networks import load_keras, preprocess

    model, pixels = load_keras(), middle(picture, SIZE, 0.875)
    x = preprocess(pixels[np.newaxis])
    return pixels, x, model, f"EfficientNet-Lite0 sees {words(probabilities(model(x))[0], 1)}"
