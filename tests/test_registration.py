"""Publishing into Xplique's namespaces, and withdrawing."""

from __future__ import annotations

import subprocess
import sys

import pytest
import xplique.attributions
import xplique.metrics

import wam_xplique
import wam_xplique.attributions as ours
from wam_xplique import registration

THEIRS = xplique.attributions
NAMESPACES = (THEIRS, xplique.metrics)
each_home = pytest.mark.parametrize("home", ["attributions", "metrics"])


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


@each_home
def test_what_is_published_is_what_the_packages_offer(home):
    theirs, package = getattr(xplique, home), getattr(wam_xplique, home)
    assert sorted(registration.NAMES[home]) == sorted(package.__all__)
    assert all(getattr(theirs, name) is getattr(package, name) for name in package.__all__)
    assert set(package.__all__) <= set(theirs.__all__)


@each_home
def test_unregistering_withdraws_ours_and_nothing_else_until_they_are_registered_again(home):
    theirs, names = getattr(xplique, home), set(registration.NAMES[home])
    others = set(theirs.__all__) - names
    for _ in range(2):  # twice is harmless
        wam_xplique.unregister()
        assert not any(hasattr(theirs, name) for name in names)
        assert set(theirs.__all__) == others
        assert all(hasattr(theirs, name) for name in others)
    wam_xplique.register()
    assert all(hasattr(theirs, name) for name in names)
    assert set(theirs.__all__) == others | names


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
    assert dict(vars(THEIRS)) == before
    assert THEIRS.__all__ == exported
    assert len(set(THEIRS.__all__)) == len(THEIRS.__all__)


@pytest.mark.parametrize("foreign", [type("WaveletSmoothGrad", (), {}), None])
def test_a_name_that_xplique_owns_is_never_overwritten_and_nothing_is_registered(foreign):
    wam_xplique.unregister()
    THEIRS.WaveletSmoothGrad = foreign
    exported = [*THEIRS.__all__, "WaveletSmoothGrad"]
    THEIRS.__all__[:] = exported
    with pytest.raises(RuntimeError, match=r"xplique\.attributions\.WaveletSmoothGrad"):
        wam_xplique.register()
    assert published() == {"WaveletSmoothGrad": foreign}
    assert THEIRS.__all__ == exported
    wam_xplique.unregister()  # nor is it withdrawn
    assert published() == {"WaveletSmoothGrad": foreign}
    assert THEIRS.__all__ == exported


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
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
