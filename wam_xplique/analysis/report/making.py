"""Making a report: arguments checked, the model asked, each prediction explained, a page made."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import jinja2
import numpy as np
import pandas as pd
from tqdm.auto import tqdm

from ...archive import write_text
from ...attributions import WCAM, WaveletIntegratedGradients
from ...batches import gather
from ...checks import check_integer, check_seed
from ...coefficients import default_level
from ...explanation import WaveletExplanation, fields_of, share_as_text
from ...inputs import Inputs, as_labels, weights_of
from ...model import on_host
from ...plots.captioned import Picture, picture_input, picture_sufficient
from ...terminal import as_text
from ...transforms import fitting
from ..predictions import answers, ask, how_asked
from ..profile import ScaleProfile, check_explainer
from ..sufficient import sufficient_images
from .findings import FAR, FINE, UNUSUAL, Findings

STEPS = 32
WCAM_OPTIONS: dict[str, Any] = {"nb_design": 16, "partition": "subband", "refine": 0.03}
CELLS = {1: 8, 2: 4, 3: 2}  # along each axis of a band, by the number of axes


@dataclass(frozen=True, eq=False)
class Report:
    """
    A page on the predictions of a model, and what stands on it.

    Parameters
    ----------
    html
        The page: a whole HTML document that needs nothing else, not even a network.
    rows
        What the page tells of each input, by the columns of `to_dataframe`.
    explanation
        Explanation of the inputs.
    """

    html: str
    rows: tuple[dict[str, Any], ...]
    explanation: WaveletExplanation

    def save(self, path: str | Path, force: bool = False) -> Path:
        """
        Write the page to a file, such as "report.html", whose path is returned.

        Parameters
        ----------
        path
            File to write.
        force
            Whether to replace a file that is there, which raises a FileExistsError otherwise.
        """
        write_text(path, self.html, force)
        return Path(path)

    def to_dataframe(self) -> pd.DataFrame:
        """
        A row for each input; what is not known is missing.

        Columns name, predicted and score (probability where the outputs are such), target, a
        share for each scale (missing for what is left out; beside it, where the method has
        intervals, columns such as "1-2 px low" and "1-2 px high"), sufficient_share, box_share,
        and the warnings, in sentences.
        """
        return pd.DataFrame(list(self.rows)).rename_axis("input")


def report(
    model: Any,
    inputs: Any,
    targets: Any = None,
    *,
    explainer: Any = None,
    names: Sequence[str] | None = None,
    class_names: Sequence[str] | None = None,
    reference: ScaleProfile | None = None,
    boxes: Any = None,
    pictures: Any = None,
    front_end: Callable[[Any], Any] | None = None,
    title: str = "Wavelet report",
    batch_size: int | None = 32,
    seed: int = 0,
    verbose: bool = False,
) -> Report:
    """
    Explain what a model predicts for each input, on a page that is read in a browser.

    The class that is predicted is explained, be it right or wrong. Warnings are given where the
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
    title, seed, verbose
        Title of the page, seed of the default explainer, and whether to show the progress.

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
    if reference is not None:
        _check_reference(reference, explainer, x.shape, layout.ndim)

    outputs = answers(asked, batch_size)
    labels = None if targets is None else _labels(targets, outputs)
    if class_names is not None:
        classes = outputs.shape[1]
        _check_each("class_names", class_names, classes, f"the model's {classes} outputs")
    explained = weights_of(outputs.argmax(axis=1), outputs.shape[1])
    explanation = explainer.explain_wavelet(inputs, explained)
    sufficient = None
    # No image suffices for a class where there is but one; metrics need the axis of the channels.
    if outputs.shape[1] > 1 and (layout.ndim == 1 or layout.channel_axis is not None):
        how |= {"domain": "wavelet", "batch_size": batch_size, "verbose": verbose}
        sufficient = sufficient_images(model, inputs, explained, explanation, **how)
    findings = Findings(
        names, explanation, outputs, labels, class_names, sufficient, boxes, reference
    )
    progress = tqdm(drawn, desc="draw", unit="input", disable=not verbose)
    shown = [_draw(findings, index, picture) for index, picture in enumerate(progress)]
    facts = _facts(model, explainer, findings)
    html = _page(title=title, facts=facts, findings=findings, pictures=shown)
    return Report(html, tuple(map(findings.row, range(count))), explanation)


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


def _draw(findings: Findings, index: int, shown: np.ndarray) -> list[Picture]:
    """An input, what matters in it at which scale, and what suffices."""
    explanation, name, sufficient = findings.explanation, findings.names[index], findings.sufficient
    box = None if findings.boxes is None else findings.boxes[index]
    pictures = [*picture_input(explanation, index, shown, name, box)]
    if sufficient is not None and sufficient.found[index]:
        image, told = sufficient.images[index], findings.enough(index)
        pictures.append(picture_sufficient(image, explanation.ndim, name, told))
    return pictures


def _facts(model: Any, explainer: Any, findings: Findings) -> dict[str, str]:
    """What is known of model, method and inputs."""
    count, explanation = len(findings.names), findings.explanation
    found = {
        "Model": str(getattr(model, "name", None) or type(model).__name__),
        "Explained by": f"{type(explainer).__name__}, {_told(explanation)}",
        **({"Not explained": findings.left_out} if findings.left_out else {}),
        "Inputs": f"{count}",
        "With warnings": f"{sum(bool(findings.warnings(index)) for index in range(count))}",
    }
    if findings.targets is not None:
        found["Wrong predictions"] = f"{findings.wrong.sum()}"
    if findings.reference is not None:
        name = findings.reference.name or "without a name"
        found["Reference"] = f"{name}, {findings.reference.count} inputs"
    return found


def _told(explanation: WaveletExplanation) -> str:
    """The transform of an explanation in words."""
    if explanation.other is not None:
        return str(explanation.wavelet)
    levels = f"{explanation.level} level{'s' * (explanation.level != 1)}"
    return f"{explanation.wavelet} wavelet, {levels}"


def _page(**known: Any) -> str:
    """A whole HTML document of what is known; any text is taken as text, and never as HTML."""
    environment = jinja2.Environment(
        autoescape=True,
        undefined=jinja2.StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
        keep_trailing_newline=True,
        loader=jinja2.PackageLoader(__package__, "."),
    )
    environment.tests["nan"] = math.isnan
    environment.filters["share"] = share_as_text
    limits = {"fine": FINE, "far": FAR, "unusual": UNUSUAL}
    return environment.get_template("page.html").render(**known, **limits)
