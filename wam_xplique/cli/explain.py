"""``wam-xplique explain``."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import matplotlib.pyplot as plt
import numpy as np
from matplotlib.figure import Figure
from tqdm.auto import tqdm

from ..fourier import FourierExplanation
from ..loading.classifiers import Classifier
from ..plots import plot_explanation, plot_radial_importance, plot_spectrum
from ..plots.drawing import as_written, draw_colorbar, save_figure
from ..plots.gallery import draw_input
from ..terminal import as_text
from .file_names import ARRAYS, Problems, check_free, expand, names_of
from .input_files import Inputs, read_files
from .methods import find_method
from .options import Options

MOST_TOLD = 3
"""Inputs of a file of which the user is told what the model sees."""


def explain_files(
    files: Sequence[str],
    model: str,
    target: str | None,
    out: Path,
    class_names: Path | None,
    options: Options,
) -> Problems:
    """Explain what is in files; what is wrong with some of them."""
    method = find_method(options)
    paths, problems = expand(files, out)
    names = names_of(paths)
    check_free(written(names, out), options.force, paths)
    if not paths:
        return problems
    classifier = options.load(model, class_names)
    explainers: dict[Any, Any] = {}  # by the number of axes of inputs, and the transform of these

    def use(path: Path, inputs: Inputs) -> str:
        kind = inputs.ndim, repr(method.transform_of(inputs))
        if kind not in explainers:
            explainers[kind] = method.explainer(classifier, inputs, verbose=len(paths) == 1)
        targets = inputs.predicted
        if target is not None:
            targets = _targets(classifier.index(target), inputs.outputs)
        stem = out / names[path]
        return _explain(explainers[kind], classifier, inputs, targets, path.name, stem)

    for path, told in read_files(paths, classifier, options, problems, use):
        tqdm.write(as_text(f"{path}: {told}"))
    return problems


def written(names: Mapping[Path, str], out: Path) -> list[Path]:
    """What the explanation of files may write: for an array, a folder of pictures too."""
    single = [out / f"{name}{end}" for name in names.values() for end in (".npz", ".png")]
    return single + [out / name for path, name in names.items() if path.suffix.lower() in ARRAYS]


def _targets(index: int, outputs: np.ndarray) -> np.ndarray:
    """The class that is asked for, one-hot, for all outputs (N, classes)."""
    classes = outputs.shape[1]
    check_class(index, classes)
    return np.tile(np.eye(classes, dtype=np.float32)[index], (len(outputs), 1))


def check_class(index: int, classes: int) -> None:
    """Check that a class that is asked for is one of the model's."""
    if index >= classes:
        raise ValueError(f"--target must be a class from 0 to {classes - 1}, got {index}.")


def _explain(
    explainer: Any,
    classifier: Classifier,
    inputs: Inputs,
    targets: np.ndarray,
    title: str,
    stem: Path,
) -> str:
    """Write the explanation of a file and a picture of each input; tell what is seen."""
    is_fourier = hasattr(explainer, "explain_fourier")
    explain = explainer.explain_fourier if is_fourier else explainer.explain_wavelet
    draw = draw_fourier if is_fourier else plot_explanation
    explanation = explain(inputs.x, targets)
    seen = list(map(classifier.describe, inputs.outputs, targets.argmax(axis=1)))
    pictures = [stem / str(index) for index in range(len(seen))] if len(seen) > 1 else [stem]
    pictures[0].parent.mkdir(parents=True, exist_ok=True)
    explanation.save(f"{stem}.npz")
    for index, (label, picture) in enumerate(zip(seen, pictures, strict=True)):
        told = f"{as_text(title)}: {label}, {type(explainer).__name__}"
        figure = draw(explanation, inputs.drawn(index), index, told, inputs.sample_rate)
        save_figure(figure, f"{picture}.png", dpi=110)
    more = ", ..." if len(seen) > MOST_TOLD else ""
    return f"{', '.join(seen[:MOST_TOLD])}{more}; {f'{stem}.png' if len(seen) == 1 else stem}"


@as_written
def draw_fourier(
    explanation: FourierExplanation,
    shown: np.ndarray,
    index: int = 0,
    title: str | None = None,
    sample_rate: float | None = None,
) -> Figure:
    """An input, channels last; its important frequencies in the spectrum, and by radius."""
    figure = plt.figure(figsize=(10, 3), layout="constrained")
    count = 2 if explanation.ndim == 3 else 3
    first, *middle, last = figure.subplots(1, count)
    if explanation.ndim == 1:
        first.plot(np.arange(len(shown)) / (sample_rate or 1), shown, color="0.25", linewidth=0.8)
        first.set_xlabel("samples" if sample_rate is None else "seconds", fontsize=8)
    else:
        draw_input(first, shown, explanation.ndim)
    first.set_title("input", fontsize=9)
    for ax in middle:
        plot_spectrum(explanation, index, ax)
        ax.set_title("spectrum", fontsize=9)
        if ax.images:
            draw_colorbar(ax.images[0], ax, "total Sobol index")
    plot_radial_importance(explanation, index, last)
    last.set_title("importance of frequencies", fontsize=9)
    figure.suptitle(title or "")
    return figure
