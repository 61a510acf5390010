"""``wam-xplique report``."""

from __future__ import annotations

import re

import numpy as np
import pandas as pd
import pytest
import torch
from torch import nn

from wam_xplique.cli import report as command
from wam_xplique.datasets import save_wav

from .conftest import CLASSES, FEW, SIZE
from .test_input_files import convolutions


@pytest.fixture
def asked(monkeypatch):
    """What the pages are made of; the last of them."""
    calls, make = [], command.make_report

    def remember(*arguments, **options):
        calls.append((*arguments, options))
        return make(*arguments, **options)

    monkeypatch.setattr(command, "make_report", remember)
    return calls


@pytest.fixture
def saved(monkeypatch):
    """The pages that are written."""
    pages, save = [], command.Report.save
    monkeypatch.setattr(
        command.Report, "save", lambda page, *how: (pages.append(page), save(page, *how))[1]
    )
    return pages


@pytest.fixture
def labelled(photos, model_files, tmp_path):
    """A command line for photographs in the folders of their classes, whose names are given."""
    (photos / "broken.jpg").unlink()
    for name, inside in {"ant": "a.png", "bee": "b.png"}.items():
        (photos / name).mkdir()
        (photos / inside).rename(photos / name / inside)
    (tmp_path / "names.txt").write_text("ant\nbee\ncat\n")
    given = ["--class-names", tmp_path / "names.txt", "--level", 2, *FEW]
    return [photos / "ant", photos / "bee", *given, "--out", tmp_path / "page.html"]


@pytest.mark.parametrize("kind", ["keras", "TorchScript"])
def test_a_page_is_written_on_files_and_broken_ones_are_told(
    kind, photos, model_files, network, pixels, asked, tells, tmp_path
):
    out = tmp_path / "deep" / "page.html"
    (tmp_path / "names.txt").write_text("ant\nbee\ncat\n")
    model = ["--model", model_files[kind], "--class-names", tmp_path / "names.txt"]
    given = [photos, *model, "--out", out, "--size", SIZE, "--level", 2, *FEW]
    told = tells("report", *given, fails=True)
    assert "broken.jpg: " in told
    assert re.search(rf"{re.escape(str(out))}: inputs: 3, with warnings: \d", told)

    ((_, inputs, targets, options),) = asked
    assert targets is None
    array = pixels.astype(np.float32) / 255
    expected = torch.tensor(np.moveaxis(array, -1, 1).copy()) if kind == "TorchScript" else array
    assert type(inputs) is type(expected)
    np.testing.assert_allclose(inputs, expected, rtol=1e-6)
    np.testing.assert_array_equal(options["pictures"], pixels)
    assert options["names"] == ["a", "b", "deep_a"]

    page = out.read_text(encoding="utf-8")
    assert 'src="http' not in page
    probabilities = np.asarray(network(array))
    for row in probabilities:
        name, share = ("ant", "bee", "cat")[row.argmax()], row.max()
        assert f"{name} ({share:.1%})" in page
    assert probabilities.shape == (3, CLASSES)


def test_a_profile_tells_what_is_usual(photos, model_files, tells, tmp_path):
    (photos / "broken.jpg").unlink()
    given = [photos, "--model", model_files["keras"], *FEW]
    tells("profile", *given, "--out", tmp_path / "profile")
    given += ["--reference", tmp_path / "profile" / "network.npz", "--out", tmp_path / "page.html"]
    tells("report", *given)
    assert "network, 3 inputs" in (tmp_path / "page.html").read_text(encoding="utf-8")
    told = tells("report", *given, "--force", "--level", "2", fails=True)
    assert "reference must be made as the explanation is" in told


def test_inputs_of_another_shape_are_left_out(model_files, asked, tells, tmp_path):
    torch.jit.save(torch.jit.script(convolutions(2, 3).eval()), tmp_path / "any.pt")
    shapes = {"a": (2, 3, 16, 16), "b": (3, 16, 16), "c": (3, 16, 24), "d": (3, 4, 4)}
    arrays = [tmp_path / f"{name}.npy" for name in shapes]
    for path, shape in zip(arrays, shapes.values(), strict=True):
        np.save(path, np.random.default_rng(0).random(shape))
    more = ["--model", tmp_path / "any.pt", "--out", tmp_path / "page.html", *FEW]
    told = tells("report", *arrays, *more, fails=True)
    assert "c.npy: any: it has the shape (3, 16, 24), the others (3, 16, 16); see --size" in told
    assert "d.npy: any: it has the shape (3, 4, 4)" in told
    assert asked[0][-1]["names"] == ["a, 0", "a, 1", "b"]


