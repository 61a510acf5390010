"""Explanations on disk: NumPy archives of arrays and a JSON header, with no code in them."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any, TypeVar
from zipfile import BadZipFile

import numpy as np

T = TypeVar("T")

_FOREIGN = (AttributeError, BadZipFile, EOFError, KeyError, TypeError, ValueError)
"""What reading a file raises that is no archive, or holds something else."""


def write(path: str | Path, header: dict[str, Any], arrays: dict[str, np.ndarray]) -> None:
    """Write arrays and a header to an archive; ``.npz`` is added to the name if it is missing."""
    content: dict[str, Any] = {**arrays, "header": np.array(json.dumps(header))}
    np.savez_compressed(_with_suffix(path), **content)


def read(
    path: str | Path, build: Callable[[dict[str, Any], dict[str, np.ndarray]], T], what: str
) -> T:
    """
    Build an object from the header and the arrays of an archive.

    Raises
    ------
    ValueError
        If the file does not hold `what`.
    """
    try:
        with np.load(_with_suffix(path), allow_pickle=False) as archive:
            header = json.loads(str(archive["header"]))
            arrays = {name: archive[name] for name in archive.files if name != "header"}
            return build(header, arrays)
    except _FOREIGN as error:
        raise ValueError(f"{path} does not hold {what}.") from error


def _with_suffix(path: str | Path) -> Path:
    path = Path(path)
    return path if path.suffix == ".npz" else path.with_name(path.name + ".npz")
