"""WCAM: indices that are known, Xplique's own, and every model and input that it takes."""

from __future__ import annotations

import copy
import logging
import warnings
from typing import Any

import keras
import numpy as np
import pytest
import pywt
import sklearn.linear_model
import tensorflow as tf
import torch
import xplique
from torch import nn
from xplique.attributions import SobolAttributionMethod
from xplique.attributions.global_sensitivity_analysis import (
    GlenEstimator,
    HaltonSequenceRS,
    HommaEstimator,
    JanonEstimator,
    JansenEstimator,
    SaltelliEstimator,
    ScipySobolSequenceRS,
    TFSobolSequenceRS,
)
from xplique.wrappers import TorchWrapper

from wam_xplique import WaveletExplanation
from wam_xplique.algorithms.cells import PARTITIONS
from wam_xplique.attributions import FAM, WCAM
from wam_xplique.backends import tensorflow_backend, tensorflow_runner

from ..algorithms.test_estimators import FUNCTIONS, each_function
from ..conftest import ChannelsLastFlatten, channels_first, make_keras
from .helpers import CountingLayer, bands, relative_error

ESTIMATORS = (JansenEstimator, HommaEstimator, JanonEstimator, GlenEstimator, SaltelliEstimator)
KINDS = ("callable", "keras", "tf.Module", "torch")

each_estimator = pytest.mark.parametrize("estimator", ESTIMATORS, ids=lambda cls: cls.__name__)
each_kind = pytest.mark.parametrize("kind", KINDS)
each_partition = pytest.mark.parametrize("partition", PARTITIONS)
pytestmark = pytest.mark.filterwarnings("ignore:TF is set to run eagerly:UserWarning")
each_explainer = pytest.mark.parametrize("cls", [WCAM, FAM], ids=lambda cls: cls.__name__)
quiet = {"confidence": None}  # intervals are tested with the algorithm

# --- models that are functions of the pixels -----------------------------------------------


class TensorFlowFunction(tf.Module):
    def __init__(self, function: Any):
        super().__init__()
        self.function = function

    def __call__(self, x: tf.Tensor) -> tf.Tensor:
        flat = tf.reshape(x, (-1, np.prod(x.shape[1:])))
        return self.function(tf.unstack(flat, axis=1), tf)[:, tf.newaxis]


class TorchFunction(nn.Module):
    def __init__(self, function: Any):
        super().__init__()
        self.function = function

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return self.function(x.flatten(1).unbind(1), torch)[:, None]


def of_pixels(kind: str, function: Any) -> Any:
    """The model whose one output is ``function(pixels, ops)``."""
    if kind == "callable":
        return lambda x: function(x.reshape(len(x), -1).T, np)
    if kind == "torch":
        return TorchFunction(function).eval()
    module = TensorFlowFunction(function)
    if kind == "tf.Module":
        return module
    inputs = keras.Input((2, 2, 1))
    return keras.Model(inputs, keras.layers.Lambda(module, output_shape=(1,))(inputs))


def of_masks(model: Any, nb_design: int = 2048, **options: Any) -> Any:
    """Indices of an image of four ones: its pixels are the masks of four cells."""
    explainer = WCAM(
        model, 2, nb_design, batch_size=4096, level=0, include_approximation=True, **options
    )
    return explainer.explain_wavelet(np.ones((1, 2, 2, 1)), np.ones((1, 1))).sobol


def linear(kind: str, weights: np.ndarray) -> Any:
    """The model with the one output Σ w x, of images with their channels last."""
    if kind == "callable":
        return lambda x: x.reshape(len(x), -1) @ weights.reshape(-1, 1)
    if kind == "torch":
        layer = nn.Linear(weights.size, 1, bias=False)
        with torch.no_grad():
            layer.weight.copy_(torch.tensor(weights.reshape(1, -1)))
        return nn.Sequential(ChannelsLastFlatten(), layer).eval()
    dense = keras.layers.Dense(1, use_bias=False)
    model = keras.Sequential([keras.Input(weights.shape), keras.layers.Flatten(), dense])
    dense.set_weights([weights.reshape(-1, 1)])
    return model


def as_given_to(kind: str, x: np.ndarray) -> Any:
    return channels_first(x) if kind == "torch" else x


def noise(*shape: int, seed: int = 0) -> np.ndarray:
    return np.random.default_rng(seed).standard_normal(shape).astype(np.float32)


