"""Publishing into Xplique's namespaces, and withdrawing."""

from __future__ import annotations

import subprocess
import sys

import pytest
import xplique.attributions
import xplique.metrics

import wam_xplique
import wam_xplique.attributions as ours
import wam_xplique.metrics
from wam_xplique import registration

THEIRS = xplique.attributions
NAMESPACES = (THEIRS, xplique.metrics)


@pytest.fixture(autouse=True)
def _restored_namespaces():
    """Xplique's namespaces as they were found, whatever a test does to them."""
    found = [(module, dict(vars(module)), list(module.__all__)) for module in NAMESPACES]
    yield
    for module, names, exported in found:
        for name in set(vars(module)) - set(names):
            delattr(module, name)
        for name, value in names.items():
            setattr(module, name, value)
        module.__all__[:] = exported


def published() -> dict:
    return {name: getattr(THEIRS, name) for name in ours.__all__ if hasattr(THEIRS, name)}


def test_importing_publishes_every_explainer():
    assert published() == {name: getattr(ours, name) for name in ours.__all__}
    assert set(ours.__all__) <= set(THEIRS.__all__)


def test_metrics_are_published_and_withdrawn_too():
    names = wam_xplique.metrics.__all__
    assert set(names) <= set(xplique.metrics.__all__)
    assert all(getattr(xplique.metrics, n) is getattr(wam_xplique.metrics, n) for n in names)
    wam_xplique.unregister()
    assert not any(hasattr(xplique.metrics, name) for name in names)
    assert not set(names) & set(xplique.metrics.__all__)
    assert hasattr(xplique.metrics, "Deletion")
    wam_xplique.register()
    assert set(names) <= set(xplique.metrics.__all__)


def test_a_metric_that_xplique_owns_keeps_explainers_back_as_well():
    wam_xplique.unregister()
    xplique.metrics.WaveletDeletion = foreign = type("WaveletDeletion", (), {})
    with pytest.raises(RuntimeError, match=r"xplique\.metrics\.WaveletDeletion"):
        wam_xplique.register()
    assert published() == {}
    assert xplique.metrics.WaveletDeletion is foreign


def test_registering_twice_is_harmless():
    before, exported = dict(vars(THEIRS)), list(THEIRS.__all__)
    wam_xplique.register()
    wam_xplique.register()
    assert dict(vars(THEIRS)) == before
    assert THEIRS.__all__ == exported
    assert len(set(THEIRS.__all__)) == len(THEIRS.__all__)


def test_unregistering_withdraws_ours_and_nothing_else():
    others = {name for name in THEIRS.__all__ if name not in ours.__all__}
    wam_xplique.unregister()
    assert published() == {}
    assert set(THEIRS.__all__) == others
    assert all(hasattr(THEIRS, name) for name in others)


def test_unregistering_twice_is_harmless():
    wam_xplique.unregister()
    wam_xplique.unregister()
    assert published() == {}


def test_registering_again_publishes_again():
    wam_xplique.unregister()
    wam_xplique.register()
    assert published() == {name: getattr(ours, name) for name in ours.__all__}
    assert set(ours.__all__) <= set(THEIRS.__all__)


@pytest.mark.parametrize("name", ["WaveletSmoothGrad", "WaveletVarGrad", "WaveletGradientInput"])
def test_a_name_that_xplique_owns_is_never_overwritten_and_nothing_is_registered(name):
    wam_xplique.unregister()
    foreign = type(name, (), {})
    setattr(THEIRS, name, foreign)
    exported = list(THEIRS.__all__)

    with pytest.raises(RuntimeError, match=rf"xplique\.attributions\.{name}"):
        wam_xplique.register()

    assert published() == {name: foreign}
    assert THEIRS.__all__ == exported


def test_a_foreign_name_is_not_withdrawn():
    wam_xplique.unregister()
    foreign = type("WaveletSmoothGrad", (), {})
    THEIRS.WaveletSmoothGrad = foreign
    THEIRS.__all__.append("WaveletSmoothGrad")
    wam_xplique.unregister()
    assert THEIRS.WaveletSmoothGrad is foreign
    assert "WaveletSmoothGrad" in THEIRS.__all__


def test_a_name_that_is_none_counts_as_owned():
    wam_xplique.unregister()
    THEIRS.WaveletSmoothGrad = None
    with pytest.raises(RuntimeError, match="WaveletSmoothGrad"):
        wam_xplique.register()


