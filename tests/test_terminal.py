"""What the commands share."""

from __future__ import annotations

import warnings

import pytest
import typer
from typer.testing import CliRunner

from wam_xplique.terminal import MOST_READ, SeveralValues, reason, run, without_traceback


def make(tell=print):
    app = typer.Typer(add_completion=False, rich_markup_mode=None)

    @app.command(cls=SeveralValues)
    def command(
        data: list[str] = typer.Option([]),  # noqa: B008
        out: str = typer.Option("here"),
        quick: bool = typer.Option(False, "--quick"),
    ) -> None:
        with without_traceback("it"):
            if out == "nowhere":
                raise FileNotFoundError("no such folder")
            tell(data, out, quick)

    return app


@pytest.mark.parametrize(
    ("arguments", "expected"),
    [
        ([], ([], "here", False)),
        (["--data", "a"], (["a"], "here", False)),
        (["--data", "a", "b", "c", "--out", "d"], (["a", "b", "c"], "d", False)),
        (["--data", "a", "b", "--quick", "--data", "c", "d"], (["a", "b", "c", "d"], "here", True)),
        (["--data=a", "--out=b"], (["a"], "b", False)),
    ],
)
def test_an_option_that_may_be_repeated_takes_several_values_too(arguments, expected):
    told = []
    assert run(make(lambda *values: told.append(values)), arguments, "it") == 0
    assert told == [expected]


@pytest.mark.parametrize("arguments", [["--out", "a", "b"], ["--quick", "b"], ["b"], ["--data"]])
def test_other_options_take_one(arguments, capsys):
    with pytest.raises(SystemExit) as error:
        run(make(), arguments, "it")
    assert error.value.code == 2
    assert "Error" in capsys.readouterr().err


def test_errors_of_the_user_are_told_without_a_traceback():
    result = CliRunner().invoke(make(), ["--out", "nowhere"])
    assert result.exit_code == 1
    assert result.stderr == "it: no such folder\n"


def test_errors_of_ours_are_not_hidden():
    def fail(*_):
        raise KeyError("a bug")

    with pytest.raises(KeyError, match="a bug"):
        run(make(fail), [], "it")


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("one line", "one line"),
        ("first\nsecond", "first"),
        ("much of a configuration\nException encountered: the reason\nmore", "the reason"),
        (
            "Failed in the TorchScript interpreter.\nTraceback\n\nRuntimeError: size",
            "RuntimeError: size",
        ),
        ("", "ValueError"),
    ],
)
def test_the_line_of_an_error_that_says_most(text, expected):
    assert reason(ValueError(text)) == expected
    assert len(reason(ValueError(1000 * (text + " ")))) <= MOST_READ


def test_warnings_are_told_without_a_line_of_code(capsys):
    assert run(make(lambda *_: warnings.warn("careful", stacklevel=1)), [], "it") == 0
    assert capsys.readouterr().err == "it: careful\n"
