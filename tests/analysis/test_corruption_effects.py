"""What corruptions move, against distances and predictions that are known or written out."""

from __future__ import annotations

from types import SimpleNamespace

import keras
import matplotlib.pyplot as plt
import numpy as np
import pytest
import scipy.optimize
import scipy.stats
from scipy.spatial.distance import cdist

from wam_xplique import WCAM, WaveletExplanation, WaveletSaliency, WaveletSmoothGrad
from wam_xplique.analysis import corruption_effect, importance_distances, robustness
from wam_xplique.attributions.samplers import MonteCarloRS
from wam_xplique.coefficients import WaveletTransform
from wam_xplique.datasets import corrupt

MODELS = ("callable", "keras", "torch")
each_model = pytest.mark.parametrize("kind", MODELS)
QUICK = {"grid_size": 4, "nb_design": 4, "level": 2, "confidence": None}


@pytest.fixture(autouse=True)
def _closed_figures():
    yield
    plt.close("all")


@pytest.fixture
def model_of(keras_model, torch_model):
    """The same model as a callable, in Keras and in PyTorch."""

    def outputs(x):
        return np.asarray(keras_model(np.asarray(x, np.float32)))

    return {"callable": outputs, "keras": keras_model, "torch": torch_model}.__getitem__


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


def random_shares(*shape: int, seed: int = 0) -> np.ndarray:
    return np.random.default_rng(seed).dirichlet(np.ones(shape[-1]), shape[:-1])


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
    if not approximation:
        shares[..., 0] = 0
        shares /= shares.sum(axis=-1, keepdims=True)
    found = importance_distances(*map(at_scales, shares))
    octaves = np.arange(4)
    for number, (first, second) in enumerate(shares.swapaxes(0, 1)):
        expected = scipy.stats.wasserstein_distance(octaves, octaves, first, second)
        largest = 3 if approximation else 2
        assert found.scale[number] == pytest.approx(expected / largest)


def test_from_one_end_to_the_other_is_1():
    ends = np.eye(4)[[0, 3]]
    assert importance_distances(at_scales(ends), at_scales(ends[::-1])).scale == pytest.approx(1)
    details = np.eye(4)[[1, 3]]  # without the approximation
    found = importance_distances(at_scales(details), at_scales(details[::-1]))
    assert found.scale == pytest.approx(1)
    for shape in ((100,), (24, 40), (8, 12, 4)):
        corners = np.zeros((2, *shape))
        corners[0][(0,) * len(shape)] = corners[1][(-1,) * len(shape)] = 3
        found = importance_distances(at_places(corners), at_places(corners[::-1]))
        assert found.place == pytest.approx(1)
        assert found.scale == pytest.approx(0)


def test_what_does_not_move_is_at_0():
    for explanation in (at_scales(random_shares(3, 4)), at_places(random_shares(3, 8, 8))):
        louder = WaveletExplanation(
            [7 * explanation.coefficients[0], *explanation.coefficients[1:]],
            *("haar", "periodization", explanation.input_shape, 2),
        )
        same = explanation if explanation.level else louder
        found = importance_distances(explanation, same)
        np.testing.assert_allclose(found.scale, 0, atol=1e-9)
        np.testing.assert_allclose(found.place, 0, atol=1e-9)


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


def test_the_distance_of_moments_is_scipys():
    first, second = random_shares(2, 3, 64)
    found = importance_distances(at_places(first), at_places(second)).place
    times = np.arange(64)
    for number in range(3):
        expected = scipy.stats.wasserstein_distance(times, times, first[number], second[number])
        assert found[number] == pytest.approx(expected / 63)


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


def test_explanations_that_do_not_fit_each_other_are_refused():
    one = at_scales(random_shares(2, 4))
    for other in (at_scales(random_shares(2, 3)), at_scales(random_shares(1, 4))):
        with pytest.raises(ValueError, match="as many inputs, by as many levels and of one size"):
            importance_distances(one, other)


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
    np.testing.assert_array_equal(found.scale_distance, distances.scale)
    np.testing.assert_array_equal(found.place_distance, distances.place)
    assert found.floor is None


def test_a_name_a_function_and_an_array_are_one(images, targets):
    explainer = OwnCoefficients()
    targets = targets[:, :2]
    made = corrupt(images, "gaussian_blur", 2)

    def my_blur(x):
        return corrupt(x, "gaussian_blur", 2)

    found = [
        corruption_effect(explainer, images, targets, c, 2) for c in ("gaussian_blur", my_blur)
    ]
    found.append(corruption_effect(explainer, images, targets, made))
    assert [one.corruption for one in found] == ["gaussian blur 2", "my blur", "corrupted"]
    for one in found[1:]:
        np.testing.assert_array_equal(one.corrupted.images, found[0].corrupted.images)
        np.testing.assert_array_equal(one.scale_distance, found[0].scale_distance)


