"""
What a corruption of an image does to a prediction, and to what it rests on.

Ref. Kasmi & al., Assessment of the Reliability of a Model's Decision by Generalizing Attribution
to the Wavelet Domain (2023), sections 4.1 and 4.2, and appendices B.3 and B.5.
"""

from __future__ import annotations

import copy
import itertools
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any, NamedTuple

import matplotlib.pyplot as plt
import numpy as np
import pandas as pd
import scipy.stats
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.image import AxesImage
from tqdm.auto import tqdm

from ..algorithms.batching import BatchSize, in_batches
from ..attributions import models
from ..attributions.checks import check_integer, warn
from ..attributions.inputs import is_torch_tensor, prepare, sanitize
from ..datasets import CORRUPTIONS, SEVERITIES, corrupt
from ..explanation import WaveletExplanation
from ..metrics.scores import model_classes
from ..plots import plot_mosaic
from ..plots.common import BAR_COLOR, PLACES, bare, check_kind, draw_colorbar
from ..plots.explanation import ORIENTATIONS
from .predictions import predict
from .sound import Explainer

Corruption = str | Callable[[np.ndarray], np.ndarray] | np.ndarray

CELLS = 64  # of the grid of places, on all axes together
BANDS_DRAWN = 6
CLEAN_COLOR = "0.6"


class Distances(NamedTuple):
    """
    How far the importance of one explanation lies from that of another.

    Parameters
    ----------
    scale
        Across scales, (N,).
    place
        Across places, (N,).
    """

    scale: np.ndarray
    place: np.ndarray


@dataclass(frozen=True, eq=False)
class Explained:
    """
    Images, what is predicted for them, and why.

    Parameters
    ----------
    images
        Images as they are before preprocessing, channels last.
    explanation
        The explanation of the targets' scores.
    classes
        The classes (N,) predicted.
    scores
        The model's outputs (N,) for the targets.
    """

    images: np.ndarray
    explanation: WaveletExplanation
    classes: np.ndarray
    scores: np.ndarray


