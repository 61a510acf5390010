"""Volumes from files, and from clouds of points."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np

from ..checks import check_choice, check_integer
from .folders import check_file, class_files, read_alike


def medmnist3d(path: str | Path, split: str = "train") -> tuple[np.ndarray, np.ndarray]:
    """
    Read a data set of MedMNIST-3D (https://medmnist.com).

    The path is that of its archive, such as ``organmnist3d.npz``, with arrays ``{split}_images``
    (N, D, H, W) of bytes and ``{split}_labels`` (N, 1); `split` is "train", "val" or "test".

    Returns
    -------
    volumes, labels
        Volumes (N, D, H, W, 1), float32 in [0, 1]; classes (N,), integers.

    Raises
    ------
    FileNotFoundError, ValueError
        If there is no such file; if `split` or the archive is not as above.
    """
    check_choice("split", split, ("train", "val", "test"), optional=False)
    names = f"{split}_images", f"{split}_labels"
    with _loaded(check_file(Path(path)), "archive of plain NumPy arrays") as archive:
        held = list(archive.keys())
        found = [archive[name] for name in names if name in held]
    if len(found) < len(names):
        raise ValueError(f"path {path} must hold the arrays {names}; it has {held}.")
    images, labels = found
    are_images = images.ndim == 4 and images.dtype == np.uint8 and images.size > 0
    are_labels = labels.shape == (len(images), 1) and labels.dtype.kind in "iu"
    if not (are_images and are_labels):
        raise ValueError(
            f"path {path} must hold {split}_images (N, D, H, W) of uint8, not empty, and "
            f"{split}_labels (N, 1) of integers, got shapes {images.shape} of {images.dtype} and "
            f"{labels.shape} of {labels.dtype}."
        )
    return images[..., np.newaxis] / np.float32(255), labels[:, 0].astype(np.int64)


def npy_folder(
    folder: str | Path, verbose: bool = False
) -> tuple[np.ndarray, np.ndarray, list[str]]:
    """
    Read the volumes of a folder that holds a folder for each class.

    Its layout is ``class_name/*.npy``, of real, finite arrays (D, H, W) of one shape; `verbose`
    shows progress.

    Returns
    -------
    volumes, labels, classes
        Volumes (N, D, H, W, 1), float32, class by class, the values being those of the files;
        classes (N,), integers; their names, in alphabetical order.

    Raises
    ------
    ValueError
        If a class has no volume, or a file does not hold an array as above.
    """
    paths, labels, classes = class_files(folder, ".npy")
    differ = "folder must hold volumes of one shape: {} has {}, {} has {}."
    volumes = read_alike(paths, _load_volume, "volumes", verbose, differ)
    return volumes[..., np.newaxis], labels, classes


def voxelize(
    points: np.ndarray, size: int, bounds: Any = None, occupancy: bool = False
) -> np.ndarray:
    """
    Count the points of a cloud in each voxel of a grid; a ValueError tells of a wrong argument.

    Wavelet attribution does not extend to point clouds themselves: they have no regular grid for a
    wavelet transform. This only makes a volume of them, for models of volumes, and what is
    explained is then that volume.

    Parameters
    ----------
    points
        Points (P, 3), or a batch of clouds (N, P, 3), finite.
    size
        Voxels along each axis.
    bounds
        Least and greatest coordinate on each axis, (3, 2); points outside are left out. By default,
        the smallest cube around the middle of each cloud that holds all of its points.
    occupancy
        Whether to give 1 for any number of points instead of counting them.

    Returns
    -------
    grid
        Counts (size, size, size), or (N, size, size, size) for a batch, float32, axes in the order
        of the coordinates. A model of volumes wants an axis for the channel as well:
        ``grid[..., np.newaxis]``.

    Examples
    --------
    >>> voxelize(np.array([[0.1, 0.1, 0.9], [0.2, 0.1, 0.8]]), 2, bounds=[(0, 1)] * 3)[0, 0]
    array([0., 2.], dtype=float32)
    """
    points = np.asarray(points)
    if points.ndim not in (2, 3) or points.shape[-1] != 3 or points.size == 0:
        raise ValueError(f"points must have shape (P, 3) or (N, P, 3), got {points.shape}.")
    if not np.issubdtype(points.dtype, np.number) or not np.isfinite(points).all():
        raise ValueError("points must be finite numbers.")
    check_integer("size", size, lowest=1)
    box = None if bounds is None else _as_bounds(bounds)
    clouds = points.reshape(-1, *points.shape[-2:])
    grids = [np.histogramdd(c, size, _cube(c) if box is None else box)[0] for c in clouds]
    grid = np.stack(grids).reshape(*points.shape[:-2], size, size, size)
    return (grid > 0 if occupancy else grid).astype(np.float32)


def _cube(cloud: np.ndarray) -> Any:
    """The bounds (3, 2) of a cube around a cloud (P, 3)."""
    low, high = cloud.min(axis=0), cloud.max(axis=0)
    middle, half = (low + high) / 2, (high - low).max() / 2
    # Rounding must not leave the outermost points outside, nor a single point without a cube.
    half = half * (1 + 1e-6) + 1e-6
    return np.stack([middle - half, middle + half], axis=1)


def _as_bounds(bounds: Any) -> Any:
    """The bounds (3, 2), checked."""
    try:
        array = np.asarray(bounds, dtype=float)
    except (TypeError, ValueError, OverflowError):
        array = np.empty(0)
    if array.shape != (3, 2) or not np.isfinite(array).all() or (array[:, 0] >= array[:, 1]).any():
        raise ValueError(
            f"bounds must be three pairs of a finite lower and a greater upper bound, got {bounds}."
        )
    return array


def _load_volume(path: Path) -> np.ndarray:
    """A volume (D, H, W) in single precision."""
    with _loaded(path, "file of a plain NumPy array") as volume:
        is_array = isinstance(volume, np.ndarray)
        found = (volume.shape, volume.dtype) if is_array else "an archive"
    if not is_array or volume.ndim != 3 or not volume.size or volume.dtype.kind not in "biuf":
        raise ValueError(f"path {path} must hold a real array (D, H, W), not empty, got {found}.")
    with np.errstate(over="ignore"):
        single = volume.astype(np.float32)
    if not np.isfinite(single).all():
        raise ValueError(f"path {path} must hold finite numbers that fit float32.")
    return single


@contextlib.contextmanager
def _loaded(path: Path, kind: str) -> Iterator[Any]:
    """What NumPy reads of a file; what is damaged makes it raise errors of any kind."""
    try:
        with path.open("rb") as file:
            yield np.load(file, allow_pickle=False)
    except Exception as error:
        reason = str(error).partition(". ")[0]  # it goes on to advise to load pickles
        raise ValueError(f"path {path} is no {kind}: {reason}.") from error
