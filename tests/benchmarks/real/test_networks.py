"""Real networks: the same in both frameworks, and right on real photographs."""

import keras
import numpy as np
import pytest
import torch

from wam_xplique.benchmarks.real.networks import SIZES, load_keras, load_torch, preprocess
from wam_xplique.datasets import imagenet_photographs


@pytest.mark.parametrize("name", SIZES)
def test_keras_and_pytorch_agree_and_know_what_they_see(name):
    photographs = imagenet_photographs(size=SIZES[name])
    x = preprocess(photographs.images)
    with torch.no_grad():
        in_torch = load_torch(name)(torch.tensor(np.moveaxis(x, -1, 1).copy())).numpy()
    network = load_keras(name)
    assert isinstance(network, keras.Model)
    np.testing.assert_allclose(network.predict(x, verbose=0), in_torch, atol=1e-4)
    assert np.sum(in_torch.argmax(1) == photographs.labels) >= 17
