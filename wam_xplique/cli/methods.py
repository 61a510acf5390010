"""The attribution methods, by the names that they have on the command line."""

from __future__ import annotations

import inspect
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

from .. import attributions
from ..algorithms.cells import count_cells, fourier_cells, wavelet_cells
from ..analysis.predictions import predict
from ..backends import get_backend
from ..checks import unknown
from ..coefficients import Transform, default_level
from ..inputs import Layout
from ..loading.classifiers import Classifier
from ..transforms import ConstantQ, fitting
from .input_files import Inputs
from .options import Options
from .transforms import setting, with_transform

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

NOISE = 0.1
"""A share of the inputs' range, in place of the classes' own noise: it is not known beforehand."""

MANY, TIMED, GRADIENT = 500, 16, 3
"""Forward passes that are announced, how many are timed, and how many a gradient is worth."""

SHARED = ("wavelet", "level", "mode", "batch_size", "seed")
"""Parameters that are options of their own."""

OURS = {"front_end", "model", "ndim", "operator", "sampler", "estimator", "self", "verbose"}
"""Parameters that the command line gives itself, or cannot give."""


@dataclass(frozen=True)
class Method:
    """A class of `wam_xplique.attributions`, and its parameters."""

    name: str | None  # None for WAM-IG where the model gives gradients, else WCAM
    parameters: Mapping[str, Any]

    def explainer(self, classifier: Classifier, inputs: Inputs, verbose: bool = False) -> Any:
        """The explainer of a model, for inputs such as these."""
        name = self.name or (WAM_IG if gives_gradients(classifier, inputs) else WCAM)
        given = dict(self.parameters)
        if "transform" in given:
            given["transform"] = self.transform_of(inputs)
        if "relative_noise" in parameters_of(name) and "noise" not in given:
            given.setdefault("relative_noise", NOISE)
        make = getattr(attributions, name)
        return make(classifier.logits, **given, ndim=inputs.ndim, verbose=verbose)

    def transform_of(self, inputs: Inputs) -> Transform | None:
        """The transform that is told, of sounds one that tells of Hz; None for the default."""
        transform, rate = self.parameters.get("transform"), inputs.sample_rate
        if isinstance(transform, ConstantQ) and transform.sample_rate is None and rate is not None:
            return replace(transform, sample_rate=float(rate))
        _check_rate(transform, inputs)
        return transform


def find_method(options: Options, scales: bool = False) -> Method:
    """The method that options name, checked to take their parameters, and to tell of `scales`."""
    parameters = {n: value for n in SHARED if (value := getattr(options, n)) is not None}
    parameters |= dict(setting("--set", text) for text in options.parameters or ())
    if "transform" in parameters:
        raise ValueError("--set takes no transform; --transform does.")
    parameters = with_transform(options.transform, parameters)
    name = options.method
    classes = {cls.lower(): cls for cls in NAMES.values()} | NAMES
    if name is not None and name.lower() not in classes:
        raise unknown(f"--method {name!r} is unknown", name, NAMES)
    cls = None if name is None else classes[name.lower()]
    if scales and cls == "FAM":
        raise ValueError("--method fam tells of frequencies; here one of scales is needed.")
    if options.transform is not None and cls == "FAM":
        raise ValueError("--transform must be left out: --method fam has that of Fourier.")
    known = set().union(*map(parameters_of, (WAM_IG, WCAM) if cls is None else (cls,)))
    for other in sorted(set(parameters) - known):
        what = f"{cls or 'The default method'} has no parameter {other}"
        raise unknown(what, other, sorted(known))
    return Method(cls, parameters)


def parameters_of(name: str) -> set[str]:
    """The parameters of a class that the command line can give."""
    return set(inspect.signature(getattr(attributions, name)).parameters) - OURS


def check_fit(explainer: Any, classifier: Classifier, inputs: Inputs) -> None:
    """Check that inputs have the axes of an explainer, fit its transform, and are told in Hz by it
    as they are."""
    if inputs.ndim != explainer.ndim:
        raise ValueError(f"it has {inputs.ndim} axes of space or time, the others {explainer.ndim}")
    how = explainer.wavelet, explainer.level, explainer.mode
    fitting(explainer.transform, inputs.x.shape, _axes(classifier, inputs), *how)
    _check_rate(explainer.transform, inputs)


