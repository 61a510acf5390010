"""What corruptions move, against distances and predictions that are known or written out."""

from __future__ import annotations

from types import SimpleNamespace

import keras
import numpy as np
import pytest
import scipy.optimize
import scipy.stats
import torch
from scipy.spatial.distance import cdist

from wam_xplique import WCAM, WaveletExplanation, WaveletSaliency, WaveletSmoothGrad
from wam_xplique.analysis import corruption_effect, importance_distances
from wam_xplique.attributions.samplers import MonteCarloRS
from wam_xplique.coefficients import WaveletTransform
from wam_xplique.datasets import corrupt

from .conftest import each_model

QUICK = {"grid_size": 4, "nb_design": 4, "level": 2, "confidence": None}


def at_places(values: np.ndarray) -> WaveletExplanation:
    """An explanation whose importance of places is known: `values` (N, ...)."""
    ndim = values.ndim - 1
    shape = values.shape if ndim == 1 else (*values.shape, 1)
    return WaveletExplanation([values], "haar", "periodization", shape, ndim)


def at_scales(shares: np.ndarray, size: int = 32) -> WaveletExplanation:
    """An explanation whose importance of scales is `shares` (N, level + 1)."""
    level = shares.shape[1] - 1
    transform = WaveletTransform("haar", level, "periodization", (1, 2))
    first, *details = transform.forward(np.zeros((len(shares), size, size)))
    first[:, 0, 0] = shares[:, 0]
    for share, bands in zip(shares.T[1:], details, strict=True):
        bands["dd"][:, 0, 0] = -share
    shape = (len(shares), size, size, 1)
    return WaveletExplanation([first, *details], "haar", "periodization", shape, 2)


def random_shares(*shape: int) -> np.ndarray:
    return np.random.default_rng(0).dirichlet(np.ones(shape[-1]), shape[:-1])


def least_work(first: np.ndarray, second: np.ndarray) -> np.ndarray:
    """The work (N,) that turns the shares (N, K) of equidistant places into others, by SciPy."""
    places = np.arange(first.shape[1])
    pairs = zip(first, second, strict=True)
    return np.array([scipy.stats.wasserstein_distance(places, places, *pair) for pair in pairs])


class OwnCoefficients:
    """An explainer to which the coefficients of the inputs are their importance."""

    batch_size = 2

    def __init__(self, model=lambda x: np.stack([x.mean((1, 2, 3)), 0.5 + 0 * x[:, 0, 0, 0]], -1)):
        self.model = model

    def explain_wavelet(self, inputs, targets):
        transform = WaveletTransform("haar", 3, "periodization", (1, 2))
        coefficients = transform.forward(np.asarray(inputs, float)[..., 0])
        coefficients[0] = 0 * coefficients[0]
        return WaveletExplanation(coefficients, "haar", "periodization", inputs.shape, 2)


@pytest.mark.parametrize("approximation", [True, False])
def test_the_distance_of_scales_is_scipys_in_octaves(approximation):
    shares = random_shares(2, 5, 4)
    shares[..., 0] *= approximation
    shares /= shares.sum(axis=-1, keepdims=True)
    found = importance_distances(*map(at_scales, shares))
    np.testing.assert_allclose(found.scale, least_work(*shares) / (3 if approximation else 2))


def test_from_one_end_to_the_other_is_1():
    for ends in ([0, 3], [1, 3]):  # with the approximation, and without
        shares = np.eye(4)[ends]
        found = importance_distances(at_scales(shares), at_scales(shares[::-1]))
        assert found.scale == pytest.approx(1)
    for shape in ((100,), (24, 40), (8, 12, 4)):
        corners = np.zeros((2, *shape))
        corners[0][(0,) * len(shape)] = corners[1][(-1,) * len(shape)] = 3
        found = importance_distances(at_places(corners), at_places(corners[::-1]))
        assert found.place == pytest.approx(1)
        assert found.scale == pytest.approx(0)
    # and what does not move is at 0
    scales, places = at_scales(random_shares(3, 4)), random_shares(3, 8, 8)
    for pair in ((scales, scales), (at_places(places), at_places(7 * places))):
        np.testing.assert_allclose(importance_distances(*pair), 0, atol=1e-9)


