"""The demos on sounds and on volumes, on work small enough for a test."""

from __future__ import annotations

import shutil
from pathlib import Path

import keras
import numpy as np
import pytest
from PIL import Image

from wam_xplique import WaveletExplanation
from wam_xplique.cli import main
from wam_xplique.coefficients import WaveletTransform
from wam_xplique.datasets import load_wav
from wam_xplique.demo import audio, data

FRAMEWORKS = {"Keras": "keras", "PyTorch": "torch"}
METHODS = {"WAM-SG": "wam_sg", "WAM-IG": "wam_ig"}


def rows_after(text: str, title: str) -> list[list[str]]:
    """The words of each row of the table that follows a line, without its columns' names."""
    _, _, below = text.partition(title)
    lines = below.split("\n\n")[0].splitlines()
    first = next(i for i, line in enumerate(lines) if line.startswith("framework"))
    return [line.split() for line in lines[first + 1 :]]


def percents(row: list[str]) -> np.ndarray:
    return np.array([float(word.rstrip("%")) for word in row if word.endswith("%")])


def assert_drawn(path: Path, least: tuple[int, int]) -> None:
    """The picture is of at least a size, and not of one colour."""
    with Image.open(path) as picture:
        assert picture.size[0] >= least[0]
        assert picture.size[1] >= least[1]
        assert np.asarray(picture.convert("L")).std() > 10


def test_sounds_without_espeak_are_synthetic_and_both_sides_of_the_front_end_are_written(
    quick, tmp_path, monkeypatch, tells
):
    monkeypatch.setattr(shutil, "which", lambda _: None)
    printed = tells("demo", "--modality", "audio", "--samples", 5, "--out", tmp_path)
    assert "synthetic: espeak-ng, which would say digits, is not installed" in printed
    assert printed.count("accuracy on the held-out sounds") == 4

    models = [[f, k] for f in FRAMEWORKS for k in audio.KINDS]
    accuracies = rows_after(printed, "Accuracy on 5 held-out sounds")
    assert [row[:2] for row in accuracies] == models
    assert all(len(percents(row)) == 5 for row in accuracies)
    shares = rows_after(printed, "Share of each frequency band")
    assert [row[:3] for row in shares] == [[*model, m] for model in models for m in METHODS]
    for row in shares:
        assert len(percents(row)) == audio.OPTIONS["level"] + 1
        assert abs(percents(row).sum() - 100) < 4

    assert_drawn(tmp_path / "sound.png", (1000, 8 * 100))
    x, _ = data.sounds(2, seed=1, duration=0.5)
    for framework in FRAMEWORKS.values():
        for method in METHODS.values():
            mel = WaveletExplanation.load(tmp_path / f"sound_{framework}_mel_{method}.npz")
            raw = WaveletExplanation.load(tmp_path / f"sound_{framework}_waveform_{method}.npz")
            assert (mel.input_shape, raw.input_shape) == ((5, 4000), (5, 4000, 1))
            assert mel.front_end.size == 5 * 32 * 63
            assert raw.front_end is None
            heard, rate = load_wav(tmp_path / f"sound_click_{framework}_{method}.wav")
            expected = mel.reconstruct(x[:5], audio.KEEP)[2]
            assert rate == data.SAMPLE_RATE
            np.testing.assert_allclose(heard, np.clip(expected, -1, 1), atol=1e-4)
    np.testing.assert_allclose(load_wav(tmp_path / "sound_click_input.wav")[0], x[2], atol=1e-4)
    assert len([*tmp_path.glob("*.wav")]) == 2 * (1 + len(FRAMEWORKS) * len(METHODS))


def test_what_is_not_installed_is_left_out(quick, hide, tmp_path, monkeypatch, tells):
    hide("torch", "soundfile", "plotly")
    monkeypatch.setattr(shutil, "which", lambda _: None)
    monkeypatch.setattr(audio, "KINDS", ("mel",))
    few = ["--samples", 1, "--out", tmp_path]
    printed = "".join(tells("demo", "--modality", m, *few) for m in ("audio", "volume"))
    assert printed.count("PyTorch is not installed; its part is left out") == 2
    assert "soundfile is not installed; wav files are left out" in printed
    assert "Plotly is not installed; the page in which to turn a volume is left out" in printed
    assert printed.count("wam-xplique[") == 4
    assert {path.name for path in tmp_path.iterdir()} == {
        *("sound.png", "sound_keras_mel_wam_sg.npz", "sound_keras_mel_wam_ig.npz"),
        *("volume.png", "volume_keras_wam_sg.npz", "volume_keras_wam_ig.npz"),
    }


