"""Labelled time series: the UCR and UEA archives' own files, and any of their format."""

from __future__ import annotations

from pathlib import Path
from typing import NamedTuple

import numpy as np

from ..checks import check_choice
from .folders import check_file, package_folder


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
    path = check_file(path, "source") if path.suffix == ".ts" else _carried(str(source), split)
    names: tuple[str, ...] = ()
    rows: list[tuple[np.ndarray, int]] | None = None  # None before the data
    with path.open(encoding="utf-8", errors="backslashreplace") as file:
        for number, line in enumerate(map(str.strip, file), start=1):
            if not line or line.startswith("#"):
                continue
            try:
                if rows is not None:
                    rows.append(_row(line, names, rows))
                elif line.lower() != "@data":
                    names = _classes(line) or names
                elif names and len(set(names)) == len(names):
                    rows = []
                else:
                    raise ValueError(
                        "the classes must be named, by '@classLabel true NAME NAME', each once"
                    )
            except ValueError as error:
                raise ValueError(f"source {path}, line {number}: {error}.") from error
    if not rows:
        raise ValueError(f"source {path} holds no series.")
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


def _classes(line: str) -> tuple[str, ...]:
    """The names of the classes, if this line of the header tells them."""
    key, *values = line.split()
    if not key.startswith("@"):
        raise ValueError("@data must stand before the series")
    if key.lower() == "@timestamps" and values != ["false"]:
        raise ValueError("series with time stamps are not read")
    is_told = key.lower() == "@classlabel" and values[:1] == ["true"]
    return tuple(values[1:]) if is_told else ()


def _row(
    line: str, names: tuple[str, ...], before: list[tuple[np.ndarray, int]]
) -> tuple[np.ndarray, int]:
    """The values (variables, T) of a line, of the shape of those before, and its class."""
    *variables, name = line.split(":")
    if name.strip() not in names:
        raise ValueError(f"the class must be one of {names}, got {name!r}")
    try:
        with np.errstate(over="ignore"):  # what is infinite then is told below
            values = np.array([v.split(",") for v in variables], np.float32)
    except ValueError as error:
        raise ValueError(f"the values must be numbers, as many of each: {error}") from error
    if values.ndim != 2 or not np.isfinite(values).all():
        raise ValueError("the values must be finite numbers")
    if before and values.shape != before[0][0].shape:
        raise ValueError(
            f"series must be of one length and as many variables each: (variables, length) are "
            f"{before[0][0].shape} for the first one, {values.shape} here"
        )
    return values, names.index(name.strip())
