"""Labelled time series: the UCR and UEA archives' own files, and any of their format."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

import numpy as np

from ..checks import check_choice
from .folders import package_folder


class TimeSeries(NamedTuple):
    """Labelled time series of one length."""

    values: np.ndarray
    """Series (N, T), or (N, T, C) of several variables, float32; as in the file."""
    labels: np.ndarray
    """Classes (N,), indices into `names`."""
    names: tuple[str, ...]
    """Names of the classes, in the file's order."""


def time_series(source: str | Path, split: str = "train") -> TimeSeries:
    """
    Read time series of a classification archive (https://www.timeseriesclassification.com).

    Parameters
    ----------
    source
        A data set that the package `aeon` (extra `real`) carries, such as "GunPoint",
        "ItalyPowerDemand", "OSULeaf", "ACSF1" or "BasicMotions"; or a ``.ts`` file of series
        that are all of one length, without time stamps and missing values.
    split
        "train" or "test"; of a file, which holds one of them, it says nothing.

    Raises
    ------
    ImportError, FileNotFoundError, ValueError
        If `aeon` is not installed for a data set by its name; if there is no such file; if there is
        no such split or data set, or a line is not as above.

    Examples
    --------
    >>> series = time_series("BasicMotions")
    >>> series.values.shape, series.names
    ((40, 100, 6), ('Standing', 'Running', 'Walking', 'Badminton'))
    """
    check_choice("split", split, ("train", "test"), optional=False)
    path = Path(source)
    if path.suffix != ".ts":
        path = _carried(str(source), split)
    if not path.is_file():
        raise FileNotFoundError(f"source {path} is no file.")
    lines = _lines(path)
    names = _header(path, lines)
    rows = [_row(path, number, line, names) for number, line in lines]
    if not rows:
        raise ValueError(f"source {path} holds no series.")
    first = rows[0][0].shape
    for number, (values, _) in enumerate(rows, start=1):
        if values.shape != first:
            raise ValueError(
                f"source {path} must hold series of one length and as many variables each: "
                f"(variables, length) are {first} for the first one, {values.shape} for number "
                f"{number}."
            )
    values = np.stack([values.T for values, _ in rows])
    labels = np.array([label for _, label in rows])
    return TimeSeries(values if values.shape[2] > 1 else values[..., 0], labels, names)


def _carried(name: str, split: str) -> Path:
    """The file of a data set that comes with aeon."""
    folder = package_folder("aeon", "real") / "datasets" / "data"
    path = folder / name / f"{name}_{split.upper()}.ts"
    if not path.is_file():
        there = sorted(p.parent.name for p in folder.glob("*/*_TRAIN.ts"))
        raise ValueError(
            f"source must be a .ts file, or one of the data sets carried, {there}; got {name!r}."
        )
    return path


def _lines(path: Path) -> Iterator[tuple[int, str]]:
    """The lines that say something, and their numbers."""
    with path.open(encoding="utf-8", errors="backslashreplace") as file:
        for number, line in enumerate(file, start=1):
            if (line := line.strip()) and not line.startswith("#"):
                yield number, line


def _header(path: Path, lines: Iterator[tuple[int, str]]) -> tuple[str, ...]:
    """Read up to the data; the names of the classes."""
    names: tuple[str, ...] = ()
    for number, line in lines:
        key, *values = line.split()
        if key.lower() == "@data":
            break
        if not key.startswith("@"):
            raise ValueError(f"source {path}, line {number}: @data must stand before the series.")
        if key.lower() == "@timestamps" and values != ["false"]:
            raise ValueError(f"source {path}, line {number}: series with time stamps are not read.")
        if key.lower() == "@classlabel" and values[:1] == ["true"]:
            names = tuple(values[1:])
    if not names or len(set(names)) < len(names):
        raise ValueError(
            f"source {path} must name its classes, by '@classLabel true NAME NAME', each once."
        )
    return names


def _row(path: Path, number: int, line: str, names: tuple[str, ...]) -> tuple[np.ndarray, int]:
    """The values (variables, T) of a line, and its class."""
    *variables, name = line.split(":")
    if name.strip() not in names:
        raise ValueError(
            f"source {path}, line {number}: the class must be one of {names}, got {name!r}."
        )
    try:
        with np.errstate(over="ignore"):  # what is infinite then is told below
            values = np.array([v.split(",") for v in variables], np.float32)
    except ValueError as error:
        raise ValueError(
            f"source {path}, line {number}: the values must be numbers, as many of each variable "
            f"({error})."
        ) from error
    if values.ndim != 2 or not np.isfinite(values).all():
        raise ValueError(f"source {path}, line {number}: the values must be finite numbers.")
    return values, names.index(name.strip())
