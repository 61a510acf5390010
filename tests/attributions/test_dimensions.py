"""Signals, images and volumes alike: frameworks, completeness, indices, and no channels."""

from __future__ import annotations

import functools
from typing import Any

import keras
import numpy as np
import pytest
import torch
from torch import nn

from wam_xplique.algorithms.cells import wavelet_cells
from wam_xplique.attributions import FAM, WCAM, WaveletIntegratedGradients
from wam_xplique.coefficients import WaveletTransform

from ..algorithms.test_estimators import each_function
from ..modules import ChannelsLastFlatten
from . import test_wcam
from .helpers import (
    EXPLAINERS,
    FRAMEWORKS,
    bands,
    each,
    each_framework,
    explanation_error,
    inverse_matrix,
    native,
    noise,
    quick,
    relative_error,
)

CASES = {  # shape of an input, wavelet, mode, level
    "signal": ((21,), "db2", "symmetric", 2),
    "signals": ((19, 2), "haar", "periodization", 2),
    "image": ((32, 32, 3), "haar", "periodization", 3),
    "odd image": ((27, 27, 3), "db3", "symmetric", 2),
    "volume": ((7, 5, 6, 2), "haar", "symmetric", 2),
    "clip": ((6, 7, 9, 2), "db2", "periodization", 1),
}
IMAGES = [
    ((32, 32, 3), "db4", "symmetric", 2),
    ((27, 27, 3), "bior2.2", "reflect", 2),
    ((27, 27, 3), "sym3", "periodization", 2),
    ((27, 27, 3), "haar", "zero", 3),
]
CONVOLUTIONS = {
    1: (keras.layers.Conv1D, nn.Conv1d),
    2: (keras.layers.Conv2D, nn.Conv2d),
    3: (keras.layers.Conv3D, nn.Conv3d),
}

each_case = pytest.mark.parametrize(
    ("shape", "wavelet", "mode", "level"), CASES.values(), ids=CASES
)
each_method = each((*EXPLAINERS, WCAM))


def space(shape: tuple[int, ...]) -> tuple[int, ...]:
    """An input's sizes without its channels; signals (T,) have none."""
    return shape if len(shape) == 1 else shape[:-1]


def axes(shape: tuple[int, ...]) -> tuple[int, ...]:
    return tuple(range(1, 1 + len(space(shape))))


def one_hot(count: int) -> np.ndarray:
    return np.eye(2, dtype=np.float32)[[1, 0, 1][:count]]


@functools.cache
def twins(shape: tuple[int, ...]) -> dict[str, Any]:
    """The same small smooth network in Keras and in PyTorch."""
    keras.utils.set_random_seed(0)
    in_keras, in_torch = CONVOLUTIONS[len(space(shape))]
    conv = in_keras(4, 3, activation="softplus")
    dense = keras.layers.Dense(2, kernel_initializer="he_normal")
    channels = shape[-1] if shape[1:] else 1
    add_channel = [] if shape[1:] else [keras.layers.Reshape((*shape, 1))]
    layers = [*add_channel, conv, keras.layers.Flatten(), dense]
    model = keras.Sequential([keras.Input(shape), *layers])
    twin = nn.Sequential(
        nn.Unflatten(1, (1, *shape)) if add_channel else nn.Identity(),
        in_torch(channels, 4, 3),
        nn.Softplus(),
        ChannelsLastFlatten(),
        nn.Linear(*dense.kernel.shape),
    )
    with torch.no_grad():
        kernel = np.moveaxis(np.array(conv.kernel), (-1, -2), (0, 1))
        twin[1].weight.copy_(torch.tensor(kernel))
        twin[1].bias.copy_(torch.tensor(np.array(conv.bias)))
        twin[4].weight.copy_(torch.tensor(np.array(dense.kernel)).T)
        twin[4].bias.copy_(torch.tensor(np.array(dense.bias)))
    return {"tensorflow": model, "torch": twin.eval()}


