"""What MkDocs does not do by itself: pages that are made, and formulas."""

from __future__ import annotations

import html
import posixpath
import re
from pathlib import Path

from latex2mathml.converter import convert
from mkdocs.config.defaults import MkDocsConfig
from mkdocs.exceptions import PluginError
from mkdocs.structure.files import File, Files
from nbconvert import MarkdownExporter

ROOT = Path(__file__).parents[1]
EXECUTED = ROOT / "build" / "notebooks"

# Files of the repository that are pages of the site as well.
PAGES = {
    "benchmarks/README.md": "benchmarks/index.md",
    "benchmarks/RESULTS.md": "benchmarks/results.md",
    "benchmarks/SPEED.md": "benchmarks/measurements.md",
}

LINK = re.compile(r"\]\(([\w./-]+\.(?:ipynb|md|png))")
FORMULA = re.compile(r'<(span|div) class="arithmatex">\\[(\[](.*?)\\[)\]]</\1>', re.DOTALL)


def on_files(files: Files, config: MkDocsConfig) -> Files:
    """Add the pages that are not written in this folder."""
    for source, page in PAGES.items():
        text = (ROOT / source).read_text(encoding="utf-8")
        files.append(File.generated(config, page, content=_relink(text, source, page)))
    for notebook in (ROOT / "notebooks").glob("*.ipynb"):
        executed = EXECUTED / notebook.name
        found = _converted(executed if executed.exists() else notebook)
        for name, content in found.items():
            files.append(File.generated(config, f"tutorials/{name}", content=content))
    return files


def on_page_content(content: str, **_: object) -> str:
    """Turn the formulas into MathML, which browsers draw without a script."""
    return FORMULA.sub(_mathml, content)


def _relink(text: str, source: str, page: str) -> str:
    """Point the relative links of a file of the repository to where they lead on the site."""

    def relink(link: re.Match[str]) -> str:
        target = posixpath.normpath(posixpath.join(posixpath.dirname(source), link[1]))
        target = PAGES.get(target, target.removeprefix("docs/"))
        target = re.sub("^notebooks/", "tutorials/", target).replace(".ipynb", ".md")
        return f"]({posixpath.relpath(target, posixpath.dirname(page))}"

    return LINK.sub(relink, text)


def _converted(path: Path) -> dict[str, str | bytes]:
    """A notebook as Markdown, and its pictures, by the names of their files."""
    resources = {"unique_key": path.stem, "output_files_dir": path.stem}
    text, resources = MarkdownExporter().from_filename(str(path), resources)
    text = text.replace('<table border="1" class="dataframe">', "<table>")  # the theme draws it
    page = f"{path.stem}.md"
    return {
        page: _relink(text, f"notebooks/{path.name}", f"tutorials/{page}"),
        **resources["outputs"],
    }


def _mathml(formula: re.Match[str]) -> str:
    found = convert(
        html.unescape(formula[2]), display={"span": "inline", "div": "block"}[formula[1]]
    )
    if "\\" in found:  # what latex2mathml does not know, it leaves as it is
        raise PluginError(f"A command in this formula is not known: {formula[2]}")
    return found
