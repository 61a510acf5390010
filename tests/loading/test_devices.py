"""Where models run."""

from __future__ import annotations

import keras
import pytest
import torch
from torch import nn

from wam_xplique.loading.classifiers import load_model
from wam_xplique.loading.devices import place


def module(placed: list) -> nn.Module:
    """A module that remembers where it was brought."""
    made = nn.Linear(2, 2).eval()
    made.to = placed.append
    return made


@pytest.mark.parametrize(
    ("there", "asked", "expected"),
    [
        ((), None, "cpu"),
        (("mps",), None, "mps"),
        (("cuda", "mps"), None, "cuda"),
        (("cuda",), "cpu", "cpu"),
        (("cuda", "mps"), "mps", "mps"),
    ],
)
def test_a_module_goes_to_the_fastest_device_or_the_one_that_is_told(
    there, asked, expected, monkeypatch
):
    monkeypatch.setattr(torch.cuda, "is_available", lambda: "cuda" in there)
    monkeypatch.setattr(torch.backends.mps, "is_available", lambda: "mps" in there)
    placed: list = []
    place(module(placed), asked)
    assert placed == [expected]


def test_devices_that_are_not_there_are_told(monkeypatch, model_files):
    monkeypatch.setattr(torch.cuda, "is_available", lambda: False)
    with pytest.raises(ValueError, match="--device cuda is not there for PyTorch; there is cpu"):
        place(module([]), "cuda")
    model = keras.Sequential([keras.Input((2,)), keras.layers.Dense(2)])
    with pytest.raises(ValueError, match="--device mps is not there for TensorFlow"):
        place(model, "mps")
    place(model, "cpu")
    with pytest.raises(ValueError, match="--device 'cude' is unknown; the nearest are cuda"):
        load_model(model_files["keras"], device="cude")