def settled(method: Method, pairs: Sequence[tuple[Classifier, Inputs]]) -> Method:
    """The one method and number of levels that fit all classifiers and inputs such as these."""
    if method.name is None:
        name = WAM_IG if all(gives_gradients(*pair) for pair in pairs) else WCAM
        method = replace(method, name=name)
    return with_one_level(method, pairs)


def with_one_level(method: Method, pairs: Sequence[tuple[Classifier, Inputs]]) -> Method:
    """A method that takes as many levels for all inputs, as fit these of each classifier."""
    if "transform" in method.parameters:
        return method
    wavelet = method.parameters.get("wavelet", "haar")
    levels = [
        default_level([inputs.x.shape[axis] for axis in _axes(classifier, inputs)], wavelet)
        for classifier, inputs in pairs
    ]
    return replace(method, parameters={"level": min(levels), **method.parameters})


def explain_with(explainer: Any, x: Any, targets: Any) -> Any:
    """The explanation by scales, or by frequencies of a method that has these."""
    by_frequency = getattr(explainer, "explain_fourier", None)
    return (by_frequency or explainer.explain_wavelet)(x, targets)


def passes(explainer: Any, classifier: Classifier, inputs: Inputs) -> int:
    """The forward passes, or gradients, that each input takes; at most, where they are refined."""
    if not hasattr(explainer, "nb_design"):
        return int(getattr(explainer, "steps", getattr(explainer, "nb_samples", 1)))
    if explainer.refine is not None and explainer.refine >= 1:
        return int(explainer.refine)
    sizes = inputs.shown.shape[1 : 1 + inputs.ndim]
    if hasattr(explainer, "perturbation"):
        cells = fourier_cells(sizes, explainer.perturbation, explainer.grid_size)
    else:
        how = explainer.wavelet, explainer.level, explainer.mode
        axes = _axes(classifier, inputs)
        transform = fitting(explainer.transform, inputs.x.shape, axes, *how)
        parts = (explainer.partition, explainer.grid_size, explainer.include_approximation)
        cells = wavelet_cells(transform, sizes, *parts)
    return int(explainer.nb_design) * (count_cells(cells) + 2)


def length(explainer: Any, classifier: Classifier, inputs: Inputs, times: int = 1) -> str | None:
    """How long an explanation of inputs, made so many times, takes; None if that is not long."""
    each = passes(explainer, classifier, inputs)
    count = each * len(inputs.x) * times
    if count < MANY:
        return None
    few = get_backend(inputs.x).concat([inputs.x[:1]] * TIMED, 0)
    predict(classifier.logits, few, ndim=inputs.ndim)  # what is compiled is not timed
    start = time.perf_counter()
    predict(classifier.logits, few, ndim=inputs.ndim)
    seconds = (time.perf_counter() - start) / TIMED * count
    is_sobol, refine = hasattr(explainer, "nb_design"), getattr(explainer, "refine", None)
    seconds *= 1 if is_sobol else GRADIENT
    what = "forward passes" if is_sobol else "gradients"
    most = "at most " if refine is not None else ""
    about = f"{seconds:.0f} s" if seconds < 100 else f"{seconds / 60:.0f} min"
    told = f"{type(explainer).__name__} takes {most}{count:,} {what}, some {about} on this machine"
    can_refine = hasattr(explainer, "partition") and refine is None
    return told + ("; --set refine=0.03 takes a small part of them." if can_refine else ".")


def gives_gradients(classifier: Classifier, inputs: Inputs) -> bool:
    """Whether a model gives gradients for inputs such as these."""
    try:
        saliency = attributions.WaveletSaliency(classifier.logits, level=0, ndim=inputs.ndim)
        saliency.explain_wavelet(inputs.x[:1], inputs.predicted[:1])
    except Exception:  # the frameworks raise errors of many kinds where there is no gradient
        return False
    return True


def _check_rate(transform: Transform | None, inputs: Inputs) -> None:
    """Check that a transform that tells of Hz has the inputs' sample rate."""
    told, rate = getattr(transform, "sample_rate", None), inputs.sample_rate
    if None not in (told, rate) and told != rate:
        raise ValueError(
            f"it has {rate} samples a second, the transform {told}; --sample-rate resamples"
        )


def _axes(classifier: Classifier, inputs: Inputs) -> tuple[int, ...]:
    """The axes of inputs that are space or time."""
    return Layout.of(inputs.x.shape, classifier.channels_first, inputs.ndim).spatial_axes
