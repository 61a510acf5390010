"""The command line: ``wam-xplique``."""

from __future__ import annotations

from collections.abc import Sequence

import typer

from ..benchmarks.compare import command as comparison
from ..terminal import SeveralValues, run
from . import demo, explain, options, profile, report

NAME = "wam-xplique"
app = typer.Typer(
    help="Wavelet attribution: where a model looks, at which scale.",
    add_completion=False,
    pretty_exceptions_enable=False,
    rich_markup_mode=None,
)
app.command(epilog=options.METHODS + explain.EXAMPLES)(explain.explain)
app.command(epilog=options.METHODS + report.EXAMPLES)(report.report)
app.command(epilog=options.METHODS + profile.EXAMPLES)(profile.profile)
app.command(epilog=demo.EXAMPLES)(demo.demo)
app.command("benchmark", cls=SeveralValues, epilog=comparison.examples(f"{NAME} benchmark"))(
    comparison.compare
)


def main(arguments: Sequence[str] | None = None) -> int:
    """
    Run the command line.

    Parameters
    ----------
    arguments
        Arguments; those of the process by default.

    Returns
    -------
    status
        0, or 1 after an error that is told to the user.

    Raises
    ------
    SystemExit
        With 2 if the arguments are none that a command takes.
    """
    return run(app, arguments, NAME)
