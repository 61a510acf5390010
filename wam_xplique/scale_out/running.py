"""Explanations and profiles of data sets of any length."""

from __future__ import annotations

import atexit
import tempfile
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from itertools import groupby
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
from tqdm.auto import tqdm

from ..analysis import ScaleProfile, compare_profiles
from ..analysis.profile import Kind, PartialProfile
from ..checks import check_fraction, check_integer, check_number, check_share, warn
from . import cluster
from .parts import Parts
from .rows import Asked
from .sources import Source, source_of
from .worker import Worker, check_maker

OF_PROFILES = [
    *("scale_importance", "band_importance", "error"),
    *("scales", "bands", "method", "wavelet"),
]


@dataclass(frozen=True)
class Run:
    """How rows are explained; fields are as the arguments of `explain_dataset`."""

    make_explainer: Any
    batch_size: int = 32
    concurrency: int | tuple[int, int] | None = None
    num_gpus: float = 0
    asked: Asked = field(default_factory=Asked)
    facts: dict[str, Any] = field(default_factory=dict)
    """What else the rows depend on: those of other facts are not mixed with them."""

    def __post_init__(self) -> None:
        check_maker(self.make_explainer)
        check_integer("batch_size", self.batch_size, lowest=1)
        for count in self._counts:
            check_integer("concurrency", count, lowest=1, optional=True)
        check_number("num_gpus", self.num_gpus, lowest=0)
        if self.asked.keep is not None:
            check_share("keep", self.asked.keep)

    @property
    def _counts(self) -> tuple[int | None, ...]:
        """The least and the most workers."""
        given = self.concurrency
        return given if isinstance(given, tuple) else (given,)

    @property
    def most(self) -> int | None:
        """The most workers, if they are given."""
        return self._counts[-1]

    def rows(self, source: Source, scratch: Path, parts: Parts | None = None) -> Any:
        """What workers tell of rows: a `ray.data.Dataset`, which is made as it is gone through."""
        path = None if parts is None else str(parts.folder.resolve())
        given = self.make_explainer, source.read, self.asked, path, str(scratch)
        room = {"concurrency": self.concurrency, "num_gpus": self.num_gpus}
        return cluster.mapped(source.rows, Worker, given, self.batch_size, **room)

    def write(self, dataset: Any, path: str | Path, verbose: bool = False) -> Parts:
        """Write what is not there yet of the rows."""
        parts = Parts(path)
        parts.start({"keep": self.asked.keep, "pixels": self.asked.pixels, **self.facts})
        source = source_of(dataset, self.batch_size, parts.state, parts.done())
        found: Iterable[pa.Table] = ()
        failed = 0
        if source.rows is not None:  # else all of them are there
            found = cluster.tables(self.rows(source, parts.state, parts))
        with tqdm(total=source.left, desc="explain", unit="row", disable=not verbose) as progress:
            for told in found:
                progress.update(sum(told["rows"].to_pylist()))
                if failed := failed + sum(told["failed"].to_pylist()):
                    progress.set_postfix(failed=failed)
        parts.end()
        return parts

    def tables(self, dataset: Any, path: Any, verbose: bool) -> Iterator[pa.Table]:
        """The rows, some at a time, which are written first where there is a path."""
        if path is not None:
            yield from self.write(dataset, path, verbose).tables(OF_PROFILES)
            return
        with tempfile.TemporaryDirectory() as scratch:
            source = source_of(dataset, self.batch_size, Path(scratch))
            total, hide = source.left, not verbose
            with tqdm(total=total, desc="profile", unit="row", disable=hide) as progress:
                for table in cluster.tables(self.rows(source, Path(scratch))):
                    progress.update(len(table))
                    yield table


def profile_of(tables: Iterable[pa.Table], confidence: float, name: str | None) -> ScaleProfile:
    """The profile of rows, without those that failed, of which a warning tells."""
    found, failed, first = PartialProfile(), 0, ""
    for table in tables:
        rows = table.select(OF_PROFILES).to_pylist()
        errors = [row["error"] for row in rows if row["error"] is not None]
        failed, first = failed + len(errors), first or next(iter(errors), "")
        found.merge(_partial(row for row in rows if row["error"] is None))
    if failed:
        told = f"{failed} rows could not be explained, the first because of: {first}"
        if not found.seen:
            raise ValueError(told)
        warn(f"{told}. The profile is of the others.")
    return found.profile(confidence, name)


def _within(path: str | Path | None, name: Any) -> Path | None:
    """The folder of a model's rows."""
    return None if path is None else Path(path, str(name or ""))


def _partial(rows: Iterable[dict[str, Any]]) -> PartialProfile:
    """The profile of some rows."""
    found = PartialProfile()
    for kind, alike in groupby(rows, _kind):
        shares = [row["scale_importance"] + row["band_importance"] for row in alike]
        found.add(np.array(shares, float), kind)
    return found


def _kind(row: dict[str, Any]) -> Kind:
    """What the shares of a row are of."""
    bands = tuple(map(tuple, row["bands"]))
    return Kind(tuple(row["scales"]), bands, row["method"], row["wavelet"])