class Counted:
    """A callable with two outputs, which counts its rows."""

    def __init__(self, hook: Any = lambda calls: None):
        self.rows: list[int] = []
        self.hook = hook

    def __call__(self, x: np.ndarray) -> np.ndarray:
        self.rows.append(len(x))
        self.hook(self.rows)
        flat = x.reshape(len(x), -1)
        weights = np.sin(np.arange(flat.shape[1])) / np.sqrt(flat.shape[1])
        return np.stack([np.tanh(flat @ weights), (flat**2).mean(axis=1)], axis=1)


# --- indices that are known ----------------------------------------------------------------


@each_kind
@each_function
def test_indices_of_known_functions_of_the_masks_are_found(kind, function, total, first):
    sobol = of_masks(of_pixels(kind, function), **quiet)
    np.testing.assert_allclose(sobol.total[0], total, atol=0.015)
    np.testing.assert_allclose(sobol.first_order[0], first, atol=0.03)


@each_estimator
@pytest.mark.parametrize("name", ["interaction", "g"])
def test_all_estimators_of_xplique_find_them(estimator, name):
    function, total, _ = FUNCTIONS[name]
    sobol = of_masks(of_pixels("callable", function), estimator=estimator(), **quiet)
    np.testing.assert_allclose(sobol.total[0], total, atol=0.04)


@each_kind
def test_bootstrap_intervals_hold_known_indices(kind):
    function, total, _ = FUNCTIONS["g"]
    sobol = of_masks(of_pixels(kind, function), 1024, seed=1)
    low, high = sobol.interval[0].T
    assert ((low <= total) & (total <= high)).all()
    assert np.ptp(sobol.interval).max() < 1
    assert sobol.confidence == 0.95


def test_an_estimator_of_xplique_is_resampled_too():
    function, _, _ = FUNCTIONS["g"]
    sobol = of_masks(of_pixels("callable", function), 64, estimator=JanonEstimator())
    low, high = sobol.interval[0].T
    assert ((low < sobol.total[0]) & (sobol.total[0] < high)).all()


@pytest.mark.parametrize(
    ("kind", "partition"),
    [
        *(("callable", partition) for partition in PARTITIONS),
        ("keras", "mosaic"),
        ("torch", "mosaic"),
    ],
)
@pytest.mark.parametrize("approximation", [False, True])
def test_indices_of_a_linear_model_are_the_squares_of_what_its_cells_contribute(
    kind, partition, approximation
):
    """Σ w x = Σ (W w)(W x) for an orthogonal wavelet: a sum over the cells."""
    x, weights = noise(1, 16, 16, 2), noise(16, 16, 2, seed=1)
    explainer = WCAM(
        linear(kind, weights),
        4,
        256,
        batch_size=1024,
        level=2,
        partition=partition,
        include_approximation=approximation,
        **quiet,
    )
    explanation = explainer.explain_wavelet(as_given_to(kind, x), np.ones((1, 1)))
    z, w = (bands(pywt.wavedecn(v, "haar", "periodization", 2, (0, 1))) for v in (x[0], weights))
    sobol = explanation.sobol
    contributions = np.zeros(sobol.total.shape[1])
    for cells, of_x, of_w in zip(bands(sobol.cells), z, w, strict=True):
        live = cells >= 0
        np.add.at(contributions, cells[live], (of_x * of_w).sum(axis=-1)[live])
    expected = contributions**2 / (contributions**2).sum()
    np.testing.assert_allclose(sobol.total[0], expected, atol=0.03)
    np.testing.assert_allclose(sobol.first_order[0], expected, atol=0.08)


# --- Xplique's own Sobol method ------------------------------------------------------------


def without_softmax(model: keras.Model) -> keras.Model:
    return keras.Model(model.inputs, model.get_layer("logits").output)


@pytest.fixture(scope="module")
def small_model() -> keras.Model:
    return without_softmax(make_keras(8))


def wcam_like(method: SobolAttributionMethod, sampler: Any) -> WCAM:
    return WCAM(
        method.model,
        method.grid_size,
        method.nb_design,
        sampler,
        method.estimator,
        level=0,
        include_approximation=True,
        **quiet,
    )


@each_estimator
def test_without_levels_wcam_is_xpliques_sobol_method(estimator, small_model):
    """On an image of the grid's size, whose indices Xplique does not resize."""
    x, y = np.abs(noise(2, 8, 8, 3)), np.eye(3, dtype=np.float32)[[0, 2]]
    method = SobolAttributionMethod(
        small_model, 8, 4, TFSobolSequenceRS(), estimator(), "inpainting"
    )
    theirs = method(x, y).numpy()
    sobol = wcam_like(method, TFSobolSequenceRS()).explain_wavelet(x, y).sobol
    assert relative_error(sobol.total.reshape(2, 8, 8, 1), theirs) < 2e-3


