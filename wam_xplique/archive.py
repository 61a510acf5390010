"""Files, written whole or not at all; archives of arrays and a JSON header, without code."""

from __future__ import annotations

import contextlib
import json
import os
import secrets
from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any, Protocol, TypeVar

import numpy as np


class Checked(Protocol):
    """What an archive holds."""

    def check(self) -> None:
        """Raise a ValueError if it contradicts itself."""
        ...


T = TypeVar("T", bound=Checked)


@contextlib.contextmanager
def whole(path: str | Path, force: bool = True) -> Iterator[Path]:
    """A path to write to, which takes the place of `path` once complete; symbolic links stay."""
    if not force and os.path.lexists(path):
        raise FileExistsError(f"{path} is there already; force=True overwrites.")
    path = Path(os.path.realpath(path))
    temporary = path.with_name(f".{secrets.token_hex(8)}{path.suffix}")
    try:
        yield temporary
        with temporary.open("rb+") as file:
            os.fsync(file.fileno())
        os.replace(temporary, path)
    finally:
        temporary.unlink(missing_ok=True)


def write_text(path: str | Path, text: str, force: bool = True) -> None:
    """Write a text; what is no UTF-8 in it, as the names of files may be, is escaped."""
    with whole(path, force) as file:
        file.write_text(text, encoding="utf-8", errors="backslashreplace")


def write_json(path: str | Path, value: Any) -> None:
    """Write numbers, texts, lists and dicts."""
    write_text(path, json.dumps(value, indent=1, ensure_ascii=False) + "\n")


def read_json(path: str | Path) -> Any:
    """Read what `write_json` wrote."""
    try:
        return json.loads(Path(path).read_text(encoding="utf-8"))
    except (ValueError, RecursionError) as error:
        raise ValueError(f"{path} is damaged: {error}; remove it to make it anew.") from error


def kept(path: Path, make: Callable[[], Any]) -> Any:
    """What a JSON file holds, which is made first where it is not there."""
    if not path.exists():
        path.parent.mkdir(parents=True, exist_ok=True)
        write_json(path, make())
    return read_json(path)


def write_table(path: str | Path, table: Any, force: bool = True, **options: Any) -> None:
    """Write a data frame as CSV; text that a spreadsheet would take for a formula gets a "'"."""
    told = table.rename(columns=_as_text).map(_as_text)
    with whole(path, force) as file:
        told.to_csv(file, index=False, **options)


def _as_text(cell: Any) -> Any:
    is_formula = isinstance(cell, str) and cell.startswith(("=", "+", "-", "@", "\t", "\r"))
    return f"'{cell}" if is_formula else cell


def write(path: str | Path, header: dict[str, Any], arrays: dict[str, np.ndarray]) -> None:
    """Write arrays and a header to an archive; ``.npz`` is added to the name if it is missing."""
    content: dict[str, Any] = {**arrays, "header": np.array(json.dumps(header))}
    with whole(_with_suffix(path)) as file:
        np.savez_compressed(file, **content)


def read(
    path: str | Path, build: Callable[[dict[str, Any], dict[str, np.ndarray]], T], what: str
) -> T:
    """Build an object from the header and the arrays of an archive."""
    with _with_suffix(path).open("rb") as file:
        try:
            with np.load(file, allow_pickle=False) as archive:
                header = json.loads(str(archive["header"]))
                arrays = {name: archive[name] for name in archive.files if name != "header"}
                found = build(header, arrays)
                found.check()
                return found
        except Exception as error:  # what is damaged makes zipfile, zlib and NumPy raise any kind
            reason = str(error) or type(error).__name__
            raise ValueError(f"{path} does not hold {what}: {reason}") from error


def check_shapes(arrays: Mapping[str, np.ndarray], expected: Mapping[str, Any]) -> None:
    """Check the shapes of arrays of numbers by name; None is a size that may be any."""
    if arrays.keys() != expected.keys():
        raise ValueError(f"it has {sorted(arrays)}; expected {sorted(expected)}.")
    for name, shape in expected.items():
        found = np.shape(arrays[name])
        fits = len(found) == len(shape) and all(
            b in (None, a) for a, b in zip(found, shape, strict=True)
        )
        if not fits or np.asarray(arrays[name]).dtype.kind not in "biuf":
            raise ValueError(f"{name} must hold numbers of shape {tuple(shape)}, got {found}.")


def check_input_shape(shape: Sequence[Any], ndim: Any) -> Sequence[int]:
    """The shape of inputs with `ndim` axes of space or time, and perhaps channels."""
    whole = all(isinstance(size, (int, np.integer)) and size > 0 for size in shape)
    if not whole or ndim not in (1, 2, 3) or len(shape) - ndim not in (1, 2):
        raise ValueError(f"inputs of shape {shape} have no {ndim!r} axes of space or time.")
    return shape


def _with_suffix(path: str | Path) -> Path:
    path = Path(path)
    return path if path.suffix == ".npz" else path.with_name(path.name + ".npz")
