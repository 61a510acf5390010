"""Do explanations move with the image?"""

from __future__ import annotations

import functools
from typing import Any

import numpy as np
import torch
from torch import nn
from tqdm.auto import tqdm

import wam_xplique as wam
from wam_xplique import datasets
from wam_xplique.transforms import DWT, Transform

from .. import timing
from ..real import networks
from .settings import IMAGES, Settings

SIZE = 224
METHODS = ("WaveletIntegratedGradients", "WaveletSaliency", "WaveletSquareGrad")
PIXELS = "none: pixels"
EQUIVARIANT = 0.95
CUT = "The network as it is: photographs cut out further down and right"
TURNED = "A network that moves with the image: photographs turned round"


class Turned(nn.Module):
    """
    A network that moves with its images: it sees them turned back.

    Parameters
    ----------
    network
        A network of images.
    shift
        Pixels down and right by which its images are turned round.
    """

    def __init__(self, network: nn.Module, shift: int):
        super().__init__()
        self.network, self.shift = network, shift

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        """The scores of the images turned back."""
        return self.network(x.roll((-self.shift, -self.shift), (2, 3)))


def measure(settings: Settings, report: timing.Report) -> None:
    """How well explanations of shifted photographs are the explanations shifted."""
    network = networks.load_torch()
    taken = datasets.imagenet_photographs(
        None, SIZE + max(settings.shifts), settings.few, settings.seed
    )
    images = networks.preprocess(taken.images)

    cut, turned = report.tables.setdefault(CUT, []), report.tables.setdefault(TURNED, [])
    contenders: dict[str, Transform] = {PIXELS: DWT(level=0), **IMAGES}
    work = [(method, name) for method in METHODS for name in contenders]
    for method, name in tqdm(work, desc="shifts"):
        make = functools.partial(
            getattr(wam, method),
            transform=contenders[name],
            channels="last",
            **settings.options(method),
        )

        def maps(network: nn.Module, x: np.ndarray, make: Any = make) -> np.ndarray:
            found = make(network).explain_wavelet(np.ascontiguousarray(x), taken.labels)
            return found.pixels()[..., 0]

        first = images[:, :SIZE, :SIZE]
        still = maps(network, first)
        moved, rolled = {}, {}
        for shift in settings.shifts:
            found = maps(network, images[:, shift : shift + SIZE, shift : shift + SIZE])
            moved[shift] = correlation(still[:, shift:, shift:], found[:, :-shift, :-shift])
        for shift in settings.turns:
            by = (shift, shift), (1, 2)
            found = maps(Turned(network, shift).eval(), np.roll(first, *by))
            rolled[shift] = correlation(np.roll(still, *by), found)
        other = correlation(still, np.roll(still, 1, axis=0)) if len(still) > 1 else None
        who = {"method": method, "transform": name}
        cut.append({**who, **_columns(moved), "control: another photograph": other})
        turned.append({**who, **_columns(rolled)})
        if method == METHODS[0] and name in ("Stationary", "Steerable"):
            told = f"{name}, WAM-IG, of a network that moves with the image: the least"
            target = timing.Target(told, min(rolled.values()), EQUIVARIANT, at_least=True)
            report.targets.append(target)
    report.notes.append(
        "By the network as it is no transform is judged: its gradients do not move with images."
    )


def _columns(found: dict[int, float]) -> dict[str, Any]:
    return {f"{shift} px": value for shift, value in found.items()}


def correlation(maps: np.ndarray, others: np.ndarray) -> float:
    """The correlation of maps (N, H, W), the mean over them."""
    pairs = zip(maps, others, strict=True)
    return float(np.mean([np.corrcoef(a.ravel(), b.ravel())[0, 1] for a, b in pairs]))
