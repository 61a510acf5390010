"""The page of a report: inputs one below the other, models or methods side by side."""

from __future__ import annotations

import base64
import functools
import hashlib
import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from importlib.resources import files
from pathlib import Path
from typing import Any, NamedTuple

import jinja2
import numpy as np
import pandas as pd
from markupsafe import Markup

from ...archive import write_text
from ...explanation import WaveletExplanation, mean_share, share_as_text
from .findings import FAR, FINE, UNUSUAL, Findings, Scale
from .pictures import FEW_PIXELS, Picture

ALLOWED = "default-src 'none'; img-src data:; media-src data:; base-uri 'none'; form-action 'none'"
"""All that a page may load or do, beside its own script and style."""


class Part(NamedTuple):
    """Inputs of one shape: what was found, and the pictures of each."""

    findings: Findings
    pictures: tuple[tuple[Picture, ...], ...]


class Entry(NamedTuple):
    """An input: what was found for it and others, its number among these, its pictures."""

    findings: Findings
    number: int
    pictures: tuple[Picture, ...]

    @property
    def name(self) -> str:
        """What it is called."""
        return self.findings.names[self.number]

    @property
    def predicted(self) -> str:
        """What the class is called that is predicted."""
        return self.findings.class_name(self.findings.predicted[self.number])

    @property
    def warnings(self) -> dict[str, str]:
        """Reasons to look closer, as `Findings` has them."""
        return self.findings.warnings(self.number)

    @property
    def box(self) -> np.ndarray | None:
        """Where the object of an image is, if that is known."""
        f = self.findings
        return None if f.boxes is None or f.explanation.ndim != 2 else f.boxes[self.number]

    @property
    def aside(self) -> tuple[str, ...]:
        """The roles of the pictures that are not seen at first: they fill the page's width."""
        return ("left", "map") if self.findings.explanation.ndim == 1 else ("left",)


@dataclass(frozen=True, eq=False, repr=False)
class Side:
    """What one model and one method tell of all inputs."""

    model: str
    method: str
    parts: tuple[Part, ...]

    @property
    def findings(self) -> Findings:
        """What was found for the first of them, which stands for what all share."""
        return self.parts[0].findings

    @functools.cached_property
    def entries(self) -> list[Entry]:
        """The inputs."""
        return [
            Entry(part.findings, index, pictures)
            for part in self.parts
            for index, pictures in enumerate(part.pictures)
        ]

    @property
    def names(self) -> list[str]:
        """What the inputs are called."""
        return [name for part in self.parts for name in part.findings.names]

    @property
    def facts(self) -> dict[str, str]:
        """What is known of model, method and inputs."""
        first, warned = self.findings, [bool(entry.warnings) for entry in self.entries]
        found = {
            "Model": self.model,
            "Explained by": f"{self.method}, {_told(first.explanation)}",
            **({"Not explained": first.left_out} if first.left_out else {}),
            "Inputs": f"{len(warned)}",
            "With warnings": f"{sum(warned)}",
        }
        if first.targets is not None:
            wrong = sum(part.findings.wrong.sum() for part in self.parts)
            found["Wrong predictions"] = f"{wrong}"
        if first.reference is not None:
            name = first.reference.name or "without a name"
            found["Reference"] = f"{name}, {first.reference.count} inputs"
        return found

    @property
    def scales(self) -> list[Scale]:
        """The mean shares of all inputs that have importance."""
        shares = mean_share(np.concatenate([part.findings.shares for part in self.parts]))
        pairs = zip(self.findings.scales(), shares.tolist(), strict=True)
        return [scale._replace(share=share) for scale, share in pairs]


