"""Making a report: arguments checked, the model asked, each prediction explained and drawn."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
from tqdm.auto import tqdm

from ...attributions import WCAM, WaveletIntegratedGradients
from ...batches import gather
from ...checks import check_integer, check_seed, is_integer
from ...coefficients import default_level
from ...explanation import fields_of
from ...inputs import Inputs, as_labels, weights_of
from ...model import on_host
from ...plots.drawing import KINDS, check_rate
from ...terminal import as_text
from ...transforms import fitting
from ..predictions import answers, ask, how_asked
from ..profile import ScaleProfile, check_explainer
from ..sufficient import sufficient_images
from .findings import Findings
from .page import Part, Report, Side
from .pictures import Picture, Subject, pictures_of

STEPS = 32
WCAM_OPTIONS: dict[str, Any] = {"nb_design": 16, "partition": "subband", "refine": 0.03}
CELLS = {1: 8, 2: 4, 3: 2}  # along each axis of a band, by the number of axes


def report(
    model: Any,
    inputs: Any,
    targets: Any = None,
    *,
    explainer: Any = None,
    names: Sequence[str] | None = None,
    class_names: Sequence[str] | None = None,
    explained: int | None = None,
    reference: ScaleProfile | None = None,
    boxes: Any = None,
    pictures: Any = None,
    front_end: Callable[[Any], Any] | None = None,
    sample_rate: float | None = None,
    title: str = "Wavelet report",
    model_name: str | None = None,
    batch_size: int | None = 32,
    seed: int = 0,
    verbose: bool = False,
) -> Report:
    """
    Explain what a model predicts for each input, on a page that is read in a browser.

    The class that is predicted is explained, be it right or wrong, or one that is given. On the
    page, inputs are sorted and filtered, maps are laid over them and taken away, and a slider goes
    from coarse to fine; sounds can be heard. `Report.beside` sets two models or methods side by
    side, `Report.followed_by` inputs of different sizes on one page. Warnings are given where the
    finest scale holds more than half of the importance, or lies 3 standard deviations above the
    reference; where half of it or more lies outside of the box; where a prediction is wrong; and,
    if the outputs are probabilities, where the first two classes are within 0.1. Shares that lie
    2 standard deviations off the reference are marked.

    Parameters
    ----------
    model
        A classifier, or a model of one output: Keras model, `tf.Module`, Xplique's `TorchWrapper`,
        `torch.nn.Module`, object with `predict_proba`, or any callable on arrays.
    inputs
        Array or tensor of signals, images or volumes as for an explainer, or a dataset of inputs
        and targets, which is read to its end.
    targets
        One-hot classes or integer labels to compare the predictions with; None where the dataset
        holds them, or without any; "predicted" to leave those of a dataset out.
    explainer
        An explainer in the wavelet domain, made of the model. By default
        `wam_xplique.WaveletIntegratedGradients` where the model has gradients, else
        `wam_xplique.WCAM`, refined.
    names, class_names
        What the inputs are called, such as their files, and the classes in the outputs' order.
    explained
        Number of a class that is explained for all inputs, in place of the one predicted.
    reference
        Profile of the model over a data set, made with the same explainer: which shares are usual.
    boxes
        Where the object is, in pixels, ends excluded: (top, left, bottom, right) for each image,
        (N, 4); first the beginnings, then the ends along all axes for volumes, (N, 6), and
        signals, (N, 2).
    pictures
        What is drawn in place of the inputs, such as images before preprocessing, channels last
        and of the inputs' size.
    front_end
        What stands between the inputs and the model; that of the explainer where it is given.
    batch_size
        Most inputs, perturbed or not, at once; None for no limit. An explainer that is given has
        its own.
    sample_rate
        Samples a second, of signals alone: times are in seconds, scales in Hz, and sounds of one or
        two channels can be heard.
    title, model_name
        Title of the page, and what it calls the model; by default the model's own name.
    seed, verbose
        Seed of the default explainer, and whether to show the progress.

    Raises
    ------
    ValueError, TypeError
        If an argument is not valid or does not fit the others; see the message.
    """
    check_integer("batch_size", batch_size, lowest=1, optional=True)
    check_seed(seed)
    if isinstance(targets, str) or not hasattr(inputs, "shape"):
        inputs, targets = gather(inputs, targets, None, model if front_end is None else None)
    if not inputs.shape or not len(inputs):
        raise ValueError(f"inputs must not be empty, got shape {tuple(inputs.shape)}.")
    if explainer is not None:
        check_explainer(explainer)
        if front_end not in (None, getattr(explainer, "front_end", None)):
            raise ValueError("front_end must be None, or that of the explainer that is given.")
    how = {"front_end": front_end} if explainer is None else how_asked(explainer)
    asked = ask(model, inputs, **how)
    if explainer is None:
        options = {"batch_size": batch_size, "seed": seed, "verbose": verbose, **how}
        explainer = _default_explainer(model, asked, options)
    layout, x = asked.layout, asked.channels_last()
    count, sizes = len(x), x.shape[1 : 1 + layout.ndim]
    names = [f"input {index}" for index in range(count)] if names is None else names
    _check_each("names", names, count, f"the {count} inputs")
    names = [as_text(str(name)) for name in names]
    drawn = x if pictures is None else _pictures(pictures, x.shape, layout.ndim)
    boxes = None if boxes is None else _boxes(boxes, count, sizes)
    rate = _rate(sample_rate, explainer, layout.ndim)
    if reference is not None:
        _check_reference(reference, explainer, x.shape, layout.ndim)

    outputs = answers(asked, batch_size)
    labels = None if targets is None else _labels(targets, outputs)
    if class_names is not None:
        classes = outputs.shape[1]
        _check_each("class_names", class_names, classes, f"the model's {classes} outputs")
    numbers = outputs.argmax(axis=1) if explained is None else _class(explained, outputs)
    weights = weights_of(numbers, outputs.shape[1])
    explanation = explainer.explain_wavelet(inputs, weights)
    sufficient = None
    # No image suffices for a class where there is but one; metrics need the axis of the channels.
    if outputs.shape[1] > 1 and (layout.ndim == 1 or layout.channel_axis is not None):
        how |= {"domain": "wavelet", "batch_size": batch_size, "verbose": verbose}
        sufficient = sufficient_images(model, inputs, weights, explanation, **how)
    findings = Findings(
        names,
        explanation,
        outputs,
        labels,
        class_names,
        sufficient,
        boxes,
        reference,
        None if explained is None else numbers,
        rate,
    )
    progress = tqdm(drawn, desc="draw", unit="input", disable=not verbose)
    pictures = tuple(_draw(findings, index, x, shown) for index, shown in enumerate(progress))
    called = as_text(model_name or str(getattr(model, "name", None) or type(model).__name__))
    side = Side(called, type(explainer).__name__, (Part(findings, pictures),))
    return Report(as_text(title), (side,))


def _draw(findings: Findings, index: int, x: np.ndarray, shown: np.ndarray) -> tuple[Picture, ...]:
    """An input, what matters in it at which scale, and what suffices."""
    box = None if findings.boxes is None else findings.boxes[index]
    one, sufficient, told = findings.explanation[index], None, ""
    subject = Subject(one, shown, findings.names[index], box, findings.sample_rate)
    known = findings.sufficient
    if known is not None and known.found[index] and findings.as_predicted(index):
        sufficient, told = known.images[index], findings.enough(index)
    return tuple(pictures_of(subject, x[index : index + 1], sufficient, told))


def _class(number: Any, outputs: np.ndarray) -> np.ndarray:
    """The number of a class, for each input."""
    classes = outputs.shape[1]
    if not is_integer(number) or not 0 <= number < classes:
        must = f"None or the number of a class from 0 to {classes - 1}"
        raise ValueError(f"explained must be {must}, got {number!r}.")
    return np.full(len(outputs), number)


def _default_explainer(model: Any, inputs: Inputs, options: dict[str, Any]) -> Any:
    """The default explainer of a model, for inputs such as these."""
    if inputs.model.framework != "numpy":
        return WaveletIntegratedGradients(model, steps=STEPS, **options)
    ndim = inputs.layout.ndim
    sizes = inputs.shape_channels_last[1 : 1 + ndim]
    level = default_level(sizes, "haar")
    bands = level * (2**ndim - 1)
    side = min(CELLS[ndim], *(-(-size // 2**level) for size in sizes))
    grid_size = int(np.ceil(side * max(bands, 1) ** (1 / ndim)))
    return WCAM(model, grid_size, **WCAM_OPTIONS, **options)


def _check_each(name: str, values: Any, count: int, whole: str) -> None:
    if isinstance(values, str) or len(values) != count:
        raise ValueError(f"{name} must be one for each of {whole}, got {values!r}.")


def _pictures(pictures: Any, shape: tuple[int, ...], ndim: int) -> np.ndarray:
    """What is drawn as the inputs, channels last."""
    found = on_host(pictures)
    size = shape if ndim == 1 else shape[: 1 + ndim]
    if found.shape[: len(size)] != size or found.ndim > 2 + ndim:
        must = f"of its size, {size}{', with or without channels last' * (ndim > 1)}"
        raise ValueError(f"pictures must be one for each input and {must}; got {found.shape}.")
    return found


def _boxes(boxes: Any, count: int, sizes: tuple[int, ...]) -> np.ndarray:
    """Where the objects begin and end along all axes, in whole numbers."""
    found = on_host(boxes)
    expected = (count, 2 * len(sizes))
    if found.shape != expected or found.dtype.kind not in "iuf":
        must = f"boxes must hold the beginnings and the ends along all axes, of shape {expected}"
        raise ValueError(f"{must}; got shape {found.shape}.")
    begin, end = np.split(found, 2, axis=1)
    fit = (begin >= 0) & (begin < end) & (end <= np.array(sizes))  # what is NaN does not
    if not fit.all() or (found % 1).any():
        must = f"begin before they end and lie within inputs of size {sizes}"
        raise ValueError(f"boxes must be whole numbers, {must}; got {found.tolist()}.")
    return found.astype(int)


def _rate(sample_rate: float | None, explainer: Any, ndim: int) -> float | None:
    """Samples a second, those of the explainer's transform where it has some."""
    own = getattr(explainer.transform, "sample_rate", None)
    if sample_rate is None:
        return own
    check_rate("sample_rate", sample_rate)
    if ndim != 1 or own not in (None, sample_rate):
        must = f"None for {KINDS[ndim - 1]}" if ndim != 1 else f"the transform's, {own!r}"
        raise ValueError(f"sample_rate must be {must}, got {sample_rate!r}.")
    return sample_rate


