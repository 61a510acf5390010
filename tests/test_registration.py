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


def test_unregistering_withdraws_ours_and_nothing_else_until_they_are_registered_again():
    others = {name for name in THEIRS.__all__ if name not in ours.__all__}
    for _ in range(2):  # twice is harmless
        wam_xplique.unregister()
        assert published() == {}
        assert set(THEIRS.__all__) == others
        assert all(hasattr(THEIRS, name) for name in others)
    wam_xplique.register()
    assert published() == {name: getattr(ours, name) for name in ours.__all__}
    assert set(ours.__all__) <= set(THEIRS.__all__)


@pytest.mark.parametrize("foreign", [type("WaveletSmoothGrad", (), {}), None])
def test_a_name_that_xplique_owns_is_never_overwritten_and_nothing_is_registered(foreign):
    wam_xplique.unregister()
    THEIRS.WaveletSmoothGrad = foreign
    exported = list(THEIRS.__all__)
    with pytest.raises(RuntimeError, match=r"xplique\.attributions\.WaveletSmoothGrad"):
        wam_xplique.register()
    assert published() == {"WaveletSmoothGrad": foreign}
    assert THEIRS.__all__ == exported


def test_a_foreign_name_is_not_withdrawn():
    wam_xplique.unregister()
    foreign = type("WaveletSmoothGrad", (), {})
    THEIRS.WaveletSmoothGrad = foreign
    THEIRS.__all__.append("WaveletSmoothGrad")
    wam_xplique.unregister()
    assert THEIRS.WaveletSmoothGrad is foreign
    assert "WaveletSmoothGrad" in THEIRS.__all__


def test_xpliques_own_explainers_are_untouched():
    assert THEIRS.SmoothGrad.__module__.startswith("xplique.")
    assert not issubclass(THEIRS.WaveletSmoothGrad, THEIRS.SmoothGrad)


SCRIPTS = {
    "Xplique may be loaded later, and nothing is before it is used": """
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
""",
    "an import of Xplique never fails for us": """
import sys, types, warnings
import wam_xplique
sys.modules["xplique.attributions"] = theirs = types.ModuleType("xplique.attributions")
theirs.__all__, theirs.WCAM = ["WCAM"], "another"
with warnings.catch_warnings(record=True) as caught:
    warnings.simplefilter("always")
    wam_xplique.registration._publish_if_free(theirs)
assert "xplique.attributions.WCAM exists already" in str(caught[0].message)
assert theirs.WCAM == "another" and not hasattr(theirs, "WaveletSaliency")
""",
    "PyTorch is enough for the transforms and the methods": """
import sys, pytest
for name in ("keras", "pandas", "scipy", "tensorflow", "tqdm", "wrapt", "xplique"):
    sys.modules[name] = None  # importing it fails
assert not pytest.main(["--noconftest", "-qpno:cacheprovider", "tests/alone"])
""",
    "a framework is imported only when an object of its own arrives": """
import sys
sys.modules["xplique"] = None
import numpy as np
import wam_xplique, wam_xplique.backends, wam_xplique.coefficients
import wam_xplique.algorithms.gradients
wam_xplique.backends.wavedecn(np.ones((8, 8)), "haar")
assert wam_xplique.backends.get_backend(np.ones(1)).name == "numpy"
assert not {"tensorflow", "torch", "keras", "matplotlib"} & set(sys.modules)
""",
}


@pytest.mark.parametrize("script", SCRIPTS.values(), ids=SCRIPTS)
def test_of_a_process_of_its_own(script):
    if "tests/alone" in script:
        pytest.importorskip("torch")
    command = [sys.executable, "-c", script]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr


@pytest.mark.parametrize("home", ["attributions", "metrics"])
def test_what_is_published_is_what_the_packages_offer(home):
    assert sorted(registration.NAMES[home]) == sorted(getattr(wam_xplique, home).__all__)
