"""The benchmark on photographs: what is found means something, is kept, and is taken up again."""

from __future__ import annotations

from dataclasses import replace

import keras
import numpy as np
import pytest
import torch
import xplique.attributions

from benchmarks.compare import runner
from benchmarks.real import __main__ as command
from benchmarks.real import agreement, cams, networks, photographs, scales, scores, settings
from wam_xplique.datasets import imagenet_photographs

pytest.importorskip("efficientnet_lite_pytorch")
pytestmark = pytest.mark.filterwarnings("ignore::UserWarning")  # of Xplique's TorchWrapper

SETTINGS = replace(settings.QUICK, steps=4)
CHOSEN = ("WaveletIntegratedGradients", "control: random")


@pytest.fixture(scope="module")
def subjects():
    run = settings.Run(SETTINGS, None)
    return {name: run.subject(name) for name in agreement.PAIR}


@pytest.fixture
def some_methods(monkeypatch):
    every = photographs.makers

    def some(*given, **more):
        return {name: make for name, make in every(*given, **more).items() if name in CHOSEN}

    monkeypatch.setattr(photographs, "makers", some)


@pytest.mark.slow
def test_scores_tell_a_method_from_a_control_and_are_kept(subjects, some_methods, tmp_path):
    run = settings.Run(SETTINGS, tmp_path, ("lite0",))
    once = scores.score(run, "lite0")
    assert set(once["method"]) == set(CHOSEN)
    assert set(once["metric"]) == {*scores.IN_WAVELETS, *scores.IN_PIXELS}
    assert once["error"].isna().all()
    means = once.pivot_table("score", "method", "metric")
    assert abs(means.loc["control: random", "WaveletFaithfulness"]) < 0.15
    assert means.loc["WaveletIntegratedGradients", "WaveletFaithfulness"] > 0.3
    (lost,) = tmp_path.glob("scores/lite0/parts/*/control*-0.csv")
    lost.unlink()
    keys = ["method", "metric", "sample"]
    again = scores.score(run, "lite0").sort_values(keys)
    np.testing.assert_allclose(again["score"], once.sort_values(keys)["score"], atol=1e-6)


def test_what_is_kept_is_not_made_again(tmp_path):
    run = settings.Run(SETTINGS, tmp_path)
    assert run.keep("a/b", lambda: {"x": [1.5, None]}) == {"x": [1.5, None]}
    assert run.keep("a/b", lambda: pytest.fail("made again")) == {"x": [1.5, None]}
    assert [path.name for path in tmp_path.rglob("*.*")] == ["b.json"]


@pytest.mark.parametrize("name", ["GradCAM", "GradCAMPP"])
def test_cams_are_those_of_xplique(name, subjects):
    in_torch, in_keras = subjects.values()
    ours = getattr(cams, name)(in_torch.model, 1)(in_torch.inputs, in_torch.targets)
    layer = {"conv_layer": photographs.CAM_LAYER}
    make = getattr(xplique.attributions, name)
    theirs = make(in_keras.model, **layer)(in_keras.inputs, in_keras.targets)
    assert ours.shape == theirs.shape
    correlation = np.corrcoef(ours.ravel(), np.ravel(theirs))[0, 1]
    assert correlation > 0.995  # the frameworks' bicubic kernels differ


def test_keras_and_pytorch_agree(subjects, tmp_path):
    run = settings.Run(SETTINGS, tmp_path)
    run.subjects.update(subjects)
    pearson, rank = np.transpose(agreement._compare(run, "WAM-IG"))
    assert min(*pearson, *rank) > 0.99


def test_shares_count_the_approximation(subjects, tmp_path):
    run = settings.Run(SETTINGS, tmp_path, ("lite0",))
    run.subjects.update(subjects)
    found = scales._shares(run, "lite0")
    for shares in found.values():
        assert np.shape(shares) == (2, 4)
        np.testing.assert_allclose(np.sum(shares, axis=1), 1, rtol=1e-5)


def test_the_command_writes_what_it_prints(tmp_path, capsys):
    arguments = ["--quick", "--only", "scales", "--networks", "lite0", "--out", str(tmp_path)]
    assert command.main(arguments) == 0
    written = (tmp_path / "tables.md").read_text()
    assert written.startswith("### The shares of the scales")
    assert written in capsys.readouterr().out
    with pytest.raises(ValueError, match="results of other settings: photographs=2 there, 3 here"):
        command.main([*arguments, "--photographs", "3"])


def test_unknown_networks_are_refused():
    with pytest.raises(ValueError, match=r"networks must be among .*'lite0'.*got 'lite9'"):
        runner.run([photographs.Photographs("photographs", "lite9", 1)], runner.QUICK, None)
    assert set(networks.SIZES) <= set(photographs.NETWORKS)


@pytest.mark.parametrize("name", networks.SIZES)
def test_keras_and_pytorch_agree_and_know_what_they_see(name):
    photographs = imagenet_photographs(size=networks.SIZES[name])
    x = networks.preprocess(photographs.images)
    with torch.no_grad():
        in_torch = networks.load_torch(name)(torch.tensor(np.moveaxis(x, -1, 1).copy())).numpy()
    network = networks.load_keras(name)
    assert isinstance(network, keras.Model)
    np.testing.assert_allclose(network.predict(x, verbose=0), in_torch, atol=1e-4)
    assert np.sum(in_torch.argmax(1) == photographs.labels) >= 17
