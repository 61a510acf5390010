"""What the documentation shows is there, and runs."""

from __future__ import annotations

import functools
import inspect
import re
import shlex
from importlib.metadata import metadata
from pathlib import Path
from typing import Any

import keras
import matplotlib as mpl
import matplotlib.pyplot as plt
import numpy as np
import pytest
import typer

from wam_xplique import cli
from wam_xplique.demo import networks

mpl.use("Agg")

ROOT = Path(__file__).parents[1]
PAGES = [ROOT / "README.md", *sorted((ROOT / "docs").rglob("*.md"))]
FIRST_PAGES = (ROOT / "README.md", ROOT / "docs" / "index.md")
BENCHMARKS = ROOT / "benchmarks" / "README.md"  # its Python has a test of its own

BLOCK = re.compile(r"^```(?P<language>\w+)\n(?P<text>.*?)^```$", re.DOTALL | re.MULTILINE)
IN_TEXT = re.compile(r"`((?:wam-xplique|python -m|make) [^`\n]+)`")


def name(path: Path) -> str:
    return str(path.relative_to(ROOT))


def blocks(path: Path, language: str) -> list[re.Match]:
    """The blocks of code in a page."""
    found = BLOCK.finditer(path.read_text(encoding="utf-8"))
    return [block for block in found if block["language"] == language]


def commands(path: Path) -> list[str]:
    """The commands of a page, in its blocks of shell and in its text."""
    in_blocks = "".join(block["text"] for block in blocks(path, "sh")).replace("\\\n", " ")
    in_text = IN_TEXT.findall(BLOCK.sub("", path.read_text(encoding="utf-8")))
    return [*filter(None, map(str.strip, in_blocks.splitlines())), *in_text]


@pytest.fixture
def pretrained(monkeypatch):
    """Networks of keras.applications, without the weights that would be downloaded."""
    for title, network in vars(keras.applications).items():
        if callable(network) and "weights" in inspect.signature(network).parameters:
            monkeypatch.setattr(keras.applications, title, functools.partial(network, weights=None))


TRAINED: dict[bytes, keras.Model] = {}


@pytest.fixture
def trained_once(monkeypatch):
    """The network that many pages train is the same in all of them, by its seed."""
    train = networks.train_keras

    def train_once(inputs: np.ndarray, *others: Any) -> keras.Model:
        key = inputs.tobytes()
        if key not in TRAINED:
            TRAINED[key] = train(inputs, *others)
        return TRAINED[key]

    monkeypatch.setattr(networks, "train_keras", train_once)


@pytest.mark.usefixtures("pretrained", "trained_once")
@pytest.mark.parametrize(
    "path",
    [
        pytest.param(path, marks=() if path in FIRST_PAGES else pytest.mark.slow, id=name(path))
        for path in PAGES
        if blocks(path, "python")
    ],
)
def test_the_code_of_a_page_runs(path, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    names: dict = {}
    for block in blocks(path, "python"):
        before = block.string.count("\n", 0, block.start("text"))
        at_its_line = "\n" * before + block["text"]  # so that tracebacks point to the page
        exec(compile(at_its_line, str(path), "exec"), names)
    plt.close("all")


def test_the_commands_of_all_pages_exist():
    found = [command for path in [*PAGES, BENCHMARKS] for command in commands(path)]
    assert {command.split()[0] for command in found} >= {"make", "pip", "python", "wam-xplique"}
    for command in found:
        check(command)


def test_the_check_catches_what_does_not_exist():
    for command in (
        "make coffee",
        "pip install .[coffee]",
        "python -m benchmarks.coffee",
        "python -m benchmarks.kernels --coffee",
        "wam-xplique coffee",
        "wam-xplique demo --coffee",
        "coffee",
    ):
        with pytest.raises(Exception, match="coffee"):
            check(command)


def check(command: str) -> None:
    """Check that a command, and the options given to it, exist."""
    program, *arguments = shlex.split(command, comments=True)
    CHECKS[program](arguments)


def check_make(arguments: list[str]) -> None:
    makefile = (ROOT / "Makefile").read_text(encoding="utf-8")
    for target in arguments:
        assert re.search(rf"^{target}:", makefile, re.MULTILINE), target


def check_pip(arguments: list[str]) -> None:
    extras = metadata("wam-xplique").get_all("Provides-Extra") or []
    for extra in re.findall(r"\[(.+?)\]", " ".join(arguments)):
        assert set(extra.split(",")) <= set(extras), extra


def check_python(arguments: list[str]) -> None:
    """``python -m benchmarks.name``: the module is there, and knows the options."""
    dash_m, module, *options = arguments
    assert dash_m == "-m"
    if module == "benchmarks.compare":
        check_cli(["benchmark", *options])  # one command by two names
        return
    place = ROOT.joinpath(*module.split("."))
    files = [place.with_suffix(".py"), *place.glob("*.py")]
    sources = [file.read_text(encoding="utf-8") for file in files if file.exists()]
    assert sources, module
    sources.append((ROOT / "benchmarks" / "timing.py").read_text(encoding="utf-8"))
    for option in (word for word in options if word.startswith("--")):
        assert any(f'"{option}"' in source for source in sources), option


def check_cli(arguments: list[str]) -> None:
    if arguments == ["--help"]:
        return
    group = typer.main.get_command(cli.app)
    context = group.make_context(cli.NAME, list(arguments))
    title, command, options = group.resolve_command(context, list(arguments))
    if options:  # a command may be told of without what it needs
        command.make_context(title, options, parent=context)


CHECKS = {"make": check_make, "pip": check_pip, "python": check_python, "wam-xplique": check_cli}


def test_the_tests_that_pages_name_are_there():
    named = {t for page in PAGES for t in re.findall(r"tests/[\w/]+\.py", page.read_text("utf-8"))}
    assert named
    assert not [test for test in named if not (ROOT / test).is_file()]
