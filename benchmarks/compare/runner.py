"""Explain and score, method by method; a stopped run goes on where it was.

Each part, which is a subject, a method and some of the inputs, has a file of its own.
"""

from __future__ import annotations

import contextlib
import csv
import functools
import json
import logging
import math
import time
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import asdict, dataclass, field, replace
from pathlib import Path
from typing import Any

import keras
import numpy as np
import pandas as pd
import tensorflow as tf
from tqdm.auto import tqdm

from wam_xplique.archive import atomic_path, cached_json, read_json, write_json, write_table

from .. import methods, timing
from .metrics import METRICS, Scoring, fitting, score
from .subjects import Request, Subject

logger = logging.getLogger(__name__)

COLUMNS = ("model", "method", "metric", "sample", "score", "seconds", "megabytes", "error")
"""
A line of the results is one score. `seconds` are those of an explanation, `megabytes` the most
memory that a batch of them took beyond what was held before, `error` what a method or a metric
ended with in place of a score.
"""
OF_REQUEST = ("samples", "seed", "weights", "training", "domain", "trust")
OF_SOUNDS = {"wavelet": "db4", "level": 6}


@dataclass(frozen=True)
class Settings:
    """
    How much is compared.

    Parameters
    ----------
    samples
        Held-out inputs of each subject.
    part
        Most inputs explained at once, and kept together.
    draws, masks, noise
        How hard methods try, as in `methods.Effort`; the noise is a share of the standard
        deviation of the inputs.
    scoring
        How explanations are scored.
    batch_size
        Most inputs at once, perturbed ones too.
    seed
        Seed of everything.
    wavelet, level
        The transform of ours.
    weights, training, domain, trust
        As of a `Request`.
    options
        Parameters of methods that differ from the common ones, by the methods' names.
    repeated
        Seconds: an explanation that takes less is made once more, so that nothing is compiled
        while it is timed.
    """

    samples: int = 40
    part: int = 50
    draws: int = 32
    masks: int = 500
    noise: float = 0.3
    scoring: Scoring = field(default_factory=Scoring)
    batch_size: int = 64
    seed: int = 0
    wavelet: str = "haar"
    level: int = 3
    weights: str | None = "imagenet"
    training: int | None = None
    domain: str = "wavelet"
    trust: bool = False
    options: dict[str, dict[str, Any]] = field(default_factory=dict)
    repeated: float = 5.0

    def request(self, data: str, model: str) -> Request:
        """A classifier and data, by their names."""
        of_request = {name: getattr(self, name) for name in OF_REQUEST}
        return Request(data, model, **of_request)


QUICK = Settings(samples=4, part=3, draws=2, masks=8, scoring=Scoring(steps=2, sets=4), training=8)


def run(
    requests: Sequence[Request],
    settings: Settings,
    out: Path,
    chosen: Sequence[str] | None = None,
    metrics: Sequence[str] | None = None,
    retry: bool = False,
    make: MakeAll | None = None,
    workers: int | None = None,
) -> pd.DataFrame:
    """
    Explain and score all that is not in `out` yet.

    Parameters
    ----------
    requests
        What is explained.
    settings
        How much.
    out
        Folder of the results.
    chosen, metrics
        Names of methods and of metrics; None for all. Those that do not fit are left out.
    retry
        Whether to do again what failed.
    make
        What makes the explainers of a subject; by default those of `methods` that fit it.
    workers
        Processes that explain and score, over Ray; None for this one.

    Returns
    -------
    results
        One line a model, method, metric and input; also in ``results.csv``, and in
        ``results.parquet`` where pyarrow is installed.

    Raises
    ------
    ValueError
        If `out` holds results of other settings, or a name is unknown; or as `Request.load`.
    """
    for request in requests:
        request.check()
    for name, given, known in (("methods", chosen, methods.NAMES), ("metrics", metrics, METRICS)):
        if unknown := set(given or ()) - set(known):
            raise ValueError(f"{name} must be among {[*known]}, got {sorted(unknown)}.")
    check_settings(settings, out)
    for request in requests:
        with _as_it_was():
            _run_subject(request, settings, out, chosen, metrics, retry, make or _makers, workers)
    results = collect(out)
    write_table(out / "results.csv", results)
    with contextlib.suppress(ImportError), atomic_path(out / "results.parquet") as file:
        results.to_parquet(file, index=False)
    return results


def collect(out: Path) -> pd.DataFrame:
    """All results in a folder, in the order of their making."""
    files = sorted((out / "parts").glob("*/*.csv"), key=lambda path: path.stat().st_mtime_ns)
    if not files:
        raise ValueError(f"out must hold results, but {out} holds none.")
    return pd.concat([pd.read_csv(path) for path in files], ignore_index=True)


