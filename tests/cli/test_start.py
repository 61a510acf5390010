"""Help, versions and typing errors wait for no framework."""

from __future__ import annotations

import json
import subprocess
import sys

import pytest

HEAVY = {"keras", "matplotlib", "pandas", "scipy", "skimage", "tensorflow", "torch", "xplique"}
SCRIPT = """
import json, sys
from wam_xplique.cli import main
try:
    status = main({arguments})
except SystemExit as error:
    status = error.code
print(json.dumps([status, sorted({heavy} & sys.modules.keys())]))
"""


@pytest.mark.parametrize(
    ("arguments", "expected", "told"),
    [
        (["--help"], 0, "explain"),
        (["--version"], 0, "wam-xplique "),
        (["explain", "--help"], 0, "--sample-rate"),
        (["explain", "a.png"], 2, "Missing option '--model'"),
        (["explain", "--model", "x"], 2, "Missing argument 'FILES'"),
        (["report", "a.png", "--model", "b", "--nothing"], 2, "No such option: --nothing"),
        (["nothing"], 2, "No such command 'nothing'"),
    ],
)
def test_what_needs_no_framework_imports_none(arguments, expected, told):
    script = SCRIPT.format(arguments=arguments, heavy=HEAVY)
    done = subprocess.run(
        [sys.executable, "-c", script], capture_output=True, text=True, timeout=120, check=True
    )
    *output, last = done.stdout.splitlines()
    assert told in "\n".join([*output, done.stderr])
    assert json.loads(last) == [expected, []]
