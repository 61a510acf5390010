"""The benchmark of transforms: its truths are true, and its parts run, at small size."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
import torch

from benchmarks import timing
from benchmarks.real import networks
from benchmarks.transforms import faithfulness, gratings, minimal, shifts, tones
from benchmarks.transforms.settings import IMAGES, QUICK
from wam_xplique.coefficients import map_bands


@pytest.fixture
def report():
    return timing.Report("transforms", {})


@pytest.fixture
def small(monkeypatch):
    """A linear network stands for the real one, which takes its time."""
    pytest.importorskip("foolbox")
    torch.manual_seed(0)
    pooled = torch.nn.Sequential(torch.nn.Conv2d(3, 3, 32, 32), torch.nn.Flatten())
    network = torch.nn.Sequential(pooled, torch.nn.Linear(147, 1000)).eval()
    monkeypatch.setattr(networks, "load_torch", lambda name="lite0": network)


def test_gratings_lie_in_their_bands():
    planted = gratings.plant(4, 0, "left")
    energy = map_bands(np.square, gratings.TRANSFORM.forward(planted.components[..., 0]))
    assert gratings._largest(energy) == list(planted.bands)
    assert {*gratings.CLASSES}.isdisjoint(gratings.OTHERS)
    assert len(gratings.CLASSES) + len(gratings.OTHERS) == 3 * len(gratings.ANGLES)


def test_hits_tell_angles_from_scales():
    truth = [gratings.Band(1, "30°"), gratings.Band(2, "60°")]
    found = gratings._hits([gratings.Band(2, "30°"), gratings.Band(2, "60°")], truth)
    assert found == {"angle": 1.0, "scale": 0.5, "both": 0.5}


@pytest.mark.slow
def test_a_network_trained_on_gratings_is_asked(report):
    gratings.measure(replace(QUICK, training=1), report)
    _, rows = report.tables.values()
    truth = next(row for row in rows if row["chosen by"].startswith("truth"))
    assert truth["both"] == 1
    assert len(report.targets) == 4


def test_a_network_that_moves_moves_its_explanations(report, small, monkeypatch):
    monkeypatch.setattr(shifts, "METHODS", shifts.METHODS[:1])
    shifts.measure(replace(QUICK, shifts=(1,), turns=(1, 8)), report)
    cut, turned = report.tables.values()
    assert len(cut) == len(turned) == len(shifts.METHODS) * (1 + len(IMAGES))
    by = {(row["method"], row["transform"]): row for row in turned}
    method = shifts.METHODS[0]
    for name in ("Stationary", "Steerable", shifts.PIXELS):
        assert by[method, name]["1 px"] == pytest.approx(1, abs=1e-3)
    assert by[method, "DWT"]["1 px"] < 0.99  # its grid stays where it is
    assert by[method, "DWT"]["8 px"] > 0.98  # but for the borders of its maps


@pytest.mark.slow
def test_explanations_and_controls_are_scored(report, small, monkeypatch):
    monkeypatch.setattr(faithfulness, "IMAGES", {"Steerable": IMAGES["Steerable"]})
    faithfulness.measure(replace(QUICK, photographs=1), report)
    rows, beside = report.tables.values()
    assert beside == []  # it is the first transform, and the only one
    assert len(rows) == len(faithfulness.METHODS) + len(faithfulness.CONTROLS)
    assert all(None not in row.values() for row in rows)


@pytest.mark.slow
def test_controls_keep_as_many_coefficients_as_minimal_images(report, small):
    minimal.measure(replace(QUICK, searched=20), report)
    rows, beside = report.tables.values()
    assert {row["transform"] for row in beside} == {"Steerable"}
    for name in minimal.CONTENDERS:
        kept = [row["coefficients a pixel ↓"] for row in rows if row["transform"] == name]
        assert kept[:3] == pytest.approx([kept[0]] * 3)
        assert len(kept) == 5


def test_tones_are_judged_to_a_semitone(report):
    tones.measure(QUICK, report)
    (rows,) = report.tables.values()
    assert rows[0]["pitch or harmonic"] >= rows[-1]["pitch or harmonic"]