@each_case
@each_method
def test_frameworks_agree(cls, shape, wavelet, mode, level, same_noise):
    """And answer with maps of the input's shape, where each framework has its channels."""
    x, y = noise(2, *shape), one_hot(2)
    options = {"wavelet": wavelet, "mode": mode, "level": level, "include_approximation": True}
    explanations, maps = {}, {}
    for framework, model in twins(shape).items():
        explainer = cls(model, **options, **quick(cls))
        explanations[framework] = explainer.explain_wavelet(native(x, framework), y)
        maps[framework] = np.asarray(explainer(native(x, framework), y))
    if "nb_samples" in quick(cls):
        assert len(set(same_noise)) == quick(cls)["nb_samples"]
    of_torch, of_keras = explanations["torch"], explanations["tensorflow"]
    assert of_torch.input_shape == of_keras.input_shape == x.shape
    assert explanation_error(of_torch, of_keras) <= 1e-4
    assert maps["tensorflow"].shape == ((2, *space(shape), 1) if len(shape) > 2 else x.shape)
    last = np.moveaxis(maps["torch"], 1, -1)
    assert relative_error(last, maps["tensorflow"]) <= 1e-4


@pytest.mark.parametrize(("shape", "wavelet", "mode", "level"), [*CASES.values(), *IMAGES], ids=str)
@each_framework
def test_integrated_gradients_are_complete(framework, shape, wavelet, mode, level):
    x, y = noise(2, *shape), one_hot(2)
    options = {"wavelet": wavelet, "mode": mode, "level": level, "include_approximation": True}
    for value in (0.5,) if len(shape) != 3 else (0.0, 2.0, -1.0):
        explainer = WaveletIntegratedGradients(
            twins(shape)[framework], reducer="sum", steps=64, baseline_value=value, **options
        )
        explanation = explainer.explain_wavelet(native(x, framework), y)
        total = sum(band.reshape(2, -1).sum(1) for band in bands(explanation.coefficients))
        scores, baseline = (
            (twins(shape)["tensorflow"](values).numpy() * y).sum(-1)
            for values in (x, np.full_like(x, value))
        )
        assert np.abs(scores - baseline).min() > 0.01, "the test needs a model that tells them"
        np.testing.assert_allclose(total, scores - baseline, rtol=0.01)


# --- Sobol indices -------------------------------------------------------------------------


@pytest.mark.parametrize("kind", FRAMEWORKS)
@pytest.mark.parametrize(
    ("shape", "grid_size"), [((8,), 4), ((8, 1), 4), ((4, 4, 4, 1), 2)], ids=str
)
@each_function
def test_indices_of_known_functions_of_the_masks_are_found(
    kind, shape, grid_size, function, total, first
):
    """A model that reads a coefficient of each of four cells, all of which are 1."""
    inverse = inverse_matrix(space(shape), "haar", "periodization", 1)  # W is its transpose
    transform = WaveletTransform("haar", 1, "periodization", axes(shape))
    cells = wavelet_cells(transform, space(shape), "mosaic", grid_size, True)
    numbers = np.concatenate([band.ravel() for band in bands(cells)])
    _, places = np.unique(numbers, return_index=True)

    def of_pixels(pixels: list[Any], ops: Any) -> Any:
        rows = inverse.T[places[:4]]
        masks = [sum(row[i].item() * pixels[i] for i in np.flatnonzero(row)) for row in rows]
        return function(masks, ops)

    explainer = WCAM(
        test_wcam.of_pixels(kind, of_pixels),
        grid_size,
        2048,
        batch_size=4096,
        level=1,
        include_approximation=True,
        confidence=None,
    )
    x = inverse.sum(axis=1).reshape(1, *shape).astype(np.float32)
    sobol = explainer.explain_wavelet(native(x, kind), np.ones((1, 1))).sobol
    others = np.zeros(len(places) - 4)
    np.testing.assert_allclose(sobol.total[0], [*total, *others], atol=0.015)
    np.testing.assert_allclose(sobol.first_order[0], [*first, *others], atol=0.03)


# --- video ---------------------------------------------------------------------------------

CLIP = (6, 8, 4, 3)  # frames, height, width, channels


