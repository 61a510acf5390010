"""The benchmark of minimal and sufficient images, at small size."""

from __future__ import annotations

import json
import sys

import numpy as np
import pytest
import torch

from benchmarks import minimal
from benchmarks.real import minimal as real


def test_both_frameworks_and_all_orders_are_measured(tmp_path, monkeypatch, capsys):
    path = tmp_path / "minimal.json"
    monkeypatch.setattr(sys, "argv", ["minimal", "--toy", "--quick", "--output", str(path)])
    minimal.main()
    masks, orders = json.loads(path.read_text())["tables"].values()
    assert [row["model"] for row in masks] == ["Keras", "PyTorch"]
    assert all(0 <= row["zero ↑"] <= 1 and row["steps"] > 0 for row in masks)
    assert len(orders) == 2 * 5
    assert all(0 <= row["median ↓"] <= 1 for row in orders)
    assert "largest coefficients" in capsys.readouterr().out


def test_photographs_stand_beside_controls_of_as_many_coefficients(tmp_path, monkeypatch):
    """A linear network stands for the real one, which takes its time."""
    pytest.importorskip("foolbox")
    pooled = torch.nn.Sequential(torch.nn.Conv2d(3, 3, 32, 32), torch.nn.Flatten())
    network = torch.nn.Sequential(pooled, torch.nn.Linear(147, 1000)).eval()
    monkeypatch.setattr(real.networks, "load_torch", lambda name: network)
    monkeypatch.setattr(sys, "argv", ["minimal", "--quick", "--out", str(tmp_path)])
    minimal.main()
    each, masks, sufficient, front = json.loads((tmp_path / "minimal.json").read_text())[
        "tables"
    ].values()
    assert len(each) == 2
    ours, _, *orders = masks
    assert len(orders) == len(sufficient) == 7
    for row in orders[3:]:  # the controls have no zeros of their own
        assert row["zero ↑"] == pytest.approx(ours["zero ↑"], abs=1e-3)
    assert [row["keep"] for row in front] == [0.5, 1.0]
    assert (tmp_path / "front.png").stat().st_size > 0


def test_the_largest_coefficients_of_each_input_are_taken():
    bands = [np.array([[3.0, -5.0], [0.5, 0.1]]), {"d": np.array([[4.0, 1.0], [-2.0, 0.3]])}]
    approximation, details = real.first(bands, np.array([2, 1]))
    np.testing.assert_array_equal(approximation[..., 0], [[False, True], [False, False]])
    np.testing.assert_array_equal(details["d"][..., 0], [[True, False], [True, False]])
