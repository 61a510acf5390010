"""Rows in Parquet parts, each whole or not there; what is done, and what a worker died of."""

from __future__ import annotations

import hashlib
import shutil
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq

from ..archive import atomic_path, read_json, write_json

_SETTINGS, _STATE, _DONE = "_settings.json", ".running", "done.npy"
"""Readers of Parquet pass over such names."""


class Parts:
    """A folder of parts, which all machines see."""

    def __init__(self, folder: str | Path):
        if "://" in str(folder):
            raise ValueError(f"path must be a folder that all machines see, got {folder}.")
        self.folder = Path(folder)
        self.state = self.folder / _STATE

    def start(self, told: dict[str, Any]) -> None:
        """Make the folder, or go on with what is there if it was asked for in the same way."""
        self.folder.mkdir(parents=True, exist_ok=True)
        self.check(told)
        shutil.rmtree(self.state, ignore_errors=True)
        self.state.mkdir()
        with atomic_path(self.state / _DONE) as file, file.open("wb") as opened:
            np.save(opened, self._ids_done())

    def check(self, told: dict[str, Any]) -> None:
        """Compare how rows are made with how those were that are there."""
        path = self.folder / _SETTINGS
        there = read_json(path) if path.exists() else {}
        if differ := [name for name in told if name in there and there[name] != told[name]]:
            ways = ", ".join(f"{n}={there[n]!r} there, {told[n]!r} here" for n in differ)
            raise ValueError(f"path {self.folder} holds rows made otherwise: {ways}.")
        if not told.keys() <= there.keys():
            write_json(path, {**there, **told})

    def end(self) -> None:
        """Remove what is needed only while it runs."""
        shutil.rmtree(self.state, ignore_errors=True)

    def clear(self) -> None:
        """Remove all rows, and what is known of how they were made."""
        for file in (*self.files(), self.folder / _SETTINGS):
            file.unlink(missing_ok=True)

    def files(self) -> list[Path]:
        """All parts."""
        return sorted(self.folder.glob("part-*.parquet"))

    def tables(self, columns: Sequence[str] | None = None) -> Iterator[pa.Table]:
        """The parts, one after the other."""
        return (pq.read_table(file, columns=columns) for file in self.files())

    def errors(self) -> Iterator[tuple[Any, str]]:
        """Ids and errors of the rows that failed."""
        for table in self.tables(["id", "error"]):
            for row in table.filter(table["error"].is_valid()).to_pylist():
                yield row["id"], row["error"]

    def done(self) -> np.ndarray:
        """The sorted digests of the rows that were there at the start; shared by processes."""
        if not (self.state / _DONE).is_file():
            raise FileNotFoundError(
                f"path {self.folder} is a folder that this machine does not see"
            )
        return np.load(self.state / _DONE, mmap_mode="r", allow_pickle=False)

    def file(self, ids: Sequence[Any]) -> Path:
        """Where the rows of these ids lie together: the same again, however often it is tried."""
        return self.folder / f"part-{_name(ids)}.parquet"

    def write(self, ids: Sequence[Any], table: pa.Table) -> None:
        """Write a part, whole or not at all."""
        with atomic_path(self.file(ids)) as file:
            pq.write_table(table, file)

    def _ids_done(self) -> np.ndarray:
        found = [digests(table["id"].to_pylist()) for table in self.tables(["id"])]
        return np.unique(np.concatenate([np.empty(0, np.uint64), *found]))


class Deaths:
    """How often a process died over some rows, as marks tell that nobody took away."""

    def __init__(self, folder: Path):
        self.folder = folder
        folder.mkdir(parents=True, exist_ok=True)  # on another machine it is not there

    def begin(self, ids: Sequence[Any]) -> int:
        """Leave a mark; how many have been left before."""
        mark = self.folder / _name(ids)
        before = len(mark.read_bytes()) if mark.exists() else 0
        with mark.open("ab") as file:
            file.write(b".")
        return before

    def end(self, ids: Sequence[Any]) -> None:
        """Take the marks away."""
        (self.folder / _name(ids)).unlink(missing_ok=True)


def digests(ids: Sequence[Any]) -> np.ndarray:
    """64 bits of each id: 10 million ids have two alike with a chance of 3 in a million."""
    found = b"".join(hashlib.blake2b(str(one).encode(), digest_size=8).digest() for one in ids)
    return np.frombuffer(found, np.uint64)


def are_in(ids: Sequence[Any], done: np.ndarray) -> np.ndarray:
    """Which of the ids have their digest among the sorted ones."""
    wanted = digests(ids)
    places = np.searchsorted(done, wanted)
    return done[np.minimum(places, len(done) - 1)] == wanted if len(done) else places < 0


def _name(ids: Sequence[Any]) -> str:
    return hashlib.blake2b("\0".join(map(str, ids)).encode(), digest_size=16).hexdigest()
