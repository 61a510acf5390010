"""How much is measured on photographs, and where what is found is kept."""

from __future__ import annotations

import functools
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from wam_xplique.archive import cached_json

from ..compare.subjects import Subject
from .photographs import NETWORKS, Photographs


@dataclass(frozen=True)
class Settings:
    """
    How much is measured.

    Parameters
    ----------
    photographs
        Photographs that EfficientNet-Lite0 in PyTorch is asked about.
    fewer
        Photographs that the other networks are asked about.
    few
        Photographs that are explained again and again (randomization, corruptions, agreement).
    draws
        Noisy inputs of a method.
    fewer_draws
        Noisy inputs, and steps of paths, of the randomization, which has many stages.
    steps
        Steps of paths.
    curve
        Steps of insertion and deletion.
    sets
        Random sets of the μ-fidelities.
    grid_size, designs, refine
        As of `WCAM`.
    severities
        Severities of the corruptions that tell the robustness.
    seed
        Seed of everything.
    folder
        Folder of photographs; empty for those of the package `foolbox`.
    batch_size
        Most inputs at once.
    """

    photographs: int = 20
    fewer: int = 6
    few: int = 4
    draws: int = 25
    fewer_draws: int = 10
    steps: int = 32
    curve: int = 10
    sets: int = 100
    grid_size: int = 16
    designs: int = 8
    refine: float | None = 0.03
    severities: tuple[int, ...] = (1, 3, 5)
    seed: int = 0
    folder: str = ""
    batch_size: int = 16

    @property
    def wcam(self) -> dict[str, Any]:
        """The options of WCAM."""
        return {
            "grid_size": self.grid_size,
            "nb_design": self.designs,
            "refine": self.refine,
            "partition": "subband",
            "include_approximation": True,
            "confidence": None,
            "batch_size": self.batch_size,
            "seed": self.seed,
        }


QUICK = Settings(
    photographs=2,
    fewer=2,
    few=2,
    draws=2,
    fewer_draws=2,
    steps=2,
    curve=2,
    sets=4,
    grid_size=4,
    designs=2,
    refine=None,
    severities=(3,),
)


@dataclass(frozen=True)
class Run:
    """
    What is measured, and where.

    Parameters
    ----------
    settings
        How much.
    out
        Folder of what is found.
    names
        Networks, among `NETWORKS`.
    """

    settings: Settings
    out: Path
    names: tuple[str, ...] = tuple(NETWORKS)

    def request(self, network: str) -> Photographs:
        """A network and all photographs: the same for each network."""
        settings = self.settings
        data = "photographs" + (f":{settings.folder}" if settings.folder else "")
        return Photographs(data, network, settings.photographs, settings.seed)

    def count(self, network: str) -> int:
        """How many of the photographs the network is asked about, the first."""
        settings = self.settings
        most = settings.photographs if network == "lite0" else settings.fewer
        return min(most, settings.photographs)

    @functools.cached_property
    def subjects(self) -> dict[str, Subject]:
        return {}

    def subject(self, network: str) -> Subject:
        """A network with all its photographs; read once."""
        if network not in self.subjects:
            self.subjects[network] = self.request(network).load()
        return self.subjects[network]

    def keep(self, name: str, make: Callable[[], Any]) -> Any:
        """What `make` gives (JSON), made once: it is read from its file where it is there."""
        return cached_json(self.out / f"{name}.json", make)
