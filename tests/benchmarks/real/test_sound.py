"""CREPE in noise: WAM-IG finds what it hears, and what looks at no network does not."""

import json
import sys

import numpy as np
import pytest

from wam_xplique import WaveletIntegratedGradients
from wam_xplique.benchmarks.compare.metrics import Scoring
from wam_xplique.benchmarks.real import crepe, judged, sound


@pytest.fixture(scope="module")
def noisy():
    return sound.hear(sound.LISTENERS["tiny"], crepe.load_crepe("tiny"), sound.JUDGED, 20, seed=3)


def test_integrated_gradients_find_the_pitch_and_energy_does_not(noisy):
    explainer = WaveletIntegratedGradients(
        noisy.model, wavelet="db8", level=6, include_approximation=True, steps=16
    )
    found = explainer.explain_wavelet(noisy.inputs, noisy.targets)
    shares = sound.shares(noisy, {"WAM-IG": sound.most_important(found)})
    assert len(noisy.inputs) == 20
    assert shares["WAM-IG"]["harmonics"] >= 0.95
    assert shares[sound.ENERGY]["harmonics"] < 0.1
    assert shares["WAM-IG"]["own octave"] > shares["control: the best band for all"]["own octave"]


def test_the_most_important_band_of_a_map_is_where_its_frequency_is(noisy):
    time = np.arange(crepe.FRAME) / crepe.SAMPLE_RATE
    maps = np.sin(2 * np.pi * np.array([[90], [350], [1400], [5600]]) * time)
    assert sound.most_important(maps[..., np.newaxis]).tolist() == [0, 2, 4, 6]


@pytest.mark.slow
def test_a_run_has_all_methods_and_goes_on_where_it_was(tmp_path, monkeypatch, capsys):
    quick = sound.replace(
        sound.QUICK,
        sounds={"tiny": {sound.JUDGED: 2}},
        scored={"tiny": 1},
        steps=2,
        scoring=Scoring(steps=1, sets=2),
    )
    monkeypatch.setattr(sound, "QUICK", quick)
    output = tmp_path / "real.sound.json"
    monkeypatch.setattr(sys, "argv", ["sound", "--quick", "--output", str(output)])
    sound.main()
    scores, hits = json.loads(output.read_text())["tables"].values()
    methods = [row["method"] for row in scores]
    assert "WaveletIntegratedGradients" in methods
    assert [row["method"] for row in hits][: len(methods)] == methods
    assert {path.name for path in (tmp_path / "sound").glob("*.*")} == {
        "crepe.png",
        "before.wav",
        "after.wav",
        "settings.json",
    }
    monkeypatch.setattr(judged, "score", None)  # all scores are there
    monkeypatch.setattr(sound, "most_important", None)
    sound.main()
    assert "targets are not judged" in capsys.readouterr().out
