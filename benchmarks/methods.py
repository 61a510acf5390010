"""The attribution methods that are compared: ours, and those of Xplique that fit a model."""

from __future__ import annotations

import functools
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import xplique.attributions as theirs

from wam_xplique import WaveletExplanation
from wam_xplique import attributions as ours
from wam_xplique.coefficients import Transform
from wam_xplique.metrics import control

Makers = dict[str, Callable[[], Any]]
"""What makes an explainer, by the name of its class."""


@dataclass(frozen=True)
class Effort:
    """
    How hard a method tries; the same for all that have such a parameter.

    Parameters
    ----------
    draws
        Noisy inputs, and steps of paths.
    masks
        Perturbed inputs of Rise, Lime, KernelShap and HSIC.
    noise
        Standard deviation of the noise, in the units of the inputs.
    batch_size
        Most inputs at once.
    seed
        Seed of what is random in ours; Xplique's methods take none.
    """

    draws: int = 32
    masks: int = 500
    noise: float = 0.3
    batch_size: int = 64
    seed: int = 0


@dataclass(frozen=True)
class Blind:
    """
    An explainer that looks at no model.

    Parameters
    ----------
    name, transform, seed
        As for `wam_xplique.metrics.control`.
    """

    name: str
    transform: Transform
    seed: int = 0

    def explain_wavelet(self, inputs: Any, targets: Any = None) -> WaveletExplanation:
        """The control of the inputs."""
        return control(self.name, inputs, self.transform, self.seed)


def of_ours(model: Any, shape: Sequence[int], effort: Effort, **options: Any) -> Makers:
    """
    The explainers in the wavelet domain.

    `FAM` is not among them: it tells of frequencies, which have no place in the inputs.

    Parameters
    ----------
    model
        Any model.
    shape
        Sizes of its inputs along the axes that are neither samples nor channels.
    effort
        How hard they try.
    **options
        What all of them take, such as `wavelet`, `level` and `front_end`.
    """
    options["batch_size"] = effort.batch_size
    noisy = {"nb_samples": effort.draws, "noise": effort.noise, "seed": effort.seed}
    cells = {
        "grid_size": min({1: 64, 2: 16, 3: 8}[len(shape)], *shape),
        "partition": "subband" if min(shape) >= 32 else "mosaic",  # tiny bands have no cells
        "nb_design": 8,
        "refine": 0.03,
        "confidence": None,
        "seed": effort.seed,
    }
    chosen: dict[str, dict[str, Any]] = {
        "WaveletSaliency": {},
        "WaveletGradientInput": {},
        "WaveletSmoothGrad": noisy,
        "WaveletSquareGrad": noisy,
        "WaveletVarGrad": noisy,
        "WaveletIntegratedGradients": {"steps": effort.draws},
        "WCAM": cells,
    }
    return {
        name: functools.partial(getattr(ours, name), model, **options, **own)
        for name, own in chosen.items()
    }


def of_xplique(model: Any, ndim: int, effort: Effort, is_keras: bool = True) -> Makers:
    """
    The explainers of Xplique that fit a model.

    Parameters
    ----------
    model
        Keras model, or Xplique's `TorchWrapper`.
    ndim
        Axes of its inputs that are neither samples nor channels: all methods take images, most
        take signals, and those that need gradients alone take volumes.
    effort
        How hard they try.
    is_keras
        Whether it is a Keras model, whose layers some of them look into.
    """
    noisy = {"nb_samples": effort.draws, "noise": effort.noise}
    chosen: dict[str, dict[str, Any]] = {
        "Saliency": {},
        "GradientInput": {},
        "IntegratedGradients": {"steps": effort.draws},
        "SmoothGrad": noisy,
        "SquareGrad": noisy,
        "VarGrad": noisy,
    }
    if is_keras:
        chosen |= {"GuidedBackprop": {}, "DeconvNet": {}}
        chosen |= {"GradCAM": {}, "GradCAMPP": {}, "FEM": {}} if ndim == 2 else {}
    if ndim < 3:
        patch = {1: {"patch_size": (32, 1), "patch_stride": (16, 1)}}
        chosen |= {
            "Occlusion": patch.get(ndim, {"patch_size": 8, "patch_stride": 4}),
            "Rise": {"nb_samples": effort.masks},
            "Lime": {"nb_samples": effort.masks},
            "KernelShap": {"nb_samples": effort.masks},
        }
    if ndim == 2:
        chosen |= {
            "SobolAttributionMethod": {"nb_design": 8},
            "HsicAttributionMethod": {"nb_design": effort.masks},
        }
    return {
        name: functools.partial(getattr(theirs, name), model, batch_size=effort.batch_size, **own)
        for name, own in chosen.items()
    }


NAMES = (*of_xplique(None, 2, Effort()), *of_ours(None, (64, 64), Effort()))
"""All methods, by the names of their classes."""
