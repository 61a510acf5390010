"""Pixels are scaled once: by the model, or by us."""

from __future__ import annotations

import keras
import numpy as np
import pytest
import torch
from keras.applications import mobilenet_v2, resnet50
from torch import nn

from wam_xplique.loading.classifiers import load_model
from wam_xplique.loading.pixels import pixels_taken
from wam_xplique.loading.preprocessing import Preprocess

from ..modules import TorchModule

SIZE = 8
L = keras.layers
NONE, UNIT, SYMMETRIC = Preprocess.none, Preprocess.unit, Preprocess.symmetric


class Subclass(keras.Model):
    """A model that is no graph of layers."""

    def __init__(self):
        super().__init__()
        self.convolution = L.Conv2D(2, 3)

    def call(self, x):
        return self.convolution(x / 255.0)


def in_keras(*before) -> keras.Model:
    """Some layers or functions before a convolution."""
    x = inputs = keras.Input((SIZE, SIZE, 3))
    for layer in before:
        x = layer(x)
    return keras.Model(inputs, L.Conv2D(2, 3)(x))


def normalized(mean: float, std: float):
    return L.Normalization(mean=[mean] * 3, variance=[std**2] * 3)


@pytest.mark.parametrize(
    ("before", "expected"),
    [
        ([], None),
        ([L.BatchNormalization()], None),  # that was not trained
        ([L.Rescaling(1 / 255)], NONE),
        ([normalized(120, 60)], NONE),
        ([normalized(0.45, 0.25)], UNIT),
        ([mobilenet_v2.preprocess_input], NONE),
        ([resnet50.preprocess_input], NONE),  # less the mean, not divided
        ([L.Lambda(lambda x: x / 127.5 - 1)], NONE),
        ([L.RandomFlip(), L.RandomRotation(0.1), L.Rescaling(1 / 127.5, -1)], NONE),
        ([L.ZeroPadding2D(1), lambda x: x / 255], NONE),
        ([lambda x: x * 2 - 1], UNIT),
        ([L.Rescaling(255)], UNIT),
        ([lambda x: keras.ops.clip(x, 0, 1)], UNIT),
        ([lambda x: (x + 1) / 2], SYMMETRIC),
        ([in_keras(), L.Rescaling(1 / 255)], None),  # after the first weights, it is no scaling
    ],
)
def test_what_stands_before_the_first_weights_of_keras_tells(before, expected):
    assert pixels_taken(in_keras(*before), (SIZE, SIZE, 3), False) == expected


def test_models_within_models_and_without_a_graph_tell():
    inner = in_keras()
    assert pixels_taken(in_keras(L.Rescaling(1 / 255), inner), (SIZE, SIZE, 3), False) == NONE
    outer = keras.Sequential([keras.Input((SIZE, SIZE, 3)), in_keras(L.Rescaling(1 / 255))])
    assert pixels_taken(outer, (SIZE, SIZE, 3), False) == NONE
    assert pixels_taken(Subclass(), None, False) == NONE


MEAN = torch.tensor([0.485, 0.456, 0.406])[:, None, None]
DEVIATION = torch.tensor([0.229, 0.224, 0.225])[:, None, None]


def of_imagenet(x: torch.Tensor) -> torch.Tensor:
    return (x - MEAN) / DEVIATION


@pytest.mark.parametrize(
    ("before", "expected"),
    [
        (lambda x: x, None),
        (lambda x: x / 255, NONE),
        (lambda x: of_imagenet(x / 255), NONE),
        (of_imagenet, UNIT),
        (lambda x: x - x.mean((2, 3), keepdim=True), None),  # takes any range
    ],
)
@pytest.mark.parametrize("head", ["convolution", "product"])
@pytest.mark.parametrize("form", ["module", "trace", "export"])
def test_what_stands_before_the_first_weights_of_pytorch_tells(before, expected, head, form):
    linear = nn.Sequential(nn.Flatten(), nn.Linear(3 * SIZE**2, 2))
    weights = nn.Conv2d(3, 2, 3) if head == "convolution" else linear
    model, example = (
        nn.Sequential(TorchModule(before), weights).eval(),
        torch.zeros(1, 3, SIZE, SIZE),
    )
    if form == "trace":
        model = torch.jit.trace(model, example)
    if form == "export":
        model = torch.export.export(model, (example,)).module()
    assert pixels_taken(model, (3, SIZE, SIZE), True) == expected


@pytest.mark.parametrize("form", ["net.keras", "net"])
def test_pixels_of_a_file_are_scaled_once_and_what_is_done_is_told(form, tmp_path):
    model = in_keras(mobilenet_v2.preprocess_input)
    if form == "net":
        model.export(tmp_path / form, verbose=False)
    else:
        model.save(tmp_path / form)
    found = load_model(str(tmp_path / form))
    picture = np.full((SIZE, SIZE, 3), 115.4, np.float32)
    np.testing.assert_array_equal(found.prepare(picture), picture)
    assert found.prepared == "as they are, 0 to 255, which the model scales further itself"


def test_programs_of_batches_of_one_size_tell():
    model, example = nn.Sequential(TorchModule(of_imagenet), nn.Conv2d(3, 2, 3)).eval(), 2
    program = torch.export.export(model, (torch.zeros(example, 3, SIZE, SIZE),))
    assert pixels_taken(program.module(), (3, SIZE, SIZE), True) == UNIT


def test_what_nothing_tells_is_said_to_be_assumed(model_files):
    for kind in ("keras", "TorchScript"):
        found = load_model(model_files[kind])
        assert "assumed" in found.prepared
        assert "--preprocess" in found.prepared
    assert "assumed" not in load_model(model_files["keras"], preprocess="unit").prepared
