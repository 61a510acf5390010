"""The benchmark of minimal and sufficient images, at small size."""

from __future__ import annotations

import json
import sys

from benchmarks import minimal


def test_both_frameworks_and_all_orders_are_measured(tmp_path, monkeypatch, capsys):
    path = tmp_path / "minimal.json"
    monkeypatch.setattr(sys, "argv", ["minimal", "--quick", "--output", str(path)])
    minimal.main()
    masks, orders = json.loads(path.read_text())["tables"].values()
    assert [row["model"] for row in masks] == ["Keras", "PyTorch"]
    assert all(0 <= row["zero ↑"] <= 1 and row["steps"] > 0 for row in masks)
    assert len(orders) == 2 * 5
    assert all(0 <= row["median ↓"] <= 1 for row in orders)
    assert "largest coefficients" in capsys.readouterr().out
