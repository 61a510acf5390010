"""The layers of tensorflow-wavelets, as an engine, against the native engine."""

from __future__ import annotations

import numpy as np
import pytest
import pywt
import tensorflow as tf

from wam_xplique.backends import wavedecn, waverecn

from .helpers import (
    assert_close,
    assert_same_coefficients,
    coefficients_to,
    ignore_high_levels,
    random_like,
    to_framework,
)

pytest.importorskip("tensorflow_wavelets")
pytestmark = ignore_high_levels

ENGINE = "tensorflow-wavelets"


def noise(*shape: int) -> tf.Tensor:
    drawn = np.random.default_rng(shape).standard_normal(shape)
    return to_framework(drawn, "tensorflow", "float32")


@pytest.mark.parametrize("wavelet", ["haar", "db2", "db4", "sym5", "coif1", "bior2.2", "rbio3.1"])
@pytest.mark.parametrize(
    ("shape", "axes"),
    [
        pytest.param((3, 64), (1,), id="signal"),
        pytest.param((2, 33, 3), (1,), id="odd signal with channels last"),
        pytest.param((2, 24, 24, 1), (1, 2), id="square image"),
        pytest.param((2, 40, 27, 3), (1, 2), id="image with channels last"),
        pytest.param((2, 3, 21, 32), (-2, -1), id="image with channels first"),
        pytest.param((2, 3, 21, 32), (3, 2), id="image with its axes exchanged"),
    ],
)
def test_the_engine_equals_the_native_one(wavelet, shape, axes):
    x = noise(*shape)
    for level in (1, 3):
        native = wavedecn(x, wavelet, "symmetric", level, axes)
        theirs = wavedecn(x, wavelet, "symmetric", level, axes, engine=ENGINE)
        assert_same_coefficients(theirs, coefficients_to(native, "numpy"), 1e-6)
        noisy = random_like(native, np.random.default_rng(level))
        z = coefficients_to(noisy, "tensorflow", "float32")
        native = waverecn(z, wavelet, "symmetric", axes)
        assert_close(waverecn(z, wavelet, "symmetric", axes, engine=ENGINE), native, 1e-6)


def test_the_engine_equals_pywavelets_and_undoes_itself():
    x = noise(2, 30, 26, 3)
    z = wavedecn(x, "db3", "symmetric", 2, (1, 2), engine=ENGINE)
    assert_same_coefficients(z, pywt.wavedecn(x.numpy(), "db3", "symmetric", 2, (1, 2)), 1e-6)
    assert_close(waverecn(z, "db3", "symmetric", (1, 2), engine=ENGINE), x, 1e-5)


def test_level_zero_is_the_identity():
    x = noise(2, 8)
    z = wavedecn(x, "db2", level=0, axes=1, engine=ENGINE)
    assert len(z) == 1
    np.testing.assert_array_equal(z[0], x)
    np.testing.assert_array_equal(waverecn(z, "db2", axes=1, engine=ENGINE), x)


def test_details_left_out_count_as_zero():
    z = wavedecn(noise(2, 18, 21), "db2", level=2, axes=(1, 2))
    del z[1]["ad"], z[2]["dd"]
    for partial in (z, [*z[:2], {}]):
        native = waverecn(partial, "db2", axes=(1, 2))
        assert_close(waverecn(partial, "db2", axes=(1, 2), engine=ENGINE), native, 1e-6)


def test_gradients_flow_through_the_engine():
    x = noise(2, 16, 18)
    gradients = []
    for engine in ("native", ENGINE):
        with tf.GradientTape() as tape:
            tape.watch(x)
            z = wavedecn(x, "db2", level=2, axes=(1, 2), engine=engine)
            score = tf.reduce_sum(z[0] ** 3) + tf.reduce_sum(z[1]["ad"] ** 2)
        gradients.append(tape.gradient(score, x))
    assert_close(gradients[1], gradients[0], 1e-5)


@pytest.mark.parametrize(
    ("x", "arguments", "message"),
    [
        (noise(2, 16), {"mode": "periodization"}, "'symmetric' only"),
        (noise(16, 16, 16), {"axes": (0, 1, 2)}, "1 or 2 axes, got 3"),
        (tf.cast(noise(2, 16), tf.float64), {}, "float32, got float64"),
        (to_framework(np.ones((2, 16), "f4"), "torch"), {}, "TensorFlow tensors"),
        (np.ones((2, 16), "f4"), {}, "TensorFlow tensors"),
        (noise(2, 16), {"engine": "tf"}, "engine='tf' is unknown"),
        (noise(2, 16), {"wavelet": pywt.Wavelet("db2")}, "name of one wavelet"),
        (noise(2, 5), {"wavelet": "db4"}, "at least 7 samples"),
    ],
)
def test_what_the_package_cannot_do_is_refused(x, arguments, message):
    arguments = {"wavelet": "db2", "level": 1, "axes": 1, "engine": ENGINE, **arguments}
    with pytest.raises(ValueError, match=message):
        wavedecn(x, **arguments)
    coefficients = wavedecn(x, **{**arguments, "engine": "native"})
    del arguments["level"]
    if "samples" not in message:
        with pytest.raises(ValueError, match=message):
            waverecn(coefficients, **arguments)
