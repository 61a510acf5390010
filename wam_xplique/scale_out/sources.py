"""The rows of what holds data: a folder, Parquet, a set of PyTorch or TensorFlow, Ray's own."""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from itertools import chain
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np

from ..archive import atomic_path
from ..batches import PREDICTED, SIZE, batches
from ..datasets.images import SUFFIXES as IMAGES
from ..datasets.sounds import SUFFIXES as SOUNDS
from ..model import is_torch_tensor, on_host
from .parts import are_in
from .rows import as_input
from .worker import check_columns

READABLE = (*IMAGES, *SOUNDS)
NONE = np.empty(0, np.uint64)


class Source(NamedTuple):
    """Rows, and how they are read in the workers."""

    rows: Any
    """A `ray.data.Dataset` of columns `id`, `input` and perhaps `target`."""
    read: Callable[[Any], tuple[Any, Any]] | None = None
    """What makes an input, and its target or None, of what is in `input`; None if it is there."""
    left: int | None = None
    """How many of them, if it is known."""


def source_of(dataset: Any, batch_size: int, scratch: Path, done: np.ndarray = NONE) -> Source:
    """The rows of a data set, without those among the digests `done` where it is known before they
    are read; what can only be gone through is first written to `scratch`."""
    import ray.data

    if isinstance(dataset, ray.data.Dataset):
        if names := dataset.columns(fetch_if_missing=False):
            check_columns(names)
        return Source(dataset)
    if isinstance(dataset, (str, Path)):
        path = Path(dataset)
        return _of_parquet(path) or listed(*files_in(path), batch_size, done)
    if isinstance(dataset, Listed):
        return listed(*dataset, batch_size, done)
    is_mapping = isinstance(dataset, Mapping)
    if isinstance(dataset, Iterable) and not (is_mapping or _is_indexed(dataset)):
        dataset = Written(dataset, scratch)
    if _is_indexed(dataset):
        places = range(len(dataset))
        return listed(places, places, Indexed(dataset), batch_size, done)
    must = "a ray.data.Dataset, a folder, Parquet, or a set of PyTorch or tf.data"
    raise TypeError(f"dataset must be {must}, got a {type(dataset).__name__}.")


def _is_indexed(dataset: Any) -> bool:
    """Whether inputs can be told by their places, and do not only come one after the other."""
    has_places = hasattr(dataset, "__getitem__") and hasattr(dataset, "__len__")
    return has_places and not isinstance(dataset, Mapping) and not _is_stream(dataset)


def _is_stream(dataset: Any) -> bool:
    """Whether a data set of PyTorch gives inputs, not batches of them, one after the other."""
    torch = sys.modules.get("torch")
    return torch is not None and isinstance(dataset, torch.utils.data.IterableDataset)


class Listed(NamedTuple):
    """Rows that are read in the workers."""

    ids: Sequence[Any]
    inputs: Sequence[Any]
    read: Callable[[Any], tuple[Any, Any]] | None = None


def listed(
    ids: Sequence[Any], inputs: Sequence[Any], read: Any, batch_size: int, done: np.ndarray = NONE
) -> Source:
    """The rows of a list that are not done, as many in a block as are explained together."""
    import pyarrow as pa
    import ray.data

    if not len(ids):
        raise ValueError("dataset must not be empty, got no inputs.")
    left = np.flatnonzero(~are_in(ids, done))
    cuts = [left[start : start + batch_size] for start in range(0, len(left), batch_size)]
    blocks = [
        pa.table({"id": [ids[i] for i in cut], "input": [inputs[i] for i in cut]}) for cut in cuts
    ]
    return Source(ray.data.from_arrow(blocks) if blocks else None, read, len(left))


class Indexed(NamedTuple):
    """Reads inputs, and targets if they come with them, by their places."""

    dataset: Any

    def __call__(self, place: int) -> tuple[Any, Any]:
        item = self.dataset[int(place)]
        x, y, *_ = item if isinstance(item, (tuple, list)) and len(item) > 1 else (item, None)
        return as_input(x), y


class Written:
    """What could only be gone through, written batch by batch into arrays, which have places."""

    def __init__(self, dataset: Any, folder: Path):
        self.folder, self.starts = folder, [0]
        self.has_targets = self.are_tensors = False
        for number, (x, y) in enumerate(_batches(dataset)):
            self.has_targets, self.are_tensors = y is not None, is_torch_tensor(x)
            for name, values in (("x", x), ("y", y)):
                if values is not None:
                    with atomic_path(folder / f"{name}{number}.npy") as file:
                        np.save(file, on_host(values), allow_pickle=False)
            self.starts.append(self.starts[-1] + len(x))

    def __len__(self) -> int:
        return self.starts[-1]

    def __getitem__(self, place: int) -> tuple[Any, Any]:
        number = int(np.searchsorted(self.starts, place, side="right")) - 1

        def read(name: str) -> np.ndarray:
            array = np.load(self.folder / f"{name}{number}.npy", mmap_mode="r")
            return array[place - self.starts[number]].copy()

        x: Any = read("x")
        if self.are_tensors:  # which tells where the channels are
            import torch

            x = torch.from_numpy(x)
        return x, read("y") if self.has_targets else None


def _batches(dataset: Any) -> Iterator[tuple[Any, Any]]:
    """The batches of what is gone through, with or without targets."""
    if _is_stream(dataset):
        dataset = sys.modules["torch"].utils.data.DataLoader(dataset, batch_size=SIZE)
    if hasattr(dataset, "element_spec"):
        has_targets = isinstance(dataset.element_spec, tuple)
    else:
        parts = iter(dataset)
        first = next(parts, ())
        has_targets, dataset = isinstance(first, (tuple, list)), chain([first], parts)
    return batches(dataset, None if has_targets else PREDICTED)


def _of_parquet(path: Path) -> Source | None:
    """The rows of Parquet; None of what is none."""
    import ray.data

    if path.suffix != ".parquet" and not (path.is_dir() and any(path.glob("*.parquet"))):
        return None
    rows = ray.data.read_parquet(str(path))
    check_columns(rows.columns())
    return Source(rows, left=rows.count())


def files_in(folder: Path) -> Listed:
    """The images and sounds of a folder, by their paths in it."""
    if not folder.is_dir():
        raise FileNotFoundError(f"dataset {folder} is no folder.")
    files = sorted(p for p in folder.rglob("*") if p.suffix.lower() in READABLE and p.is_file())
    if not files:
        raise ValueError(f"dataset {folder} holds no images or sounds ({', '.join(READABLE)}).")
    ids = [file.relative_to(folder).as_posix() for file in files]
    return Listed(ids, [str(file.resolve()) for file in files])
