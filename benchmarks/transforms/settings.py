"""How much is measured of transforms, and which."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from wam_xplique.transforms import DWT, Stationary, Steerable, Transform

IMAGES: dict[str, Transform] = {
    "DWT": DWT(),
    "Stationary": Stationary(),
    "Steerable": Steerable(),
}
"""The transforms of images, of three levels each."""


@dataclass(frozen=True)
class Settings:
    """
    How much is measured.

    Parameters
    ----------
    photographs
        Photographs whose explanations are scored.
    few
        Photographs that are shifted, and masked.
    shifts
        Pixels down and right by which photographs are cut out of larger ones.
    turns
        Pixels by which they are turned round, and the network with them.
    training, gratings
        Images with gratings to train on, of each class, and to explain, in all.
    tones
        Tones in noise.
    runs
        Times taken of each call.
    draws, steps
        Noisy inputs, and steps of paths.
    searched
        Steps of a mask.
    noise
        Standard deviation of the noise.
    batch_size
        Most inputs at once.
    seed
        Seed of everything.
    """

    photographs: int = 8
    few: int = 4
    shifts: tuple[int, ...] = (1, 2, 3, 5, 7, 32)
    turns: tuple[int, ...] = (1, 2, 4, 7, 8)
    training: int = 900
    gratings: int = 120
    tones: int = 120
    runs: int = 5
    draws: int = 8
    steps: int = 16
    searched: int = 200
    noise: float = 0.2
    batch_size: int = 16
    seed: int = 0

    def options(self, method: str) -> dict[str, Any]:
        """What an explainer takes."""
        own: dict[str, dict[str, Any]] = {
            "WaveletIntegratedGradients": {"steps": self.steps},
            "WaveletSquareGrad": {
                "nb_samples": self.draws,
                "noise": self.noise,
                "seed": self.seed,
            },
            "WaveletSaliency": {},
        }
        return {"include_approximation": True, "batch_size": self.batch_size, **own[method]}


QUICK = Settings(
    photographs=2,
    few=1,
    shifts=(1,),
    turns=(1,),
    training=4,
    gratings=6,
    tones=3,
    runs=1,
    draws=2,
    steps=4,
    searched=2,
)
