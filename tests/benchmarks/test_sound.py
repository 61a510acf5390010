"""The noise and overlap experiments, at small size."""

from __future__ import annotations

import json
import sys

from benchmarks import sound


def test_all_contenders_are_measured(tmp_path, monkeypatch, capsys):
    path = tmp_path / "sound.json"
    monkeypatch.setattr(sys, "argv", ["sound", "--quick", "--output", str(path)])
    sound.main()
    (rows, (model,)) = json.loads(path.read_text())["tables"].values()
    contenders = {(row["mixed with"], row["kept by"], row["kept"]) for row in rows}
    assert len(contenders) == len(rows) == 2 * 5
    assert all(0 <= row["target's share ↑"] <= 1 for row in rows)
    assert set(model) == {"accuracy", "accuracy, noise", "accuracy, overlap"}
    assert "largest coefficients" in capsys.readouterr().out