def explain_dataset(
    dataset: Any,
    make_explainer: Any,
    *,
    batch_size: int = 32,
    concurrency: int | tuple[int, int] | None = None,
    num_gpus: float = 0,
    path: str | Path | None = None,
    keep: float | None = None,
    pixels: bool = False,
    verbose: bool = False,
) -> Any:
    """
    Explain a data set of any length, row by row, by the processes of a Ray cluster.

    Where Ray is not connected to a cluster, one is started that only this machine reaches; it stays
    until the process ends, or `ray.shutdown()`. A run with `path` that was ended,
    in whatever way, goes on where it was when it is called again, and ends with the same rows. A
    row that fails has its `error`, and the others go on. Where a worker dies, of memory or of
    anything else, its rows are tried again by halves; a single one that three died over is told as
    an error.

    Parameters
    ----------
    dataset
        A `ray.data.Dataset` with the columns `id` (each once), `input`, and perhaps `target` (a
        label, or weights of the classes); a Parquet file or folder with these, inputs as tensors,
        lists, or images as encoded in their files; a folder of images or sounds, at any depth,
        whose names are the ids; a data set of PyTorch or of TensorFlow, or a loader, whose places
        are the ids. What has no places, such as a `tf.data.Dataset`, is written to disk first.
    make_explainer
        A function that makes an explainer with `explain_wavelet`, called once in each worker; or
        an explainer, which is pickled, or was (bytes). It may give a pair of an explainer and a
        function that prepares each input: an array, of float32 for an image (H, W, 3) in [0, 255]
        or a waveform (T,) in a file.
    batch_size
        Most rows that are explained at once, and written together.
    concurrency
        How many workers, or the least and the most; as many as the cluster has room for by default.
    num_gpus
        GPUs of a worker, or the part of one that it shares with others.
    path
        Folder of the Parquet parts, on a disk that all machines share. None to write nothing: the
        rows are made as the result is gone through.
    keep
        Share of the coefficients whose values are told, in (0, 1]; None for none.
    pixels
        Whether the map of pixels is told, in half precision.
    verbose
        Whether to show the progress; with `path`.

    Returns
    -------
    rows
        A `ray.data.Dataset` of a row for each input: `id`, `prediction` (its class; null where the
        model has one output, or the operator is not one of classes), `score` (of what is
        explained), `scale_importance` and `band_importance` (of the `scales` and `bands`, as
        `WaveletExplanation` has them), `error` (null where all went well, else the others are
        null), `convergence_delta`, `scale_interval`, `method`, `wavelet`. With `keep`,
        `coefficients` and their places `kept` in all bands laid end to end, coarse to fine; with
        `pixels`, the map divided by `pixels_scale`, of `pixels_shape`.

    Raises
    ------
    TypeError, ValueError
        If an argument is not valid, the rows lack columns, or `path` holds rows made otherwise.
    ImportError
        If Ray is not installed.
    """
    run = Run(make_explainer, batch_size, concurrency, num_gpus, Asked(keep, pixels))
    cluster.start(workers=run.most)
    if path is None:
        scratch = tempfile.TemporaryDirectory()
        atexit.register(scratch.cleanup)  # the rows are made later
        source = source_of(dataset, batch_size, Path(scratch.name))
        return run.rows(source, Path(scratch.name))
    import ray.data

    return ray.data.read_parquet(str(run.write(dataset, path, verbose).folder))


def profile_dataset(
    dataset: Any,
    make_explainer: Any,
    *,
    batch_size: int = 32,
    concurrency: int | tuple[int, int] | None = None,
    num_gpus: float = 0,
    path: str | Path | None = None,
    confidence: float = 0.95,
    name: str | None = None,
    verbose: bool = False,
) -> Any:
    """
    At which scales a model looks, over a data set of any length, by a Ray cluster.

    As `wam_xplique.analysis.scale_profile` tells it, to rounding, whatever the order of the rows
    and the number of workers. A cluster that is started for it is ended with it.

    Parameters
    ----------
    dataset, make_explainer, batch_size, concurrency, num_gpus, path, verbose
        As for `explain_dataset`. A mapping of several `make_explainer` by names compares the
        others with the first; their rows are in folders of their names.
    confidence, name
        As for `scale_profile`.

    Returns
    -------
    profile
        `ScaleProfile`, or the `ProfileComparison` of several.

    Raises
    ------
    TypeError, ValueError
        As by `explain_dataset` and `scale_profile`; also if no row could be explained.

    Warns
    -----
    UserWarning
        If rows have failed, or have no importance: the profile is of the others.
    """
    check_fraction("confidence", confidence, optional=False)
    several = isinstance(make_explainer, Mapping)
    if several and len(make_explainer) < 2:
        raise ValueError(f"make_explainer must be one, or two or more by names: {make_explainer}.")
    makers = make_explainer if several else {name: make_explainer}
    runs = {n: Run(maker, batch_size, concurrency, num_gpus) for n, maker in makers.items()}
    with cluster.running(workers=next(iter(runs.values())).most):
        profiles = []
        for title, run in runs.items():
            tables = run.tables(dataset, _within(path, several and title), verbose)
            profiles.append(profile_of(tables, confidence, title))
    return compare_profiles(*profiles) if several else profiles[0]
