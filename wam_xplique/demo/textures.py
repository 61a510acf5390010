"""Train a texture classifier, explain it in both frameworks, score and draw the explanations."""

from __future__ import annotations

import importlib.util
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import matplotlib.pyplot as plt
import numpy as np
import tensorflow as tf
from tqdm.auto import tqdm
from xplique.attributions import IntegratedGradients, SmoothGrad
from xplique.metrics import Deletion, Insertion, MuFidelity
from xplique.wrappers import TorchWrapper

from ..attributions import WaveletIntegratedGradients, WaveletSmoothGrad
from ..explanation import WaveletExplanation
from ..plots.explanation import draw_image, draw_map, draw_row
from .data import CLASSES, crops, photograph
from .networks import train_keras, train_torch

NB_SAMPLES, NOISE, STEPS, BATCH_SIZE = 32, 0.5, 32, 64
PHOTOGRAPH = "brick"

Method = Callable[[Any], Any]
METHODS: dict[str, Method] = {
    "WAM-SG": lambda model: WaveletSmoothGrad(
        model, batch_size=BATCH_SIZE, nb_samples=NB_SAMPLES, noise=NOISE
    ),
    "WAM-IG": lambda model: WaveletIntegratedGradients(model, batch_size=BATCH_SIZE, steps=STEPS),
    "SmoothGrad": lambda model: SmoothGrad(
        model, batch_size=BATCH_SIZE, nb_samples=NB_SAMPLES, noise=NOISE
    ),
    "IntegratedGradients": lambda model: IntegratedGradients(
        model, batch_size=BATCH_SIZE, steps=STEPS
    ),
}


def run(out: Path, samples: int) -> None:
    """
    Run the demo on textures.

    Parameters
    ----------
    out
        Folder for the figures and the explanations.
    samples
        Number of held-out crops to explain.
    """
    out.mkdir(parents=True, exist_ok=True)
    images, labels = crops("left", 200, seed=0)
    held_out, held_out_labels = crops("right", 100, seed=1)
    x, y = held_out[:samples], held_out_labels[:samples]

    model = train_keras(images, labels)
    print(
        f"Keras: accuracy on the held-out halves {_accuracy(model, held_out, held_out_labels):.1%}"
    )
    rows = _compare("Keras", model, x, y)
    explanation = _explain(METHODS["WAM-SG"](model), x, y, out / "keras_wam_sg.npz")
    _explain(METHODS["WAM-IG"](model), x, y, out / "keras_wam_ig.npz")
    _draw_photograph(model, out)

    if importlib.util.find_spec("torch") is None:
        print("PyTorch is not installed; its part is left out (pip install 'wam-xplique[torch]').")
        twin = None
    else:
        module = train_torch(images, labels)
        eager = tf.config.functions_run_eagerly()
        wrapped = TorchWrapper(module, "cpu")
        accuracy = _accuracy(wrapped, held_out, held_out_labels)
        print(f"PyTorch: accuracy on the held-out halves {accuracy:.1%}")
        rows += _compare("PyTorch", wrapped, x, y)
        twin = _explain(METHODS["WAM-SG"](module), x, y, out / "torch_wam_sg.npz")
        _explain(METHODS["WAM-IG"](module), x, y, out / "torch_wam_ig.npz")
        tf.config.run_functions_eagerly(eager)
    _draw_crops(x, {"Keras": explanation, "PyTorch": twin}, out)
    print(_table(rows))
    print(f"Figures and explanations are in {out}/")


def _accuracy(model: Any, x: np.ndarray, y: np.ndarray) -> float:
    predicted = [np.argmax(model(x[i : i + 100]), -1) for i in range(0, len(x), 100)]
    return float(np.mean(np.concatenate(predicted) == np.argmax(y, -1)))


def _compare(framework: str, model: Any, x: np.ndarray, y: np.ndarray) -> list[tuple[Any, ...]]:
    """Explain `x` by every method, and score the explanations by Xplique's metrics."""
    rows = []
    for name, method in tqdm(METHODS.items(), desc=f"explain in {framework}", unit="method"):
        start = time.perf_counter()
        explanations = method(model)(x, y)
        seconds = time.perf_counter() - start
        common = (model, x, y)
        scores = [
            Deletion(*common, BATCH_SIZE, activation="softmax")(explanations),
            Insertion(*common, BATCH_SIZE, activation="softmax")(explanations),
            MuFidelity(*common, BATCH_SIZE, nb_samples=100, activation="softmax")(explanations),
        ]
        rows.append((framework, name, *scores, seconds))
    return rows


def _explain(explainer: Any, x: np.ndarray, y: np.ndarray, path: Path) -> WaveletExplanation:
    explanation = explainer.explain_wavelet(x, y)
    explanation.save(path)
    return explanation


def _draw_crops(
    x: np.ndarray, explanations: dict[str, WaveletExplanation | None], out: Path
) -> None:
    """One row a class and a framework: the figure of the README."""
    rows = [(f, e, i) for i in range(len(CLASSES)) for f, e in explanations.items() if e]
    count = rows[0][1].level + 4
    size = (2.1 * count, 2.2 * len(rows))
    figure, axes = plt.subplots(len(rows), count, figsize=size, layout="constrained")
    for row, (framework, explanation, index) in zip(axes, rows, strict=True):
        draw_row(row, explanation, x[index], index)
        row[0].set_ylabel(f"{CLASSES[index]}\n{framework}", fontsize=10)
    for ax in axes[1:].ravel():
        ax.set_title("")
    figure.savefig(out / "textures.png", dpi=110)
    plt.close(figure)


def _draw_photograph(model: Any, out: Path) -> None:
    """A whole photograph, explained by all methods: pixels alone, and scale by scale."""
    image = photograph(PHOTOGRAPH)[np.newaxis]
    target = np.eye(len(CLASSES), dtype=np.float32)[[CLASSES.index(PHOTOGRAPH)]]
    figure, axes = plt.subplots(2, 4, figsize=(11, 5.8), layout="constrained")
    for ax, (name, method) in zip(axes[:, :2].ravel(), METHODS.items(), strict=True):
        explainer = method(model)
        explainer.batch_size = 4
        draw_map(ax, np.asarray(explainer(image, target))[0, ..., 0], image[0])
        ax.set_title(name)
        if name == "WAM-SG":
            explanation = _explain(explainer, image, target, out / "photograph_wam_sg.npz")
    draw_image(axes[0, 2], image[0])
    axes[0, 2].set_title("photograph")
    maps = zip(
        axes[:, 2:].ravel()[1:], explanation.by_scale()[0, 1:], explanation.scales[1:], strict=True
    )
    for ax, values, label in maps:
        draw_map(ax, values, image[0])
        ax.set_title(f"WAM-SG, {label}")
    figure.savefig(out / "photograph.png", dpi=110)
    plt.close(figure)


def _table(rows: list[tuple[Any, ...]]) -> str:
    lines = [
        f"{'framework':10s} {'method':20s} {'Deletion ↓':>11s} {'Insertion ↑':>12s} "
        f"{'MuFidelity ↑':>13s} {'seconds':>8s}"
    ]
    for framework, name, deletion, insertion, fidelity, seconds in rows:
        lines.append(
            f"{framework:10s} {name:20s} {deletion:11.3f} {insertion:12.3f} {fidelity:13.3f} "
            f"{seconds:8.1f}"
        )
    return "\n".join(lines)
