"""Notebooks are kept bare, are pages of the site, and fail loudly when they are executed."""

from __future__ import annotations

import importlib.util
from pathlib import Path
from types import ModuleType

import nbformat
import pytest
from nbclient.exceptions import CellExecutionError, CellTimeoutError

ROOT = Path(__file__).parents[1]
NOTEBOOKS = sorted((ROOT / "notebooks").glob("*.ipynb"))

each_notebook = pytest.mark.parametrize("path", NOTEBOOKS, ids=lambda path: path.stem)


@pytest.fixture(scope="module")
def executor() -> ModuleType:
    path = ROOT / "notebooks" / "execute.py"
    spec = importlib.util.spec_from_file_location("execute", path)
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def write(path: Path, *cells: str) -> Path:
    made = [nbformat.v4.new_code_cell(cell) for cell in cells]
    nbformat.write(nbformat.v4.new_notebook(cells=made), path)
    return path


def test_there_are_notebooks():
    assert NOTEBOOKS


@each_notebook
def test_a_notebook_has_no_outputs(path):
    notebook = nbformat.read(path, as_version=nbformat.NO_CONVERT)
    nbformat.validate(notebook)
    for cell in notebook.cells:
        assert cell.metadata == {}
        if cell.cell_type == "code":
            assert cell.outputs == []
            assert cell.execution_count is None


@each_notebook
def test_a_notebook_is_a_page_of_the_site(path):
    assert f" tutorials/{path.stem}.md\n" in (ROOT / "mkdocs.yml").read_text(encoding="utf-8")


def test_an_executed_notebook_has_its_outputs(executor, tmp_path):
    source = write(tmp_path / "sum.ipynb", "open('here', 'w').close()\n6 * 7")
    target = tmp_path / "made" / "sum.ipynb"
    assert executor.execute(source, target) > 0
    (cell,) = nbformat.read(target, as_version=nbformat.NO_CONVERT).cells
    assert cell.outputs[0].data["text/plain"] == "42"
    assert not (tmp_path / "here").exists()  # it runs in a folder of its own
    (cell,) = nbformat.read(source, as_version=nbformat.NO_CONVERT).cells
    assert cell.outputs == []


def test_what_is_logged_is_no_output(executor, tmp_path, capsys):
    source = write(tmp_path / "log.ipynb", "import sys\nprint('careful', file=sys.stderr)")
    executor.execute(source, tmp_path / "target.ipynb")
    (cell,) = nbformat.read(tmp_path / "target.ipynb", as_version=nbformat.NO_CONVERT).cells
    assert cell.outputs == []
    assert "careful" in capsys.readouterr().err


def test_a_notebook_that_fails_is_not_written(executor, tmp_path):
    source = write(tmp_path / "bad.ipynb", "1 / 0")
    with pytest.raises(CellExecutionError, match="ZeroDivisionError"):
        executor.execute(source, tmp_path / "target.ipynb")
    assert not (tmp_path / "target.ipynb").exists()


@pytest.mark.parametrize(
    ("cells", "error"),
    [
        pytest.param(["import time; time.sleep(60)"], CellTimeoutError, id="one cell"),
        pytest.param(["import time; time.sleep(0.7)"] * 3, TimeoutError, id="all together"),
    ],
)
def test_a_notebook_that_takes_too_long_is_not_written(executor, tmp_path, cells, error):
    source = write(tmp_path / "slow.ipynb", *cells)
    with pytest.raises(error):
        executor.execute(source, tmp_path / "target.ipynb", limit=1)
    assert not (tmp_path / "target.ipynb").exists()
