"""What an explainer tells of itself."""

from __future__ import annotations

import keras
import numpy as np

from wam_xplique import FAM, WCAM, WaveletIntegratedGradients, transforms
from wam_xplique.metrics import WaveletInsertion

MODEL = keras.Sequential([keras.Input((8, 8, 1)), keras.layers.Flatten(), keras.layers.Dense(3)])
MODEL.name = "small"
SHOWN = "model=<Sequential name=small, built=True>"


def test_an_explainer_tells_its_transform_and_what_was_set():
    assert repr(WaveletIntegratedGradients(MODEL)) == (
        f"WaveletIntegratedGradients({SHOWN}, wavelet='haar', level=None)"
    )
    explainer = WaveletIntegratedGradients(MODEL, steps=7, wavelet="db2", baseline_value=MASK)
    explainer.level = 2
    told = f"{SHOWN}, steps=7, baseline_value=<ndarray (8, 8, 1)>, wavelet='db2', level=2"
    assert sorted(repr(explainer)[:-1].partition("(")[2].split(", ")) == sorted(told.split(", "))
    other = WCAM(MODEL, transform=transforms.Stationary("haar", 2))
    assert "transform=Stationary(" in repr(other)
    assert "wavelet=None" not in repr(other)
    assert repr(FAM(MODEL, operator=operator)).endswith("operator=<operator>)")


MASK = np.zeros((8, 8, 1), np.float32)


def operator(model, inputs, targets):
    return (model(inputs) * targets)[:, 0]


def test_a_metric_tells_shapes_and_no_numbers():
    metric = WaveletInsertion(MODEL, np.ones((2, 8, 8, 1)), [0, 1], level=2)
    assert repr(metric).startswith(f"WaveletInsertion({SHOWN}, inputs=<")
    assert "level=2" in repr(metric)
    assert len(repr(metric)) < 300
