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

from wam_xplique.algorithms.cells import PARTITIONS
from wam_xplique.attributions import WCAM

from ..algorithms.test_estimators import FUNCTIONS, each_function
from ..conftest import make_keras
from ..modules import channels_first, segmenters
from . import helpers
from .helpers import (
    Counted,
    Module,
    bands,
    each,
    each_sobol,
    indices,
    native,
    noise,
    relative_error,
    squared,
)

ESTIMATORS = (JansenEstimator, HommaEstimator, JanonEstimator, GlenEstimator, SaltelliEstimator)
KINDS = ("callable", "tensorflow", "torch")

each_kind = pytest.mark.parametrize("kind", KINDS)
each_partition = pytest.mark.parametrize("partition", PARTITIONS)
pytestmark = pytest.mark.filterwarnings("ignore:TF is set to run eagerly:UserWarning")
quiet = {"confidence": None}  # intervals are tested with the algorithm

# --- models that are functions of the pixels -----------------------------------------------


def of_pixels(kind: str, function: Any) -> Any:
    """The model whose one output is ``function(pixels, ops)``."""
    ops = {"callable": np, "tensorflow": tf, "torch": torch}[kind]
    return helpers.flat_model(
        kind, lambda x: function([x[:, i] for i in range(x.shape[1])], ops)[:, None]
    )


def of_masks(model: Any, nb_design: int = 2048, **options: Any) -> Any:
    """Indices of an image of four ones: its pixels are the masks of four cells."""
    explainer = WCAM(
        model, 2, nb_design, batch_size=4096, level=0, include_approximation=True, **options
    )
    x = native(np.ones((1, 2, 2, 1)), "torch" if isinstance(model, torch.nn.Module) else "callable")
    return explainer.explain_wavelet(x, np.ones((1, 1))).sobol


def linear(kind: str, weights: np.ndarray) -> Any:
    """The model with the one output Σ w x, of images with their channels last."""
    return helpers.flat_model(kind, lambda x, w: x @ w, weights.reshape(-1, 1))


# --- indices that are known ----------------------------------------------------------------


@each_kind
@each_function
def test_indices_of_known_functions_of_the_masks_are_found(kind, function, total, first):
    sobol = of_masks(of_pixels(kind, function), **quiet)
    np.testing.assert_allclose(sobol.total[0], total, atol=0.015)
    np.testing.assert_allclose(sobol.first_order[0], first, atol=0.03)


@each(ESTIMATORS)
@pytest.mark.parametrize("name", ["interaction", "g"])
def test_all_estimators_of_xplique_find_them(cls, name):
    function, total, _ = FUNCTIONS[name]
    sobol = of_masks(of_pixels("callable", function), estimator=cls(), **quiet)
    np.testing.assert_allclose(sobol.total[0], total, atol=0.04)


def test_bootstrap_intervals_hold_known_indices_and_those_of_an_estimator_of_xplique_its_own():
    function, total, _ = FUNCTIONS["g"]
    model = of_pixels("callable", function)
    sobol, janon = of_masks(model, 1024, seed=1), of_masks(model, 64, estimator=JanonEstimator())
    for interval, held in ((sobol.interval, total), (janon.interval, janon.total[0])):
        low, high = interval[0].T
        assert ((low < held) & (held < high)).all()
    assert np.ptp(sobol.interval).max() < 1
    assert sobol.confidence == 0.95


KINDS_AND_PARTITIONS = [
    *(("callable", partition) for partition in PARTITIONS),
    *((kind, "mosaic") for kind in ("tensorflow", "torch")),
]


@pytest.mark.parametrize(
    ("kind", "partition", "shape", "level", "approximation"),
    [
        *((*of, (16, 16, 2), 2, whole) for of in KINDS_AND_PARTITIONS for whole in (False, True)),
        *(
            (kind, partition, *of, False)
            for kind in ("tensorflow", "torch")
            for partition in ("mosaic", "subband")
            for of in (((32,), 2), ((32, 2), 2), ((8, 8, 4, 2), 1))
        ),
    ],
    ids=str,
)
def test_indices_of_a_linear_model_are_the_squares_of_what_its_cells_contribute(
    kind, partition, shape, level, approximation
):
    """Σ w x = Σ (W w)(W x) for an orthogonal wavelet: a sum over the cells."""
    x, weights = noise(1, *shape), noise(*shape, seed=1)
    design = {"nb_design": 256, "batch_size": 1024, "partition": partition, "level": level}
    given = linear(kind, weights), native(x, kind), np.ones((1, 1))
    sobol = indices(WCAM, *given, include_approximation=approximation, **design)
    axes = range(max(1, len(shape) - 1))
    z, w = (bands(pywt.wavedecn(v, "haar", "periodization", level, axes)) for v in (x[0], weights))
    contributions = np.zeros(sobol.total.shape[1])
    for cells, of_x, of_w in zip(bands(sobol.cells), z, w, strict=True):
        products = (of_x * of_w).reshape(*cells.shape, -1).sum(axis=-1)
        np.add.at(contributions, cells[cells >= 0], products[cells >= 0])
    expected = contributions**2 / (contributions**2).sum()
    if len(shape) == 3:
        np.testing.assert_allclose(sobol.total[0], expected, atol=0.03)
        np.testing.assert_allclose(sobol.first_order[0], expected, atol=0.08)
    else:
        np.testing.assert_allclose(sobol.total[0], expected, rtol=0.2, atol=0.005)


