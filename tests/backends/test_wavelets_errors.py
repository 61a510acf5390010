"""Bad arguments, and the corners where PyWavelets' own conventions hold."""

from __future__ import annotations

import warnings
from typing import Any

import numpy as np
import pytest
import pywt
import tensorflow as tf
import torch

from wam_xplique.backends import pullback, wavedecn, waverecn

from .helpers import (
    assert_close,
    assert_same_coefficients,
    coefficients_to,
    frameworks,
    ignore_high_levels,
    to_framework,
    to_numpy,
)

everywhere = pytest.mark.parametrize("framework", ["numpy", "tensorflow", "torch"])


def image(framework: str) -> Any:
    return to_framework(noise(2, 12, 9), framework)


def noise(*shape: int) -> np.ndarray:
    return np.random.default_rng(0).standard_normal(shape)


@everywhere
@pytest.mark.parametrize(
    ("wavelet", "nearest"),
    [("harr", "haar"), ("db39", "db3"), ("sym21", "sym2"), ("bior22", "bior2.2")],
)
def test_an_unknown_wavelet_is_refused_with_the_nearest_names(framework, wavelet, nearest):
    with pytest.raises(ValueError, match=f"wavelet='{wavelet}'.*nearest are .*{nearest}"):
        wavedecn(image(framework), wavelet)
    with pytest.raises(ValueError, match="'morl' is not a discrete wavelet"):
        wavedecn(image(framework), "morl")


@everywhere
@pytest.mark.parametrize("wavelet", [3, None, ["db2", 1.0]])
def test_a_wavelet_that_is_no_name_is_refused(framework, wavelet):
    with pytest.raises(TypeError, match=r"a name, a pywt\.Wavelet"):
        wavedecn(image(framework), wavelet, axes=(1, 2))


@everywhere
def test_names_of_wavelets_ignore_case_and_db1_is_haar(framework):
    haar = wavedecn(image(framework), "haar", axes=(1, 2))
    for name in ("Haar", "DB1", "db1"):
        assert_same_coefficients(wavedecn(image(framework), name, axes=(1, 2)), haar, 0.0)


@everywhere
@pytest.mark.parametrize(
    ("mode", "nearest"),
    [("symetric", "symmetric"), ("periodisation", "periodization"), ("reflection", "reflect")],
)
def test_an_unknown_mode_is_refused_with_the_nearest_names(framework, mode, nearest):
    for function in (wavedecn, pullback):
        with pytest.raises(ValueError, match=f"mode='{mode}'.*nearest are .*{nearest}"):
            function(image(framework), "haar", mode)
    with pytest.raises(ValueError, match=f"mode='{mode}'"):
        waverecn([image(framework)], "haar", mode)


@everywhere
def test_a_negative_level_is_refused(framework):
    for function in (wavedecn, pullback):
        with pytest.raises(ValueError, match="level=-1 is too low"):
            function(image(framework), "haar", level=-1)


@everywhere
def test_a_level_too_high_warns_once_as_pywavelets_does(framework):
    x = noise(2, 12)
    with pytest.warns(UserWarning, match="Level value of 4") as theirs:
        expected = pywt.wavedecn(x, "db2", level=4, axes=1)
    with pytest.warns(UserWarning, match="Level value of 4") as ours:
        coefficients = wavedecn(to_framework(x, framework), "db2", level=4, axes=1)
    assert [str(w.message) for w in ours] == [str(w.message) for w in theirs[:1]]
    assert ours[0].filename == __file__, "the warning names the caller's line"
    assert_same_coefficients(coefficients, expected, 1e-12)


@everywhere
def test_the_highest_level_is_the_default_and_does_not_warn(framework):
    x = noise(2, 40, 23)
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        coefficients = wavedecn(to_framework(x, framework), "db2", axes=(1, 2))
    assert len(coefficients) == 1 + pywt.dwtn_max_level((40, 23), "db2")
    assert_same_coefficients(coefficients, pywt.wavedecn(x, "db2", axes=(1, 2)), 1e-12)


@everywhere
@pytest.mark.parametrize("axes", [(1, 1), (2, -1), 3, (-4, 1), ()])
def test_axes_that_repeat_lie_outside_or_are_none_are_refused(framework, axes):
    x = image(framework)
    for function in (wavedecn, pullback):
        with pytest.raises(ValueError, match="distinct axes of a 3-dimensional tensor"):
            function(x, "haar", axes=axes)
    with pytest.raises(ValueError, match="distinct axes"):
        waverecn([x], "haar", axes=axes)


