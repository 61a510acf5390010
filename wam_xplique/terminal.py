"""How the commands are run in a terminal, and how they tell what went wrong."""

from __future__ import annotations

import contextlib
import logging
import os
import sys
import textwrap
import warnings
from collections.abc import Iterable, Iterator, Sequence
from typing import Any

import typer
from typer.core import TyperCommand

USAGE_ERROR = 2
MOST_READ = 400


def run(app: typer.Typer, arguments: Sequence[str] | None, name: str) -> int:
    """Run a command line: 0, or 1 after an error that is told to the user."""

    def tell(message: Warning | str, *_: Any, **__: Any) -> None:
        typer.echo(f"{name}: {message}", err=True)

    os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")  # before it is imported
    logging.getLogger("tensorflow").setLevel(logging.ERROR)  # it warns of models it traces anew
    with warnings.catch_warnings():
        warnings.showwarning = tell  # without the line of ours that called
        try:
            app(None if arguments is None else list(arguments), prog_name=name)
        except SystemExit as end:
            if end.code == USAGE_ERROR:
                raise
            return int(end.code or 0)
    return 0


@contextlib.contextmanager
def without_traceback(name: str) -> Iterator[None]:
    """Tell the user of an error that is theirs to mend, without a traceback."""
    try:
        yield
    except (ImportError, OSError, ValueError) as error:
        typer.echo(f"{name}: {error}", err=True)
        raise typer.Exit(1) from error


@contextlib.contextmanager
def quiet(log: str | os.PathLike[str] = os.devnull) -> Iterator[None]:
    """Send to a file what frameworks write past Python; what Python writes still shows."""
    terminal = os.dup(2)
    with (
        open(log, "w") as file,
        os.fdopen(os.dup(2), "w") as shown,
        contextlib.ExitStack() as stack,
    ):
        with contextlib.suppress(OSError, AttributeError):  # what captures it has no number
            if sys.stderr.fileno() == 2:
                stack.enter_context(contextlib.redirect_stderr(shown))
        os.dup2(file.fileno(), 2)
        try:
            yield
        finally:
            os.dup2(terminal, 2)
            os.close(terminal)


def reason(error: Exception) -> str:
    """The line of a framework's error that says most, at a length that is read."""
    lines = str(error).rpartition("Exception encountered: ")[2].strip().splitlines()
    lines = lines or [type(error).__name__]
    line = lines[-1] if "TorchScript" in lines[0] else lines[0]
    return textwrap.shorten(line, MOST_READ, placeholder=" ...")


def as_text(path: str | os.PathLike[str]) -> str:
    """A name that is not UTF-8 as text that can be written."""
    return os.fsencode(path).decode("utf-8", "backslashreplace")


class SeveralValues(TyperCommand):
    """A command without arguments, whose repeated options take several values each as well."""

    def parse_args(self, ctx: Any, args: list[str]) -> list[str]:
        """Parse ``--data a b`` as ``--data a --data b``."""
        repeated = {name for p in self.params if getattr(p, "multiple", False) for name in p.opts}
        return super().parse_args(ctx, list(_repeat(args, repeated)))


def _repeat(arguments: Iterable[str], repeated: set[str]) -> Iterator[str]:
    option, has_value = "", False
    for argument in arguments:
        if argument.startswith("-"):
            option, has_value = argument, False
        elif option in repeated and has_value:
            yield option
        else:
            has_value = True
        yield argument
