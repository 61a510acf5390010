"""How many corrupted versions of an image are still recognised, and what that goes with."""

from __future__ import annotations

import itertools
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import matplotlib.pyplot as plt
import numpy as np
import pandas as pd
import scipy.stats
from matplotlib.figure import Figure
from tqdm.auto import tqdm

from .. import operators
from ..algorithms.batching import BatchSize, in_batches
from ..checks import check_integer
from ..datasets import CORRUPTIONS, SEVERITIES, corrupt
from ..inputs import prepare
from ..intervals import standard_error
from ..model import Model
from ..plots.drawing import as_written
from .corruption_effects import as_images, directions, preprocessed
from .sufficient import DecisiveImages


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
        ax.set_yticks(range(len(names)), names, fontsize=8)
        ax.set_xticks(range(len(self.severities)), map(str, self.severities), fontsize=8)
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

    This is the robustness of a prediction (WCAM section 4.2 and appendix B.3).

    Parameters
    ----------
    model
        A classifier in any framework, or any callable on arrays.
    images, targets, value_range, preprocess, seed
        As for `corruption_effect`.
    corruptions, severities
        Names among `wam_xplique.datasets.CORRUPTIONS`, and severities from 1 to 5.
    batch_size
        Most corrupted images at once; None for no limit. Halved where the device has too little
        memory.
    verbose
        Whether to show the progress.

    Raises
    ------
    TypeError, ValueError
        If an argument is not valid or does not fit the others; see the message.

    Examples
    --------
    >>> def is_bright(x):
    ...     return np.stack([x.mean(axis=(1, 2)), 0 * x[:, 0, 0] + 0.5], axis=1)
    >>> robustness(is_bright, np.full((1, 8, 8), 0.9), np.eye(2)[:1], ["contrast"]).share
    array([1.])
    """
    check_integer("batch_size", batch_size, lowest=1, optional=True)
    corruptions = _some("corruptions", corruptions, CORRUPTIONS)
    severities = _some("severities", severities, SEVERITIES)
    images = as_images(images)
    y = directions(images, targets)
    asked = Model(model, operators.predicted_class)

    def predicted(batch: list[tuple[int, str, int]]) -> np.ndarray:
        versions = [
            corrupt(images[[i]], name, severity, value_range=value_range, seed=seed, first=i)
            for i, name, severity in batch
        ]
        inputs = preprocessed(preprocess, np.concatenate(versions))
        question = prepare(asked, inputs, y[[i for i, _, _ in batch]])[:]
        return asked.backend.to_numpy(question.scores(question.x, question.y))

    items = list(itertools.product(range(len(images)), corruptions, severities))
    progress = iter(tqdm(items, desc="corrupt", unit="image", disable=not verbose))
    batches = in_batches(progress, predicted, BatchSize(batch_size), asked.backend)
    found = np.concatenate([*batches]).reshape(len(images), len(corruptions), len(severities))
    correct = found == y.argmax(axis=-1)[:, np.newaxis, np.newaxis]
    return Robustness(correct, corruptions, severities)


def _some(name: str, values: Sequence[Any], known: tuple[Any, ...]) -> tuple[Any, ...]:
    values = tuple(values)
    if not values or len(set(values)) < len(values) or not set(values) <= set(known):
        raise ValueError(f"{name} must be some of {known}, each once, got {values}.")
    return values


@dataclass(frozen=True, eq=False)
class DepthRobustness:
    """
    Reconstruction depth beside robustness, for the inputs of one or more models.

    Parameters
    ----------
    depth
        By model, the shares (N,) of the coefficients that its sufficient images take; NaN where
        none suffice.
    robustness
        By model, the shares (N,) of the corrupted versions that are still recognised.
    """

    depth: dict[str, np.ndarray]
    robustness: dict[str, np.ndarray]

    def correlations(self) -> pd.DataFrame:
        """
        Spearman's correlation of depth and robustness, a row for each model.

        Columns inputs, correlation, and p-value, the probability of one as large without any
        relation; NaN where one of both does not vary.
        """
        rows: dict[str, tuple[Any, ...]] = {}
        for name in self.depth:
            depth, robustness = self._pairs(name)
            varies = len(depth) > 2 and np.ptp(depth) > 0 and np.ptp(robustness) > 0
            found = scipy.stats.spearmanr(depth, robustness) if varies else (np.nan, np.nan)
            rows[name] = len(depth), *found
        columns = ["inputs", "correlation", "p-value"]
        return pd.DataFrame.from_dict(rows, orient="index", columns=columns).rename_axis("model")

    @as_written
    def plot(self) -> Figure:
        """Robustness over depth: inputs as dots, means as squares with their standard errors."""
        figure, ax = plt.subplots(figsize=(4.6, 3.6), layout="constrained")
        told: dict[str, Any] = {}
        for number, (name, row) in enumerate(self.correlations().iterrows()):
            depth, robustness = self._pairs(str(name))
            look: dict[str, Any] = {"color": f"C{number}"}
            ax.scatter(depth, robustness, s=12, alpha=0.5, linewidths=0, **look)
            errors = standard_error(robustness), standard_error(depth)
            look |= {"fmt": "s", "markeredgecolor": "black", "capsize": 2}
            drawn = ax.errorbar(depth.mean(), robustness.mean(), *errors, **look)
            told[f"{name} (ρ = {row['correlation']:.2f})"] = drawn
        ax.set_xlabel("reconstruction depth (share of the coefficients)")
        ax.set_ylabel("robustness (share recognised)")
        ax.set_ylim(-0.05, 1.05)
        ax.legend(told.values(), [*told], fontsize=8)
        return figure

    def to_dataframe(self) -> pd.DataFrame:
        """A row for each model and input: its depth and its robustness."""
        tables = {
            name: pd.DataFrame({"depth": depth, "robustness": self.robustness[name]})
            for name, depth in self.depth.items()
        }
        return pd.concat(tables, names=["model", "input"]).reset_index()

    def _pairs(self, name: str) -> tuple[np.ndarray, np.ndarray]:
        """Depth and robustness of the inputs that have a depth."""
        found = ~np.isnan(self.depth[name])
        return self.depth[name][found], self.robustness[name][found]


def depth_robustness(models: Mapping[str, tuple[DecisiveImages, Robustness]]) -> DepthRobustness:
    """
    Relate the reconstruction depth of predictions to their robustness (WCAM, figure 22).

    Parameters
    ----------
    models
        For each model by its name, the sufficient images of some inputs, and the robustness of the
        same inputs.

    Raises
    ------
    ValueError
        If there is no model, or the images are not sufficient ones of these inputs.
    """
    if not models:
        raise ValueError("models must hold one or more models, got none.")
    for name, (sufficient, robust) in models.items():
        must, count = f"models[{name!r}] must hold", len(robust.correct)
        if sufficient.kind != "sufficient":
            raise ValueError(f"{must} sufficient images, got {sufficient.kind}.")
        if len(sufficient) != count:
            must += f" as many sufficient images as robustness has inputs, {count}"
            raise ValueError(f"{must}; got {len(sufficient)}.")
    return DepthRobustness(
        {name: sufficient.share for name, (sufficient, _) in models.items()},
        {name: robust.share for name, (_, robust) in models.items()},
    )
