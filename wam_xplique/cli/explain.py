"""``wam-xplique explain``."""

from __future__ import annotations

import logging
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
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
from .input_files import Inputs, Reading, read_inputs
from .methods import Method
from .options import Options

logger = logging.getLogger(__name__)

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
    reading, method = options.reading(), options.find_method()
    paths, problems = expand(files, out)
    names = names_of(paths)
    check_free(written(names, out), options.force, paths)
    if paths:
        classifier = options.load(model, class_names)
        run = Run(classifier, method, reading, target, out, verbose=len(paths) == 1)
        problems |= run.explain(names)
    return problems


def written(names: Mapping[Path, str], out: Path) -> list[Path]:
    """What the explanation of files may write: for an array, a folder of pictures too."""
    single = [out / f"{name}{end}" for name in names.values() for end in (".npz", ".png")]
    return single + [out / name for path, name in names.items() if path.suffix.lower() in ARRAYS]


@dataclass
class Run:
    """The explanation of files by one method."""

    classifier: Classifier
    method: Method
    reading: Reading
    target: str | None  # None for the class that is predicted
    out: Path
    verbose: bool = False  # progress within a file rather than over files
    _explainers: dict[int, Any] = field(default_factory=dict)

    def explain(self, names: Mapping[Path, str]) -> Problems:
        """Explain files one by one, by the names of what is written; why some could not be."""
        problems: Problems = {}
        progress = tqdm(names.items(), desc="explain", unit="file", disable=self.verbose or None)
        for path, name in progress:
            try:
                told = self.explain_file(path, name)
            except Exception as error:  # of the file, or of the model that it is shown to
                logger.debug("%s", path, exc_info=True)
                problems[as_text(path)] = str(error)
            else:
                tqdm.write(as_text(f"{path}: {told}"))
        return problems

    def explain_file(self, path: Path, name: str) -> str:
        """Write the explanation of a file and a picture of each input; tell what is seen."""
        inputs = read_inputs(path, self.classifier, self.reading)
        explainer = self._explainer(inputs)
        targets = inputs.predicted if self.target is None else self._targets(inputs.outputs)
        is_fourier = hasattr(explainer, "explain_fourier")
        explain = explainer.explain_fourier if is_fourier else explainer.explain_wavelet
        explanation = explain(inputs.x, targets)
        self.out.mkdir(parents=True, exist_ok=True)
        explanation.save(self.out / f"{name}.npz")
        seen = list(map(self.classifier.describe, inputs.outputs, targets.argmax(axis=1)))
        pictures = self._pictures(name, len(seen))
        for index, (label, picture) in enumerate(zip(seen, pictures, strict=True)):
            title = f"{as_text(path.name)}: {label}, {type(explainer).__name__}"
            draw = draw_fourier if is_fourier else plot_explanation
            figure = draw(explanation, inputs.drawn(index), index, title, inputs.sample_rate)
            save_figure(figure, picture, dpi=110)
        more = ", ..." if len(seen) > MOST_TOLD else ""
        where = pictures[0] if len(seen) == 1 else pictures[0].parent
        return f"{', '.join(seen[:MOST_TOLD])}{more}; {where}"

    def _explainer(self, inputs: Inputs) -> Any:
        """The explainer of inputs such as these, made once."""
        if inputs.ndim not in self._explainers:
            made = self.method.explainer(self.classifier, inputs, self.verbose)
            self._explainers[inputs.ndim] = made
        return self._explainers[inputs.ndim]

    def _targets(self, outputs: np.ndarray) -> np.ndarray:
        """The class that is asked for, one-hot, for all outputs (N, classes)."""
        index, classes = self.classifier.index(self.target or ""), outputs.shape[1]
        if index >= classes:
            raise ValueError(f"--target must be a class from 0 to {classes - 1}, got {index}.")
        return np.tile(np.eye(classes, dtype=np.float32)[index], (len(outputs), 1))

    def _pictures(self, name: str, count: int) -> list[Path]:
        """The files of the pictures of inputs."""
        if count == 1:
            return [self.out / f"{name}.png"]
        (self.out / name).mkdir(exist_ok=True)
        return [self.out / name / f"{index}.png" for index in range(count)]


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