# --- Xplique's own Sobol method ------------------------------------------------------------


@pytest.fixture(scope="module")
def small_model() -> keras.Model:
    """Without a softmax."""
    model = make_keras(8)
    return keras.Model(model.inputs, model.get_layer("logits").output)


def without_levels(method: SobolAttributionMethod, sampler: Any, x: Any, y: Any) -> np.ndarray:
    """WCAM's indices on the inputs themselves, for the design of a method of Xplique's."""
    of = method.model, method.grid_size, method.nb_design, sampler, method.estimator
    explainer = WCAM(*of, level=0, include_approximation=True, **quiet)
    return explainer.explain_wavelet(x, y).sobol.total


@each(ESTIMATORS)
def test_without_levels_wcam_is_xpliques_sobol_method(cls, small_model):
    """On an image of the grid's size, whose indices Xplique does not resize."""
    x, y = np.abs(noise(2, 8, 8, 3)), np.eye(3, dtype=np.float32)[[0, 2]]
    method = SobolAttributionMethod(small_model, 8, 4, TFSobolSequenceRS(), cls(), "inpainting")
    theirs = method(x, y).numpy()
    ours = without_levels(method, TFSobolSequenceRS(), x, y)
    assert relative_error(ours.reshape(theirs.shape), theirs) < 2e-3


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
    ours = without_levels(method, sampler(), x, y)
    assert relative_error(ours.reshape(theirs.shape), theirs) < 2e-3


# --- frameworks, batches and memory --------------------------------------------------------


@each_sobol
def test_frameworks_agree(cls, keras_model, torch_model, images, targets):
    expected = indices(cls, keras_model, images, targets).total
    assert expected.max() > 0.1
    of_torch = indices(cls, torch_model, channels_first(images), torch.tensor(targets)).total
    assert relative_error(of_torch, expected) < 1e-4
    wrapped = indices(cls, TorchWrapper(torch_model, "cpu"), images, targets).total
    tf.config.run_functions_eagerly(False)  # as the wrapper has it
    assert relative_error(wrapped, of_torch) < 1e-6
    for model in (lambda x: keras_model(x).numpy(), Module(keras_model)):
        assert relative_error(indices(cls, model, images, targets).total, expected) < 1e-4


@each_sobol
@pytest.mark.parametrize("framework", ["numpy", "tensorflow", "torch"])
def test_the_batch_size_and_the_other_inputs_change_nothing(cls, framework, models, images):
    # In single precision, products of matrices round as the size of the batch has it.
    double = copy.deepcopy(models["torch"]).double()
    model = {"numpy": Counted(classes=3), **models, "torch": double}[framework]
    x, y = images[:2], np.eye(3)[[0, 1]]
    few = {"nb_design": 2}
    expected = indices(cls, model, x, y, **few).total
    for batch_size in (7, None, *([1] if framework == "torch" else [])):
        found = indices(cls, model, x, y, batch_size=batch_size, **few).total
        assert relative_error(found, expected) < 1e-4
    alone = [indices(cls, model, x[i : i + 1], y[i : i + 1], **few).total for i in (0, 1)]
    assert relative_error(np.concatenate(alone), expected) < 1e-4


def too_small(framework: str) -> tuple[Any, list[int]]:
    """A model whose device holds four inputs, and the rows of each call."""
    rows: list[int] = []
    error = (
        torch.cuda.OutOfMemoryError("CUDA out of memory.") if framework == "torch" else MemoryError
    )

    def held(x: Any) -> Any:
        rows.append(len(x))
        if len(x) > 4:
            raise error
        return x

    def of_flat(x: Any) -> Any:
        if framework == "tensorflow":  # which makes its own error of that
            x = tf.ensure_shape(tf.numpy_function(held, [x], x.dtype), x.shape)
        else:
            x = held(x)
        return x[:, :2] ** 2

    return helpers.flat_model(framework, of_flat), rows


