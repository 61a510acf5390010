"""What a corruption of an image does to a prediction, and to what it rests on (WCAM 4.1, B.5)."""

from __future__ import annotations

import copy
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import matplotlib.pyplot as plt
import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from ..datasets import corrupt
from ..explanation import WaveletExplanation
from ..inputs import as_numbers
from ..model import is_torch_tensor, on_host
from ..plots import drawing, plot_mosaic
from ..plots.explanation import ORIENTATIONS
from .distances import Distances, check_octaves, importance_distances
from .predictions import predict_as
from .profile import check_explainer
from .profile_plots import draw_groups

Corruption = str | Callable[[np.ndarray], np.ndarray] | np.ndarray

BANDS_DRAWN = 6
CLEAN_COLOR = "0.6"


@dataclass(frozen=True, eq=False)
class Explained:
    """
    Images, what is predicted for them, and why.

    Parameters
    ----------
    images, explanation
        Images before preprocessing, channels last, and the explanation of the targets' scores.
    classes, scores
        The classes (N,) predicted, and the model's outputs (N,) for the targets.
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
    distances, floor
        How far the importance moved, and how far it moves on the clean images with another seed
        (None if not asked for): what lies below is the explainer's noise.
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
        """How far importance moved across scales, (N,)."""
        return self.distances.scale

    @property
    def place_distance(self) -> np.ndarray:
        """How far importance moved across places, (N,)."""
        return self.distances.place

    def bands(self, index: int | None = None) -> pd.DataFrame:
        """
        The bands that gained and lost importance, in one image or in the mean over all.

        A row for each band, the one that gained most first and the one that lost most last: its
        level (1 is the finest), its orientation as in the coefficients' keys, its scale, and its
        share of the importance, clean, corrupted, and the change. An approximation that was left
        out has no row.
        """
        clean, corrupted = (e.explanation.band_importance() for e in (self.clean, self.corrupted))
        scales = self.clean.explanation.scales
        chosen = slice(None) if index is None else index
        table = pd.DataFrame(
            {
                "level": [min(len(scales) - 1, len(scales) - scales.index(s)) for s, _ in clean],
                "orientation": [key for _, key in clean],
                "scale": [scale for scale, _ in clean],
                "clean": [share[chosen].mean() for share in clean.values()],
                "corrupted": [share[chosen].mean() for share in corrupted.values()],
            }
        ).dropna()
        table["change"] = table["corrupted"] - table["clean"]
        return table.sort_values("change", ascending=False, kind="stable", ignore_index=True)

    @drawing.as_written
    def plot(self, index: int = 0, classes: Sequence[str] | None = None) -> Figure:
        """
        Draw an image clean and corrupted, both explanations, and what moved (WCAM figures 4, 5).

        The mosaics of Sobol indices have one scale of colours, so that they may be compared;
        those of gradients have the scales that `plot_mosaic` gives them.

        Parameters
        ----------
        index, classes
            Which image, and names of the classes; other inputs raise a ValueError.
        """
        drawing.check_kind(self.clean.explanation, "images", drawing.PLACES)
        figure, axes = plt.subplots(
            2, 3, figsize=(9, 5.6), width_ratios=(1, 1, 0.9), layout="constrained"
        )

        def named(number: int) -> str:
            return str(number) if classes is None else classes[number]

        low, high = self.value_range
        for (above, below), (name, explained) in zip(axes.T[:2], self._sides, strict=True):
            # By one scale of grey, so that brightness and contrast can be compared.
            shown = (np.asarray(explained.images[index], float) - low) / (high - low)
            drawing.bare(above).imshow(np.clip(shown, 0, 1), cmap="gray", vmin=0, vmax=1)
            above.set_title(f"{name}\npredicted: {named(explained.classes[index])}", fontsize=9)
            plot_mosaic(explained.explanation, index, below)
        if self.clean.explanation.sobol is not None:
            mosaics = [ax.images[0] for ax in axes[1, :2]]
            top = max(picture.get_clim()[1] for picture in mosaics)
            for picture in mosaics:
                picture.set_clim(0, top)
            drawing.draw_colorbar(mosaics[1], axes[1, 1], "total Sobol index", 0.04)
        axes[1, 0].set_ylabel(f"importance for {named(self.targets[index])}", fontsize=9)
        self._draw_scales(axes[0, 2], index)
        self._draw_bands(axes[1, 2], index)
        scale, place = self.scale_distance[index], self.place_distance[index]
        told = f"importance moved by {scale:.2f} across scales, by {place:.2f} across places"
        figure.suptitle(told, fontsize=10)
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

    @property
    def _sides(self) -> tuple[tuple[str, Explained], ...]:
        return ("clean", self.clean), (self.corruption, self.corrupted)

    def _draw_scales(self, ax: Axes, index: int) -> None:
        first = drawing.first_drawn(self.clean.explanation)
        groups = []
        for (name, side), color in zip(self._sides, (CLEAN_COLOR, drawing.BAR_COLOR), strict=True):
            shares = side.explanation.scale_importance()[index, first:]
            groups.append((shares, None, {"color": color, "label": name}))
        draw_groups(ax, self.clean.explanation.scales[first:], groups)
        ax.legend(frameon=False, fontsize=7, loc="upper center", bbox_to_anchor=(0.5, 1.2), ncols=2)

    def _draw_bands(self, ax: Axes, index: int) -> None:
        moved = self.bands(index)
        moved = moved[moved["clean"] + moved["corrupted"] > 0]
        moved = moved.loc[moved["change"].abs().nlargest(BANDS_DRAWN).index.sort_values()]
        letters = {"aa": "", **ORIENTATIONS}
        names = moved["scale"] + " " + moved["orientation"].map(lambda k: letters.get(k, k))
        ax.barh(names, 100 * moved["change"], 0.7, color=drawing.BAR_COLOR)
        ax.axvline(0, color="0.3", linewidth=0.8)
        ax.invert_yaxis()
        ax.tick_params(axis="x", labelsize=7)
        ax.tick_params(axis="y", labelsize=8, length=0)
        ax.set_xlabel("change of a band's share (points)", fontsize=8)
        ax.spines[["top", "right", "left"]].set_visible(False)


def corruption_effect(
    explainer: Any,
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
    corruption, severity
        A name of `wam_xplique.datasets.CORRUPTIONS` and its severity from 1 to 5, a function of the
        images that gives as many of the same shape, or these images themselves.
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

    Raises
    ------
    TypeError, ValueError
        If arguments are not valid, such as images of PyTorch, do not fit together, or a floor is
        asked for but the explainer has no seed.
    """
    check_explainer(explainer)
    if getattr(explainer, "transform", None) is not None:
        check_octaves(explainer.transform)
    other = _with_next_seed(explainer) if floor else None
    images = as_images(images)
    y = directions(images, targets)
    name, changed = _corrupted(images, corruption, severity, value_range, seed)

    def explained(shown: np.ndarray) -> Explained:
        inputs = preprocessed(preprocess, shown)
        outputs = predict_as(explainer, inputs)
        explanation = explainer.explain_wavelet(inputs, targets)
        return Explained(shown, explanation, outputs.argmax(axis=-1), (outputs * y).sum(axis=-1))

    clean, corrupted, again = explained(images), explained(changed), None
    if other is not None:
        second = other.explain_wavelet(preprocessed(preprocess, images), targets)
        again = importance_distances(clean.explanation, second)
    moved = importance_distances(clean.explanation, corrupted.explanation)
    return CorruptionEffect(name, value_range, y.argmax(axis=-1), clean, corrupted, moved, again)


