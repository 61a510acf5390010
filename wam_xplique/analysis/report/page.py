"""The page of a report: one HTML file that needs nothing else."""

from __future__ import annotations

import math
from collections.abc import Sequence
from importlib import resources

import jinja2

from ...explanation import share_as_text
from .findings import FAR, FINE, UNUSUAL, Findings
from .pictures import Picture


def render(
    title: str,
    facts: dict[str, str],
    findings: Findings,
    pictures: Sequence[Sequence[Picture]],
) -> str:
    """A whole HTML document; any text is taken as text, and never as HTML."""
    environment = jinja2.Environment(
        autoescape=True,
        undefined=jinja2.StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
        keep_trailing_newline=True,
        loader=jinja2.FunctionLoader(_file),
    )
    environment.tests["nan"] = math.isnan
    environment.filters["share"] = share_as_text
    return environment.get_template("page.html").render(
        title=title,
        facts=facts,
        findings=findings,
        pictures=pictures,
        fine=FINE,
        far=FAR,
        unusual=UNUSUAL,
    )


def _file(name: str) -> str:
    return resources.files(__package__).joinpath(name).read_text(encoding="utf-8")