@dataclass(frozen=True, eq=False)
class CorruptionEffect:
    """
    Images clean and corrupted, and how the importance moved.

    Parameters
    ----------
    corruption
        What the corruption is called.
    value_range
        What is black and what is white.
    targets
        The classes (N,) whose scores are explained.
    clean, corrupted
        The images, predictions and explanations.
    distances
        How far the importance moved.
    floor
        How far it moves on the clean images with another seed, None if not asked for: what lies
        below is the explainer's noise.
    """

    corruption: str
    value_range: tuple[float, float]
    targets: np.ndarray
    clean: Explained
    corrupted: Explained
    distances: Distances
    floor: Distances | None = None

    @property
    def scale_distance(self) -> np.ndarray:
        """How far importance moved across scales, (N,): see `importance_distances`."""
        return self.distances.scale

    @property
    def place_distance(self) -> np.ndarray:
        """How far importance moved across places, (N,): see `importance_distances`."""
        return self.distances.place

    def bands(self, index: int | None = None) -> pd.DataFrame:
        """
        The bands that gained and lost importance.

        Parameters
        ----------
        index
            Which image; the mean over all by default.

        Returns
        -------
        bands
            A row for each band, the one that gained most first and the one that lost most last:
            its level (1 is the finest), its orientation as in the coefficients' keys, its scale,
            and its share of the importance, clean, corrupted, and the change.
        """
        clean, corrupted = (e.explanation.band_importance() for e in (self.clean, self.corrupted))
        scales = self.clean.explanation.scales
        depth = len(scales) - 1
        rows = [
            {
                "level": depth + 1 - max(1, scales.index(scale)) if depth else 0,
                "orientation": key,
                "scale": scale,
                "clean": _mean_or_one(clean[scale, key], index),
                "corrupted": _mean_or_one(corrupted[scale, key], index),
            }
            for scale, key in clean
        ]
        table = pd.DataFrame(rows)
        table["change"] = table["corrupted"] - table["clean"]
        return table.sort_values("change", ascending=False, kind="stable", ignore_index=True)

    def plot(self, index: int = 0, classes: Sequence[str] | None = None) -> Figure:
        """
        Draw an image clean and corrupted, both explanations, and what moved (WCAM figures 4, 5).

        The mosaics of Sobol indices have one scale of colours, so that they may be compared;
        those of gradients have the scales that `plot_mosaic` gives them.

        Parameters
        ----------
        index
            Which image.
        classes
            Names of the classes.

        Returns
        -------
        figure
            Columns for the clean image, the corrupted one, and the shares of scales and bands.

        Raises
        ------
        ValueError
            If what is explained are no images.
        """
        check_kind(self.clean.explanation, "images", PLACES)
        figure, axes = plt.subplots(
            2, 3, figsize=(9, 5.6), width_ratios=(1, 1, 0.9), layout="constrained"
        )
        both = {"clean": self.clean, self.corruption: self.corrupted}
        for (above, below), (name, explained) in zip(axes.T[:2], both.items(), strict=True):
            _draw_image(above, explained.images[index], self.value_range)
            predicted = int(explained.classes[index])
            label = str(predicted) if classes is None else classes[predicted]
            above.set_title(f"{name}\npredicted: {label}", fontsize=9)
            plot_mosaic(explained.explanation, index, below)
        if self.clean.explanation.sobol is not None:
            _share_colors([ax.images[0] for ax in axes[1, :2]])
            draw_colorbar(axes[1, 1].images[0], axes[1, 1], "total Sobol index", 0.04)
        target = int(self.targets[index])
        target_name = str(target) if classes is None else classes[target]
        axes[1, 0].set_ylabel(f"importance for {target_name}", fontsize=9)
        self._draw_scales(axes[0, 2], index)
        self._draw_bands(axes[1, 2], index)
        figure.suptitle(
            f"importance moved by {self.scale_distance[index]:.2f} across scales, by "
            f"{self.place_distance[index]:.2f} across places",
            fontsize=10,
        )
        return figure

    def to_dataframe(self) -> pd.DataFrame:
        """A row for each image: its target, predictions, scores and distances."""
        table = pd.DataFrame(
            {
                "target": self.targets,
                "clean class": self.clean.classes,
                "corrupted class": self.corrupted.classes,
                "clean score": self.clean.scores,
                "corrupted score": self.corrupted.scores,
                "scale distance": self.scale_distance,
                "place distance": self.place_distance,
            }
        ).rename_axis("image")
        if self.floor is not None:
            table["scale floor"], table["place floor"] = self.floor
        return table

    def _draw_scales(self, ax: Axes, index: int) -> None:
        shares = [e.explanation.scale_importance()[index] for e in (self.clean, self.corrupted)]
        first = _first_level(np.stack(shares))
        labels = self.clean.explanation.scales[first:]
        places = np.arange(len(labels))
        for share, shift, color, name in zip(
            shares, (-0.2, 0.2), (CLEAN_COLOR, BAR_COLOR), ("clean", self.corruption), strict=True
        ):
            ax.barh(places + shift, share[first:], 0.38, color=color, label=name)
            for place, value in zip(places, share[first:], strict=True):
                ax.annotate(
                    f"{value:.0%}",
                    (value, place + shift),
                    (3, 0),
                    textcoords="offset points",
                    va="center",
                    fontsize=7,
                )
        ax.set_yticks(places, labels, fontsize=8)
        ax.tick_params(length=0)
        ax.invert_yaxis()
        ax.set_xlim(0, 1.2 * max(np.max(shares), 1e-6))
        ax.set_xticks([])
        ax.spines[["top", "right", "bottom"]].set_visible(False)
        ax.legend(frameon=False, fontsize=7, loc="upper center", bbox_to_anchor=(0.5, 1.2), ncols=2)

    def _draw_bands(self, ax: Axes, index: int) -> None:
        moved = self.bands(index)
        moved = moved[moved["clean"] + moved["corrupted"] > 0]
        largest = moved["change"].abs().sort_values(ascending=False).index[:BANDS_DRAWN]
        moved = moved[moved.index.isin(largest)]
        labels = [
            f"{scale} {ORIENTATIONS.get(key, '')}"
            for scale, key in zip(moved["scale"], moved["orientation"], strict=True)
        ]
        ax.barh(np.arange(len(labels)), 100 * moved["change"], 0.7, color=BAR_COLOR)
        ax.axvline(0, color="0.3", linewidth=0.8)
        ax.set_yticks(np.arange(len(labels)), labels, fontsize=8)
        ax.invert_yaxis()
        ax.tick_params(axis="x", labelsize=7)
        ax.tick_params(axis="y", length=0)
        ax.set_xlabel("change of a band's share (points)", fontsize=8)
        ax.spines[["top", "right", "left"]].set_visible(False)


