"""Corrupted versions that are still recognised, and reconstruction depth beside their number."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
import scipy.stats
import torch

from wam_xplique.analysis import (
    DecisiveImages,
    DepthRobustness,
    Robustness,
    depth_robustness,
    robustness,
    sufficient_images,
)
from wam_xplique.datasets import corrupt

from .conftest import each_model


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
    how = {"value_range": (0, 255), "preprocess": lambda x: x / 255}
    kinds = ["brightness", "contrast"]
    found = robustness(some_model, 255 * images, np.eye(2)[[0, 0]], kinds, **how)
    assert found.correct[:, 0].tolist() == [[True] * 5, [False, False, True, True, True]]
    assert found.correct[:, 1].tolist() == [[True] * 5, [False] * 5]
    np.testing.assert_allclose(found.share, [1, 0.3])


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
        ({"corruptions": ("fog", "fog")}, ValueError, "each once"),
        ({"severities": (1, 6)}, ValueError, r"severities must be some of \(1, 2, 3, 4, 5\)"),
        ({"images": torch.zeros(4, 3, 8, 8)}, TypeError, "images must be an array with channels l"),
        ({"batch_size": 0}, ValueError, "batch_size must be None or an integer of at least 1"),
        ({"targets": np.eye(2)}, ValueError, "targets must be one for each"),
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


def halves(x: np.ndarray) -> np.ndarray:
    return np.stack([x[:, :, :4].sum((1, 2, 3)), x[:, :, 4:].sum((1, 2, 3))], axis=1)


def measured(count: int = 5) -> tuple[DecisiveImages, Robustness]:
    x = np.random.default_rng(0).random((count, 8, 8, 1)).astype(np.float32)
    y = np.eye(2)[halves(x).argmax(1)]
    found = sufficient_images(halves, x, y, x, level=1)
    return found, robustness(halves, x, y, ("gaussian_noise", "contrast"), (1, 5))


def test_depth_and_robustness_are_related_input_by_input():
    sufficient, robust = measured()
    relation = depth_robustness({"_ours": (sufficient, robust)})
    table = relation.to_dataframe()
    np.testing.assert_array_equal(table["depth"], sufficient.share)
    np.testing.assert_array_equal(table["robustness"], robust.share)
    assert set(table["model"]) == {"_ours"}
    row = relation.correlations().loc["_ours"]
    expected = scipy.stats.spearmanr(sufficient.share, robust.share)
    assert (row["inputs"], row["correlation"]) == (5, pytest.approx(expected.statistic))
    (ax,) = relation.plot().axes
    assert ax.get_legend().get_texts()[0].get_text().startswith("_ours (ρ = ")


def related(depth: list[float], robust: list[float]) -> float:
    relation = DepthRobustness({"a": np.array(depth)}, {"a": np.array(robust)})
    return relation.correlations().loc["a", "correlation"]


def test_the_correlation_is_one_of_ranks():
    assert related([0.1, 0.2, 0.9, 0.3], [0.9, 0.8, 0.1, 0.7]) == pytest.approx(-1)
    assert related([0.1, np.nan, 0.9, 0.3], [0.2, 0.0, 0.8, 0.3]) == pytest.approx(1)
    assert np.isnan(related([0.1, 0.1, 0.1], [0.2, 0.0, 0.8]))
    assert np.isnan(related([0.1, 0.2], [0.2, 0.8]))


def test_what_does_not_fit_is_refused():
    sufficient, robust = measured()
    necessary = replace(sufficient, kind="necessary")
    for models, told in (
        ({}, "models must hold one or more models"),
        ({"a": (sufficient[:3], robust)}, "as many sufficient images as robustness has inputs, 5"),
        ({"a": (necessary, robust)}, "must hold sufficient images, got necessary"),
    ):
        with pytest.raises(ValueError, match=told):
            depth_robustness(models)
