"""``wam-xplique profile``."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import replace
from functools import partial
from itertools import chain
from pathlib import Path
from typing import Any

import typer

from ..analysis import ScaleProfile, compare_profiles, scale_profile
from ..archive import write_table
from ..explanation import shares_as_text
from ..loading.classifiers import Classifier
from ..plots.drawing import save_figure
from ..terminal import as_text
from .file_names import Problems, check_free, expand, names_of
from .input_files import Inputs, Reading, read_files
from .methods import WAM_IG, WCAM, Method, check_fit, gives_gradients, with_one_level
from .options import Options


def profile_files(
    files: Sequence[str], models: Sequence[str], out: Path, options: Options
) -> Problems:
    """Write the profiles of models over files; what is wrong with some of these."""
    reading, method = options.reading(), options.find_method(scales=True)
    names = {path: as_text(name) for path, name in names_of([Path(m) for m in models]).items()}
    if len(names) < len(models):
        raise ValueError(f"--model must name different models, got {models}.")
    written = [out / f"{name}.npz" for name in names.values()]
    paths, problems = expand(files, out)
    check_free([out / "profile.csv", out / "profile.png", *written], options.force, paths)
    if paths:
        classifiers = [replace(options.load(str(p)), name=name) for p, name in names.items()]
        if found := profiles(classifiers, method, paths, reading, problems):
            write_profiles(found, out)
    return problems


def profiles(
    classifiers: Sequence[Classifier],
    method: Method,
    paths: Sequence[Path],
    reading: Reading,
    problems: Problems,
) -> list[ScaleProfile]:
    """Profiles, one a model, all by the same method; none at all if no file fits one of them."""
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
    """Write profiles, by models of different names, a table and a picture of them."""
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