def corruption_effect(
    explainer: Explainer,
    images: np.ndarray,
    targets: Any,
    corruption: Corruption,
    severity: int = 3,
    *,
    value_range: tuple[float, float] = (0.0, 1.0),
    preprocess: Callable[[np.ndarray], Any] | None = None,
    seed: int = 0,
    floor: bool = False,
) -> CorruptionEffect:
    """
    Explain images clean and corrupted, and tell what moved (WCAM section 4.1).

    Parameters
    ----------
    explainer
        Any explainer with `explain_wavelet`, of a classifier in any framework.
    images
        Images (N, H, W, C) or (N, H, W) in `value_range`. Signals and volumes will do with a
        corruption of one's own.
    targets
        One-hot classes (N, classes). Their scores are explained, clean and corrupted alike; give
        the classes that are predicted wrongly to see what speaks for them.
    corruption
        A name of `wam_xplique.datasets.CORRUPTIONS`, a function of the images that gives as many
        of the same shape, or these images themselves.
    severity
        From 1 to 5, of a corruption by name.
    value_range
        What is black and what is white.
    preprocess
        What brings images to what the model takes, such as `preprocess_input` of
        `keras.applications`. It sees the images after they are corrupted, as a camera does.
    seed
        Seed of the corruption's draws.
    floor
        Whether to explain the clean images once more, with the next seed, to see how far the
        importance moves by the explainer's draws alone.

    Returns
    -------
    effect
        Both explanations and predictions, and how far the importance moved.

    Raises
    ------
    TypeError
        If images are PyTorch's, or the explainer has no `explain_wavelet` or no model.
    ValueError
        If images, corruption, targets and model do not fit together, or a floor is asked for but
        the explainer has no seed.
    """
    model = getattr(explainer, "model", None)
    if model is None or not hasattr(explainer, "explain_wavelet"):
        raise TypeError(
            f"explainer must have a model and explain_wavelet, got a {type(explainer).__name__}."
        )
    other = _with_next_seed(explainer) if floor else None
    images = _as_images(images)
    y = _directions(images, targets)
    name, changed = _corrupted(images, corruption, severity, value_range, seed)

    batch_size, front_end = (getattr(explainer, a, None) for a in ("batch_size", "front_end"))

    def explained(shown: np.ndarray) -> Explained:
        inputs = _preprocessed(preprocess, shown)
        outputs = predict(model, inputs, batch_size, front_end)
        explanation = explainer.explain_wavelet(inputs, targets)
        return Explained(shown, explanation, outputs.argmax(axis=-1), (outputs * y).sum(axis=-1))

    clean, corrupted = explained(images), explained(changed)
    again = None
    if other is not None:
        again = importance_distances(
            clean.explanation,
            other.explain_wavelet(_preprocessed(preprocess, images), targets),
        )
    return CorruptionEffect(
        name,
        value_range,
        y.argmax(axis=-1),
        clean,
        corrupted,
        importance_distances(clean.explanation, corrupted.explanation),
        again,
    )


def importance_distances(first: WaveletExplanation, second: WaveletExplanation) -> Distances:
    """
    How far the importance of one explanation lies from that of another, by scale and by place.

    Both are Wasserstein-1 distances (the least work that turns one distribution into the other)
    over the largest that they could be: 0 where nothing moved, 1 where everything moved from one
    end to the other. What is moved twice as far counts twice, and a finer division changes little,
    so that the two may be compared. They forget how much importance there is in all.

    Parameters
    ----------
    first, second
        Explanations of as many inputs, of one size and by as many levels.

    Returns
    -------
    distances
        Scale: between the shares of the levels, which lie an octave apart; over the octaves from
        the coarsest to the finest level. The approximation counts as a level, an octave beyond
        the coarsest, unless neither explanation gives it importance. Place: between the sums of
        `WaveletExplanation.pixels` over the cells of a grid (8×8 for images, 64 for signals,
        4×4×4 for volumes) by the Euclidean distance in pixels of their middles; over that of
        opposite corners. NaN, with a warning, where an explanation has no importance at all.

    Raises
    ------
    ValueError
        If the explanations do not fit each other.
    """
    sizes = [(len(e), e.level, tuple(e.spatial_shape)) for e in (first, second)]
    if sizes[0] != sizes[1]:
        raise ValueError(
            "Explanations must be of as many inputs, by as many levels and of one size, got "
            f"{sizes[0]} and {sizes[1]}."
        )
    shares = np.stack([e.scale_importance() for e in (first, second)])
    empty = ~(shares.sum(axis=-1) > 0).all(axis=0)
    if empty.any():
        warn(
            f"Explanations of the inputs {np.flatnonzero(empty).tolist()} have no importance; "
            "their distances are NaN."
        )
    scale = _distance_of_levels(shares)
    place = _distance_of_places(first, second, ~empty)
    return Distances(np.where(empty, np.nan, scale), np.where(empty, np.nan, place))


