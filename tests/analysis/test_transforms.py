"""Analyses of explanations by any transform: those that fit are right, the others are refused."""

from __future__ import annotations

from dataclasses import replace

import matplotlib as mpl
import numpy as np
import pytest

from wam_xplique import WCAM
from wam_xplique.analysis import (
    compare_profiles,
    corruption_effect,
    importance_distances,
    overlap_experiment,
    report,
    scale_profile,
    zoom_consistency,
)
from wam_xplique.metrics import control
from wam_xplique.transforms import DWT, ConstantQ, Packets, Stationary, Steerable, Transform

mpl.use("Agg")
SIZE = 32
X = np.random.default_rng(0).standard_normal((3, SIZE, SIZE, 1)).astype(np.float32)
Y = np.eye(2)[[0, 1, 0]]


class Energy:
    """An explainer to which the coefficients of the inputs are their importance."""

    batch_size = None

    def __init__(self, transform: Transform):
        self.transform = transform

    def model(self, x):
        return np.stack([np.asarray(x).reshape(len(x), -1).mean(1)] * 2, axis=1)

    def explain_wavelet(self, inputs, targets=None):
        return control("magnitude", inputs, self.transform)


def gratings(wavelength: float, direction: float = 0.0, size: int = 64) -> np.ndarray:
    rows, columns = np.mgrid[:size, :size]
    way = np.cos(np.deg2rad(direction)) * columns + np.sin(np.deg2rad(direction)) * rows
    return np.cos(2 * np.pi * way / wavelength)[np.newaxis, ..., np.newaxis]


@pytest.mark.parametrize(
    ("first", "second"),
    [
        (Steerable(2, 4), Steerable(2, 6)),
        (Stationary("haar", 2), Stationary("db2", 2)),
        (Stationary("haar", 2), DWT("haar", 2)),
        (DWT("haar", 2), DWT("haar", 2, "symmetric")),
    ],
    ids=str,
)
def test_explanations_by_two_transforms_have_no_distance(first, second):
    explanations = [control("magnitude", X, transform) for transform in (first, second)]
    np.testing.assert_allclose(importance_distances(*explanations[:1] * 2), 0, atol=1e-6)
    with pytest.raises(ValueError, match="Explanations must be by one transform"):
        importance_distances(*explanations)


@pytest.mark.parametrize("transform", [Steerable(3, 4), Stationary("db2", 3)], ids=str)
def test_a_detail_of_half_the_size_is_an_octave_away(transform):
    """Of four levels of details and the approximation (five and it for `Steerable`)."""
    coarse, fine = (control("magnitude", gratings(w), transform) for w in (8, 4))
    octave = 1 / (len(coarse.scales) - 1)
    found = importance_distances(coarse, fine).scale
    np.testing.assert_allclose(found, octave, rtol=0.25)


def test_levels_that_are_no_octaves_have_no_distance():
    explanation = control("magnitude", X, Packets("haar", 2))
    with pytest.raises(ValueError, match="an octave apart, got packets of haar, 2 levels"):
        importance_distances(explanation, explanation)
    with pytest.raises(ValueError, match="an octave apart, got packets"):
        corruption_effect(Energy(Packets("haar", 2)), X, Y, lambda x: x)


def test_each_band_that_moved_has_a_bar_of_its_own():
    effect = corruption_effect(
        Energy(Steerable(2, 4)), X, Y, lambda x: x + 3 * gratings(8, 45, SIZE), value_range=(-5, 5)
    )
    assert tuple(effect.bands().loc[0, ["scale", "orientation"]]) == ("2.8-5.7 px", "45°")
    (axes,) = (ax for ax in effect.plot().axes if "change" in ax.get_xlabel())
    labels = [label.get_text() for label in axes.get_yticklabels()]
    assert len(set(labels)) == len(labels) == 6
    assert labels[0] == "2.8-5.7 px 45°"


def test_profiles_of_two_transforms_are_not_compared():
    profiles = [scale_profile(Energy(Stationary(w, 2)), X, Y, name=w) for w in ("haar", "db2")]
    assert profiles[0].wavelet == "stationary haar, 2 levels"
    assert profiles[0].scales == profiles[1].scales
    with pytest.raises(ValueError, match="of the same scales, orientations and wavelet"):
        compare_profiles(*profiles)


