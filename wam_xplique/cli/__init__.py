"""The command line: ``wam-xplique``."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Annotated

import typer

from ..benchmarks.compare import command as comparison
from ..terminal import SeveralValues, run
from . import commands
from .options import METHODS, NAME

app = typer.Typer(add_completion=False, pretty_exceptions_enable=False, rich_markup_mode=None)
app.command(epilog=METHODS + commands.EXPLAIN)(commands.explain)
app.command(epilog=METHODS + commands.REPORT)(commands.report)
app.command(epilog=METHODS + commands.PROFILE)(commands.profile)
app.command(epilog=METHODS + commands.EXPLORE)(commands.explore)
app.command(epilog=commands.DEMO)(commands.demo)
app.command("benchmark", cls=SeveralValues, epilog=comparison.examples(f"{NAME} benchmark"))(
    comparison.compare
)


def _tell_version(asked: bool) -> None:
    if asked:
        from .. import __version__

        typer.echo(f"{NAME} {__version__}")
        raise typer.Exit


@app.callback()
def _program(
    version: Annotated[
        bool, typer.Option("--version", help="Show the version and exit.", callback=_tell_version)
    ] = False,
) -> None:
    """Wavelet attribution: where a model looks, at which scale."""


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the command line: 0, or 1 after an error that is told; SystemExit by wrong arguments."""
    return run(app, arguments, NAME)
