"""``wam-xplique profile``."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pandas as pd
import pytest
import torch
from PIL import Image

from wam_xplique import WCAM, WaveletIntegratedGradients
from wam_xplique.analysis import ScaleProfile
from wam_xplique.loading.model_files import without_softmax

from .conftest import CLASSES, FEW, SIZE
from .test_input_files import convolutions


def expected_shares(explainer, network, x: np.ndarray) -> np.ndarray:
    """The shares (N, level + 1) in the explanations of the classes that are predicted."""
    classes = np.argmax(network(x), axis=1)
    return explainer.explain_wavelet(x, np.eye(CLASSES)[classes]).scale_importance()


def test_models_are_compared_over_files_and_broken_ones_are_told(
    photos, model_files, network, pixels, tells, tmp_path
):
    out = tmp_path / "out"
    models = ["--model", model_files["keras"], "--model", model_files["TorchScript"]]
    sized = ["--size", SIZE, "--level", 2, *FEW]
    told = tells("profile", photos, *models, "--out", out, *sized, fails=True)
    assert told.count("broken.jpg: ") == 1
    assert "network (WaveletIntegratedGradients, inputs: 3): > 4 px left out, 2-4 px " in told
    names = {"profile.csv", "profile.png", "network.npz", "scripted.npz"}
    assert {path.name for path in out.iterdir()} == names

    x = pixels.astype(np.float32) / 255
    explainer = WaveletIntegratedGradients(without_softmax(network), steps=2, level=2)
    shares = expected_shares(explainer, network, x)
    profile = ScaleProfile.load(out / "network.npz")
    np.testing.assert_allclose(profile.mean, shares.mean(0), atol=1e-4)
    np.testing.assert_allclose(profile.std, shares.std(0, ddof=1), atol=1e-4)
    table = pd.read_csv(out / "profile.csv")
    whole = table[(table["orientation"] == "all") & (table["model"] == "network")]
    np.testing.assert_allclose(whole["mean"], shares.mean(0), atol=1e-4)
    assert set(table["model"]) == {"network", "scripted"}
    with Image.open(out / "profile.png") as picture:
        assert np.asarray(picture.convert("L")).std() > 10


@pytest.mark.parametrize("kind", ["keras", "torch.export", "SavedModel"])
def test_one_model_over_an_array(kind, model_files, pixels, network, tells, tmp_path):
    x = pixels.astype(np.float32) / 255
    in_torch = kind == "torch.export"
    np.savez(tmp_path / "x.npz", x=np.moveaxis(x, -1, 1) if in_torch else x)
    out = tmp_path / "out"
    tells(
        "profile", tmp_path / "x.npz", "--model", model_files[kind], "--out", out, "--trust", *FEW
    )
    model = without_softmax(network) if kind == "keras" else network
    shares = expected_shares(WaveletIntegratedGradients(model, steps=2), network, x)
    profile = ScaleProfile.load(out / f"{Path(model_files[kind]).stem}.npz")
    np.testing.assert_allclose(profile.mean, shares.mean(0), atol=1e-4)
    assert "model" not in pd.read_csv(out / "profile.csv")


def test_all_models_are_explained_by_the_same_method(
    photos, model_files, module, pixels, tells, tmp_path
):
    """One of these models has no gradients."""
    kinds = ("TorchScript", "TorchScript without gradients")
    models = [argument for kind in kinds for argument in ("--model", model_files[kind])]
    few = ["--set", "grid_size=4", "--set", "nb_design=4", "--set", "confidence=null"]
    told = tells("profile", photos / "a.png", *models, "--out", tmp_path, *few)
    assert told.count("(WCAM, inputs: 1)") == 2
    x = torch.tensor(np.moveaxis(pixels[:1], -1, 1) / np.float32(255))
    classes = np.eye(CLASSES)[module(x).argmax(1).numpy()]
    expected = WCAM(module, 4, 4, confidence=None).explain_wavelet(x, classes)
    found = ScaleProfile.load(tmp_path / "black.npz").mean
    np.testing.assert_allclose(found, expected.scale_importance()[0], atol=1e-3)


def test_files_that_are_too_small_are_left_out(model_files, tells, tmp_path):
    torch.jit.save(torch.jit.script(convolutions(2, 3).eval()), tmp_path / "any.pt")
    for name, size in (("a", 4), ("b", 32), ("c", 32), ("d", 6)):
        np.save(tmp_path / f"{name}.npy", np.random.default_rng(0).random((3, size, size)))
    np.save(tmp_path / "signal.npy", np.zeros((3, 32)))
    model = ["--model", tmp_path / "any.pt", "--out", tmp_path / "out", *FEW]
    told = tells("profile", tmp_path, *model, "--level", 3, fails=True)
    assert "inputs: 2)" in told
    assert told.count("the highest level possible is 2") == 2
    assert "signal.npy: any: " in told


def test_no_file_that_can_be_used_is_told(photos, model_files, tells, tmp_path):
    given = [photos / "broken.jpg", "--model", model_files["keras"], "--out", tmp_path / "out"]
    assert "cannot be read as an image" in tells("profile", *given, fails=True)
    assert not (tmp_path / "out").exists()
