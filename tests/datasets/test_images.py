"""Images from files written here: what comes back, and what is refused."""

from __future__ import annotations

import numpy as np
import pytest
from PIL import Image

from wam_xplique.datasets import image_folder, load_image


@pytest.fixture
def folder(tmp_path):
    """Five images, each of one grey in the middle, at two depths."""
    for index in range(5):
        pixels = np.full((40, 60), 255, np.uint8)
        pixels[10:30, 20:40] = 20 * index
        path = tmp_path / ("deep" if index % 2 else ".") / f"{index}.png"
        path.parent.mkdir(exist_ok=True)
        Image.fromarray(pixels).save(path)
    (tmp_path / "notes.txt").write_text("no image")
    return tmp_path


def test_the_square_in_the_middle_is_seen(folder):
    images, paths = image_folder(folder, 16, crop=0.5)
    assert (images.shape, images.dtype) == ((5, 16, 16, 3), np.float32)
    for image, path in zip(images, paths, strict=True):
        inside = image[3:-3, 3:-3]  # pixels at the edge mix with what is beyond it
        np.testing.assert_array_equal(inside, 20 * int(path.stem))
    assert paths == sorted(paths)
    whole, _ = image_folder(folder, 16, crop=1.0)
    assert whole.max() == 255


def test_the_seed_chooses(folder):
    first, same, other = (image_folder(folder, 8, 3, seed)[1] for seed in (0, 0, 1))
    assert first == same != other
    assert len(first) == 3


def test_too_few_images_and_broken_ones_are_told(folder, tmp_path):
    with pytest.raises(ValueError, match="must hold 6 images"):
        image_folder(folder, 8, 6)
    (tmp_path / "empty").mkdir()
    with pytest.raises(ValueError, match=r"must hold some images .* holds 0"):
        image_folder(tmp_path / "empty", 8)
    with pytest.raises(ValueError, match="size must be an integer of at least 1, got 0"):
        image_folder(folder, 0)
    for content in (b"", b"no image"):
        (folder / "broken.jpg").write_bytes(content)
        with pytest.raises(ValueError, match=r"broken.jpg cannot be read as an image"):
            image_folder(folder, 8)


def test_what_is_no_file_is_passed_over(folder):
    count = len(image_folder(folder, 8)[1])
    (folder / "folder.png").mkdir()
    (folder / "loop").symlink_to(folder)
    (folder / "dangling.png").symlink_to(folder / "nothing")
    (folder / "itself.png").symlink_to(folder / "itself.png")
    assert len(image_folder(folder, 8)[1]) == count


@pytest.mark.parametrize("crop", [0, -0.5, 1.1, np.nan, True, "1", None, 10**400])
def test_the_crop_is_a_share(folder, crop):
    with pytest.raises(ValueError, match=r"crop must be a number in \(0, 1\], got"):
        image_folder(folder, 8, crop=crop)


@pytest.mark.parametrize("grey", [False, True])
def test_images_of_8_and_of_16_bits_are_the_same_in_colour_and_in_grey(grey, tmp_path):
    levels = np.arange(256, dtype=np.uint8).reshape(16, 16)
    Image.fromarray(levels).save(tmp_path / "8.png")
    Image.fromarray(levels.astype(np.uint16) * 257).save(tmp_path / "16.png")
    for name in ("8.png", "16.png"):
        image = np.asarray(load_image(tmp_path / name, grey))
        np.testing.assert_array_equal(image, levels if grey else np.stack([levels] * 3, -1))


def test_images_that_cannot_be_read_are_told(tmp_path, monkeypatch):
    with pytest.raises(FileNotFoundError, match=r"nothing\.png is no file"):
        load_image(tmp_path / "nothing.png")
    whole = tmp_path / "whole.png"
    Image.fromarray(np.random.default_rng(0).integers(0, 255, (64, 64, 3), np.uint8)).save(whole)
    (tmp_path / "cut.png").write_bytes(whole.read_bytes()[:3000])
    with pytest.raises(ValueError, match=r"cut\.png cannot be read as an image"):
        load_image(tmp_path / "cut.png")
    monkeypatch.setattr(Image, "MAX_IMAGE_PIXELS", 100)
    with pytest.raises(ValueError, match=r"cannot be read as an image: .*4096 pixels"):
        load_image(whole)
    Image.fromarray(np.ones((4, 4), np.float32)).save(tmp_path / "float.tif")
    with pytest.raises(ValueError, match="mode 'F', whose values have no known range"):
        load_image(tmp_path / "float.tif")
