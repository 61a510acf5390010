"""The demo, its data and its command line, on work small enough for a test."""

from __future__ import annotations

import keras
import matplotlib as mpl
import numpy as np
import pytest
from PIL import Image

from wam_xplique import WaveletExplanation
from wam_xplique.cli import main
from wam_xplique.demo import data, imagenet, networks, pipeline, textures
from wam_xplique.fourier import FourierExplanation
from wam_xplique.loading.applications import without_softmax

mpl.use("Agg")


def test_crops_are_standardized_and_drawn_from_their_own_half():
    images, labels = data.crops("right", 5, seed=0)
    assert images.shape == (15, 64, 64, 1)
    np.testing.assert_allclose(images.mean((1, 2, 3)), 0, atol=1e-4)
    np.testing.assert_allclose(images.std((1, 2, 3)), 1, atol=1e-4)
    np.testing.assert_array_equal(labels.argmax(-1), [0, 1, 2] * 5)
    again, _ = data.crops("right", 5, seed=0)
    np.testing.assert_array_equal(images, again)
    other, _ = data.crops("left", 5, seed=0)
    assert not np.allclose(images, other)


def test_both_networks_learn_the_textures():
    images, labels = data.crops("left", 60, seed=0)
    held_out, answers = data.crops("right", 30, seed=1)
    model = networks.train_keras(images, labels)
    assert pipeline.accuracy(model, held_out, answers) > 0.9
    module = networks.train_torch(images, labels)
    import torch

    with torch.no_grad():
        scores = module(torch.tensor(np.moveaxis(held_out, -1, 1).copy())).numpy()
    assert np.mean(scores.argmax(-1) == answers.argmax(-1)) > 0.9


def test_demo_writes_its_figures_explanations_and_table(tmp_path, monkeypatch, capsys):
    monkeypatch.setattr(networks, "EPOCHS", 1)
    monkeypatch.setattr(textures, "NB_SAMPLES", 2)
    monkeypatch.setattr(textures, "STEPS", 2)
    monkeypatch.setitem(textures.COARSE, "nb_design", 2)
    monkeypatch.setattr(textures, "FINE", {"grid_size": 8, "nb_design": 2})
    monkeypatch.setitem(textures.RINGS, "nb_design", 2)
    monkeypatch.setitem(textures.WHOLE, "nb_design", 2)
    monkeypatch.setattr(
        textures, "crops", lambda half, count, seed: data.crops(half, min(count, 8), seed)
    )
    assert main(["demo", "--modality", "texture", "--samples", "6", "--out", str(tmp_path)]) == 0
    printed = capsys.readouterr().out
    assert printed.count("accuracy on the held-out halves") == 2
    table = [line for line in printed.splitlines() if line.startswith(("Keras ", "PyTorch "))]
    assert [line.split()[:2] for line in table] == [
        [framework, method] for framework in ("Keras", "PyTorch") for method in textures.METHODS
    ]
    assert "WCAM" in textures.METHODS
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


def test_the_maps_that_are_scored_are_what_the_explainers_return(tmp_path, monkeypatch):
    images, labels = data.crops("left", 1, seed=0)
    model = keras.Sequential([keras.layers.Flatten(), keras.layers.Dense(3)])
    model.build((None, *images.shape[1:]))
    scored = []
    for name in ("Deletion", "Insertion", "MuFidelity"):
        monkeypatch.setattr(textures, name, lambda *_, **__: lambda m: scored.append(m) or 0.0)
    rows, found = textures._compare("Keras", model, images, labels, tmp_path)
    assert [row[1] for row in rows] == list(textures.METHODS)
    assert list(found) == ["WAM-SG", "WAM-IG", "WCAM"]
    for name, (maps, *_) in zip(
        textures.METHODS, zip(*[iter(scored)] * 3, strict=True), strict=True
    ):
        expected = textures.METHODS[name](model)(images, labels)
        assert np.shape(maps) == (3, 64, 64, 1)
        if name != "SmoothGrad":  # its noise is drawn anew
            np.testing.assert_allclose(maps, expected, rtol=1e-4, atol=1e-6)


