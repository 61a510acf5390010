"""The benchmark of the metrics runs, on tiny sizes; times are not judged."""

from __future__ import annotations

import pytest

from benchmarks import metrics, timing

TINY = metrics.Settings(samples=2, steps=2, batch_size=4, runs=1, size=32)


@pytest.fixture(autouse=True)
def _no_large_models(monkeypatch):
    monkeypatch.setattr(metrics.models, "mobilenet", metrics.models.small_cnn)
    monkeypatch.setattr(metrics.models, "mobilenet_torch", metrics.models.small_resnet)


@pytest.mark.filterwarnings("ignore::UserWarning")  # of Xplique's TorchWrapper
@pytest.mark.parametrize("build", [metrics.keras_subject, metrics.torch_subject])
def test_cost(build, tmp_path):
    report = timing.Report("metrics", {})
    for is_small in (True, False):
        metrics.cost(report, build(32, is_small), TINY)
    (rows,) = report.tables.values()
    names = [metrics.PIXELS, metrics.WAVELETS, metrics.XPLIQUE, metrics.FORWARDS]
    assert [row["contender"] for row in rows] == 2 * names
    assert {row["forwards"] for row in rows} == {6}
    scores = [target for target in report.targets if "difference" in target.what]
    assert [target.met for target in scores] == [True, True]
    bounds = [target.bound for target in report.targets]
    assert (bounds.count(metrics.FASTER), bounds.count(metrics.OVERHEAD)) == (1, 2)
    report.write(tmp_path / "metrics.json")


def test_memory(monkeypatch):
    monkeypatch.setattr(metrics, "MEMORY_STEPS", (1, 3))
    report = timing.Report("metrics", {})
    metrics.memory(report, metrics.keras_subject(32, True), TINY)
    (rows,) = report.tables.values()
    assert len(rows) == 3
    assert len(report.targets) == 2