def _check_reference(reference: Any, explainer: Any, shape: tuple[int, ...], ndim: int) -> None:
    if not isinstance(reference, ScaleProfile):
        raise TypeError(f"reference must be a ScaleProfile, got a {type(reference).__name__}.")
    how, axes = (explainer.wavelet, explainer.level, explainer.mode), tuple(range(1, 1 + ndim))
    transform = fitting(explainer.transform, shape, axes, *how)
    approximation = bool(reference.mean[0] > 0)
    theirs = (
        *(reference.method, reference.wavelet, reference.scales),
        *(approximation, len(reference.bands[0][1])),
    )
    ours = (
        *(type(explainer).__name__, str(fields_of(transform)["wavelet"])),
        *(tuple(transform.scales(ndim)), explainer.include_approximation, ndim),
    )
    if theirs != ours:
        what = "the method, wavelet, scales, include_approximation and axes"
        told = f"{what} are {ours}, but those of the reference {theirs}"
        raise ValueError(f"reference must be made as the explanation is: {told}.")


def _labels(targets: Any, outputs: np.ndarray) -> np.ndarray:
    """The numbers (N,) of the true classes."""
    if outputs.shape[1] == 1:
        raise ValueError("targets must be None for a model of one output, which tells no class.")
    labels = as_labels(targets)
    found = on_host(targets) if labels is None else weights_of(labels, outputs.shape[1])
    if found.shape != outputs.shape:
        must = f"labels ({len(outputs)},) or one-hot classes {outputs.shape}"
        raise ValueError(f"targets must be {must}, got shape {found.shape}.")
    return found.argmax(axis=1)