@pytest.mark.parametrize("count", [1, 3])
def test_figures_of_crops_have_a_row_for_each_class_and_explanation(count, tmp_path, monkeypatch):
    images, labels = data.crops("left", 1, seed=0)
    x, y = images[:count], labels[:count]

    def model(inputs):
        return np.abs(np.asarray(inputs).reshape(len(inputs), -1)[:, :3])

    wcam = textures.WCAM(model, 8, 2).explain_wavelet(x, y)
    fam = textures.FAM(model, 4, 2).explain_fourier(x, y)
    drawn = {}

    def keep(figure, path, *_, **__):
        drawn[path.name] = [
            [ax.get_ylabel(), ax.get_title(), len(ax.child_axes)] for ax in figure.axes
        ]

    monkeypatch.setattr(textures, "save_figure", keep)
    textures._draw_crops(x, {"one": wcam, "two": wcam}, tmp_path)
    textures._draw_sobol(x, wcam, fam, tmp_path)
    names = data.CLASSES[:count]
    crops, sobol = drawn["textures.png"], drawn["wcam.png"]
    assert [ax[0] for ax in crops[::7]] == [f"{c}\n{n}" for c in names for n in ("one", "two")]
    assert [ax[1] for ax in crops[1:7]] == [
        "wavelet coefficients",
        "4-8 px",
        "2-4 px",
        "1-2 px",
        "all scales",
        "importance",
    ]
    assert not any(ax[1] for ax in crops[7:])
    assert [ax[0] for ax in sobol[: 6 * count : 6]] == list(names)
    assert [ax[2] for ax in sobol[:6]] == [0, 1, 0, 0, 1, 0]  # bars of colours


def photo(path):
    noise = np.random.default_rng(0).integers(0, 255, (40, 50, 3), dtype=np.uint8)
    Image.fromarray(noise).save(path)
    return path


def test_a_photograph_is_explained_by_a_model_of_keras_applications(tmp_path, monkeypatch, capsys):
    original = keras.applications.MobileNetV2

    def small(weights):
        return original(weights=weights, input_shape=(32, 32, 3), alpha=0.35, classes=5)

    small.__name__ = "MobileNetV2"
    monkeypatch.setattr(keras.applications, "MobileNetV2", small)
    path = photo(tmp_path / "cat.png")
    imagenet.explain_photograph(path, "MobileNetV2", tmp_path / "out", weights="none")
    assert "MobileNetV2 sees class" in capsys.readouterr().out
    names = {p.name for p in (tmp_path / "out").iterdir()}
    assert names == {f"cat_wam_{m}.{e}" for m in ("sg", "ig") for e in ("npz", "png")}


@pytest.mark.parametrize("head", ["activation", "layer"])
def test_logits_are_what_the_softmax_is_taken_of(head):
    dense = keras.layers.Dense(3, activation="softmax" if head == "activation" else None)
    softmax = [keras.layers.Softmax()] if head == "layer" else []
    model = keras.Sequential([keras.layers.Input((4,)), dense, *softmax])
    x = np.random.default_rng(0).random((5, 4), dtype=np.float32)
    logits = without_softmax(model)(x)
    np.testing.assert_allclose(keras.ops.softmax(logits), model(x), rtol=1e-5)
    assert not np.allclose(logits, model(x))


def test_missing_weights_an_unreadable_photograph_or_an_unknown_model_stop_with_a_message(
    tmp_path, monkeypatch, capsys
):
    path = photo(tmp_path / "cat.png")

    def offline(weights):
        raise Exception("URL fetch failure")

    monkeypatch.setattr(keras.applications, "MobileNetV2", offline)
    out = ["--out", str(tmp_path / "out")]
    assert main(["demo", "--image", str(path), "--model", "MobileNetV2", *out]) == 1
    assert "needs a connection" in capsys.readouterr().err
    assert main(["demo", "--image", str(path), "--model", "Nothing", *out]) == 1
    assert "not among keras.applications" in capsys.readouterr().err
    text = tmp_path / "text.png"
    text.write_text("no image")
    assert main(["demo", "--image", str(text), *out]) == 1
    assert "cannot be read" in capsys.readouterr().err
    assert not (tmp_path / "out").exists()


@pytest.mark.parametrize("arguments", [[], ["nonsense"], ["demo", "--samples", "many"]])
def test_a_wrong_command_line_exits_with_2_and_usage(arguments, capsys):
    with pytest.raises(SystemExit) as error:
        main(arguments)
    assert error.value.code == 2
    assert "Usage: wam-xplique" in capsys.readouterr().err