@dataclass(frozen=True, eq=False)
class Robustness:
    """
    Which corrupted versions of images are predicted as their targets.

    Parameters
    ----------
    correct
        Whether (N, corruptions, severities) they are.
    corruptions
        Names of the corruptions.
    severities
        The severities.
    """

    correct: np.ndarray
    corruptions: tuple[str, ...]
    severities: tuple[int, ...]

    @property
    def share(self) -> np.ndarray:
        """The share (N,) of each image's corrupted versions: the robustness of a prediction."""
        return self.correct.mean(axis=(1, 2))

    def plot(self) -> Figure:
        """
        Draw the share of images that are predicted as their targets.

        Returns
        -------
        figure
            A row for each corruption, a column for each severity.
        """
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
    images
        Images (N, H, W, C) or (N, H, W) in `value_range`.
    targets
        One-hot classes (N, classes).
    corruptions
        Names among `wam_xplique.datasets.CORRUPTIONS`.
    severities
        Severities from 1 to 5.
    value_range
        What is black and what is white.
    preprocess
        What brings images to what the model takes, after they are corrupted.
    batch_size
        Most corrupted images at once; None for no limit. It is halved where the device has too
        little memory.
    seed
        Seed of the corruptions' draws.
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
    images = _as_images(images)
    y = _directions(images, targets)

    backend, classes = model_classes(model)

    def predicted(batch: list[tuple[int, str, int]]) -> np.ndarray:
        versions = [
            corrupt(images[[i]], name, severity, value_range=value_range, seed=seed, first=i)
            for i, name, severity in batch
        ]
        inputs = _preprocessed(preprocess, np.concatenate(versions))
        of_batch = y[[i for i, _, _ in batch]]
        x, directions, _ = prepare(inputs, of_batch, model, models.predictions_operator, backend)
        return backend.to_numpy(classes(x, directions))

    items = list(itertools.product(range(len(images)), corruptions, severities))
    progress = iter(tqdm(items, desc="corrupt", unit="image", disable=not verbose))
    batches = in_batches(progress, predicted, BatchSize(batch_size), backend)
    found = np.concatenate([*batches]).reshape(len(images), len(corruptions), len(severities))
    correct = found == y.argmax(axis=-1)[:, np.newaxis, np.newaxis]
    return Robustness(correct, corruptions, severities)


def _with_next_seed(explainer: Any) -> Any:
    """The same explainer with another seed."""
    other = copy.copy(explainer)
    seeded = [other]
    if hasattr(other, "sampler"):
        other.sampler = copy.copy(other.sampler)
        seeded.append(other.sampler)
    for holder in seeded:
        if not hasattr(holder, "seed"):
            raise ValueError(
                f"floor=True needs a seed to change, which a {type(holder).__name__} has not."
            )
        holder.seed += 1
    return other


def _corrupted(
    images: np.ndarray, corruption: Corruption, severity: int, value_range: Any, seed: int
) -> tuple[str, np.ndarray]:
    """What a corruption is called, and what it makes of images."""
    if isinstance(corruption, str):
        made = corrupt(images, corruption, severity, value_range=value_range, seed=seed)
        return f"{corruption.replace('_', ' ')} {severity}", made
    name = getattr(corruption, "__name__", "corrupted").replace("_", " ")
    made = np.asarray(corruption(images.copy()) if callable(corruption) else corruption)
    if made.shape != images.shape:
        raise ValueError(
            f"corruption must give images of the shape of these, {images.shape}, got {made.shape}."
        )
    if made.dtype.kind not in "biuf" or not np.isfinite(made).all():
        raise ValueError(f"corruption must give finite numbers, got NaN or {made.dtype}.")
    return name, made.astype(np.float32)