@everywhere
def test_an_axis_without_samples_is_refused(framework):
    with pytest.raises(ValueError, match="at least 1"):
        wavedecn(to_framework(np.zeros((2, 0)), framework), "haar", axes=1)


@frameworks
@pytest.mark.parametrize("dtype", ["int32", "uint8", "bool"])
def test_tensors_that_are_not_floating_point_are_refused(framework, dtype):
    x = to_framework(np.ones((2, 8), dtype), framework)
    for function in (wavedecn, pullback):
        with pytest.raises(TypeError, match=f"floating-point tensors, got .*{dtype}"):
            function(x, "haar", axes=1)
    with pytest.raises(TypeError, match="floating-point"):
        waverecn([x], "haar", axes=1)


@pytest.mark.parametrize("x", [[[1.0, 2.0]], "haar", None, 1.0])
def test_an_object_of_no_framework_is_refused(x):
    for function in (wavedecn, pullback):
        with pytest.raises(TypeError, match="No backend"):
            function(x, "haar")
    if x is not None:
        with pytest.raises(TypeError, match="No backend"):
            waverecn([x], "haar")


@everywhere
def test_the_wrong_number_of_wavelets_or_modes_is_refused(framework):
    x = image(framework)
    with pytest.raises(ValueError, match=r"wavelet must be one, or one per axis \(2\), got 3"):
        wavedecn(x, ("haar", "db2", "db3"), axes=(1, 2))
    with pytest.raises(ValueError, match=r"mode must be one, or one per axis \(3\), got 2"):
        wavedecn(x, "haar", ("zero", "symmetric"))
    with pytest.raises(ValueError, match="wavelet must be one"):
        waverecn([x], ("haar", "db2"))


@frameworks
def test_one_wavelet_and_one_mode_in_a_list_serve_all_axes(framework):
    x, axes = noise(2, 12, 9), (2, 1)
    coefficients = wavedecn(to_framework(x, framework), ["db2"], ["zero"], 1, axes)
    assert_same_coefficients(coefficients, pywt.wavedecn(x, "db2", "zero", 1, axes), 1e-12)


@ignore_high_levels
@frameworks
def test_a_wavelet_and_a_mode_for_each_axis_follow_the_order_of_axes(framework):
    x, axes = noise(2, 12, 9), (2, 1)
    wavelets, modes = (pywt.Wavelet("db3"), "bior1.3"), ("periodization", "reflect")
    expected = pywt.wavedecn(x, wavelets, modes, 1, axes)
    coefficients = wavedecn(to_framework(x, framework), wavelets, modes, 1, axes)
    assert_same_coefficients(coefficients, expected, 1e-12)
    swapped = wavedecn(to_framework(x, framework), wavelets[::-1], modes[::-1], 1, axes)
    assert [b.shape for b in swapped[1].values()] != [b.shape for b in coefficients[1].values()]
    back = waverecn(coefficients, wavelets, modes, axes)
    assert_close(back, pywt.waverecn(expected, wavelets, modes, axes), 1e-12)


@frameworks
def test_custom_filter_banks_equal_pywavelets(framework):
    x, filters = noise(2, 13), np.random.default_rng(1).standard_normal((4, 6)).tolist()
    for wavelet in (pywt.Wavelet("db3"), pywt.Wavelet("mine", filter_bank=filters)):
        expected = pywt.wavedecn(x, wavelet, level=1, axes=1)
        coefficients = wavedecn(to_framework(x, framework), wavelet, level=1, axes=1)
        assert_same_coefficients(coefficients, expected, 1e-12)
        back = waverecn(coefficients, wavelet, axes=1)
        assert_close(back, pywt.waverecn(expected, wavelet, axes=1), 1e-12)


@everywhere
def test_level_zero_is_the_identity(framework):
    x = image(framework)
    for coefficients in (wavedecn(x, "db2", level=0), pullback(x, "db2", level=0)):
        assert len(coefficients) == 1
        np.testing.assert_array_equal(to_numpy(coefficients[0]), to_numpy(x))
    np.testing.assert_array_equal(to_numpy(waverecn([x], "db2")), to_numpy(x))


@everywhere
def test_an_empty_list_has_no_inverse(framework):
    with pytest.raises(ValueError, match="got an empty list"):
        waverecn([], "haar")


