"""Volumes from files written here, and from points: what comes back, and what is refused."""

from __future__ import annotations

import numpy as np
import pytest

from wam_xplique.datasets import medmnist3d, npy_folder, voxelize

RNG = np.random.default_rng(0)
IMAGES = RNG.integers(0, 256, (5, 6, 7, 8), dtype=np.uint8)
LABELS = RNG.integers(0, 3, (5, 1), dtype=np.uint8)


def archive(path, **arrays):
    np.savez(path, **{"train_images": IMAGES, "train_labels": LABELS, **arrays})
    return path


def test_medmnist_is_scaled_and_gets_a_channel(tmp_path):
    volumes, labels = medmnist3d(archive(tmp_path / "a.npz"))
    assert (volumes.shape, volumes.dtype) == ((5, 6, 7, 8, 1), np.float32)
    np.testing.assert_allclose(volumes[..., 0] * 255, IMAGES, rtol=1e-6)
    assert volumes.min() >= 0
    assert volumes.max() <= 1
    np.testing.assert_array_equal(labels, LABELS[:, 0])
    assert labels.dtype == np.int64


def test_splits_are_kept_apart(tmp_path):
    path = archive(tmp_path / "a.npz", test_images=IMAGES[:2] // 2, test_labels=LABELS[3:])
    volumes, labels = medmnist3d(path, "test")
    np.testing.assert_allclose(volumes[..., 0] * 255, IMAGES[:2] // 2, rtol=1e-6)
    np.testing.assert_array_equal(labels, LABELS[3:, 0])
    with pytest.raises(ValueError, match=r"\('val_images', 'val_labels'\); it has \['train_"):
        medmnist3d(path, "val")
    with pytest.raises(ValueError, match=r"split must be one of .*'validation'"):
        medmnist3d(path, "validation")


@pytest.mark.parametrize(
    ("arrays", "message"),
    [
        ({"train_images": IMAGES[0]}, r"train_images \(N, D, H, W\) of uint8, .*\(6, 7, 8\) of"),
        ({"train_images": IMAGES / 255}, "of uint8, not empty, .*float64 and"),
        ({"train_labels": LABELS[:3]}, r"train_labels \(N, 1\) of integers, .* and \(3, 1\)"),
        ({"train_labels": LABELS[:, 0]}, r"of integers, got .* and \(5,\)"),
        ({"train_labels": LABELS / 2}, "of integers, got .*float64"),
        ({"train_labels": np.array([[{}]] * 5)}, "no archive of plain NumPy arrays"),
    ],
)
def test_other_archives_are_refused(tmp_path, arrays, message):
    with pytest.raises(ValueError, match=message):
        medmnist3d(archive(tmp_path / "a.npz", **arrays))


def test_other_files_are_refused(tmp_path):
    with pytest.raises(FileNotFoundError, match=r"none.npz is no file"):
        medmnist3d(tmp_path / "none.npz")
    np.save(tmp_path / "array.npy", IMAGES)
    (tmp_path / "empty.npz").write_bytes(b"")
    (tmp_path / "text.npz").write_text("no archive")
    (tmp_path / "broken.npz").write_bytes(archive(tmp_path / "a.npz").read_bytes()[:500])
    for name in ("array.npy", "empty.npz", "text.npz", "broken.npz"):
        with pytest.raises(ValueError, match=f"{name} is no archive of plain NumPy arrays"):
            medmnist3d(tmp_path / name)


@pytest.fixture
def folder(tmp_path):
    for name, volumes in (("tumour", IMAGES[:2]), ("healthy", IMAGES[2:3] / 2 - 100)):
        (tmp_path / name).mkdir()
        for i, volume in enumerate(volumes):
            np.save(tmp_path / name / f"{i}.npy", volume)
    return tmp_path


def test_folders_are_classes_and_values_are_kept(folder):
    volumes, labels, classes = npy_folder(folder)
    assert (volumes.shape, volumes.dtype) == ((3, 6, 7, 8, 1), np.float32)
    np.testing.assert_allclose(volumes[0, ..., 0], IMAGES[2] / 2 - 100)
    np.testing.assert_array_equal(volumes[1:, ..., 0], IMAGES[:2])
    np.testing.assert_array_equal(labels, [0, 1, 1])
    assert classes == ["healthy", "tumour"]


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (IMAGES[0, :4], r"one shape: .*0.npy has \(6, 7, 8\), .*9.npy has \(4, 7, 8\)"),
        (IMAGES[0, 0], r"real array \(D, H, W\), not empty, got .*\(7, 8\)"),
        (IMAGES[0] * 1j, "real array .*complex128"),
        (np.array([{}]), "no file of a plain NumPy array: Object arrays cannot be loaded"),
        (IMAGES[0].astype(str), "real array .*<U"),
        (IMAGES[0, :, :, :0], "not empty"),
        (np.full((6, 7, 8), np.nan), "must hold finite numbers"),
        (np.full((6, 7, 8), 1e300), "must hold finite numbers that fit float32"),
    ],
)
def test_other_volumes_are_refused(folder, content, message):
    np.save(folder / "tumour" / "9.npy", content)
    with pytest.raises(ValueError, match=message):
        npy_folder(folder)


