"""What an explanation hears: targets told from what is mixed with them (WAM, section 4.2)."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd
from matplotlib.figure import Figure

from ..checks import check_seed, is_number
from ..coefficients import as_rows, flatten
from ..explanation import WaveletExplanation
from ..inputs import as_numbers
from ..model import on_host
from ..plots.gallery import plot_gallery

LOUDEST = 120  # dB between what single precision still adds up


@dataclass(frozen=True, eq=False)
class Separation:
    """
    What the most important coefficients of mixtures keep of their targets.

    Parameters
    ----------
    mixtures, reconstructions
        What the model heard, (N, T), and what is left of it when only the most important
        coefficients are.
    explanation
        The explanation of the mixtures.
    snr_before, snr_after
        Signal-to-noise ratio of both, in dB, (N,): the energy of the target over that of the
        difference from it.
    kept_share
        The target's share of the energy of the coefficients kept, (N,). Over all coefficients of
        a mixture at 0 dB it is about one half.
    """

    mixtures: np.ndarray
    reconstructions: np.ndarray
    explanation: WaveletExplanation
    snr_before: np.ndarray
    snr_after: np.ndarray
    kept_share: np.ndarray

    @property
    def improvement(self) -> np.ndarray:
        """By how much the reconstructions are nearer to their targets, in dB, (N,)."""
        return self.snr_after - self.snr_before

    def plot(self, most: int = 6) -> Figure:
        """Draw at `most` so many mixtures, and what is left of them (WAM figures 7 and 14)."""
        columns = {"mixture": self.mixtures, "its most important part": self.reconstructions}
        ratios = zip(columns, (self.snr_before, self.snr_after), strict=True)
        titles = {name: [f"{ratio:.1f} dB" for ratio in values] for name, values in ratios}
        return plot_gallery(columns, 1, titles, most)

    def to_dataframe(self) -> pd.DataFrame:
        """A row for each mixture: both ratios and their difference in dB, the share kept."""
        names = ("snr_before", "snr_after", "improvement", "kept_share")
        return pd.DataFrame({name: getattr(self, name) for name in names}).rename_axis("input")


def noise_experiment(
    explainer: Any,
    waveforms: np.ndarray,
    targets: Any,
    *,
    snr: float = 0.0,
    keep: float | int = 0.1,
    per_level: bool = False,
    seed: int = 0,
) -> Separation:
    """
    Explain waveforms under white noise, and listen to what is important (WAM figures 4 and 7).

    Parameters
    ----------
    seed
        Seed of the noise.
    explainer, waveforms, targets, snr, keep, per_level
        As for `overlap_experiment`, as are result and errors; at an `snr` of 0 the noise has the
        target's RMS.
    """
    check_seed(seed)
    noise = np.random.default_rng(seed).standard_normal(np.shape(waveforms), np.float32)
    return overlap_experiment(
        explainer, waveforms, noise, targets, snr=snr, keep=keep, per_level=per_level
    )


def overlap_experiment(
    explainer: Any,
    waveforms: np.ndarray,
    others: np.ndarray,
    targets: Any,
    *,
    snr: float = 0.0,
    keep: float | int = 0.1,
    per_level: bool = False,
) -> Separation:
    """
    Explain waveforms that others overlap, and listen to what is important (WAM figure 14).

    Parameters
    ----------
    explainer
        Explainer of a classifier of waveforms.
    waveforms, others
        Target waveforms (N, T), and what is mixed in, (N, T), such as sounds of other classes.
    targets
        One-hot classes of the target waveforms.
    snr
        Energy of the targets over that of the others in the mixtures, in dB.
    keep, per_level
        The coefficients that are kept, as for `WaveletExplanation.kept`.

    Raises
    ------
    ValueError
        If a waveform is silent, not finite, or not (N, T).
    """
    mixtures, added = mix(waveforms, others, snr)
    explanation = explainer.explain_wavelet(mixtures, targets)
    left = explanation.reconstruct(mixtures, keep, per_level=per_level)
    kept = as_rows(flatten(explanation.kept(keep, per_level=per_level)))
    of_targets, of_others = (
        (as_rows(flatten(explanation.transform.forward(x.astype(np.float64)))) ** 2 * kept).sum(1)
        for x in (np.asarray(waveforms), added)
    )
    energy = of_targets + of_others
    share = np.divide(of_targets, energy, out=np.zeros_like(energy), where=energy > 0)
    before, after = (_snr(np.asarray(waveforms), x) for x in (mixtures, left))
    return Separation(mixtures, left, explanation, before, after, share)


def mix(
    waveforms: np.ndarray, others: np.ndarray, snr: float = 0.0
) -> tuple[np.ndarray, np.ndarray]:
    """
    Add other waveforms at a given signal-to-noise ratio (WAM figure 7: equal RMS at 0 dB).

    Parameters
    ----------
    waveforms, others
        Arrays (N, T).
    snr
        Energy of `waveforms` over that of what is added, in dB, of magnitude up to 120.

    Returns
    -------
    mixtures, added
        The sums, and the others as they are added; float32.

    Raises
    ------
    ValueError
        If shapes differ, or a waveform is silent, not finite, or not (N, T).

    Examples
    --------
    >>> mixtures, added = mix(np.ones((1, 4)), np.array([[1.0, -1, 1, -1]]))
    >>> mixtures
    array([[2., 0., 2., 0.]], dtype=float32)
    """
    given = {"waveforms": waveforms, "others": others}
    arrays = {name: on_host(as_numbers(name, array)) for name, array in given.items()}
    for name, array in arrays.items():
        shapes = array.shape, arrays["waveforms"].shape
        if array.ndim != 2 or shapes[0] != shapes[1]:
            told = f"got {shapes[0]} beside {shapes[1]}"
            raise ValueError(f"{name} must be of one shape (N, T), {told}.")
        bad = np.flatnonzero(~np.isfinite(array).all(axis=1) | ~array.any(axis=1)).tolist()
        if bad:
            raise ValueError(f"{name} must be finite and not silent; those at {bad} are not.")
    if not is_number(snr) or abs(snr) > LOUDEST:
        raise ValueError(f"snr must be a number of dB from -{LOUDEST} to {LOUDEST}, got {snr!r}.")
    target, other = (array.astype(np.float64) for array in arrays.values())
    gain = np.sqrt(_power(target) / _power(other) / 10 ** (snr / 10))[:, np.newaxis]
    added = (gain * other).astype(np.float32)
    return (target + added).astype(np.float32), added


def _power(x: np.ndarray) -> np.ndarray:
    return np.mean(x**2, axis=1)


def _snr(targets: np.ndarray, estimates: np.ndarray) -> np.ndarray:
    target = targets.astype(np.float64)
    return 10 * np.log10(_power(target) / _power(estimates - target))
