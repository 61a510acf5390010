"""What is run, kept, taken up again and recorded."""

from __future__ import annotations

import contextlib
import pickle
from dataclasses import replace

import numpy as np
import pandas as pd
import pytest
import xplique.attributions
import xplique.metrics

import wam_xplique.attributions
import wam_xplique.metrics
from benchmarks import methods
from benchmarks.compare import metrics, plots, runner
from benchmarks.compare.subjects import Request
from wam_xplique.scale_out import cluster, sources

SETTINGS = replace(runner.QUICK, samples=5, part=3, repeated=0)
CHOSEN = ["Saliency", "WaveletSaliency"]
SCORED = ["WaveletInsertion", "Insertion", "Sparseness"]

pytestmark = pytest.mark.filterwarnings("ignore::UserWarning")  # of Xplique's TorchWrapper


@pytest.fixture(scope="module")
def digits():
    return SETTINGS.request("digits", "keras")


@pytest.fixture(scope="module")
def loaded(digits):
    """The subject, which is trained once."""
    return digits.load()


@pytest.fixture
def loads(loaded, monkeypatch):
    """How often a subject was asked for."""
    asked = []
    monkeypatch.setattr(Request, "load", lambda self: asked.append(self.name) or loaded)
    return asked


def test_there_is_a_line_for_each_method_metric_and_input(digits, loads, tmp_path):
    results = runner.run([digits], SETTINGS, tmp_path, CHOSEN, SCORED)
    assert len(results) == 2 * 3 * 5
    assert set(results["model"]) == {"digits, Keras"}
    assert not results.duplicated(["model", "method", "metric", "sample"]).any()
    assert np.isfinite(results["score"]).all()
    assert (results["seconds"] > 0).all()
    assert results["error"].isna().all()
    for stored in (
        pd.read_csv(tmp_path / "results.csv"),
        pd.read_parquet(tmp_path / "results.parquet"),
    ):
        assert list(stored) == list(runner.COLUMNS)
        np.testing.assert_allclose(stored["score"], results["score"])
    assert len(plots.draw(results, tmp_path)) == 2


def test_no_score_depends_on_the_clock(digits, loads, tmp_path):
    slow, quick = (
        runner.run(
            [digits], replace(SETTINGS, repeated=seconds), tmp_path / name, ["SmoothGrad"], SCORED
        )
        for name, seconds in (("slow", 0), ("quick", 1e9))
    )
    pd.testing.assert_series_equal(slow["score"], quick["score"])


def test_a_settings_file_that_is_damaged_is_told(digits, loads, tmp_path):
    (tmp_path / "settings.json").write_text('{"samples"')
    with pytest.raises(ValueError, match=r"settings\.json is damaged"):
        runner.run([digits], SETTINGS, tmp_path, CHOSEN, SCORED)


def test_a_stopped_run_goes_on_where_it_was(digits, loads, tmp_path):
    once = runner.run([digits], SETTINGS, tmp_path, CHOSEN, SCORED)
    assert len(loads) == 1
    again = runner.run([digits], SETTINGS, tmp_path, CHOSEN, SCORED)
    assert len(loads) == 1  # nothing was to do
    pd.testing.assert_frame_equal(once, again)
    parts = {path: path.stat().st_mtime_ns for path in tmp_path.glob("parts/*/*.csv")}
    lost = tmp_path / "parts" / "digits__Keras" / "WaveletSaliency-3.csv"
    lost.unlink()
    runner.run([digits], SETTINGS, tmp_path, CHOSEN, SCORED)
    remade = {path for path in parts if path.stat().st_mtime_ns != parts[path]}
    assert remade == {lost}
    keys = ["method", "metric", "sample"]
    resumed = runner.collect(tmp_path).sort_values(keys)["score"]
    np.testing.assert_allclose(resumed, once.sort_values(keys)["score"], atol=1e-6)


def test_a_metric_that_is_added_is_all_that_is_scored(digits, loads, tmp_path, monkeypatch):
    runner.run([digits], SETTINGS, tmp_path, ["Saliency"], ["Insertion"])
    wanted = []
    score = runner.score
    monkeypatch.setattr(runner, "score", lambda *given: wanted.append(given[2]) or score(*given))
    results = runner.run([digits], SETTINGS, tmp_path, ["Saliency"], ["Insertion", "Deletion"])
    assert wanted == [{"Deletion"}, {"Deletion"}]
    assert sorted(results["metric"].unique()) == ["Deletion", "Insertion"]
    assert len(results) == 10


