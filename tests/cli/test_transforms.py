"""``--transform``: the transforms by their names on the command line."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
import torch

from wam_xplique import WaveletExplanation, WaveletIntegratedGradients
from wam_xplique.analysis import ScaleProfile
from wam_xplique.cli.input_files import Inputs
from wam_xplique.cli.methods import check_fit, find_method
from wam_xplique.cli.options import Options
from wam_xplique.datasets import save_wav
from wam_xplique.loading.classifiers import load_model
from wam_xplique.loading.model_files import without_softmax
from wam_xplique.transforms import ConstantQ, Packets, Stationary, Steerable

from .conftest import CLASSES, FEW
from .test_input_files import convolutions


def parameters(text: str | None, *settings: str, method: str | None = None, **given):
    options = Options(method, transform=text, parameters=list(settings), **given)
    return {n: v for n, v in find_method(options).parameters.items() if n != "seed"}


@pytest.mark.parametrize(
    ("text", "given", "expected"),
    [
        ("steerable", {}, Steerable()),
        ("Steerable, orientations=8,level=4", {}, Steerable(4, 8)),
        ("constant-q,octaves=6,analytic=true", {}, ConstantQ(6, analytic=True)),
        ("ConstantQ,bins-per-octave=24,sample_rate=8e3", {}, ConstantQ(8, 24, False, 8000.0)),
        ("stationary", {"wavelet": "db4", "level": 2}, Stationary("db4", 2)),
        ("packets,wavelet=sym4", {"level": 3}, Packets("sym4", 3)),
    ],
)
def test_a_text_is_a_transform(text, given, expected):
    assert parameters(text, **given) == {"transform": expected}


def test_the_decimated_one_has_its_level_by_default():
    assert parameters("dwt,wavelet=db2", mode="symmetric") == {
        "wavelet": "db2",
        "mode": "symmetric",
    }
    assert parameters("stationary", "wavelet=db3") == {"transform": Stationary("db3")}


@pytest.mark.parametrize(
    ("text", "given", "message"),
    [
        ("curvelets", {}, "'curvelets' is unknown; the nearest are packets"),
        ("", {}, "--transform '' is unknown; known: dwt, "),
        ("steerable,angles=3", {}, "steerable has no angles; .*known: level, orientations"),
        ("steerable,axes=3", {}, "steerable has no axes"),
        ("steerable,orientations", {}, "--transform must be NAME=VALUE, got 'orientations'"),
        ("steerable", {"wavelet": "db4"}, "--wavelet must be left out: --transform steerable"),
        ("constant-q", {"level": 3}, "--level must be left out: --transform constant-q takes oct"),
        ("stationary", {"mode": "symmetric"}, "--mode must be left out"),
        ("packets,level=2", {"level": 3}, "--level must be left out, or level= of --transform"),
        ("packets,wavelet=5", {}, "--transform packets: wavelet must be a name, .* got 5"),
        ("packets", {"method": "fam"}, "--transform must be left out: --method fam"),
    ],
)
def test_what_is_no_transform_is_told(text, given, message):
    with pytest.raises(ValueError, match=message):
        parameters(text, **given)


def test_a_transform_is_no_setting():
    with pytest.raises(ValueError, match="--set takes no transform; --transform does"):
        parameters(None, "transform=steerable")


def test_inputs_that_do_not_fit_the_transform(model_files, pixels):
    classifier, x = load_model(model_files["keras"]), pixels.astype(np.float32)
    inputs = Inputs(x, x, 2, np.eye(CLASSES, dtype=np.float32))
    method = find_method(Options("saliency", transform="steerable,level=3"))
    explainer = method.explainer(classifier, inputs)
    check_fit(explainer, classifier, inputs)
    with pytest.raises(ValueError, match=r"level=3 does not fit inputs of size \(8, 8\)"):
        check_fit(explainer, classifier, replace(inputs, x=x[:, :8, :8]))


@pytest.mark.parametrize("text", ["steerable,level=2,orientations=5", "packets,level=2"])
def test_photos_are_explained_as_in_python(text, photos, model_files, network, pixels, tells):
    out = photos.parent / "out"
    given = [photos / "a.png", "--model", model_files["keras"], "--out", out, *FEW]
    tells("explain", *given, "--transform", text)
    x = pixels[:1].astype(np.float32) / 255
    transform = parameters(text)["transform"]
    explainer = WaveletIntegratedGradients(without_softmax(network), steps=2, transform=transform)
    classes = np.eye(CLASSES)[np.argmax(network(x), axis=1)]
    expected, found = explainer.explain_wavelet(x, classes), WaveletExplanation.load(out / "a.npz")
    assert found.transform == transform.over((1, 2))
    np.testing.assert_allclose(found.mosaic(), expected.mosaic(), rtol=1e-3, atol=1e-6)
    assert (out / "a.png").stat().st_size > 10_000


def test_profiles_and_pages_of_a_transform(photos, model_files, tells, tmp_path):
    (photos / "broken.jpg").unlink()
    given = [photos, "--model", model_files["keras"], *FEW, "--transform"]
    told = tells("profile", *given, "steerable,level=2", "--out", tmp_path / "profile")
    assert "1.4-2.8 px" in told
    reference = tmp_path / "profile" / "network.npz"
    assert ("1.4-2.8 px", "30°") in ScaleProfile.load(reference).bands
    page = ["--reference", reference, "--out", tmp_path / "page.html"]
    tells("report", *given, "steerable,level=2", *page)
    html = (tmp_path / "page.html").read_text(encoding="utf-8")
    assert "steerable, 2 levels, 6 orientations" in html
    told = tells("report", *given, "steerable,level=2,orientations=4", *page, "--force", fails=True)
    assert "reference must be made as the explanation is" in told


def test_sounds_are_told_in_hertz(tmp_path, tells):
    pytest.importorskip("soundfile")
    torch.jit.save(torch.jit.script(convolutions(1, 1).eval()), tmp_path / "sounds.pt")
    for rate in (400, 800):
        sound = np.random.default_rng(0).uniform(-1, 1, 200)
        save_wav(tmp_path / f"{rate}.wav", sound, rate)
    sounds = [tmp_path / "400.wav", tmp_path / "800.wav", "--model", tmp_path / "sounds.pt", *FEW]
    sounds += ["--out", tmp_path / "out", "--transform"]
    tells("explain", *sounds, "constant-q,octaves=3,bins_per_octave=2")
    for rate in (400, 800):
        found = WaveletExplanation.load(tmp_path / "out" / f"{rate}.npz")
        assert found.transform == ConstantQ(3, 2, False, float(rate), (1,))
    told = tells("profile", *sounds, "constant-q,octaves=3", fails=True)
    assert "it has 800 samples a second, the transform 400.0; --sample-rate" in told
    assert " Hz" in ScaleProfile.load(tmp_path / "out" / "sounds.npz").scales[0]
    told = tells("explain", *sounds, "constant-q,sample_rate=400", "--force", fails=True)
    assert "octaves=8 does not fit inputs of size (200,)" in told
    assert "it has 800 samples a second" in told
