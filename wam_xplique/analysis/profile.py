"""At which scales a model looks, over a whole data set."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, NamedTuple

import numpy as np
import pandas as pd
from matplotlib.figure import Figure
from tqdm.auto import tqdm

from ..archive import Archived, check_shapes
from ..batches import batches
from ..checks import check_fraction, check_integer, warn
from ..explanation import WaveletExplanation, has_importance
from ..intervals import student
from .predictions import as_explained, how_asked
from .profile_plots import draw_comparison, draw_profile


@dataclass(frozen=True, eq=False)
class ScaleProfile(Archived):
    """
    The mean importance of each scale, and of each orientation in it, over a data set.

    Parameters
    ----------
    scales
        The scales (level + 1), approximation first, then coarse to fine.
    bands
        Scale and orientation of each of the B bands in this order, such as ``("2-4 px", "da")``.
    mean, std
        Mean and standard deviation (level + 1,) of the scales' shares over the inputs; the
        deviation is NaN for one input.
    band_mean, band_std
        The same (B,) of the bands' shares. All are NaN for an approximation that was left out:
        the others are shares of the details.
    count, empty
        Number of inputs that these are of, and of others, in which nothing had importance.
    method, wavelet
        Names of the class of the explainer, and of the wavelet, or of another transform than the
        `DWT`.
    confidence
        Confidence level of the intervals.
    name
        What the profile is called in pictures and tables, such as the model's name.
    """

    scales: tuple[str, ...]
    bands: tuple[tuple[str, str], ...]
    mean: np.ndarray
    std: np.ndarray
    band_mean: np.ndarray
    band_std: np.ndarray
    count: int
    empty: int
    method: str
    wavelet: str
    confidence: float = 0.95
    name: str | None = None

    @property
    def interval(self) -> np.ndarray:
        """
        Intervals (level + 1, 2) of the means: Student's t over inputs, cut to shares (0 to 1).

        They hold for inputs drawn at random. Of one input nothing is known: they are 0 to 1.
        """
        return self._intervals[: len(self.scales)]

    @property
    def band_interval(self) -> np.ndarray:
        """The same intervals (B, 2) for the bands."""
        return self._intervals[len(self.scales) :]

    def plot(self) -> Figure:
        """
        Draw the scales as bars made up of their orientations, with the intervals (WAM figure 10).

        They go from coarse to fine; without the approximation where it takes no part.
        """
        return draw_profile(self)

    def to_dataframe(self, *, left_out: bool = False) -> pd.DataFrame:
        """
        A row for each scale, with orientation "all", and for each of its orientations.

        Columns scale, orientation, mean, std, low, high (of the interval) and count; with
        `left_out`, what was left out of the explanations has rows as well, of NaN.
        """
        keys = [*((scale, "all") for scale in self.scales), *self.bands]
        (mean, std), (low, high) = self._moments, self._intervals.T
        table = pd.DataFrame(keys, columns=["scale", "orientation"]).assign(
            mean=mean, std=std, low=low, high=high, count=self.count
        )
        return table if left_out else table.dropna(subset="mean", ignore_index=True)

    def check(self) -> None:
        """Raise a ValueError if the arrays do not fit the scales and bands, or are no shares."""
        check_integer("count", self.count, lowest=0)
        _, arrays = self._parts()
        shapes = 2 * ((len(self.scales),),) + 2 * ((len(self.bands),),)
        check_shapes(arrays, dict(zip(_ARRAYS, shapes, strict=True)))
        if any((array < 0).any() or (array > 1).any() for array in arrays.values()):
            raise ValueError("means and deviations of shares must be between 0 and 1.")

    def _parts(self) -> tuple[dict[str, Any], dict[str, np.ndarray]]:
        header = {key: value for key, value in vars(self).items() if key not in _ARRAYS}
        return header, {key: getattr(self, key) for key in _ARRAYS}

    @classmethod
    def _of_parts(cls, header: dict[str, Any], arrays: dict[str, np.ndarray]) -> ScaleProfile:
        names = {"scales": tuple(header["scales"]), "bands": tuple(map(tuple, header["bands"]))}
        return cls(**{**header, **names, **arrays})

    @property
    def _moments(self) -> np.ndarray:
        """Means and deviations (2, level + 1 + B), of the scales, then of the bands."""
        return np.hstack([[self.mean, self.std], [self.band_mean, self.band_std]])

    @property
    def _intervals(self) -> np.ndarray:
        mean, std = self._moments
        if self.count < 2:
            return np.where(np.isnan(mean)[:, np.newaxis], np.nan, [0.0, 1.0])
        error = std / np.sqrt(self.count)
        return np.clip(student(mean, error, self.count - 1, self.confidence), 0, 1)


_ARRAYS = ("mean", "std", "band_mean", "band_std")


def scale_profile(
    explainer: Any,
    data: Any,
    targets: Any = None,
    *,
    count: int | None = None,
    confidence: float = 0.95,
    name: str | None = None,
    verbose: bool = False,
) -> ScaleProfile:
    """
    Explain a model over a data set, and take the mean importance of each scale and orientation.

    The data are gone through once, batch by batch. Neither inputs nor explanations are kept, so
    that the memory needed does not grow with the data set (WAM figure 10; WCAM figure 13 and
    tables 1, 4 and 5).

    Parameters
    ----------
    explainer
        Any explainer of the package that has `explain_wavelet`.
    data
        An array or tensor, or what holds batches ``(inputs, targets, ...)``: a `tf.data.Dataset`,
        batched or not, a PyTorch `DataLoader`, any iterable; with "predicted" also of inputs
        alone. Inputs are as for the explainer: PyTorch tensors have channels first.
    targets
        What is explained: one-hot classes or integer labels of an array or tensor; None where the
        data hold them; "predicted" for the classes that the model predicts in any case.
    count
        Most inputs to explain, those that come first; all by default.
    confidence
        Confidence level of the intervals of the means.
    name
        What the profile is called in pictures and tables.
    verbose
        Whether to show the progress.

    Raises
    ------
    TypeError, ValueError
        If `explainer` or `data` are none of these, the data are empty, no input has any importance,
        sizes have different numbers of levels, or an argument is not valid.

    Warns
    -----
    UserWarning
        If the data end before `count` inputs, or inputs have no importance.
    """
    check_integer("count", count, lowest=1, optional=True)
    check_fraction("confidence", confidence, optional=False)
    check_explainer(explainer)
    found = PartialProfile()
    total = len(data) if hasattr(data, "shape") else count
    model = explainer.model if how_asked(explainer)["front_end"] is None else None
    parts = batches(data, targets, count, getattr(explainer, "batch_size", None), model)
    with tqdm(total=total, desc="profile", unit="input", disable=not verbose) as progress:
        for inputs, classes in parts:
            classes = as_explained(classes, explainer, inputs)
            explanation = explainer.explain_wavelet(inputs, classes)
            found.add(_shares(explanation), _kind(explanation, type(explainer).__name__))
            progress.update(len(explanation))
    if found.kind is None:
        raise ValueError("data must not be empty, got no inputs.")
    if count is not None and found.seen < count:
        warn(f"The data ended after {found.seen} of {count} inputs; the profile is of these.")
    return found.profile(confidence, name)


class Moments:
    """
    Running mean and variance of rows, which are not kept.

    Ref. Chan, Golub & LeVeque, Algorithms for Computing the Sample Variance (1983), eq. 2.1.
    """

    def __init__(self) -> None:
        self.count = 0
        self.mean: np.ndarray = np.zeros(())
        self._squares: np.ndarray = np.zeros(())

    def add(self, rows: np.ndarray) -> None:
        """Take in more rows (N, K), of any N."""
        if len(rows):
            part = Moments()
            part.count, part.mean = len(rows), rows.mean(axis=0)
            part._squares = ((rows - part.mean) ** 2).sum(axis=0)
            self.merge(part)

    def merge(self, other: Moments) -> None:
        """Take in the rows of another, of any number."""
        if not other.count:
            return
        total = self.count + other.count
        shift = other.mean - self.mean
        between = shift**2 * (self.count * other.count / total)
        self._squares = self._squares + other._squares + between
        self.mean = self.mean + shift * (other.count / total)
        self.count = total

    @property
    def std(self) -> np.ndarray:
        """The standard deviation (K,), with count − 1 in the denominator; NaN for one row."""
        return np.sqrt(self._squares / (self.count - 1 or np.nan))


class Kind(NamedTuple):
    """What shares are of, and what made them: fields of a `ScaleProfile`."""

    scales: tuple[str, ...]
    bands: tuple[tuple[str, str], ...]
    method: str
    wavelet: str


class PartialProfile:
    """The profile of some inputs, which are not kept; merged with that of others in any order."""

    def __init__(self) -> None:
        self.kind: Kind | None = None
        self.seen = 0
        self._moments = Moments()

    def add(self, shares: np.ndarray, kind: Kind) -> None:
        """Take in the shares (N, level + 1 + B) of scales and bands of more inputs."""
        self._check(kind)
        self.seen += len(shares)
        self._moments.add(shares[has_importance(shares[:, : len(kind.scales)])])

    def merge(self, other: PartialProfile) -> None:
        """Take in the inputs of another."""
        if other.kind is not None:
            self._check(other.kind)
            self.seen += other.seen
            self._moments.merge(other._moments)

    def profile(self, confidence: float, name: str | None) -> ScaleProfile:
        """The profile of all."""
        moments, seen = self._moments, self.seen
        if self.kind is None or not moments.count:
            raise ValueError(f"None of the {seen} inputs has any importance: there are no shares.")
        empty = seen - moments.count
        if empty:
            told = "nothing has importance; the profile is of the others"
            warn(f"In {empty} of {seen} inputs {told}.")
        ends = [len(self.kind.scales)]
        (mean, band_mean), (std, band_std) = (
            np.split(m, ends) for m in (moments.mean, moments.std)
        )
        scales, bands, method, wavelet = self.kind
        arrays = mean, std, band_mean, band_std
        of = moments.count, empty, method, wavelet
        return ScaleProfile(scales, bands, *arrays, *of, confidence, name)

    def _check(self, kind: Kind) -> None:
        """Check that inputs have as many levels as those before."""
        if self.kind is not None and len(kind.scales) != len(self.kind.scales):
            levels = sorted(len(one.scales) - 1 for one in (self.kind, kind))
            told = f"got levels {levels}; give the explainer a level"
            raise ValueError(f"data must be of sizes that have as many levels, {told}.")
        self.kind = kind


def _shares(explanation: WaveletExplanation) -> np.ndarray:
    """The shares (N, level + 1 + B) of scales and bands."""
    bands = np.stack(list(explanation.band_importance().values()), axis=-1)
    return np.concatenate([explanation.scale_importance(), bands], axis=1)


def _kind(explanation: WaveletExplanation, method: str) -> Kind:
    """What the shares of an explanation are of."""
    bands = tuple(explanation.band_importance())
    return Kind(tuple(explanation.scales), bands, method, str(explanation.wavelet))


@dataclass(frozen=True, eq=False)
class ProfileComparison:
    """
    Profiles of two or more models, and how the others differ from the first.

    Parameters
    ----------
    profiles
        The profiles by their names, of the same scales.
    """

    profiles: Mapping[str, ScaleProfile]

    def plot(self) -> Figure:
        """Draw the scales of all models as groups of bars, as `ScaleProfile.plot` does."""
        return draw_comparison(self.profiles)

    def to_dataframe(self, *, left_out: bool = False) -> pd.DataFrame:
        """
        A row for each model, scale and orientation ("all" for the scale as a whole).

        Columns model, those of `ScaleProfile.to_dataframe`, and difference, difference_low and
        difference_high: the mean minus that of the first model, with Welch's interval at the
        first one's confidence level, cut to differences of shares (-1 to 1). They are missing
        for the first model itself.
        """
        first = next(iter(self.profiles.values()))
        tables: dict[str, pd.DataFrame] = {}
        for name, profile in self.profiles.items():
            differences = _welch(first, profile) if tables else {}
            tables[name] = profile.to_dataframe(left_out=True).assign(**differences)
        table = pd.concat(tables, names=["model"]).reset_index("model").reset_index(drop=True)
        return table if left_out else table.dropna(subset="mean", ignore_index=True)


def compare_profiles(*profiles: ScaleProfile | Mapping[str, ScaleProfile]) -> ProfileComparison:
    """
    Set the profiles of two or more models beside each other, and compare them with the first.

    Parameters
    ----------
    profiles
        The profiles one by one, which have names of their own, or a mapping of them by their names.

    Raises
    ------
    TypeError, ValueError
        If they are no profiles, fewer than two, without names or of the same, or of other scales.
    """
    given: list[tuple[Any, Any]] = [(getattr(p, "name", None), p) for p in profiles]
    if len(profiles) == 1 and isinstance(profiles[0], Mapping):
        given = list(profiles[0].items())
    for name, profile in given:
        if not isinstance(profile, ScaleProfile):
            raise TypeError(f"profiles must be ScaleProfiles, got a {type(profile).__name__}.")
        if name is None:
            raise ValueError("profiles must have names, or come in a mapping by their names.")
    names = [name for name, _ in given]
    if len(given) < 2 or len(set(names)) < len(names):
        raise ValueError(f"profiles must be two or more of different names, got {names}.")
    kinds = [(p.scales, p.bands, p.wavelet) for _, p in given]
    told = [f"{name!r} has {list(p.scales)} of {p.wavelet!r}" for name, p in given]
    for kind, theirs in zip(kinds, told, strict=True):
        if kind != kinds[0]:
            must = "profiles must be of the same scales, orientations and wavelet"
            raise ValueError(f"{must}: {told[0]}, but {theirs}.")
    return ProfileComparison(dict(given))


def check_explainer(explainer: Any) -> None:
    """Check that an explainer is one in the wavelet domain, and not a class of these."""
    needed = all(hasattr(explainer, name) for name in ("model", "explain_wavelet"))
    if isinstance(explainer, type) or not needed:
        must = "an explainer in the wavelet domain, with model and explain_wavelet"
        raise TypeError(f"explainer must be {must}, got {explainer!r}.")


def _welch(first: ScaleProfile, other: ScaleProfile) -> dict[str, np.ndarray]:
    """The difference of the other's means from the first's, and Welch's interval of it."""
    means, stds = np.stack([first._moments, other._moments], axis=1)
    counts = np.array([[first.count], [other.count]])
    difference = means[1] - means[0]
    if counts.min() < 2:
        interval = difference[:, np.newaxis] + [-np.inf, np.inf]
    else:
        variances = np.square(stds) / counts
        spread, terms = variances.sum(axis=0), (variances**2 / (counts - 1)).sum(axis=0)
        freedom = np.divide(spread**2, terms, out=np.ones_like(spread), where=terms > 0)
        interval = student(difference, np.sqrt(spread), freedom, first.confidence)
    low, high = np.clip(interval, -1, 1).T
    return {"difference": difference, "difference_low": low, "difference_high": high}
