"""What is done to the pixels of an image before a model sees them."""

from __future__ import annotations

import json
import runpy
from collections.abc import Callable, Mapping
from dataclasses import dataclass, fields
from enum import Enum
from pathlib import Path
from typing import Any

import numpy as np

from ..checks import one_of

Prepare = Callable[[np.ndarray], np.ndarray]
"""What makes an input (H, W) or (H, W, C) of the pixels of an image, between 0 and 255."""


class Preprocess(str, Enum):
    """What is done to the pixels of an image, which are between 0 and 255."""

    none = "none"
    unit = "unit"
    symmetric = "symmetric"
    imagenet = "imagenet"
    standardize = "standardize"


@dataclass(frozen=True)
class Affine:
    """(scale · pixels − mean) / std, the last two a number, or one a channel."""

    mean: Any = 0.0
    std: Any = 1.0
    scale: float = 1 / 255

    def __call__(self, pixels: np.ndarray) -> np.ndarray:
        mean, std = (np.asarray(value, np.float32) for value in (self.mean, self.std))
        count = max(mean.size, std.size)
        if count > 1 and pixels.shape[2:] != (count,):
            raise ValueError(f"--preprocess is for models of images with {count} channels.")
        return (pixels / np.float32(1 / self.scale) - mean) / std


def _standardize(pixels: np.ndarray) -> np.ndarray:
    return (pixels - pixels.mean()) / max(float(pixels.std()), 1e-6)


PREPROCESSING: dict[Preprocess, Prepare] = {
    Preprocess.none: lambda pixels: pixels,
    Preprocess.unit: Affine(),
    Preprocess.symmetric: Affine(1, 1, 1 / 127.5),
    Preprocess.imagenet: Affine((0.485, 0.456, 0.406), (0.229, 0.224, 0.225)),
    Preprocess.standardize: _standardize,
}
TOLD = {
    Preprocess.none: "as they are, 0 to 255",
    Preprocess.unit: "divided by 255, to 0 to 1",
    Preprocess.symmetric: "brought to -1 to 1",
    Preprocess.imagenet: "divided by 255, less ImageNet's mean, divided by its deviation",
    Preprocess.standardize: "brought to mean 0 and variance 1, each image alone",
}
ALIASES = {
    "0-255": Preprocess.none,
    "[0,255]": Preprocess.none,
    "[0,1]": Preprocess.unit,
    "[-1,1]": Preprocess.symmetric,
}
NUMBERS = tuple(one.name for one in fields(Affine))
FIELDS = {"image_mean": "mean", "image_std": "std", "rescale_factor": "scale"}
"""What the files of Hugging Face's image processors call ours."""


def find_preprocessing(text: str) -> tuple[Prepare, str]:
    """What ``--preprocess`` names, and what it does in words: one of `Preprocess`, numbers
    ("mean=0.5,std=0.5"; with a "/" between channels), or a file of numbers or code."""
    path = Path(text)
    if "=" in text:
        return _affine(dict(part.partition("=")[::2] for part in text.split(",")), text)
    if path.suffix == ".json" and path.is_file():
        return _affine(_of_file(path), text)
    if path.suffix == ".py" and path.is_file():
        try:
            found = runpy.run_path(str(path)).get("preprocess")
        except Exception as error:  # whatever the user's code raises
            raise ValueError(f"--preprocess {text} cannot be run: {error!r}") from error
        if not callable(found):
            raise ValueError(f"--preprocess {text} must define a function preprocess(pixels).")
        return found, f"handed to preprocess() of {text}"
    name = one_of("--preprocess", text, (*ALIASES, *(one.value for one in Preprocess)))
    kind = ALIASES[name] if name in ALIASES else Preprocess(name)
    return PREPROCESSING[kind], TOLD[kind]


def _of_file(path: Path) -> dict[str, Any]:
    """The numbers in a JSON file, such as preprocessor_config.json of Hugging Face."""
    try:
        found = json.loads(path.read_text(encoding="utf-8"))
        names = {**FIELDS, **{name: name for name in NUMBERS}}
        told = {ours: found[name] for name, ours in names.items() if name in found}
        if not told:
            raise ValueError(f"it has none of {', '.join(names)}")
        if not found.get("do_normalize", True):
            told = {"scale": told.get("scale", Affine().scale)}
        if not found.get("do_rescale", True):
            told["scale"] = 1.0
        return told
    except (ValueError, TypeError, AttributeError) as error:
        raise ValueError(f"--preprocess {path} is no file of numbers: {error}") from error


def _affine(given: Mapping[str, Any], text: str) -> tuple[Prepare, str]:
    """What numbers make of pixels, checked."""
    known = ", ".join(NUMBERS)
    must = f"--preprocess must give {known} as numbers, std and scale not 0, got {text!r}"
    if not set(given) <= set(NUMBERS):
        raise ValueError(f"{must}.")
    try:
        values = {name: _numbers(value) for name, value in given.items()}
    except (TypeError, ValueError) as error:
        raise ValueError(f"{must}: {error}.") from error
    found = Affine(**values)
    sizes = {np.size(value) for value in values.values()} - {1}
    finite = all(np.isfinite(value).all() for value in values.values())
    divides = np.all(found.std) and np.all(found.scale) and np.size(found.scale) == 1
    if not finite or not divides or len(sizes) > 1:
        raise ValueError(f"{must}.")
    mean, std = (np.round(value, 4).tolist() for value in (found.mean, found.std))
    return found, f"times {found.scale:.4g}, less {mean}, divided by {std}"


def _numbers(value: Any) -> Any:
    """A number, or a tuple of one a channel."""
    parts = value.split("/") if isinstance(value, str) else value
    if not isinstance(parts, list):
        return float(parts)
    numbers = tuple(map(float, parts))
    return numbers if len(numbers) > 1 else numbers[0]