@pytest.mark.parametrize("framework", ["numpy", "tensorflow", "torch"])
def test_a_device_that_is_too_small_is_found_out_once(framework, caplog):
    model, rows = too_small(framework)
    x, y = native(noise(2, 8, 8, 2), framework), np.eye(2)[[0, 1]]
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
    assert explainer.batch_size == 16
    explainer.batch_size = 3  # is tried anew
    rows.clear()
    assert relative_error(first, explainer.explain_wavelet(x, y).sobol.total) < 1e-5
    assert max(rows) == 3


@each_sobol
def test_progress_is_shown_on_stderr_if_asked_for(cls, capsys):
    x, y = noise(2, 8, 8, 1), np.eye(2)[[0, 0]]
    sobol = indices(cls, Counted(), x, y, verbose=True)
    out, err = capsys.readouterr()
    assert f"{sobol.forwards.sum()}/{sobol.forwards.sum()}" in err
    assert not out
    indices(cls, Counted(), x, y)
    assert capsys.readouterr() == ("", "")


# --- growing designs -----------------------------------------------------------------------


@pytest.mark.usefixtures("steady")
@each_sobol
@pytest.mark.parametrize(
    "until", [{"forwards": 400}, {"rank_correlation": 0.95}, {"interval": 0.4}], ids=str
)
def test_a_grown_design_makes_no_forward_twice_and_ends_as_a_plain_one(cls, until):
    model, x, y = Counted(), noise(2, 8, 8, 1), np.eye(2)[[0, 0]]
    grown = indices(cls, model, x, y, until=until, confidence=0.9, batch_size=5)
    assert sum(model.rows) == grown.forwards.sum()
    assert max(model.rows) <= 5
    cells = grown.total.shape[1]
    np.testing.assert_array_equal(grown.forwards, grown.nb_design * (cells + 2))
    for i in range(2):
        whole = indices(cls, Counted(), x, y, nb_design=int(grown.nb_design[i]), confidence=0.9)
        for name in ("total", "first_order", "interval", "importance_interval", "variance"):
            np.testing.assert_allclose(getattr(grown, name)[i], getattr(whole, name)[i], atol=1e-5)


def test_each_input_grows_by_itself():
    """The first depends on one cell; the second on all."""
    x = np.zeros((2, 8, 8, 1))
    x[0, 0, 0] = x[1] = 1

    def model(images: np.ndarray) -> np.ndarray:
        return np.prod(1 + images.reshape(len(images), -1), axis=1)

    growing = {"until": {"interval": 0.2}, "confidence": 0.95, "seed": 3}
    whole = {"level": 0, "include_approximation": True}
    nb_design = indices(WCAM, model, x, np.ones((2, 1)), **growing, **whole).nb_design
    assert nb_design[0] != nb_design[1]


# --- scores that do not vary ---------------------------------------------------------------


@each_sobol
@each_kind
def test_a_constant_model_has_no_indices_and_says_so(cls, kind):
    model = linear(kind, np.zeros((8, 8, 2), np.float32))
    x = native(noise(2, 8, 8, 2), kind)
    with pytest.warns(UserWarning, match=r"inputs \[0, 1\] do not vary") as warned:
        sobol = indices(cls, model, x, np.ones((2, 1)), confidence=0.95)
    assert warned[0].filename == helpers.__file__, "the warning names the caller's line"
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
    shapes = pywt.wavedecn_shapes(shape[1 : 1 + ndim], "haar", mode, explainer.level)
    for band, expected in zip(bands(explanation.coefficients), bands(shapes), strict=True):
        assert band.shape[: 1 + ndim] == (2, *expected)
    drop_in = explainer(x, y)
    assert isinstance(drop_in, tf.Tensor)
    assert drop_in.dtype == tf.float32
    np.testing.assert_allclose(drop_in, explanation.pixels(), atol=1e-6)


