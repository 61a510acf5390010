"""What is handed out: the wheel that pip installs, and the sources, tests and pages included."""

from __future__ import annotations

import re
import shutil
import subprocess
import sys
import tarfile
import zipfile
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
NOT_OURS = shutil.ignore_patterns(".*", "build", "outputs", "*.egg-info", "__pycache__")
BUILD = """
from setuptools import build_meta
build_meta.build_wheel("dist")
build_meta.build_sdist("dist")
"""
STUDIES_OF_SPEED = {"gradients", "kernels", "memory", "metrics", "models", "scale_out", "wcam"}


@pytest.fixture(scope="module")
def built(tmp_path_factory) -> Path:
    folder = tmp_path_factory.mktemp("built") / "clone"
    shutil.copytree(ROOT, folder, ignore=NOT_OURS)
    how = {"cwd": folder, "capture_output": True, "text": True, "timeout": 300}
    done = subprocess.run([sys.executable, "-c", BUILD], **how)
    assert done.returncode == 0, done.stderr
    return folder


def test_the_wheel_has_all_but_the_studies_of_speed_and_a_page(built):
    (wheel,) = (built / "dist").glob("*.whl")
    archive = zipfile.ZipFile(wheel)
    found = {name for name in archive.namelist() if name.startswith("wam_xplique/")}
    expected = {str(p.relative_to(built)) for p in (built / "wam_xplique").rglob("*.*")}
    for folder in ("backends", "benchmarks"):
        paths = [p.relative_to(built) for p in (built / folder).rglob("*.py")]
        expected |= {f"wam_xplique/{p}" for p in paths}
    expected -= {f"wam_xplique/benchmarks/{name}.py" for name in STUDIES_OF_SPEED}
    assert {n for n in found if not n.endswith(".md")} == expected
    (name,) = (n for n in archive.namelist() if n.endswith("METADATA"))
    page = archive.read(name).decode()  # has whole addresses
    links = re.findall(r"\]\(([^)]+)\)", page)
    assert len(links) > 10
    assert [link for link in links if not link.startswith("https://")] == []
    assert "wam-xplique/raw/main/docs/photograph.png" in page


def test_the_sources_are_complete(built):
    (sources,) = (built / "dist").glob("*.tar.gz")
    with tarfile.open(sources) as archive:
        found = {name.partition("/")[2] for name in archive.getnames()}
    folders = ("backends", "benchmarks", "docs", "notebooks", "tests", "wam_xplique")
    kept = [p for folder in folders for p in (built / folder).rglob("*.*") if p.is_file()]
    kept += [built / "Makefile", built / "setup.py", *built.glob("*.md"), *built.glob("*.txt")]
    assert {str(p.relative_to(built)) for p in kept} - found == set()
