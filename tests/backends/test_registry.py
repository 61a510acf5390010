"""Finding the framework of an object, without importing any other."""

from __future__ import annotations

import subprocess
import sys
import textwrap

import keras
import numpy as np
import pytest
import tensorflow as tf
import torch

from wam_xplique.backends import Backend, get_backend


@pytest.mark.parametrize(
    ("make", "name"),
    [
        pytest.param(lambda: np.zeros(3), "numpy", id="array"),
        pytest.param(lambda: tf.zeros(3), "tensorflow", id="tf.Tensor"),
        pytest.param(lambda: tf.Variable([1.0]), "tensorflow", id="tf.Variable"),
        pytest.param(lambda: torch.zeros(3), "torch", id="torch.Tensor"),
        pytest.param(lambda: torch.nn.Parameter(torch.zeros(3)), "torch", id="Parameter"),
        pytest.param(
            lambda: keras.Sequential([keras.layers.Input((2,)), keras.layers.Dense(1)]),
            "tensorflow",
            id="keras model",
        ),
        pytest.param(lambda: keras.layers.Dense(1), "tensorflow", id="keras layer"),
        pytest.param(tf.Module, "tensorflow", id="tf.Module"),
        pytest.param(lambda: torch.nn.Linear(2, 1), "torch", id="nn.Module"),
    ],
)
def test_an_object_finds_the_backend_of_its_framework(make, name):
    backend = get_backend(make())
    assert isinstance(backend, Backend)
    assert backend.name == name


def test_a_symbolic_tensor_finds_its_backend():
    names = []
    tf.function(lambda x: names.append(get_backend(x).name))(tf.zeros(2))
    assert names == ["tensorflow"]


def test_a_framework_has_one_backend():
    assert get_backend(torch.zeros(1)) is get_backend(torch.nn.Identity())
    assert get_backend(tf.zeros(1)) is get_backend(tf.Module())


@pytest.mark.parametrize("obj", [[1.0, 2.0], 3.0, "haar", None, object()])
def test_an_object_of_no_framework_is_refused_by_its_type(obj):
    with pytest.raises(TypeError, match=rf"No backend .*\b{type(obj).__name__}\b"):
        get_backend(obj)


def run_without(blocked: tuple[str, ...], code: str) -> str:
    """The output of `code` in a fresh Python that cannot find the `blocked` packages."""
    blocker = f"""
        import importlib.util, sys

        class Blocker:
            def find_spec(self, name, path=None, target=None):
                if name.split(".")[0] in {blocked!r}:
                    raise ModuleNotFoundError(f"No module named {{name!r}}", name=name)

        sys.meta_path.insert(0, Blocker())
        find_spec = importlib.util.find_spec
        importlib.util.find_spec = lambda name, package=None: (
            None if name.split(".")[0] in {blocked!r} else find_spec(name, package)
        )
    """
    done = subprocess.run(
        [sys.executable, "-c", textwrap.dedent(blocker) + textwrap.dedent(code)],
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )
    assert done.returncode == 0, done.stderr[-2000:]
    return done.stdout.strip()


def test_arrays_need_no_framework():
    printed = run_without(
        ("xplique", "tensorflow", "torch", "keras"),
        """
        import numpy as np
        from wam_xplique.backends import get_backend, wavedecn
        wavedecn(np.zeros((4, 4)), "haar", level=1)
        print(get_backend(np.zeros(1)).name)
        """,
    )
    assert printed == "numpy"


def test_the_registry_imports_no_framework_in_vain():
    printed = run_without(
        ("xplique",),
        """
        import numpy as np
        from wam_xplique.backends import get_backend, wavedecn
        wavedecn(np.zeros((4, 4)), "haar", level=1)
        print([name for name in ("torch", "tensorflow", "keras") if name in sys.modules])
        """,
    )
    assert printed == "[]"


def test_the_path_of_pytorch_needs_neither_xplique_nor_tensorflow():
    printed = run_without(
        ("xplique", "tensorflow", "keras"),
        """
        import torch
        import wam_xplique
        import wam_xplique.algorithms.gradients
        from wam_xplique.backends import get_backend, pullback, waverecn, wavedecn
        x = torch.arange(24.0).reshape(2, 3, 4).double()
        z = wavedecn(x, "haar", "periodization", 2, 2)
        assert torch.allclose(waverecn(z, "haar", "periodization", 2), x)
        assert torch.allclose(pullback(x, "haar", "periodization", 2, 2)[0], z[0])
        print(get_backend(torch.nn.Linear(1, 1)).name, "tensorflow" in sys.modules)
        """,
    )
    assert printed == "torch False"
