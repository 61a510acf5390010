"""Photographs, the networks that classify them, and the methods that explain why."""

from __future__ import annotations

import functools
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch

from wam_xplique import datasets
from wam_xplique.coefficients import WaveletTransform

from .. import methods
from ..compare import runner
from ..compare.subjects import Request, Subject
from . import cams, networks

NETWORKS = {
    "lite0": "EfficientNet-Lite0, PyTorch",
    "lite0-keras": "EfficientNet-Lite0, Keras",
    "lite1": "EfficientNet-Lite1, PyTorch",
    "lite2": "EfficientNet-Lite2, PyTorch",
}
"""The networks, and what they are called in the tables."""

TRANSFORM = WaveletTransform("haar", 3, "periodization", (1, 2))

CAM_LAYER = "head_relu"
"""The layer of the Keras network that GradCAM looks at."""


@dataclass(frozen=True)
class Photographs(Request):
    """
    A network and labelled photographs: ``data`` is "photographs", or that and a folder after ":".
    """

    @property
    def name(self) -> str:
        return NETWORKS[self.model]

    def check(self) -> None:
        if self.model not in NETWORKS:
            raise ValueError(f"networks must be among {[*NETWORKS]}, got {self.model!r}.")

    @property
    def size(self) -> int:
        """Height and width of what the network sees."""
        return networks.SIZES[self.model.partition("-")[0]]

    def photographs(self) -> datasets.Photographs:
        """The photographs as the network sees them, but for the preprocessing."""
        return datasets.imagenet_photographs(
            self.path or None, self.size, self.samples, self.seed, self.crop
        )

    def load(self) -> Subject:
        name, _, framework = self.model.partition("-")
        network: Any = (networks.load_keras if framework else networks.load_torch)(name)
        if not framework:  # in the order of memory that its convolutions are fastest in
            network = network.to(memory_format=torch.channels_last)
        return Subject(self.name, network, networks.preprocess(self.photographs().images))


class Magnitude:
    """What an explainer finds, without its sign."""

    def __init__(self, explainer: Callable[..., Any]):
        self.explainer = explainer

    def __call__(self, inputs: Any, targets: Any) -> np.ndarray:
        """The magnitudes of the maps."""
        return np.abs(np.asarray(self.explainer(inputs, targets)))


def makers(
    subject: Subject, settings: runner.Settings, steps: int, wcam: dict[str, Any]
) -> methods.Makers:
    """
    The methods, by the names that they have in the tables.

    Parameters
    ----------
    subject
        A network and photographs.
    settings
        How hard they try; its noise is in the units of the inputs.
    steps
        Steps of paths.
    wcam
        Options of WCAM.
    """
    effort = methods.Effort(
        settings.draws, settings.masks, settings.noise, settings.batch_size, settings.seed
    )
    model, options = subject.of_xplique(subject.model), {"include_approximation": True}
    theirs: dict[str, Callable[..., Any]] = methods.of_xplique(model, 2, effort, subject.is_keras)
    ours: dict[str, Callable[..., Any]] = methods.of_ours(
        subject.model, subject.shape, effort, **options
    )
    theirs["IntegratedGradients"] = functools.partial(theirs["IntegratedGradients"], steps=steps)
    ours["WaveletIntegratedGradients"] = functools.partial(
        ours["WaveletIntegratedGradients"], steps=steps
    )
    ours["WCAM"] = functools.partial(ours["WCAM"], **wcam)
    chosen = {"Saliency": theirs["Saliency"]}
    for name in ("IntegratedGradients", "SmoothGrad"):
        chosen[name] = theirs[name]
        chosen[f"{name}, magnitude"] = functools.partial(_magnitude, theirs[name])
    chosen |= _cams(subject, theirs, effort)
    smooth = ours["WaveletSmoothGrad"]
    variants: methods.Makers = {
        "WaveletSmoothGrad": smooth,
        "WaveletSmoothGrad, band": functools.partial(smooth, normalize="band"),
        "WaveletSmoothGrad, equation 2": functools.partial(smooth, average="gradient"),
    }
    return {**chosen, **ours, **variants, **controls(settings.seed)}


def _magnitude(make: Callable[[], Any]) -> Magnitude:
    return Magnitude(make())


def _cams(
    subject: Subject, theirs: dict[str, Callable[..., Any]], effort: methods.Effort
) -> methods.Makers:
    if subject.is_keras:
        return {
            name: functools.partial(theirs[name], conv_layer=CAM_LAYER)
            for name in ("GradCAM", "GradCAMPP")
        }
    return {
        name: functools.partial(getattr(cams, name), subject.model, effort.batch_size)
        for name in ("GradCAM", "GradCAMPP")
    }


def controls(seed: int) -> methods.Makers:
    """What looks at no network, by name."""
    return {
        f"control: {name}": functools.partial(methods.Blind, name, TRANSFORM, seed)
        for name in ("random", "magnitude", "coarse", "centre")
    }
