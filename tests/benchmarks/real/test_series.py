"""Real time series: the networks learn them, and the methods know more than the controls."""

import json
import sys

import numpy as np
import pytest

from wam_xplique.benchmarks.compare.metrics import Scoring
from wam_xplique.benchmarks.real import series

SMALL = series.replace(
    series.QUICK, names=("BasicMotions",), samples=8, steps=8, scoring=Scoring(steps=2, sets=4)
)

CONTROLS = ("control: random", "control: magnitude")  # "coarse" happens to suit the series


@pytest.mark.parametrize("framework", series.TRAINED)
def test_networks_know_the_test_series_and_explanations_know_the_networks(framework):
    found = series.measure("BasicMotions", framework, SMALL)
    assert found["accuracy"] >= 0.9
    matched = {name: np.mean(s["MatchedFaithfulness"]) for name, s in found["scores"].items()}
    controls = [score for name, score in matched.items() if name in CONTROLS]
    assert len(controls) == 2
    assert matched["WaveletIntegratedGradients"] > max(controls) + 0.2


def test_a_run_has_a_table_a_metric_and_goes_on_where_it_was(tmp_path, monkeypatch, capsys):
    monkeypatch.setattr(
        series, "QUICK", series.replace(SMALL, names=("ItalyPowerDemand",), samples=2, seen=67)
    )
    output = tmp_path / "real.series.json"
    monkeypatch.setattr(sys, "argv", ["series", "--quick", "--output", str(output)])
    series.main()
    accuracy, *metrics = json.loads(output.read_text())["tables"].values()
    assert [row["network"] for row in accuracy] == [
        "ItalyPowerDemand, Keras",
        "ItalyPowerDemand, PyTorch",
    ]
    assert len(metrics) == len(series.SHOWN)
    of_ours = [row for row in metrics[0] if row["method"].startswith(("Wavelet", "WCAM"))]
    assert len(of_ours) == 8
    assert all(None not in row.values() for row in of_ours)
    monkeypatch.setattr(series, "measure", pytest.fail)
    series.main()
    assert "MatchedFaithfulness" in capsys.readouterr().out
