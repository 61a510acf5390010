"""Classifiers: a model, and what its inputs and outputs mean."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from enum import Enum
from pathlib import Path
from types import ModuleType
from typing import Any

import numpy as np

from ..model import is_keras
from .applications import load_application
from .loaded import Loaded, Shape
from .model_files import load_file, of_keras

IMAGENET = "imagenet"
_MEAN, _DEVIATION = np.array([[0.485, 0.456, 0.406], [0.229, 0.224, 0.225]], np.float32)

Prepare = Callable[[np.ndarray], np.ndarray]
"""What makes an input (H, W) or (H, W, C) of the pixels of an image, between 0 and 255."""


class Preprocess(str, Enum):
    """What is done to the pixels of an image, which are between 0 and 255."""

    none = "none"
    unit = "unit"
    imagenet = "imagenet"
    standardize = "standardize"


@dataclass(frozen=True, eq=False)
class Classifier:
    """
    A model, and what its inputs and outputs mean.

    Parameters
    ----------
    name
        What it is called.
    model, logits, shape, channels_first
        As of `Loaded`.
    prepare
        What makes an input of the pixels of an image.
    class_names
        Names of the classes; empty where they are not known.
    """

    name: str
    model: Any
    logits: Any
    shape: Shape | None
    channels_first: bool
    prepare: Prepare
    class_names: Sequence[str] = ()

    def check_names(self, classes: int) -> None:
        """Raise a ValueError if the names are not one for each class."""
        if self.class_names and len(self.class_names) != classes:
            raise ValueError(
                f"--class-names must be one for each of the model's {classes} outputs, got "
                f"{len(self.class_names)}."
            )

    def label(self, index: int) -> str:
        """What a class is called."""
        known = index < len(self.class_names)
        return self.class_names[index] if known else f"class {index}"

    def describe(self, outputs: np.ndarray, index: int) -> str:
        """What a class is called, and what the model's outputs (classes,) say of it."""
        is_share = (outputs >= 0).all() and abs(outputs.sum() - 1) < 1e-3
        score = f"{outputs[index]:.1%}" if is_share else f"score {outputs[index]:.3g}"
        return f"{self.label(index)} ({score})"

    def index(self, target: str) -> int:
        """
        The class of a name, or of its number.

        Raises
        ------
        ValueError
            If there is no such class.
        """
        if target in self.class_names:
            return list(self.class_names).index(target)
        if target.isdecimal():
            return int(target)
        names = "names are not known" if not self.class_names else "there is none of this name"
        raise ValueError(f"--target must be a class, got {target!r}: {names}.")

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
    """
    Load a classifier.

    Parameters
    ----------
    name
        A file or folder, or the name of a model of `keras.applications`.
    weights
        Weights of the latter: "imagenet", "none" or a file.
    preprocess
        What is done to pixels. By default what belongs to a model of `keras.applications`, nothing
        where a model takes pixels between 0 and 255, else "unit".
    trust
        Whether code in the file may run.
    class_names
        A file of the names of the classes, one a line.

    Returns
    -------
    classifier
        The model.

    Raises
    ------
    FileNotFoundError
        If there is no such file.
    ValueError
        If there is no model in the file, or one that is refused, or no such name; or if the names
        of the classes cannot be read.
    """
    names = () if class_names is None else read_names(class_names)
    path = Path(name)
    if not path.exists() and (path.suffix or len(path.parts) > 1):
        raise FileNotFoundError(f"--model {name} is no file and no folder.")
    found = _of_file(path, trust) if path.exists() else _of_application(name, weights)
    if preprocess is not None:
        found = replace(found, prepare=PREPROCESSING[preprocess])
    return replace(found, class_names=names) if names else found


def read_names(path: Path) -> list[str]:
    """
    Read the names of classes, one a line.

    Raises
    ------
    FileNotFoundError
        If there is no such file.
    ValueError
        If it is no text, or holds no names.
    """
    try:
        lines = path.read_text(encoding="utf-8").splitlines()
    except UnicodeDecodeError as error:
        raise ValueError(f"--class-names {path} is no text: {error}.") from error
    names = [line.strip() for line in lines if line.strip()]
    if not names:
        raise ValueError(f"--class-names {path} is empty.")
    return names


def _of_file(path: Path, trust: bool) -> Classifier:
    found = load_file(path, trust)
    prepare = PREPROCESSING[Preprocess.none if found.scales_itself else Preprocess.unit]
    return _classifier(path.stem, found, prepare)


def _of_application(name: str, weights: str) -> Classifier:
    module, model = load_application(name, None if weights == "none" else weights)
    names = _imagenet_names(module) if weights == IMAGENET else ()
    return _classifier(name, of_keras(model), module.preprocess_input, names)


def _classifier(
    name: str, found: Loaded, prepare: Prepare, class_names: Sequence[str] = ()
) -> Classifier:
    return Classifier(name, *found[:4], prepare, class_names)


def _imagenet_names(module: ModuleType) -> Sequence[str]:
    try:
        decoded = module.decode_predictions(np.eye(1000), top=1)
    except Exception:  # the names are downloaded too
        return ()
    return [label.replace("_", " ") for ((_, label, _),) in decoded]


def _unit(pixels: np.ndarray) -> np.ndarray:
    return pixels / np.float32(255)


def _standardize(pixels: np.ndarray) -> np.ndarray:
    return (pixels - pixels.mean()) / max(float(pixels.std()), 1e-6)


def _imagenet(pixels: np.ndarray) -> np.ndarray:
    if pixels.shape[2:] != (3,):
        raise ValueError("--preprocess imagenet is for models of images with 3 channels.")
    return (_unit(pixels) - _MEAN) / _DEVIATION


PREPROCESSING: dict[Preprocess, Prepare] = {
    Preprocess.none: lambda pixels: pixels,
    Preprocess.unit: _unit,
    Preprocess.imagenet: _imagenet,
    Preprocess.standardize: _standardize,
}
