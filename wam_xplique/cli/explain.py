"""``wam-xplique explain``."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from tqdm.auto import tqdm

from ..checks import check_integer
from ..loading.classifiers import Classifier
from ..plots.drawing import DPI, save_figure
from ..terminal import as_text
from .file_names import ARRAYS, IMAGES, Problems, check_free, expand, names_of
from .input_files import Inputs, read_files
from .methods import explain_with, find_method, length
from .options import Options
from .pictures import OVERLAY, Look

MOST_TOLD = 3
"""Inputs of a file of which the user is told what the model sees."""


@dataclass(frozen=True)
class Asked:
    """Which classes are explained: one by its name or number, or so many of the likeliest."""

    target: str | None = None
    top: int = 1

    def __post_init__(self) -> None:
        check_integer("--top", self.top, lowest=1)
        if self.target is not None and self.top > 1:
            raise ValueError("--top must be left out where --target tells the class.")

    def targets(self, classifier: Classifier, outputs: np.ndarray) -> list[np.ndarray]:
        """One-hot targets (N, classes) for outputs (N, classes), the likeliest first."""
        count, classes = outputs.shape
        if self.target is not None:
            chosen = np.full((1, count), classifier.index(self.target, classes))
        elif self.top > classes:
            must = f"at most {classes}, the number of the model's classes"
            raise ValueError(f"--top must be {must}, got {self.top}")
        else:
            chosen = np.argsort(-outputs, axis=1, kind="stable")[:, : self.top].T
        return [np.eye(classes, dtype=np.float32)[labels] for labels in chosen]


def explain_files(
    files: Sequence[str],
    model: str,
    asked: Asked,
    out: Path,
    class_names: Path | None,
    look: Look,
    options: Options,
) -> Problems:
    """Explain what is in files; what is wrong with some of them."""
    method = find_method(options)
    paths, problems = expand(files, out)
    names = names_of(paths)
    check_free(written(names, out, asked, look), options.force, paths)
    if not paths:
        return problems
    classifier = options.load(model, class_names)
    explainers: dict[Any, Any] = {}  # by the number of axes of inputs, and the transform of these

    def use(path: Path, inputs: Inputs) -> str:
        kind = inputs.ndim, repr(method.transform_of(inputs))
        if not explainers:
            tqdm.write(classifier.about(inputs.outputs.shape[1], inputs.sized))
        targets = asked.targets(classifier, inputs.outputs)
        if kind not in explainers:
            made = method.explainer(classifier, inputs, verbose=len(paths) == 1)
            look.check(made, inputs.ndim)
            if long := length(made, classifier, inputs, len(targets)):
                tqdm.write(f"Of {'this file' if len(paths) == 1 else 'each file'}: {long}")
            explainers[kind] = made
        told = [
            _explain(explainers[kind], classifier, inputs, of_class, path.name, stem, look)
            for of_class, stem in zip(targets, _stems(out / names[path], asked), strict=True)
        ]
        return "\n  ".join(told)

    for path, told in read_files(paths, classifier, options, problems, use):
        tqdm.write(as_text(f"{path}: {told}"))
    return problems


def written(names: Mapping[Path, str], out: Path, asked: Asked, look: Look) -> list[Path]:
    """What the explanation of files may write: for an array, a folder of pictures too."""
    found = []
    for path, name in names.items():
        kind = path.suffix.lower()
        beside = [f"{OVERLAY}.png"] if look.style is None and kind in IMAGES else []
        ends = (".npz", ".png", *beside, *([""] if kind in ARRAYS else []))
        found += [Path(f"{stem}{end}") for stem in _stems(out / name, asked) for end in ends]
    if twice := sorted(path for path in set(found) if found.count(path) > 1):
        raise ValueError(f"{twice[0]} would be written for two of the files; rename one of them.")
    return found


def _stems(stem: Path, asked: Asked) -> list[Path]:
    """What the files of each class that is explained are called, without their ends."""
    return [stem, *(Path(f"{stem}_top{place}") for place in range(2, asked.top + 1))]


def _explain(
    explainer: Any,
    classifier: Classifier,
    inputs: Inputs,
    targets: np.ndarray,
    title: str,
    stem: Path,
    look: Look,
) -> str:
    """Write the explanation of a file and pictures of each input; tell what is seen."""
    explanation = explain_with(explainer, inputs.x, targets)
    stem.parent.mkdir(parents=True, exist_ok=True)
    explanation.save(f"{stem}.npz")
    seen = list(map(classifier.describe, inputs.outputs, targets.argmax(axis=1)))
    pictures = [stem / str(index) for index in range(len(seen))] if len(seen) > 1 else [stem]
    paths = []
    for index, (label, picture) in enumerate(zip(seen, pictures, strict=True)):
        told = f"{as_text(title)}: {label}, {type(explainer).__name__}"
        for name, figure in look.draw(explanation, inputs, index, told).items():
            paths.append(Path(f"{picture}{name}.png"))
            paths[-1].parent.mkdir(parents=True, exist_ok=True)
            save_figure(figure, paths[-1], dpi=max(DPI, int(figure.dpi)))
    more = ", ..." if len(seen) > MOST_TOLD else ""
    where = ", ".join(map(str, paths)) if len(seen) == 1 else stem
    return f"{', '.join(seen[:MOST_TOLD])}{more}; {where}"
