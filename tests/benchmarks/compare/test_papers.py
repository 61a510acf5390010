"""Every published table, end to end, on small data that stand in for those of the papers."""

from __future__ import annotations

import csv
import sys
from dataclasses import replace
from types import SimpleNamespace

import keras
import numpy as np
import pytest
import torch
from PIL import Image
from torch import nn

from benchmarks.compare import papers, runner
from benchmarks.compare.__main__ import main
from benchmarks.compare.papers import PRESETS, reproduce
from wam_xplique import cli
from wam_xplique.datasets import save_wav

SETTINGS = replace(runner.QUICK, samples=2, repeated=0)
OF_IMAGES = [name for name, preset in PRESETS.items() if preset.data == ("images",)]

pytestmark = [
    pytest.mark.slow,
    pytest.mark.filterwarnings("ignore::UserWarning"),  # of Xplique's TorchWrapper
]


@pytest.fixture(scope="module")
def images(tmp_path_factory):
    """A folder of images in the layout of ImageNet's."""
    folder = tmp_path_factory.mktemp("images")
    rng = np.random.default_rng(0)
    for index in range(4):
        (folder / f"n{index % 2}").mkdir(exist_ok=True)
        pixels = rng.integers(0, 256, (70, 60, 3), dtype=np.uint8)
        Image.fromarray(pixels).save(folder / f"n{index % 2}" / f"{index}.png")
    return folder


@pytest.fixture(scope="module")
def model(tmp_path_factory):
    """A small model in a file."""
    path = tmp_path_factory.mktemp("models") / "small.keras"
    keras.utils.set_random_seed(0)
    layers = [keras.Input((32, 32, 3)), keras.layers.Conv2D(4, 3, activation="relu")]
    layers += [keras.layers.GlobalAveragePooling2D(), keras.layers.Dense(5, activation="softmax")]
    keras.Sequential(layers).save(path)
    return str(path)


@pytest.fixture(scope="module")
def sounds(tmp_path_factory):
    """Sounds in ESC-50's layout."""
    folder = tmp_path_factory.mktemp("esc50")
    for name in ("audio", "meta"):
        (folder / name).mkdir()
    rng, rows = np.random.default_rng(0), []
    for index in range(15):
        rows.append((f"{index}.wav", 1 + index % 5, index % 3, f"class {index % 3}"))
        save_wav(folder / "audio" / rows[-1][0], 0.1 * rng.standard_normal(8000), 16000)
    with (folder / "meta" / "esc50.csv").open("w", newline="") as file:
        csv.writer(file).writerows([("filename", "fold", "target", "category"), *rows])
    return folder


def network() -> nn.Module:
    layers = [nn.Conv2d(3, 4, 3), nn.ReLU(), nn.AdaptiveAvgPool2d(1), nn.Flatten(), nn.Linear(4, 5)]
    return nn.Sequential(*layers).eval()


@pytest.fixture
def timm(monkeypatch):
    """What stands in for timm: three of its functions, and a small network."""

    def create_model(name, pretrained):
        assert not pretrained
        return network()

    config = {"input_size": (3, 32, 32), "crop_pct": 0.9, "mean": (0.5,) * 3, "std": (0.2,) * 3}
    data = SimpleNamespace(resolve_model_data_config=lambda model: config)
    monkeypatch.setitem(sys.modules, "timm", SimpleNamespace(create_model=create_model, data=data))


@pytest.mark.parametrize("name", OF_IMAGES)
def test_tables_of_images(name, images, model, tmp_path):
    text = reproduce(name, str(images), SETTINGS, tmp_path, [model])
    assert text.startswith(f"# {PRESETS[name].title}")
    assert "What failed" not in text
    if name == "wcam-table1":
        lines = text.splitlines()
        assert lines[2] == "| level | small, Reg. | small, ×2 |"
        assert [row.split(" | ")[0] for row in lines[4:]] == ["| 0", "| 1", "| 2", "| 3", "| 4"]
        assert "(-)" in lines[-1]
        with pytest.raises(ValueError, match="results of other settings: seed=0 there, 1 here"):
            reproduce(name, str(images), replace(SETTINGS, seed=1), tmp_path, [model])
        return
    assert "| method | small |" in text
    for metric in PRESETS[name].metrics:
        assert f"## {metric}" in text
    for method in PRESETS[name].methods:
        assert f"| {method} | " in text


def test_the_models_of_timm(timm, images, tmp_path):
    settings = replace(SETTINGS, weights=None)
    text = reproduce("table1", str(images), settings, tmp_path)
    names = [model.removeprefix("timm:") for model in papers.TIMM]
    assert f"| {' | '.join(['method', *names, 'Mean'])} |" in text
    assert "GradCAM" not in text  # it looks into Keras models alone


