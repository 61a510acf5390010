"""Explanations by any transform: what every method, metric and analysis makes of it."""

from __future__ import annotations

from dataclasses import dataclass

import keras
import numpy as np
import pytest

from wam_xplique import WaveletExplanation
from wam_xplique.algorithms.cells import cell_sums
from wam_xplique.analysis import minimal_images
from wam_xplique.attributions import WCAM, WaveletIntegratedGradients, WaveletSmoothGrad
from wam_xplique.backends import get_backend
from wam_xplique.coefficients import levels, map_bands
from wam_xplique.explanation import fields_of
from wam_xplique.metrics import WaveletDeletion, WaveletFaithfulness, control
from wam_xplique.transforms import DWT, ConstantQ, Packets, Stationary, Steerable, Transform

from .helpers import noise, quick, relative_error

IMAGES = (DWT("db2", 2), Stationary("db2", 2), Steerable(2, 4), Packets("haar", 3))
EQUIVARIANT = (Stationary("db2", 2), Steerable(2, 4))
SIZE, CLASSES = 32, 3
X = noise(2, SIZE, SIZE, 3)
Y = np.array([0, 2])

each_transform = pytest.mark.parametrize("transform", IMAGES, ids=lambda t: type(t).__name__)


class Circular(keras.layers.Layer):
    """A smooth convolution of the periodic image, and the means of what it finds: it does not
    matter to it where the image begins."""

    def build(self, shape):
        kernel = noise(3, 3, shape[-1], 4, seed=1) / 5
        self.kernel = self.add_weight(shape=kernel.shape, initializer=lambda *_, **__: kernel)

    def call(self, x):
        rows = keras.ops.concatenate([x, x[:, :2]], axis=1)
        wide = keras.ops.concatenate([rows, rows[:, :, :2]], axis=2)
        found = keras.ops.softplus(keras.ops.conv(wide, self.kernel, padding="valid"))
        return keras.ops.mean(found, axis=(1, 2))


@pytest.fixture(scope="module")
def model():
    layers = [keras.Input((SIZE, SIZE, 3)), Circular(), keras.layers.Dense(CLASSES)]
    model = keras.Sequential(layers)
    model.layers[-1].set_weights([noise(4, CLASSES, seed=2), np.zeros(CLASSES)])
    return model


@each_transform
def test_what_the_coefficients_do_adds_up_to_what_the_score_gains(transform, model):
    explainer = WaveletIntegratedGradients(
        model, transform=transform, include_approximation=True, steps=20, reducer="sum"
    )
    explanation = explainer.explain_wavelet(X, Y)
    gained = np.take_along_axis(np.asarray(model(X)), Y[:, None], 1)[:, 0]
    gained = gained - np.asarray(model(0 * X))[0, Y]
    np.testing.assert_allclose(explanation.pixels(signed=True).sum((1, 2, 3)), gained, rtol=1e-3)
    assert explanation.by_scale().shape == (2, len(explanation.scales), SIZE, SIZE)
    shares = sum(explanation.band_importance().values())
    np.testing.assert_allclose(shares, 1, rtol=1e-5)


@pytest.mark.parametrize("transform", EQUIVARIANT, ids=lambda t: type(t).__name__)
def test_the_explanation_of_a_moved_image_is_the_explanation_moved(transform, model):
    def explained(how):
        explainer = WaveletIntegratedGradients(model, transform=how, steps=4)
        return [explainer.explain_wavelet(x, Y).pixels() for x in (X, np.roll(X, (3, 5), (1, 2)))]

    still, moved = explained(transform)
    assert relative_error(moved, np.roll(still, (3, 5), (1, 2))) < 1e-4
    still, moved = explained(DWT("db2", 2))  # the decimated one is no such
    assert relative_error(moved, np.roll(still, (3, 5), (1, 2))) > 0.1


@each_transform
@pytest.mark.parametrize("cls", [WaveletSmoothGrad, WCAM], ids=lambda cls: cls.__name__)
def test_explanations_are_kept_and_scored(cls, transform, model, tmp_path):
    options = quick(cls) | ({"grid_size": 16} if cls is WCAM else {})
    explanation = cls(model, transform=transform, **options).explain_wavelet(X, Y)
    explanation.save(tmp_path / "kept.npz")
    again = WaveletExplanation.load(tmp_path / "kept.npz")
    assert again.transform == explanation.transform == transform.over((1, 2))
    np.testing.assert_array_equal(again.mosaic(), explanation.mosaic())
    everything = explanation.reconstruct(X, 1.0, approximation=True)
    kept = np.concatenate([np.ravel(b) != 0 for b in explanation.magnitudes().values()])
    if kept.all():
        np.testing.assert_allclose(everything, X, atol=1e-5)
    metric = WaveletFaithfulness(model, X, Y, steps=4)
    assert np.isfinite(metric.evaluate(explanation))


