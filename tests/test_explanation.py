"""What a `WaveletExplanation` tells, and that its maps lie where its coefficients act."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import Any

import numpy as np
import pytest
import pywt

from wam_xplique import WaveletExplanation
from wam_xplique.algorithms.cells import count_cells, level_shares, wavelet_cells
from wam_xplique.coefficients import as_rows, default_level, flatten, levels, map_bands
from wam_xplique.indices import SobolIndices
from wam_xplique.transforms import Packets, Steerable

MODES = tuple(pywt.Modes.modes)
INPUTS = {  # (shape of the inputs, number of axes transformed, whether channels are kept)
    "signal": ((3, 41), 1, False),
    "signals": ((3, 41, 2), 1, True),
    "image": ((3, 32, 24, 3), 2, False),
    "odd image": ((3, 27, 35, 3), 2, False),
    "image with channels": ((2, 27, 32, 3), 2, True),
    "volume": ((2, 16, 12, 17, 1), 3, False),
    "volume with channels": ((2, 16, 12, 17, 2), 3, True),
}

each_input = pytest.mark.parametrize(
    ("input_shape", "ndim", "channels"), INPUTS.values(), ids=INPUTS
)


def make(
    input_shape: tuple[int, ...],
    ndim: int,
    channels: bool = False,
    wavelet: str = "db2",
    mode: str = "symmetric",
    level: int = 2,
) -> WaveletExplanation:
    """An explanation of random coefficients, of the shapes that PyWavelets makes."""
    shape = input_shape if channels else input_shape[: 1 + ndim]
    x = np.random.default_rng(0).standard_normal(shape)
    coefficients = pywt.wavedecn(x, wavelet, mode, level, axes=range(1, 1 + ndim))
    return WaveletExplanation(coefficients, wavelet, mode, input_shape, ndim)


def changed(explanation: WaveletExplanation, function: Callable[..., Any]) -> WaveletExplanation:
    """The same with a function of each band in its place."""
    return replace(explanation, coefficients=map_bands(function, explanation.coefficients))


# --- shapes --------------------------------------------------------------------------------


@each_input
@pytest.mark.parametrize("mode", MODES)
@pytest.mark.filterwarnings("ignore:Level value of:UserWarning")
def test_shapes_follow_the_inputs(input_shape, ndim, channels, mode):
    explanation = make(input_shape, ndim, channels, mode=mode)
    count, sizes = input_shape[0], input_shape[1 : 1 + ndim]
    tail = input_shape[1 + ndim :] if channels else ()
    assert (len(explanation), explanation.spatial_shape) == (count, sizes)
    assert (explanation.wavelet, explanation.level, explanation.mode) == ("db2", 2, mode)
    of_maps = input_shape if ndim == 1 or channels else (*input_shape[:-1], 1)
    assert explanation.pixels().shape == of_maps
    total = explanation.by_scale().sum(axis=1)
    assert explanation.by_scale().shape == (count, 3, *sizes, *tail)
    np.testing.assert_allclose(explanation.pixels().reshape(total.shape), total)
    shares = explanation.scale_importance()
    assert shares.shape == (count, len(explanation.scales)) == (count, 3)
    assert shares.min() >= 0
    np.testing.assert_allclose(shares.sum(axis=1), 1)


@each_input
@pytest.mark.parametrize("mode", ["periodization", "symmetric"])
@pytest.mark.filterwarnings("ignore:Level value of:UserWarning")
def test_the_mosaic_is_pywavelets_packing_of_each_input(input_shape, ndim, channels, mode):
    explanation = make(input_shape, ndim, channels, mode=mode)
    mosaic = explanation.mosaic()
    for i in range(len(explanation)):
        one = map_bands(lambda band, i=i: band[i], explanation.coefficients)
        packed, _ = pywt.coeffs_to_array(one, axes=range(ndim))
        np.testing.assert_array_equal(mosaic[i], packed if channels else packed[..., np.newaxis])


@pytest.mark.parametrize("ndim", [1, 2])
def test_a_transform_of_no_levels_is_the_input_itself(ndim):
    values = np.random.default_rng(0).standard_normal((2, 9, 7)[: 1 + ndim])
    shape = values.shape if ndim == 1 else (*values.shape, 1)
    explanation = WaveletExplanation([values], "haar", "zero", shape, ndim)
    assert explanation.level == 0
    np.testing.assert_allclose(explanation.pixels().reshape(values.shape), np.abs(values))
    np.testing.assert_array_equal(explanation.mosaic()[..., 0], values)
    np.testing.assert_array_equal(explanation.scale_importance(), [[1], [1]])
    assert explanation.scales == ["> 1 samples" if ndim == 1 else "> 1 px"]


# --- maps ----------------------------------------------------------------------------------


def test_maps_sum_the_magnitudes_of_the_orientations():
    explanation = make((2, 16, 16, 1), 2, wavelet="haar", mode="periodization", level=1)
    approximation, details = explanation.coefficients
    maps = explanation.by_scale()
    assert maps.min() >= 0
    np.testing.assert_array_equal(maps, changed(explanation, np.abs).by_scale())
    apart = [
        replace(
            explanation,
            coefficients=[0 * approximation, {k: b * (k == key) for k, b in details.items()}],
        ).by_scale()[:, 1]
        for key in details
    ]
    np.testing.assert_allclose(sum(apart), maps[:, 1])


@pytest.mark.parametrize("mode", MODES)
@pytest.mark.parametrize("size", [(32, 32), (27, 35)])
def test_a_constant_band_has_a_constant_map(mode, size):
    maps = changed(make((2, *size, 1), 2, mode=mode), np.ones_like).by_scale()
    np.testing.assert_allclose(maps[:, 0], 1)
    np.testing.assert_allclose(maps[:, 1:], 3)


def test_by_scale_is_ordered_approximation_first_then_coarse_to_fine():
    template = make((1, 32, 32, 1), 2, wavelet="haar", mode="periodization", level=3)
    assert template.scales == ["> 8 px", "4-8 px", "2-4 px", "1-2 px"]
    assert make((1, 64), 1).scales == ["> 4 samples", "2-4 samples", "1-2 samples"]
    for index in range(4):
        explanation = changed(template, np.zeros_like)
        level = explanation.coefficients[index]
        (level if index == 0 else level["dd"])[:] = 1
        present = explanation.by_scale()[0].any(axis=(1, 2))
        np.testing.assert_array_equal(np.flatnonzero(present), [index])
        np.testing.assert_array_equal(explanation.scale_importance()[0], np.eye(4)[index])


def centroids(energy: np.ndarray) -> np.ndarray:
    """The centre of mass along each axis."""
    grids = np.meshgrid(*[np.arange(size) for size in energy.shape], indexing="ij")
    return np.array([(grid * energy).sum() / energy.sum() for grid in grids])


def one_coefficient(shape, wavelet, mode, level, index, key):
    """An explanation with one coefficient in the middle of a band, and its basis function."""
    ndim = len(shape)
    axes = tuple(range(1, 1 + ndim))
    coefficients = pywt.wavedecn(np.zeros((1, *shape)), wavelet, mode, level, axes)
    band = coefficients[0] if index == 0 else coefficients[index][key]
    middle = tuple(size // 2 for size in band.shape[1:])
    band[(0, *middle)] = 1
    basis = pywt.waverecn(coefficients, wavelet, mode, axes)[0][tuple(map(slice, shape))]
    explanation = WaveletExplanation(coefficients, wavelet, mode, (1, *shape, 1), ndim)
    return explanation.by_scale()[0, index], basis


WAVELETS = ("haar", "db2", "db4", "sym4", "sym8", "coif1", "coif3", "bior2.2", "bior3.3", "bior4.4")


@pytest.mark.parametrize("mode", MODES)
@pytest.mark.parametrize("wavelet", WAVELETS)
@pytest.mark.parametrize("size", [256, 251])
def test_a_coefficients_map_lies_on_its_basis_function_in_one_dimension(wavelet, mode, size):
    level = 3
    for index in range(level + 1):
        drawn, basis = one_coefficient((size,), wavelet, mode, level, index, "d")
        centre = centroids(basis**2)[0]
        peaks = np.flatnonzero(drawn >= drawn.max() - 1e-12)
        assert abs(centroids(drawn)[0] - centre) <= 0.2, index
        assert abs(peaks.mean() - centre) <= 0.5 + 1e-6, index


@pytest.mark.parametrize("mode", MODES)
@pytest.mark.parametrize("wavelet", ["haar", "db3", "bior2.2"])
@pytest.mark.parametrize("shape", [(64, 64), (61, 50)])
def test_a_coefficients_map_lies_on_its_basis_function_in_two_dimensions(wavelet, mode, shape):
    for index, key in ((0, ""), (1, "ad"), (1, "da"), (2, "dd")):
        drawn, basis = one_coefficient(shape, wavelet, mode, 2, index, key)
        distance = np.abs(centroids(drawn) - centroids(basis**2)).max()
        assert distance <= 0.25, (index, key)


@pytest.mark.parametrize("mode", MODES)
def test_a_coefficients_map_lies_on_its_basis_function_in_three_dimensions(mode):
    for index, key in ((0, ""), (1, "dad"), (2, "ddd")):
        depth = (2, 2, 1)[index]
        drawn, basis = one_coefficient((16, 20, 17), "haar", mode, 2, index, key)
        assert np.abs(centroids(drawn) - centroids(basis**2)).max() / 2**depth <= 1e-6


# --- importance of the scales --------------------------------------------------------------


def test_importance_sums_magnitudes_over_the_coefficients_of_a_level_or_a_band():
    approximation = np.array([[[2.0, 0.0], [0.0, -1.0]]])
    coarse = {"ad": np.full((1, 2, 2), 0.5), "da": np.full((1, 2, 2), -0.25)}
    coarse["dd"] = np.zeros((1, 2, 2))
    fine = {key: np.full((1, 4, 4), sign / 8) for key, sign in (("ad", 1), ("da", -1), ("dd", 0))}
    explanation = WaveletExplanation(
        [approximation, coarse, fine], "haar", "periodization", (1, 8, 8, 3), 2
    )
    np.testing.assert_allclose(explanation.scale_importance(), [[0.3, 0.3, 0.4]])
    bands = explanation.band_importance()
    assert [*bands][:2] == [("> 4 px", "aa"), ("2-4 px", "ad")]
    assert [key for _, key in bands] == ["aa", *2 * ["ad", "da", "dd"]]
    np.testing.assert_allclose(np.ravel([*bands.values()]), [0.3, 0.2, 0.1, 0, 0.2, 0.2, 0])


def test_the_importance_of_one_input_does_not_depend_on_the_others():
    explanation = make((3, 32, 32, 1), 2, wavelet="haar")
    scale = np.array([1, 1000, 0.001]).reshape(3, 1, 1)
    scaled = changed(explanation, lambda band: band * scale)
    np.testing.assert_allclose(scaled.scale_importance(), explanation.scale_importance())


@each_input
@pytest.mark.filterwarnings("error")
def test_an_explanation_of_zeros_has_zero_rows_and_no_nan(input_shape, ndim, channels):
    explanation = make(input_shape, ndim, channels, wavelet="haar")
    zeros = changed(explanation, np.zeros_like)
    for found in (zeros.scale_importance(), zeros.pixels(), zeros.mosaic()):
        assert not found.any()
    assert not np.any(list(zeros.band_importance().values()))
    others = np.arange(len(explanation)) != 1
    one = changed(explanation, lambda band: (band.T * others).T)
    np.testing.assert_allclose(one.scale_importance().sum(axis=1), others)


def test_the_shares_of_many_small_single_precision_coefficients_add_up():
    coefficients = [
        np.full((1, 512, 512), 1e-3, np.float32),
        {key: np.full((1, 512, 512), 1e-3, np.float32) for key in ("ad", "da", "dd")},
    ]
    explanation = WaveletExplanation(coefficients, "haar", "periodization", (1, 1024, 1024, 1), 2)
    np.testing.assert_allclose(explanation.scale_importance(), [[0.25, 0.75]], rtol=1e-12)


# --- importance of the bands ---------------------------------------------------------------


@each_input
def test_the_bands_of_a_scale_add_up_to_it(input_shape, ndim, channels):
    explanation = make(input_shape, ndim, channels)
    bands, scales = explanation.band_importance(), explanation.scale_importance()
    assert list(dict.fromkeys(scale for scale, _ in bands)) == explanation.scales
    for scale, expected in zip(explanation.scales, scales.T, strict=True):
        found = [share for (place, _), share in bands.items() if place == scale]
        assert len(found) == (1 if scale == explanation.scales[0] else 2**ndim - 1)
        np.testing.assert_allclose(np.sum(found, axis=0), expected)


@each_input
@pytest.mark.parametrize("approximation", [False, True])
def test_bands_of_indices_count_each_cell_once_and_share_those_that_straddle(
    input_shape, ndim, channels, approximation
):
    """A mosaic of an odd grid, written out cell by cell."""
    template = make(input_shape, ndim, wavelet="haar", mode="periodization")
    cells = wavelet_cells(template.transform, template.spatial_shape, "mosaic", 5, approximation)
    total = np.random.default_rng(0).normal(0.2, 0.3, (input_shape[0], count_cells(cells)))
    nothing = np.zeros(len(total))
    sobol = SobolIndices(
        total, total, None, None, total > 0, *[nothing] * 3, cells, level_shares(cells), None
    )
    explanation = replace(
        template,
        coefficients=sobol.spread(total),
        sobol=sobol,
        includes_approximation=approximation,
    )
    expected = np.zeros((len(total), len(flatten(cells))))
    straddling = 0
    for cell in range(total.shape[1]):
        areas = np.array([np.sum(band == cell) for band in flatten(cells).values()])
        straddling += np.sum(areas > 0) > 1
        expected += np.outer(np.maximum(total[:, cell], 0), areas / areas.sum())
    expected /= expected.sum(axis=1, keepdims=True)
    if not approximation:
        expected[:, 0] = np.nan  # it was not measured
    bands = explanation.band_importance()
    assert straddling > 0
    np.testing.assert_allclose(np.stack(list(bands.values()), axis=1), expected)
    for scale, share in zip(explanation.scales, explanation.scale_importance().T, strict=True):
        of_scale = [values for (place, _), values in bands.items() if place == scale]
        np.testing.assert_allclose(np.sum(of_scale, axis=0), share, atol=1e-12)


# --- files ---------------------------------------------------------------------------------


@each_input
def test_an_explanation_comes_back_from_its_file(input_shape, ndim, channels, tmp_path):
    explanation = whole_of(make(input_shape, ndim, channels, wavelet="haar"))
    explanation.save(tmp_path / "file")
    loaded = WaveletExplanation.load(tmp_path / "file")
    assert isinstance(loaded.input_shape, tuple)
    fields, expected = vars(loaded).copy(), vars(explanation).copy()
    sobol, expected_sobol = vars(fields.pop("sobol")), vars(expected.pop("sobol"))
    np.testing.assert_equal(sobol, expected_sobol)
    np.testing.assert_equal(fields, expected)
    for found, given in ((fields, expected), (sobol, expected_sobol)):
        for name, value in given.items():
            assert getattr(found[name], "dtype", None) == getattr(value, "dtype", None)
    assert loaded.coefficients[0].dtype == explanation.coefficients[0].dtype
    np.testing.assert_array_equal(loaded.pixels(), explanation.pixels())


def test_many_levels_keep_their_order_in_a_file(tmp_path):
    make((1, 2**12), 1, wavelet="haar", mode="periodization", level=12).save(str(tmp_path / "deep"))
    loaded = WaveletExplanation.load(str(tmp_path / "deep.npz"))
    sizes = [level["d"].shape[1] for level in loaded.coefficients[1:]]
    assert sizes == [2**i for i in range(12)]


# --- the most important coefficients -----------------------------------------------------------


def inputs_of(explanation: WaveletExplanation) -> np.ndarray:
    return np.random.default_rng(1).standard_normal(explanation.input_shape).astype(np.float32)


@each_input
@pytest.mark.parametrize("keep", [1, 7, 0.1, 0.5, 1.0])
def test_as_many_coefficients_are_kept_as_asked_for(input_shape, ndim, channels, keep):
    explanation = make(input_shape, ndim, channels)
    values = as_rows(flatten(explanation.coefficients))
    kept = as_rows(flatten(explanation.kept(keep)))
    count = keep if isinstance(keep, int) else round(keep * values.shape[1])
    assert set(kept.sum(axis=1)) == {count}
    for magnitudes, chosen in zip(np.abs(values), kept, strict=True):
        assert magnitudes[chosen].min() >= magnitudes[~chosen].max(initial=0)


@each_input
@pytest.mark.parametrize("keep", [2, 0.25])
def test_levels_keep_as_many_each(input_shape, ndim, channels, keep):
    explanation = make(input_shape, ndim, channels)
    kept = explanation.kept(keep, per_level=True)
    for bands in levels(kept, ndim):
        rows = as_rows(bands)
        count = keep if isinstance(keep, int) else round(keep * rows.shape[1])
        assert set(rows.sum(axis=1)) == {count}


def test_what_has_no_importance_is_never_kept():
    explanation = make((3, 64), 1)
    explanation.coefficients[0][:] = 0
    assert not explanation.kept(1.0)[0].any()
    assert not explanation.kept(1.0, per_level=True)[0].any()
    assert explanation.kept(0.1, approximation=True)[0].all()


@each_input
@pytest.mark.parametrize("mode", ["periodization", "symmetric"])
def test_all_coefficients_give_the_inputs_back(input_shape, ndim, channels, mode):
    explanation = make(input_shape, ndim, channels, mode=mode)
    x = inputs_of(explanation)
    result = explanation.reconstruct(x, 1.0)
    np.testing.assert_allclose(result, x, atol=1e-5)
    assert result.dtype == np.float32


def test_a_reconstruction_is_the_inverse_of_what_is_kept():
    """PyWavelets' inverse of the ten coefficients of largest importance, whatever their size."""
    explanation = make((3, 41, 2), 1, channels=True)
    x = inputs_of(explanation)
    bands = pywt.wavedec(x, "db2", "symmetric", 2, axis=1)
    importance = [explanation.coefficients[0], *(d["d"] for d in explanation.coefficients[1:])]
    for index in range(3):
        flat = np.sort(np.concatenate([np.abs(band[index]).ravel() for band in importance]))
        kept = [
            band[index] * (np.abs(values[index]) >= flat[-10])
            for band, values in zip(bands, importance, strict=True)
        ]
        expected = pywt.waverec(kept, "db2", "symmetric", axis=0)[:41]
        np.testing.assert_allclose(explanation.reconstruct(x, 10)[index], expected, atol=1e-5)


