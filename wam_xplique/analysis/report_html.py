"""The page of a report: plain data in, one HTML file out that needs nothing else."""

from __future__ import annotations

import base64
import math
from collections.abc import Sequence
from dataclasses import dataclass
from html import escape

from ..explanation import share_as_text
from .report_style import STYLE


@dataclass(frozen=True)
class Picture:
    """
    A picture with what is told about it.

    Parameters
    ----------
    title, caption
        What stands beneath.
    alt
        What is told to those who do not see it.
    png
        The PNG file.
    place
        "large" for twice the size of the others, "wide" for the width of the page, "whole" for
        a row of its own, else empty.
    """

    title: str
    caption: str
    alt: str
    png: bytes
    place: str = ""


@dataclass(frozen=True)
class Warned:
    """
    A reason to look closer.

    Parameters
    ----------
    short
        The reason in two or three words.
    text
        The reason in a sentence.
    """

    short: str
    text: str


@dataclass(frozen=True)
class Scale:
    """
    The share of a scale, beside that of a reference.

    Parameters
    ----------
    label
        The scale.
    share
        Its share, between 0 and 1; NaN where it is left out.
    reference
        Mean and standard deviation of the reference; None without one.
    note
        What is unusual about it; empty if nothing is.
    interval
        The interval of the share, where there is one.
    """

    label: str
    share: float
    reference: tuple[float, float] | None = None
    note: str = ""
    interval: tuple[float, float] | None = None


@dataclass(frozen=True)
class Entry:
    """
    What the page tells of one input.

    Parameters
    ----------
    name
        Name of the input.
    answer
        What the model answers, in a few words.
    facts
        What is known of it, by title.
    scales
        The scales, coarse to fine.
    pictures
        The pictures, in their order.
    warnings
        Reasons to look closer.
    """

    name: str
    answer: str
    facts: dict[str, str]
    scales: Sequence[Scale]
    pictures: Sequence[Picture]
    warnings: Sequence[Warned] = ()


@dataclass(frozen=True)
class Page:
    """
    All that stands on the page.

    Parameters
    ----------
    title
        Title of the page.
    facts
        What is known of model, method and inputs, by title.
    scales
        The mean shares of all inputs.
    guide
        How to read the page: terms and what they mean.
    entries
        The inputs.
    """

    title: str
    facts: dict[str, str]
    scales: Sequence[Scale]
    guide: dict[str, str]
    entries: Sequence[Entry]


def render(page: Page) -> str:
    """
    Write the page as HTML.

    Parameters
    ----------
    page
        What stands on it; any text is taken as text, and never as HTML.

    Returns
    -------
    html
        A whole document, with its style and pictures in it.
    """
    title = escape(page.title)
    body = [
        f"<header><h1>{title}</h1>{_facts(page.facts)}</header>",
        "<main>",
        _overview(page),
        _guide(page.guide),
        *(_entry(number, entry) for number, entry in enumerate(page.entries)),
        "</main>",
    ]
    return "\n".join(
        [
            "<!DOCTYPE html>",
            '<html lang="en">',
            '<head><meta charset="utf-8">',
            '<meta name="viewport" content="width=device-width, initial-scale=1">',
            f"<title>{title}</title>",
            f"<style>{STYLE}</style></head>",
            "<body>",
            *body,
            "</body></html>\n",
        ]
    )


def _facts(facts: dict[str, str]) -> str:
    rows = (f"<div><dt>{escape(k)}</dt><dd>{escape(v)}</dd></div>" for k, v in facts.items())
    return f'<dl class="facts">{"".join(rows)}</dl>'


def _overview(page: Page) -> str:
    head = "".join(f'<th scope="col">{name}</th>' for name in ("Input", "Prediction", "Warnings"))
    rows = "".join(_overview_row(number, entry) for number, entry in enumerate(page.entries))
    return f"""<section aria-labelledby="overview"><h2 id="overview">All inputs</h2>
<div class="sheet"><table class="inputs"><thead><tr>{head}</tr></thead>
<tbody>{rows}</tbody></table>
<div>{_scales(page.scales, "Mean share of each scale")}</div></div></section>"""


