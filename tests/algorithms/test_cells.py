"""Cells: what each partition parts, how, and what is computed over its cells."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import numpy as np
import pytest
import pywt
import tensorflow as tf
from hypothesis import given, settings
from hypothesis import strategies as st

from wam_xplique.algorithms.cells import (
    HELD,
    PARTITIONS,
    PERTURBATIONS,
    Group,
    cell_sums,
    count_cells,
    fourier_cells,
    grid,
    group_tree,
    level_shares,
    renumber,
    rings,
    shares,
    wavelet_cells,
)
from wam_xplique.coefficients import WaveletTransform, flatten, map_bands

TRANSFORMS = {  # (shape, wavelet, mode, level, grid size)
    "signal": ((64,), "haar", "periodization", 3, 8),
    "odd signal": ((53,), "db2", "symmetric", 2, 9),
    "image": ((32, 32), "haar", "periodization", 2, 8),
    "oblong image": ((32, 16), "haar", "periodization", 2, 6),
    "odd image": ((27, 35), "haar", "periodization", 2, 7),
    "image, db2, symmetric": ((29, 32), "db2", "symmetric", 2, 7),
    "image, bior, reflect": ((40, 37), "bior2.2", "reflect", 2, 5),
    "volume": ((16, 16, 16), "haar", "periodization", 2, 4),
    "odd volume": ((13, 16, 11), "haar", "zero", 1, 3),
}

each_partition = pytest.mark.parametrize("partition", PARTITIONS)
each_perturbation = pytest.mark.parametrize("perturbation", PERTURBATIONS)


@pytest.fixture(params=TRANSFORMS.values(), ids=TRANSFORMS)
def how(request):
    return request.param


@pytest.fixture(params=[False, True], ids=["held", "perturbed"])
def approximation(request):
    return request.param


def make(
    shape: tuple[int, ...],
    wavelet: str = "haar",
    mode: str = "periodization",
    level: int = 2,
    size: int = 8,
    partition: str = "mosaic",
    approximation: bool = False,
) -> list[Any]:
    transform = WaveletTransform(wavelet, level, mode, tuple(range(len(shape))))
    return wavelet_cells(transform, shape, partition, size, approximation)


@pytest.fixture(params=PARTITIONS)
def cells(how, request, approximation):
    return make(*how, request.param, approximation)


def bands(cells: list[Any]) -> list[np.ndarray]:
    return list(flatten(cells).values())


def live(band: np.ndarray) -> set[int]:
    """The cells in a band."""
    return set(np.unique(band).tolist()) - {HELD}


# --- wavelet cells -------------------------------------------------------------------------


def test_every_coefficient_that_is_not_held_is_in_a_cell_numbered_without_gaps(
    how, cells, approximation
):
    shape, wavelet, mode, level, _ = how
    z = pywt.wavedecn(np.zeros(shape), wavelet, mode, level)
    assert [band.shape for band in bands(cells)] == [band.shape for band in bands(z)]
    assert all((band >= 0).all() for band in bands(cells)[1:])
    assert (cells[0] == HELD).all() if not approximation else (cells[0] >= 0).all()
    numbers = set.union(*map(live, bands(cells)))
    assert numbers == set(range(count_cells(cells)))


def test_the_mosaic_is_a_nearest_enlargement_of_the_grid_over_pywavelets_packing(
    how, approximation
):
    """Cells share a number exactly where `tf.image.resize` repeats an entry of the grid."""
    (shape, *_, size), cells = how, make(*how, "mosaic", approximation)
    packed, _ = pywt.coeffs_to_array(cells, padding=HELD)
    expected = np.arange(size ** len(shape), dtype=np.float32).reshape([size] * len(shape))
    for axis, length in enumerate(packed.shape):
        rows = np.moveaxis(expected, axis, 0).reshape(size, 1, -1)
        enlarged = tf.image.resize(rows, (length, 1), "nearest").numpy()
        other = np.delete(np.array(expected.shape), axis)
        expected = np.moveaxis(enlarged.reshape(length, *other), 0, axis)
    # The order of the grid is kept; cells that are held in all of them have no number.
    kept = packed != HELD
    found, inverse = np.unique(expected[kept], return_inverse=True)
    np.testing.assert_array_equal(packed[kept], inverse)
    assert len(found) == count_cells(cells)


@each_partition
def test_without_levels_the_grid_lies_over_the_input_itself(partition):
    cells = make((12, 8), level=0, size=4, partition=partition, approximation=True)
    assert len(cells) == 1
    grid_over = np.kron(np.arange(16).reshape(4, 4), np.ones((3, 2)))
    expected = grid_over if partition in ("mosaic", "subband") else np.zeros((12, 8))
    np.testing.assert_array_equal(cells[0], expected)


@each_partition
@pytest.mark.parametrize("shape", [(16,), (16, 16), (8, 8, 8)])
def test_nothing_is_left_without_levels_where_the_approximation_is_held(partition, shape):
    with pytest.raises(ValueError, match=r"level=0 leaves nothing.*include_approximation=True"):
        make(shape, level=0, size=2, partition=partition)


@pytest.mark.parametrize("partition", ["subband", "band", "scale"])
def test_no_cell_but_of_the_mosaic_mixes_levels(how, partition, approximation):
    parts = level_shares(make(*how, partition, approximation))
    assert set(np.unique(parts)) == {0.0, 1.0}
    np.testing.assert_array_equal(parts.sum(axis=0), 1)


def test_subbands_have_equally_many_even_cells_about_as_many_in_all_as_the_mosaic(
    how, approximation
):
    (shape, *_, size), cells = how, make(*how, "subband", approximation)
    chosen = bands(cells)[0 if approximation else 1 :]
    (count,) = {len(live(band)) for band in chosen}
    side = round(count ** (1 / len(shape)))
    assert side ** len(shape) * len(chosen) <= size ** len(shape)
    assert (side + 1) ** len(shape) * len(chosen) > size ** len(shape)
    for band in chosen:
        for axis in range(band.ndim):
            line = np.moveaxis(band, axis, 0).reshape(band.shape[axis], -1)[:, 0]
            assert np.ptp(np.unique(line, return_counts=True)[1]) <= 1


@pytest.mark.parametrize("partition", ["subband", "band"])
def test_subbands_share_no_cell(how, partition, approximation):
    cells = make(*how, partition, approximation)
    together = [cell for band in bands(cells) for cell in live(band)]
    assert len(together) == len(set(together)) == count_cells(cells)


def test_a_band_is_one_cell_and_a_scale_is_all_bands_of_a_level(how, approximation):
    by_band = make(*how, "band", approximation)
    assert [len(live(b)) for b in bands(by_band)[1:]] == [1] * (len(bands(by_band)) - 1)
    by_scale = make(*how, "scale", approximation)
    assert count_cells(by_scale) == len(by_scale) - 1 + approximation
    for index, details in enumerate(by_scale[1:]):
        assert {cell for band in details.values() for cell in live(band)} == {index + approximation}


@each_partition
def test_one_cell_is_the_smallest_grid(partition):
    assert count_cells(make((16,), level=1, size=1, partition=partition)) == 1


@pytest.mark.parametrize(("shape", "largest"), [((16, 24), 16), ((9,), 10)])
def test_a_mosaic_finer_than_the_coefficients_is_refused(shape, largest):
    """Nine samples make 5 + 5 coefficients of one level of haar, boundary mode "symmetric"."""
    cells = make(shape, mode="symmetric", level=1, size=largest, approximation=True)
    assert count_cells(cells) == largest ** len(shape)
    with pytest.raises(
        ValueError, match=rf"grid_size={largest + 1}.*largest possible is {largest}"
    ):
        make(shape, mode="symmetric", level=1, size=largest + 1)


def test_the_least_and_the_greatest_grid_of_subbands_are_named_and_possible(approximation):
    def subbands(size: int) -> None:
        make((32, 32), size=size, partition="subband", approximation=approximation)

    with pytest.raises(ValueError, match=r"grid_size=1 does not.*between \d+ and \d+") as raised:
        subbands(1)
    lowest, highest = map(int, str(raised.value).rstrip(".").split("between ")[1].split(" and "))
    for size in (lowest, highest):
        subbands(size)
    for size in (lowest - 1, highest + 1):
        with pytest.raises(ValueError, match=f"grid_size={size}"):
            subbands(size)


# --- the grid ------------------------------------------------------------------------------


@settings(deadline=None)
@given(st.lists(st.integers(1, 40), min_size=1, max_size=3), st.integers(1, 12))
def test_a_grid_is_as_even_as_can_be_and_keeps_the_order(shape, count):
    if count > min(shape):
        with pytest.raises(ValueError, match=f"grid_size={count} is larger"):
            grid(shape, count)
        return
    cells = grid(shape, count)
    assert cells.shape == tuple(shape)
    places = np.unravel_index(cells, [count] * len(shape))
    for axis, place in enumerate(places):
        lines = np.moveaxis(place, axis, 0).reshape(place.shape[axis], -1)
        line = lines[:, 0]
        np.testing.assert_array_equal(lines.T, np.broadcast_to(line, lines.T.shape))
        assert set(np.diff(line)) <= {0, 1}
        lengths = np.bincount(line, minlength=count)
        assert lengths.min() >= 1
        assert np.ptp(lengths) <= 1


@pytest.mark.parametrize(
    ("size", "count"), [(7, 3), (32, 8), (53, 9), (224, 28), (227, 28), (9, 9)]
)
def test_a_grid_is_the_nearest_enlargement_of_tensorflow(size, count):
    line = np.arange(count, dtype=np.float32).reshape(count, 1, 1)
    enlarged = tf.image.resize(line, (size, 1), "nearest").numpy().ravel()
    np.testing.assert_array_equal(grid((size,), count), enlarged)


@settings(deadline=None)
@given(st.lists(st.integers(-1, 9), min_size=1, max_size=20).filter(lambda cells: max(cells) >= 0))
def test_numbers_are_dense_and_keep_their_order(cells):
    (numbered,) = renumber([np.array(cells)])
    assert live(numbered) == set(range(len(live(np.array(cells)))))
    for a, x in zip(cells, numbered, strict=True):
        assert (a == HELD) == (x == HELD)
        for b, y in zip(cells, numbered, strict=True):
            assert np.sign(a - b) == np.sign(x - y)


# --- sums and shares -----------------------------------------------------------------------


def test_cell_sums_add_the_values_of_each_cell(cells):
    rng = np.random.default_rng(0)
    values = map_bands(lambda band: rng.random(band.shape), cells)
    expected = np.zeros(count_cells(cells))
    for band, weights in zip(bands(cells), bands(values), strict=True):
        np.add.at(expected, band[band != HELD], weights[band != HELD])
    np.testing.assert_allclose(cell_sums(cells, values), expected)


def test_cell_sums_add_the_values_of_all_channels():
    cells = [np.array([[[0], [1]], [[1], [HELD]]])]
    z = np.arange(12.0).reshape(2, 2, 3)
    np.testing.assert_array_equal(
        cell_sums(cells, [z]), [z[0, 0].sum(), z[0, 1].sum() + z[1, 0].sum()]
    )


def test_shares_of_the_levels_are_areas_and_sum_to_one(cells, approximation):
    parts = level_shares(cells)
    np.testing.assert_allclose(parts.sum(axis=0), 1)
    expected = np.zeros((len(cells), count_cells(cells)))
    regions = [[cells[0]], *(list(details.values()) for details in cells[1:])]
    for index, region in enumerate(regions):
        for band in region:
            np.add.at(expected[index], band[band != HELD], 1)
    np.testing.assert_allclose(parts, expected / expected.sum(axis=0))
    assert approximation or not parts[0].any()


def test_shares_of_a_cell_that_straddles_two_levels_are_its_areas():
    """16 coefficients (4 + 4 + 8) under a grid of three: the cells have 5, 6 and 5 of them."""
    cells = make((16,), level=2, size=3, approximation=True)
    parts = level_shares(cells)
    np.testing.assert_allclose(parts, [[4 / 5, 0, 0], [1 / 5, 3 / 6, 0], [0, 3 / 6, 1]])
    held = make((16,), level=2, size=3)
    np.testing.assert_allclose(level_shares(held), [[0, 0, 0], [1, 3 / 6, 0], [0, 3 / 6, 1]])


def test_shares_take_parts_of_coefficients():
    cells = [np.array([0, 0, 1, HELD])]
    parts = shares(cells, [[np.array([0.5, 1, 0, 1])], [np.array([0.5, 0, 1, 0])]])
    np.testing.assert_allclose(parts, [[0.75, 0], [0.25, 1]])


# --- the tree ------------------------------------------------------------------------------


def single_cells(groups: list[Group]) -> list[int]:
    single = [leaf.cells for group in groups for leaf in group.leaves()]
    assert all(len(cell) == 1 for cell in single)
    return sorted(np.concatenate(single))


def all_groups(groups: list[Group]) -> Iterator[Group]:
    for group in groups:
        yield group
        yield from all_groups(list(group.children))


def test_the_leaves_of_the_tree_are_the_cells_and_children_part_their_parents(cells):
    tree = group_tree(cells)
    assert single_cells(tree) == list(range(count_cells(cells)))
    for group in all_groups(tree):
        if group.children:
            assert len(group.children) > 1
            parts = np.concatenate([child.cells for child in group.children])
            assert sorted(parts) == sorted(group.cells)


@each_partition
def test_each_root_of_the_tree_is_the_cells_that_lie_mostly_in_one_band(
    how, partition, approximation
):
    cells = make(*how, partition, approximation)
    numbers, roots = np.arange(count_cells(cells)), [root.cells for root in group_tree(cells)]
    area = np.stack([np.sum(band.reshape(-1, 1) == numbers, axis=0) for band in bands(cells)])
    for root in roots:
        most = area[:, root] == area[:, root].max(axis=0)
        assert most.all(axis=1).any(), "no band has most of every cell of the root"
        if partition in ("subband", "band"):
            assert (area[:, root] > 0).any(axis=1).sum() == 1
    assert len(np.concatenate(roots)) == len(numbers)


def test_a_bands_cells_are_parted_by_place():
    """Four children of 2x2 neighbours each, of a band of 4x4 cells."""
    cells = make((32, 32), level=1, size=8, partition="subband", approximation=True)
    for root, band in zip(group_tree(cells), bands(cells), strict=True):
        assert len(root.children) == 4
        for child in root.children:
            rows, columns = np.nonzero(np.isin(band, child.cells))
            assert np.ptp(rows) == np.ptp(columns) == 7
            assert [len(c.cells) for c in child.children] == [1] * 4


@each_perturbation
@pytest.mark.parametrize("shape", [(16,), (12, 16), (9, 11), (6, 8, 7)])
def test_the_tree_of_a_spectrum_has_each_cell_once(perturbation, shape):
    cells = fourier_cells(shape, perturbation, 3)
    assert single_cells(group_tree(cells)) == list(range(count_cells(cells)))


@each_partition
@pytest.mark.parametrize("shape", [(16,), (16, 16), (8, 8, 8)])
def test_no_group_is_all_cells_where_there_are_several(partition, shape):
    """The point of all cells is B, which is known anyway."""
    for options in ({"level": 0, "approximation": True, "size": 4}, {"level": 1, "size": 4}):
        cells = make(shape, partition=partition, **options)
        count = count_cells(cells)
        assert all(len(root.cells) < count or count == 1 for root in group_tree(cells))


# --- Fourier cells -------------------------------------------------------------------------


def negative(array: np.ndarray) -> np.ndarray:
    """The value at the negative of each frequency of a centred spectrum."""
    plain = np.fft.ifftshift(array)
    axes = tuple(range(array.ndim))
    return np.fft.fftshift(np.roll(np.flip(plain, axes), 1, axes))


spectra = st.lists(st.integers(2, 14), min_size=1, max_size=3)


@each_perturbation
@settings(max_examples=60, deadline=None)
@given(shape=spectra, data=st.data())
def test_a_frequency_and_its_negative_share_a_cell(perturbation, shape, data):
    most = min(shape) if perturbation == "grid" else min(shape) // 2
    cells = fourier_cells(shape, perturbation, data.draw(st.integers(1, most)))
    assert cells[0].shape == tuple(shape)
    np.testing.assert_array_equal(cells[0], negative(cells[0]))
    assert live(cells[0]) == set(range(count_cells(cells)))
    assert cells[0].min() == 0


@each_perturbation
@settings(max_examples=40, deadline=None)
@given(shape=spectra, data=st.data())
def test_masked_spectra_are_spectra_of_real_inputs(perturbation, shape, data):
    """The full spectrum, masked, has a real inverse: that of the half spectrum, masked alike."""
    most = min(shape) if perturbation == "grid" else min(shape) // 2
    (cells,) = fourier_cells(shape, perturbation, data.draw(st.integers(1, most)))
    rng = np.random.default_rng(data.draw(st.integers(0, 99)))
    x, mask = rng.standard_normal(shape), np.fft.ifftshift(rng.random(cells.max() + 1)[cells])
    full = np.fft.ifftn(np.fft.fftn(x) * mask)
    np.testing.assert_allclose(full.imag, 0, atol=1e-13)
    half = np.fft.rfftn(x) * mask[..., : shape[-1] // 2 + 1]
    axes = tuple(range(len(shape)))
    np.testing.assert_allclose(np.fft.irfftn(half, shape, axes), full.real, atol=1e-12)


@settings(deadline=None)
@given(shape=spectra, count=st.integers(1, 7))
@pytest.mark.parametrize(("perturbation", "norm"), [("circle", 2), ("square", np.inf)])
def test_rings_grow_with_the_radius_by_equal_widths(perturbation, norm, shape, count):
    axes = [np.fft.fftshift(np.fft.fftfreq(size)) for size in shape]
    distance = np.linalg.norm(np.stack(np.meshgrid(*axes, indexing="ij")), norm, axis=0)
    ring = rings(shape, count, norm)
    order = np.argsort(distance.ravel(), kind="stable")
    assert (np.diff(ring.ravel()[order]) >= 0).all()
    width = distance.max() / count
    assert (distance >= ring * width - 1e-12).all()
    assert (distance <= (ring + 1) * width + 1e-12).all()
    if count <= min(shape) // 2:
        (cells,) = fourier_cells(shape, perturbation, count)
        assert (np.diff(cells.ravel()[order]) >= 0).all()
        for cell in live(cells):
            assert len(np.unique(ring[cells == cell])) == 1


@pytest.mark.parametrize("perturbation", ["circle", "square"])
@pytest.mark.parametrize("size", [8, 9, 16, 21])
def test_no_ring_of_an_image_is_empty_and_all_directions_are_alike(perturbation, size):
    for count in range(1, size // 2 + 1):
        (cells,) = fourier_cells((size, size), perturbation, count)
        assert count_cells([cells]) == count
        np.testing.assert_array_equal(cells, cells.T)
        inside = cells[1 - size % 2 :, 1 - size % 2 :]  # frequencies whose mirror images are there
        np.testing.assert_array_equal(inside, inside[::-1])


@pytest.mark.parametrize("count", [2, 3, 4, 8])
def test_the_grid_joins_opposite_squares_of_the_nyquist_square(count):
    """An even size that the grid divides: all but the frequencies at -1/2 lie as drawn."""
    size = 2 * count * 3
    (cells,) = fourier_cells((size, size), "grid", count)
    block = size // count
    drawn = np.kron(np.arange(count**2).reshape(count, count), np.ones((block, block), int))
    inside = np.ones((size, size), bool)
    inside[0] = inside[:, 0] = False  # -1/2, whose negative is itself
    inside[::block] = inside[:, ::block] = False  # on a border between squares
    joined = np.minimum(drawn, count**2 - 1 - drawn)
    for cell in live(cells[inside]):
        assert len(np.unique(joined[inside & (cells == cell)])) == 1
    assert len(live(cells[inside])) == len(np.unique(joined)) == -(-(count**2) // 2)


@each_perturbation
def test_a_grid_finer_than_the_spectrum_is_refused_and_the_largest_named(perturbation):
    largest = 12 if perturbation == "grid" else 6
    fourier_cells((16, 12), perturbation, largest)
    with pytest.raises(
        ValueError, match=rf"grid_size={largest + 1} .*perturbation='{perturbation}' is {largest}"
    ):
        fourier_cells((16, 12), perturbation, largest + 1)
