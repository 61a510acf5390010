"""Explain an ImageNet model of `keras.applications` on a photograph of one's own."""

from __future__ import annotations

import importlib
import inspect
from pathlib import Path
from types import ModuleType
from typing import Any

import keras
import matplotlib.pyplot as plt
import numpy as np

from ..attributions import WaveletIntegratedGradients, WaveletSmoothGrad
from ..datasets import load_image
from ..plots import plot_explanation
from .messages import DemoError


def explain_photograph(
    path: Path, model_name: str, out: Path, weights: str | None = "imagenet"
) -> None:
    """
    Explain the top class of an ImageNet model on a photograph, by WAM-SG and WAM-IG.

    Parameters
    ----------
    path
        Photograph, in any format that Pillow reads.
    model_name
        Name of a model of `keras.applications`.
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
    module, model = load_application(model_name, weights)
    size = model.input_shape[1:3]
    resized = np.asarray(picture.resize(size[::-1]), np.float32)
    x = module.preprocess_input(resized[np.newaxis].copy())
    scores = model.predict(x, verbose=0)
    target = np.eye(scores.shape[-1], dtype=np.float32)[scores.argmax(-1)]
    title = _describe(module, scores)
    print(f"{model_name} sees {title}")
    out.mkdir(parents=True, exist_ok=True)
    logits = without_softmax(model)
    for name, explainer in {
        "wam_sg": WaveletSmoothGrad(logits, nb_samples=25, relative_noise=0.1, verbose=True),
        "wam_ig": WaveletIntegratedGradients(logits, verbose=True),
    }.items():
        explanation = explainer.explain_wavelet(x, target)
        explanation.save(out / f"{path.stem}_{name}.npz")
        figure = plot_explanation(explanation, resized, title=f"{title} ({name})")
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


def _describe(module: ModuleType, scores: np.ndarray) -> str:
    try:
        _, label, probability = module.decode_predictions(scores, top=1)[0][0]
    except Exception:  # the names of the classes are downloaded too
        return f"class {int(scores.argmax())} ({scores.max():.0%})"
    return f"{label.replace('_', ' ')} ({probability:.0%})"
