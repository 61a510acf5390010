"""What a notebook shows of explanations: small, safe, and true to them."""

from __future__ import annotations

import base64
import io
import re
import xml.etree.ElementTree as ET

import numpy as np
import pytest
from PIL import Image

from wam_xplique import WaveletExplanation, transforms
from wam_xplique.notebook import SIDE, card

from .plots.helpers import (
    explanation_of,
    fam_of,
    nothing_of,
    signals_of,
    volumes_of,
    wcam_of,
)


def pictures(page: str) -> list[np.ndarray]:
    """The pixels (H, W, 3) of the pictures on a page."""
    found = re.findall(r'src="data:image/png;base64,([^"]+)"', page)
    files = (io.BytesIO(base64.b64decode(data)) for data in found)
    return [np.asarray(Image.open(file).convert("RGB")) for file in files]


def of_transform(transform, shape):
    """An explanation of one input by another transform, of noise."""
    x = np.random.default_rng(0).standard_normal((1, *shape)).astype(np.float32)
    axes = tuple(range(1, 1 + len(shape)))
    z = transform.over(axes).forward(x)
    return WaveletExplanation(
        z, str(transform), "periodization", (1, *shape, 1)[: 2 + len(shape)], len(shape),
        other=transform,
    )  # fmt: skip


ALL = {
    "images": lambda: explanation_of((300, 200)),
    "signals": lambda: signals_of((4096,)),
    "channels": lambda: signals_of((64, 2)),
    "volumes": volumes_of,
    "Sobol": wcam_of,
    "Fourier": fam_of,
    "Fourier of signals": lambda: fam_of((16,)),
    "Fourier of volumes": lambda: fam_of((4, 4, 4), count=20),
    "nothing": lambda: nothing_of(explanation_of()),
    "stationary": lambda: of_transform(transforms.Stationary("haar", 2), (16, 16)),
    "steerable": lambda: of_transform(transforms.Steerable(2, 4), (16, 16)),
    "constant-Q": lambda: of_transform(transforms.ConstantQ(3, 4), (256,)),
    "packets": lambda: of_transform(transforms.Packets("haar", 3), (16, 16)),
}


@pytest.mark.parametrize("name", ALL)
def test_all_explanations_are_shown_small_and_well_formed(name):
    explanation = ALL[name]()
    page = explanation._repr_html_()
    assert len(page) < 60_000
    assert not re.search(r"https?:|<script|url\(|@import", page)
    assert not re.search(r"nanpx|>nan", page)
    root = ET.fromstring(re.sub(r"<img([^>]*)>", r"<img\1/>", page.replace("colspan=3", "")))
    assert len(root.findall(".//img")) == len(explanation)
    for picture in pictures(page):
        assert max(picture.shape) <= SIDE
        assert (picture.std() > 5) == (name != "nothing")


def test_the_picture_and_the_bars_are_those_of_the_explanation():
    explanation = explanation_of((64, 48))
    first, second = pictures(explanation._repr_html_())
    for index, picture in enumerate((first, second)):
        pixels = np.abs(explanation.pixels()[index, ..., 0])
        found = np.corrcoef(picture.sum(axis=-1).ravel(), pixels.ravel())[0, 1]
        assert picture.shape[:2] == (64, 48)
        assert found > 0.95
    shares = explanation.scale_importance()[0]
    texts = re.findall(r"<td>(\d+)%</td>", explanation._repr_html_())[: len(shares)]
    assert [int(text) for text in texts] == [round(100 * share) for share in shares]


def test_of_many_inputs_the_first_are_shown():
    explanation = explanation_of()
    many = explanation[np.zeros(50, int)]
    page = many._repr_html_()
    assert len(pictures(page)) == 3
    assert "50 inputs" in page
    assert "the first 3 of them" in page
    assert len(page) < 60_000


def test_the_largest_pictures_fit():
    noise = np.random.default_rng(0).random((3, 500, 500))
    lines = [(f"ring {i}", "50%", 0.5) for i in range(200)]
    page = card("noise", [(values, lines) for values in noise])
    assert len(page) < 60_000
    assert "and 188 smaller ones" in page


def test_names_are_escaped():
    page = card("<script>alert(1)</script>", [(np.ones((2, 2)), [('"><img src=x>', "<b>", 1.0)])])
    assert "<script" not in page
    assert "<b>" not in page
    assert "src=x>" not in page


def test_one_line_of_a_large_map_is_not_lost():
    values = np.zeros((1000, 1000))
    values[501] = 1
    (picture,) = pictures(card("", [(values, [])]))
    assert (picture.max(axis=(1, 2)) > 100).sum() == 1