def _as_images(images: Any) -> np.ndarray:
    if is_torch_tensor(images):
        raise TypeError("images must be an array with channels last, got a PyTorch tensor.")
    images = np.asarray(images)
    if not images.size:
        raise ValueError(f"images must not be empty, got shape {images.shape}.")
    return images


def _directions(images: np.ndarray, targets: Any) -> np.ndarray:
    """One-hot targets, as an array."""
    y = np.asarray(sanitize(images, targets, None)[1])
    if y.ndim != 2:
        raise ValueError(f"targets must be one-hot classes (N, classes), got shape {y.shape}.")
    return y


def _preprocessed(preprocess: Callable[[np.ndarray], Any] | None, images: np.ndarray) -> Any:
    if preprocess is None:
        return images
    inputs = preprocess(images.copy())  # keras.applications' functions write into what they get
    if len(inputs) != len(images):
        raise ValueError(
            f"preprocess must give as many inputs as it gets, {len(images)}, got {len(inputs)}."
        )
    return inputs


def _check_some(name: str, values: tuple[Any, ...], known: tuple[Any, ...]) -> None:
    if not values or len(set(values)) < len(values) or not set(values) <= set(known):
        raise ValueError(f"{name} must be some of {known}, each once, got {values}.")


def _distance_of_levels(shares: np.ndarray) -> np.ndarray:
    """Distances (N,) of the shares (2, N, level + 1), in the largest possible."""
    moved = np.diff(shares[..., _first_level(shares) :], axis=0)[0]
    passing = np.abs(np.cumsum(moved, axis=-1)[:, :-1])  # what passes from each level to the next
    return passing.mean(axis=-1) if passing.shape[-1] else np.zeros(len(passing))


def _distance_of_places(
    first: WaveletExplanation, second: WaveletExplanation, chosen: np.ndarray
) -> np.ndarray:
    """Distances (N,) of the importance of places, in the largest possible; 0 if not chosen."""
    sums, middles = zip(*(_sums_of_places(e) for e in (first, second)), strict=True)
    largest = np.linalg.norm(middles[0][-1] - middles[0][0])
    found = np.zeros(len(first))
    for number in np.flatnonzero(chosen) if largest > 0 else ():
        weights = (sums[0][number], sums[1][number])
        found[number] = scipy.stats.wasserstein_distance_nd(*middles, *weights) / largest
    return np.clip(found, 0, 1)


def _sums_of_places(explanation: WaveletExplanation) -> tuple[np.ndarray, np.ndarray]:
    """The importance (N, cells) in the cells of a grid, and their middles (cells, ndim)."""
    shape, ndim = explanation.spatial_shape, explanation.ndim
    sums = explanation.pixels().astype(np.float64)
    sums = sums.sum(axis=-1) if sums.ndim > 1 + ndim else sums
    middles = []
    for axis, size in enumerate(shape, start=1):
        count = min(size, round(CELLS ** (1 / ndim)))
        edges = np.arange(count + 1) * size // count
        sums = np.add.reduceat(sums, edges[:-1], axis)
        middles.append((edges[:-1] + edges[1:] - 1) / 2)
    grid = np.stack(np.meshgrid(*middles, indexing="ij"), axis=-1)
    return sums.reshape(len(sums), -1), grid.reshape(-1, ndim)


def _first_level(shares: np.ndarray) -> int:
    """1 where the approximation takes no part beside details, else 0."""
    return int(shares.shape[-1] > 1 and not shares[..., 0].any())


def _mean_or_one(values: np.ndarray, index: int | None) -> float:
    return float(values.mean() if index is None else values[index])


def _draw_image(ax: Axes, image: np.ndarray, value_range: tuple[float, float]) -> None:
    """Draw an image by one scale of grey, so that brightness and contrast can be compared."""
    low, high = value_range
    shown = np.clip((np.asarray(image, float) - low) / (high - low), 0, 1)
    bare(ax).imshow(shown, cmap="gray", vmin=0, vmax=1)


def _share_colors(pictures: Sequence[AxesImage]) -> None:
    top = max(picture.get_clim()[1] for picture in pictures)
    for picture in pictures:
        picture.set_clim(0, top)