def test_a_method_that_fails_is_recorded_and_the_rest_goes_on(digits, loads, tmp_path, monkeypatch):
    of_xplique, fails = methods.of_xplique, [True]

    def failing(*given):
        makers = of_xplique(*given)
        saliency = makers["Saliency"]

        def make():
            if fails[0]:
                raise RuntimeError("out of luck")
            return saliency()

        return makers | {"Saliency": make}

    monkeypatch.setattr(methods, "of_xplique", failing)
    results = runner.run([digits], SETTINGS, tmp_path, CHOSEN, ["Insertion"])
    errors = results[results["method"] == "Saliency"]
    assert len(errors) == 5
    assert set(errors["error"]) == {"RuntimeError: out of luck"}
    assert errors["score"].isna().all()
    assert results[results["method"] == "WaveletSaliency"]["score"].notna().all()
    fails[0] = False
    assert runner.run([digits], SETTINGS, tmp_path, CHOSEN, ["Insertion"])["error"].notna().any()
    mended = runner.run([digits], SETTINGS, tmp_path, CHOSEN, ["Insertion"], retry=True)
    assert mended["error"].isna().all()
    assert len(mended) == 10


def test_a_metric_that_fails_is_recorded_and_the_rest_goes_on(digits, loads, tmp_path, monkeypatch):
    def failing(*given, **more):
        raise RuntimeError("no score")

    monkeypatch.setattr(metrics, "SharedSets", failing)
    wanted = ["WaveletMuFidelity", "Insertion"]
    results = runner.run([digits], SETTINGS, tmp_path, ["Saliency"], wanted)
    failed = results["error"].notna()
    assert set(results.loc[failed, "metric"]) == {"WaveletMuFidelity"}
    assert set(results.loc[~failed, "metric"]) == {"Insertion"}


def test_results_of_other_settings_are_not_mixed(digits, loads, tmp_path):
    runner.run([digits], SETTINGS, tmp_path, ["Saliency"], ["Sparseness"])
    with pytest.raises(ValueError, match=r"results of other settings: draws=2 there, 3 here"):
        runner.run([digits], replace(SETTINGS, draws=3), tmp_path, ["Saliency"], ["Sparseness"])


def test_other_data_of_the_same_name_are_not_mixed(digits, loads, tmp_path):
    runner.run([digits], SETTINGS, tmp_path, ["Saliency"], ["Sparseness"])
    known = tmp_path / "parts" / "digits__Keras" / "fitting.json"
    known.write_text(known.read_text().replace('"data": "digits"', '"data": "digits:elsewhere"'))
    with pytest.raises(ValueError, match="holds results of digits:elsewhere, keras under the name"):
        runner.run([digits], SETTINGS, tmp_path, ["Saliency"], ["Sparseness"])


def test_tensorflow_compiles_again_after_a_model_of_pytorch(tmp_path):
    import tensorflow as tf

    request = SETTINGS.request("textures", "torch")
    settings = replace(SETTINGS, samples=1, training=1)
    runner.run([replace(request, samples=1, training=1)], settings, tmp_path, ["Saliency"], SCORED)
    assert not tf.config.functions_run_eagerly()


def test_unknown_names_and_empty_folders_are_told(digits, tmp_path):
    with pytest.raises(ValueError, match=r"methods must be among .*'Guessing'"):
        runner.run([digits], SETTINGS, tmp_path, ["Guessing"])
    with pytest.raises(ValueError, match=r"metrics must be among .*'Beauty'"):
        runner.run([digits], SETTINGS, tmp_path, None, ["Beauty"])
    with pytest.raises(ValueError, match="holds none"):
        runner.collect(tmp_path)


def test_scores_are_those_of_xplique(loaded):
    maps = np.random.default_rng(0).random((*loaded.inputs.shape[:-1], 1), np.float32)
    scoring = metrics.Scoring(steps=4, sets=30)
    wanted = {name for name in metrics.METRICS if not hasattr(wam_xplique.metrics, name)}
    found = dict(metrics.score(loaded, maps, wanted, scoring))
    assert set(found) == wanted
    given = (loaded.probabilities, loaded.inputs, loaded.targets)
    for name in ("Insertion", "Deletion"):
        expected = getattr(xplique.metrics, name)(*given, steps=4)(maps)
        assert found[name].mean() == pytest.approx(expected, abs=1e-5)
    for name in ("AverageDropMetric", "AverageIncreaseMetric", "AverageGainMetric"):
        expected = getattr(xplique.metrics, name)(*given)(maps)
        assert found[name].mean() == pytest.approx(expected, abs=1e-5)
    for name in ("Sparseness", "Complexity"):
        np.testing.assert_allclose(found[name].mean(), getattr(xplique.metrics, name)()(maps), 1e-5)
    assert np.abs(found["MuFidelity"]).max() <= 1


