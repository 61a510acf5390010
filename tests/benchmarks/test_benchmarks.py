"""The benchmarks run, on tiny sizes; times are not judged."""

from __future__ import annotations

import json
import re
import sys
from pathlib import Path

import numpy as np
import pytest

from benchmarks import gradients, kernels, metrics, scale_out, sound, timing

README = Path(__file__).parents[2] / "benchmarks" / "README.md"

TINY = gradients.Settings(
    nb_samples=2,
    batch_size=4,
    runs=1,
    domain=gradients.small_images(32),
    others=(gradients.waveforms(8192), gradients.volumes(16)),
)

SMALL = metrics.Settings(samples=2, steps=2, batch_size=4, runs=1, size=32)

pytestmark = pytest.mark.filterwarnings("ignore::UserWarning")  # of Xplique's TorchWrapper


@pytest.fixture(autouse=True)
def _few_samples_and_small_models(monkeypatch):
    monkeypatch.setattr(gradients, "MEMORY_SHARES", (1, 2))
    monkeypatch.setattr(metrics.models, "mobilenet", metrics.models.small_cnn)
    monkeypatch.setattr(metrics.models, "mobilenet_torch", metrics.models.small_resnet)


@pytest.fixture
def report():
    return timing.Report("tiny", {})


def test_kernels_measure_all_contenders():
    report = kernels.run([kernels.Cell(2, (1, 2, 32, 32), "haar")], runs=1)
    (rows,) = report.tables.values()
    assert [row["contender"] for row in rows] == list(kernels.BUILDERS)
    assert all(row["round trip ms"] > 0 for row in rows)
    assert len(report.targets) == 4


def test_kernels_leave_out_what_a_package_cannot_do():
    report = kernels.run([kernels.Cell(3, (1, 1, 16, 16, 16), "haar")], runs=1)
    assert len(report.targets) == 3
    assert any(kernels.TFWAVELETS in note for note in report.notes)


@pytest.mark.slow
def test_kernels_of_large_inputs_are_judged_beside_ptwt_in_both_frameworks():
    large = [cell for cell in kernels.QUICK_CELLS if cell.kind]
    report = kernels.run(large, runs=1)
    judged = [(target.what, target.bound) for target in report.targets]
    for cell in large:
        for contender in kernels.OURS:
            assert (f"{cell.name}: {contender}, against ptwt", 2) in judged
    assert "waveform db4 1×4096, 8 levels" in report.settings["cells"]


def test_kernels_refuse_wrong_numbers():
    cell = kernels.Cell(1, (2, 64), "haar")
    right = kernels.pywavelets(cell)
    wrong = right._replace(synthesis=lambda coefficients: 1.01 * right.synthesis(coefficients))
    kernels.check(right, right, cell.signal())
    with pytest.raises(ValueError, match="off by"):
        kernels.check(wrong, right, cell.signal())


def targets_of_others(report: timing.Report, framework: str) -> int:
    """How many targets of signals and volumes: WAM-SG takes at most 1.05 of the plain time."""
    starts = (f"{framework} M5", f"{framework} VoxNet")
    found = [target for target in report.targets if target.what.startswith(starts)]
    assert {target.bound for target in found} == {1.05}
    return len(found)


def test_gradients_of_keras(report):
    gradients.keras_study(report, TINY)
    contenders = [row["contender"] for row in next(iter(report.tables.values()))]
    ours = [gradients.WAM, gradients.PLAIN]
    assert contenders == 2 * [*ours, gradients.XPLIQUE] + 2 * ours
    assert len(report.targets) == 6 + 2
    assert targets_of_others(report, "Keras") == 2


def test_gradients_of_torch(report):
    gradients.torch_study(report, TINY, "cpu")
    assert len(report.targets) == 2 * 7 + 2
    assert targets_of_others(report, "PyTorch") == 2
    correlations = [target.ratio for target in report.targets if "rank" in target.what]
    assert min(correlations) > 0.5


def test_bare_gradients(report):
    gradients.bare_gradients(report, TINY)
    (rows,) = report.tables.values()
    assert len(rows) == 8


def test_report(tmp_path, capsys):
    report = timing.Report("nothing", {"runs": 1})
    report.tables["Times"] = [{"call": "a", "ms": 1.234}, {"call": "b", "ms": None, "MB": 100.4}]
    report.targets = [timing.Target("a", 2.0, 1.0), timing.Target("b", 2.0, 1.0, at_least=True)]
    report.publish(tmp_path / "deep" / "report.json")
    printed = capsys.readouterr().out
    assert "| a | 1.23 | n/a |" in printed
    assert "| b | n/a | 100 |" in printed
    assert "1 of 2 targets missed:\n- a" in printed
    written = json.loads((tmp_path / "deep" / "report.json").read_text())
    assert [target["met"] for target in written["targets"]] == [False, True]


def test_turns_take_all_runs():
    calls: list[str] = []
    times = timing.time_interleaved(
        {name: lambda name=name: calls.append(name) for name in "ab"}, runs=3, turn=2, warm_up=0
    )
    assert "".join(calls) == "aabbbbaa"
    assert {len(values) for values in times.values()} == {4}


@pytest.mark.parametrize("build", [metrics.keras_subject, metrics.torch_subject])
def test_cost_of_metrics(build, report, tmp_path):
    for is_small in (True, False):
        metrics.cost(report, build(32, is_small), SMALL)
    (rows,) = report.tables.values()
    names = [metrics.PIXELS, metrics.WAVELETS, metrics.XPLIQUE, metrics.FORWARDS]
    assert [row["contender"] for row in rows] == 2 * names
    assert {row["forwards"] for row in rows} == {6}
    scores = [target for target in report.targets if "difference" in target.what]
    assert [target.met for target in scores] == [True, True]
    bounds = [target.bound for target in report.targets]
    assert (bounds.count(metrics.FASTER), bounds.count(metrics.OVERHEAD)) == (1, 2)
    report.write(tmp_path / "metrics.json")


def test_memory_of_metrics(report, monkeypatch):
    monkeypatch.setattr(metrics, "MEMORY_STEPS", (1, 3))
    metrics.memory(report, metrics.keras_subject(32, True), SMALL)
    (rows,) = report.tables.values()
    assert len(rows) == 3
    assert len(report.targets) == 2


def test_all_contenders_in_noise_and_overlap_are_measured(tmp_path, monkeypatch, capsys):
    path = tmp_path / "sound.json"
    monkeypatch.setattr(sys, "argv", ["sound", "--quick", "--output", str(path)])
    sound.main()
    (rows, (model,)) = json.loads(path.read_text())["tables"].values()
    contenders = {(row["mixed with"], row["kept by"], row["kept"]) for row in rows}
    assert len(contenders) == len(rows) == 2 * 5
    assert all(0 <= row["target's share ↑"] <= 1 for row in rows)
    assert set(model) == {"accuracy", "accuracy, noise", "accuracy, overlap"}
    assert "largest coefficients" in capsys.readouterr().out


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


def test_simulated_workers_share_the_work_until_the_driver_has_its_hands_full():
    seconds, batches = np.full(3, 2.0), 1000
    rows = batches * scale_out.BATCH
    assert scale_out.simulated(rows, 1, seconds, 0) == pytest.approx(2 * batches)
    assert scale_out.simulated(rows, 10, seconds, 0) == pytest.approx(2 * batches / 10)
    assert scale_out.simulated(rows, 512, seconds, 0.1) == pytest.approx(0.1 * batches + 2)
