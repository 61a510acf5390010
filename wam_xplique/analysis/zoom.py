"""
Whether a model uses what a closer look shows.

Ref. Kasmi & al., Assessment of the Reliability of a Model's Decision by Generalizing Attribution
to the Wavelet Domain (2023), section 4.3 and appendix B.4.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from ..explanation import WaveletExplanation


@dataclass(frozen=True, eq=False)
class ZoomConsistency:
    """
    The importance of each level, as it was and zoomed in twice (WCAM table 1).

    Parameters
    ----------
    regular
        Shares (N, level + 1) of the levels, approximation first, then coarse to fine.
    zoomed
        Shares (N, level + 2) of the levels of the same scales in the scene, and last of the one
        that only the zoom shows.
    """

    regular: np.ndarray
    zoomed: np.ndarray

    @property
    def new(self) -> np.ndarray:
        """The share (N,) of the details that only the zoom shows."""
        return self.zoomed[:, -1]

    def rows(self) -> list[dict[str, float]]:
        """A line for each level as in table 1: means over the inputs, and standard deviations."""
        return [
            {
                "level": level,
                **_mean_and_deviation("regular", self.regular, level),
                **_mean_and_deviation("zoomed", self.zoomed, level),
            }
            for level in range(self.zoomed.shape[1])
        ]


def zoom_consistency(regular: WaveletExplanation, zoomed: WaveletExplanation) -> ZoomConsistency:
    """
    Compare the explanations of inputs with those of a closer look at them.

    Details of 2 to 4 pixels in an image magnified twice are those of 1 to 2 pixels in the image
    as it was; those of 1 to 2 pixels were not visible. So the magnified image takes a level more.

    Parameters
    ----------
    regular
        Explanation of the inputs.
    zoomed
        Explanation of their middles, magnified twice (from finer originals, or there is nothing
        new to see), by the same method with one more level.

    Returns
    -------
    consistency
        The shares of the levels.

    Raises
    ------
    ValueError
        If the explanations do not fit each other.
    """
    counts, levels = (len(regular), len(zoomed)), (regular.level, zoomed.level)
    if counts[0] != counts[1]:
        raise ValueError(
            f"zoomed must explain as many inputs as regular, {counts[0]}; got {counts[1]}."
        )
    if levels[1] != levels[0] + 1:
        raise ValueError(
            f"zoomed must have one level more than regular, which has {levels[0]}; got {levels[1]}."
        )
    return ZoomConsistency(regular.scale_importance(), zoomed.scale_importance())


def _mean_and_deviation(name: str, shares: np.ndarray, level: int) -> dict[str, float]:
    if level >= shares.shape[1]:
        return {}
    of_level = shares[:, level]
    return {name: float(of_level.mean()), f"{name} sd": float(of_level.std())}
