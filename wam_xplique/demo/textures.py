"""Train a texture classifier, explain it in both frameworks, score and draw the explanations."""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import matplotlib.pyplot as plt
import numpy as np
import tensorflow as tf
from matplotlib.axes import Axes
from tqdm.auto import tqdm
from xplique.attributions import IntegratedGradients, SmoothGrad
from xplique.metrics import Deletion, Insertion, MuFidelity
from xplique.wrappers import TorchWrapper

from .. import plots
from ..analysis import minimal_images
from ..attributions import FAM, WCAM, WaveletIntegratedGradients, WaveletSmoothGrad
from ..explanation import WaveletExplanation
from ..fourier import FourierExplanation
from ..plots.drawing import draw_colorbar, draw_image, draw_map, save_figure
from ..plots.explanation import draw_row
from .data import CLASSES, crops, photograph
from .networks import train_keras, train_torch
from .pipeline import Found, draw_rows, file_name, frameworks, table, train

NOISY: dict[str, Any] = {"nb_samples": 32, "noise": 0.5}
STEPS, BATCH_SIZE = 32, 64
# WCAM takes nb_design · (cells + 2) forwards: four cells a band to score it on many crops, the
# finer grid of the paper to draw it on few.
COARSE: dict[str, Any] = {"grid_size": 8, "nb_design": 8, "partition": "subband"}
FINE: dict[str, Any] = {"grid_size": 16, "nb_design": 16}
RINGS: dict[str, Any] = {"grid_size": 16, "nb_design": 64}
PHOTOGRAPH = "brick"
WHOLE: dict[str, Any] = {"grid_size": 9, "nb_design": 32, "partition": "subband", "refine": 0.03}

TITLES = (
    "input",
    "WCAM",
    "spatial WCAM",
    "importance of scales",
    "FAM",
    "importance of frequencies",
)

METHODS: dict[str, Callable[[Any], Any]] = {
    "WAM-SG": lambda model: WaveletSmoothGrad(model, batch_size=BATCH_SIZE, **NOISY),
    "WAM-IG": lambda model: WaveletIntegratedGradients(model, batch_size=BATCH_SIZE, steps=STEPS),
    "WCAM": lambda model: WCAM(model, batch_size=BATCH_SIZE, **COARSE),
    "SmoothGrad": lambda model: SmoothGrad(model, batch_size=BATCH_SIZE, **NOISY),
    "IntegratedGradients": lambda m: IntegratedGradients(m, batch_size=BATCH_SIZE, steps=STEPS),
}


def run(out: Path, samples: int) -> None:
    """Run the demo on held-out crops of textures, and write its figures and explanations."""
    out.mkdir(parents=True, exist_ok=True)
    training, held_out = crops("left", 200, seed=0), crops("right", 100, seed=1)
    x, y = (values[:samples] for values in held_out)

    model = train("Keras", train_keras, training, held_out, "halves")
    rows, found = _compare("Keras", model, x, y, out)
    drawn = {("WAM-SG", "Keras"): found["WAM-SG"]}
    few = min(len(x), len(CLASSES))
    wcam = WCAM(model, **FINE).explain_wavelet(x[:few], y[:few])
    fam = FAM(model, **RINGS).explain_fourier(x[:few], y[:few])
    wcam.save(out / "keras_wcam_fine.npz")
    fam.save(out / "keras_fam.npz")
    _draw_sobol(x, wcam, fam, out)
    minimal = minimal_images(model, x[:few], y[:few], verbose=True).plot()
    save_figure(minimal, out / "minimal.png", dpi=110)
    _draw_photograph(model, out)

    if "PyTorch" in frameworks():
        module = train("PyTorch", train_torch, training, held_out, "halves")
        eager = tf.config.functions_run_eagerly()
        more, found = _compare("PyTorch", TorchWrapper(module, "cpu"), x, y, out)
        tf.config.run_functions_eagerly(eager)
        rows += more
        drawn["WAM-SG", "PyTorch"] = found["WAM-SG"]
    _draw_crops(x[:few], {**drawn, ("WCAM", "Keras"): wcam}, out)
    columns = ["framework", "method", "Deletion ↓", "Insertion ↑", "MuFidelity ↑", "seconds"]
    print(table(columns, rows, labels=2))
    print(f"Figures and explanations are in {out}/")