def test_files_that_are_no_array_are_refused(folder):
    np.save(folder / "9.npy", IMAGES[0])
    array = (folder / "9.npy").read_bytes()
    huge = array.replace(b"(6, 7, 8), ", b"(6, 7, 9" + 11 * b"9" + b"), ")
    for content in (b"", b"no array", b"PK\x03\x04 no archive", array[:20], array[:-1], huge):
        (folder / "tumour" / "9.npy").write_bytes(content)
        with pytest.raises(ValueError, match=r"9.npy is no file of a plain NumPy array"):
            npy_folder(folder)
    with (folder / "tumour" / "9.npy").open("wb") as file:
        np.savez(file, IMAGES)
    with pytest.raises(ValueError, match=r"9.npy must hold a real array .*an archive"):
        npy_folder(folder)


def test_points_are_counted_in_their_voxels():
    points = np.array([[0.1, 0.1, 0.9], [0.1, 0.1, 0.9], [0.9, 0.6, 0.1]])
    unit = [(0, 1)] * 3
    expected = np.zeros((2, 2, 2), np.float32)
    expected[0, 0, 1], expected[1, 1, 0] = 2, 1
    grid = voxelize(points, 2, unit)
    assert grid.dtype == np.float32
    np.testing.assert_array_equal(grid, expected)
    np.testing.assert_array_equal(voxelize(points, 2, unit, occupancy=True), expected > 0)
    np.testing.assert_array_equal(voxelize(points, 2, [(0, 0.5)] * 3), 0)  # all are outside


def test_a_cube_holds_each_cloud_of_a_batch():
    points = RNG.standard_normal((3, 200, 3)) * [1, 5, 2] + 10
    points[1] *= 100
    grids = voxelize(points, 8)
    assert grids.shape == (3, 8, 8, 8)
    np.testing.assert_array_equal(grids.sum((1, 2, 3)), 200)
    np.testing.assert_array_equal(grids[1], voxelize(points[1], 8))
    spread = [len(np.unique(np.nonzero(grids[0])[axis])) for axis in range(3)]
    assert spread[1] > spread[2] > spread[0]  # proportions are kept


def test_clouds_without_extent_are_counted_too():
    for place in (0.0, 1e9):
        assert voxelize(np.full((4, 3), place), 3).sum() == 4


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"points": np.zeros((4, 2))}, r"points must have shape .*\(4, 2\)"),
        ({"points": np.zeros(3)}, r"points must have shape .*\(3,\)"),
        ({"points": np.zeros((0, 3))}, r"points must have shape .*\(0, 3\)"),
        ({"points": np.full((4, 3), np.nan)}, "points must be finite"),
        ({"points": np.full((4, 3), "a")}, "points must be finite numbers"),
        ({"size": 0}, "size must be an integer of at least 1, got 0"),
        ({"bounds": (0, 1)}, r"bounds must be three pairs .*\(0, 1\)"),
        ({"bounds": [(0, 1), (0, 1), (1, 1)]}, "bounds must be three pairs"),
        ({"bounds": [(0, 1), (0, 1), (0, np.inf)]}, "bounds must be three pairs"),
    ],
)
def test_other_arguments_are_refused(change, message):
    with pytest.raises(ValueError, match=message):
        voxelize(**{"points": np.zeros((4, 3)), "size": 4, **change})
