"""WCAM's benchmarks run, on tiny sizes; times are not judged."""

from __future__ import annotations

from dataclasses import replace

import matplotlib.pyplot as plt
import numpy as np
import pytest

from benchmarks import models, timing, wcam, wcam_parameters

TINY = wcam.Workload(wcam.TEXTURES, (32, 32, 1), 2, 2, 4, 1.1)
TINY_MOBILENET = wcam.Workload(wcam.MOBILENET, (32, 32, 3), 2, 2, 4, 1.1)
MEMORY = wcam.Workload("small CNN", (32, 32, 3), 4, 2, 16, 0.1)


@pytest.fixture
def report():
    return timing.Report("wcam", {})


def test_mobilenets_are_the_same():
    twin = models.mobilenet_torch()
    of_keras = sorted(
        int(np.prod(weight.shape)) for weight in models.mobilenet(96).trainable_weights
    )
    assert sorted(parameter.numel() for parameter in twin.parameters()) == of_keras
    assert sum(of_keras) == 3_504_872
    assert not twin.training


@pytest.mark.parametrize(
    ("framework", "workload"), [(wcam.KERAS, TINY), (wcam.TORCH, TINY_MOBILENET)]
)
def test_overhead(framework, workload, report):
    subject = wcam.BUILDERS[framework](workload)
    wcam.overhead(report, subject, runs=1)
    (rows,) = report.tables.values()
    bare = [wcam.BARE] + [wcam.BARE_SCORES] * (framework == wcam.TORCH)
    assert [row["contender"] for row in rows] == [wcam.OURS, *bare]
    assert {row["forwards"] for row in rows} == {2 * (2**2 + 2)}
    ratios = {row["contender"]: row["it ÷ bare model(x)"] for row in rows}
    assert ratios[wcam.BARE] == 1
    (target,) = report.targets
    assert (target.ratio, target.bound) == (ratios[wcam.OURS], workload.bound)


def test_batches_are_as_many_inputs_as_forwards():
    assert [len(batch) for batch in TINY.batches(9)] == [4, 4, 1]
    assert [len(batch) for batch in TINY.batches(8)] == [4, 4]


@pytest.mark.filterwarnings("ignore::UserWarning")  # of Xplique's TorchWrapper
def test_xplique(report):
    for framework in (wcam.KERAS, wcam.TORCH):
        wcam.against_xplique(report, wcam.BUILDERS[framework](TINY), runs=1)
    (rows,) = report.tables.values()
    contenders = [row["contender"] for row in rows]
    assert contenders == [wcam.OURS, wcam.XPLIQUE, wcam.OURS, wcam.WRAPPER]
    assert all(row["µs a forward"] > 0 for row in rows)


def test_memory(report):
    for build in wcam.BUILDERS.values():
        wcam.memory(report, build(MEMORY), (2, 4))
    (rows,) = report.tables.values()
    assert [row["contender"] for row in rows] == [wcam.OURS, wcam.XPLIQUE, wcam.OURS]
    assert len(report.targets) == 2


def test_refinement(report, monkeypatch):
    monkeypatch.setattr(wcam, "TOLERANCES", (wcam.TOLERANCE,))
    wcam.refinement_study(report, replace(wcam.QUICK, crops=1, training=1, converged=4))
    (rows,) = report.tables.values()
    assert [row["approximation"] for row in rows] == 6 * ["perturbed"] + 6 * ["held"]
    assert rows[0]["fewer forwards"] == 1
    assert rows[1]["fewer forwards"] > 1.5
    assert all(-1 <= row[name] <= 1 for row in rows for name in ("Pearson", "Spearman"))
    assert len(report.targets) == 2 * 2 * 2


def test_studies_can_be_left_out():
    settings = replace(wcam.QUICK, workloads=(TINY,), runs=1)
    report = wcam.run(settings, only=("overhead",))
    assert len(report.tables) == 1
    assert len(report.targets) == len(wcam.BUILDERS)


def test_parameters(tmp_path):
    settings = replace(wcam_parameters.QUICK, crops=2, steps=2, training=1, designs=(2,))
    report = wcam_parameters.run(settings)
    grids, samplers = report.tables.values()
    assert [row["grid_size"] for row in grids] == list(settings.grid_sizes)
    assert [row["sampler"] for row in samplers] == [s.__name__ for s in wcam_parameters.SAMPLERS]
    assert all(0 <= row[name] <= 1 for row in grids + samplers for name in wcam_parameters.METRICS)
    path = tmp_path / "deep" / "map.png"
    wcam_parameters.draw(grids, path)
    assert plt.imread(path).ndim == 3


def test_crops_are_scored_by_themselves(keras_model, images, targets):
    maps = np.random.default_rng(0).random((len(images), *images.shape[1:3], 1))
    for metric in wcam_parameters.METRICS.values():
        together = metric(keras_model, images, targets, steps=3, activation="softmax")
        scores = wcam_parameters.scores_of_crops(together, maps)
        first = metric(keras_model, images[:1], targets[:1], steps=3, activation="softmax")
        assert scores.mean() == pytest.approx(together(maps), abs=1e-6)
        assert scores[0] == pytest.approx(first(maps[:1]), abs=1e-6)
        assert np.ptp(scores) > 0