@pytest.mark.parametrize(
    ("estimator", "sampler", "grid_size"),
    [
        *((estimator, TFSobolSequenceRS, 4) for estimator in ESTIMATORS),
        (JansenEstimator, ScipySobolSequenceRS, 3),
        (JansenEstimator, HaltonSequenceRS, 3),
        (GlenEstimator, HaltonSequenceRS, 5),
    ],
)
def test_without_levels_wcam_has_xpliques_indices_before_they_are_resized(
    estimator, sampler, grid_size, small_model
):
    x, y = np.abs(noise(1, 8, 8, 3)), np.eye(3, dtype=np.float32)[[1]]
    method = SobolAttributionMethod(small_model, grid_size, 8, sampler(), estimator(), "inpainting")
    perturbed, targets = method._batch_perturbations(
        method.masks, method.perturbation_function(tf.constant(x[0])), tf.constant(y[0]), (8, 8)
    )
    outputs = method.inference_function(small_model, perturbed, targets)
    theirs = method.estimator(method.masks, outputs, 8).numpy()
    sobol = wcam_like(method, sampler()).explain_wavelet(x, y).sobol
    assert relative_error(sobol.total.reshape(theirs.shape), theirs) < 2e-3


# --- frameworks, batches and memory --------------------------------------------------------


def explain(cls: type, model: Any, x: Any, y: Any, **options: Any) -> Any:
    explainer = cls(model, **{"grid_size": 4, "nb_design": 4, **quiet, **options})
    if cls is WCAM:
        explainer.level = 2
        return explainer.explain_wavelet(x, y).sobol
    return explainer.explain_fourier(x, y).sobol


@each_explainer
def test_frameworks_agree(cls, keras_model, torch_model, images, targets):
    expected = explain(cls, keras_model, images, targets).total
    assert expected.max() > 0.1
    of_torch = explain(cls, torch_model, channels_first(images), torch.tensor(targets))
    assert relative_error(of_torch.total, expected) < 1e-4
    wrapped = explain(cls, TorchWrapper(torch_model, "cpu"), images, targets)
    tf.config.run_functions_eagerly(False)  # as the wrapper has it
    assert relative_error(wrapped.total, of_torch.total) < 1e-6

    class Module(tf.Module):
        def __call__(self, x: tf.Tensor) -> tf.Tensor:
            return keras_model(x)

    for model in (lambda x: keras_model(x).numpy(), Module()):
        assert relative_error(explain(cls, model, images, targets).total, expected) < 1e-4


@each_explainer
@pytest.mark.parametrize("framework", ["numpy", "tensorflow", "torch"])
def test_the_batch_size_and_the_other_inputs_change_nothing(
    cls, framework, keras_model, torch_model, images, targets
):
    # In single precision, products of matrices round as the size of the batch has it.
    double = copy.deepcopy(torch_model).double()
    model = {"numpy": Counted(), "tensorflow": keras_model, "torch": double}[framework]
    x, y = images[:2], np.eye(2 if framework == "numpy" else 3)[[0, 1]]
    expected = explain(cls, model, x, y).total
    for batch_size in (7, None, *([1] if framework == "torch" else [])):
        assert (
            relative_error(explain(cls, model, x, y, batch_size=batch_size).total, expected) < 1e-4
        )
    alone = np.concatenate(
        [explain(cls, model, x[i : i + 1], y[i : i + 1], batch_size=64).total for i in (0, 1)]
    )
    assert relative_error(alone, expected) < 1e-4


@pytest.mark.usefixtures("steady")
@each_explainer
@pytest.mark.parametrize("batch_size", [1, 5, 16, 100])
@pytest.mark.parametrize("count", [1, 3])
def test_no_batch_is_larger_than_asked_for(cls, batch_size, count):
    model = Counted()
    sobol = explain(
        cls, model, noise(count, 8, 8, 1), np.eye(2)[[0] * count], batch_size=batch_size
    )
    assert max(model.rows) <= batch_size
    assert sum(model.rows) == sobol.forwards.sum() == count * 4 * (sobol.total.shape[1] + 2)


class TooSmall(nn.Module):
    """A module on a device that holds four inputs."""

    def __init__(self):
        super().__init__()
        self.rows: list[int] = []

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        self.rows.append(len(x))
        if len(x) > 4:
            raise torch.cuda.OutOfMemoryError("CUDA out of memory.")
        return (x**2).mean((2, 3))[:, :2]


class TooSmallLayer(CountingLayer):
    """What notes the rows has no memory; TensorFlow makes its own error of that."""

    def call(self, x: tf.Tensor) -> tf.Tensor:
        def note(value: np.ndarray) -> np.ndarray:
            self.rows.append(len(value))
            if len(value) > 4:
                raise MemoryError
            return value

        return tf.ensure_shape(tf.numpy_function(note, [x], x.dtype), x.shape)


