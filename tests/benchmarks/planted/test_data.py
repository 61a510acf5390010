"""What is planted lies where it is said to lie, and nowhere else."""

from __future__ import annotations

import numpy as np
import pytest
import pywt

from benchmarks.planted.data import DEPTH, KINDS, SIZES, plant

each_ndim = pytest.mark.parametrize("ndim", [1, 2, 3])


@each_ndim
def test_a_component_lies_in_its_band_and_its_place_alone(ndim):
    planted = plant(ndim, 3, seed=0)
    axes = tuple(range(1, 1 + ndim))
    components = planted.components[..., 0]
    bands = pywt.wavedecn(components, "haar", "periodization", DEPTH, axes)
    for index, band in enumerate(planted.bands):
        energies = {
            (DEPTH - depth, key): np.square(values[index]).sum()
            for depth, level in enumerate(bands[1:])
            for key, values in level.items()
        }
        assert energies[band] == pytest.approx(np.square(components[index]).sum(), rel=1e-5)
        (low, high) = zip(
            *((a.min(), a.max() + 1) for a in components[index].nonzero()), strict=True
        )
        side = KINDS[ndim].side
        assert all(h - l == side for l, h in zip(low, high, strict=True))  # noqa: E741
        inside = components[index][tuple(map(slice, low, high))]
        assert np.sqrt(np.square(inside).mean()) == pytest.approx(1.5, rel=1e-5)


@each_ndim
def test_classes_come_in_turn_with_their_bands(ndim):
    planted = plant(ndim, 2, seed=0)
    classes = KINDS[ndim].classes
    assert planted.inputs.shape == (2 * len(classes), *SIZES[ndim], 1)
    assert planted.inputs.dtype == np.float32
    assert planted.bands == classes * 2
    assert planted.labels.argmax(-1).tolist() == [*range(len(classes))] * 2
    np.testing.assert_array_equal(planted.removed, planted.inputs - planted.components)


@each_ndim
def test_the_seed_determines_everything(ndim):
    first, same, other = (plant(ndim, 2, seed=s) for s in (3, 3, 4))
    np.testing.assert_array_equal(first.inputs, same.inputs)
    assert not np.array_equal(first.components, other.components)
    assert not np.array_equal(first.inputs, plant(ndim, 2, seed=3, half="right").inputs)


def test_what_is_left_does_not_tell_the_class():
    planted = plant(2, 60, seed=0)
    bands = pywt.wavedecn(planted.removed[..., 0], "haar", "periodization", DEPTH, (1, 2))
    energies = np.stack(
        [np.log(np.square(v).sum((1, 2))) for level in bands[1:] for v in level.values()], axis=1
    )
    of_classes = energies.reshape(60, 4, -1)
    means, errors = of_classes.mean(0), of_classes.std(0) / np.sqrt(60)
    assert (np.abs(means - means.mean(0)) < 4 * errors).all()


def test_a_stronger_component_has_more_energy():
    weak, strong = (np.square(plant(2, 1, 0, strength=s).components).sum() for s in (1, 2))
    assert strong == pytest.approx(4 * weak)


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"ndim": 4}, "ndim must be 1, 2 or 3, got 4"),
        ({"count": 0}, "count must be at least 1"),
        ({"half": "top"}, 'half must be "left" or "right"'),
        ({"strength": 0}, "strength must be a positive, finite number"),
        ({"strength": np.nan}, "strength must be a positive, finite number"),
        ({"nb_distractors": 8}, "nb_distractors must be from 0 to 7"),
    ],
)
def test_bad_arguments_are_told(options, message):
    with pytest.raises(ValueError, match=message):
        plant(**{"ndim": 2, "count": 1, "seed": 0, **options})
