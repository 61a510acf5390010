"""What the loaders of all kinds of data share."""

from __future__ import annotations

import importlib.util
from pathlib import Path

import numpy as np


def package_folder(package: str, extra: str) -> Path:
    """
    The folder of an installed package that carries data; the package is not imported.

    Parameters
    ----------
    package
        What it is imported as.
    extra
        The extra of wam-xplique that brings it.

    Raises
    ------
    ImportError
        If it is not installed.
    """
    spec = importlib.util.find_spec(package)
    if spec is None or not spec.submodule_search_locations:
        raise ImportError(
            f"{package} is not installed, whose data are asked for (pip install "
            f"'wam-xplique[{extra}]')."
        )
    return Path(spec.submodule_search_locations[0])


def class_files(folder: str | Path, suffix: str) -> tuple[list[Path], np.ndarray, list[str]]:
    """
    The files of a folder that holds a folder for each class.

    Parameters
    ----------
    folder
        Folder with the layout ``class_name/*.suffix``; what starts with a dot is passed over.
    suffix
        Suffix of the files, such as ".wav", in small letters; in the names, case does not matter.

    Returns
    -------
    paths
        Files, class by class, in the order of their names.
    labels
        Class of each file (N,), an index into `classes`.
    classes
        Names of the classes, in order.

    Raises
    ------
    ValueError
        If `folder` holds no folder, or one of these no such file.
    """
    folder = Path(folder)
    inside = sorted(folder.iterdir()) if folder.is_dir() else []
    classes = [path for path in inside if path.is_dir() and not path.name.startswith(".")]
    if not classes:
        raise ValueError(f"folder must hold one folder for each class, but {folder} holds none.")
    paths, labels = [], []
    for label, parent in enumerate(classes):
        files = sorted(path for path in parent.iterdir() if _is_data(path, suffix))
        if not files:
            raise ValueError(
                f"folder must hold {suffix} files in each class, but {parent} holds none."
            )
        paths += files
        labels += [label] * len(files)
    return paths, np.array(labels), [path.name for path in classes]


def _is_data(path: Path, suffix: str) -> bool:
    return path.suffix.lower() == suffix and not path.name.startswith(".") and path.is_file()
