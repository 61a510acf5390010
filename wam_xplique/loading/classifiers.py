"""Classifiers: a model, and what its inputs and outputs mean."""

from __future__ import annotations

import contextlib
import inspect
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from types import ModuleType
from typing import Any

import keras
import numpy as np

from ..model import is_keras
from .model_files import Shape, load_file, of_keras
from .preprocessing import PREPROCESSING, Prepare, Preprocess

IMAGENET = "imagenet"


@dataclass(frozen=True, eq=False)
class Classifier:
    """A model, and what its inputs and outputs mean; fields that it shares are as of `Loaded`."""

    name: str
    model: Any
    logits: Any
    shape: Shape | None
    channels_first: bool
    prepare: Prepare
    class_names: Sequence[str] = ()  # empty where they are not known

    def check_names(self, classes: int) -> None:
        """Raise a ValueError if the names are not one for each class."""
        if self.class_names and len(self.class_names) != classes:
            raise ValueError(
                f"--class-names must be one for each of the model's {classes} outputs, got "
                f"{len(self.class_names)}."
            )

    def describe(self, outputs: np.ndarray, index: int) -> str:
        """What a class is called, and what the model's outputs (classes,) say of it."""
        is_share = (outputs >= 0).all() and abs(outputs.sum() - 1) < 1e-3
        score = f"{outputs[index]:.1%}" if is_share else f"score {outputs[index]:.3g}"
        name = self.class_names[index] if index < len(self.class_names) else f"class {index}"
        return f"{name} ({score})"

    def index(self, target: str, name: str = "--target") -> int:
        """The class of a name, or of its number; errors call it `name`."""
        if target in self.class_names:
            return list(self.class_names).index(target)
        if target.isdecimal():
            return int(target)
        names = "names are not known" if not self.class_names else "there is none of this name"
        raise ValueError(f"{name} must be a class, got {target!r}: {names}.")

    def native(self, x: np.ndarray, ndim: int) -> Any:
        """Inputs, channels last and with `ndim` spatial axes, as the model takes them."""
        if not self.channels_first:
            return x
        first = np.ascontiguousarray(np.moveaxis(x, -1, 1) if x.ndim == ndim + 2 else x)
        if is_keras(self.model):
            return first
        import torch

        return torch.tensor(first)


def load_model(
    name: str,
    weights: str = IMAGENET,
    preprocess: Preprocess | None = None,
    trust: bool = False,
    class_names: Path | None = None,
) -> Classifier:
    """The classifier of a file or a folder, or of `keras.applications` by its name. `weights` of
    the latter are "imagenet", "none" or a file; `trust` lets code in a file run."""
    names: Sequence[str] = () if class_names is None else _read_names(class_names)
    path = Path(name)
    if not path.exists() and (path.suffix or len(path.parts) > 1):
        raise FileNotFoundError(f"--model {name} is no file and no folder.")
    if path.exists():
        found = load_file(path, trust)
        prepare = PREPROCESSING[Preprocess.none if found.scales_itself else Preprocess.unit]
        name = path.stem
    else:
        module, model = _application(name, None if weights == "none" else weights)
        found, prepare = of_keras(model), module.preprocess_input
        if weights == IMAGENET and not names:
            # Without a connection there are none: the names are downloaded too.
            with contextlib.suppress(Exception):
                decoded = module.decode_predictions(np.eye(1000), top=1)
                names = [label.replace("_", " ") for ((_, label, _),) in decoded]
    if preprocess is not None:
        prepare = PREPROCESSING[preprocess]
    return Classifier(name, *found[:4], prepare, names)


def _application(name: str, weights: str | None) -> tuple[ModuleType, keras.Model]:
    """The module with a model's preprocessing, and the model."""
    known = vars(keras.applications)
    names = [one for one, found in known.items() if inspect.isfunction(found)]
    if name not in names:
        raise ValueError(f"--model {name} is not among keras.applications: {', '.join(names)}.")
    module = next(m for m in known.values() if inspect.ismodule(m) and hasattr(m, name))
    try:
        return module, known[name](weights=weights)
    except Exception as error:  # keras raises a bare Exception when a download fails
        raise ValueError(
            f"The {weights} weights of {name} could not be loaded; they are downloaded on first "
            f"use, to ~/.keras/models, which needs a connection. {error}"
        ) from error


def _read_names(path: Path) -> list[str]:
    """The names of classes, one a line."""
    try:
        text = path.read_text(encoding="utf-8")
    except UnicodeDecodeError as error:
        raise ValueError(f"--class-names {path} is no text: {error}.") from error
    names = [line.strip() for line in text.splitlines() if line.strip()]
    if not names:
        raise ValueError(f"--class-names {path} is empty.")
    return names