def too_small(framework: str) -> tuple[Any, list[int]]:
    """A model whose device holds four inputs, and the rows of each call."""
    if framework == "torch":
        module = TooSmall().eval()
        return module, module.rows
    if framework == "tensorflow":
        layer, inputs = TooSmallLayer(), keras.Input((8, 8, 2))
        pooled = keras.layers.GlobalAveragePooling2D()(keras.ops.square(layer(inputs)))
        return keras.Model(inputs, pooled), layer.rows

    def hook(rows: list[int]) -> None:
        if rows[-1] > 4:
            raise MemoryError

    model = Counted(hook)
    return model, model.rows


@pytest.mark.parametrize("framework", ["numpy", "tensorflow", "torch"])
def test_a_device_that_is_too_small_is_found_out_once(framework, caplog):
    model, rows = too_small(framework)
    x, y = as_given_to(framework, noise(2, 8, 8, 2)), np.eye(2)[[0, 1]]
    explainer = WCAM(model, 4, 4, level=1, batch_size=16, **quiet)
    rows.clear()
    with caplog.at_level(logging.WARNING, "wam_xplique"):
        first = explainer.explain_wavelet(x, y).sobol.total
        assert [count for count in rows if count > 4] == [16, 8]
        rows.clear()
        second = explainer.explain_wavelet(x, y).sobol.total
    assert max(rows) == 4
    ours = [record for record in caplog.records if record.name.startswith("wam_xplique")]
    assert len(ours) == 1
    np.testing.assert_array_equal(first, second)
    small = WCAM(model, 4, 4, level=1, batch_size=3, **quiet).explain_wavelet(x, y).sobol.total
    assert relative_error(first, small) < 1e-5
    assert explainer.batch_size == 16


def test_another_batch_size_is_tried_anew():
    model, rows = too_small("numpy")
    explainer = WCAM(model, 4, 4, level=1, batch_size=16, **quiet)
    explainer(noise(1, 8, 8, 2), np.eye(2)[[0]])
    explainer.batch_size = 2
    rows.clear()
    explainer(noise(1, 8, 8, 2), np.eye(2)[[0]])
    assert max(rows) == 2


def test_an_interrupt_comes_through_and_the_explainer_works_afterwards():
    def hook(rows: list[int]) -> None:
        if len(rows) == 3:
            raise KeyboardInterrupt

    model, x, y = Counted(hook), noise(1, 8, 8, 1), np.eye(2)[[0]]
    explainer = WCAM(model, 4, 4, level=1, batch_size=8, **quiet)
    with pytest.raises(KeyboardInterrupt):
        explainer(x, y)
    expected = WCAM(Counted(), 4, 4, level=1, batch_size=8, **quiet)(x, y)
    np.testing.assert_array_equal(explainer(x, y), expected)


@each_explainer
def test_progress_is_shown_on_stderr_if_asked_for(cls, capsys):
    sobol = explain(cls, Counted(), noise(2, 8, 8, 1), np.eye(2)[[0, 0]], verbose=True)
    out, err = capsys.readouterr()
    assert f"{sobol.forwards.sum()}/{sobol.forwards.sum()}" in err
    assert not out
    explain(cls, Counted(), noise(2, 8, 8, 1), np.eye(2)[[0, 0]])
    assert capsys.readouterr() == ("", "")


# --- growing designs -----------------------------------------------------------------------


@pytest.mark.usefixtures("steady")
@each_explainer
@pytest.mark.parametrize(
    "until", [{"forwards": 400}, {"rank_correlation": 0.95}, {"interval": 0.4}], ids=str
)
def test_a_grown_design_makes_no_forward_twice_and_ends_as_a_plain_one(cls, until):
    model, x, y = Counted(), noise(2, 8, 8, 1), np.eye(2)[[0, 0]]
    grown = explain(cls, model, x, y, until=until, confidence=0.9)
    assert sum(model.rows) == grown.forwards.sum()
    cells = grown.total.shape[1]
    np.testing.assert_array_equal(grown.forwards, grown.nb_design * (cells + 2))
    for i in range(2):
        whole = explain(cls, Counted(), x, y, nb_design=int(grown.nb_design[i]), confidence=0.9)
        for name in ("total", "first_order", "interval", "importance_interval", "variance"):
            np.testing.assert_allclose(getattr(grown, name)[i], getattr(whole, name)[i], atol=1e-5)