def test_importance_without_channels_chooses_for_all_of_them():
    explanation = make((2, 32, 24, 3), 2)
    x = inputs_of(explanation)
    grey = explanation.reconstruct(np.repeat(x[..., :1], 3, axis=-1), 0.1)
    np.testing.assert_allclose(grey[..., 0], grey[..., 2], atol=1e-6)
    np.testing.assert_allclose(explanation.reconstruct(x, 0.1)[..., 0], grey[..., 0], atol=1e-5)


@pytest.mark.parametrize("keep", [0, 0.0, 1.5, -1, -0.5, True, None, "all", float("nan")])
def test_keep_is_a_share_or_a_count(keep):
    with pytest.raises(ValueError, match=r"keep must be a share in \(0, 1\] or a count"):
        make((2, 64), 1).kept(keep)


@pytest.mark.parametrize("bad", [np.zeros((2, 63)), np.zeros((1, 64)), np.full((2, 64), np.nan)])
def test_other_inputs_are_not_reconstructed(bad):
    with pytest.raises(ValueError, match="inputs must be those explained"):
        make((2, 64), 1).reconstruct(bad, 0.5)


@pytest.mark.parametrize("framework", ["tensorflow", "torch"])
@each_input
def test_the_very_tensor_that_was_explained_is_reconstructed(
    input_shape, ndim, channels, framework
):
    explanation = make(input_shape, ndim, channels)
    x = inputs_of(explanation)
    given = np.moveaxis(x, -1, 1) if framework == "torch" and x.ndim == 2 + ndim else x
    tensor = pytest.importorskip(framework)
    made = tensor.constant(given) if framework == "tensorflow" else tensor.tensor(given)
    result = explanation.reconstruct(made, 0.1)
    np.testing.assert_array_equal(result, explanation.reconstruct(x, 0.1))