def test_the_two_tables_of_sounds_differ_in_the_domain_of_ours_alone(sounds, tmp_path, monkeypatch):
    monkeypatch.setattr("benchmarks.compare.subjects.SECONDS", 0.5)
    monkeypatch.setattr("wam_xplique.demo.networks.EPOCHS", 1)
    scored = []
    for name in ("table2", "table5"):
        text = reproduce(name, str(sounds), SETTINGS, tmp_path / name, ["keras"])
        header = text.splitlines()[2]
        assert header.startswith(
            "| method | WaveletFaithfulness ↑, ESC50 | WaveletFaithfulness ↑, +WN | "
        )
        assert len(text.splitlines()) == 4 + len(PRESETS[name].methods)
        results = runner.collect(tmp_path / name)
        keys = ["model", "method", "metric", "sample"]
        scored.append(results.set_index(keys)["score"].sort_index())
    wam = scored[0].index.get_level_values("method").isin(papers.WAM)
    theirs = scored[0][~wam].drop("SmoothGrad", level="method")  # draws noise of its own
    np.testing.assert_allclose(theirs, scored[1].loc[theirs.index], atol=1e-4)
    assert np.abs(scored[0][wam] - scored[1][wam]).max() > 1e-3


@pytest.mark.parametrize("name", PRESETS)
def test_missing_data_are_told_with_what_to_fetch(name, tmp_path):
    kind = PRESETS[name].data[0]
    where = {"images": "image-net.org", "esc50": "karolpiczak/ESC-50"}[kind]
    with pytest.raises(ValueError, match=f"{where}.*{kind}:PATH.*there is no"):
        reproduce(name, str(tmp_path / "nowhere"), SETTINGS, tmp_path)


def test_volumes_of_medmnist(tmp_path):
    rng = np.random.default_rng(0)
    arrays = {
        f"{split}_{what}": values
        for split in ("train", "val", "test")
        for what, values in {
            "images": rng.integers(0, 256, (4, 28, 28, 28), dtype=np.uint8),
            "labels": np.array([[0], [1], [0], [1]], np.uint8),
        }.items()
    }
    np.savez(tmp_path / "some3d.npz", **arrays)
    request = SETTINGS.request(f"medmnist:{tmp_path / 'some3d.npz'}", "torch")
    results = runner.run([request], SETTINGS, tmp_path, ["Saliency", "WCAM"], ["WaveletDeletion"])
    assert set(results["model"]) == {"medmnist, PyTorch"}
    assert results["error"].isna().all()
    assert len(results) == 4


def test_models_of_torchscript_and_pickled_modules(images, tmp_path):
    model = network()
    names = ("scripted.pt", "pickled.pth", "exported.pt2")
    script, pickled, exported = (tmp_path / name for name in names)
    torch.jit.save(torch.jit.trace(model, torch.zeros(1, 3, 32, 32)), str(script))
    torch.save(model, pickled)
    data, chosen = f"images:{images}", ["WaveletSaliency", "Saliency"]
    settings = replace(SETTINGS, samples=2)
    with pytest.raises(ValueError, match=r"is a pickle.*--trust"):
        settings.request(data, str(pickled)).load()
    trusting = replace(settings, trust=True)
    torch.export.save(torch.export.export(model, (torch.zeros(1, 3, 224, 224),)), exported)
    requests = [trusting.request(data, str(path)) for path in (script, pickled, exported)]
    metrics = ["WaveletDeletion", "Insertion"]
    results = runner.run(requests, trusting, tmp_path / "out", chosen, metrics)
    assert results["error"].isna().all()
    assert len(results) == len(requests) * len(chosen) * len(metrics) * settings.samples
    scores = results.groupby(["method", "metric", "sample"])["score"]
    assert scores.agg(np.ptp).max() < 1e-5


def test_models_of_keras_applications(images, tmp_path):
    settings = replace(SETTINGS, weights=None, samples=1)
    request = settings.request(f"images:{images}", "MobileNetV2")
    results = runner.run([request], settings, tmp_path, ["WaveletSaliency"], ["Insertion"])
    assert set(results["model"]) == {"images, MobileNetV2"}
    assert 0 < results["score"].item() < 1


def test_the_command_runs_and_tells_what_is_wrong(images, model, tmp_path, capsys):
    out = ["--out", str(tmp_path / "out"), "--quick"]
    few = ["--methods", "Saliency", "--metrics", "Insertion", "--samples", "2"]
    assert main(["--data", f"images:{images}", "--models", model, *few, *out]) == 0
    assert "| Saliency | 0." in (tmp_path / "out" / "summary.md").read_text()
    assert cli.main(["benchmark", "--data", f"images:{images}", "--models", model, *few, *out]) == 0
    (tmp_path / "empty").mkdir()
    wrongs = [
        (["--data", "cats"], "data must be one of"),
        (["--data", "digits", "--models", "VGG16"], "model for digits must be"),
        (["--data", f"images:{images}", "--models", "nothing.keras"], "is no file"),
        (["--data", f"images:{images}", "--models", "NoNet"], "NoNet is not among"),
        (["--data", f"images:{images}", "--models", model, "--samples", "9"], "must hold 9 images"),
        (["--data", f"images:{tmp_path / 'empty'}", "--models", model], "holds 0"),
        (["--paper", "table9"], "--paper must be one of"),
        (["--paper", "table1"], "such as images:PATH"),
        (["--samples", "0"], "--samples is too small"),
    ]
    for index, (wrong, told) in enumerate(wrongs):
        assert main([*wrong, "--out", str(tmp_path / str(index)), "--quick"]) == 1
        assert told in capsys.readouterr().err