@each_input
@each_partition
@pytest.mark.parametrize("approximation", [False, True])
def test_coefficients_carry_the_indices_of_their_cells_and_scales_share_those_that_straddle(
    shape, ndim, map_shape, partition, approximation
):
    """In a mosaic of an odd grid some cells lie in two levels."""
    options = {"partition": partition, "include_approximation": approximation, **quiet}
    explainer = WCAM(Counted(), 3, 4, level=1, **options)
    explanation = explainer.explain_wavelet(noise(*shape), np.eye(2)[[0, 1]])
    cells, total = bands(explanation.sobol.cells), explanation.sobol.total
    for values, numbers in zip(bands(explanation.coefficients), cells, strict=True):
        values = values[..., 0] if len(shape) == 3 else values
        expected = np.where(numbers < 0, 0, total[:, numbers])
        np.testing.assert_allclose(values, expected, rtol=1e-6)
    shares = np.zeros((2, 2))
    for cell in range(total.shape[1]):
        areas = np.array([np.sum(band == cell) for band in cells])
        for level, area in ((0, areas[0]), (1, areas[1:].sum())):
            shares[:, level] += total[:, cell] * area / areas.sum()
    shares /= shares.sum(axis=1, keepdims=True)
    if not approximation:
        assert not explanation.coefficients[0].any()
        shares[:, 0] = np.nan  # it was not measured
    np.testing.assert_allclose(explanation.scale_importance(), shares)
    assert approximation == (shares[:, 0] > 0).all()


# --- any model -----------------------------------------------------------------------------


def test_scikit_learn_classifies_signals():
    """An object with `predict_proba`: its index lies in the band that it was trained on."""
    rng = np.random.default_rng(0)
    labels = rng.integers(0, 2, 200)
    x = rng.standard_normal((200, 32)) + 2 * labels[:, None] * np.tile([1, -1], 16)
    model = sklearn.linear_model.LogisticRegression().fit(x, labels)
    signal = x[labels == 1][:1] / 4
    explainer = WCAM(model, 1, 256, level=3, partition="scale", include_approximation=True)
    explanation = explainer.explain_wavelet(signal, np.eye(2)[[1]])
    assert explanation.scale_importance()[0, -1] > 0.9
    assert explainer(signal, np.eye(2)[[1]]).shape == (1, 32)


@pytest.mark.filterwarnings("ignore:.*tf.lite.Interpreter is deprecated:UserWarning")
@each_sobol
def test_tflite_interpreters_are_models(cls):
    model = make_keras(8, classes=2)
    content = tf.lite.TFLiteConverter.from_keras_model(model).convert()
    interpreter = tf.lite.Interpreter(model_content=content)
    x, y = noise(1, 8, 8, 3), np.eye(2, dtype=np.float32)[[1]]
    expected = indices(cls, model, x, y).total
    assert relative_error(indices(cls, interpreter, x, y).total, expected) < 1e-3


@each_sobol
def test_operators_of_ones_own_are_explained_in_every_framework(cls, models, images, targets):
    images = 3 * images  # the less scores vary, the more their rounding weighs in the indices
    keras_model, torch_model = models.values()
    expected = indices(cls, keras_model, images, targets, operator=squared).total
    given = channels_first(images), torch.tensor(targets)
    assert (
        relative_error(indices(cls, torch_model, *given, operator=squared).total, expected) < 1e-4
    )
    for model in (lambda x: keras_model(x), TorchWrapper(torch_model, "cpu")):
        found = indices(cls, model, images, targets, operator=squared).total
        assert relative_error(found, expected) < 1e-4
    plain = indices(cls, keras_model, images, targets).total
    assert relative_error(expected, plain) > 1e-2


@each_sobol
def test_zones_of_segmentations_are_explained(cls):
    x, zone = noise(2, 8, 8, 2), np.zeros((2, 8, 8, 2), np.float32)
    zone[0, :3, :3, 0] = zone[1, 4:, 4:, 1] = 1
    (model, of_torch), task = segmenters((8, 8, 2)).values(), {"operator": "semantic segmentation"}
    expected = indices(cls, model, x, zone, **task).total
    assert expected.max() > 0.1
    given = channels_first(x), channels_first(zone)
    actual = indices(cls, of_torch, *given, **task).total
    assert relative_error(actual, expected) < 1e-4
    if cls is WCAM:  # what lies outside of the zone has no index
        of_pixels = {"grid_size": 2, "level": 0, "include_approximation": True}
        total = indices(WCAM, model, x, zone, **task, **of_pixels).total
        np.testing.assert_array_equal(total[0, 1:], 0)


def test_pytorch_tensors_reach_a_callable_as_arrays_with_channels_first():
    seen = []

    def model(x: Any) -> np.ndarray:
        seen.append(x)
        return (x**2).mean(axis=(2, 3))[:, :1]

    explanation = WCAM(model, 4, 4, level=1)(torch.rand(2, 3, 8, 12), torch.ones(2, 1))
    assert explanation.shape == (2, 1, 8, 12)
    assert all(isinstance(x, np.ndarray) and x.shape[1:] == (3, 8, 12) for x in seen)


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