def test_one_input_without_its_axis_is_told_so():
    explanation = make((1, 32, 24, 3), 2)
    with pytest.raises(ValueError, match=r"got shape \(32, 24, 3\); inputs\[np.newaxis\] adds"):
        explanation.reconstruct(inputs_of(explanation)[0], 0.1)


# --- one input, or some ------------------------------------------------------------------------


def whole_of(explanation: WaveletExplanation) -> WaveletExplanation:
    """With all that an explainer may tell of each input."""
    count = len(explanation)
    numbers = np.arange(count)
    cells = wavelet_cells(explanation.transform, explanation.spatial_shape, "scale", 1, True)
    total = np.arange(1.0, 1 + count * count_cells(cells)).reshape(count, -1)
    intervals = (None, None) if count == 2 else (total[..., np.newaxis] + [-1, 1],) * 2
    sobol = SobolIndices(
        total, total, *intervals, total > 0, numbers, numbers, numbers, cells,
        level_shares(cells), 0.95,
    )  # fmt: skip
    return replace(
        explanation,
        sobol=sobol,
        front_end=np.arange(5.0 * count).reshape(count, 5),
        signed=True,
        standard_error=map_bands(np.abs, explanation.coefficients),
        scale_error=total.astype(np.float32),
        draws=numbers,
        convergence_delta=numbers / 10,
    )


