"""``wam-xplique profile``."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import replace
from functools import partial
from itertools import chain
from pathlib import Path
from typing import Annotated, Any

import typer

from ..analysis import ScaleProfile, compare_profiles, scale_profile
from ..archive import write_table
from ..explanation import shares_as_text
from ..loading.classifiers import Classifier, load_model
from ..plots.drawing import save_figure
from ..terminal import as_text, tell_problems, telling
from . import options
from .file_names import Problems, check_free, expand, names_of
from .input_files import Inputs, Reading, read_files
from .methods import WAM_IG, WCAM, Method, check_fit, find_method, gives_gradients, with_one_level

EXAMPLES = """Examples:

\b
wam-xplique profile imagenet/val --model ResNet50 --model MobileNetV2
wam-xplique profile 'crops/*.png' --model before.keras --model after.keras --out profile
wam-xplique profile scans.npz --model volumes.pt --method wcam --set refine=0.03
"""


def profile(
    files: options.Files,
    models: Annotated[
        list[str],
        typer.Option(
            "--model",
            metavar="PATH_OR_NAME",
            help="As for explain; may be repeated, to compare others with the first.",
            show_default=False,
        ),
    ],
    method: options.Method = None,
    out: Annotated[Path, typer.Option(help="Folder of what is written.")] = Path("outputs/profile"),
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
    Tell at which scales classifiers look, over many files.

    The class that a model predicts is explained for each input, and the share of each scale, and
    of each orientation in it, is averaged. Written are a table (profile.csv), a picture
    (profile.png) and the profile of each model as .npz, which report takes as --reference and
    wam_xplique.analysis.ScaleProfile.load reads.
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
        names = {path: as_text(name) for path, name in names_of([Path(m) for m in models]).items()}
        if len(names) < len(models):
            raise ValueError(f"--model must name different models, got {models}.")
        written = [out / f"{name}.npz" for name in names.values()]
        paths, problems = expand(files, out)
        check_free([out / "profile.csv", out / "profile.png", *written], force, paths)
        if paths:
            classifiers = [
                replace(load_model(str(path), weights, preprocess, trust), name=name)
                for path, name in names.items()
            ]
            if found := profiles(classifiers, chosen, paths, reading, problems):
                write_profiles(found, out)
    tell_problems(problems)


def profiles(
    classifiers: Sequence[Classifier],
    method: Method,
    paths: Sequence[Path],
    reading: Reading,
    problems: Problems,
) -> list[ScaleProfile]:
    """
    The profiles of models over files, all by the same method.

    Parameters
    ----------
    classifiers
        The models.
    method
        How they are explained; by default WAM-IG where all of them give gradients, else WCAM.
    paths, reading
        The files, and how they are read.
    problems
        Where it is told why a file is left out.

    Returns
    -------
    profiles
        A profile of each model; none at all if no file fits one of them.
    """
    firsts = [_first(classifier, paths, reading, problems) for classifier in classifiers]
    pairs = [(c, first) for c, first in zip(classifiers, firsts, strict=True) if first is not None]
    if len(pairs) < len(classifiers):
        return []
    if method.name is None:
        name = WAM_IG if all(gives_gradients(*pair) for pair in pairs) else WCAM
        method = replace(method, name=name)
    method = with_one_level(method, pairs)
    found = []
    for classifier, first in pairs:
        explainer = method.explainer(classifier, first)
        batches = _batches(explainer, classifier, paths, reading, problems)
        if (batch := next(batches, None)) is None:
            return []
        found.append(scale_profile(explainer, chain([batch], batches), name=classifier.name))
    return found


def write_profiles(found: Sequence[ScaleProfile], out: Path) -> None:
    """
    Write profiles, a table and a picture of them; tell the user what they are.

    Parameters
    ----------
    found
        The profiles, by models of different names.
    out
        Folder to write to.
    """
    result = compare_profiles(*found) if len(found) > 1 else found[0]
    out.mkdir(parents=True, exist_ok=True)
    write_table(out / "profile.csv", result.to_dataframe(left_out=True), na_rep="NaN")
    figure = result.plot()
    save_figure(figure, out / "profile.png", dpi=110)
    for one in found:
        one.save(out / f"{one.name}.npz")
        told = shares_as_text(one.scales, one.mean, one.interval)
        typer.echo(f"{one.name} ({one.method}, inputs: {one.count}): {told}")
    typer.echo(f"Written to {out}/")


def _first(
    classifier: Classifier, paths: Sequence[Path], reading: Reading, problems: Problems
) -> Inputs | None:
    found = read_files(paths, classifier, reading, problems, lambda inputs: None)
    return next((inputs for _, inputs in found), None)


def _batches(
    explainer: Any,
    classifier: Classifier,
    paths: Sequence[Path],
    reading: Reading,
    problems: Problems,
) -> Iterator[tuple[Any, Any]]:
    """The inputs in files, and the classes that the model predicts."""
    check = partial(check_fit, explainer, classifier)
    for _, inputs in read_files(paths, classifier, reading, problems, check):
        yield inputs.x, inputs.predicted
