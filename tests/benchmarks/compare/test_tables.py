"""Cells of the tables: means, intervals, and which are marked."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest
import scipy.stats

from benchmarks.compare.runner import COLUMNS
from benchmarks.compare.tables import column, paper_table, summary


def series(*rows):
    return [pd.Series(row, dtype=float) for row in rows]


def line(model, method, metric, sample, score, **more):
    values = {"seconds": 0.5, "megabytes": 10.0, **more}
    known = dict(zip(COLUMNS, (model, method, metric, sample, score), strict=False))
    return dict.fromkeys(COLUMNS) | known | values


@pytest.mark.parametrize(
    ("metric", "best", "second"),
    [("Insertion", "0.900", "0.500"), ("Deletion", "0.100", "0.500"), ("Complexity", None, None)],
)
def test_the_best_is_bold_and_the_second_underlined(metric, best, second):
    cells = column(metric, series([0.5, 0.5], [0.1, 0.1], [0.9, 0.9], [0.9, 0.9][:1]), False)
    plain = [cell.strip("*<>u/") for cell in cells]
    assert plain == ["0.500", "0.100", "0.900", "0.900"]
    bold = {cell.strip("*") for cell in cells if cell.startswith("**")}
    lined = {cell.strip("<>u/") for cell in cells if cell.startswith("<u>")}
    assert bold == ({best} if best else set())
    assert lined == ({second} if second else set())


def test_the_interval_is_students():
    values = np.random.default_rng(0).normal(size=12)
    (cell,) = column("Complexity", series(values))
    mean, half = (float(part) for part in cell.split(" ± "))
    low, high = scipy.stats.t.interval(
        0.95, 11, loc=values.mean(), scale=values.std(ddof=1) / np.sqrt(12)
    )
    assert mean == pytest.approx(values.mean(), abs=5e-4)
    assert half == pytest.approx((high - low) / 2, abs=5e-4)


def test_faithfulness_on_spectra_is_told_by_its_median():
    (cell,) = column("FaithfulnessOnSpectra", series([0.0, 0.1, 0.2, 100.0]))
    assert cell.strip("*").startswith("0.150")


def test_what_failed_has_no_cell_and_is_listed():
    rows = [
        line("m", "A", "Insertion", 0, 0.2),
        line("m", "A", "Insertion", 1, 0.4),
        *(
            line("m", "B", "Insertion", i, np.nan, error="ValueError: no\nlayer", seconds=None)
            for i in (0, 1)
        ),
    ]
    text = summary(pd.DataFrame(rows))
    assert "## m (2 inputs)" in text
    assert "In pixels:" in text
    assert "In the wavelet domain" not in text
    assert "| A | 0.300 ± 1.271 | 0.5 | 10 |" in text
    assert "| B | n/a |" in text
    assert text.endswith("What failed:\n\n- m, B, Insertion: ValueError: no layer")


def test_a_paper_has_models_in_columns_and_their_mean():
    scores = {("A", "x"): 0.2, ("A", "y"): 0.4, ("B", "x"): 0.1, ("B", "y"): 0.8}
    rows = [line(m, method, "Deletion", 0, value) for (method, m), value in scores.items()]
    text = paper_table(pd.DataFrame(rows), ["Deletion"])
    assert text.splitlines() == [
        "## Deletion ↓",
        "",
        "| method | x | y | Mean |",
        "| --- | --- | --- | --- |",
        "| A | <u>0.200</u> | **0.400** | **0.300** |",
        "| B | **0.100** | <u>0.800</u> | <u>0.450</u> |",
    ]
