"""``wam-xplique report``."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Annotated, Any

import numpy as np
import typer

from ..analysis import Report, ScaleProfile
from ..analysis import report as make_report
from ..backends import get_backend
from ..loading.classifiers import Classifier, load_model
from ..terminal import as_text, tell_problems, telling
from . import options
from .file_names import Problems, check_free, expand, names_of
from .input_files import Inputs, Reading, read_files
from .methods import Method, check_fit, find_method

EXAMPLES = """Examples:

\b
wam-xplique report wrong/*.jpg --model my.keras --out wrong.html
wam-xplique report photos --model ResNet50 --reference outputs/profile/ResNet50.npz
wam-xplique report calls/*.wav --model birds.pt --class-names birds.txt --wavelet db4 --level 6
"""


def report(
    files: options.Files,
    model: options.Model,
    method: options.Method = None,
    reference: Annotated[
        Path | None,
        typer.Option(
            metavar="FILE",
            help="Profile of the same model by the same method, as profile writes it: what is "
            "unusual is marked.",
            show_default=False,
        ),
    ] = None,
    class_names: options.ClassNames = None,
    out: Annotated[Path, typer.Option(help="HTML file to write.")] = Path("outputs/report.html"),
    force: options.Force = False,
    wavelet: options.Wavelet = None,
    level: options.Level = None,
    mode: options.Mode = None,
    batch_size: options.BatchSize = None,
    seed: options.Seed = 0,
    parameters: options.Parameters = None,
    weights: options.Weights = "imagenet",
    preprocess: options.Preprocessing = None,
    size: options.Size = None,
    sample_rate: options.SampleRate = None,
    key: options.Key = None,
    ndim: options.Ndim = None,
    trust: options.Trust = False,
) -> None:
    """
    Write a page on what a classifier makes of each file.

    The page tells the prediction, at which scales it rests, where, and what part of the input is
    enough for it, and warns of what is odd. It needs no network, and is read in any browser. All
    inputs are on one page, and have one shape: pass --size where the model leaves it open.
    """
    with telling("wam-xplique"):
        reading = Reading(size, sample_rate, key, ndim)
        chosen = find_method(
            method,
            parameters,
            scales=True,
            wavelet=wavelet,
            level=level,
            mode=mode,
            batch_size=batch_size,
            seed=seed,
        )
        paths, problems = expand(files)
        check_free([out], force, paths)
        usual = None if reference is None else ScaleProfile.load(reference)
        if paths:
            classifier = load_model(model, weights, preprocess, trust, class_names)
            shown = {path: as_text(name) for path, name in names_of(paths).items()}
            made = report_files(classifier, chosen, shown, reading, usual, problems)
            if made is not None:
                out.parent.mkdir(parents=True, exist_ok=True)
                made.save(out, force)
                warned = sum(bool(row["warnings"]) for row in made.rows)
                typer.echo(f"{out}: inputs: {len(made.rows)}, with warnings: {warned}")
    tell_problems(problems)


def report_files(
    classifier: Classifier,
    method: Method,
    names: Mapping[Path, str],
    reading: Reading,
    reference: ScaleProfile | None,
    problems: Problems,
) -> Report | None:
    """
    The page on what a model makes of files.

    Parameters
    ----------
    classifier
        The model.
    method
        How it is explained.
    names
        What the files are called on the page.
    reading
        How they are read.
    reference
        Which shares are usual; None where that is not known.
    problems
        Where it is told why a file is left out: also if its inputs are of another shape than those
        of the first.

    Returns
    -------
    report
        The page; None if no file can be used.
    """
    explainers: list[Any] = []
    found: dict[Path, Inputs] = {}

    def check(inputs: Inputs) -> None:
        if not explainers:
            explainers.append(method.explainer(classifier, inputs, verbose=True))
        check_fit(explainers[0], classifier, inputs)
        shapes = [tuple(other.x.shape[1:]) for other in (inputs, *found.values())]
        if shapes[0] != shapes[-1]:
            raise ValueError(f"it has the shape {shapes[0]}, the others {shapes[-1]}; see --size")

    for path, inputs in read_files([*names], classifier, reading, problems, check):
        found[path] = inputs
    if not found:
        return None
    return make_report(
        classifier.model,
        get_backend(next(iter(found.values())).x).concat([i.x for i in found.values()], 0),
        explainer=explainers[0],
        names=[name for path, i in found.items() for name in _names(names[path], len(i.x))],
        class_names=classifier.class_names or None,
        reference=reference,
        pictures=np.concatenate([inputs.shown for inputs in found.values()]),
        title=f"{classifier.name}: wavelet report",
        verbose=True,
    )


def _names(name: str, count: int) -> list[str]:
    """What the inputs of a file are called."""
    return [name] if count == 1 else [f"{name}, {index}" for index in range(count)]
