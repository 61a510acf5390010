"""Volumes made by formula: their structure, and what a seed determines."""

from __future__ import annotations

import numpy as np
import pytest

from wam_xplique.demo.shapes import shapes

VOLUMES, LABELS = shapes(6, seed=0)


def test_classes_come_in_turn_and_are_standardized():
    assert (VOLUMES.shape, VOLUMES.dtype) == ((24, 32, 32, 32, 1), np.float32)
    assert (LABELS.shape, LABELS.dtype) == ((24, 4), np.float32)
    np.testing.assert_array_equal(LABELS.argmax(-1), [0, 1, 2, 3] * 6)
    np.testing.assert_array_equal(LABELS.sum(-1), 1)
    np.testing.assert_allclose(VOLUMES.mean((1, 2, 3, 4)), 0, atol=1e-3)
    np.testing.assert_allclose(VOLUMES.std((1, 2, 3, 4)), 1, atol=1e-3)


def axes_of(volume: np.ndarray) -> np.ndarray:
    """Lengths of the principal axes of what is brighter than half, the longest first."""
    bright = volume[..., 0]
    places = np.argwhere(bright > (bright.min() + bright.max()) / 2)
    return np.sqrt(np.linalg.eigvalsh(np.cov(places.T))[::-1])


def test_shapes_extend_along_as_many_axes_as_their_class_says():
    for blob, edge, plate, corner in VOLUMES.reshape(6, 4, 32, 32, 32, 1):
        first, second, third = axes_of(blob)
        assert third > 0.8 * first
        first, second, third = axes_of(edge)
        assert second < 0.5 * first
        first, second, third = axes_of(plate)
        assert second > 0.6 * first
        assert third < 0.5 * second
        first, second, third = axes_of(corner)
        assert third < 0.8 * second < 2 * third


def test_a_seed_determines_the_volumes():
    np.testing.assert_array_equal(shapes(1, seed=0)[0], VOLUMES[:4])
    assert not np.allclose(shapes(1, seed=1)[0], VOLUMES[:4], atol=1)
    assert not np.allclose(VOLUMES[:4], VOLUMES[4:8], atol=1)


def test_shapes_grow_with_the_volume():
    small, _ = shapes(1, seed=0, size=16)
    assert small.shape == (4, 16, 16, 16, 1)
    np.testing.assert_allclose(2 * axes_of(small[0]), axes_of(VOLUMES[0]), rtol=0.3)


@pytest.mark.parametrize("change", [{"count": 0}, {"size": 8}])
def test_too_few_or_too_small_are_refused(change):
    ((name, value),) = change.items()
    with pytest.raises(ValueError, match=rf"{name} must be at least .*, got {value}"):
        shapes(**{"count": 1, "seed": 0, **change})
