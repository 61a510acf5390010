"""Minimal images: how little of an input keeps its score.

Ref. Kasmi & al., One Wave To Explain Them All (2025), section 4.2, figures 3 and 11. Fong &
Vedaldi, Interpretable Explanations of Black Boxes by Meaningful Perturbation (2017).
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from typing import Any

import matplotlib.pyplot as plt
import numpy as np
import pandas as pd
import scipy.special
from matplotlib.figure import Figure
from tqdm.auto import tqdm

from .. import operators
from ..algorithms.batching import BatchSize, Progress, by_blocks
from ..algorithms.mask_search import MinimalProblem, minimize, threshold
from ..checks import check_integer, check_number, check_range, check_wavelet, is_number, warn
from ..coefficients import Coefficients, Transform, WaveletTransform, as_rows, flatten, map_bands
from ..inputs import Inputs, Question, gathered, prepare
from ..intervals import standard_error
from ..model import Model, Output, cut_at_layer, on_host
from ..per_input import PerInput
from ..plots.drawing import BAR_COLOR, WHISKER_COLOR
from ..plots.gallery import plot_gallery
from ..transforms import check_transform, fitting

ALPHAS = (0.3, 1.0, 3.0, 10.0, 30.0, 100.0, 300.0)


DECIMATED = WaveletTransform()


@dataclass(frozen=True, eq=False)
class MinimalImages(PerInput):
    """
    The sparsest masks that keep the scores, and the images they leave.

    Parameters
    ----------
    inputs, images
        The inputs, and what the masks leave of them; channels last.
    mask
        The best masks that were met, of all coefficients, 0 or 1, or in [0, 1] where `alpha` was
        given: arrays in PyWavelets' layout, channels last (an axis of size 1 where they share one).
    score
        The scores (N,) of the minimal images.
    probability
        The target classes' softmax (N, 2) before and after; None where it is not kept besides.
    scores, norms, alphas
        Curves (N, S + 1), before the first and after each step: what is kept of the masked inputs
        (the scores, less what the logsumexp of the other classes gained where the probability is
        kept besides), the means of the masks, and their weights in units of the score, all equal
        where `alpha` was given. An input that is done keeps its last ones.
    best
        The step (N,) after which the best mask was met; 0 is the input as it was.
    steps
        Steps (N,) until the best mask hardly became better, or all of them.
    keep, alpha
        The share of the score to keep, and the weight of the mean of the mask: the one that was
        not given is None.
    ndim
        Number of spatial axes.
    transform
        The transform whose coefficients are masked.
    """

    inputs: np.ndarray
    images: np.ndarray
    mask: Coefficients
    score: np.ndarray
    probability: np.ndarray | None
    scores: np.ndarray
    norms: np.ndarray
    alphas: np.ndarray
    best: np.ndarray
    steps: np.ndarray
    keep: float | None
    alpha: float | None
    ndim: int
    transform: Transform = DECIMATED

    def __len__(self) -> int:
        """The number of inputs."""
        return len(self.best)

    @property
    def original(self) -> np.ndarray:
        """The scores (N,) of the inputs."""
        return self.scores[:, 0]

    @property
    def kept(self) -> np.ndarray:
        """Whether (N,) the minimal images keep `keep` of the scores: all where α was given."""
        keep = 1.0 if self.keep is None else self.keep
        return self._at_best(self.scores) >= threshold(self.original, keep)

    @property
    def multiplier(self) -> np.ndarray:
        """1 / α (N,) when the best masks were met: what led there, no measure of the constraint."""
        with np.errstate(divide="ignore"):
            return 1 / self._at_best(self.alphas)

    @property
    def sparsity(self) -> np.ndarray:
        """The shares (N,) of the coefficients that are masked out, to exactly zero."""
        return np.mean(as_rows(flatten(self.mask)) == 0, axis=1)

    @property
    def strength(self) -> np.ndarray:
        """The means (N,) of the masks where they are not zero; NaN where nothing is left."""
        rows = as_rows(flatten(self.mask))
        left = np.count_nonzero(rows, axis=1)
        total = rows.sum(axis=1, dtype=float)
        return np.divide(total, left, out=np.full(len(left), np.nan), where=left > 0)

    @property
    def curve(self) -> np.ndarray:
        """What is minimised (N, S + 1): the mask's mean, or −score + α · mean where α was given."""
        return self.norms if self.alpha is None else self.alphas * self.norms - self.scores

    def _at_best(self, curves: np.ndarray) -> np.ndarray:
        return curves[np.arange(len(curves)), self.best]

    def plot(self, most: int = 6) -> Figure:
        """Draw at `most` so many inputs, their minimal images and, but for volumes, the masks."""
        shown = self[:most]
        zeros = [f"{share:.1%} are zero" for share in shown.sparsity]
        kept = zip(shown.score, shown.kept, strict=True)
        scores = [f"score {score:.3g}" + ", not kept" * (not is_kept) for score, is_kept in kept]
        lines = {"input": [f"score {score:.3g}" for score in shown.original]}
        columns = {"input": shown.inputs, "minimal image": shown.images}
        if self.ndim < 3:
            packed = self.transform.packed(shown.mask, tuple(range(1, 1 + self.ndim)))
            columns["mask"] = packed.mean(axis=-1) if packed.ndim > 1 + self.ndim else packed
            lines |= {"minimal image": scores, "mask": zeros}
        else:
            lines["minimal image"] = [", ".join(told) for told in zip(scores, zeros, strict=True)]
        return plot_gallery(columns, self.ndim, lines, most)

    def to_dataframe(self) -> pd.DataFrame:
        """A row for each input: sparsity, strength, scores, if kept, multiplier, steps."""
        names = ("sparsity", "strength", "original", "score", "kept", "multiplier", "steps")
        table = pd.DataFrame({name: getattr(self, name) for name in names}).rename_axis("input")
        if self.probability is not None:
            for place, name in enumerate(("probability before", "probability")):
                table.insert(4 + place, name, self.probability[:, place])
        return table


