"""How many corrupted versions of an image are still recognised."""

from __future__ import annotations

import itertools
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import matplotlib.pyplot as plt
import numpy as np
import pandas as pd
from matplotlib.figure import Figure
from tqdm.auto import tqdm

from .. import operators
from ..algorithms.batching import BatchSize, in_batches
from ..checks import check_integer
from ..datasets import CORRUPTIONS, SEVERITIES, corrupt
from ..inputs import prepare
from ..model import Model
from ..plots.drawing import as_written
from .corruption_effects import as_images, directions, preprocessed


@dataclass(frozen=True, eq=False)
class Robustness:
    """
    Which corrupted versions of images are predicted as their targets.

    Parameters
    ----------
    correct
        Whether (N, corruptions, severities) they are.
    corruptions, severities
        Names of the corruptions, and their severities.
    """

    correct: np.ndarray
    corruptions: tuple[str, ...]
    severities: tuple[int, ...]

    @property
    def share(self) -> np.ndarray:
        """The share (N,) of each image's corrupted versions: the robustness of a prediction."""
        return self.correct.mean(axis=(1, 2))

    @as_written
    def plot(self) -> Figure:
        """Draw the share of images predicted as their targets, by corruption and severity."""
        shares = self.correct.mean(axis=0)
        size = (2.2 + 0.55 * len(self.severities), 1 + 0.33 * len(self.corruptions))
        figure, ax = plt.subplots(figsize=size, layout="constrained")
        ax.imshow(shares, cmap="magma", vmin=0, vmax=1, aspect="auto")
        for (row, column), share in np.ndenumerate(shares):
            color = "white" if share < 0.6 else "black"
            ax.text(column, row, f"{share:.0%}", ha="center", va="center", size=7, color=color)
        names = [name.replace("_", " ") for name in self.corruptions]
        ax.set_yticks(np.arange(len(names)), names, fontsize=8)
        ax.set_xticks(np.arange(len(self.severities)), map(str, self.severities), fontsize=8)
        ax.tick_params(length=0)
        ax.set_xlabel("severity", fontsize=8)
        ax.set_title("predicted as their targets", fontsize=9)
        return figure

    def to_dataframe(self) -> pd.DataFrame:
        """A row for each image, corruption and severity, and whether the prediction is right."""
        levels = [range(len(self.correct)), self.corruptions, self.severities]
        rows = pd.MultiIndex.from_product(levels, names=["image", "corruption", "severity"])
        return pd.DataFrame({"correct": self.correct.ravel()}, rows).reset_index()


def robustness(
    model: Any,
    images: np.ndarray,
    targets: Any,
    corruptions: Sequence[str] = CORRUPTIONS,
    severities: Sequence[int] = SEVERITIES,
    *,
    value_range: tuple[float, float] = (0.0, 1.0),
    preprocess: Callable[[np.ndarray], Any] | None = None,
    batch_size: int | None = 64,
    seed: int = 0,
    verbose: bool = False,
) -> Robustness:
    """
    Tell how many corrupted versions of images are still predicted as their targets.

    Ref. Kasmi & al., Assessment of the Reliability of a Model's Decision by Generalizing
    Attribution to the Wavelet Domain (2023), section 4.2 and appendix B.3: the robustness of a
    prediction.

    Parameters
    ----------
    model
        A classifier in any framework, or any callable on arrays.
    images, targets, value_range, preprocess, seed
        As for `corruption_effect`.
    corruptions, severities
        Names among `wam_xplique.datasets.CORRUPTIONS`, and severities from 1 to 5.
    batch_size
        Most corrupted images at once; None for no limit. It is halved where the device has too
        little memory.
    verbose
        Whether to show the progress.

    Returns
    -------
    robustness
        What is predicted as its target, and what is not.

    Raises
    ------
    TypeError
        If images are PyTorch's, or `model` is no model.
    ValueError
        If model, images and targets do not fit together, or a corruption or severity is unknown.
    """
    corruptions, severities = tuple(corruptions), tuple(severities)
    check_integer("batch_size", batch_size, lowest=1, optional=True)
    _check_some("corruptions", corruptions, CORRUPTIONS)
    _check_some("severities", severities, SEVERITIES)
    images = as_images(images)
    y = directions(images, targets)

    asked = Model(model, operators.predicted_class)
    backend = asked.backend

    def predicted(batch: list[tuple[int, str, int]]) -> np.ndarray:
        versions = [
            corrupt(images[[i]], name, severity, value_range=value_range, seed=seed, first=i)
            for i, name, severity in batch
        ]
        inputs = preprocessed(preprocess, np.concatenate(versions))
        question = prepare(asked, inputs, y[[i for i, _, _ in batch]])[:]
        return backend.to_numpy(question.scores(question.x, question.y))

    items = list(itertools.product(range(len(images)), corruptions, severities))
    progress = iter(tqdm(items, desc="corrupt", unit="image", disable=not verbose))
    batches = in_batches(progress, predicted, BatchSize(batch_size), backend)
    found = np.concatenate([*batches]).reshape(len(images), len(corruptions), len(severities))
    correct = found == y.argmax(axis=-1)[:, np.newaxis, np.newaxis]
    return Robustness(correct, corruptions, severities)


def _check_some(name: str, values: tuple[Any, ...], known: tuple[Any, ...]) -> None:
    if not values or len(set(values)) < len(values) or not set(values) <= set(known):
        raise ValueError(f"{name} must be some of {known}, each once, got {values}.")
