"""``wam-xplique explain``."""

from __future__ import annotations

from importlib.metadata import entry_points
from pathlib import Path

import matplotlib as mpl
import numpy as np
import pytest
import torch
from PIL import Image

from wam_xplique import (
    FAM,
    WCAM,
    WaveletExplanation,
    WaveletIntegratedGradients,
    WaveletSmoothGrad,
)
from wam_xplique.cli import main, pictures
from wam_xplique.coefficients import flatten
from wam_xplique.datasets import save_wav
from wam_xplique.fourier import FourierExplanation
from wam_xplique.loading.model_files import without_softmax

from .conftest import CLASSES, FEW, SIZE
from .test_input_files import convolutions


@pytest.fixture
def titles(monkeypatch):
    """The titles of the pictures that are drawn; small ones, as their content is of no interest."""
    drawn = []

    def draw(explanation, shown, index, title, sample_rate, signed=False):
        drawn.append((title, index, np.shape(shown), sample_rate))
        return mpl.figure.Figure((1, 1))

    monkeypatch.setattr(pictures, "plot_explanation", draw)
    monkeypatch.setattr(pictures, "draw_fourier", draw)
    monkeypatch.setattr(pictures, "plot_photograph", lambda *_, **__: mpl.figure.Figure((1, 1)))
    return drawn


def names_in(folder: Path) -> set[str]:
    return {path.relative_to(folder).as_posix() for path in folder.rglob("*") if path.is_file()}


def test_each_file_is_explained_as_in_python_and_broken_ones_are_told(
    photos, model_files, network, pixels, tells, tmp_path
):
    out = tmp_path / "out"
    given = [photos, "nothing.png", "--model", model_files["keras"], "--out", out, *FEW]
    told = tells("explain", *given, "--wavelet", "db2", "--level", "2", fails=True)
    names = ("a", "b", "deep_a")
    ends = (".npz", ".png", "_overlay.png")
    assert names_in(out) == {f"{name}{end}" for name in names for end in ends}
    *_, about, first, second, third = told.splitlines()
    assert "pixels are divided by 255" in about
    assert "classes are told by number" in about
    written = [line.rpartition("; ")[2] for line in (first, second, third)]
    assert written == [f"{out / name}.png, {out / name}_overlay.png" for name in names]
    assert "nothing.png: there is no such file" in told
    assert "broken.jpg: network: path " in told
    assert "notes.txt" not in told

    x = pixels.astype(np.float32) / 255
    classes = np.argmax(network(x), axis=1)
    explainer = WaveletIntegratedGradients(
        without_softmax(network), steps=2, wavelet="db2", level=2
    )
    expected = explainer.explain_wavelet(x, np.eye(CLASSES)[classes])
    for index, name in enumerate(names):
        found = WaveletExplanation.load(out / f"{name}.npz")
        assert (found.input_shape, found.wavelet) == ((1, SIZE, SIZE, 3), "db2")
        for key, band in flatten(found.coefficients).items():
            wanted = flatten(expected.coefficients)[key][index]
            np.testing.assert_allclose(band[0], wanted, rtol=1e-3, atol=1e-6)
        with Image.open(out / f"{name}.png") as picture:
            assert picture.size[0] > 1000
        with Image.open(out / f"{name}_overlay.png") as picture:
            assert min(picture.size) >= 300


@pytest.mark.parametrize(
    "kind", ["h5", "SavedModel", "TorchScript", "trace", "torch.export", "pickle"]
)
def test_models_of_every_format_are_explained(
    kind, model_files, module, pixels, titles, tells, tmp_path
):
    array = pixels.astype(np.float32) / 255
    x = torch.tensor(np.moveaxis(array, -1, 1).copy())
    in_keras = kind in ("h5", "SavedModel")
    np.save(tmp_path / "x.npy", array if in_keras else x)
    given = [tmp_path / "x.npy", "--model", model_files[kind], "--out", tmp_path, "--trust"]
    few = ["--method", "WAM-SG", "--set", "nb_samples=3", "--seed", "5", "--target", "2"]
    tells("explain", *given, *few)
    found = WaveletExplanation.load(tmp_path / "x.npz")
    assert names_in(tmp_path / "x") == {
        f"{i}{end}.png" for i in range(3) for end in ("", "_overlay")
    }
    assert [index for _, index, *_ in titles] == [0, 1, 2]
    assert all("class 2 (" in title and "WaveletSmoothGrad" in title for title, *_ in titles)
    assert {shape for _, _, shape, _ in titles} == {(SIZE, SIZE, 3)}
    assert len(found) == 3
    if not in_keras:  # whose noise is drawn in another order
        explainer = WaveletSmoothGrad(module, nb_samples=3, relative_noise=0.1, seed=5)
        expected = explainer.explain_wavelet(x, np.eye(CLASSES)[[2, 2, 2]])
        np.testing.assert_allclose(found.mosaic(), expected.mosaic(), rtol=1e-3, atol=1e-6)