@functools.cache
def difference_model(framework: str, axis: int) -> Any:
    """A model of the differences between pairs of neighbours along an axis of clips."""
    size = tuple(2 if i == axis else 1 for i in range(3))
    kernel = np.broadcast_to(np.array([-1, 1.0]).reshape(*size, 1, 1), (*size, 3, 1))
    if framework == "torch":
        conv = nn.Conv3d(3, 1, size, stride=size, bias=False)
        conv.weight.data = torch.tensor(np.moveaxis(kernel, (-1, -2), (0, 1)), dtype=torch.float32)
        return nn.Sequential(conv, nn.Softplus(), nn.AdaptiveAvgPool3d(1), nn.Flatten()).eval()
    conv = keras.layers.Conv3D(1, size, strides=size, use_bias=False, activation="softplus")
    model = keras.Sequential([keras.Input(CLIP), conv, keras.layers.GlobalAveragePooling3D()])
    conv.set_weights([kernel])
    return model


@each_framework
@each_method
@pytest.mark.parametrize("axis", range(3), ids=["time", "height", "width"])
def test_what_changes_along_an_axis_is_found_in_the_details_along_it(cls, framework, axis):
    options = {"partition": "band", "nb_design": 8} if cls is WCAM else {}
    explainer = cls(difference_model(framework, axis), level=2, **(quick(cls) | options))
    explanation = explainer.explain_wavelet(native(noise(2, *CLIP), framework), np.ones((2, 1)))
    assert explanation.pixels().shape == (2, *CLIP[:3], 1)
    coarse, fine = explanation.coefficients[1:]
    masses = {key: np.abs(band).sum() for key, band in fine.items()}
    along = sum(mass for key, mass in masses.items() if key[axis] == "d")
    everything = sum(masses.values()) + sum(np.abs(band).sum() for band in coarse.values())
    assert along > 0
    assert along / everything > 0.9999


# --- channels ------------------------------------------------------------------------------


def test_stereo_into_a_model_of_mono_is_told_by_its_channels():
    messages = {
        "tensorflow": r"\(2, 32, 2\) do not fit the model, which takes .*1\)",
        "torch": r"\(\d, 2, 32\) do not fit the model.*1",
    }
    for framework, message in messages.items():
        for cls in (EXPLAINERS[0], WCAM):
            with pytest.raises(ValueError, match=message):
                cls(twins((32, 1))[framework])(native(noise(2, 32, 2), framework), one_hot(2))


def flat_model(framework: str, shape: tuple[int, ...]) -> Any:
    """A model that flattens its inputs, whatever their axes."""
    weights = np.random.default_rng(5).normal(size=(int(np.prod(shape)), 2)).astype(np.float32)
    if framework == "torch":
        dense = nn.Linear(*weights.shape)
        dense.load_state_dict({"weight": torch.tensor(weights.T), "bias": torch.zeros(2)})
        return nn.Sequential(nn.Flatten(), nn.Tanh(), dense).eval()
    dense = keras.layers.Dense(2, activation="tanh")
    model = keras.Sequential([keras.layers.Input(shape), keras.layers.Flatten(), dense])
    dense.set_weights([weights / 10, np.zeros(2)])
    return model


@each_framework
@each_method
@pytest.mark.parametrize("size", [(9,), (8, 9), (6, 7, 5)], ids=str)
def test_inputs_without_channels_are_explained_as_with_one(cls, framework, size):
    x = noise(3, *size)
    options = {"level": 1, "ndim": len(size), **quick(cls)}
    alone, beside = (
        cls(flat_model(framework, shape), **options).explain_wavelet(values, one_hot(3))
        for shape, values in ((size, x), ((*size, 1), x[..., np.newaxis]))
    )
    assert alone.spatial_shape == size
    np.testing.assert_allclose(alone.mosaic(), beside.mosaic(), rtol=1e-4, atol=1e-6)
    assert alone.pixels().shape == ((3, *size) if len(size) == 1 else (3, *size, 1))
    assert alone.reconstruct(x, 0.5).shape == x.shape


@each_framework
def test_fam_explains_images_without_channels(framework):
    x = noise(3, 8, 9)
    alone, beside = (
        FAM(flat_model(framework, shape), 4, ndim=2).explain_fourier(values, one_hot(3))
        for shape, values in (((8, 9), x), ((8, 9, 1), x[..., np.newaxis]))
    )
    np.testing.assert_allclose(alone.spectrum(), beside.spectrum(), rtol=1e-4, atol=1e-6)
