"""The layers of the house point one way.

Each package has a floor of its own, and knows those below it alone; no modules import each other
in a circle. The imports are read from the sources, wherever in a file they stand, so nothing needs
to be installed or run.
"""

from __future__ import annotations

import ast
import importlib.util
from collections.abc import Iterator
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]

FLOORS = (
    "wam_xplique.backends",
    "wam_xplique.archive",
    "wam_xplique.intervals",
    "wam_xplique.notebook",
    "wam_xplique.checks",
    "wam_xplique.coefficients",
    "wam_xplique.transforms",
    "wam_xplique.per_input",
    "wam_xplique.indices",
    "wam_xplique.explanation",
    "wam_xplique.fourier",
    "wam_xplique.algorithms",
    "wam_xplique.operators",
    "wam_xplique.model",
    "wam_xplique.batches",
    "wam_xplique.inputs",
    "wam_xplique.attributions",
    "wam_xplique.metrics",
    "wam_xplique.registration",
    "wam_xplique",  # the package itself, which gathers the public names
    "wam_xplique.terminal",
    "wam_xplique.loading",
    "wam_xplique.datasets",
    "wam_xplique.plots",
    "wam_xplique.analysis",
    "wam_xplique.scale_out",
    "wam_xplique.benchmarks.real.networks",  # which the demo explains, too
    "wam_xplique.demo",
    "wam_xplique.benchmarks",
    "wam_xplique.cli",
    "wam_xplique.__main__",
)
"""From the ground up; each knows those below it alone."""
LAYERS = {name: floor for floor, name in enumerate(FLOORS)}
KNOWS_XPLIQUE = {
    "wam_xplique.operators",
    "wam_xplique.model",
    "wam_xplique.attributions",
    "wam_xplique.metrics",
    "wam_xplique.registration",
    "wam_xplique.demo",
    "wam_xplique.benchmarks",
    "wam_xplique.cli",
}
FRAMEWORKS = {"tensorflow", "keras", "torch", "jax", "tensorflow_wavelets"}
KNOWS_NO_FRAMEWORK = {
    "wam_xplique.algorithms",
    "wam_xplique.archive",
    "wam_xplique.coefficients",
    "wam_xplique.datasets",
    "wam_xplique.explanation",
    "wam_xplique.indices",
    "wam_xplique.notebook",
    "wam_xplique.per_input",
    "wam_xplique.fourier",
    "wam_xplique.transforms",
}
FRAMEWORKS_OF_BACKENDS = {
    "wam_xplique.backends.tensorflow_backend": {"tensorflow"},
    "wam_xplique.backends.tensorflow_wavelets": {"tensorflow", "tensorflow_wavelets"},
    "wam_xplique.backends.torch_backend": {"torch"},
    "wam_xplique.backends.tensorflow_runner": {"tensorflow"},
    "wam_xplique.backends.torch_runner": {"torch"},
}


def modules() -> dict[str, tuple[Path, bool]]:
    """Each module of the project: its file, and whether it is a package."""
    found = {}
    for folder, package in (
        ("backends", "wam_xplique.backends"),
        ("wam_xplique", "wam_xplique"),
        ("benchmarks", "wam_xplique.benchmarks"),
    ):
        for path in sorted((ROOT / folder).rglob("*.py")):
            parts = path.relative_to(ROOT / folder).with_suffix("").parts
            is_package = parts[-1] == "__init__"
            name = ".".join((package, *(parts[:-1] if is_package else parts)))
            found[name] = (path, is_package)
    return found


def imports(source: str, module: str, is_package: bool) -> Iterator[str]:
    """The full names of all that `source` imports; ``from a import b`` is told as ``a.b``."""
    package = module if is_package else module.rpartition(".")[0]
    for node in ast.walk(ast.parse(source)):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            relative = "." * node.level + (node.module or "")
            base = importlib.util.resolve_name(relative, package) if node.level else relative
            yield from (f"{base}.{alias.name}" for alias in node.names)


def unit(name: str) -> str | None:
    """The entry of `LAYERS` that `name` belongs to; None for what is not ours."""
    parts = name.split(".")
    for length in range(len(parts), 0, -1):
        prefix = ".".join(parts[:length])
        if prefix in LAYERS:
            return prefix
    return None


def violations(source: str, module: str, is_package: bool = False) -> list[str]:
    """What the imports of a module do that its layer must not."""
    here, found = unit(module), []
    if here is None or (here == "wam_xplique" and module != here):
        return [f"{module} has no layer: give it one in {Path(__file__).name}"]
    for name in imports(source, module, is_package):
        there, top = unit(name), name.split(".")[0]
        if there is not None and LAYERS[there] > LAYERS[here]:
            found.append(f"{module} imports {name}: the arrow points back")
        if top == "xplique" and here not in KNOWS_XPLIQUE:
            found.append(f"{module} imports {name}: only {sorted(KNOWS_XPLIQUE)} know Xplique")
        if top in FRAMEWORKS and here in KNOWS_NO_FRAMEWORK:
            found.append(f"{module} imports {name}: it must know no framework")
        if (
            top in FRAMEWORKS
            and here == "wam_xplique.backends"
            and top not in FRAMEWORKS_OF_BACKENDS.get(module, ())
        ):
            found.append(f"{module} imports {name}: each framework has files of its own")
        if top == "backends":
            found.append(f"{module} imports {name}: the package is wam_xplique.backends")
    return found


