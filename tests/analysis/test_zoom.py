"""Shares of the levels at two distances, of inputs whose answer is known."""

from __future__ import annotations

import numpy as np
import pytest
from PIL import Image
from skimage.transform import resize

from wam_xplique import WaveletExplanation
from wam_xplique.analysis import zoom_consistency, zoom_views
from wam_xplique.coefficients import WaveletTransform


def explanation(images: np.ndarray, level: int) -> WaveletExplanation:
    """The coefficients of images (N, H, W) as an explanation."""
    coefficients = WaveletTransform("haar", level, "periodization", (1, 2)).forward(images)
    return WaveletExplanation(coefficients, "haar", "periodization", (*images.shape, 1), 2)


def stripes(width: int) -> np.ndarray:
    row = np.where(np.arange(64) // width % 2, 1.0, -1.0)
    return np.broadcast_to(row, (2, 64, 64)).copy()


@pytest.mark.parametrize("width", [1, 2])
def test_the_scales_of_the_scene_meet_and_what_only_the_zoom_shows_is_new(width):
    found = zoom_consistency(explanation(stripes(1), 3), explanation(stripes(width), 4))
    np.testing.assert_allclose(found.regular, [[0, 0, 0, 1]] * 2, atol=1e-12)
    np.testing.assert_allclose(found.zoomed, [[0, 0, 0, width == 2, width == 1]] * 2, atol=1e-12)
    np.testing.assert_allclose(found.new, width == 1, atol=1e-12)


def random_consistency(approximation: bool = True):
    rng = np.random.default_rng(0)
    explanations = [explanation(rng.normal(size=(5, 32, 32)), level) for level in (2, 3)]
    for one in explanations:
        one.coefficients[0] *= approximation
    return zoom_consistency(*explanations)


def test_the_table_has_means_and_deviations_of_each_level():
    found = random_consistency()
    table = found.to_dataframe()
    assert table["level"].tolist() == [0, 1, 2, 3]
    assert table["scale"].tolist() == ["> 4 px", "2-4 px", "1-2 px", "0.5-1 px"]
    assert table["regular"].isna().tolist() == [False, False, False, True]
    assert table["zoomed"].sum() == pytest.approx(1)
    assert table["regular sd"][1] == pytest.approx(np.std(found.regular[:, 1]))
    assert table["zoomed"][3] == pytest.approx(found.new.mean())


@pytest.mark.parametrize("approximation", [True, False])
def test_the_picture_aligns_the_scales_and_marks_the_new_one(approximation):
    found = random_consistency(approximation)
    (ax,) = found.plot().axes
    ax.figure.canvas.draw()
    first = int(not approximation)
    regular, zoomed = ([bar.get_height() for bar in bars] for bars in ax.containers[::2])
    np.testing.assert_allclose(regular[:-1], found.regular.mean(0)[first:])
    assert np.isnan(regular[-1])
    np.testing.assert_allclose(zoomed, found.zoomed.mean(0)[first:])
    labels = [label.get_text() for label in ax.get_xticklabels()]
    assert labels == ["> 4 px", "2-4 px", "1-2 px", "0.5-1 px\n(new)"][first:]


def gradients(height: int, width: int) -> np.ndarray:
    """Smooth, so that resampling by any means gives the same: red along x, green along y."""
    y, x = np.mgrid[:height, :width]
    channels = (30 + 200 * x / width, 30 + 200 * y / height, np.full(x.shape, 77))
    return np.rint(np.stack(channels, -1)).astype(np.uint8)


def test_the_views_are_resized_and_cut_from_the_middle(tmp_path):
    size, short = 56, 64
    pictures = [gradients(256, 384), gradients(256, 256)[:, :, :1], gradients(320, 256)]
    Image.fromarray(pictures[2]).save(tmp_path / "tall.png")
    views = zoom_views([*pictures[:2], tmp_path / "tall.png"], size, short)
    for zoom, view in zip((1, 2), views, strict=True):
        assert (view.shape, view.dtype) == ((3, size, size, 3), np.float32)
        for picture, found in zip(pictures, view, strict=True):
            height, width = picture.shape[:2]
            scale = zoom * short / min(height, width)
            sides = round(height * scale), round(width * scale)
            whole = resize(picture, sides, 1, anti_aliasing=True)
            top, left = ((side - size) // 2 for side in whole.shape[:2])
            expected = 255 * whole[top : top + size, left : left + size]
            np.testing.assert_allclose(found, np.broadcast_to(expected, found.shape), atol=1.5)
    # The closer look has the middle half of the other's width, and so half of its slope.
    slopes = [np.ptp(view[0, :, :, 0]) for view in views]
    assert slopes[1] == pytest.approx(slopes[0] / 2, abs=2)


def test_views_that_cannot_be_made_are_told(tmp_path):
    good = np.zeros((128, 128), np.uint8)
    (tmp_path / "broken.png").write_bytes(b"no image")
    for error, told, arguments in (
        (ValueError, "at least one image, got none", ([], 8, 8)),
        (ValueError, "broken.png cannot be read as an image", ([tmp_path / "broken.png"], 8, 8)),
        (ValueError, r"must have shape .* got \(128, 128, 2\)", ([np.stack([good] * 2, -1)], 8, 8)),
        (ValueError, r"must have shape .* got \(8,\)", ([good[0, :8]], 8, 8)),
        (TypeError, "files or arrays of bytes", ([np.zeros((8, 8))], 8, 8)),
        (TypeError, "files or arrays of bytes", ([3], 8, 8)),
        (ValueError, "resize must be an integer of at least 9, got 8", ([good], 9, 8)),
        (ValueError, "size must be an integer of at least 1, got 0", ([good], 0, 8)),
    ):
        with pytest.raises(error, match=told):
            zoom_views(*arguments)
    with pytest.warns(UserWarning, match="1 of 2 originals have a shorter side of less than 128"):
        zoom_views([good, good[:100]], 56, 64)


def test_explanations_that_do_not_fit_are_told():
    three = explanation(stripes(1), 3)
    with pytest.raises(ValueError, match="one level more than regular, which has 3; got 3"):
        zoom_consistency(three, three)
    with pytest.raises(ValueError, match="as many inputs as regular, 2; got 1"):
        zoom_consistency(three, explanation(stripes(2)[:1], 4))
