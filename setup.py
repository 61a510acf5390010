"""What pyproject.toml cannot tell: what stays in the repository, and where its pages are."""

import re
from pathlib import Path

from setuptools import setup
from setuptools.command.build_py import build_py

REPOSITORY = "https://github.com/wam-xplique/wam-xplique"
STUDIES_OF_SPEED = {"gradients", "kernels", "memory", "metrics", "models", "scale_out", "wcam"}


class Build(build_py):
    """All modules of all packages, but the studies of speed."""

    def find_package_modules(self, package, package_dir):
        left_out = STUDIES_OF_SPEED if package == "wam_xplique.benchmarks" else ()
        found = super().find_package_modules(package, package_dir)
        return [module for module in found if module[1] not in left_out]


readme = (Path(__file__).parent / "README.md").read_text(encoding="utf-8")
readme = re.sub(r"(!\[[^]]*\]\()(?!http)", rf"\1{REPOSITORY}/raw/main/", readme)
readme = re.sub(r"(\]\()(?!http)", rf"\1{REPOSITORY}/blob/main/", readme)

setup(
    cmdclass={"build_py": Build},
    long_description=readme,
    long_description_content_type="text/markdown",
)
