"""What runs in each process of the cluster: an explainer, made once, and batch after batch."""

from __future__ import annotations

import os
import pickle
from collections.abc import Callable, Sequence
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq

from ..analysis.profile import check_explainer
from .parts import Deaths, Parts, are_in
from .rows import Asked, Explaining, as_input, failed

MOST_DEATHS = 3
"""Processes that may die over a row before it is told to be at fault."""


class Worker:
    """
    Explains the rows of batches, and writes them where there is a folder.

    Without one their tables are given back; else how many rows there were, and how many failed.
    """

    def __init__(
        self,
        make_explainer: Any,
        read: Callable[[Any], Any] | None,
        asked: Asked,
        path: str | None,
        marks: str,
    ):
        os.environ.setdefault("TF_FORCE_GPU_ALLOW_GROWTH", "true")  # several may share a GPU
        self.read = read or from_row
        self.parts = None if path is None else Parts(path)
        self.deaths = Deaths(Path(marks))
        self.fault: Exception | None = None
        try:
            self.explain = Explaining(*made(make_explainer), asked)
            if self.parts is not None:
                self.parts.check(facts_of(self.explain.explainer))
                self.done = self.parts.done()
        except Exception as error:  # Ray would make the worker anew, again and again
            self.fault = error

    def __call__(self, batch: dict[str, Any]) -> pa.Table:
        """What is told of a batch of columns `id`, `input` and perhaps `target`."""
        if self.fault is not None:
            raise self.fault
        check_columns(batch)
        ids = [one.item() if isinstance(one, np.generic) else one for one in batch["id"]]
        targets = batch.get("target", [None] * len(ids))
        rows = list(zip(ids, batch["input"], targets, strict=True))
        if self.parts is None:
            return pa.concat_tables(self._tables(rows) or [self.explain.asked.table([], [])])
        done = are_in(ids, self.done) if ids else np.empty(0, bool)
        left = [row for row, is_done in zip(rows, done, strict=True) if not is_done]
        fine = sum(table["error"].null_count for table in self._tables(left))
        return pa.table({"rows": [len(ids)], "failed": [len(left) - fine]})

    def _tables(self, rows: Sequence[tuple[Any, Any, Any]]) -> list[pa.Table]:
        """What is told of rows, in one table if no process died over them."""
        if not rows:
            return []
        ids = [one for one, _, _ in rows]
        if self.parts is not None and self.parts.file(ids).exists():
            return [pq.read_table(self.parts.file(ids), columns=["error"])]
        before = self.deaths.begin(ids)
        if before and len(rows) > 1:  # with all of them it would die again
            half = len(rows) // 2
            tables = [*self._tables(rows[:half]), *self._tables(rows[half:])]
        else:
            tables = [self._told(ids, rows, before)]
        self.deaths.end(ids)
        return tables

    def _told(self, ids: Sequence[Any], rows: Sequence[Any], before: int) -> pa.Table:
        if before >= MOST_DEATHS:
            told = [failed(f"The process died, {before} times in a row, perhaps of memory.")]
        else:
            told = self.explain((partial(self.read, value), target) for _, value, target in rows)
        table = self.explain.asked.table(ids, told)
        if self.parts is not None:
            self.parts.write(ids, table)
        return table


def from_row(value: Any) -> tuple[Any, None]:
    """An input that is in its row, or in a file that is named there."""
    return as_input(value), None


def check_columns(names: Any) -> None:
    """Check that rows have what is needed."""
    if not {"id", "input"} <= set(names):
        must = "dataset must have the columns id and input, and may have target"
        raise ValueError(f"{must}; it has {sorted(names)}: rename_columns gives them other names.")


def check_maker(make_explainer: Any) -> None:
    """Check what is to make an explainer, or is one."""
    is_class = isinstance(make_explainer, type)
    if is_class or not (callable(make_explainer) or isinstance(make_explainer, bytes)):
        must = "a function that makes an explainer, or an explainer"
        raise TypeError(f"make_explainer must be {must}, got {make_explainer!r}.")


def made(make_explainer: Any) -> tuple[Any, Callable[[Any], Any] | None]:
    """The explainer, and what prepares its inputs or None."""
    found = make_explainer
    if isinstance(found, bytes):
        found = pickle.loads(found)
    elif callable(found) and not hasattr(found, "explain_wavelet"):
        found = found()
    explainer, prepare = found if isinstance(found, tuple) else (found, None)
    check_explainer(explainer)
    return explainer, prepare


def facts_of(explainer: Any) -> dict[str, Any]:
    """What is known of an explainer that its rows depend on, but for its model."""
    known = vars(explainer)
    simple = {n: v for n, v in known.items() if isinstance(v, (str, int, float, bool))}
    for name in ("batch_size", "verbose", "_made"):
        simple.pop(name, None)
    told = {"method": type(explainer).__name__, "transform": str(known.get("transform"))}
    return {**told, **simple}
