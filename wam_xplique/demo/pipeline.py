"""What the demos share: frameworks, training, accuracy, explanations, rows, names, tables."""

from __future__ import annotations

import importlib.util
import time
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

import keras
import matplotlib.pyplot as plt
import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from tqdm.auto import tqdm

from ..analysis.predictions import predict
from ..attributions import WaveletIntegratedGradients, WaveletSmoothGrad
from ..explanation import WaveletExplanation, share_as_text
from .data import Data

Found = dict[tuple[str, str], WaveletExplanation]  # by method and framework

# WAM-SG's noise is a part of an input's range.
NB_SAMPLES, NOISE, STEPS, BATCH_SIZE = 32, 0.1, 32, 64
IN_FILES = {"PyTorch": "torch"}


def installed(package: str, name: str, left_out: str, extra: str) -> bool:
    """Whether a package is installed; its user is told what "... is" `left_out` if it is not."""
    if importlib.util.find_spec(package) is not None:
        return True
    print(f"{name} is not installed; {left_out} left out (pip install 'wam-xplique[{extra}]').")
    return False


def frameworks() -> list[str]:
    """The frameworks to run in: Keras, and PyTorch where it is installed."""
    both = installed("torch", "PyTorch", "its part is", "torch")
    return ["Keras", "PyTorch"] if both else ["Keras"]


def train(
    name: str, trainer: Callable[..., Any], training: Data, held_out: Data, where: str
) -> Any:
    """Train a classifier; tell its accuracy on what is held out, and how long it took."""
    start = time.perf_counter()
    model = trainer(*training)
    seconds = time.perf_counter() - start
    share = accuracy(model, *held_out)
    print(f"{name}: accuracy on the held-out {where} {share:.1%} (trained in {seconds:.0f} s)")
    return model


def accuracy(model: Any, x: np.ndarray, y: np.ndarray) -> float:
    """The share of inputs of which a classifier tells the one-hot class, between 0 and 1."""
    return float(np.mean(outputs(model, x).argmax(-1) == y.argmax(-1)))


def outputs(model: Any, x: np.ndarray) -> np.ndarray:
    """What a classifier makes (N, classes) of inputs (N, T) or (N, ..., C), batch by batch."""
    if isinstance(model, keras.Model):
        return predict(model, x, BATCH_SIZE)
    import torch

    first = np.moveaxis(x, -1, 1) if x.ndim > 2 else x
    return predict(model, torch.tensor(first.copy()), BATCH_SIZE)


def explain(
    out: Path, words: Sequence[str], model: Any, x: np.ndarray, y: np.ndarray, **options: Any
) -> dict[str, WaveletExplanation]:
    """Explain a classifier by WAM-SG and by WAM-IG; save what is found, named by `words`."""
    options["batch_size"] = BATCH_SIZE
    explainers = {
        "WAM-SG": WaveletSmoothGrad(model, nb_samples=NB_SAMPLES, relative_noise=NOISE, **options),
        "WAM-IG": WaveletIntegratedGradients(model, steps=STEPS, **options),
    }
    found, name = {}, ", ".join(words[1:])
    for method, explainer in tqdm(explainers.items(), desc=f"explain {name}", unit="method"):
        found[method] = explainer.explain_wavelet(x, y)
        found[method].save(out / f"{file_name(*words, method)}.npz")
    return found


def draw_rows(
    shown: Sequence[int],
    names: Sequence[str],
    found: Found,
    draw: Callable[[Sequence[Axes], WaveletExplanation, int], None],
    columns: int,
    size: tuple[float, float],
    margin: float = 0.0,
    **options: Any,
) -> tuple[Figure, np.ndarray]:
    """A figure, of some width and height a row: rows by input, method and framework, by `draw`."""
    methods = dict.fromkeys(method for method, _ in found)
    keys = [key for method in methods for key in found if key[0] == method]
    rows = [(index, key) for index in shown for key in keys]
    options |= {"figsize": (size[0], margin + size[1] * len(rows)), "layout": "constrained"}
    figure, axes = plt.subplots(len(rows), columns, squeeze=False, **options)
    for row, (index, key) in zip(axes, rows, strict=True):
        draw(row, found[key], index)
        row[0].set_ylabel(f"{names[index]}\n{', '.join(key)}", fontsize=9)
    return figure, axes


def first_of(wanted: Sequence[str], names: Sequence[str]) -> list[int]:
    """Where each name wanted first is among `names`; the very first if none of them is there."""
    return [names.index(name) for name in wanted if name in names] or [0]


def file_name(*words: str) -> str:
    """Words such as "PyTorch" and "WAM-SG" as the name of a file."""
    return "_".join(IN_FILES.get(word, word) for word in words).lower().replace("-", "_")


def table(columns: Sequence[str], rows: Sequence[Sequence[str]], labels: int) -> str:
    """Lay out a table: `labels` columns of words at the left, those of numbers at the right."""
    widths = [max(map(len, column)) for column in zip(columns, *rows, strict=True)]
    form = "  ".join(f"{{:{'<' if i < labels else '>'}{w}}}" for i, w in enumerate(widths))
    return "\n".join(form.format(*row) for row in (columns, *rows))


def table_of_shares(
    labels: Sequence[str], scales: Sequence[str], rows: Mapping[Any, np.ndarray]
) -> str:
    """The shares of scales, by words under `labels`."""
    cells = [[*words, *map(share_as_text, shares)] for words, shares in rows.items()]
    return table([*labels, *scales], cells, len(labels))
