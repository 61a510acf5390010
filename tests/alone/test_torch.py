"""PyTorch alone: the transforms and the methods need neither TensorFlow, Xplique nor SciPy.

`make test-versions` runs this where only NumPy, PyWavelets and PyTorch are installed, so nothing
else is imported here, and no fixture is shared with the other tests.
"""

from __future__ import annotations

import importlib.util

import numpy as np
import pytest
import pywt
import torch

from wam_xplique.algorithms import gradients, sampling
from wam_xplique.algorithms.gradients import GradientProblem
from wam_xplique.algorithms.perturbations import GaussianNoise, StraightPath
from wam_xplique.backends import get_backend, wavedecn, waverecn
from wam_xplique.coefficients import WaveletTransform, flatten, map_bands
from wam_xplique.explanation import WaveletExplanation
from wam_xplique.transforms import ConstantQ, Stationary, Steerable

SHAPES = {1: (2, 37), 2: (2, 18, 23), 3: (2, 13, 12, 15)}


@pytest.mark.parametrize("ndim", SHAPES)
@pytest.mark.parametrize("mode", ["periodization", "symmetric"])
def test_the_transforms_are_those_of_pywavelets(ndim, mode):
    x = np.random.default_rng(ndim).standard_normal(SHAPES[ndim])
    axes = tuple(range(1, x.ndim))
    found = wavedecn(torch.tensor(x), "db2", mode, 2, axes)
    expected = pywt.wavedecn(x, "db2", mode, 2, axes)
    for band, name in zip(flatten(found).values(), flatten(expected), strict=True):
        np.testing.assert_allclose(band, flatten(expected)[name], atol=1e-12)
    restored = waverecn(found, "db2", mode, axes).numpy()[tuple(map(slice, x.shape))]
    np.testing.assert_allclose(restored, x, atol=1e-12)


FRAMES = [Stationary("db2", 2), Steerable(2, 4), ConstantQ(3, 12)]


@pytest.mark.parametrize("frame", FRAMES, ids=str)
def test_frames_keep_energy_and_give_the_input_back(frame):
    shape = SHAPES[1 if isinstance(frame, ConstantQ) else 2]
    x = np.random.default_rng(0).standard_normal(shape)
    frame = frame.over(tuple(range(1, len(shape))))
    found = frame.forward(torch.tensor(x))
    energy = sum(float((band**2).sum()) for band in flatten(found).values())
    np.testing.assert_allclose(energy, (x**2).sum(), rtol=1e-12)
    np.testing.assert_allclose(frame.inverse(found, shape), x, atol=1e-12)


@pytest.fixture
def problem() -> GradientProblem:
    """A network of one tanh, whose gradients PyTorch takes."""
    torch.manual_seed(0)
    x, weights = torch.randn(3, 1, 16, 16).double(), torch.randn(16, 16).double() / 8
    y = torch.eye(2)[[0, 1, 1]].double()

    def scores(x: torch.Tensor, y: torch.Tensor) -> torch.Tensor:
        found = torch.tanh((x[:, 0] * weights).sum((1, 2)))
        return (torch.stack([found, -found], 1) * y).sum(1)

    def taken(x: torch.Tensor, y: torch.Tensor) -> tuple[torch.Tensor, ...]:
        x = x.detach().requires_grad_()
        return torch.autograd.grad(scores(x, y).sum(), (x,))

    transform = WaveletTransform.fitting((3, 1, 16, 16), "haar", 2, "periodization", (2, 3))
    return GradientProblem(get_backend(x), taken, x, y, transform, scores=scores)


def test_saliency_is_the_gradient_by_the_coefficients(problem):
    coefficients = pywt.wavedecn(problem.x.numpy(), "haar", "periodization", 2, (2, 3))
    z = [torch.tensor(coefficients[0]).requires_grad_()]
    z += [{k: torch.tensor(v).requires_grad_() for k, v in d.items()} for d in coefficients[1:]]
    bands = list(flatten(z).values())
    score = problem.scores(waverecn(z, "haar", "periodization", (2, 3)), problem.y).sum()
    found = flatten(gradients.saliency(problem)).values()
    for band, expected in zip(found, torch.autograd.grad(score, bands), strict=True):
        torch.testing.assert_close(band, expected.abs())


def test_integrated_gradients_are_complete(problem):
    found = gradients.expected_gradients(problem, [StraightPath(32, 0.0 * problem.x[:1])], None)
    sums = sum(band.sum((1, 2, 3)) for band in flatten(found.coefficients).values())
    expected = problem.scores(problem.x, problem.y) - problem.scores(0 * problem.x, problem.y)
    np.testing.assert_allclose(sums, expected, rtol=1e-6)


def test_smooth_grad_without_noise_is_saliency(problem):
    noise = GaussianNoise(3, 0.0, None, 0)
    found = sampling.smooth_grad(problem, noise, "magnitude", None)
    for band, expected in zip(
        flatten(found.attribution().coefficients).values(),
        flatten(gradients.saliency(problem)).values(),
        strict=True,
    ):
        np.testing.assert_allclose(band, expected, rtol=1e-6)


def test_an_explanation_tells_the_scales(problem):
    found = gradients.saliency(problem)
    bands = map_bands(lambda band: band[:, 0].numpy(), found)
    explanation = WaveletExplanation(bands, "haar", "periodization", (3, 16, 16, 1), 2)
    assert explanation.pixels().shape == (3, 16, 16, 1)
    np.testing.assert_allclose(explanation.scale_importance().sum(axis=1), 1)


@pytest.mark.skipif(importlib.util.find_spec("xplique") is not None, reason="Xplique is there")
def test_an_explainer_says_what_it_needs():
    import wam_xplique

    with pytest.raises(ImportError, match="xplique"):
        wam_xplique.WaveletSaliency  # noqa: B018
