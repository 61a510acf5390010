"""Explain an ImageNet model on a photograph of one's own."""

from __future__ import annotations

from pathlib import Path
from types import ModuleType

import keras
import numpy as np
from PIL import Image

from ..attributions import WaveletIntegratedGradients, WaveletSmoothGrad
from ..datasets import load_image
from ..datasets.images import middle
from ..loading.applications import load_application, without_softmax
from ..plots import plot_explanation
from ..plots.drawing import save_figure
from .photographs import SIZE, missing, probabilities, words


def explain_photograph(
    path: Path, model_name: str | None, out: Path, weights: str | None = "imagenet"
) -> None:
    """
    Explain the top class of an ImageNet model on a photograph, by WAM-SG and WAM-IG.

    Parameters
    ----------
    path
        Photograph, in any format that Pillow reads.
    model_name
        Name of a model of `keras.applications`; by default EfficientNet-Lite0, or MobileNetV2
        where the extra `real` is not installed.
    out
        Folder for the figures and the explanations.
    weights
        Weights of the model, as `keras.applications` takes them.

    Raises
    ------
    FileNotFoundError, ValueError
        If the photograph, the model or its weights cannot be had.
    """
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


def _see(picture: Image.Image, name: str, weights: str | None) -> Seen:
    """By a model of `keras.applications`, the whole picture."""
    module, model = load_application(name, weights)
    pixels = np.asarray(picture.resize(model.input_shape[1:3][::-1]), np.float32)
    x = module.preprocess_input(pixels[np.newaxis].copy())
    seen = _describe(module, model.predict(x, verbose=0))
    return pixels, x, without_softmax(model), f"{name} sees {seen}"


def _see_by_lite0(picture: Image.Image) -> Seen:
    """By EfficientNet-Lite0, the square in the middle of the picture."""
    from ..benchmarks.real.networks import load_keras, preprocess

    model, pixels = load_keras(), middle(picture, SIZE, 0.875)
    x = preprocess(pixels[np.newaxis])
    return pixels, x, model, f"EfficientNet-Lite0 sees {words(probabilities(model(x))[0], 1)}"


def _describe(module: ModuleType, scores: np.ndarray) -> str:
    try:
        _, label, probability = module.decode_predictions(scores, top=1)[0][0]
    except Exception:  # the names of the classes are downloaded too
        return f"class {int(scores.argmax())} ({scores.max():.0%})"
    return f"{label.replace('_', ' ')} ({probability:.0%})"
