"""Signals, images and volumes alike: equations, frameworks, indices and errors."""

from __future__ import annotations

import functools
import re
from typing import Any

import keras
import numpy as np
import pytest
import pywt
import torch
from torch import nn

from wam_xplique.algorithms.cells import wavelet_cells
from wam_xplique.attributions import (
    FAM,
    WCAM,
    WaveletGradientInput,
    WaveletIntegratedGradients,
    WaveletSaliency,
    WaveletSmoothGrad,
    WaveletSquareGrad,
    WaveletVarGrad,
)
from wam_xplique.coefficients import WaveletTransform

from ..algorithms.test_estimators import each_function
from ..conftest import ChannelsLastFlatten
from . import helpers, test_equations, test_fam, test_wcam
from .helpers import EXPLAINERS, each_explainer, each_framework, native, quick
from .test_equations import BASELINE, NOISE, TOLERANCE, noise_draws, pull_back, target_weights
from .test_frameworks import same_noise  # noqa: F401 (a fixture)
from .test_wcam import noise, quiet

CASES = {  # shape of an input, wavelet, mode, level
    "signal": ((21,), "db2", "symmetric", 2),
    "signals": ((19, 2), "haar", "periodization", 2),
    "volume": ((7, 5, 6, 2), "haar", "symmetric", 2),
    "clip": ((6, 7, 9, 2), "db2", "periodization", 1),
}
IMAGES = {
    "image": ((16, 16, 2), "db2", "periodization", 2),
    "odd image": ((13, 14, 2), "db2", "symmetric", 2),
}
LARGE_IMAGES = [
    ((32, 32, 3), "haar", "periodization", 3),
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
each_method = pytest.mark.parametrize("cls", [*EXPLAINERS, WCAM], ids=lambda cls: cls.__name__)
inverse_matrix = functools.cache(helpers.inverse_matrix)
polynomial_model = functools.cache(helpers.polynomial_model)


def space(shape: tuple[int, ...]) -> tuple[int, ...]:
    """An input's sizes without its channels; signals (T,) have none."""
    return shape if len(shape) == 1 else shape[:-1]


def axes(shape: tuple[int, ...]) -> tuple[int, ...]:
    return tuple(range(1, 1 + len(space(shape))))


def one_hot(count: int = 3) -> np.ndarray:
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


# --- gradients -----------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("shape", "wavelet", "mode", "level"), (CASES | IMAGES).values(), ids=CASES | IMAGES
)
@each_framework
@each_explainer
def test_every_method_is_its_equation(cls, framework, shape, wavelet, mode, level):
    """On a quadratic model, written out with matrices, for the same noise."""
    model, weights = polynomial_model(framework, shape, 2)
    x = noise(3, *shape)
    explainer = cls(
        model,
        reducer=None,
        batch_size=4,
        wavelet=wavelet,
        mode=mode,
        level=level,
        include_approximation=True,
        **test_equations.parameters(cls),
    )
    actual = explainer.explain_wavelet(native(x, framework), one_hot()).coefficients

    x64, weights = x.astype(float), target_weights(weights)

    def pulled(gradient: np.ndarray) -> np.ndarray:
        gradient = gradient if shape[1:] else gradient[..., np.newaxis]
        return pull_back(gradient, inverse_matrix(space(shape), wavelet, mode, level))

    def transformed(values: np.ndarray) -> np.ndarray:
        z = pywt.wavedecn(values, wavelet, mode, level, axes(shape))
        return helpers.flatten(z, channels=bool(shape[1:])).reshape(at_x.shape)

    at_x = pulled(2 * weights * x64)
    noisy = np.stack(
        [pulled(2 * weights * (x64 + NOISE * draw)) for draw in noise_draws(framework, x)]
    )
    expected = {
        WaveletSaliency: np.abs(at_x),
        WaveletGradientInput: at_x * transformed(x64),
        WaveletSmoothGrad: np.abs(noisy).mean(0),
        WaveletSquareGrad: (noisy**2).mean(0),
        WaveletVarGrad: noisy.var(0, ddof=1),
        # the gradient is linear on the path, so both quadratures are exact
        WaveletIntegratedGradients: (
            transformed(x64 - BASELINE) * pulled(weights * (x64 + BASELINE))
        ),
    }[cls]
    rows = helpers.flatten(actual, channels=bool(shape[1:])).reshape(expected.shape)
    assert helpers.relative_error(rows, expected) <= 2 * TOLERANCE[framework]


