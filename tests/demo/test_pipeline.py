"""What the demos share: what is installed, accuracies, names, rows and tables."""

from __future__ import annotations

import keras
import numpy as np
import pytest
import torch

from wam_xplique.demo import pipeline


def test_both_frameworks_where_they_are_installed_else_the_extra_is_named(hide, capsys):
    assert pipeline.frameworks() == ["Keras", "PyTorch"]
    assert capsys.readouterr().out == ""
    hide("torch")
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
    return model, module.eval()


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
    drawn = []
    keys = [(m, f) for f in ("Keras", "PyTorch") for m in ("WAM-SG", "WAM-IG")]
    figure, axes = pipeline.draw_rows(
        [4, 2],
        "abcde",
        dict(zip(keys, range(4), strict=True)),
        lambda row, found, index: drawn.append((len(row), found, index)),
        columns=3,
        size=(6, 0.5),
        margin=0.25,
    )
    assert drawn == [(3, found, index) for index in (4, 2) for found in (0, 2, 1, 3)]
    labels = [f"{m}, {f}" for m in ("WAM-SG", "WAM-IG") for f in ("Keras", "PyTorch")]
    assert [ax.get_ylabel() for ax in axes[:, 0]] == [f"{n}\n{x}" for n in "ec" for x in labels]
    assert tuple(figure.get_size_inches()) == (6, 4.25)


def test_words_of_tables_files_and_rows():
    text = pipeline.table(["name", "share"], [["a", "100%"], ["longer", "5%"]], labels=1)
    assert text.splitlines() == ["name    share", "a        100%", "longer     5%"]
    shares = {("a", "b"): np.array([np.nan, 0.5])}
    text = pipeline.table_of_shares(["1", "2"], ["coarse", "fine"], shares)
    assert text.splitlines() == ["1  2    coarse  fine", "a  b  left out   50%"]
    assert pipeline.file_name("sound", "PyTorch", "mel", "WAM-IG") == "sound_torch_mel_wam_ig"
    assert pipeline.file_name("Keras", "WCAM") == "keras_wcam"
    names = ["one", "two", "three", "two"]
    assert pipeline.first_of(["two", "four", "one"], names) == [1, 0]
    assert pipeline.first_of(["four"], names) == [0]