@each_input
@pytest.mark.parametrize("index", [0, -1, slice(1, None), np.array([1, 0])], ids=str)
def test_inputs_are_taken_out_with_all_that_is_told_of_them(input_shape, ndim, channels, index):
    explanation = whole_of(make(input_shape, ndim, channels))
    chosen = np.atleast_1d(np.arange(len(explanation))[index])
    some = explanation[index]
    assert some.input_shape == (len(chosen), *input_shape[1:])
    assert len(some.sobol) == len(some) == len(chosen)
    for name in ("coefficients", "standard_error"):
        expected = map_bands(lambda band: band[chosen], getattr(explanation, name))
        np.testing.assert_equal(getattr(some, name), expected)
    for name in ("front_end", "scale_error", "draws", "convergence_delta"):
        np.testing.assert_array_equal(getattr(some, name), getattr(explanation, name)[chosen])
    np.testing.assert_array_equal(some.scale_importance(), explanation.scale_importance()[chosen])
    np.testing.assert_array_equal(some.pixels(), explanation.pixels()[chosen])


def test_a_loop_goes_over_the_inputs_and_ends():
    explanation = make((3, 32), 1)
    parts = list(explanation)
    assert [len(part) for part in parts] == [1, 1, 1]
    np.testing.assert_array_equal(
        np.concatenate([part.pixels() for part in parts]), explanation.pixels()
    )
    for bad in (3, -4, 0.5, (0, 1), None):
        with pytest.raises(IndexError):
            explanation[bad]


