"""A vision transformer, trained to tell textures by their scale: what decides is found."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from wam_xplique import WCAM, WaveletIntegratedGradients

from ..modules import VisionTransformer

pytestmark = pytest.mark.slow

SIZE, PATCH = 32, 8


def stripes(count: int, seed: int) -> tuple[torch.Tensor, torch.Tensor, np.ndarray]:
    """Noise of large blobs, in one patch of which are stripes: of 2 pixels, or for class 1 of 8;
    images, classes, and the patches (row, column)."""
    generator = np.random.default_rng(seed)
    blobs = generator.standard_normal((count, 1, 4, 4)).repeat(8, 2).repeat(8, 3) / 4
    classes, places = generator.integers(0, 2, count), generator.integers(0, 4, (count, 2))
    steps = np.arange(PATCH)
    for image, label, (row, column) in zip(blobs[:, 0], classes, places * PATCH, strict=True):
        period = 8 if label else 2
        wave = np.where(steps % period < period / 2, 1, -1)
        image[row : row + PATCH, column : column + PATCH] += wave
    return torch.tensor(blobs, dtype=torch.float32), torch.tensor(classes), places


@pytest.fixture(scope="module")
def model() -> VisionTransformer:
    torch.manual_seed(0)
    model = VisionTransformer(SIZE, PATCH)
    x, y, _ = stripes(1024, seed=0)
    optimizer = torch.optim.Adam(model.parameters(), 2e-3)
    for _ in range(6):
        for rows in torch.randperm(len(x)).split(64):
            optimizer.zero_grad()
            torch.nn.functional.cross_entropy(model(x[rows]), y[rows]).backward()
            optimizer.step()
    return model.eval()


def in_patch(pixels: np.ndarray, places: np.ndarray) -> float:
    """The mean share of maps that lies in the patch that decides; at random 1/16."""
    patches = np.abs(pixels)[:, 0].reshape(-1, 4, PATCH, 4, PATCH).sum((2, 4))
    shares = patches / patches.sum((1, 2), keepdims=True)
    return float(
        np.mean([share[tuple(place)] for share, place in zip(shares, places, strict=True)])
    )


def test_the_scale_and_the_place_that_decide_are_found(model):
    x, y, places = stripes(64, seed=1)
    assert (model(x).argmax(-1) == y).float().mean() > 0.95
    how = {"level": 3, "include_approximation": True}
    explainer = WaveletIntegratedGradients(model, steps=64, **how)
    explanation = explainer.explain_wavelet(x, y)
    fine = explanation.scale_importance()[:, -1]
    assert fine[y == 0].mean() > 2 * fine[y == 1].mean()
    assert np.median(explanation.convergence_delta) < 0.05
    assert in_patch(explainer(x, y).numpy(), places) > 0.3


def test_a_transformer_needs_no_gradients_for_wcam(model):
    x, y, places = stripes(6, seed=2)
    maps = WCAM(model, grid_size=8, nb_design=32, level=3, include_approximation=True)(x, y)
    assert in_patch(maps.numpy(), places) > 0.12
