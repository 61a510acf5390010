"""The examples of the docstrings run as they are written."""

from __future__ import annotations

import doctest
import importlib
import pkgutil

import matplotlib as mpl
import matplotlib.pyplot as plt
import numpy as np
import pytest

import wam_xplique
from wam_xplique import backends

from .conftest import FRAMEWORKS

mpl.use("Agg")

# Commands and the studies have no docstrings that people call.
LEFT_OUT = ("wam_xplique.__main__", "wam_xplique.benchmarks", "wam_xplique.cli", "wam_xplique.demo")


def examples() -> list[doctest.DocTest]:
    names = {"wam_xplique"}
    for package in (wam_xplique, backends):
        names |= {m.name for m in pkgutil.walk_packages(package.__path__, f"{package.__name__}.")}
    names = {name for name in names if not name.startswith(LEFT_OUT)}
    if "torch" not in FRAMEWORKS:
        names = {name for name in names if ".torch_" not in name}
    modules = [importlib.import_module(name) for name in sorted(names)]
    finder = doctest.DocTestFinder()
    return [found for module in modules for found in finder.find(module) if found.examples]


@pytest.mark.parametrize("example", examples(), ids=lambda example: example.name)
def test_examples(example):
    example.globs["np"] = np
    runner = doctest.DocTestRunner(optionflags=doctest.NORMALIZE_WHITESPACE | doctest.ELLIPSIS)
    said: list[str] = []
    failed, _ = runner.run(example, out=said.append)
    plt.close("all")
    assert not failed, "".join(said)
