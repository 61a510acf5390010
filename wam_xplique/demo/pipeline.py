"""What the demos share: frameworks, training, accuracy, explanations, names of files, tables."""

from __future__ import annotations

import importlib.util
import time
from collections.abc import Callable, Sequence
from typing import Any

import keras
import numpy as np
from tqdm.auto import tqdm

from ..attributions import WaveletIntegratedGradients, WaveletSmoothGrad
from ..explanation import WaveletExplanation

Data = tuple[np.ndarray, np.ndarray]
Found = dict[tuple[str, str], WaveletExplanation]  # by method and framework

# WAM-SG's noise is a part of an input's range.
NB_SAMPLES, NOISE, STEPS, BATCH_SIZE = 32, 0.1, 32, 64
IN_FILES = {"PyTorch": "torch"}


def installed(package: str, name: str, left_out: str, extra: str) -> bool:
    """
    Whether a package is installed; its user is told if it is not.

    Parameters
    ----------
    package, name
        What it is imported as, and what it is called.
    left_out
        What is left out without it, and the verb: "its part is".
    extra
        The extra of wam-xplique that brings it.

    Returns
    -------
    found
        Whether it is installed.
    """
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
    """
    Train a classifier; tell its accuracy on what is held out, and how long it took.

    Parameters
    ----------
    name
        What the classifier is called.
    trainer
        What makes it of inputs and one-hot classes.
    training, held_out
        Inputs and one-hot classes.
    where
        What the held-out inputs are called.

    Returns
    -------
    model
        The classifier.
    """
    start = time.perf_counter()
    model = trainer(*training)
    seconds = time.perf_counter() - start
    share = accuracy(model, *held_out)
    print(f"{name}: accuracy on the held-out {where} {share:.1%} (trained in {seconds:.0f} s)")
    return model


def accuracy(model: Any, x: np.ndarray, y: np.ndarray) -> float:
    """
    The share of inputs of which a classifier tells the class.

    Parameters
    ----------
    model
        Keras model, or `torch.nn.Module` that takes its channels first.
    x
        Inputs (N, T) or (N, ..., C).
    y
        One-hot classes (N, classes).

    Returns
    -------
    share
        Between 0 and 1.
    """
    return float(np.mean(outputs(model, x).argmax(-1) == y.argmax(-1)))


def outputs(model: Any, x: np.ndarray) -> np.ndarray:
    """
    What a classifier makes of inputs, batch by batch.

    Parameters
    ----------
    model
        Keras model, or `torch.nn.Module` that takes its channels first.
    x
        Inputs (N, T) or (N, ..., C).

    Returns
    -------
    outputs
        Its outputs (N, classes).
    """
    score = _score_keras if isinstance(model, keras.Model) else _score_torch
    batches = np.split(x, range(BATCH_SIZE, len(x), BATCH_SIZE))
    return np.concatenate([score(model, batch) for batch in batches])


def explain(
    name: str, model: Any, x: np.ndarray, y: np.ndarray, **options: Any
) -> dict[str, WaveletExplanation]:
    """
    Explain a classifier by WAM-SG and by WAM-IG.

    Parameters
    ----------
    name
        What the classifier is called.
    model
        The classifier.
    x, y
        Inputs and one-hot classes.
    **options
        What both explainers take.

    Returns
    -------
    found
        The explanations by their methods.
    """
    options["batch_size"] = BATCH_SIZE
    explainers = {
        "WAM-SG": WaveletSmoothGrad(model, nb_samples=NB_SAMPLES, relative_noise=NOISE, **options),
        "WAM-IG": WaveletIntegratedGradients(model, steps=STEPS, **options),
    }
    progress = tqdm(explainers.items(), desc=f"explain {name}", unit="method")
    return {method: explainer.explain_wavelet(x, y) for method, explainer in progress}


def rows_of(shown: Sequence[int], found: Found) -> list[tuple[int, str, WaveletExplanation]]:
    """
    The rows of a figure: one an input, a method and a framework.

    Parameters
    ----------
    shown
        Which inputs.
    found
        Their explanations.

    Returns
    -------
    rows
        Which input, what its explanation is called, and the explanation.
    """
    methods = dict.fromkeys(method for method, _ in found)
    ordered = [key for method in methods for key in found if key[0] == method]
    return [(index, ", ".join(key), found[key]) for index in shown for key in ordered]


def first_of(wanted: Sequence[str], names: Sequence[str]) -> list[int]:
    """Where each name wanted first is among `names`; the very first if none of them is there."""
    return [names.index(name) for name in wanted if name in names] or [0]


def file_name(*words: str) -> str:
    """Words such as "PyTorch" and "WAM-SG" as the name of a file."""
    return "_".join(IN_FILES.get(word, word) for word in words).lower().replace("-", "_")


def table(columns: Sequence[str], rows: Sequence[Sequence[str]], labels: int) -> str:
    """
    Lay out a table.

    Parameters
    ----------
    columns
        Names of the columns.
    rows
        Texts of each row.
    labels
        How many columns, from the left, hold words; those of numbers end at the right.

    Returns
    -------
    text
        Its lines.
    """
    lines = [columns, *rows]
    widths = [max(map(len, column)) for column in zip(*lines, strict=True)]
    return "\n".join(
        "  ".join(
            text.ljust(width) if index < labels else text.rjust(width)
            for index, (text, width) in enumerate(zip(line, widths, strict=True))
        )
        for line in lines
    )


def _score_keras(model: keras.Model, x: np.ndarray) -> np.ndarray:
    return np.asarray(model(x))


def _score_torch(module: Any, x: np.ndarray) -> np.ndarray:
    import torch

    first = np.moveaxis(x, -1, 1) if x.ndim > 2 else x
    with torch.no_grad():
        return module(torch.tensor(first.copy())).numpy()