def check_settings(settings: Any, out: Path) -> None:
    """
    Write the settings, or compare them to those that are there.

    Raises
    ------
    ValueError
        If `out` holds results of other settings.
    """
    path, wanted = out / "settings.json", json.loads(json.dumps(asdict(settings)))
    if not path.exists():
        out.mkdir(parents=True, exist_ok=True)
        write_json(path, wanted)
        return
    there = read_json(path)
    if differences := [name for name in wanted if wanted[name] != there.get(name)]:
        told = ", ".join(f"{n}={there.get(n)!r} there, {wanted[n]!r} here" for n in differences)
        raise ValueError(f"out {out} holds results of other settings: {told}; take another folder.")


MakeAll = Callable[[Subject, Settings], methods.Makers]
"""What makes the explainers that a subject is explained by."""


@dataclass(frozen=True)
class Part:
    """A subject, a method and some of the inputs; its results lie at `path`."""

    path: Path
    subject: str
    method: str
    inputs: slice
    metrics: tuple[str, ...]

    def missing(self, retry: bool) -> set[str]:
        """The metrics that are not there yet."""
        if not self.path.exists():
            return set(self.metrics)
        there = pd.read_csv(self.path)
        done = there if not retry else there[there["error"].isna()]
        return set(self.metrics) - set(done["metric"])

    def write(self, rows: list[dict[str, Any]], replaced: set[str]) -> None:
        """Add rows to those that are there, all at once: a stopped run leaves no half of a file."""
        others = []
        if self.path.exists():
            with self.path.open(newline="") as file:
                others = [row for row in csv.DictReader(file) if row["metric"] not in replaced]
        with atomic_path(self.path) as fresh, fresh.open("w", newline="") as file:
            writer = csv.DictWriter(file, COLUMNS)
            writer.writeheader()
            writer.writerows(others + rows)


@dataclass
class _Fitting:
    """The methods and the metrics that fit a subject, which is trained or read only if need be."""

    request: Request
    settings: Settings
    path: Path
    make: MakeAll

    @functools.cached_property
    def subject(self) -> Subject:
        return self.request.load()

    @functools.cached_property
    def makers(self) -> methods.Makers:
        return self.make(self.subject, self.settings)

    def fill(self, part: Part, wanted: set[str]) -> None:
        """Write the results of a part by some metrics."""
        keras.utils.set_random_seed(self.settings.seed)
        rows = _rows(part, self.subject, self.makers[part.method], wanted, self.settings)
        part.write([*rows], wanted)

    def names(self) -> tuple[list[str], list[str]]:
        """
        Methods and metrics, as they were written when the subject was first met.

        Raises
        ------
        ValueError
            If other data, or another model, of the same name have been there.
        """
        source = {"data": self.request.data, "model": self.request.model}

        def fit() -> dict[str, Any]:
            return {**source, "methods": [*self.makers], "metrics": fitting(self.subject)}

        there = cached_json(self.path, fit)
        if any(there[name] != value for name, value in source.items()):
            raise ValueError(
                f"out {self.path.parents[2]} holds results of {there['data']}, {there['model']} "
                f"under the name of {self.request.name!r}; take another folder."
            )
        return there["methods"], there["metrics"]


def _run_subject(
    request: Request,
    settings: Settings,
    out: Path,
    chosen: Sequence[str] | None,
    metrics: Sequence[str] | None,
    retry: bool,
    make: MakeAll,
    workers: int | None,
) -> None:
    folder = out / "parts" / "".join(c if c.isalnum() else "_" for c in request.name)
    folder.mkdir(parents=True, exist_ok=True)
    fit = _Fitting(request, settings, folder / "fitting.json", make)
    names_of_methods, names_of_metrics = fit.names()
    names = tuple(name for name in names_of_metrics if metrics is None or name in metrics)
    parts = [
        Part(folder / f"{method}-{start}.csv", request.name, method, _slice(start, settings), names)
        for method in names_of_methods
        if chosen is None or method in chosen
        for start in range(0, settings.samples, settings.part)
    ]
    todo = [(part, wanted) for part in parts if (wanted := part.missing(retry))]
    if workers is not None and todo:
        _fill_over_ray(fit, todo, workers)
        return
    for part, wanted in (progress := tqdm(todo, desc=request.name, unit="part")):
        progress.set_postfix_str(part.method)
        fit.fill(part, wanted)