@dataclass(frozen=True, eq=False)
class ParetoFront:
    """
    Sparsity against score, as the weight of the mask or the share that is kept grows (figure 3B).

    Parameters
    ----------
    alphas, keeps
        Weights, or shares of the scores to keep, (A,), rising; the other one is None.
    sparsity
        Shares (A, N) of the coefficients that are masked out.
    score
        Scores (A, N) of the minimal images.
    original
        Scores (N,) of the inputs.
    """

    alphas: np.ndarray | None
    sparsity: np.ndarray
    score: np.ndarray
    original: np.ndarray
    keeps: np.ndarray | None = None

    def plot(self) -> Figure:
        """Draw the mean score at the mean sparsity of each weight, with their standard errors."""
        figure, ax = plt.subplots(figsize=(5, 3.4), layout="constrained")
        x, y = self.sparsity.mean(axis=1), self.score.mean(axis=1)
        errors = standard_error(self.score), standard_error(self.sparsity)
        look: dict[str, Any] = {"color": BAR_COLOR, "ecolor": WHISKER_COLOR, "capsize": 2}
        ax.errorbar(x, y, *errors, fmt="o-", markersize=4, elinewidth=1, **look)
        name, values = self._named
        for value, place in zip(values, zip(x, y, strict=True), strict=True):
            text = f"{'α' if name == 'alpha' else name} = {value:g}"
            ax.annotate(text, place, xytext=(4, 5), textcoords="offset points", fontsize=7)
        ax.axhline(self.original.mean(), color="0.5", linestyle="--", linewidth=1)
        corner = (0, self.original.mean()), (4, 3), ("axes fraction", "data"), "offset points"
        ax.annotate("inputs", *corner, fontsize=7, color="0.4")
        ax.margins(x=0.2, y=0.15)
        ax.set_xlabel("share of the coefficients that are zero")
        ax.set_ylabel("score")
        return figure

    def to_dataframe(self) -> pd.DataFrame:
        """A row for each weight, or share that is kept, and input."""
        (name, values), count = self._named, len(self.original)
        rows = pd.MultiIndex.from_product([values, range(count)], names=[name, "input"])
        originals = np.tile(self.original, len(values))
        scores = {"original": originals, "score": self.score.ravel()}
        return pd.DataFrame({"sparsity": self.sparsity.ravel(), **scores}, rows).reset_index()

    @property
    def _named(self) -> tuple[str, Any]:
        return ("keep", self.keeps) if self.alphas is None else ("alpha", self.alphas)


