"""``wam-xplique report``."""

from __future__ import annotations

import re

import numpy as np
import pytest
import torch

from wam_xplique.cli import report as command

from .conftest import CLASSES, FEW, SIZE
from .test_input_files import convolutions


@pytest.fixture
def asked(monkeypatch):
    """What the pages are made of; the last of them."""
    calls, make = [], command.make_report

    def remember(*arguments, **options):
        calls.append((*arguments, options))
        return make(*arguments, **options)

    monkeypatch.setattr(command, "make_report", remember)
    return calls


@pytest.mark.parametrize("kind", ["keras", "TorchScript"])
def test_a_page_is_written_on_files_and_broken_ones_are_told(
    kind, photos, model_files, network, pixels, asked, tells, tmp_path
):
    out = tmp_path / "deep" / "page.html"
    (tmp_path / "names.txt").write_text("ant\nbee\ncat\n")
    model = ["--model", model_files[kind], "--class-names", tmp_path / "names.txt"]
    given = [photos, *model, "--out", out, "--size", SIZE, "--level", 2, *FEW]
    told = tells("report", *given, fails=True)
    assert "broken.jpg: " in told
    assert re.search(rf"{re.escape(str(out))}: inputs: 3, with warnings: \d", told)

    ((_, inputs, options),) = asked
    array = pixels.astype(np.float32) / 255
    expected = torch.tensor(np.moveaxis(array, -1, 1).copy()) if kind == "TorchScript" else array
    assert type(inputs) is type(expected)
    np.testing.assert_allclose(inputs, expected, rtol=1e-6)
    np.testing.assert_array_equal(options["pictures"], pixels)
    assert options["names"] == ["a", "b", "deep_a"]

    page = out.read_text(encoding="utf-8")
    assert 'src="http' not in page
    probabilities = np.asarray(network(array))
    for row in probabilities:
        name, share = ("ant", "bee", "cat")[row.argmax()], row.max()
        assert f"{name} ({share:.1%})" in page
    assert probabilities.shape == (3, CLASSES)


def test_a_profile_tells_what_is_usual(photos, model_files, tells, tmp_path):
    (photos / "broken.jpg").unlink()
    given = [photos, "--model", model_files["keras"], *FEW]
    tells("profile", *given, "--out", tmp_path / "profile")
    given += ["--reference", tmp_path / "profile" / "network.npz", "--out", tmp_path / "page.html"]
    tells("report", *given)
    assert "network, 3 inputs" in (tmp_path / "page.html").read_text(encoding="utf-8")
    told = tells("report", *given, "--force", "--level", "2", fails=True)
    assert "reference must be made as the explanation is" in told


def test_inputs_of_another_shape_are_left_out(model_files, asked, tells, tmp_path):
    torch.jit.save(torch.jit.script(convolutions(2, 3).eval()), tmp_path / "any.pt")
    shapes = {"a": (2, 3, 16, 16), "b": (3, 16, 16), "c": (3, 16, 24), "d": (3, 4, 4)}
    arrays = [tmp_path / f"{name}.npy" for name in shapes]
    for path, shape in zip(arrays, shapes.values(), strict=True):
        np.save(path, np.random.default_rng(0).random(shape))
    more = ["--model", tmp_path / "any.pt", "--out", tmp_path / "page.html", *FEW]
    told = tells("report", *arrays, *more, fails=True)
    assert "c.npy: any: it has the shape (3, 16, 24), the others (3, 16, 16); see --size" in told
    assert "d.npy: any: it has the shape (3, 4, 4)" in told
    assert asked[0][2]["names"] == ["a, 0", "a, 1", "b"]