def test_an_explanation_is_shown_in_a_few_lines():
    explanation = replace(make((3, 32, 24, 3), 2), includes_approximation=False)
    told = repr(explanation)
    assert len(told) < 300
    for part in ("3 inputs of 32 × 24 × 3", "db2, 2 levels, symmetric", "> 4 px left out, 2-4 px "):
        assert part in told


# --- what is left out --------------------------------------------------------------------------


def test_what_was_left_out_has_no_share_here_nor_in_a_file(tmp_path):
    """Not 0, which would be a measurement; and the others are shares of the rest."""
    whole = make((3, 32, 24, 3), 2)
    explanation = replace(
        whole,
        coefficients=[0 * whole.coefficients[0], *whole.coefficients[1:]],
        includes_approximation=False,
    )
    explanation.save(tmp_path / "without")
    details = whole.scale_importance()[:, 1:]
    for one in (explanation, WaveletExplanation.load(tmp_path / "without")):
        assert not one.includes_approximation
        shares = one.scale_importance()
        assert np.isnan(shares[:, 0]).all()
        np.testing.assert_allclose(shares[:, 1:], details / details.sum(axis=1, keepdims=True))
        first, *others = one.band_importance().values()
        assert np.isnan(first).all()
        np.testing.assert_allclose(np.sum(others, axis=0), 1)


