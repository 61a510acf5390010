"""Models of `keras.applications`, and classifiers without their softmax."""

from __future__ import annotations

import inspect
from types import ModuleType
from typing import Any

import keras


def load_application(name: str, weights: str | None = "imagenet") -> tuple[ModuleType, keras.Model]:
    """A model of `keras.applications` by its name, and the module that has its preprocessing."""
    module, constructor = find_application(name)
    try:
        return module, constructor(weights=weights)
    except Exception as error:  # keras raises a bare Exception when a download fails
        raise ValueError(
            f"The {weights} weights of {name} could not be loaded; they are downloaded on first "
            f"use, which needs a connection. {error}"
        ) from error


def find_application(name: str) -> tuple[ModuleType, Any]:
    """The module that has the preprocessing of a model by its name, and what makes the model."""
    known = vars(keras.applications)
    names = [one for one, found in known.items() if inspect.isfunction(found)]
    if name not in names:
        raise ValueError(f"--model {name} is not among keras.applications: {', '.join(names)}.")
    modules = filter(inspect.ismodule, known.values())
    return next(module for module in modules if hasattr(module, name)), known[name]


def without_softmax(model: keras.Model) -> keras.Model:
    """A classifier up to its logits, sharing its weights; one that ends in no softmax, itself."""
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
