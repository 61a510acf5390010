"""What ``explain`` and ``profile`` do with ``--workers``: their files over a Ray cluster."""

from __future__ import annotations

import warnings
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import typer

from ..analysis import ScaleProfile
from ..checks import check_integer
from ..loading.classifiers import Classifier
from ..scale_out import cluster
from ..scale_out.parts import Parts
from ..scale_out.rows import Asked
from ..scale_out.running import OF_PROFILES, Run, profile_of
from ..scale_out.sources import Listed
from ..terminal import as_text
from .file_names import Problems, expand
from .input_files import Inputs, read_files, read_inputs
from .methods import Method, check_fit, find_method, settled
from .options import Options


@dataclass(frozen=True, eq=False)
class Making:
    """Makes the explainer of a model in a worker, and what reads files for it."""

    method: Method
    model: str
    name: str
    first: Inputs  # of the first file, which all are like
    options: Options

    def __call__(self) -> tuple[Any, Callable[[str], Any]]:
        """The explainer, and a function of a path."""
        classifier = replace(self.options.load(self.model), name=self.name)
        explainer = self.method.explainer(classifier, self.first)

        def prepare(path: str) -> Any:
            inputs = read_inputs(Path(path), classifier, self.options)
            check_fit(explainer, classifier, inputs)
            if len(inputs.x) > 1:
                raise ValueError(f"it holds {len(inputs.x)} inputs; with --workers, one a file")
            return inputs.x[0]

        return explainer, prepare

    @property
    def facts(self) -> dict[str, Any]:
        """What the rows depend on."""
        how = {n: getattr(self.options, n) for n in ("weights", "size", "sample_rate", "key")}
        return {"model": self.model, "preprocess": self.options.preprocess, **how}


@dataclass(frozen=True)
class Cluster:
    """The workers, and the cluster that they are in; None for what is by default."""

    workers: int | None
    address: str | None

    def __post_init__(self) -> None:
        check_integer("--workers", self.workers, lowest=1, optional=True)

    def write(
        self, making: Making, paths: Sequence[Path], out: Path, asked: Asked, target: Any = None
    ) -> Parts:
        """Write the rows of files, those that are not there yet."""
        facts = {**making.facts, "target": target}
        run = Run(making, concurrency=self.workers, asked=asked, facts=facts)
        if making.options.force:
            Parts(out).clear()
        files = [str(path.resolve()) for path in paths]
        ids = [*map(as_text, paths)]
        with cluster.running(self.address, self.workers):
            return run.write(Listed(ids, files, _WithTarget(target)), out, verbose=True)

    def profiles(
        self,
        method: Method,
        pairs: Sequence[tuple[Classifier, Inputs]],
        models: Sequence[str],
        paths: Sequence[Path],
        out: Path,
        options: Options,
        problems: Problems,
    ) -> list[ScaleProfile | None]:
        """The profiles of models over files, whose rows are written in folders of their names."""
        found: list[ScaleProfile | None] = []
        with cluster.running(self.address, self.workers):
            for (classifier, first), model in zip(pairs, models, strict=True):
                making = Making(method, _absolute(model), classifier.name, first, options)
                parts = self.write(making, paths, out / classifier.name, Asked())
                failed = _problems(parts, classifier.name)
                problems |= failed
                with warnings.catch_warnings():  # these problems are told
                    warnings.filterwarnings("ignore", "[0-9]+ rows could not", UserWarning)
                    some = len(failed) < len(paths)
                    tables = parts.tables(OF_PROFILES)
                    found.append(profile_of(tables, 0.95, classifier.name) if some else None)
        return found


@dataclass(frozen=True)
class _WithTarget:
    """Reads a path as it is, and the class that is explained, if one is given."""

    target: int | None

    def __call__(self, path: str) -> tuple[str, int | None]:
        return path, self.target


def explain_rows(
    files: Sequence[str],
    model: str,
    target: str | None,
    out: Path,
    class_names: Path | None,
    options: Options,
    workers: Cluster,
) -> Problems:
    """Explain what is in files, in rows; what is wrong with some of them."""
    method = find_method(options, scales=True)
    paths, problems = expand(files, out)
    if not paths:
        return problems
    classifier = options.load(model, class_names)
    read = read_files(paths, classifier, options, problems, lambda _, inputs: inputs)
    first = next((inputs for _, inputs in read), None)
    if first is None:
        return problems
    typer.echo(classifier.about(first.outputs.shape[1], first.sized))
    index = None if target is None else classifier.index(target, first.outputs.shape[1])
    method = settled(method, [(classifier, first)])
    making = Making(method, _absolute(model), classifier.name, first, options)
    parts = workers.write(making, paths, out, Asked(pixels=True), index)
    typer.echo(f"Rows of {len(paths)} files are written to {out}/")
    return problems | _problems(parts, classifier.name)


def _problems(parts: Parts, name: str) -> Problems:
    """What is wrong with rows."""
    return {str(file): f"{name}: {error}" for file, error in parts.errors()}


def _absolute(model: str) -> str:
    """A model's file as workers find it, or its name."""
    return str(Path(model).resolve()) if Path(model).exists() else model
