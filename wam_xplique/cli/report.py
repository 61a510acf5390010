"""``wam-xplique report``."""

from __future__ import annotations

import csv
import functools
import itertools
from collections.abc import Callable, Iterator, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import typer
from tqdm.auto import tqdm

from ..analysis import Report, ScaleProfile
from ..analysis import report as make_report
from ..backends import get_backend
from ..loading.classifiers import Classifier
from .file_names import Problems, check_free, expand, names_of
from .input_files import Inputs, read_files
from .methods import Method, check_fit, find_method, with_one_level
from .options import Options

FOLDERS = "folders"
"""Labels that are the names of the files' folders."""


def report_files(
    files: Sequence[str],
    models: Sequence[str],
    out: Path,
    options: Options,
    other_method: str | None = None,
    reference: Path | None = None,
    class_names: Path | None = None,
    target: str | None = None,
    labels: str | None = None,
    title: str | None = None,
) -> Problems:
    """Write a page on what is in files; what is wrong with some of them."""
    names = [options.method] if other_method is None else [options.method, other_method]
    methods = [find_method(replace(options, method=name), scales=True) for name in names]
    if len(models) * len(methods) > 2 or len({*models}) < len(models):
        told = f"got models {models} and methods {names}"
        raise ValueError(f"Two different --model, or --method and --other-method, compare; {told}.")
    if reference is not None and len(models) + len(methods) > 2:
        raise ValueError("--reference must be left out where two models or methods are compared.")
    paths, problems = expand(files)
    check_free([out], options.force, paths)
    usual = None if reference is None else ScaleProfile.load(reference)
    label_of = None if labels is None else _labels(labels)
    if not paths:
        return problems
    classifiers = [options.load(model, class_names) for model in models]
    read = [_read(paths, c, methods, options, target, label_of, problems) for c in classifiers]
    if not (common := [path for path in read[0] if path in read[-1]]):
        return problems
    known: dict[str, Any] = {"reference": usual, "verbose": True}
    known["title"] = title or f"{' and '.join(c.name for c in classifiers)}: wavelet report"
    sides = [
        _report(explainer, classifier, [found[path] for path in common], common, known, model)
        for model, classifier, found in zip(models, classifiers, read, strict=True)
        for explainer in _explainers(methods, classifier, [found[path].inputs for path in common])
    ]
    page = functools.reduce(Report.beside, sides)
    out.parent.mkdir(parents=True, exist_ok=True)
    page.save(out, options.force)
    warned = [f"{sum(bool(row['warnings']) for row in side.rows)}" for side in sides]
    typer.echo(f"{out}: inputs: {len(sides[0].rows)}, with warnings: {' and '.join(warned)}")
    return problems


class Found(NamedTuple):
    """What is in a file, and the numbers of the classes that are asked for."""

    inputs: Inputs
    target: int | None
    label: int | None


def _read(
    paths: Sequence[Path],
    classifier: Classifier,
    methods: Sequence[Method],
    options: Options,
    target: str | None,
    label_of: Callable[[Path], str] | None,
    problems: Problems,
) -> dict[Path, Found]:
    """What is in the files that fit a model, the methods, and each other."""
    explainers: list[Any] = []
    fitting: list[Inputs] = []

    def use(path: Path, inputs: Inputs) -> Found:
        asked = _number(classifier, "--target", target, inputs)
        label = None if label_of is None else label_of(path)
        found = Found(inputs, asked, _number(classifier, "its label", label, inputs))
        if not fitting:
            tqdm.write(classifier.about(inputs.outputs.shape[1], inputs.sized))
            explainers[:] = _explainers(methods, classifier, [inputs])
        for explainer in explainers:
            check_fit(explainer, classifier, inputs)
        fitting.append(inputs)
        _check_alike(inputs, fitting[0])
        return found

    return dict(read_files(paths, classifier, options, problems, use))


def _check_alike(inputs: Inputs, first: Inputs) -> None:
    """Check that inputs can be on one page: sounds of any length, all else of one shape."""
    shape, others = (tuple(one.x.shape[1:]) for one in (inputs, first))
    if shape != others and (inputs.ndim > 1 or len(shape) != len(others)):
        raise ValueError(f"it has the shape {shape}, the others {others}; see --size")
    if inputs.sample_rate != first.sample_rate:
        told = f"{inputs.sample_rate} samples a second, the others {first.sample_rate}"
        raise ValueError(f"it has {told}; --sample-rate resamples")


def _number(classifier: Classifier, name: str, text: str | None, inputs: Inputs) -> int | None:
    """The number of a class that is named, or None."""
    if text is None:
        return None
    return classifier.index(text, inputs.outputs.shape[1], name)


def _explainers(
    methods: Sequence[Method], classifier: Classifier, inputs: Sequence[Inputs]
) -> Iterator[Any]:
    """The explainers of a model; of inputs of several lengths, by as many levels for each."""
    several = len({one.x.shape[1:] for one in inputs}) > 1
    for method in methods:
        if several:
            method = with_one_level(method, [(classifier, one) for one in inputs])
        yield method.explainer(classifier, inputs[0], verbose=True)


def _report(
    explainer: Any,
    classifier: Classifier,
    found: Sequence[Found],
    paths: Sequence[Path],
    known: dict[str, Any],
    model: str,
) -> Report:
    """What a model and a method tell of files: of those of one shape, one after the other, at
    once."""
    names = names_of(paths)
    pages = []
    pairs = zip(paths, found, strict=True)
    for _, run in itertools.groupby(pairs, lambda pair: tuple(pair[1].inputs.x.shape[1:])):
        some, them = zip(*run, strict=True)
        counts = [len(one.inputs.x) for one in them]
        labels = [one.label for one, count in zip(them, counts, strict=True) for _ in range(count)]
        called = zip(some, counts, strict=True)
        page = make_report(
            classifier.model,
            get_backend(them[0].inputs.x).concat([one.inputs.x for one in them], 0),
            None if None in labels else labels,
            explainer=explainer,
            names=[name for path, count in called for name in _names(names[path], count)],
            class_names=classifier.names_of(them[0].inputs.outputs.shape[1]) or None,
            explained=them[0].target,
            pictures=np.concatenate([one.inputs.shown for one in them]),
            sample_rate=them[0].inputs.sample_rate,
            model_name=model,
            **known,
        )
        pages.append(page)
    return functools.reduce(Report.followed_by, pages)


def _names(name: str, count: int) -> list[str]:
    """What the inputs of a file are called."""
    return [name] if count == 1 else [f"{name}, {index}" for index in range(count)]


def _labels(given: str) -> Callable[[Path], str]:
    """The label of a file: the name of its folder, or what a table has beside its name."""
    if given == FOLDERS:
        return lambda path: path.resolve().parent.name
    table = Path(given)
    try:
        with table.open(newline="", encoding="utf-8-sig") as file:
            rows = [row for row in csv.reader(file) if row]
    except (csv.Error, UnicodeDecodeError) as error:
        raise ValueError(f"--labels {given} is no table in UTF-8: {error}.") from error
    if wrong := [row for row in rows if len(row) != 2]:
        raise ValueError(f"--labels {given} must have a file and a label a line, got {wrong[0]}.")
    known = {name.strip(): label.strip() for name, label in rows}

    def label_of(path: Path) -> str:
        inside = path.resolve().as_posix().removeprefix(f"{table.resolve().parent.as_posix()}/")
        for name in (str(path), inside, path.name):
            if name in known:
                return known[name]
        raise ValueError(f"it has no label in {given}")

    return label_of
