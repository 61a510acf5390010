"""Execute a notebook, and write it with its outputs.

python notebooks/execute.py NOTEBOOK TARGET
"""

from __future__ import annotations

import argparse
import os
import sys
import tempfile
import time
from pathlib import Path

import nbformat
from nbclient import NotebookClient

# A notebook may take a minute on two cores that have nothing else to do; these may.
LIMIT = 180.0
# Bars of progress, and the remark that widgets would draw nicer ones, are of no use to anyone here.
QUIET = {"TQDM_DISABLE": "1", "PYTHONWARNINGS": "ignore:IProgress not found"}


def execute(source: Path, target: Path, limit: float = LIMIT) -> float:
    """
    Execute a notebook in a folder of its own, and write it with its outputs.

    What it logs is told here, and is not among them.

    Parameters
    ----------
    source, target
        The notebook, and where to write it.
    limit
        The most seconds that it may take.

    Returns
    -------
    seconds
        What it took.

    Raises
    ------
    CellExecutionError
        If a cell fails.
    TimeoutError
        If it takes too long.
    """
    notebook = nbformat.read(source, as_version=nbformat.NO_CONVERT)
    start = time.perf_counter()
    with tempfile.TemporaryDirectory() as folder:
        where = {"metadata": {"path": folder}}
        client = NotebookClient(notebook, timeout=limit, kernel_name="python3", resources=where)
        client.execute(env={**os.environ, **QUIET})
    seconds = time.perf_counter() - start
    if seconds > limit:
        raise TimeoutError(f"{source} took {seconds:.0f} s; {limit:.0f} s is the most it may.")
    for cell in notebook.cells:
        logged = [output for output in cell.get("outputs", []) if output.get("name") == "stderr"]
        for output in logged:
            sys.stderr.write(output.text)
            cell.outputs.remove(output)
    target.parent.mkdir(parents=True, exist_ok=True)
    nbformat.write(notebook, target)
    return seconds


def main() -> None:
    """Run the command line."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("notebook", type=Path)
    parser.add_argument("target", type=Path)
    arguments = parser.parse_args()
    print(f"{arguments.notebook}: {execute(arguments.notebook, arguments.target):.0f} s")


if __name__ == "__main__":
    main()
