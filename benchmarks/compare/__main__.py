"""``python -m benchmarks.compare``."""

from __future__ import annotations

from collections.abc import Sequence

import typer

from .. import timing
from . import command


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the comparison from the command line."""
    from wam_xplique.terminal import SeveralValues, run

    app = typer.Typer(add_completion=False, pretty_exceptions_enable=False, rich_markup_mode=None)
    name = "python -m benchmarks.compare"
    app.command(cls=SeveralValues, epilog=command.examples(name))(command.compare)
    return run(app, arguments, name)


if __name__ == "__main__":
    timing.restart(keep_freed_memory=False)
    timing.limit_threads()
    raise SystemExit(main())