@pytest.mark.parametrize(
    ("sizes", "wavelet", "level"),
    [
        ((224, 224), "haar", 3),
        ((32, 32), "haar", 3),
        ((448, 448), "haar", 4),
        ((896, 1024), "haar", 5),
        ((4, 64), "haar", 2),
        ((16000,), "db4", 9),
        ((24,), "db4", 1),  # pywt.dwt_max_level(24, 8)
        ((1024,), "db2", 5),
    ],
)
def test_the_default_level_follows_the_smallest_size(sizes, wavelet, level):
    assert default_level(sizes, wavelet) == level


@pytest.mark.parametrize("transform", [Steerable(level=2), Packets("haar", level=2)])
def test_the_maps_of_bands_add_up_to_those_of_their_scales(transform):
    images = np.random.default_rng(0).standard_normal((2, 16, 16))
    bands = transform.over((1, 2)).forward(images)
    how = ("any", "periodization", (2, 16, 16, 1), 2)
    explanation = WaveletExplanation(bands, *how, other=transform, signed=True)
    for signed in (False, True):
        maps = explanation.by_band(signed)
        assert [*maps] == [*explanation.band_importance()]
        for number, scale in enumerate(explanation.scales):
            total = sum(values for (of, _), values in maps.items() if of == scale)
            np.testing.assert_allclose(total, explanation.by_scale(signed)[:, number], atol=1e-12)
