"""Images from files written here: what comes back, and what is refused."""

from __future__ import annotations

import numpy as np
import pytest
from PIL import Image

from wam_xplique.datasets import class_names, image_folder, imagenet_photographs, load_image


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
    (tmp_path / "empty").mkdir()
    for given, message in (
        ((folder, 8, 6), "must hold 6 images"),
        ((tmp_path / "empty", 8), "must hold some images .* holds 0"),
        ((folder, 0), "size must be an integer of at least 1, got 0"),
        ((folder, 8, None, 0, 1.1), r"crop must be a number in \(0, 1\], got 1.1"),
    ):
        with pytest.raises(ValueError, match=message):
            image_folder(*given)
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


def test_carried_photographs():
    photographs = imagenet_photographs(size=64)
    assert photographs.images.shape == (20, 64, 64, 3)
    assert photographs.labels[:3].tolist() == [243, 559, 438]
    assert photographs.names[:3] == ("Bullmastiff", "folding chair", "beaker")
    assert class_names([207, 281]) == ("Golden Retriever", "tabby cat")


def test_folders_whose_names_tell_the_classes(tmp_path):
    for name in ("n02123045/a.JPEG", "ILSVRC2012_val_00000001.JPEG", "mine_281.png"):
        path = tmp_path / name
        path.parent.mkdir(exist_ok=True)
        Image.fromarray(np.full((70, 60, 3), 128, np.uint8)).save(path)
    photographs = imagenet_photographs(tmp_path, size=32)
    assert [path.name for path in photographs.paths] == [
        "ILSVRC2012_val_00000001.JPEG",
        "mine_281.png",
        "a.JPEG",
    ]
    assert photographs.labels.tolist() == [65, 281, 281]  # sea snake, tabby cat twice


def test_labels_that_are_none_are_refused(tmp_path):
    Image.fromarray(np.zeros((40, 40, 3), np.uint8)).save(tmp_path / "cat.png")
    with pytest.raises(ValueError, match=r"names tell their class.*cat\.png"):
        imagenet_photographs(tmp_path)
    with pytest.raises(ValueError, match="labels must be from 0 to 999, got 1000"):
        class_names([3, 1000])
