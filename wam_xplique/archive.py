"""Files, written whole or not at all; archives of arrays and a JSON header, without code."""

from __future__ import annotations

import contextlib
import json
import os
import secrets
from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any, TypeVar

import numpy as np


class Archived:
    """Base of what has files of its own, an archive of arrays and a JSON header each."""

    def check(self) -> None:
        """Raise a ValueError if one field contradicts the rest, as `save` and `load` do."""
        raise NotImplementedError

    def _parts(self) -> tuple[dict[str, Any], dict[str, np.ndarray]]:
        """The header, and the arrays by name; None where there is none."""
        raise NotImplementedError

    @classmethod
    def _of_parts(cls: type[T], header: dict[str, Any], arrays: dict[str, np.ndarray]) -> T:
        raise NotImplementedError

    def save(self, path: str | Path) -> None:
        """
        Write it to a NumPy archive, which holds arrays and JSON only, whole or not at all.

        ``.npz`` is added to the path where it is missing.
        """
        self.check()
        header, arrays = self._parts()
        content: dict[str, Any] = {n: array for n, array in arrays.items() if array is not None}
        content["header"] = np.array(json.dumps(header, default=lambda number: number.item()))
        with atomic_path(_with_suffix(path)) as file:
            np.savez_compressed(file, **content)

    @classmethod
    def load(cls: type[T], path: str | Path) -> T:
        """
        Read what `save` wrote, equal to what was saved; the path is as there.

        A ValueError tells why a file is no archive that `save` wrote.
        """
        with _with_suffix(path).open("rb") as file:
            try:
                with np.load(file, allow_pickle=False) as archive:
                    header = json.loads(str(archive["header"]))
                    arrays = {name: archive[name] for name in archive.files if name != "header"}
                found = cls._of_parts(header, arrays)
                found.check()
            except Exception as error:  # what is damaged makes zipfile, zlib and NumPy raise any
                reason = str(error) or type(error).__name__
                raise ValueError(f"{path} does not hold a {cls.__name__}: {reason}") from error
        return found


T = TypeVar("T", bound=Archived)


@contextlib.contextmanager
def atomic_path(path: str | Path, force: bool = True) -> Iterator[Path]:
    """A path to write to, which replaces `path` once complete; symbolic links stay."""
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
    with atomic_path(path, force) as file:
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


def cached_json(path: Path, make: Callable[[], Any]) -> Any:
    """What a JSON file holds, which is made first where it is not there."""
    if not path.exists():
        path.parent.mkdir(parents=True, exist_ok=True)
        write_json(path, make())
    return read_json(path)


def write_table(path: str | Path, table: Any, force: bool = True, **options: Any) -> None:
    """Write a data frame as CSV; text that a spreadsheet would take for a formula gets a "'"."""
    told = table.rename(columns=_as_text).map(_as_text)
    with atomic_path(path, force) as file:
        told.to_csv(file, index=False, **options)


def _as_text(cell: Any) -> Any:
    is_formula = isinstance(cell, str) and cell.startswith(("=", "+", "-", "@", "\t", "\r"))
    return f"'{cell}" if is_formula else cell


def check_shapes(
    arrays: Mapping[str, Any], expected: Mapping[str, Any], optional: Sequence[str] = ()
) -> None:
    """Check the shapes of arrays of numbers by name; None is a size that may be any."""
    if arrays.keys() != expected.keys():
        raise ValueError(f"it has {sorted(arrays)}; expected {sorted(expected)}.")
    for name, shape in expected.items():
        if arrays[name] is None and name in optional:
            continue
        found = np.shape(arrays[name])
        fits = len(found) == len(shape) and all(
            b in (None, a) for a, b in zip(found, shape, strict=True)
        )
        if not fits or np.asarray(arrays[name]).dtype.kind not in "biuf":
            raise ValueError(f"{name} must hold numbers of shape {tuple(shape)}, got {found}.")


def under(name: str, arrays: Mapping[str, Any]) -> dict[str, Any]:
    """The same under names that begin with `name` and a dot."""
    return {f"{name}.{key}": array for key, array in arrays.items()}


def taken(name: str, arrays: dict[str, Any]) -> dict[str, Any]:
    """Take out the arrays that `under` named."""
    found = [key for key in arrays if key.startswith(f"{name}.")]
    return {key.removeprefix(f"{name}."): arrays.pop(key) for key in found}


def check_input_shape(shape: Sequence[Any], ndim: Any) -> Sequence[int]:
    """The shape of inputs with `ndim` axes of space or time, and perhaps channels."""
    whole = all(isinstance(size, (int, np.integer)) and size > 0 for size in shape)
    if not whole or ndim not in (1, 2, 3) or len(shape) - ndim not in (1, 2):
        raise ValueError(f"inputs of shape {shape} have no {ndim!r} axes of space or time.")
    return shape


def _with_suffix(path: str | Path) -> Path:
    path = Path(path)
    return path if path.suffix == ".npz" else path.with_name(path.name + ".npz")
