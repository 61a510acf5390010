"""What the loaders of all kinds of data share."""

from __future__ import annotations

import importlib.util
from collections.abc import Callable, Sequence
from pathlib import Path

import numpy as np
from tqdm.auto import tqdm


def package_folder(package: str, extra: str) -> Path:
    """The folder of an installed package, which is not imported."""
    spec = importlib.util.find_spec(package)
    if spec is None or spec.origin is None:
        raise ImportError(f"{package} is not installed (pip install 'wam-xplique[{extra}]').")
    return Path(spec.origin).parent


def check_file(path: Path, name: str = "path") -> Path:
    """Check that an argument is a file."""
    if not path.is_file():
        raise FileNotFoundError(f"{name} {path} is no file.")
    return path


def class_files(folder: str | Path, suffix: str) -> tuple[list[Path], np.ndarray, list[str]]:
    """
    The files in ``class_name/*.suffix``, class by class, their labels (N,), the classes' names.

    All are sorted by name; what starts with a dot is passed over. The suffix is in small letters.
    """
    folder = Path(folder)
    classes = [path for path in _inside(folder) if path.is_dir()] if folder.is_dir() else []
    if not classes:
        raise ValueError(f"folder must hold one folder for each class, but {folder} holds none.")
    paths, labels = [], []
    for label, parent in enumerate(classes):
        files = [p for p in _inside(parent) if p.suffix.lower() == suffix and p.is_file()]
        if not files:
            raise ValueError(
                f"folder must hold {suffix} files in each class, but {parent} holds none."
            )
        paths += files
        labels += [label] * len(files)
    return paths, np.array(labels), [path.name for path in classes]


def read_alike(
    paths: Sequence[Path], read: Callable[[Path], np.ndarray], kind: str, verbose: bool, differ: str
) -> np.ndarray:
    """What files hold, one after the other in (N, ...), float32; `differ` is told of two shapes."""
    arrays = np.empty(0)
    for i, path in enumerate(tqdm(paths, desc=f"read {kind}", unit="file", disable=not verbose)):
        array = read(path)
        if i == 0:
            arrays = np.empty((len(paths), *array.shape), np.float32)
        if array.shape != arrays.shape[1:]:
            raise ValueError(differ.format(paths[0], arrays.shape[1:], path, array.shape))
        arrays[i] = array
    return arrays


def _inside(folder: Path) -> list[Path]:
    return sorted(path for path in folder.iterdir() if not path.name.startswith("."))