@pytest.mark.parametrize("kind", ["folders", "table"])
def test_labels_tell_wrong_predictions(kind, labelled, network, pixels, model_files, tells, saved):
    table = labelled[0].parent / "labels.csv"
    table.write_text("file,label\na.png,0\nbee/b.png,bee\n")
    how = ["--labels", table if kind == "table" else kind, "--title", "<i>Ants</i>"]
    tells("report", *labelled, "--model", model_files["keras"], *how)
    predicted = np.asarray(network(pixels[:2].astype(np.float32) / 255)).argmax(axis=1)
    rows = saved[0].to_dataframe()
    assert list(rows.target) == ["ant", "bee"]
    wrong = predicted != [0, 1]
    assert list(rows.warnings.str.contains("Wrong prediction")) == list(wrong)
    assert f"<dd>{wrong.sum()}</dd>" in saved[0].html
    assert "<title>&lt;i&gt;Ants&lt;/i&gt;</title>" in saved[0].html
    assert f"<dd>{model_files['keras']}</dd>" in saved[0].html  # as the user gave it


def test_labels_that_are_no_classes_are_told(labelled, model_files, tells, tmp_path):
    table = tmp_path / "labels.csv"
    given = [*labelled, "--model", model_files["keras"], "--labels", table]
    for text, message in {
        "a.png,owl": "its label 'owl' is unknown",
        "a.png,3": "its label must be a class from 0 to 2, or a name, got 3",
        "b.png": "must have a file and a label a line, got ['b.png']",
        "c.png,0": "it has no label in",
    }.items():
        table.write_text(text)
        assert message in tells("report", *given, fails=True)


def test_a_target_is_explained_be_it_predicted_or_not(labelled, model_files, asked, tells, saved):
    model = ["--model", model_files["keras"]]
    tells("report", *labelled, *model, "--target", "cat")
    assert asked[0][-1]["explained"] == 2
    assert saved[0].html.count("<dt>Explained</dt><dd>cat (") == 2
    told = tells("report", *labelled, *model, "--target", 3, "--force", fails=True)
    assert "--target must be a class from 0 to 2, or a name, got 3" in told


def test_two_methods_or_two_models_are_compared(labelled, model_files, tells, saved):
    method = ["--method", "wam-ig", "--other-method", "wam-ig"]
    one, other = (["--model", model_files[kind]] for kind in ("keras", "TorchScript"))
    tells("report", *labelled, *one, "--method", "wam-ig", "--other-method", "wam-ig")
    tells("report", *labelled, *one, *other, "--force")
    methods, models = (page.to_dataframe() for page in saved)
    assert len(methods) == len(models) == 4
    assert list(models.model) == [one[1]] * 2 + [other[1]] * 2
    np.testing.assert_allclose(models.score[:2], models.score[2:], rtol=1e-4)
    told = tells("report", *labelled, *one, *other, *method, "--force", fails=True)
    assert "Two different --model, or --method and --other-method, compare" in told


def test_sounds_differ_in_length_and_are_heard(tells, saved, tmp_path):
    layers = nn.Conv1d(1, 4, 9), nn.Softplus(), nn.AdaptiveAvgPool1d(1), nn.Flatten()
    model = nn.Sequential(*layers, nn.Linear(4, 3)).eval()
    torch.jit.save(torch.jit.script(model), tmp_path / "sounds.pt")
    generator, lengths = np.random.default_rng(0), {"a": 800, "b": 1200, "c": 1200}
    for name, length in lengths.items():
        save_wav(tmp_path / f"{name}.wav", generator.uniform(-0.5, 0.5, length), 8000)
    save_wav(tmp_path / "d.wav", generator.uniform(-0.5, 0.5, 800), 4000)
    given = ["--model", tmp_path / "sounds.pt", "--out", tmp_path / "page.html", *FEW]
    told = tells("report", tmp_path / "[a-d].wav", *given, fails=True)
    assert "d.wav: sounds: it has 4000 samples a second, the others 8000" in told
    (page,) = saved
    rows = page.to_dataframe()
    assert list(rows.name) == list("abc")
    assert [e.input_shape for e in page.explanations] == [(1, 800, 1), (2, 1200, 1)]
    shares = np.concatenate([e.scale_importance() for e in page.explanations])
    pd.testing.assert_frame_equal(
        rows[page.explanations[0].scales].reset_index(drop=True),
        pd.DataFrame(shares, columns=page.explanations[0].scales),
    )
    for told in ("2-4 kHz", "When the model listens", "Sufficient sound"):
        assert told in page.html
    assert page.html.count('src="data:audio/wav;base64,') >= 2 * 3