def test_xpliques_own_explainers_are_untouched():
    assert THEIRS.SmoothGrad.__module__.startswith("xplique.")
    assert not issubclass(THEIRS.WaveletSmoothGrad, THEIRS.SmoothGrad)


LAZY = """
import sys
import wam_xplique
heavy = {"tensorflow", "torch", "xplique", "numpy", "pandas", "matplotlib"}
assert not heavy & set(sys.modules), heavy & set(sys.modules)
from xplique.attributions import WaveletSaliency
assert WaveletSaliency is wam_xplique.WaveletSaliency
namespace = {}
exec("from xplique.metrics import *; from wam_xplique import *", namespace)
assert {"WaveletDeletion", "Deletion", "WCAM", "register"} <= set(namespace)
assert wam_xplique.analysis.report
print("done")
"""
FOREIGN = """
import sys, types, warnings
import wam_xplique
sys.modules["xplique.attributions"] = theirs = types.ModuleType("xplique.attributions")
theirs.__all__, theirs.WCAM = ["WCAM"], "another"
with warnings.catch_warnings(record=True) as caught:
    warnings.simplefilter("always")
    wam_xplique.registration._publish_if_free(theirs)
assert "xplique.attributions.WCAM exists already" in str(caught[0].message)
assert theirs.WCAM == "another" and not hasattr(theirs, "WaveletSaliency")
print("done")
"""


@pytest.mark.parametrize("script", [LAZY, FOREIGN], ids=["lazy", "foreign"])
def test_xplique_may_be_loaded_later(script):
    """Nothing is loaded before it is used, and an import of Xplique never fails for us."""
    run = subprocess.run(
        [sys.executable, "-c", script], capture_output=True, text=True, check=False
    )
    assert run.returncode == 0, run.stderr
    assert run.stdout.strip() == "done"


@pytest.mark.parametrize("home", ["attributions", "metrics"])
def test_what_is_published_is_what_the_packages_offer(home):
    assert sorted(registration.NAMES[home]) == sorted(getattr(wam_xplique, home).__all__)


WITHOUT_XPLIQUE = """
import sys
for name in ("xplique", "tensorflow", "keras"):
    sys.modules[name] = None  # importing it fails
import numpy as np, torch
import wam_xplique
from wam_xplique.algorithms import gradients, sampling
from wam_xplique.algorithms.perturbations import GaussianNoise
from wam_xplique.backends import get_backend, wavedecn
from wam_xplique.coefficients import WaveletTransform
assert not hasattr(wam_xplique, "register")
x = torch.ones(2, 1, 8, 8, dtype=torch.float64)
transform = WaveletTransform("haar", 2, "periodization", (2, 3))
problem = gradients.GradientProblem(
    get_backend(x), lambda x, y: (2 * x * y,), x, torch.ones(2, 1, 1, 1), transform
)
assert len(sampling.smooth_grad(problem, GaussianNoise(3, 0.1)).values.mean) == 3
coefficients = wavedecn(x, "haar", "periodization", 2, (2, 3))
explanation = wam_xplique.WaveletExplanation(
    [coefficients[0][:, 0].numpy(), *({k: v[:, 0].numpy() for k, v in d.items()}
     for d in coefficients[1:])], "haar", "periodization", (2, 8, 8, 1), 2)
assert explanation.pixels().shape == (2, 8, 8, 1)
print("done")
"""


def test_without_xplique_and_tensorflow_the_pytorch_path_works():
    run = subprocess.run(
        [sys.executable, "-c", WITHOUT_XPLIQUE], capture_output=True, text=True, check=False
    )
    assert run.returncode == 0, run.stderr
    assert run.stdout.strip() == "done"


WITHOUT_FRAMEWORKS = """
import sys
sys.modules["xplique"] = None
import numpy as np
import wam_xplique, wam_xplique.backends, wam_xplique.coefficients
import wam_xplique.algorithms.gradients
wam_xplique.backends.wavedecn(np.ones((8, 8)), "haar")
assert not {"tensorflow", "torch", "keras", "matplotlib"} & set(sys.modules)
print("done")
"""


def test_a_framework_is_imported_only_when_an_object_of_its_own_arrives():
    run = subprocess.run(
        [sys.executable, "-c", WITHOUT_FRAMEWORKS], capture_output=True, text=True, check=False
    )
    assert run.returncode == 0, run.stderr
    assert run.stdout.strip() == "done"
