"""``wam-xplique report``."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import typer
from tqdm.auto import tqdm

from ..analysis import ScaleProfile
from ..analysis import report as make_report
from ..backends import get_backend
from ..terminal import as_text
from .file_names import Problems, check_free, expand, names_of
from .input_files import Inputs, read_files
from .methods import check_fit, find_method
from .options import Options


def report_files(
    files: Sequence[str],
    model: str,
    reference: Path | None,
    class_names: Path | None,
    out: Path,
    options: Options,
) -> Problems:
    """Write a page on what is in files; what is wrong with some of them."""
    method = find_method(options, scales=True)
    paths, problems = expand(files)
    check_free([out], options.force, paths)
    usual = None if reference is None else ScaleProfile.load(reference)
    if not paths:
        return problems
    classifier = options.load(model, class_names)
    names = {path: as_text(name) for path, name in names_of(paths).items()}
    explainers: list[Any] = []
    found: dict[Path, Inputs] = {}

    def use(_: Path, inputs: Inputs) -> Inputs:
        if not explainers:
            tqdm.write(classifier.about(inputs.outputs.shape[1], inputs.sized))
            explainers.append(method.explainer(classifier, inputs, verbose=True))
        check_fit(explainers[0], classifier, inputs)
        shapes = [tuple(other.x.shape[1:]) for other in (inputs, *found.values())]
        if shapes[0] != shapes[-1]:
            raise ValueError(f"it has the shape {shapes[0]}, the others {shapes[-1]}; see --size")
        return inputs

    for path, inputs in read_files(paths, classifier, options, problems, use):
        found[path] = inputs
    if not found:
        return problems
    page = make_report(
        classifier.model,
        get_backend(inputs.x).concat([i.x for i in found.values()], 0),
        explainer=explainers[0],
        names=[name for path, i in found.items() for name in _names(names[path], len(i.x))],
        class_names=classifier.names_of(inputs.outputs.shape[1]) or None,
        reference=usual,
        pictures=np.concatenate([i.shown for i in found.values()]),
        title=f"{classifier.name}: wavelet report",
        verbose=True,
    )
    out.parent.mkdir(parents=True, exist_ok=True)
    page.save(out, options.force)
    warned = sum(bool(row["warnings"]) for row in page.rows)
    typer.echo(f"{out}: inputs: {len(page.rows)}, with warnings: {warned}")
    return problems


def _names(name: str, count: int) -> list[str]:
    """What the inputs of a file are called."""
    return [name] if count == 1 else [f"{name}, {index}" for index in range(count)]
