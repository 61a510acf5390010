"""The attribution methods, by the names that they have on the command line."""

from __future__ import annotations

import inspect
import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from .. import attributions
from .inputs import Inputs
from .models import Classifier

WAM_IG, WCAM = "WaveletIntegratedGradients", "WCAM"
NAMES = {
    "saliency": "WaveletSaliency",
    "gradient-input": "WaveletGradientInput",
    "wam-sg": "WaveletSmoothGrad",
    "square-grad": "WaveletSquareGrad",
    "var-grad": "WaveletVarGrad",
    "wam-ig": WAM_IG,
    "wcam": WCAM,
    "fam": "FAM",
}
"""Classes of `wam_xplique.attributions`, by short names."""

DEFAULTS = {"relative_noise": 0.1}
"""Parameters in place of a class's own: the range of inputs is not known beforehand."""

OURS = {"front_end", "model", "ndim", "operator", "sampler", "estimator", "self", "verbose"}
"""Parameters that the command line gives itself, or cannot give."""


@dataclass(frozen=True)
class Method:
    """
    An attribution method, and its parameters.

    Parameters
    ----------
    name
        Name of the class; None for WAM-IG where the model gives gradients, else WCAM.
    parameters
        Parameters of the class.
    """

    name: str | None
    parameters: Mapping[str, Any]

    def explainer(self, classifier: Classifier, inputs: Inputs, verbose: bool = False) -> Any:
        """
        The explainer of a model, for inputs such as these.

        Raises
        ------
        ValueError, TypeError
            If a parameter is not valid.
        """
        name = self.name or default_method(classifier, inputs)
        cls, known = getattr(attributions, name), parameters_of(name)
        defaults = {key: value for key, value in DEFAULTS.items() if key in known}
        given = defaults | dict(self.parameters)
        if "noise" in self.parameters and "relative_noise" not in self.parameters:
            del given["relative_noise"]
        return cls(classifier.model, **given, ndim=inputs.ndim, verbose=verbose)


def find_method(name: str | None, settings: Sequence[str], **given: Any) -> Method:
    """
    Find a method, and check that it takes the parameters.

    Parameters
    ----------
    name
        Short name, or name of the class, in any case of letters; None for the default.
    settings
        Parameters as text: NAME=VALUE, where the value is JSON or else text.
    **given
        Further parameters; those that are None are left out.

    Returns
    -------
    method
        The method.

    Raises
    ------
    ValueError
        If there is no such method, or it takes no such parameter.
    """
    parameters = {key: value for key, value in given.items() if value is not None}
    parameters |= dict(map(_setting, settings))
    classes = {cls.lower(): cls for cls in NAMES.values()} | NAMES
    if name is not None and name.lower() not in classes:
        raise ValueError(f"--method must be one of {', '.join(NAMES)}, got {name!r}.")
    cls = None if name is None else classes[name.lower()]
    known = set().union(*map(parameters_of, (WAM_IG, WCAM) if cls is None else (cls,)))
    if unknown := sorted(set(parameters) - known):
        raise ValueError(
            f"{cls or 'The default method'} has no parameter {', '.join(unknown)}; it takes "
            f"{', '.join(sorted(known))}."
        )
    return Method(cls, parameters)


def parameters_of(name: str) -> set[str]:
    """The parameters of a class that the command line can give."""
    return set(inspect.signature(getattr(attributions, name)).parameters) - OURS


def default_method(classifier: Classifier, inputs: Inputs) -> str:
    """WAM-IG where the model gives gradients for inputs such as these, else WCAM."""
    targets = np.eye(inputs.outputs.shape[1], dtype=np.float32)[:1]
    try:
        saliency = attributions.WaveletSaliency(classifier.model, level=0, ndim=inputs.ndim)
        saliency.explain_wavelet(inputs.x[:1], targets)
    except Exception:  # frameworks raise errors of many kinds where there is no gradient
        return WCAM
    return WAM_IG


def _setting(text: str) -> tuple[str, Any]:
    name, equals, value = text.partition("=")
    if not (name and equals):
        raise ValueError(f"--set must be NAME=VALUE, got {text!r}.")
    try:
        return name.replace("-", "_"), json.loads(value)
    except json.JSONDecodeError:
        return name.replace("-", "_"), value