def test_each_input_grows_by_itself():
    """The first depends on one cell; the second on all."""
    x = np.zeros((2, 8, 8, 1))
    x[0, 0, 0] = x[1] = 1

    def model(images: np.ndarray) -> np.ndarray:
        return np.prod(1 + images.reshape(len(images), -1), axis=1)

    explainer = WCAM(
        model, 4, 4, level=0, include_approximation=True, until={"interval": 0.2}, seed=3
    )
    nb_design = explainer.explain_wavelet(x, np.ones((2, 1))).sobol.nb_design
    assert nb_design[0] != nb_design[1]


# --- scores that do not vary ---------------------------------------------------------------


@each_explainer
@pytest.mark.parametrize("kind", ["callable", "keras", "torch"])
def test_a_constant_model_has_no_indices_and_says_so(cls, kind):
    model = linear(kind, np.zeros((8, 8, 2), np.float32))
    x = as_given_to(kind, noise(2, 8, 8, 2))
    with pytest.warns(UserWarning, match=r"inputs \[0, 1\] do not vary") as warned:
        sobol = explain(cls, model, x, np.ones((2, 1)), confidence=0.95)
    assert warned[0].filename == __file__, "the warning names the caller's line"
    measured = sobol.importance()[:, int(cls is WCAM) :]  # all but the approximation
    for values in (sobol.total, sobol.first_order, sobol.interval, measured):
        np.testing.assert_array_equal(values, 0)


def test_one_constant_input_among_others_is_named():
    x = noise(3, 8, 8, 1)
    x[1] = 2  # no details to perturb
    with pytest.warns(UserWarning, match=r"inputs \[1\] do not vary.*logits"):
        explanation = WCAM(Counted(), 4, 4, level=2).explain_wavelet(x, np.eye(2)[[0, 0, 0]])
    assert not explanation.sobol.total[1].any()
    np.testing.assert_allclose(np.nansum(explanation.scale_importance(), axis=1), [1, 0, 1])
    assert all(np.isfinite(band).all() for band in bands(explanation.coefficients))
    assert np.isfinite(explanation.pixels()).all()
    expected = WCAM(Counted(), 4, 4, level=2).explain_wavelet(x[::2], np.eye(2)[[0, 0]])
    np.testing.assert_allclose(explanation.sobol.total[::2], expected.sobol.total, atol=1e-6)


# --- what is perturbed ---------------------------------------------------------------------


def seen_by_the_model(x: np.ndarray, **options: Any) -> np.ndarray:
    seen = []

    def model(images: np.ndarray) -> np.ndarray:
        seen.append(images)
        return (images**2).mean(axis=(1, 2, 3))

    WCAM(model, 4, 8, **quiet, **options).explain_wavelet(x, np.ones((len(x), 1)))
    return np.concatenate(seen)


