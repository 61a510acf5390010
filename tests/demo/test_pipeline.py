"""What the demos share: what is installed, accuracies, names, rows and tables."""

from __future__ import annotations

import importlib.util

import keras
import numpy as np
import pytest
import torch

from wam_xplique import WaveletExplanation
from wam_xplique.demo import pipeline


@pytest.fixture
def without(monkeypatch):
    """Hide packages."""
    real = importlib.util.find_spec

    def hide(*packages: str) -> None:
        monkeypatch.setattr(
            importlib.util, "find_spec", lambda name: None if name in packages else real(name)
        )

    return hide


def test_both_frameworks_where_they_are_installed(capsys):
    assert pipeline.frameworks() == ["Keras", "PyTorch"]
    assert capsys.readouterr().out == ""


def test_without_pytorch_its_extra_is_named(without, capsys):
    without("torch")
    assert pipeline.frameworks() == ["Keras"]
    assert capsys.readouterr().out == (
        "PyTorch is not installed; its part is left out (pip install 'wam-xplique[torch]').\n"
    )


def linear(weights: np.ndarray) -> tuple[keras.Model, torch.nn.Module]:
    """Scores of inputs (N, T, C) by what each channel adds up to, in both frameworks."""
    model = keras.Sequential(
        [
            keras.layers.Input((None, len(weights))),
            keras.layers.GlobalAveragePooling1D(),
            keras.layers.Dense(weights.shape[1], use_bias=False),
        ]
    )
    model.set_weights([weights])
    dense = torch.nn.Linear(*weights.shape, bias=False)
    dense.weight.data = torch.tensor(weights.T)
    module = torch.nn.Sequential(torch.nn.AdaptiveAvgPool1d(1), torch.nn.Flatten(), dense)
    return model, module


@pytest.mark.parametrize("count", [1, pipeline.BATCH_SIZE, 2 * pipeline.BATCH_SIZE + 3])
def test_accuracy_is_the_share_of_right_classes_in_both_frameworks(count):
    generator = np.random.default_rng(0)
    weights = generator.standard_normal((4, 3)).astype(np.float32)
    x = generator.standard_normal((count, 7, 4)).astype(np.float32)
    best = (x.mean(1) @ weights).argmax(-1)
    wrong = generator.random(count) < 0.3
    y = np.eye(3, dtype=np.float32)[(best + wrong) % 3]
    for model in linear(weights):
        assert pipeline.accuracy(model, x, y) == pytest.approx(1 - wrong.mean())


def test_training_tells_accuracy_and_time(capsys):
    model, _ = linear(np.eye(2, dtype=np.float32))
    x, y = np.eye(2, dtype=np.float32)[:, np.newaxis], np.eye(2, dtype=np.float32)
    seen = []
    trained = pipeline.train("Keras", lambda *data: seen.append(data) or model, (x, y), (x, y), "x")
    assert trained is model
    assert seen == [(x, y)]
    told = "Keras: accuracy on the held-out x 100.0% (trained in 0 s)\n"
    assert capsys.readouterr().out == told


def test_rows_stand_by_input_then_method_then_framework():
    bands = [np.zeros((1, 2)), {"d": np.zeros((1, 2))}]
    explanation = WaveletExplanation(bands, "haar", "periodization", (1, 4), 1)
    keys = [(m, f) for f in ("Keras", "PyTorch") for m in ("WAM-SG", "WAM-IG")]
    rows = pipeline.rows_of([4, 2], dict.fromkeys(keys, explanation))
    assert [row[0] for row in rows] == [4] * 4 + [2] * 4
    assert [row[1] for row in rows[:4]] == [
        "WAM-SG, Keras",
        "WAM-SG, PyTorch",
        "WAM-IG, Keras",
        "WAM-IG, PyTorch",
    ]
    assert all(row[2] is explanation for row in rows)


def test_the_first_of_each_name_wanted_is_found():
    names = ["one", "two", "three", "two"]
    assert pipeline.first_of(["two", "four", "one"], names) == [1, 0]
    assert pipeline.first_of(["four"], names) == [0]


def test_names_of_files():
    assert pipeline.file_name("sound", "PyTorch", "mel", "WAM-IG") == "sound_torch_mel_wam_ig"
    assert pipeline.file_name("Keras", "WCAM") == "keras_wcam"


def test_words_of_a_table_begin_and_numbers_end_together():
    text = pipeline.table(["name", "share"], [["a", "100%"], ["longer", "5%"]], labels=1)
    assert text.splitlines() == ["name    share", "a        100%", "longer     5%"]
