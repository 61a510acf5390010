"""What captioned pictures show, and say of places."""

from __future__ import annotations

import base64
import io

import numpy as np
import pytest
from PIL import Image
from skimage import data
from skimage.transform import resize

from wam_xplique.analysis.report.pictures import Subject, pictures_of, where
from wam_xplique.plots.drawing import maps_of

from ..plots.helpers import explanation_of

PLACES = {
    (0, 0): "at the top left",
    (8, 4): "at the bottom centre",
    (4, 4): "in the middle",
    (4, 8): "at the middle right",
    (0,): "at the beginning",
    (8,): "at the end",
}


@pytest.mark.parametrize(("place", "expected"), PLACES.items())
def test_places_are_told_in_words(place, expected):
    values = np.zeros([9] * len(place))
    values[place] = 1
    assert where(values) == expected


def shown(picture):
    file = io.BytesIO(base64.b64decode(picture.source.partition(",")[2]))
    return np.asarray(Image.open(file).convert("RGBA"), float) / 255


def test_what_is_left_goes_from_coarse_to_fine():
    image = np.indices((32, 32)).sum(axis=0) % 2 / 2 + np.repeat([0.0, 0.5], 16)
    subject = Subject(explanation_of((32, 32))[0], image, "checks")
    pictures = list(pictures_of(subject, image[np.newaxis], None, ""))
    left = [shown(p)[..., 0] for p in pictures if p.role == "left"]
    steps = np.repeat([0.25, 0.75], 16) * np.ones((32, 1))  # the checks are the finest scale
    assert len(left) == 2
    for found in left:
        np.testing.assert_allclose(found, steps, atol=0.01)
    np.testing.assert_allclose(shown(pictures[0])[..., 0], image, atol=0.01)


def test_maps_are_opaque_where_it_matters():
    subject = Subject(explanation_of((32, 32))[0], np.zeros((32, 32)), "nothing")
    found = [p for p in pictures_of(subject, None, None, "") if p.role == "map"]
    assert [p.level for p in found] == [0, 1, 2, None]
    for picture, values in zip(found, maps_of(subject.explanation, 0), strict=False):
        opacity = shown(picture)[..., 3]
        assert np.corrcoef(opacity.ravel(), np.sqrt(values.ravel()))[0, 1] > 0.95


@pytest.mark.parametrize(("side", "level"), [(224, 3), (600, 4)])
def test_an_image_takes_at_most_400_kilobytes(side, level):
    image = resize(data.astronaut(), (side, side), preserve_range=True)
    explanation = explanation_of((side, side), level=level)[0]
    subject = Subject(explanation, image, "astronaut")
    pictures = list(pictures_of(subject, None, image, "all"))
    assert 50_000 < sum(len(picture.source) for picture in pictures) < 400_000