def block_means(x: np.ndarray, size: int) -> np.ndarray:
    n, height, width, channels = x.shape
    return x.reshape(n, height // size, size, width // size, size, channels).mean(axis=(2, 4))


def test_a_held_approximation_keeps_the_means_of_blocks():
    x = noise(1, 16, 16, 3)
    held = seen_by_the_model(x, level=2)
    np.testing.assert_allclose(
        block_means(held, 4), block_means(x, 4).repeat(len(held), 0), atol=1e-5
    )
    assert np.abs(held - x).max() > 0.5
    perturbed = seen_by_the_model(x, level=2, include_approximation=True)
    assert np.abs(block_means(perturbed, 4) - block_means(x, 4)).max() > 0.1


def test_all_channels_are_perturbed_by_one_mask():
    x = np.repeat(noise(1, 16, 16, 1), 3, axis=-1) * np.array([1, 2, -3], np.float32)
    seen = seen_by_the_model(x, level=2, include_approximation=True)
    np.testing.assert_allclose(seen[..., 1], 2 * seen[..., 0], atol=1e-5)
    np.testing.assert_allclose(seen[..., 2], -3 * seen[..., 0], atol=1e-5)


# --- the explanation -----------------------------------------------------------------------

INPUTS = {  # (shape of the inputs, number of axes transformed, shape of the map)
    "signal": ((2, 32), 1, (2, 32)),
    "signals": ((2, 32, 3), 1, (2, 32, 3)),
    "image": ((2, 16, 12, 3), 2, (2, 16, 12, 1)),
    "odd image": ((2, 15, 13, 2), 2, (2, 15, 13, 1)),
    "volume": ((2, 8, 12, 8, 2), 3, (2, 8, 12, 8, 1)),
}
each_input = pytest.mark.parametrize(("shape", "ndim", "map_shape"), INPUTS.values(), ids=INPUTS)


@each_input
@each_partition
@pytest.mark.parametrize("mode", ["periodization", "symmetric"])
def test_every_input_has_an_explanation_of_its_shape(shape, ndim, map_shape, partition, mode):
    size = {1: 8, 2: 5, 3: 3}[ndim]
    explainer = WCAM(Counted(), size, 4, level=2, partition=partition, mode=mode, **quiet)
    if partition == "subband" and ndim == 3:
        explainer.level = 1
    x, y = noise(*shape), np.eye(2)[[0, 1]]
    explanation = explainer.explain_wavelet(x, y)
    assert explanation.input_shape == shape
    assert explanation.spatial_shape == shape[1 : 1 + ndim]
    assert explanation.pixels().shape == map_shape
    tail = map_shape[1 + ndim :] if ndim == 1 else ()
    assert explanation.by_scale().shape == (2, explainer.level + 1, *shape[1 : 1 + ndim], *tail)
    channels = 3 if shape == (2, 32, 3) else 1
    z = pywt.wavedecn(x, "haar", mode, explainer.level, range(1, 1 + ndim))
    packed, _ = pywt.coeffs_to_array(z, axes=range(1, 1 + ndim))
    assert explanation.mosaic().shape == (*packed.shape[: 1 + ndim], channels)
    drop_in = explainer(x, y)
    assert isinstance(drop_in, tf.Tensor)
    assert drop_in.dtype == tf.float32
    np.testing.assert_allclose(drop_in, explanation.pixels(), atol=1e-6)


@each_input
@each_partition
@pytest.mark.parametrize("approximation", [False, True])
def test_every_coefficient_carries_the_index_of_its_cell(
    shape, ndim, map_shape, partition, approximation
):
    explainer = WCAM(
        Counted(), 3, 4, level=1, partition=partition, include_approximation=approximation, **quiet
    )
    explanation = explainer.explain_wavelet(noise(*shape), np.eye(2)[[0, 1]])
    total = explanation.sobol.total
    for values, cells in zip(
        bands(explanation.coefficients), bands(explanation.sobol.cells), strict=True
    ):
        values = values[..., 0] if len(shape) == 3 else values
        for place in np.ndindex(cells.shape):
            expected = 0 if cells[place] < 0 else total[:, cells[place]]
            np.testing.assert_allclose(values[(slice(None), *place)], expected, rtol=1e-6)
    if not approximation:
        assert not explanation.coefficients[0].any()


@each_input
@pytest.mark.parametrize("approximation", [False, True])
def test_the_importance_of_a_scale_counts_each_cell_once_and_shares_those_that_straddle(
    shape, ndim, map_shape, approximation
):
    """A mosaic of an odd grid: some cells lie in two levels."""
    explainer = WCAM(Counted(), 3, 4, level=1, include_approximation=approximation, **quiet)
    explanation = explainer.explain_wavelet(noise(*shape), np.eye(2)[[0, 1]])
    cells, total = explanation.sobol.cells, explanation.sobol.total
    expected = np.zeros((2, 2))
    for cell in range(total.shape[1]):
        areas = np.array([np.sum(band == cell) for band in bands(cells)])
        for level, area in ((0, areas[0]), (1, areas[1:].sum())):
            expected[:, level] += total[:, cell] * area / areas.sum()
    expected /= expected.sum(axis=1, keepdims=True)
    if not approximation:
        expected[:, 0] = np.nan  # it was not measured
    np.testing.assert_allclose(explanation.scale_importance(), expected)
    assert approximation == (expected[:, 0] > 0).all()


def test_an_explanation_survives_the_disk(tmp_path):
    for options in ({}, {"confidence": None}):
        explanation = WCAM(Counted(), 4, 4, level=2, **options).explain_wavelet(
            noise(2, 15, 16, 3), np.eye(2)[[0, 1]]
        )
        explanation.save(tmp_path / "wcam")
        loaded = WaveletExplanation.load(tmp_path / "wcam.npz")
        assert loaded.input_shape == explanation.input_shape
        np.testing.assert_array_equal(loaded.pixels(), explanation.pixels())
        np.testing.assert_array_equal(loaded.scale_importance(), explanation.scale_importance())
        for name, expected in vars(explanation.sobol).items():
            actual = getattr(loaded.sobol, name)
            if name == "cells":
                for one, other in zip(bands(actual), bands(expected), strict=True):
                    np.testing.assert_array_equal(one, other)
            elif expected is None or name == "confidence":
                assert actual == expected
            else:
                np.testing.assert_array_equal(actual, expected)
                assert actual.dtype == expected.dtype


# --- any model -----------------------------------------------------------------------------


def test_scikit_learn_classifies_signals():
    """The index of a logistic regression lies in the band that it was trained on."""
    rng = np.random.default_rng(0)
    labels = rng.integers(0, 2, 200)
    x = rng.standard_normal((200, 32)) + 2 * labels[:, None] * np.tile([1, -1], 16)
    model = sklearn.linear_model.LogisticRegression().fit(x, labels)
    signal = x[labels == 1][:1] / 4
    explainer = WCAM(model, 1, 256, level=3, partition="scale", include_approximation=True)
    explanation = explainer.explain_wavelet(signal, np.eye(2)[[1]])
    assert explanation.scale_importance()[0, -1] > 0.9
    assert explainer(signal, np.eye(2)[[1]]).shape == (1, 32)


class Predictor:
    """An object with predictions only."""

    def predict_proba(self, x: np.ndarray) -> np.ndarray:
        return Counted()(x)


def test_an_object_with_predict_proba_is_a_model(images):
    y = np.eye(2)[[0, 1, 0, 1]]
    expected = explain(WCAM, Counted(), images, y).total
    np.testing.assert_array_equal(explain(WCAM, Predictor(), images, y).total, expected)


@pytest.mark.filterwarnings("ignore:.*tf.lite.Interpreter is deprecated:UserWarning")
@each_explainer
def test_tflite_interpreters_are_models(cls):
    model = make_keras(8, classes=2)
    content = tf.lite.TFLiteConverter.from_keras_model(model).convert()
    interpreter = tf.lite.Interpreter(model_content=content)
    x, y = noise(1, 8, 8, 3), np.eye(2, dtype=np.float32)[[1]]
    expected = explain(cls, model, x, y).total
    assert relative_error(explain(cls, interpreter, x, y).total, expected) < 1e-3


def squared(model: Any, x: Any, y: Any) -> tf.Tensor:
    return tf.reduce_sum(model(x) * y, axis=-1) ** 2


def test_a_torch_wrapper_takes_an_operator_of_tensorflow(torch_model, keras_model, images, targets):
    wrapper = TorchWrapper(torch_model, "cpu")
    actual = explain(WCAM, wrapper, images[:1], targets[:1], operator=squared).total
    tf.config.run_functions_eagerly(False)
    expected = explain(WCAM, keras_model, images[:1], targets[:1], operator=squared).total
    assert relative_error(actual, expected) < 1e-3
    plain = explain(WCAM, keras_model, images[:1], targets[:1]).total
    assert relative_error(actual, plain) > 1e-2


@each_explainer
def test_operators_of_ones_own_are_explained_in_every_framework(
    cls, keras_model, torch_model, images, targets
):
    def in_torch(model: Any, x: Any, y: Any) -> Any:
        return (model(x) * y).sum(-1) ** 2

    images = 3 * images  # the less scores vary, the more their rounding weighs in the indices
    expected = explain(cls, keras_model, images, targets, operator=squared).total
    actual = explain(
        cls, torch_model, channels_first(images), torch.tensor(targets), operator=in_torch
    )
    assert relative_error(actual.total, expected) < 1e-4

    def any_model(x: Any) -> Any:
        return keras_model(x)

    of_callable = explain(cls, any_model, images, targets, operator=squared)
    assert relative_error(of_callable.total, expected) < 1e-4


@pytest.mark.parametrize("operator", ["classification", xplique.Tasks.CLASSIFICATION, "regression"])
@each_kind
def test_tasks_have_names(operator, kind):
    function, _, _ = FUNCTIONS["g"]
    model = of_pixels(kind, function)
    expected = of_masks(model, 16, **quiet).total
    np.testing.assert_allclose(of_masks(model, 16, operator=operator, **quiet).total, expected)


class Segmenter(nn.Module):
    """Two classes for each pixel: the mean over its neighbours, and its opposite."""

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        mean = nn.functional.avg_pool2d(x.sum(1, keepdim=True), 3, 1, 1, count_include_pad=False)
        return torch.cat([mean, -(mean**2)], 1)


def segmenting_keras() -> keras.Model:
    inputs = keras.Input((8, 8, 2))
    total = keras.ops.sum(inputs, axis=-1, keepdims=True)
    mean = keras.layers.AveragePooling2D(3, 1, "same")(total)
    return keras.Model(inputs, keras.layers.Concatenate()([mean, -(mean**2)]))


@each_explainer
def test_zones_of_segmentations_are_explained(cls):
    x, zone = noise(2, 8, 8, 2), np.zeros((2, 8, 8, 2), np.float32)
    zone[0, :3, :3, 0] = zone[1, 4:, 4:, 1] = 1
    expected = explain(cls, segmenting_keras(), x, zone, operator="semantic segmentation")
    assert expected.total.max() > 0.1
    actual = explain(
        cls,
        Segmenter().eval(),
        channels_first(x),
        channels_first(zone),
        operator="semantic segmentation",
    )
    assert relative_error(actual.total, expected.total) < 1e-4
    if cls is WCAM:  # what lies outside of the zone has no index
        sobol = (
            WCAM(
                segmenting_keras(),
                2,
                4,
                operator="semantic segmentation",
                level=0,
                include_approximation=True,
            )
            .explain_wavelet(x, zone)
            .sobol
        )
        np.testing.assert_array_equal(sobol.total[0, 1:], 0)


@each_explainer
def test_what_is_given_in_pytorch_comes_back_in_pytorch(cls, torch_model, images, targets):
    explainer = cls(torch_model, 4, 4, **quiet)
    actual = explainer(channels_first(images), torch.tensor(targets))
    assert isinstance(actual, torch.Tensor)
    assert actual.shape == (4, 1, 32, 32)
    expected = explainer(images, targets)
    assert isinstance(expected, tf.Tensor)
    assert expected.shape == (4, 32, 32, 1)
    np.testing.assert_allclose(actual.numpy()[:, 0], expected.numpy()[..., 0], atol=1e-5)


def test_pytorch_tensors_reach_a_callable_as_arrays_with_channels_first():
    seen = []

    def model(x: Any) -> np.ndarray:
        seen.append(x)
        return (x**2).mean(axis=(2, 3))[:, :1]

    explanation = WCAM(model, 4, 4, level=1)(torch.rand(2, 3, 8, 12), torch.ones(2, 1))
    assert explanation.shape == (2, 1, 8, 12)
    assert all(isinstance(x, np.ndarray) and x.shape[1:] == (3, 8, 12) for x in seen)


@pytest.mark.parametrize("batched", [False, True])
@each_explainer
def test_datasets_hold_inputs_and_targets(cls, batched, keras_model, images, targets):
    dataset = tf.data.Dataset.from_tensor_slices((images, targets))
    dataset = dataset.batch(3) if batched else dataset
    expected = explain(cls, keras_model, images, targets).total
    np.testing.assert_array_equal(explain(cls, keras_model, dataset, None).total, expected)


def test_calling_and_explaining_are_the_same(keras_model, images, targets, monkeypatch):
    # What is compiled on the way gives the same but for rounding: all is from the beginning.
    monkeypatch.setattr(tensorflow_backend, "_WORTH_TRACING", 0)
    monkeypatch.setattr(tensorflow_runner, "_WORTH_TRACING", 0)
    explainer = WCAM(keras_model, 4, 2, level=2, **quiet)
    explanation = explainer.explain_wavelet(images, targets)
    for result in (explainer(images, targets), explainer.explain(images, targets)):
        np.testing.assert_array_equal(result, explanation.pixels())


@pytest.mark.usefixtures("steady")
def test_defaults_are_the_papers_on_an_image_of_imagenets_size():
    """28x28 cells of three levels, the approximation held: the smallest design."""
    model = Counted()
    explainer = WCAM(model, nb_design=2, **quiet)
    explanation = explainer.explain_wavelet(noise(1, 56, 56, 1), np.eye(2)[[0]])
    assert explanation.level == 3
    assert explanation.wavelet == "haar"
    # The approximation takes 7 of 56 coefficients a side: 3.5 of 28 cells, 9 of them whole.
    assert explanation.sobol.total.shape == (1, 784 - 9)
    assert sum(model.rows) == 2 * (784 - 9 + 2)


def test_designs_too_few_are_told_and_those_named_suffice():
    weights = np.random.default_rng(0).normal(size=(8, 8, 1))

    def model(x):
        return np.exp((x * weights).sum(axis=(1, 2, 3)) / 4)[:, np.newaxis]

    x = np.random.default_rng(1).normal(size=(12, 8, 8, 1)).astype(np.float32)
    options = {"grid_size": 8, "level": 2, "include_approximation": True}
    with pytest.warns(UserWarning, match="are not to be trusted") as caught:
        sobol = WCAM(model, nb_design=4, **options).explain_wavelet(x, np.ones((12, 1))).sobol
    doubtful = np.flatnonzero(sobol.error() > 0.2)
    assert 0 < len(doubtful) < 12
    enough = int(sobol.enough_designs()[doubtful].max())
    (message,) = (str(warning.message) for warning in caught)
    assert f"inputs {doubtful.tolist()} are" in message
    assert f"nb_design={enough} would" in message
    with warnings.catch_warnings():
        warnings.simplefilter("error", UserWarning)
        WCAM(model, nb_design=enough, **options).explain_wavelet(x, np.ones((12, 1)))