@dataclass(frozen=True, eq=False, repr=False)
class Report:
    """
    A page on the predictions of a model, and what stands on it.

    `report` makes it.

    Parameters
    ----------
    title
        Title of the page.
    sides
        What each model and method tells of the inputs: one, or several side by side.
    """

    title: str
    sides: tuple[Side, ...]

    @functools.cached_property
    def html(self) -> str:
        """
        The page: a whole HTML document that needs nothing else, not even a network.

        It can be read without JavaScript, too, which adds what answers to clicks and keys; a
        content security policy in the page lets no other script run.
        """
        return _page(self)

    @property
    def explanations(self) -> tuple[WaveletExplanation, ...]:
        """The explanations of all inputs: one for each shape, of each side."""
        return tuple(part.findings.explanation for side in self.sides for part in side.parts)

    @property
    def explanation(self) -> WaveletExplanation:
        """The explanation of the inputs, a ValueError where there are several `explanations`."""
        if len(self.explanations) > 1:
            raise ValueError(f"There are {len(self.explanations)} explanations: see explanations.")
        return self.explanations[0]

    @functools.cached_property
    def rows(self) -> tuple[dict[str, Any], ...]:
        """What the page tells of each input, by the columns of `to_dataframe`."""
        return tuple(row for side in self.sides for row in _rows(side, len(self.sides) > 1))

    def beside(self, other: Report) -> Report:
        """
        A page with what another tells of the same inputs side by side.

        Parameters
        ----------
        other
            Report on the same inputs by another model or another method, else a ValueError.
        """
        ours, theirs = self.sides[0].names, other.sides[0].names
        if ours != theirs:
            told = f"of the names {ours}, got {theirs}"
            raise ValueError(f"other must be a report on the same inputs, {told}.")
        return replace(self, sides=(*self.sides, *other.sides))

    def followed_by(self, other: Report) -> Report:
        """
        A page with the inputs of another below.

        Parameters
        ----------
        other
            Report by the same models and methods at the same scales, else a ValueError; such as
            one on sounds of another length.
        """

        def kind(side: Side) -> tuple[Any, ...]:
            first = side.findings
            known = first.targets is not None, first.reference is not None
            return side.model, side.method, _told(first.explanation), first.labels, *known

        ours, theirs = ([kind(side) for side in one.sides] for one in (self, other))
        if ours != theirs:
            told = f"as here, {ours}, got {theirs}"
            raise ValueError(f"other must be made by the same model, method and scales {told}.")
        pairs = zip(self.sides, other.sides, strict=True)
        joined = (replace(one, parts=one.parts + another.parts) for one, another in pairs)
        return replace(self, sides=tuple(joined))

    def save(self, path: str | Path, force: bool = False) -> Path:
        """
        Write the page to a file, such as "report.html", whose path is returned.

        Parameters
        ----------
        path
            File to write.
        force
            Whether to replace a file that is there, which raises a FileExistsError otherwise.
        """
        write_text(path, self.html, force)
        return Path(path)

    def to_dataframe(self) -> pd.DataFrame:
        """
        A row for each input; what is not known is missing.

        Columns name, predicted and score (probability where the outputs are such), target, a
        share for each scale (missing for what is left out; beside it, where the method has
        intervals, columns such as "1-2 px low" and "1-2 px high"), sufficient_share, box_share,
        and the warnings, in sentences; of several sides, first model and method.
        """
        return pd.DataFrame(list(self.rows)).rename_axis("input")


def _rows(side: Side, several: bool) -> Iterator[dict[str, Any]]:
    known = {"model": side.model, "method": side.method} if several else {}
    for entry in side.entries:
        yield {**known, **entry.findings.row(entry.number)}


def _marks(number: int, entries: Sequence[Entry]) -> dict[str, Any]:
    """By what the page sorts and filters an input, which has an entry for each side."""
    first, at = entries[0].findings, entries[0].number
    shares = ["" if np.isnan(share) else f"{share:.6f}" for share in first.shares[at]]
    return {
        "data-number": number,
        "data-score": float(first.outputs[at, first.predicted[at]]),
        "data-warnings": sum(len(entry.warnings) for entry in entries),
        "data-shares": " ".join(shares),
        "data-wrong": any(entry.findings.wrong[entry.number] for entry in entries),
        "data-differ": len({entry.predicted for entry in entries}) > 1,
    }


def _told(explanation: WaveletExplanation) -> str:
    """The transform of an explanation in words."""
    if explanation.other is not None:
        return str(explanation.wavelet)
    levels = f"{explanation.level} level{'s' * (explanation.level != 1)}"
    return f"{explanation.wavelet} wavelet, {levels}"


def _page(report: Report) -> str:
    """A whole HTML document of what is known; any text is taken as text, and never as HTML."""
    environment = jinja2.Environment(
        autoescape=True,
        undefined=jinja2.StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
        keep_trailing_newline=True,
        loader=jinja2.PackageLoader(__package__, "."),
    )
    environment.tests["nan"] = math.isnan
    environment.filters["share"] = share_as_text
    script, style = (files(__package__).joinpath(f"page.{end}").read_text("utf-8") for end in _OWN)
    policy = f"{ALLOWED}; script-src {_source(script)}; style-src {_source(style)}"
    own = {"policy": policy, "script": Markup(script), "style": Markup(style)}
    inputs = list(zip(*(side.entries for side in report.sides), strict=True))
    known = {"title": report.title, "sides": report.sides, "inputs": inputs, "marks": _marks}
    limits = {"fine": FINE, "far": FAR, "unusual": UNUSUAL, "few_pixels": FEW_PIXELS}
    return environment.get_template("page.html").render(**own, **known, **limits)


_OWN = ("js", "css")


def _source(text: str) -> str:
    """What a policy calls a script or a style that stands in the page."""
    digest = hashlib.sha256(text.encode("utf-8")).digest()
    return f"'sha256-{base64.b64encode(digest).decode('ascii')}'"
