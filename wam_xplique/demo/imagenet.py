"""Explain an ImageNet model on a photograph of one's own."""

from __future__ import annotations

import importlib
import inspect
from pathlib import Path
from types import ModuleType
from typing import Any

import keras
import matplotlib.pyplot as plt
import numpy as np
from PIL import Image

from ..attributions import WaveletIntegratedGradients, WaveletSmoothGrad
from ..datasets import load_image
from ..datasets.images import middle
from ..plots import plot_explanation
from .messages import DemoError
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
        figure.savefig(out / f"{path.stem}_{name}.png", dpi=110)
        plt.close(figure)
    print(f"Figures and explanations are in {out}/")


def load_application(name: str, weights: str | None = "imagenet") -> tuple[ModuleType, keras.Model]:
    """
    Load a model of `keras.applications`.

    Parameters
    ----------
    name
        Its name, such as "MobileNetV2".
    weights
        Its weights, as `keras.applications` takes them; they are downloaded on first use.

    Returns
    -------
    module
        The module that holds its preprocessing.
    model
        The model.

    Raises
    ------
    DemoError
        If there is no such model, or its weights cannot be had.
    """
    module, constructor = find_application(name)
    try:
        return module, constructor(weights=weights)
    except Exception as error:  # keras raises a bare Exception when a download fails
        raise DemoError(
            f"The {weights} weights of {name} could not be loaded; they are downloaded on first "
            f"use, which needs a connection. {error}"
        ) from error


def find_application(name: str) -> tuple[ModuleType, Any]:
    """
    Find a model of `keras.applications`.

    Parameters
    ----------
    name
        Its name, such as "MobileNetV2".

    Returns
    -------
    module
        The module that holds its preprocessing.
    constructor
        What makes the model.

    Raises
    ------
    DemoError
        If there is no such model.
    """
    constructor = getattr(keras.applications, name, None)
    if not inspect.isfunction(constructor):
        names = [n for n, f in vars(keras.applications).items() if inspect.isfunction(f)]
        raise DemoError(f"--model {name} is not among keras.applications: {', '.join(names)}.")
    for module in vars(keras.applications).values():
        if inspect.ismodule(module) and hasattr(module, name):
            return importlib.import_module(module.__name__), constructor
    raise DemoError(f"keras.applications has no preprocessing for {name}.")


def without_softmax(model: keras.Model) -> keras.Model:
    """
    Take the softmax off a classifier.

    Parameters
    ----------
    model
        Keras model; any that does not end in a softmax is handed back.

    Returns
    -------
    logits
        The model up to its logits, sharing its weights.
    """
    head, inputs = model.layers[-1], getattr(model, "inputs", None)
    if not inputs:  # a subclass, which knows no graph of its layers
        return model
    inputs = inputs[0] if len(inputs) == 1 else inputs
    if isinstance(head, keras.layers.Softmax):
        return keras.Model(inputs, head.input)
    if getattr(head, "activation", None) is not keras.activations.softmax:
        return model
    config = {**head.get_config(), "activation": None, "name": f"{head.name}_logits"}
    logits = type(head).from_config(config)
    outputs = logits(head.input)
    logits.set_weights(head.get_weights())
    return keras.Model(inputs, outputs)


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