def test_models_without_gradients_are_explained_by_wcam(
    photos, model_files, module, pixels, titles, tells, tmp_path
):
    given = [photos / "a.png", "--model", model_files["TorchScript without gradients"]]
    few = ["--set", "grid_size=4", "--set", "nb_design=4", "--set", "confidence=null"]
    tells("explain", *given, "--out", tmp_path, *few)
    assert titles[0][0].endswith("WCAM")
    x = torch.tensor(np.moveaxis(pixels[:1], -1, 1) / np.float32(255))
    classes = np.eye(CLASSES)[module(x).argmax(1).numpy()]
    expected = WCAM(module, 4, 4, confidence=None).explain_wavelet(x, classes)
    found = WaveletExplanation.load(tmp_path / "a.npz")
    np.testing.assert_allclose(found.sobol.total, expected.sobol.total, rtol=1e-3, atol=1e-4)


def test_frequencies_are_explained_and_drawn(photos, model_files, tells, tmp_path):
    given = [photos / "a.png", "--model", model_files["keras"], "--out", tmp_path]
    tells("explain", *given, "--method", "fam", "--set", "grid_size=4", "--set", "nb_design=4")
    assert FourierExplanation.load(tmp_path / "a.npz").sobol.total.shape == (1, 4)
    with Image.open(tmp_path / "a.png") as picture:
        assert picture.size == (1100, 330)


@pytest.mark.parametrize("ndim", [1, 2, 3])
def test_pictures_of_frequencies(ndim):
    x = np.random.default_rng(0).random((2, *(16, 16, 16)[:ndim], 1), np.float32)

    def model(x):
        return np.asarray(x).reshape(len(x), -1)[:, :2]

    explanation = FAM(model, 4, 2).explain_fourier(x, np.eye(2))
    figure = pictures.draw_fourier(explanation, x[1], 1, "title", 8.0 if ndim == 1 else None)
    axes = [ax.get_title() for ax in figure.axes if ax.get_title()]
    assert axes == ["input", *["spectrum"] * (ndim < 3), "importance of frequencies"]
    assert figure.get_suptitle() == "title"
    mpl.pyplot.close(figure)


def test_sounds_are_drawn_in_seconds(tmp_path, titles, tells):
    pytest.importorskip("soundfile")
    torch.jit.save(torch.jit.script(convolutions(1, 1).eval()), tmp_path / "sounds.pt")
    save_wav(tmp_path / "noise.wav", np.random.default_rng(0).uniform(-1, 1, 400), 400)
    model = ["--model", tmp_path / "sounds.pt", "--sample-rate", "800", *FEW]
    tells("explain", tmp_path / "noise.wav", *model, "--out", tmp_path / "out")
    assert WaveletExplanation.load(tmp_path / "out" / "noise.npz").input_shape == (1, 800, 1)
    assert titles[0][2:] == ((800, 1), 800)


def test_sounds_have_no_overlay(tmp_path, tells):
    torch.jit.save(torch.jit.script(convolutions(1, 1).eval()), tmp_path / "sounds.pt")
    np.save(tmp_path / "x.npy", np.zeros((1, 400)))
    model = ["--model", tmp_path / "sounds.pt", "--ndim", "1", "--style", "overlay"]
    told = tells("explain", tmp_path / "x.npy", *model, "--out", tmp_path / "out", fails=True)
    assert "--style overlay is of images; strip draws sounds and volumes" in told


def test_what_was_written_into_a_folder_of_inputs_is_no_input(photos, model_files, titles, tells):
    (photos / "broken.jpg").unlink()
    for _ in range(2):
        titles.clear()
        model = ["--model", model_files["keras"], *FEW]
        tells("explain", photos, *model, "--force", "--out", photos / "out")
        assert len(titles) == 3


@pytest.mark.parametrize(("style", "drawn"), [(None, 2), ("overlay", 1), ("mosaic", 1)])
def test_the_likeliest_classes_are_explained_in_a_style(
    style, drawn, photos, model_files, network, pixels, tells, tmp_path
):
    look = [] if style is None else ["--style", style]
    given = [photos / "a.png", "--model", model_files["keras"], *FEW, "--top", "2", *look]
    told = tells("explain", *given, "--signed", "--out", tmp_path / "out")
    stems = ("a", "a_top2")
    ends = [".npz", ".png", "_overlay.png"][: 1 + drawn]
    assert names_in(tmp_path / "out") == {f"{stem}{end}" for stem in stems for end in ends}
    outputs = np.asarray(network(pixels[:1] / np.float32(255)))[0]
    first, second = np.argsort(-outputs)[:2]
    *_, one, two = told.splitlines()
    assert f"class {first} ({outputs[first]:.1%})" in one
    assert f"class {second} ({outputs[second]:.1%})" in two
    explanations = [WaveletExplanation.load(tmp_path / "out" / f"{stem}.npz") for stem in stems]
    assert not np.allclose(*(explanation.mosaic() for explanation in explanations))


def test_two_files_that_would_be_written_as_one_are_told(photos, model_files, tells):
    Image.open(photos / "a.png").save(photos / "a_overlay.png")
    given = [photos / "a.png", photos / "a_overlay.png", "--model", model_files["keras"]]
    told = tells("explain", *given, "--out", photos / "out", fails=True)
    assert "a_overlay.png would be written for two of the files" in told


def test_the_installed_script_is_this_command_line():
    (script,) = entry_points(group="console_scripts", name="wam-xplique")
    assert script.load() is main