def _compare(
    framework: str, model: Any, x: np.ndarray, y: np.ndarray, out: Path
) -> tuple[list[list[str]], dict[str, WaveletExplanation]]:
    """Rows of scores by every method, and the wavelet explanations, saved too, by method."""
    rows, found = [], {}
    for name, method in tqdm(METHODS.items(), desc=f"explain in {framework}", unit="method"):
        explainer = method(model)
        start = time.perf_counter()
        if hasattr(explainer, "explain_wavelet"):
            found[name] = explainer.explain_wavelet(x, y)
            maps = found[name].pixels()  # what the explainer returns when it is called
        else:
            maps = explainer(x, y)
        seconds = time.perf_counter() - start
        scores = [
            Deletion(model, x, y, BATCH_SIZE, activation="softmax")(maps),
            Insertion(model, x, y, BATCH_SIZE, activation="softmax")(maps),
            MuFidelity(model, x, y, BATCH_SIZE, nb_samples=100, activation="softmax")(maps),
        ]
        rows.append([framework, name, *(f"{score:.3f}" for score in scores), f"{seconds:.1f}"])
    for name, explanation in found.items():
        explanation.save(out / f"{file_name(framework, name)}.npz")
    return rows, found


def _draw_crops(x: np.ndarray, found: Found, out: Path) -> None:
    """One row a class, a method and a framework: the figure of the README."""
    columns = next(iter(found.values())).level + 4

    def draw(row: Sequence[Axes], explanation: WaveletExplanation, index: int) -> None:
        draw_row(row, explanation, x[index], index)

    figure, axes = draw_rows(range(len(x)), CLASSES, found, draw, columns, (2.1 * columns, 2.2))
    for ax in axes[1:].ravel():
        ax.set_title("")
    save_figure(figure, out / "textures.png", dpi=110)


def _draw_sobol(
    x: np.ndarray, wcam: WaveletExplanation, fam: FourierExplanation, out: Path
) -> None:
    """One row a crop: what the Sobol indices of its wavelets and of its frequencies tell."""
    count, size = len(TITLES), (2.7 * len(TITLES), 2.5 * len(wcam))
    figure, axes = plt.subplots(len(wcam), count, figsize=size, layout="constrained", squeeze=False)
    for index, row in enumerate(axes):
        draw_image(row[0], x[index])
        row[0].set_ylabel(CLASSES[index], fontsize=10)
        plots.plot_mosaic(wcam, index, row[1])
        plots.plot_pixels(wcam, x[index], index, row[2])
        plots.plot_scale_importance(wcam, index, row[3])
        plots.plot_spectrum(fam, index, row[4])
        plots.plot_radial_importance(fam, index, row[5])
        for ax in row[[1, 4]]:
            draw_colorbar(ax.images[0], ax, "total Sobol index")
    for ax, title in zip(axes[0], TITLES, strict=True):
        ax.set_title(title, fontsize=9)
    save_figure(figure, out / "wcam.png", dpi=110)


def _draw_photograph(model: Any, out: Path) -> None:
    """A whole photograph, explained by all methods: pixels alone, and scale by scale."""
    image = photograph(PHOTOGRAPH)[np.newaxis]
    target = np.eye(len(CLASSES), dtype=np.float32)[[CLASSES.index(PHOTOGRAPH)]]
    size = (2.75 * len(METHODS), 5.8)
    figure, axes = plt.subplots(2, len(METHODS), figsize=size, layout="constrained")
    found = {}
    for ax, (name, method) in zip(axes[0], METHODS.items(), strict=True):
        explainer = WCAM(model, **WHOLE) if name == "WCAM" else method(model)
        explainer.batch_size, explainer.level = 4, len(METHODS) - 2  # a column for each level
        if name in ("WAM-SG", "WCAM"):
            found[name] = explainer.explain_wavelet(image, target)
            found[name].save(out / f"{file_name('photograph', name)}.npz")
            plots.plot_pixels(found[name], image[0], ax=ax)
        else:
            draw_map(ax, np.asarray(explainer(image, target))[0, ..., 0], image[0])
        ax.set_title(name)
    first, *middle, last = axes[1]
    draw_image(first, image[0])
    first.set_title("photograph")
    plots.plot_scales(found["WAM-SG"], image[0], axes=middle)
    for ax, label in zip(middle, found["WAM-SG"].scales[1:], strict=True):
        ax.set_title(f"WAM-SG, {label}")
    plots.plot_scale_importance(found["WCAM"], 0, last)
    last.set_title("WCAM, importance of scales")
    save_figure(figure, out / "photograph.png", dpi=110)