class Filler:
    """Fills parts in a worker, which loads or trains the subject once."""

    def __init__(self, fit: _Fitting, todo: Sequence[tuple[Part, set[str]]]):
        self.fit, self.todo = fit, todo

    def __call__(self, batch: dict[str, Any]) -> dict[str, Any]:
        """Fill the parts of these numbers."""
        with _as_it_was():
            for number in batch["input"]:
                self.fit.fill(*self.todo[number])
        return {"filled": batch["id"]}


def _fill_over_ray(fit: _Fitting, todo: Sequence[tuple[Part, set[str]]], workers: int) -> None:
    from wam_xplique.scale_out import cluster
    from wam_xplique.scale_out.sources import listed

    todo = [(replace(part, path=part.path.resolve()), wanted) for part, wanted in todo]
    numbers = range(len(todo))
    with cluster.running(workers=workers), tqdm(total=len(todo), unit="part") as progress:
        rows = listed(numbers, numbers, None, 1).rows
        given = replace(fit), todo  # without the subject
        for filled in cluster.tables(cluster.mapped(rows, Filler, given, 1, concurrency=workers)):
            progress.update(len(filled))


def _slice(start: int, settings: Settings) -> slice:
    return slice(start, min(start + settings.part, settings.samples))


def _makers(subject: Subject, settings: Settings) -> methods.Makers:
    """What makes the explainers that fit a subject."""
    # Maps of pixels rank the approximation, and so do metrics: ours must, too.
    options: dict[str, Any] = {
        "wavelet": settings.wavelet,
        "level": settings.level,
        "include_approximation": True,
    }
    if subject.front_end is not None:
        options |= {**OF_SOUNDS, "front_end": subject.front_end}
    ours, theirs = (
        methods.Effort(
            settings.draws,
            settings.masks,
            settings.noise * float(x.std()),
            settings.batch_size,
            settings.seed,
        )
        for x in (subject.inputs, subject.seen)
    )
    model, ndim = subject.of_xplique(subject.model), subject.seen.ndim - 2
    makers = methods.of_xplique(model, ndim, theirs, subject.is_keras)
    makers |= methods.of_ours(subject.model, subject.shape, ours, **options)
    own = settings.options
    return {name: functools.partial(make, **own.get(name, {})) for name, make in makers.items()}


def _rows(
    part: Part, subject: Subject, make: Callable[[], Any], wanted: set[str], settings: Settings
) -> Iterator[dict[str, Any]]:
    """The lines of a part: explain, then score."""
    some = subject.part(part.inputs)
    common: dict[str, Any] = {"model": part.subject, "method": part.method}
    found: Iterable[tuple[str, Any]]  # scores of a metric, or the exception in their place
    try:
        explanation, seconds, megabytes = _explain(make, some, settings)
    except Exception as error:  # a method that fails must not stop the others
        found = dict.fromkeys(wanted, error).items()
    else:
        common |= {"seconds": seconds / len(some.inputs), "megabytes": megabytes}
        scoring = replace(settings.scoring, batch_size=settings.batch_size, seed=settings.seed)
        found = score(some, explanation, wanted, scoring)
    samples = range(part.inputs.start, part.inputs.stop)
    for metric, scores in found:
        line = {**common, "metric": metric}
        if isinstance(scores, Exception):
            logger.warning("%s, %s, %s: %r", part.subject, part.method, metric, scores)
            line["error"] = f"{type(scores).__name__}: {scores}"[:300]
            scores = np.full(len(samples), math.nan)
        for sample, value in zip(samples, scores, strict=True):
            yield {**line, "sample": sample, "score": float(value)}


def _explain(
    make: Callable[[], Any], subject: Subject, settings: Settings
) -> tuple[Any, float, float | None]:
    """An explanation, the seconds that it takes, and the most memory in MB."""
    explainer, seconds = make(), 0.0
    found: list[Any] = []

    def explain() -> None:
        nonlocal seconds
        keras.utils.set_random_seed(settings.seed)  # the same draws again, however often it is run
        start = time.perf_counter()
        if hasattr(explainer, "explain_wavelet"):
            found[:] = [explainer.explain_wavelet(subject.inputs, subject.targets)]
        else:
            found[:] = [np.asarray(explainer(subject.seen, subject.targets))]
        seconds = time.perf_counter() - start

    megabytes = timing.peak_memory(explain)
    if seconds < settings.repeated:
        found.clear()
        megabytes = timing.peak_memory(explain)
    return found[0], seconds, megabytes


@contextlib.contextmanager
def _as_it_was() -> Iterator[None]:
    """Let TensorFlow compile again what it did before; `TorchWrapper` makes it run eagerly."""
    eager = tf.config.functions_run_eagerly()
    try:
        with timing.quiet():
            yield
    finally:
        tf.config.run_functions_eagerly(eager)