def minimal_images(
    model: Any,
    inputs: Any,
    targets: Any = None,
    keep: float = 1.0,
    *,
    alpha: float | None = None,
    keep_probability: bool = True,
    value_range: tuple[float, float] | None = None,
    per_channel: bool = False,
    wavelet: str = "haar",
    level: int | None = None,
    mode: str = "periodization",
    transform: Transform | None = None,
    learning_rate: float = 0.05,
    max_steps: int = 200,
    tolerance: float = 1e-3,
    batch_size: int | None = 32,
    operator: Any = None,
    output_layer: str | int | None = None,
    front_end: Callable[[Any], Any] | None = None,
    ndim: int | None = None,
    channels: str | None = None,
    output: Output = None,
    explained: str | int | None = None,
    verbose: bool = False,
) -> MinimalImages:
    """
    Mask out as many wavelet coefficients as the score allows (WAM, section 4.2).

    m* = argmin over m in {0, 1}ᴷ of ‖m‖₁ / K so that f(W⁻¹(m ⊙ z)) is at least `keep` times the
    original score, by Nadam from all ones; the constraint's multiplier is found by dual ascent.
    Where the score has more than it needs, coefficients go: the mask does not drive it up. What
    stays, stays at its full strength: no faint pattern that only the model sees. With `alpha`, the
    paper's objective −f(W⁻¹(m ⊙ z)) + α ‖m‖₁ / K, m in [0, 1]ᴷ. (The paper writes f for a
    loss, hence without the sign, and leaves the scale of α open; divided by K, α is what the score
    may fall by when all coefficients go.) Of all masks on the way the best is taken.

    Parameters
    ----------
    model
        Keras model, `tf.Module`, Xplique's `TorchWrapper` or `torch.nn.Module`. Let it give
        logits: a softmax that is saturated has no gradient.
    inputs
        Inputs, as for any explainer.
    targets
        Labels, one-hot classes, or what the operator takes; None where the inputs hold them.
    keep
        The share of the score f₀ to keep, 0 or more: at least f₀ − (1 − keep) |f₀|. That is
        keep · f₀, and for negative scores (log-probabilities) it lets them lose as much of their
        magnitude. Above 1 the score must rise; there may be no such mask, see `.kept`.
    alpha
        Weight of the mean of the mask, in units of the score: the larger, the sparser. `keep` is
        left alone then.
    keep_probability
        Whether the softmax of the target class is kept besides its logit: its log-odds may lose no
        more than the score may. It matters for one-hot targets of two or more outputs without an
        operator and where `alpha` is None, unless the outputs are probabilities already. Turn it
        off for a regression, or outputs that are no logits of a softmax.
    value_range
        Lowest and highest value of an input; what a mask leaves is clipped to it, before the
        model and in the result. A value beyond has no gradient.
    per_channel
        Whether each channel has a mask of its own; colours then come apart.
    wavelet, level, mode
        The transform, by the explainers' default level. The mask covers all of its coefficients;
        level=0 masks the inputs' values.
    transform
        One of `wam_xplique.transforms` in place of the decimated one.
    learning_rate
        Step size of Nadam: about the largest change of a mask in a step. Where `alpha` is found it
        falls to 0 with the last step.
    max_steps
        Most steps; each takes one forward and one backward pass.
    tolerance
        An input is done when 20 steps better its best objective by no more than this part of it,
        and it is there again; 0 takes all steps.
    batch_size
        Most inputs at once; None for all.
    operator, output_layer, front_end, ndim, channels, output, explained, verbose
        As for the explainers.

    Raises
    ------
    ValueError, TypeError
        If arguments are not valid or do not fit together, or the model gives no gradients.
    """
    check_wavelet(wavelet, mode)
    check_integer("level", level, lowest=0, optional=True)
    check_transform(transform, (wavelet, level, mode) != ("haar", None, "periodization"))
    check_integer("max_steps", max_steps, lowest=1)
    check_integer("batch_size", batch_size, lowest=1, optional=True)
    numbers = {"keep": keep, "learning_rate": learning_rate, "tolerance": tolerance}
    for name, value in (numbers if alpha is None else {**numbers, "alpha": alpha}).items():
        check_number(name, value, lowest=0)
    how: dict[str, Any] = {"differentiable": True, "output": output}
    model = Model(cut_at_layer(model, output_layer), operator, front_end=front_end, **how)
    inputs, targets = gathered(inputs, targets, model)
    found = prepare(model, inputs, targets, ndim=ndim, channels=channels, explained=explained)
    layout, axes = found.layout, found.layout.spatial_axes
    seen = front_end if value_range is None else _clipped(value_range, found, front_end)

    def asked(operator: Any) -> Model:
        asking = Model(model.model, operator, front_end=seen, **how)
        return asking.called_with(found.model.structure)

    size, progress = BatchSize(batch_size), Progress("step", verbose)
    options = {
        "transform": fitting(transform, found.shape, axes, wavelet, level, mode),
        "keep": float(keep),
        "alpha": None if alpha is None else float(alpha),
        "channel_axis": None if per_channel else layout.channel_axis,
        "learning_rate": float(learning_rate),
        "max_steps": max_steps,
        "tolerance": tolerance,
        "batch_size": size,
        "progress": progress,
    }
    scored, steady = asked(operator), None
    if keep_probability and alpha is None and _is_classification(found):
        steady = asked(operators.steady_predictions), asked(operators.rivals)

    def of_block(rows: slice) -> MinimalImages:
        return _minimal(found[rows], scored, steady, value_range, options)

    minimal: MinimalImages = by_blocks(len(found), of_block, size, found.backend, progress)
    length = 1 + int(minimal.steps.max())
    curves = {name: getattr(minimal, name)[:, :length] for name in ("scores", "norms", "alphas")}
    unmoved = np.flatnonzero(minimal.best == 0).tolist()
    if unmoved:
        warn(
            f"The minimal images of inputs {unmoved} are these inputs themselves: no step "
            "led to a better mask. A saturated model, that gives no gradient, does this (explain "
            "its logits), values beyond the range it knows, a learning_rate or max_steps too small."
        )
    return replace(minimal, **curves)


