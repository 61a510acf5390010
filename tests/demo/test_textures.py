"""The demo on textures, on work small enough for a test."""

from __future__ import annotations

import keras
import numpy as np
import pytest
from PIL import Image

from wam_xplique import FAM, WCAM, WaveletExplanation
from wam_xplique.demo import data, networks, textures
from wam_xplique.fourier import FourierExplanation


@pytest.mark.slow
def test_its_figures_explanations_and_table_are_written(quick, tmp_path, tells):
    printed = tells("demo", "--modality", "texture", "--samples", 6, "--out", tmp_path)
    assert printed.count("accuracy on the held-out halves") == 2
    table = [line for line in printed.splitlines() if line.startswith(("Keras ", "PyTorch "))]
    assert [line.split()[:2] for line in table] == [
        [framework, method] for framework in ("Keras", "PyTorch") for method in textures.METHODS
    ]
    assert all(np.isfinite([float(number) for number in line.split()[2:]]).all() for line in table)
    for name in ("minimal.png", "textures.png", "photograph.png", "wcam.png"):
        assert Image.open(tmp_path / name).size[0] > 500
    for framework in ("keras", "torch"):
        for method in ("wam_sg", "wam_ig", "wcam"):
            explanation = WaveletExplanation.load(tmp_path / f"{framework}_{method}.npz")
            assert len(explanation) == 6
            assert (explanation.sobol is not None) == (method == "wcam")
    fine = WaveletExplanation.load(tmp_path / "keras_wcam_fine.npz")
    assert fine.sobol.total.shape == (3, 8 * 8 - 1)
    assert FourierExplanation.load(tmp_path / "keras_fam.npz").sobol.total.shape == (3, 16)
    for method in ("wam_sg", "wcam"):
        photographed = WaveletExplanation.load(tmp_path / f"photograph_{method}.npz")
        assert photographed.spatial_shape == (512, 512)


def test_the_maps_that_are_scored_are_what_the_explainers_return(quick, tmp_path, monkeypatch):
    images, labels = data.crops("left", 1, seed=0)
    model = keras.Sequential([keras.layers.Flatten(), keras.layers.Dense(3)])
    model.build((None, *images.shape[1:]))
    scored = []
    for name in ("Deletion", "Insertion", "MuFidelity"):
        monkeypatch.setattr(textures, name, lambda *_, **__: lambda m: scored.append(m) or 0.0)
    rows, found = textures._compare("Keras", model, images, labels, tmp_path)
    assert [row[1] for row in rows] == list(textures.METHODS)
    assert list(found) == ["WAM-SG", "WAM-IG", "WCAM"]
    for name, maps in zip(textures.METHODS, scored[::3], strict=True):
        assert np.shape(maps) == (3, 64, 64, 1)
        if name != "SmoothGrad":  # its noise is drawn anew
            expected = textures.METHODS[name](model)(images, labels)
            np.testing.assert_allclose(maps, expected, rtol=1e-4, atol=1e-6)


@pytest.mark.parametrize("count", [1, 3])
def test_figures_of_crops_have_a_row_for_each_class_and_explanation(count, tmp_path, monkeypatch):
    x, y = (values[:count] for values in data.crops("left", 1, seed=0))

    def model(inputs):
        return np.abs(np.asarray(inputs).reshape(len(inputs), -1)[:, :3])

    wcam = WCAM(model, 8, 2).explain_wavelet(x, y)
    fam = FAM(model, 4, 2).explain_fourier(x, y)
    drawn = {}

    def keep(figure, path, *_, **__):
        drawn[path.name] = [
            [ax.get_ylabel(), ax.get_title(), len(ax.child_axes)] for ax in figure.axes
        ]

    monkeypatch.setattr(textures, "save_figure", keep)
    textures._draw_crops(x, {("one", "Keras"): wcam, ("two", "Keras"): wcam}, tmp_path)
    textures._draw_sobol(x, wcam, fam, tmp_path)
    names = data.CLASSES[:count]
    crops, sobol = drawn["textures.png"], drawn["wcam.png"]
    assert [ax[0] for ax in crops[::7]] == [
        f"{c}\n{n}, Keras" for c in names for n in ("one", "two")
    ]
    scales = ["wavelet coefficients", "4-8 px", "2-4 px", "1-2 px", "all scales", "importance"]
    assert [ax[1] for ax in crops[1:7]] == scales
    assert not any(ax[1] for ax in crops[7:])
    assert [ax[0] for ax in sobol[: 6 * count : 6]] == list(names)
    assert [ax[2] for ax in sobol[:6]] == [0, 1, 0, 0, 1, 0]  # bars of colours


def test_levels_of_wcam_and_octaves_of_fam_agree_in_order():
    """Wavelets and frequencies tell the same scales (WCAM figure 13)."""
    model = networks.train_keras(*data.crops("left", 60, seed=0))
    x, y = data.crops("right", 4, seed=1)
    wcam = WCAM(model, 16, 16, include_approximation=True, refine=800, confidence=None)
    fam = FAM(model, 16, 16, confidence=None)
    levels = wcam.explain_wavelet(x, y).scale_importance().mean(axis=0)
    octaves = fam.explain_fourier(x, y).octave_importance(3).mean(axis=0)
    np.testing.assert_array_equal(np.argsort(levels), np.argsort(octaves))