def test_stripes_move_by_an_octave_and_not_in_place():
    """Stripes of 1 and of 2 pixels are all of level 1, and all of level 2."""
    column = np.arange(64)
    thin, wide = (np.broadcast_to(column // w % 2, (2, 64, 64))[..., None] for w in (1, 2))
    targets = np.eye(2)
    found = corruption_effect(OwnCoefficients(), thin.astype(float), targets, wide)
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
    noise = np.random.default_rng(0).random((8, 8))
    images = np.zeros((1, 64, 64, 1))
    images[0, :8, :8, 0] = noise
    found = corruption_effect(
        OwnCoefficients(), images, np.eye(2)[:1], lambda x: np.roll(x, (56, 56), (1, 2))
    )
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


def test_a_sampler_of_ones_own_is_seeded_anew(keras_model, images, targets):
    sampler = MonteCarloRS(seed=1)
    explainer = WCAM(keras_model, **QUICK, sampler=sampler)
    found = corruption_effect(explainer, images[:1], targets[:1], "fog", floor=True)
    assert found.floor.place[0] > 0
    assert sampler.seed == 1


def test_an_effect_is_a_table(images, targets):
    found = corruption_effect(OwnCoefficients(), images, targets[:, :2], "contrast", 5)
    table = found.to_dataframe()
    assert table.index.name == "image"
    assert table["target"].tolist() == [0, 1, 0, 0]
    np.testing.assert_array_equal(table["corrupted class"], found.corrupted.classes)
    np.testing.assert_array_equal(table["scale distance"], found.scale_distance)
    np.testing.assert_array_equal(table["clean score"], found.clean.scores)
    assert table.shape == (4, 7)


def test_the_picture_of_an_effect(keras_model, images, targets):
    explainer = WCAM(keras_model, **QUICK)
    found = corruption_effect(explainer, images, targets, "contrast", 5)
    figure = found.plot(2, ["cat", "dog", "rat"])
    figure.canvas.draw()
    clean, corrupted, scales, mosaic, other, bands = figure.axes
    predicted = ["cat", "dog", "rat"][found.corrupted.classes[2]]
    assert corrupted.get_title() == f"contrast 5\npredicted: {predicted}"
    # Both by one scale of grey: a corruption of the contrast can be seen.
    for ax, side in ((clean, found.clean), (corrupted, found.corrupted)):
        assert ax.images[0].get_clim() == (0, 1)
        np.testing.assert_allclose(ax.images[0].get_array(), side.images[2])
    assert mosaic.images[0].get_clim() == other.images[0].get_clim()
    tops = [e.explanation.mosaic()[2].max() for e in (found.clean, found.corrupted)]
    assert mosaic.images[0].get_clim() == (0, pytest.approx(max(tops)))
    drawn = [patch.get_width() for patch in scales.patches]
    shares = [e.explanation.scale_importance()[2, 1:] for e in (found.clean, found.corrupted)]
    np.testing.assert_allclose(drawn, np.concatenate(shares))
    changes = [patch.get_width() / 100 for patch in bands.patches]
    largest = found.bands(2)["change"].abs().nlargest(6)
    np.testing.assert_allclose(np.sort(np.abs(changes)), np.sort(largest))
    assert f"{found.scale_distance[2]:.2f} across scales" in figure.get_suptitle()
    assert other.child_axes[0].get_ylabel() == "total Sobol index"
    found.plot(0).canvas.draw()
    by_gradients = corruption_effect(OwnCoefficients(), images, targets[:, :2], "fog")
    by_gradients.plot().canvas.draw()


def test_signals_have_an_effect_and_no_picture():
    signals = np.random.default_rng(0).normal(size=(2, 64)).astype(np.float32)
    keras.utils.set_random_seed(0)
    model = keras.Sequential([keras.Input((64,)), keras.layers.Dense(2)])
    found = corruption_effect(
        WaveletSaliency(model, level=2), signals, np.eye(2), lambda x: np.roll(x, 1, 1)
    )
    np.testing.assert_allclose(found.place_distance, 0, atol=1e-6)  # of a linear model
    with pytest.raises(ValueError, match="Expected an explanation of images, got one of signals"):
        found.plot()


@pytest.mark.parametrize(
    ("changed", "error", "told"),
    [
        ({"explainer": 3}, TypeError, "with model and explain_wavelet, got 3"),
        ({"corruption": "snow"}, ValueError, "name must be one of"),
        ({"severity": 9}, ValueError, r"severity must be one of \(1, 2, 3, 4, 5\)"),
        ({"corruption": lambda x: x[:1]}, ValueError, "of the shape of these"),
        ({"corruption": lambda x: x * np.nan}, ValueError, "must give finite numbers"),
        ({"corruption": np.zeros((4, 8, 8, 3))}, ValueError, r"got \(4, 8, 8, 3\)"),
        ({"value_range": (0, 0.5)}, ValueError, "images must lie in value_range"),
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


def test_tensors_of_pytorch_are_refused_for_images(torch_model, images, targets):
    import torch

    tensors = torch.tensor(images)
    with pytest.raises(TypeError, match="images must be an array with channels last"):
        corruption_effect(WaveletSaliency(torch_model, level=2), tensors, targets, "fog")
    with pytest.raises(TypeError, match="images must be an array with channels last"):
        robustness(torch_model, tensors, targets)


def some_model(x: np.ndarray) -> np.ndarray:
    """Tells whether an image is bright, in 0 to 1."""
    return np.stack([x.mean((1, 2, 3)), 0.5 + 0 * x[:, 0, 0, 0]], axis=-1)


@each_model
def test_robustness_is_the_predictions_of_all_versions(model_of, kind, images, targets):
    names, severities = ("shot_noise", "contrast", "motion_blur"), (1, 5)
    found = robustness(model_of(kind), images, targets, names, severities, batch_size=7, seed=3)
    assert found.correct.shape == (4, 3, 2)
    assert found.correct.dtype == bool
    for column, name in enumerate(names):
        for row, severity in enumerate(severities):
            outputs = model_of("callable")(corrupt(images, name, severity, seed=3))
            expected = outputs.argmax(1) == targets.argmax(1)
            np.testing.assert_array_equal(found.correct[:, column, row], expected)
    np.testing.assert_allclose(found.share, [found.correct[i].mean() for i in range(4)])


@pytest.mark.usefixtures("steady")
def test_batches_do_not_exceed_their_size_and_change_nothing(images):
    rows = []

    def model(x):
        rows.append(len(x))
        return some_model(x)

    targets = np.eye(2)[[0, 1, 0, 1]]
    found = [robustness(model, images, targets, batch_size=size) for size in (9, None)]
    np.testing.assert_array_equal(found[0].correct, found[1].correct)
    assert found[0].correct.shape == (4, 11, 5)
    assert rows == [9] * 24 + [4] + [220]


def test_brightness_decides_about_brightness():
    """The first image is predicted bright at any added brightness, the second from 0.3 on."""
    images = np.stack([np.full((16, 16, 1), grey, np.float32) for grey in (0.6, 0.25)])
    preprocess_seen = []

    def preprocess(x):
        preprocess_seen.append(x.max())
        return x / 255

    found = robustness(
        some_model,
        255 * images,
        np.eye(2)[[0, 0]],
        ["brightness", "contrast"],
        value_range=(0, 255),
        preprocess=preprocess,
    )
    assert found.correct[:, 0].tolist() == [[True] * 5, [False, False, True, True, True]]
    assert found.correct[:, 1].tolist() == [[True] * 5, [False] * 5]
    np.testing.assert_allclose(found.share, [1, 0.3])
    assert preprocess_seen[0] > 1


def test_robustness_is_a_table_and_a_picture(images):
    found = robustness(some_model, images, np.eye(2)[[0, 1, 0, 1]], ("fog", "brightness"), (2, 4))
    table = found.to_dataframe()
    assert table.columns.tolist() == ["image", "corruption", "severity", "correct"]
    assert len(table) == 16
    chosen = table[(table["corruption"] == "brightness") & (table["severity"] == 4)]
    assert chosen["correct"].tolist() == found.correct[:, 1, 1].tolist()
    figure = found.plot()
    figure.canvas.draw()
    (ax,) = figure.axes
    np.testing.assert_allclose(ax.images[0].get_array(), found.correct.mean(0))
    assert [label.get_text() for label in ax.get_yticklabels()] == ["fog", "brightness"]
    assert ax.texts[0].get_text() == f"{found.correct[:, 0, 0].mean():.0%}"


@pytest.mark.parametrize(
    ("changed", "error", "told"),
    [
        ({"model": 3}, TypeError, "model must be"),
        ({"corruptions": ()}, ValueError, "corruptions must be some of"),
        ({"corruptions": "fog"}, ValueError, "corruptions must be some of"),
        ({"corruptions": ("fog", "fog")}, ValueError, "each once"),
        ({"severities": (1, 6)}, ValueError, r"severities must be some of \(1, 2, 3, 4, 5\)"),
        ({"batch_size": 0}, ValueError, "batch_size must be None or an integer of at least 1"),
        ({"targets": np.eye(2)}, ValueError, "targets must be one for each"),
        ({"targets": np.arange(4)}, ValueError, "one-hot classes"),
        ({"seed": -1}, ValueError, "seed must be"),
        ({"images": np.full((4, 8, 8, 3), 7.0)}, ValueError, "images must lie in value_range"),
        ({"model": lambda x: x.mean((1, 2, 3))}, ValueError, "at least two classes"),
    ],
    ids=lambda value: next(iter(value)) if isinstance(value, dict) else "",
)
def test_bad_arguments_of_robustness_are_told(images, changed, error, told):
    arguments = {"model": some_model, "images": images, "targets": np.eye(2)[[0, 1, 0, 1]]}
    with pytest.raises(error, match=told):
        robustness(**{**arguments, **changed})


def test_an_explainer_without_a_model_is_refused(images, targets):
    explainer = SimpleNamespace(explain_wavelet=None)
    with pytest.raises(TypeError, match="with model and explain"):
        corruption_effect(explainer, images, targets, "fog")