def test_the_distance_of_places_is_the_least_work():
    """Equal masses at some places: the least work is that of the best assignment."""
    rng = np.random.default_rng(0)
    shape, count = (16, 40), 9
    places = rng.permuted(np.tile(np.arange(64), (2, 4, 1)), axis=-1)[..., :count]
    sides = np.array(shape) / 8
    maps = np.zeros((2, 4, *shape))
    for index in np.ndindex(2, 4):
        for cell in places[index]:
            row, column = (np.array(divmod(cell, 8)) * sides).astype(int)
            maps[index][row + rng.integers(sides[0]), column + rng.integers(sides[1])] = 2
    found = importance_distances(*map(at_places, maps)).place
    middles = [np.stack(np.divmod(places[i], 8), axis=-1) * sides for i in range(2)]
    for number in range(4):
        work = cdist(middles[0][number], middles[1][number])
        least = work[scipy.optimize.linear_sum_assignment(work)].mean()
        assert found[number] == pytest.approx(least / np.linalg.norm(7 * sides))
    maps = random_shares(2, 3, 64)  # of moments: SciPy's
    found = importance_distances(*map(at_places, maps)).place
    np.testing.assert_allclose(found, least_work(*maps) / 63)


def test_a_finer_division_changes_the_distance_little():
    found = []
    for size in (8, 64, 200):
        y, x = np.mgrid[:size, :size] / size
        spots = [np.exp(-20 * ((y - c) ** 2 + (x - c) ** 2))[np.newaxis] for c in (0.3, 0.6)]
        found.append(importance_distances(*map(at_places, spots)).place[0])
    np.testing.assert_allclose(found, found[1], rtol=0.05)


def test_no_importance_has_no_distance_and_is_told():
    shares = random_shares(3, 4)
    empty = shares.copy()
    empty[1] = 0
    with pytest.warns(UserWarning, match=r"inputs \[1\] have no importance"):
        found = importance_distances(at_scales(shares), at_scales(empty))
    for distance in found:
        assert np.isnan(distance).tolist() == [False, True, False]
    for other in (at_scales(random_shares(3, 3)), at_scales(shares[:1])):  # do not fit at all
        with pytest.raises(ValueError, match="as many inputs, by as many levels and of one size"):
            importance_distances(at_scales(shares), other)


@each_model
def test_an_effect_is_two_explanations_and_two_predictions(model_of, kind, images, targets):
    model = model_of(kind)
    explainer = WCAM(model, **QUICK)
    found = corruption_effect(explainer, images, targets, "shot_noise", 4, seed=2)
    corrupted = corrupt(images, "shot_noise", 4, seed=2)
    for side, expected in ((found.clean, images), (found.corrupted, corrupted)):
        np.testing.assert_array_equal(side.images, expected)
        outputs = model_of("callable")(expected)
        np.testing.assert_array_equal(side.classes, outputs.argmax(1))
        np.testing.assert_allclose(side.scores, (outputs * targets).sum(1), atol=1e-5)
        again = WCAM(model, **QUICK).explain_wavelet(expected, targets)
        np.testing.assert_allclose(side.explanation.mosaic(), again.mosaic(), atol=1e-3)
    assert found.targets.tolist() == targets.argmax(1).tolist()
    distances = importance_distances(found.clean.explanation, found.corrupted.explanation)
    np.testing.assert_array_equal((found.scale_distance, found.place_distance), distances)
    assert found.floor is None


def test_a_name_a_function_and_an_array_are_one(images, targets):
    def my_blur(x):
        return corrupt(x, "gaussian_blur", 2)

    first, *others = (
        corruption_effect(OwnCoefficients(), images, targets[:, :2], blur, 2)
        for blur in ("gaussian_blur", my_blur, my_blur(images))
    )
    names = [one.corruption for one in (first, *others)]
    assert names == ["gaussian blur 2", "my blur", "corrupted"]
    for one in others:
        np.testing.assert_array_equal(one.corrupted.images, first.corrupted.images)
        np.testing.assert_array_equal(one.scale_distance, first.scale_distance)
    table = first.to_dataframe()
    assert (table.index.name, table.shape) == ("image", (4, 7))
    assert table["target"].tolist() == [0, 1, 0, 0]
    columns = table[["corrupted class", "scale distance", "clean score"]]
    expected = first.corrupted.classes, first.scale_distance, first.clean.scores
    np.testing.assert_array_equal(columns, np.stack(expected, axis=1))