def _minimal(
    question: Question,
    scored: Model,
    steady: tuple[Model, Model] | None,
    value_range: tuple[float, float] | None,
    options: dict[str, Any],
) -> MinimalImages:
    """
    The minimal images of some inputs, by the options of a `MinimalProblem`.

    `scored` scores them. `steady` are, where the probability is kept besides, the model whose
    score is kept in its place, and the one that scores the other classes.
    """
    backend, layout, x, y = question.backend, question.layout, question.x, question.y

    def scores(model: Model, x: Any) -> Any:
        return options["batch_size"].apply(question.asked(model).scores, backend, x, y)

    posed = question.asked(scored)
    if steady is not None:
        before = backend.asarray(scores(steady[1], x), like=question.targets)
        weights = backend.concat([question.targets, before[:, None]], 1)
        posed = replace(question.asked(steady[0]), targets=weights)
    start, both = question.rows.start, posed.scores_and_gradients
    found = minimize(MinimalProblem(backend, both, x, y, start=start, **options))
    left = backend.asarray(found.images, like=x)
    score, probability = backend.to_numpy(scores(scored, left)), None
    if steady is not None:
        kept = np.stack([found.scores[:, 0], score], axis=1)
        rivals = np.stack([backend.to_numpy(r) for r in (before, scores(steady[1], left))], axis=1)
        is_logit = rivals < operators.NO_LOGITS
        probability = np.where(is_logit, scipy.special.expit(kept - rivals), kept)
    images = found.images
    if value_range is not None:
        low, high = map(float, value_range)
        images = np.clip(images, low, high)
    return MinimalImages(
        layout.to_channels_last(backend.to_numpy(x)),
        layout.to_channels_last(images),
        map_bands(layout.to_channels_last, found.mask),
        score,
        probability,
        *found[2:],
        keep=options["keep"] if options["alpha"] is None else None,
        alpha=options["alpha"],
        ndim=layout.ndim,
        transform=options["transform"],
    )


def _is_classification(inputs: Inputs) -> bool:
    """Whether the score is that of one class among several."""
    rows = on_host(inputs.targets)
    one_hot = rows.ndim == 2 and rows.shape[1] > 1 and bool(((rows == 0) | (rows == 1)).all())
    return inputs.model.takes_labels and one_hot and bool((rows.sum(1) == 1).all())


def _clipped(
    value_range: Any, inputs: Inputs, front_end: Callable[[Any], Any] | None
) -> Callable[[Any], Any]:
    """What brings values into a range, which the inputs keep to, and stands before a front end."""
    low, high = check_range("value_range", value_range)
    slack, (least, most) = 1e-5 * (high - low), inputs.value_range()
    if least < low - slack or most > high + slack:
        told = f"value_range={value_range!r} must hold all inputs"
        raise ValueError(f"{told}, which go from {least:g} to {most:g}.")

    def clipped(x: Any) -> Any:
        x = inputs.backend.clip(x, low, high)
        return x if front_end is None else front_end(x)

    return clipped


def pareto_front(
    model: Any,
    inputs: Any,
    targets: Any = None,
    alphas: Sequence[float] = ALPHAS,
    *,
    keeps: Sequence[float] | None = None,
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
        Weights of the mean of the mask, rising; left alone where `keeps` are given.
    keeps
        Shares of the score to keep, rising, in place of `alphas`.
    verbose
        Whether to show the progress over the weights.
    **options
        Further arguments of `minimal_images`.

    Raises
    ------
    ValueError, TypeError
        If `alphas` or `keeps` are not rising, or as `minimal_images`.
    """
    name, given = ("alpha", alphas) if keeps is None else ("keep", keeps)
    numbers = list(given) if isinstance(given, (Sequence, np.ndarray)) else [given]
    values = np.array(numbers, float) if all(map(is_number, numbers)) else np.empty(0)
    if not len(values) or np.ndim(given) != 1 or (np.diff(values) <= 0).any():
        raise ValueError(f"{name}s must be one or more rising numbers, got {given!r}.")
    progress = tqdm(values.tolist(), desc="minimal images", unit=name, disable=not verbose)
    found = [minimal_images(model, inputs, targets, **{name: v}, **options) for v in progress]
    return ParetoFront(
        values if keeps is None else None,
        np.stack([minimal.sparsity for minimal in found]),
        np.stack([minimal.score for minimal in found]),
        found[0].original,
        None if keeps is None else values,
    )
