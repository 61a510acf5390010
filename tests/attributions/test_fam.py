"""FAM: models that look at known frequencies, and the spectrum that tells them."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
import tensorflow as tf

from wam_xplique.algorithms.cells import PERTURBATIONS
from wam_xplique.attributions import FAM
from wam_xplique.fourier import FourierExplanation, radius

from .helpers import Counted, flat_model, native, noise, quick

KINDS = ("callable", "tensorflow", "torch")
SIZES = [(16, 16), (15, 15), (16, 12), (13, 18)]

each_perturbation = pytest.mark.parametrize("perturbation", PERTURBATIONS)
each_kind = pytest.mark.parametrize("kind", KINDS)
each_size = pytest.mark.parametrize("size", SIZES, ids=str)


def centred(shape: tuple[int, ...]) -> list[np.ndarray]:
    """The frequencies of the centred spectrum along each axis, over the whole of it."""
    axes = [np.arange(-(n // 2), (n + 1) // 2) / n for n in shape]
    return np.meshgrid(*axes, indexing="ij")


def ring_numbers(shape: tuple[int, ...]) -> np.ndarray:
    """In which of four rings each frequency lies."""
    return np.minimum((radius(shape) / radius(shape).max() * 4).astype(int), 3)


def waves(shape: tuple[int, ...], band: np.ndarray) -> np.ndarray:
    """Cosines and sines of the frequencies in `band` of the centred spectrum: (pixels, waves)."""
    places = np.stack([axis.ravel() for axis in np.indices(shape)], axis=1)
    chosen = np.stack([f[band] for f in centred(shape)])
    angles = 2 * np.pi * places @ chosen
    return np.concatenate([np.cos(angles), np.sin(angles)], axis=1)


def energy_of(kind: str, shape: tuple[int, ...], band: np.ndarray) -> Any:
    """The model whose output is the energy of the frequencies in `band`, of one channel."""
    basis = (waves(shape, band) / 8).astype(np.float32)
    ones = np.ones((basis.shape[1], 1), np.float32)
    return flat_model(kind, lambda x, basis, ones: (x @ basis) ** 2 @ ones, basis, ones)


def explain(model: Any, x: Any, perturbation: str = "circle", **options: Any) -> FourierExplanation:
    explainer = FAM(model, perturbation=perturbation, **(quick(FAM) | {"nb_design": 64} | options))
    return explainer.explain_fourier(x, np.ones((len(x), 1)))


def power(x: np.ndarray) -> np.ndarray:
    """The energy of each frequency of the centred spectrum of one image."""
    return np.abs(np.fft.fftshift(np.fft.fftn(x))) ** 2


# --- indices that are known ----------------------------------------------------------------


@each_kind
@each_perturbation
def test_indices_of_the_energy_of_a_band_are_known(kind, perturbation):
    """Energies are Σ m² E over the cells, additive: the indices are E² / Σ E²."""
    x, band = noise(1, 16, 16, 1), np.abs(radius((16, 16)) - 0.275) < 0.175
    model = energy_of(kind, (16, 16), band)
    design = {"nb_design": 1024, "batch_size": 2048}
    explanation = explain(model, native(x, kind), perturbation, **design)
    (cells,) = explanation.sobol.cells
    energies = np.bincount(cells.ravel(), (power(x[0, ..., 0]) * band).ravel())
    expected = energies**2 / (energies**2).sum()
    np.testing.assert_allclose(explanation.sobol.total[0], expected, atol=0.02)
    np.testing.assert_allclose(explanation.sobol.first_order[0], expected, atol=0.05)


@each_perturbation
def test_indices_of_a_linear_model_are_the_squares_of_what_its_cells_contribute(perturbation):
    """Parseval: Σ w x = Σ conj(W) X / n, over the frequencies of each cell."""
    x, weights = noise(1, 12, 15, 2), noise(12, 15, 2, seed=1)

    def model(images: np.ndarray) -> np.ndarray:
        return images.reshape(len(images), -1) @ weights.reshape(-1, 1)

    explanation = explain(model, x, perturbation, nb_design=1024)
    products = (np.conj(np.fft.fft2(weights, axes=(0, 1))) * np.fft.fft2(x[0], axes=(0, 1))).real
    (cells,) = explanation.sobol.cells
    shifted = np.fft.fftshift(products.sum(axis=-1))
    contributions = np.bincount(cells.ravel(), shifted.ravel())
    expected = contributions**2 / (contributions**2).sum()
    np.testing.assert_allclose(explanation.sobol.total[0], expected, atol=0.02)


@each_kind
@pytest.mark.parametrize("size", [*SIZES, (32,), (25,), (8, 9, 10)], ids=str)
def test_a_band_pass_model_has_all_its_importance_in_its_ring(kind, size):
    for number in range(4):
        model = energy_of(kind, size, ring_numbers(size) == number)
        explanation = explain(model, native(noise(1, *size, 1), kind), nb_design=8)
        importance = explanation.radial_importance()
        np.testing.assert_allclose(importance, np.eye(4)[[number]], atol=1e-4)


@each_perturbation
@each_size
def test_one_frequency_is_found_where_it_lies(perturbation, size):
    """And at its negative; no cell but its own has an index."""
    place, mirror = ((size[0] // 2 + i, size[1] // 2 - j) for i, j in ((2, 3), (-2, -3)))
    band = np.zeros(size, bool)
    band[place] = True
    explanation = explain(energy_of("callable", size, band), noise(1, *size, 1), perturbation)
    (spectrum,) = explanation.spectrum()
    np.testing.assert_allclose(spectrum[place], spectrum.max())
    np.testing.assert_allclose(spectrum[mirror], spectrum.max())
    (cells,) = explanation.sobol.cells
    np.testing.assert_allclose(spectrum[cells != cells[place]], 0, atol=1e-5)
    edges = np.linspace(0, radius(size).max(), 5)
    number = np.searchsorted(edges, radius(size)[place], side="right") - 1
    importance = explanation.radial_importance()[0]
    if perturbation == "circle":
        np.testing.assert_allclose(importance[number], 1, atol=1e-4)
    touched = np.unique(np.searchsorted(edges, radius(size)[cells == cells[place]], "right") - 1)
    assert number in touched
    np.testing.assert_allclose(importance[np.minimum(touched, 3)].sum(), 1, atol=1e-4)


@each_perturbation
def test_the_mass_of_a_band_of_frequencies_lies_about_it(perturbation):
    """A narrow band of an image of many frequencies, seen by fine cells of each kind."""
    size = (32, 32)
    band = np.abs(radius(size) - 0.22) < 0.03
    explanation = explain(
        energy_of("callable", size, band), noise(1, *size, 1), perturbation, grid_size=16
    )
    near = np.abs(explanation.radii - 0.22) < (0.07 if perturbation == "circle" else 0.12)
    mass = explanation.radial_importance()[0, near].sum()
    assert mass > (0.99 if perturbation == "circle" else 0.8)


def test_the_octave_of_a_band_has_the_most_importance():
    size = (32, 32)
    highest = np.maximum(*map(np.abs, centred(size)))
    for number, (low, high) in enumerate([(0, 1 / 16), (1 / 16, 1 / 8), (1 / 8, 1 / 4), (0.25, 1)]):
        band = (highest > low) & (highest <= high)
        explanation = explain(
            energy_of("callable", size, band), noise(1, *size, 1), "square", grid_size=16
        )
        importance = explanation.octave_importance(3)
        np.testing.assert_allclose(importance.sum(axis=1), 1)
        assert importance[0].argmax() == number
        assert importance[0, number] > 0.9


# --- what the model sees -------------------------------------------------------------------


@each_perturbation
@pytest.mark.parametrize("size", [*SIZES, (12, 13)], ids=str)
def test_magnitudes_are_lessened_alike_in_a_cell_and_in_all_channels_and_phases_are_kept(
    perturbation, size
):
    x, model = noise(1, *size, 2), Counted(classes=1)
    (cells,) = explain(model, x, perturbation, nb_design=4).sobol.cells
    spectra = np.fft.fft2(np.concatenate(model.seen), axes=(1, 2))
    ratios = np.fft.fftshift(spectra / np.fft.fft2(x, axes=(1, 2)), axes=(1, 2))
    np.testing.assert_allclose(ratios.imag, 0, atol=1e-3)
    assert ratios.real.min() > -1e-3
    assert ratios.real.max() < 1 + 1e-3
    np.testing.assert_allclose(ratios[..., 0].real, ratios[..., 1].real, atol=1e-3)
    for cell in np.unique(cells):
        assert np.ptp(ratios.real[:, cells == cell, 0], axis=1).max() < 1e-3
    assert np.ptp(ratios.real, axis=(1, 2)).max() > 0.5


# --- the explanation -----------------------------------------------------------------------

INPUTS = {  # (shape of the inputs, number of axes transformed, shape of the map)
    "signal": ((2, 24), 1, (2, 24)),
    "odd signal": ((2, 25), 1, (2, 25)),
    "signals": ((2, 24, 3), 1, (2, 24, 3)),
    "image": ((2, 12, 16, 3), 2, (2, 12, 16, 1)),
    "odd image": ((2, 15, 11, 1), 2, (2, 15, 11, 1)),
    "volume": ((2, 8, 9, 10, 2), 3, (2, 8, 9, 10, 1)),
}
each_input = pytest.mark.parametrize(("shape", "ndim", "map_shape"), INPUTS.values(), ids=INPUTS)


def energy_model(x: np.ndarray) -> np.ndarray:
    flat = x.reshape(len(x), -1)
    return (flat**2).mean(axis=1) + np.tanh(flat[:, :3].sum(axis=1))


@each_input
@each_perturbation
def test_every_input_has_a_spectrum_that_is_symmetric(shape, ndim, map_shape, perturbation):
    explainer = FAM(energy_model, perturbation=perturbation, **quick(FAM))
    x, y = noise(*shape), np.ones((2, 1))
    explanation = explainer.explain_fourier(x, y)
    spectrum = explanation.spectrum()
    assert spectrum.shape == shape[: 1 + ndim]
    assert spectrum.max() > 0
    plain = np.fft.ifftshift(spectrum, axes=range(1, 1 + ndim))
    axes = tuple(range(1, 1 + ndim))
    np.testing.assert_array_equal(plain, np.roll(np.flip(plain, axes), 1, axes))
    drop_in = explainer(x, y)
    assert drop_in.dtype == tf.float32
    assert drop_in.shape == map_shape
    first = drop_in.numpy() if len(map_shape) == 1 + ndim else drop_in.numpy()[..., 0]
    np.testing.assert_allclose(first, spectrum, rtol=1e-6)
    assert explanation.radial_importance().shape == (2, 4)
    np.testing.assert_allclose(explanation.radial_importance().sum(axis=1), 1)


@each_size
def test_a_cell_that_straddles_rings_is_shared_by_area(size):
    explanation = explain(energy_model, noise(2, *size, 1), "grid", nb_design=4)
    (cells,), total = explanation.sobol.cells, explanation.sobol.total
    expected = np.zeros((2, 4))
    for cell in range(total.shape[1]):
        for number in range(4):
            area = np.mean(ring_numbers(size)[cells == cell] == number)
            expected[:, number] += total[:, cell] * area
    expected /= expected.sum(axis=1, keepdims=True)
    np.testing.assert_allclose(explanation.radial_importance(), expected)


@each_size
def test_radii_are_the_middles_of_the_rings(size):
    explanation = explain(energy_model, noise(1, *size, 1), nb_design=2)
    (cells,) = explanation.sobol.cells
    width = radius(size).max() / 4
    np.testing.assert_allclose(explanation.radii, width * (np.arange(4) + 0.5))
    for number, middle in enumerate(explanation.radii):
        assert np.abs(radius(size)[cells == number] - middle).max() <= width / 2 + 1e-9


def test_defaults_are_28_rings():
    explanation = FAM(energy_model).explain_fourier(noise(1, 56, 60, 1), np.ones((1, 1)))
    assert explanation.sobol.total.shape == (1, 28)
    assert explanation.sobol.forwards == 8 * 30