def test_digits_are_said_where_espeak_is_installed(monkeypatch, capsys):
    asked = []
    monkeypatch.setattr(shutil, "which", lambda name: f"/usr/bin/{name}")
    monkeypatch.setattr(audio, "spoken_digits", lambda *a, **k: asked.append((a, k)) or "data")
    assert audio._data() == ("data", "data", data.DIGITS)
    assert "digits, as espeak-ng is installed" in capsys.readouterr().out
    assert [count for (count,), _ in asked] == [audio.DIGITS_TRAINING, audio.DIGITS_HELD_OUT]
    assert [options["seed"] for _, options in asked] == [0, 1]


def test_what_is_important_is_kept_where_what_is_large_is_not():
    """The sign of a quiet beginning is the class; what follows is loud, and the same for both."""
    x = np.zeros((2, 128, 1), np.float32)
    x[:, :8] = np.array([-0.1, 0.1]).reshape(2, 1, 1)
    x[:, 64::2], x[:, 65::2] = 1, -1
    y = np.eye(2, dtype=np.float32)
    model = keras.Sequential([keras.layers.Flatten(), keras.layers.Dense(2)])
    model.build(x.shape)
    weights = np.zeros((128, 2), np.float32)
    weights[:8] = [-1, 1]
    model.set_weights([weights, np.zeros(2)])
    important = WaveletTransform("haar", 3, "periodization", (1,)).forward(np.zeros_like(x))
    important[0][:, 0] = 1
    explanation = WaveletExplanation(important, "haar", "periodization", x.shape, 1)
    shares = audio._accuracies(model, x, y, {"the truth": explanation})
    random = shares.pop("random")
    assert shares == {"whole": 1, "the truth": 1, "largest": 0.5}
    assert random in (0.5, 1)


def test_volumes_are_drawn_and_the_share_of_each_scale_is_told_by_class(quick, tmp_path, tells):
    printed = tells("demo", "--modality", "volume", "--samples", 6, "--out", tmp_path)
    assert printed.count("accuracy on the held-out volumes") == 2
    rows = rows_after(printed, "Share of each scale")
    assert [row[:3] for row in rows] == [
        [f, m, name] for f in FRAMEWORKS for m in METHODS for name in data.SHAPES
    ]
    assert all(abs(percents(row).sum() - 100) < 2 for row in rows)
    assert_drawn(tmp_path / "volume.png", (1000, 8 * 100))
    assert "plotly" in (tmp_path / "volume.html").read_text(encoding="utf-8").lower()
    for framework in FRAMEWORKS.values():
        for method in METHODS.values():
            found = WaveletExplanation.load(tmp_path / f"volume_{framework}_{method}.npz")
            assert found.input_shape == (6, 16, 16, 16, 1)
            assert found.by_scale()[:, 1:].max() > 0


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["--samples", "0"], "--samples must be an integer of at least 1, got 0"),
        (["--modality", "audio", "--image", "a.png"], "--image needs --modality image, got audio"),
    ],
)
def test_arguments_that_do_not_fit_stop_with_a_message(arguments, message, tmp_path, tells):
    assert message in tells("demo", *arguments, "--out", tmp_path / "out", fails=True)
    assert not (tmp_path / "out").exists()


@pytest.mark.parametrize(
    "arguments", [[], ["nonsense"], ["demo", "--samples", "many"], ["demo", "--modality", "smell"]]
)
def test_a_wrong_command_line_exits_with_2_and_usage(arguments, capsys):
    with pytest.raises(SystemExit) as error:
        main(arguments)
    assert error.value.code == 2
    told = capsys.readouterr().err
    assert "Usage: wam-xplique" in told
    if "smell" in arguments:
        assert all(name in told for name in ("image", "texture", "audio", "volume"))
