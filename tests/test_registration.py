"""Publishing into Xplique's namespaces, and withdrawing."""

from __future__ import annotations

import subprocess
import sys

import pytest
import xplique.attributions

import wam_xplique
import wam_xplique.attributions as ours

THEIRS = xplique.attributions


@pytest.fixture(autouse=True)
def _restored_namespace():
    """Xplique's namespace as it was found, whatever a test does to it."""
    names, exported = dict(vars(THEIRS)), list(THEIRS.__all__)
    yield
    for name in set(vars(THEIRS)) - set(names):
        delattr(THEIRS, name)
    for name, value in names.items():
        setattr(THEIRS, name, value)
    THEIRS.__all__[:] = exported


def published() -> dict:
    return {name: getattr(THEIRS, name) for name in ours.__all__ if hasattr(THEIRS, name)}


def test_importing_publishes_every_explainer():
    assert published() == {name: getattr(ours, name) for name in ours.__all__}
    assert set(ours.__all__) <= set(THEIRS.__all__)


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


WITHOUT_XPLIQUE = """
import sys
for name in ("xplique", "tensorflow", "keras"):
    sys.modules[name] = None  # importing it fails
import numpy as np, torch
import wam_xplique
from wam_xplique.algorithms import gradients
from wam_xplique.algorithms.perturbations import GaussianNoise
from wam_xplique.backends import get_backend, wavedecn
from wam_xplique.coefficients import WaveletTransform
assert not hasattr(wam_xplique, "register")
x = torch.ones(2, 1, 8, 8, dtype=torch.float64)
transform = WaveletTransform("haar", 2, "periodization", (2, 3))
problem = gradients.GradientProblem(
    get_backend(x), lambda x, y: 2 * x * y, x, torch.ones(2, 1, 1, 1), transform
)
assert len(gradients.smooth_grad(problem, GaussianNoise(3, 0.1))) == 3
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
