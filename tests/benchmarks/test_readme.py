"""The code of the benchmarks' README runs."""

from __future__ import annotations

import re
from pathlib import Path

import numpy as np
import pytest

README = Path(__file__).parents[2] / "benchmarks" / "README.md"


@pytest.mark.filterwarnings("ignore")  # of Quantus and what it imports
def test_the_example_of_quantus_runs():
    (code,) = re.findall(r"```python\n(.*?)```", README.read_text(encoding="utf-8"), re.DOTALL)
    names: dict = {}
    exec(compile(code, str(README), "exec"), names)
    assert len(names["scores"]) == 4
    assert np.isfinite(names["scores"]).all()
    assert np.abs(names["scores"]).max() <= 1


def test_every_benchmark_is_listed():
    text = README.read_text(encoding="utf-8")
    not_run = {"__init__", "methods", "models", "timing"}
    modules = {
        path.stem
        for path in README.parent.iterdir()
        if path.suffix == ".py" or (path / "__main__.py").is_file()
    }
    assert {name for name in modules - not_run if f"benchmarks.{name}`" not in text} == set()