@everywhere
def test_bands_that_are_none_no_dict_or_of_several_shapes_are_refused(framework):
    approximation, level = wavedecn(image(framework), "haar", level=1, axes=(1, 2))
    with pytest.raises(ValueError, match=r"coeffs\[0\].* must be a tensor, got None"):
        waverecn([None, level], "haar", axes=(1, 2))
    with pytest.raises(ValueError, match=r"coeffs\[1\] has None at \['da'\]"):
        waverecn([approximation, {**level, "da": None}], "haar", axes=(1, 2))
    with pytest.raises(TypeError, match=r"coeffs\[1\] must be a dict"):
        waverecn([approximation, tuple(level.values())], "haar", axes=(1, 2))
    with pytest.raises(ValueError, match=r"coeffs\[1\] must hold bands of one shape"):
        waverecn([approximation, {**level, "dd": level["dd"][:, 1:]}], "haar", axes=(1, 2))


@everywhere
@pytest.mark.parametrize("size", [2, 6])
def test_an_approximation_that_does_not_fit_its_details_is_refused(framework, size):
    level = wavedecn(to_framework(noise(2, 8), framework), "haar", level=1, axes=1)[1]
    with pytest.raises(ValueError, match=r"coeffs\[1\] has shape \(2, 4\)"):
        waverecn([to_framework(noise(2, size), framework), level], "haar", axes=1)


@frameworks
def test_details_that_do_not_fit_the_reconstruction_below_them_are_refused(framework):
    x = to_framework(noise(2, 16), framework)
    approximation, coarse, fine = wavedecn(x, "haar", level=2, axes=1)
    with pytest.raises(ValueError, match="shape"):
        waverecn([approximation, coarse, {"d": fine["d"][:, :5]}], "haar", axes=1)


@frameworks
@pytest.mark.parametrize("mode", ["symmetric", "periodization"])
def test_details_left_out_count_as_zero_as_in_pywavelets(framework, mode):
    arguments, axes = ("db2", mode), (1, 2)
    full = pywt.wavedecn(noise(2, 21, 18), "db2", mode, 2, axes)
    partials = [[full[0], {}, {}], [full[0], full[1], {}]]
    for left_out in (["1:ad"], ["2:da", "2:dd"], ["1:ad", "1:da", "1:dd"], ["2:ad", "2:da"]):
        partial = [full[0], dict(full[1]), dict(full[2])]
        for name in left_out:
            index, key = name.split(":")
            del partial[int(index)][key]
        partials.append(partial)
    for partial in partials:
        expected = pywt.waverecn(partial, *arguments, axes)
        back = waverecn(coefficients_to(partial, framework), *arguments, axes)
        assert_close(back, expected, 1e-12)


@frameworks
@pytest.mark.parametrize(("key", "axes"), [("x", 1), ("dd", 1), ("d", (0, 1))])
def test_keys_that_do_not_follow_the_axes_are_refused_as_by_pywavelets(framework, key, axes):
    arrays = [noise(2, 4), {key: noise(2, 4)}]
    with pytest.raises(ValueError, match=r"."):
        pywt.waverecn(arrays, "haar", axes=axes)
    with pytest.raises(ValueError, match=r"coeffs\[1\]"):
        waverecn(coefficients_to(arrays, framework), "haar", axes=axes)


@everywhere
def test_an_unknown_engine_is_refused(framework):
    with pytest.raises(ValueError, match="engine='fast' is unknown"):
        wavedecn(image(framework), "haar", engine="fast")


def test_numpy_arrays_go_to_pywavelets_itself():
    x = noise(9, 12).astype("float32")
    coefficients = wavedecn(x, "db2", "smooth", 1)
    assert_same_coefficients(coefficients, pywt.wavedecn(x, "db2", "smooth", 1), 0.0)
    assert_close(
        waverecn(coefficients, "db2", "smooth"), pywt.waverecn(coefficients, "db2", "smooth"), 0.0
    )


@pytest.mark.parametrize("make", [tf.Variable, lambda x: torch.nn.Parameter(torch.tensor(x))])
def test_variables_and_parameters_are_transformed_as_tensors(make):
    x = noise(2, 8)
    coefficients = wavedecn(make(x), "haar", axes=1, level=1)
    expected = pywt.wavedecn(x, "haar", axes=1, level=1)
    assert_same_coefficients(coefficients, expected, 1e-12)