@each_transform
def test_maps_controls_and_minimal_images(transform, model):
    maps = np.abs(X).mean(-1)
    whole = WaveletDeletion(model, X, Y, transform=transform, steps=4).evaluate(maps)
    explanation = control("magnitude", X, transform)
    assert explanation.transform == transform.over((1, 2))
    assert np.isfinite(whole)
    constant = transform.over((1, 2)).averages(0 * maps + 3, 2)
    assert all(np.ptp(b) == 0 for b in (constant[0], *constant[-1].values()))
    minimal = minimal_images(model, X, Y, transform=transform, max_steps=3)
    assert minimal.images.shape == X.shape


@pytest.mark.parametrize("ndim", [1, 2])
@pytest.mark.parametrize("kind", [Stationary, Steerable, Packets, ConstantQ, DWT])
def test_importance_is_shown_where_the_input_is(kind, ndim):
    if (kind, ndim) in ((Steerable, 1), (ConstantQ, 2)):
        pytest.skip("there is none")
    options = {} if kind is ConstantQ else {"level": 2}
    transform = kind(**options, axes=tuple(range(1, 1 + ndim)))
    x = np.zeros((1, *[512, 64][ndim - 1 : ndim] * ndim), np.float32)
    place = tuple(size // 3 for size in x.shape[1:])
    x[(0, *place)] = 1
    z = transform.forward(x)
    known = {"input_shape": x.shape, "ndim": ndim, "signed": True}
    found = WaveletExplanation(z, **fields_of(transform), **known)
    for signed in (False, True):
        maps = np.abs(found.by_scale(signed)[0, 1:]).sum(0)
        centre = np.unravel_index(maps.argmax(), maps.shape)
        assert np.abs(np.subtract(centre, place)).max() <= 4


@dataclass(frozen=True)
class Differences(Transform):
    """A transform of one's own: the mean of two neighbours along the last axis, and half of their
    difference."""

    axes: tuple[int, ...] | None = None

    def check(self, shape):
        if shape[self.axes[-1]] % 2:
            raise ValueError("Differences needs an even size.")

    def scales(self, ndim):
        return ["means", "differences"]

    def forward(self, x):
        first, second = self._halves(x)
        return [(first + second) / 2, {"d": (first - second) / 2}]

    def inverse(self, coefficients, shape):
        mean, half = coefficients[0], coefficients[1]["d"]
        return get_backend(mean).interleave(mean + half, mean - half, self.axes[-1])

    def pullback(self, gradient):
        first, second = self._halves(gradient)
        return [first + second, {"d": first - second}]

    def _halves(self, x):
        before = (slice(None),) * self.axes[-1]
        return x[(*before, slice(0, None, 2))], x[(*before, slice(1, None, 2))]


def test_a_transform_of_ones_own(model, tmp_path):
    explainer = WaveletIntegratedGradients(
        model, transform=Differences(), include_approximation=True, steps=20, reducer="sum"
    )
    explanation = explainer.explain_wavelet(X, Y)
    gained = np.take_along_axis(np.asarray(model(X)) - np.asarray(model(0 * X)), Y[:, None], 1)
    np.testing.assert_allclose(
        explanation.pixels(signed=True).sum((1, 2, 3)), gained[:, 0], rtol=1e-3
    )
    assert [*explanation.band_importance()] == [("means", "aa"), ("differences", "d")]
    np.testing.assert_allclose(explanation.reconstruct(X, 1.0), X, atol=1e-6)
    with pytest.raises(ValueError, match="cannot be saved"):
        explanation.save(tmp_path / "own.npz")


@pytest.mark.parametrize(
    ("transform", "message"),
    [
        (Stationary("bior2.2"), "must be orthogonal"),
        (Stationary("haar", 9), "level=9 does not fit"),
        (Steerable(9), "level=9 does not fit"),
        (Steerable(2, 0), "orientations must be"),
        (ConstantQ(), "is for signals"),
        (Packets("haar", 7), "level=7 does not fit"),
        (DWT("haar", 9), "level=9 does not fit"),
    ],
)
def test_what_does_not_fit_is_refused_before_the_model_is_asked(transform, message, model):
    with pytest.raises(ValueError, match=message):
        WaveletIntegratedGradients(model, transform=transform)(X, Y)


def test_metrics_take_no_explanation_by_another_transform(model):
    explanation = control("magnitude", X, Stationary("db2", 2))
    for other in ({"transform": Steerable(2)}, {"transform": Stationary()}, {"wavelet": "db2"}):
        with pytest.raises(ValueError, match="but the metric was made with"):
            WaveletDeletion(model, X, Y, steps=2, **other).evaluate(explanation)


@pytest.mark.parametrize(
    ("transform", "wavelength", "band"),
    [
        (Steerable(2, 4), 8, ("2.8-5.7 px", "45°")),
        (Packets("db4", 2), 4, ("1-4 px", "1,1")),
    ],
    ids=lambda value: type(value).__name__,
)
def test_the_band_that_the_model_sees_has_the_largest_indices(transform, wavelength, band):
    """A model of one diagonal grating, under noise."""
    rows, columns = np.mgrid[:SIZE, :SIZE]
    along = (rows + columns)[np.newaxis, ..., np.newaxis] / np.sqrt(2)
    seen = np.cos(2 * np.pi * along / wavelength)

    def model(x):
        score = (np.asarray(x) * seen).sum((1, 2, 3))
        return np.stack([score, 0 * score], axis=1)

    explainer = WCAM(model, transform=transform, partition="band", nb_design=32)
    found = explainer.explain_wavelet(noise(1, SIZE, SIZE, 1) + seen, np.array([0]))
    importance = {key: np.nan_to_num(share[0]) for key, share in found.band_importance().items()}
    assert max(importance, key=importance.get) == band
    assert importance[band] > 0.5


def test_other_transforms_are_refused_at_once(model):
    with pytest.raises(TypeError, match="transform must be one of"):
        WCAM(model, transform="haar")
    with pytest.raises(ValueError, match="leave them out"):
        WCAM(model, transform=Stationary(), level=2)


def indices_of_a_square(gains: np.ndarray, held: float) -> np.ndarray:
    """The total Sobol indices of (held + Σ gains · m)² for masks m uniform in [0, 1], whose moments
    are 1/2, 1/3, 1/4, 1/5; the cumulants of a sum are the sums of those of its terms."""
    mean, variance = held + gains.sum() / 2, (gains**2).sum() / 12
    of_others = mean - gains / 2
    squared = of_others**2 + variance - gains**2 / 12
    parts = gains**4 * 4 / 45 + gains**2 * squared / 3 + gains**3 * of_others / 3
    return parts / (2 * variance**2 + 4 * mean**2 * variance - (gains**4).sum() / 120)


@pytest.mark.parametrize(
    ("transform", "shape", "how"),
    [
        (Steerable(2, 3), (12, 12), {}),
        (Steerable(2, 3), (12, 12), {"partition": "subband", "grid_size": 6, "refine": 0.02}),
        (Stationary("db2", 2), (12, 12), {}),
        (Packets("haar", 1), (8, 8), {"partition": "subband", "grid_size": 4}),
        (ConstantQ(2, 3), (64,), {}),
        (ConstantQ(2, 2, analytic=True), (32,), {"refine": 0.02}),
        (Packets("db2", 2), (32,), {"include_approximation": True}),
    ],
    ids=lambda value: type(value).__name__ if isinstance(value, Transform) else None,
)
def test_total_indices_are_those_of_the_closed_form(transform, shape, how):
    x, weights = noise(1, *shape, 1, seed=3), noise(1, *shape, 1, seed=4)

    def heard(inputs):
        return (np.asarray(inputs) * weights).reshape(len(inputs), -1).sum(1, keepdims=True)

    explainer = WCAM(
        lambda inputs: np.repeat(heard(inputs) ** 2, 2, axis=1),
        transform=transform,
        nb_design=2048,
        confidence=None,
        **{"partition": "band", **how},
    )
    explanation = explainer.explain_wavelet(x, np.array([0]))
    indices, transform = explanation.sobol, explanation.transform
    bands = transform.forward(x), transform.pullback(weights)
    gains = cell_sums(indices.cells, map_bands(lambda z, g: (z * g)[0, ..., 0], *bands))
    expected = indices_of_a_square(gains, heard(x).item() - gains.sum())
    known = indices.evaluated[0]
    assert known.sum() >= 3
    np.testing.assert_allclose(indices.total[0][known], expected[known], atol=0.03)
    assert (expected[~known] < 0.03).all()
    shares = explanation.band_importance()
    of_levels = zip(explanation.scales, levels(explanation.coefficients, x.ndim - 2), strict=True)
    assert [*shares] == [(scale, key) for scale, level in of_levels for key in level]
    if explainer.partition == "band":
        told = [share[0] for share in shares.values() if not np.isnan(share[0])]
        np.testing.assert_allclose(told, expected / expected.sum(), atol=0.03)
