"""Corruptions against formulas written out, SciPy, OpenCV and Pillow."""

from __future__ import annotations

import colorsys
import io

import cv2
import numpy as np
import pytest
import scipy.ndimage
import scipy.stats
from PIL import Image
from skimage.data import chelsea

from wam_xplique.datasets import CORRUPTIONS, SEVERITIES, corrupt

RANDOM = ("gaussian_noise", "shot_noise", "impulse_noise", "motion_blur", "fog")
each_severity = pytest.mark.parametrize("severity", SEVERITIES)
each_corruption = pytest.mark.parametrize("name", CORRUPTIONS)


@pytest.fixture(scope="module")
def photographs() -> np.ndarray:
    """Four crops of a photograph, neither square nor of even sizes."""
    picture = chelsea() / np.float32(255)
    return np.stack([picture[y : y + 61, x : x + 90] for y in (60, 120) for x in (120, 210)])


def grey(value: float, side: int = 200) -> np.ndarray:
    return np.full((1, side, side, 3), value, np.float32)


@pytest.mark.parametrize(("severity", "deviation"), [(1, 0.08), (3, 0.18)])
def test_gaussian_noise_has_its_moments(severity, deviation):
    noise = corrupt(grey(0.5, 300), "gaussian_noise", severity)[0] - 0.5
    inside = noise[np.abs(noise) < 0.5]
    assert inside.mean() == pytest.approx(0, abs=deviation / 100)
    # Of a normal distribution cut off at ±0.5; beyond, it is clipped.
    cut = scipy.stats.truncnorm(-0.5 / deviation, 0.5 / deviation, scale=deviation)
    assert inside.std() == pytest.approx(cut.std(), rel=0.01)
    assert np.corrcoef(noise[..., 0].ravel(), noise[..., 1].ravel())[0, 1] == pytest.approx(
        0, abs=0.02
    )


@pytest.mark.parametrize(("severity", "photons"), [(1, 60), (5, 3)])
def test_shot_noise_counts_photons(severity, photons):
    found = corrupt(grey(0.4), "shot_noise", severity).astype(np.float64) * photons
    np.testing.assert_allclose(found, np.rint(found), atol=1e-5)
    counts = scipy.stats.poisson(0.4 * photons)
    for count in range(photons):  # from there on it is clipped
        share = np.mean(np.rint(found) == count)
        assert share == pytest.approx(counts.pmf(count), abs=0.01)
    assert not corrupt(grey(0), "shot_noise", severity).any()


@pytest.mark.parametrize(("severity", "amount"), [(1, 0.03), (5, 0.27)])
def test_impulse_noise_makes_as_many_black_as_white(severity, amount):
    found = corrupt(grey(0.4), "impulse_noise", severity)
    for extreme in (0, 1):
        assert np.mean(found == extreme) == pytest.approx(amount / 2, rel=0.06)
    assert np.mean(found == np.float32(0.4)) == pytest.approx(1 - amount, abs=0.01)


@each_severity
def test_gaussian_blur_is_scipys(photographs, severity):
    deviation = (1, 2, 3, 4, 6)[severity - 1]
    expected = scipy.ndimage.gaussian_filter(
        photographs.astype(float), (0, deviation, deviation, 0), mode="nearest"
    )
    np.testing.assert_allclose(corrupt(photographs, "gaussian_blur", severity), expected, atol=1e-6)


@each_severity
def test_defocus_blur_is_opencvs(photographs, severity):
    radius, softness = ((3, 0.1), (4, 0.5), (6, 0.5), (8, 0.5), (10, 0.5))[severity - 1]
    y, x = np.mgrid[-12:13, -12:13]
    lens = ((x**2 + y**2) <= radius**2).astype(float)
    lens = cv2.GaussianBlur(lens / lens.sum(), (5, 5), softness)
    found = corrupt(photographs, "defocus_blur", severity)
    for image, blurred in zip(photographs, found, strict=True):
        expected = cv2.filter2D(image, cv2.CV_64F, lens, borderType=cv2.BORDER_REFLECT_101)
        np.testing.assert_allclose(blurred, expected, atol=2e-5)


@each_severity
def test_motion_blur_is_a_fading_trail(photographs, severity):
    radius, deviation = ((10, 3), (15, 5), (15, 8), (15, 12), (20, 15))[severity - 1]
    angle = np.deg2rad(np.random.default_rng((0, 0)).uniform(-45, 45))
    trail, weights = np.zeros(photographs[0].shape), 0.0
    for step in range(2 * radius + 1):
        weight = np.exp(-(step**2) / (2 * deviation**2))
        shift = -np.rint([step * np.sin(angle), step * np.cos(angle), 0])
        image = photographs[0].astype(float)
        trail += weight * scipy.ndimage.shift(image, shift, order=0, mode="nearest")
        weights += weight
    found = corrupt(photographs, "motion_blur", severity)[0]
    np.testing.assert_allclose(found, trail / weights, atol=1e-6)