def test_stripes_move_by_an_octave_and_not_in_place():
    """Stripes of 1 and of 2 pixels are all of level 1, and all of level 2."""
    rows = (np.arange(64) // width % 2.0 for width in (1, 2))
    thin, wide = (np.broadcast_to(row, (2, 64, 64))[..., None] for row in rows)
    found = corruption_effect(OwnCoefficients(), thin, np.eye(2), wide)
    np.testing.assert_allclose(found.scale_distance, 1 / 2, atol=1e-6)
    np.testing.assert_allclose(found.place_distance, 0, atol=1e-6)
    bands = found.bands()
    gained, lost = bands.iloc[0], bands.iloc[-1]
    assert gained[["level", "orientation", "scale"]].tolist() == [2, "ad", "2-4 px"]
    assert lost[["level", "orientation", "scale"]].tolist() == [1, "ad", "1-2 px"]
    np.testing.assert_allclose([gained["change"], lost["change"]], [1, -1], atol=1e-6)
    assert len(bands) == 10
    assert bands.loc[bands["orientation"] == "aa", "level"].tolist() == [3]


def test_what_moves_to_another_corner_moves_in_place_alone():
    images = np.zeros((1, 64, 64, 1))
    images[0, :8, :8, 0] = np.random.default_rng(0).random((8, 8))
    moved = np.roll(images, (56, 56), (1, 2))
    found = corruption_effect(OwnCoefficients(), images, np.eye(2)[:1], moved)
    np.testing.assert_allclose(found.scale_distance, 0, atol=1e-6)
    assert found.place_distance == pytest.approx(1, abs=0.03)  # a little is seen around a corner


def test_bands_are_of_one_image_or_the_mean(images, targets, keras_model):
    explainer = WaveletSaliency(keras_model, level=2)
    found = corruption_effect(explainer, images, targets, "impulse_noise")
    keys = ["level", "orientation"]
    each = [found.bands(i).set_index(keys)["change"] for i in range(len(images))]
    mean = found.bands().set_index(keys)["change"]
    np.testing.assert_allclose(sum(one[mean.index] for one in each) / len(images), mean)
    assert (mean.diff().dropna() <= 0).all()
    table = found.bands(1)
    of_levels = table.groupby("scale")[["clean", "corrupted"]].sum()
    for name, side in (("clean", found.clean), ("corrupted", found.corrupted)):
        shares = side.explanation.scale_importance()[1]
        assert np.isnan(shares[0])  # left out, and so without a row
        np.testing.assert_allclose(of_levels.loc[side.explanation.scales[1:], name], shares[1:])


def test_preprocessing_comes_after_the_corruption(model_of, images, targets):
    seen = []

    def preprocess(x):
        seen.append(x.copy())
        x *= 2  # as keras.applications' functions write into what they get
        return x - 1

    given = images.copy()
    explainer = WaveletSaliency(model_of("keras"), level=2)
    found = corruption_effect(explainer, given, targets, "contrast", preprocess=preprocess)
    np.testing.assert_array_equal(given, images)
    np.testing.assert_array_equal(found.clean.images, images)
    np.testing.assert_array_equal(seen[1], corrupt(images, "contrast"))
    outputs = model_of("callable")(2 * corrupt(images, "contrast") - 1)
    np.testing.assert_array_equal(found.corrupted.classes, outputs.argmax(1))
    np.testing.assert_allclose(found.corrupted.scores, (outputs * targets).sum(1), atol=1e-5)


@pytest.mark.parametrize("method", ["WCAM", "WaveletSmoothGrad"])
def test_the_floor_is_another_seed(method, keras_model, images, targets):
    def made(seed):
        if method == "WCAM":
            return WCAM(keras_model, **QUICK, seed=seed)
        return WaveletSmoothGrad(keras_model, nb_samples=3, noise=0.3, level=2, seed=seed)

    explainer = made(5)
    found = corruption_effect(explainer, images, targets, "fog", floor=True)
    explanations = [made(seed).explain_wavelet(images, targets) for seed in (5, 6)]
    expected = importance_distances(*explanations)
    np.testing.assert_allclose(found.floor, expected, atol=1e-5)
    assert found.floor.scale.min() > 0
    assert explainer.seed == 5
    again = explainer.explain_wavelet(images, targets).mosaic()
    np.testing.assert_allclose(again, explanations[0].mosaic(), atol=1e-5)
    assert found.to_dataframe().columns[-2:].tolist() == ["scale floor", "place floor"]
    sampler = MonteCarloRS(seed=1)  # one of its own is seeded anew, too
    explainer = WCAM(keras_model, **QUICK, sampler=sampler)
    found = corruption_effect(explainer, images[:1], targets[:1], "fog", floor=True)
    assert found.floor.place[0] > 0
    assert sampler.seed == 1


def test_the_picture_of_an_effect(keras_model, images, targets):
    found = corruption_effect(WCAM(keras_model, **QUICK), images, targets, "contrast", 5)
    names = ["cat", "dog", "rat"]
    figure = found.plot(2, names)
    figure.canvas.draw()
    clean, corrupted, scales, mosaic, other, bands = figure.axes
    assert corrupted.get_title() == f"contrast 5\npredicted: {names[found.corrupted.classes[2]]}"
    # Both by one scale of grey: a corruption of the contrast can be seen.
    for ax, side in ((clean, found.clean), (corrupted, found.corrupted)):
        assert ax.images[0].get_clim() == (0, 1)
        np.testing.assert_allclose(ax.images[0].get_array(), side.images[2])
    top = max(side.explanation.mosaic()[2].max() for side in (found.clean, found.corrupted))
    for ax in (mosaic, other):
        assert ax.images[0].get_clim() == (0, pytest.approx(top))
    drawn = [patch.get_height() for patch in scales.patches]
    shares = [e.explanation.scale_importance()[2, 1:] for e in (found.clean, found.corrupted)]
    np.testing.assert_allclose(drawn, np.concatenate(shares))
    changes = [patch.get_width() / 100 for patch in bands.patches]
    largest = found.bands(2)["change"].abs().nlargest(6)
    np.testing.assert_allclose(np.sort(np.abs(changes)), np.sort(largest))
    assert f"{found.scale_distance[2]:.2f} across scales" in figure.get_suptitle()
    assert other.child_axes[0].get_ylabel() == "total Sobol index"
    found.plot(0).canvas.draw()
    corruption_effect(OwnCoefficients(), images, targets[:, :2], "fog").plot().canvas.draw()


def test_signals_have_an_effect_and_no_picture():
    signals = np.random.default_rng(0).normal(size=(2, 64)).astype(np.float32)
    keras.utils.set_random_seed(0)
    model = keras.Sequential([keras.Input((64,)), keras.layers.Dense(2)])
    explainer, moved = WaveletSaliency(model, level=2), np.roll(signals, 1, 1)
    found = corruption_effect(explainer, signals, np.eye(2), moved)
    np.testing.assert_allclose(found.place_distance, 0, atol=1e-6)  # of a linear model
    with pytest.raises(ValueError, match="Expected an explanation of images, got one of signals"):
        found.plot()


@pytest.mark.parametrize(
    ("changed", "error", "told"),
    [
        ({"explainer": 3}, TypeError, "with model and explain_wavelet, got 3"),
        ({"explainer": SimpleNamespace(explain_wavelet=None)}, TypeError, "with model and explain"),
        ({"images": torch.zeros(4, 3, 8, 8)}, TypeError, "images must be an array with channels l"),
        ({"corruption": "snow"}, ValueError, "name must be one of"),
        ({"corruption": lambda x: x[:1]}, ValueError, "of the shape of these"),
        ({"corruption": lambda x: x * np.nan}, ValueError, "must give finite numbers"),
        ({"corruption": np.zeros((4, 8, 8, 3))}, ValueError, r"got \(4, 8, 8, 3\)"),
        ({"preprocess": lambda x: x[:1]}, ValueError, "preprocess must give as many inputs .* 4"),
        ({"targets": np.eye(2)}, ValueError, "targets must be one for each of the 4 images"),
        ({"targets": np.arange(4)}, ValueError, r"one-hot classes \(N, classes\), got shape \(4,"),
        ({"floor": True}, ValueError, "floor=True needs a seed to change"),
        ({"images": np.zeros((0, 8, 8, 3))}, ValueError, "images must not be empty"),
    ],
    ids=lambda value: next(iter(value)) if isinstance(value, dict) else "",
)
def test_bad_arguments_are_told_before_anything_is_explained(
    images, targets, changed, error, told, monkeypatch
):
    explained = []
    monkeypatch.setattr(OwnCoefficients, "explain_wavelet", lambda *a: explained.append(a))
    arguments = {"explainer": OwnCoefficients(), "images": images, "targets": targets[:, :2]}
    with pytest.raises(error, match=told):
        corruption_effect(**{**arguments, "corruption": "fog", **changed})
    assert not explained