@pytest.mark.parametrize("orientations", [2, 4])
def test_directions_have_a_look_and_a_name_each(orientations):
    profile = scale_profile(Energy(Steerable(2, orientations)), X, Y)
    (ax,) = profile.plot().axes
    legend = ax.get_legend()
    names = [text.get_text() for text in legend.get_texts()][::-1]
    assert names == [
        "approximation",
        *(f"{180 * k // orientations}°" for k in range(orientations)),
        "high",
    ]
    assert legend.get_title().get_text() == ""
    colors = [mpl.colors.to_hex(patch.get_facecolor()) for patch in legend.get_patches()]
    assert len(set(colors)) == len(names)


def test_shares_of_frequencies_are_drawn_by_frequency():
    transform = ConstantQ(3, 12, sample_rate=8000.0)
    tones = np.sin(2 * np.pi * 880 * np.arange(2048) / 8000 + np.array([[0.0], [1.0], [2.0]]))
    profile = scale_profile(Energy(transform), tones, Y, name="one")
    for figure in (profile.plot(), compare_profiles(profile, replace(profile, name="two")).plot()):
        (ax,) = figure.axes
        curve = ax.lines[0].get_ydata()
        np.testing.assert_allclose(curve, profile.band_mean)
        assert profile.bands[curve.argmax()][1] == "880 Hz"


@pytest.mark.parametrize("transform", [Stationary("db2", 2), Steerable(2, 4)], ids=str)
def test_a_closer_look_takes_one_level_more_of_the_same_transform(transform):
    closer = replace(transform, level=3)
    pair = tuple(
        control("magnitude", gratings(w), t) for w, t in ((6.4, transform), (12.8, closer))
    )
    found = zoom_consistency(*pair)
    np.testing.assert_allclose(found.zoomed[0, :-1], found.regular[0], atol=0.1)
    assert found.scales[-1] == ("0.5-1 px" if transform == Stationary("db2", 2) else "< 0.7 px")
    other = {"wavelet": "haar"} if hasattr(transform, "wavelet") else {"orientations": 6}
    with pytest.raises(ValueError, match="zoomed must be by the transform of regular"):
        zoom_consistency(pair[0], control("magnitude", gratings(8), replace(closer, **other)))


def test_a_closer_look_needs_octaves():
    packets = control("magnitude", X, Packets("haar", 2))
    with pytest.raises(ValueError, match="zoomed must have one level more"):
        zoom_consistency(packets, control("magnitude", X, Packets("haar", 3)))
    more = control("magnitude", X, DWT("haar", 2))
    with pytest.raises(ValueError, match="regular must be by a transform of levels an octave"):
        zoom_consistency(packets, more)


def test_what_is_heard_of_a_pitch_is_told_from_what_overlaps_it():
    """A model of one tone, under another a fifth above it: both lie in one octave."""
    time = 2 * np.pi * np.arange(2048) / 8000
    tone, other = np.sin(523.25 * time)[np.newaxis], np.sin(783.99 * time)[np.newaxis]

    def model(x):
        heard = (np.asarray(x) @ tone[0])[:, np.newaxis] / 1024
        return np.concatenate([heard, -heard], axis=1)

    def improvement(transform, **how):
        explainer = WCAM(model, transform=transform, partition="band", nb_design=16, **how)
        found = overlap_experiment(explainer, tone, other, np.eye(2)[:1], keep=2048)
        return found.improvement.item()

    assert improvement(ConstantQ(4, 12)) > 10
    assert improvement(Stationary("db4", 4)) < 1


def test_the_page_tells_of_the_transform_and_warns_of_no_scale_that_is_none():
    sounds = np.random.default_rng(0).standard_normal((1, 64)).astype(np.float32)

    def model(x):
        power = (np.asarray(x)[:, 1:] - np.asarray(x)[:, :-1]).std(1)
        return np.stack([power, 0 * power], axis=1)

    def page(transform):
        explainer = WCAM(model, transform=transform, partition="band", nb_design=4)
        return report(model, sounds, explainer=explainer)

    fine, packets = page(Stationary("haar", 2)), page(Packets("haar", 2))
    assert "WCAM, stationary haar, 2 levels" in fine.html
    assert "rests on 1-2 sample detail" in fine.rows[0]["warnings"]
    assert "WCAM, packets of haar, 2 levels" in packets.html
    assert "rests on" not in packets.rows[0]["warnings"]