def _with_next_seed(explainer: Any) -> Any:
    """The same explainer with another seed, its sampler's too where that has one of its own."""
    other = copy.copy(explainer)
    seeded = [other]
    if hasattr(other, "sampler") and not getattr(other.sampler, "of_explainer", False):
        other.sampler = copy.copy(other.sampler)
        seeded.append(other.sampler)
    for holder in seeded:
        if not hasattr(holder, "seed"):
            told = f"which a {type(holder).__name__} has not"
            raise ValueError(f"floor=True needs a seed to change, {told}.")
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
    must = "corruption must give"
    if made.shape != images.shape:
        raise ValueError(f"{must} images of the shape of these, {images.shape}, got {made.shape}.")
    if made.dtype.kind not in "biuf" or not np.isfinite(made).all():
        raise ValueError(f"{must} finite numbers, got NaN or {made.dtype}.")
    return name, made.astype(np.float32)


def as_images(images: Any) -> np.ndarray:
    if is_torch_tensor(images):
        raise TypeError("images must be an array with channels last, got a PyTorch tensor.")
    images = np.asarray(images)
    if not images.size:
        raise ValueError(f"images must not be empty, got shape {images.shape}.")
    return images


def directions(images: np.ndarray, targets: Any) -> np.ndarray:
    """One-hot targets, as an array."""
    y = on_host(as_numbers("targets", targets))
    if y.ndim != 2 or len(y) != len(images):
        must = f"one for each of the {len(images)} images, one-hot classes (N, classes)"
        raise ValueError(f"targets must be {must}, got shape {y.shape}.")
    return y


def preprocessed(preprocess: Callable[[np.ndarray], Any] | None, images: np.ndarray) -> Any:
    if preprocess is None:
        return images
    inputs = preprocess(images.copy())  # keras.applications' functions write into what they get
    if len(inputs) != len(images):
        must = f"as many inputs as it gets, {len(images)}"
        raise ValueError(f"preprocess must give {must}, got {len(inputs)}.")
    return inputs
