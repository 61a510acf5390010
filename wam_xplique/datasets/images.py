"""Images from files."""

from __future__ import annotations

from pathlib import Path

import numpy as np
from PIL import Image
from tqdm.auto import tqdm

from ..checks import check_integer, check_seed, check_share

SUFFIXES = (".bmp", ".jpeg", ".jpg", ".png", ".webp")


def load_image(path: str | Path, grey: bool = False) -> Image.Image:
    """
    Read an image.

    Parameters
    ----------
    path
        File, in any format that Pillow reads.
    grey
        Whether to bring it to grey; to red, green and blue if not.

    Returns
    -------
    image
        Image of 8 bits a channel. One of 16 bits is brought to 8; what is transparent is not seen.

    Raises
    ------
    FileNotFoundError, ValueError
        If there is no such file; if it cannot be read, or holds values of no known range.
    """
    if not Path(path).is_file():
        raise FileNotFoundError(f"path {path} is no file.")
    try:
        image: Image.Image
        with Image.open(path) as image:
            image.load()
    except Exception as error:  # broken files make Pillow raise errors of many kinds
        raise ValueError(f"path {path} cannot be read as an image: {error}") from error
    if image.mode.startswith("I;16"):
        image = Image.fromarray((np.asarray(image) // 256).astype(np.uint8))
    if image.mode in ("I", "F"):
        raise ValueError(
            f"path {path} holds an image of mode {image.mode!r}, whose values have no known range; "
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

    Parameters
    ----------
    folder
        Folder of images, at any depth; what is no file is passed over.
    size
        Height and width of the result.
    count
        How many images to read, at random; None for all.
    seed
        Seed of the choice.
    crop
        Share of the shorter side that the square in the middle has, in (0, 1].
    verbose
        Whether to show progress.
    pattern
        What the names of the files look like, as for `Path.rglob`.

    Returns
    -------
    images
        Images (N, size, size, 3), float32 in [0, 255].
    paths
        Their files, in alphabetical order.

    Raises
    ------
    ValueError
        If the folder holds too few images, or a file cannot be read.
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