@each_case
@each_explainer
@pytest.mark.usefixtures("same_noise")
def test_frameworks_agree(cls, shape, wavelet, mode, level):
    """And answer with maps of the input's shape, where each framework has its channels."""
    x, y = noise(2, *shape), one_hot(2)
    explanations, maps = {}, {}
    for framework, model in twins(shape).items():
        explainer = cls(
            model, wavelet=wavelet, mode=mode, level=level, include_approximation=True, **quick(cls)
        )
        explanations[framework] = explainer.explain_wavelet(native(x, framework), y)
        maps[framework] = np.asarray(explainer(native(x, framework), y))
    of_torch, of_keras = explanations["torch"], explanations["tensorflow"]
    assert of_torch.input_shape == of_keras.input_shape == x.shape
    assert helpers.explanation_error(of_torch, of_keras) <= 1e-4
    assert maps["tensorflow"].shape == ((2, *space(shape), 1) if len(shape) > 2 else x.shape)
    last = np.moveaxis(maps["torch"], 1, -1)
    assert helpers.relative_error(last, maps["tensorflow"]) <= 1e-4


@pytest.mark.parametrize(
    ("shape", "wavelet", "mode", "level"), [*CASES.values(), *LARGE_IMAGES], ids=str
)
@each_framework
def test_integrated_gradients_are_complete(framework, shape, wavelet, mode, level):
    x, y = noise(2, *shape), one_hot(2)
    options = {"wavelet": wavelet, "mode": mode, "level": level, "include_approximation": True}
    for value in (0.5,) if len(shape) != 3 else (0.0, 2.0, -1.0):
        explainer = WaveletIntegratedGradients(
            twins(shape)[framework], reducer="sum", steps=64, baseline_value=value, **options
        )
        explanation = explainer.explain_wavelet(native(x, framework), y)
        total = sum(band.reshape(2, -1).sum(1) for band in helpers.bands(explanation.coefficients))
        scores, baseline = (
            (twins(shape)["tensorflow"](values).numpy() * y).sum(-1)
            for values in (x, np.full_like(x, value))
        )
        assert np.abs(scores - baseline).min() > 0.01, "the test needs a model that tells them"
        np.testing.assert_allclose(total, scores - baseline, rtol=0.01)


# --- Sobol indices -------------------------------------------------------------------------


@pytest.mark.parametrize("kind", ["tf.Module", "torch"])
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
    numbers = np.concatenate([band.ravel() for band in helpers.bands(cells)])
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
        **quiet,
    )
    x = inverse.sum(axis=1).reshape(1, *shape).astype(np.float32)
    sobol = explainer.explain_wavelet(native(x, kind), np.ones((1, 1))).sobol
    others = np.zeros(len(places) - 4)
    np.testing.assert_allclose(sobol.total[0], [*total, *others], atol=0.015)
    np.testing.assert_allclose(sobol.first_order[0], [*first, *others], atol=0.03)


@pytest.mark.parametrize("kind", ["keras", "torch"])
@pytest.mark.parametrize("partition", ["mosaic", "subband"])
@pytest.mark.parametrize(("shape", "level"), [((32,), 2), ((32, 2), 2), ((8, 8, 4, 2), 1)], ids=str)
def test_indices_of_a_linear_model_are_the_squares_of_what_its_cells_contribute(
    kind, partition, shape, level
):
    """Σ w x = Σ (W w)(W x) for an orthogonal wavelet: a sum over the cells."""
    x, weights = noise(1, *shape), noise(1, *shape, seed=1)
    model = test_wcam.linear(kind, weights[0])
    explainer = WCAM(model, 4, 256, batch_size=1024, level=level, partition=partition, **quiet)
    sobol = explainer.explain_wavelet(native(x, kind), np.ones((1, 1))).sobol
    z, w = (pywt.wavedecn(v, "haar", "periodization", level, axes(shape)) for v in (x, weights))
    contributions = np.zeros(sobol.total.shape[1])
    for cells, of_x, of_w in zip(*map(helpers.bands, (sobol.cells, z, w)), strict=True):
        products = (of_x * of_w).reshape(*cells.shape, -1).sum(axis=-1)
        np.add.at(contributions, cells[cells >= 0], products[cells >= 0])
    expected = contributions**2 / (contributions**2).sum()
    np.testing.assert_allclose(sobol.total[0], expected, rtol=0.2, atol=0.005)


