"""
Minimal images: how little of an input keeps its score.

Ref. Kasmi & al., One Wave To Explain Them All: A Unifying Perspective On Feature Attribution
(2025), section 4.2, figures 3 and 11. Fong & Vedaldi, Interpretable Explanations of Black Boxes
by Meaningful Perturbation (2017).
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import matplotlib.pyplot as plt
import numpy as np
import pandas as pd
from matplotlib.figure import Figure
from tqdm.auto import tqdm

from ..algorithms.minimal import MinimalProblem, minimize
from ..attributions import models
from ..attributions.checks import check_front_end, check_integer, check_number, check_wavelet
from ..attributions.inputs import prepare
from ..coefficients import Coefficients, WaveletTransform, as_rows, flatten, map_bands, pack
from ..plots.common import BAR_COLOR, WHISKER_COLOR
from ..plots.gallery import plot_gallery

ALPHAS = (0.3, 1.0, 3.0, 10.0, 30.0, 100.0, 300.0)


@dataclass(frozen=True, eq=False)
class MinimalImages:
    """
    The sparsest masks that keep the scores, and the images they leave.

    Parameters
    ----------
    inputs, images
        The inputs, and what the masks leave of them; channels last.
    mask
        Masks in [0, 1] of all coefficients, arrays in PyWavelets' layout, channels last.
    scores
        Scores (N, S + 1) of the masked inputs, before the first and after each step. An input that
        is done keeps its last one.
    norms
        Means (N, S + 1) of the masks, likewise.
    steps
        Steps (N,) until the objective hardly became better, or all of them.
    alpha
        Weight of the mean of the mask.
    ndim
        Number of spatial axes.
    """

    inputs: np.ndarray
    images: np.ndarray
    mask: Coefficients
    scores: np.ndarray
    norms: np.ndarray
    steps: np.ndarray
    alpha: float
    ndim: int

    @property
    def original(self) -> np.ndarray:
        """The scores (N,) of the inputs."""
        return self.scores[:, 0]

    @property
    def score(self) -> np.ndarray:
        """The scores (N,) of the minimal images."""
        return self.scores[:, -1]

    @property
    def sparsity(self) -> np.ndarray:
        """The shares (N,) of the coefficients that are masked out, to exactly zero."""
        return (as_rows(flatten(self.mask)) == 0).mean(axis=1)

    @property
    def curve(self) -> np.ndarray:
        """What is minimised (N, S + 1): −score + α · mean of the mask."""
        return self.alpha * self.norms - self.scores

    def plot(self, most: int = 6) -> Figure:
        """
        Draw the inputs, their minimal images and, but for volumes, the masks (figure 3A).

        Parameters
        ----------
        most
            Most inputs to draw.

        Returns
        -------
        figure
            A row for each input.
        """
        columns = {"input": self.inputs, "minimal image": self.images}
        lines = {
            "input": [f"score {score:.3g}" for score in self.original],
            "minimal image": [f"score {score:.3g}" for score in self.score],
            "mask": [f"{share:.1%} are zero" for share in self.sparsity],
        }
        if self.ndim < 3:
            first = map_bands(lambda band: band[:most], self.mask)
            packed = pack(first, tuple(range(1, 1 + self.ndim)))
            has_channels = packed.ndim > 1 + self.ndim
            columns = {name: values[:most] for name, values in columns.items()}
            columns["mask"] = packed.mean(axis=-1) if has_channels else packed
        else:
            lines["minimal image"] = [
                f"{score}, {zero}"
                for score, zero in zip(lines["minimal image"], lines.pop("mask"), strict=True)
            ]
        return plot_gallery(columns, self.ndim, lines, most)

    def to_dataframe(self) -> pd.DataFrame:
        """A row for each input: sparsity, the scores before and after, steps."""
        return pd.DataFrame(
            {
                "sparsity": self.sparsity,
                "original": self.original,
                "score": self.score,
                "steps": self.steps,
            }
        ).rename_axis("input")


@dataclass(frozen=True, eq=False)
class ParetoFront:
    """
    Sparsity against score, as the weight of the mask grows (figure 3B).

    Parameters
    ----------
    alphas
        Weights (A,), rising.
    sparsity
        Shares (A, N) of the coefficients that are masked out.
    score
        Scores (A, N) of the minimal images.
    original
        Scores (N,) of the inputs.
    """

    alphas: np.ndarray
    sparsity: np.ndarray
    score: np.ndarray
    original: np.ndarray

    def plot(self) -> Figure:
        """
        Draw the mean score at the mean sparsity of each weight, over that of the inputs.

        Returns
        -------
        figure
            Bars are the standard errors of the means over the inputs.
        """
        figure, ax = plt.subplots(figsize=(5, 3.4), layout="constrained")
        x, y = self.sparsity.mean(axis=1), self.score.mean(axis=1)
        ax.errorbar(
            x,
            y,
            _standard_error(self.score),
            _standard_error(self.sparsity),
            marker="o",
            markersize=4,
            color=BAR_COLOR,
            ecolor=WHISKER_COLOR,
            elinewidth=1,
            capsize=2,
        )
        for alpha, place in zip(self.alphas.tolist(), zip(x, y, strict=True), strict=True):
            text = f"α = {alpha:g}"
            ax.annotate(text, place, xytext=(4, 5), textcoords="offset points", fontsize=7)
        ax.axhline(self.original.mean(), color="0.5", linestyle="--", linewidth=1)
        ax.annotate(
            "inputs",
            (0, self.original.mean()),
            xycoords=("axes fraction", "data"),
            xytext=(4, 3),
            textcoords="offset points",
            fontsize=7,
            color="0.4",
        )
        ax.margins(x=0.2, y=0.15)
        ax.set_xlabel("share of the coefficients that are zero")
        ax.set_ylabel("score")
        return figure

    def to_dataframe(self) -> pd.DataFrame:
        """A row for each weight and input."""
        count = len(self.original)
        return pd.DataFrame(
            {
                "alpha": np.repeat(self.alphas, count),
                "input": np.tile(np.arange(count), len(self.alphas)),
                "sparsity": self.sparsity.ravel(),
                "original": np.tile(self.original, len(self.alphas)),
                "score": self.score.ravel(),
            }
        )


def minimal_images(
    model: Any,
    inputs: Any,
    targets: Any = None,
    alpha: float = 30.0,
    *,
    wavelet: str = "haar",
    level: int = 3,
    mode: str = "periodization",
    learning_rate: float = 0.05,
    max_steps: int = 500,
    tolerance: float = 1e-3,
    batch_size: int | None = 32,
    operator: Any = None,
    output_layer: str | int | None = None,
    front_end: Callable[[Any], Any] | None = None,
    ndim: int | None = None,
    verbose: bool = False,
) -> MinimalImages:
    """
    Mask out as many wavelet coefficients as the score allows (WAM, section 4.2).

    m* = argmin over m in [0, 1]ᴷ of −f(W⁻¹(m ⊙ z)) + α ‖m‖₁ / K, by Nadam from all ones, with the
    mask brought back into [0, 1] after each step. (The paper writes f for a loss, hence without
    the sign, and leaves the scale of α open; divided by K, α is what the score may fall by when
    all coefficients go.)

    Parameters
    ----------
    model
        Keras model, `tf.Module`, Xplique's `TorchWrapper` or `torch.nn.Module`. Let it give
        logits: a softmax that is saturated has no gradient.
    inputs
        Inputs, as for any explainer.
    targets
        One-hot classes, or what the operator takes; None with a dataset.
    alpha
        Weight of the mean of the mask, in units of the score: the larger, the sparser.
    wavelet, level, mode
        The transform. The mask covers all of its coefficients, in each channel by itself.
    learning_rate
        Step size of Nadam: about the largest change of a mask in a step.
    max_steps
        Most steps; each takes one forward and one backward pass.
    tolerance
        An input is done when 20 steps better its objective by less than this part of it; 0 goes
        on while it gets better at all.
    batch_size
        Most inputs at once; None for all.
    operator, output_layer, front_end, ndim, verbose
        As for the explainers.

    Returns
    -------
    minimal
        Masks, images, sparsity, scores, and the curves of score and mask.

    Raises
    ------
    ValueError, TypeError
        If arguments are out of range, model, inputs and targets do not fit together, or the model
        gives no gradients; see the message.
    """
    check_wavelet(wavelet, mode)
    check_integer("level", level, lowest=0)
    check_integer("max_steps", max_steps, lowest=1)
    check_integer("batch_size", batch_size, lowest=1, optional=True)
    for name, value in {
        "alpha": alpha,
        "learning_rate": learning_rate,
        "tolerance": tolerance,
    }.items():
        check_number(name, value, lowest=0)
    check_front_end(front_end)
    operator = models.check_operator(operator)
    model = models.cut(model, output_layer)
    backend, scored_gradients = models.scored_gradients(model, operator, front_end)
    x, y, layout = prepare(inputs, targets, model, operator, backend, front_end, ndim)
    transform = WaveletTransform(wavelet, level, mode, layout.spatial_axes)
    transform.check(x.shape)
    found = minimize(
        MinimalProblem(
            backend,
            scored_gradients,
            x,
            y,
            transform,
            float(alpha),
            learning_rate,
            max_steps,
            tolerance,
            batch_size,
            verbose,
        )
    )
    return MinimalImages(
        layout.to_channels_last(backend.to_numpy(x)),
        layout.to_channels_last(found.images),
        map_bands(layout.to_channels_last, found.mask),
        found.scores,
        found.norms,
        found.steps,
        float(alpha),
        layout.ndim,
    )


def pareto_front(
    model: Any,
    inputs: Any,
    targets: Any = None,
    alphas: Sequence[float] = ALPHAS,
    *,
    verbose: bool = False,
    **options: Any,
) -> ParetoFront:
    """
    Minimal images under a range of weights: sparsity against score (WAM, figure 3B).

    Parameters
    ----------
    model, inputs, targets
        As for `minimal_images`.
    alphas
        Weights of the mean of the mask, rising.
    verbose
        Whether to show the progress over the weights.
    **options
        Further arguments of `minimal_images`.

    Returns
    -------
    front
        Sparsity and score of each input under each weight.

    Raises
    ------
    ValueError, TypeError
        If `alphas` are not rising, or as `minimal_images`.
    """
    weights = np.asarray(alphas, float)
    if weights.ndim != 1 or not len(weights) or (np.diff(weights) <= 0).any():
        raise ValueError(f"alphas must be one or more rising numbers, got {alphas!r}.")
    progress = tqdm(weights.tolist(), desc="minimal images", unit="alpha", disable=not verbose)
    found = [minimal_images(model, inputs, targets, alpha, **options) for alpha in progress]
    return ParetoFront(
        weights,
        np.stack([minimal.sparsity for minimal in found]),
        np.stack([minimal.score for minimal in found]),
        found[0].original,
    )


def _standard_error(values: np.ndarray) -> np.ndarray:
    """Of the means over the last axis; 0 of one value."""
    count = values.shape[-1]
    return values.std(axis=-1, ddof=min(1, count - 1)) / np.sqrt(count)
