"""The Fourier transform, the frequencies of its spectrum, and what an explanation tells."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from wam_xplique import WaveletExplanation
from wam_xplique.backends.registry import load_backend
from wam_xplique.fourier import FourierExplanation, FourierTransform, frequencies, octaves, radius
from wam_xplique.indices import SobolIndices

from .conftest import FRAMEWORKS

SHAPES = {  # (shape of the inputs, axes)
    "signal": ((2, 9), (1,)),
    "signals": ((2, 8, 3), (1,)),
    "image": ((2, 7, 6, 3), (1, 2)),
    "image, channels first": ((2, 3, 6, 7), (2, 3)),
    "volume": ((2, 5, 4, 6, 2), (1, 2, 3)),
}
sizes = st.lists(st.integers(1, 12), min_size=1, max_size=3).map(tuple)


@pytest.mark.parametrize("framework", ["numpy", *FRAMEWORKS])
@pytest.mark.parametrize(("shape", "axes"), SHAPES.values(), ids=SHAPES)
def test_the_transform_is_numpys_half_spectrum_and_has_an_inverse(framework, shape, axes):
    x = np.random.default_rng(0).standard_normal(shape).astype(np.float32)
    backend, transform = load_backend(framework), FourierTransform(axes)
    (z,) = transform.forward(backend.asarray(x))
    expected = np.fft.rfftn(x, axes=axes)
    np.testing.assert_allclose(backend.to_numpy(z), expected, atol=1e-4)
    back = transform.inverse([z], shape)
    assert tuple(back.shape) == shape
    np.testing.assert_allclose(backend.to_numpy(back), x, atol=1e-5)


# --- frequencies ---------------------------------------------------------------------------


@settings(deadline=None)
@given(sizes)
def test_frequencies_are_centred_and_in_cycles_per_pixel(shape):
    axes = frequencies(shape)
    for axis, (size, values) in enumerate(zip(shape, axes, strict=True)):
        values = np.moveaxis(values, axis, 0).ravel()
        np.testing.assert_allclose(values, (np.arange(size) - size // 2) / size, atol=1e-15)
        assert values[size // 2] == 0
        assert values.min() >= -0.5
        assert values.max() < 0.5
    assert np.broadcast_shapes(*(values.shape for values in axes)) == shape


def test_a_cosine_has_its_energy_at_its_frequency():
    x = np.cos(2 * np.pi * (3 * np.arange(16)[:, None] / 16 + 2 * np.arange(12) / 12))
    spectrum = np.abs(np.fft.fftshift(np.fft.fft2(x)))
    rows, columns = frequencies((16, 12))
    for row, column in np.argwhere(spectrum > 1e-6):
        assert abs(rows[row, 0]) == pytest.approx(3 / 16)
        assert abs(columns[0, column]) == pytest.approx(2 / 12)


@settings(deadline=None)
@given(sizes, st.sampled_from([1, 2, np.inf]))
def test_the_radius_is_the_norm_of_the_frequency(shape, norm):
    distance = radius(shape, norm)
    assert distance.shape == shape
    for place in np.ndindex(shape):
        frequency = [(i - n // 2) / n for i, n in zip(place, shape, strict=True)]
        assert distance[place] == pytest.approx(np.linalg.norm(frequency, norm), abs=1e-12)


@settings(deadline=None)
@given(sizes, st.integers(0, 6))
def test_octaves_halve_the_frequencies(shape, level):
    """Level j has those above 2^-(j + 1), up to 2^-j, cycles/pixel; a loop in their place."""
    found = octaves(shape, level)
    highest = radius(shape, np.inf)
    for place in np.ndindex(shape):
        expected = 0
        for j in range(1, level + 1):
            if 2.0 ** -(j + 1) < highest[place] <= 2.0**-j:
                expected = level + 1 - j
        assert found[place] == expected


@pytest.mark.parametrize("shape", [(64,), (64, 64), (63, 64)])
def test_an_octave_has_as_many_frequencies_as_a_level_of_wavelets_about(shape):
    counts = np.bincount(octaves(shape, 3).ravel()) / np.prod(shape)
    coarse = 2.0 ** (-len(shape) * 3)
    details = [(2 ** len(shape) - 1) * coarse * 2 ** (len(shape) * k) for k in range(3)]
    np.testing.assert_allclose(counts, [coarse, *details], atol=0.07)


# --- the explanation -----------------------------------------------------------------------


def make(
    cells: np.ndarray, total: np.ndarray, input_shape: tuple[int, ...], **changes: Any
) -> FourierExplanation:
    count, size = total.shape
    sobol = SobolIndices(
        total=total,
        first_order=total / 2,
        interval=np.stack([total - 0.1, total + 0.1], axis=-1),
        importance_interval=np.zeros((count, 2, 2)),
        evaluated=np.ones((count, size), bool),
        variance=np.ones(count),
        nb_design=np.full(count, 8),
        forwards=np.full(count, 8 * (size + 2)),
        cells=[cells],
        shares=np.eye(2, size),
        confidence=0.95,
    )
    radii = np.array([0.1, 0.3])
    return FourierExplanation(replace(sobol, **changes), radii, input_shape, cells.ndim)


def random_explanation(input_shape: tuple[int, ...], ndim: int) -> FourierExplanation:
    rng = np.random.default_rng(0)
    cells = rng.integers(0, 5, input_shape[1 : 1 + ndim])
    cells.ravel()[:5] = np.arange(5)
    return make(cells, rng.random((input_shape[0], 5)), input_shape)


INPUTS = {  # (shape of the inputs, number of axes transformed, shape of the map)
    "signal": ((2, 12), 1, (2, 12)),
    "signals": ((2, 12, 3), 1, (2, 12, 3)),
    "image": ((2, 8, 9, 3), 2, (2, 8, 9, 1)),
    "volume": ((2, 4, 5, 6, 1), 3, (2, 4, 5, 6, 1)),
}
each_input = pytest.mark.parametrize(("shape", "ndim", "map_shape"), INPUTS.values(), ids=INPUTS)


@each_input
def test_each_frequency_has_the_index_of_its_cell(shape, ndim, map_shape):
    explanation = random_explanation(shape, ndim)
    spectrum = explanation.spectrum()
    assert spectrum.shape == shape[: 1 + ndim]
    assert explanation.spatial_shape == shape[1 : 1 + ndim]
    assert len(explanation) == 2
    (cells,) = explanation.sobol.cells
    for place in np.ndindex(cells.shape):
        expected = explanation.sobol.total[:, cells[place]]
        np.testing.assert_array_equal(spectrum[(slice(None), *place)], expected)
    pixels = explanation.pixels()
    assert pixels.shape == map_shape
    for channel in np.moveaxis(pixels, -1, 0) if pixels.ndim > 1 + ndim else [pixels]:
        np.testing.assert_array_equal(channel, spectrum)


@each_input
@pytest.mark.parametrize("level", [0, 1, 3, 8])
def test_the_importance_of_an_octave_is_its_mean_index(shape, ndim, map_shape, level):
    explanation = random_explanation(shape, ndim)
    spectrum, octave = explanation.spectrum(), octaves(shape[1 : 1 + ndim], level)
    means = np.zeros((2, level + 1))
    for number in set(octave.ravel().tolist()):
        means[:, number] = spectrum[:, octave == number].mean(axis=-1)
    expected = means / means.sum(axis=1, keepdims=True)
    np.testing.assert_allclose(explanation.octave_importance(level), expected)


def test_an_even_spectrum_has_octaves_of_equal_importance_and_nothing_has_none():
    cells, shares = np.zeros((32, 32), int), {"shares": np.ones((2, 1))}
    explanation = make(cells, np.array([[0.3], [0.0]]), (2, 32, 32, 1), **shares)
    np.testing.assert_allclose(explanation.octave_importance(3), [[0.25] * 4, [0] * 4])
    np.testing.assert_array_equal(explanation.radial_importance()[1], [0, 0])


def test_indices_below_zero_count_for_nothing():
    """Estimators other than Jansen's may go below."""
    cells = np.where(octaves((16, 16), 1) == 1, 1, 0)
    explanation = make(cells, np.array([[-0.4, 0.5]]), (1, 16, 16, 1))
    np.testing.assert_allclose(explanation.octave_importance(1), [[0, 1]])
    np.testing.assert_allclose(explanation.radial_importance(), [[0, 1]])
    assert explanation.spectrum().min() == -0.4


# --- the disk ------------------------------------------------------------------------------


@each_input
def test_what_is_saved_is_loaded_and_is_no_wavelet_explanation(shape, ndim, map_shape, tmp_path):
    explanation = random_explanation(shape, ndim)
    explanation.save(tmp_path / "fam")
    loaded = FourierExplanation.load(tmp_path / "fam")
    fields, expected = vars(loaded).copy(), vars(explanation).copy()
    np.testing.assert_equal(vars(fields.pop("sobol")), vars(expected.pop("sobol")))
    np.testing.assert_equal(fields, expected)
    with pytest.raises(ValueError, match="does not hold a WaveletExplanation"):
        WaveletExplanation.load(tmp_path / "fam")


def test_a_wavelet_explanation_is_no_fourier_explanation(tmp_path):
    WaveletExplanation([np.ones((1, 8))], "haar", "zero", (1, 8), 1).save(tmp_path / "wavelets")
    with pytest.raises(ValueError, match="does not hold a FourierExplanation"):
        FourierExplanation.load(tmp_path / "wavelets")
