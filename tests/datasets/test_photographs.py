"""Labelled photographs of ImageNet's classes."""

import numpy as np
import pytest
from PIL import Image

from wam_xplique.datasets import class_names, imagenet_photographs


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


def test_a_name_that_tells_nothing_is_refused(tmp_path):
    Image.fromarray(np.zeros((40, 40, 3), np.uint8)).save(tmp_path / "cat.png")
    with pytest.raises(ValueError, match=r"names tell their class.*cat\.png"):
        imagenet_photographs(tmp_path)


def test_a_class_that_is_none_is_refused():
    with pytest.raises(ValueError, match="labels must be from 0 to 999, got 1000"):
        class_names([3, 1000])