def test_a_motion_has_a_direction_within_45_degrees():
    dots = np.zeros((20, 101, 101), np.float32)
    dots[:, 50, 50] = 1
    y, x = np.mgrid[-50:51, -50:51]
    for trail in corrupt(dots, "motion_blur", 5):
        assert trail.sum() == pytest.approx(1, abs=1e-5)
        middle = [np.sum(trail * axis) for axis in (y, x)]
        assert middle[1] < 0
        assert abs(middle[0]) <= abs(middle[1]) + 1
        assert np.hypot(x, y)[trail > 1e-6].max() == pytest.approx(40, abs=1)


def test_pixelate_makes_blocks_of_means():
    images = np.random.default_rng(0).random((2, 24, 40, 3), np.float32)
    for severity, side in ((2, 2), (5, 4)):
        blocks = images.reshape(2, 24 // side, side, 40 // side, side, 3).mean((2, 4))
        expected = blocks.repeat(side, 1).repeat(side, 2)
        np.testing.assert_allclose(corrupt(images, "pixelate", severity), expected, atol=1e-6)


@each_severity
@pytest.mark.parametrize("channels", [1, 3])
def test_jpeg_is_pillows(photographs, severity, channels):
    images = photographs[:2, ..., :channels]
    found = corrupt(images, "jpeg_compression", severity)
    for image, compressed in zip(images, found, strict=True):
        file, pixels = io.BytesIO(), np.round(image * 255).astype(np.uint8).squeeze()
        Image.fromarray(pixels).save(file, "JPEG", quality=(25, 18, 15, 10, 7)[severity - 1])
        expected = np.asarray(Image.open(file)).reshape(image.shape)
        np.testing.assert_allclose(compressed * 255, expected, atol=1e-4)


def test_contrast_draws_values_to_their_mean(photographs):
    found = corrupt(photographs, "contrast", 4)
    for image, weak in zip(photographs, found, strict=True):
        for channel in range(3):
            mean = image[..., channel].mean(dtype=float)
            expected = mean + 0.1 * (image[..., channel] - mean)
            np.testing.assert_allclose(weak[..., channel], expected, atol=1e-6)


def test_brightness_adds_to_the_value_and_keeps_the_hue(photographs):
    image = photographs[:1, ::9, ::9]
    found = corrupt(image, "brightness", 3)
    for before, after in zip(image.reshape(-1, 3), found.reshape(-1, 3), strict=True):
        hue, saturation, value = colorsys.rgb_to_hsv(*before)
        expected = colorsys.hsv_to_rgb(hue, saturation, min(value + 0.3, 1))
        np.testing.assert_allclose(after, expected, atol=1e-6)
    np.testing.assert_allclose(
        corrupt(image[..., 0], "brightness", 3), np.minimum(image[..., 0] + 0.3, 1), atol=1e-6
    )


def plasma(size: int, severity: int, value: float = 0.4) -> np.ndarray:
    """The map that fog adds, told from what it makes of a grey image."""
    amount = (1.5, 2, 2.5, 2.5, 3)[severity - 1]
    fogged = corrupt(grey(value, size), "fog", severity)[0].astype(float)
    assert np.ptp(fogged, axis=-1).max() == 0
    return (fogged[..., 0] * (value + amount) / value - value) / amount


@pytest.mark.parametrize(("severity", "decay"), [(1, 2), (5, 1.4)])
def test_fog_is_plasma_by_diamonds_and_squares(severity, decay):
    heights = plasma(256, severity)
    assert (heights.min(), heights.max()) == (pytest.approx(0, abs=1e-6), pytest.approx(1))
    spreads = []
    for step in (1, 2, 4):
        grid = heights[::step, ::step]
        around = (
            grid + np.roll(grid, -2, 0) + np.roll(grid, -2, 1) + np.roll(grid, -2, (0, 1))
        ) / 4
        squares = (np.roll(grid, (-1, -1), (0, 1)) - around)[::2, ::2]
        beside = sum(np.roll(grid, move, axis) for move in (-1, 1) for axis in (0, 1)) / 4
        for raised in (squares, (grid - beside)[::2, 1::2], (grid - beside)[1::2, ::2]):
            # Uniform about the mean of four: a flat distribution has a kurtosis of -1.2.
            assert scipy.stats.kurtosis(raised, axis=None) == pytest.approx(-1.2, abs=0.15)
            spreads.append(np.abs(raised).max())
    np.testing.assert_allclose(spreads[3:6], decay**2 * np.array(spreads[:3]), rtol=0.02)
    np.testing.assert_allclose(spreads[6:], decay**2 * np.array(spreads[3:6]), rtol=0.02)


def test_fog_of_any_size_is_a_part_of_a_map():
    rng = np.random.default_rng(0)
    image = rng.random((1, 37, 64, 3), np.float32)
    fogged = corrupt(image, "fog", 2)
    bright = image.max()
    added = (fogged * (bright + 2) / bright - image) / 2
    np.testing.assert_allclose(added[0, ..., 0], plasma(64, 2)[:37], atol=1e-5)


@each_corruption
def test_a_higher_severity_is_further_from_the_clean_image(photographs, name):
    distances = [
        np.mean((corrupt(photographs, name, severity) - photographs) ** 2)
        for severity in SEVERITIES
    ]
    assert (np.diff(distances) > 0).all(), distances


@each_corruption
def test_every_shape_and_range_is_kept(photographs, name):
    found = corrupt(photographs, name)
    assert (found.shape, found.dtype) == (photographs.shape, np.float32)
    assert found.min() >= 0
    assert found.max() <= 1
    scaled = corrupt(6 * photographs - 2, name, value_range=(-2, 4))
    np.testing.assert_allclose(scaled, 6 * found - 2, atol=0.03 if "jpeg" in name else 1e-4)
    pixels = np.round(255 * photographs).astype(np.uint8)
    of_bytes = corrupt(pixels, name, value_range=(0, 255))
    np.testing.assert_allclose(of_bytes, 255 * corrupt(pixels / 255, name), atol=1e-3)
    again = corrupt(of_bytes, name, value_range=(0, 255))
    assert again.min() >= 0
    assert again.max() <= 255
    flat = corrupt(photographs[..., 0], name)
    np.testing.assert_array_equal(flat, corrupt(photographs[..., :1], name)[..., 0])
    for size in ((1, 1), (3, 7), (2, 40)):
        tiny = photographs[:1, : size[0], : size[1]]
        assert np.isfinite(corrupt(tiny, name, 5)).all()
    black = corrupt(np.zeros((1, 8, 8), np.float32), name)
    assert np.isfinite(black).all()


@each_corruption
def test_a_draw_is_of_the_seed_and_the_number(name):
    images = np.broadcast_to(chelsea()[100:148, 200:248] / np.float32(255), (3, 48, 48, 3))
    found = corrupt(images, name)
    np.testing.assert_array_equal(found, corrupt(images, name))
    np.testing.assert_array_equal(found[1:], corrupt(images[1:], name, first=1))
    assert np.array_equal(found[0], found[1]) == (name not in RANDOM)
    assert np.array_equal(found, corrupt(images, name, seed=1)) == (name not in RANDOM)


def test_what_is_no_image_is_refused():
    good = np.zeros((2, 8, 8, 3), np.float32)
    for bad, told in (
        (good[0, 0], r"must have shape .* got \(8, 3\)"),
        (np.zeros((2, 3, 8, 8)), r"got \(2, 3, 8, 8\)"),
        (good[:0], "must .* not be empty"),
        (good + np.nan, "be finite, but have values from nan to nan"),
        (good + 2, r"in value_range, \(0, 1\), .* have values from 2 to 2"),
        (good - 1, "but have values from -1 to -1"),
    ):
        with pytest.raises(ValueError, match=told):
            corrupt(bad, "fog")
    for wrong in (np.zeros((2, 8, 8), int), np.full((2, 8, 8), "a")):
        with pytest.raises(TypeError, match="floating-point numbers or bytes"):
            corrupt(wrong, "fog")


@pytest.mark.parametrize(
    ("arguments", "told"),
    [
        ({"name": "snow"}, "name must be one of .*gaussian_noise.* got 'snow'"),
        ({"name": ["fog"]}, "name must be one of"),
        ({"severity": 0}, "severity must be one of .*5.*, got 0"),
        ({"severity": 6}, "got 6"),
        ({"severity": True}, "got True"),
        ({"seed": -1}, "seed must be an integer of at least 0, got -1"),
        ({"first": None}, "first must be an integer of at least 0, got None"),
        ({"value_range": (1, 0)}, r"value_range must be two finite numbers.* got \(1, 0\)"),
    ],
)
def test_bad_arguments_are_told(arguments, told):
    with pytest.raises(ValueError, match=told):
        corrupt(**{"images": np.zeros((1, 8, 8), np.float32), "name": "fog", **arguments})
