"""Methods by their names on the command line."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

import numpy as np
import pytest

from wam_xplique import attributions
from wam_xplique.cli.input_files import Inputs
from wam_xplique.cli.methods import (
    NAMES,
    Method,
    check_fit,
    find_method,
    gives_gradients,
    length,
    passes,
)
from wam_xplique.cli.options import Options
from wam_xplique.loading.classifiers import load_model

from .conftest import CLASSES


def find(name: str | None, settings: Sequence[str] = (), scales: bool = False, **given) -> Method:
    return find_method(Options(name, parameters=list(settings), **given), scales)


@pytest.fixture
def inputs(pixels):
    """Images as a Keras model takes them."""
    x = pixels.astype(np.float32) / 255
    return Inputs(x, x, 2, np.eye(CLASSES, dtype=np.float32))


def test_every_method_has_a_short_name():
    assert set(NAMES.values()) == set(attributions.__all__)


@pytest.mark.parametrize("name", [*NAMES, *NAMES.values(), "WAM-SG", "wcam", "waveletsaliency"])
def test_methods_by_short_names_and_by_classes(name):
    assert find(name).name in attributions.__all__


def test_parameters_are_read_as_json_or_as_text(model_files, inputs):
    settings = ["steps=7", "include-approximation=true", "reducer=max", "baseline_value=-1.5"]
    method = find("wam-ig", settings, wavelet="db2", level=None, batch_size=5)
    explainer = method.explainer(load_model(model_files["keras"]), inputs)
    assert type(explainer) is attributions.WaveletIntegratedGradients
    assert (explainer.steps, explainer.include_approximation, explainer.reducer) == (7, True, "max")
    assert (explainer.wavelet, explainer.level, explainer.batch_size) == ("db2", None, 5)
    assert (explainer.baseline_value, explainer.ndim) == (-1.5, 2)


def test_noise_is_a_share_of_the_range_unless_it_is_told(model_files, inputs):
    classifier = load_model(model_files["keras"])
    for settings, relative in (([], 0.1), (["noise=3"], None), (["relative_noise=0.5"], 0.5)):
        made = find("wam-sg", settings).explainer(classifier, inputs)
        assert made.relative_noise == relative
        assert (made.noise == 3) == (relative is None)


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (("gradcam",), "--method 'gradcam' is unknown; the nearest are .*; known: saliency, "),
        (("wam-gi",), "the nearest are .*wam-ig"),
        (("wam-ig", ["step=3"]), "has no parameter step; the nearest are steps"),
        (("wam-ig", ["nb_samples=3"]), "WaveletIntegratedGradients has no parameter nb_samples"),
        (("fam", ["wavelet=haar"]), "FAM has no parameter wavelet; .*batch_size"),
        ((None, ["grid=3"]), "The default method has no parameter grid"),
        (("wcam", ["model=3"]), "WCAM has no parameter model"),
        (("wcam", ["steps"]), "--set must be NAME=VALUE, got 'steps'"),
        (("wcam", ["=3"]), "--set must be NAME=VALUE, got '=3'"),
        (("fam", [], True), "--method fam tells of frequencies"),
    ],
)
def test_unknown_methods_and_parameters_are_told(arguments, message):
    with pytest.raises(ValueError, match=message):
        find(*arguments)


@pytest.mark.parametrize(
    ("kind", "expected"),
    [
        ("keras", True),
        ("SavedModel", True),
        ("TorchScript", True),
        ("torch.export", True),
        ("TorchScript without gradients", False),
    ],
)
def test_gradients_decide_on_the_default(kind, expected, model_files, inputs):
    classifier = load_model(model_files[kind], trust=True)
    fitting = replace(inputs, x=classifier.native(inputs.x, 2))
    assert gives_gradients(classifier, fitting) == expected
    explainer = find(None, ["batch_size=8"]).explainer(classifier, fitting)
    assert type(explainer).__name__ == ("WaveletIntegratedGradients" if expected else "WCAM")


@pytest.mark.parametrize(
    ("name", "settings", "given"),
    [
        ("wcam", ["grid_size=8"], {"level": 2}),
        ("wcam", ["grid_size=4", "partition=subband", "include_approximation=true"], {}),
        ("wcam", ["partition=band"], {"transform": "steerable,level=1"}),
        ("fam", ["grid_size=4", "perturbation=grid"], {}),
    ],
)
def test_forward_passes_are_foretold(name, settings, given, model_files, inputs):
    classifier = load_model(model_files["keras"])
    explainer = find(name, [*settings, "nb_design=4"], **given).explainer(classifier, inputs)
    explain = getattr(explainer, "explain_fourier", None) or explainer.explain_wavelet
    (forwards,) = explain(inputs.x[:1], inputs.predicted[:1]).sobol.forwards
    assert passes(explainer, classifier, inputs) == forwards


def test_long_work_is_announced_with_a_hint(model_files, inputs):
    classifier = load_model(model_files["keras"])
    long = find("wcam", ["grid_size=16"]).explainer(classifier, inputs)
    told = length(long, classifier, inputs)
    count = len(inputs.x) * passes(long, classifier, inputs)
    assert told.startswith(f"WCAM takes {count:,} forward passes, some ")
    assert "--set refine=0.03" in told
    refined = find("wcam", ["refine=300"]).explainer(classifier, inputs)
    assert length(refined, classifier, inputs).startswith("WCAM takes at most 900 forward")
    assert "refine" not in length(refined, classifier, inputs)
    short = find("wam-ig").explainer(classifier, inputs)
    assert length(short, classifier, inputs) is None
    assert "WaveletIntegratedGradients takes 600 gradients" in length(short, classifier, inputs, 4)


def test_inputs_that_are_too_small_or_of_other_axes_do_not_fit(model_files, inputs):
    classifier = load_model(model_files["keras"])
    explainer = find("saliency", level=4).explainer(classifier, inputs)
    check_fit(explainer, classifier, inputs)
    with pytest.raises(ValueError, match=r"sizes? \(8, 8\) .*highest level possible is 3"):
        check_fit(explainer, classifier, replace(inputs, x=inputs.x[:, :8, :8]))
    with pytest.raises(ValueError, match="1 axes of space or time, the others 2"):
        check_fit(explainer, classifier, replace(inputs, x=inputs.x[..., 0, 0], ndim=1))
