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
    FRAMEWORKS,
    assert_close,
    assert_same_coefficients,
    coefficients_to,
    dtype_name,
    everywhere,
    frameworks,
    ignore_high_levels,
    noise,
    to_framework,
    to_numpy,
)

BAD = [
    ({"wavelet": "harr"}, ValueError, "wavelet='harr'.*nearest are .*haar"),
    ({"wavelet": "db39"}, ValueError, "wavelet='db39'.*nearest are .*db3"),
    ({"wavelet": "sym21"}, ValueError, "wavelet='sym21'.*nearest are .*sym2"),
    ({"wavelet": "bior22"}, ValueError, "wavelet='bior22'.*nearest are .*bior2.2"),
    ({"wavelet": "morl"}, ValueError, "'morl' is not a discrete wavelet"),
    ({"wavelet": 3}, TypeError, r"a name, a pywt\.Wavelet"),
    ({"wavelet": None}, TypeError, r"a name, a pywt\.Wavelet"),
    ({"wavelet": ["db2", 1.0]}, TypeError, r"a name, a pywt\.Wavelet"),
    ({"wavelet": ("haar", "db2", "db3")}, ValueError, r"one, or one per axis \(2\), got 3"),
    ({"mode": "symetric"}, ValueError, "mode='symetric'.*nearest are .*symmetric"),
    ({"mode": "periodisation"}, ValueError, "mode='periodisation'.*nearest are .*periodization"),
    ({"mode": "reflection"}, ValueError, "mode='reflection'.*nearest are .*reflect"),
    ({"mode": ("zero",) * 3}, ValueError, r"mode must be one, or one per axis \(2\), got 3"),
    *(
        ({"axes": axes}, ValueError, "distinct axes of a 3-dimensional tensor")
        for axes in ((1, 1), (2, -1), 3, (-4, 1), ())
    ),
]
INTEGERS = [
    to_framework(np.ones((2, 8), dtype), framework)
    for framework in FRAMEWORKS
    for dtype in ("int32", "uint8", "bool")
]
EMPTY = [to_framework(np.zeros((2, 0)), framework) for framework in ("numpy", *FRAMEWORKS)]
BAD_TENSORS = [
    *((x, TypeError, f"floating-point tensors, got .*{dtype_name(x)}") for x in INTEGERS),
    *((x, ValueError, "at least 1") for x in EMPTY),
    *((x, TypeError, "No backend") for x in ([[1.0, 2.0]], "haar", None, 1.0)),
]


def image(framework: str) -> Any:
    return to_framework(noise(2, 12, 9), framework)


@everywhere
@pytest.mark.parametrize(("changes", "error", "match"), BAD)
def test_bad_arguments_are_refused(framework, changes, error, match):
    arguments, x = {"wavelet": "haar", "axes": (1, 2), **changes}, image(framework)
    for function, given in ((wavedecn, x), (pullback, x), (waverecn, [x])):
        with pytest.raises(error, match=match):
            function(given, **arguments)


@pytest.mark.parametrize(("x", "error", "match"), BAD_TENSORS)
def test_bad_tensors_are_refused(x, error, match):
    for function in (wavedecn, pullback):
        with pytest.raises(error, match=match):
            function(x, "haar", axes=1)
    if x is not None:
        with pytest.raises(error, match=match):
            waverecn([x], "haar", axes=1)


@everywhere
def test_a_negative_level_and_an_unknown_engine_are_refused(framework):
    for function in (wavedecn, pullback):
        with pytest.raises(ValueError, match="level=-1 is too low"):
            function(image(framework), "haar", level=-1)
    with pytest.raises(ValueError, match="engine='fast' is unknown"):
        wavedecn(image(framework), "haar", engine="fast")


@everywhere
def test_names_of_wavelets_ignore_case_and_db1_is_haar(framework):
    haar = wavedecn(image(framework), "haar", axes=(1, 2))
    for name in ("Haar", "DB1", "db1"):
        assert_same_coefficients(wavedecn(image(framework), name, axes=(1, 2)), haar, 0.0)


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


BAD_LISTS = [  # made of the coefficients of an image, of one level and of shape (2, 6, 5)
    (lambda a, d: [], ValueError, "got an empty list"),
    (lambda a, d: [None, d], ValueError, r"coeffs\[0\].* must be a tensor, got None"),
    (lambda a, d: [a, {**d, "da": None}], ValueError, r"coeffs\[1\] has None at \['da'\]"),
    (lambda a, d: [a, tuple(d.values())], TypeError, r"coeffs\[1\] must be a dict"),
    (lambda a, d: [a, {**d, "dd": a[:, 1:]}], ValueError, r"coeffs\[1\] must hold .* one shape"),
    (lambda a, d: [a[:, :4], d], ValueError, r"coeffs\[1\] has shape \(2, 6, 5\)"),
    (lambda a, d: [a, {"dd": a[:, :4]}], ValueError, r"coeffs\[1\] has shape \(2, 4, 5\)"),
    (lambda a, d: [a, d, d], ValueError, r"coeffs\[2\] has shape \(2, 6, 5\)"),
]


@everywhere
@pytest.mark.parametrize(("make", "error", "match"), BAD_LISTS)
def test_coefficients_that_do_not_fit_together_are_refused(framework, make, error, match):
    approximation, details = wavedecn(image(framework), "haar", level=1, axes=(1, 2))
    with pytest.raises(error, match=match):
        waverecn(make(approximation, details), "haar", axes=(1, 2))


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