def test_a_map_that_is_the_score_has_the_fidelity_of_one():
    """μ-Fidelity, input by input, of a linear model whose map is exact."""
    import keras

    from benchmarks.compare.subjects import Subject

    x = np.random.default_rng(0).random((3, 9, 9, 1), np.float32) + 0.5
    layers = [keras.layers.Input((9, 9, 1)), keras.layers.Flatten(), keras.layers.Dense(2)]
    model = keras.Sequential(layers)
    weights = np.stack([np.linspace(0.1, 1, 81), -np.linspace(0.1, 1, 81)], 1) / 20
    model.layers[-1].set_weights([weights, np.zeros(2)])
    subject = Subject("linear", model, x)
    maps = x * weights[:, 0].reshape(9, 9, 1).astype(np.float32)
    (found,) = dict(metrics.score(subject, maps, {"MuFidelity"}, metrics.Scoring(sets=50))).values()
    np.testing.assert_allclose(found, 1, atol=1e-3)


def test_no_method_and_no_metric_is_forgotten():
    model, effort = object(), methods.Effort()
    theirs = set(xplique.attributions.__all__) - {"global_sensitivity_analysis"}
    published = theirs - set(wam_xplique.attributions.__all__)  # ours is registered there
    assert set(methods.of_xplique(model, 2, effort)) == published
    ours = set(wam_xplique.attributions.__all__) & set(dir(xplique.attributions))
    assert set(methods.of_ours(model, (64, 64), effort)) == ours - {"FAM"}
    of_explainers = {"AverageStability", "RandomLogitMetric", "ModelRandomizationMetric", "MeGe"}
    strategies = {"ModelRandomizationStrategy", "ProgressiveLayerRandomization"}
    known = {
        name
        for package in (xplique.metrics, wam_xplique.metrics)
        for name in package.__all__
        if name[0].isupper()
    }
    assert set(metrics.METRICS) == known - of_explainers - strategies | {
        "Faithfulness",
        "MatchedInPixels",
    }


@pytest.mark.slow
@pytest.mark.parametrize(
    ("data", "model", "chosen"),
    [
        ("digits", "keras", None),
        ("planted-signal", "keras", None),
        ("planted-image", "torch", [*CHOSEN, "SmoothGrad", "WCAM"]),
        ("planted-signal", "torch", CHOSEN),
        ("planted-volume", "keras", CHOSEN),
        ("textures", "torch", CHOSEN),
    ],
)
def test_everything_runs_on_what_is_made_here(data, model, chosen, tmp_path):
    settings = replace(runner.QUICK, samples=3, training=2, repeated=0)
    results = runner.run([settings.request(data, model)], settings, tmp_path, chosen)
    assert results["error"].dropna().unique().tolist() == []
    assert np.isfinite(results["score"]).all()
    assert set(results["sample"]) == {0, 1, 2}


def test_workers_fill_the_same_parts(digits, loads, tmp_path, monkeypatch):
    """Each part by a worker of its own, in this process."""
    alone = runner.run([digits], SETTINGS, tmp_path / "alone", CHOSEN, SCORED)

    def mapped(rows, worker, given, size, **room):
        return [pickle.loads(pickle.dumps(worker(*given)))({"id": [n], "input": [n]}) for n in rows]

    monkeypatch.setattr(cluster, "running", lambda **_: contextlib.nullcontext())
    monkeypatch.setattr(cluster, "mapped", mapped)
    monkeypatch.setattr(cluster, "tables", lambda found: found)
    monkeypatch.setattr(sources, "listed", lambda ids, *_: sources.Source(list(ids)))
    given = [digits], SETTINGS, tmp_path / "several", CHOSEN, SCORED
    several = runner.run(*given, workers=2)
    keys = ["method", "metric", "sample"]
    one, other = (found.sort_values(keys, ignore_index=True) for found in (alone, several))
    pd.testing.assert_frame_equal(one[[*keys, "score"]], other[[*keys, "score"]])
    count = len(loads)
    runner.run(*given, workers=2)  # all is there
    assert len(loads) == count