@each_case
def test_frameworks_agree_on_indices(shape, wavelet, mode, level):
    x, y = noise(2, *shape), one_hot(2)
    totals = []
    for framework, model in twins(shape).items():
        explainer = WCAM(model, 3, 8, wavelet=wavelet, mode=mode, level=level, **quiet)
        totals.append(explainer.explain_wavelet(native(x, framework), y).sobol.total)
    assert totals[0].max() > 0.1
    assert helpers.relative_error(totals[1], totals[0]) < 1e-4


@test_fam.each_kind
@pytest.mark.parametrize("size", [(32,), (25,), (8, 9, 10)], ids=str)
@pytest.mark.parametrize("number", range(4))
def test_fam_finds_the_band_that_a_model_looks_at(kind, size, number):
    radius = test_fam.radius(size)
    ring = np.minimum((radius / radius.max() * 4).astype(int), 3)
    model = test_fam.energy_of(kind, size, ring == number)
    explanation = test_fam.explain(model, native(noise(1, *size, 1), kind), nb_design=8)
    np.testing.assert_allclose(explanation.radial_importance(), np.eye(4)[[number]], atol=1e-4)


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
    options = {"nb_design": 8, "partition": "band", **quiet} if cls is WCAM else quick(cls)
    explainer = cls(difference_model(framework, axis), level=2, **options)
    explanation = explainer.explain_wavelet(native(noise(2, *CLIP), framework), np.ones((2, 1)))
    assert explanation.pixels().shape == (2, *CLIP[:3], 1)
    coarse, fine = explanation.coefficients[1:]
    masses = {key: np.abs(band).sum() for key, band in fine.items()}
    along = sum(mass for key, mass in masses.items() if key[axis] == "d")
    everything = sum(masses.values()) + sum(np.abs(band).sum() for band in coarse.values())
    assert along > 0
    assert along / everything > 0.9999


# --- errors --------------------------------------------------------------------------------


@each_framework
@each_method
@pytest.mark.parametrize(
    ("shape", "wavelet", "level", "highest"),
    [
        pytest.param((5,), "db4", 1, 0, id="signal shorter than the filter"),
        pytest.param((12, 2), "haar", 4, 3, id="signals"),
        pytest.param((3, 16, 16, 1), "db2", 1, 0, id="clip of three frames"),
        pytest.param((16, 4, 16, 1), "haar", 3, 2, id="flat volume"),
    ],
)
def test_a_level_too_high_names_the_highest_possible(
    cls, framework, shape, wavelet, level, highest
):
    explainer = cls(twins(shape)[framework], wavelet=wavelet, level=level)
    sizes = re.escape(str(space(shape)))
    with pytest.raises(ValueError, match=rf"level={level}.*{sizes}.*level possible is {highest}"):
        explainer(native(noise(2, *shape), framework), one_hot(2))


@each_method
@pytest.mark.parametrize(
    ("framework", "message"),
    [
        ("tensorflow", r"\(2, 32, 2\) do not fit the model, which takes .*1\)"),
        ("torch", r"\(\d, 2, 32\) do not fit the model.*1"),
    ],
)
def test_stereo_into_a_model_of_mono_is_told_by_its_channels(cls, framework, message):
    explainer = cls(twins((32, 1))[framework], level=2)
    with pytest.raises(ValueError, match=message):
        explainer(native(noise(2, 32, 2), framework), one_hot(2))


def few_forwards(cls: type) -> dict[str, Any]:
    return {"grid_size": 4} if cls is WCAM else quick(cls)


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
    options = {"level": 1, "ndim": len(size), **few_forwards(cls)}
    alone, beside = (
        cls(flat_model(framework, shape), **options).explain_wavelet(values, one_hot())
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
        FAM(flat_model(framework, shape), 4, ndim=2).explain_fourier(values, one_hot())
        for shape, values in (((8, 9), x), ((8, 9, 1), x[..., np.newaxis]))
    )
    np.testing.assert_allclose(alone.spectrum(), beside.spectrum(), rtol=1e-4, atol=1e-6)


@each_method
def test_inputs_of_another_number_of_axes_are_told(cls):
    explainer = cls(flat_model("torch", (8, 8)), ndim=3)
    with pytest.raises(ValueError, match="ndim=3 must have 4 axes, or 5 with channels"):
        explainer(noise(1, 8, 8), one_hot(1))
