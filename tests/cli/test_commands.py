"""What the commands have in common: what they refuse before any work, and their help."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from wam_xplique.cli.options import Options

from .conftest import FEW, SIZE


@pytest.fixture
def no_work(monkeypatch):
    """What a test runs under while it must not load a model."""
    with monkeypatch.context() as patch:
        patch.setattr(Options, "load", lambda *_: pytest.fail("heavy work"))
        yield patch


@pytest.mark.parametrize(
    ("command", "name"), [("explain", "a.npz"), ("profile", "network.npz"), ("report", "")]
)
def test_nothing_is_overwritten_unless_by_force(
    command, name, photos, model_files, tells, tmp_path, no_work
):
    written = tmp_path / "out" / name
    written.parent.mkdir(exist_ok=True)
    written.write_text("mine")
    given = [command, photos / "a.png", "--model", model_files["keras"], *FEW]
    given += ["--out", tmp_path / "out"]
    assert f"{written} is there already; --force overwrites" in tells(*given, fails=True)
    assert written.read_text() == "mine"
    no_work.undo()
    tells(*given, "--force")
    assert written.stat().st_size > 100


def test_neither_pictures_nor_inputs_are_overwritten(model_files, tells, tmp_path, no_work):
    np.savez(tmp_path / "x.npz", x=np.zeros((2, SIZE, SIZE, 3)))
    given = ["explain", tmp_path / "x.npz", "--model", model_files["keras"], "--out"]
    (tmp_path / "out" / "x").mkdir(parents=True)
    told = tells(*given, tmp_path / "out", fails=True)
    assert f"{tmp_path / 'out' / 'x'} is there already" in told
    told = tells(*given, tmp_path, "--force", fails=True)
    assert "x.npz is an input; take another --out" in told
    assert np.load(tmp_path / "x.npz")["x"].shape == (2, SIZE, SIZE, 3)


OF_SCALES = [
    (["--method", "fam"], "--method fam tells of frequencies"),
    (["--level", "9"], "the highest level possible is 4"),
]
REFUSED = {
    "explain": [
        (["--level", "5"], "the highest level possible is 4"),
        (["--wavelet", "cat"], "wavelet"),
        (["--target", "3"], "--target must be a class from 0 to 2, or a name, got 3"),
        (["--target", "1", "--top", "2"], "--top must be left out where --target"),
        (["--top", "4"], "--top must be at most 3, the number of the model's classes, got 4"),
        (["--style", "strips"], "--style 'strips' is unknown; the nearest are strip"),
        (["--cmap", "infernal"], "--cmap 'infernal' is unknown; the nearest are inferno"),
        (["--cmap", "turbo", "--style", "mosaic"], "--cmap is of overlays, --style is mosaic"),
        (["--signed", "--method", "wam-sg"], "--signed needs a method that has signs, such as"),
        (["--style", "mosaic", "--method", "fam"], "are not of the pictures of FAM"),
        (["--alpha", "0"], "--alpha must be in (0, 1], got 0.0"),
        (["--target", "dog"], "--target must be a class, got 'dog'"),
        (["--set", "stops=1"], "has no parameter stops"),
        (["--model", "NoNet"], "NoNet is not among keras.applications"),
        (["--class-names", "four.txt"], "must be one for each of the model's 3 outputs, got 4"),
        (["--size", "-5"], "--size must be None or an integer of at least 1, got -5"),
        (["--sample-rate", "0"], "--sample-rate must be None or an integer of at least 1, got 0"),
        (["--preprocess", "units"], "--preprocess 'units' is unknown; the nearest are unit"),
        (["--ndim", "7"], "--ndim must be None, 1, 2 or 3, got 7"),
        (["--seed", "-1"], "seed must be an integer of at least 0, got -1"),
    ],
    "profile": [*OF_SCALES, (["--model", "keras"], "--model must name different models")],
    "report": [
        *OF_SCALES,
        (["--reference", "nothing.npz"], "nothing.npz"),
        (["--reference", "array.npz"], "does not hold a ScaleProfile"),
    ],
}


@pytest.mark.parametrize(
    ("command", "arguments", "message"),
    [(command, *each) for command, refused in REFUSED.items() for each in refused],
)
def test_what_cannot_be_done_is_told(
    command, arguments, message, photos, model_files, tells, tmp_path, monkeypatch
):
    monkeypatch.chdir(tmp_path)
    Path("four.txt").write_text("a\nb\nc\nd\n")
    np.savez("array.npz", x=np.zeros(3))
    model = [] if "NoNet" in arguments else ["--model", model_files["keras"]]
    arguments = [model_files.get(argument, argument) for argument in arguments]
    given = [command, photos / "a.png", *model, *arguments, "--out", "out"]
    assert message in tells(*given, fails=True)
    assert not Path("out").exists()


@pytest.mark.parametrize("command", ["explain", "report", "profile", "benchmark", "demo"])
def test_help_has_examples_that_can_be_copied(command, tells):
    _, _, examples = tells(command, "--help").partition("Examples:")
    lines = [line.strip() for line in examples.splitlines() if line.strip()]
    assert len(lines) >= 3
    assert all(line.startswith(f"wam-xplique {command}") for line in lines)