@pytest.mark.parametrize("module", modules())
def test_the_arrows_of_the_imports_point_one_way(module):
    path, is_package = modules()[module]
    assert violations(path.read_text(encoding="utf-8"), module, is_package) == []


def circles(names: dict[str, set[str]]) -> list[list[str]]:
    """The modules that reach themselves by what they import."""

    def reached(start: str) -> set[str]:
        found: set[str] = set()
        left = [start]
        while left:
            for name in names[left.pop()] - found:
                found.add(name)
                left.append(name)
        return found

    from_each = {name: reached(name) for name in names}
    in_circles = [name for name in names if name in from_each[name]]
    return sorted({tuple(sorted(from_each[n] & set(in_circles))) for n in in_circles})


def imported_modules() -> dict[str, set[str]]:
    """The modules of the project that each imports; a package only for the names in it."""
    known = modules()
    found: dict[str, set[str]] = {}
    for module, (path, is_package) in known.items():
        found[module] = set()
        for name in imports(path.read_text(encoding="utf-8"), module, is_package):
            module_of = name if name in known else name.rpartition(".")[0]
            if module_of in known and module_of != module:
                found[module].add(module_of)
    return found


def test_no_modules_import_each_other_in_a_circle():
    assert circles(imported_modules()) == []


def test_a_circle_is_found():
    assert circles({"a": {"b"}, "b": {"c"}, "c": {"b"}, "d": set()}) == [("b", "c")]


def test_the_walk_sees_the_whole_house():
    expected = {"backends", "backends.torch_backend", "coefficients", "algorithms.gradients", "cli"}
    assert {"wam_xplique", *(f"wam_xplique.{name}" for name in expected)} <= set(modules())


def test_no_test_imports_the_bare_backends():
    for path in (ROOT / "tests").rglob("*.py"):
        is_package = path.name == "__init__.py"
        parts = path.relative_to(ROOT).with_suffix("").parts
        module = ".".join(parts[:-1] if is_package else parts)
        names = imports(path.read_text(encoding="utf-8"), module, is_package)
        assert [name for name in names if name.split(".")[0] == "backends"] == [], path


BACK, IGNORANT = "points back", "know no framework"


@pytest.mark.parametrize(
    ("module", "source", "complaint"),
    [
        ("backends.base", "from ..explanation import X", BACK),
        ("backends.base", "import wam_xplique.coefficients", BACK),
        ("backends.base", "from wam_xplique import coefficients", BACK),
        ("coefficients", "from . import attributions", BACK),
        ("coefficients", "from . import WaveletSmoothGrad", BACK),
        ("explanation", "import wam_xplique", BACK),
        ("algorithms.gradients", "from ..attributions.base import X", BACK),
        ("attributions.base", "from ..plots import plot_explanation", BACK),
        ("attributions.base", "from .. import registration", BACK),
        ("demo.textures", "from ..benchmarks import kernels", BACK),
        ("plots.explanation", "def f():\n    from ..cli import main", BACK),
        ("algorithms.gradients", "if TYPE_CHECKING:\n    from ..attributions import X", BACK),
        ("algorithms.gradients", "import torch.nn", IGNORANT),
        ("coefficients", "from tensorflow import keras", IGNORANT),
        ("explanation", "def f():\n    import keras", IGNORANT),
        ("backends.filterbank", "import torch", "files of its own"),
        ("backends.torch_backend", "import tensorflow as tf", "files of its own"),
        ("backends.base", "import xplique", "know Xplique"),
        ("algorithms.gradients", "from xplique.commons import Tasks", "know Xplique"),
        ("plots.explanation", "import xplique.plots", "know Xplique"),
        ("attributions.base", "from backends import wavedecn", "wam_xplique.backends"),
        ("attributions.base", "import backends.registry", "wam_xplique.backends"),
        ("surprise", "import numpy", "has no layer"),
    ],
)
def test_the_walk_catches_a_violation(module, source, complaint):
    (found,) = violations(source, f"wam_xplique.{module}")
    assert complaint in found


@pytest.mark.parametrize(
    ("module", "source", "is_package"),
    [
        ("wam_xplique.backends.wavelets", "from .registry import get_backend", False),
        ("wam_xplique.backends.torch_backend", "import torch", False),
        ("wam_xplique.coefficients", "from .backends import Tensor\nimport pywt", False),
        ("wam_xplique.algorithms.gradients", "from . import perturbations", False),
        ("wam_xplique.attributions.base", "from xplique.commons import Tasks", False),
        ("wam_xplique.attributions", "from .saliency import WaveletSaliency", True),
        ("wam_xplique", "from .attributions import *\nfrom . import registration", True),
        ("wam_xplique.benchmarks.kernels", "from wam_xplique.backends import wavedecn", False),
        ("wam_xplique.cli", "def main():\n    from .demo import run", False),
    ],
)
def test_the_walk_lets_pass_what_is_allowed(module, source, is_package):
    assert violations(source, module, is_package) == []