def _overview_row(number: int, entry: Entry) -> str:
    told = [f'<span class="flag">{escape(warned.short)}</span>' for warned in entry.warnings]
    return (
        f'<tr><th scope="row"><a href="#input-{number}">{escape(entry.name)}</a></th>'
        f"<td>{escape(entry.answer)}</td><td>{' '.join(told) or 'none'}</td></tr>"
    )


def _guide(guide: dict[str, str]) -> str:
    terms = "".join(f"<dt>{escape(k)}</dt><dd>{escape(v)}</dd>" for k, v in guide.items())
    return f"""<details open><summary><h2>How to read this page</h2></summary>
<p class="ramp"><span>matters little</span><span class="colors" role="img"
aria-label="Colours from black over purple and orange to pale yellow"></span>
<span>matters most</span></p>
<dl class="guide">{terms}</dl></details>"""


def _entry(number: int, entry: Entry) -> str:
    name = f"input-{number}"
    warnings = "".join(f"<li>{escape(warned.text)}</li>" for warned in entry.warnings)
    told = f'<ul class="warnings" aria-label="Warnings">{warnings}</ul>' if warnings else ""
    pictures = "".join(map(_picture, entry.pictures))
    return f"""<article id="{name}" aria-labelledby="{name}-name">
<h2 id="{name}-name">{escape(entry.name)}</h2>
{told}
<div class="sheet"><div>{_facts(entry.facts)}</div>
<div>{_scales(entry.scales, "Share of each scale")}</div></div>
<div class="pictures">{pictures}</div>
<p class="back"><a href="#overview">All inputs</a></p></article>"""


def _picture(picture: Picture) -> str:
    width, height = (int.from_bytes(picture.png[at : at + 4], "big") for at in (16, 20))  # IHDR
    data = base64.b64encode(picture.png).decode("ascii")
    image = (
        f'<img src="data:image/png;base64,{data}" alt="{escape(picture.alt)}" '
        f'width="{width}" height="{height}">'
    )
    label = escape(picture.title)
    if picture.place in ("wide", "whole"):
        image = f'<div class="scroll" role="region" aria-label="{label}" tabindex="0">{image}</div>'
    return (
        f'<figure class="{picture.place}">{image}<figcaption><strong>{label}</strong> '
        f"{escape(picture.caption)}</figcaption></figure>"
    )


def _scales(scales: Sequence[Scale], caption: str) -> str:
    referred = any(scale.reference for scale in scales)
    head = ["Scale", "Share of the importance", *["Reference"] * referred]
    cells = "".join(f'<th scope="col">{name}</th>' for name in head)
    rows = "".join(_scale(scale, referred) for scale in scales)
    return f"""<table class="scales"><caption>{escape(caption)}</caption>
<thead><tr>{cells}</tr></thead><tbody>{rows}</tbody></table>"""


def _scale(scale: Scale, referred: bool) -> str:
    told = share_as_text(scale.share, scale.interval)
    if math.isnan(scale.share):
        empty = "<td></td>" if referred else ""
        return f'<tr><th scope="row">{escape(scale.label)}</th><td>{told}</td>{empty}</tr>'
    bar = f'<span class="bar" style="width:{_percent(scale.share)}"></span>'
    reference = ""
    if scale.reference is not None:
        mean, std = scale.reference
        low, high = max(mean - std, 0), min(mean + std, 1)
        band = f"left:{_percent(low)};width:{_percent(high - low)}"
        bar += f'<span class="spread" style="{band}"></span>'
        bar += f'<span class="middle" style="left:{_percent(mean)}"></span>'
        reference = f"<span>{mean:.0%} ± {std:.0%}</span>"
    note = f'<span class="flag">{escape(scale.note)}</span>' if scale.note else ""
    last = f"<td>{reference} {note}</td>" if referred else ""
    return (
        f'<tr><th scope="row">{escape(scale.label)}</th><td><span class="track" '
        f'aria-hidden="true">{bar}</span>{told}</td>{last}</tr>'
    )


def _percent(share: float) -> str:
    return f"{100 * share:.1f}%"
